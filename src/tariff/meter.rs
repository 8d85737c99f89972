//! Records by interval: what a meter measured, and what feeds said.

use std::collections::BTreeMap;
use std::fmt;

use super::exact::{ONE, div, mul_div, parse};
use super::{MW_PER_KW, Rate, Table};
use crate::time::Wall;

/// The most rows that are read: ten years of minutes.
pub const MAX_ROWS: usize = 5_270_400;

/// The highest load that is believed, ten gigawatts.
const MAX_MILLIWATTS: i128 = 10_000_000_000_000;

/// A year of load without times, in the calendar of the public rate database's referee: 365 days, no daylight saving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Year {
    /// Milliwatts, the mean of each row.
    pub rows: Vec<i64>,
    /// Minutes of a row.
    pub step: u16,
}

/// Why a text is no record: the line, from 1, where there is one, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The line, from 1; 0 where all of it is meant.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl Unusable {
    fn at(line: usize, why: impl Into<String>) -> Self {
        Self { line, why: why.into() }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.why),
            line => write!(f, "line {line}: {}", self.why),
        }
    }
}

impl Year {
    /// Reads one number of kW a row, the last column of each, times `scale` (steps of 1e-15). Rows of titles may stand first.
    ///
    /// # Errors
    /// The line that is no load, or a number of rows that no year has.
    pub fn parse(text: &str, scale: i128) -> Result<Self, Unusable> {
        let mut rows = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let last = line.rsplit(',').next().unwrap_or("").trim();
            if last.is_empty() {
                continue;
            }
            let kilowatts = match parse(last) {
                Some(kilowatts) => kilowatts,
                None if rows.is_empty() => continue,
                None => return Err(Unusable::at(at + 1, format!("`{last}` is not a number of kW"))),
            };
            match milliwatts(kilowatts, scale) {
                Some(row) if rows.len() < MAX_ROWS => rows.push(row),
                _ => return Err(Unusable::at(at + 1, format!("{last} kW is not within 0 and 10 GW"))),
            }
        }
        let step = (1..=60).find(|minutes| 60 % minutes == 0 && rows.len() * minutes == 525_600);
        match step.and_then(|step| u16::try_from(step).ok()) {
            Some(step) => Ok(Self { rows, step }),
            None => {
                let why = format!("{} rows are no year of 365 days: 8,760 or 35,040 are wanted", rows.len());
                Err(Unusable::at(0, why))
            }
        }
    }
}

/// Kilowatts in steps of 1e-15, times a scale, as milliwatts.
fn milliwatts(kilowatts: i128, scale: i128) -> Option<i64> {
    let scaled = mul_div(kilowatts, scale, ONE)?;
    let milli = div(scaled, ONE / i128::from(MW_PER_KW))?;
    (0..=MAX_MILLIWATTS).contains(&milli).then(|| i64::try_from(milli).ok()).flatten()
}

/// Rows with the moment at which each begins: columns by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Names of the columns after the first.
    pub columns: Vec<String>,
    /// When each row begins, and its numbers in steps of 1e-15; nothing where a cell is empty.
    pub rows: Vec<(Wall, Vec<Option<i128>>)>,
}

impl Record {
    /// Reads a table with a title row, whose first column is the moment at which a row begins, with its offset from UTC.
    ///
    /// # Errors
    /// The line that cannot be read, or that does not come after the one before it.
    pub fn parse(text: &str) -> Result<Self, Unusable> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let title = lines.next().map(|(_, line)| line).unwrap_or_default();
        let columns: Vec<String> = title.split(',').skip(1).map(|name| name.trim().to_owned()).collect();
        if columns.is_empty() {
            return Err(Unusable::at(1, "a title row is wanted, as in `start,kw`"));
        }
        let mut rows: Vec<(Wall, Vec<Option<i128>>)> = Vec::new();
        for (at, line) in lines {
            let mut cells = line.split(',').map(str::trim);
            let moment = cells.next().unwrap_or_default();
            let Some(start) = Wall::parse(moment) else {
                let why = format!("`{moment}` is no moment with its offset from UTC, as in 2026-08-01T00:00:00-05:00");
                return Err(Unusable::at(at + 1, why));
            };
            if rows.last().is_some_and(|(before, _)| *before >= start) {
                return Err(Unusable::at(at + 1, format!("{moment} does not come after the row before it")));
            }
            let mut numbers = Vec::new();
            for (cell, name) in cells.zip(&columns) {
                let number = parse(cell);
                if number.is_none() && !cell.is_empty() {
                    return Err(Unusable::at(at + 1, format!("`{cell}` is not a number of {name}")));
                }
                numbers.push(number);
            }
            if rows.len() == MAX_ROWS {
                return Err(Unusable::at(at + 1, format!("more than the {MAX_ROWS} rows that are read")));
            }
            rows.push((start, numbers));
        }
        if rows.is_empty() { Err(Unusable::at(0, "there are no rows")) } else { Ok(Self { columns, rows }) }
    }

    /// The place of the column with one of these names.
    pub fn column(&self, names: &[&str]) -> Option<usize> {
        self.columns.iter().position(|column| names.iter().any(|name| column.eq_ignore_ascii_case(name)))
    }

    /// Minutes between its rows: the least there is.
    pub fn step(&self) -> Option<u16> {
        let gaps = self.rows.iter().zip(self.rows.iter().skip(1)).map(|((a, _), (b, _))| b.since(*a).as_secs() / 60);
        gaps.min().and_then(|minutes| u16::try_from(minutes).ok()).filter(|minutes| *minutes > 0)
    }

    /// The mean of a column in every interval of a table; nothing where no row begins in it.
    pub fn means(&self, table: &Table, column: usize) -> Vec<Option<i128>> {
        self.sums(table, column).into_iter().map(|(sum, count)| div(sum, count)).collect()
    }

    /// The sum of a column in every interval of a table, and how many rows it is made of.
    fn sums(&self, table: &Table, column: usize) -> Vec<(i128, i128)> {
        let mut sums: Vec<(i128, i128)> = vec![(0, 0); table.len()];
        for (start, numbers) in &self.rows {
            let number = numbers.get(column).copied().flatten();
            if let (Some(number), Some(sum)) = (number, table.slot_at(*start).and_then(|slot| sums.get_mut(slot))) {
                *sum = (sum.0.saturating_add(number), sum.1 + 1);
            }
        }
        sums
    }
}

/// A meter's load beside a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Milliwatts of each interval.
    pub real: Vec<i64>,
    /// Thousandths of a var, where the meter shows them.
    pub reactive: Option<Vec<i64>>,
    /// Intervals of which the record lacks rows, each stretch with its first and how many.
    pub gaps: Vec<(usize, usize)>,
}

impl Load {
    /// Reads the column `kw` (a mean), or `kwh` (a sum of the row), and `kvar` where there is one.
    ///
    /// # Errors
    /// No such column, or a number that no site draws.
    pub fn of(record: &Record, table: &Table) -> Result<Self, Unusable> {
        let energy = record.column(&["kwh"]);
        let Some(column) = record.column(&["kw"]).or(energy) else {
            let why = format!("a column `kw` or `kwh` is wanted; there are: {}", record.columns.join(", "));
            return Err(Unusable::at(1, why));
        };
        // Energy of a row is power times its length.
        let scale = match (record.column(&["kw"]), record.step()) {
            (None, Some(step)) => div(60 * ONE, step.into()).unwrap_or(ONE),
            _ => ONE,
        };
        let mut load = Self::default();
        let whole = record.step().map_or(1, |step| i128::from(table.step() / step).max(1));
        for (slot, (sum, count)) in record.sums(table, column).into_iter().enumerate() {
            if count < whole {
                match load.gaps.last_mut() {
                    Some((first, count)) if *first + *count == slot => *count += 1,
                    _ => load.gaps.push((slot, 1)),
                }
            }
            // Of an interval that lacks some rows, the others are taken for all.
            let row = div(sum, count).map_or(Some(0), |mean| milliwatts(mean, scale));
            let Some(row) = row else {
                let at = table.start_of(slot);
                return Err(Unusable::at(0, format!("the load at {at} is not within 0 and 10 GW")));
            };
            load.real.push(row);
        }
        if let Some(column) = record.column(&["kvar"]) {
            let means = record.means(table, column).into_iter();
            let row = |mean: Option<i128>| milliwatts(mean.unwrap_or(0).saturating_abs(), ONE).unwrap_or(0);
            load.reactive = Some(means.map(row).collect());
        }
        Ok(load)
    }
}

/// What feeds said, interval by interval, in the currency a MWh: columns by the names of feeds. A record with one column is that of the
/// only feed there is.
pub fn prices(record: &Record, table: &Table, feeds: &[String]) -> BTreeMap<String, Vec<Option<Rate>>> {
    let only = feeds.len() == 1 && record.columns.len() == 1;
    let column = |feed: &String| record.column(&[feed]).or(only.then_some(0));
    let rates = |column| {
        let rate = |mean: i128| div(mean, 1_000).and_then(Rate::of);
        record.means(table, column).into_iter().map(|mean| mean.and_then(rate)).collect()
    };
    feeds.iter().filter_map(|feed| Some((feed.clone(), rates(column(feed)?)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_by_its_titles_or_told_line_by_line() {
        let record =
            Record::parse("start,kw,kvar\n2026-08-01T00:00:00-05:00,10.5,3\n2026-08-01T00:15:00-05:00,,\n").unwrap();
        assert_eq!((record.columns.len(), record.rows.len(), record.step()), (2, 2, Some(15)));
        assert_eq!(record.column(&["KW"]), Some(0));
        let wrong = |text: &str| Record::parse(text).unwrap_err().to_string();
        assert_eq!(wrong("start\n"), "line 1: a title row is wanted, as in `start,kw`");
        assert!(wrong("start,kw\n2026-08-01 00:00,1\n").starts_with("line 2: `2026-08-01 00:00` is no moment"));
        assert_eq!(wrong("start,kw\n2026-08-01T00:00:00Z,x\n"), "line 2: `x` is not a number of kw");
        let twice = "start,kw\n2026-08-01T00:00:00Z,1\n2026-08-01T00:00:00Z,1\n";
        assert_eq!(wrong(twice), "line 3: 2026-08-01T00:00:00Z does not come after the row before it");
        assert_eq!(wrong("start,kw\n"), "there are no rows");
    }
}
