//! The end of a run in figures, for people and as JSON. Powers in whole watts, energy in watt-hours.

use serde_json::{Value, json};

use crate::plant::Score;

/// A line of a table of two columns.
pub(super) fn row(name: &str, whole: &str, after: &str) -> String {
    format!("{name:<34}{whole:>16}{after:>16}\n")
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
