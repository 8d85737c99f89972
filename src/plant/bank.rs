//! One group of miners behind its PDU: relays, inrush, boot, ramp, and what the PDU shows of it.

use std::collections::VecDeque;
use std::time::Duration;

use super::chance::Chance;
use super::miner::{Kind, Miner, MinerPhase, Unit};
use super::ramp::STEP;
use crate::site::Group;
use crate::time::Mono;
use crate::units::{Power, Share};

/// How the power of a miner follows its outlet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curves {
    /// The part of the path's response after which the relay has acted; then the power is gone, or comes. The rest of the
    /// response is for the decision, the wire and the device's own time.
    pub relay: Share,
    /// Draw of the power supplies as they charge, in parts of nameplate: the only draw above nameplate there is. Real ones
    /// charge in a few half-waves; a meter sees the mean over its window.
    pub inrush: Share,
    /// How long the inrush lasts.
    pub inrush_lasts: Duration,
    /// Draw while booting: control board and fans.
    pub standby: Power,
    /// From the inrush to the first hash.
    pub boot: Duration,
    /// From the first hash to full power, in a straight line.
    pub ramp: Duration,
}

impl Curves {
    /// As real miners: 90 s of boot (60 to 120 s are usual), a minute of tuning.
    pub const fn realistic() -> Self {
        Self { boot: Duration::from_secs(90), ramp: Duration::from_secs(60), ..Self::brisk() }
    }

    /// For shows: the same shape with 3 s of boot and 10 s of ramp. No real miner boots so fast.
    pub const fn brisk() -> Self {
        Self {
            relay: Share::from_ppm(600_000),
            inrush: Share::from_ppm(1_500_000),
            inrush_lasts: Duration::from_millis(20),
            standby: Power::from_watts(60),
            boot: Duration::from_secs(3),
            ramp: Duration::from_secs(10),
        }
    }

    /// The most one unit of this nameplate ever draws: its inrush.
    pub fn most(&self, unit: Power) -> Power {
        unit.part(self.inrush).max(unit)
    }

    /// Where on its way a unit is this long after its relay closed, and how long after it that ends; nothing where never.
    fn phase(&self, closed_for: Duration) -> (Phase, Option<Duration>) {
        let (booting, ramping) = (self.inrush_lasts, self.inrush_lasts + self.boot);
        match closed_for {
            at if at < booting => (Phase::Inrush, Some(booting)),
            at if at < ramping => (Phase::Boots, Some(ramping)),
            at if at < ramping + self.ramp => (Phase::Ramps(part_passed(at - ramping, self.ramp)), Some(at)),
            _ => (Phase::Runs, None),
        }
    }

    /// The draw of a unit on its way to `full`.
    fn draw(&self, phase: Phase, unit: Power, full: Power) -> Power {
        let standby = self.standby.min(full);
        match phase {
            Phase::Inrush => unit.part(self.inrush),
            Phase::Boots => standby,
            Phase::Ramps(part) => standby + (full - standby).part(part),
            Phase::Runs => full,
        }
    }
}

/// Where a unit is on its way from a closed relay to full power.
#[derive(Clone, Copy)]
enum Phase {
    Inrush,
    Boots,
    Ramps(Share),
    Runs,
}

/// What part of a time has passed.
pub(super) fn part_passed(passed: Duration, whole: Duration) -> Share {
    let (passed, whole) = (passed.as_micros(), whole.as_micros().max(1));
    let ppm = match (u64::try_from(passed).ok().and_then(|passed| passed.checked_mul(1_000_000)), u64::try_from(whole))
    {
        (Some(passed), Ok(whole)) => u128::from(passed / whole),
        _ => passed.saturating_mul(1_000_000) / whole,
    };
    Share::from_ppm(i64::try_from(ppm).unwrap_or(1_000_000))
}

/// What does not change on its own does not change before then.
const FOR_EVER: Mono = Mono::from_micros(u64::MAX);

/// Commands a PDU can have under way. More than that in one relay time, and the newest takes the place of the one before.
const UNDER_WAY: usize = 32;

/// How long until a PDU's own meter shows a change, unless told otherwise.
const REFRESH: Duration = Duration::from_millis(100);

/// The miners of one group.
#[derive(Clone, Debug)]
pub(super) struct Bank {
    unit: Power,
    all: u64,
    relay: Duration,
    full: Vec<Power>,
    tuning: Share,
    commanded: u64,
    under_way: VecDeque<(Mono, u64)>,
    /// The outlets that are closed, whether there is power behind them or not.
    through: u64,
    /// There is no power at its PDU.
    dark: bool,
    /// The units that have power.
    closed: u64,
    since: Vec<Mono>,
    power: Power,
    switched: Vec<u32>,
    refresh: Duration,
    refreshed: Mono,
    drawn: Vec<Power>,
    shown: Vec<Power>,
    /// The firmware of its miners, where they can be told by it.
    firmware: Option<(Kind, Vec<Unit>)>,
    /// Until then the draw stays as it is, unless something is switched or tuned.
    same_until: Mono,
    /// Whether the bank needs stepping: something moves, or its meter has not shown the last of it.
    pub(super) busy: bool,
}

impl Bank {
    pub(super) fn new(group: &Group, curves: &Curves, chance: &mut Chance) -> Self {
        let units = usize::try_from(group.units).unwrap_or(0);
        // Two machines of one model differ: each settles up to 0.8 % below its nameplate, never above.
        let full = |_| group.unit.part(Share::from_ppm(chance.between(992_000, 1_000_000)));
        let full: Vec<Power> = (0..units).map(full).collect();
        let firmware = group.firmware.as_ref().map(|path| {
            let kind = Kind::new(path);
            let miners = full.iter().enumerate().map(|(ix, full)| Unit::new(*full, &kind, ix)).collect();
            (kind, miners)
        });
        let response = group.paths.first().map_or(Duration::MAX, |path| path.response);
        Self {
            unit: group.unit,
            all: group.all_on(),
            relay: part_of(response.min(Duration::from_secs(3_600)), curves.relay),
            full,
            tuning: Share::from_ppm(1_000_000),
            commanded: 0,
            under_way: VecDeque::new(),
            through: 0,
            dark: false,
            closed: 0,
            since: vec![Mono::START; units],
            power: Power::ZERO,
            switched: vec![0; units],
            refresh: REFRESH,
            refreshed: Mono::START,
            drawn: vec![Power::ZERO; units],
            shown: vec![Power::ZERO; units],
            firmware,
            same_until: Mono::START,
            busy: false,
        }
    }

    pub(super) fn power(&self) -> Power {
        self.power
    }

    pub(super) fn commanded(&self) -> u64 {
        self.commanded
    }

    pub(super) fn shown(&self) -> &[Power] {
        &self.shown
    }

    pub(super) fn switched(&self) -> &[u32] {
        &self.switched
    }

    pub(super) fn refresh_every(&mut self, refresh: Duration) {
        self.refresh = refresh;
    }

    /// Commands the outlets; the relays follow after their time, one command after the other.
    pub(super) fn switch(&mut self, on: u64, now: Mono) {
        let on = on & self.all;
        let changed = on ^ self.commanded;
        if changed == 0 {
            return;
        }
        for (ix, count) in self.switched.iter_mut().enumerate() {
            *count = count.saturating_add(u32::from(is_on(changed, ix)));
        }
        if self.under_way.len() >= UNDER_WAY {
            self.under_way.pop_back();
        }
        self.under_way.push_back((now.after(self.relay), on));
        self.commanded = on;
        self.busy = true;
    }

    /// Draws anew how far tuning holds all miners of the group below their full power: at most 0.4 %.
    pub(super) fn tune(&mut self, chance: &mut Chance) {
        self.tuning = Share::from_ppm(chance.between(996_000, 1_000_000));
        self.busy = self.closed != 0 || self.busy;
        self.same_until = Mono::START;
    }

    /// One step; what the group draws then.
    pub(super) fn step(&mut self, now: Mono, curves: &Curves) -> Power {
        while let Some((_, on)) = self.under_way.front().copied().filter(|(due, _)| *due <= now) {
            self.under_way.pop_front();
            self.through = on;
            self.relays(now, curves);
        }
        if now >= self.same_until {
            self.draw(now, curves);
        }
        if now.since(self.refreshed) >= self.refresh {
            self.refreshed = now;
            self.shown.clone_from(&self.drawn);
            self.busy = self.same_until != FOR_EVER || !self.under_way.is_empty();
        }
        self.power
    }

    fn draw(&mut self, now: Mono, curves: &Curves) {
        if self.firmware.is_some() {
            return self.draw_told(now, curves);
        }
        let (unit, closed, tuning) = (self.unit, self.closed, self.tuning);
        let units = self.since.iter().zip(&self.full).zip(&mut self.drawn).enumerate();
        (self.power, self.same_until) = (Power::ZERO, FOR_EVER);
        // Units come on in batches: the phase of the one before is most often that of the next.
        let (mut last, mut phase) = (FOR_EVER, Phase::Runs);
        for (ix, ((since, full), drawn)) in units {
            *drawn = Power::ZERO;
            if is_on(closed, ix) {
                if *since != last {
                    let ends;
                    (last, (phase, ends)) = (*since, curves.phase(now.since(*since)));
                    self.same_until = self.same_until.min(ends.map_or(FOR_EVER, |ends| since.after(ends)));
                }
                *drawn = curves.draw(phase, unit, full.part(tuning));
            }
            self.power += *drawn;
        }
    }

    /// The same of miners that can be told: each is where its firmware has it.
    fn draw_told(&mut self, now: Mono, curves: &Curves) {
        let (unit, tuning) = (self.unit, self.tuning);
        (self.power, self.same_until) = (Power::ZERO, FOR_EVER);
        let miners = self.firmware.iter().flat_map(|(_, miners)| miners);
        for (miner, drawn) in miners.zip(&mut self.drawn) {
            let (power, until) = miner.draw(now, unit, curves);
            let hashes = matches!(miner.phase(now), MinerPhase::Wakes | MinerPhase::Mines | MinerPhase::GoesDown);
            *drawn = if hashes { power.part(tuning) } else { power };
            self.power += *drawn;
            self.same_until = self.same_until.min(until.unwrap_or(FOR_EVER));
        }
    }

    /// Tells one miner something, where it can be told.
    pub(super) fn tell(&mut self, ix: usize, told: impl FnOnce(&mut Unit, &Kind)) {
        let Some((kind, miners)) = &mut self.firmware else { return };
        if let Some(miner) = miners.get_mut(ix) {
            told(miner, kind);
            self.same_until = Mono::START;
            self.busy = true;
        }
    }

    /// What one miner does, where it can be told.
    pub(super) fn miner(&self, ix: usize, now: Mono) -> Option<Miner> {
        let (_, miners) = self.firmware.as_ref()?;
        Some(miners.get(ix)?.seen(now, self.shown.get(ix).copied().unwrap_or_default()))
    }

    pub(super) fn has_power(&self) -> bool {
        !self.dark
    }

    /// Its PDU gets power, or loses it. Outlets stay as they are, or are all off when it returns.
    pub(super) fn supply(&mut self, supplied: bool, returns_off: bool, now: Mono, curves: &Curves) {
        self.dark = !supplied;
        if supplied && returns_off {
            (self.commanded, self.through) = (0, 0);
            self.under_way.clear();
        }
        self.relays(now, curves);
        self.busy = true;
    }

    fn relays(&mut self, now: Mono, curves: &Curves) {
        let on = if self.dark { 0 } else { self.through };
        let (closing, opening) = (on & !self.closed, self.closed & !on);
        let miners = self.firmware.iter_mut().flat_map(|(_, miners)| miners);
        for (ix, miner) in miners.enumerate() {
            if is_on(closing, ix) {
                miner.closes(now, curves);
            } else if is_on(opening, ix) {
                miner.opens();
            }
        }
        for (ix, since) in self.since.iter_mut().enumerate() {
            if is_on(closing, ix) {
                *since = now;
            }
        }
        self.closed = on;
        self.same_until = Mono::START;
    }
}

fn is_on(set: u64, ix: usize) -> bool {
    u32::try_from(ix).ok().and_then(|ix| set.checked_shr(ix)).is_some_and(|set| set & 1 == 1)
}

/// This part of a time, in whole steps of the plant, rounded down.
pub(super) fn part_of(time: Duration, share: Share) -> Duration {
    let micros = time.as_micros().saturating_mul(u128::try_from(share.ppm()).unwrap_or(0)) / 1_000_000;
    let steps = micros / STEP.as_micros().max(1);
    STEP.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}
