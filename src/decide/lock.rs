//! Groups that a person locked: their miners are being upgraded, or somebody works on them. Nothing is switched there by any rule, and
//! nothing is said to their miners; all that has power there counts in full, for it may start anew at any moment, so others make
//! room. E-stop and the end of the program are for all.

use super::follow::Following;
use super::memory::GroupMemory;
use super::sleep;
use super::standing::{Fixed, Standing};
use crate::site::GroupIx;
use crate::snapshot::Snapshot;
use crate::units::Power;

/// Locks a group, or lets it be switched again, as it is ordered.
pub(super) fn turn(standing: &Standing, snapshot: &Snapshot, ix: GroupIx, fixed: &Fixed, kept: &mut GroupMemory) {
    let ordered = &snapshot.orders;
    let name = || standing.site.groups.get(ix).map_or("", |group| group.name.as_str());
    let locked = !ordered.locked.is_empty() && ordered.locks(name());
    if kept.locked && !locked {
        open(fixed, kept, snapshot);
    }
    kept.locked = locked;
}

/// What was under way when it was locked begins anew; miners with power that were not told to run may be on their way up.
fn open(fixed: &Fixed, kept: &mut GroupMemory, snapshot: &Snapshot) {
    let now = snapshot.now.mono;
    (kept.level.proved, kept.level.since) = (0, now);
    if kept.lowering.is_some() {
        (kept.lowering, kept.shown) = (Some(now), None);
    }
    sleep::opened(fixed, kept, now);
}

impl Following<'_> {
    /// What a locked group counts: all that has power, by its orders or by its own word, and what is measured where that is more.
    pub(super) fn locked(&self, kept: &mut GroupMemory, told: u64) {
        let powered = self.fixed.outlets_of(told, kept.asleep.cut) | self.seen.on.map_or(0, |(on, _)| on);
        kept.counted = self.fixed.power_of(powered).max(self.measured());
        (kept.at_full, kept.not_following, kept.beyond) = (false, false, Power::ZERO);
    }
}
