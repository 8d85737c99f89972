//! What one more kilowatt costs in energy.

use super::demand;
use super::{Known, Steps};
use crate::tariff::bill::{Basis, Bill, Metered, has, top};
use crate::tariff::calendar::MAX_PERIODS;
use crate::tariff::exact::{ONE, mul_div};
use crate::tariff::table::{Day, Month};
use crate::tariff::{Applies, Block, Charge, Energy, Rate, Source, Table, Tariff, Tier};
use crate::time::Date;

/// The blocks of a line that cover an interval, in the order in which they are used.
fn blocks<'a>(tariff: &'a Tariff, table: &Table, day: Day, slot: usize, energy: Option<usize>) -> Vec<&'a Block> {
    let all = tariff.lines.iter().filter_map(|line| match &line.charge {
        Charge::Block(block) => Some(block),
        _ => None,
    });
    let is_on = |block: &&Block| {
        energy.is_none_or(|energy| block.energy == energy)
            && (block.from..block.until).contains(&day.date)
            && table.is_in(&block.shape, day, slot)
    };
    all.filter(is_on).collect()
}

/// Bought at an index above what was bought ahead, sold back below it.
fn at_index(blocks: &[&Block], price: Rate) -> Steps {
    let (mut steps, mut from, mut last) = (Steps::flat(Rate::default()), 0_i64, Rate::default());
    for block in blocks {
        let worth = block.unused.map_or(Rate::default(), |terms| (price - terms.less).part(terms.worth));
        steps.rise(from, worth - last);
        (from, last) = (from + block.size, worth);
    }
    steps.rise(from, price - last);
    steps
}

/// A price for all that is delivered, or for what is bought above all blocks.
fn above(charge: &Energy, ahead: i64, rate: Rate) -> Steps {
    match charge.applies {
        Applies::Delivered => Steps::flat(rate),
        Applies::Purchased => {
            let mut steps = Steps::flat(Rate::default());
            steps.rise(ahead, rate);
            steps
        }
    }
}

fn ahead(blocks: &[&Block]) -> i64 {
    blocks.iter().map(|block| block.size).sum()
}

/// By what is known while an interval runs: the tier is that in which the month will end.
pub(super) fn now(
    tariff: &Tariff,
    table: &Table,
    day: Day,
    slot: usize,
    charge: &Energy,
    line: usize,
    known: &Known,
) -> Option<Steps> {
    let period = table.period(slot);
    if !charge.when.has(period) || !has(charge.months, day.date) {
        return None;
    }
    let losses = ONE + charge.losses;
    match &charge.price {
        Source::Index(feed) => {
            let price = known.prices.get(feed)?.part(losses);
            Some(at_index(&blocks(tariff, table, day, slot, Some(line)), price))
        }
        Source::Tiers(tiers) => {
            let month = table.month_of(slot).and_then(|at| table.months().get(at))?;
            let billed = charge.demand.and_then(|line| known.peaks.get(&line)).copied().unwrap_or(0);
            let tier = ends_in(tiers, known.month, |tier| top(table, month, tier, billed))?;
            let rate = tier.price.at(day.date).and_then(|price| price.at(period))?.part(losses);
            Some(above(charge, ahead(&blocks(tariff, table, day, slot, None)), rate))
        }
    }
}

fn ends_in(tiers: &[Tier], total: i128, top: impl Fn(&Tier) -> Option<i128>) -> Option<&Tier> {
    tiers.iter().find(|tier| top(tier).is_none_or(|top| total < top)).or(tiers.last())
}

/// A month's energy by day of a price and by period, and the prices in each.
struct Mix {
    /// Energy, the mean price of what it fills, the price of the tier in which it ends.
    parts: Vec<(Date, usize, i128, Rate, Rate)>,
    total: i128,
}

fn mix(metered: Metered<'_>, month: &Month, charge: &Energy, tiers: &[Tier], billed: i64, total: i128) -> Mix {
    let table = metered.table;
    let mut parts = Vec::new();
    for stretch in table.stretches(month) {
        let mut used = [0_i128; MAX_PERIODS];
        for slot in stretch.slots.clone().filter(|slot| charge.when.has(table.period(*slot))) {
            if let Some(used) = used.get_mut(table.period(slot)) {
                *used += i128::from(metered.load.get(slot).copied().unwrap_or(0));
            }
        }
        let price =
            |tier: &Tier, period| tier.price.at(stretch.first).and_then(|price| price.at(period)).unwrap_or_default();
        for (period, own) in used.into_iter().enumerate().filter(|(period, _)| charge.when.has(*period)) {
            let last = ends_in(tiers, total, |tier| top(table, month, tier, billed)).map(|tier| price(tier, period));
            let (mut from, mut mean) = (0, Rate::default());
            for tier in tiers {
                let end = top(table, month, tier, billed).map_or(total, |top| top.min(total)).max(from);
                let share = mul_div(end - from, ONE, total.max(1)).unwrap_or(0);
                (from, mean) = (end, mean + price(tier, period).part(share));
            }
            parts.push((stretch.first, period, own, mean, last.unwrap_or_default()));
        }
    }
    Mix { parts, total }
}

/// Where all other intervals are as they are.
pub(super) fn with_hindsight(
    metered: Metered<'_>,
    bill: &Bill,
    charge: &Energy,
    line: usize,
    slot: usize,
) -> Option<Steps> {
    let (table, tariff) = (metered.table, metered.tariff);
    let day = table.day_of(slot)?;
    let month = table.month_of(slot)?;
    let of = table.months().get(month)?;
    if !charge.when.has(table.period(slot)) || !has(charge.months, day.date) {
        return None;
    }
    let losses = ONE + charge.losses;
    let tiers = match &charge.price {
        Source::Index(feed) => {
            let price = metered.prices.get(feed)?.get(slot).copied().flatten()?.part(losses);
            return Some(at_index(&blocks(tariff, table, day, slot, Some(line)), price));
        }
        Source::Tiers(tiers) => tiers,
    };
    let Basis::Energy(total) = bill.months.get(month)?.entries.get(line)?.basis else { return None };
    let billed = demand::billed(metered, bill, charge, month);
    let mix = mix(metered, of, charge, tiers, billed, total);
    let stretch = table.stretches(of).iter().find(|stretch| stretch.slots.contains(&slot))?;
    let own = mix.parts.iter().find(|(first, period, ..)| (*first, *period) == (stretch.first, table.period(slot)));
    let moved: Rate = mix
        .parts
        .iter()
        .map(|(_, _, used, mean, last)| (*last - *mean).part(mul_div(*used, ONE, mix.total.max(1)).unwrap_or(0)))
        .sum();
    let rate = own.map(|(_, _, _, mean, _)| *mean)? + moved;
    let ahead = ahead(&blocks(tariff, table, day, slot, None));
    let mut steps = above(charge, ahead, rate.part(losses));
    for (from, month, share, window) in demand::raises(metered, bill, charge, slot) {
        let wider = widens(metered, bill, charge, tiers, line, month).part(share);
        steps.rise(from, super::per_kwh(wider, window));
    }
    Some(steps)
}

/// What one more kW of billing demand saves or costs by widening the tiers that count it.
fn widens(metered: Metered<'_>, bill: &Bill, charge: &Energy, tiers: &[Tier], line: usize, month: usize) -> Rate {
    let (table, months) = (metered.table, metered.table.months());
    let (Some(of), Some(billed_month)) = (months.get(month), bill.months.get(month)) else { return Rate::default() };
    let Some(Basis::Energy(total)) = billed_month.entries.get(line).map(|entry| entry.basis.clone()) else {
        return Rate::default();
    };
    let billed = demand::billed(metered, bill, charge, month);
    let mut sum = Rate::default();
    for pair in tiers.windows(2) {
        let [tier, next] = pair else { continue };
        let Some(of_top) = tier.up_to.filter(|of_top| of_top.per_kw) else { continue };
        if top(table, of, tier, billed).is_none_or(|top| top >= total) {
            continue;
        }
        let days = if of_top.per_day { i128::from(of.days) } else { 1 };
        let hours = of_top.steps.saturating_mul(days);
        let price = |tier: &Tier| {
            let each = mix(metered, of, charge, std::slice::from_ref(tier), billed, total);
            let share = |(_, _, used, _, last): &(Date, usize, i128, Rate, Rate)| {
                last.part(mul_div(*used, ONE, each.total.max(1)).unwrap_or(0))
            };
            each.parts.iter().map(share).sum::<Rate>()
        };
        sum = sum + (price(tier) - price(next)).part(hours);
    }
    sum.part(ONE + charge.losses)
}
