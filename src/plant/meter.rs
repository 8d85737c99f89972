//! What a meter shows of a load: a sample from a moment ago, with its error, in whole steps.

use std::time::Duration;

use super::chance::Chance;
use super::ramp::STEP;
use crate::site::{FeederIx, GroupIx};
use crate::units::{Power, Share};

/// Error of a reading, at most, either way: 0.1 %.
const ERROR: i64 = 1_000;

/// The smallest step a meter shows.
const QUANTUM_W: i64 = 10;

/// Which load a meter stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measures {
    Poi,
    Hall,
    House,
    /// The miners of one group.
    Group(GroupIx),
    /// Everything behind the contactor of one feeder.
    Feeder(FeederIx),
}

/// A meter. It samples, shows the sample a fifth of its refresh time later, and samples again in time for the next: what it shows
/// is never older than its refresh time.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    pub(super) measures: Measures,
    chance: Chance,
    every: u64,
    lag: u64,
    phase: u64,
    waiting: Power,
    shown: Power,
}

impl Meter {
    pub(super) fn new(measures: Measures, refresh: Duration, mut chance: Chance) -> Self {
        let phase = u64::try_from(chance.between(0, 1_000)).unwrap_or(0);
        let mut meter = Self { measures, chance, every: 1, lag: 0, phase, waiting: Power::ZERO, shown: Power::ZERO };
        meter.refresh_every(refresh);
        meter
    }

    /// Takes a new refresh time: at least 20 ms, in whole steps of the plant.
    pub(super) fn refresh_every(&mut self, refresh: Duration) {
        let steps = u64::try_from(refresh.as_micros() / STEP.as_micros()).unwrap_or(2).clamp(2, 360_000);
        self.lag = if steps < 3 { 0 } else { (steps / 5).max(1) };
        self.every = (steps - self.lag).max(1);
    }

    pub(super) fn shown(&self) -> Power {
        self.shown
    }

    /// Shows this at once: at the start.
    pub(super) fn start(&mut self, truth: Power) {
        self.waiting = self.read(truth);
        self.shown = self.waiting;
    }

    /// One step of the plant, by number.
    pub(super) fn step(&mut self, number: u64, truth: Power) {
        let place = number.wrapping_add(self.phase) % self.every;
        if place == 0 {
            self.waiting = self.read(truth);
        }
        if place == self.lag % self.every {
            self.shown = self.waiting;
        }
    }

    fn read(&mut self, truth: Power) -> Power {
        let error = truth.part(Share::from_ppm(self.chance.between(-ERROR, ERROR)));
        let exact = (truth + error).watts();
        Power::from_watts((exact.saturating_add(QUANTUM_W / 2)).div_euclid(QUANTUM_W).saturating_mul(QUANTUM_W))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_meter_shows_is_never_older_than_its_refresh_time() {
        for refresh_ms in [20, 30, 50, 70, 100, 200, 1_000] {
            let refresh = Duration::from_millis(refresh_ms);
            let mut meter = Meter::new(Measures::Poi, refresh, Chance::new(refresh_ms, 0));
            let (mut oldest, mut changes, mut last) = (0, 0, Power::ZERO);
            // A load that grows by 100 kW a step: the reading tells the step it was taken at, for as long as 0.1 % is below half a step.
            meter.start(Power::ZERO);
            for number in 1..400_u64 {
                meter.step(number, Power::from_kilowatts(100 * i64::try_from(number).unwrap()));
                let shown = u64::try_from((meter.shown().watts() + 50_000) / 100_000).unwrap();
                changes += u64::from(meter.shown() != last);
                last = meter.shown();
                if number > 200 {
                    oldest = oldest.max(number + 1 - shown);
                }
            }
            assert!(STEP * u32::try_from(oldest).unwrap() <= refresh, "{refresh_ms} ms: {oldest} steps");
            assert!(changes >= 3_500 / refresh_ms, "{refresh_ms} ms: {changes} changes");
        }
    }

    #[test]
    fn the_error_is_small_and_the_reading_in_whole_steps() {
        let mut meter = Meter::new(Measures::Hall, Duration::from_millis(50), Chance::new(3, 0));
        let truth = Power::from_kilowatts(2_000);
        for number in 0..1_000 {
            meter.step(number, truth);
            if number > 10 {
                assert_eq!(meter.shown().watts() % QUANTUM_W, 0);
                assert!((meter.shown() - truth).watts().abs() <= 2_000 + QUANTUM_W);
            }
        }
    }
}
