//! Energy in tiers.

use super::{Basis, Entry, Metered};
use crate::tariff::calendar::MAX_PERIODS;
use crate::tariff::exact::{ONE, mul_div};
use crate::tariff::table::{Month, Stretch};
use crate::tariff::{Amount, Energy, MW_PER_KW, Rate, Tier};

/// What a line charges for the energy of a month; `billed` are the milliwatts that hours of use count.
pub(super) fn entry(metered: Metered<'_>, month: &Month, charge: &Energy, billed: i64) -> Entry {
    let is_charged = usize::try_from(month.first.month() - 1).is_ok_and(|month| charge.months.has(month));
    let stretches = if is_charged { metered.table.stretches(month) } else { &[] };
    let used: Vec<[i128; MAX_PERIODS]> = stretches.iter().map(|stretch| by_period(metered, stretch, charge)).collect();
    let total: i128 = used.iter().flatten().sum();
    let widths = widths(&charge.tiers, total, |tier| milliwatt_slots(metered, month, tier, billed));
    let mut amount = Amount::ZERO;
    for (stretch, used) in stretches.iter().zip(&used) {
        for (period, own) in used.iter().enumerate().filter(|(_, own)| **own != 0) {
            let full: Amount = charge
                .tiers
                .iter()
                .zip(&widths)
                .map(|(tier, width)| Amount::of(price(tier, stretch, period), *width))
                .sum();
            amount += full.times(*own, total);
        }
    }
    let (hours, minutes) = metered.table.per_hour();
    Entry { amount: amount.times(minutes, hours), basis: Basis::Energy(total) }
}

fn price(tier: &Tier, stretch: &Stretch, period: usize) -> Rate {
    tier.price.at(stretch.first).and_then(|price| price.at(period)).unwrap_or_default()
}

/// Energy by period in milliwatts times intervals; nothing in those that the line does not charge.
fn by_period(metered: Metered<'_>, stretch: &Stretch, charge: &Energy) -> [i128; MAX_PERIODS] {
    let mut used = [0_i128; MAX_PERIODS];
    let periods = metered.table.periods().get(stretch.slots.clone()).unwrap_or_default();
    let load = metered.load.get(stretch.slots.start..).unwrap_or_default();
    for (period, row) in periods.iter().zip(load) {
        if let Some(used) = used.get_mut(usize::from(*period)) {
            *used += i128::from(*row);
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

/// The top of a tier in milliwatts times intervals; nothing where it is open.
fn milliwatt_slots(metered: Metered<'_>, month: &Month, tier: &Tier, billed: i64) -> Option<i128> {
    let top = tier.up_to?;
    let (hours, minutes) = metered.table.per_hour();
    let kilowatts = if top.per_kw { billed } else { MW_PER_KW };
    let days = if top.per_day { month.days } else { 1 };
    let times = i128::from(kilowatts) * i128::from(days) * hours;
    let exact = mul_div(top.steps, times, ONE * minutes);
    Some(exact.unwrap_or_else(|| (top.steps / ONE).saturating_mul(times) / minutes))
}
