//! The contactors of the feeders of a test site.

use ballast::plan::Plan;
use ballast::snapshot::{GroupSeen, Link, Reading};
use ballast::time::Mono;

use super::Bench;

/// The contactor of one feeder.
#[derive(Clone, Debug, Default)]
pub struct Feeding {
    /// It is open, or on its way there.
    pub open: bool,
    /// When that took effect.
    since: Mono,
    /// It answers and does nothing.
    pub sticks: bool,
    written: Option<(u64, Mono)>,
}

impl Bench {
    /// Whether the feeder of a group has power.
    pub(super) fn is_fed(&self, ix: usize) -> bool {
        let contactor = self.standing.groups[ix].contactor.map(|contactor| &self.feeding[contactor]);
        contactor.is_none_or(|of| !of.open || self.now < of.since)
    }

    /// What the devices of the contactors show, and the meters of their feeders.
    pub(super) fn contactors(&self) -> Vec<GroupSeen> {
        let all = self.standing.contactors.iter().zip(&self.feeding);
        all.map(|(fixed, of)| GroupSeen {
            link: Link::Up,
            power: Reading::Known(fixed.groups.iter().map(|ix| self.draws(*ix)).sum(), self.now),
            on: Some((u64::from(!of.open), self.now)),
            written: of.written,
            miners: None,
        })
        .collect()
    }

    /// The contactors do what they are told, and the loop keeps in its orders what was opened.
    pub(super) fn switch_feeders(&mut self, plan: &Plan) {
        let names = plan.opened().map(|feeder| self.standing.site.feeders[feeder].name.clone());
        self.orders.open.extend(names);
        for ((fixed, of), told) in self.standing.contactors.iter().zip(&mut self.feeding).zip(&plan.contactors) {
            let Some(closed) = *told else { continue };
            if of.written.map(|(on, _)| on) != Some(u64::from(closed)) {
                of.written = Some((u64::from(closed), self.now));
            }
            if !of.sticks && of.open == closed {
                (of.open, of.since) = (!closed, self.now.after(fixed.response));
            }
        }
    }
}
