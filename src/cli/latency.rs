//! `ballast latency`: the price of latency: average miner power against path response, from the simulated plant.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::{COULD_NOT, FINE, World, world};
use crate::plant::{AtEnd, Curves, Plant};
use crate::simulate::{Scenario, simulate};
use crate::site::Site;
use crate::units::{Power, span};

mod chart;

/// The responses that are tried.
const RESPONSES_MS: [u64; 9] = [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000];
/// What is not scored at the start.
const START_UP: Duration = Duration::from_secs(120);

/// One point of the chart.
struct Point {
    response: Duration,
    miners: Power,
    /// What was physically there for miners, on average.
    spare: Power,
    worst: Power,
}

/// Runs `ballast latency`.
pub fn run(path: &Path, hall: &str, length: Duration, seeds: u64, svg: Option<&Path>, as_json: bool) -> u8 {
    let known = match world::known(Some(path)) {
        Ok(known) => known,
        Err(code) => return code,
    };
    let refresh = world::refresh(&known.profiles);
    let told = std::io::stderr().is_terminal();
    let points: Result<Vec<Point>, u8> = (1..)
        .zip(RESPONSES_MS.map(Duration::from_millis))
        .map(|(nth, response)| {
            if told {
                eprint!("\r{:<40}", format!("point {nth} of {}: response {}", RESPONSES_MS.len(), span(response)));
            }
            point(&known.site, hall, &refresh, response, length, seeds.max(1))
        })
        .collect();
    if told {
        eprint!("\r{:<40}\r", "");
    }
    let points = match points {
        Ok(points) => points,
        Err(code) => return code,
    };
    let floor = reserved(&known.site);
    if as_json {
        let of = |point: &Point| json!({"response_ms": point.response.as_millis() as u64, "miners_w": point.miners.watts(), "spare_w": point.spare.watts(), "worst_excess_w": point.worst.watts()});
        println!(
            "{}",
            json!({"site": known.site.name, "static_w": floor.watts(), "points": points.iter().map(of).collect::<Vec<_>>()})
        );
    } else {
        print!("{}", table(&known.site, hall, &points, floor));
    }
    svg.map_or(FINE, |file| draw(file, &known.site, &points, floor))
}

fn draw(file: &Path, site: &Site, points: &[Point], floor: Power) -> u8 {
    match std::fs::write(file, chart::svg(site, points, floor)) {
        Ok(()) => FINE,
        Err(error) => {
            eprintln!("{}: cannot be written: {error}", file.display());
            COULD_NOT
        }
    }
}

/// The site with every path this fast, over all seeds.
fn point(
    site: &Site,
    hall: &str,
    refresh: &[Duration],
    response: Duration,
    length: Duration,
    seeds: u64,
) -> Result<Point, u8> {
    let mut site = site.clone();
    for path in site.groups.iter_mut().flat_map(|group| &mut group.paths) {
        path.response = response;
        path.proof = path.proof.max(response + Duration::from_secs(2));
    }
    let (mut joules, mut spare, mut worst) = (0_i64, 0_i64, Power::ZERO);
    let mut millis = 0_i64;
    for seed in 1..=seeds {
        let world = World { hall: hall.to_owned(), prices: None, prices_from: None, price_speed: None, seed };
        let (hall, _) = world::hall(&site, &world, AtEnd::Repeat, false)?;
        let plant = Plant::with(&site, seed, hall, Curves::brisk());
        let scenario =
            Scenario { plant, prices: None, span: length + START_UP, start_up: START_UP, refresh: refresh.to_vec() };
        let outcome = simulate(&site, scenario, |_, _| {});
        let score = outcome.after.unwrap_or(outcome.whole);
        joules = joules.saturating_add(score.miners.joules());
        spare = spare.saturating_add(score.spare.joules());
        millis += i64::try_from(score.span.as_millis()).unwrap_or(0);
        worst = worst.max(score.worst_excess);
    }
    let mean = |joules: i64| Power::from_watts(joules.saturating_mul(1_000) / millis.max(1));
    Ok(Point { response, miners: mean(joules), spare: mean(spare), worst })
}

/// What is left without any control: the limit less both nameplates.
fn reserved(site: &Site) -> Power {
    let fleet: Power = site.groups.iter().map(crate::site::Group::nameplate).sum();
    (site.poi.import_limit - site.hall.nameplate - site.house.nameplate).or_zero().min(fleet)
}

fn table(site: &Site, hall: &str, points: &[Point], floor: Power) -> String {
    let most = points.iter().map(|point| point.miners).max().unwrap_or(Power::ZERO).watts().max(1);
    let mut text = format!("{}: average miner power by path response (simulated, hall {hall})\n\n", site.name);
    for point in points {
        let bar = "█".repeat(usize::try_from(point.miners.watts() * 40 / most).unwrap_or(0));
        let worst =
            if point.worst > Power::ZERO { format!("  worst {} over the limit", point.worst) } else { String::new() };
        text += &format!("{:>8}  {:>10}  {bar}{worst}\n", span(point.response), point.miners.to_string());
    }
    let spare = points.iter().map(|point| point.spare).max().unwrap_or(Power::ZERO);
    text + &format!(
        "{:>8}  {floor:>10}  without control: limit less nameplates\n{:>8}  {spare:>10}  spare power there was\n",
        "", ""
    )
}
