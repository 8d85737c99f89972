//! Seeds run until one breaks a promise that it keeps otherwise: how planted bugs are looked for.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::episode;
use super::oracle::{Broken, Promise};
use super::swarm::{REPLAYED, Swarm};
use crate::time::Mono;

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
}
