//! A day of serving: quiet at night, busy twice a day, bursts at all hours.

use crate::plant::chance::Chance;
use crate::plant::ramp::{Follower, Glide, slew_of};
use crate::site::FirmLoad;
use crate::time::Mono;
use crate::units::{Power, Share, Slew};

/// Level at every third hour from 04:00, in parts of nameplate. The facility model of Vercellino et al. (arXiv 2604.07345) has
/// means of 0.33, 0.49, 0.64 and 0.81 of its maximum at 20, 40, 60 and 80 % utilisation; a real serving day had a mean of 0.43
/// and touched its maximum. The shape of the day is assumed.
const DAY: [i64; 8] = [300_000, 330_000, 460_000, 530_000, 480_000, 520_000, 430_000, 330_000];
const PART_OF_DAY_US: u64 = 3 * 3_600_000_000;
/// Deviation drawn each second; nine tenths of the swing are kept.
const SWING: i64 = 9_000;
/// A burst: the same model's peaks are 1.24 (busy) to 2.56 (quiet) times its means.
const BURST: (i64, i64) = (150_000, 400_000);
/// A burst begins this often on average, in seconds, and lasts this long.
const BURST_EVERY_S: i64 = 600;
const BURST_LASTS_S: (i64, i64) = (20, 90);
const IDLE: i64 = 239_000;

/// The generator.
#[derive(Clone, Debug)]
pub(super) struct ServingDay {
    chance: Chance,
    nameplate: Power,
    slew: Slew,
    speed: u64,
    glide: Glide,
    level: Follower,
    swing: i64,
    burst: i64,
    burst_left: i64,
}

impl ServingDay {
    pub(super) fn new(hall: &FirmLoad, seed: u64, speed: u32) -> Self {
        let start = hour_level(0);
        Self {
            chance: Chance::new(seed, 3),
            nameplate: hall.nameplate,
            slew: hall.slew,
            speed: u64::from(speed.max(1)),
            glide: Glide::at(start),
            level: Follower::at(hall.nameplate.part(Share::from_ppm(start))),
            swing: 0,
            burst: 0,
            burst_left: 0,
        }
    }

    pub(super) fn step(&mut self, now: Mono) -> Power {
        if self.glide.is_due() {
            let next = self.next_second(now);
            self.glide.toward(next);
        }
        let share = self.glide.step();
        self.level.toward(self.nameplate.part(share), self.slew, slew_of(self.nameplate, 1_000_000))
    }

    fn next_second(&mut self, now: Mono) -> i64 {
        self.swing = self.swing * 9 / 10 + self.chance.bell(SWING);
        if self.burst_left > 0 {
            self.burst_left -= 1;
        } else if self.chance.one_in(BURST_EVERY_S) {
            self.burst = self.chance.between(BURST.0, BURST.1);
            self.burst_left = self.chance.between(BURST_LASTS_S.0, BURST_LASTS_S.1);
        } else {
            self.burst = 0;
        }
        let of_day = now.micros().saturating_mul(self.speed);
        (hour_level(of_day) + self.swing + self.burst).clamp(IDLE, 995_000)
    }
}

/// The level at this time of day: straight lines between the points of [`DAY`].
fn hour_level(of_day_us: u64) -> i64 {
    let part = usize::try_from(of_day_us / PART_OF_DAY_US).unwrap_or(0);
    let point = |ix: usize| DAY.get(ix % DAY.len()).copied().unwrap_or(IDLE);
    let passed = i64::try_from(of_day_us % PART_OF_DAY_US / 1_000).unwrap_or(0);
    let whole = i64::try_from(PART_OF_DAY_US / 1_000).unwrap_or(1);
    point(part) + (point(part + 1) - point(part)) * passed / whole
}
