//! What a tariff charges for a load, month by month and line by line.
//!
//! Every amount is exact to 1e-21 of the currency. The order in which lines are reckoned: demand first, because steps of energy
//! can count its kilowatts; then all that is measured or fixed; then what is a part of other lines; what makes up for a small bill;
//! taxes last.

use std::collections::BTreeMap;

use super::exact::{ONE, mul_div};
use super::table::{Month, Table};
use super::{Amount, Charge, Dated, Fixed, Minimum, PowerFactor, Rate, Tariff, Tax};
use crate::time::Date;

mod ahead;
mod coincident;
mod demand;
mod energy;
mod flexible;
mod reactive;

pub use demand::{Before, Peak};
pub(super) use energy::top;

/// What a load costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Month by month.
    pub months: Vec<MonthBill>,
    /// What was needed and is not known: with anything here, the bill is too low or too high.
    pub lacks: Vec<Lack>,
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

    /// All lines together, each rounded to this step.
    pub fn rounded(&self, step: Amount) -> Amount {
        self.entries.iter().map(|entry| entry.amount.rounded(step)).sum()
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
    /// Energy bought at an index and sold back, in milliwatts times intervals.
    Bought {
        /// Above what was bought ahead.
        bought: i128,
        /// Below it.
        sold: i128,
    },
    /// The demand that was billed, and where it comes from.
    Demand(Peak),
    /// Demand at coincident peaks, in milliwatts.
    Coincident(i64),
    /// Reactive power above what is free, in thousandths of a var.
    Reactive(i64),
    /// A measured power factor, in steps of 1e-15.
    PowerFactor(i128),
    /// Power that stands ready or may be interrupted, in milliwatts, and for how many intervals.
    Ready(i64, usize),
    /// The sum of other lines.
    Sum(Amount),
}

/// What a bill needed and did not find.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// A feed has no price for so many intervals of a month, the first of which is this.
    Price {
        /// The line, by its place.
        line: usize,
        /// The feed.
        feed: String,
        /// How many intervals have none.
        slots: usize,
        /// The first of them.
        first: usize,
    },
    /// The line has no price yet on this day.
    Rate {
        /// The line, by its place.
        line: usize,
        /// The day.
        date: Date,
    },
    /// Neither the peaks of this year, nor what was billed for them.
    Peaks {
        /// The line, by its place.
        line: usize,
        /// The year of the peaks.
        year: i32,
    },
    /// The line is about reactive power, and the meter shows none.
    Reactive {
        /// The line, by its place.
        line: usize,
    },
}

/// Prices of feeds, interval by interval of a table.
pub type Prices = BTreeMap<String, Vec<Option<Rate>>>;

/// A load beside the table of its tariff.
#[derive(Clone, Copy, Debug)]
pub struct Metered<'a> {
    /// The tariff.
    pub tariff: &'a Tariff,
    /// Laid out over the days of the load.
    pub table: &'a Table,
    /// Mean milliwatts of each interval of the table; what is missing at the end counts as nothing.
    pub load: &'a [i64],
    /// Mean thousandths of a var, where the meter shows them.
    pub reactive: Option<&'a [i64]>,
    /// What feeds told.
    pub prices: &'a Prices,
}

impl Metered<'_> {
    fn load_of(&self, month: &Month) -> &[i64] {
        self.load.get(month.slots.start..month.slots.end.min(self.load.len())).unwrap_or_default()
    }
}

/// Whether a set of months of the year has the one of this day.
pub(super) fn has(months: super::calendar::Months, date: Date) -> bool {
    usize::try_from(date.month() - 1).is_ok_and(|month| months.has(month))
}

/// Bills a load. What was drawn before the table begins, ratchets take from `before`.
pub fn bill(metered: Metered<'_>, before: &Before) -> Bill {
    let mut lacks = Vec::new();
    let peaks = demand::peaks(metered, before, &mut lacks);
    let bought = ahead::Bought::of(metered);
    let months = metered.table.months().iter().enumerate();
    let months = months.map(|(at, month)| {
        let mut run = Run { metered, peaks: &peaks, bought: &bought, at, month, lacks: &mut lacks };
        run.bill()
    });
    let mut bill = Bill { months: months.collect(), lacks: Vec::new() };
    whole_years(metered.tariff, &mut bill);
    lacks.sort();
    lacks.dedup();
    Bill { lacks, ..bill }
}

/// One month being billed.
struct Run<'a> {
    metered: Metered<'a>,
    peaks: &'a BTreeMap<usize, Vec<Peak>>,
    bought: &'a ahead::Bought,
    at: usize,
    month: &'a Month,
    lacks: &'a mut Vec<Lack>,
}

impl Run<'_> {
    fn bill(&mut self) -> MonthBill {
        let lines = self.metered.tariff.lines.iter().enumerate();
        let mut entries: Vec<Entry> = lines.map(|(line, of)| self.measured(line, &of.charge)).collect();
        let lines = &self.metered.tariff.lines;
        for (line, of) in lines.iter().enumerate() {
            if let Charge::PowerFactor(charge) = &of.charge {
                let entry = self.power_factor(line, charge, &entries);
                set(&mut entries, line, entry);
            }
        }
        for (line, of) in lines.iter().enumerate() {
            if let Charge::Minimum(Minimum::Month(least)) = &of.charge {
                let so_far = charged(self.metered.tariff, &entries);
                let amount = (Amount::once(*least) - so_far).max(Amount::ZERO);
                set(&mut entries, line, Entry { amount, basis: Basis::Sum(so_far) });
            }
        }
        for (line, of) in lines.iter().enumerate() {
            if let Charge::Tax(tax) = &of.charge {
                let entry = self.tax(line, tax, &entries);
                set(&mut entries, line, entry);
            }
        }
        MonthBill { first: self.month.first, entries }
    }

    fn peak(&self, line: usize) -> Peak {
        self.peaks.get(&line).and_then(|peaks| peaks.get(self.at)).copied().unwrap_or_default()
    }

    /// A line that looks at no other.
    fn measured(&mut self, line: usize, charge: &Charge) -> Entry {
        let (metered, month) = (self.metered, self.month);
        match charge {
            Charge::Energy(charge) => {
                let billed = match charge.demand {
                    Some(line) => self.peak(line).billed,
                    None => highest(metered.load_of(month)),
                };
                let place = energy::Place { metered, bought: self.bought, month, line };
                energy::entry(place, charge, billed, self.lacks)
            }
            Charge::Block(block) => ahead::entry(metered, month, block),
            Charge::Demand(charge) => demand::entry(metered, month, charge, self.peak(line), line, self.lacks),
            Charge::Coincident(charge) => coincident::entry(metered, month, charge, line, self.lacks),
            Charge::Fixed(dated) => Entry { amount: self.fixed(line, dated), basis: Basis::None },
            Charge::Reactive(charge) => reactive::entry(metered, month, charge, line, self.lacks),
            Charge::Interruptible(rider) => flexible::interruptible(rider, highest(metered.load_of(month))),
            Charge::Programme(programme) => flexible::programme(metered, month, programme),
            Charge::PowerFactor(_) | Charge::Minimum(_) | Charge::Tax(_) => Entry::default(),
        }
    }

    fn fixed(&mut self, line: usize, dated: &Dated<Fixed>) -> Amount {
        let mut sum = Amount::ZERO;
        for stretch in self.metered.table.stretches(self.month) {
            sum += match dated.at(stretch.first) {
                Some(Fixed::Day(rate)) => Amount::once(*rate).times(stretch.days.into(), 1),
                Some(Fixed::Month(rate)) => Amount::once(*rate).times(stretch.days.into(), self.month.days.into()),
                None => {
                    self.lacks.push(Lack::Rate { line, date: stretch.first });
                    Amount::ZERO
                }
            };
        }
        sum
    }

    fn power_factor(&mut self, line: usize, charge: &PowerFactor, entries: &[Entry]) -> Entry {
        let Some(measured) = reactive::power_factor(self.metered, self.month) else {
            self.lacks.push(Lack::Reactive { line });
            return Entry::default();
        };
        let sum: Amount = charge.apply_to.iter().filter_map(|line| entries.get(*line)).map(|entry| entry.amount).sum();
        let short = (charge.target - measured).max(0);
        Entry { amount: sum.times(short, measured.max(1)), basis: Basis::PowerFactor(measured) }
    }

    fn tax(&mut self, line: usize, tax: &Tax, entries: &[Entry]) -> Entry {
        let sum: Amount = tax.apply_to.iter().filter_map(|line| entries.get(*line)).map(|entry| entry.amount).sum();
        let mut amount = Amount::ZERO;
        for stretch in self.metered.table.stretches(self.month) {
            match tax.rate.at(stretch.first) {
                Some(rate) => amount += sum.part(*rate).times(stretch.days.into(), self.month.days.into()),
                None => self.lacks.push(Lack::Rate { line, date: stretch.first }),
            }
        }
        Entry { amount, basis: Basis::Sum(sum) }
    }
}

fn set(entries: &mut [Entry], line: usize, entry: Entry) {
    if let Some(place) = entries.get_mut(line) {
        *place = entry;
    }
}

fn highest(load: &[i64]) -> i64 {
    load.iter().copied().max().unwrap_or(0)
}

/// What counts toward a minimum: neither taxes nor what programmes pay.
fn charged(tariff: &Tariff, entries: &[Entry]) -> Amount {
    let counts = |charge: &Charge| !matches!(charge, Charge::Tax(_) | Charge::Programme(_) | Charge::Interruptible(_));
    let lines = tariff.lines.iter().zip(entries).filter(|(line, _)| counts(&line.charge));
    lines.map(|(_, entry)| entry.amount).sum()
}

/// What is missing to the least that a calendar year costs; only where the whole of it is billed.
fn whole_years(tariff: &Tariff, bill: &mut Bill) {
    for (at, line) in tariff.lines.iter().enumerate() {
        let Charge::Minimum(Minimum::Year(least)) = &line.charge else { continue };
        let months = bill.months.iter().enumerate().skip(11);
        let ends: Vec<usize> = months.filter(|(_, month)| month.first.month() == 12).map(|(end, _)| end).collect();
        for end in ends {
            let Some(year) = bill.months.get_mut(end - 11..=end) else { continue };
            let so_far: Amount = year.iter().map(|month| charged(tariff, &month.entries)).sum();
            if let Some(december) = year.last_mut() {
                let amount = (Amount::once(*least) - so_far).max(Amount::ZERO);
                set(&mut december.entries, at, Entry { amount, basis: Basis::Sum(so_far) });
            }
        }
    }
}

/// Milliwatts at this price for an hour of this many intervals.
fn per_hour(table: &Table, amount: Amount) -> Amount {
    let (hours, minutes) = table.per_hour();
    amount.times(minutes, hours)
}

/// Power times a part, in steps of 1e-15.
pub(super) fn part(milli: i64, share: i128) -> i64 {
    mul_div(milli.into(), share, ONE).and_then(|part| i64::try_from(part).ok()).unwrap_or(milli)
}

/// A price for a kW in whole milliwatts.
fn for_power(rate: Rate, milli: i64) -> Amount {
    Amount::of(rate, milli.into())
}
