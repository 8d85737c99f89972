//! Groups whose miners have a level between full power and sleep: a power target at which they hash more for each joule.
//!
//! A price alone moves them: down to it where the last watts do not earn, back when they do, on the site's ramps and after the dwell. What
//! was told to go down counts in full until the watts of the group show it, so nobody is given its room before. A limit knows
//! no levels: it puts to sleep, or cuts, what it must.

use super::follow::Following;
use super::memory::{GroupMemory, Memory};
use super::rules::Facts;
use super::standing::Fixed;
use super::switch;
use crate::plan::Event;
use crate::site::GroupIx;
use crate::units::Power;

/// Takes units of a group to low power where the price says so, as far as the site's ramp lets; by how much.
pub(super) fn to_low(facts: &Facts<'_>, fixed: &Fixed, memory: &mut Memory, ix: GroupIx) -> Power {
    let (Some(low), Some(kept)) = (fixed.low, memory.groups.get_mut(ix)) else { return Power::ZERO };
    if facts.costs.earns(ix, low.break_even) || !kept.controllable() {
        return Power::ZERO;
    }
    let now = facts.snapshot.now.mono;
    let full = kept.told.unwrap_or(0) & !kept.level.low;
    let units = switch::longest(full, kept, memory.descent.whole_units(low.slice), now, low.dwell);
    if units == 0 {
        return Power::ZERO;
    }
    kept.level.low |= units;
    (kept.level.since, kept.level.late) = (now, false);
    switch::touch(kept, units, now);
    let gone = low.slice * i64::from(units.count_ones());
    memory.descent -= gone;
    gone
}

/// The units of a group that could go back to full power within so much.
pub(super) fn to_full(facts: &Facts<'_>, ix: GroupIx, fixed: &Fixed, kept: &GroupMemory, most: Power) -> u64 {
    let Some(low) = fixed.low.filter(|low| facts.costs.earns(ix, low.break_even)) else { return 0 };
    let units = kept.told.unwrap_or(0) & kept.level.low;
    switch::longest(units, kept, most.whole_units(low.slice), facts.snapshot.now.mono, low.dwell)
}

/// By how much a group rises when these units come on, or go to full power where they are on.
pub(super) fn rise(fixed: &Fixed, kept: &GroupMemory, units: u64) -> Power {
    let on = units & kept.told.unwrap_or(0);
    fixed.power_of(units & !on) + fixed.power_of(on) - fixed.power_at(on, kept.level.low)
}

/// Puts these units on, or to full power where they are on. What comes on while the last watts do not earn comes on at low power, and
/// what was to go to full power then stays where it is.
pub(super) fn raise(facts: &Facts<'_>, ix: GroupIx, fixed: &Fixed, kept: &mut GroupMemory, units: u64) {
    let now = facts.snapshot.now.mono;
    let in_full = facts.costs.earns(ix, fixed.full_break_even());
    let on = units & kept.told.unwrap_or(0);
    let units = if in_full { units } else { units & !on };
    if units == 0 {
        return;
    }
    switch::raise(fixed, kept, units, now);
    if fixed.low.is_some() {
        kept.level.low |= if in_full { 0 } else { units };
        (kept.level.since, kept.level.late) = (now, false);
    }
}

/// Counts those at low power as drawing less once the watts of the whole group show it, over the time that their firmware takes; tells once
/// where they do not.
pub(super) fn prove(of: &Following<'_>, kept: &mut GroupMemory, told: u64, events: &mut Vec<Event>) {
    let (Some(low), fixed) = (of.fixed.low, of.fixed) else { return };
    let level = &kept.level;
    let lowered = level.low & told;
    let due = level.since.after(low.proof);
    if lowered & !level.proved == 0 || of.now < due {
        return;
    }
    let Some((measured, _)) = of.seen.power.known().filter(|(_, at)| *at >= due) else { return };
    let expect_w = fixed.power_at(told, lowered);
    if measured <= expect_w + of.idle(kept, told) + of.tolerance() {
        kept.level.proved = lowered;
        if std::mem::take(&mut kept.level.late) {
            events.push(Event::Following { group: of.ix });
        }
    } else if !kept.level.late {
        kept.level.late = true;
        events.push(Event::NotFollowing { group: of.ix, expect_w, counted_w: kept.counted });
    }
}
