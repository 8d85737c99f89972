//! The house load: light, offices, pumps, and compressors that come and go.

use std::time::Duration;

use super::chance::Chance;
use super::hall::Wiggle;
use super::ramp::Follower;
use crate::site::FirmLoad;
use crate::time::Mono;
use crate::units::{Power, Share};

/// The house: 55 % of its nameplate, 20 % more while compressors run (2 to 10 min at a time); keeps to its declared slew and step.
#[derive(Clone, Debug)]
pub(super) struct House {
    load: FirmLoad,
    chance: Chance,
    wiggle: Wiggle,
    level: Follower,
    cooling: bool,
    until: Mono,
    power: Power,
}

const BASE: Share = Share::from_ppm(550_000);
const COOLING: Share = Share::from_ppm(750_000);

impl House {
    pub(super) fn new(load: &FirmLoad, seed: u64) -> Self {
        let (chance, power) = (Chance::new(seed, 4), load.nameplate.part(BASE));
        let (wiggle, level) = (Wiggle::new(load, seed ^ 1), Follower::at(power));
        Self { load: load.clone(), chance, wiggle, level, cooling: false, until: Mono::START, power }
    }

    pub(super) fn power(&self) -> Power {
        self.power
    }

    pub(super) fn step(&mut self, now: Mono) {
        if now >= self.until {
            self.cooling = !self.cooling;
            let lasts = self.chance.between(120, 600);
            self.until = now.after(Duration::from_secs(u64::try_from(lasts).unwrap_or(120)));
        }
        let target = self.load.nameplate.part(if self.cooling { COOLING } else { BASE });
        let level = self.level.toward(target, self.load.slew, self.load.slew);
        self.power = (level + self.wiggle.step()).or_zero().min(self.load.nameplate);
    }
}
