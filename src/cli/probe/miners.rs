//! The miners' part of a probe: every miner of every group with a firmware path is met and asked what it does, all groups at once.
//!
//! It holds the same [`Fleet`]s as a run and gives them no command, and before its first command a fleet writes nothing.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::{Probed, Role};
use crate::devices::miners::judge::{Finding, Judged, Row};
use crate::devices::miners::{Fault, Found, State, clock_of, session_is_held};
use crate::devices::{Credentials, Fleet};
use crate::site::{Firmware, Group, GroupIx, Site};
use crate::time::Clock;
use crate::units::Power;

/// All miners are waited for at most this long, or [`EACH`] for each where that is longer: no more than a few are met at once.
const PATIENCE: Duration = Duration::from_secs(15);
const EACH: Duration = Duration::from_millis(40);
/// How often it is looked whether all have told.
const LOOK: Duration = Duration::from_millis(50);

/// What the miners of a group said.
pub(super) struct Asked {
    pub(super) group: GroupIx,
    found: Vec<Found>,
    /// Units whose only session another program holds.
    held: u64,
    /// By unit, how many seconds its clock is ahead of ours.
    clocks: BTreeMap<u32, i64>,
}

/// The miners of a group with what was made of their words.
pub(super) struct Rated<'a> {
    row: Row<'a>,
    judged: Judged,
}

/// Asks all of them, until each has told or the time is over.
pub(super) fn ask(runtime: &Runtime, site: &Site, credentials: Vec<Option<Credentials>>) -> Vec<Asked> {
    let clock = Clock::start();
    let mut fleets = Vec::new();
    for (ix, (group, credentials)) in site.groups.iter().zip(credentials).enumerate() {
        let Some(path) = &group.firmware else { continue };
        fleets.push((ix, path.firmware, Fleet::spawn(runtime.handle(), &group.name, path, credentials, clock)));
    }
    let miners: usize = fleets.iter().map(|(ix, ..)| site.groups.get(*ix).map_or(0, miners_of)).sum();
    let until = clock.mono().after(PATIENCE.max(EACH.saturating_mul(u32::try_from(miners).unwrap_or(u32::MAX))));
    runtime.block_on(async {
        let is_told = |(.., fleet): &(GroupIx, Firmware, Fleet)| fleet.found().iter().all(Found::is_settled);
        while !fleets.iter().all(is_told) && clock.mono() < until {
            tokio::time::sleep(LOOK).await;
        }
        let mut asked = Vec::new();
        for (group, firmware, fleet) in fleets {
            let found = fleet.found();
            let held = if firmware == Firmware::Luxos { held(&found).await } else { 0 };
            let clocks = clocks(&found, clock).await;
            asked.push(Asked { group, found, held, clocks });
        }
        asked
    })
}

fn miners_of(group: &Group) -> usize {
    group.firmware.as_ref().map_or(0, |path| path.addresses.len())
}

/// Which of those that answer have a session open that is not ours: who only asks logs on to none.
async fn held(found: &[Found]) -> u64 {
    let mut asked = JoinSet::new();
    for Found { unit, address, .. } in found.iter().filter(|found| found.reached) {
        let (unit, address) = (*unit, *address);
        asked.spawn(async move { if session_is_held(address).await { 1_u64 << unit } else { 0 } });
    }
    asked.join_all().await.into_iter().fold(0, |held, unit| held | unit)
}

/// How far ahead of ours the clocks of those that answer are.
async fn clocks(found: &[Found], clock: Clock) -> BTreeMap<u32, i64> {
    let mut asked = JoinSet::new();
    for Found { unit, address, .. } in found.iter().filter(|found| found.reached) {
        let (unit, address) = (*unit, *address);
        asked.spawn(async move {
            let when = clock_of(address).await?;
            Some((unit, when - clock.now().wall.micros() / 1_000_000))
        });
    }
    asked.join_all().await.into_iter().flatten().collect()
}

/// What was made of each group's answers, with what its PDU shows.
pub(super) fn rate<'a>(site: &'a Site, asked: &'a [Asked], devices: &[Probed]) -> Vec<Rated<'a>> {
    let rated = asked.iter().filter_map(|Asked { group: ix, found, held, clocks }| {
        let measures = |it: &&Probed| it.role == Role::Group(*ix) && it.profile.power.is_some();
        let told = devices.iter().find(measures).and_then(|it| it.told.as_ref().ok());
        let outlets = told.and_then(|told| told.on?.ok());
        let pdu = told.and_then(|told| told.power().ok());
        let row = Row { group: site.groups.get(*ix)?, found, held: *held, outlets, pdu, clocks };
        Some(Rated { judged: row.judge(), row })
    });
    rated.collect()
}

impl Rated<'_> {
    pub(super) fn is_fine(&self) -> bool {
        self.judged.is_fine()
    }

    /// Whether its miners say the very watts that its PDU shows: then it is not the PDU that is wrong.
    pub(super) fn agrees(&self) -> bool {
        self.row.agrees()
    }

    pub(super) fn count(&self) -> usize {
        self.row.found.len()
    }

    /// The name of the group.
    pub(super) fn group(&self) -> &str {
        &self.row.group.name
    }

    /// The firmware that every one of them runs, where the file says another.
    pub(super) fn all_run(&self) -> Option<Firmware> {
        let other = |found: &Found| match found.trouble {
            Some(Fault::OtherFirmware { runs, .. }) if !found.reached => runs,
            _ => None,
        };
        let mut all = self.row.found.iter().map(other);
        let first = all.next()??;
        all.all(|runs| runs == Some(first)).then_some(first)
    }

    /// How many of its miners are not as the file says; one where only all together are not.
    pub(super) fn suspects(&self) -> usize {
        let miners = self.judged.miners.iter().filter(|findings| !findings.is_empty()).count();
        miners.max(usize::from(!self.is_fine()))
    }

    /// What stands in the table: name, firmware, who answers, make and model, watts of the miners and of the PDU, the worst clock, version.
    fn fields(&self) -> [String; 8] {
        let Row { group, found, pdu, .. } = &self.row;
        let show = |power: Option<Power>| power.map_or_else(|| "-".into(), |power| power.to_string());
        [
            group.name.clone(),
            group.firmware.as_ref().map_or("", |path| path.firmware.name()).into(),
            format!("{} of {}", self.row.reached(), found.len()),
            first(&self.row.models()),
            show(self.row.said()),
            show(*pdu),
            self.row.clock().map_or_else(|| "-".into(), |ahead| format!("{ahead:+} s")),
            first(&self.row.versions()),
        ]
    }

    /// One line a finding; what several miners have in common is said once.
    pub(super) fn findings(&self) -> Vec<String> {
        let mut common: Vec<(String, Vec<&Found>)> = Vec::new();
        for (found, findings) in self.row.found.iter().zip(&self.judged.miners) {
            for sentence in findings.iter().map(ToString::to_string) {
                match common.iter_mut().find(|(said, _)| *said == sentence) {
                    Some((_, miners)) => miners.push(found),
                    None => common.push((sentence, vec![found])),
                }
            }
        }
        let name = &self.row.group.name;
        let of_miners = common.into_iter().map(|(sentence, miners)| format!("{}: {sentence}", who(name, &miners)));
        let together = self.judged.together.iter().map(|finding| format!("{name}: {finding}"));
        let remarks = self.judged.remarks.iter().map(|remark| format!("{name}, by the way: {remark}"));
        of_miners.chain(together).chain(remarks).collect()
    }

    fn json(&self) -> Value {
        let Row { group, found, pdu, clocks, .. } = &self.row;
        let counted = |words: Vec<(Box<str>, usize)>| -> Vec<Value> {
            words.into_iter().map(|(name, count)| json!({"name": name, "miners": count})).collect()
        };
        json!({
            "group": group.name, "firmware": group.firmware.as_ref().map(|path| path.firmware.name()),
            "reached": self.row.reached(), "of": found.len(),
            "models": counted(self.row.models()), "versions": counted(self.row.versions()),
            "miners_w": self.row.said().map(Power::watts), "pdu_w": pdu.map(Power::watts), "fine": self.is_fine(),
            "findings": self.judged.together.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "remarks": self.judged.remarks.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "miners": found.iter().zip(&self.judged.miners).map(|(found, odd)| miner(found, odd, clocks)).collect::<Vec<_>>(),
        })
    }
}

fn miner(found: &Found, findings: &[Finding], clocks: &BTreeMap<u32, i64>) -> Value {
    let identity = found.identity.as_ref();
    json!({
        "unit": found.unit + 1, "address": found.address.to_string(), "reached": found.reached,
        "make": identity.map(|it| &it.make), "model": identity.map(|it| &it.model), "runs": identity.map(|it| &it.firmware),
        "state": match found.state { State::Unknown => "unknown", State::Mining => "mining", State::Asleep => "asleep" },
        "watts": found.watts.map(Power::watts), "gigahashes": found.gigahashes, "clock_ahead_s": clocks.get(&found.unit),
        "fine": findings.is_empty(), "findings": findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// Miners by their numbers, the first with its address.
fn who(group: &str, miners: &[&Found]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for unit in miners.iter().map(|found| found.unit + 1) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == unit => *last = unit,
            _ => runs.push((unit, unit)),
        }
    }
    let run = |(first, last): &(u32, u32)| match last - first {
        0 => format!("{group}.{first}"),
        1 => format!("{group}.{first}, {group}.{last}"),
        _ => format!("{group}.{first} to {group}.{last}"),
    };
    let names: Vec<String> = runs.iter().map(run).collect();
    match miners {
        [only] => format!("{} at {}", names.join(""), only.address),
        _ => names.join(", "),
    }
}

/// The most frequent of them, and how many more there are.
fn first(words: &[(Box<str>, usize)]) -> String {
    match words {
        [] => "-".into(),
        [(only, _)] => only.to_string(),
        [(most, _), others @ ..] => format!("{most} and {} more", others.len()),
    }
}

/// A line for each group, and what is not as the file says below; nothing where no group has a firmware path.
pub(super) fn table(rated: &[Rated<'_>]) -> String {
    if rated.is_empty() {
        return String::new();
    }
    let head =
        ["miners", "firmware", "reached", "make and model", "they say", "PDU shows", "clock", "runs"].map(String::from);
    let lines: Vec<[String; 8]> = std::iter::once(head).chain(rated.iter().map(Rated::fields)).collect();
    let width = |n: usize| lines.iter().filter_map(|fields| fields.get(n)).map(|field| field.chars().count()).max();
    let [a, b, c, d, e, f, g] = [0, 1, 2, 3, 4, 5, 6].map(|n| width(n).unwrap_or(0));
    let mut out = String::from("\n");
    for (ix, [name, firmware, reached, model, said, pdu, clock, runs]) in lines.iter().enumerate() {
        let is_fine = ix.checked_sub(1).and_then(|ix| rated.get(ix)).is_none_or(Rated::is_fine);
        let mark = if is_fine { "" } else { "  SUSPECT" };
        let _ = writeln!(
            out,
            "{name:<a$}  {firmware:<b$}  {reached:>c$}  {model:<d$}  {said:>e$}  {pdu:>f$}  {clock:>g$}  {runs}{mark}"
        );
    }
    for finding in rated.iter().flat_map(Rated::findings) {
        let _ = writeln!(out, "\n{finding}");
    }
    out
}

/// The same as JSON.
pub(super) fn json(rated: &[Rated<'_>]) -> Value {
    rated.iter().map(Rated::json).collect()
}
