//! What changes in a tariff between two days: prices, rules, blocks, the clock.

use super::bill::has;
use super::facts::facts;
use super::{Charge, Tariff};
use crate::time::Date;

/// Something that happens on a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The day.
    pub date: Date,
    /// What it is about: a line, `calendar`, `clock`.
    pub what: String,
    /// What happens.
    pub message: String,
}

/// The longest that is looked ahead, in days.
pub const MOST_DAYS: u32 = 3_700;

/// Everything that changes from `from` to before `until`, by day.
pub fn coming(tariff: &Tariff, from: Date, until: Date) -> Vec<Change> {
    let mut changes = Vec::new();
    let within = |date: Date| (from..until).contains(&date);
    for line in &tariff.lines {
        let mut add = |date: Date, message: String| {
            if within(date) {
                changes.push(Change { date, what: line.name.clone(), message });
            }
        };
        for fact in facts(tariff, line) {
            // Which peaks count is told as a rule, below.
            let is_rule = matches!(line.charge, Charge::Coincident(_)) && fact.key == "peaks";
            match (fact.from, before(tariff, line, &fact)) {
                (Some(date), Some(before)) if before != fact.value && !is_rule => {
                    add(date, format!("{}: {before} -> {}", fact.key, fact.value));
                }
                _ => {}
            }
        }
        match &line.charge {
            Charge::Block(block) => {
                add(block.from, "begins".into());
                add(block.until, "is over: from this day all is bought at the index".into());
            }
            Charge::Coincident(coincident) => {
                for (date, rule) in coincident.rules.steps() {
                    let assumed =
                        rule.assumed.as_ref().map_or(String::new(), |assumed| format!(" (assumed: {assumed})"));
                    let peaks = rule.peaks.per_year();
                    add(*date, format!("{peaks} peaks a year over {} min count{assumed}", rule.peaks.window));
                }
            }
            _ => {}
        }
    }
    changes.extend(days(tariff, from, until));
    changes.sort();
    changes.dedup();
    changes
}

/// The value of the same key before a day.
fn before(tariff: &Tariff, line: &super::Line, fact: &super::facts::Fact) -> Option<String> {
    let all = facts(tariff, line).into_iter().filter(|other| other.key == fact.key && other.from < fact.from);
    all.max_by_key(|other| other.from).map(|other| other.value)
}

/// Days on which the clock or the seasons change, and holidays.
fn days(tariff: &Tariff, from: Date, until: Date) -> Vec<Change> {
    let zone = tariff.zone;
    let mut changes = Vec::new();
    let mut date = from;
    for _ in 0..MOST_DAYS {
        if date >= until {
            break;
        }
        let (start, end) = (zone.midnight(date), zone.midnight(date.plus(1)));
        let quarters = end.since(start).as_secs() / 60 / u64::from(tariff.interval.max(1));
        let moved = zone.offset(end) - zone.offset(start);
        let mut add = |what: &str, message: String| changes.push(Change { date, what: what.into(), message });
        if moved != 0 {
            let way = if moved > 0 { "forward" } else { "back" };
            add("clock", format!("is put {way}: this day has {quarters} intervals"));
        }
        if tariff.calendar.holidays.has(date) {
            add("calendar", "a holiday: counts as a Sunday".into());
        }
        if date.day() == 1 && date > from {
            let of = |date: Date| -> Vec<&str> {
                let periods = tariff.calendar.periods.iter();
                let known = periods.filter(|period| period.windows.iter().any(|window| has(window.months, date)));
                known.map(|period| period.name.as_str()).collect()
            };
            let (was, is) = (of(date.minus(1)), of(date));
            if was != is {
                add("calendar", format!("other periods: {}", is.join(", ")));
            }
        }
        date = date.plus(1);
    }
    changes
}
