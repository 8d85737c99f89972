//! What a probe found, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::miners::{self, Rated};
use super::{Probed, Role, day};
use crate::devices::probe::{Explained, Suspicion, Why};
use crate::devices::profile::flags::{ARMED, TRIPPED};
use crate::devices::wire::tls::Met;
use crate::site::Site;
use crate::snapshot::NoData;
use crate::units::Power;

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Poi => "POI",
            Self::Hall => "hall",
            Self::House => "house",
            Self::Group(_) => "group",
            Self::Feeder(_) => "feeder",
            Self::Contactor(_) => "contactor",
            Self::Relay => "relay",
            Self::Other => "not used",
        }
    }
}

impl Probed {
    fn power(&self) -> Option<Result<Power, NoData>> {
        self.profile.power.as_ref()?;
        Some(self.told.as_ref().ok()?.power())
    }

    fn met(&self) -> Option<&Met> {
        self.told.as_ref().ok()?.tls.as_ref()
    }

    /// What a relay says of itself: that it tripped, that it would.
    pub(super) fn flags(&self) -> Option<(bool, bool)> {
        let flags = self.told.as_ref().ok()?.on?.ok().filter(|_| self.role == Role::Relay)?;
        Some((flags & TRIPPED != 0, flags & ARMED != 0))
    }

    fn shows(&self) -> String {
        match self.flags() {
            Some((true, _)) => return "tripped".into(),
            Some((false, armed)) => return if armed { "armed" } else { "not armed" }.into(),
            None => {}
        }
        match (&self.told, self.power()) {
            (Err(_), _) | (_, None) => "-".into(),
            (_, Some(Ok(power))) => power.to_string(),
            (_, Some(Err(_))) => "no data".into(),
        }
    }

    fn outlets(&self) -> String {
        match self.told.as_ref().ok().and_then(|told| told.on) {
            _ if self.role == Role::Relay => "-".into(),
            None => "-".into(),
            Some(Ok(on)) if matches!(self.role, Role::Contactor(_)) => {
                if on & 1 == 1 { "closed" } else { "open" }.into()
            }
            Some(Ok(on)) => format!("{} on", on.count_ones()),
            Some(Err(_)) => "no data".into(),
        }
    }

    /// What stands in the table.
    fn fields(&self) -> [String; 8] {
        let device = &self.device;
        [
            device.name.clone(),
            self.role.name().into(),
            self.profile.name.clone(),
            device.address.to_string(),
            device.unit_id.to_string(),
            self.shows(),
            self.outlets(),
            self.told.as_ref().ok().and_then(|told| told.latency).map_or_else(|| "-".into(), tenths),
        ]
    }

    /// What is wrong with it, one sentence each.
    pub(super) fn findings(&self) -> Vec<String> {
        let told = match &self.told {
            Ok(told) => told,
            Err(fault) => return vec![format!("{fault}; {}", fault.next_step())],
        };
        let mut findings = Vec::new();
        match told.is_it {
            Some(Ok(false)) => findings.push(format!(
                "this is no {}: the words that its file expects are not there; check address, unit id and profile",
                self.profile.title
            )),
            Some(Err(fault)) => findings.push(format!("who it is cannot be read: {fault}; {}", fault.next_step())),
            _ => {}
        }
        if let Some(Err(fault)) = told.on {
            let what = if self.role == Role::Relay { "state" } else { "outlets" };
            findings.push(format!("its {what} cannot be read: {fault}; {}", fault.next_step()));
        }
        match self.flags() {
            Some((true, _)) => findings
                .push("it shows a trip: `run` would keep everything off until it is reset and a person recalls".into()),
            Some((false, false)) => findings.push("it is not armed: it would trip nothing".into()),
            _ => {}
        }
        if matches!((self.role, told.on), (Role::Contactor(_), Some(Ok(on))) if on & 1 == 0) {
            findings.push("it is open: `run` would keep it so until a person closes it".into());
        }
        if let Some(Err(fault)) = told.window {
            findings.push(format!("its power cannot be read: {fault}; {}", fault.next_step()));
        }
        findings.extend(self.suspicion.as_ref().map(|suspicion| sentence(&self.shows(), suspicion)));
        findings
    }
}

fn sentence(shows: &str, Suspicion { why, explained }: &Suspicion) -> String {
    let why = match why {
        Why::Impossible if shows == "no data" => "its words are no power".to_owned(),
        Why::Impossible => format!("it shows {shows}, which cannot be here"),
        Why::Unlike(wanted) => format!("it shows {shows}, and by its outlets about {wanted} are to be expected"),
        Why::Unbalanced(share) => format!("it shows {shows}, and the other meters leave {share} for it"),
    };
    let would = |Explained { slip, power }: &Explained| format!("{power} {slip}");
    match explained.as_slice() {
        [] => format!("{why}; none of the common mistakes explains it: compare its file with the manual"),
        [first, others @ ..] => {
            let others: Vec<String> = others.iter().take(2).map(would).collect();
            let others = if others.is_empty() { String::new() } else { format!(" (or {})", others.join(", or ")) };
            format!("{why}; it would be {}{others}", would(first))
        }
    }
}

/// A line for each device, what is wrong with it below, and how the meters add up.
pub(super) fn table(site: &Site, all: &[Probed]) -> String {
    let head = ["device", "is", "profile", "address", "unit", "shows", "outlets", "answers"].map(String::from);
    let lines: Vec<[String; 8]> = std::iter::once(head).chain(all.iter().map(Probed::fields)).collect();
    let width = |n: usize| lines.iter().filter_map(|line| line.get(n)).map(|cell| cell.chars().count()).max();
    let [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(|n| width(n).unwrap_or(0));
    let mut out = String::new();
    for (ix, [name, is, profile, address, unit, shows, outlets, answers]) in lines.iter().enumerate() {
        let is_fine = ix.checked_sub(1).and_then(|ix| all.get(ix)).is_none_or(Probed::is_fine);
        let mark = if is_fine { "" } else { "  SUSPECT" };
        let _ = writeln!(
            out,
            "{name:<a$}  {is:<b$}  {profile:<c$}  {address:>d$} {unit:>e$}  {shows:>f$}  {outlets:>g$}  {answers:>h$}{mark}"
        );
    }
    for (said, names) in secured(all) {
        let _ = writeln!(out, "\n{}: {said}", names.join(", "));
    }
    let suspects: Vec<&Probed> = all.iter().filter(|it| !it.is_fine()).collect();
    for it in &suspects {
        for finding in it.findings() {
            let _ = writeln!(out, "\n{}: {finding}", it.device.name);
        }
    }
    let _ = writeln!(out, "\n{}", balance(site, all));
    out
}

/// What was met by TLS, and by which devices.
fn secured(all: &[Probed]) -> BTreeMap<String, Vec<&str>> {
    let mut said: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (it, met) in all.iter().filter_map(|it| Some((it, it.met()?))) {
        let until = met.until.map_or_else(String::new, |until| format!(", its certificate holds until {}", day(until)));
        said.entry(format!("{}, {}{until}", met.version, met.cipher)).or_default().push(&it.device.name);
    }
    said
}

/// The last line: how many were asked, and how many are not as the files say.
pub(super) fn verdict(all: &[Probed], rated: &[Rated<'_>]) -> String {
    let miners: usize = rated.iter().map(Rated::count).sum();
    let asked = match miners {
        0 => format!("{} devices asked", all.len()),
        miners => format!("{} devices and {miners} miners asked", all.len()),
    };
    let devices = all.iter().filter(|it| !it.is_fine()).count();
    let said = match devices + rated.iter().map(Rated::suspects).sum::<usize>() {
        0 => "all is as the files say".to_owned(),
        count => {
            let device = "a device file as devices/NAME.toml beside the site's own";
            let mend = if devices > 0 { device } else { "the site file, or what is named above" };
            format!("{count} not as the files say. Mend {mend}, then `ballast check`, and probe again.")
        }
    };
    format!("\n{asked}, nothing commanded: {said}\n")
}

/// A time in milliseconds, to the tenth.
fn tenths(time: Duration) -> String {
    let tenths = time.as_micros() / 100;
    format!("{}.{} ms", tenths / 10, tenths % 10)
}

/// How the meters add up.
fn balance(site: &Site, all: &[Probed]) -> String {
    let of = |it: &Probed| it.power().and_then(Result::ok);
    let poi = all.iter().find(|it| it.role == Role::Poi).and_then(of);
    let loads = all
        .iter()
        .filter(|it| !matches!(it.role, Role::Poi | Role::Relay | Role::Feeder(_) | Role::Contactor(_) | Role::Other));
    let known: Option<Power> = loads.map(of).sum();
    match (poi, known) {
        (Some(poi), Some(loads)) if site.hall.meter.is_some() => {
            let house = if site.house.meter.is_none() { ", without the house, which has no meter" } else { "" };
            format!("{poi} at the POI; {loads} at all other meters{house}")
        }
        _ => "not every meter could be read, so nothing can be said of how they add up".into(),
    }
}

/// The same as JSON.
pub(super) fn json(site: &Site, all: &[Probed], rated: &[Rated<'_>]) -> Value {
    let secured = |met: &Met| {
        let until = met.until.map(|until| until.to_string());
        json!({"version": met.version, "cipher": met.cipher, "certificate_until": until})
    };
    let device = |it: &Probed| {
        let explained = it.suspicion.iter().flat_map(|suspicion| &suspicion.explained);
        let explained: Vec<Value> = explained
            .map(|Explained { slip, power }| json!({"mistake": slip.to_string(), "power_w": power.watts()}))
            .collect();
        json!({
            "name": it.device.name, "is": it.role.name(), "profile": it.profile.name,
            "address": it.device.address.to_string(), "unit_id": it.device.unit_id,
            "power_w": it.power().and_then(Result::ok).map(|power| power.watts()),
            "tls": it.met().map(secured),
            "outlets_on": it.told.as_ref().ok().and_then(|told| told.on?.ok()),
            "fine": it.is_fine(), "findings": it.findings(), "explained": explained,
        })
    };
    json!({"site": site.name, "devices": all.iter().map(device).collect::<Vec<_>>(), "groups": miners::json(rated)})
}
