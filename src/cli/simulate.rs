//! `ballast simulate`: a site in virtual time, and what it absorbed beside two honest baselines.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::summary::{row, score_json};
use super::{FINE, World, world};
use crate::plant::{AtEnd, Curves, Plant, PriceMix, Score};
use crate::simulate::{Outcome, Scenario, simulate};
use crate::site::Site;
use crate::units::span;

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
                print!("{}", as_text(&site, &world, start_up, &outcome));
            }
            FINE
        }
    }
}

fn simulated(path: &Path, world: &World, length: Option<Duration>, start_up: Duration) -> Result<(Site, Outcome), u8> {
    let known = world::known(Some(path))?;
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

fn as_text(site: &Site, world: &World, start_up: Duration, outcome: &Outcome) -> String {
    let mut text = format!("{}: hall {}, seed {}, {} ticks\n\n", site.name, world.hall, world.seed, outcome.ticks);
    text += &format!("{:<34}{:>16}{:>16}\n", "", "whole span", format!("after {}", span(start_up)));
    let after = outcome.after.as_ref();
    type Column = (&'static str, fn(&Score) -> String);
    let rows: [Column; 10] = [
        ("time", |score| span(score.span)),
        ("AI hall", |score| score.hall.to_string()),
        ("miners", |score| score.miners.to_string()),
        ("of the spare power there was", |score| share(score.of_spare())),
        ("  static, hall nameplate", |score| share(score.reserved.share_of(score.spare))),
        ("  static, largest load in hindsight", |score| share(score.hindsight.share_of(score.spare))),
        ("worst over the limit", |score| score.worst_excess.to_string()),
        ("over the limit", |score| format!("{:.1} kW s", score.excess.joules() as f64 / 1_000.0)),
        ("time over the limit", |score| span(score.above)),
        ("switches a unit and day", |score| per_day(score)),
    ];
    for (name, of) in rows {
        text += &row(name, &of(&outcome.whole), &after.map(of).unwrap_or_default());
    }
    text
}

fn share(share: Option<crate::units::Share>) -> String {
    share.map_or_else(|| "nothing to share".into(), |share| share.to_string())
}

fn per_day(score: &Score) -> String {
    let days = score.span.as_secs_f64() / 86_400.0;
    if days > 0.0 { format!("{:.1}", score.mean_switches_milli() as f64 / 1_000.0 / days) } else { String::new() }
}
