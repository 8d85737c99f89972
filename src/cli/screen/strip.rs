//! The strip chart in letters: firm load `▒`, miners `█`, room kept free for the hall `·`, all against the line of the
//! limit; above it the causes as they changed, beneath it the time and the price.

use chrono::{DateTime, Utc};

use super::line::{Ink, Line};
use crate::plan::Cause;
use crate::web::words::name;
use crate::web::{History, Point};

/// How far back the chart reaches.
const SPAN_MS: i64 = 300_000;
/// Columns of the axis on the left.
const AXIS: usize = 6;
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The chart in this many lines, at least six: causes, limit, areas, time, price.
pub(super) fn strip(history: &History, width: usize, height: usize) -> Vec<Line> {
    let columns = columns(history, width.saturating_sub(AXIS));
    let rows = i64::try_from(height.saturating_sub(4)).unwrap_or(1).max(1);
    let limit = columns.iter().flatten().map(|column| column.point.limit_w).next_back().unwrap_or(0);
    let step = (limit / rows).max(1);
    let mut lines = vec![causes(&columns, width), limit_line(&columns, limit, width)];
    lines.extend((0..rows).rev().map(|row| area(&columns, row, step, width)));
    lines.push(times(&columns, width));
    lines.push(prices(&columns, width));
    lines
}

/// One column: the worst moment of its time, and whether the cause changed in it.
struct Column {
    point: Point,
    changed: bool,
}

/// Buckets of the same time each, aligned to the clock, so that a column does not shimmer while it waits its turn.
fn columns(history: &History, count: usize) -> Vec<Option<Column>> {
    let mut columns: Vec<Option<Column>> = (0..count).map(|_| None).collect();
    let bucket = SPAN_MS / i64::try_from(count).unwrap_or(1).max(1);
    let Some(last) = history.points().next_back().map(|point| point.unix_ms.div_euclid(bucket.max(1))) else {
        return columns;
    };
    let mut before: Option<Cause> = None;
    for point in history.points() {
        let changed = before.is_some_and(|cause| cause != point.cause);
        before = Some(point.cause);
        let ago = last - point.unix_ms.div_euclid(bucket.max(1));
        let Some(slot) = usize::try_from(ago).ok().and_then(|ago| columns.iter_mut().rev().nth(ago)) else { continue };
        match slot {
            Some(column) => {
                column.changed |= changed;
                let cause = point.cause;
                if point.import_w() > column.point.import_w() {
                    column.point = *point;
                }
                column.point.cause = cause;
            }
            None => *slot = Some(Column { point: *point, changed }),
        }
    }
    columns
}

/// What counts as firm: hall and house; the worst case of the hall where it has no reading.
fn firm(point: &Point) -> i64 {
    point.hall_w.unwrap_or(point.worst_w).saturating_add(point.house_w.unwrap_or(0))
}

fn area(columns: &[Option<Column>], row: i64, step: i64, width: usize) -> Line {
    let low = row.saturating_mul(step);
    let label = if row == 0 { "   0 ".to_owned() } else { mega(low) };
    let start = Line::of(width).put(Ink::Quiet, label).put(Ink::Quiet, " ");
    columns.iter().fold(start, |line, column| match column {
        None => line.put(Ink::Plain, " "),
        Some(column) => {
            let (letter, ink) = cell(&column.point, low, step);
            line.put(ink, letter.to_string())
        }
    })
}

/// The letter of a cell: how far up its loads reach in eighths, and where firm load ends and miners begin.
fn cell(point: &Point, low: i64, step: i64) -> (char, Ink) {
    let eighths = |top: i64| usize::try_from(top.saturating_sub(low).saturating_mul(8) / step).unwrap_or(0).min(8);
    let firm = firm(point);
    let (solid, all) = (eighths(firm), eighths(firm.saturating_add(point.miners_w)));
    let letter = |eighths: usize| EIGHTHS.get(eighths).copied().unwrap_or(' ');
    match (solid, all) {
        (8, _) if point.hall_w.is_none() => ('?', Ink::Warn),
        (8, _) => ('▒', Ink::Hall),
        (0, 0) => empty(point, low.saturating_add(step / 2)),
        (0, _) => (letter(all), Ink::Miners),
        (_, 8) => (letter(solid), Ink::HallUnderMiners),
        _ if all >= solid * 2 => (letter(all), Ink::Miners),
        _ => (letter(all), Ink::Hall),
    }
}

/// What is kept free for the hall's fastest rise hangs from the limit.
fn empty(point: &Point, middle: i64) -> (char, Ink) {
    let kept = point.worst_w.saturating_sub(point.hall_w.unwrap_or(point.worst_w)).max(0);
    if middle > point.limit_w.saturating_sub(kept) { ('·', Ink::Quiet) } else { (' ', Ink::Plain) }
}

fn limit_line(columns: &[Option<Column>], limit: i64, width: usize) -> Line {
    let start = Line::of(width).put(Ink::Strong, mega(limit)).put(Ink::Strong, " ");
    columns.iter().fold(start, |line, column| match column {
        Some(column) if column.point.import_w() > column.point.limit_w => line.put(Ink::Alarm, "▲"),
        _ => line.put(Ink::Strong, "─"),
    })
}

fn causes(columns: &[Option<Column>], width: usize) -> Line {
    let mut free = 0;
    let mut line = Line::of(width).put(Ink::Quiet, "  MW  ");
    for (ix, column) in columns.iter().enumerate() {
        match column {
            Some(column) if column.changed && ix >= free => {
                let word = format!("▾{}", name(column.point.cause));
                let word = if word.chars().count() <= columns.len() - ix { word } else { "▾".into() };
                free = ix + word.chars().count() + 1;
                line = line.put(Ink::Plain, word).put(Ink::Plain, " ");
            }
            _ if ix >= free => line = line.put(Ink::Plain, " "),
            _ => {}
        }
    }
    line.end()
}

fn times(columns: &[Option<Column>], width: usize) -> Line {
    let mut line = Line::of(width).put(Ink::Quiet, "  UTC ");
    let mut minute = None;
    let mut free = 0;
    for (ix, column) in columns.iter().enumerate() {
        let now = column.as_ref().map(|column| column.point.unix_ms.div_euclid(60_000));
        let begins = now.is_some() && minute.is_some() && now != minute;
        minute = now.or(minute);
        if begins && ix >= free && ix + 6 <= columns.len() {
            let at = DateTime::<Utc>::from_timestamp_secs(now.unwrap_or(0).saturating_mul(60)).unwrap_or_default();
            line = line.put(Ink::Quiet, format!("╵{}", at.format("%H:%M")));
            free = ix + 6;
        } else if ix >= free {
            line = line.put(Ink::Quiet, " ");
        }
    }
    line.end()
}

fn prices(columns: &[Option<Column>], width: usize) -> Line {
    let known = || columns.iter().flatten().filter_map(|column| column.point.price);
    let (least, most) = (known().min().unwrap_or(0), known().max().unwrap_or(0));
    let range = most.saturating_sub(least).max(1);
    let line = Line::of(width).put(Ink::Quiet, "price ");
    columns
        .iter()
        .fold(line, |line, column| match column.as_ref().and_then(|column| column.point.price) {
            None => line.put(Ink::Plain, " "),
            Some(price) => {
                let eighths = 1 + price.saturating_sub(least).saturating_mul(7) / range;
                let letter = usize::try_from(eighths).ok().and_then(|eighths| EIGHTHS.get(eighths)).unwrap_or(&' ');
                line.put(Ink::Price, letter.to_string())
            }
        })
        .end()
}

/// Megawatts in five columns.
fn mega(watts: i64) -> String {
    let hundredths = watts.saturating_add(5_000) / 10_000;
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    format!("{:>5}", text.get(..5).unwrap_or(&text))
}
