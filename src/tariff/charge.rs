//! What a line of a bill can charge.

use super::calendar::{MAX_PERIODS, Months, Window};
use super::{Dated, Rate};
use crate::time::{Date, Wall};

/// What a line charges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charge {
    /// For energy.
    Energy(Energy),
    /// For energy that was bought ahead.
    Block(Block),
    /// For the highest demand.
    Demand(Demand),
    /// For the demand while a whole grid had its highest.
    Coincident(Coincident),
    /// For being connected.
    Fixed(Dated<Fixed>),
    /// For a poor power factor.
    PowerFactor(PowerFactor),
    /// For reactive power.
    Reactive(Reactive),
    /// Pays for load that may be interrupted.
    Interruptible(Interruptible),
    /// Pays for load that stands ready.
    Programme(Programme),
    /// What a bill is at least.
    Minimum(Minimum),
    /// A part of other lines.
    Tax(Tax),
}

/// Which periods of the calendar a line looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When(pub u64);

impl When {
    /// All of them.
    pub const ALWAYS: Self = Self(u64::MAX);

    /// These, by their place in the calendar.
    pub fn of(periods: impl IntoIterator<Item = usize>) -> Self {
        Self(periods.into_iter().filter(|at| *at < MAX_PERIODS).fold(0, |all, at| all | 1 << at))
    }

    /// Whether this period is among them.
    pub fn has(self, period: usize) -> bool {
        period < MAX_PERIODS && self.0 & (1 << period) != 0
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

/// A charge for energy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Energy {
    /// Which periods it charges.
    pub when: When,
    /// In which months.
    pub months: Months,
    /// Where its price comes from.
    pub price: Source,
    /// What is lost on the way, as a part of what is delivered, in steps of 1e-15.
    pub losses: i128,
    /// Which energy it is for.
    pub applies: Applies,
    /// The demand line whose billing demand tiers in kWh/kW count; without one the month's own peak.
    pub demand: Option<usize>,
}

/// Where the price of energy comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A price feed by its name.
    Index(String),
    /// Tiers that are filled by the month's energy in all periods of the line together, from the lowest; each period takes its
    /// share of every tier. The last is open.
    Tiers(Vec<Tier>),
}

/// Which energy a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// All that is delivered.
    Delivered,
    /// Only what is bought at an index, above the blocks that were bought ahead.
    Purchased,
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

/// Energy that was bought ahead: paid whether it is used or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// How much, in milliwatts.
    pub size: i64,
    /// In which hours.
    pub shape: Window,
    /// What a kWh of it costs.
    pub price: Rate,
    /// The first day.
    pub from: Date,
    /// The day after the last.
    pub until: Date,
    /// The energy line at an index that buys what is above it.
    pub energy: usize,
    /// What becomes of what is not used; lost without it.
    pub unused: Option<Unused>,
}

/// How energy that was bought ahead and is not used is sold back, at the price of its energy line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Less so much a kWh.
    pub less: Rate,
    /// What a credit is worth in money, in steps of 1e-15.
    pub worth: i128,
}

/// A charge for the highest demand of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Minutes over which demand is averaged.
    pub window: u16,
    /// Whether it is kVA and not kW.
    pub apparent: bool,
    /// Whether a window begins with every interval, and not only where the one before it ends.
    pub rolling: bool,
    /// In which periods demand is looked at.
    pub when: When,
    /// In which months it is charged. What was drawn in others still counts for a ratchet.
    pub months: Months,
    /// From the lowest; the last is open.
    pub tiers: Vec<DemandTier>,
    /// Whether the highest demand of each day is charged, and not of each month.
    pub daily: bool,
    /// What is billed of earlier months.
    pub ratchet: Option<Ratchet>,
    /// What is billed at least, in milliwatts.
    pub floor: i64,
}

/// A step of demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemandTier {
    /// Up to so many milliwatts; open without it.
    pub up_to: Option<i64>,
    /// What a kW costs a month, or a day.
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

/// A charge for the demand while a grid had its highest, paid in the year after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coincident {
    /// What holds for the peaks of a day: each rule from its day on.
    pub rules: Dated<Rule>,
    /// The beginnings of the peaks that are known.
    pub known: Vec<Wall>,
    /// What was billed by year, in milliwatts, where the grid's operator said so.
    pub billed: Vec<(i32, i64)>,
    /// How likely an interval is to be one.
    pub forecast: Option<Forecast>,
}

/// How coincident peaks are chosen and charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which there are.
    pub peaks: Peaks,
    /// What a kW of their mean costs in each month in which it is paid.
    pub price: Rate,
    /// When it is paid.
    pub bill_in: BillIn,
    /// What is taken for granted.
    pub assumed: Option<String>,
}

/// When the peaks of a year are paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BillIn {
    /// From January to December of the year after.
    NextYear,
    /// From June of the year after to the May behind it: a delivery year.
    NextJune,
}

impl BillIn {
    /// The year whose peaks a month pays.
    pub fn peaks_of(self, month: Date) -> i32 {
        match self {
            Self::NextYear => month.year() - 1,
            Self::NextJune if month.month() >= 6 => month.year() - 1,
            Self::NextJune => month.year() - 2,
        }
    }
}

/// The peaks of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peaks {
    /// In which months.
    pub months: Months,
    /// How many, in each month or in the year.
    pub count: u8,
    /// Whether so many are in each month, and not in all of them together.
    pub monthly: bool,
    /// Minutes over which demand is averaged.
    pub window: u16,
}

impl Peaks {
    /// How many there are in a year.
    pub fn per_year(self) -> i128 {
        let months = (0..12).filter(|month| self.months.has(*month)).count();
        let times = if self.monthly { i128::try_from(months).unwrap_or(12) } else { 1 };
        times * i128::from(self.count)
    }
}

/// How likely an interval is to be a month's coincident peak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The feed that tells it.
    pub feed: String,
    /// When it is taken for so likely without that feed, in steps of 1e-15.
    pub fallback: Option<(Window, i128)>,
}

/// An amount for being connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixed {
    /// Each month.
    Month(Rate),
    /// Each day.
    Day(Rate),
}

/// Raises demand charges by target over measured power factor, where that is below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowerFactor {
    /// The target, in steps of 1e-15.
    pub target: i128,
    /// Demand lines.
    pub apply_to: Vec<usize>,
}

/// A charge for reactive power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reactive {
    /// What a kVAr costs a month.
    pub price: Dated<Rate>,
    /// Free up to this part of the highest kW, in steps of 1e-15.
    pub above: i128,
}

/// A credit for load that may be interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interruptible {
    /// What may not, in milliwatts.
    pub firm: i64,
    /// What a kW above it earns a month.
    pub credit: Rate,
    /// What a kW costs that does not go, once.
    pub penalty: Option<Rate>,
    /// Minutes between a call and its start.
    pub notice: Option<u16>,
    /// Hours and events a year.
    pub limit: Option<(u32, u32)>,
}

/// A payment for load that stands ready to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programme {
    /// What a kW earns in an hour.
    pub pay: Rate,
    /// How much stands ready, in milliwatts.
    pub obligation: i64,
    /// When it does.
    pub window: Window,
    /// Minutes between a call and its start.
    pub notice: Option<u16>,
    /// What is never curtailed, by its name in the site file.
    pub keep_above: Option<String>,
}

/// What a bill is at least; tops it up where it is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minimum {
    /// In each month.
    Month(Rate),
    /// In a calendar year, asked for in its December.
    Year(Rate),
    /// So many milliwatts of demand on every demand line: each of them knows it as its floor.
    Demand(i64),
}

/// A part of other lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tax {
    /// Which part, in steps of 1e-15.
    pub rate: Dated<i128>,
    /// Of which lines.
    pub apply_to: Vec<usize>,
}
