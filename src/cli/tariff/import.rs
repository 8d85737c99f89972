//! `ballast tariff import urdb RATE.json`: a rate of the US Utility Rate Database as a file to finish by hand.

use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

use super::files::{self, Refused, Told};
use crate::tariff::urdb::{Convention, Import, find, import};
use crate::tariff::{Tariff, file, write};
use crate::time::{Date, Wall, Zone};

/// The largest file that is read as a rate.
const MAX_BYTES: u64 = 8 << 20;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The rate.
    pub rate: PathBuf,
    /// Whose clock it goes by: the database does not say.
    pub timezone: Option<String>,
    /// Minutes of an interval.
    pub interval: Option<u16>,
}

/// What of a rate cannot be written as it stands, in words.
const WORDS: &[(&str, &str)] = &[
    ("sell", "export prices: this file is about what is drawn"),
    ("dgrules", "rules for own generation"),
    ("max on the last tier", "a top on the last step: the last step is taken as open"),
    ("tier without a unit", "a step without a unit takes that of the step before it"),
    ("fixedchargeunits", "an amount by the day: written as such"),
    ("fixedchargeeaaddl", "a charge for each further meter: add it to the fixed line"),
    ("minchargeunits", "a minimum by the day: written as 365/12 days in every month"),
    ("demandratchetpercentage", "the older field of a ratchet: read as its highest value over eleven months"),
    (
        "lookback + demandratestructure",
        "a ratchet beside demand by period: each period is billed by the ratcheted demand of the month",
    ),
    ("flatdemandunit", "demand in another unit than kW: written as such"),
    ("demandrateunit", "demand in another unit than kW: written as such"),
    ("coincidentrateunit", "a coincident peak in another unit than kW"),
    (
        "coincidentratestructure",
        "a price of coincident peaks: the database does not say how they are chosen; add [coincident.…]",
    ),
    ("demandreactivepowercharge", "a price of reactive power: the database has no threshold; add [reactive.…]"),
    ("fueladjustmentsmonthly", "prices of fuel by month: written as adders"),
    ("demandwindow", "the demand window of the sheet is another than the interval"),
];

/// Writes the file; the exit code is 1 where the rate is refused, 2 where it cannot be read.
pub fn run(asked: &Asked, out: &mut dyn Write) -> u8 {
    files::tell(told(asked), out)
}

/// The file, and what is told beside it.
///
/// # Errors
/// The fields because of which the rate cannot be billed, or why it cannot be read.
pub fn told(asked: &Asked) -> Result<Told, Refused> {
    let name = asked.rate.display();
    let failed = |error: std::io::Error| Refused::could_not(format!("{name}: {error}"));
    if std::fs::metadata(&asked.rate).map_err(failed)?.len() > MAX_BYTES {
        return Err(Refused::could_not(format!("{name}: more than the {MAX_BYTES} bytes that are read")));
    }
    let text = std::fs::read_to_string(&asked.rate).map_err(failed)?;
    let value: Value = serde_json::from_str(&text).map_err(|error| Refused::problem(format!("{name}: {error}")))?;
    let rate =
        find(&value).ok_or_else(|| Refused::problem(format!("{name}: no rate of the database is in this file")))?;
    let Some(zone) = &asked.timezone else {
        let why = "--timezone is needed, as in --timezone America/Chicago: the database does not say whose clock a rate goes by";
        return Err(Refused::could_not(why));
    };
    let zone = Zone::named(zone).filter(|_| zone.contains('/') || zone == "UTC");
    let zone = zone.ok_or_else(|| Refused::could_not("--timezone: not an IANA name, as in America/Chicago"))?;
    let interval = asked.interval.unwrap_or(15);
    if interval == 0 || 60 % interval != 0 {
        return Err(Refused::could_not("--interval: minutes that make up an hour are wanted, as in 15"));
    }
    let Import { tariff, refused, loss } = import(rate, interval, Convention::Sheet);
    let Some(tariff) = tariff else {
        return Err(Refused::problem(format!(
            "{name}: this rate cannot be billed as it is written, because of: {}",
            refused.join(", ")
        )));
    };
    let tariff = Tariff { zone, ..tariff };
    let written = written(rate, &tariff, &loss);
    let lost = lost(&tariff, &written, &loss);
    Ok(Told { text: written, aside: lost.lines().map(str::to_owned).collect(), ..Told::default() })
}

fn words(field: &str) -> &'static str {
    WORDS.iter().find(|(known, _)| *known == field).map_or("not written as it stands", |(_, words)| words)
}

fn written(rate: &Value, tariff: &Tariff, loss: &[String]) -> String {
    let of = |field: &str| rate.get(field).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let mut head = vec![
        format!("Imported from the US Utility Rate Database: {}.", tariff.name),
        "Lines marked IMPORT are what the database could not say. Compare each with the sheet, then give it `source` and `checked`.".to_owned(),
    ];
    if !loss.is_empty() {
        head.push(String::new());
        head.push("Not as the database has it:".to_owned());
        head.extend(loss.iter().map(|field| format!("  {field}: {}", words(field))));
    }
    for field in ["description", "energycomments", "demandcomments", "basicinformationcomments"] {
        if let Some(text) = of(field) {
            head.push(String::new());
            head.push(format!("{field}:"));
            head.extend(wrapped(text));
        }
    }
    let mut source = Vec::new();
    source.extend(of("label").map(|label| ("label", write::quoted(label))));
    source.extend(of("source").or(of("uri")).map(|url| ("url", write::quoted(url))));
    for (key, field) in [("from", "startdate"), ("until", "enddate")] {
        let date =
            rate.get(field).and_then(Value::as_i64).map(|seconds| Wall::from_micros(seconds.saturating_mul(1_000_000)));
        let date = date.map(|at| Zone::UTC.local(at).date).filter(|date| Date::parse(&date.to_string()).is_some());
        source.extend(date.map(|date| (key, date.to_string())));
    }
    write::text(tariff, &head, &source, |_| None)
}

/// A text in lines of a comment.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::from("  ")];
    for word in text.split_whitespace() {
        let long = lines.last().is_some_and(|line| line.len() + word.len() > 120);
        if long {
            lines.push("  ".into());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.trim().is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines
}

/// What was lost, and whether the file says the same as the rate.
fn lost(tariff: &Tariff, written: &str, loss: &[String]) -> String {
    let mut text = String::new();
    for field in loss {
        text += &format!("lost: {field}: {}\n", words(field));
    }
    text + &match file::load("the imported file", written) {
        Ok(read) if same(&read, tariff) => {
            format!("round trip: the file reads back as the rate, {} lines\n", tariff.lines.len())
        }
        Ok(_) => "round trip: the file does not read back as the rate; this is a fault of ballast\n".into(),
        Err(problems) => format!("{problems}\nround trip: the file has problems; this is a fault of ballast\n"),
    }
}

/// Whether two tariffs charge the same.
fn same(read: &Tariff, tariff: &Tariff) -> bool {
    let charges = |tariff: &Tariff| -> Vec<_> {
        tariff.lines.iter().map(|line| (line.name.clone(), plain(tariff, &line.charge))).collect()
    };
    read.calendar == tariff.calendar && read.interval == tariff.interval && charges(read) == charges(tariff)
}

/// A charge without what makes no difference.
fn plain(tariff: &Tariff, charge: &crate::tariff::Charge) -> crate::tariff::Charge {
    use crate::tariff::{Charge, Source, When};
    let periods = When::of(0..tariff.calendar.periods.len().max(1));
    let mut charge = charge.clone();
    match &mut charge {
        Charge::Energy(energy) => {
            energy.when = When(energy.when.0 & periods.0);
            let counts =
                |tiers: &[crate::tariff::Tier]| tiers.iter().any(|tier| tier.up_to.is_some_and(|top| top.per_kw));
            if !matches!(&energy.price, Source::Tiers(tiers) if counts(tiers)) {
                energy.demand = None;
            }
        }
        Charge::Demand(demand) => demand.when = When(demand.when.0 & periods.0),
        _ => {}
    }
    charge
}
