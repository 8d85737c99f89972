//! Recordings of hall load and of prices, from CSV files, plain or gzip.
//!
//! | what | header | rows |
//! |---|---|---|
//! | hall | `time_s,pu` | seconds, rising; load in parts of nameplate, 0 to 1 |
//! | prices | `ts_utc,usd_mwh` | start of the interval, RFC 3339, rising; USD/MWh, may be negative |
//!
//! Decimals become integers exactly, never through a float. Every bad row is told with its line, the first ones in full and the
//! rest as a number; a file with one bad row is refused, since a recording with holes proves nothing.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::plant::{AtEnd, PricePoint, Series};
use crate::time::{Mono, Wall};
use crate::units::{Price, Share};

/// Most bytes of a recording, unpacked: 256 MB, a year of hall load at one second three times over.
pub const MAX_BYTES: u64 = 256 << 20;

/// Most rows: ten million, four months at one second.
pub const MAX_ROWS: usize = 10_000_000;

/// Problems told in full.
const TOLD: usize = 10;

/// Why a recording was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {error}; give the path of a .csv or .csv.gz file")]
    NotReadable {
        /// The file.
        file: String,
        /// Why.
        error: io::Error,
    },
    /// Rows are wrong.
    #[error("{0}")]
    Rows(Problems),
}

/// What is wrong with the rows of a file: the first ten in full, all of them counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// The file.
    pub file: String,
    /// The first problems: line and what is wrong.
    pub told: Vec<(u64, String)>,
    /// How many problems there are.
    pub count: usize,
}

impl Problems {
    fn new(file: &str) -> Self {
        Self { file: file.into(), ..Self::default() }
    }

    fn add(&mut self, line: u64, problem: String) {
        self.count += 1;
        if self.told.len() < TOLD {
            self.told.push((line, problem));
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, problem) in &self.told {
            writeln!(f, "{}:{line}: {problem}", self.file)?;
        }
        let more = self.count.saturating_sub(self.told.len());
        if more > 0 {
            writeln!(f, "{}: {more} more of the kind", self.file)?;
        }
        let rows = if self.count == 1 { "row is" } else { "rows are" };
        write!(f, "{}: {} {rows} wrong; repair the file, or cut the part that is right", self.file, self.count)
    }
}

/// Reads a recorded hall load.
///
/// # Errors
/// [`Refused`] with the file and, for bad rows, their lines.
pub fn hall(path: &Path, end: AtEnd) -> Result<Series, Refused> {
    let (file, reader) = open(path)?;
    hall_from(&file, reader, end)
}

/// Reads recorded prices, from the interval that holds `from` on where that is given.
///
/// # Errors
/// [`Refused`] with the file and, for bad rows, their lines; also where `from` lies outside the recording.
pub fn prices(path: &Path, from: Option<Wall>) -> Result<Vec<PricePoint>, Refused> {
    let (file, reader) = open(path)?;
    prices_from(&file, reader, from)
}

fn open(path: &Path) -> Result<(String, Box<dyn Read>), Refused> {
    let file = path.display().to_string();
    let opened = File::open(path).map_err(|error| Refused::NotReadable { file: file.clone(), error })?;
    let is_packed = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    let reader: Box<dyn Read> =
        if is_packed { Box::new(flate2::read::MultiGzDecoder::new(opened)) } else { Box::new(opened) };
    Ok((file, reader))
}

/// A recorded hall load from CSV text.
///
/// # Errors
/// As [`hall`].
pub fn hall_from(file: &str, text: impl Read, end: AtEnd) -> Result<Series, Refused> {
    let points = rows(file, text, ["time_s", "pu"], |time, load| {
        let at = micro(time).and_then(|at| u64::try_from(at).ok());
        let at = at.ok_or_else(|| format!("`{time}` is not a time in seconds, from 0 on, to the microsecond"))?;
        let load = micro(load).filter(|load| (0..=1_000_000).contains(load)).ok_or_else(|| {
            format!("`{load}` is not a load from 0 to 1, in parts of nameplate, with at most six places")
        })?;
        Ok((Mono::from_micros(at), Share::from_ppm(load)))
    })?;
    Series::new(points, end).map_err(|problem| refused(file, 1, problem.to_string()))
}

/// Recorded prices from CSV text.
///
/// # Errors
/// As [`prices`].
pub fn prices_from(file: &str, text: impl Read, from: Option<Wall>) -> Result<Vec<PricePoint>, Refused> {
    let mut points = rows(file, text, ["ts_utc", "usd_mwh"], |time, price| {
        let at = Wall::parse(time).ok_or_else(|| format!("`{time}` is not a time like 2023-09-06T19:15:00Z"))?;
        let price =
            micro(price).ok_or_else(|| format!("`{price}` is not a price in USD/MWh with at most six places"))?;
        Ok((at, Price::from_micro_usd_per_mwh(price)))
    })?;
    let Some(from) = from else { return Ok(points) };
    let (Some((first, _)), Some((last, _))) = (points.first().copied(), points.last().copied()) else {
        return Ok(points);
    };
    if from < first || from > last {
        return Err(refused(file, 1, format!("{from} is not in the recording; it runs from {first} to {last}")));
    }
    points.drain(..points.partition_point(|(at, _)| *at <= from).saturating_sub(1));
    Ok(points)
}

fn refused(file: &str, line: u64, problem: String) -> Refused {
    let mut problems = Problems::new(file);
    problems.add(line, problem);
    Refused::Rows(problems)
}

/// Reads all rows of two columns, whose first must rise.
fn rows<A: Ord + Copy, B>(
    file: &str,
    text: impl Read,
    header: [&str; 2],
    read: impl Fn(&str, &str) -> Result<(A, B), String>,
) -> Result<Vec<(A, B)>, Refused> {
    let mut csv = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.take(MAX_BYTES + 1));
    check_header(file, csv.headers(), header)?;
    let (mut points, mut problems): (Vec<(A, B)>, _) = (Vec::new(), Problems::new(file));
    let mut row = csv::StringRecord::new();
    loop {
        let line = csv.position().line();
        match csv.read_record(&mut row) {
            Ok(true) if points.len() >= MAX_ROWS => {
                return Err(refused(file, line, format!("more than {MAX_ROWS} rows; cut the file")));
            }
            Ok(true) => match point(&row, header, &read).and_then(|point| rises(&points, point)) {
                Ok(point) => points.push(point),
                Err(problem) => problems.add(row.position().map_or(line, csv::Position::line), problem),
            },
            Ok(false) => break,
            Err(error) => {
                problems.add(line, broken(error));
                if csv.is_done() || problems.count > MAX_ROWS {
                    break;
                }
            }
        }
    }
    if csv.position().byte() > MAX_BYTES {
        problems.add(csv.position().line(), format!("more than {} MB unpacked; cut the file", MAX_BYTES >> 20));
    }
    if points.is_empty() && problems.count == 0 {
        problems.add(1, "there are no rows after the header".into());
    }
    if problems.count > 0 { Err(Refused::Rows(problems)) } else { Ok(points) }
}

fn check_header(file: &str, seen: Result<&csv::StringRecord, csv::Error>, wanted: [&str; 2]) -> Result<(), Refused> {
    let problem = match seen {
        Ok(seen) if seen.iter().eq(wanted) => return Ok(()),
        Ok(seen) => {
            let seen: Vec<_> = seen.iter().collect();
            format!("the header is `{}`, not `{}`; is this the right file?", seen.join(","), wanted.join(","))
        }
        Err(error) => broken(error),
    };
    Err(refused(file, 1, problem))
}

fn broken(error: csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8 text".into(),
        csv::ErrorKind::Io(error) => format!("cannot be read on: {error}; is the file whole?"),
        _ => error.to_string(),
    }
}

fn point<A, B>(
    row: &csv::StringRecord,
    header: [&str; 2],
    read: impl Fn(&str, &str) -> Result<(A, B), String>,
) -> Result<(A, B), String> {
    match (row.get(0), row.get(1), row.len()) {
        (Some(first), Some(second), 2) => read(first, second),
        _ => Err(format!("{} columns, wanted 2: {}", row.len(), header.join(","))),
    }
}

fn rises<A: Ord, B>(points: &[(A, B)], point: (A, B)) -> Result<(A, B), String> {
    match points.last() {
        Some((before, _)) if point.0 <= *before => Err("is not later than the row before it".into()),
        _ => Ok(point),
    }
}

/// A decimal number in millionths, exact or nothing: no exponent, at most six places.
fn micro(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let places = places.trim_end_matches('0');
    if !is_number(whole) || places.len() > 6 || !(places.is_empty() || is_number(places)) {
        return None;
    }
    let micros: i64 = format!("{places:0<6}").parse().ok()?;
    let value = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
#[path = "recorded_tests.rs"]
mod tests;
