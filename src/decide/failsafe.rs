//! The fail-safe: all that can be wrong with the site as a whole, what is done about it, and what clears it. One table; ages,
//! flags and time in, the furthest retreat out. Pure, and apart from the rules: a rule says how much may be drawn, this says
//! whether the controller may go on as it does.
//!
//! Each row holds first, then acts: most troubles are over before anybody must do something about them. Termination is final
//! until a person clears it. What is wrong with one group alone (a silent PDU, one that does not follow) is not here: it counts as
//! drawing, and others make room ([`super::follow`]).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plan::{Condition, Retreat, Stand};
use crate::sabotage::{self, Sabotage};
use crate::site::{PriceLost, Site};
use crate::time::Mono;
use crate::units::{Power, Share};

/// How many conditions there are.
pub const CONDITIONS: usize = Condition::ALL.len();

/// A meter that is back must have shown fresh values for so long.
const STEADY: Duration = Duration::from_secs(1);
/// A POI that was lost for so long that the site descended must have been back for so long.
const STEADY_AFTER_DESCENT: Duration = Duration::from_secs(10);
/// A record that is not durable after this is late.
const RECORD_LATE: Duration = Duration::from_secs(1);
/// Meters that differ for so long do not differ by their timing.
const DISAGREE_FOR: Duration = Duration::from_secs(3);
/// Meters agree within this part of the import limit, or within [`AGREE_WITHIN`] where that is more.
const AGREE_SHARE: Share = Share::from_ppm(20_000);
/// Meters agree within this.
const AGREE_WITHIN: Power = Power::from_kilowatts(50);

/// All that the table looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// The moment.
    pub now: Mono,
    /// E-stop is pressed.
    pub e_stop: bool,
    /// The controller is ending.
    pub drain: bool,
    /// Age of the POI's reading; nothing where there is none.
    pub poi_age: Option<Duration>,
    /// Import as read, where it is fresh.
    pub import: Option<Power>,
    /// Age of the hall's reading; nothing where there is none.
    pub hall_age: Option<Duration>,
    /// For how long no record has become durable though there were some.
    pub record_behind: Duration,
    /// No fresh price.
    pub price_lost: bool,
    /// By how much the POI shows more (or less) than all other meters can account for; zero where they do.
    pub residual: Power,
    /// What the under-frequency relay shows, and how old that is; nothing where the site has none.
    pub relay: Option<RelaySign>,
}

/// What the under-frequency relay shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelaySign {
    /// It has tripped, as it was seen last.
    pub tripped: bool,
    /// It would trip.
    pub armed: bool,
    /// Since it was seen; nothing where it never was.
    pub age: Option<Duration>,
}

/// A condition that holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Since when.
    pub began: Option<Mono>,
    /// When it was last seen to be so.
    pub seen: Mono,
    /// Since when it is acted on, after its hold.
    pub acts: Option<Mono>,
}

/// What clears a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clears {
    /// It must have been gone for this long; and for this long where it was acted on.
    Gone(Duration, Duration),
    /// Once acted on it is final: a person presses e-stop, and releases it.
    Person,
}

/// One row of the table.
pub struct Row {
    /// What is wrong.
    pub condition: Condition,
    /// Whether it is.
    is: fn(&Site, &Signs) -> bool,
    /// What is done at once.
    pub first: fn(&Site) -> Retreat,
    /// What is done after a hold.
    pub then: Option<Then>,
    /// What clears it.
    pub clears: Clears,
}

/// What is done where a condition does not go away by itself.
pub struct Then {
    /// For how long it is held before.
    pub hold: fn(&Site) -> Duration,
    /// What is done then.
    pub retreat: Retreat,
}

const AT_ONCE: Clears = Clears::Gone(Duration::ZERO, Duration::ZERO);

/// The table.
pub const TABLE: [Row; CONDITIONS] = [
    Row {
        condition: Condition::EStop,
        is: |_, signs| signs.e_stop,
        first: |_| Retreat::Terminate,
        then: None,
        clears: AT_ONCE,
    },
    Row {
        condition: Condition::OutOfControl,
        is: |site, signs| {
            signs.import.is_some_and(|import| import > site.poi.import_limit)
                && !sabotage::is(Sabotage::NeverTerminates)
        },
        first: |_| Retreat::None,
        then: Some(Then { hold: |site| site.failsafe.over_limit, retreat: Retreat::Terminate }),
        clears: Clears::Person,
    },
    Row {
        condition: Condition::PoiUnseen,
        is: |site, signs| is_old(signs.poi_age, site) && !sabotage::is(Sabotage::StalePoiRaises),
        first: |_| Retreat::Hold,
        then: Some(Then { hold: |site| site.failsafe.poi_unseen, retreat: Retreat::Descend }),
        clears: Clears::Gone(STEADY, STEADY_AFTER_DESCENT),
    },
    Row {
        // A hall without a meter counts as its nameplate always: there is nothing to wait for.
        condition: Condition::HallUnseen,
        is: |site, signs| {
            site.hall.meter.is_some() && is_old(signs.hall_age, site) && !sabotage::is(Sabotage::StaleHallRaises)
        },
        first: |_| Retreat::Hold,
        then: None,
        clears: Clears::Gone(STEADY, STEADY),
    },
    Row {
        condition: Condition::RecordLate,
        is: |_, signs| signs.record_behind >= RECORD_LATE,
        first: |_| Retreat::Hold,
        then: None,
        clears: AT_ONCE,
    },
    Row {
        condition: Condition::Draining,
        is: |_, signs| signs.drain,
        first: |_| Retreat::Descend,
        then: None,
        clears: AT_ONCE,
    },
    Row {
        condition: Condition::PriceLost,
        is: |_, signs| signs.price_lost,
        first: |site| match site.economics.price_lost {
            PriceLost::Curtail => Retreat::Descend,
            PriceLost::Run | PriceLost::Assume(_) => Retreat::Tell,
        },
        then: None,
        clears: AT_ONCE,
    },
    Row {
        condition: Condition::MetersDisagree,
        is: |site, signs| signs.residual.max(-signs.residual) > agree_within(site),
        first: |_| Retreat::None,
        then: Some(Then { hold: |_| DISAGREE_FOR, retreat: Retreat::Tell }),
        clears: Clears::Gone(Duration::ZERO, STEADY),
    },
    Row {
        // It was faster than anybody could be. Nobody fights it: what it tripped is told off, and comes back when a person says so.
        condition: Condition::RelayTripped,
        is: |_, signs| signs.relay.is_some_and(|relay| relay.tripped),
        first: |_| Retreat::Terminate,
        then: None,
        clears: Clears::Gone(STEADY, STEADY),
    },
    Row {
        condition: Condition::RelayUnseen,
        is: |site, signs| signs.relay.is_some_and(|relay| relay.age.is_none_or(|age| age > site.ages.device)),
        first: |_| Retreat::Hold,
        then: None,
        clears: Clears::Gone(STEADY, STEADY),
    },
    Row {
        condition: Condition::RelayDisarmed,
        is: |_, signs| signs.relay.is_some_and(|relay| relay.age.is_some() && !relay.armed && !relay.tripped),
        first: |_| Retreat::Tell,
        then: None,
        clears: Clears::Gone(STEADY, STEADY),
    },
];

fn is_old(age: Option<Duration>, site: &Site) -> bool {
    age.is_none_or(|age| age > site.ages.meter)
}

fn agree_within(site: &Site) -> Power {
    site.poi.import_limit.part(AGREE_SHARE).max(AGREE_WITHIN)
}

/// For how long a condition is acted on by now, after its hold; nothing where it is not.
pub fn acted_on(held: &[Held; CONDITIONS], condition: Condition, now: Mono) -> Option<Duration> {
    let place = TABLE.iter().position(|row| row.condition == condition);
    place.and_then(|place| held.get(place)?.acts).map(|since| now.since(since))
}

/// What changed with a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It began.
    Begins(Condition),
    /// Its hold is over: now it is acted on.
    Acts(Condition, Retreat),
    /// It is cleared.
    Clears(Condition),
}

/// Asks every row: the furthest retreat, and of equal ones the first in the table. `held` is what was held before.
pub fn stand(site: &Site, signs: &Signs, held: &mut [Held; CONDITIONS]) -> (Stand, Vec<Change>) {
    let (mut furthest, mut changes) = (Stand::default(), Vec::new());
    for (row, held) in TABLE.iter().zip(held) {
        let before = *held;
        let retreat = row.turn(site, signs, held);
        changes.extend(change(site, row, before, *held, retreat));
        if retreat > furthest.retreat {
            furthest = Stand { retreat, condition: Some(row.condition) };
        }
    }
    (furthest, changes)
}

impl Row {
    fn turn(&self, site: &Site, signs: &Signs, held: &mut Held) -> Retreat {
        let (is, now) = ((self.is)(site, signs), signs.now);
        if is {
            held.began.get_or_insert(now);
            held.seen = now;
        }
        let Some(began) = held.began else { return Retreat::None };
        if self.is_cleared(is, signs, held) {
            *held = Held::default();
            return Retreat::None;
        }
        let is_due = |then: &&Then| held.acts.is_some() || (is && now.since(began) >= (then.hold)(site));
        let Some(then) = self.then.as_ref().filter(is_due) else { return (self.first)(site) };
        held.acts.get_or_insert(now);
        then.retreat
    }

    fn is_cleared(&self, is: bool, signs: &Signs, held: &Held) -> bool {
        let gone = signs.now.since(held.seen);
        match (self.clears, held.acts) {
            (Clears::Gone(steady, _), None) => !is && gone >= steady,
            (Clears::Gone(_, steady), Some(_)) => !is && gone >= steady,
            (Clears::Person, None) => !is,
            (Clears::Person, Some(_)) => signs.e_stop,
        }
    }
}

/// What is told of a row: what it does at once when it begins, what it does after its hold, and its end where any of that was
/// told.
fn change(site: &Site, row: &Row, before: Held, after: Held, retreat: Retreat) -> Option<Change> {
    let told_at_once = (row.first)(site) != Retreat::None;
    match (before, after) {
        (Held { acts: None, .. }, Held { acts: Some(_), .. }) => Some(Change::Acts(row.condition, retreat)),
        (Held { began: None, .. }, Held { began: Some(_), .. }) if told_at_once => Some(Change::Begins(row.condition)),
        (Held { began: Some(_), acts, .. }, Held { began: None, .. }) if told_at_once || acts.is_some() => {
            Some(Change::Clears(row.condition))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
