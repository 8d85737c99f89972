//! What is paid for load that can go: credits, which are negative.

use super::{Amount, Basis, Entry, Metered, for_power, per_hour};
use crate::tariff::table::Month;
use crate::tariff::{Interruptible, Programme};

/// The credit for what is drawn above the firm level.
pub(super) fn interruptible(rider: &Interruptible, highest: i64) -> Entry {
    let above = (highest - rider.firm).max(0);
    Entry { amount: Amount::ZERO - for_power(rider.credit, above), basis: Basis::Ready(above, 0) }
}

/// The payment for standing ready, in every hour in which the programme asks for it.
pub(super) fn programme(metered: Metered<'_>, month: &Month, programme: &Programme) -> Entry {
    let table = metered.table;
    let is_armed = |slot: &usize| table.day_of(*slot).is_some_and(|day| table.is_in(&programme.window, day, *slot));
    let slots = month.slots.clone().filter(is_armed).count();
    let energy = i128::from(programme.obligation) * i128::try_from(slots).unwrap_or(0);
    let paid = per_hour(table, Amount::of(programme.pay, energy));
    Entry { amount: Amount::ZERO - paid, basis: Basis::Ready(programme.obligation, slots) }
}
