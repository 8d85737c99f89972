//! What all groups draw, summed once a tick in the pass that counts each of them: as they were told, for the limits; as they
//! are counted, for what may come back. Lowering a group later in the tick changes only the first.

use super::contactor::Severed;
use super::memory::GroupMemory;
use super::room::Taken;
use super::sleep;
use super::standing::{ClassIx, Fixed, Standing};
use crate::snapshot::GroupSeen;
use crate::time::Mono;
use crate::units::Power;

/// What all groups draw.
pub(super) struct Drawn {
    /// When every group draws what it was told: one that was told to lower counts for each class by whose time it is not gone
    /// yet, one that cannot be controlled counts for all as what it is counted, and so does what a group draws beyond
    /// what it was told.
    pub(super) told: Taken,
    /// When every group draws what it is counted to draw.
    pub(super) counted: Taken,
    /// That, together.
    pub(super) all: Power,
    /// What groups with nothing pending are measured to draw, at most what they count: the least that is drawn.
    pub(super) seen: Power,
    /// A group has a unit that it was not told on.
    pub(super) any_off: bool,
}

impl Drawn {
    /// Of no group yet.
    pub(super) fn new(standing: &Standing) -> Self {
        let nothing = Taken::new(standing.site.feeders.len(), standing.classes.len());
        Self { told: nothing.clone(), counted: nothing, all: Power::ZERO, seen: Power::ZERO, any_off: false }
    }

    /// Adds what is measured of a group.
    pub(super) fn see(&mut self, seen: &GroupSeen, kept: &GroupMemory) {
        if let Some((power, _)) = seen.power.known().filter(|_| kept.controllable() && kept.lowering.is_none()) {
            self.seen += power.min(kept.counted);
        }
    }

    /// Adds a group.
    pub(super) fn add(&mut self, standing: &Standing, fixed: &Fixed, kept: &GroupMemory, now: Mono) {
        self.all += kept.counted;
        if kept.severed == Severed::Dark {
            return self.any_off = true;
        }
        self.any_off |= kept.told != Some(fixed.all_on) || kept.level.low != 0;
        if !kept.controllable() {
            // A contactor that opens is relied on as any command is, for as long as it may take.
            let told = if kept.severed == Severed::InTime { Power::ZERO } else { kept.counted };
            self.told.add(fixed.feeder, ClassIx::MAX, told);
            self.counted.add(fixed.feeder, ClassIx::MAX, kept.counted);
            return;
        }
        let told = fixed.power_at(kept.told.unwrap_or(0), kept.level.proved);
        let counted = (kept.counted - kept.beyond).or_zero();
        self.told.add(fixed.feeder, fixed.class, told);
        self.counted.add(fixed.feeder, fixed.class, counted);
        // What falls asleep draws a little when it sleeps: it has its room before.
        let idle = kept.lowering.map_or(Power::ZERO, |_| fixed.asleep(kept.told.unwrap_or(0), kept.asleep.cut));
        let stays = kept.beyond.max(idle);
        if stays != Power::ZERO {
            self.told.add(fixed.feeder, ClassIx::MAX, stays);
        }
        if kept.beyond != Power::ZERO {
            self.counted.add(fixed.feeder, ClassIx::MAX, kept.beyond);
        }
        if let Some(since) = kept.lowering {
            let rest = (counted - told).or_zero();
            if sleep::is_slow(fixed, kept) {
                // Its idle watts are among what it draws still.
                let more = (rest - (stays - kept.beyond)).or_zero();
                return self.told.add(fixed.feeder, fixed.class, more);
            }
            standing.late(fixed.class, since, now).for_each(|class| self.told.add_late(fixed.feeder, class, rest));
        }
    }
}
