//! Files that the verbs read: tariffs, meters, prices.

use std::io::IsTerminal;
use std::path::Path;

use crate::cli::{COULD_NOT, FINE, PROBLEMS};
use crate::tariff::bill::Prices;
use crate::tariff::meter::{Load, Record, prices};
use crate::tariff::{Table, Tariff, file, proof};
use crate::time::Date;

/// The largest record that is read: a year of minutes.
const MAX_BYTES: u64 = 64 << 20;

/// Why a verb ends early: its exit code, and what is told.
#[derive(Debug)]
pub struct Refused {
    /// 1 where a file has problems, 2 where it cannot be read.
    pub code: u8,
    /// What is told, to standard error.
    pub why: String,
}

impl Refused {
    /// It could not be done.
    pub fn could_not(why: impl Into<String>) -> Self {
        Self { code: COULD_NOT, why: why.into() }
    }

    /// Something is wrong with it.
    pub fn problem(why: impl Into<String>) -> Self {
        Self { code: PROBLEMS, why: why.into() }
    }
}

/// What a verb tells.
#[derive(Debug, Default)]
pub struct Told {
    /// To standard output.
    pub text: String,
    /// To standard error, before it, line by line.
    pub aside: Vec<String>,
    /// What is wrong with it, which is told aside as well: the exit code is 1 where there is anything.
    pub errors: Vec<String>,
}

impl From<String> for Told {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// Writes what a verb tells, or says why it ends early; the exit code.
pub fn tell(told: Result<impl Into<Told>, Refused>, out: &mut dyn std::io::Write) -> u8 {
    let told: Told = match told {
        Ok(told) => told.into(),
        Err(refused) => {
            eprintln!("{}", refused.why);
            return refused.code;
        }
    };
    told.aside.iter().for_each(|line| eprintln!("{line}"));
    told.errors.iter().for_each(|error| eprintln!("error: {error}"));
    match out.write_all(told.text.as_bytes()) {
        Ok(()) if told.errors.is_empty() => FINE,
        Ok(()) => PROBLEMS,
        Err(_) => COULD_NOT,
    }
}

/// The text of a file.
///
/// # Errors
/// Where it cannot be read, or is larger than any record.
pub fn text(path: &Path) -> Result<String, Refused> {
    let failed = |error: std::io::Error| Refused::could_not(format!("{}: {error}", path.display()));
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MAX_BYTES {
        let why = format!("{}: {size} bytes are more than the {MAX_BYTES} that are read", path.display());
        return Err(Refused::could_not(why));
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// A tariff without problems.
///
/// # Errors
/// Every problem of the file, as text.
pub fn tariff(path: &Path) -> Result<Tariff, Refused> {
    let name = path.display().to_string();
    let text = text(path)?;
    let color = std::io::stderr().is_terminal() && crate::cli::colour();
    file::load(&name, &text).map_err(|problems| {
        let count = match problems.all().len() {
            1 => "1 problem".to_owned(),
            many => format!("{many} problems"),
        };
        Refused::problem(format!("{}\n\n{name}: {count}", problems.render(color)))
    })
}

/// A record by interval.
///
/// # Errors
/// The line that cannot be read.
pub fn record(path: &Path) -> Result<Record, Refused> {
    Record::parse(&text(path)?).map_err(|why| Refused::problem(format!("{}: {why}", path.display())))
}

/// A tariff laid out over the days of a meter, with its load and prices.
pub struct Set {
    /// Laid out from the first day of the record to its last.
    pub table: Table,
    /// What the meter measured.
    pub load: Load,
    /// What feeds said.
    pub prices: Prices,
}

/// The whole months, or days, of a meter's record beside the prices of feeds.
///
/// # Errors
/// What cannot be read, or does not fit.
pub fn set(tariff: &Tariff, meter: &Path, feeds: Option<&Path>) -> Result<Set, Refused> {
    let record = record(meter)?;
    let file = meter.display();
    if let Some(step) = record.step().filter(|step| !tariff.interval.is_multiple_of(*step)) {
        let why =
            format!("{file}: rows of {step} min do not make up the tariff's intervals of {} min", tariff.interval);
        return Err(Refused::problem(why));
    }
    let (first, last) = ends(tariff, &record);
    let (Some(first), Some(last)) = (first, last) else {
        return Err(Refused::problem(format!("{file}: there are no rows")));
    };
    if last.days_since(first) > 3_700 {
        return Err(Refused::problem(format!("{file}: more than ten years, from {first} to {last}")));
    }
    let table = Table::of(tariff, first, last.plus(1))
        .map_err(|clashes| Refused::problem(format!("the calendar has {} gaps or overlaps", clashes.len())))?;
    let load = Load::of(&record, &table).map_err(|why| Refused::problem(format!("{file}: {why}")))?;
    let prices = match feeds {
        Some(path) => prices(&self::record(path)?, &table, &proof::feeds(tariff)),
        None => Prices::new(),
    };
    Ok(Set { table, load, prices })
}

fn ends(tariff: &Tariff, record: &Record) -> (Option<Date>, Option<Date>) {
    let day = |row: Option<&(crate::time::Wall, Vec<Option<i128>>)>| row.map(|(at, _)| tariff.zone.local(*at).date);
    (day(record.rows.first()), day(record.rows.last()))
}
