//! What power costs each group: the price of the last watt at the level to which it would push the site.
//!
//! A tariff's price changes with the load: below a block that was bought ahead, above a tier. Groups stand above the firm load in merit order,
//! and each is asked at the top of its own place, so that those below a cliff run and those above it do not.

use super::firm::Firm;
use super::memory::Memory;
use super::standing::Standing;
use crate::market::{is_a_price, price_to_use};
use crate::sabotage::{self, Sabotage};
use crate::site::GroupIx;
use crate::snapshot::{Snapshot, Terms};
use crate::units::{Power, Price};

/// What power costs, group by group.
#[derive(Clone, Debug, Default)]
pub(super) struct Costs {
    /// The same for all; nothing where price curtails nothing.
    all: Option<Price>,
    /// One for each, where they differ.
    each: Vec<Price>,
}

/// Where the price comes from.
pub(super) enum Known<'a> {
    /// A tariff.
    Terms(&'a Terms),
    /// The price in force, or the declared fall-back.
    Flat(Option<Price>),
}

/// The price to decide on, from what the snapshot has and how old it is; and whether it is lost.
pub(super) fn in_force<'a>(standing: &Standing, snapshot: &'a Snapshot) -> (Known<'a>, bool) {
    let fresh = snapshot
        .price
        .filter(|seen| snapshot.now.mono.since(seen.at) <= standing.site.ages.price && is_a_price(seen.price))
        .map(|seen| seen.price);
    let fall_back = || Known::Flat(price_to_use(&standing.site.economics, None));
    match (&snapshot.terms, fresh) {
        (Some(terms), None) if terms.indexed => (fall_back(), true),
        (Some(terms), _) if !terms.steps.is_empty() => (Known::Terms(terms), false),
        (Some(_), _) => (fall_back(), true),
        (None, fresh) if standing.site.supply.is_none() => {
            (Known::Flat(price_to_use(&standing.site.economics, fresh)), fresh.is_none())
        }
        // A bare price is not what power costs here.
        (None, _) => (fall_back(), true),
    }
}

impl Costs {
    /// Reads what power costs each group.
    pub(super) fn read(standing: &Standing, memory: &Memory, firm: &Firm, known: &Known<'_>) -> Self {
        if sabotage::is(Sabotage::PriceIgnored) {
            return Self::default();
        }
        let terms = match known {
            Known::Flat(price) => return Self { all: *price, each: Vec::new() },
            Known::Terms(terms) => terms,
        };
        if let [(_, price)] = terms.steps.as_slice() {
            return Self { all: Some(*price), each: Vec::new() };
        }
        let mut level = memory.envelope.highest().max(firm.now);
        let mut each = vec![Price::MAX; standing.groups.len()];
        for ix in &standing.merit {
            let (Some(fixed), Some(price)) = (standing.groups.get(*ix), each.get_mut(*ix)) else { continue };
            let power = fixed.power_of(fixed.all_on);
            *price = terms.at(level + power).unwrap_or(Price::MAX);
            if *price < fixed.break_even {
                let low = if *price < fixed.full_break_even() { 0 } else { fixed.all_on };
                level += fixed.power_at(fixed.all_on, low);
            }
        }
        Self { all: each.first().copied(), each }
    }

    /// Whether a price curtails anything at all.
    pub(super) fn are_known(&self) -> bool {
        self.all.is_some()
    }

    /// Whether a group with this break-even earns.
    pub(super) fn earns(&self, ix: GroupIx, break_even: Price) -> bool {
        self.each.get(ix).copied().or(self.all).is_none_or(|price| price < break_even)
    }

    /// Whether everything earns: no group breaks even below this.
    pub(super) fn all_earn(&self, lowest: Price) -> bool {
        self.each.is_empty() && self.all.is_none_or(|price| price < lowest)
    }
}

/// What the groups that earn draw together.
pub(super) fn earning(standing: &Standing, costs: &Costs) -> Power {
    let all = standing.groups.iter().enumerate().filter(|(ix, fixed)| costs.earns(*ix, fixed.break_even));
    let low = |ix: usize, full: Price| costs.earns(ix, full);
    all.map(|(ix, fixed)| fixed.power_at(fixed.all_on, if low(ix, fixed.full_break_even()) { 0 } else { fixed.all_on }))
        .sum()
}
