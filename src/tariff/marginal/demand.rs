//! What one more kilowatt costs in demand: nothing up to a level that is paid already, very much above it.

use std::collections::BTreeMap;

use super::{Known, Running, Steps, per_kwh};
use crate::tariff::bill::{Basis, Bill, Metered, Peak, has, part};
use crate::tariff::exact::{ONE, mul_div};
use crate::tariff::table::{Day, Month, Stretch};
use crate::tariff::{Charge, Coincident, Demand, DemandTier, Energy, Ratchet, Rate, Reactive, Table};
use crate::time::Date;

/// Demand that is paid already in a month, and what more would cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The demand line.
    pub line: usize,
    /// What is paid already, in milliwatts.
    pub paid: i64,
    /// Minutes over which demand is averaged.
    pub window: u16,
    /// What a kW above it costs for this month.
    pub now: Rate,
    /// What it can cost in later months through the ratchet, at most.
    pub later: Rate,
}

/// The price of a kW in the tier of a level.
fn price(tiers: &[DemandTier], date: Date, level: i64) -> Rate {
    let tier = tiers.iter().find(|tier| tier.up_to.is_none_or(|top| level < top)).or(tiers.last());
    tier.and_then(|tier| tier.price.at(date)).copied().unwrap_or_default()
}

/// The same, weighted by the days of a month on which it holds.
fn monthly(table: &Table, month: &Month, tiers: &[DemandTier], level: i64) -> Rate {
    let part = |first: Date, days: u32| {
        let share = mul_div(days.into(), ONE, i128::from(month.days.max(1))).unwrap_or(0);
        price(tiers, first, level).part(share)
    };
    let stretches = table.stretches(month);
    match stretches {
        [one] => price(tiers, one.first, level),
        _ => stretches.iter().map(|stretch| part(stretch.first, stretch.days)).sum(),
    }
}

/// By what is known while an interval runs: free up to what is paid already.
pub(super) fn now(
    table: &Table,
    day: Day,
    slot: usize,
    charge: &Demand,
    line: usize,
    known: &Known,
) -> Option<(Steps, Guard)> {
    if !charge.when.has(table.period(slot)) {
        return None;
    }
    let mut paid = known.peaks.get(&line).copied().unwrap_or(0).max(charge.floor);
    let mut earlier = day.date.month_start();
    let ratchet = charge.ratchet.as_ref();
    for _ in 0..ratchet.map_or(0, |ratchet| ratchet.months) {
        earlier = earlier.last_month();
        let drawn = known.before.get(&(line, earlier)).copied().unwrap_or(0);
        if let Some(ratchet) = ratchet.filter(|ratchet| has(ratchet.of_months, earlier)) {
            paid = paid.max(part(drawn, ratchet.share));
        }
    }
    let is_charged = has(charge.months, day.date);
    let own = if is_charged { price(&charge.tiers, day.date, paid) } else { Rate::default() };
    let mut steps = Steps::flat(Rate::default());
    if is_charged {
        steps.rise(paid, per_kwh(own, charge.window));
        let tops = charge.tiers.iter().filter_map(|tier| tier.up_to).filter(|top| *top > paid);
        for top in tops {
            let more = price(&charge.tiers, day.date, top) - price(&charge.tiers, day.date, top - 1);
            steps.rise(top, per_kwh(more, charge.window));
        }
    }
    let later = ratchet.filter(|ratchet| has(ratchet.of_months, day.date)).map_or(Rate::default(), |ratchet| {
        let mut month = day.date.month_start();
        let mut sum = Rate::default();
        for _ in 0..ratchet.months {
            month = month.next_month();
            if has(charge.months, month) {
                sum = sum + price(&charge.tiers, month, paid).part(ratchet.share);
            }
        }
        sum
    });
    Some((steps, Guard { line, paid, window: charge.window, now: own, later }))
}

/// The window that runs, where the line looks at it: it does by the period in which a window begins.
pub(super) fn running(table: &Table, slot: usize, charge: &Demand, line: usize, known: &Known) -> Option<Running> {
    let wide = usize::from((charge.window / table.step()).max(1));
    let month = table.month_of(slot).and_then(|month| table.months().get(month))?;
    let begins = |start: usize| {
        let day = table.day_of(start)?;
        let (steps, guard) = now(table, day, start, charge, line, known)?;
        // In a month that charges nothing, and that no ratchet looks back at, there is nothing to hold.
        let costs = steps.all().iter().any(|(_, rate)| *rate != Rate::default()) || guard.later != Rate::default();
        costs.then_some(guard)
    };
    if charge.rolling {
        let first = slot.saturating_sub(wide - 1).max(month.slots.start);
        let guard = (first..=slot).rev().find_map(begins)?;
        return Some(Running { guard, slots: slot..slot + 1, earlier: wide - 1 });
    }
    let start = slot - (slot.checked_sub(month.slots.start)? % wide);
    Some(Running { guard: begins(start)?, slots: start..start + wide, earlier: 0 })
}

/// The ratchet by which what is drawn on a day counts in later months.
pub fn ratchet_from(charge: &Demand, date: Date) -> Option<&Ratchet> {
    charge.ratchet.as_ref().filter(|ratchet| ratchet.share > 0 && has(ratchet.of_months, date))
}

/// What a kW more than so much costs in the month of a day, by that month alone.
pub fn per_kw(charge: &Demand, date: Date, level: i64) -> Rate {
    if has(charge.months, date) { price(&charge.tiers, date, level) } else { Rate::default() }
}

/// How likely an interval is to be a coincident peak: as told, or as the file's fall-back says.
pub(super) fn likely(table: &Table, day: Day, slot: usize, charge: &Coincident, known: &Known) -> Option<i128> {
    let rule = charge.rules.at(day.date)?;
    let month = usize::try_from(day.date.month() - 1).ok()?;
    if !rule.peaks.months.has(month) {
        return None;
    }
    known.coincident.or_else(|| {
        let (window, probability) = charge.forecast.as_ref()?.fallback.as_ref()?;
        table.is_in(window, day, slot).then_some(*probability)
    })
}

/// A load of an interval at which the mean over its window reaches a level.
struct Window {
    wide: i64,
    /// What the other intervals of the window draw together.
    others: i64,
    /// The highest mean of the month in windows without this interval.
    elsewhere: i64,
}

impl Window {
    fn load_at(&self, level: i64) -> i64 {
        level.saturating_mul(self.wide).saturating_sub(self.others)
    }
}

/// The window of an interval that is the first to reach a level; nothing where the line does not look at it.
fn window(metered: Metered<'_>, charge: &Demand, month: &Month, slot: usize) -> Option<Window> {
    let table = metered.table;
    let wide = usize::from((charge.window / table.step()).max(1));
    let stride = if charge.rolling { 1 } else { wide };
    let end = month.slots.end.min(metered.load.len());
    let (mut others, mut elsewhere) = (None::<i64>, 0_i64);
    let count = i64::try_from(wide).unwrap_or(1);
    for start in (month.slots.start..end).step_by(stride) {
        let rows = metered.load.get(start..end.min(start + wide)).unwrap_or_default();
        if !charge.when.has(table.period(start)) || charge.rolling && rows.len() < wide {
            continue;
        }
        let sum: i64 = rows.iter().sum();
        if (start..start + wide).contains(&slot) {
            let own = metered.load.get(slot).copied().unwrap_or(0);
            others = Some(others.unwrap_or(i64::MIN).max(sum - own));
        } else {
            elsewhere = elsewhere.max(sum / count);
        }
    }
    Some(Window { wide: count, others: others?, elsewhere })
}

fn peak(bill: &Bill, month: usize, line: usize) -> Option<Peak> {
    match bill.months.get(month)?.entries.get(line)?.basis {
        Basis::Demand(peak) => Some(peak),
        _ => None,
    }
}

/// A month whose billing demand rises with a load: its place, from which level on, and by which part.
type Reached = (usize, i64, i128);

/// The months whose billing demand rises with the load of an interval.
fn reached(
    metered: Metered<'_>,
    bill: &Bill,
    charge: &Demand,
    line: usize,
    slot: usize,
) -> Option<(Window, Vec<Reached>)> {
    let table = metered.table;
    let month = table.month_of(slot)?;
    let of = table.months().get(month)?;
    let window = window(metered, charge, of, slot)?;
    let ratchet = charge.ratchet.as_ref();
    let measured: BTreeMap<Date, i64> = table
        .months()
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != month)
        .filter_map(|(at, of)| Some((of.first.month_start(), peak(bill, at, line)?.measured)))
        .collect();
    // What a month is billed by the other months and by its floor.
    let others = |first: Date| {
        let mut most = charge.floor;
        let mut earlier = first;
        for _ in 0..ratchet.map_or(0, |ratchet| ratchet.months) {
            earlier = earlier.last_month();
            let drawn = measured.get(&earlier).copied().unwrap_or(0);
            if let Some(ratchet) = ratchet.filter(|ratchet| has(ratchet.of_months, earlier)) {
                most = most.max(part(drawn, ratchet.share));
            }
        }
        most
    };
    let mut reached = vec![(month, window.elsewhere.max(others(of.first.month_start())), ONE)];
    if let Some(ratchet) = ratchet.filter(|ratchet| ratchet.share > 0 && has(ratchet.of_months, of.first)) {
        for step in 1..=usize::from(ratchet.months) {
            let Some(later) = table.months().get(month + step) else { break };
            let first = later.first.month_start();
            let billed = others(first).max(measured.get(&first).copied().unwrap_or(0));
            let level = mul_div(billed.into(), ONE, ratchet.share).and_then(|level| i64::try_from(level).ok());
            reached.push((month + step, level.unwrap_or(i64::MAX).max(window.elsewhere), ratchet.share));
        }
    }
    Some((window, reached))
}

/// Where all other intervals are as they are.
pub(super) fn with_hindsight(
    metered: Metered<'_>,
    bill: &Bill,
    charge: &Demand,
    line: usize,
    slot: usize,
) -> Option<Steps> {
    let (window, reached) = reached(metered, bill, charge, line, slot)?;
    let mut steps = Steps::flat(Rate::default());
    for (month, level, share) in reached {
        let Some(of) = metered.table.months().get(month).filter(|of| has(charge.months, of.first)) else { continue };
        let own = part(level, share);
        let rate = monthly(metered.table, of, &charge.tiers, own).part(share);
        steps.rise(window.load_at(level), per_kwh(rate, charge.window));
        for top in charge.tiers.iter().filter_map(|tier| tier.up_to).filter(|top| *top > own) {
            let more =
                monthly(metered.table, of, &charge.tiers, top) - monthly(metered.table, of, &charge.tiers, top - 1);
            let level = mul_div(top.into(), ONE, share).and_then(|level| i64::try_from(level).ok()).unwrap_or(i64::MAX);
            steps.rise(window.load_at(level), per_kwh(more.part(share), charge.window));
        }
    }
    Some(steps)
}

/// A month's highest load frees a part of its reactive power: more of it makes that cheaper, until all of it is free.
pub(super) fn reactive(metered: Metered<'_>, charge: &Reactive, slot: usize) -> Option<Steps> {
    let (table, reactive) = (metered.table, metered.reactive?);
    let month = table.month_of(slot).and_then(|month| table.months().get(month))?;
    let others = (month.slots.start..month.slots.end).filter(|other| *other != slot);
    let elsewhere = others.filter_map(|slot| metered.load.get(slot)).copied().max().unwrap_or(0);
    let rows = reactive.get(month.slots.start..month.slots.end.min(reactive.len())).unwrap_or_default();
    let highest = rows.iter().copied().max().unwrap_or(0);
    let all_free = mul_div(highest.into(), ONE, charge.above).and_then(|level| i64::try_from(level).ok());
    let all_free = all_free.unwrap_or(i64::MAX).max(elsewhere);
    let price = |stretch: &Stretch| {
        let share = mul_div(stretch.days.into(), ONE, i128::from(month.days.max(1)))?;
        Some(charge.price.at(stretch.first)?.part(share))
    };
    let rate: Rate = table.stretches(month).iter().filter_map(price).sum();
    let saved = per_kwh(rate.part(charge.above), table.step());
    let mut steps = Steps::flat(Rate::default());
    steps.rise(elsewhere, -saved);
    steps.rise(all_free, saved);
    Some(steps)
}

/// The demand that hours of use of a month count, in milliwatts.
pub(super) fn billed(metered: Metered<'_>, bill: &Bill, charge: &Energy, month: usize) -> i64 {
    if let Some(line) = charge.demand {
        return peak(bill, month, line).map_or(0, |peak| peak.billed);
    }
    let slots = metered.table.months().get(month).map(|of| of.slots.start..of.slots.end.min(metered.load.len()));
    slots.and_then(|slots| metered.load.get(slots)?.iter().copied().max()).unwrap_or(0)
}

/// From which load of an interval on the demand rises that tiers of energy count: the month, the part, and minutes of the window.
pub(super) fn raises(metered: Metered<'_>, bill: &Bill, charge: &Energy, slot: usize) -> Vec<(i64, usize, i128, u16)> {
    let table = metered.table;
    let Some(line) = charge.demand else {
        let of = table.month_of(slot).and_then(|month| Some((month, table.months().get(month)?)));
        let highest = of.map(|(month, of)| {
            let slots = (of.slots.start..of.slots.end).filter(|other| *other != slot);
            (month, slots.filter_map(|slot| metered.load.get(slot)).copied().max().unwrap_or(0))
        });
        return highest.map(|(month, highest)| (highest, month, ONE, table.step())).into_iter().collect();
    };
    let Some(Charge::Demand(demand)) = metered.tariff.lines.get(line).map(|line| &line.charge) else {
        return Vec::new();
    };
    let Some((window, reached)) = reached(metered, bill, demand, line, slot) else { return Vec::new() };
    let each = reached.into_iter().map(|(month, level, share)| (window.load_at(level), month, share, demand.window));
    each.collect()
}
