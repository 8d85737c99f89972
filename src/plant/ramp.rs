//! A load that follows its target no faster than its slew, on the plant's fixed step.

use std::time::Duration;

use crate::units::{Power, Share, Slew};

/// The step of the plant's clock: everything changes on this grid, so the plant is the same however a span is cut.
pub const STEP: Duration = Duration::from_millis(10);

/// [`STEP`] in microseconds.
pub(super) const STEP_US: u64 = 10_000;

/// Steps in a second.
pub(super) const STEPS_PER_SECOND: u64 = 100;

/// A level that moves toward a target by at most a slew. Kept in milliwatts, so that slow ramps are exact on a 10 ms step.
#[derive(Clone, Debug, Default)]
pub(super) struct Follower {
    milliwatts: i64,
}

impl Follower {
    pub(super) fn at(level: Power) -> Self {
        Self { milliwatts: level.watts().saturating_mul(1_000) }
    }

    pub(super) fn level(&self) -> Power {
        Power::from_watts(self.milliwatts.div_euclid(1_000))
    }

    /// One step toward the target.
    pub(super) fn toward(&mut self, target: Power, up: Slew, down: Slew) -> Power {
        let away = target.watts().saturating_mul(1_000).saturating_sub(self.milliwatts);
        self.milliwatts = self.milliwatts.saturating_add(away.clamp(-per_step(down), per_step(up)));
        self.level()
    }
}

/// What a slew makes in one step, in milliwatts.
fn per_step(slew: Slew) -> i64 {
    slew.watts_per_second().max(0).saturating_mul(10)
}

/// This part of a power a second.
pub(super) fn slew_of(nameplate: Power, ppm_per_second: i64) -> Slew {
    Slew::from_watts_per_second(nameplate.part(Share::from_ppm(ppm_per_second)).watts())
}

/// A level in parts per million that is drawn anew each second and glides there in a straight line.
#[derive(Clone, Debug)]
pub(super) struct Glide {
    from: i64,
    to: i64,
    passed: u64,
}

impl Glide {
    pub(super) fn at(level: i64) -> Self {
        Self { from: level, to: level, passed: STEPS_PER_SECOND }
    }

    /// True when a second is over and the next level is wanted.
    pub(super) fn is_due(&self) -> bool {
        self.passed >= STEPS_PER_SECOND
    }

    /// Starts the second that ends at this level.
    pub(super) fn toward(&mut self, next: i64) {
        (self.from, self.to, self.passed) = (self.to, next, 0);
    }

    /// One step.
    pub(super) fn step(&mut self) -> Share {
        self.passed = self.passed.saturating_add(1).min(STEPS_PER_SECOND);
        let passed = i64::try_from(self.passed).unwrap_or(0);
        Share::from_ppm(self.from + (self.to - self.from) * passed / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_keeps_to_its_slew_however_slow() {
        let (up, down) = (Slew::from_watts_per_second(150), Slew::from_watts_per_second(300));
        let mut level = Follower::at(Power::ZERO);
        let risen = (0..100).map(|_| level.toward(Power::from_watts(1_000), up, down)).last();
        assert_eq!(risen, Some(Power::from_watts(150)));
        let fallen = (0..25).map(|_| level.toward(Power::ZERO, up, down)).last();
        assert_eq!(fallen, Some(Power::from_watts(75)));
    }

    #[test]
    fn a_glide_reaches_each_level_after_its_second() {
        let mut glide = Glide::at(0);
        assert!(glide.is_due());
        glide.toward(1_000);
        let half = (0..50).map(|_| glide.step()).last();
        let whole = (0..50).map(|_| glide.step()).last();
        assert_eq!((half, whole), (Some(Share::from_ppm(500)), Some(Share::from_ppm(1_000))));
        assert!(glide.is_due());
    }
}
