//! Reactive power, and the power factor.

use super::{Amount, Basis, Entry, Lack, Metered, for_power, highest, part};
use crate::tariff::Reactive;
use crate::tariff::exact::ONE;
use crate::tariff::table::Month;

/// What the highest reactive power of a month costs above what is free.
pub(super) fn entry(
    metered: Metered<'_>,
    month: &Month,
    charge: &Reactive,
    line: usize,
    lacks: &mut Vec<Lack>,
) -> Entry {
    let Some(reactive) = metered.reactive else {
        lacks.push(Lack::Reactive { line });
        return Entry { basis: Basis::Reactive(0), ..Entry::default() };
    };
    let rows = reactive.get(month.slots.start..month.slots.end.min(reactive.len())).unwrap_or_default();
    let free = part(highest(metered.load_of(month)), charge.above);
    let above = (highest(rows) - free).max(0);
    let mut amount = Amount::ZERO;
    for stretch in metered.table.stretches(month) {
        match charge.price.at(stretch.first) {
            Some(price) => amount += for_power(*price, above).times(stretch.days.into(), month.days.into()),
            None => lacks.push(Lack::Rate { line, date: stretch.first }),
        }
    }
    Entry { amount, basis: Basis::Reactive(above) }
}

/// The power factor of a month's energy, in steps of 1e-15; nothing where the meter shows no reactive power.
pub(super) fn power_factor(metered: Metered<'_>, month: &Month) -> Option<i128> {
    let reactive = metered.reactive?;
    let rows = reactive.get(month.slots.start..month.slots.end.min(reactive.len())).unwrap_or_default();
    let sum = |rows: &[i64]| rows.iter().map(|row| u128::from(row.unsigned_abs())).sum::<u128>() / 1_000;
    let (real, reactive) = (sum(metered.load_of(month)), sum(rows));
    let apparent = (real * real).saturating_add(reactive * reactive).isqrt();
    let factor = i128::try_from(real).ok()?.checked_mul(ONE)?.checked_div(i128::try_from(apparent).ok()?);
    Some(factor.unwrap_or(ONE))
}

/// Apparent power in thousandths of a VA, rounded down; the real power where the meter shows no other.
pub(super) fn apparent(metered: Metered<'_>) -> Vec<i64> {
    let reactive = metered.reactive.unwrap_or_default().iter().copied().chain(std::iter::repeat(0));
    let square = |row: i64| u128::from(row.unsigned_abs()) * u128::from(row.unsigned_abs());
    let each = metered.load.iter().zip(reactive);
    each.map(|(real, reactive)| i64::try_from((square(*real) + square(reactive)).isqrt()).unwrap_or(i64::MAX)).collect()
}
