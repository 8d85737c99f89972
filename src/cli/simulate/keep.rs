//! A seed that broke a promise: how it is run again, the least that still breaks it, and the file that keeps it for ever.

use std::fs;
use std::path::{Path, PathBuf};

use super::swarm::{Asked, Ready, of_site, ready, refuse};
use crate::cli::{COULD_NOT, FINE, PROBLEMS};
use crate::simulate::fault::Fault;
use crate::simulate::kept::Kept;
use crate::simulate::swarm::Swarm;
use crate::simulate::together::Together;
use crate::site::Site;
use crate::time::Mono;

/// So many broken seeds are told and made smaller.
const TOLD: usize = 3;
/// So many runs one is made smaller in.
pub(super) const TRIES: u32 = 200;

/// Tells the first broken seeds, and keeps all of them where a folder was given.
pub(super) fn tell(asked: &Asked, ready: &[Ready], swarms: &[Swarm<'_>], together: &Together) -> Result<(), u8> {
    let sites: Vec<&Site> = swarms.iter().map(|swarm| swarm.0.site).collect();
    for (number, (case, episode)) in together.broken.iter().enumerate() {
        let tells = number < TOLD && !asked.json;
        let first = episode.broken.first().filter(|_| tells || asked.keep.is_some());
        let Some((swarm, ready, first)) = swarms.get(case.site).zip(ready.get(case.site)).zip(first).map(flat) else {
            continue;
        };
        if tells {
            let site = of_site(&sites, case.site);
            eprintln!("\n{site}, seed {}: {} promises broken", case.seed, episode.broken.len());
            episode.broken.iter().for_each(|broken| eprintln!("  {broken}"));
            eprintln!("  again: {}", command(&ready.path, case.seed, asked));
        }
        let small = swarm.shrink(case.seed, first, TRIES);
        if tells {
            eprintln!("  the fewest faults that still break it, within {} s:", small.span.as_secs());
            small.faults.iter().for_each(|fault| eprintln!("    {}", line(fault)));
        }
        if let Some(folder) = &asked.keep {
            let name = format!("{}-{}-{}", swarm.0.site.name, case.seed, first.promise.name());
            let file = lay(folder, &name, &Kept::of(&swarm.0, &small, None))?;
            eprintln!("  kept: ballast simulate {} --again {}", ready.path.display(), file.display());
        }
    }
    Ok(())
}

fn flat<A, B, C>(((one, two), three): ((A, B), C)) -> (A, B, C) {
    (one, two, three)
}

/// Writes one into the folder; the exit code where that fails.
pub(super) fn lay(folder: &Path, name: &str, kept: &Kept) -> Result<PathBuf, u8> {
    let file = folder.join(format!("{name}.json"));
    let wrote = fs::create_dir_all(folder).and_then(|()| fs::write(&file, kept.text()));
    wrote.map_err(|error| refuse(&format!("{}: {error}; give a folder that can be written", file.display())))?;
    Ok(file)
}

/// The command that shows it again.
fn command(site: &Path, seed: u64, asked: &Asked) -> String {
    let (site, next) = (site.display(), seed + 1);
    format!("ballast simulate {site} --seeds {seed}..{next} --hours {} --faults {}", asked.hours, asked.faults)
}

fn line(fault: &Fault) -> String {
    let seconds = |at: Mono| format!("{}.{:03}", at.micros() / 1_000_000, at.micros() / 1_000 % 1_000);
    format!(
        "{:<16} {:>3} from {:>10} s to {:>10} s, {:>7} ppm",
        fault.class.name(),
        fault.target,
        seconds(fault.from),
        seconds(fault.to),
        fault.degree
    )
}

/// Reads a file that was kept.
pub(super) fn read(file: &Path) -> Result<Kept, u8> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| refuse(&format!("{name}: {error}; give a kept schedule")))?;
    Kept::parse(&text).map_err(|error| refuse(&format!("{name}: {error}; give a file that `--keep` wrote")))
}

/// Runs `ballast simulate SITE --again FILE`: what was kept, or all that a folder holds of this site, with today's code. The
/// journal of a single one is left in a folder where that is asked for.
pub fn again(site: &Path, file: &Path, journal: Option<&Path>) -> u8 {
    let ready = match ready(&[site.to_owned()], "none") {
        Ok(ready) => ready,
        Err(code) => return code,
    };
    let Some(swarm) = ready.first().map(|ready| ready.swarm(1)) else { return COULD_NOT };
    let files = match files(file) {
        Ok(files) => files,
        Err(code) => return code,
    };
    if journal.is_some() && files.len() > 1 {
        return refuse("a journal is of one run; give one kept file");
    }
    let mut worst = FINE;
    for one in &files {
        match read(one) {
            Ok(kept) if kept.site != swarm.0.site.name && files.len() > 1 => {}
            Ok(kept) => worst = worst.max(run(&swarm, one, &kept, journal)),
            Err(code) => return code,
        }
    }
    worst
}

/// The file itself, or those in a folder, by name.
fn files(path: &Path) -> Result<Vec<PathBuf>, u8> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(|error| refuse(&format!("{}: {error}", path.display())))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    match files.len() {
        0 => Err(refuse(&format!("{}: no kept schedule in it; give a file or a folder with some", path.display()))),
        _ => Ok(files),
    }
}

fn run(swarm: &Swarm<'_>, file: &Path, kept: &Kept, journal: Option<&Path>) -> u8 {
    let name = file.display();
    if kept.site != swarm.0.site.name {
        return refuse(&format!("{name}: kept on the site `{}`; give its file", kept.site));
    }
    if !kept.is_of(&swarm.0) {
        eprintln!("{name}: the site's file is another than when this was kept");
    }
    let (episode, lines) = match kept.again(&swarm.0) {
        Ok(run) => run,
        Err(error) => return refuse(&format!("{name}: {error}")),
    };
    if let Some(Err(code)) = journal.map(|folder| leave(swarm, folder, &lines)) {
        return code;
    }
    if episode.broken.is_empty() {
        println!("{name}: {} faults in {} s, nothing broken", kept.faults.len(), kept.span_s);
        return FINE;
    }
    println!("{name}: {} promises broken", episode.broken.len());
    episode.broken.iter().for_each(|broken| println!("  {broken}"));
    PROBLEMS
}

/// Leaves the journal of a run in a folder that has none; the exit code where that fails.
pub(super) fn leave(swarm: &Swarm<'_>, folder: &Path, lines: &[Vec<u8>]) -> Result<(), u8> {
    let refuse = |error| refuse(&format!("{}: {error}; give a folder without a journal", folder.display()));
    swarm.lay(folder, lines).map_err(refuse)
}
