//! A curve as a few lines of blocks: what a PDU showed over time. It draws what it is handed.

use std::time::Duration;

use crate::drill::curve::Curve;
use crate::units::{Power, span};

const COLUMNS: usize = 60;
const ROWS: usize = 5;
/// A block of so many eighths, from none to all.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The power in each column: the newest that was seen by its end.
fn columns(curve: &Curve) -> Option<(Vec<i64>, i64, i64)> {
    let (from, to) = (curve.0.first()?.seen_ms, curve.0.last()?.seen_ms);
    let width = i64::try_from(COLUMNS).ok()?;
    let by = |column: usize| from + (to - from) * i64::try_from(column + 1).unwrap_or(width) / width;
    let shown = |column: usize| curve.0.iter().take_while(|sample| sample.seen_ms <= by(column)).last();
    Some(((0..COLUMNS).filter_map(|column| shown(column).map(|sample| sample.watts)).collect(), from, to))
}

/// The chart, its highest value and its times; nothing of an empty curve.
pub(super) fn lines(curve: &Curve) -> Option<String> {
    let (columns, from, to) = columns(curve)?;
    let most = columns.iter().copied().max().unwrap_or(0).max(1);
    let steps = i64::try_from(ROWS * 8).ok()?;
    let filled = |watts: i64| usize::try_from((watts.max(0) * steps + most / 2) / most).unwrap_or(0);
    let mut text = String::new();
    for row in (0..ROWS).rev() {
        let label = match row {
            row if row + 1 == ROWS => Power::from_watts(most).to_string(),
            0 => "0 W".into(),
            _ => String::new(),
        };
        let block = |watts: &i64| EIGHTHS.get(filled(*watts).saturating_sub(row * 8).min(8)).copied().unwrap_or(' ');
        let blocks: String = columns.iter().map(block).collect();
        text.push_str(format!("  {label:>9} │{blocks}").trim_end());
        text.push('\n');
    }
    let time = |ms: i64| {
        let sign = if ms < 0 { "-" } else { "" };
        format!("{sign}{}", span(Duration::from_millis(ms.unsigned_abs())))
    };
    let (from, to) = (time(from), time(to));
    let gap = COLUMNS.saturating_sub(from.chars().count() + to.chars().count());
    text.push_str(&format!("  {:>9} └{from}{}{to}\n", "", " ".repeat(gap)));
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::curve::Sample;

    #[test]
    fn a_fall_is_drawn_high_on_the_left_and_low_on_the_right() {
        let sample = |seen_ms| Sample { from_ms: seen_ms, seen_ms, watts: if seen_ms < 1_000 { 28_000 } else { 0 } };
        let drawn = lines(&Curve((-1_000..3_000).step_by(100).map(sample).collect())).unwrap();
        let rows: Vec<&str> = drawn.lines().collect();
        assert_eq!(rows.len(), ROWS + 1);
        assert!(rows[0].starts_with("    28.0 kW │████"), "{drawn}");
        let high = rows[4].chars().filter(|block| *block == '█').count();
        assert!(rows[4].contains("0 W │████") && (25..35).contains(&high), "half of the time: {drawn}");
        assert!(rows[5].contains("└-1 s") && rows[5].ends_with("2.9 s"), "{drawn}");
        assert_eq!(lines(&Curve::default()), None);
    }
}
