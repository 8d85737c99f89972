//! What a drill says to people: before it begins, and of what it found.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::{chart, clock_time};
use crate::drill::curve::Between;
use crate::drill::learnt::Spread;
use crate::drill::trial::{Fall, Rise, Silence};
use crate::drill::{Evidence, Kind, Measured, Order, Trial, Way};
use crate::site::{CommsLoss, Group, Site};
use crate::time::Wall;
use crate::units::{Power, Slew, span};

/// At most so many groups are named in one line.
const NAMED: usize = 6;
/// At most so many curves are drawn; the evidence file has all of them.
const DRAWN: usize = 4;
/// A shed is waited for at least this long; what comes after it is looked at for a moment.
const LEAST: Duration = Duration::from_secs(12);

/// What is about to be done to which power, and for how long.
pub(super) fn announced(site: &Site, order: &Order, now: Wall) -> String {
    let groups: Vec<&Group> = order.groups.iter().filter_map(|ix| site.groups.get(*ix)).collect();
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    let more = names.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let all: Power = groups.iter().map(|group| group.nameplate()).sum();
    let largest = groups.iter().map(|group| group.nameplate()).max().unwrap_or(Power::ZERO);
    let how = if order.all_at_once { "all at once" } else { "one after the other" };
    let at_once = if order.all_at_once { all } else { largest };
    let does = match order.kind {
        Kind::Shed => "lowers each to nothing by every path it has, and raises it again",
        Kind::Restore => "lowers each to nothing, then raises it to full draw, by every path it has",
        Kind::CommsLoss => "closes the connection to each PDU and leaves it alone: its watchdog may switch it off",
    };
    let (least, most) = takes(order, &groups);
    let mut text = format!("drill {} at `{}`\n", order.kind.name(), site.name);
    let _ = writeln!(text, "  groups     {}{more}: {how}", names.get(..NAMED).unwrap_or(&names).join(", "));
    let _ = writeln!(text, "  power      {at_once} at once at the most, {all} in all");
    let _ = writeln!(text, "  does       {does}; {} of each path", order.times);
    let _ = writeln!(text, "             what is found off is raised first, where the hall's worst case leaves room");
    let _ = writeln!(
        text,
        "  then       each group is put back as it was found, or stays off where it does not fit any more"
    );
    let (by, latest) = (clock_time(now.after(least)), clock_time(now.after(most)));
    let _ =
        writeln!(text, "  takes      {} and what the miners need, to {by} UTC; {latest} at the latest", span(least));
    let _ = write!(text, "  meanwhile  no controller runs: nobody lowers the other groups for the limit");
    text
}

/// How long it takes where everything follows at once, and at the most.
fn takes(order: &Order, groups: &[&Group]) -> (Duration, Duration) {
    let one = |group: &&Group| {
        let ways = if order.kind == Kind::CommsLoss || group.firmware.is_none() { 1 } else { 2 };
        let silent = match group.paths.first().map(|path| path.comms_loss) {
            Some(CommsLoss::Reverts(after) | CommsLoss::SafeValue(after)) => after + after / 10,
            _ => order.watch,
        };
        let proof = group.first_times().map_or(Duration::ZERO, |(_, proof)| proof);
        let lowers = if order.kind == Kind::CommsLoss { silent } else { proof };
        let each = lowers + group.dwell_off;
        let waits = LEAST.max(lowers * 3) + group.dwell_off + order.wait * 2;
        (each * order.times * ways, (waits * order.times + order.wait) * ways)
    };
    let each: Vec<(Duration, Duration)> = groups.iter().map(one).collect();
    let (least, most) = each.iter().copied().unzip::<_, _, Vec<_>, Vec<_>>();
    match order.all_at_once {
        true => (least.into_iter().max().unwrap_or_default(), most.into_iter().max().unwrap_or_default()),
        false => (least.into_iter().sum(), most.into_iter().sum()),
    }
}

/// The table and a few curves.
pub(super) fn told(evidence: &Evidence) -> String {
    let mut text = String::new();
    let rows = rows(evidence);
    let _ = writeln!(text, "{}", head(evidence.drill));
    for trials in &rows {
        let _ = writeln!(text, "{}", row(trials));
    }
    for trials in rows.iter().take(DRAWN) {
        let Some(trial) = trials.last() else { continue };
        if let Some(lines) = chart::lines(&trial.pdu) {
            let _ = write!(text, "\n  {} by {}, what its PDU showed\n{lines}", trial.group, trial.path.name());
        }
    }
    if rows.len() > DRAWN {
        let _ = writeln!(text, "\n  the evidence file has the curves of all {}", rows.len());
    }
    text
}

/// The trials of each group and path together.
fn rows(evidence: &Evidence) -> Vec<Vec<&Trial>> {
    let mut rows: Vec<(&str, Way, Vec<&Trial>)> = Vec::new();
    for trial in &evidence.trials {
        let same = rows.iter_mut().find(|(group, way, _)| *group == trial.group && *way == trial.path);
        match same {
            Some((_, _, trials)) => trials.push(trial),
            None => rows.push((&trial.group, trial.path, vec![trial])),
        }
    }
    rows.into_iter().map(|(_, _, trials)| trials).collect()
}

fn head(kind: Kind) -> String {
    let line =
        |cells: &[(&str, usize)]| cells.iter().map(|(cell, width)| format!("{cell:>width$}")).collect::<String>();
    let first = format!("{:<14}{:<10}", "group", "path");
    match kind {
        Kind::Shed => {
            let over = format!("\n{:<24}{:>39}{:>30}", "", "gone: p50, max, file says", "proof: p50, max, file says");
            let cells = [("drew", 9), ("answered", 10), ("half", 20), ("10 %", 20)];
            format!("{first}{}{:>20}{over}", line(&cells), "POI")
        }
        Kind::Restore => {
            let cells =
                [("units", 6), ("told", 9), ("first watts", 20), ("full draw", 20), ("draws", 10), ("steepest", 12)];
            first + &line(&cells)
        }
        Kind::CommsLoss => {
            let cells =
                [("file says", 18), ("silent", 9), ("on before", 11), ("on after", 10), ("gone at the POI", 22)];
            first + &line(&cells)
        }
    }
}

fn row(trials: &[&Trial]) -> String {
    let Some(last) = trials.last() else { return String::new() };
    let first = format!("{:<14}{:<10}", last.group, last.path.name());
    let wrong = if trials.iter().any(|trial| !trial.problems.is_empty()) { "  WRONG" } else { "" };
    let rest = match &last.measured {
        Measured::Fall(fall) => shed(trials, fall),
        Measured::Rise(rise) => restore(rise),
        Measured::Silence(silence) => silent(last, silence),
    };
    format!("{first}{rest}{wrong}")
}

fn shed(trials: &[&Trial], last: &Fall) -> String {
    let falls = || {
        trials.iter().filter_map(|trial| match &trial.measured {
            Measured::Fall(fall) => Some(fall),
            _ => None,
        })
    };
    let spread = |spread: Option<Spread>, says: u64| {
        let time = |ms: Option<u64>| ms.map_or_else(|| "never".to_owned(), told_ms);
        let (p50, max) = (spread.map(|spread| spread.p50_ms), spread.map(|spread| spread.max_ms));
        format!("{}, {}, {}", time(p50), time(max), told_ms(says))
    };
    let declared = trials.last().map(|trial| trial.declared.clone()).unwrap_or_default();
    let gone = spread(Spread::of(falls().filter_map(|fall| fall.gone).map(|time| time.most_ms)), declared.response_ms);
    let proof = spread(Spread::of(falls().filter_map(|fall| fall.proof_ms)), declared.proof_ms);
    let answered = last.answered_ms.map_or_else(|| "-".into(), told_ms);
    let drew = Power::from_watts(last.drew_w).to_string();
    format!(
        "{drew:>9}{answered:>10}{:>20}{:>20}{:>20}\n{:<24}{gone:>39}{proof:>30}",
        range(last.half),
        range(last.tenth),
        range(last.poi),
        ""
    )
}

fn restore(rise: &Rise) -> String {
    let steepest = Slew::from_watts_per_second(rise.steepest_w_per_s).to_string();
    format!(
        "{:>6}{:>9}{:>20}{:>20}{:>10}{steepest:>12}",
        rise.units,
        told_ms(rise.told_ms),
        range(rise.first_watts),
        range(rise.full),
        Power::from_watts(rise.full_w).to_string()
    )
}

fn silent(trial: &Trial, silence: &Silence) -> String {
    let after = trial.declared.comms_loss_after_ms.map(|ms| format!(" {}", told_ms(ms))).unwrap_or_default();
    let says = format!("{}{after}", trial.declared.comms_loss);
    let on_after = silence.on_after.map_or_else(|| "silent".into(), |on| on.count_ones().to_string());
    format!(
        "{says:>18}{:>9}{:>11}{on_after:>10}{:>22}",
        told_ms(silence.silent_ms),
        silence.on_before.count_ones(),
        range(silence.poi)
    )
}

/// `480 ms` at the most, or between two times.
fn range(time: Option<Between>) -> String {
    match time {
        None => "-".into(),
        Some(Between { least_ms: 0, most_ms }) => format!("≤ {}", told_ms(most_ms)),
        Some(Between { least_ms, most_ms }) => format!("{} to {}", told_ms(least_ms), told_ms(most_ms)),
    }
}

fn told_ms(ms: u64) -> String {
    span(Duration::from_millis(ms))
}

/// What it comes to, and where the evidence is.
pub(super) fn verdict(evidence: &Evidence, kept: Option<&Path>) -> String {
    let problems = evidence.problems().count();
    let said = match (evidence.verdict, problems) {
        ("holds", _) => "what was measured is no longer than the file says".to_owned(),
        ("nothing_measured", _) => "nothing was measured".to_owned(),
        (_, 0) => "not everything could be measured, or is as it was found".to_owned(),
        (_, 1) => "1 problem".to_owned(),
        (_, many) => format!("{many} problems"),
    };
    let mut text = format!("\n{}: {said}\n", evidence.site);
    for left in evidence.groups.iter().filter(|left| !left.as_found || left.why.is_some()) {
        let how = if left.as_found { "left as it was found" } else { "NOT left as it was found" };
        let _ = writeln!(text, "  {}: {how}; {}", left.group, left.why.as_deref().unwrap_or("look at it"));
    }
    if let Some(why) = &evidence.broken_off {
        let _ = writeln!(text, "  broken off: {why}");
    }
    let (records, root) = (evidence.journal.records, &evidence.journal.root);
    let _ = writeln!(
        text,
        "  journal {} from record {}, {records} records, root {root}",
        evidence.journal.folder.display(),
        evidence.journal.first
    );
    if let Some(kept) = kept {
        let _ = writeln!(text, "  evidence {}", kept.display());
    }
    text
}
