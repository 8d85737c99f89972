//! A frame: what the screen shows of a view, as lines of text. Pure, so that frames can be kept and compared.

use chrono::{DateTime, Utc};

use super::line::{Ink, Line};
use super::strip::strip;
use crate::snapshot::Link;
use crate::web::words::{meaning, name, wrong};
use crate::web::{EventView, GroupView, History, Severity, StageView, View};

/// Columns the whole picture needs.
pub const MIN_WIDTH: usize = 80;
/// Lines the whole picture needs.
pub const MIN_HEIGHT: usize = 24;

/// Rows of groups that are shown; more are counted.
const GROUP_ROWS: usize = 3;

/// The frame of this view: `height` lines of `width` columns. `asked` is what has been typed so far where a cap is
/// being entered.
pub fn draw(view: &View, history: &History, asked: Option<&str>, width: usize, height: usize) -> Vec<Line> {
    let mut lines = vec![title(view, width), cause(view, width), why(view, width), numbers(view, width)];
    if width >= MIN_WIDTH && height >= MIN_HEIGHT {
        let groups = groups(&view.groups, width);
        let events = 3 + (height - MIN_HEIGHT) / 4;
        let chart = height.saturating_sub(lines.len() + groups.len() + 2 + events + 1);
        lines.extend(strip(history, width, chart));
        lines.extend(groups);
        lines.push(stages(&view.stages, width));
        lines.push(journal(view, width));
        lines.extend(view.events.iter().rev().take(events).map(|event| happened(event, width)));
    } else {
        lines.push(
            Line::of(width).put(Ink::Quiet, format!("make the window {MIN_WIDTH}x{MIN_HEIGHT} to see the chart")),
        );
    }
    lines.truncate(height.saturating_sub(1));
    lines.resize(height.saturating_sub(1), Line::of(width));
    lines.push(keys(view, asked, width));
    lines.into_iter().take(height).map(Line::end).collect()
}

fn title(view: &View, width: usize) -> Line {
    let line = Line::of(width).put(Ink::Strong, "Ballast ").put(Ink::Plain, &view.site);
    if view.unix_ms == 0 {
        return line.put(Ink::Quiet, "  waiting for the first tick");
    }
    line.put(Ink::Quiet, format!("  {}", view.note)).put_right(Ink::Quiet, &format!("{} UTC", clock(view.unix_ms)))
}

fn why(view: &View, width: usize) -> Line {
    Line::of(width).put(Ink::Plain, meaning(view.cause))
}

/// The cause, and beside it what a person must not miss, most urgent first.
fn cause(view: &View, width: usize) -> Line {
    let mut line = Line::of(width).put(Ink::Strong, name(view.cause)).put(Ink::Plain, "  ");
    let mut say = |ink, text: String| line = line.clone().put(ink, text).put(Ink::Plain, " ");
    if let Some(condition) = view.terminated {
        say(Ink::Alarm, format!(" E-STOP BY THE FAIL-SAFE: {}; E releases ", wrong(condition)));
    } else if view.orders.e_stop {
        say(Ink::Alarm, " E-STOP IN FORCE: E releases ".into());
    }
    if let Some(excess) = view.poi_w.map(|poi| poi.saturating_sub(view.import_limit_w)).filter(|excess| *excess > 0) {
        say(Ink::Alarm, format!(" {} ABOVE THE LIMIT ", power(excess)));
    }
    if view.orders.drain {
        say(Ink::Warn, "! ending on the ramp".into());
    }
    if view.faults.meter_unplugged {
        say(Ink::Warn, "! POI meter unplugged: m plugs it in".into());
    } else if view.poi_w.is_none() && view.unix_ms > 0 {
        say(Ink::Warn, "! POI meter: no data".into());
    }
    if view.hall_w.is_none() && view.unix_ms > 0 {
        say(Ink::Warn, format!("! hall meter: no data, counts as {}", power(view.hall_worst_w)));
    }
    for feeder in view.feeders.iter().filter(|feeder| feeder.open) {
        let ink = if feeder.following { Ink::Warn } else { Ink::Alarm };
        let then = match (feeder.dark, feeder.waits) {
            (_, true) => ": waits for room to close",
            (true, false) => ": no power there, close it on the page",
            (false, false) => ": its meter does not show it yet",
        };
        say(ink, format!("! feeder {} is open{then}", feeder.name));
    }
    if let Some(tariff) = &view.tariff {
        if tariff.refused.is_some() {
            say(Ink::Alarm, " TARIFF FILE REFUSED: the last good one holds ".into());
        }
        if let Some((sha256, _)) = &tariff.waits {
            let short = sha256.get(..12).unwrap_or_default();
            say(Ink::Warn, format!("! tariff {short} waits: accept it on the page"));
        }
    }
    let locked = named(view, |group| group.locked);
    for (what, groups) in [("silent", named(view, silent)), ("not following", named(view, deaf)), ("locked", locked)] {
        if !groups.is_empty() {
            say(Ink::Warn, format!("! {what}: {groups}"));
        }
    }
    if let Some(cap) = view.orders.cap_w {
        say(Ink::Plain, format!("capped at {}: C lifts", power(cap)));
    }
    line
}

fn silent(group: &GroupView) -> bool {
    group.link == Link::Silent && !group.severed
}

fn deaf(group: &GroupView) -> bool {
    group.link == Link::Up && !group.following
}

fn named(view: &View, which: fn(&GroupView) -> bool) -> String {
    let names: Vec<&str> = view.groups.iter().filter(|group| which(group)).map(|group| group.name.as_str()).collect();
    match names.as_slice() {
        [one, two, rest @ ..] if !rest.is_empty() => format!("{one}, {two} and {} more", rest.len()),
        few => few.join(", "),
    }
}

fn numbers(view: &View, width: usize) -> Line {
    let told = view.tariff.as_ref().map_or(view.price_micro_usd_mwh, |tariff| tariff.marginal_micro_usd_mwh);
    let price = told.map_or_else(|| "no price".into(), |micro| format!("{} USD/MWh", usd(micro)));
    Line::of(width)
        .put(Ink::Plain, "import ")
        .put(Ink::Strong, or_none(view.poi_w))
        .put(Ink::Plain, format!(" of {}  ", power(view.import_limit_w)))
        .put(Ink::Hall, format!("▒ hall {}  ", or_none(view.hall_w)))
        .put(Ink::Miners, format!("█ miners {}  ", power(view.miners_w)))
        .put(Ink::Price, price)
}

/// One letter a group: how much of it is on; `x` where it is silent, `!` where it does not follow, `L` where it is locked, `-` where
/// its feeder is open, `?` before it was seen.
fn groups(groups: &[GroupView], width: usize) -> Vec<Line> {
    let row_of = |group: &GroupView| group.name.rsplit_once('-').map_or("groups", |(row, _)| row).to_owned();
    let mut rows: Vec<(String, Vec<&GroupView>)> = Vec::new();
    for group in groups {
        match rows.iter_mut().find(|(name, _)| *name == row_of(group)) {
            Some((_, row)) => row.push(group),
            None => rows.push((row_of(group), vec![group])),
        }
    }
    let more = rows.len().saturating_sub(GROUP_ROWS);
    let mut lines: Vec<Line> = rows.iter().take(GROUP_ROWS).map(|(name, row)| group_row(name, row, width)).collect();
    if more > 0 {
        lines.pop();
        lines.push(Line::of(width).put(Ink::Quiet, format!("and {} more rows of groups", more + 1)));
    }
    lines
}

fn group_row(name: &str, row: &[&GroupView], width: usize) -> Line {
    let lit: u32 = row.iter().map(|group| group.lit()).sum();
    let units: u32 = row.iter().map(|group| group.units).sum();
    let watts: i64 = row.iter().filter_map(|group| group.power_w).sum();
    let head = format!("{name:<7.7} {:>9} {:>8}  ", format!("{lit}/{units}"), power(watts));
    row.iter().fold(Line::of(width).put(Ink::Plain, head), |line, group| {
        let (letter, ink) = group_letter(group);
        line.put(ink, letter)
    })
}

fn group_letter(group: &GroupView) -> (&'static str, Ink) {
    const LETTERS: [&str; 9] = ["·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    match group.link {
        _ if group.severed => return ("-", Ink::Warn),
        Link::Silent => return ("x", Ink::Warn),
        Link::New => return ("?", Ink::Quiet),
        Link::Up if group.locked => return ("L", Ink::Warn),
        Link::Up if !group.following => return ("!", Ink::Warn),
        Link::Up => {}
    }
    let eighths = (group.lit() * 8).div_ceil(group.units.max(1));
    let letter = usize::try_from(eighths).ok().and_then(|ix| LETTERS.get(ix)).unwrap_or(&"█");
    (letter, if eighths == 0 { Ink::Quiet } else { Ink::Miners })
}

fn stages(stages: &[StageView], width: usize) -> Line {
    let start = Line::of(width).put(Ink::Quiet, "p99  ");
    stages.iter().fold(start, |line, stage| {
        let (took, may) = (span(stage.p99_us), span(stage.budget_us));
        if stage.p99_us > stage.budget_us {
            line.put(Ink::Warn, format!("{} {took} > {may}!  ", stage.name))
        } else if width < 100 {
            line.put(Ink::Plain, format!("{} {took}  ", stage.name))
        } else {
            line.put(Ink::Plain, format!("{} {took} of {may}   ", stage.name))
        }
    })
}

fn journal(view: &View, width: usize) -> Line {
    let (journal, score) = (&view.journal, &view.score);
    let taken = score
        .absorbed_share_ppm
        .map_or_else(String::new, |ppm| format!("{} of the spare taken  ", tenths(ppm / 1_000, " %")));
    let worst = score.worst_excess_w;
    let excess = if worst > 0 { format!("worst excess {}", power(worst)) } else { "never above the limit".into() };
    let late = if journal.durable_lag > 0 { format!(", {} not durable", journal.durable_lag) } else { String::new() };
    let line = Line::of(width).put(Ink::Plain, format!("{taken}{excess}  "));
    line.put(Ink::Quiet, format!("journal {}{late}", journal.records))
}

fn happened(event: &EventView, width: usize) -> Line {
    let (mark, ink) = match event.severity {
        Severity::Info => ("  ", Ink::Plain),
        Severity::Warn => ("! ", Ink::Warn),
        Severity::Alarm => ("!!", Ink::Alarm),
    };
    Line::of(width)
        .put(Ink::Quiet, format!("{} ", clock(event.unix_ms)))
        .put(ink, mark)
        .put(Ink::Plain, format!(" {}", event.text))
}

fn keys(view: &View, asked: Option<&str>, width: usize) -> Line {
    if let Some(typed) = asked {
        return Line::of(width)
            .put(Ink::Strong, format!("cap import at kW: {typed}_"))
            .put(Ink::Quiet, "   Enter sets, Esc leaves");
    }
    let demo = if view.demo { "j hall jump  m meter  p PDU  " } else { "" };
    Line::of(width)
        .put(Ink::Strong, "e E-STOP")
        .put(Ink::Quiet, format!("  E release  c cap  C lift cap  {demo}q quit"))
}

fn clock(unix_ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(unix_ms).unwrap_or_default().format("%H:%M:%S").to_string()
}

fn or_none(watts: Option<i64>) -> String {
    watts.map_or_else(|| "no data".into(), power)
}

/// Power with its unit, as short as it can be read.
fn power(watts: i64) -> String {
    let sign = if watts < 0 { "-" } else { "" };
    let size = watts.unsigned_abs();
    match size {
        0 => "0 kW".into(),
        1..=9_949 => format!("{sign}{}.{} kW", (size + 50) / 1_000, (size + 50) / 100 % 10),
        9_950..=999_499 => format!("{sign}{} kW", (size + 500) / 1_000),
        _ => {
            let hundredths = size.saturating_add(5_000) / 10_000;
            format!("{sign}{}.{:02} MW", hundredths / 100, hundredths % 100)
        }
    }
}

fn usd(micro: i64) -> String {
    let cents = micro.unsigned_abs().saturating_add(5_000) / 10_000;
    format!("{}{}.{:02}", if micro < 0 { "-" } else { "" }, cents / 100, cents % 100)
}

fn tenths(tenths: i64, unit: &str) -> String {
    format!("{}.{}{unit}", tenths / 10, tenths % 10)
}

fn span(micros: u64) -> String {
    match micros {
        0..=999 => format!("{micros}us"),
        1_000..=999_499 => format!("{}ms", (micros + 500) / 1_000),
        _ => format!("{}.{}s", (micros + 50_000) / 1_000_000, (micros + 50_000) / 100_000 % 10),
    }
}
