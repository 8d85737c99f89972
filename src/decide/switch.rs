//! Which units of a group change: those whose last change is longest ago, so that all take turns.

use std::time::Duration;

use super::memory::GroupMemory;
use super::sleep::{self, Haste};
use super::standing::Fixed;
use crate::sabotage::{self, Sabotage};
use crate::time::Mono;

/// Takes this many units off, the longest-on first, whatever their dwell; says which.
pub(super) fn lower(fixed: &Fixed, memory: &mut GroupMemory, units: i64, now: Mono, haste: Haste) -> u64 {
    let told = memory.told.unwrap_or(0);
    let off = longest(told, memory, units, now, Duration::ZERO);
    let off = if sabotage::is(Sabotage::OneShort) { off & off.saturating_sub(1) } else { off };
    if off != 0 {
        memory.told = Some(told & !off);
        memory.counted = memory.counted.max(fixed.power_at(told, memory.level.proved));
        if memory.lowering.replace(now).is_none() {
            memory.lowering_from = now;
        }
        sleep::lowered(fixed, memory, off, haste, now);
        touch(memory, off, now);
    }
    off
}

/// Puts these units on.
pub(super) fn raise(fixed: &Fixed, memory: &mut GroupMemory, on: u64, now: Mono) {
    let told = memory.told.unwrap_or(0) | on;
    memory.told = Some(told);
    // Its last level is over: it comes back in full unless it is told otherwise.
    (memory.level.low, memory.level.proved) = (memory.level.low & !on, memory.level.proved & !on);
    // What it draws beyond what it was told, it draws still.
    memory.counted = memory.counted.max(fixed.power_at(told, memory.level.proved) + memory.beyond);
    sleep::raised(memory, on);
    touch(memory, on, now);
}

/// Up to this many of these units, the longest unchanged first, none that changed less than `dwell` ago.
pub(super) fn longest(of: u64, memory: &GroupMemory, units: i64, now: Mono, dwell: Duration) -> u64 {
    let some = usize::try_from(units).unwrap_or(0);
    if of == 0 || some == 0 {
        return 0;
    }
    let rested = |at: Mono| now.since(at) >= dwell || sabotage::is(Sabotage::DwellSkipped);
    let units = || memory.changed.iter().enumerate().map(|(unit, changed)| (*changed, 1_u64 << (unit & 63)));
    let ready = if dwell.is_zero() || rested(memory.touched) {
        of
    } else {
        of & units().filter(|(at, _)| rested(*at)).fold(0, |set, (_, bit)| set | bit)
    };
    if ready.count_ones() as usize <= some {
        return ready;
    }
    let mut order: Vec<(Mono, u64)> = units().filter(|(_, bit)| ready & bit != 0).collect();
    order.sort_unstable();
    order.iter().take(some).fold(0, |set, (_, bit)| set | bit)
}

/// Notes that these units change now.
pub(super) fn touch(memory: &mut GroupMemory, units: u64, now: Mono) {
    if units != 0 {
        memory.touched = now;
    }
    if units.count_ones() as usize == memory.changed.len() {
        memory.changed.fill(now);
        return;
    }
    for (unit, changed) in memory.changed.iter_mut().enumerate() {
        if units >> (unit & 63) & 1 == 1 {
            *changed = now;
        }
    }
}
