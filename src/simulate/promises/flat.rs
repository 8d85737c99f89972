//! Orders hold as they were told last. Where the operator cannot be heard nothing falls back to anything; an order that is told
//! again is one order, and one record.

use super::{Found, Promise, SLACK, Sight};
use crate::simulate::fault::Class;
use crate::snapshot::Orders;
use crate::time::Mono;

#[derive(Default)]
pub(super) struct Flat {
    /// Since when the operator cannot be heard.
    lost: Option<Mono>,
}

impl Flat {
    pub(super) fn look(&mut self, sight: &Sight<'_, '_>) -> Found {
        let (records, changes) = (sight.world.order_records, sight.world.order_changes());
        if records > changes {
            return Some((Promise::Flat, format!("{records} records of orders that changed {changes} times")));
        }
        self.lost = sight.world.is(Class::OperatorLost).then(|| self.lost.unwrap_or(sight.now));
        let (lost, since) = (self.lost?, sight.controls()?);
        if sight.now.since(lost.max(since)) <= SLACK {
            return None;
        }
        let (heard, holds) = (sight.world.heard(), &sight.world.in_force);
        let wrong = if since <= lost { heard != holds } else { !at_least(holds, heard) };
        wrong.then(|| (Promise::Flat, format!("{holds:?} is in force, and {heard:?} was told last")))
    }
}

/// Whether these let no more run. A start may remember something stricter, which nobody can lift while the operator is lost.
fn at_least(holds: &Orders, heard: &Orders) -> bool {
    let cap = heard.cap.is_none_or(|cap| holds.cap.is_some_and(|held| held <= cap));
    cap && holds.e_stop >= heard.e_stop
}
