//! What a tariff charges for a load, month by month and line by line.
//!
//! Every amount is exact to 1e-21 of the currency. The order in which lines are reckoned: demand first, because steps of energy
//! can count its kilowatts; then energy and what is fixed; what makes up for a small bill last.

use std::collections::BTreeMap;

use super::table::{Month, Table};
use super::{Amount, Charge, Fixed, Minimum, Tariff};
use crate::time::Date;

mod demand;
mod energy;

pub use demand::{Before, Peak};

/// What a load costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Month by month.
    pub months: Vec<MonthBill>,
}

/// What a month costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthBill {
    /// Its first day.
    pub first: Date,
    /// One for each line of the tariff, in its order.
    pub entries: Vec<Entry>,
}

impl MonthBill {
    /// All lines together, unrounded.
    pub fn total(&self) -> Amount {
        self.entries.iter().map(|entry| entry.amount).sum()
    }
}

/// What a line comes to in a month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Unrounded.
    pub amount: Amount,
    /// What it was reckoned from.
    pub basis: Basis,
}

/// What an amount was reckoned from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// Nothing that was measured.
    #[default]
    None,
    /// Energy, in milliwatts times intervals.
    Energy(i128),
    /// The demand that was billed, and where it comes from.
    Demand(Peak),
}

/// A load beside the table of its tariff.
#[derive(Clone, Copy, Debug)]
pub struct Metered<'a> {
    /// The tariff.
    pub tariff: &'a Tariff,
    /// Laid out over the days of the load.
    pub table: &'a Table,
    /// Mean milliwatts of each interval of the table; what is missing at the end counts as nothing.
    pub load: &'a [i64],
}

impl Metered<'_> {
    fn load_of(&self, month: &Month) -> &[i64] {
        self.load.get(month.slots.start..month.slots.end.min(self.load.len())).unwrap_or_default()
    }
}

/// Bills a load. What was drawn before the table begins, ratchets take from `before`.
pub fn bill(metered: Metered<'_>, before: &Before) -> Bill {
    let peaks = demand::peaks(metered, before);
    let months = metered.table.months().iter().enumerate();
    let mut bill = Bill { months: months.map(|(at, month)| month_bill(metered, &peaks, at, month)).collect() };
    whole_years(metered.tariff, &mut bill);
    bill
}

fn month_bill(metered: Metered<'_>, peaks: &BTreeMap<usize, Vec<Peak>>, at: usize, month: &Month) -> MonthBill {
    let peak_of = |line: usize| peaks.get(&line).and_then(|peaks| peaks.get(at)).copied().unwrap_or_default();
    let lines = metered.tariff.lines.iter().enumerate();
    let mut entries: Vec<Entry> = lines
        .map(|(line, of)| match &of.charge {
            Charge::Energy(charge) => {
                let billed = charge.demand.map(|line| peak_of(line).billed);
                energy::entry(metered, month, charge, billed.unwrap_or_else(|| highest(metered.load_of(month))))
            }
            Charge::Demand(charge) => demand::entry(metered, month, charge, peak_of(line)),
            Charge::Fixed(dated) => Entry { amount: fixed(metered, month, dated), basis: Basis::None },
            Charge::Minimum(_) => Entry::default(),
        })
        .collect();
    top_up(metered.tariff, &mut entries);
    MonthBill { first: month.first, entries }
}

fn highest(load: &[i64]) -> i64 {
    load.iter().copied().max().unwrap_or(0)
}

fn fixed(metered: Metered<'_>, month: &Month, dated: &super::Dated<Fixed>) -> Amount {
    let each = metered.table.stretches(month).iter().filter_map(|stretch| {
        Some(match dated.at(stretch.first)? {
            Fixed::Day(rate) => Amount::once(*rate).times(stretch.days.into(), 1),
            Fixed::Month(rate) => Amount::once(*rate).times(stretch.days.into(), month.days.into()),
        })
    });
    each.sum()
}

/// What is missing to the least that a month costs.
fn top_up(tariff: &Tariff, entries: &mut [Entry]) {
    for (at, line) in tariff.lines.iter().enumerate() {
        let Charge::Minimum(Minimum::Month(least)) = &line.charge else { continue };
        let so_far: Amount = entries.iter().map(|entry| entry.amount).sum();
        let missing = Amount::once(*least) - so_far;
        if let Some(entry) = entries.get_mut(at) {
            entry.amount = missing.max(Amount::ZERO);
        }
    }
}

/// What is missing to the least that a calendar year costs; only where the whole of it is billed.
fn whole_years(tariff: &Tariff, bill: &mut Bill) {
    for (at, line) in tariff.lines.iter().enumerate() {
        let Charge::Minimum(Minimum::Year(least)) = &line.charge else { continue };
        let months = bill.months.iter().enumerate().skip(11);
        let ends: Vec<usize> = months.filter(|(_, month)| month.first.month() == 12).map(|(end, _)| end).collect();
        for end in ends {
            let Some(year) = bill.months.get_mut(end - 11..=end) else { continue };
            let so_far: Amount = year.iter().map(MonthBill::total).sum();
            if let Some(entry) = year.last_mut().and_then(|december| december.entries.get_mut(at)) {
                entry.amount = (Amount::once(*least) - so_far).max(Amount::ZERO);
            }
        }
    }
}
