//! Many seeds on all cores: what came of them together, the first broken promises with the command that shows them again, and
//! the smallest part of a seed's faults that still breaks one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::episode::{self, Episode, Setting};
use super::fault::{Class, Fault, schedule};
use super::oracle::{Broken, Promise};
use crate::journal::held::Held;
use crate::journal::{lay, sha256};
use crate::run::Again;
use crate::time::Mono;
use crate::units::{Energy, Power};

/// The journal of every so manieth seed is decided again: that takes as long as the seed itself.
const REPLAYED: u64 = 10;

/// Many seeds of one setting.
pub struct Swarm<'a>(pub Setting<'a>);

/// What came of all seeds.
#[derive(Clone, Debug, Default)]
pub struct Together {
    /// Seeds run.
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
    /// The worst energy over the limit of one seed, and which.
    pub worst_excess: (Energy, u64),
    /// The highest import over the limit, and in which seed.
    pub highest: (Power, u64),
    /// The longest time over the limit while the controller was in control, and in which seed.
    pub longest_over: (Duration, u64),
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
    /// Episodes in which a promise was broken, by seed.
    pub broken: Vec<Episode>,
}

impl Together {
    fn add(&mut self, episode: Episode) {
        let (seed, score) = (episode.seed, &episode.score);
        self.seeds += 1;
        self.span += episode.span;
        self.ticks += episode.ticks;
        self.starts += episode.starts;
        self.calms += episode.calms;
        episode.faults.iter().for_each(|(class, count)| *self.faults.entry(*class).or_default() += count);
        self.pairs.extend(episode.pairs.iter().copied());
        // Of equal ones the lowest seed, whichever core was first.
        let later = |was: u64| std::cmp::Reverse(was);
        self.worst_excess = max_by(self.worst_excess, (score.excess, seed), later);
        self.highest = max_by(self.highest, (score.worst_excess, seed), later);
        self.longest_over = max_by(self.longest_over, (episode.longest_over, seed), later);
        self.spare += score.spare;
        self.absorbed += score.absorbed;
        self.excess += score.excess;
        self.switches += score.switches;
        self.units += score.units;
        if !episode.broken.is_empty() {
            self.broken.push(episode);
        }
    }
}

fn max_by<T: Ord + Copy, K: Ord>(one: (T, u64), two: (T, u64), key: impl Fn(u64) -> K) -> (T, u64) {
    if (two.0, key(two.1)) > (one.0, key(one.1)) { two } else { one }
}

/// What came of a hunt.
#[derive(Clone, Debug, Default)]
pub struct Hunt {
    /// The lowest seed that broke a promise, and which.
    pub caught: Option<(u64, Broken)>,
    /// Site time of the seeds that broke none.
    pub clean: Duration,
}

impl Hunt {
    fn add(&mut self, seed: u64, span: Duration, broken: Option<Broken>) {
        match broken {
            None if seed < self.seed() => self.clean += span,
            Some(broken) if seed < self.seed() => self.caught = Some((seed, broken)),
            None | Some(_) => {}
        }
    }

    fn seed(&self) -> u64 {
        self.caught.as_ref().map_or(u64::MAX, |(seed, _)| *seed)
    }
}

impl Swarm<'_> {
    /// Runs these seeds on this many threads. `each` sees how many are done, now and then.
    pub fn run(&self, seeds: Range<u64>, threads: usize, each: impl Fn(u64) + Sync) -> Together {
        let (next, done) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
        let together = Mutex::new(Together::default());
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end {
                            return;
                        }
                        let episode = self.one(seed, None);
                        together.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(episode);
                        each(done.fetch_add(1, Ordering::Relaxed) + 1);
                    }
                });
            }
        });
        let mut together = together.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        together.broken.sort_by_key(|episode| episode.seed);
        together
    }

    /// Runs one seed, with its own faults or with these. The journal of some seeds is decided again.
    pub fn one(&self, seed: u64, faults: Option<Vec<Fault>>) -> Episode {
        let again = faults.is_none() && seed.is_multiple_of(REPLAYED);
        let (mut episode, lines) = self.recorded(seed, faults);
        if again && let Err(what) = self.replays(&lines) {
            episode.broken.push(Broken { promise: Promise::Replays, at: Mono::START.after(episode.span), what });
        }
        episode
    }

    /// Runs one seed, and gives its journal with it.
    pub fn recorded(&self, seed: u64, faults: Option<Vec<Fault>>) -> (Episode, Vec<Vec<u8>>) {
        episode::run(&self.0, seed, faults.unwrap_or_else(|| self.faults(seed)))
    }

    /// Lays the journal of a seed into a folder, with the files that its decisions rest on.
    ///
    /// # Errors
    /// Where the disk refuses, or there is a journal already.
    pub fn lay(&self, dir: &Path, lines: &[Vec<u8>]) -> io::Result<()> {
        let files: Vec<&[u8]> = self.0.files.iter().map(|(_, _, text)| text.as_bytes()).collect();
        lay(dir, &format!("{}.ballast/simulated", self.0.site.name), lines, &files)
    }

    /// Decides a journal again.
    fn replays(&self, lines: &[Vec<u8>]) -> Result<(), String> {
        let files = self.0.files.iter().map(|(_, _, text)| (sha256(text.as_bytes()), text.clone().into_bytes()));
        let text = lines.iter().flat_map(|line| line.iter().copied().chain(*b"\n")).collect();
        let held = Held { checkpoint: None, segments: BTreeMap::from([(0, text)]), files: files.collect() };
        let replayed = held.replay(&mut Again::default()).map_err(|error| error.to_string())?;
        match (replayed.difference, replayed.trouble) {
            (None, None) => Ok(()),
            (Some(other), _) => Err(format!("line {} was {} and is {}", other.line, other.recorded, other.replayed)),
            (None, Some(trouble)) => Err(trouble),
        }
    }

    fn faults(&self, seed: u64) -> Vec<Fault> {
        schedule(self.0.site, self.0.weather, seed, self.0.span)
    }

    /// The first promise that these seeds break beside those that are known to be broken without what is looked for. Every seed
    /// runs until it breaks one; none is begun once `is_over`.
    pub fn hunt(
        &self,
        seeds: Range<u64>,
        threads: usize,
        known: &BTreeSet<(u64, Promise)>,
        is_over: impl Fn() -> bool + Sync,
    ) -> Hunt {
        let (next, first) = (AtomicU64::new(seeds.start), AtomicU64::new(u64::MAX));
        let hunt = Mutex::new(Hunt::default());
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end || seed > first.load(Ordering::Relaxed) || is_over() {
                            return;
                        }
                        let broken = self.first_broken(seed, known, || seed > first.load(Ordering::Relaxed));
                        let mut hunt = hunt.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        hunt.add(seed, self.0.span, broken);
                        first.fetch_min(hunt.seed(), Ordering::Relaxed);
                    }
                });
            }
        });
        hunt.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn first_broken(&self, seed: u64, known: &BTreeSet<(u64, Promise)>, is_over: impl Fn() -> bool) -> Option<Broken> {
        let is_found = |broken: &&Broken| !known.contains(&(seed, broken.promise));
        let stop = |broken: &[Broken]| is_over() || broken.iter().any(|broken| is_found(&broken));
        let (episode, lines) = episode::until(&self.0, seed, self.faults(seed), &stop);
        let broken = episode.broken.iter().find(is_found).cloned();
        if broken.is_some() || is_over() || !seed.is_multiple_of(REPLAYED) {
            return broken;
        }
        let what = self.replays(&lines).err()?;
        Some(Broken { promise: Promise::Replays, at: Mono::START.after(episode.span), what })
    }

    /// The fewest of a seed's faults that still break the same promise, by leaving out ever smaller parts of them (Zeller's
    /// delta debugging). At most `tries` runs.
    pub fn shrink(&self, broken: &Episode, mut tries: u32) -> Vec<Fault> {
        let mut faults = self.faults(broken.seed);
        let Some(first) = broken.broken.first() else { return faults };
        // What begins after it cannot be its reason.
        faults.retain(|fault| fault.from <= first.at);
        let still = |faults: &[Fault]| {
            let again = self.one(broken.seed, Some(faults.to_vec()));
            again.broken.iter().any(|again| again.promise == first.promise)
        };
        let mut part = faults.len() / 2;
        while part > 0 && tries > 0 {
            let mut start = 0;
            while start < faults.len() && tries > 0 {
                let without: Vec<Fault> = faults
                    .iter()
                    .enumerate()
                    .filter(|(ix, _)| !(start..start + part).contains(ix))
                    .map(|(_, f)| *f)
                    .collect();
                tries -= 1;
                if still(&without) {
                    faults = without;
                } else {
                    start += part;
                }
            }
            part /= 2;
        }
        faults
    }
}
