//! `ballast tariff export openadr|csv|json FILE`: what a MWh costs, interval by interval, for other programs.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::files::{self, Refused, Told};
use crate::tariff::exact::show;
use crate::tariff::facts::facts;
use crate::tariff::marginal::{Known, now};
use crate::tariff::meter::prices;
use crate::tariff::proof::{feeds, per_mwh};
use crate::tariff::{Charge, Rate, Table, Tariff};
use crate::time::Date;

/// The most days that are written: a year and a day.
pub const MOST_DAYS: u32 = 367;

/// The form that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An OpenADR 3 event with prices a kWh, a day an interval; add the id of your programme.
    OpenAdr,
    /// A row an interval, with every line's share.
    Csv,
    /// The tariff itself: every line with its values.
    Json,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The form.
    pub form: Form,
    /// The tariff.
    pub file: PathBuf,
    /// The first day.
    pub from: Date,
    /// How many days.
    pub days: u32,
    /// What feeds said.
    pub prices: Option<PathBuf>,
}

/// Writes prices; an index whose price is not known is left out, which is told.
pub fn run(asked: &Asked, out: &mut dyn Write) -> u8 {
    files::tell(told(asked), out)
}

/// An interval with its price, and the share of each line.
struct Row {
    slot: usize,
    total: Rate,
    shares: Vec<(usize, Rate)>,
}

fn told(asked: &Asked) -> Result<Told, Refused> {
    let tariff = files::tariff(&asked.file)?;
    if asked.form == Form::Json {
        return Ok(format!("{:#}\n", whole(&tariff)).into());
    }
    let until = asked.from.plus(asked.days.clamp(1, MOST_DAYS));
    let table =
        Table::of(&tariff, asked.from, until).map_err(|_| Refused::problem("the calendar has gaps or overlaps"))?;
    let known = match &asked.prices {
        Some(path) => prices(&files::record(path)?, &table, &feeds(&tariff)),
        None => crate::tariff::bill::Prices::new(),
    };
    let mut remarks = Vec::new();
    for feed in feeds(&tariff) {
        let missing = (0..table.len())
            .filter(|slot| known.get(&feed).and_then(|prices| prices.get(*slot)).copied().flatten().is_none());
        match missing.count() {
            0 => {}
            all if all == table.len() => remarks.push(format!("note: what `{feed}` costs is left out: no --prices")),
            some => remarks
                .push(format!("note: `{feed}` has no price for {some} of {} intervals: left out there", table.len())),
        }
    }
    let rows = rows(&tariff, &table, &known);
    let text = match asked.form {
        Form::OpenAdr => format!("{:#}\n", event(&tariff, &table, &rows)),
        _ => csv(&tariff, &table, &rows),
    };
    Ok(Told { text, aside: remarks, ..Told::default() })
}

fn rows(tariff: &Tariff, table: &Table, prices: &crate::tariff::bill::Prices) -> Vec<Row> {
    let mut known = Known::default();
    for (at, line) in tariff.lines.iter().enumerate() {
        if matches!(line.charge, Charge::Demand(_)) {
            known.peaks.insert(at, i64::MAX / 4);
        }
    }
    let row = |slot: usize| {
        let here =
            prices.iter().filter_map(|(feed, prices)| Some((feed.clone(), prices.get(slot).copied().flatten()?)));
        let known = Known { prices: here.collect(), ..known.clone() };
        // Above all blocks, where most of a large load is.
        let load = i64::MAX / 8;
        let curve = now(tariff, table, slot, &known)?;
        let shares = curve.shares.iter().map(|(line, steps)| (*line, steps.at(load))).collect();
        Some(Row { slot, total: curve.total.at(load), shares })
    };
    (0..table.len()).filter_map(row).collect()
}

fn csv(tariff: &Tariff, table: &Table, rows: &[Row]) -> String {
    let priced = |line: &usize| rows.iter().any(|row| row.shares.iter().any(|(at, rate)| at == line && rate.0 != 0));
    let lines: Vec<usize> = (0..tariff.lines.len()).filter(priced).collect();
    let names: Vec<&str> = lines.iter().filter_map(|at| tariff.lines.get(*at)).map(|line| line.name.as_str()).collect();
    let unit = format!("{}_mwh", tariff.currency.to_lowercase());
    let mut text =
        format!("start_utc,local,period,{unit}{}\n", names.iter().map(|name| format!(",{name}")).collect::<String>());
    for row in rows {
        let start = table.start_of(row.slot);
        let local = tariff.zone.local(start);
        let period = tariff.calendar.periods.get(table.period(row.slot)).map_or("", |period| period.name.as_str());
        let _ = write!(
            text,
            "{},{} {:02}:{:02},{period},{}",
            start.to_string().replace(".000000", ""),
            local.date,
            local.minute / 60,
            local.minute % 60,
            per_mwh(row.total, 6)
        );
        for line in &lines {
            let share = row.shares.iter().find(|(at, _)| at == line).map_or(Rate::default(), |(_, rate)| *rate);
            let _ = write!(text, ",{}", per_mwh(share, 6));
        }
        text.push('\n');
    }
    text
}

/// An OpenADR 3 event. Several values in an interval split it evenly, so a day of 92 or 100 quarter hours is one interval as well.
fn event(tariff: &Tariff, table: &Table, rows: &[Row]) -> Value {
    let days = table.days().iter().enumerate();
    let intervals = days.map(|(id, day)| {
        let end = table.days().get(id + 1).map_or(table.len(), |next| next.slot);
        let values: Vec<Value> = rows
            .iter()
            .filter(|row| (day.slot..end).contains(&row.slot))
            .map(|row| show(row.total.0, 15).parse::<serde_json::Number>().map_or(Value::Null, Value::Number))
            .collect();
        let minutes = (end - day.slot) * usize::from(table.step());
        json!({
            "id": id,
            "intervalPeriod": {
                "start": table.start_of(day.slot).to_string().replace(".000000", ""),
                "duration": format!("PT{minutes}M"),
            },
            "payloads": [{ "type": "PRICE", "values": values }],
        })
    });
    json!({
        "programID": "", "eventName": tariff.name,
        "payloadDescriptors": [{ "payloadType": "PRICE", "units": "KWH", "currency": tariff.currency }],
        "intervals": intervals.collect::<Vec<_>>(),
    })
}

fn whole(tariff: &Tariff) -> Value {
    let line = |line: &crate::tariff::Line| {
        let values = facts(tariff, line).into_iter();
        let values = values.map(
            |fact| json!({ "key": fact.key, "from": fact.from.map(|from| from.to_string()), "value": fact.value }),
        );
        json!({
            "line": line.name, "at": line.note.line, "source": line.note.source, "assumed": line.note.assumed,
            "checked": line.note.checked.map(|day| day.to_string()), "values": values.collect::<Vec<_>>(),
        })
    };
    let period = |period: &crate::tariff::calendar::Period| {
        let windows = period.windows.iter().map(|window| {
            json!({ "months": window.months.to_string(), "days": window.days.to_string(), "hours": window.hours.to_string() })
        });
        json!({ "name": period.name, "otherwise": period.otherwise, "windows": windows.collect::<Vec<_>>() })
    };
    json!({
        "name": tariff.name, "currency": tariff.currency, "timezone": tariff.zone.name(), "interval_min": tariff.interval,
        "periods": tariff.calendar.periods.iter().map(period).collect::<Vec<_>>(),
        "lines": tariff.lines.iter().map(line).collect::<Vec<_>>(),
    })
}
