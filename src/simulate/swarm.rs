//! Many seeds on all cores, on one site or on several: each runs with its own faults, and the journal of some is decided again.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::episode::{self, Episode, Setting};
use super::fault::Fault;
use super::oracle::{Broken, Promise};
use super::schedule::schedule;
use super::together::{Case, Together};
use crate::journal::held::Held;
use crate::journal::{lay, sha256};
use crate::run::Again;
use crate::time::Mono;

/// The journal of every so manieth seed is decided again: that takes as long as the seed itself.
pub(super) const REPLAYED: u64 = 10;

/// Many seeds of one setting.
#[derive(Clone, Copy)]
pub struct Swarm<'a>(pub Setting<'a>);

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Far {
    /// Seeds that are done, each site's counted.
    pub done: u64,
    /// Virtual time of them.
    pub span: Duration,
    /// Faults that struck.
    pub faults: u64,
    /// Seeds that broke a promise.
    pub broken: u64,
}

/// Runs every seed on every one of these sites, on this many threads. `each` sees how far it is, after every seed.
pub fn run(swarms: &[Swarm<'_>], seeds: Range<u64>, threads: usize, each: impl Fn(Far) + Sync) -> Together {
    let sites = u64::try_from(swarms.len()).unwrap_or(1).max(1);
    let case = |number: u64| Case {
        seed: seeds.start.saturating_add(number / sites),
        site: usize::try_from(number % sites).unwrap_or(0),
    };
    let next = AtomicU64::new(0);
    let shared = Mutex::new((Together::default(), Far::default()));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let case = case(next.fetch_add(1, Ordering::Relaxed));
                    let Some(swarm) = swarms.get(case.site).filter(|_| case.seed < seeds.end) else { return };
                    let episode = swarm.one(case.seed, None);
                    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    shared.1.add(&episode);
                    shared.0.add(case, episode);
                    each(shared.1);
                }
            });
        }
    });
    let (mut together, _) = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    together.broken.sort_by_key(|(case, _)| *case);
    together
}

impl Far {
    fn add(&mut self, episode: &Episode) {
        self.done += 1;
        self.span += episode.span;
        self.faults += episode.faults.values().sum::<u64>();
        self.broken += u64::from(!episode.broken.is_empty());
    }
}

impl Swarm<'_> {
    /// Runs one seed, with its own faults or with these. The journal of some seeds is decided again.
    pub fn one(&self, seed: u64, faults: Option<Vec<Fault>>) -> Episode {
        let again = faults.is_none() && seed.is_multiple_of(REPLAYED);
        let (mut episode, lines) = self.recorded(seed, faults);
        if again {
            self.decide_again(&mut episode, &lines);
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

    /// Decides a journal again, and notes it where that differs.
    pub(super) fn decide_again(&self, episode: &mut Episode, lines: &[Vec<u8>]) {
        if let Err(what) = self.replays(lines) {
            episode.broken.push(Broken { promise: Promise::Replays, at: Mono::START.after(episode.span), what });
        }
    }

    /// Decides a journal again.
    pub(super) fn replays(&self, lines: &[Vec<u8>]) -> Result<(), String> {
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

    /// The faults that this seed brings.
    pub fn faults(&self, seed: u64) -> Vec<Fault> {
        schedule(self.0.site, self.0.weather, seed, self.0.span)
    }
}
