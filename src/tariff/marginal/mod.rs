//! What one more kilowatt costs in an interval: a curve of steps over the load of the site, and every line's share of it.
//!
//! [`with_hindsight`] takes the whole load as known; the difference that one more kilowatt makes to the bill is what this curve says.
//! [`now`] takes what is known while an interval runs: prices, the demand that a month has already, how likely a coincident peak is.

use std::collections::BTreeMap;
use std::ops::Range;

use super::bill::{Bill, Metered};
use super::exact::{ONE, mul_div};
use super::table::Day;
use super::{Amount, Charge, Coincident, Minimum, Programme, Rate, Table, Tariff};

mod demand;
mod energy;

pub use demand::{Guard, per_kw, ratchet_from};

/// A price for a kWh that changes with the load of the site: each from its milliwatts on. The first is from nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps(Vec<(i64, Rate)>);

impl Steps {
    /// The same at every load.
    pub fn flat(rate: Rate) -> Self {
        Self(vec![(0, rate)])
    }

    /// This much more from a load on.
    pub(super) fn rise(&mut self, from: i64, by: Rate) {
        let from = from.max(0);
        if by == Rate::default() {
            return;
        }
        let before = self.at(from);
        let place = self.0.partition_point(|(step, _)| *step < from);
        if self.0.get(place).is_none_or(|(step, _)| *step != from) {
            self.0.insert(place, (from, before));
        }
        for (_, rate) in self.0.iter_mut().skip(place) {
            *rate = *rate + by;
        }
    }

    /// What the next kilowatt costs at a load.
    pub fn at(&self, load: i64) -> Rate {
        let after = self.0.partition_point(|(from, _)| *from <= load);
        after.checked_sub(1).and_then(|at| self.0.get(at)).map(|(_, rate)| *rate).unwrap_or_default()
    }

    /// Each load from which on another price holds, from the lowest.
    pub fn all(&self) -> &[(i64, Rate)] {
        &self.0
    }

    /// A part of it, in steps of 1e-15.
    fn part(&self, share: i128) -> Self {
        Self(self.0.iter().map(|(from, rate)| (*from, rate.part(share))).collect())
    }

    fn plus(&self, other: &Self) -> Self {
        let mut borders: Vec<i64> = self.0.iter().chain(&other.0).map(|(from, _)| *from).collect();
        borders.sort_unstable();
        borders.dedup();
        Self(borders.into_iter().map(|from| (from, self.at(from) + other.at(from))).collect())
    }
}

/// What one more kilowatt costs in an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curve {
    /// The interval of the table.
    pub slot: usize,
    /// Each line's share, by the place of the line; only of lines that have one.
    pub shares: Vec<(usize, Steps)>,
    /// All of them together.
    pub total: Steps,
    /// Demand that is not to be exceeded.
    pub guards: Vec<Guard>,
}

impl Curve {
    fn of(slot: usize, shares: Vec<(usize, Steps)>, guards: Vec<Guard>) -> Self {
        let total = shares.iter().fold(Steps::flat(Rate::default()), |sum, (_, steps)| sum.plus(steps));
        Self { slot, shares, total, guards }
    }

    /// What so much from one load to another costs in this interval, in energy of this table.
    pub fn between(&self, table: &Table, from: i64, to: i64) -> Amount {
        let borders = self.total.0.iter().map(|(border, _)| *border).filter(|border| *border > from && *border < to);
        let mut ends: Vec<i64> = std::iter::once(from).chain(borders).chain(std::iter::once(to)).collect();
        ends.sort_unstable();
        let piece = |pair: &[i64]| match pair {
            [low, high] => Amount::of(self.total.at(*low), i128::from(high - low)),
            _ => Amount::ZERO,
        };
        let sum: Amount = ends.windows(2).map(piece).sum();
        let (hours, minutes) = table.per_hour();
        sum.times(minutes, hours)
    }
}

/// Taxes on the shares of other lines.
fn taxes(tariff: &Tariff, day: Day, shares: &mut Vec<(usize, Steps)>) {
    for (at, line) in tariff.lines.iter().enumerate() {
        let Charge::Tax(tax) = &line.charge else { continue };
        let Some(rate) = tax.rate.at(day.date) else { continue };
        let taxed = shares.iter().filter(|(line, _)| tax.apply_to.contains(line));
        let sum = taxed.fold(Steps::flat(Rate::default()), |sum, (_, steps)| sum.plus(steps)).part(*rate);
        shares.push((at, sum));
    }
    shares.sort_by_key(|(line, _)| *line);
}

/// What a coincident peak costs in all months of the year after, times how likely this interval is one.
fn coincident(table: &Table, day: Day, slot: usize, charge: &Coincident, known: &Known) -> Option<Steps> {
    let rule = charge.rules.at(day.date)?;
    let likely = demand::likely(table, day, slot, charge, known)?;
    let year = Rate(mul_div(rule.price.0, 12, rule.peaks.per_year().max(1)).unwrap_or(0));
    Some(Steps::flat(per_kwh(year, rule.peaks.window).part(likely.min(ONE))))
}

/// A payment for standing ready is earned only while there is load that can go.
fn ready(table: &Table, day: Day, slot: usize, programme: &Programme) -> Option<Steps> {
    table.is_in(&programme.window, day, slot).then(|| Steps::flat(-programme.pay))
}

/// The price of a kWh by what a kW costs, where its demand is a mean over so many minutes.
fn per_kwh(rate: Rate, window: u16) -> Rate {
    Rate(mul_div(rate.0, 60, window.max(1).into()).unwrap_or(rate.0))
}

/// The curve of an interval, where all other intervals are as they are: what a bill would differ by. Coincident peaks and programmes
/// are no part of it: what they cost or pay in these months does not depend on this interval. Nor is a power factor, which moves with the
/// energy of its whole month. What was drawn before the table begins is
/// taken for nothing.
pub fn with_hindsight(metered: Metered<'_>, bill: &Bill, slot: usize) -> Option<Curve> {
    let (table, tariff) = (metered.table, metered.tariff);
    let day = table.day_of(slot)?;
    let month = table.month_of(slot)?;
    let billed = bill.months.get(month)?;
    let topped =
        tariff.lines.iter().zip(&billed.entries).any(|(line, entry)| {
            matches!(line.charge, Charge::Minimum(Minimum::Month(_))) && entry.amount > Amount::ZERO
        });
    let mut shares: Vec<(usize, Steps)> = Vec::new();
    for (at, line) in tariff.lines.iter().enumerate() {
        let steps = match &line.charge {
            Charge::Energy(charge) => energy::with_hindsight(metered, bill, charge, at, slot),
            Charge::Demand(charge) => demand::with_hindsight(metered, bill, charge, at, slot),
            Charge::Reactive(charge) => demand::reactive(metered, charge, slot),
            _ => None,
        };
        shares.extend(steps.map(|steps| (at, steps)));
    }
    if topped {
        // What is saved is asked for again.
        for (_, steps) in &mut shares {
            *steps = Steps::flat(Rate::default());
        }
    }
    taxes(tariff, day, &mut shares);
    Some(Curve::of(slot, shares, Vec::new()))
}

/// What is known while an interval runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What feeds say now.
    pub prices: BTreeMap<String, Rate>,
    /// The highest demand of the month so far by demand line, in milliwatts.
    pub peaks: BTreeMap<usize, i64>,
    /// The highest demand of earlier months by demand line and first day of the month.
    pub before: BTreeMap<(usize, crate::time::Date), i64>,
    /// The energy that the month will have, in milliwatts times intervals; for tiers.
    pub month: i128,
    /// How likely this interval is to be a coincident peak, in steps of 1e-15; what the file's fall-back says without it.
    pub coincident: Option<i128>,
}

/// The curve of the interval that runs, by what is known.
pub fn now(tariff: &Tariff, table: &Table, slot: usize, known: &Known) -> Option<Curve> {
    by_what_is_known(tariff, table, slot, known, true)
}

/// The same without what new demand costs: for who holds demand where it is anyhow.
pub fn without_demand(tariff: &Tariff, table: &Table, slot: usize, known: &Known) -> Option<Curve> {
    by_what_is_known(tariff, table, slot, known, false)
}

fn by_what_is_known(tariff: &Tariff, table: &Table, slot: usize, known: &Known, with_demand: bool) -> Option<Curve> {
    let day = table.day_of(slot)?;
    let (mut shares, mut guards) = (Vec::new(), Vec::new());
    for (at, line) in tariff.lines.iter().enumerate() {
        let steps = match &line.charge {
            Charge::Energy(charge) => energy::now(tariff, table, day, slot, charge, at, known),
            Charge::Demand(_) if !with_demand => None,
            Charge::Demand(charge) => demand::now(table, day, slot, charge, at, known).map(|(steps, guard)| {
                guards.push(guard);
                steps
            }),
            Charge::Coincident(charge) => coincident(table, day, slot, charge, known),
            Charge::Programme(programme) => ready(table, day, slot, programme),
            _ => None,
        };
        shares.extend(steps.map(|steps| (at, steps)));
    }
    taxes(tariff, day, &mut shares);
    Some(Curve::of(slot, shares, guards))
}

/// Demand that is averaged just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// What is paid already, and what more would cost.
    pub guard: Guard,
    /// The intervals of the window; of rolling windows, the newest alone.
    pub slots: Range<usize>,
    /// So many intervals before it belong to rolling windows that it is in.
    pub earlier: usize,
}

/// Every demand line that looks at this interval.
pub fn running(tariff: &Tariff, table: &Table, slot: usize, known: &Known) -> Vec<Running> {
    let demands = tariff.lines.iter().enumerate().filter_map(|(at, line)| match &line.charge {
        Charge::Demand(charge) => Some((at, charge)),
        _ => None,
    });
    demands.filter_map(|(at, charge)| demand::running(table, slot, charge, at, known)).collect()
}
