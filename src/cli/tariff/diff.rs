//! `ballast tariff diff A B [--meter M.csv]`: what differs by the lines of the bill, and the money on a meter.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::bill::{billed, lacking};
use super::files::{self, Refused, Told};
use crate::tariff::facts::facts;
use crate::tariff::proof::grouped;
use crate::tariff::{Amount, Line, Tariff};
use crate::time::Date;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The tariff that was.
    pub old: PathBuf,
    /// The tariff that is to be.
    pub new: PathBuf,
    /// What a meter measured.
    pub meter: Option<PathBuf>,
    /// What feeds said.
    pub prices: Option<PathBuf>,
    /// As one JSON document.
    pub json: bool,
}

/// One value that differs.
struct Difference {
    line: String,
    key: String,
    old: Option<String>,
    new: Option<String>,
}

/// Tells what differs; the exit code says nothing of it.
pub fn run(asked: &Asked, out: &mut dyn Write) -> u8 {
    files::tell(told(asked), out)
}

fn told(asked: &Asked) -> Result<Told, Refused> {
    let (old, new) = (files::tariff(&asked.old)?, files::tariff(&asked.new)?);
    let differences = differences(&old, &new);
    let mut lacks = Vec::new();
    let money = match &asked.meter {
        Some(meter) => {
            let mut sums = Vec::new();
            for tariff in [&old, &new] {
                let set = files::set(tariff, meter, asked.prices.as_deref())?;
                let bill = billed(tariff, &set);
                lacks.extend(
                    bill.lacks.iter().map(|lack| format!("{}: {}", tariff.name, lacking(tariff, &set.table, lack))),
                );
                sums.push(by_line(tariff, &bill));
            }
            Some(sums)
        }
        None => None,
    };
    let text = match asked.json {
        true => format!("{:#}\n", as_json(&old, &new, &differences, money.as_deref())),
        false => as_text(&old, &new, &differences, money.as_deref()),
    };
    Ok(Told { text, errors: lacks, ..Told::default() })
}

/// What each line comes to over the whole record, each month rounded as on a bill.
fn by_line(tariff: &Tariff, bill: &crate::tariff::bill::Bill) -> BTreeMap<String, Amount> {
    let mut sums = BTreeMap::new();
    for month in &bill.months {
        for (line, entry) in tariff.lines.iter().zip(&month.entries) {
            *sums.entry(line.name.clone()).or_insert(Amount::ZERO) += entry.amount.rounded(tariff.round);
        }
    }
    sums
}

fn values(tariff: &Tariff, line: &Line) -> BTreeMap<(String, Option<Date>), String> {
    facts(tariff, line).into_iter().map(|fact| ((fact.key, fact.from), fact.value)).collect()
}

fn differences(old: &Tariff, new: &Tariff) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |line: &str, key: &str, old: Option<String>, new: Option<String>| {
        if old != new {
            found.push(Difference { line: line.into(), key: key.into(), old, new });
        }
    };
    let head = |tariff: &Tariff| {
        [
            ("currency", tariff.currency.clone()),
            ("timezone", tariff.zone.name().to_owned()),
            ("interval", format!("{} min", tariff.interval)),
        ]
    };
    for ((key, was), (_, is)) in head(old).into_iter().zip(head(new)) {
        add("the file", key, Some(was), Some(is));
    }
    if old.calendar != new.calendar {
        let names = |tariff: &Tariff| {
            tariff.calendar.periods.iter().map(|period| period.name.clone()).collect::<Vec<_>>().join(", ")
        };
        let (was, is) = (names(old), names(new));
        let is = if was == is { format!("{is}, at other times") } else { is };
        add("calendar", "periods", Some(was), Some(is));
    }
    let added = new.lines.iter().filter(|line| old.line(&line.name).is_none());
    for name in old.lines.iter().chain(added).map(|line| line.name.as_str()) {
        let of =
            |tariff: &Tariff| tariff.line(name).and_then(|at| tariff.lines.get(at)).map(|line| values(tariff, line));
        let (was, is) = (of(old), of(new));
        match (&was, &is) {
            (Some(_), None) => add(name, "the line", Some("there".into()), Some("gone".into())),
            (None, Some(_)) => add(name, "the line", None, Some("new".into())),
            _ => {}
        }
        let (was, is) = (was.unwrap_or_default(), is.unwrap_or_default());
        let mut keys: Vec<&(String, Option<Date>)> = was.keys().chain(is.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let from = key.1.map_or(String::new(), |from| format!(" from {from}"));
            add(name, &format!("{}{from}", key.0), in_force(&was, key), in_force(&is, key));
        }
    }
    found
}

/// The value of a key on its day: its own, or the newest before.
fn in_force(values: &BTreeMap<(String, Option<Date>), String>, key: &(String, Option<Date>)) -> Option<String> {
    values.range(..=key).next_back().filter(|((name, _), _)| *name == key.0).map(|(_, value)| value.clone())
}

fn as_text(
    old: &Tariff,
    new: &Tariff,
    differences: &[Difference],
    money: Option<&[BTreeMap<String, Amount>]>,
) -> String {
    let mut text = format!("{} -> {}\n\n", old.name, new.name);
    if differences.is_empty() {
        text += "  nothing differs\n";
    }
    let wide = differences.iter().map(|one| one.line.len()).max().unwrap_or(0);
    for one in differences {
        let none = || "-".to_owned();
        let (was, is) = (one.old.clone().unwrap_or_else(none), one.new.clone().unwrap_or_else(none));
        text += &format!("  {:wide$}  {}: {was} -> {is}\n", one.line, one.key);
    }
    let Some([was, is]) = money else { return text };
    let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
    names.sort();
    names.dedup();
    let wide = names.iter().map(|name| name.len()).max().unwrap_or(0).max(20);
    text += &format!(
        "\n  {:wide$}  {:>18}  {:>18}  {:>18}\n",
        format!("on this meter, {}", new.currency),
        "before",
        "after",
        "difference"
    );
    let row = |name: &str, was: Amount, is: Amount| {
        let show = |amount: Amount| grouped(&amount.show(2));
        format!("  {name:wide$}  {:>18}  {:>18}  {:>18}\n", show(was), show(is), show(is - was))
    };
    let of = |sums: &BTreeMap<String, Amount>, name: &str| sums.get(name).copied().unwrap_or(Amount::ZERO);
    for name in names {
        text += &row(name, of(was, name), of(is, name));
    }
    text += &format!("  {}\n", "-".repeat(wide + 60));
    text + &row("total", was.values().copied().sum(), is.values().copied().sum())
}

fn as_json(
    old: &Tariff,
    new: &Tariff,
    differences: &[Difference],
    money: Option<&[BTreeMap<String, Amount>]>,
) -> serde_json::Value {
    let each =
        differences.iter().map(|one| json!({ "line": one.line, "key": one.key, "old": one.old, "new": one.new }));
    let sums = |sums: &BTreeMap<String, Amount>| {
        let each = sums.iter().map(|(name, amount)| (name.clone(), json!(amount.show(2))));
        serde_json::Value::Object(each.collect())
    };
    let money = money.and_then(|money| match money {
        [was, is] => Some(json!({ "before": sums(was), "after": sums(is) })),
        _ => None,
    });
    json!({ "old": old.name, "new": new.name, "differences": each.collect::<Vec<_>>(), "money": money })
}
