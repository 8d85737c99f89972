//! `ballast simulate --sabotage`: plants each known bug in turn, and looks for a promise that is broken with it and kept without
//! it. First in the schedule that was kept for it, then in the seeds. A bug that breaks none is a hole in the simulator.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::keep;
use super::swarm::{Asked, cores, ready, refuse};
use crate::cli::{FINE, PROBLEMS};
use crate::sabotage::{Sabotage, plant};
use crate::simulate::kept::Kept;
use crate::simulate::oracle::{Broken, Promise};
use crate::simulate::shrink::Small;
use crate::simulate::swarm::Swarm;
use crate::time::{Clock, Mono};

/// How long one bug is looked for.
const LONGEST: Duration = Duration::from_secs(60);

/// How a bug was caught.
struct Catch {
    broken: Broken,
    /// The seed that was hunted down, or the one that the kept schedule has.
    seed: u64,
    /// By its place in the list.
    site: usize,
    kept: bool,
    site_time: Duration,
}

/// What bugs are looked for in.
struct Trap<'a> {
    swarms: Vec<Swarm<'a>>,
    asked: &'a Asked,
    /// What the seeds of each site break without any bug; looked for once, and only where a bug must be hunted.
    before: Vec<OnceCell<BTreeSet<(u64, Promise)>>>,
}

/// The bugs of these names, with commas between, or `all`.
fn named(names: &str) -> Result<Vec<Sabotage>, String> {
    if names == "all" {
        return Ok(Sabotage::ALL.to_vec());
    }
    let known = || Sabotage::ALL.iter().map(|bug| bug.name()).collect::<Vec<_>>().join(", ");
    let of = |name: &str| {
        Sabotage::named(name).ok_or_else(|| format!("no such sabotage: `{name}`; there are all, {}", known()))
    };
    names.split(',').map(str::trim).map(of).collect()
}

/// Plants what has these names in turn.
pub fn run(asked: &Asked, names: &str) -> u8 {
    let bugs = match named(names) {
        Ok(bugs) => bugs,
        Err(refused) => return refuse(&refused),
    };
    let sites = match ready(&asked.sites, &asked.faults) {
        Ok(sites) => sites,
        Err(code) => return code,
    };
    let swarms: Vec<Swarm<'_>> = sites.iter().map(|site| site.swarm(asked.hours)).collect();
    let trap = Trap { before: vec![OnceCell::new(); swarms.len()], swarms, asked };
    plant(None);
    if !asked.json {
        println!("| sabotage | what is wrong | caught by | in | site time | seconds |\n|---|---|---|---|---|---|");
    }
    let caught = trap.all(&bugs);
    let before: Vec<_> = trap.before.iter().filter_map(OnceCell::get).flatten().collect();
    before.iter().for_each(|(seed, promise)| eprintln!("without sabotage seed {seed} breaks {}", promise.name()));
    match caught {
        Err(code) => code,
        Ok(caught) if caught == bugs.len() && before.is_empty() => FINE,
        Ok(caught) => {
            eprintln!("{caught} of {} caught", bugs.len());
            PROBLEMS
        }
    }
}

impl Trap<'_> {
    fn all(&self, bugs: &[Sabotage]) -> Result<usize, u8> {
        let mut caught = 0;
        for bug in bugs {
            let clock = Clock::start();
            let catch = match self.in_kept(*bug)? {
                Some(catch) => Some(catch),
                None => (0..self.swarms.len()).find_map(|site| self.in_seeds(*bug, site)),
            };
            let took = clock.mono().since(Mono::START);
            caught += usize::from(catch.is_some());
            let line =
                if self.asked.json { as_json(*bug, catch.as_ref(), took) } else { row(*bug, catch.as_ref(), took) };
            println!("{line}");
            if let (Some(folder), Some(catch)) = (&self.asked.keep, catch.filter(|catch| !catch.kept)) {
                self.keep(*bug, &catch, folder)?;
            }
        }
        Ok(caught)
    }

    /// Whether the schedule that was kept for it breaks its promise with it, and nothing without it.
    fn in_kept(&self, bug: Sabotage) -> Result<Option<Catch>, u8> {
        let Some(file) = self.asked.again.as_ref().map(|folder| folder.join(format!("{}.json", bug.name()))) else {
            return Ok(None);
        };
        if !file.exists() {
            return Ok(None);
        }
        let kept = keep::read(&file)?;
        let here = self.swarms.iter().enumerate().find(|(_, swarm)| swarm.0.site.name == kept.site);
        let Some((site, swarm)) = here else { return Ok(None) };
        let run = |bug: Option<Sabotage>| {
            plant(bug);
            let episode = kept.again(&swarm.0).map(|(episode, _)| episode);
            plant(None);
            episode.map_err(|error| refuse(&format!("{}: {error}", file.display())))
        };
        let (with, without) = (run(Some(bug))?, run(None)?);
        let broken = with.broken.into_iter().find(|broken| broken.promise.name() == kept.promise);
        let site_time = Duration::from_secs(kept.span_s);
        let catch = broken.filter(|_| without.broken.is_empty());
        Ok(catch.map(|broken| Catch { broken, seed: kept.seed, site, kept: true, site_time }))
    }

    fn before(&self, site: usize) -> Option<&BTreeSet<(u64, Promise)>> {
        let (swarm, cell) = self.swarms.get(site).zip(self.before.get(site))?;
        Some(cell.get_or_init(|| {
            let without = crate::simulate::swarm::run(&[*swarm], self.asked.seeds.clone(), cores(), |_| {});
            let all = without.broken.iter();
            all.flat_map(|(case, one)| one.broken.iter().map(|broken| (case.seed, broken.promise))).collect()
        }))
    }

    fn in_seeds(&self, bug: Sabotage, site: usize) -> Option<Catch> {
        let (swarm, before) = (self.swarms.get(site)?, self.before(site)?);
        let clock = Clock::start();
        let is_over = || clock.mono().since(Mono::START) > LONGEST;
        plant(Some(bug));
        let hunt = swarm.hunt(self.asked.seeds.clone(), cores(), before, is_over);
        plant(None);
        let (seed, broken) = hunt.caught?;
        let site_time = hunt.clean + broken.at.since(Mono::START);
        Some(Catch { broken, seed, site, kept: false, site_time })
    }

    /// Makes it small, so that it breaks its promise with the bug and nothing without it, and keeps it.
    fn keep(&self, bug: Sabotage, catch: &Catch, folder: &Path) -> Result<(), u8> {
        let Some(swarm) = self.swarms.get(catch.site) else { return Ok(()) };
        let breaks = |small: &Small| {
            plant(Some(bug));
            let broken = swarm.breaks(small);
            plant(None);
            broken.filter(|_| is_clean(swarm, small))
        };
        let small = swarm.shrink_by(catch.seed, &catch.broken, keep::TRIES, &breaks);
        let kept = Kept::of(&swarm.0, &small, Some(bug.name()));
        let file = keep::lay(folder, bug.name(), &kept)?;
        eprintln!("{}: {} faults in {} s", file.display(), kept.faults.len(), kept.span_s);
        Ok(())
    }
}

/// Whether nothing at all is broken by it without a bug.
fn is_clean(swarm: &Swarm<'_>, small: &Small) -> bool {
    Kept::of(&swarm.0, small, None).again(&swarm.0).is_ok_and(|(episode, _)| episode.broken.is_empty())
}

fn row(bug: Sabotage, catch: Option<&Catch>, took: Duration) -> String {
    let (by, place, site_time) = catch.map_or(("**nothing**", "none".to_owned(), Duration::ZERO), |catch| {
        let place = if catch.kept { "kept".to_owned() } else { format!("seed {}", catch.seed) };
        (catch.broken.promise.name(), place, catch.site_time)
    });
    let (site_time, tenths) = (crate::units::span(whole(site_time)), took.as_millis().div_ceil(100));
    let (seconds, tenth) = (tenths / 10, tenths % 10);
    format!("| `{}` | {} | {by} | {place} | {site_time} | {seconds}.{tenth} |", bug.name(), bug.about())
}

fn whole(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs())
}

fn as_json(bug: Sabotage, catch: Option<&Catch>, took: Duration) -> String {
    json!({
        "sabotage": bug.name(), "about": bug.about(),
        "promise": catch.map(|catch| catch.broken.promise.name()), "seed": catch.map(|catch| catch.seed),
        "kept": catch.map(|catch| catch.kept), "what": catch.map(|catch| catch.broken.to_string()),
        "site_s": catch.map(|catch| catch.site_time.as_secs()), "took_s": took.as_secs_f64(),
    })
    .to_string()
}
