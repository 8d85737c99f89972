//! One miner whose firmware can be told to sleep, to wake and to keep to a limit, between its outlet and the busbar.
//!
//! ```text
//!  outlet closes -> inrush -> boots -> ramps -> mines -> goes down -> asleep -> wakes in stages -> mines
//! ```
//!
//! That it was told to sleep outlives its outlet. It knows nothing of what its interface says: lies are the emulator's.

use std::time::Duration;

use super::bank::{Curves, part_passed};
use crate::site::{Firmware, FirmwarePath};
use crate::time::Mono;
use crate::units::{Power, Share};

/// What a miner does, as one could see by standing beside it and measuring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Miner {
    /// What it draws, as the metering of its outlet shows it: at most one refresh time old.
    pub power: Power,
    /// Its hashrate, in parts of what it makes at its nameplate. Of a limited miner more than the part of its power: efficiency is best
    /// below nameplate.
    pub hashing: Share,
    /// Where it is on its way.
    pub phase: MinerPhase,
    /// Whether it was told to sleep, and not yet to wake.
    pub asleep: bool,
    /// The most it was told to draw.
    pub limit: Power,
    /// What it draws without a limit: at its nameplate or a little below.
    pub full: Power,
}

/// Where a miner is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinerPhase {
    /// Without power. Nobody answers.
    #[default]
    Dark,
    /// Its control board starts. Nobody answers yet.
    Boots,
    /// It answers, and comes up to what it may draw.
    Wakes,
    /// At what it may draw.
    Mines,
    /// Told to sleep, and not yet down.
    GoesDown,
    /// Down.
    Asleep,
}

impl MinerPhase {
    /// Whether its control board runs, so that somebody answers.
    pub fn answers(self) -> bool {
        !matches!(self, Self::Dark | Self::Boots)
    }
}

/// How power goes from one level to another: which thousandth of the way it has come at each tenth of the time.
type Shape = [i64; 11];

/// Fans and capacitors: fast at first.
const FALLS: Shape = [0, 400, 640, 780, 870, 920, 955, 975, 990, 997, 1_000];
/// One hash board after the other.
const STAGES: Shape = [0, 40, 330, 330, 370, 660, 660, 700, 960, 990, 1_000];
/// In a straight line.
const EVEN: Shape = [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000];

/// From being told to sleep until nothing moves any more: first it goes on for a while, then it falls.
fn falls_in(firmware: Firmware) -> (Duration, Duration) {
    let (goes_on, falls) = match firmware {
        Firmware::Luxos => (500, 3_000),
        Firmware::Braiins => (500, 2_500),
        Firmware::Whatsminer => (1_000, 3_000),
        // The interface restarts mining to bring it about, and answers only long after.
        Firmware::Antminer => (2_000, 3_000),
    };
    (Duration::from_millis(goes_on), Duration::from_millis(falls))
}

/// What LuxOS needs at most to wake where no care is asked for: under 10 s by its maker, a third of it before the first hash.
const WAKES_AT_ONCE: Duration = Duration::from_secs(6);

/// Way from one level of power to another.
#[derive(Clone, Copy, Debug)]
struct Leg {
    starts: Mono,
    lasts: Duration,
    from: Power,
    to: Power,
    shape: &'static Shape,
}

impl Leg {
    fn ends(&self) -> Mono {
        self.starts.after(self.lasts)
    }

    fn level(&self, now: Mono) -> Power {
        if now >= self.ends() {
            return self.to;
        }
        let passed = part_passed(now.since(self.starts), self.lasts).ppm();
        let tenth = usize::try_from(passed / 100_000).unwrap_or(0);
        let at = |n: usize| self.shape.get(n).copied().unwrap_or(1_000);
        let way = at(tenth) * 1_000 + (at(tenth + 1) - at(tenth)) * (passed % 100_000) / 100;
        self.from + (self.to - self.from).part(Share::from_ppm(way))
    }
}

/// What is the same for all miners of a group.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    firmware: Firmware,
    asleep: Power,
    goes_on: Duration,
    falls: Duration,
}

impl Kind {
    /// The times of its firmware, shortened where the site promises more: six tenths of the promise are the miner's, the rest is for the
    /// decision and the wire.
    pub(super) fn new(path: &FirmwarePath) -> Self {
        let (goes_on, falls) = falls_in(path.firmware);
        let whole = goes_on.saturating_add(falls);
        let most = path.response.min(Duration::from_secs(3_600)) * 6 / 10;
        let scaled = |time: Duration| {
            if whole <= most { time } else { Duration::from_micros(times(time, most, whole)) }
        };
        Self { firmware: path.firmware, asleep: path.asleep, goes_on: scaled(goes_on), falls: scaled(falls) }
    }
}

/// `time * most / whole` in microseconds.
fn times(time: Duration, most: Duration, whole: Duration) -> u64 {
    let product = time.as_micros().saturating_mul(most.as_micros()) / whole.as_micros().max(1);
    u64::try_from(product).unwrap_or(u64::MAX)
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    full: Power,
    sleeps_at: Power,
    closed: Option<Mono>,
    boots_until: Mono,
    asleep: bool,
    limit: Power,
    leg: Leg,
}

impl Unit {
    /// Dark, and told nothing. Machines differ a little asleep too.
    pub(super) fn new(full: Power, kind: &Kind, ix: usize) -> Self {
        let less = i64::try_from(ix % 5).unwrap_or(0) * 20_000;
        let leg = Leg { starts: Mono::START, lasts: Duration::ZERO, from: Power::ZERO, to: Power::ZERO, shape: &EVEN };
        Self {
            full,
            sleeps_at: kind.asleep.min(full).part(Share::from_ppm(950_000 - less)),
            closed: None,
            boots_until: Mono::START,
            asleep: false,
            limit: full,
            leg,
        }
    }

    /// Its relay closed: it boots, and goes on as it was told before.
    pub(super) fn closes(&mut self, now: Mono, curves: &Curves) {
        self.closed = Some(now);
        self.boots(now.after(curves.inrush_lasts), curves);
    }

    /// Its relay opened.
    pub(super) fn opens(&mut self) {
        self.closed = None;
    }

    /// Its control board starts anew, with power on it.
    pub(super) fn restarts(&mut self, now: Mono, curves: &Curves) {
        if self.closed.is_some() {
            self.boots(now, curves);
        }
    }

    fn boots(&mut self, now: Mono, curves: &Curves) {
        self.boots_until = now.after(curves.boot);
        self.comes_up(curves);
    }

    /// From the end of its boot.
    fn comes_up(&mut self, curves: &Curves) {
        let lasts = if self.asleep { Duration::ZERO } else { curves.ramp };
        let from = curves.standby.min(self.full);
        self.leg = Leg { starts: self.boots_until, lasts, from, to: self.goal(), shape: &EVEN };
    }

    fn goal(&self) -> Power {
        if self.asleep { self.sleeps_at } else { self.limit }
    }

    /// Told to sleep or to wake. The same again changes nothing.
    pub(super) fn sleep(&mut self, asleep: bool, now: Mono, kind: &Kind, curves: &Curves) {
        if asleep == self.asleep {
            return;
        }
        self.asleep = asleep;
        if now < self.boots_until {
            self.comes_up(curves);
        } else if asleep {
            self.heads(now.after(kind.goes_on), kind.falls, &FALLS, now);
        } else {
            self.heads(now.after(curves.boot / 3), curves.ramp, &STAGES, now);
        }
    }

    /// Told to wake without care for its boards.
    pub(super) fn wake_at_once(&mut self, now: Mono, kind: &Kind, curves: &Curves) {
        let slept = self.asleep;
        self.sleep(false, now, kind, curves);
        if slept && now >= self.boots_until {
            self.heads(now.after(WAKES_AT_ONCE / 3), curves.ramp.min(WAKES_AT_ONCE), &STAGES, now);
        }
    }

    /// Told to draw at most this, from a tenth of full power on. A WhatsMiner restarts mining for it.
    pub(super) fn limit(&mut self, limit: Power, now: Mono, kind: &Kind, curves: &Curves) {
        let limit = limit.min(self.full).max(self.full.part(Share::from_ppm(100_000)));
        if limit == self.limit {
            return;
        }
        self.limit = limit;
        if self.asleep || now < self.boots_until {
            self.leg.to = self.goal();
        } else if kind.firmware == Firmware::Whatsminer {
            self.leg.to = curves.standby.min(self.full);
            self.leg.lasts = Duration::ZERO;
            self.heads(now.after(curves.boot / 3), curves.ramp, &STAGES, now);
        } else {
            self.heads(now, curves.ramp / 4, &EVEN, now);
        }
    }

    /// From where it is now to where it is to be.
    fn heads(&mut self, starts: Mono, lasts: Duration, shape: &'static Shape, now: Mono) {
        let from = self.leg.level(now);
        self.leg = Leg { starts, lasts, from, to: self.goal(), shape };
    }

    /// What it draws now, and until when that is so unless something happens.
    pub(super) fn draw(&self, now: Mono, unit: Power, curves: &Curves) -> (Power, Option<Mono>) {
        let Some(closed) = self.closed else { return (Power::ZERO, None) };
        let charged = closed.after(curves.inrush_lasts);
        if now < charged {
            return (unit.part(curves.inrush), Some(charged));
        }
        if now < self.boots_until {
            return (curves.standby.min(self.full), Some(self.boots_until));
        }
        let until = if now < self.leg.starts { Some(self.leg.starts) } else { Some(now) };
        (self.leg.level(now), until.filter(|_| now < self.leg.ends()))
    }

    pub(super) fn phase(&self, now: Mono) -> MinerPhase {
        match (self.closed, self.asleep) {
            (None, _) => MinerPhase::Dark,
            _ if now < self.boots_until => MinerPhase::Boots,
            (_, true) if now < self.leg.ends() => MinerPhase::GoesDown,
            (_, true) => MinerPhase::Asleep,
            _ if now < self.leg.ends() => MinerPhase::Wakes,
            _ => MinerPhase::Mines,
        }
    }

    /// What it says of itself while its outlet shows this power.
    pub(super) fn seen(&self, now: Mono, shown: Power) -> Miner {
        let phase = self.phase(now);
        let rest = self.sleeps_at;
        let above = (self.leg.level(now) - rest).or_zero();
        let part = above.watts().saturating_mul(1_000_000) / (self.full - rest).watts().max(1);
        let hashing = if phase.answers() { hashing(part) } else { Share::ZERO };
        Miner { power: shown, hashing, phase, asleep: self.asleep, limit: self.limit, full: self.full }
    }
}

/// The hashrate at this part of the power, both in parts per million: s + 0.28 s (1 - s), which meets the profile table of an S19k Pro under
/// LuxOS within 2 % (28 % of the power make 32 % of the hashrate, 43 % make 49 %).
fn hashing(part: i64) -> Share {
    let part = part.clamp(0, 1_000_000);
    Share::from_ppm(part + part * (1_000_000 - part) / 1_000_000 * 28 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_power_makes_relatively_more_hashrate_as_the_profiles_of_a_real_miner_say() {
        for (power, hashrate) in [(0, 0), (280_600, 321_800), (425_200, 491_000), (1_000_000, 1_000_000)] {
            let off = hashing(power).ppm() - hashrate;
            assert!(off.abs() < 20_000, "{power}: {off}");
        }
    }
}
