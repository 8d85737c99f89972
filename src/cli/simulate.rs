//! `ballast simulate`: a site in virtual time, and what it absorbed beside two honest baselines.

pub mod keep;
#[cfg(feature = "sabotage")]
pub mod sabotage;
pub mod swarm;
mod table;

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::summary::{score_json, score_table};
use super::{FINE, World, world};
use crate::plant::{AtEnd, Curves, Plant, PriceMix};
use crate::simulate::{Outcome, Scenario, simulate};
use crate::site::Site;

/// How long a generated hall is simulated when nothing else was said.
const AN_HOUR: Duration = Duration::from_secs(3_600);

/// Runs `ballast simulate`.
pub fn run(site: &Path, world: World, length: Option<Duration>, start_up: Duration, as_json: bool) -> u8 {
    match simulated(site, &world, length, start_up) {
        Err(code) => code,
        Ok((site, outcome)) => {
            if as_json {
                println!("{}", as_value(&site, &world, start_up, &outcome));
            } else {
                print!("{}", as_text(&site, &world, &outcome));
            }
            FINE
        }
    }
}

fn simulated(path: &Path, world: &World, length: Option<Duration>, start_up: Duration) -> Result<(Site, Outcome), u8> {
    let known = world::without_tariff(world::known(Some(path))?);
    let (hall, recorded) = world::hall(&known.site, world, AtEnd::Hold, false)?;
    let prices = match world.prices {
        Some(_) => Some(world::prices(world, PriceMix::measured(), 1)?),
        None => None,
    };
    let plant = Plant::with(&known.site, world.seed, hall, Curves::brisk());
    let span = length.or(recorded).unwrap_or(AN_HOUR);
    let scenario = Scenario { plant, prices, span, start_up, refresh: world::refresh(&known.profiles) };
    let outcome = simulate(&known.site, scenario, |_, _| {});
    Ok((known.site, outcome))
}

fn as_value(site: &Site, world: &World, start_up: Duration, outcome: &Outcome) -> serde_json::Value {
    json!({
        "site": site.name, "hall": world.hall, "seed": world.seed, "start_up_s": start_up.as_secs(),
        "ticks": outcome.ticks, "events": outcome.events, "sheds": outcome.sheds,
        "whole": score_json(&outcome.whole),
        "after_start_up": outcome.after.as_ref().map(score_json),
    })
}

fn as_text(site: &Site, world: &World, outcome: &Outcome) -> String {
    let after = outcome.after.as_ref();
    let (limit, sheds) = (site.poi.import_limit, outcome.sheds);
    format!(
        "{}, import limit {limit}, hall {}, seed {}: {} ticks, shed {sheds} times for a limit\n\n{}",
        site.name,
        world.hall,
        world.seed,
        outcome.ticks,
        score_table(&outcome.whole, after)
    )
}
