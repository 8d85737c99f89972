//! The contactors of feeders: what they were told, and what they do of it.

use super::{ANSWERS, World};
use crate::simulate::fault::{Class, Fault};
use crate::simulate::link::Wrote;
use crate::site::FeederIx;
use crate::time::Mono;

impl World<'_> {
    /// The controller opened these feeders: they stay so until the operator has looked.
    pub(in crate::simulate) fn opened(&mut self, feeders: impl Iterator<Item = String>) {
        let now = self.plant.at();
        feeders.for_each(|feeder| self.operator.opened(feeder, now));
    }

    /// A command arrives at the contactor of a feeder. One that sticks shows what it was told, with its contacts welded, or does nothing.
    pub(in crate::simulate) fn switch_feeder(&mut self, feeder: FeederIx, closed: bool, at: Mono) -> Wrote {
        let sticks = self.sticks(feeder).map(|fault| fault.degree % 2 == 0);
        if sticks != Some(false) {
            let _ = if closed { self.open_coils.remove(&feeder) } else { self.open_coils.insert(feeder) };
        }
        self.follow_coil(feeder);
        Wrote::Answered(at.after(ANSWERS))
    }

    /// The fault for which the contactor of a feeder does not move.
    fn sticks(&self, feeder: FeederIx) -> Option<&Fault> {
        let nth = self.site.contactors().position(|(ix, _)| ix == feeder)?;
        self.on(Class::ContactorSticks, nth)
    }

    /// A contactor does what its coil says. What is behind it loses its power, or gets it back with its outlets as the site declares.
    pub(super) fn follow_coil(&mut self, feeder: FeederIx) {
        let opens = self.open_coils.contains(&feeder);
        if self.sticks(feeder).is_some() || self.plant.is_open(feeder) == opens {
            return;
        }
        self.plant.open(feeder, opens);
        let off = self.site.contactors().any(|(ix, contactor)| ix == feeder && contactor.returns_off);
        for (ix, group) in self.site.groups.iter().enumerate() {
            if !opens && off && group.feeder == Some(feeder) {
                self.set(ix, |outlets| (outlets.commanded, outlets.own_will, outlets.pending) = (0, 0, None));
            }
        }
    }
}
