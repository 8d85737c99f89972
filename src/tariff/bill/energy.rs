//! Energy in tiers, and energy at an index.

use super::ahead::Bought;
use super::{Basis, Entry, Lack, Metered, has, per_hour};
use crate::tariff::calendar::MAX_PERIODS;
use crate::tariff::exact::{ONE, mul_div};
use crate::tariff::table::{Month, Stretch};
use crate::tariff::{Amount, Applies, Energy, MW_PER_KW, Rate, Source, Table, Tier};

/// Where a line of energy is billed.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) metered: Metered<'a>,
    pub(super) bought: &'a Bought,
    pub(super) month: &'a Month,
    pub(super) line: usize,
}

/// What a line charges for the energy of a month; `billed` are the milliwatts that hours of use count.
pub(super) fn entry(place: Place<'_>, charge: &Energy, billed: i64, lacks: &mut Vec<Lack>) -> Entry {
    if !has(charge.months, place.month.first) {
        return Entry { amount: Amount::ZERO, basis: Basis::Energy(0) };
    }
    let mut entry = match &charge.price {
        Source::Index(feed) => at_index(place, charge, feed, lacks),
        Source::Tiers(tiers) => in_tiers(place, charge, tiers, billed, lacks),
    };
    if charge.losses != 0 && matches!(charge.price, Source::Tiers(_)) {
        entry.amount = entry.amount.part(ONE + charge.losses);
    }
    entry
}

fn in_tiers(place: Place<'_>, charge: &Energy, tiers: &[Tier], billed: i64, lacks: &mut Vec<Lack>) -> Entry {
    let stretches = place.metered.table.stretches(place.month);
    let used: Vec<[i128; MAX_PERIODS]> = stretches.iter().map(|stretch| by_period(place, stretch, charge)).collect();
    let total: i128 = used.iter().flatten().sum();
    let widths = widths(tiers, total, |tier| top(place.metered.table, place.month, tier, billed));
    let mut amount = Amount::ZERO;
    for (stretch, used) in stretches.iter().zip(&used) {
        for (period, own) in used.iter().enumerate().filter(|(_, own)| **own != 0) {
            let mut full = Amount::ZERO;
            for (tier, width) in tiers.iter().zip(&widths) {
                match price(tier, stretch, period) {
                    Some(rate) => full += Amount::of(rate, *width),
                    None => lacks.push(Lack::Rate { line: place.line, date: stretch.first }),
                }
            }
            amount += full.times(*own, total);
        }
    }
    Entry { amount: per_hour(place.metered.table, amount), basis: Basis::Energy(total) }
}

fn price(tier: &Tier, stretch: &Stretch, period: usize) -> Option<Rate> {
    tier.price.at(stretch.first).and_then(|price| price.at(period))
}

/// Energy by period in milliwatts times intervals; nothing in those that the line does not charge.
fn by_period(place: Place<'_>, stretch: &Stretch, charge: &Energy) -> [i128; MAX_PERIODS] {
    let mut used = [0_i128; MAX_PERIODS];
    let periods = place.metered.table.periods().get(stretch.slots.clone()).unwrap_or_default();
    let load = place.metered.load.get(stretch.slots.start..).unwrap_or_default();
    for (slot, (period, row)) in (stretch.slots.start..).zip(periods.iter().zip(load)) {
        if let Some(used) = used.get_mut(usize::from(*period)) {
            *used += i128::from(match charge.applies {
                Applies::Delivered => *row,
                Applies::Purchased => place.bought.above(place.metered, slot, *row),
            });
        }
    }
    for (period, used) in used.iter_mut().enumerate() {
        *used = if charge.when.has(period) { *used } else { 0 };
    }
    used
}

/// How much of a total lies in each tier.
fn widths(tiers: &[Tier], total: i128, top: impl Fn(&Tier) -> Option<i128>) -> Vec<i128> {
    let mut from = 0;
    let width = |tier: &Tier| {
        let end = top(tier).map_or(total, |top| top.min(total)).max(from);
        end - std::mem::replace(&mut from, end)
    };
    tiers.iter().map(width).collect()
}

/// The top of a tier of a month in milliwatts times intervals; `billed` are the milliwatts that hours of use count.
pub(in crate::tariff) fn top(table: &Table, month: &Month, tier: &Tier, billed: i64) -> Option<i128> {
    let top = tier.up_to?;
    let (hours, minutes) = table.per_hour();
    let kilowatts = if top.per_kw { billed } else { MW_PER_KW };
    let days = if top.per_day { month.days } else { 1 };
    let times = i128::from(kilowatts) * i128::from(days) * hours;
    Some(mul_div(top.steps, times, ONE * minutes).unwrap_or_else(|| (top.steps / ONE).saturating_mul(times) / minutes))
}

/// Bought above what was bought ahead, sold back below it.
fn at_index(place: Place<'_>, charge: &Energy, feed: &str, lacks: &mut Vec<Lack>) -> Entry {
    let Place { metered, bought, month, line } = place;
    let prices = metered.prices.get(feed).map(Vec::as_slice).unwrap_or_default();
    let (mut amount, mut above, mut below) = (Amount::ZERO, 0_i128, 0_i128);
    let (mut missing, mut first) = (0, 0);
    for (slot, load) in month.slots.clone().zip(metered.load_of(month)) {
        if !charge.when.has(metered.table.period(slot)) {
            continue;
        }
        let Some(price) = prices.get(slot).copied().flatten() else {
            first = if missing == 0 { slot } else { first };
            missing += 1;
            continue;
        };
        let price = price.part(ONE + charge.losses);
        let buys = (*load - bought.ahead(metered, line, slot)).max(0);
        let (credit, sold) = bought.sold(metered, line, slot, *load, price);
        amount += Amount::of(price, buys.into()) - credit;
        (above, below) = (above + i128::from(buys), below + i128::from(sold));
    }
    if missing > 0 {
        lacks.push(Lack::Price { line, feed: feed.into(), slots: missing, first });
    }
    Entry { amount: per_hour(metered.table, amount), basis: Basis::Bought { bought: above, sold: below } }
}
