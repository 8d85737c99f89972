//! The rolling maximum of the firm load, and the margin that is learnt on top of it.
//!
//! Miners are not switched with every wiggle of the hall: what may be *restored* is measured against the highest the firm
//! load was in the last minutes. What must be *shed* is measured against its worst case now, and not here.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Mono;
use crate::units::{Power, Share};

/// The window is kept in this many buckets; the maximum is held for one bucket longer at most.
const BUCKETS: u64 = 60;

/// Rolling maximum in equal buckets of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Number of the newest bucket since the start of the clock.
    newest: u64,
    /// Highest value in each bucket, oldest first; the last is the newest bucket.
    highest: Vec<Power>,
}

impl Envelope {
    /// Takes in the load at this moment.
    pub fn take(&mut self, load: Power, now: Mono, window: Duration) {
        let bucket = now.micros() / bucket_micros(window);
        if self.highest.is_empty() {
            self.newest = bucket;
            self.highest.push(Power::ZERO);
        }
        let passed = bucket.saturating_sub(self.newest);
        for _ in 0..passed.min(BUCKETS + 1) {
            self.highest.push(Power::ZERO);
        }
        self.newest = self.newest.max(bucket);
        let over = self.highest.len().saturating_sub(usize::try_from(BUCKETS).unwrap_or(usize::MAX) + 1);
        self.highest.drain(..over);
        if let Some(last) = self.highest.last_mut() {
            *last = load.max(*last);
        }
    }

    /// The highest load in the window; zero where nothing was seen.
    pub fn highest(&self) -> Power {
        self.highest.iter().copied().max().unwrap_or(Power::ZERO)
    }

    /// The highest load in the window before the newest bucket: what a moment ago was expected of the load now.
    fn expected(&self) -> Option<Power> {
        self.highest.split_last().and_then(|(_, before)| before.iter().copied().max())
    }
}

fn bucket_micros(window: Duration) -> u64 {
    u64::try_from(window.as_micros() / u128::from(BUCKETS)).unwrap_or(u64::MAX).max(1)
}

/// Sizes of excess are counted in steps of a 256th of the firm nameplate, up to an eighth of it.
const STEPS: usize = 32;
/// A step beyond this is a job start, an event of its own: it would teach a margin of the size of the hall.
const STEP_PART: i64 = 256;
/// When so many moments are counted all counts are halved, so that old habits fade (about a day at ten a second).
const MEMORY: u64 = 1 << 20;
/// The site file's own reserve is trusted like an hour at ten a second in which it covered every moment: where little was learnt
/// yet, one jump weighs no more than later.
const DECLARED: u64 = 36_000;
/// So many moments below the envelope are worth remembering: ten minutes at ten a second.
const LEARNT: u64 = 6_000;

/// How far the load was seen to rise above its envelope, as a histogram: the margin is a quantile of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Margin {
    /// Moments at which the load was at or below its envelope.
    below: u64,
    /// Moments above it, by size.
    above: Vec<u64>,
}

impl Margin {
    /// Learns from the load at this moment against the envelope of the moments before.
    pub fn learn(&mut self, load: Power, envelope: &Envelope, nameplate: Power) {
        let Some(expected) = envelope.expected() else { return };
        let step = (nameplate.watts() / STEP_PART).max(1);
        let over = (load - expected).watts();
        if over <= 0 {
            self.below = self.below.saturating_add(1);
        } else {
            let size = usize::try_from(over / step).unwrap_or(STEPS);
            if size >= STEPS {
                return;
            }
            self.above.resize(STEPS, 0);
            if let Some(count) = self.above.get_mut(size) {
                *count = count.saturating_add(1);
            }
        }
        if self.below > MEMORY {
            self.below /= 2;
            self.above.iter_mut().for_each(|count| *count /= 2);
        }
    }

    /// Whether something was learnt since `later` was this: moments above the envelope, or a good many below it.
    pub fn covers_otherwise(&self, later: &Margin) -> bool {
        self.above != later.above || self.below.abs_diff(later.below) > LEARNT
    }

    /// The smallest margin that would have covered this part of the moments; zero before enough was learnt.
    pub fn covering(&self, confidence: Share, nameplate: Power) -> Power {
        // Counts that come back from a store may be anything: they are added up where they have room.
        let above = self.above.iter().take(STEPS);
        let below = u128::from(self.below) + u128::from(DECLARED);
        let all = below + above.clone().map(|count| u128::from(*count)).sum::<u128>();
        let wanted = all * u128::from(confidence.ppm().clamp(0, 1_000_000).unsigned_abs());
        let mut seen = below * 1_000_000;
        let step = (nameplate.watts() / STEP_PART).max(1);
        for (size, count) in (1_i64..).zip(above) {
            if seen >= wanted {
                return Power::from_watts(step * (size - 1));
            }
            seen += u128::from(*count) * 1_000_000;
        }
        Power::from_watts(step * i64::try_from(self.above.len().min(STEPS)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);
    const NAMEPLATE: Power = Power::from_watts(256_000);

    fn kw(kw: i64) -> Power {
        Power::from_kilowatts(kw)
    }

    #[test]
    fn the_envelope_holds_a_peak_for_the_window_and_then_lets_it_go() {
        let mut envelope = Envelope::default();
        envelope.take(kw(90), Mono::from_millis(0), WINDOW);
        for second in 1..=60 {
            envelope.take(kw(50), Mono::from_millis(second * 1_000), WINDOW);
            assert_eq!(envelope.highest(), kw(90), "at {second} s");
        }
        envelope.take(kw(50), Mono::from_millis(61_000), WINDOW);
        assert_eq!(envelope.highest(), kw(50));
    }

    #[test]
    fn a_long_silence_forgets_everything_at_once() {
        let mut envelope = Envelope::default();
        envelope.take(kw(90), Mono::from_millis(0), WINDOW);
        envelope.take(kw(10), Mono::from_millis(3_600_000), WINDOW);
        assert_eq!(envelope.highest(), kw(10));
        assert!(envelope.highest.len() <= 61);
    }

    #[test]
    fn the_margin_covers_the_wanted_part_of_what_was_seen() {
        let (mut envelope, mut margin) = (Envelope::default(), Margin::default());
        envelope.take(kw(100), Mono::from_millis(0), WINDOW);
        envelope.take(kw(0), Mono::from_millis(1_000), WINDOW);
        let share = Share::from_ppm(999_000);
        for _ in 0..36 {
            margin.learn(kw(105), &envelope, NAMEPLATE);
        }
        assert_eq!(
            margin.covering(share, NAMEPLATE),
            Power::ZERO,
            "a jump of some seconds is covered by the declared reserve"
        );
        for _ in 0..9 {
            margin.learn(kw(105), &envelope, NAMEPLATE);
        }
        assert_eq!(margin.covering(share, NAMEPLATE), kw(6));
        for _ in 0..9_000 {
            margin.learn(kw(90), &envelope, NAMEPLATE);
        }
        assert_eq!(margin.covering(share, NAMEPLATE), Power::ZERO);
    }

    #[test]
    fn counts_of_a_damaged_store_are_a_margin_all_the_same() {
        let mut margin = Margin { below: u64::MAX, above: vec![u64::MAX; 1_000] };
        assert_eq!(margin.covering(Share::from_ppm(1_000_000), Power::MAX), Power::from_watts(i64::MAX / 256 * 32));
        margin.above = vec![u64::MAX; 1];
        let mut envelope = Envelope::default();
        envelope.take(kw(100), Mono::from_millis(0), WINDOW);
        envelope.take(kw(0), Mono::from_millis(1_000), WINDOW);
        margin.learn(kw(90), &envelope, NAMEPLATE);
        margin.learn(kw(100) + Power::from_watts(1), &envelope, NAMEPLATE);
        assert_eq!(margin.covering(Share::from_ppm(600_000), NAMEPLATE), Power::from_watts(1_000));
    }

    #[test]
    fn a_job_start_teaches_no_margin() {
        let (mut envelope, mut margin) = (Envelope::default(), Margin::default());
        envelope.take(kw(10), Mono::from_millis(0), WINDOW);
        envelope.take(kw(0), Mono::from_millis(1_000), WINDOW);
        margin.learn(kw(250), &envelope, NAMEPLATE);
        assert_eq!(margin.covering(Share::from_ppm(999_999), NAMEPLATE), Power::ZERO);
    }
}
