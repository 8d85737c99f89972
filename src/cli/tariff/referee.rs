//! `ballast tariff referee --meter LOAD.csv RATE.json|FOLDER...`: rates of the public database, billed so that others can compare.
//!
//! One JSON line a rate, unrounded, in the calendar of NREL's SSC: 365 days, 1 January a Monday, no daylight saving, no holidays, and
//! a year before that was the same. A rate that cannot be billed as it is written is refused by the names of its fields.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::{COULD_NOT, FINE};
use crate::tariff::bill::{Before, Bill, Metered, Prices, bill};
use crate::tariff::meter::Year;
use crate::tariff::urdb::{Convention, Import, find, import};
use crate::tariff::{Amount, Charge, Minimum, Table, Tariff, exact};
use crate::time::Date;

/// The largest file that is read as a rate.
const MAX_BYTES: u64 = 8 << 20;
/// How deep folders are looked into.
const MAX_DEPTH: usize = 16;

/// What is to be billed.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Rates, and folders of them.
    pub rates: Vec<PathBuf>,
    /// The load: kW in its last column.
    pub meter: PathBuf,
    /// What each of its rows is multiplied with.
    pub scale: String,
}

/// Bills every rate; the exit code is 0 unless something could not be read.
pub fn run(asked: &Asked, out: &mut dyn Write) -> u8 {
    let year = match load(asked) {
        Ok(year) => year,
        Err(why) => {
            eprintln!("{why}");
            return COULD_NOT;
        }
    };
    let mut files = Vec::new();
    let mut code = FINE;
    for path in &asked.rates {
        if let Err(why) = gather(path, MAX_DEPTH, &mut files) {
            eprintln!("{}: {why}", path.display());
            code = COULD_NOT;
        }
    }
    for path in files {
        match read(&path) {
            Ok(text) => {
                if writeln!(out, "{}", line(&path.display().to_string(), &text, &year)).is_err() {
                    return COULD_NOT;
                }
            }
            Err(why) => {
                eprintln!("{}: {why}", path.display());
                code = COULD_NOT;
            }
        }
    }
    code
}

fn load(asked: &Asked) -> Result<Year, String> {
    let scale = exact::parse(&asked.scale).filter(|scale| *scale >= 0);
    let scale = scale.ok_or_else(|| format!("--scale: `{}` is not a positive number", asked.scale))?;
    let file = asked.meter.display();
    let text = std::fs::read_to_string(&asked.meter).map_err(|error| format!("{file}: {error}"))?;
    Year::parse(&text, scale).map_err(|why| format!("{file}: {why}"))
}

/// Every `.json` in a folder and the folders in it, in the order of their names; a file as it is.
fn gather(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut inside: Vec<PathBuf> =
        std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    inside.sort();
    for path in inside {
        let is_folder = path.is_dir();
        if is_folder && depth > 0 || !is_folder && path.extension().is_some_and(|extension| extension == "json") {
            gather(&path, depth.saturating_sub(1), files)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_BYTES {
        return Err(format!("{size} bytes are more than the {MAX_BYTES} that are read"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// What became of a rate, as a line of JSON.
pub fn line(file: &str, text: &str, year: &Year) -> String {
    let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let Some(rate) = find(&value) else {
        return refused(file, &["energyratestructure".into()], &[]);
    };
    let Import { tariff, refused: fields, loss } = import(rate, year.step, Convention::Referee);
    let billed = tariff.as_ref().and_then(|tariff| Some((tariff, billed(tariff, year)?)));
    match billed {
        None => refused(file, &fields, &loss),
        Some((tariff, bill)) if is_doubtful(tariff, &bill) => refused(file, &["mincharge".into()], &loss),
        Some((tariff, bill)) => sums(file, &loss, tariff, &bill),
    }
}

/// 2018 begins on a Monday and has no leap day.
fn billed(tariff: &Tariff, year: &Year) -> Option<Bill> {
    let table = Table::of(tariff, Date::new(2018, 1, 1)?, Date::new(2019, 1, 1)?).ok()?;
    let prices = Prices::new();
    let metered = Metered { tariff, table: &table, load: &year.rows, reactive: None, prices: &prices };
    Some(bill(metered, &Before::SameYear))
}

/// In which month the least of a year is asked for, the format does not say; nor what tops up a month that is paid out.
fn is_doubtful(tariff: &Tariff, bill: &Bill) -> bool {
    let rest = sum(tariff, bill, |charge| !matches!(charge, Charge::Minimum(_)));
    let topped = sum(tariff, bill, |charge| matches!(charge, Charge::Minimum(_)));
    let paid_out = topped.iter().zip(&rest).any(|(topped, rest)| *topped > Amount::ZERO && *rest < Amount::ZERO);
    let year: Amount = rest.into_iter().sum();
    let is_more =
        |charge: &Charge| matches!(charge, Charge::Minimum(Minimum::Year(least)) if Amount::once(*least) > year);
    paid_out || tariff.lines.iter().any(|line| is_more(&line.charge))
}

fn refused(file: &str, fields: &[String], loss: &[String]) -> String {
    let none: [u8; 0] = [];
    json!({
        "file": file, "refused": fields, "loss": loss,
        "energy": none, "demand": none, "fixed": none, "minimum": none, "total": none,
    })
    .to_string()
}

fn sum(tariff: &Tariff, bill: &Bill, is: impl Fn(&Charge) -> bool) -> Vec<Amount> {
    let of = |month: &crate::tariff::bill::MonthBill| {
        let lines = tariff.lines.iter().zip(&month.entries).filter(|(line, _)| is(&line.charge));
        lines.map(|(_, entry)| entry.amount).sum()
    };
    bill.months.iter().map(of).collect()
}

/// Amounts are written in full: a float would round them.
fn sums(file: &str, loss: &[String], tariff: &Tariff, bill: &Bill) -> String {
    let list = |amounts: Vec<Amount>| {
        let each: Vec<String> = amounts.iter().map(ToString::to_string).collect();
        format!("[{}]", each.join(","))
    };
    let parts = [
        ("energy", sum(tariff, bill, |charge| matches!(charge, Charge::Energy(_)))),
        ("demand", sum(tariff, bill, |charge| matches!(charge, Charge::Demand(_)))),
        ("fixed", sum(tariff, bill, |charge| matches!(charge, Charge::Fixed(_)))),
        ("minimum", sum(tariff, bill, |charge| matches!(charge, Charge::Minimum(_)))),
        ("total", sum(tariff, bill, |_| true)),
    ];
    let parts: Vec<String> = parts.into_iter().map(|(name, amounts)| format!("\"{name}\":{}", list(amounts))).collect();
    format!("{{\"file\":{},\"refused\":[],\"loss\":{},{}}}", json!(file), json!(loss), parts.join(","))
}
