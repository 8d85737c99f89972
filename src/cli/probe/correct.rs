//! What of a site file is known to be wrong, and what is only found: the first becomes another value, the second a comment.
//!
//! Known is what a device or a miner says of itself: what it is, which unit id it answers to, how many outlets it has, which firmware it
//! runs. Nobody can know from here what a meter measures, what a miner draws at nameplate, or how a register map is to be mended.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::mend::{Note, Value};
use super::miners::Rated;
use super::{Probed, Role};
use crate::devices::probe::fit::{Answering, Fit};
use crate::document::Span;
use crate::site::file::Places;
use crate::site::{Firmware, Site};

/// What the probe found, beside the file.
pub(super) struct Found<'a> {
    pub(super) site: &'a Site,
    pub(super) places: &'a Places,
    pub(super) all: &'a [Probed],
    pub(super) rated: &'a [Rated<'a>],
    /// Who answers at the addresses in doubt.
    pub(super) second: &'a BTreeMap<SocketAddr, Vec<Answering>>,
}

impl Found<'_> {
    /// Values to change, and findings to note.
    pub(super) fn corrections(&self) -> (Vec<Value>, Vec<Note>) {
        let (mut values, mut notes) = (Vec::new(), Vec::new());
        for it in self.all.iter().filter(|it| !it.is_fine()) {
            match self.of_device(it) {
                Some(value) => values.push(value),
                None => notes.extend(self.findings(it)),
            }
        }
        for rated in self.rated {
            let table = self.places.of(&Places::group(rated.group()));
            match self.of_firmware(rated) {
                Some(value) => values.push(value),
                None => notes.extend(rated.findings().into_iter().map(|text| Note { table: table.clone(), text })),
            }
        }
        (values, notes)
    }

    fn table(&self, it: &Probed) -> Span {
        match it.role {
            Role::Group(ix) => self.site.groups.get(ix).map(|group| self.places.of(&Places::group(&group.name))),
            _ => None,
        }
        .unwrap_or_else(|| self.places.of(&Places::device(&it.device.name)))
    }

    fn findings(&self, it: &Probed) -> Vec<Note> {
        let name = &it.device.name;
        let also = self.second.get(&it.device.address).map(|answering| self.seen(it, answering));
        let sentences = it.findings().into_iter().chain(also.flatten());
        sentences.map(|sentence| Note { table: self.table(it), text: format!("{name}: {sentence}") }).collect()
    }

    /// What was seen at its address, where that says nothing for sure.
    fn seen(&self, it: &Probed, answering: &[Answering]) -> Option<String> {
        let Some(here) = here(it, answering) else {
            let units: Vec<String> = self.free(it, answering).map(|device| device.unit_id.to_string()).collect();
            return (!units.is_empty()).then(|| {
                format!("nobody answers to unit id {}; to {} somebody does", it.device.unit_id, units.join(", "))
            });
        };
        let names: Vec<&str> = here.best().iter().map(|fit| fit.profile.name.as_str()).collect();
        let other = !names.is_empty() && !names.contains(&it.profile.name.as_str());
        other.then(|| format!("what answers there goes with {}, and does not say what it is", names.join(" or ")))
    }

    /// Those at its address that no other device of the file is.
    fn free<'b>(&'b self, it: &'b Probed, answering: &'b [Answering]) -> impl Iterator<Item = &'b Answering> {
        let is_taken = |unit_id| {
            let same = |other: &&Probed| (other.device.address, other.device.unit_id) == (it.device.address, unit_id);
            self.all.iter().any(|other| same(&other))
        };
        answering.iter().filter(move |device| !is_taken(device.unit_id))
    }

    fn of_device(&self, it: &Probed) -> Option<Value> {
        let answering = self.second.get(&it.device.address)?;
        let Some(here) = here(it, answering) else { return self.unit_id(it, answering) };
        if let Some(fit) = here.only().filter(|fit| fit.says_so && fit.profile.name != it.profile.name) {
            let right = format!("\"{}\"", fit.profile.name);
            return self.value(it, "profile", right, format!("it says so itself, and is no {}", it.profile.name));
        }
        self.outlets(it, here.fits.iter().find(|fit| fit.profile.name == it.profile.name)?)
    }

    /// The only one that answers there and is what the file says.
    fn unit_id(&self, it: &Probed, answering: &[Answering]) -> Option<Value> {
        let mut free = self.free(it, answering);
        let only = free.next().filter(|_| free.next().is_none())?;
        let goes = only.best().iter().any(|fit| fit.profile.name == it.profile.name);
        let why = format!("nobody answers to {}", it.device.unit_id);
        goes.then(|| self.value(it, "unit_id", only.unit_id.to_string(), why))?
    }

    /// It refuses as many as the file says, and gives fewer.
    fn outlets(&self, it: &Probed, fit: &Fit) -> Option<Value> {
        let (Role::Group(ix), Some((count, _))) = (it.role, fit.outlets) else { return None };
        let group = self.site.groups.get(ix)?;
        if count >= group.units {
            return None;
        }
        let (name, at) = (Places::group(&group.name), format!("{}.outlets", Places::group(&group.name)));
        let span = self.places.of(&at);
        let same =
            |other: &&crate::site::Group| self.places.of(&format!("{}.outlets", Places::group(&other.name))) == span;
        let speaks_for = self.site.groups.iter().filter(same).count();
        let text = format!("{}: it has {count} outlets, and not {}", it.device.name, group.units);
        let note = Note { table: self.places.of(&name), text };
        let why = "; it refuses more; look at `miners` and `watts` too".to_owned();
        Some(Value { span, absent: None, right: count.to_string(), why, note, speaks_for })
    }

    /// Another value for a key of a device.
    fn value(&self, it: &Probed, key: &'static str, right: String, why: String) -> Option<Value> {
        let of = |name: &str, key: &str| self.places.of(&format!("{}.{key}", Places::device(name)));
        let (span, header) = (of(&it.device.name, key), self.places.of(&Places::device(&it.device.name)));
        let speaks_for = self.all.iter().filter(|other| of(&other.device.name, key) == span).count();
        let absent = (span == header).then(|| (key, of(&it.device.name, "profile")));
        let text = format!("{}: {key} is {right}: {why}", it.device.name);
        let note = Note { table: self.table(it), text };
        Some(Value { span, absent, right, why: format!("; {why}"), note, speaks_for })
    }

    /// All miners of a group run the same other firmware.
    fn of_firmware(&self, rated: &Rated<'_>) -> Option<Value> {
        let runs = rated.all_run()?;
        let of = |name: &str| self.places.of(&format!("{}.firmware", Places::firmware(name)));
        let span = of(rated.group());
        let with_path = self.site.groups.iter().filter(|group| group.firmware.is_some());
        let speaks_for = with_path.filter(|group| of(&group.name) == span).count();
        let text = format!("{}: its miners run {}", rated.group(), Firmware::name(runs));
        let note = Note { table: self.places.of(&Places::group(rated.group())), text };
        let why = "; response, proof and asleep were for that".to_owned();
        Some(Value { span, absent: None, right: format!("\"{}\"", runs.name()), why, note, speaks_for })
    }
}

/// What answers to the unit id of the file.
fn here<'a>(it: &Probed, answering: &'a [Answering]) -> Option<&'a Answering> {
    answering.iter().find(|device| device.to_any || device.unit_id == it.device.unit_id)
}
