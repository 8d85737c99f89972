//! What came of many seeds on several sites together: sums, the worst with the site and seed it was seen in, and one root over
//! all roots.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::blame::{Blame, Booked};
use super::episode::Episode;
use super::fault::Class;
use super::reached::{PAIRS_FROM, Reached, STATES_FROM, State, pairs};
use crate::journal::sha256;
use crate::site::Site;
use crate::units::{Energy, Power};

/// One seed on one site, by its place in the list of sites. In the order in which they are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    /// The seed.
    pub seed: u64,
    /// The site.
    pub site: usize,
}

/// The worst of something, and where it was; nowhere where there was none at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worst<T> {
    /// How bad.
    pub value: T,
    /// Where.
    pub case: Option<Case>,
}

impl<T: Ord + Copy + Default> Worst<T> {
    /// Of equal ones the first, whichever core was faster.
    fn add(&mut self, value: T, case: Case) {
        let earlier = value == self.value && self.case.is_some_and(|was| case < was);
        if value > self.value || earlier {
            *self = Self { value, case: Some(case) };
        }
    }
}

/// What was over the limit because of one kind, in all runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blamed {
    /// How often.
    pub excursions: u64,
    /// All energy.
    pub energy: Energy,
    /// The most energy of one excursion.
    pub worst: Worst<Energy>,
    /// The highest.
    pub highest: Worst<Power>,
    /// The longest.
    pub longest: Worst<Duration>,
}

impl Blamed {
    fn add(&mut self, booked: &Booked, case: Case) {
        self.excursions += booked.excursions;
        self.energy += booked.energy;
        self.worst.add(booked.worst, case);
        self.highest.add(booked.highest, case);
        self.longest.add(booked.longest, case);
    }
}

/// What came of all seeds.
#[derive(Clone, Debug, Default)]
pub struct Together {
    /// Seeds run, each site's counted.
    pub seeds: u64,
    /// Virtual time of all.
    pub span: Duration,
    /// Ticks decided.
    pub ticks: u64,
    /// Starts of the controller.
    pub starts: u64,
    /// Calms at whose end everything usable was looked for.
    pub calms: u64,
    /// Faults that struck, by class.
    pub faults: BTreeMap<Class, u64>,
    /// Pairs of classes that were in force at once.
    pub pairs: BTreeSet<(Class, Class)>,
    /// Rules, events, connections and starts that were there.
    pub reached: Reached,
    /// What was over the limit, by what was at fault.
    pub blamed: BTreeMap<Blame, Blamed>,
    /// The worst energy over the limit of one seed.
    pub worst_excess: Worst<Energy>,
    /// The most that miners drew over it.
    pub highest: Worst<Power>,
    /// The longest time over the limit while the controller was in control.
    pub longest_over: Worst<Duration>,
    /// Spare power, what of it was absorbed, and what was over the limit.
    pub spare: Energy,
    /// Absorbed.
    pub absorbed: Energy,
    /// Over the limit.
    pub excess: Energy,
    /// Times a unit was switched, and units.
    pub switches: u64,
    /// Units of all seeds.
    pub units: u64,
    /// Episodes in which a promise was broken.
    pub broken: Vec<(Case, Episode)>,
    roots: BTreeMap<Case, String>,
}

impl Together {
    pub(super) fn add(&mut self, case: Case, episode: Episode) {
        let score = &episode.score;
        self.seeds += 1;
        self.span += episode.span;
        self.ticks += episode.ticks;
        self.starts += episode.starts;
        self.calms += episode.calms;
        episode.faults.iter().for_each(|(class, count)| *self.faults.entry(*class).or_default() += count);
        self.pairs.extend(episode.pairs.iter().copied());
        self.reached.add(&episode.reached);
        episode.blamed.iter().for_each(|(blame, booked)| self.blamed.entry(*blame).or_default().add(booked, case));
        let over = episode.blamed.values().fold(Energy::default(), |sum, booked| sum + booked.energy);
        self.worst_excess.add(over, case);
        self.highest.add(episode.blamed.values().map(|booked| booked.highest).max().unwrap_or_default(), case);
        self.longest_over.add(episode.longest_over, case);
        self.spare += score.spare;
        self.absorbed += score.absorbed;
        self.excess += over;
        self.switches += score.switches;
        self.units += score.units;
        self.roots.insert(case, episode.root.clone());
        if !episode.broken.is_empty() {
            self.broken.push((case, episode));
        }
    }

    /// All faults that struck.
    pub fn injected(&self) -> u64 {
        self.faults.values().sum()
    }

    /// One root for the run, in hex: SHA-256 over the roots of all seeds, seed by seed and within each site by site.
    pub fn root(&self) -> String {
        let lines: String = self.roots.values().map(|root| format!("{root}\n")).collect();
        sha256(lines.as_bytes())
    }

    /// What a run with every class on had to reach and never did.
    pub fn never(&self, sites: &[&Site]) -> Never {
        let Self { span, .. } = *self;
        let can = Class::on_any(sites);
        let classes = can.iter().copied().filter(|class| !self.faults.contains_key(class));
        Never {
            classes: (span >= STATES_FROM).then(|| classes.collect()),
            states: (span >= STATES_FROM).then(|| self.reached.never(sites, span)),
            pairs: (span >= PAIRS_FROM)
                .then(|| pairs(sites).into_iter().filter(|pair| !self.pairs.contains(pair)).collect()),
        }
    }
}

/// What was never reached; nothing where the run was too short to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Never {
    /// Classes of faults.
    pub classes: Option<Vec<Class>>,
    /// Rules, events, connections, starts.
    pub states: Option<Vec<State>>,
    /// Pairs of classes.
    pub pairs: Option<Vec<(Class, Class)>>,
}

impl Never {
    /// What was never reached of all that was asked for, by name.
    pub fn names(&self) -> Vec<String> {
        let classes = self.classes.iter().flatten().map(|class| format!("fault {}", class.name()));
        let states = self.states.iter().flatten().map(|State(sort, name)| format!("{sort} {name}"));
        let pairs = self.pairs.iter().flatten().map(|(one, two)| format!("{} with {}", one.name(), two.name()));
        classes.chain(states).chain(pairs).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episode(root: &str) -> Episode {
        Episode { root: root.to_owned(), span: Duration::from_secs(3_600), ..Episode::default() }
    }

    fn together(cases: &[(u64, usize, &str)]) -> Together {
        let mut all = Together::default();
        cases.iter().for_each(|(seed, site, root)| all.add(Case { seed: *seed, site: *site }, episode(root)));
        all
    }

    #[test]
    fn the_root_of_a_run_is_the_same_whichever_core_was_first() {
        let one = together(&[(1, 0, "a"), (1, 1, "b"), (2, 0, "c")]);
        let other = together(&[(2, 0, "c"), (1, 0, "a"), (1, 1, "b")]);
        assert_eq!(one.root(), other.root());
        assert_ne!(one.root(), together(&[(1, 0, "a"), (1, 1, "b"), (2, 0, "d")]).root());
    }

    #[test]
    fn of_equally_bad_seeds_the_first_is_named() {
        let mut worst = Worst::default();
        for (value, seed) in [(0, 1), (5, 9), (5, 3), (4, 1)] {
            worst.add(value, Case { seed, site: 0 });
        }
        assert_eq!(worst, Worst { value: 5, case: Some(Case { seed: 3, site: 0 }) });
    }

    #[test]
    fn a_run_is_asked_for_everything_once_it_is_long_enough() {
        let hours = |count: u64| together(&(0..count).map(|seed| (seed, 0, "a")).collect::<Vec<_>>());
        assert_eq!(hours(19).never(&[]), Never::default());
        let never = hours(20).never(&[]);
        assert_eq!(never.classes.as_ref().map(Vec::len), Some(Class::on_any(&[]).len()));
        assert_eq!(never.pairs, None);
        assert!(never.names().contains(&"fault killed".to_owned()));
        assert!(never.names().contains(&"start after a hang".to_owned()));
        let never = hours(1_000).never(&[]);
        assert!(never.names().contains(&"killed with loop-hangs".to_owned()));
    }
}
