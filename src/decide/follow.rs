//! What each group counts as drawing. Never believe a device's answer: until measured watts confirm a lower command, the
//! group counts as still drawing; a raise counts from the moment it is sent; a silent device counts as drawing.

use std::time::Duration;

use super::level;
use super::memory::GroupMemory;
use super::sleep;
use super::standing::Fixed;
use super::switch;
use super::unasked;
use crate::plan::Event;
use crate::sabotage::{self, Sabotage};
use crate::site::GroupIx;
use crate::snapshot::{GroupSeen, Link};
use crate::time::Mono;
use crate::units::Power;

/// One group with all that the tick knows of it.
pub(super) struct Following<'a> {
    pub(super) ix: GroupIx,
    pub(super) fixed: &'a Fixed,
    pub(super) seen: &'a GroupSeen,
    pub(super) now: Mono,
}

impl Following<'_> {
    /// Brings the memory of the group up to what is seen, and tells what changed.
    pub(super) fn update(&self, memory: &mut GroupMemory, events: &mut Vec<Event>) {
        match self.seen.link {
            Link::Up if memory.silent && !self.shows_itself(memory) => self.silent(memory, events),
            Link::Up => {
                self.notice(memory);
                self.heard(memory, events);
            }
            Link::New => memory.counted = self.fixed.power_of(u64::MAX),
            Link::Silent => self.silent(memory, events),
        }
    }

    fn silent(&self, memory: &mut GroupMemory, events: &mut Vec<Event>) {
        memory.counted = match memory.told.filter(|_| !self.fixed.may_switch_on) {
            None => self.fixed.power_of(u64::MAX),
            Some(_) if sabotage::is(Sabotage::SilentIsZero) => Power::ZERO,
            Some(told) => memory.counted.max(self.fixed.power_of(told)).max(self.measured()),
        };
        memory.at_full = false;
        if !memory.silent {
            (memory.silent, memory.silent_at) = (true, self.now);
            events.push(Event::DeviceLost { group: self.ix, assumed_w: memory.counted });
        }
    }

    /// Whether a device that had fallen silent has said since what it has on. Until then it counts as silent.
    fn shows_itself(&self, memory: &GroupMemory) -> bool {
        self.seen.on.is_some_and(|(_, at)| at >= memory.silent_at)
    }

    /// What changed while nobody looked. A device that lost power comes back with units off that we told on: they come back
    /// as any other, on the ramp and after their dwell. Units off after a controller that ended without a word are taken to
    /// have gone off just now: nobody knows what it did last.
    fn notice(&self, memory: &mut GroupMemory) {
        let Some((on, _)) = self.seen.on else { return };
        let on = on & self.fixed.all_on;
        if std::mem::take(&mut memory.unwatched) {
            switch::touch(memory, self.fixed.all_on & !on, self.now);
        }
        if memory.silent {
            memory.asleep.cut |= self.dark(on);
        }
        if let Some(told) = memory.told.filter(|told| memory.silent && told & !on != 0) {
            memory.told = Some(told & on);
            switch::touch(memory, told & !on, self.now);
        }
    }

    /// Outlets that are off, of a group whose outlets are not its units.
    fn dark(&self, on: u64) -> u64 {
        if self.fixed.sleep.is_some() { self.fixed.all_on & !on } else { 0 }
    }

    fn heard(&self, memory: &mut GroupMemory, events: &mut Vec<Event>) {
        if memory.silent {
            memory.silent = false;
            events.push(Event::DeviceBack { group: self.ix });
        }
        let Some(told) = memory.told else { return self.adopt(memory) };
        if memory.locked {
            return self.locked(memory, told);
        }
        if let Some(lowered) = self.sabotaged(memory, told) {
            return (memory.lowering, memory.counted) = (None, lowered);
        }
        let told = self.dropped(memory, told);
        match memory.lowering {
            Some(since) => self.lowering(memory, told, since, events),
            None => {
                level::prove(self, memory, told, events);
                self.settled(memory, told);
            }
        }
    }

    /// What a group would count where its word was taken for its deed.
    fn sabotaged(&self, memory: &mut GroupMemory, told: u64) -> Option<Power> {
        let believed = sabotage::is(Sabotage::PendingDropped)
            || (sabotage::is(Sabotage::AnswerTrusted)
                && memory.lowering.is_none_or(|since| self.obeyed(memory, told, since).is_some()));
        believed.then(|| self.fixed.power_of(told))
    }

    /// A device heard for the first time: what it has on was told by somebody, and is ours to lower.
    fn adopt(&self, memory: &mut GroupMemory) {
        memory.counted = self.fixed.power_of(u64::MAX);
        if let Some(told) = self.seen.on.and_then(|(on, _)| sleep::found(self.fixed, self.seen, memory, on, self.now)) {
            memory.told = Some(told);
            // What draws more than it has on may still be on its way off, or, where it boots, up before that.
            if self.measured() > self.fixed.power_of(told) + self.idle(memory, told) + self.tolerance() {
                memory.unsettled_until = self.now.after(self.fixed.proof);
            }
            self.settled(memory, told);
        }
    }

    /// Units that went off by themselves, long after they were told to be on: their PDU was without power, a breaker
    /// tripped. They are told off, so that nothing asserts them all at once when it is back, and come back by restore.
    fn dropped(&self, memory: &mut GroupMemory, told: u64) -> u64 {
        let Some((on, at)) = self.seen.on.filter(|(on, _)| told & !on != 0 && memory.lowering.is_none()) else {
            return told;
        };
        if at < memory.touched.after(self.fixed.proof) {
            return told;
        }
        let off = told & !on;
        switch::touch(memory, off, self.now);
        memory.told = Some(told & !off);
        memory.asleep.cut |= self.dark(on) & off;
        told & !off
    }

    /// Nothing is pending: the group draws what it was told, or more where the device or the meter says so. What is beyond
    /// follows a meter up at once, and down only when it falls by more than the meter errs.
    fn settled(&self, memory: &mut GroupMemory, told: u64) {
        let outlets = self.fixed.outlets_of(told, memory.asleep.cut);
        let unasked = |on: u64| on & self.fixed.all_on & !outlets;
        let more = self.seen.on.filter(|(on, at)| on & !outlets != 0 && *at >= memory.touched);
        if let Some((on, at)) = more {
            // Units that run unasked (a write that came late, a hand at the device) rest from when they were last seen on.
            switch::touch(memory, unasked(on), at);
        }
        let target = self.fixed.power_at(told, memory.level.proved);
        let unknown = unasked::unknown(self.fixed, self.seen, memory, self.now);
        let shown = more.map_or(target, |(on, _)| self.fixed.power_at(unasked(on) | told, memory.level.proved));
        let unknown = unknown.max(self.idle(memory, told));
        let beyond = unknown.max(self.measured() - shown);
        let begun = unasked::begun(self.fixed, self.seen, memory, (beyond, unknown), self.now);
        let known = shown + begun;
        let shown = known + unasked::hidden(self.fixed, self.seen, memory, (target, known), self.now);
        let measured = self.measured();
        let draws = if self.now < memory.unsettled_until {
            measured.max(self.fixed.power_of(u64::MAX))
        } else if measured > shown + self.tolerance() {
            measured
        } else {
            shown
        };
        let beyond = draws - target;
        if beyond > memory.beyond || beyond == Power::ZERO || beyond + self.tolerance() < memory.beyond {
            memory.beyond = beyond;
        }
        memory.counted = target + memory.beyond;
        memory.at_full = measured + self.tolerance() >= target + memory.unasked.hidden;
    }

    /// A lower command is under way: only a reading that began after the device had answered for it can prove it, by
    /// having fallen by all that it was told to. What it drew beyond what it was told before, it may draw still; not what no
    /// reading shows apart, hidden by others that came up, or counted by its own word: it may be among those that were told.
    fn lowering(&self, memory: &mut GroupMemory, told: u64, since: Mono, events: &mut Vec<Event>) {
        unasked::begin_to_mine(self.seen, &mut memory.unasked);
        let target = self.fixed.power_at(told, memory.level.proved);
        let outlets = self.fixed.outlets_of(told, memory.asleep.cut);
        let obeyed = self.obeyed(memory, told, since);
        if let Some((on, at)) =
            self.seen.on.filter(|(on, at)| on & !outlets != 0 && obeyed.is_some_and(|obeyed| *at > obeyed))
        {
            // It answered, and has them on still: they rest from when they were last seen on.
            switch::touch(memory, on & self.fixed.all_on & !outlets, at);
        }
        if let Some(obeyed) = obeyed {
            Self::went_off(memory, told, obeyed);
        }
        // What did not draw yet all it was told (it boots, it comes back from the dark) draws little, and more soon: that is no
        // fall, and it is given its whole time.
        let (response, proof) = self.times(memory);
        let time = if memory.at_full { Duration::ZERO } else { response };
        let is_proof = |at: Mono| obeyed.is_some_and(|obeyed| at >= obeyed.after(time));
        let measured = self.seen.power.known().filter(|(_, at)| is_proof(*at));
        if let Some((measured, _)) = measured {
            let shown = target.max(measured);
            // Of what boots, a reading is lower than what it draws by now.
            memory.counted = if memory.at_full { shown } else { memory.counted.max(shown) };
            // Where outlets are all there is, who draws unasked is nobody that could be cut in place of others.
            let unmeasured = self.fixed.sleep.map_or(Power::ZERO, |_| memory.unasked.unmeasured());
            let excused = (memory.beyond - unmeasured).max(self.idle(memory, told));
            if measured <= target + excused + self.tolerance() {
                memory.lowering = None;
                sleep::proved(memory);
                self.settled(memory, told);
                if std::mem::take(&mut memory.not_following) {
                    events.push(Event::Following { group: self.ix });
                }
                return;
            }
        }
        let late = self.now.since(since) > proof;
        let young = (!late).then(|| sleep::young(self.fixed, memory, self.now));
        let due = young.is_none_or(|young| memory.asleep.pending & !young != 0);
        if due && sleep::escalate(self.ix, self.fixed, self.seen, memory, (young, self.now), events) {
            return;
        }
        if !memory.not_following && late {
            events.push(Event::NotFollowing { group: self.ix, expect_w: target, counted_w: memory.counted });
            memory.not_following = !sleep::give_up(self.fixed, memory);
        }
    }

    /// Units that were told off went off when their device obeyed: it may have been told while nobody could reach it, or may not
    /// have done the first time what it answered for. Their dwell begins there.
    fn went_off(memory: &mut GroupMemory, told: u64, obeyed: Mono) {
        let from = memory.lowering_from;
        let units = memory.changed.iter_mut().enumerate().filter(|(unit, _)| told >> (unit & 63) & 1 == 0);
        units.filter(|(_, at)| (from..obeyed).contains(at)).for_each(|(_, at)| *at = obeyed);
        memory.touched = memory.touched.max(obeyed);
    }

    /// When the device answered for these units, or was first seen to have just them on. A later look that shows the same is
    /// no later moment: the watts it reports are of before it, and would never prove anything.
    fn obeyed(&self, memory: &mut GroupMemory, told: u64, since: Mono) -> Option<Mono> {
        let outlets = self.fixed.outlets_of(told, memory.asleep.cut);
        if memory.asleep.pending == 0 {
            return self.switched(memory, outlets, since);
        }
        let slept = sleep::answered(self.seen, memory, told, since, self.now);
        if !memory.asleep.cutting {
            return slept;
        }
        slept.zip(self.switched(memory, outlets, since)).map(|(slept, switched)| slept.max(switched))
    }

    /// The same of its outlets.
    fn switched(&self, memory: &mut GroupMemory, told: u64, since: Mono) -> Option<Mono> {
        let written = self.seen.written.filter(|(on, at)| *on == told && *at >= since).map(|(_, at)| at);
        let read = self.seen.on.filter(|(on, at)| *on == told && *at >= since).map(|(_, at)| at);
        memory.shown = read.map(|at| memory.shown.filter(|first| *first >= since).map_or(at, |first| first.min(at)));
        [written, memory.shown].into_iter().flatten().min()
    }

    /// Response and proof of the path that is under way.
    fn times(&self, memory: &GroupMemory) -> (Duration, Duration) {
        let sleep = self.fixed.sleep.filter(|_| memory.asleep.pending != 0);
        sleep.map_or(self.fixed.outlets, |sleep| (sleep.response, sleep.proof))
    }

    /// What it draws with units asleep.
    pub(super) fn idle(&self, memory: &GroupMemory, told: u64) -> Power {
        self.fixed.asleep(told, memory.asleep.cut)
    }

    pub(super) fn measured(&self) -> Power {
        self.seen.power.known().map_or(Power::ZERO, |(power, _)| power)
    }

    pub(super) fn tolerance(&self) -> Power {
        self.fixed.tolerance()
    }
}
