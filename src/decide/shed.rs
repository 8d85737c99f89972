//! Shedding: at once and in parallel for a limit, on the site's ramp where the grid would see it.

use super::memory::Memory;
use super::room::{Room, Rooms};
use super::rules::{Facts, earns, feeder_bound, import_bound};
use super::standing::Standing;
use super::switch;
use crate::plan::{Cause, Event};
use crate::site::GroupIx;
use crate::time::Mono;
use crate::units::Power;

/// What was shed for one cause.
#[derive(Default)]
pub(super) struct Shed {
    power: Power,
    groups: u32,
}

impl Shed {
    fn add(&mut self, power: Power) {
        if power > Power::ZERO {
            self.power += power;
            self.groups += 1;
        }
    }

    /// As an event, where there was any.
    pub(super) fn event(self, cause: Cause) -> Option<Event> {
        (self.groups > 0).then_some(Event::Shed { cause, power_w: self.power, groups: self.groups })
    }
}

/// The room under the limits when every group draws what it was told: a group that was told to lower counts as drawing for
/// each class by whose time it is not gone yet. One that cannot be controlled counts as drawing for all, and so does what a
/// group draws beyond what it was told.
pub(super) fn rooms(facts: &Facts<'_>, memory: &Memory) -> Rooms {
    let standing = facts.standing;
    let bound = import_bound(facts);
    let site = Room::new(facts.firm.worst.iter().map(|worst| bound - *worst).collect());
    let classes = 0..standing.classes.len();
    let feeders = (0..standing.site.feeders.len())
        .map(|feeder| Room::new(classes.clone().map(|class| feeder_bound(facts, feeder, class)).collect()))
        .collect();
    let mut rooms = Rooms { site, feeders };
    for (ix, (kept, fixed)) in memory.groups.iter().zip(&standing.groups).enumerate() {
        if !controllable(memory, ix) {
            rooms.take_beyond(fixed.feeder, kept.counted);
            continue;
        }
        let told = told_power(standing, memory, ix);
        rooms.take(fixed.feeder, fixed.class, told);
        rooms.take_beyond(fixed.feeder, kept.beyond);
        if let Some(since) = kept.lowering {
            let going = late(standing, fixed.class, since, facts.snapshot.now.mono);
            let rest = (kept.counted - kept.beyond - told).or_zero();
            going.for_each(|class| rooms.take_at(fixed.feeder, class, rest));
        }
    }
    rooms
}

/// The faster classes by whose time a group of this class, told to lower then, is not gone yet.
fn late(standing: &Standing, class: usize, since: Mono, now: Mono) -> impl Iterator<Item = usize> + '_ {
    let gone = since.after(standing.classes.get(class).copied().unwrap_or_default());
    let period = standing.site.tick.period;
    (standing.classes.iter().enumerate().take(class))
        .filter(move |(_, response)| now.after(period).after(**response) < gone)
        .map(|(class, _)| class)
}

/// Whether a command to this group can be counted on.
pub(super) fn controllable(memory: &Memory, ix: GroupIx) -> bool {
    memory.groups.get(ix).is_some_and(|group| !group.silent && !group.not_following && group.told.is_some())
}

/// The nameplate power of what a group was told.
pub(super) fn told_power(standing: &Standing, memory: &Memory, ix: GroupIx) -> Power {
    match (standing.site.groups.get(ix), memory.groups.get(ix)) {
        (Some(group), Some(memory)) => group.power_of(memory.told.unwrap_or(0)),
        _ => Power::ZERO,
    }
}

/// Sheds what no longer fits, at once: within each class, fastest first, the worst efficiency first. Only the class whose
/// bound is overdrawn can help in its time; what it cannot give is overdrawn in the next class too, and found there.
pub(super) fn for_limits(standing: &Standing, memory: &mut Memory, now: Mono, rooms: Rooms) -> (Shed, Shed) {
    let mut by_feeder = Shed::default();
    let mut site = rooms.site;
    for (order, mut room) in standing.shed_behind.iter().zip(rooms.feeders).filter(|(_, room)| room.is_overdrawn()) {
        for ix in order.iter().copied() {
            let class = standing.groups.get(ix).map_or(usize::MAX, |fixed| fixed.class);
            let shed = lower_by(standing, memory, ix, room.overdrawn(class), now);
            if shed > Power::ZERO {
                give_back(standing, &mut room, class, shed, now);
                give_back(standing, &mut site, class, shed, now);
                by_feeder.add(shed);
            }
        }
    }
    let mut by_site = Shed::default();
    for class in 0..standing.classes.len() {
        for ix in standing.shed_order.get(class).into_iter().flatten().copied() {
            let over = site.overdrawn(class);
            if over <= Power::ZERO {
                break;
            }
            let shed = lower_by(standing, memory, ix, over, now);
            give_back(standing, &mut site, class, shed, now);
            by_site.add(shed);
        }
    }
    (by_site, by_feeder)
}

/// Lowers a group by at least this much, or all it has, in whole units; says by how much.
fn lower_by(standing: &Standing, memory: &mut Memory, ix: GroupIx, over: Power, now: Mono) -> Power {
    if over <= Power::ZERO || !controllable(memory, ix) {
        return Power::ZERO;
    }
    let (Some(group), Some(kept)) = (standing.site.groups.get(ix), memory.groups.get_mut(ix)) else {
        return Power::ZERO;
    };
    let units = (over + group.unit - Power::from_watts(1)).whole_units(group.unit);
    group.power_of(switch::lower(group, kept, units, now))
}

/// Power lowered now is gone for its own class and the faster ones whose time is not over before it.
fn give_back(standing: &Standing, room: &mut Room, class: usize, shed: Power, now: Mono) {
    room.take(class, -shed);
    late(standing, class, now, now).for_each(|class| room.take_at(class, shed));
}

/// E-stop: everything off, at once; also what never said what it has on.
pub(super) fn everything(standing: &Standing, memory: &mut Memory, now: Mono) -> Shed {
    let mut shed = Shed::default();
    for (group, kept) in standing.site.groups.iter().zip(&mut memory.groups) {
        kept.told = kept.told.or_else(|| {
            kept.lowering = Some(now);
            Some(0)
        });
        shed.add(group.power_of(switch::lower(group, kept, i64::from(group.units), now)));
    }
    shed
}

/// Down where the grid sees it: as far as the site's ramp lets, the worst efficiency first. Draining takes every group and
/// asks for no dwell; price takes those that do not earn, and leaves each unit its shortest time on.
pub(super) fn on_the_ramp(facts: &Facts<'_>, memory: &mut Memory) -> (Shed, Cause) {
    let (standing, now) = (facts.standing, facts.snapshot.now.mono);
    let drain = facts.snapshot.orders.drain;
    let mut shed = Shed::default();
    for ix in standing.merit.iter().rev().copied() {
        let (Some(group), Some(fixed)) = (standing.site.groups.get(ix), standing.groups.get(ix)) else { continue };
        let before = told_power(standing, memory, ix);
        if before <= Power::ZERO || (!drain && earns(facts.price, fixed.break_even)) {
            continue;
        }
        let allowed = memory.descent.whole_units(group.unit);
        if allowed <= 0 {
            break;
        }
        let Some(remembered) = memory.groups.get_mut(ix) else { continue };
        let dwell = if drain { std::time::Duration::ZERO } else { group.dwell_on };
        let ready = switch::longest(remembered.told.unwrap_or(0), remembered, allowed, now, dwell);
        let lowered = group.power_of(switch::lower(group, remembered, i64::from(ready.count_ones()), now));
        memory.descent -= lowered;
        shed.add(lowered);
    }
    (shed, if drain { Cause::Drain } else { Cause::Price })
}
