//! Tariffs: what a connection costs, line by line, and what one more kilowatt costs now.
//!
//! A [`Tariff`] is a calendar and a list of [`Line`]s. [`Table::of`] lays it out in UTC intervals once; [`bill`](bill::bill)
//! walks a meter through that table. Amounts are whole numbers of 1e-21 of the currency and prices of 1e-15, so that a bill
//! comes out the same on every machine and in every order; a ledger line is rounded once, where it is shown. Nothing here opens
//! a file, knows the time or computes with floats.
#![deny(clippy::float_arithmetic)]

use std::collections::BTreeMap;

use crate::time::{Date, Wall, Zone};

pub mod bill;
pub mod calendar;
mod charge;
pub mod coming;
pub mod exact;
pub mod facts;
pub mod file;
pub mod marginal;
pub mod meter;
mod money;
pub mod proof;
pub mod quantity;
pub mod schema;
pub mod table;
pub mod urdb;
pub mod write;

use calendar::Calendar;
pub use charge::{
    Applies, BillIn, Block, Charge, Coincident, Demand, DemandTier, Energy, Fixed, Forecast, Interruptible, Minimum,
    Peaks, PowerFactor, Priced, Programme, Ratchet, Reactive, Rule, Source, Tax, Tier, Top, Unused, When,
};
pub use money::{Amount, MW_PER_KW, Rate};
pub use table::Table;

/// A value that changed on some days, and what it was before: old bills come out as they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated<T>(Vec<(Date, T)>);

impl<T> Dated<T> {
    /// One value, always.
    pub fn always(value: T) -> Self {
        Self(vec![(Date::FIRST, value)])
    }

    /// Values, each from its day on, in any order.
    pub fn from(mut steps: Vec<(Date, T)>) -> Self {
        steps.sort_by_key(|(from, _)| *from);
        Self(steps)
    }

    /// The value in force on a day; nothing before the first.
    pub fn at(&self, date: Date) -> Option<&T> {
        self.0.iter().rev().find(|(from, _)| *from <= date).map(|(_, value)| value)
    }

    /// Every value with its first day.
    pub fn steps(&self) -> &[(Date, T)] {
        &self.0
    }
}

/// A tariff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// What it is called.
    pub name: String,
    /// ISO 4217, as in `USD`.
    pub currency: String,
    /// Whose clock it goes by.
    pub zone: Zone,
    /// Minutes of a settlement interval: a row of the meter.
    pub interval: u16,
    /// To what a ledger line is rounded; nothing for not at all.
    pub round: Amount,
    /// Periods and holidays.
    pub calendar: Calendar,
    /// What is charged, in the order of the file.
    pub lines: Vec<Line>,
    /// Invoices that must come out.
    pub invoices: Vec<Invoice>,
    /// Marginal prices that must come out.
    pub cases: Vec<Case>,
}

/// A real invoice: a test inside the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// The first day of its month.
    pub first: Date,
    /// The meter's record, beside the tariff's own file.
    pub meter: String,
    /// Prices of feeds, beside the tariff's own file.
    pub prices: Option<String>,
    /// Lines by their place, what each came to, and where that stands in the file.
    pub lines: Vec<(usize, Amount, usize)>,
    /// What it came to, and where that stands in the file.
    pub total: Option<(Amount, usize)>,
    /// By how much a line may differ.
    pub within: Amount,
    /// The line of the file, from 1.
    pub line: usize,
}

/// A marginal price that must come out at a moment and a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// When.
    pub at: Wall,
    /// The load of the site, in milliwatts.
    pub load: i64,
    /// Demand that the month has already, in milliwatts; as much as the load without it.
    pub peak: Option<i64>,
    /// How likely the interval is a coincident peak, in steps of 1e-15; what the file's fall-back says without it.
    pub coincident: Option<i128>,
    /// Prices of feeds.
    pub prices: BTreeMap<String, Rate>,
    /// The price of a kWh that must come out.
    pub expected: Rate,
    /// By how much it may differ.
    pub within: Rate,
    /// The line of the file, from 1.
    pub line: usize,
}

impl Tariff {
    /// The place of a line by its name.
    pub fn line(&self, name: &str) -> Option<usize> {
        self.lines.iter().position(|line| line.name == name)
    }
}

/// One line of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// As in the file: `demand.distribution`.
    pub name: String,
    /// What it charges.
    pub charge: Charge,
    /// Where it stands in the file.
    pub note: Note,
}

/// Where a line comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// The line of the file, from 1; 0 where there is none.
    pub line: usize,
    /// The sheet or contract that says so.
    pub source: Option<String>,
    /// When somebody last compared it with that.
    pub checked: Option<Date>,
    /// What is taken for granted, not known.
    pub assumed: Option<String>,
    /// Days after which its newest value is to be looked at again.
    pub provisional_after: Option<u32>,
}
