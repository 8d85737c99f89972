//! A meter's record: mean power by interval, in milliwatts.

use std::fmt;

use super::exact::{ONE, div, mul_div, parse};

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

/// Why a text is no such year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAYear(pub String);

impl fmt::Display for NotAYear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Year {
    /// Reads one number of kW a row, the last column of each, times `scale` (steps of 1e-15). A first row may be a title.
    ///
    /// # Errors
    /// The line that is no load, or a number of rows that no year has.
    pub fn parse(text: &str, scale: i128) -> Result<Self, NotAYear> {
        let mut rows = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let last = line.rsplit(',').next().unwrap_or("").trim();
            if last.is_empty() {
                continue;
            }
            let kilowatts = match parse(last) {
                Some(kilowatts) => kilowatts,
                None if rows.is_empty() && at == 0 => continue,
                None => return Err(NotAYear(format!("line {}: `{last}` is not a number of kW", at + 1))),
            };
            match milliwatts(kilowatts, scale) {
                Some(row) if rows.len() < MAX_ROWS => rows.push(row),
                _ => return Err(NotAYear(format!("line {}: {last} kW is not within 0 and 10 GW", at + 1))),
            }
        }
        let step = (1..=60).find(|minutes| 60 % minutes == 0 && rows.len() * minutes == 525_600);
        match step.and_then(|step| u16::try_from(step).ok()) {
            Some(step) => Ok(Self { rows, step }),
            None => Err(NotAYear(format!("{} rows are no year of 365 days: 8,760 or 35,040 are wanted", rows.len()))),
        }
    }
}

/// Kilowatts in steps of 1e-15, times a scale, as milliwatts.
fn milliwatts(kilowatts: i128, scale: i128) -> Option<i64> {
    let scaled = mul_div(kilowatts, scale, ONE)?;
    let milli = div(scaled, ONE / i128::from(super::MW_PER_KW))?;
    (0..=MAX_MILLIWATTS).contains(&milli).then(|| i64::try_from(milli).ok()).flatten()
}
