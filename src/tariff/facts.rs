//! A line of a tariff as keys and values, in the units of its file: to compare two tariffs, and to tell what changes.

use super::calendar::{Hours, Months, Window};
use super::exact::show;
use super::{
    Applies, BillIn, Block, Charge, Coincident, Dated, Demand, Energy, Fixed, Interruptible, Line, Minimum, Priced,
    Rate, Source, Tariff, When,
};
use crate::time::Date;

/// One value of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is: `price`, `ratchet.share`.
    pub key: String,
    /// Since when it holds; nothing where it always does.
    pub from: Option<Date>,
    /// With its unit.
    pub value: String,
}

fn fact(key: &str, value: impl Into<String>) -> Fact {
    Fact { key: key.into(), from: None, value: value.into() }
}

/// Everything that a line says.
pub fn facts(tariff: &Tariff, line: &Line) -> Vec<Fact> {
    let money = |rate: Rate, unit: &str| amount(tariff, rate, unit);
    let lines = |places: &[usize]| {
        let names: Vec<&str> =
            places.iter().filter_map(|at| tariff.lines.get(*at)).map(|line| line.name.as_str()).collect();
        names.join(", ")
    };
    match &line.charge {
        Charge::Energy(charge) => energy(tariff, charge),
        Charge::Demand(charge) => demand(tariff, charge),
        Charge::Block(charge) => block(tariff, charge),
        Charge::Coincident(charge) => coincident(tariff, charge),
        Charge::Fixed(dated) => steps("price", dated, |fixed| match fixed {
            Fixed::Month(rate) => money(*rate, "month"),
            Fixed::Day(rate) => money(*rate, "day"),
        }),
        Charge::PowerFactor(clause) => {
            vec![fact("target", show(clause.target, 15)), fact("apply_to", lines(&clause.apply_to))]
        }
        Charge::Reactive(reactive) => {
            let mut all = steps("price", &reactive.price, |rate| money(*rate, "kVAr-month"));
            all.push(fact("above", format!("{} of kW", percent(reactive.above))));
            all
        }
        Charge::Interruptible(rider) => interruptible(tariff, rider),
        Charge::Programme(programme) => vec![
            fact("capacity.pay", money(programme.pay, "kW-h")),
            fact("capacity.obligation", power(programme.obligation)),
            fact("capacity.hours", window(&programme.window)),
        ],
        Charge::Minimum(Minimum::Month(rate)) => vec![fact("charge", money(*rate, "month"))],
        Charge::Minimum(Minimum::Year(rate)) => vec![fact("charge", money(*rate, "year"))],
        Charge::Minimum(Minimum::Demand(milli)) => vec![fact("demand", power(*milli))],
        Charge::Tax(tax) => {
            let mut all = steps("rate", &tax.rate, |share| percent(*share));
            all.push(fact("apply_to", lines(&tax.apply_to)));
            all
        }
    }
}

fn amount(tariff: &Tariff, rate: Rate, unit: &str) -> String {
    // Energy is told by the MWh, as markets do.
    let (steps, unit) = if unit == "kWh" { (rate.0.saturating_mul(1_000), "MWh") } else { (rate.0, unit) };
    format!("{} {}/{unit}", show(steps, 15), tariff.currency)
}

fn block(tariff: &Tariff, block: &Block) -> Vec<Fact> {
    let above = tariff.lines.get(block.energy).map_or("", |line| line.name.as_str());
    let mut all = vec![
        fact("size", power(block.size)),
        fact("price", amount(tariff, block.price, "kWh")),
        fact("term", format!("{} to before {}", block.from, block.until)),
        fact("shape", window(&block.shape)),
        fact("above", above),
    ];
    if let Some(unused) = block.unused {
        all.push(fact("unused.less", amount(tariff, unused.less, "kWh")));
        all.push(fact("unused.credit_value", percent(unused.worth)));
    }
    all
}

fn coincident(tariff: &Tariff, coincident: &Coincident) -> Vec<Fact> {
    let rules = coincident.rules.steps().iter().flat_map(|(from, rule)| {
        let peaks = rule.peaks;
        let each = match (peaks.monthly, peaks.months == Months::ALL) {
            (true, true) => "each month".to_owned(),
            (true, false) => format!("each of {}", peaks.months),
            (false, true) => "the year".to_owned(),
            (false, false) => peaks.months.to_string(),
        };
        let which = format!("{} in {each}, over {} min", peaks.count, peaks.window);
        let at = |key: &str, value: String| Fact { key: key.into(), from: Some(*from), value };
        let paid = match rule.bill_in {
            BillIn::NextYear => "next calendar year",
            BillIn::NextJune => "from next June",
        };
        [at("peaks", which), at("bill_in", paid.into()), at("price", amount(tariff, rule.price, "kW-month"))]
    });
    let billed = coincident.billed.iter().map(|(year, milli)| fact(&format!("billed.{year}"), power(*milli)));
    rules.chain(billed).collect()
}

fn interruptible(tariff: &Tariff, rider: &Interruptible) -> Vec<Fact> {
    let mut all = vec![fact("firm", power(rider.firm)), fact("credit", amount(tariff, rider.credit, "kW-month"))];
    all.extend(rider.penalty.map(|rate| fact("noncompliance.penalty", amount(tariff, rate, "kW"))));
    all.extend(rider.notice.map(|minutes| fact("notice", format!("{minutes} min"))));
    all
}

fn power(milli: i64) -> String {
    format!("{} kW", show(i128::from(milli), 6))
}

fn percent(share: i128) -> String {
    format!("{} %", show(share * 100, 15))
}

fn window(window: &Window) -> String {
    let hours = if window.hours == Hours::all() { "all hours".to_owned() } else { window.hours.to_string() };
    format!("{}, {} months, {} days", hours, window.months, window.days)
}

fn steps<T>(key: &str, dated: &Dated<T>, one: impl Fn(&T) -> String) -> Vec<Fact> {
    let each = dated.steps().iter();
    let from = |from: Date| (from != Date::FIRST).then_some(from);
    each.map(|(date, value)| Fact { key: key.into(), from: from(*date), value: one(value) }).collect()
}

fn scope(tariff: &Tariff, when: When, months: Months) -> Vec<Fact> {
    let periods = tariff.calendar.periods.iter().enumerate().filter(|(at, _)| when.has(*at));
    let names: Vec<&str> = periods.map(|(_, period)| period.name.as_str()).collect();
    let mut all = Vec::new();
    if names.len() < tariff.calendar.periods.len() {
        all.push(fact("when", names.join(", ")));
    }
    if months != Months::ALL {
        all.push(fact("months", months.to_string()));
    }
    all
}

fn energy(tariff: &Tariff, charge: &Energy) -> Vec<Fact> {
    let mut all = Vec::new();
    match &charge.price {
        Source::Index(feed) => all.push(fact("price", format!("index {feed}"))),
        Source::Tiers(tiers) => {
            for (at, tier) in tiers.iter().enumerate() {
                let base = if tiers.len() == 1 { "price".to_owned() } else { format!("tiers.{}.price", at + 1) };
                all.extend(tier.up_to.map(|top| {
                    let per = if top.per_kw { "/kW" } else { "" };
                    let day = if top.per_day { "/day" } else { "" };
                    fact(&format!("tiers.{}.up_to", at + 1), format!("{} kWh{per}{day}", show(top.steps, 15)))
                }));
                all.extend(by_period(tariff, &base, &tier.price));
            }
        }
    }
    if charge.losses != 0 {
        all.push(fact("losses", percent(charge.losses)));
    }
    if charge.applies == Applies::Purchased {
        all.push(fact("applies_to", "purchased"));
    }
    all.extend(scope(tariff, charge.when, charge.months));
    all
}

fn by_period(tariff: &Tariff, base: &str, price: &Dated<Priced>) -> Vec<Fact> {
    let money = |rate: Rate| amount(tariff, rate, "kWh");
    let mut all = Vec::new();
    for (date, priced) in price.steps() {
        let from = (*date != Date::FIRST).then_some(*date);
        match priced {
            Priced::One(rate) => all.push(Fact { key: base.into(), from, value: money(*rate) }),
            Priced::Each(rates) => {
                let known = tariff.calendar.periods.iter().zip(rates);
                all.extend(known.filter_map(|(period, rate)| {
                    Some(Fact { key: format!("{base}.{}", period.name), from, value: money((*rate)?) })
                }));
            }
        }
    }
    all
}

fn demand(tariff: &Tariff, charge: &Demand) -> Vec<Fact> {
    let unit = match (charge.apparent, charge.daily) {
        (true, _) => "kVA-month",
        (false, true) => "kW-day",
        (false, false) => "kW-month",
    };
    let mut all = Vec::new();
    for (at, tier) in charge.tiers.iter().enumerate() {
        let base = if charge.tiers.len() == 1 { "price".to_owned() } else { format!("tiers.{}.price", at + 1) };
        all.extend(tier.up_to.map(|top| fact(&format!("tiers.{}.up_to", at + 1), power(top))));
        let price = |rate: &Rate| format!("{} {}/{unit}", show(rate.0, 15), tariff.currency);
        all.extend(steps(&base, &tier.price, price));
    }
    let kind = if charge.rolling { "rolling" } else { "block" };
    all.push(fact("measure.window", format!("{} min, {kind}", charge.window)));
    if let Some(ratchet) = &charge.ratchet {
        all.push(fact("ratchet.share", percent(ratchet.share)));
        all.push(fact("ratchet.months", ratchet.months.to_string()));
        if ratchet.of_months != Months::ALL {
            all.push(fact("ratchet.of_months", ratchet.of_months.to_string()));
        }
    }
    if charge.floor > 0 {
        all.push(fact("floor", power(charge.floor)));
    }
    all.extend(scope(tariff, charge.when, charge.months));
    all
}
