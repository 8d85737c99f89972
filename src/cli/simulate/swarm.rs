//! `ballast simulate --seeds`: many seeds on several sites with faults in every run, the promises held against the truth.

use std::io::{IsTerminal, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{keep, table};
use crate::cli::world::{self, Known};
use crate::cli::{COULD_NOT, FINE, PROBLEMS};
use crate::simulate::episode::Setting;
use crate::simulate::fault::{Class, Weather};
use crate::simulate::swarm::{self, Far, Swarm};
use crate::simulate::together::Never;
use crate::site::Site;
use crate::time::{Clock, Mono};

/// How long faults come, how long none does on top of what the site remembers, and how far apart they are.
const STORM: Duration = Duration::from_secs(480);
const CALM: Duration = Duration::from_secs(125);
const EVERY: Duration = Duration::from_millis(2_500);

/// What was asked for.
pub struct Asked {
    /// The site files.
    pub sites: Vec<PathBuf>,
    /// The seeds.
    pub seeds: Range<u64>,
    /// How long each runs.
    pub hours: u32,
    /// `all`, `none`, or names.
    pub faults: String,
    /// As JSON.
    pub json: bool,
    /// Run the first seed alone, and leave its journal here.
    pub journal: Option<PathBuf>,
    /// Keep what breaks a promise in this folder.
    pub keep: Option<PathBuf>,
    /// Schedules that were kept.
    pub again: Option<PathBuf>,
}

/// A site that is ready to be simulated.
pub(super) struct Ready {
    pub(super) path: PathBuf,
    known: Known,
    weather: Weather,
    refresh: Vec<Duration>,
}

impl Ready {
    /// With `hours` for each seed.
    pub(super) fn swarm(&self, hours: u32) -> Swarm<'_> {
        let span = Duration::from_secs(3_600) * hours;
        let (site, files) = (&self.known.site, self.known.files.as_slice());
        let profiles = &self.known.profiles;
        Swarm(Setting { site, refresh: &self.refresh, profiles, files, weather: &self.weather, span })
    }
}

/// Runs the seeds.
pub fn run(asked: &Asked) -> u8 {
    let ready = match ready(&asked.sites, &asked.faults) {
        Ok(ready) => ready,
        Err(code) => return code,
    };
    let swarms: Vec<Swarm<'_>> = ready.iter().map(|ready| ready.swarm(asked.hours)).collect();
    if let Some(folder) = &asked.journal {
        return match swarms.as_slice() {
            [swarm] => one(swarm, asked.seeds.start, folder),
            _ => refuse("a journal is of one site; give one site file"),
        };
    }
    let clock = Clock::start();
    let took = || clock.mono().since(Mono::START);
    let of = asked.seeds.end.saturating_sub(asked.seeds.start).saturating_mul(u64::try_from(swarms.len()).unwrap_or(1));
    let together = swarm::run(&swarms, asked.seeds.clone(), cores(), progress(of, asked.json, took));
    let sites: Vec<&Site> = swarms.iter().map(|swarm| swarm.0.site).collect();
    let never = if asked.faults == "all" { together.never(&sites) } else { Never::default() };
    let told = table::Told { sites: &sites, never: &never, took: took(), asked };
    if asked.json {
        println!("{}", table::as_value(&together, &told));
    } else {
        print!("{}", table::text(&together, &told));
    }
    match keep::tell(asked, &ready, &swarms, &together) {
        Err(code) => code,
        Ok(()) if together.broken.is_empty() && never.names().is_empty() => FINE,
        Ok(()) => PROBLEMS,
    }
}

/// One seed with its journal, to look into.
fn one(swarm: &Swarm<'_>, seed: u64, folder: &Path) -> u8 {
    let (episode, lines) = swarm.recorded(seed, None);
    if let Err(code) = keep::leave(swarm, folder, &lines) {
        return code;
    }
    println!("seed {seed}: {} records, root {}, in {}", episode.records, episode.root, folder.display());
    episode.broken.iter().for_each(|broken| println!("  {broken}"));
    if episode.broken.is_empty() { FINE } else { PROBLEMS }
}

pub(super) fn refuse(message: &str) -> u8 {
    eprintln!("{message}");
    COULD_NOT
}

pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The sites, and what may go wrong on them.
pub(super) fn ready(sites: &[PathBuf], faults: &str) -> Result<Vec<Ready>, u8> {
    let classes = classes(faults).map_err(|unknown| {
        let names: Vec<&str> = Class::ALL.iter().map(|class| class.name()).collect();
        refuse(&format!("no such fault: `{unknown}`; there are all, none, {}", names.join(", ")))
    })?;
    let ready = |path: &PathBuf| {
        let known = world::without_tariff(world::known(Some(path))?);
        let calm = known.site.fill.window + CALM;
        let weather = Weather { storm: STORM, calm, every: EVERY, classes: classes.clone() };
        let refresh = world::refresh(&known.profiles);
        Ok(Ready { path: path.clone(), known, weather, refresh })
    };
    sites.iter().map(ready).collect()
}

/// The faults of these names.
fn classes(names: &str) -> Result<Vec<Class>, String> {
    match names {
        "all" => Ok(Class::ALL.to_vec()),
        "none" => Ok(Vec::new()),
        names => names.split(',').map(|name| Class::named(name.trim()).ok_or_else(|| name.trim().to_owned())).collect(),
    }
}

/// A line on a terminal: how far it is, how fast it was, and what was seen so far.
fn progress(of: u64, quiet: bool, took: impl Fn() -> Duration + Sync) -> impl Fn(Far) + Sync {
    let told = AtomicU64::new(u64::MAX);
    let draws = !quiet && std::io::stderr().is_terminal();
    move |far| {
        let permille = far.done * 1_000 / of.max(1);
        if !draws || told.swap(permille, Ordering::Relaxed) == permille {
            return;
        }
        let text = if far.done == of { String::new() } else { line(far, of, took()) };
        let _ = write!(std::io::stderr(), "\r{text:<100}\r");
    }
}

fn line(far: Far, of: u64, took: Duration) -> String {
    let Far { done, span, faults, broken } = far;
    let (percent, times) = (done * 100 / of.max(1), span.as_millis() / took.as_millis().max(1));
    let hours = span.as_secs() / 3_600;
    format!(
        "{percent:>3} %  {done} of {of} seeds, {hours} h at {times} times real time, {faults} faults, {broken} broken"
    )
}

/// What is shown of a run, beside the run itself.
pub(super) fn of_site<'a>(sites: &'a [&Site], ix: usize) -> &'a str {
    sites.get(ix).map_or("", |site| site.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is_and_how_fast_it_was() {
        let far = Far { done: 50, span: Duration::from_secs(180_000), faults: 40_000, broken: 1 };
        assert_eq!(
            line(far, 200, Duration::from_secs(30)),
            " 25 %  50 of 200 seeds, 50 h at 6000 times real time, 40000 faults, 1 broken"
        );
    }

    #[test]
    fn a_fault_that_there_is_not_is_named() {
        assert_eq!(classes("killed, cap").map(|classes| classes.len()), Ok(2));
        assert_eq!(classes("killed,kap"), Err("kap".to_owned()));
    }
}
