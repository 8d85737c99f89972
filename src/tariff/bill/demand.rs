//! The highest demand of a month, and what is billed of it.

use std::collections::BTreeMap;

use super::{Basis, Entry, Lack, Metered, for_power, has, part, reactive};
use crate::tariff::table::{Month, Stretch};
use crate::tariff::{Amount, Charge, Demand, DemandTier, Ratchet};
use crate::time::Date;

/// The demand of a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    /// The highest that was measured, in milliwatts (thousandths of a VA for a charge by kVA).
    pub measured: i64,
    /// The interval of the table in which its window begins; nothing where nothing was looked at.
    pub slot: Option<usize>,
    /// What is billed: no less than was measured.
    pub billed: i64,
    /// The month whose demand is billed a part of, where that is more than its own.
    pub from: Option<Date>,
    /// Whether the floor of the charge is billed.
    pub floor: bool,
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
pub(super) fn peaks(metered: Metered<'_>, before: &Before, lacks: &mut Vec<Lack>) -> BTreeMap<usize, Vec<Peak>> {
    let mut peaks = BTreeMap::new();
    for (at, line) in metered.tariff.lines.iter().enumerate() {
        if let Charge::Demand(demand) = &line.charge {
            if demand.apparent && metered.reactive.is_none() {
                lacks.push(Lack::Reactive { line: at });
            }
            peaks.insert(at, of_line(metered, before, at, demand));
        }
    }
    peaks
}

fn of_line(metered: Metered<'_>, before: &Before, line: usize, demand: &Demand) -> Vec<Peak> {
    let months = metered.table.months();
    let apparent = demand.apparent.then(|| reactive::apparent(metered));
    let load = apparent.as_deref().unwrap_or(metered.load);
    let mut peaks: Vec<Peak> = months.iter().map(|month| measured(metered, load, month, demand)).collect();
    if let Some(ratchet) = &demand.ratchet {
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
    }
    for peak in peaks.iter_mut().filter(|peak| peak.billed < demand.floor) {
        (peak.billed, peak.from, peak.floor) = (demand.floor, None, true);
    }
    peaks
}

/// Bills no less than the part of what earlier months drew.
fn raise(peak: &mut Peak, ratchet: &Ratchet, month: Date, known: impl Fn(Date) -> Option<i64>) {
    let mut earlier = month;
    for _ in 0..ratchet.months {
        earlier = earlier.last_month();
        let drawn = known(earlier).filter(|_| has(ratchet.of_months, earlier)).unwrap_or(0);
        let part = part(drawn, ratchet.share);
        if part > peak.billed {
            (peak.billed, peak.from) = (part, Some(earlier));
        }
    }
}

/// The highest mean over a window. Windows stand side by side from midnight on, or begin with every interval.
fn measured(metered: Metered<'_>, load: &[i64], month: &Month, demand: &Demand) -> Peak {
    let wide = usize::from((demand.window / metered.table.step()).max(1));
    let stride = if demand.rolling { 1 } else { wide };
    let periods = metered.table.periods();
    let mut peak = Peak::default();
    let end = month.slots.end.min(load.len());
    for slot in (month.slots.start..end).step_by(stride) {
        let looked_at = periods.get(slot).is_some_and(|period| demand.when.has(usize::from(*period)));
        let rows = load.get(slot..end.min(slot + wide)).unwrap_or_default();
        if !looked_at || demand.rolling && rows.len() < wide {
            continue;
        }
        let mean = rows.iter().sum::<i64>() / i64::try_from(wide).unwrap_or(1);
        if peak.slot.is_none() || mean > peak.measured {
            (peak.measured, peak.slot) = (mean, Some(slot));
        }
    }
    peak.billed = peak.measured;
    peak
}

/// What a line charges for the demand of a month.
pub(super) fn entry(
    metered: Metered<'_>,
    month: &Month,
    charge: &Demand,
    peak: Peak,
    line: usize,
    lacks: &mut Vec<Lack>,
) -> Entry {
    if !has(charge.months, month.first) || peak.slot.is_none() && peak.billed == 0 {
        return Entry { amount: Amount::ZERO, basis: Basis::Demand(peak) };
    }
    let mut amount = Amount::ZERO;
    for stretch in metered.table.stretches(month) {
        if charge.tiers.iter().any(|tier| tier.price.at(stretch.first).is_none()) {
            lacks.push(Lack::Rate { line, date: stretch.first });
        }
        amount += match charge.daily {
            true => daily(metered, charge, stretch),
            false => steps(&charge.tiers, stretch.first, peak.billed).times(stretch.days.into(), month.days.into()),
        };
    }
    Entry { amount, basis: Basis::Demand(peak) }
}

/// The highest demand of each day, each at the price of the day.
fn daily(metered: Metered<'_>, charge: &Demand, stretch: &Stretch) -> Amount {
    let days = metered.table.days().iter().enumerate();
    let within = days.filter(|(_, day)| stretch.slots.contains(&day.slot));
    let each = within.map(|(at, day)| {
        let end = metered.table.days().get(at + 1).map_or(metered.table.len(), |next| next.slot);
        let slots = day.slot..end;
        let month = Month { first: day.date, days: 1, slots, stretches: 0..0 };
        let peak = measured(metered, metered.load, &month, charge);
        steps(&charge.tiers, stretch.first, peak.billed.max(charge.floor))
    });
    each.sum()
}

/// What steps come to at the prices of a day.
pub(in crate::tariff) fn steps(tiers: &[DemandTier], date: Date, billed: i64) -> Amount {
    let mut from = 0_i64;
    let step = |tier: &DemandTier| {
        let end = tier.up_to.map_or(billed, |top| top.min(billed)).max(from);
        let width = end - std::mem::replace(&mut from, end);
        tier.price.at(date).map_or(Amount::ZERO, |price| for_power(*price, width))
    };
    tiers.iter().map(step).sum()
}
