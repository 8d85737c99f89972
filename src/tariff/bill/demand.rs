//! The highest demand of a month, and what is billed of it.

use std::collections::BTreeMap;

use super::{Basis, Entry, Metered};
use crate::tariff::exact::{ONE, mul_div};
use crate::tariff::table::{Month, Stretch};
use crate::tariff::{Amount, Charge, Demand, Ratchet};
use crate::time::Date;

/// The demand of a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    /// The highest that was measured, in milliwatts.
    pub measured: i64,
    /// The interval of the table in which its window begins; nothing where nothing was looked at.
    pub slot: Option<usize>,
    /// What is billed, in milliwatts: no less than was measured.
    pub billed: i64,
    /// The month whose demand is billed a part of, where that is more than its own.
    pub from: Option<Date>,
}

/// What was drawn in the months before a table begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// The same as in the same months of the table: a year that repeats itself.
    SameYear,
    /// By line and by the first day of the month, in milliwatts; nothing in all others.
    Known(BTreeMap<(usize, Date), i64>),
}

impl Before {
    /// Nothing is known.
    pub fn nothing() -> Self {
        Self::Known(BTreeMap::new())
    }
}

/// The demand of every month by every demand line.
pub(super) fn peaks(metered: Metered<'_>, before: &Before) -> BTreeMap<usize, Vec<Peak>> {
    let lines = metered.tariff.lines.iter().enumerate();
    let demands = lines.filter_map(|(at, line)| match &line.charge {
        Charge::Demand(demand) => Some((at, demand)),
        _ => None,
    });
    demands.map(|(at, demand)| (at, of_line(metered, before, at, demand))).collect()
}

fn of_line(metered: Metered<'_>, before: &Before, line: usize, demand: &Demand) -> Vec<Peak> {
    let months = metered.table.months();
    let mut peaks: Vec<Peak> = months.iter().map(|month| measured(metered, month, demand)).collect();
    let Some(ratchet) = &demand.ratchet else { return peaks };
    let own: BTreeMap<Date, i64> =
        months.iter().zip(&peaks).map(|(month, peak)| (month.first.month_start(), peak.measured)).collect();
    let known = |month: Date| match (own.get(&month), before) {
        (Some(own), _) => Some(*own),
        (None, Before::Known(known)) => known.get(&(line, month)).copied(),
        (None, Before::SameYear) => own.iter().find(|(own, _)| own.month() == month.month()).map(|(_, peak)| *peak),
    };
    for (month, peak) in months.iter().zip(&mut peaks) {
        raise(peak, ratchet, month.first.month_start(), known);
    }
    peaks
}

/// Bills no less than the part of what earlier months drew.
fn raise(peak: &mut Peak, ratchet: &Ratchet, month: Date, known: impl Fn(Date) -> Option<i64>) {
    let mut earlier = month;
    for _ in 0..ratchet.months {
        earlier = earlier.last_month();
        let counts = usize::try_from(earlier.month() - 1).is_ok_and(|month| ratchet.of_months.has(month));
        let part = known(earlier).filter(|_| counts).and_then(|drawn| mul_div(drawn.into(), ratchet.share, ONE));
        let part = part.and_then(|part| i64::try_from(part).ok()).unwrap_or(0);
        if part > peak.billed {
            (peak.billed, peak.from) = (part, Some(earlier));
        }
    }
}

/// The highest mean over a window; windows stand side by side from midnight on.
fn measured(metered: Metered<'_>, month: &Month, demand: &Demand) -> Peak {
    let wide = usize::from((demand.window / metered.table.step()).max(1));
    let periods = metered.table.periods().get(month.slots.clone()).unwrap_or_default();
    let load = metered.load_of(month);
    let windows = load.chunks(wide).zip(periods.chunks(wide)).enumerate();
    let looked_at =
        windows.filter(|(_, (_, periods))| periods.first().is_some_and(|period| demand.when.has(usize::from(*period))));
    let mut peak = Peak::default();
    for (at, (load, _)) in looked_at {
        let mean = load.iter().sum::<i64>() / i64::try_from(wide).unwrap_or(1);
        if peak.slot.is_none() || mean > peak.measured {
            (peak.measured, peak.slot) = (mean, Some(month.slots.start + at * wide));
        }
    }
    peak.billed = peak.measured;
    peak
}

/// What a line charges for the demand of a month.
pub(super) fn entry(metered: Metered<'_>, month: &Month, charge: &Demand, peak: Peak) -> Entry {
    let is_charged = usize::try_from(month.first.month() - 1).is_ok_and(|month| charge.months.has(month));
    if !is_charged || peak.slot.is_none() {
        return Entry { amount: Amount::ZERO, basis: Basis::Demand(peak) };
    }
    let stretches = metered.table.stretches(month).iter();
    let each =
        stretches.map(|stretch| steps(charge, stretch, peak.billed).times(stretch.days.into(), month.days.into()));
    Entry { amount: each.sum(), basis: Basis::Demand(peak) }
}

/// A month's charge at the prices of a stretch.
fn steps(charge: &Demand, stretch: &Stretch, billed: i64) -> Amount {
    let mut from = 0_i64;
    let step = |tier: &crate::tariff::DemandTier| {
        let end = tier.up_to.map_or(billed, |top| top.min(billed)).max(from);
        let width = end - std::mem::replace(&mut from, end);
        tier.price.at(stretch.first).map_or(Amount::ZERO, |price| Amount::of(*price, width.into()))
    };
    charge.tiers.iter().map(step).sum()
}
