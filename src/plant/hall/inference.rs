//! Chat inference on a few nodes: small swings around a steady mean, with bursts and lulls.

use crate::plant::chance::Chance;
use crate::plant::ramp::{Follower, Glide, slew_of};
use crate::site::FirmLoad;
use crate::units::{Power, Share, Slew};

/// Mean of chat inference in parts of the node maximum: 0.73, standard deviation 0.04, largest step in a second 0.146. Derived from
/// the arrivals of Azure's 2023 conversation service on measured H100 nodes (Vercellino et al., arXiv 2604.07345; Patel et al.,
/// Splitwise).
const MEAN: i64 = 735_000;
/// A node that has nothing to do: 737 W of 3,082 W (same source).
const IDLE: i64 = 239_000;
/// The largest seen: 0.7865 of the node maximum.
const LARGEST: i64 = 790_000;
/// Draw of the swing each second; with [`KEPT`] the swing's deviation is about twice this.
const SWING: i64 = 14_000;
/// The part of the swing kept from one second to the next, in percent.
const KEPT: i64 = 88;
/// The largest burst or lull.
const BURST: i64 = 146_000;

/// The generator.
#[derive(Clone, Debug)]
pub(super) struct Inference {
    chance: Chance,
    nameplate: Power,
    slew: Slew,
    glide: Glide,
    level: Follower,
    swing: i64,
    burst: i64,
    burst_left: i64,
}

impl Inference {
    pub(super) fn new(hall: &FirmLoad, seed: u64) -> Self {
        let level = Follower::at(hall.nameplate.part(Share::from_ppm(MEAN)));
        let (nameplate, slew, glide) = (hall.nameplate, hall.slew, Glide::at(MEAN));
        Self { chance: Chance::new(seed, 1), nameplate, slew, glide, level, swing: 0, burst: 0, burst_left: 0 }
    }

    pub(super) fn step(&mut self) -> Power {
        if self.glide.is_due() {
            let next = self.next_second();
            self.glide.toward(next);
        }
        let share = self.glide.step();
        self.level.toward(self.nameplate.part(share), self.slew, slew_of(self.nameplate, 1_000_000))
    }

    fn next_second(&mut self) -> i64 {
        self.swing = self.swing * KEPT / 100 + self.chance.bell(SWING);
        if self.burst_left > 0 {
            self.burst_left -= 1;
        } else if self.chance.one_in(240) {
            self.burst = self.chance.between(BURST / 3, BURST) * self.chance.between(-2, 1).signum();
            self.burst_left = self.chance.between(4, 20);
        } else {
            self.burst = 0;
        }
        (MEAN + self.swing + self.burst).clamp(IDLE, LARGEST)
    }
}
