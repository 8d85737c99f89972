//! What of a group draws, or soon will, though nobody told it to run: what it says itself that comes up unasked, and what was measured
//! beyond all that it was told before more of it was told to run, and hid that.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::memory::GroupMemory;
use super::standing::Fixed;
use crate::sabotage::{self, Sabotage};
use crate::snapshot::GroupSeen;
use crate::time::Mono;
use crate::units::Power;

/// No miner takes longer from power to full draw.
pub(super) const BOOTS: Duration = Duration::from_secs(300);

/// What a group draws unasked that its meter cannot show any more: what comes up takes the place of it.
///
/// ```text
///  told        0 W      3.5 kW: boots      3.5 kW: at full
///  measured    3.6 kW   3.6 kW             7.1 kW
///  unasked     3.6 kW   3.6 kW, hidden     3.6 kW
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unasked {
    /// The units that said last that they mine.
    pub mining: u64,
    /// Those of them that began to, though nobody told them to: they count in full before their PDU shows it.
    pub begun: u64,
    /// Until then, at the most.
    pub begun_until: Mono,
    /// What counts by their word alone.
    pub by_word: Power,
    /// The units that were told when it was last looked at with nothing pending.
    pub told: u64,
    /// What they were to draw.
    pub target: Power,
    /// What was measured beyond all that is accounted for.
    pub apart: Power,
    /// That of the moment in which more was told.
    pub hidden: Power,
    /// Until then it may be hidden: what was told to run is at full by then.
    pub until: Mono,
    /// The most that was measured since.
    pub peak: Power,
}

impl Unasked {
    /// Whether there is nothing to keep.
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What of it no reading shows apart.
    pub(super) fn unmeasured(&self) -> Power {
        self.hidden + self.by_word
    }

    /// What was hidden was cut, or stopped: it hides nobody any more.
    pub(super) fn over(&mut self) {
        (self.apart, self.hidden) = (Power::ZERO, Power::ZERO);
    }
}

/// The miners of a group that say for the first time, by their watts or their hashrate, that they mine. Called for each look at them.
pub(super) fn begin_to_mine(seen: &GroupSeen, kept: &mut Unasked) -> u64 {
    let mining = seen.miners.map_or(0, |miners| miners.reached & miners.mining);
    let mining = if sabotage::is(Sabotage::WakersUnheard) { 0 } else { mining };
    mining & !std::mem::replace(&mut kept.mining, mining)
}

/// The power of what was found neither mining nor asleep at a start: it may be on its way up, and counts in full until it says that it
/// sleeps, or for so long that nothing boots any more.
pub(super) fn unknown(fixed: &Fixed, seen: &GroupSeen, memory: &mut GroupMemory, now: Mono) -> Power {
    let kept = &memory.asleep;
    let until = kept.unknown_until;
    memory.asleep.unknown = awake(kept.unknown, (seen, memory), (until, now));
    fixed.power_of(memory.asleep.unknown)
}

/// The power of what began to mine by its own word, though nobody told it to, and of what is `unknown`. What of it is not in `beyond`
/// either, which is measured or unknown, counts by that word alone.
pub(super) fn begun(
    fixed: &Fixed,
    seen: &GroupSeen,
    memory: &mut GroupMemory,
    (beyond, unknown): (Power, Power),
    now: Mono,
) -> Power {
    let told = memory.told.unwrap_or(0);
    let begin = begin_to_mine(seen, &mut memory.unasked) & fixed.all_on & !told & !memory.asleep.cut;
    let kept = &mut memory.unasked;
    if begin != 0 {
        kept.begun_until = now.after(BOOTS);
    }
    let begun = kept.begun | begin;
    let until = kept.begun_until;
    let begun = awake(begun, (seen, memory), (until, now));
    let power = fixed.power_of(begun & !memory.asleep.unknown) + unknown;
    let kept = &mut memory.unasked;
    (kept.begun, kept.by_word) = (begun, (power - beyond).or_zero());
    power
}

/// Those of these units that may be on their way up still.
fn awake(units: u64, (seen, memory): (&GroupSeen, &GroupMemory), (until, now): (Mono, Mono)) -> u64 {
    let miners = seen.miners.unwrap_or_default();
    let down = memory.told.unwrap_or(0) | memory.asleep.cut | (miners.reached & !miners.mining);
    if now >= until { 0 } else { units & !down }
}

/// What a group may draw unasked beside this, which it is known to: what was measured beyond it before more was told to run. Until that is
/// at full, its watts look like those. Less where one of those was told that drew already, and where the meter falls.
pub(super) fn hidden(
    fixed: &Fixed,
    seen: &GroupSeen,
    memory: &mut GroupMemory,
    (target, known): (Power, Power),
    now: Mono,
) -> Power {
    let told = memory.told.unwrap_or(0);
    let ran = seen.miners.map_or(0, |miners| miners.reached & miners.mining)
        | seen.on.filter(|_| fixed.sleep.is_none()).map_or(0, |(on, _)| on);
    let kept = &mut memory.unasked;
    let measured = seen.power.known().map(|(power, _)| power);
    let new = told & !kept.told;
    // Less than half a unit, or than a tenth of what runs as told, is no miner: it is what all of them draw above their plates.
    let is_miner = kept.apart * 2 >= fixed.unit && kept.apart * 10 > kept.target;
    if target > kept.target && kept.apart > kept.hidden && is_miner {
        (kept.hidden, kept.peak) = (kept.apart, measured.unwrap_or_default());
    }
    if target > kept.target && kept.hidden > Power::ZERO {
        kept.hidden = (kept.hidden - fixed.power_of(new & ran)).or_zero();
        kept.until = now.after(BOOTS);
    }
    (kept.told, kept.target) = (told, target);
    if now >= kept.until || sabotage::is(Sabotage::RestoredHides) {
        kept.hidden = Power::ZERO;
    }
    let Some(measured) = measured else { return kept.hidden };
    let fell = kept.peak - measured;
    if fell > fixed.tolerance() {
        (kept.hidden, kept.peak) = ((kept.hidden - fell).or_zero(), measured);
    }
    kept.peak = kept.peak.max(measured);
    kept.apart = if measured > known + fixed.tolerance() { measured - known } else { Power::ZERO };
    kept.hidden.min((fixed.power_of(u64::MAX) - known).or_zero())
}
