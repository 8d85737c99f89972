//! What a drill does in one moment: look at everything, renew every permit, and see whether it may go on.
//!
//! What it has told it renews to the end, also what it is done with: a permit that lapses is outlets that go off.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::curve::{Curve, Sample};
use super::links::Links;
use super::room::{Aged, Facts, Meters, Short};
use crate::decide::{Fixed, Standing};
use crate::site::{DeviceIx, Group, GroupIx, Site};
use crate::snapshot::Link;
use crate::time::{Clock, Mono};
use crate::units::Power;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Readings that are kept of a meter: twenty minutes at the fastest poll.
const READINGS: usize = 24_000;
/// How much of a curve is shown from before its command.
const BEFORE: Duration = Duration::from_secs(3);

/// Why a drill does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// A person asked for that.
    Asked,
    /// What is on, or is to be put on, does not fit.
    NoRoom(String),
    /// A device does not do what the drill needs.
    Device(String),
    /// The journal does not become durable, and nothing is raised without that.
    NotDurable,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Asked => f.write_str("it was asked to end"),
            Self::NoRoom(why) | Self::Device(why) => f.write_str(why),
            Self::NotDurable => f.write_str("the journal does not become durable, and nothing is raised without that"),
        }
    }
}

/// How a group was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its outlets that are on.
    pub(super) outlets: u64,
    /// Its units that run: their outlets are on, and, where their firmware is asked, they say that they mine.
    pub(super) units: u64,
}

/// A group of the drill.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) device: DeviceIx,
    pub(super) found: Option<Found>,
    /// What it was told: outlets that are on, and units that may mine; nothing before it was told anything.
    pub(super) told: Option<(u64, u64)>,
    /// When units of it were last told off.
    pub(super) lowered: Option<Mono>,
    /// Nobody may talk to it now.
    pub(super) silent: bool,
    readings: VecDeque<(Mono, Mono, i64)>,
}

/// Everything a drill has in its hands.
pub(super) struct Stage {
    pub(super) standing: Standing,
    pub(super) links: Links,
    pub(super) clock: Clock,
    pub(super) subjects: BTreeMap<GroupIx, Subject>,
    stop: Arc<AtomicBool>,
    cap: Option<Power>,
    poi: VecDeque<(Mono, Mono, i64)>,
    /// It is putting back what it found: it is not asked again whether it should end.
    pub(super) ending: bool,
}

impl Stage {
    pub(super) fn new(
        standing: Standing,
        links: Links,
        clock: Clock,
        groups: &[GroupIx],
        (stop, cap): (Arc<AtomicBool>, Option<Power>),
    ) -> Self {
        let subject = |ix: &GroupIx| {
            let device = standing.site.groups.get(*ix)?.paths.first()?.device;
            let readings = VecDeque::new();
            Some((*ix, Subject { device, found: None, told: None, lowered: None, silent: false, readings }))
        };
        let subjects = groups.iter().filter_map(subject).collect();
        Self { standing, links, clock, subjects, stop, cap, poi: VecDeque::new(), ending: false }
    }

    pub(super) fn site(&self) -> &Site {
        &self.standing.site
    }

    pub(super) fn group(&self, ix: GroupIx) -> Option<(&Group, &Fixed)> {
        self.standing.site.groups.get(ix).zip(self.standing.groups.get(ix))
    }

    pub(super) fn name(&self, ix: GroupIx) -> String {
        self.group(ix).map_or_else(String::new, |(group, _)| group.name.clone())
    }

    /// One moment. Gives back when it was.
    pub(super) fn tick(&mut self) -> Result<Mono, Broken> {
        std::thread::sleep(LOOK_EVERY);
        let now = self.clock.mono();
        self.look(now);
        self.renew(now);
        if self.ending {
            return Ok(now);
        }
        if self.stop.load(Ordering::Relaxed) {
            return Err(Broken::Asked);
        }
        self.fits(now, &BTreeMap::new()).map_err(|short| Broken::NoRoom(self.words(&short)))?;
        Ok(now)
    }

    /// Goes on until this gives something, at most for so long; nothing where it gave nothing.
    pub(super) fn until<T>(
        &mut self,
        within: Duration,
        mut look: impl FnMut(&mut Self, Mono) -> Option<T>,
    ) -> Result<Option<T>, Broken> {
        let started = self.clock.mono();
        loop {
            let now = self.tick()?;
            if let Some(found) = look(self, now) {
                return Ok(Some(found));
            }
            if now.since(started) >= within {
                return Ok(None);
            }
        }
    }

    /// Lets this much time pass.
    pub(super) fn pass(&mut self, time: Duration) -> Result<(), Broken> {
        self.until::<()>(time, |_, _| None).map(drop)
    }

    fn look(&mut self, now: Mono) {
        let watts = |links: &Links, device: DeviceIx| links.seen(device)?.power.known();
        for subject in self.subjects.values_mut() {
            if let Some((power, at)) = watts(&self.links, subject.device) {
                take(&mut subject.readings, at, now, power.watts());
            }
        }
        let site = &self.standing.site;
        if let Some((import, at)) = watts(&self.links, site.poi.meter) {
            let hall = site.hall.meter.and_then(|meter| watts(&self.links, meter));
            take(&mut self.poi, at, now, (import - hall.map_or(Power::ZERO, |(power, _)| power)).watts());
        }
    }

    /// Every permit lasts as long as in a run; that of outlets with miners behind it until it would be known that these sleep.
    fn renew(&self, now: Mono) {
        let lapses = now.after(self.site().tick.lapse);
        for (ix, subject) in self.subjects.iter().filter(|(_, subject)| !subject.silent) {
            let Some((outlets, units)) = subject.told else { continue };
            let sleep = self.standing.groups.get(*ix).and_then(|fixed| fixed.sleep);
            let rest = sleep.map_or(Duration::ZERO, |sleep| sleep.proof);
            self.links.command(subject.device, outlets, lapses.after(rest));
            self.links.command_miners(*ix, units, lapses);
        }
    }

    /// Tells a group something, at once.
    pub(super) fn tell(&mut self, ix: GroupIx, outlets: u64, units: u64) {
        let now = self.clock.mono();
        let Some(fixed) = self.standing.groups.get(ix).copied() else { return };
        if let Some(subject) = self.subjects.get_mut(&ix) {
            let before = running(&fixed, subject.told.or(subject.found.map(|found| (found.outlets, found.units))));
            let after = running(&fixed, Some((outlets, units)));
            if before & !after != 0 {
                subject.lowered = Some(now);
            }
            subject.told = Some((outlets, units));
        }
        self.renew(now);
    }

    /// The units of a group that run as far as it was told, or was found.
    pub(super) fn running(&self, ix: GroupIx) -> u64 {
        let subject = self.subjects.get(&ix);
        let now = subject.and_then(|subject| subject.told.or(subject.found.map(|found| (found.outlets, found.units))));
        self.standing.groups.get(ix).map_or(0, |fixed| running(fixed, now))
    }

    /// What the units draw that have power and do not run.
    pub(super) fn idle(&self, ix: GroupIx) -> Power {
        let outlets = self.subjects.get(&ix).and_then(|subject| subject.told).map_or(0, |(outlets, _)| outlets);
        let dark = !outlets;
        self.standing.groups.get(ix).map_or(Power::ZERO, |fixed| fixed.asleep(self.running(ix), dark & fixed.all_on))
    }

    /// What meters err and miners hum by: a quarter of a unit, as in the decision.
    pub(super) fn errs(&self, ix: GroupIx) -> Power {
        self.standing.groups.get(ix).map_or(Power::ZERO, |fixed| Power::from_watts(fixed.unit.watts() / 4))
    }

    /// What its PDU measured last.
    pub(super) fn measured(&self, ix: GroupIx) -> Option<Power> {
        let device = self.subjects.get(&ix)?.device;
        Some(self.links.seen(device)?.power.known()?.0)
    }

    /// What its PDU shows from a moment on, and a little before.
    pub(super) fn curve(&self, ix: GroupIx, from: Mono) -> Curve {
        self.subjects.get(&ix).map_or_else(Curve::default, |subject| curve(&subject.readings, from))
    }

    /// Import at the POI less what the hall's meter shows, from a moment on.
    pub(super) fn poi_curve(&self, from: Mono) -> Curve {
        curve(&self.poi, from)
    }

    /// Whether what was told fits with these units on top.
    pub(super) fn fits(&self, now: Mono, more: &BTreeMap<GroupIx, u64>) -> Result<(), Short> {
        let mine: Vec<(GroupIx, Power)> = self
            .subjects
            .iter()
            .filter_map(|(ix, subject)| {
                let fixed = self.standing.groups.get(*ix)?;
                let units = running(fixed, subject.told) | more.get(ix).copied().unwrap_or(0);
                let is_ours = subject.told.is_some() || more.contains_key(ix);
                is_ours.then(|| (*ix, fixed.power_of(units)))
            })
            .collect();
        let others = self.others(&mine);
        let told = |(ix, _): &(GroupIx, Power)| {
            let told = self.standing.groups.get(*ix).map_or(Power::ZERO, |fixed| fixed.power_of(self.running(*ix)));
            // What goes down still is in the POI's reading too.
            told.max(self.measured(*ix).unwrap_or(Power::ZERO))
        };
        let drawn = others.iter().map(|(_, drawn)| *drawn).sum::<Power>() + mine.iter().map(told).sum();
        let others: Vec<Power> = others.into_iter().map(|(counts, _)| counts).collect();
        let facts = Facts { standing: &self.standing, meters: self.meters(now), cap: self.cap, others: &others, drawn };
        if !more.is_empty() {
            facts.are_fresh()?;
        }
        facts.fit(&mine)
    }

    /// What each group that is not ours counts as, and what it draws.
    fn others(&self, mine: &[(GroupIx, Power)]) -> Vec<(Power, Power)> {
        let of = |(ix, (group, fixed)): (GroupIx, (&Group, &Fixed))| {
            if mine.iter().any(|(mine, _)| *mine == ix) {
                return (Power::ZERO, Power::ZERO);
            }
            let seen = group.paths.first().and_then(|path| self.links.seen(path.device));
            let known = seen.filter(|seen| seen.link == Link::Up && !fixed.may_switch_on);
            let measured = known.and_then(|seen| Some(seen.power.known()?.0));
            let on = known.and_then(|seen| seen.on).map_or(fixed.all_on, |(on, _)| on);
            let counts = fixed.power_of(on).max(measured.unwrap_or(Power::ZERO));
            (counts, measured.unwrap_or(counts))
        };
        self.standing.site.groups.iter().zip(&self.standing.groups).enumerate().map(of).collect()
    }

    fn meters(&self, now: Mono) -> Meters {
        let site = self.site();
        let aged = |meter: Option<DeviceIx>| -> Aged {
            let (power, at) = self.links.seen(meter?)?.power.known()?;
            Some((power, now.since(at)))
        };
        Meters { poi: aged(Some(site.poi.meter)), hall: aged(site.hall.meter), house: aged(site.house.meter) }
    }

    /// What is short, for a person.
    pub(super) fn words(&self, short: &Short) -> String {
        match short {
            Short::Stale(meter) => {
                format!("the {meter}'s meter shows nothing fresh, and nothing is raised without that")
            }
            Short::NoRoom { group, needs, left } => {
                format!(
                    "there is no room for `{}`: it needs {needs}, and {left} are left beside the hall's worst case",
                    self.name(*group)
                )
            }
        }
    }

    /// Waits until all meters that a raise needs are fresh.
    pub(super) fn meters_are_in(&mut self, within: Duration) -> Result<(), String> {
        let started = self.clock.mono();
        loop {
            std::thread::sleep(LOOK_EVERY);
            let now = self.clock.mono();
            self.look(now);
            let facts = Facts {
                standing: &self.standing,
                meters: self.meters(now),
                cap: None,
                others: &[],
                drawn: Power::ZERO,
            };
            match facts.are_fresh() {
                Ok(()) => return Ok(()),
                Err(short) if now.since(started) >= within => {
                    let trouble = self.links.trouble(self.site().poi.meter).unwrap_or_default();
                    return Err(format!("{}; {trouble}", self.words(&short)));
                }
                Err(_) if self.stop.load(Ordering::Relaxed) => return Err("it was asked to end".into()),
                Err(_) => {}
            }
        }
    }
}

/// The units of a group that run while these outlets are on and these units may mine.
fn running(fixed: &Fixed, told: Option<(u64, u64)>) -> u64 {
    let (outlets, units) = told.unwrap_or_default();
    fixed.all_on & if fixed.sleep.is_some() { outlets & units } else { outlets }
}

/// Takes in a reading that is not the one before.
fn take(readings: &mut VecDeque<(Mono, Mono, i64)>, at: Mono, now: Mono, watts: i64) {
    if readings.back().is_some_and(|(last, _, _)| *last == at) {
        return;
    }
    if readings.len() >= READINGS {
        readings.pop_front();
    }
    readings.push_back((at, now, watts));
}

fn curve(readings: &VecDeque<(Mono, Mono, i64)>, from: Mono) -> Curve {
    let micros = |at: Mono| i64::try_from(at.micros()).unwrap_or(i64::MAX);
    let start = micros(from);
    let earliest = from.before(BEFORE);
    let of = |(at, seen, watts): &(Mono, Mono, i64)| Sample {
        from_ms: (micros(*at) - start) / 1_000,
        seen_ms: (micros(*seen) - start).div_euclid(1_000),
        watts: *watts,
    };
    Curve(readings.iter().filter(|(_, seen, _)| *seen >= earliest).map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_reading_seen_again_is_one_sample() {
        let (mut readings, at) = (VecDeque::new(), Mono::from_millis);
        take(&mut readings, at(1_000), at(1_100), 5);
        take(&mut readings, at(1_000), at(1_120), 5);
        take(&mut readings, at(2_000), at(2_050), 7);
        let curve = curve(&readings, at(1_500));
        assert_eq!(
            curve.0,
            vec![Sample { from_ms: -500, seen_ms: -400, watts: 5 }, Sample { from_ms: 500, seen_ms: 550, watts: 7 },]
        );
    }
}
