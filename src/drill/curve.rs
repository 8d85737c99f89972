//! A power over time as a meter showed it, and the times that can be read from it. Pure: it knows no meter and no clock.
//!
//! A reading says what was true at some moment between the earliest it can be from and the moment it was seen. So every time
//! read from a curve is a pair: it took no less than the one, and no more than the other.

use serde::{Deserialize, Serialize};

/// Most samples that are kept of a curve in a record or a file: a line of the journal holds no more.
pub const KEPT: usize = 600;

/// One reading. Times in milliseconds from the command; before it, less than nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "(i64, i64, i64)", from = "(i64, i64, i64)")]
pub struct Sample {
    /// The earliest moment it can be from.
    pub from_ms: i64,
    /// When it was seen.
    pub seen_ms: i64,
    /// What it showed.
    pub watts: i64,
}

impl From<Sample> for (i64, i64, i64) {
    fn from(Sample { from_ms, seen_ms, watts }: Sample) -> Self {
        (from_ms, seen_ms, watts)
    }
}

impl From<(i64, i64, i64)> for Sample {
    fn from((from_ms, seen_ms, watts): (i64, i64, i64)) -> Self {
        Self { from_ms, seen_ms, watts }
    }
}

/// A time as far as readings can tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Between {
    /// It took no less than this.
    pub least_ms: u64,
    /// It took no more than this.
    pub most_ms: u64,
}

/// Samples in the order in which they were seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Curve(pub Vec<Sample>);

impl Curve {
    /// What was drawn before the command: the mean of what was seen until then.
    pub fn before(&self) -> Option<i64> {
        mean(self.0.iter().filter(|sample| sample.seen_ms <= 0).map(|sample| sample.watts))
    }

    /// How far what was seen before the command lay apart.
    pub fn noise(&self) -> i64 {
        let before = || self.0.iter().filter(|sample| sample.seen_ms <= 0).map(|sample| sample.watts);
        before().max().zip(before().min()).map_or(0, |(high, low)| high - low)
    }

    /// When it had fallen to this for good: after that nothing higher was seen.
    pub fn falls_to(&self, watts: i64) -> Option<Between> {
        let above = self.0.iter().rposition(|sample| sample.watts > watts)?;
        self.turn(above)
    }

    /// When it was first seen at this or lower.
    pub fn dips_to(&self, watts: i64) -> Option<Between> {
        let first = self.0.iter().position(|sample| sample.seen_ms > 0 && sample.watts <= watts)?;
        self.turn(first.checked_sub(1)?)
    }

    /// When it was first seen at this or higher.
    pub fn rises_to(&self, watts: i64) -> Option<Between> {
        let first = self.0.iter().position(|sample| sample.seen_ms > 0 && sample.watts >= watts)?;
        self.turn(first.checked_sub(1)?)
    }

    /// What happened between this sample and the next.
    fn turn(&self, last: usize) -> Option<Between> {
        let (last, next) = (self.0.get(last)?, self.0.get(last + 1)?);
        Some(Between { least_ms: from_start(last.from_ms), most_ms: from_start(next.seen_ms) })
    }

    /// When a sample that cannot be from before `answered_ms` was first seen at this or lower: what the controller takes for
    /// proof.
    pub fn proves(&self, watts: i64, answered_ms: i64) -> Option<u64> {
        let is_proof = |sample: &&Sample| sample.from_ms >= answered_ms && sample.watts <= watts;
        self.0.iter().find(is_proof).map(|sample| from_start(sample.seen_ms))
    }

    /// The highest after the command.
    pub fn highest(&self) -> Option<i64> {
        self.0.iter().filter(|sample| sample.seen_ms > 0).map(|sample| sample.watts).max()
    }

    /// The mean of what was seen in the last so many milliseconds.
    pub fn lately(&self, ms: i64) -> Option<i64> {
        let last = self.0.last()?.seen_ms;
        mean(self.0.iter().filter(|sample| sample.seen_ms > last - ms).map(|sample| sample.watts))
    }

    /// Whether it stayed within this for so many milliseconds, as far as three samples at least can tell.
    pub fn is_steady(&self, within: i64, ms: i64) -> bool {
        let Some(last) = self.0.last() else { return false };
        let lately: Vec<&Sample> =
            self.0.iter().rev().take_while(|sample| sample.seen_ms >= last.seen_ms - ms).collect();
        let spans = self.0.iter().any(|sample| sample.seen_ms <= last.seen_ms - ms);
        let (high, low) = lately
            .iter()
            .fold((i64::MIN, i64::MAX), |(high, low), sample| (high.max(sample.watts), low.min(sample.watts)));
        spans && lately.len() >= 3 && high - low <= within
    }

    /// The steepest rise there surely was, in watts a second, over a second at least: two readings, the longest time that can
    /// lie between them, less what the meter errs by.
    pub fn steepest(&self, errs: i64) -> i64 {
        let all: Vec<&Sample> = self.0.iter().filter(|sample| sample.seen_ms > 0).collect();
        let rise = |(at, low): (usize, &&Sample)| {
            let high = all.iter().skip(at + 1).find(|high| high.seen_ms - low.from_ms >= 1_000)?;
            Some((high.watts - low.watts - errs).max(0) * 1_000 / (high.seen_ms - low.from_ms).max(1))
        };
        all.iter().enumerate().filter_map(rise).max().unwrap_or(0)
    }

    /// As many samples as are kept, evenly: the first and the last are among them.
    #[must_use]
    pub fn thinned(&self) -> Self {
        let last = self.0.len().saturating_sub(1);
        if last < KEPT {
            return self.clone();
        }
        let picked = (0..KEPT).filter_map(|nth| self.0.get(nth * last / (KEPT - 1)).copied());
        Self(picked.collect())
    }
}

fn from_start(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

fn mean(watts: impl Iterator<Item = i64>) -> Option<i64> {
    let (sum, count) = watts.fold((0_i64, 0_i64), |(sum, count), watts| (sum.saturating_add(watts), count + 1));
    (count > 0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read every second, seen 20 ms later, from up to half a second before.
    fn curve(watts: &[i64]) -> Curve {
        let sample = |(watts, seen): (&i64, i64)| Sample { from_ms: seen - 520, seen_ms: seen, watts: *watts };
        Curve(watts.iter().zip((-500..).step_by(1_000)).map(sample).collect())
    }

    #[test]
    fn a_fall_lies_between_the_last_high_reading_and_the_first_low_one() {
        let curve = curve(&[28_000, 28_000, 0, 0]);
        assert_eq!(curve.falls_to(700), Some(Between { least_ms: 0, most_ms: 1_500 }), "the second may be from before");
        assert_eq!(curve.before(), Some(28_000));
        let late = Curve(vec![
            Sample { from_ms: -100, seen_ms: -50, watts: 28_000 },
            Sample { from_ms: 900, seen_ms: 950, watts: 28_000 },
            Sample { from_ms: 1_900, seen_ms: 1_950, watts: 100 },
        ]);
        assert_eq!(late.falls_to(700), Some(Between { least_ms: 900, most_ms: 1_950 }));
    }

    #[test]
    fn what_bounces_has_fallen_only_the_last_time() {
        assert_eq!(curve(&[28_000, 0, 9_000, 0]).falls_to(700).map(|time| time.most_ms), Some(2_500));
        assert_eq!(curve(&[28_000, 0, 9_000, 0]).dips_to(700).map(|time| time.most_ms), Some(500));
        assert_eq!(curve(&[28_000, 0, 9_000]).falls_to(700), None, "it is up again");
        assert_eq!(curve(&[28_000, 28_000]).falls_to(700), None);
    }

    #[test]
    fn a_reading_from_before_the_answer_proves_nothing() {
        let curve = curve(&[28_000, 0, 0]);
        assert_eq!(curve.proves(700, 100), Some(1_500), "the reading at 500 ms may be from before the command");
        assert_eq!(curve.proves(700, -20), Some(500));
        assert_eq!(curve.proves(700, 5_000), None);
    }

    #[test]
    fn the_steepest_rise_counts_the_longest_time_there_can_be_between_two_readings() {
        // 10 kW between readings that are 1,520 ms apart at the most.
        assert_eq!(curve(&[0, 0, 10_000, 20_000]).steepest(0), 10_000 * 1_000 / 1_520);
        assert_eq!(curve(&[0, 0, 10_000]).steepest(20_000), 0, "what a meter errs by is no rise");
    }

    #[test]
    fn what_rises_still_is_not_steady() {
        assert!(curve(&[0, 28_000, 27_900, 28_010, 28_000]).is_steady(200, 2_000));
        assert!(!curve(&[0, 20_000, 24_000, 28_000]).is_steady(200, 2_000));
        assert!(!curve(&[28_000, 28_000]).is_steady(200, 5_000), "nobody looked for so long");
    }

    #[test]
    fn a_long_curve_is_thinned_evenly_and_keeps_its_ends() {
        let long = curve(&(0..5_000).collect::<Vec<_>>());
        let thin = long.thinned();
        assert_eq!(thin.0.len(), KEPT);
        assert_eq!((thin.0.first(), thin.0.last()), (long.0.first(), long.0.last()));
    }
}
