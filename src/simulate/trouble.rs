//! What of the faults can still be the reason for what is seen: noted once a look, asked by every promise.

pub(super) use super::fault::AFTERMATH;
use super::fault::{Class, Part};
use super::world::World;
use crate::site::Site;
use crate::time::Mono;

/// What may be wrong, and until or since when.
pub(super) struct Trouble {
    /// Until when any fault may be the reason.
    pub(super) troubled_until: Mono,
    /// Until when no meter can be believed.
    pub(super) blind_until: Mono,
    /// Until when the hall may draw beyond its nameplate, or be the reason why anybody does.
    pub(super) beyond_until: Mono,
    /// Until when an operator's caps may follow each other.
    pub(super) flaps_until: Mono,
    /// Per meter (POI, hall, house) until when it may have a wrong value, and until when it may have none.
    pub(super) lies_until: [Mono; 3],
    pub(super) lost_until: [Mono; 3],
    /// Per group until when it may not obey, and until when that may be its PDU's fault.
    pub(super) odd_until: Vec<Mono>,
    pub(super) pdu_odd_until: Vec<Mono>,
    /// Since when the meters of the POI and the hall say nothing.
    pub(super) meters_silent: [Option<Mono>; 2],
    /// Since when nothing becomes durable.
    pub(super) disk_bad: Option<Mono>,
    /// Since when e-stop is pressed.
    pub(super) stopped: Option<Mono>,
}

impl Trouble {
    pub(super) fn new(site: &Site) -> Self {
        Self {
            troubled_until: Mono::START,
            blind_until: Mono::START,
            beyond_until: Mono::START,
            flaps_until: Mono::START,
            lies_until: [Mono::START; 3],
            lost_until: [Mono::START; 3],
            odd_until: vec![Mono::START; site.groups.len()],
            pdu_odd_until: vec![Mono::START; site.groups.len()],
            meters_silent: [None; 2],
            disk_bad: None,
            stopped: None,
        }
    }

    /// Looks at the faults in force, and at those that came and went.
    pub(super) fn note(&mut self, world: &World<'_>, now: Mono) {
        let after = now.after(AFTERMATH);
        let mut lies_low = [false; 3];
        for fault in world.struck() {
            let after = now.after(fault.aftermath(world.site()));
            self.troubled_until = self.troubled_until.max(after);
            match fault.class {
                Class::HallBeyond => self.beyond_until = after,
                Class::Flapping => self.flaps_until = after,
                _ => {}
            }
            let until = |all: &mut [Mono]| {
                all.iter_mut().skip(fault.target).take(1).for_each(|until| *until = after.max(*until))
            };
            if fault.lies() {
                until(&mut self.lies_until);
            }
            if fault.says_nothing() {
                until(&mut self.lost_until);
            }
            if fault.disobeys() {
                until(&mut self.pdu_odd_until);
            }
            if fault.disobeys() || fault.class.strikes() == Part::Miner {
                until(&mut self.odd_until);
            }
            if fault.lies() || fault.says_nothing() {
                lies_low.iter_mut().skip(fault.target).take(1).for_each(|lies| *lies = true);
            }
        }
        // Who has no power hears nothing, and comes back as its PDU does.
        for group in (0..self.odd_until.len()).filter(|group| !world.plant.has_power(*group)) {
            for all in [&mut self.odd_until, &mut self.pdu_odd_until] {
                all.iter_mut().skip(group).take(1).for_each(|until| *until = after.max(*until));
            }
        }
        if let [true, true, _] = lies_low {
            self.blind_until = after;
        }
        self.since(world, now);
    }

    fn since(&mut self, world: &World<'_>, now: Mono) {
        let silent = |target: usize| world.struck().any(|fault| fault.target == target && fault.says_nothing());
        for (target, since) in self.meters_silent.iter_mut().enumerate() {
            *since = silent(target).then(|| since.unwrap_or(now));
        }
        let disk_bad = world.is(Class::DiskFull) || world.is(Class::SyncFails);
        self.disk_bad = disk_bad.then(|| self.disk_bad.unwrap_or(now));
        self.stopped = world.heard().e_stop.then(|| self.stopped.unwrap_or(now));
    }

    /// Whether a group's PDU does what it is told and shows what is so, whatever its miners do.
    pub(super) fn switches(&self, group: usize, now: Mono) -> bool {
        self.pdu_odd_until.get(group).is_some_and(|until| now > *until)
    }

    /// Whether any meter may have a wrong value.
    pub(super) fn is_lied_to(&self, now: Mono) -> bool {
        self.lies_until.iter().any(|until| now <= *until)
    }

    /// Whether this meter may have no value.
    pub(super) fn is_lost(&self, meter: usize, now: Mono) -> bool {
        self.lost_until.get(meter).is_some_and(|until| now <= *until)
    }
}

/// Where a fault strikes the hall's meter, and the house's.
pub(super) const HALL: usize = 1;
/// The house's.
pub(super) const HOUSE: usize = 2;

#[cfg(test)]
mod tests {
    use super::super::fault::Fault;
    use super::*;

    #[test]
    fn a_garbled_meter_says_nothing_or_lies_and_never_both() {
        let fault = |class, degree| Fault { class, from: Mono::START, to: Mono::START, target: 0, degree };
        for degree in 0..10 {
            let garbled = fault(Class::MeterGarbled, degree);
            assert_ne!(garbled.says_nothing(), garbled.lies());
        }
        assert!(fault(Class::MeterSilent, 1).says_nothing() && fault(Class::MeterDips, 2).lies());
    }
}
