//! One consistent picture of what every connection has seen, and the times of what was told.
//!
//! A group's power enters the picture by exception: when it moved, when a command is pending, when its device changed, or
//! when the last entry is growing old. A quiet site of a thousand PDUs then costs the journal next to nothing, and what is
//! pending is always as fresh as the wire has it.

use std::time::Duration;

use super::Setup;
use super::cycle::Connections;
use super::stages::Stage;
use crate::devices::profile::flags::{ARMED, TRIPPED};
use crate::devices::wire::Seen;
use crate::site::{DeviceIx, Site};
use crate::snapshot::{GroupSeen, MinersSeen, NoData, Reading, RelaySeen, Snapshot};
use crate::time::Mono;
use crate::units::Power;

/// How long a start waits for the meters and every PDU before it takes groups on without them: one that is not read yet counts in
/// full, and others would be shed for it.
const METERS_FIRST: Duration = Duration::from_secs(1);
/// A group's power is entered again at least this often.
const REFRESH: Duration = Duration::from_secs(10);

/// What a command is to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tell {
    /// The first, and just what was found running: taken on, and not written again.
    Found,
    /// The same as before, renewed.
    Same,
    /// Something new.
    New,
}

/// What was told in one tick, until it is all on the wire.
struct Told {
    sample: Mono,
    at: Mono,
    groups: Vec<usize>,
    last_sent: Mono,
}

/// The picture, as it was last entered.
pub(crate) struct Sight {
    poi: DeviceIx,
    hall: Option<DeviceIx>,
    house: Option<DeviceIx>,
    relay: Option<DeviceIx>,
    /// Device and meter of each feeder's contactor.
    contactors: Vec<(DeviceIx, DeviceIx)>,
    /// The relay as it was entered, and how old that may grow.
    watched: (Option<RelaySeen>, Duration),
    /// Device and smallest move of each group.
    groups: Vec<(DeviceIx, Power)>,
    /// What measures each, where its device does not.
    meters: Vec<Option<DeviceIx>>,
    entered: Vec<GroupSeen>,
    /// The last value of the meter that wakes the loop.
    news: Option<Power>,
    seen: Vec<Seen>,
    miners: Vec<Option<MinersSeen>>,
    /// The units and the outlets that each group was told last.
    commanded: Vec<Option<(u64, u64)>>,
    told: Vec<Told>,
    /// Writes whose answer or proof is still to come: group, when sent, whether answered.
    sent: Vec<(usize, Mono, bool)>,
    /// Until then no group enters before the meters: a start among running miners would shed them for a hall that is merely
    /// not read yet.
    meters_first: Mono,
}

impl Sight {
    pub(super) fn new(site: &Site, now: Mono) -> Self {
        let groups: Vec<_> = site
            .groups
            .iter()
            .map(|group| {
                (group.paths.first().map_or(usize::MAX, |path| path.device), Power::from_watts(group.unit.watts() / 16))
            })
            .collect();
        Self {
            poi: site.poi.meter,
            hall: site.hall.meter,
            house: site.house.meter,
            relay: site.relay,
            contactors: site.contactors().map(|(_, contactor)| (contactor.device, contactor.meter)).collect(),
            watched: (None, site.ages.device / 4),
            entered: vec![GroupSeen::default(); groups.len()],
            seen: vec![Seen::default(); groups.len()],
            miners: vec![None; groups.len()],
            commanded: vec![None; groups.len()],
            meters: site.groups.iter().map(|group| group.paths.first().and_then(|path| path.meter)).collect(),
            groups,
            news: None,
            told: vec![],
            sent: vec![],
            meters_first: now.after(METERS_FIRST),
        }
    }

    /// Looks at every connection once and puts what it saw beside what is `known` of the tick already.
    pub(super) fn look(&mut self, wires: &impl Connections, lowering: &[bool], known: Snapshot) -> Snapshot {
        for (ix, (device, _)) in self.groups.iter().enumerate() {
            if let (Some(fresh), Some(seen)) = (wires.seen(*device), self.seen.get_mut(ix)) {
                *seen = fresh;
            }
        }
        for (measured, seen) in self.meters.iter().zip(&mut self.seen).filter(|(measured, _)| measured.is_some()) {
            seen.power = meter(wires, *measured);
        }
        for (ix, miners) in self.miners.iter_mut().enumerate() {
            *miners = wires.miners(ix);
        }
        let (poi, hall, house) = (meter(wires, Some(self.poi)), meter(wires, self.hall), meter(wires, self.house));
        let heard = || self.seen.iter().all(|seen| seen.on.is_some());
        if known.now.mono >= self.meters_first || (are_in([poi, hall, house]) && heard()) {
            self.enter(lowering, known.now.mono);
        }
        let relay = self.relay(wires, known.now.mono);
        let contactors = self.contactors.iter().map(|(device, of)| contactor(wires, *device, *of)).collect();
        Snapshot { poi, hall, house, relay, contactors, groups: self.entered.clone(), ..known }
    }

    /// The relay: as it was entered, unless it changed or that grows old.
    fn relay(&mut self, wires: &impl Connections, now: Mono) -> Option<RelaySeen> {
        let flags = |(on, at): (u64, Mono)| RelaySeen { tripped: on & TRIPPED != 0, armed: on & ARMED != 0, at };
        let fresh = wires.seen(self.relay?).and_then(|seen| seen.on).map(flags);
        let (entered, lasts) = &mut self.watched;
        let same = |(before, after): (RelaySeen, RelaySeen)| RelaySeen { at: after.at, ..before } == after;
        let keeps = entered.zip(fresh).is_some_and(same) && entered.is_some_and(|seen| now.since(seen.at) < *lasts);
        if !keeps {
            *entered = fresh.or(*entered);
        }
        *entered
    }

    /// Whether the meter that wakes the loop shows another value than in the last picture. A meter is read more often than it
    /// refreshes, so that a new value is seen soon; the same value again is no reason to decide again before the period.
    pub(super) fn is_news(&mut self, wires: &impl Connections) -> bool {
        let now = meter(wires, Some(self.hall.unwrap_or(self.poi))).known().map(|(power, _)| power);
        std::mem::replace(&mut self.news, now) != now
    }

    fn enter(&mut self, lowering: &[bool], now: Mono) {
        for (ix, (entered, seen)) in self.entered.iter_mut().zip(&self.seen).enumerate() {
            let fresh = GroupSeen { miners: self.miners.get(ix).copied().flatten(), ..seen.group() };
            let step = self.groups.get(ix).map_or(Power::ZERO, |(_, step)| *step);
            let pending = lowering.get(ix).copied().unwrap_or(false);
            let told = entered.link != fresh.link
                || entered.written != fresh.written
                || entered.miners != fresh.miners
                || entered.on.map(|(on, _)| on) != fresh.on.map(|(on, _)| on);
            if pending || told || moved(entered.power, fresh.power, step, now) {
                *entered = fresh;
            }
        }
    }

    /// What this command is to the group, and whether outlets change by it.
    pub(super) fn tell(&mut self, ix: usize, on: u64, outlets: u64) -> (Tell, bool) {
        let entered = self.entered.get(ix);
        let found = entered.and_then(|entered| entered.on).map(|(on, _)| on);
        let mining = entered.and_then(|entered| entered.miners).map(|miners| miners.mining & miners.reached);
        match self.commanded.get_mut(ix).and_then(|last| last.replace((on, outlets))) {
            None if found == Some(outlets) => {
                (if mining.is_none_or(|mining| mining == on) { Tell::Found } else { Tell::New }, false)
            }
            Some(last) if last == (on, outlets) => (Tell::Same, false),
            Some((_, before)) => (Tell::New, before != outlets),
            None => (Tell::New, true),
        }
    }

    /// These groups were told something new at this tick, because of this sample.
    pub(super) fn told(&mut self, sample: Mono, at: Mono, groups: Vec<usize>) {
        if !groups.is_empty() {
            self.told.push(Told { sample, at, groups, last_sent: Mono::START });
        }
    }

    /// What can be timed by now: the last command of a tick on the wire, answers, proofs.
    pub(super) fn timed(&mut self, now: Mono, proved: &[usize]) -> Vec<(Stage, Duration)> {
        let mut timed = Vec::new();
        let seen = &self.seen;
        for told in &mut self.told {
            told.groups.retain(|ix| {
                match seen.get(*ix).and_then(|seen| seen.write).filter(|write| write.sent >= told.at) {
                    Some(write) => {
                        told.last_sent = told.last_sent.max(write.sent);
                        self.sent.push((*ix, write.sent, false));
                        false
                    }
                    None => true,
                }
            });
            if told.groups.is_empty() {
                timed.push((Stage::Write, told.last_sent.since(told.sample)));
            }
        }
        self.told.retain(|told| !told.groups.is_empty() && now.since(told.at) < REFRESH);
        for (ix, sent, answered) in self.sent.iter_mut().filter(|(_, _, answered)| !answered) {
            let write = seen.get(*ix).and_then(|seen| seen.write).filter(|write| write.sent == *sent);
            if let Some(at) = write.and_then(|write| write.answered) {
                *answered = true;
                timed.push((Stage::Acknowledge, at.since(*sent)));
            }
        }
        for ix in proved {
            if let Some((_, sent, _)) = self.sent.iter().rev().find(|(of, _, _)| of == ix) {
                timed.push((Stage::Proof, now.since(*sent)));
            }
        }
        self.sent.retain(|(ix, sent, _)| !proved.contains(ix) && now.since(*sent) < REFRESH);
        timed
    }
}

/// As long as its meter may be quiet, and as old as the value was that the meter showed last.
pub(super) fn house_lasts(setup: &Setup) -> Duration {
    let profile = setup.site.house.meter.and_then(|meter| setup.profiles.get(meter));
    let refresh = profile.and_then(|profile| profile.power.as_ref()).map_or(Duration::ZERO, |power| power.refresh);
    setup.site.ages.device.saturating_add(refresh)
}

fn meter(wires: &impl Connections, device: Option<DeviceIx>) -> Reading {
    device.and_then(|device| wires.seen(device)).map_or(Reading::NoData(NoData::NoMeter), |seen| seen.power)
}

/// What a contactor's device shows, and the power that its feeder's meter does.
fn contactor(wires: &impl Connections, device: DeviceIx, of: DeviceIx) -> GroupSeen {
    let seen = wires.seen(device).unwrap_or_default();
    GroupSeen { power: meter(wires, Some(of)), ..seen.group() }
}

/// Whether every meter that there is was read.
fn are_in(meters: [Reading; 3]) -> bool {
    meters.iter().all(|meter| meter.known().is_some() || *meter == Reading::NoData(NoData::NoMeter))
}

/// Whether a reading is worth entering: it moved, came or went, or the one entered is growing old.
fn moved(entered: Reading, fresh: Reading, step: Power, now: Mono) -> bool {
    match (entered.known(), fresh.known()) {
        (Some((before, at)), Some((power, _))) => {
            (power - before).watts().abs() >= step.watts().max(1) || now.since(at) >= REFRESH
        }
        _ => entered != fresh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_command_that_is_not_what_was_found_is_written_at_once() {
        let all = GroupSeen { on: Some((0b1111, Mono::START)), ..GroupSeen::default() };
        let mut sight = Sight {
            poi: 0,
            hall: None,
            house: None,
            relay: None,
            contactors: vec![],
            watched: (None, REFRESH),
            groups: vec![(0, Power::ZERO); 3],
            meters: vec![None; 3],
            entered: vec![all, all, GroupSeen::default()],
            seen: vec![Seen::default(); 3],
            miners: vec![None; 3],
            commanded: vec![None; 3],
            news: None,
            told: vec![],
            sent: vec![],
            meters_first: Mono::START,
        };
        assert_eq!(sight.tell(0, 0b1111, 0b1111), (Tell::Found, false));
        assert_eq!(sight.tell(1, 0b0011, 0b0011), (Tell::New, true), "shed in the tick that adopted it");
        assert_eq!(sight.tell(2, 0, 0), (Tell::New, true), "e-stop: it never said what it has on");
    }

    #[test]
    fn a_start_waits_for_meters_that_were_not_read_yet_and_not_for_those_that_are_not_there() {
        let read = Reading::Known(Power::ZERO, Mono::START);
        let no = Reading::NoData;
        assert!(are_in([read, read, no(NoData::NoMeter)]));
        assert!(!are_in([read, no(NoData::NeverRead), read]));
        assert!(!are_in([read, read, no(NoData::NoAnswer)]), "a meter may refuse at first");
    }

    #[test]
    fn a_quiet_group_is_not_entered_again_until_its_entry_grows_old() {
        let at = |watts, ms| Reading::Known(Power::from_watts(watts), Mono::from_millis(ms));
        let step = Power::from_watts(200);
        assert!(!moved(at(28_000, 0), at(28_100, 1_000), step, Mono::from_millis(1_000)));
        assert!(moved(at(28_000, 0), at(27_800, 1_000), step, Mono::from_millis(1_000)));
        assert!(moved(at(28_000, 0), at(28_000, 9_900), step, Mono::from_millis(10_000)));
        assert!(moved(at(28_000, 0), Reading::NoData(NoData::NoAnswer), step, Mono::from_millis(1)));
    }
}
