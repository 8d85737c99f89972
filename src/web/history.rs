//! The last ten minutes, one point a second: so that a reload or a late look still sees what happened.
//!
//! Of all views in a second the one with the highest import is kept: thinning out never hides an excess.

use std::collections::VecDeque;

use serde::Serialize;

use super::View;
use crate::plan::Cause;

/// How many seconds are kept.
pub const POINTS: usize = 600;

/// What is drawn of one moment. What is not known is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    /// Milliseconds since 1970.
    pub unix_ms: i64,
    /// The import limit.
    pub limit_w: i64,
    /// Import at the POI.
    pub poi_w: Option<i64>,
    /// The AI hall.
    pub hall_w: Option<i64>,
    /// What the hall counts as.
    pub worst_w: i64,
    /// The house.
    pub house_w: Option<i64>,
    /// The miners.
    pub miners_w: i64,
    /// The price in micro-dollars a megawatt-hour.
    pub price: Option<i64>,
    /// The binding cause.
    pub cause: Cause,
}

impl Point {
    /// What a chart needs of a view.
    pub fn of(view: &View) -> Self {
        Self {
            unix_ms: view.unix_ms,
            limit_w: view.import_limit_w,
            poi_w: view.poi_w,
            hall_w: view.hall_w,
            worst_w: view.hall_worst_w,
            house_w: view.house_w,
            miners_w: view.miners_w,
            price: view.price_micro_usd_mwh,
            cause: view.cause,
        }
    }

    /// Import as measured, or the sum of what is known where the POI has no reading.
    pub fn import_w(&self) -> i64 {
        let sum = self.miners_w.saturating_add(self.hall_w.unwrap_or(0)).saturating_add(self.house_w.unwrap_or(0));
        self.poi_w.unwrap_or(sum)
    }

    fn second(&self) -> i64 {
        self.unix_ms.div_euclid(1_000)
    }
}

/// Points in order of time, one a second, at most [`POINTS`].
#[derive(Clone, Debug, Default)]
pub struct History {
    points: VecDeque<Point>,
}

impl History {
    /// Takes a point in. One from before the newest second (the wall clock was set back) starts the history anew.
    pub fn push(&mut self, point: Point) {
        match self.points.back_mut() {
            Some(last) if point.second() < last.second() => self.points.clear(),
            Some(last) if point.second() == last.second() => {
                if point.import_w() >= last.import_w() {
                    *last = point;
                }
                return;
            }
            _ => {}
        }
        if self.points.len() >= POINTS {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }

    /// All points, oldest first.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = &Point> {
        self.points.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(unix_ms: i64, poi_w: i64) -> Point {
        Point { poi_w: Some(poi_w), ..Point::of(&View { unix_ms, ..View::default() }) }
    }

    #[test]
    fn thinning_out_keeps_the_worst_moment_of_each_second() {
        let mut history = History::default();
        for (ms, import) in [(1_000, 10), (1_200, 30), (1_400, 20), (2_000, 5)] {
            history.push(at(ms, import));
        }
        let kept: Vec<_> = history.points().map(Point::import_w).collect();
        assert_eq!(kept, [30, 5]);
    }

    #[test]
    fn history_ends_after_ten_minutes() {
        let mut history = History::default();
        for second in 0..1_000 {
            history.push(at(second * 1_000, second));
        }
        assert_eq!(history.points().count(), POINTS);
        assert_eq!(history.points().next().map(Point::import_w), Some(400));
    }

    #[test]
    fn a_clock_that_is_set_back_starts_anew() {
        let mut history = History::default();
        history.push(at(9_000, 1));
        history.push(at(3_000, 2));
        assert_eq!(history.points().map(Point::import_w).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn import_without_its_meter_is_the_sum_of_the_others() {
        let point = Point { poi_w: None, hall_w: Some(5), miners_w: 7, ..at(0, 0) };
        assert_eq!(point.import_w(), 12);
    }
}
