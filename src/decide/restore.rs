//! Restoring: slowly, and only with everything in hand. A raise needs fresh meters, room under every bound for the highest
//! the firm load was in the window, dwell, the ramp, the stagger of its feeder, and a durable record that announced it.

use super::contactor;
use super::level;
use super::memory::{GroupMemory, Memory};
use super::room::{Chain, Rooms, Taken};
use super::rules::{Facts, feeder_bound, import_bound};
use super::standing::Fixed;
use super::switch;
use crate::plan::{Event, Retreat};
use crate::sabotage::{self, Sabotage};
use crate::site::GroupIx;
use crate::snapshot::Link;
use crate::units::Power;

/// Sends what was announced and is durable by now, then announces the next batch. `counted` is what all groups are counted to
/// draw; nothing where no group has a unit off.
pub(super) fn restore(facts: &Facts<'_>, memory: &mut Memory, counted: Option<Taken>, events: &mut Vec<Event>) {
    let Some(counted) = counted.filter(|_| allowed(facts, memory)) else { return memory.intends.clear() };
    let limit = facts.standing.site.poi.import_limit;
    let waits = !sabotage::is(Sabotage::RecordNotAwaited);
    if waits && !memory.intends.is_empty() && facts.snapshot.durable < memory.announced {
        return;
    }
    if contactor::close(facts, memory, |memory| rooms(facts, memory, &counted, limit), events) {
        return memory.intends.clear();
    }
    let mut rooms = rooms(facts, memory, &counted, import_bound(facts));
    send(facts, memory, &mut rooms, events);
    memory.intends = next_batch(facts, memory, rooms);
    memory.announced = facts.snapshot.tick;
}

/// Whether anything may be raised at all in this tick.
fn allowed(facts: &Facts<'_>, memory: &Memory) -> bool {
    if sabotage::is(Sabotage::NeverRestores) && memory.shed_at.is_some() {
        return false;
    }
    let settled =
        memory.shed_at.is_none_or(|at| facts.snapshot.now.mono.since(at) >= facts.standing.site.restore.settle);
    let free = facts.stand.retreat < Retreat::Hold
        || (facts.stand.retreat == Retreat::Terminate && sabotage::is(Sabotage::EStopRestores));
    settled && free
}

/// The room that may be filled: under the envelope and the larger of the declared reserve and the learnt margin, less all
/// that is counted as drawing.
fn rooms(facts: &Facts<'_>, memory: &Memory, counted: &Taken, bound: Power) -> Rooms {
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
    let peak = facts.peak.map_or(Power::MAX, |peak| peak.fill - highest);
    let room = |class: usize| (bound - expected(class)).min(peak);
    counted.under(room, |feeder, class| feeder_bound(facts, feeder, class))
}

/// The units that could come on next, best efficiency first, within ramp, stagger and batch.
fn next_batch(facts: &Facts<'_>, memory: &Memory, mut rooms: Rooms) -> Vec<(GroupIx, u64)> {
    let (standing, now) = (facts.standing, facts.snapshot.now.mono);
    let site = &standing.site;
    let rests = |at: &Option<crate::time::Mono>| at.is_some_and(|at| now.since(at) < site.restore.stagger);
    let mut batches: Vec<Power> =
        memory.batch_at.iter().map(|at| if rests(at) { Power::ZERO } else { site.restore.batch }).collect();
    let mut credit = memory.ascent;
    if sabotage::is(Sabotage::RampSkipped) {
        credit = Power::MAX;
        batches.fill(Power::MAX);
    }
    let mut chosen = Vec::new();
    for ix in standing.merit.iter().copied() {
        if credit < standing.smallest_unit {
            break;
        }
        let Some((fixed, kept)) = may_rise(facts, memory, ix) else { continue };
        let (feeder, unit) = (fixed.feeder, fixed.unit);
        let most = batches.get(feeder).copied().unwrap_or(Power::ZERO).min(credit);
        if most < unit {
            continue;
        }
        let left = rooms.left(feeder, fixed.class);
        // Whatever its class, a group touches the site's bound of the fastest.
        if left < unit && rooms.left_in(Chain::Site, 0) < standing.smallest_unit {
            break;
        }
        let barred = if sabotage::is(Sabotage::BarredRestored) { 0 } else { kept.asleep.barred };
        let off = fixed.all_on & !kept.told.unwrap_or(0) & !barred;
        let back = switch::longest(off, kept, most.min(left).whole_units(unit), now, fixed.dwell_off);
        let units = if back == 0 { level::to_full(facts, ix, fixed, kept, most.min(left)) } else { back };
        if units == 0 {
            continue;
        }
        let power = level::rise(fixed, kept, units);
        rooms.give(feeder, fixed.class, power);
        batches.iter_mut().skip(feeder).take(1).for_each(|batch| *batch -= power);
        credit -= power;
        chosen.push((ix, units));
    }
    chosen
}

/// A group that may be given more at all.
fn may_rise<'f, 'm>(facts: &Facts<'f>, memory: &'m Memory, ix: GroupIx) -> Option<(&'f Fixed, &'m GroupMemory)> {
    let (fixed, kept) = (facts.standing.groups.get(ix)?, memory.groups.get(ix)?);
    let told = kept.told.unwrap_or(0);
    let low = kept.level.low & told != 0 && facts.costs.earns(ix, fixed.full_break_even());
    let off = kept.lowering.is_none() && (told != fixed.all_on || low);
    let up = || facts.snapshot.groups.get(ix).is_some_and(|seen| seen.link == Link::Up);
    (off && kept.controllable() && kept.severed.is_no() && facts.costs.earns(ix, fixed.break_even) && up())
        .then_some((fixed, kept))
}

/// Sends an announced batch, as far as it still fits: the world may have moved since it was announced.
fn send(facts: &Facts<'_>, memory: &mut Memory, rooms: &mut Rooms, events: &mut Vec<Event>) {
    let now = facts.snapshot.now.mono;
    let (mut raised, mut groups) = (Power::ZERO, 0);
    for (ix, units) in std::mem::take(&mut memory.intends) {
        let Some((fixed, kept)) = may_rise(facts, memory, ix) else { continue };
        let power = level::rise(fixed, kept, units);
        if power > rooms.left(fixed.feeder, fixed.class) {
            continue;
        }
        rooms.give(fixed.feeder, fixed.class, power);
        if let Some(kept) = memory.groups.get_mut(ix) {
            level::raise(facts, ix, fixed, kept, units);
        }
        memory.batch_at.iter_mut().skip(fixed.feeder).take(1).for_each(|at| *at = Some(now));
        memory.ascent -= power;
        raised += power;
        groups += 1;
    }
    if groups > 0 {
        events.push(Event::Restore { power_w: raised, groups });
    }
}
