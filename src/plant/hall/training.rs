//! Lock-step training: all nodes wait for each other, so the hall moves as one.
//!
//! Figures of a LLaMA-2-70B LoRA run on 16 H100 nodes (Vercellino et al., arXiv 2604.07345; drops from its published analysis).

use std::time::Duration;

use crate::plant::chance::Chance;
use crate::plant::ramp::{Follower, slew_of};
use crate::site::FirmLoad;
use crate::time::Mono;
use crate::units::{Power, Share, Slew};

/// Largest measured rise: +26.6 kW/s of 48.4 kW.
const RISE: i64 = 550_000;
/// Largest measured fall: -36.6 kW/s of 48.4 kW.
const FALL: i64 = 760_000;
/// First third of the start-up: 7 kW of 48.4 kW.
const WAITING: i64 = 150_000;
/// The rest of the start-up: 12 kW of 48.4 kW.
const LOADING: i64 = 250_000;
/// The plateau: 48.1 kW of 48.4 kW.
const PLATEAU: i64 = 993_600;
/// Depth of a dip: 16 % below the detector's baseline, 21 % below the plateau.
const DIP: (i64, i64) = (160_000, 210_000);
/// From dip to dip in milliseconds: median 10.4 s, 5 % to 95 % of them 10.0 to 11.2 s.
const DIP_EVERY_MS: (i64, i64) = (9_900, 10_900);
/// Length of a dip in milliseconds: median 2.6 s, 5 % to 95 % of them 2.4 to 3.2 s.
const DIP_LASTS_MS: (i64, i64) = (2_400, 2_800);
/// The ripple of 0.285 Hz. Its depth below the plateau is assumed: only its place in the spectrum is published.
const RIPPLE_EVERY_US: u64 = 3_500_000;
const RIPPLE: i64 = 15_000;
/// Noise either way, assumed.
const NOISE: i64 = 2_000;

/// The generator.
#[derive(Clone, Debug)]
pub(super) struct Training {
    chance: Chance,
    nameplate: Power,
    start_up: Duration,
    level: Follower,
    dip: i64,
    dip_ends: Mono,
    next_dip: Mono,
}

impl Training {
    pub(super) fn new(hall: &FirmLoad, seed: u64, start_up: Duration) -> Self {
        let mut chance = Chance::new(seed, 2);
        let next_dip = Mono::START.after(start_up).after(millis(&mut chance, DIP_EVERY_MS));
        let level = Follower::at(hall.nameplate.part(Share::from_ppm(WAITING)));
        let nameplate = hall.nameplate;
        Self { chance, nameplate, start_up, level, dip: 0, dip_ends: Mono::START, next_dip }
    }

    /// The fastest rise.
    pub(super) fn rise(&self) -> Slew {
        slew_of(self.nameplate, RISE)
    }

    pub(super) fn step(&mut self, now: Mono) -> Power {
        let passed = now.since(Mono::START);
        let wanted = if passed < self.start_up / 3 {
            WAITING
        } else if passed < self.start_up {
            LOADING
        } else {
            self.working(now)
        };
        let noisy = (wanted + self.chance.between(-NOISE, NOISE)).clamp(0, 1_000_000);
        let target = self.nameplate.part(Share::from_ppm(noisy));
        self.level.toward(target, self.rise(), slew_of(self.nameplate, FALL))
    }

    fn working(&mut self, now: Mono) -> i64 {
        if now >= self.next_dip {
            self.dip = self.chance.between(DIP.0, DIP.1);
            self.dip_ends = now.after(millis(&mut self.chance, DIP_LASTS_MS));
            self.next_dip = now.after(millis(&mut self.chance, DIP_EVERY_MS));
        }
        let dip = if now < self.dip_ends { self.dip } else { 0 };
        PLATEAU - ripple(now) - dip
    }
}

/// A triangle from zero to [`RIPPLE`] and back.
fn ripple(now: Mono) -> i64 {
    let place = now.micros() % RIPPLE_EVERY_US;
    let half = RIPPLE_EVERY_US / 2;
    let from_top = i64::try_from(place.min(RIPPLE_EVERY_US - place)).unwrap_or(0);
    RIPPLE * from_top / i64::try_from(half).unwrap_or(1)
}

fn millis(chance: &mut Chance, (low, high): (i64, i64)) -> Duration {
    Duration::from_millis(u64::try_from(chance.between(low, high)).unwrap_or(0))
}
