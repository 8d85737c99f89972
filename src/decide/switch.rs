//! Which units of a group change: those whose last change is longest ago, so that all take turns.

use std::time::Duration;

use super::memory::GroupMemory;
use crate::site::Group;
use crate::time::Mono;

/// Takes this many units off, the longest-on first, whatever their dwell.
pub(super) fn lower(group: &Group, memory: &mut GroupMemory, units: i64, now: Mono) {
    let told = memory.told.unwrap_or(0);
    let off = longest(told, memory, units, now, Duration::ZERO);
    if off == 0 {
        return;
    }
    memory.told = Some(told & !off);
    memory.counted = memory.counted.max(group.power_of(told));
    memory.lowering = Some(now);
    touch(memory, off, now);
}

/// Puts these units on.
pub(super) fn raise(group: &Group, memory: &mut GroupMemory, on: u64, now: Mono) {
    let told = memory.told.unwrap_or(0) | on;
    memory.told = Some(told);
    memory.counted = memory.counted.max(group.power_of(told));
    touch(memory, on, now);
}

/// Up to this many of these units, the longest unchanged first, none that changed less than `dwell` ago.
pub(super) fn longest(of: u64, memory: &GroupMemory, units: i64, now: Mono, dwell: Duration) -> u64 {
    let mut ready: Vec<(Mono, u64)> = (memory.changed.iter().enumerate())
        .map(|(unit, changed)| (*changed, 1_u64 << (unit & 63)))
        .filter(|(changed, bit)| of & bit != 0 && now.since(*changed) >= dwell)
        .collect();
    ready.sort_unstable();
    let some = usize::try_from(units.max(0)).unwrap_or(usize::MAX);
    ready.iter().take(some).fold(0, |set, (_, bit)| set | bit)
}

/// Notes that these units change now.
pub(super) fn touch(memory: &mut GroupMemory, units: u64, now: Mono) {
    for (unit, changed) in memory.changed.iter_mut().enumerate() {
        if units & (1_u64 << (unit & 63)) != 0 {
            *changed = now;
        }
    }
}
