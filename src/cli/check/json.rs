//! The report for programs: powers in watts (`_w`), times in milliseconds (`_ms`).

use std::time::Duration;

use serde_json::{Value, json};

use super::Outcome;
use crate::document::Problems;
use crate::site::Guard;
use crate::site::check::{Ends, Report, Reserve};

pub(super) fn outcome(file: &str, outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Unreadable(why) => json!({ "file": file, "verdict": "unreadable", "message": why }),
        Outcome::Broken(problems) => json!({ "file": file, "verdict": "broken", "problems": all(problems) }),
        Outcome::Device(what) => json!({ "file": file, "verdict": "fine", "device": what }),
        Outcome::Tariff(report) => super::tariff::json(file, report),
        Outcome::Fine(site) => json!({ "file": file, "verdict": "fine", "problems": [], "site": report(site) }),
        Outcome::Refused(site, problems) => {
            json!({ "file": file, "verdict": "refused", "problems": all(problems), "site": report(site) })
        }
    }
}

/// The problems of all files in one list: each names its own.
fn all(problems: &[Problems]) -> Value {
    problems.iter().map(Problems::json).filter_map(|file| file.as_array().cloned()).flatten().collect()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn report(report: &Report) -> Value {
    let sums = &report.sums;
    let feeders = report.feeders.iter().map(|feeder| {
        json!({
            "name": feeder.name, "rating_w": feeder.rating, "firm_w": feeder.firm,
            "miners_w": feeder.miners, "groups": feeder.groups,
        })
    });
    let contactors = report.contactors.iter().map(|line| {
        json!({
            "feeder": line.feeder, "age_ms": ms(line.age), "opens_after_ms": ms(line.opens_after),
            "response_ms": ms(line.response), "total_ms": ms(line.total), "within_ms": ms(line.within),
        })
    });
    let reaction = report.reaction.iter().map(|line| {
        json!({
            "groups": line.groups, "age_ms": ms(line.age), "period_ms": ms(line.period),
            "response_ms": ms(line.response), "total_ms": ms(line.total), "within_ms": ms(line.within),
            "holds": line.holds(), "proof_ms": ms(line.proof), "next_ms": ms(line.next), "lying_ms": ms(line.lying),
            "holds_a_lie": line.holds_a_lie(),
        })
    });
    let warnings = report.warnings.iter();
    let warnings = warnings.map(|found| json!({ "at": found.at, "message": found.message, "help": found.help }));
    json!({
        "name": report.site, "import_limit_w": sums.limit, "hall_w": sums.hall, "house_w": sums.house,
        "fleet_w": sums.fleet, "groups": sums.groups, "static_room_w": sums.static_room(),
        "reserve": reserve(&report.reserve), "reaction": reaction.collect::<Vec<_>>(),
        "feeders": feeders.collect::<Vec<_>>(), "contactors": contactors.collect::<Vec<_>>(), "dead": dead(report), "warnings": warnings.collect::<Vec<_>>(),
    })
}

fn reserve(reserve: &Reserve) -> Value {
    let lines = reserve.lines.iter().map(|line| {
        let rooms = line.rooms.iter().map(|room| json!({ "firm_w": room.firm, "miners_w": room.miners }));
        json!({
            "response_ms": ms(line.response), "groups": line.groups, "fleet_w": line.fleet,
            "rooms": rooms.collect::<Vec<_>>(),
        })
    });
    json!({
        "hall_at_w": reserve.hall_at, "age_ms": ms(reserve.age), "period_ms": ms(reserve.period),
        "lines": lines.collect::<Vec<_>>(), "all_miners_w": reserve.all,
    })
}

fn dead(report: &Report) -> Value {
    let dead = &report.dead;
    let (guard, trips_within_ms) = match &dead.guard {
        Guard::Relay { trips_within } => ("relay", Some(ms(*trips_within))),
        Guard::Tolerance => ("tolerance", None),
    };
    let (ends, ends_after_ms) = match dead.ends {
        Ends::NoExcess => ("no_excess", Some(0.0)),
        Ends::Within(time) => ("within", Some(ms(time))),
        Ends::Never => ("never", None),
    };
    json!({
        "guard": guard, "trips_within_ms": trips_within_ms, "worst_excess_w": dead.excess, "ends": ends,
        "ends_after_ms": ends_after_ms, "held_w": dead.held, "falling_w": dead.falling,
        "fallen_after_ms": ms(dead.fallen_after), "falls_within_ms": dead.falls_within.map(ms),
    })
}
