//! Shedding: at once and in parallel for a limit, on the site's ramp where the grid would see it.

use super::memory::Memory;
use super::room::Room;
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
pub(super) fn rooms(facts: &Facts<'_>, memory: &Memory) -> (Room, Vec<Room>) {
    let standing = facts.standing;
    let bound = import_bound(facts);
    let mut site = Room::new(facts.firm.worst.iter().map(|worst| bound - *worst).collect());
    let classes = 0..standing.classes.len();
    let mut feeders: Vec<Room> = (0..standing.site.feeders.len())
        .map(|feeder| Room::new(classes.clone().map(|class| feeder_bound(facts, feeder, class)).collect()))
        .collect();
    for (ix, group) in memory.groups.iter().enumerate() {
        let Some(fixed) = standing.groups.get(ix) else { continue };
        let take = |room: &mut Room| match controllable(memory, ix) {
            false => room.take(standing.classes.len(), group.counted),
            true => {
                let told = told_power(standing, memory, ix);
                room.take(fixed.class, told);
                room.take(standing.classes.len(), group.beyond);
                if let Some(since) = group.lowering {
                    late(standing, fixed.class, since, facts.snapshot.now.mono)
                        .for_each(|class| room.take_at(class, (group.counted - group.beyond - told).or_zero()));
                }
            }
        };
        take(&mut site);
        if let Some(room) = feeders.get_mut(standing.feeder_of(ix)) {
            take(room);
        }
    }
    (site, feeders)
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
pub(super) fn for_limits(
    standing: &Standing,
    memory: &mut Memory,
    now: Mono,
    site: Room,
    feeders: Vec<Room>,
) -> (Shed, Shed) {
    let mut by_feeder = Shed::default();
    let mut site = site;
    for (feeder, mut room) in feeders.into_iter().enumerate() {
        for class in 0..standing.classes.len() {
            for ix in standing.shed_order.get(class).into_iter().flatten().copied() {
                if standing.feeder_of(ix) == feeder {
                    let shed = lower_by(standing, memory, ix, room.overdrawn(class), now);
                    give_back(standing, &mut room, class, shed, now);
                    give_back(standing, &mut site, class, shed, now);
                    by_feeder.add(shed);
                }
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
    let before = told_power(standing, memory, ix);
    if over <= Power::ZERO || before <= Power::ZERO || !controllable(memory, ix) {
        return Power::ZERO;
    }
    if let (Some(group), Some(memory)) = (standing.site.groups.get(ix), memory.groups.get_mut(ix)) {
        let units = (over + group.unit - Power::from_watts(1)).whole_units(group.unit);
        switch::lower(group, memory, units, now);
    }
    before - told_power(standing, memory, ix)
}

/// Power lowered now is gone for its own class and the faster ones whose time is not over before it.
fn give_back(standing: &Standing, room: &mut Room, class: usize, shed: Power, now: Mono) {
    room.take(class, -shed);
    late(standing, class, now, now).for_each(|class| room.take_at(class, shed));
}

/// E-stop: everything off, at once; also what never said what it has on.
pub(super) fn everything(standing: &Standing, memory: &mut Memory, now: Mono) -> Shed {
    let mut shed = Shed::default();
    for ix in 0..standing.groups.len() {
        shed.add(told_power(standing, memory, ix));
        if let (Some(group), Some(memory)) = (standing.site.groups.get(ix), memory.groups.get_mut(ix)) {
            memory.told = memory.told.or_else(|| {
                memory.lowering = Some(now);
                Some(0)
            });
            switch::lower(group, memory, i64::from(group.units), now);
        }
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
        switch::lower(group, remembered, i64::from(ready.count_ones()), now);
        let lowered = before - told_power(standing, memory, ix);
        memory.descent -= lowered;
        shed.add(lowered);
    }
    (shed, if drain { Cause::Drain } else { Cause::Price })
}
