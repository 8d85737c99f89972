//! Groups whose miners are told to sleep by their own firmware, with outlets behind them: what is told by which of the two, what
//! is cut because it was told to sleep and draws on, and which units are let down three times and not trusted again.
//!
//! What goes down the site's ramp (a price, the end of the program) sleeps, and is never cut for it. What a limit lowers takes the
//! path that stands first in the site file; what has not slept by its proof loses its outlet. An e-stop takes the outlets at once.

use std::time::Duration;

use super::memory::{Asleep, GroupMemory};
use super::standing::Fixed;
use super::unasked::BOOTS;
use crate::plan::Event;
use crate::sabotage::{self, Sabotage};
use crate::site::GroupIx;
use crate::snapshot::{GroupSeen, MinersSeen};
use crate::time::Mono;
use crate::units::Power;

/// A unit found drawing this often when it was to sleep is in quarantine.
const STRIKES: u8 = 3;
/// Loop and connections see a lapse at most so far apart.
const ABOUT: Duration = Duration::from_secs(1);

/// How soon units shall be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// As the site's ramp lets; what does not follow is told, and others are lowered in its place.
    Ramp,
    /// Within the response of the group.
    Limit,
    /// A person stops everything.
    Stop,
}

impl Asleep {
    /// What an earlier run of the controller knew.
    pub(super) fn recall(&mut self, strikes: &[u8], units: u32) {
        if sabotage::is(Sabotage::StrikesForgotten) {
            return;
        }
        self.strikes = strikes.iter().copied().take(units as usize).collect();
        self.barred = barred(&self.strikes);
    }
}

fn barred(strikes: &[u8]) -> u64 {
    let out = strikes.iter().enumerate().filter(|(_, strikes)| **strikes >= STRIKES);
    out.fold(0, |set, (unit, _)| set | 1_u64 << (unit & 63))
}

/// These units were told off: by which path.
pub(super) fn lowered(fixed: &Fixed, memory: &mut GroupMemory, off: u64, haste: Haste, now: Mono) {
    let Some(sleep) = fixed.sleep else { return };
    let kept = &mut memory.asleep;
    kept.urgent |= haste != Haste::Ramp;
    ask(fixed, kept, off, now);
    match haste {
        Haste::Ramp if sabotage::is(Sabotage::CutForPrice) => cut(kept, off, now),
        Haste::Ramp => kept.pending |= off,
        Haste::Limit if sleep.first => kept.pending |= off,
        Haste::Limit => cut(kept, off, now),
        Haste::Stop => cut(kept, off | kept.pending, now),
    }
}

/// The time of these begins now.
fn ask(fixed: &Fixed, kept: &mut Asleep, units: u64, now: Mono) {
    kept.asked.resize(fixed.all_on.count_ones() as usize, Mono::START);
    let asked = kept.asked.iter_mut().enumerate().filter(|(unit, _)| units >> (unit & 63) & 1 == 1);
    asked.for_each(|(_, at)| *at = now);
}

/// The units that are pending and have time left, though others that were told before them have none.
pub(super) fn young(fixed: &Fixed, memory: &GroupMemory, now: Mono) -> u64 {
    let (Some(sleep), kept) = (fixed.sleep, &memory.asleep) else { return 0 };
    let asked = kept.asked.iter().enumerate().filter(|(_, at)| now.since(**at) <= sleep.proof);
    asked.fold(0, |set, (unit, _)| set | 1_u64 << (unit & 63)) & kept.pending
}

fn cut(kept: &mut Asleep, units: u64, now: Mono) {
    kept.cut_at = if units & !kept.cut != 0 { now } else { kept.cut_at };
    kept.cut |= units;
    kept.pending &= !units;
    kept.cutting |= units != 0;
}

/// Whether it is on its way down by its firmware, for a price, and a limit would take its outlets: these are faster, so what is not proved
/// down counts as still to be lowered.
pub(super) fn is_slow(fixed: &Fixed, memory: &GroupMemory) -> bool {
    memory.asleep.pending != 0 && fixed.sleep.is_some_and(|sleep| !sleep.first)
}

/// A limit cannot wait for its firmware: the outlets go.
pub(super) fn hasten(memory: &mut GroupMemory, now: Mono) {
    memory.asleep.urgent = true;
    let pending = memory.asleep.pending;
    cut(&mut memory.asleep, pending, now);
    memory.lowering = Some(now);
}

/// A person stops everything: what was told to sleep before that and does not, or woke since, loses its outlet as well.
pub(super) fn stop(fixed: &Fixed, memory: &mut GroupMemory, now: Mono) {
    let Some(told) = memory.told.filter(|_| fixed.sleep.is_some() && !sabotage::is(Sabotage::SlowStop)) else { return };
    let unasked = memory.beyond > fixed.asleep(told, memory.asleep.cut) + fixed.tolerance();
    let kept = &mut memory.asleep;
    let units = if unasked { fixed.all_on & !kept.cut } else { (kept.pending | kept.unknown) & !kept.cut };
    if units != 0 {
        kept.urgent = true;
        cut(kept, units, now);
        if memory.lowering.replace(now).is_none() {
            memory.lowering_from = now;
        }
    }
}

/// Nobody renewed its permits for so long. Those of its outlets last longer, until it would be known that its miners sleep; where they
/// may be over too, everything is without power, and stays so until it may run again.
pub(super) fn lapsed(fixed: &Fixed, memory: &mut GroupMemory, unrenewed: Duration, now: Mono) {
    let Some(sleep) = fixed.sleep else { return };
    if unrenewed.saturating_add(ABOUT) >= fixed.lapse.saturating_add(sleep.proof) {
        cut(&mut memory.asleep, fixed.all_on, now);
    }
}

/// It may be switched again: what is pending has its time anew, and what has power and was not told to run may be on its way up.
pub(super) fn opened(fixed: &Fixed, memory: &mut GroupMemory, now: Mono) {
    if fixed.sleep.is_none() {
        return;
    }
    let (told, kept) = (memory.told.unwrap_or(0), &mut memory.asleep);
    (kept.unknown, kept.unknown_until) = (fixed.all_on & !told & !kept.cut, now.after(BOOTS));
    kept.said = None;
    let pending = kept.pending;
    ask(fixed, kept, pending, now);
}

/// These units may run again: with power.
pub(super) fn raised(memory: &mut GroupMemory, on: u64) {
    let kept = &mut memory.asleep;
    kept.cut &= !on;
    kept.pending &= !on;
}

/// Everything that was pending is proved.
pub(super) fn proved(memory: &mut GroupMemory) {
    let kept = &mut memory.asleep;
    (kept.pending, kept.cutting, kept.urgent, kept.said) = (0, false, false, None);
}

/// What these units have on when their device is first heard: those that say that they mine. The rest is asleep or cut. Nothing
/// while there are some that nobody has asked yet.
pub(super) fn found(fixed: &Fixed, seen: &GroupSeen, memory: &mut GroupMemory, outlets: u64, now: Mono) -> Option<u64> {
    if fixed.sleep.is_none() {
        return Some(outlets & fixed.all_on);
    }
    let miners = seen.miners.filter(|miners| fixed.all_on & !miners.asked == 0)?;
    let kept = &mut memory.asleep;
    let told = fixed.all_on & outlets & miners.mining & miners.reached & !kept.barred;
    kept.cut = fixed.all_on & !outlets;
    (kept.unknown, kept.unknown_until) = (fixed.all_on & outlets & !told, now.after(BOOTS));
    Some(told)
}

/// When all that was told to sleep was first known to have been told, as far as that matters: a group that drew all it was told
/// and then draws less by just that has obeyed, whatever it says; what boots or wakes must say so itself.
pub(super) fn answered(seen: &GroupSeen, memory: &mut GroupMemory, told: u64, since: Mono, now: Mono) -> Option<Mono> {
    if memory.at_full {
        return Some(since);
    }
    let miners = seen.miners?;
    let written = miners.written.filter(|(on, at)| *on == told && *at >= since).map(|(_, at)| at);
    let kept = &mut memory.asleep;
    let sleeps = kept.pending & !(miners.reached & !miners.mining) == 0;
    let first = kept.said.filter(|first| *first >= since).unwrap_or(now);
    kept.said = written.or(sleeps.then_some(first));
    kept.said
}

/// Takes the power of what was told to sleep for a limit and draws on: of those that say so themselves, or do not answer; of all that
/// were told, where those do not account for what is drawn. Nothing where nothing is left to cut, or where only a price asked.
pub(super) fn escalate(
    ix: GroupIx,
    fixed: &Fixed,
    seen: &GroupSeen,
    memory: &mut GroupMemory,
    (young, now): (Option<u64>, Mono),
    events: &mut Vec<Event>,
) -> bool {
    let told = memory.told.unwrap_or(0);
    // Those that have time left count in full, and nothing counts that was measured before the last cut shows.
    let early = young
        .is_some_and(|_| seen.power.known().is_none_or(|(_, at)| at < memory.asleep.cut_at.after(fixed.outlets.1)));
    let (in_time, young) = (young.is_some(), young.unwrap_or(0));
    let awake = fixed.all_on & !told & !memory.asleep.cut & !young;
    if fixed.sleep.is_none() || awake == 0 || !memory.asleep.urgent || sabotage::is(Sabotage::NeverCuts) {
        return false;
    }
    let miners = seen.miners.unwrap_or_default();
    let accused = awake & miners.reached & miners.mining;
    let expect_w = fixed.power_of(told | young) + fixed.asleep(told | young, memory.asleep.cut);
    let counted_w = memory.counted;
    let over = seen.power.known().map_or(counted_w, |(power, _)| power) - expect_w;
    let over = if early { Power::ZERO } else { over };
    let units = suspects(fixed, &memory.asleep, miners, awake, (in_time, over));
    let units = if sabotage::is(Sabotage::WordOverWatts) { units & !(miners.reached & !miners.mining) } else { units };
    if units == 0 {
        return false;
    }
    cut(&mut memory.asleep, units, now);
    events.push(Event::Cut { group: ix, units, expect_w, counted_w });
    // Who cannot be reached was not told, and is no liar; nor is who only counts as drawing, and is not measured to. Against one that says
    // itself that it mines the words of those that have time left are good enough.
    let sleep_too = if accused != 0 { young & miners.reached & !miners.mining } else { 0 };
    let shows = seen.power.known().is_some() && !early;
    let over = if shows { over + fixed.power_of(sleep_too) } else { Power::ZERO };
    let lied = miners.reached & liars(fixed, memory, (accused, units), over);
    let lied = if sabotage::is(Sabotage::AllStruck) { units } else { lied };
    strike(ix, fixed, memory, lied, events);
    // Its proof begins anew, on the other path; so does that of those that were asked with them.
    let rest = memory.asleep.pending & !young;
    ask(fixed, &mut memory.asleep, rest, now);
    // What it drew unasked before is among what was cut, and hides nobody from now on.
    (memory.lowering, memory.not_following, memory.shown, memory.beyond) = (Some(now), false, None, Power::ZERO);
    memory.unasked.over();
    true
}

/// Whom of those that should be asleep a limit takes the power of, where so much more is measured than should be: those that say that they
/// mine, or say nothing; all that were told, where those do not account for it. Nobody, where all have time left and nothing more is drawn.
fn suspects(fixed: &Fixed, kept: &Asleep, miners: MinersSeen, awake: u64, (in_time, over): (bool, Power)) -> u64 {
    let accused = awake & miners.reached & miners.mining;
    let silent = awake & !(miners.reached & !miners.mining);
    let named = accused | silent & (kept.pending | kept.unknown);
    let shows = over > fixed.tolerance();
    if in_time && named == 0 && !shows {
        return 0;
    }
    // One that nobody hears may have drawn on since it was last shown to sleep, hidden by one that did not wake.
    let unheard = if shows { awake & !miners.reached } else { 0 };
    // Where more is measured than these account for, another one lies in its report as well, and nobody says which.
    if named != 0 && over <= fixed.power_of(named) + fixed.tolerance() {
        return named | unheard;
    }
    let told = awake & kept.pending | accused;
    named | unheard | if told == 0 { awake } else { told }
}

/// Which of the units that were cut drew on for sure, where `over` is measured beyond what should be: those that say so; all of them,
/// where that much is drawn; or the only one that was among those cut each time.
fn liars(fixed: &Fixed, memory: &mut GroupMemory, (accused, cut): (u64, u64), over: Power) -> u64 {
    if over <= fixed.tolerance() {
        return 0;
    }
    if accused != 0 {
        return accused;
    }
    if over + fixed.tolerance() >= fixed.power_of(cut) {
        return cut;
    }
    let kept = &mut memory.asleep;
    let both = kept.suspects & cut;
    kept.suspects = if both == 0 { cut } else { both };
    if kept.suspects.count_ones() == 1 { kept.suspects } else { 0 }
}

fn strike(ix: GroupIx, fixed: &Fixed, memory: &mut GroupMemory, lied: u64, events: &mut Vec<Event>) {
    if lied == 0 {
        return;
    }
    let kept = &mut memory.asleep;
    kept.strikes.resize(fixed.all_on.count_ones() as usize, 0);
    let struck = kept.strikes.iter_mut().enumerate().filter(|(unit, _)| lied >> (unit & 63) & 1 == 1);
    struck.for_each(|(_, strikes)| *strikes = strikes.saturating_add(1));
    let barred = barred(&kept.strikes);
    let new = barred & !kept.barred;
    kept.barred = barred;
    if new != 0 {
        events.push(Event::Quarantine { group: ix, units: new, strikes: STRIKES });
    }
}

/// What was told to sleep for a price and draws on is told as not following, and from then on as drawing unasked: its group can come
/// back when the price is over, and a limit cuts it.
pub(super) fn give_up(fixed: &Fixed, memory: &mut GroupMemory) -> bool {
    let gives_up = fixed.sleep.is_some() && memory.asleep.pending != 0 && !memory.asleep.urgent;
    if gives_up {
        memory.lowering = None;
        proved(memory);
    }
    gives_up
}

/// Whether it draws what it was told not to, by more than meters err, with outlets left that can be cut.
pub(super) fn draws_on(fixed: &Fixed, memory: &GroupMemory) -> bool {
    let Some(told) = memory.told.filter(|_| fixed.sleep.is_some() && !memory.silent) else { return false };
    let kept = &memory.asleep;
    let idle = fixed.asleep(told, kept.cut);
    // Who only says that it mines is told to sleep again, and cut where its watts show that it does not.
    let unasked = memory.beyond - memory.unasked.by_word > idle + fixed.tolerance();
    fixed.all_on & !told & !kept.cut != 0 && (memory.not_following || (unasked && memory.lowering.is_none()))
}
