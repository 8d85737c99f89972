//! The report as plain text for people, at most [`COLUMNS`] wide.

use std::fmt::Write;

use super::{Outcome, render};
use crate::document::Problems;
use crate::site::Guard;
use crate::site::check::{ContactorLine, Dead, Ends, FeederLine, ReactionLine, Report, Reserve, Room};
use crate::units::{Power, span};

pub(super) fn outcome(file: &str, outcome: &Outcome, color: bool) -> String {
    match outcome {
        Outcome::Unreadable(why) => format!("error: {why}\n"),
        Outcome::Broken(problems) => format!("{}\n\n{file}: {}\n", render(problems, color), told(problems)),
        Outcome::Device(what) => format!("{file}: {what}\n"),
        Outcome::Tariff(report) => super::tariff::text(file, report, color),
        Outcome::Fine(site) => {
            let verdict = match site.warnings.len() {
                0 => "holds its promise".to_owned(),
                1 => "holds its promise, with 1 warning".to_owned(),
                many => format!("holds its promise, with {many} warnings"),
            };
            format!("{file}: site `{}` {verdict}\n{}", site.site, report(site))
        }
        Outcome::Refused(site, problems) => {
            let verdict = format!("{file}: site `{}` cannot hold its promise: {}", site.site, told(problems));
            format!("{verdict}\n{}\n{}\n\n{verdict}\n", report(site), render(problems, color))
        }
    }
}

fn told(problems: &[Problems]) -> String {
    match problems.iter().map(|problems| problems.all().len()).sum() {
        1 => "1 problem".into(),
        many => format!("{many} problems"),
    }
}

/// All tables of a site.
fn report(report: &Report) -> String {
    let mut text = String::new();
    sums(&mut text, report);
    reserve(&mut text, &report.reserve);
    reaction(&mut text, &report.reaction);
    if !report.feeders.is_empty() {
        feeders(&mut text, &report.feeders);
    }
    contactors(&mut text, &report.contactors);
    dead(&mut text, &report.dead);
    for warning in &report.warnings {
        line(&mut text, wrapped(&format!("\nwarning: {}", warning.message), "         "));
        line(&mut text, wrapped(&format!("  = help: {}", warning.help), "          "));
    }
    text
}

fn line(text: &mut String, add: impl AsRef<str>) {
    let trimmed: Vec<&str> = add.as_ref().split('\n').map(str::trim_end).collect();
    let _ = writeln!(text, "{}", trimmed.join("\n"));
}

/// The widest line.
const COLUMNS: usize = 100;

/// Words in lines no wider than the report; all but the first begin like this.
fn wrapped(words: &str, indent: &str) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in words.split_inclusive(' ') {
        let long = word.trim_end().chars().count();
        if width > 0 && width + long > COLUMNS {
            lines.push_str(&format!("\n{indent}"));
            width = indent.len();
        }
        lines.push_str(word);
        width += word.chars().count();
    }
    lines
}

fn sums(text: &mut String, report: &Report) {
    let sums = &report.sums;
    line(text, format!("\n  import limit {:>9}    AI hall {:>9}", sums.limit, sums.hall));
    line(text, format!("  miners       {:>9}    house   {:>9}", sums.fleet, sums.house));
    let room = sums.static_room();
    line(text, format!("  without control miners could be given {room} for good: the limit less both nameplates"));
}

fn reserve(text: &mut String, reserve: &Reserve) {
    line(text, "\nReserve: what miners may draw, by how fast they can be gone (each feeder's rating apart)");
    let (age, period) = (span(reserve.age), span(reserve.period));
    line(
        text,
        format!("  firm    what hall and house can have become by then: a reading {age} old (poll and refresh),"),
    );
    line(
        text,
        format!("          a tick of {period} and the response, all at the hall's slew; the house at its nameplate"),
    );
    line(text, "  miners  what all groups this slow or slower may draw together: the import limit less that");
    let heads: String = reserve.hall_at.iter().map(|at| format!("{:>22}", format!("hall reads {at}"))).collect();
    line(text, format!("\n  {:<31}{heads}", ""));
    let names = format!("{:>11}{:>11}", "firm", "miners").repeat(reserve.hall_at.len());
    line(text, format!("  {:<15}{:>6}{:>10}{names}", "response", "groups", "fleet"));
    for row in &reserve.lines {
        let miners = |miners: Power| if miners == row.fleet { "all".to_owned() } else { miners.to_string() };
        let room = |room: &Room| format!("{:>11}{:>11}", room.firm, miners(room.miners));
        let rooms: String = row.rooms.iter().map(room).collect();
        let response = format!("{} or more", span(row.response));
        line(text, format!("  {response:<15}{:>6}{:>10}{rooms}", row.groups, row.fleet));
    }
    let all: String = reserve.all.iter().map(|all| format!("{all:>22}")).collect();
    line(text, format!("  {:<31}{all}", "all miners together, at most"));
}

fn reaction(text: &mut String, lines: &[ReactionLine]) {
    line(text, "\nReaction: from the oldest reading that is believed to the power being gone");
    let head = format!(
        "{:>8}{:>10}{:>8}{:>12}{:>10}{:>10}{:>10}{:>10}{:>12}",
        "groups", "reading", "tick", "response", "sum", "limit", "spare", "proof", "if it lies"
    );
    line(text, format!("  {head}"));
    for row in lines {
        let spare = if row.holds() { span(row.within - row.total) } else { "TOO SLOW".into() };
        let (age, period, response) = (span(row.age), span(row.period), span(row.response));
        let (total, within, proof, lying) = (span(row.total), span(row.within), span(row.proof), span(row.lying));
        let time =
            format!("{age:>10}{period:>8}{response:>12}{total:>10}{within:>10}{spare:>10}{proof:>10}{lying:>12}");
        line(text, format!("  {:>8}{time}", row.groups));
    }
    line(text, "  if it lies: it answers and does not act, its proof is missed, and the next class acts for it");
}

fn feeders(text: &mut String, lines: &[FeederLine]) {
    line(text, "\nFeeders: what hangs on them");
    line(
        text,
        format!("  {:<16}{:>10}{:>10}{:>10}{:>8}{:>10}", "feeder", "rating", "firm", "miners", "groups", "spare"),
    );
    for row in lines {
        let spare = row.rating - row.firm - row.miners;
        let spare = if spare < Power::ZERO { "HELD".to_owned() } else { spare.to_string() };
        let (rating, firm, miners) = (row.rating, row.firm, row.miners);
        line(text, format!("  {:<16}{rating:>10}{firm:>10}{miners:>10}{:>8}{spare:>10}", row.name, row.groups));
    }
}

fn contactors(text: &mut String, lines: &[ContactorLine]) {
    if lines.is_empty() {
        return;
    }
    line(text, "\nContactors: what is opened when miners behind a feeder draw on and nothing else is left to lower");
    let head = format!("{:>10}{:>14}{:>12}{:>10}{:>10}", "reading", "opens after", "response", "sum", "limit");
    line(text, format!("  {:<16}{head}", "feeder"));
    for row in lines {
        let (age, after, response) = (span(row.age), span(row.opens_after), span(row.response));
        let (total, within) = (span(row.total), span(row.within));
        line(text, format!("  {:<16}{age:>10}{after:>14}{response:>12}{total:>10}{within:>10}", row.feeder));
    }
}

fn dead(text: &mut String, dead: &Dead) {
    line(text, "\nWhile the controller is dead");
    if dead.held > Power::ZERO {
        line(text, format!("  {} of miners keep their state; a silent one counts as drawing", dead.held));
    }
    if dead.falling > Power::ZERO {
        let after = span(dead.fallen_after);
        let most = dead.falls_within.map_or(String::new(), |within| format!(", and {} are allowed", span(within)));
        line(text, format!("  {} of miners fall by their own watchdogs, the last after {after}{most}", dead.falling));
    }
    let holder = match &dead.guard {
        Guard::Relay { trips_within } => format!("a relay at the POI trips the miners within {}", span(*trips_within)),
        Guard::Tolerance => "nothing holds the limit but its own tolerance".into(),
    };
    line(text, format!("  {holder}"));
    line(
        text,
        match dead.ends {
            Ends::NoExcess => "  worst excess: none, hall, house and miners fit under the limit together".to_owned(),
            Ends::Within(time) => format!("  worst excess: {} over the limit, for at most {}", dead.excess, span(time)),
            Ends::Never => format!("  worst excess: {} over the limit, until a person acts", dead.excess),
        },
    );
}
