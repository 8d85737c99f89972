//! How a drill lowers and raises: down at once, up in batches as the site file lets load come back, and only what fits
//! ([`super::room`]) and is announced in a record that is durable.

use std::collections::BTreeMap;
use std::time::Duration;

use super::room::Short;
use super::stage::{Broken, Stage};
use super::trial::Way;
use crate::site::GroupIx;
use crate::time::Mono;
use crate::units::Power;

/// Most power that a ramp may run ahead by, as in the decision: units are whole.
const LEAD: Duration = Duration::from_millis(200);

impl Stage {
    /// Puts these units on, in batches on the restore ramp. `durable` is asked before each batch. Waits for room for so long, and for a
    /// meter that shows nothing just then for as long again.
    pub(super) fn raise(
        &mut self,
        wanted: &BTreeMap<GroupIx, u64>,
        room_within: Duration,
        durable: &mut dyn FnMut() -> bool,
    ) -> Result<(), Broken> {
        let (mut credit, mut last) = (Power::ZERO, self.clock.mono());
        let mut batch_at: BTreeMap<usize, Mono> = BTreeMap::new();
        let mut since = last;
        loop {
            let missing = |(ix, units): (&GroupIx, &u64)| (*ix, units & !self.running(*ix));
            let missing: Vec<(GroupIx, u64)> = wanted.iter().map(missing).filter(|(_, units)| *units != 0).collect();
            if missing.is_empty() {
                return Ok(());
            }
            let now = self.tick()?;
            let ramp = self.site().restore.ramp;
            let most = self.standing.largest_unit.max(ramp.over(LEAD));
            credit = (credit + ramp.over(now.since(last).min(Duration::from_secs(1)))).min(most);
            last = now;
            let Some((ix, units)) = self.next_batch(&missing, credit, &batch_at, now) else { continue };
            let feeder = self.standing.groups.get(ix).map_or(usize::MAX, |fixed| fixed.feeder);
            match self.fits(now, &BTreeMap::from([(ix, self.running(ix) | units)])) {
                Ok(()) => {}
                Err(_) if now.since(since) < room_within => continue,
                // A meter that misses a moment is no answer to whether there is room.
                Err(Short::Stale(_)) if now.since(since) < room_within.saturating_mul(2) => continue,
                Err(short) => return Err(Broken::NoRoom(self.words(&short))),
            }
            if !durable() {
                return Err(Broken::NotDurable);
            }
            credit -= self.standing.groups.get(ix).map_or(Power::ZERO, |fixed| fixed.power_of(units));
            batch_at.insert(feeder, now);
            since = now;
            self.put_on(ix, units);
        }
    }

    /// The next units within ramp, batch and stagger.
    fn next_batch(
        &self,
        missing: &[(GroupIx, u64)],
        credit: Power,
        batch_at: &BTreeMap<usize, Mono>,
        now: Mono,
    ) -> Option<(GroupIx, u64)> {
        let restore = &self.site().restore;
        missing.iter().find_map(|(ix, units)| {
            let fixed = self.standing.groups.get(*ix)?;
            let rests = batch_at.get(&fixed.feeder).is_some_and(|at| now.since(*at) < restore.stagger);
            let fit = credit.min(restore.batch).whole_units(fixed.unit);
            let some = first(*units, u32::try_from(fit).unwrap_or(0));
            (!rests && some != 0).then_some((*ix, some))
        })
    }

    fn put_on(&mut self, ix: GroupIx, units: u64) {
        let Some(subject) = self.subjects.get(&ix) else { return };
        let (outlets, awake) =
            subject.told.or(subject.found.map(|found| (found.outlets, found.units))).unwrap_or_default();
        let awake = if self.standing.groups.get(ix).is_some_and(|fixed| fixed.sleep.is_some()) {
            awake | units
        } else {
            outlets | units
        };
        self.tell(ix, outlets | units, awake);
    }

    /// Lowers a group by one of its ways; which of its outlets, or miners, these were.
    pub(super) fn lower(&mut self, ix: GroupIx, way: Way) {
        let running = self.running(ix);
        let Some(subject) = self.subjects.get(&ix) else { return };
        let (outlets, awake) =
            subject.told.or(subject.found.map(|found| (found.outlets, found.units))).unwrap_or_default();
        match way {
            Way::Outlets => self.tell(ix, outlets & !running, awake),
            Way::Firmware => self.tell(ix, outlets, awake & !running),
        }
    }
}

/// So many of these units, the lowest first.
fn first(units: u64, some: u32) -> u64 {
    let mut left = units;
    while left.count_ones() > some {
        left &= !(1 << (63 - left.leading_zeros()));
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_so_many_units_and_the_lowest() {
        assert_eq!(first(0b1111_0000, 2), 0b0011_0000);
        assert_eq!(first(u64::MAX, 64), u64::MAX);
        assert_eq!(first(0b101, 0), 0);
    }
}
