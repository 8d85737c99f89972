//! Tariffs: what a connection costs, line by line, and what one more kilowatt costs now.
//!
//! A [`Tariff`] is a calendar and a list of [`Line`]s. [`Table::of`] lays it out in UTC intervals once; [`bill`](bill::bill)
//! walks a meter through that table. Amounts are whole numbers of 1e-21 of the currency and prices of 1e-15, so that a bill
//! comes out the same on every machine and in every order; a ledger line is rounded once, where it is shown. Nothing here opens
//! a file, knows the time or computes with floats.
#![deny(clippy::float_arithmetic)]

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};

use crate::time::{Date, Zone};

pub mod bill;
pub mod calendar;
pub mod exact;
pub mod meter;
pub mod quantity;
pub mod table;
pub mod urdb;

use calendar::{Calendar, Months};
use exact::{ONE, mul_div};
pub use table::Table;

/// Milliwatts in a kilowatt: loads are counted in milliwatts.
pub const MW_PER_KW: i64 = 1_000_000;

/// A price for one unit of something (a kWh, a kW and month, a month), in steps of 1e-15 of the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub i128);

impl Rate {
    /// The largest there is, a million a unit: with it every bill of ten gigawatts over a hundred years can be reckoned.
    pub const MAX: Self = Self(1_000_000 * ONE);

    /// The largest amount for a month or a year, ten to the ninth.
    pub const MOST: Self = Self(1_000_000_000 * ONE);

    /// This many steps of an amount that is not for a kWh or a kW, where that is no more than the largest either way.
    pub fn whole(steps: i128) -> Option<Self> {
        (steps.unsigned_abs() <= Self::MOST.0.unsigned_abs()).then_some(Self(steps))
    }

    /// This many steps, where that is no more than the largest either way.
    pub fn of(steps: i128) -> Option<Self> {
        (steps.unsigned_abs() <= Self::MAX.0.unsigned_abs()).then_some(Self(steps))
    }

    /// This part of it, in steps of 1e-15; rounded half away from zero.
    #[must_use]
    pub fn part(self, share: i128) -> Self {
        Self(mul_div(self.0, share, ONE).unwrap_or(self.0))
    }
}

impl Add for Rate {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl Sub for Rate {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
impl Neg for Rate {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}
impl Sum for Rate {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// Money in steps of 1e-21 of the currency: a [`Rate`] times milliwatts, of which a million are a kilowatt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub i128);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Places behind the point.
    pub const PLACES: u32 = 21;
    /// Steps in one of the currency.
    pub const ONE: i128 = ONE * MW_PER_KW as i128;

    /// So many milli-units at this price, as milliwatts at a price for a kW.
    pub fn of(rate: Rate, milli: i128) -> Self {
        Self(rate.0.saturating_mul(milli))
    }

    /// One unit at this price, as one month.
    pub fn once(rate: Rate) -> Self {
        Self::of(rate, MW_PER_KW.into())
    }

    /// Times `a / b`, rounded half away from zero.
    #[must_use]
    pub fn times(self, a: i128, b: i128) -> Self {
        if let Some(exact) = mul_div(self.0, a, b) {
            return Self(exact);
        }
        // Too wide at once: whole parts first.
        let (whole, rest) = (self.0.checked_div(b).unwrap_or(0), self.0.checked_rem(b).unwrap_or(0));
        Self(whole.saturating_mul(a).saturating_add(mul_div(rest, a, b).unwrap_or(0)))
    }

    /// This part of it, in steps of 1e-15.
    #[must_use]
    pub fn part(self, share: i128) -> Self {
        self.times(share, ONE)
    }

    /// With so many places behind the point.
    pub fn show(self, digits: u32) -> String {
        exact::show_to(self.0, Self::PLACES, digits)
    }

    /// Rounded half away from zero to a multiple of `step`; as it is, where that is nothing.
    #[must_use]
    pub fn rounded(self, step: Amount) -> Self {
        match exact::div(self.0, step.0) {
            Some(steps) => Self(steps.saturating_mul(step.0)),
            None => self,
        }
    }
}

impl Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}
impl fmt::Display for Amount {
    /// In full.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&exact::show(self.0, Self::PLACES))
    }
}

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
}

/// What a line charges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charge {
    /// For energy.
    Energy(Energy),
    /// For the highest demand.
    Demand(Demand),
    /// For being connected.
    Fixed(Dated<Fixed>),
    /// What a bill is at least.
    Minimum(Minimum),
}

/// Which periods of the calendar a line looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When(pub u64);

impl When {
    /// All of them.
    pub const ALWAYS: Self = Self(u64::MAX);

    /// These, by their place in the calendar.
    pub fn of(periods: impl IntoIterator<Item = usize>) -> Self {
        Self(periods.into_iter().filter(|at| *at < calendar::MAX_PERIODS).fold(0, |all, at| all | 1 << at))
    }

    /// Whether this period is among them.
    pub fn has(self, period: usize) -> bool {
        period < calendar::MAX_PERIODS && self.0 & (1 << period) != 0
    }
}

/// One price, or one for each period of the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Priced {
    /// The same in every period.
    One(Rate),
    /// By the place of the period in the calendar; nothing where it has none.
    Each(Vec<Option<Rate>>),
}

impl Priced {
    /// The price in a period.
    pub fn at(&self, period: usize) -> Option<Rate> {
        match self {
            Self::One(rate) => Some(*rate),
            Self::Each(rates) => rates.get(period).copied().flatten(),
        }
    }
}

/// A charge for energy in tiers that are filled by the month's energy in all periods of the line together; each period takes
/// its share of every tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Energy {
    /// Which periods it charges.
    pub when: When,
    /// In which months.
    pub months: Months,
    /// From the lowest; the last is open.
    pub tiers: Vec<Tier>,
    /// The demand line whose billing demand tiers in kWh/kW count; without one the month's own peak.
    pub demand: Option<usize>,
}

/// A step of energy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Up to where; open without it.
    pub up_to: Option<Top>,
    /// What a kWh costs.
    pub price: Dated<Priced>,
}

/// The top of a step of energy, in steps of 1e-15 of its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Top {
    /// How much.
    pub steps: i128,
    /// Times the kW of billing demand.
    pub per_kw: bool,
    /// Times the days of the month.
    pub per_day: bool,
}

/// A charge for the highest demand of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Minutes over which demand is averaged.
    pub window: u16,
    /// In which periods demand is looked at.
    pub when: When,
    /// In which months it is charged. What was drawn in others still counts for a ratchet.
    pub months: Months,
    /// From the lowest; the last is open.
    pub tiers: Vec<DemandTier>,
    /// What is billed of earlier months.
    pub ratchet: Option<Ratchet>,
}

/// A step of demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemandTier {
    /// Up to so many milliwatts; open without it.
    pub up_to: Option<i64>,
    /// What a kW costs a month.
    pub price: Dated<Rate>,
}

/// A part of the highest demand of earlier months is billed at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ratchet {
    /// Which part, in steps of 1e-15.
    pub share: i128,
    /// Of how many months back.
    pub months: u8,
    /// Of which months of the year.
    pub of_months: Months,
}

/// An amount for being connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixed {
    /// Each month.
    Month(Rate),
    /// Each day.
    Day(Rate),
}

/// What a bill is at least; tops it up where it is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minimum {
    /// In each month.
    Month(Rate),
    /// In a calendar year, asked for in its December.
    Year(Rate),
}
