//! How long to wait before the next attempt to connect: doubling, bounded, and spread by a seed of the device's own, so
//! that a thousand devices behind one switch do not all knock at once. The same device waits the same way every time.

use std::time::Duration;

/// The longest wait.
const MOST: Duration = Duration::from_secs(5);

/// The waits of one device.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    seed: u64,
    tries: u32,
    /// The first wait and the longest.
    within: (Duration, Duration),
}

impl Backoff {
    /// The first wait.
    pub(crate) const LEAST: Duration = Duration::from_millis(100);

    /// Spread by this name.
    pub(crate) fn new(name: &str) -> Self {
        // FNV-1a: any spread will do, it only has to be the same on every run.
        let seed = name
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
        Self { seed, tries: 0, within: (Self::LEAST, MOST) }
    }

    /// With another first and longest wait.
    pub(crate) fn within(self, within: (Duration, Duration)) -> Self {
        Self { within, ..self }
    }

    /// The next wait: half to all of 100 ms, 200 ms, 400 ms, up to 5 s, where nothing else was said. After a fruitful connection from the beginning.
    pub(crate) fn next(&mut self, fruitful: bool) -> Duration {
        self.tries = if fruitful { 0 } else { self.tries };
        let full = self.within.0.saturating_mul(1 << self.tries.min(10)).min(self.within.1);
        self.tries = self.tries.saturating_add(1);
        full / 2 + self.part_of(full / 2, self.tries)
    }

    /// This device's own part of a span, so that polls of many devices do not fall on one moment.
    pub(crate) fn part_of(&self, span: Duration, turn: u32) -> Duration {
        let mut mixed = self.seed ^ u64::from(turn).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let permille = u32::try_from((mixed ^ (mixed >> 31)) % 1_000).unwrap_or(0);
        span.saturating_mul(permille) / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_seconds_and_begin_anew_after_a_fruitful_connection() {
        let mut backoff = Backoff::new("north-01");
        let waits: Vec<Duration> = (0..40).map(|_| backoff.next(false)).collect();
        for (tries, wait) in waits.iter().enumerate() {
            let full = Backoff::LEAST.saturating_mul(1 << tries.min(10)).min(MOST);
            assert!(*wait >= full / 2 && *wait <= full, "{tries}: {wait:?}");
        }
        assert!(backoff.next(true) <= Backoff::LEAST);
    }

    #[test]
    fn two_devices_wait_differently_and_each_the_same_every_time() {
        let waits = |name| (0..8).scan(Backoff::new(name), |b, _| Some(b.next(false))).collect::<Vec<_>>();
        assert_eq!(waits("north-01"), waits("north-01"));
        assert_ne!(waits("north-01"), waits("north-02"));
    }
}
