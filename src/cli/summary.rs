//! The end of a run in figures, for people and as JSON. Powers in whole watts, energy in watt-hours.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::plant::Score;
use crate::run::Ended;
use crate::site::Site;
use crate::units::{Share, span};

/// The time scored is shown to the nearest second.
const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// A line of a table of two columns.
fn row(name: &str, whole: &str, after: &str) -> String {
    format!("{}\n", format!("{name:<38}{whole:>16}{after:>16}").trim_end())
}

/// A score as JSON.
pub(super) fn score_json(score: &Score) -> Value {
    json!({
        "span_s": score.span.as_secs_f64(),
        "hall_wh": score.hall.watt_hours(),
        "house_wh": score.house.watt_hours(),
        "miners_wh": score.miners.watt_hours(),
        "absorbed_wh": score.absorbed.watt_hours(),
        "spare_wh": score.spare.watt_hours(),
        "static_wh": score.reserved.watt_hours(),
        "hindsight_wh": score.hindsight.watt_hours(),
        "absorbed_of_spare_ppm": score.of_spare().map(|share| share.ppm()),
        "static_of_spare_ppm": score.reserved.share_of(score.spare).map(|share| share.ppm()),
        "hindsight_of_spare_ppm": score.hindsight.share_of(score.spare).map(|share| share.ppm()),
        "absorbed_of_static_ppm": score.of_reserved().map(|share| share.ppm()),
        "worst_excess_w": score.worst_excess.watts(),
        "excess_ws": score.excess.joules(),
        "time_above_ms": u64::try_from(score.above.as_millis()).unwrap_or(u64::MAX),
        "excursions": score.excursions,
        "worst_15min_w": score.worst_quarter.watts(),
        "switches_mean_milli": score.mean_switches_milli(),
        "switches_most": score.most_switched,
    })
}

/// A run as JSON: truth where the site is emulated, stages, journal.
pub(super) fn run_json(site: &Site, ended: &Ended) -> Value {
    json!({
        "site": site.name,
        "import_limit_w": site.poi.import_limit.watts(),
        "ticks": ended.ticks,
        "late_ticks": ended.late_ticks,
        "left_drawing_w": ended.left.watts(),
        "bound_ms": bound_json(ended),
        "whole": ended.score.as_ref().map(|(whole, _)| score_json(whole)),
        "after_start_up": ended.score.as_ref().and_then(|(_, after)| after.as_ref()).map(score_json),
        "stages": ended.stages,
        "journal": {
            "folder": ended.folder.display().to_string(),
            "records": ended.journal.records,
            "root": ended.journal.root,
            "bytes": ended.journal.bytes,
            "lost": ended.journal.lost,
            "trouble": ended.journal.trouble,
        },
    })
}

fn bound_json(ended: &Ended) -> Value {
    let millis = |time: &Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    ended.bound.iter().map(|(cause, time)| (cause.name().to_owned(), json!(millis(time)))).collect::<Map<_, _>>().into()
}

/// Which rule bound for what part of the time, longest first.
fn bound_text(ended: &Ended) -> String {
    let whole: Duration = ended.bound.values().sum();
    let mut parts: Vec<_> = ended.bound.iter().collect();
    parts.sort_by_key(|(_, time)| std::cmp::Reverse(**time));
    let percent = |time: &Duration| time.as_secs_f64() * 100.0 / whole.as_secs_f64().max(0.001);
    let parts: Vec<_> = parts.iter().map(|(cause, time)| format!("{} {:.0} %", cause.name(), percent(time))).collect();
    format!("what bound the miners: {}\n", parts.join(", "))
}

/// A run for people.
pub(super) fn run_text(site: &Site, ended: &Ended) -> String {
    let mut text = String::new();
    if let Some((whole, after)) = &ended.score {
        text += &format!("{}, import limit {}\n\n", site.name, site.poi.import_limit);
        text += &score_table(whole, after.as_ref());
    }
    text += &bound_text(ended);
    text.push('\n');
    text += &format!(
        "{:<14}{:>9}{:>12}{:>12}{:>12}{:>12}{:>9}\n",
        "stage", "count", "p50", "p99", "max", "budget", "missed"
    );
    for stage in ended.stages.iter().filter(|stage| stage.count > 0) {
        let ms = |micros: u64| format!("{:.2} ms", micros as f64 / 1_000.0);
        text += &format!(
            "{:<14}{:>9}{:>12}{:>12}{:>12}{:>12}{:>9}\n",
            stage.stage.name(),
            stage.count,
            ms(stage.p50_us),
            ms(stage.p99_us),
            ms(stage.max_us),
            ms(stage.budget_us),
            stage.missed
        );
    }
    text += &format!("\n{} ticks, {} of them late\n", ended.ticks, ended.late_ticks);
    let journal = &ended.journal;
    text += &format!("journal: {} records, {} bytes, root {}\n", journal.records, journal.bytes, journal.root);
    if journal.lost > 0 {
        text +=
            &format!("journal: {} records were LOST: {}\n", journal.lost, journal.trouble.clone().unwrap_or_default());
    }
    let folder = ended.folder.display();
    text += &format!("decide it again:  ballast replay {folder}\nverify it:        ballast audit verify {folder}\n");
    text
}

/// A score beside the score after the start-up.
pub(super) fn score_table(whole: &Score, after: Option<&Score>) -> String {
    type Line = (&'static str, fn(&Score) -> String);
    let lines: [Line; 13] = [
        ("time", |score| span(Duration::from_secs(score.span.saturating_add(HALF_A_SECOND).as_secs()))),
        ("AI hall", |score| score.hall.to_string()),
        ("house", |score| score.house.to_string()),
        ("miners", |score| score.miners.to_string()),
        ("spare power there was", |score| score.spare.to_string()),
        ("absorbed of it", |score| share(score.of_spare())),
        ("  static: limit less hall nameplate", |score| share(score.reserved.share_of(score.spare))),
        ("  static: largest load in hindsight", |score| share(score.hindsight.share_of(score.spare))),
        ("worst over the limit", |score| score.worst_excess.to_string()),
        ("over the limit", |score| format!("{:.1} kW s", score.excess.joules() as f64 / 1_000.0)),
        ("time over the limit", |score| span(score.above)),
        ("switches a unit, mean", |score| format!("{:.2}", score.mean_switches_milli() as f64 / 1_000.0)),
        ("switches a unit, most", |score| score.most_switched.to_string()),
    ];
    let mut text = row("", "whole run", if after.is_some() { "settled" } else { "" });
    for (name, of) in lines {
        text += &row(name, &of(whole), &after.map(of).unwrap_or_default());
    }
    text
}

fn share(share: Option<Share>) -> String {
    share.map_or_else(|| "nothing there".into(), |share| share.to_string())
}
