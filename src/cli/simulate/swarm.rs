//! `ballast simulate --seeds`: many seeds with faults in every run, the promises held against the truth, and a table.

use std::io::{IsTerminal, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::cli::world::{self, Known};
use crate::cli::{COULD_NOT, FINE, PROBLEMS};
use crate::simulate::episode::{Episode, Setting};
use crate::simulate::fault::{Class, Fault, Weather};
use crate::simulate::swarm::{Swarm, Together};
use crate::time::Clock;
use crate::units::span;

/// How long faults come, how long none does on top of what the site remembers, and how far apart they are.
const STORM: Duration = Duration::from_secs(480);
const CALM: Duration = Duration::from_secs(125);
const EVERY: Duration = Duration::from_millis(2_500);
/// So many broken seeds are told and made smaller.
const TOLD: usize = 3;
/// So many runs one is made smaller in.
const TRIES: u32 = 80;

/// What was asked for.
pub struct Asked {
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
}

/// Runs the seeds.
pub fn run(path: &Path, asked: &Asked) -> u8 {
    let (known, weather) = match known(path, asked) {
        Ok(known) => known,
        Err(code) => return code,
    };
    let refresh = world::refresh(&known.profiles);
    let length = Duration::from_secs(3_600) * asked.hours;
    let (site, files) = (&known.site, known.files.as_slice());
    let swarm =
        Swarm(Setting { site, refresh: &refresh, profiles: &known.profiles, files, weather: &weather, span: length });
    if let Some(folder) = &asked.journal {
        return one(&swarm, asked.seeds.start, folder);
    }
    let clock = Clock::start();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let of = asked.seeds.end.saturating_sub(asked.seeds.start);
    let together = swarm.run(asked.seeds.clone(), cores, progress(of, asked.json));
    let took = clock.mono().since(crate::time::Mono::START);
    if asked.json {
        println!("{}", as_value(&together, took));
    } else {
        print!("{}", table(&together, took));
    }
    let told = if asked.json { 0 } else { TOLD };
    for episode in together.broken.iter().take(told) {
        tell(path, asked, &swarm, episode);
    }
    if together.broken.is_empty() { FINE } else { PROBLEMS }
}

/// One seed with its journal, to look into.
fn one(swarm: &Swarm<'_>, seed: u64, folder: &Path) -> u8 {
    let (episode, lines) = swarm.recorded(seed, None);
    if let Err(error) = swarm.lay(folder, &lines) {
        eprintln!("{}: {error}; give a folder without a journal", folder.display());
        return COULD_NOT;
    }
    println!("seed {seed}: {} records, root {}, in {}", episode.records, episode.root, folder.display());
    episode.broken.iter().for_each(|broken| println!("  {broken}"));
    if episode.broken.is_empty() { FINE } else { PROBLEMS }
}

/// The site, and what may go wrong on it.
pub(super) fn known(path: &Path, asked: &Asked) -> Result<(Known, Weather), u8> {
    let known = world::known(Some(path))?;
    let classes = classes(&asked.faults).map_err(|unknown| {
        let names: Vec<&str> = Class::ALL.iter().map(|class| class.name()).collect();
        eprintln!("no such fault: `{unknown}`; there are all, none, {}", names.join(", "));
        COULD_NOT
    })?;
    let weather = Weather { storm: STORM, calm: known.site.fill.window + CALM, every: EVERY, classes };
    Ok((known, weather))
}

/// The faults of these names.
fn classes(names: &str) -> Result<Vec<Class>, String> {
    match names {
        "all" => Ok(Class::ALL.to_vec()),
        "none" => Ok(Vec::new()),
        names => names.split(',').map(|name| Class::named(name.trim()).ok_or_else(|| name.trim().to_owned())).collect(),
    }
}

fn progress(of: u64, quiet: bool) -> impl Fn(u64) + Sync {
    let told = AtomicU64::new(0);
    let draws = !quiet && std::io::stderr().is_terminal();
    move |done| {
        let percent = done * 100 / of.max(1);
        if told.swap(percent, Ordering::Relaxed) != percent && draws {
            let _ = write!(std::io::stderr(), "\r{percent:>3} %  {done} of {of} seeds ");
            if done == of {
                let _ = write!(std::io::stderr(), "\r{:40}\r", "");
            }
        }
    }
}

fn tell(path: &Path, asked: &Asked, swarm: &Swarm<'_>, episode: &Episode) {
    eprintln!("\nseed {}: {} promises broken", episode.seed, episode.broken.len());
    episode.broken.iter().for_each(|broken| eprintln!("  {broken}"));
    let (seed, next) = (episode.seed, episode.seed + 1);
    eprintln!(
        "  again: ballast simulate {} --seeds {seed}..{next} --hours {} --faults {}",
        path.display(),
        asked.hours,
        asked.faults
    );
    let fewest = swarm.shrink(episode, TRIES);
    eprintln!("  the fewest faults that still break it:");
    fewest.iter().for_each(|fault| eprintln!("    {}", line(fault)));
}

fn line(fault: &Fault) -> String {
    let seconds = |at: crate::time::Mono| format!("{}.{:03}", at.micros() / 1_000_000, at.micros() / 1_000 % 1_000);
    format!(
        "{:<16} {:>3} from {:>10} s to {:>10} s, {:>7} ppm",
        fault.class.name(),
        fault.target,
        seconds(fault.from),
        seconds(fault.to),
        fault.degree
    )
}

fn as_value(all: &Together, took: Duration) -> serde_json::Value {
    let faults: serde_json::Map<String, serde_json::Value> =
        Class::ALL.iter().map(|class| (class.name().to_owned(), json!(all.faults.get(class).unwrap_or(&0)))).collect();
    json!({
        "seeds": all.seeds, "hours": all.span.as_secs() / 3_600, "took_s": took.as_secs_f64(),
        "times_real_time": all.span.as_secs_f64() / took.as_secs_f64().max(0.001),
        "ticks": all.ticks, "starts": all.starts, "calms": all.calms,
        "faults": faults, "pairs": all.pairs.len(),
        "worst_excess_ws": all.worst_excess.0.joules(), "worst_excess_seed": all.worst_excess.1,
        "highest_excess_w": all.highest.0, "highest_excess_seed": all.highest.1,
        "longest_over_ms": u64::try_from(all.longest_over.0.as_millis()).unwrap_or(u64::MAX),
        "longest_over_seed": all.longest_over.1,
        "absorbed_of_spare": all.absorbed.share_of(all.spare).map(|share| share.ppm()),
        "switches": all.switches, "units": all.units,
        "broken": all.broken.iter().map(|episode| json!({
            "seed": episode.seed,
            "broken": episode.broken.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn table(all: &Together, took: Duration) -> String {
    let injected: u64 = all.faults.values().sum();
    let pairs = Class::ALL.len() * (Class::ALL.len() - 1) / 2;
    let times = all.span.as_millis() / took.as_millis().max(1);
    let mut text = format!(
        "{} seeds, {} of site time in {}: {times} times real time\n{} ticks, {} starts of the controller, {} calms\n\
         {injected} faults, {} of {pairs} pairs of classes at once\n\n",
        all.seeds,
        span(all.span),
        span(Duration::from_secs(took.as_secs().max(1))),
        all.ticks,
        all.starts,
        all.calms,
        all.pairs.len()
    );
    for pair in Class::ALL.chunks(3) {
        let cells = pair.iter().map(|class| format!("{:<16}{:>8}", class.name(), all.faults.get(class).unwrap_or(&0)));
        text.push_str(&format!("  {}\n", cells.collect::<Vec<_>>().join("   ")));
    }
    let share = all.absorbed.share_of(all.spare).map_or("none".to_owned(), |share| share.to_string());
    let worst = [
        ("worst energy over the limit, one seed", all.worst_excess.0.to_string(), all.worst_excess.1),
        ("highest import over the limit", all.highest.0.to_string(), all.highest.1),
        ("longest over the limit in control", span(all.longest_over.0), all.longest_over.1),
    ];
    text.push('\n');
    for (what, value, seed) in worst {
        text.push_str(&format!("  {what:<40}{value:>12}   seed {seed}\n"));
    }
    let mean = all.switches / all.units.max(1);
    text.push_str(&format!(
        "  {:<40}{share:>12}\n  {:<40}{mean:>12}\n",
        "absorbed of the spare power", "switches a unit"
    ));
    text.push_str(&format!("\n{} of {} seeds broke a promise\n", all.broken.len(), all.seeds));
    text
}
