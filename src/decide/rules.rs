//! The reasons to draw less, one small function each, in order of authority.
//!
//! A rule says the most that all miners together may draw, and its name. A later rule can narrow what an earlier one left,
//! never widen it. To add a reason to curtail is to add a function here, a line to [`RULES`], a cause, a story and a row in
//! the operator's page.

use super::billing::Guard;
use super::costs::{self, Costs};
use super::firm::Firm;
use super::standing::Standing;
use crate::plan::{Bound, Cause, Retreat, Scope, Stand};
use crate::sabotage::{self, Sabotage};
use crate::site::FeederIx;
use crate::snapshot::Snapshot;
use crate::units::Power;

/// What a rule may look at.
pub(super) struct Facts<'a> {
    pub(super) standing: &'a Standing,
    pub(super) snapshot: &'a Snapshot,
    pub(super) firm: &'a Firm,
    /// The operator's cap as far as it has slid by now.
    pub(super) cap: Option<Power>,
    /// Where the fail-safe stands.
    pub(super) stand: Stand,
    /// How much may be imported for the sake of the bill; nothing where no demand is billed.
    pub(super) peak: Option<Guard>,
    /// What power costs.
    pub(super) costs: Costs,
}

type Rule = fn(&Facts<'_>) -> Option<Power>;

/// Every rule in order of authority.
const RULES: [(Cause, Rule); 10] = [
    (Cause::EStop, e_stop),
    (Cause::ImportLimit, import_limit),
    (Cause::AiHallUnknown, ai_hall_unknown),
    (Cause::PoiUnknown, poi_unknown),
    (Cause::FeederRating, feeder_rating),
    (Cause::BillingPeak, billing_peak),
    (Cause::OperatorCap, operator_cap),
    (Cause::Drain, drain),
    (Cause::Price, price),
    (Cause::Nameplate, nameplate),
];

/// Asks every rule.
pub(super) fn bounds(facts: &Facts<'_>) -> Vec<Bound> {
    let ask = |(cause, rule): &(Cause, Rule)| {
        rule(facts).map(|most| Bound { scope: Scope::Site, at_most: most.or_zero(), cause: *cause })
    };
    RULES.iter().filter_map(ask).collect()
}

/// The tightest bound; of equal ones, the one with more authority.
pub(super) fn tightest(bounds: &[Bound]) -> Option<Bound> {
    bounds.iter().copied().reduce(|best, next| if next.at_most < best.at_most { next } else { best })
}

/// A person pressed e-stop, or the fail-safe did: every miner off, at once.
fn e_stop(facts: &Facts<'_>) -> Option<Power> {
    (facts.stand.retreat == Retreat::Terminate).then_some(Power::ZERO)
}

/// The site draws no more than its connection allows, whatever the hall can become before the miners are gone.
fn import_limit(facts: &Facts<'_>) -> Option<Power> {
    (!facts.firm.hall_unknown && !facts.firm.poi_unknown).then(|| headroom(facts, facts.standing.site.poi.import_limit))
}

/// A hall that nobody can see counts as its nameplate.
fn ai_hall_unknown(facts: &Facts<'_>) -> Option<Power> {
    facts.firm.hall_unknown.then(|| headroom(facts, facts.standing.site.poi.import_limit))
}

/// A POI that nobody has seen for long: the firm load may have become more than its meters say.
fn poi_unknown(facts: &Facts<'_>) -> Option<Power> {
    let unknown = facts.firm.poi_unknown && !facts.firm.hall_unknown;
    unknown.then(|| headroom(facts, facts.standing.site.poi.import_limit))
}

/// A transformer or feeder carries no more than its rating, whatever the site as a whole may draw.
fn feeder_rating(facts: &Facts<'_>) -> Option<Power> {
    let (free, behind) = facts.standing.behind.split_last()?;
    let bound = |(feeder, miners): (FeederIx, &Power)| feeder_bound(facts, feeder, 0).or_zero().min(*miners);
    let most = behind.iter().enumerate().map(bound).sum::<Power>();
    (most < behind.iter().copied().sum()).then_some(most + *free)
}

/// The mean of the window that runs stays at what is paid already, or worth paying.
fn billing_peak(facts: &Facts<'_>) -> Option<Power> {
    facts.peak.map(|peak| peak.shed - facts.firm.now)
}

/// The operator wants less import than the limit allows.
fn operator_cap(facts: &Facts<'_>) -> Option<Power> {
    facts.cap.map(|cap| headroom(facts, cap))
}

/// The controller is ending: the miners go down the ramp, never off the cliff.
fn drain(facts: &Facts<'_>) -> Option<Power> {
    facts.snapshot.orders.drain.then_some(Power::ZERO)
}

/// Power that costs more than it earns is not drawn.
fn price(facts: &Facts<'_>) -> Option<Power> {
    if facts.costs.all_earn(facts.standing.lowest_break_even) {
        return None;
    }
    let earning = costs::earning(facts.standing, &facts.costs);
    (earning < facts.standing.behind.iter().copied().sum()).then_some(earning)
}

/// No group draws more than it has.
fn nameplate(facts: &Facts<'_>) -> Option<Power> {
    Some(facts.standing.behind.iter().copied().sum())
}

/// A limit on import less the worst case of the firm load by the time the fastest class is gone.
fn headroom(facts: &Facts<'_>, limit: Power) -> Power {
    limit - facts.firm.worst.first().copied().unwrap_or(facts.firm.nameplate)
}

/// What the miners of this class and slower may draw behind a feeder: its rating less the firm load that shares it.
pub(super) fn feeder_bound(facts: &Facts<'_>, feeder: FeederIx, class: usize) -> Power {
    if sabotage::is(Sabotage::FeederIgnored) {
        return Power::MAX;
    }
    let site = &facts.standing.site;
    let share = |load: &crate::site::FirmLoad, worst: &[Power]| match load.feeder == Some(feeder) {
        true => worst.get(class).copied().unwrap_or(load.nameplate),
        false => Power::ZERO,
    };
    let rating = site.feeders.get(feeder).map_or(Power::ZERO, |feeder| feeder.rating);
    rating - share(&site.hall, &facts.firm.hall) - share(&site.house, &facts.firm.house)
}

/// The import that may be drawn now: the limit, or the operator's cap on its way down where that is lower.
pub(super) fn import_bound(facts: &Facts<'_>) -> Power {
    let limit = facts.standing.site.poi.import_limit;
    let higher = sabotage::is(Sabotage::MaxForMin);
    facts.cap.map_or(limit, |cap| if higher { cap.max(limit) } else { cap.min(limit) })
}
