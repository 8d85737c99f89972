//! Shedding: at once and in parallel for a limit, on the site's ramp where the grid would see it.

use super::level;
use super::memory::{GroupMemory, Memory};
use super::room::{Chain, Rooms, Taken};
use super::rules::{Facts, feeder_bound, import_bound};
use super::sleep::{self, Haste};
use super::standing::{ClassIx, Standing};
use super::switch;
use crate::plan::{Cause, Event};
use crate::sabotage::{self, Sabotage};
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

/// The room under the limits when every group draws what it was told.
pub(super) fn rooms(facts: &Facts<'_>, told: &Taken) -> Rooms {
    let (bound, firm) = (import_bound(facts), facts.firm);
    let worst = |class: ClassIx| firm.worst.get(class).copied().unwrap_or(firm.nameplate);
    let peak = facts.peak.map_or(Power::MAX, |peak| peak.shed - firm.now);
    told.under(|class| (bound - worst(class)).min(peak), |feeder, class| feeder_bound(facts, feeder, class))
}

/// Whether a command to this group can be counted on.
pub(super) fn controllable(memory: &Memory, ix: GroupIx) -> bool {
    memory.groups.get(ix).is_some_and(GroupMemory::controllable)
}

/// The nameplate power of what a group was told.
pub(super) fn told_power(standing: &Standing, memory: &Memory, ix: GroupIx) -> Power {
    match (standing.groups.get(ix), memory.groups.get(ix)) {
        (Some(fixed), Some(memory)) => fixed.power_of(memory.told.unwrap_or(0)),
        _ => Power::ZERO,
    }
}

/// Sheds what no longer fits, at once: within each class, fastest first, the worst efficiency first. Only the class whose
/// bound is overdrawn can help in its time; what it cannot give is overdrawn in the next class too, and found there.
pub(super) fn for_limits(standing: &Standing, memory: &mut Memory, now: Mono, mut rooms: Rooms) -> (Shed, Shed) {
    let mut by_feeder = Shed::default();
    for (feeder, order) in standing.shed_behind.iter().enumerate() {
        let behind = Chain::Feeder(feeder);
        if !rooms.is_overdrawn(behind) {
            continue;
        }
        for ix in order.iter().copied() {
            let class = standing.groups.get(ix).map_or(usize::MAX, |fixed| fixed.class);
            let shed = lower_by(standing, memory, ix, rooms.overdrawn(behind, class), now);
            if shed > Power::ZERO {
                give_back(standing, &mut rooms, &[Chain::Site, behind], class, shed, now);
                by_feeder.add(shed);
            }
        }
    }
    let mut by_site = Shed::default();
    for (class, order) in standing.shed_order.iter().enumerate() {
        let over = rooms.overdrawn(Chain::Site, class);
        let mut left = over;
        for ix in order.iter().copied() {
            if left <= Power::ZERO {
                break;
            }
            let shed = lower_by(standing, memory, ix, left, now);
            left -= shed;
            by_site.add(shed);
        }
        give_back(standing, &mut rooms, &[Chain::Site], class, over - left, now);
    }
    (by_site, by_feeder)
}

/// Lowers a group by at least this much, or all it has, in whole units; says by how much.
fn lower_by(standing: &Standing, memory: &mut Memory, ix: GroupIx, over: Power, now: Mono) -> Power {
    if over <= Power::ZERO || !controllable(memory, ix) {
        return Power::ZERO;
    }
    let (Some(fixed), Some(kept)) = (standing.groups.get(ix), memory.groups.get_mut(ix)) else {
        return Power::ZERO;
    };
    let mut gone = Power::ZERO;
    // What runs at low power gives less than a unit each.
    while gone < over {
        let units = (over - gone + fixed.unit - Power::from_watts(1)).whole_units(fixed.unit);
        let off = switch::lower(fixed, kept, units, now, Haste::Limit);
        if off == 0 {
            break;
        }
        gone += fixed.power_at(off, kept.level.proved);
    }
    gone
}

/// Power lowered now is gone for its own class and the faster ones whose time is not over before it.
fn give_back(standing: &Standing, rooms: &mut Rooms, chains: &[Chain], class: ClassIx, shed: Power, now: Mono) {
    for chain in chains.iter().copied() {
        rooms.give_in(chain, class, -shed);
        standing.late(class, now, now).for_each(|class| rooms.give_late(chain, class, shed));
    }
}

/// A limit is overdrawn: whoever was told to sleep, for whatever reason, and draws on, is cut before others are lowered in its place.
pub(super) fn press(facts: &Facts<'_>, memory: &mut Memory, rooms: &mut Rooms, events: &mut Vec<Event>) {
    let (standing, snapshot) = (facts.standing, facts.snapshot);
    if !standing.sleeps {
        return;
    }
    let site = rooms.is_overdrawn(Chain::Site);
    let all = standing.groups.iter().zip(&snapshot.groups).zip(&mut memory.groups);
    for (ix, ((fixed, seen), kept)) in all.enumerate() {
        if kept.locked {
            continue;
        }
        let chains = [Chain::Site, Chain::Feeder(fixed.feeder)];
        let tight = || chains.iter().any(|chain| rooms.overdrawn(*chain, fixed.class) > Power::ZERO);
        if sleep::is_slow(fixed, kept) && tight() {
            let rest = (kept.counted - kept.beyond - fixed.power_of(kept.told.unwrap_or(0))).or_zero();
            sleep::hasten(kept, snapshot.now.mono);
            give_back(standing, rooms, &chains, fixed.class, rest, snapshot.now.mono);
        }
        if sleep::draws_on(fixed, kept) && (site || rooms.is_overdrawn(Chain::Feeder(fixed.feeder))) {
            kept.asleep.urgent = true;
            sleep::escalate(ix, fixed, seen, kept, (None, snapshot.now.mono), events);
        }
    }
}

/// E-stop: everything off, at once; also what never said what it has on.
pub(super) fn everything(standing: &Standing, memory: &mut Memory, now: Mono) -> Shed {
    let mut shed = Shed::default();
    for (fixed, kept) in standing.groups.iter().zip(&mut memory.groups) {
        if sabotage::is(Sabotage::EStopSkipsFeeder) && fixed.feeder == 0 {
            continue;
        }
        kept.locked = false;
        if kept.told.is_none() {
            // Whatever it has on goes off now.
            (kept.told, kept.lowering, kept.lowering_from) = (Some(0), Some(now), now);
            sleep::lowered(fixed, kept, fixed.all_on, Haste::Stop, now);
            switch::touch(kept, fixed.all_on, now);
        }
        shed.add(fixed.power_of(switch::lower(fixed, kept, i64::MAX, now, Haste::Stop)));
        sleep::stop(fixed, kept, now);
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
        if before <= Power::ZERO || memory.groups.get(ix).is_some_and(|kept| kept.locked) {
            continue;
        }
        if !drain && facts.costs.earns(ix, fixed.break_even) {
            shed.add(level::to_low(facts, fixed, memory, ix));
            continue;
        }
        let at_once = sabotage::is(Sabotage::GentleSkipped);
        let allowed = if at_once { i64::MAX } else { memory.descent.whole_units(fixed.unit) };
        if allowed <= 0 {
            break;
        }
        let Some(remembered) = memory.groups.get_mut(ix) else { continue };
        let dwell = if drain { std::time::Duration::ZERO } else { group.dwell_on };
        let ready = switch::longest(remembered.told.unwrap_or(0), remembered, allowed, now, dwell);
        let lowered = fixed.power_of(switch::lower(fixed, remembered, i64::from(ready.count_ones()), now, Haste::Ramp));
        memory.descent -= lowered;
        shed.add(lowered);
    }
    (shed, if drain { Cause::Drain } else { Cause::Price })
}
