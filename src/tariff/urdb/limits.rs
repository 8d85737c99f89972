//! What the referee does not bill as it is written: a rate of which it would say something else is refused by the field.

use std::collections::BTreeSet;

use super::read::{DemandUnit, Rate};
use super::structure::{Schedule, Tier};
use crate::tariff::exact::ONE;

/// Fields that NREL's SSC refuses itself, or bills by a rule of its own that the format does not know.
pub(super) fn fields(rate: &Rate) -> Vec<&'static str> {
    let mut fields = Vec::new();
    if differ(&rate.energy, &rate.energy_at, |tier| (tier.top, tier.unit)) {
        fields.push("energyratestructure.max");
    }
    if differ(&rate.demand, &rate.demand_at, |tier| tier.top) {
        fields.push("demandratestructure.max");
    }
    let negative = rate.energy.iter().flatten().any(|tier| tier.price.0 < 0);
    let in_steps = |met: &BTreeSet<usize>| {
        met.len() > 1 && met.iter().any(|period| rate.energy.get(*period).is_some_and(|tiers| tiers.len() > 1))
    };
    if negative && met(&rate.energy_at).iter().any(in_steps) {
        // With a negative price it fills steps in the order of use.
        fields.push("energyratestructure.rate");
    }
    if rate.ratchet.as_ref().is_some_and(|ratchet| (1..11).contains(&ratchet.months)) {
        // It looks back one month further over a New Year than within a year.
        fields.push("lookbackrange");
    }
    if rate.ratchet.as_ref().is_some_and(|ratchet| ratchet.share > ONE) {
        fields.push("lookbackpercent");
    }
    fields
}

/// What a file of our own cannot say.
pub(super) fn unsayable(rate: &Rate) -> Vec<&'static str> {
    let mut fields = Vec::new();
    let is_lost = |unit: DemandUnit| unit == DemandUnit::Other || unit == DemandUnit::KwDaily && rate.ratchet.is_some();
    if !rate.flat.is_empty() && is_lost(rate.flat_unit) {
        fields.push("flatdemandunit");
    }
    if !rate.demand.is_empty() && is_lost(rate.demand_unit) {
        fields.push("demandrateunit");
    }
    fields
}

/// The periods that meet in each month.
pub(super) fn met(schedules: &[Schedule; 2]) -> Vec<BTreeSet<usize>> {
    let month = |month| schedules.iter().filter_map(|schedule| schedule.get(month)).flatten().copied().collect();
    (0..12).map(month).collect()
}

/// Whether periods that meet in a month have other steps.
pub(super) fn differ<K: PartialEq>(periods: &[Vec<Tier>], schedules: &[Schedule; 2], of: impl Fn(&Tier) -> K) -> bool {
    let steps = |period: &usize| periods.get(*period).map(|tiers| tiers.iter().map(&of).collect::<Vec<_>>());
    met(schedules).iter().any(|met| {
        let mut all = met.iter().map(steps);
        let first = all.next();
        all.any(|other| Some(other) != first)
    })
}
