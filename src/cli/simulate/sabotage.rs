//! `ballast simulate --sabotage`: plants each known bug in turn, and looks for the first promise that the seeds break with it and
//! keep without it. A bug that breaks none is a hole in the simulator.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::swarm::{Asked, known};
use crate::cli::{COULD_NOT, FINE, PROBLEMS, world};
use crate::sabotage::{Sabotage, plant};
use crate::simulate::episode::Setting;
use crate::simulate::oracle::Promise;
use crate::simulate::swarm::{Hunt, Swarm};
use crate::time::{Clock, Mono};

/// How long one bug is looked for.
const LONGEST: Duration = Duration::from_secs(60);

/// Plants what has this name, or `all` in turn.
pub fn run(path: &Path, asked: &Asked, names: &str) -> u8 {
    let bugs = match (names, Sabotage::named(names)) {
        ("all", _) => Sabotage::ALL.to_vec(),
        (_, Some(bug)) => vec![bug],
        (_, None) => {
            let names: Vec<&str> = Sabotage::ALL.iter().map(|bug| bug.name()).collect();
            eprintln!("no such sabotage: `{}`; there are all, {}", names.join(", "), names.join(", "));
            return COULD_NOT;
        }
    };
    let (known, weather) = match known(path, asked) {
        Ok(known) => known,
        Err(code) => return code,
    };
    let refresh = world::refresh(&known.profiles);
    let (span, files) = (Duration::from_secs(3_600) * asked.hours, known.files.as_slice());
    let swarm = Swarm(Setting {
        site: &known.site,
        refresh: &refresh,
        profiles: &known.profiles,
        files,
        weather: &weather,
        span,
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    plant(None);
    let without = swarm.run(asked.seeds.clone(), cores, |_| {});
    let broken = without.broken.iter().flat_map(|one| one.broken.iter().map(|broken| (one.seed, broken.promise)));
    let before: BTreeSet<(u64, Promise)> = broken.collect();
    if !asked.json {
        print!("{}", heading(asked, &before));
    }
    let mut missed = 0;
    for bug in bugs {
        let clock = Clock::start();
        let took = || clock.mono().since(Mono::START);
        plant(Some(bug));
        let hunt = swarm.hunt(asked.seeds.clone(), cores, &before, || took() > LONGEST);
        plant(None);
        missed += u64::from(hunt.caught.is_none());
        println!("{}", if asked.json { as_json(bug, &hunt, took()) } else { row(bug, &hunt, took()) });
    }
    if missed == 0 && before.is_empty() { FINE } else { PROBLEMS }
}

fn heading(asked: &Asked, before: &BTreeSet<(u64, Promise)>) -> String {
    let mut text = format!(
        "seeds {}..{} of {} h each, faults {}; without sabotage {} promises broken\n",
        asked.seeds.start,
        asked.seeds.end,
        asked.hours,
        asked.faults,
        before.len()
    );
    before.iter().for_each(|(seed, promise)| text.push_str(&format!("  seed {seed}: {}\n", promise.name())));
    text.push_str(
        "\n| sabotage | what is wrong | caught by | seed | site minutes | seconds |\n|---|---|---|---|---|---|\n",
    );
    text
}

fn row(bug: Sabotage, hunt: &Hunt, took: Duration) -> String {
    let (by, seed) = match &hunt.caught {
        Some((seed, broken)) => (broken.promise.name(), seed.to_string()),
        None => ("**nothing**", "none".to_owned()),
    };
    let (minutes, seconds) = (site_time(hunt).as_secs() / 60, took.as_millis().div_ceil(100));
    let (whole, tenth) = (seconds / 10, seconds % 10);
    format!("| `{}` | {} | {by} | {seed} | {minutes} | {whole}.{tenth} |", bug.name(), bug.about())
}

fn as_json(bug: Sabotage, hunt: &Hunt, took: Duration) -> String {
    let caught = hunt.caught.as_ref();
    json!({
        "sabotage": bug.name(), "about": bug.about(),
        "promise": caught.map(|(_, broken)| broken.promise.name()), "seed": caught.map(|(seed, _)| seed),
        "what": caught.map(|(_, broken)| broken.to_string()),
        "site_s": site_time(hunt).as_secs(), "took_s": took.as_secs_f64(),
    })
    .to_string()
}

/// Of the seeds that broke nothing, and of the one that did until it did.
fn site_time(hunt: &Hunt) -> Duration {
    hunt.clean + hunt.caught.as_ref().map_or(Duration::ZERO, |(_, broken)| broken.at.since(Mono::START))
}
