//! `ballast tariff bill FILE METER.csv`: the ledger, line by line, with the interval that set each demand.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::files::{self, Refused, Set, Told};
use crate::tariff::bill::{Basis, Before, Bill, Entry, Lack, Metered, MonthBill, Peak, bill};
use crate::tariff::exact::{ONE, show_to};
use crate::tariff::proof::{grouped, money};
use crate::tariff::{Amount, Charge, Table, Tariff};
use crate::time::Date;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The tariff.
    pub file: PathBuf,
    /// What the meter measured.
    pub meter: PathBuf,
    /// What feeds said.
    pub prices: Option<PathBuf>,
    /// Only this month, as in `2026-08`.
    pub month: Option<String>,
    /// Only this line, with all that it was reckoned from.
    pub explain: Option<String>,
    /// As one JSON document.
    pub json: bool,
}

/// Bills a meter; the exit code is 1 where something is missing or wrong, 2 where it cannot be read.
pub fn run(asked: &Asked, out: &mut dyn Write) -> u8 {
    files::tell(told(asked), out)
}

fn told(asked: &Asked) -> Result<Told, Refused> {
    let tariff = files::tariff(&asked.file)?;
    let set = files::set(&tariff, &asked.meter, asked.prices.as_deref())?;
    let billed = billed(&tariff, &set);
    let month = match &asked.month {
        Some(text) => Some(
            Date::parse(&format!("{text}-01"))
                .ok_or_else(|| Refused::could_not(format!("--month: `{text}` is not a month as in 2026-08")))?,
        ),
        None => None,
    };
    let line = match &asked.explain {
        Some(name) => Some(tariff.line(name).ok_or_else(|| {
            let names: Vec<&str> = tariff.lines.iter().map(|line| line.name.as_str()).collect();
            Refused::could_not(format!("--explain: there is no line `{name}`; there are: {}", names.join(", ")))
        })?),
        None => None,
    };
    let is_asked = |of: &&MonthBill| month.is_none_or(|month| of.first.month_start() == month);
    let months: Vec<&MonthBill> = billed.months.iter().filter(is_asked).collect();
    if months.is_empty() {
        return Err(Refused::problem(format!("{}: no rows of that month", asked.meter.display())));
    }
    let mut lacks: Vec<String> = billed.lacks.iter().map(|lack| lacking(&tariff, &set.table, lack)).collect();
    lacks.extend(gaps(&tariff, &set));
    let text = match asked.json {
        true => format!("{:#}\n", as_json(&tariff, &set.table, &months, line, &lacks)),
        false => months.iter().map(|month| ledger(&tariff, &set.table, month, line)).collect::<Vec<_>>().join("\n"),
    };
    Ok(Told { text, errors: lacks, ..Told::default() })
}

/// A bill of the whole record.
pub(in crate::cli) fn billed(tariff: &Tariff, set: &Set) -> Bill {
    let reactive = set.load.reactive.as_deref();
    let metered = Metered { tariff, table: &set.table, load: &set.load.real, reactive, prices: &set.prices };
    bill(metered, &Before::nothing())
}

/// Intervals of which the meter has no row.
fn gaps(tariff: &Tariff, set: &Set) -> Vec<String> {
    let all = &set.load.gaps;
    let told = all.iter().take(5).map(|(first, count)| {
        let (from, to) = (set.table.start_of(*first), set.table.start_of(first + count));
        format!(
            "the meter lacks rows from {} to {}: an interval without any counts as nothing",
            local(tariff, from),
            local(tariff, to)
        )
    });
    let more = all.len().saturating_sub(5);
    let more = (more > 0).then(|| format!("{more} more gaps in the meter's record"));
    told.chain(more).collect()
}

fn local(tariff: &Tariff, at: crate::time::Wall) -> String {
    let shown = tariff.zone.local(at);
    format!("{} {:02}:{:02} {}", shown.date, shown.minute / 60, shown.minute % 60, tariff.zone.abbreviation(at))
}

/// What was needed and is not known.
pub(in crate::cli) fn lacking(tariff: &Tariff, table: &Table, lack: &Lack) -> String {
    let name = |line: &usize| tariff.lines.get(*line).map_or("", |line| line.name.as_str());
    match lack {
        Lack::Price { line, feed, slots, first } => {
            let from = local(tariff, table.start_of(*first));
            format!("{}: no price of `{feed}` for {slots} intervals, the first at {from}", name(line))
        }
        Lack::Rate { line, date } => format!("{}: no price is in force on {date}", name(line)),
        Lack::Peaks { line, year } => format!(
            "{}: neither the peaks of {year} nor what is billed for them; add billed = {{ {} = \"… MW\" }} or known = […]",
            name(line),
            year + 1
        ),
        Lack::Reactive { line } => format!("{}: the meter has no column `kvar`", name(line)),
    }
}

fn kilowatts(milli: i64) -> String {
    grouped(&show_to(i128::from(milli), 6, 1))
}

fn megawatt_hours(table: &Table, energy: i128) -> String {
    let (hours, minutes) = table.per_hour();
    grouped(&show_to(energy.saturating_mul(minutes) / hours, 9, 1))
}

/// What an amount was reckoned from, in a few words.
fn basis(tariff: &Tariff, table: &Table, charge: &Charge, basis: &Basis) -> String {
    match basis {
        Basis::None => String::new(),
        Basis::Energy(energy) => format!("{} MWh", megawatt_hours(table, *energy)),
        Basis::Bought { bought, sold: 0 } => format!("{} MWh", megawatt_hours(table, *bought)),
        Basis::Bought { bought, sold } => {
            format!("bought {}, sold back {} MWh", megawatt_hours(table, *bought), megawatt_hours(table, *sold))
        }
        Basis::Demand(peak) => demand(tariff, table, charge, peak),
        Basis::Coincident(billed) => format!("{} kW at last year's peaks", kilowatts(*billed)),
        Basis::Reactive(above) => format!("{} kVAr above what is free", kilowatts(*above)),
        Basis::PowerFactor(factor) => format!("power factor {}", show_to(*factor, 15, 3)),
        Basis::Ready(power, 0) => format!("{} kW above the firm level", kilowatts(*power)),
        Basis::Ready(power, slots) => {
            let hours = i128::try_from(*slots).unwrap_or(0) * i128::from(table.step());
            format!("{} kW ready for {} h", kilowatts(*power), show_to(hours * 10 / 60, 1, 1))
        }
        Basis::Sum(sum) => format!("on {}", money(*sum, &tariff.currency)),
    }
}

fn demand(tariff: &Tariff, table: &Table, charge: &Charge, peak: &Peak) -> String {
    let Charge::Demand(demand) = charge else { return String::new() };
    let Some(slot) = peak.slot else { return "no interval of its periods".into() };
    let at = local(tariff, table.start_of(slot));
    let unit = if demand.apparent { "kVA" } else { "kW" };
    let measured = format!("{} {unit} at {at}", kilowatts(peak.measured));
    match (peak.from, peak.floor) {
        _ if demand.daily => format!("{measured}, by the day"),
        (_, true) => format!("the floor of {} {unit}; measured {measured}", kilowatts(peak.billed)),
        (Some(from), _) => {
            let share = demand.ratchet.as_ref().map_or(0, |ratchet| ratchet.share);
            let month = format!("{}-{:02}", from.year(), from.month());
            format!(
                "{} {unit}, {} % of {month}; measured {measured}",
                kilowatts(peak.billed),
                show_to(share * 100, 15, 0)
            )
        }
        (None, false) => measured,
    }
}

fn ledger(tariff: &Tariff, table: &Table, month: &MonthBill, line: Option<usize>) -> String {
    let first = month.first;
    let of = table.months().iter().find(|of| of.first == first);
    let (days, slots) = of.map_or((0, 0), |of| (of.days, of.slots.len()));
    let mut text = format!(
        "{}\n{}-{:02}: {days} days, {slots} intervals of {} min, {}\n\n",
        tariff.name,
        first.year(),
        first.month(),
        tariff.interval,
        tariff.zone.name()
    );
    let entries: Vec<(usize, &Entry)> =
        month.entries.iter().enumerate().filter(|(at, _)| line.is_none_or(|line| line == *at)).collect();
    let rows: Vec<(String, String, String, usize)> = entries
        .iter()
        .filter_map(|(at, entry)| {
            let of = tariff.lines.get(*at)?;
            let amount = grouped(&entry.amount.rounded(tariff.round).show(2));
            Some((of.name.clone(), basis(tariff, table, &of.charge, &entry.basis), amount, of.note.line))
        })
        .collect();
    let name = rows.iter().map(|row| row.0.len()).max().unwrap_or(0).max(20);
    let what = rows.iter().map(|row| row.1.chars().count()).max().unwrap_or(0).max(20);
    text += &format!("  {:name$}  {:what$}  {:>16}  {:>5}\n", "", "", tariff.currency, "line");
    for (line, from, amount, at) in rows {
        text += &format!("  {line:name$}  {from:what$}  {amount:>16}  {at:>5}\n");
    }
    if line.is_none() {
        text += &format!("  {}\n", "-".repeat(name + what + 27));
        let total = grouped(&month.rounded(tariff.round).show(2));
        text += &format!("  {:name$}  {:what$}  {total:>16}\n", "total", "");
        text += &unseen(tariff, table, month);
    } else if let Some((at, entry)) = entries.first() {
        text += &explained(tariff, *at, entry);
    }
    text
}

/// Ratchets that look back further than the meter's record.
fn unseen(tariff: &Tariff, table: &Table, month: &MonthBill) -> String {
    let before = table.months().iter().filter(|of| of.first < month.first).count();
    let mut text = String::new();
    for line in &tariff.lines {
        let Charge::Demand(demand) = &line.charge else { continue };
        let Some(ratchet) = demand.ratchet.as_ref().filter(|ratchet| usize::from(ratchet.months) > before) else {
            continue;
        };
        let back = ratchet.months;
        text += &format!(
            "\n  note: {} looks back {back} months, of which the record has {before}: it may bill more\n",
            line.name
        );
    }
    text
}

/// The unrounded amount, and what the file says of the line.
fn explained(tariff: &Tariff, line: usize, entry: &Entry) -> String {
    let Some(of) = tariff.lines.get(line) else { return String::new() };
    let mut text = format!("\n  unrounded   {} {}\n", entry.amount, tariff.currency);
    if tariff.round != Amount::ZERO {
        let rounded = entry.amount.rounded(tariff.round);
        text += &format!("  rounded     {} to {}, half away from zero\n", rounded.show(2), tariff.round);
    }
    if let Charge::Demand(demand) = &of.charge {
        for tier in &demand.tiers {
            let alone = demand.tiers.len() == 1;
            let up_to = match tier.up_to {
                Some(top) => format!(" up to {} kW", kilowatts(top)),
                None if alone => String::new(),
                None => " above".to_owned(),
            };
            for (from, price) in tier.price.steps() {
                let from = if *from == Date::FIRST { String::new() } else { format!(" from {from}") };
                text += &format!(
                    "  price       {} {}/kW{up_to}{from}\n",
                    crate::tariff::exact::show(price.0, 15),
                    tariff.currency
                );
            }
        }
        if let Some(ratchet) = &demand.ratchet {
            let share = show_to(ratchet.share * 100, 15, 1);
            text += &format!(
                "  ratchet     {share} % of the highest of {} months before ({})\n",
                ratchet.months, ratchet.of_months
            );
        }
    }
    if let Charge::Energy(energy) = &of.charge
        && energy.losses != 0
    {
        text += &format!("  losses      x {}\n", crate::tariff::exact::show(ONE + energy.losses, 15));
    }
    if let Some(source) = &of.note.source {
        text += &format!("  source      {source}\n");
    }
    if let Some(assumed) = &of.note.assumed {
        text += &format!("  assumed     {assumed}\n");
    }
    text
}

fn as_json(
    tariff: &Tariff,
    table: &Table,
    months: &[&MonthBill],
    line: Option<usize>,
    lacks: &[String],
) -> serde_json::Value {
    let entry = |(at, entry): (usize, &Entry)| {
        let of = tariff.lines.get(at)?;
        Some(json!({
            "line": of.name, "at": of.note.line, "amount": entry.amount.rounded(tariff.round).show(2),
            "unrounded": entry.amount.to_string(), "from": basis(tariff, table, &of.charge, &entry.basis),
        }))
    };
    let month = |month: &&MonthBill| {
        let entries = month.entries.iter().enumerate().filter(|(at, _)| line.is_none_or(|line| line == *at));
        json!({
            "month": format!("{}-{:02}", month.first.year(), month.first.month()),
            "lines": entries.filter_map(entry).collect::<Vec<_>>(),
            "total": month.rounded(tariff.round).show(2),
        })
    };
    json!({
        "tariff": tariff.name, "currency": tariff.currency, "complete": lacks.is_empty(), "lacks": lacks,
        "months": months.iter().map(month).collect::<Vec<_>>(),
    })
}
