//! Who was told to sleep and was found drawing three times stays off until a person lets it back, over restarts too; and nobody does who
//! always slept when it was told.
//!
//! Found for sure is here a miner that answers, says itself that it mines, and was cut while it drew at its outlet; of others only the
//! record can tell whether they were found.

use std::time::Duration;

use super::{Control, Found, Promise, Sight};
use crate::simulate::fault::Class;
use crate::site::Site;
use crate::time::Mono;
use crate::units::Power;

/// Found so often, a unit is not let back.
const TIMES: usize = 3;
/// What was found so shortly before a controller died may not have been stored.
const STORED: Duration = Duration::from_millis(1_500);
/// So long a miner must have lied to be found by its own words: it is asked every few seconds.
const ASKED: Duration = Duration::from_secs(7);

#[derive(Clone, Default)]
struct Unit {
    /// Since when it is told to sleep, and lies about it in all that time.
    told: Option<Mono>,
    lies: Option<Mono>,
    /// It drew on when it was told to sleep, ever.
    drew: bool,
    /// When it was found for sure.
    found: Vec<Mono>,
    /// When the record says that it came into quarantine.
    barred: Option<Mono>,
}

pub(super) struct Quarantine {
    /// Per group and unit; no units where miners are not told by their own firmware.
    all: Vec<Vec<Unit>>,
    was: Vec<u64>,
    /// Per group what it may run, and when that last became less: while others are on their way down, watts tell of nobody.
    fewer: Vec<(u64, Mono)>,
    died: bool,
}

impl Quarantine {
    pub(super) fn new(site: &Site) -> Self {
        let units = |group: &crate::site::Group| if group.firmware.is_some() { group.units as usize } else { 0 };
        Self {
            all: site.groups.iter().map(|group| vec![Unit::default(); units(group)]).collect(),
            was: vec![0; site.groups.len()],
            fewer: vec![(0, Mono::START); site.groups.len()],
            died: false,
        }
    }

    /// The units of a group that the record has in quarantine.
    pub(super) fn of(&self, group: usize) -> u64 {
        let units = self.all.get(group).into_iter().flatten().enumerate();
        units.filter(|(_, unit)| unit.barred.is_some()).fold(0, |set, (unit, _)| set | 1_u64 << (unit & 63))
    }

    pub(super) fn look(&mut self, sight: &Sight<'_, '_>) -> Found {
        if self.all.iter().all(Vec::is_empty) {
            return None;
        }
        self.forget(sight);
        self.note(sight);
        self.find(sight);
        self.note_fewer(sight);
        let honest = self.bar(sight);
        let powered = self.powered(sight);
        honest.or(powered).map(|what| (Promise::Quarantine, what))
    }

    /// What nobody can know any more: it was not stored yet, the store is lost, or a person let all back.
    fn forget(&mut self, sight: &Sight<'_, '_>) {
        let dies = matches!(sight.control, Control::Off(_));
        let died = dies && !std::mem::replace(&mut self.died, dies);
        let lost = sight.world.is(Class::StoreBad) || sight.world.recorded.lifted;
        let kept = |at: &Mono| !lost && (!died || sight.now.since(*at) > STORED);
        for unit in self.all.iter_mut().flatten() {
            unit.found.retain(|at| kept(at));
            unit.barred = unit.barred.filter(|at| kept(at));
        }
    }

    /// Who is told to sleep, who lies, who draws on.
    fn note(&mut self, sight: &Sight<'_, '_>) {
        for (ix, units) in self.all.iter_mut().enumerate() {
            let told = sight.world.recorded.told.get(ix).copied().flatten();
            let Some(group) = sight.site().groups.get(ix) else { continue };
            let falls = group.firmware.as_ref().map_or(Duration::MAX, |path| path.response);
            for (number, unit) in units.iter_mut().enumerate() {
                let sleeps = told.is_some_and(|told| told >> (number & 63) & 1 == 0);
                unit.told = sleeps.then(|| unit.told.unwrap_or(sight.now));
                let lies = sight.world.is_struck(Class::MinerSilent, ix, number) && !hides(sight, ix, number);
                unit.lies = lies.then(|| unit.lies.unwrap_or(sight.now));
                let late = unit.told.is_some_and(|told| sight.now.since(told) > falls);
                // Twice of what it draws asleep is mining.
                let asleep = group.firmware.as_ref().map_or(Power::MAX, |path| path.asleep);
                unit.drew |= late && sight.world.drawn(ix, number).watts() / 2 > asleep.watts();
            }
        }
    }

    fn note_fewer(&mut self, sight: &Sight<'_, '_>) {
        for (ix, (was, at)) in self.fewer.iter_mut().enumerate() {
            let is = sight.world.recorded.told.get(ix).copied().flatten().unwrap_or(0);
            let cut = sight.world.recorded.cut.iter().any(|(group, _)| *group == ix);
            *at = if cut || *was & !is != 0 { sight.now } else { *at };
            *was = is;
        }
    }

    fn find(&mut self, sight: &Sight<'_, '_>) {
        for (ix, cut) in &sight.world.recorded.cut {
            let (Some(units), Some(group)) = (self.all.get_mut(*ix), sight.site().groups.get(*ix)) else { continue };
            let since = self.fewer.get(*ix).map_or(Duration::ZERO, |(_, at)| sight.now.since(*at));
            let proof = group.firmware.as_ref().map_or(Duration::MAX, |path| path.proof);
            let sees = sight.trouble.switches(*ix, sight.now) && since > proof;
            for (number, unit) in units.iter_mut().enumerate().filter(|(unit, _)| cut >> (unit & 63) & 1 == 1) {
                let draws = sight.world.drawn(*ix, number).watts() > group.unit.watts() / 2;
                let long = |since: Option<Mono>| since.is_some_and(|since| sight.now.since(since) > ASKED);
                if sees && draws && long(unit.lies) && long(unit.told) {
                    unit.found.push(sight.now);
                }
            }
        }
    }

    /// Takes in who came into quarantine; whoever of them always slept.
    fn bar(&mut self, sight: &Sight<'_, '_>) -> Option<String> {
        let mut honest = None;
        for (ix, barred) in &sight.world.recorded.barred {
            let units = self.all.get_mut(*ix).into_iter().flatten().enumerate();
            for (number, unit) in units.filter(|(unit, _)| barred >> (unit & 63) & 1 == 1) {
                unit.barred = Some(sight.now);
                let name = sight.site().groups.get(*ix).map_or("", |group| &group.name);
                if !unit.drew {
                    honest = Some(format!(
                        "miner {} of `{name}` always slept when it was told, and is in quarantine",
                        number + 1
                    ));
                }
            }
        }
        honest
    }

    /// Who is in quarantine, or was found often enough, and is given power.
    fn powered(&mut self, sight: &Sight<'_, '_>) -> Option<String> {
        let mut what = None;
        for (ix, (units, was)) in self.all.iter().zip(&mut self.was).enumerate() {
            let is = sight.world.commanded(ix);
            let on = is & !std::mem::replace(was, is);
            if !sight.trouble.switches(ix, sight.now) {
                continue;
            }
            let out = |unit: &Unit| unit.barred.is_some() || unit.found.len() >= TIMES;
            let told = sight.world.recorded.told.get(ix).copied().flatten().unwrap_or(0);
            let wrong = units.iter().enumerate().find(|(unit, of)| (on | told) >> (unit & 63) & 1 == 1 && out(of));
            if let Some((unit, of)) = wrong {
                let (name, times) = (sight.site().groups.get(ix).map_or("", |group| &group.name), of.found.len());
                let barred = if of.barred.is_some() { "is in quarantine" } else { "was found for sure" };
                what = Some(format!(
                    "miner {} of `{name}` {barred}, {times} times by its own words, and may run",
                    unit + 1
                ));
            }
        }
        what
    }
}

/// Whether another fault hides from the controller what a miner says.
fn hides(sight: &Sight<'_, '_>, ix: usize, unit: usize) -> bool {
    [Class::MinerGone, Class::MinerBusy, Class::MinerBelieved]
        .iter()
        .any(|class| sight.world.is_struck(*class, ix, unit))
}
