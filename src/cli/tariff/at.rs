//! `ballast tariff at FILE TIME`: what one more kilowatt costs at a moment, line by line, and where each number comes from.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::files::{self, Refused};
use crate::tariff::exact::{ONE, show, show_to};
use crate::tariff::marginal::{Curve, Guard, Known, Steps, now};
use crate::tariff::proof::{feeds, grouped, per_mwh};
use crate::tariff::quantity::{self, Kind};
use crate::tariff::{Charge, Dated, MW_PER_KW, Priced, Rate, Source, Table, Tariff};
use crate::time::Wall;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The tariff.
    pub file: PathBuf,
    /// When.
    pub at: Wall,
    /// The load of the site.
    pub load: Option<String>,
    /// `FEED=PRICE`, or a price for the only feed.
    pub prices: Vec<String>,
    /// Demand that the month has already.
    pub peak: Option<String>,
    /// How likely the interval is a coincident peak.
    pub coincident: Option<String>,
    /// As one JSON document.
    pub json: bool,
}

/// Tells the marginal price; the exit code is 1 where the file has problems, 2 where something cannot be read.
pub fn run(asked: &Asked, out: &mut dyn Write) -> u8 {
    files::tell(told(asked), out)
}

/// A moment of a tariff, and what is known of it.
struct Moment<'a> {
    tariff: &'a Tariff,
    table: Table,
    slot: usize,
    load: i64,
    known: Known,
    curve: Curve,
    /// What was not given, and what is taken instead.
    remarks: Vec<String>,
}

fn told(asked: &Asked) -> Result<String, Refused> {
    let tariff = files::tariff(&asked.file)?;
    let moment = moment(&tariff, asked)?;
    Ok(if asked.json { format!("{:#}\n", as_json(&moment)) } else { as_text(&moment, &asked.file) })
}

fn amount(text: &str, kind: Kind, currency: &str, what: &str) -> Result<i128, Refused> {
    let read = quantity::read(text, currency).ok().filter(|quantity| quantity.kind == kind);
    let units: Vec<String> = kind.units().map(|unit| quantity::in_currency(unit, currency)).collect();
    let why = || {
        Refused::could_not(format!(
            "{what}: `{text}` is not {}; its unit is one of: {}",
            kind.words(),
            units.join(", ")
        ))
    };
    read.map(|quantity| quantity.steps).ok_or_else(why)
}

fn power(text: &str, currency: &str, what: &str) -> Result<i64, Refused> {
    let steps = amount(text, Kind::Power, currency, what)?;
    let milli = i64::try_from(steps / (ONE / i128::from(MW_PER_KW))).ok().filter(|milli| *milli >= 0);
    milli.ok_or_else(|| Refused::could_not(format!("{what}: `{text}` is out of range")))
}

fn moment<'a>(tariff: &'a Tariff, asked: &Asked) -> Result<Moment<'a>, Refused> {
    let mut remarks = Vec::new();
    let date = tariff.zone.local(asked.at).date;
    let table = Table::of(tariff, date.month_start(), date.next_month())
        .map_err(|_| Refused::problem("the calendar has gaps or overlaps"))?;
    let slot = table.slot_at(asked.at).ok_or_else(|| Refused::could_not("this moment is out of range"))?;
    let load = match &asked.load {
        Some(text) => power(text, &tariff.currency, "--load")?,
        None => {
            remarks.push("no --load is given: 1 MW is taken".to_owned());
            1_000 * MW_PER_KW
        }
    };
    let prices = prices(tariff, asked)?;
    for feed in feeds(tariff).iter().filter(|feed| !prices.contains_key(*feed)) {
        remarks.push(format!(
            "no price of `{feed}` is given (--price \"{feed}=61.20 {}/MWh\"): what it costs is left out",
            tariff.currency
        ));
    }
    let demands = tariff.lines.iter().enumerate().filter(|(_, line)| matches!(line.charge, Charge::Demand(_)));
    let demands: Vec<usize> = demands.map(|(at, _)| at).collect();
    let paid = match &asked.peak {
        Some(text) => power(text, &tariff.currency, "--peak")?,
        None => load,
    };
    if asked.peak.is_none() && !demands.is_empty() {
        remarks.push("no --peak is given: the month's demand so far is taken to be the load".to_owned());
    }
    let coincident = match &asked.coincident {
        Some(text) => Some(amount(text, Kind::Share, &tariff.currency, "--coincident")?),
        None => None,
    };
    let slots = i128::try_from(table.len()).unwrap_or(0);
    let known = Known {
        prices,
        peaks: demands.into_iter().map(|line| (line, paid)).collect(),
        month: i128::from(load).saturating_mul(slots),
        coincident,
        ..Known::default()
    };
    let curve = now(tariff, &table, slot, &known).ok_or_else(|| Refused::could_not("this moment is out of range"))?;
    Ok(Moment { tariff, table, slot, load, known, curve, remarks })
}

fn prices(tariff: &Tariff, asked: &Asked) -> Result<std::collections::BTreeMap<String, Rate>, Refused> {
    let known = feeds(tariff);
    let mut prices = std::collections::BTreeMap::new();
    for text in &asked.prices {
        let (feed, price) = match (text.split_once('='), known.as_slice()) {
            (Some((feed, price)), _) => (feed.trim().to_owned(), price),
            (None, [only]) => (only.clone(), text.as_str()),
            (None, _) => return Err(Refused::could_not(format!("--price: name the feed, as in FEED={text}"))),
        };
        if !known.contains(&feed) {
            return Err(Refused::could_not(format!(
                "--price: this tariff knows no feed `{feed}`; it knows: {}",
                known.join(", ")
            )));
        }
        prices.insert(feed, Rate(amount(price, Kind::EnergyPrice, &tariff.currency, "--price")?));
    }
    Ok(prices)
}

/// What a line's number is made of, in a few words.
fn from(moment: &Moment<'_>, line: usize) -> String {
    let Some(of) = moment.tariff.lines.get(line) else { return String::new() };
    let mega = |milli: i64| show(i128::from(milli), 9);
    match &of.charge {
        Charge::Energy(energy) => {
            let losses = match energy.losses {
                0 => String::new(),
                losses => format!(" x {}", show(ONE + losses, 15)),
            };
            match &energy.price {
                Source::Index(feed) => {
                    let price = moment.known.prices.get(feed).map_or(String::new(), |price| per_mwh(*price, 2));
                    format!("{feed} {price}{losses}")
                }
                Source::Tiers(tiers) => {
                    let date = moment.table.day_of(moment.slot).map(|day| day.date);
                    let by_period = tiers.iter().any(|tier| {
                        let price = date.and_then(|date| tier.price.at(date));
                        matches!(price, Some(Priced::Each(_)))
                    });
                    let period = moment.tariff.calendar.periods.get(moment.table.period(moment.slot));
                    let period = period.filter(|_| by_period).map_or("", |period| period.name.as_str());
                    format!("{period}{losses}").trim().to_owned()
                }
            }
        }
        Charge::Demand(_) => {
            let guard = moment.curve.guards.iter().find(|guard| guard.line == line);
            guard.map_or(String::new(), |guard| {
                let sign = if moment.load <= guard.paid { "<=" } else { ">" };
                format!("{} {sign} {} MW paid", mega(moment.load), mega(guard.paid))
            })
        }
        Charge::Coincident(coincident) => {
            let day = moment.table.day_of(moment.slot);
            let rule = day.and_then(|day| coincident.rules.at(day.date));
            let fallback =
                coincident.forecast.as_ref().and_then(|forecast| forecast.fallback.as_ref()).map(|(_, share)| *share);
            let likely = moment.known.coincident.or(fallback).unwrap_or(0);
            rule.map_or(String::new(), |rule| {
                let count = rule.peaks.per_year().max(1) * i128::from(rule.peaks.window);
                let full = Rate(rule.price.0.saturating_mul(12 * 60) / count);
                let years = coincident.rules.steps().len();
                let of = if years > 1 { format!(" ({} peaks a year)", rule.peaks.per_year()) } else { String::new() };
                format!("{} % x {}{of}", show(likely * 100, 15), grouped(&per_mwh(full, 0)))
            })
        }
        Charge::Programme(programme) => format!("{} MW ready", mega(programme.obligation)),
        Charge::Tax(tax) => rate_of(&tax.rate, moment),
        _ => String::new(),
    }
}

fn rate_of(rate: &Dated<i128>, moment: &Moment<'_>) -> String {
    let day = moment.table.day_of(moment.slot);
    let share = day.and_then(|day| rate.at(day.date).copied()).unwrap_or(0);
    format!("{} % of the lines it names", show(share * 100, 15))
}

/// The price of the last kilowatt that is drawn.
fn price(steps: &Steps, load: i64) -> Rate {
    steps.at((load - 1).max(0))
}

fn as_text(moment: &Moment<'_>, file: &Path) -> String {
    let Moment { tariff, table, slot, load, curve, remarks, .. } = moment;
    let mega = |milli: i64| show_to(i128::from(milli), 9, 1);
    let unit = format!("{}/MWh", tariff.currency);
    let mut text = format!("{}\n{}\n\n", tariff.name, when(tariff, table, *slot));
    let rows: Vec<(String, String, String, String)> = curve
        .shares
        .iter()
        .filter_map(|(line, steps)| {
            let of = tariff.lines.get(*line)?;
            Some((of.name.clone(), from(moment, *line), per_mwh(price(steps, *load), 2), of.note.line.to_string()))
        })
        .collect();
    let name = rows.iter().map(|row| row.0.len()).max().unwrap_or(0).max(24);
    let what = rows.iter().map(|row| row.1.len()).max().unwrap_or(0).max(28);
    let wide = name + what + 30;
    text += &format!("  {:name$}  {:what$}  {unit:>12}  {:>6}\n", "", "", "line");
    for (line, from, price, at) in rows {
        text += &format!("  {line:name$}  {from:what$}  {:>12}  {at:>6}\n", grouped(&price));
    }
    text += &format!("  {}\n", "-".repeat(wide - 2));
    let total = format!("marginal price at {} MW", mega(*load));
    text += &format!("  {total:name$}  {:what$}  {:>12}\n", "", grouped(&per_mwh(price(&curve.total, *load), 2)));
    text += &steps(moment);
    for guard in &curve.guards {
        text += &guarded(moment, guard);
    }
    for remark in remarks {
        text += &format!("\n  note: {remark}");
    }
    if !remarks.is_empty() {
        text.push('\n');
    }
    text + &format!("\n  lines are those of {}\n", file.display())
}

/// The interval by the clock of the tariff.
fn when(tariff: &Tariff, table: &Table, slot: usize) -> String {
    let (start, end) = (table.start_of(slot), table.start_of(slot + 1));
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let (from, to) = (tariff.zone.local(start), tariff.zone.local(end));
    let day = table.day_of(slot);
    let next = table.days().iter().map(|day| day.slot).find(|first| *first > slot).unwrap_or(table.len());
    let first = day.map_or(0, |day| day.slot);
    let weekday =
        ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].get(usize::try_from(from.date.weekday()).unwrap_or(0));
    let holiday = if tariff.calendar.holidays.has(from.date) { ", a holiday" } else { "" };
    format!(
        "{} {}{holiday}, {}-{} {}, interval {} of {}",
        weekday.copied().unwrap_or_default(),
        from.date,
        clock(from.minute),
        clock(to.minute),
        tariff.zone.abbreviation(start),
        slot - first + 1,
        next - first
    )
}

/// The curve over the load of the site.
fn steps(moment: &Moment<'_>) -> String {
    let steps = moment.curve.total.all();
    if steps.len() < 2 {
        return String::new();
    }
    let mut text = format!("\n  over the load of the site, {}/MWh\n", moment.tariff.currency);
    for (at, (from, rate)) in steps.iter().enumerate() {
        let mega = |milli: i64| show_to(i128::from(milli), 9, 1);
        let range = match steps.get(at + 1) {
            Some((to, _)) => format!("{} to {} MW", mega(*from), mega(*to)),
            None => format!("above {} MW", mega(*from)),
        };
        text += &format!("    {range:24}{:>14}\n", grouped(&per_mwh(*rate, 2)));
    }
    text
}

fn guarded(moment: &Moment<'_>, guard: &Guard) -> String {
    let name = moment.tariff.lines.get(guard.line).map_or("", |line| line.name.as_str());
    let currency = &moment.tariff.currency;
    let mega = show_to(i128::from(guard.paid), 9, 1);
    let of_mega = |rate: Rate| grouped(&show_to(rate.0.saturating_mul(1_000), 15, 0));
    let later = match guard.later {
        Rate(0) => String::new(),
        later => format!(" and up to {} more through the ratchet", of_mega(later)),
    };
    let now = of_mega(guard.now);
    format!(
        "\n  peak guard of {name}: {mega} MW over {} min are paid; one more MW costs {now} {currency} now{later}\n",
        guard.window
    )
}

fn as_json(moment: &Moment<'_>) -> serde_json::Value {
    let Moment { tariff, table, slot, load, curve, remarks, .. } = moment;
    let kilowatts = |milli: i64| show(i128::from(milli), 6);
    let curve_of = |steps: &Steps| -> Vec<serde_json::Value> {
        steps
            .all()
            .iter()
            .map(|(from, rate)| json!({ "from_kw": kilowatts(*from), "price_mwh": per_mwh(*rate, 6) }))
            .collect()
    };
    let lines = curve.shares.iter().filter_map(|(line, steps)| {
        let of = tariff.lines.get(*line)?;
        Some(json!({
            "line": of.name, "at": of.note.line, "from": from(moment, *line),
            "price_mwh": per_mwh(price(steps, *load), 6), "curve": curve_of(steps),
        }))
    });
    let guards = curve.guards.iter().map(|guard| {
        json!({
            "line": tariff.lines.get(guard.line).map(|line| &line.name), "paid_kw": kilowatts(guard.paid),
            "window_min": guard.window, "now_kw": show(guard.now.0, 15), "later_kw": show(guard.later.0, 15),
        })
    });
    json!({
        "tariff": tariff.name, "currency": tariff.currency,
        "start": table.start_of(*slot).to_string(), "end": table.start_of(*slot + 1).to_string(),
        "load_kw": kilowatts(*load), "price_mwh": per_mwh(price(&curve.total, *load), 6),
        "curve": curve_of(&curve.total), "lines": lines.collect::<Vec<_>>(), "guards": guards.collect::<Vec<_>>(),
        "remarks": remarks,
    })
}
