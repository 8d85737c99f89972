//! A recorded load: points in time, straight lines between them.

use std::time::Duration;

use crate::time::Mono;
use crate::units::Share;

/// What follows the last point of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// The recording starts again. From the last point to the first the line takes as long as the last interval did; where the
    /// two differ much, that is an unannounced step.
    Repeat,
    /// The last value holds.
    Hold,
}

/// Why points are no recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotASeries {
    /// There is no point.
    #[error("there are no points")]
    Empty,
    /// A point is not later than the one before.
    #[error("point {index} (counted from 0) is not later than the point before it")]
    NotRising {
        /// Which.
        index: usize,
    },
}

/// A load over time, in parts of its nameplate. Time counts from the first point, whatever stamp that bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    points: Vec<(Mono, Share)>,
    end: AtEnd,
}

impl Series {
    /// A recording from its points.
    ///
    /// # Errors
    /// [`NotASeries`] where there is no point, or time does not rise from each to the next.
    pub fn new(points: Vec<(Mono, Share)>, end: AtEnd) -> Result<Self, NotASeries> {
        let Some(&(first, _)) = points.first() else { return Err(NotASeries::Empty) };
        let stands = points.iter().zip(points.iter().skip(1)).position(|(a, b)| b.0 <= a.0);
        if let Some(before) = stands {
            return Err(NotASeries::NotRising { index: before + 1 });
        }
        let points = points.into_iter().map(|(at, share)| (Mono::START.after(at.since(first)), share)).collect();
        Ok(Self { points, end })
    }

    /// A load that never changes.
    pub fn steady(share: Share) -> Self {
        Self { points: vec![(Mono::START, share)], end: AtEnd::Hold }
    }

    /// The points, the first at [`Mono::START`].
    pub fn points(&self) -> &[(Mono, Share)] {
        &self.points
    }

    /// From the first point to the last.
    pub fn span(&self) -> Duration {
        self.points.last().map_or(Duration::ZERO, |(at, _)| at.since(Mono::START))
    }

    /// Starts the recording this much later: what comes before is dropped. Past the end, the last point stays.
    #[must_use]
    pub fn from(mut self, start: Duration) -> Self {
        let start = Mono::START.after(start.min(self.span()));
        let value = self.at(start);
        self.points.retain(|(at, _)| *at > start);
        for (at, _) in &mut self.points {
            *at = Mono::START.after(at.since(start));
        }
        self.points.insert(0, (Mono::START, value));
        self
    }

    /// The value at this time after the start.
    pub fn at(&self, time: Mono) -> Share {
        let time = self.wrapped(time);
        let next = self.points.partition_point(|(at, _)| *at <= time);
        let before = next.checked_sub(1).and_then(|ix| self.points.get(ix)).or(self.points.first());
        let Some(&(from, low)) = before else { return Share::ZERO };
        match (self.points.get(next), self.end) {
            (Some(&(until, high)), _) => between(low, high, time.since(from), until.since(from)),
            (None, AtEnd::Hold) => low,
            (None, AtEnd::Repeat) => {
                let first = self.points.first().map_or(low, |(_, share)| *share);
                between(low, first, time.since(from), self.seam())
            }
        }
    }

    /// How long the line from the last point back to the first takes.
    fn seam(&self) -> Duration {
        let mut back = self.points.iter().rev();
        match (back.next(), back.next()) {
            (Some((last, _)), Some((previous, _))) => last.since(*previous),
            _ => Duration::ZERO,
        }
    }

    fn wrapped(&self, time: Mono) -> Mono {
        let period = u64::try_from((self.span() + self.seam()).as_micros()).unwrap_or(u64::MAX);
        match self.end {
            AtEnd::Repeat if period > 0 => Mono::from_micros(time.micros() % period),
            _ => time,
        }
    }
}

/// The straight line from `low` to `high`.
fn between(low: Share, high: Share, passed: Duration, whole: Duration) -> Share {
    let part = |span: Duration| i128::try_from(span.as_micros()).unwrap_or(i128::MAX);
    let rise = i128::from(high.ppm()) - i128::from(low.ppm());
    match part(whole) {
        0 => low,
        whole => Share::from_ppm(low.ppm().saturating_add(i64::try_from(rise * part(passed) / whole).unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(end: AtEnd) -> Series {
        let at = |ms, ppm| (Mono::from_millis(ms), Share::from_ppm(ppm));
        Series::new(vec![at(5_000, 100), at(6_000, 300), at(8_000, 500)], end).unwrap()
    }

    fn read(series: &Series, ms: u64) -> i64 {
        series.at(Mono::from_millis(ms)).ppm()
    }

    #[test]
    fn between_two_points_runs_a_straight_line() {
        let series = series(AtEnd::Hold);
        let seen: Vec<i64> = [0, 500, 1_000, 1_500, 3_000, 9_999].iter().map(|ms| read(&series, *ms)).collect();
        assert_eq!(seen, [100, 200, 300, 350, 500, 500]);
    }

    #[test]
    fn a_repeated_recording_runs_back_to_its_start_in_one_interval() {
        let series = series(AtEnd::Repeat);
        let seen: Vec<i64> = [3_000, 4_000, 5_000, 5_500].iter().map(|ms| read(&series, *ms)).collect();
        assert_eq!(seen, [500, 300, 100, 200]);
    }

    #[test]
    fn a_recording_may_start_in_its_middle() {
        let series = series(AtEnd::Hold).from(Duration::from_millis(500));
        assert_eq!((read(&series, 0), read(&series, 500), series.span()), (200, 300, Duration::from_millis(2_500)));
        assert_eq!(read(&series.from(Duration::from_secs(99)), 0), 500);
    }

    #[test]
    fn time_that_stands_still_is_no_recording() {
        let point = (Mono::START, Share::ZERO);
        assert_eq!(Series::new(vec![point, point], AtEnd::Hold), Err(NotASeries::NotRising { index: 1 }));
        assert_eq!(Series::new(Vec::new(), AtEnd::Hold), Err(NotASeries::Empty));
    }
}
