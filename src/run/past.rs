//! What a start knows of the run before: the memory it decides its first tick from. Pure; `kept` reads it from the store, a
//! simulation from a simulated one.

use std::time::Duration;

use crate::decide::{Asleep, Margin, Memory, Remembered};
use crate::sabotage::{self, Sabotage};
use crate::site::Site;
use crate::snapshot::Orders;
use crate::time::Mono;

/// A clock without a past starts here: whatever happened before the first run, dwell from it has passed.
const NO_PAST: Mono = Mono::from_millis(3_600_000);
/// A controller that was away longer than this was away for this long.
const LONGEST_AWAY: Duration = Duration::from_secs(86_400);

/// What is known of the run before.
#[derive(Clone, Debug)]
pub(crate) enum Past {
    /// There was none, or none that switched anything.
    None(Margin),
    /// It was this, so long ago.
    Known(Remembered, Duration),
    /// It cannot be read: then no dwell has passed.
    Unknown,
}

impl Past {
    /// The memory to start from, and where the clock starts whose past it speaks of. After a run that ended without a word
    /// nobody knows what it did last.
    pub(crate) fn memory(self, site: &Site, crashed: bool) -> (Memory, Mono) {
        let past = if sabotage::is(Sabotage::DwellForgotten) { Self::None(Margin::default()) } else { self };
        let (mut memory, start) = match past {
            Self::None(margin) => (Memory { margin, ..Memory::new(site) }, NO_PAST),
            Self::Known(kept, down) => Memory::recall(site, &kept, Mono::START, down.min(LONGEST_AWAY)),
            Self::Unknown => (Memory::new(site), Mono::START),
        };
        let crashed = crashed && !sabotage::is(Sabotage::CrashTrusted) && !sabotage::is(Sabotage::DwellForgotten);
        memory.groups.iter_mut().for_each(|group| group.unwatched = crashed);
        (memory, start)
    }
}

/// Lets back every unit that is in quarantine, as a person may at a start; says which there were.
pub(crate) fn readmit(site: &Site, memory: &mut Memory) -> Vec<(String, u64)> {
    let mut let_back = Vec::new();
    for (group, kept) in site.groups.iter().zip(&mut memory.groups) {
        if kept.asleep.barred != 0 {
            let_back.push((group.name.clone(), kept.asleep.barred));
            kept.asleep = Asleep::default();
        }
    }
    let_back
}

/// Whichever of both orders lets less run. A controller that was ending is not ending any more.
pub(crate) fn stricter(one: Orders, other: Orders) -> Orders {
    if sabotage::is(Sabotage::OrdersForgotten) {
        return Orders::default();
    }
    let cap = [one.cap, other.cap].into_iter().flatten().min();
    let locked = one.locked.union(&other.locked).cloned().collect();
    let open = one.open.union(&other.open).cloned().collect();
    Orders { e_stop: one.e_stop || other.e_stop, drain: false, cap, locked, open }
}
