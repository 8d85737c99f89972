//! Restoring: slowly, and only with everything in hand. A raise needs fresh meters, room under every bound for the highest
//! the firm load was in the window, dwell, the ramp, the stagger of its feeder, and a durable record that announced it.

use super::memory::Memory;
use super::room::{Room, Rooms};
use super::rules::{Facts, earns, feeder_bound, import_bound};
use super::shed::controllable;
use super::switch;
use crate::plan::Event;
use crate::site::GroupIx;
use crate::snapshot::Link;
use crate::units::Power;

/// Sends what was announced and is durable by now, then announces the next batch.
pub(super) fn restore(facts: &Facts<'_>, memory: &mut Memory, events: &mut Vec<Event>) {
    if !allowed(facts, memory) {
        memory.intends.clear();
        return;
    }
    if !memory.intends.is_empty() && facts.snapshot.durable < memory.announced {
        return;
    }
    let mut rooms = rooms(facts, memory);
    send(facts, memory, &mut rooms, events);
    memory.intends = next_batch(facts, memory, rooms);
    memory.announced = facts.snapshot.tick;
}

/// Whether anything may be raised at all in this tick.
fn allowed(facts: &Facts<'_>, memory: &Memory) -> bool {
    let (ages, orders) = (&facts.standing.site.ages, facts.snapshot.orders);
    let fresh = |age: Option<std::time::Duration>| age.is_some_and(|age| age <= ages.meter);
    let settled =
        memory.shed_at.is_none_or(|at| facts.snapshot.now.mono.since(at) >= facts.standing.site.restore.settle);
    // A hall without a meter counts as its nameplate always: there is nothing to wait for.
    let hall_fresh = facts.standing.site.hall.meter.is_none() || fresh(facts.firm.hall_age);
    fresh(facts.firm.poi_age) && hall_fresh && settled && !orders.e_stop && !orders.drain
}

/// The room that may be filled: under the envelope and the larger of the declared reserve and the learnt margin, less all
/// that is counted as drawing.
fn rooms(facts: &Facts<'_>, memory: &Memory) -> Rooms {
    let (standing, firm) = (facts.standing, facts.firm);
    let site = &standing.site;
    let highest = memory.envelope.highest().max(firm.now);
    // Readings are now older, now younger: what the reserve was at its most in the window will be shed for again.
    let habit = (memory.reserve.highest() - firm.reserve(0)).or_zero();
    let margin = memory.margin.covering(site.fill.confidence, firm.nameplate);
    let expected = |class: usize| {
        let reserved = (highest + (firm.reserve(class) + habit).max(margin)).min(firm.nameplate.max(highest));
        reserved.max(firm.worst.get(class).copied().unwrap_or(firm.nameplate))
    };
    let bound = import_bound(facts);
    let room = Room::new((0..standing.classes.len()).map(|class| bound - expected(class)).collect());
    let mut feeders: Vec<Room> = (0..site.feeders.len())
        .map(|feeder| Room::new((0..standing.classes.len()).map(|class| feeder_bound(facts, feeder, class)).collect()))
        .collect();
    feeders.push(Room::unbounded(standing.classes.len()));
    let mut rooms = Rooms { site: room, feeders };
    for (ix, (kept, fixed)) in memory.groups.iter().zip(&standing.groups).enumerate() {
        let (class, beyond) =
            if controllable(memory, ix) { (fixed.class, kept.beyond) } else { (usize::MAX, Power::ZERO) };
        rooms.take(fixed.feeder, class, (kept.counted - beyond).or_zero());
        rooms.take_beyond(fixed.feeder, beyond);
    }
    rooms
}

/// The units that could come on next, best efficiency first, within ramp, stagger and batch.
fn next_batch(facts: &Facts<'_>, memory: &Memory, mut rooms: Rooms) -> Vec<(GroupIx, u64)> {
    let (standing, now) = (facts.standing, facts.snapshot.now.mono);
    let site = &standing.site;
    let rests = |at: &Option<crate::time::Mono>| at.is_some_and(|at| now.since(at) < site.restore.stagger);
    let mut batches: Vec<Power> =
        memory.batch_at.iter().map(|at| if rests(at) { Power::ZERO } else { site.restore.batch }).collect();
    let mut credit = memory.ascent;
    let mut chosen = Vec::new();
    for ix in standing.merit.iter().copied().filter(|ix| may_rise(facts, memory, *ix)) {
        let (Some(group), Some(fixed), Some(kept)) =
            (site.groups.get(ix), standing.groups.get(ix), memory.groups.get(ix))
        else {
            continue;
        };
        let feeder = fixed.feeder;
        let most = batches.get(feeder).copied().unwrap_or(Power::ZERO).min(credit);
        if most < group.unit {
            continue;
        }
        let most = most.min(rooms.left(feeder, fixed.class));
        let off = group.all_on() & !kept.told.unwrap_or(0);
        let units = switch::longest(off, kept, most.whole_units(group.unit), now, group.dwell_off);
        if units == 0 {
            continue;
        }
        let power = group.power_of(units);
        rooms.take(feeder, fixed.class, power);
        batches.iter_mut().skip(feeder).take(1).for_each(|batch| *batch -= power);
        credit -= power;
        chosen.push((ix, units));
    }
    chosen
}

/// Whether this group may be given more at all.
fn may_rise(facts: &Facts<'_>, memory: &Memory, ix: GroupIx) -> bool {
    let (Some(group), Some(kept)) = (facts.standing.site.groups.get(ix), memory.groups.get(ix)) else { return false };
    let off = || kept.lowering.is_none() && kept.told.unwrap_or(0) != group.all_on();
    let earning = || facts.standing.groups.get(ix).is_some_and(|fixed| earns(facts.price, fixed.break_even));
    let up = || facts.snapshot.groups.get(ix).is_some_and(|seen| seen.link == Link::Up);
    off() && earning() && up() && controllable(memory, ix)
}

/// Sends an announced batch, as far as it still fits: the world may have moved since it was announced.
fn send(facts: &Facts<'_>, memory: &mut Memory, rooms: &mut Rooms, events: &mut Vec<Event>) {
    let (standing, now) = (facts.standing, facts.snapshot.now.mono);
    let (mut raised, mut groups) = (Power::ZERO, 0);
    for (ix, units) in std::mem::take(&mut memory.intends) {
        let (Some(group), Some(fixed)) = (standing.site.groups.get(ix), standing.groups.get(ix)) else { continue };
        let feeder = fixed.feeder;
        let power = group.power_of(units);
        if !may_rise(facts, memory, ix) || power > rooms.left(feeder, fixed.class) {
            continue;
        }
        rooms.take(feeder, fixed.class, power);
        if let Some(kept) = memory.groups.get_mut(ix) {
            switch::raise(group, kept, units, now);
        }
        memory.batch_at.iter_mut().skip(feeder).take(1).for_each(|at| *at = Some(now));
        memory.ascent -= power;
        raised += power;
        groups += 1;
    }
    if groups > 0 {
        events.push(Event::Restore { power_w: raised, groups });
    }
}
