//! Which faults one seed brings, and when. Storms, in which faults of the classes that the seed switched on come every few
//! seconds, and calms between them, long enough that everything usable must be in use again.
//!
//! Chance alone would leave some pairs of classes out for ever, and would hardly ever let one kind of device fail alone. So every
//! fourth storm leaves all but one kind well, and each of the others brings one pair of classes together, all in turn from seed
//! to seed.
//!
//! What only miners with firmware of their own can do is drawn from a stream of chance of its own, and only for sites that have some, and so
//! is what happens to the contactors of feeders: all other sites keep the schedules that they had.

use std::time::Duration;

use super::blame::Blame;
use super::fault::{Class, Fault, Part, Weather, has_contactors, has_firmware};
use crate::plant::Chance;
use crate::site::Site;
use crate::time::Mono;

/// Every so manieth storm is one in which a single kind of device fails.
const ALONE_EVERY: u64 = 4;
/// What goes on in the storms of one kind too: it moves no power.
const BESIDE: [Class; 3] = [Class::PriceLost, Class::PriceFrozen, Class::WallSteps];
/// The two that are brought together begin so close to each other, in milliseconds: less than a turn of the loop.
const TOGETHER: (i64, i64) = (0, 20);
/// Time between two faults of miners in a storm, on average: a unit that was found three times is of no use any more.
const MINERS_EVERY: Duration = Duration::from_secs(8);
/// Time between two faults of contactors in a storm, on average: what is open stays so for a while.
const FEEDERS_EVERY: Duration = Duration::from_secs(90);
/// A person lets back who is in quarantine in every so manieth storm.
const READMITTED_IN: i64 = 3;

/// All faults of a run in the order in which they begin. The seed switches about half of the classes on in each storm.
pub(super) fn schedule(site: &Site, weather: &Weather, seed: u64, span: Duration) -> Vec<Fault> {
    let with_firmware = has_firmware(site);
    let (of_firmware, rest): (Vec<Class>, Vec<Class>) =
        weather.classes.iter().copied().partition(|class| class.is_of_firmware());
    let (of_feeders, plain): (Vec<Class>, Vec<Class>) = rest.into_iter().partition(|class| class.is_of_feeders());
    let mut sky =
        Sky { site, every: weather.every, classes: plain, chance: Chance::new(seed, 900), faults: Vec::new() };
    let chance = Chance::new(seed, 901);
    let mut miners = Sky { site, every: MINERS_EVERY, classes: of_firmware, chance, faults: Vec::new() };
    let chance = Chance::new(seed, 902);
    let mut feeders = Sky { site, every: FEEDERS_EVERY, classes: of_feeders, chance, faults: Vec::new() };
    let end = Mono::START.after(span);
    let mut start = Mono::START.after(weather.calm / 4);
    let turn = weather.storm.saturating_add(weather.calm).as_millis().max(1);
    let in_each = span.saturating_sub(weather.calm / 4).as_millis().div_ceil(turn);
    let mut number = seed.wrapping_mul(u64::try_from(in_each).unwrap_or(1));
    while start < end && !weather.classes.is_empty() {
        let stop = start.after(weather.storm);
        sky.storm(number, start, stop.min(end));
        if with_firmware {
            miners.storm_of_miners(&sky.classes, number, start, stop.min(end));
        }
        if has_contactors(site) {
            feeders.storm_of_feeders(&sky.classes, number, start, stop.min(end));
        }
        start = stop.after(weather.calm);
        number = number.wrapping_add(1);
    }
    sky.faults.append(&mut miners.faults);
    sky.faults.append(&mut feeders.faults);
    sky.faults.sort_by_key(|fault| fault.from);
    sky.faults
}

struct Sky<'a> {
    site: &'a Site,
    /// Time between two faults, on average.
    every: Duration,
    /// The classes that may strike.
    classes: Vec<Class>,
    chance: Chance,
    faults: Vec<Fault>,
}

impl Sky<'_> {
    fn storm(&mut self, number: u64, start: Mono, stop: Mono) {
        let (round, place) = (number / ALONE_EVERY, number % ALONE_EVERY);
        let kind = self.alone(number);
        let alone: Vec<Class> = kind.map(|kind| self.of_kind(kind)).unwrap_or_default();
        if kind == Some(Blame::Miner) || !alone.is_empty() {
            let beside = BESIDE.into_iter().filter(|class| self.classes.contains(class));
            let classes: Vec<Class> = alone.into_iter().chain(beside).collect();
            return self.strike(&classes, kind, start, stop);
        }
        let in_force = self.half();
        self.strike(&in_force, None, start, stop);
        if let Some(two) = pair(&self.classes, round * (ALONE_EVERY - 1) + place.saturating_sub(1)) {
            self.bring_together(two, start, stop);
        }
    }

    /// What of the miners' own faults there is in the same storm; nothing where another kind fails alone.
    fn storm_of_miners(&mut self, others: &[Class], number: u64, start: Mono, stop: Mono) {
        if self.classes.is_empty() || self.alone(number).is_some_and(|kind| kind != Blame::Miner) {
            return;
        }
        let in_force = self.half();
        // A cap asks for less, and shows who does not sleep.
        let cap = others.iter().filter(|class| **class == Class::Cap);
        let lie = in_force.iter().filter(|class| class.strikes() == Part::Miner).chain(cap);
        let lie: Vec<Class> = lie.copied().collect();
        self.strike(&lie, None, start, stop);
        if self.classes.contains(&Class::Readmitted) && self.chance.one_in(READMITTED_IN) {
            let length = i64::try_from(stop.since(start).as_millis()).unwrap_or(0);
            let at = start.after(millis(self.chance.between(length / 2, length - 1)));
            self.fault(Class::Readmitted, 0, at, stop);
        }
        if let Some(two) = pair_of(&self.classes, others, number).filter(|_| self.alone(number).is_none()) {
            self.bring_together(two, start, stop);
        }
    }

    /// What happens to the contactors of feeders in the same storm; nothing where another kind fails alone.
    fn storm_of_feeders(&mut self, others: &[Class], number: u64, start: Mono, stop: Mono) {
        if self.classes.is_empty() || self.alone(number).is_some() {
            return;
        }
        let in_force = self.half();
        self.strike(&in_force, None, start, stop);
        if let Some(two) = pair_of(&self.classes, others, number) {
            self.bring_together(two, start, stop);
        }
    }

    /// The kind of device that fails alone in the storm of this number, where one does.
    fn alone(&self, number: u64) -> Option<Blame> {
        let (round, place) = (number / ALONE_EVERY, number % ALONE_EVERY);
        let kinds = Blame::alone(self.site);
        let of = usize::try_from(round).unwrap_or(0) % kinds.len().max(1);
        kinds.get(of).copied().filter(|_| place == 0)
    }

    /// About half of the classes, or all.
    fn half(&mut self) -> Vec<Class> {
        let (classes, chance) = (&self.classes, &mut self.chance);
        let some: Vec<Class> = classes.iter().copied().filter(|_| chance.one_in(2)).collect();
        if some.is_empty() { classes.clone() } else { some }
    }

    /// The classes of this kind, where the weather has them.
    fn of_kind(&self, kind: Blame) -> Vec<Class> {
        let is_of = |class: &Class| (0..class.targets(self.site)).any(|at| Blame::of(*class, at, self.site) == kind);
        self.classes.iter().copied().filter(is_of).collect()
    }

    /// Where a class can strike: miners that nobody can tell anything do not lie.
    fn places(&self, class: Class) -> Vec<usize> {
        let tells = |place: &usize| self.site.groups.get(*place).is_some_and(|group| group.firmware.is_some());
        (0..class.targets(self.site)).filter(|place| class.strikes() != Part::Miner || tells(place)).collect()
    }

    fn strike(&mut self, classes: &[Class], only: Option<Blame>, start: Mono, stop: Mono) {
        let most = i64::try_from(self.every.as_millis()).unwrap_or(1_000).saturating_mul(2);
        let mut at = start;
        loop {
            at = at.after(millis(self.chance.between(1, most)));
            let Some(class) = classes.get(drawn(&mut self.chance, classes.len())).copied().filter(|_| at < stop) else {
                return;
            };
            let places = self.places(class);
            let of_kind = |place: &usize| only.is_none_or(|kind| Blame::of(class, *place, self.site) == kind);
            let some: Vec<usize> = places.iter().copied().filter(of_kind).collect();
            let some = if some.is_empty() { places } else { some };
            let target = some.get(drawn(&mut self.chance, some.len())).copied().unwrap_or(0);
            self.fault(class, target, at, stop);
        }
    }

    fn fault(&mut self, class: Class, target: usize, from: Mono, stop: Mono) {
        let (shortest, longest) = class.lasts();
        // As often an extreme as anything between.
        let lasts = match self.chance.between(0, 3) {
            0 => shortest,
            1 => longest,
            _ => self.chance.between(shortest, longest),
        };
        let degree = self.chance.between(0, 1_000_000);
        self.faults.push(Fault { class, from, to: from.after(millis(lasts)).min(stop), target, degree });
    }

    /// These two, at the same device where both can strike it.
    fn bring_together(&mut self, (one, two): (Class, Class), start: Mono, stop: Mono) {
        let length = i64::try_from(stop.since(start).as_millis()).unwrap_or(0);
        let first = start.after(millis(self.chance.between(length / 4, length / 2)));
        let second = first.after(millis(self.chance.between(TOGETHER.0, TOGETHER.1)));
        let (of_one, of_two) = (self.places(one), self.places(two));
        let nth = drawn(&mut self.chance, of_one.len());
        let nth_of_two = if of_one.len() == of_two.len() { nth } else { drawn(&mut self.chance, of_two.len()) };
        let place = |places: &[usize], nth: usize| places.get(nth).copied().unwrap_or(0);
        let (target, other) = (place(&of_one, nth), place(&of_two, nth_of_two));
        self.fault(one, target, first, stop);
        self.fault(two, other, second, stop);
    }
}

/// The pair of this number, each pair in turn.
fn pair(classes: &[Class], number: u64) -> Option<(Class, Class)> {
    let pairs =
        || classes.iter().enumerate().flat_map(|(ix, one)| classes.iter().skip(ix + 1).map(move |two| (*one, *two)));
    let count = u64::try_from(pairs().count()).unwrap_or(0).max(1);
    pairs().nth(usize::try_from(number % count).unwrap_or(0))
}

/// The pair of this number of those of which at least one is of the first.
fn pair_of(first: &[Class], others: &[Class], number: u64) -> Option<(Class, Class)> {
    let mixed = || first.iter().flat_map(|one| others.iter().map(move |two| (*one, *two)));
    let count = u64::try_from(mixed().count()).unwrap_or(0);
    let within = u64::try_from(first.len() * first.len().saturating_sub(1) / 2).unwrap_or(0);
    let place = number % (count + within).max(1);
    if place < count { mixed().nth(usize::try_from(place).unwrap_or(0)) } else { pair(first, place - count) }
}

fn drawn(chance: &mut Chance, of: usize) -> usize {
    let last = i64::try_from(of).unwrap_or(1).saturating_sub(1);
    usize::try_from(chance.between(0, last)).unwrap_or(0)
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::site::file::load;

    fn weather() -> Weather {
        let seconds = Duration::from_secs;
        Weather { storm: seconds(480), calm: seconds(425), every: seconds(2), classes: Class::ALL.to_vec() }
    }

    fn faults(seed: u64) -> Vec<Fault> {
        let site = load("demo.toml", include_str!("../../sites/demo.toml")).unwrap();
        schedule(&site, &weather(), seed, Duration::from_secs(3_600))
    }

    #[test]
    fn faults_come_in_order_and_end_after_they_begin() {
        let faults = faults(3);
        assert!(faults.len() > 300);
        assert!(faults.windows(2).all(|two| two[0].from <= two[1].from));
        assert!(faults.iter().all(|fault| fault.to > fault.from));
    }

    #[test]
    fn every_pair_of_classes_has_its_turn() {
        let pairs = (Class::ALL.len() * (Class::ALL.len() - 1) / 2) as u64;
        let in_order = |(one, two): (Class, Class)| (one.min(two), one.max(two));
        let met: BTreeSet<_> = (0..pairs).filter_map(|number| pair(&Class::ALL, number)).map(in_order).collect();
        assert_eq!(met.len() as u64, pairs);
        assert!(met.iter().all(|(one, two)| one != two));
        assert_eq!(pair(&[Class::Killed], 7), None);
    }

    #[test]
    fn in_every_fourth_storm_one_kind_fails_alone() {
        let site = load("demo.toml", include_str!("../../sites/demo.toml")).unwrap();
        let first_storm = |seed: u64| {
            let till = Mono::from_millis(600_000);
            let faults = faults(seed).into_iter().filter(move |fault| fault.from < till);
            let moves = faults.filter(|fault| !BESIDE.contains(&fault.class));
            moves.map(|fault| Blame::of(fault.class, fault.target, &site)).collect::<BTreeSet<_>>()
        };
        // Four storms an hour: the first of each seed is one of those.
        let seen: BTreeSet<Blame> = (0..9)
            .flat_map(|seed| {
                let kinds = first_storm(seed);
                assert_eq!(kinds.len(), 1, "seed {seed}: {kinds:?}");
                kinds
            })
            .collect();
        assert_eq!(seen.len(), Blame::alone(&site).len());
    }
}
