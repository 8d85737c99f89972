//! Which faults one seed brings, and when. Storms, in which faults of the classes that the seed switched on come every few
//! seconds, and calms between them, long enough that everything usable must be in use again.
//!
//! Chance alone would leave some pairs of classes out for ever, and would hardly ever let one kind of device fail alone. So every
//! fourth storm leaves all but one kind well, and each of the others brings one pair of classes together, all in turn from seed
//! to seed.

use std::time::Duration;

use super::blame::Blame;
use super::fault::{Class, Fault, Weather};
use crate::plant::Chance;
use crate::site::Site;
use crate::time::Mono;

/// Every so manieth storm is one in which a single kind of device fails.
const ALONE_EVERY: u64 = 4;
/// What goes on in the storms of one kind too: it moves no power.
const BESIDE: [Class; 3] = [Class::PriceLost, Class::PriceFrozen, Class::WallSteps];
/// The two that are brought together begin so close to each other, in milliseconds: less than a turn of the loop.
const TOGETHER: (i64, i64) = (0, 20);

/// All faults of a run in the order in which they begin. The seed switches about half of the classes on in each storm.
pub(super) fn schedule(site: &Site, weather: &Weather, seed: u64, span: Duration) -> Vec<Fault> {
    let mut sky = Sky { site, weather, chance: Chance::new(seed, 900), faults: Vec::new() };
    let end = Mono::START.after(span);
    let mut start = Mono::START.after(weather.calm / 4);
    let turn = weather.storm.saturating_add(weather.calm).as_millis().max(1);
    let in_each = span.saturating_sub(weather.calm / 4).as_millis().div_ceil(turn);
    let mut number = seed.wrapping_mul(u64::try_from(in_each).unwrap_or(1));
    while start < end && !weather.classes.is_empty() {
        let stop = start.after(weather.storm);
        sky.storm(number, start, stop.min(end));
        start = stop.after(weather.calm);
        number = number.wrapping_add(1);
    }
    sky.faults.sort_by_key(|fault| fault.from);
    sky.faults
}

struct Sky<'a> {
    site: &'a Site,
    weather: &'a Weather,
    chance: Chance,
    faults: Vec<Fault>,
}

impl Sky<'_> {
    fn storm(&mut self, number: u64, start: Mono, stop: Mono) {
        let (round, place) = (number / ALONE_EVERY, number % ALONE_EVERY);
        let kinds = Blame::alone(self.site);
        let kind = kinds.get(usize::try_from(round).unwrap_or(0) % kinds.len().max(1)).copied();
        let alone: Vec<Class> = kind.map(|kind| self.of_kind(kind)).unwrap_or_default();
        if place == 0 && !alone.is_empty() {
            let beside = BESIDE.into_iter().filter(|class| self.weather.classes.contains(class));
            let classes: Vec<Class> = alone.into_iter().chain(beside).collect();
            return self.strike(&classes, kind, start, stop);
        }
        let all = &self.weather.classes;
        let in_force: Vec<Class> = all.iter().copied().filter(|_| self.chance.one_in(2)).collect();
        let in_force = if in_force.is_empty() { all.clone() } else { in_force };
        self.strike(&in_force, None, start, stop);
        self.bring_together(round * (ALONE_EVERY - 1) + place.saturating_sub(1), start, stop);
    }

    /// The classes of this kind, where the weather has them.
    fn of_kind(&self, kind: Blame) -> Vec<Class> {
        let is_of = |class: &Class| (0..class.targets(self.site)).any(|at| Blame::of(*class, at, self.site) == kind);
        self.weather.classes.iter().copied().filter(is_of).collect()
    }

    fn strike(&mut self, classes: &[Class], only: Option<Blame>, start: Mono, stop: Mono) {
        let most = i64::try_from(self.weather.every.as_millis()).unwrap_or(1_000).saturating_mul(2);
        let mut at = start;
        loop {
            at = at.after(millis(self.chance.between(1, most)));
            let Some(class) = classes.get(drawn(&mut self.chance, classes.len())).copied().filter(|_| at < stop) else {
                return;
            };
            let places: Vec<usize> = (0..class.targets(self.site)).collect();
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

    /// The pair of this number, at the same device where both can strike it.
    fn bring_together(&mut self, number: u64, start: Mono, stop: Mono) {
        let Some((one, two)) = pair(&self.weather.classes, number) else { return };
        let length = i64::try_from(stop.since(start).as_millis()).unwrap_or(0);
        let first = start.after(millis(self.chance.between(length / 4, length / 2)));
        let second = first.after(millis(self.chance.between(TOGETHER.0, TOGETHER.1)));
        let (of_one, of_two) = (one.targets(self.site), two.targets(self.site));
        let target = drawn(&mut self.chance, of_one);
        let other = if of_one == of_two { target } else { drawn(&mut self.chance, of_two) };
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
