//! What a tariff file says that must come out of it, and what in it is not sure.

use super::facts::facts;
use super::marginal::{Known, now};
use crate::document::{Code, Kind, Problem, Problems, Span};
use crate::time::Date;

use super::{Amount, Case, Charge, Line, Rate, Source, Table, Tariff, exact};

/// An assumed rule that takes effect within so many days is told with their number.
const NEAR: i64 = 60;

/// Something to tell, at a line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong or unsure.
    pub message: String,
}

/// A price of a kWh as that of a MWh, with so many places.
pub fn per_mwh(rate: Rate, digits: u32) -> String {
    exact::show_to(rate.0.saturating_mul(1_000), 15, digits)
}

/// Reads a tariff, and proves the prices that must come out of it.
///
/// # Errors
/// Every problem of it: of its text, or else what does not come out.
pub fn proved(name: &str, text: &str) -> Result<Tariff, Problems> {
    let tariff = super::file::load(name, text)?;
    let problem = |found: Finding| Problem::new(Code::Mismatch, span(text, found.line), found.message);
    let errors: Vec<Problem> = cases(&tariff).into_iter().map(problem).collect();
    if errors.is_empty() { Ok(tariff) } else { Err(Problems::new(name, text, errors).of(Kind::Tariff)) }
}

/// The text of a line, from 1, without the blanks around it.
pub fn span(text: &str, line: usize) -> Span {
    let mut start = 0;
    for (at, of) in text.split_inclusive('\n').enumerate() {
        if at + 1 == line {
            let code = of.split('#').next().unwrap_or(of);
            return start..start + code.trim_end().len().max(1);
        }
        start += of.len();
    }
    0..0
}

/// Every price that does not come out as the file says.
pub fn cases(tariff: &Tariff) -> Vec<Finding> {
    tariff.cases.iter().filter_map(|case| case_fails(tariff, case)).collect()
}

fn case_fails(tariff: &Tariff, case: &Case) -> Option<Finding> {
    let told = |message: String| Some(Finding { line: case.line, message });
    if let Some(feed) = feeds(tariff).into_iter().find(|feed| !case.prices.contains_key(feed)) {
        return told(format!("no price of `{feed}` is given"));
    }
    let Some(price) = case_price(tariff, case) else { return told("this moment is out of range".into()) };
    let off = (price - case.expected).0.unsigned_abs();
    if off <= case.within.0.unsigned_abs() {
        return None;
    }
    let (ours, theirs) = (per_mwh(price, 2), per_mwh(case.expected, 2));
    told(format!("the marginal price comes to {ours} {}/MWh, not {theirs}", tariff.currency))
}

/// The price of the last kilowatt that is drawn, not of the first above it.
fn case_price(tariff: &Tariff, case: &Case) -> Option<Rate> {
    let date = tariff.zone.local(case.at).date;
    let table = Table::of(tariff, date.month_start(), date.next_month()).ok()?;
    let slot = table.slot_at(case.at)?;
    let paid = case.peak.unwrap_or(case.load);
    let known = Known {
        prices: case.prices.clone(),
        peaks: tariff.lines.iter().enumerate().filter(|(_, line)| is_demand(line)).map(|(at, _)| (at, paid)).collect(),
        month: i128::from(case.load).saturating_mul(i128::try_from(table.len()).unwrap_or(0)),
        coincident: case.coincident,
        ..Known::default()
    };
    Some(now(tariff, &table, slot, &known)?.total.at((case.load - 1).max(0)))
}

fn is_demand(line: &Line) -> bool {
    matches!(line.charge, Charge::Demand(_))
}

/// The names of all price feeds, each once.
pub fn feeds(tariff: &Tariff) -> Vec<String> {
    let mut feeds: Vec<String> = Vec::new();
    for line in &tariff.lines {
        if let Charge::Energy(energy) = &line.charge
            && let Source::Index(feed) = &energy.price
            && !feeds.contains(feed)
        {
            feeds.push(feed.clone());
        }
    }
    feeds
}

/// Prices that nobody pays: above 1 a kWh or 100 a kW and month.
pub fn unlikely(tariff: &Tariff) -> Vec<Finding> {
    let mut found = Vec::new();
    for line in &tariff.lines {
        let (rates, most, unit): (Vec<Rate>, i128, &str) = match &line.charge {
            Charge::Energy(energy) => match &energy.price {
                Source::Tiers(tiers) => {
                    let each = tiers.iter().flat_map(|tier| tier.price.steps()).flat_map(|(_, price)| all(price));
                    (each.collect(), 1, "kWh")
                }
                Source::Index(_) => continue,
            },
            Charge::Demand(demand) => {
                let each = demand.tiers.iter().flat_map(|tier| tier.price.steps()).map(|(_, rate)| *rate);
                (each.collect(), 100, if demand.daily { "kW and day" } else { "kW and month" })
            }
            _ => continue,
        };
        if let Some(rate) = rates.into_iter().find(|rate| rate.0.unsigned_abs() > (most * exact::ONE).unsigned_abs()) {
            let price = exact::show(rate.0, 15);
            let message = format!("{}: {price} {} a {unit} is more than anybody pays", line.name, tariff.currency);
            found.push(Finding { line: line.note.line, message });
        }
    }
    found
}

fn all(price: &super::Priced) -> Vec<Rate> {
    match price {
        super::Priced::One(rate) => vec![*rate],
        super::Priced::Each(rates) => rates.iter().flatten().copied().collect(),
    }
}

/// Lines that rest on something that nobody knows.
pub fn assumed(tariff: &Tariff, on: Date) -> Vec<Finding> {
    let mut found = Vec::new();
    for line in &tariff.lines {
        let rules = match &line.charge {
            Charge::Coincident(coincident) => {
                coincident.rules.steps().iter().map(|(from, rule)| (Some(*from), &rule.assumed)).collect()
            }
            _ => Vec::new(),
        };
        let own = std::iter::once((None, &line.note.assumed));
        for (from, assumed) in own.chain(rules) {
            let Some(assumed) = assumed else { continue };
            let near = |from: &Date| (0..=NEAR).contains(&from.days_since(on));
            let soon = from.filter(near).map_or(String::new(), |from| format!(", in {} days", from.days_since(on)));
            let from = from.map_or(String::new(), |from| format!(" from {from}{soon}"));
            found.push(Finding { line: line.note.line, message: format!("{}{from} is assumed: {assumed}", line.name) });
        }
    }
    found
}

/// Values that are out of date on a day: provisional for too long, not begun, over.
pub fn stale(tariff: &Tariff, on: Date) -> Vec<Finding> {
    let mut found = Vec::new();
    for line in &tariff.lines {
        let mut tell = |message: String| {
            found.push(Finding { line: line.note.line, message: format!("{}: {message}", line.name) })
        };
        let facts = facts(tariff, line);
        let newest = facts.iter().filter_map(|fact| fact.from).filter(|from| *from <= on).max();
        if let (Some(newest), Some(days)) = (newest, line.note.provisional_after)
            && newest.plus(days) < on
        {
            tell(format!("its newest value is of {newest}, and provisional for {days} days: look for the final one"));
        }
        let begins = |key: &str| facts.iter().filter(|fact| fact.key == key).map(|fact| fact.from).min().flatten();
        let first = facts.iter().filter_map(|fact| begins(&fact.key)).filter(|first| *first > on).min();
        if let Some(first) = first {
            tell(format!("it has no value before {first}"));
        }
        if let Charge::Block(block) = &line.charge
            && block.until <= on
        {
            tell(format!("this block was over on {}", block.until));
        }
    }
    found
}

/// Lines that do not say where they come from.
pub fn unsourced(tariff: &Tariff) -> Vec<Finding> {
    let without = tariff.lines.iter().filter(|line| line.note.source.is_none());
    without.map(|line| Finding { line: line.note.line, message: format!("{} names no source", line.name) }).collect()
}

/// An amount with its currency, as on an invoice.
pub fn money(amount: Amount, currency: &str) -> String {
    format!("{} {currency}", grouped(&amount.show(2)))
}

/// `1234567.80` as `1,234,567.80`.
pub fn grouped(number: &str) -> String {
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, rest) = number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    match rest {
        Some(rest) => format!("{sign}{text}.{rest}"),
        None => format!("{sign}{text}"),
    }
}
