//! Time as data: `Now { mono, wall }`, the wall clocks of places, and the one place that reads the operating system's clock.
//!
//! Deadlines, ages and dwell use [`Mono`]; tariffs, events and people use [`Wall`]. A step of the wall clock can change a
//! price, never a safety timer. Everything below `run.rs` gets its [`Now`] from its caller.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

mod zone;
pub use zone::{Date, Local, Zone};

/// Monotonic time: microseconds since the controller's clock was started. Never steps, never repeats.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mono(u64);

impl Mono {
    /// When the clock was started.
    pub const START: Self = Self(0);

    /// From microseconds since the start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the start.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero where it lies in the future.
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This much later.
    #[must_use]
    pub fn after(self, span: Duration) -> Mono {
        Mono(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }

    /// This much earlier, at most the start.
    #[must_use]
    pub fn before(self, span: Duration) -> Mono {
        Mono(self.0.saturating_sub(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Debug for Mono {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}us", self.0)
    }
}

/// Wall-clock time: microseconds since 1970-01-01T00:00:00Z. May step.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wall(i64);

impl Wall {
    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// From RFC 3339, as in `2026-11-22T05:00:00.000000Z`; nothing where the text is no such time.
    pub fn parse(text: &str) -> Option<Wall> {
        DateTime::parse_from_rfc3339(text).ok().map(|at| Wall(at.timestamp_micros()))
    }

    /// This much later.
    #[must_use]
    pub fn after(self, span: Duration) -> Wall {
        Wall(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// So many seconds later, or earlier.
    #[must_use]
    pub fn after_seconds(self, seconds: i32) -> Wall {
        Wall(self.0.saturating_add(i64::from(seconds).saturating_mul(1_000_000)))
    }

    /// How long ago `earlier` was; zero where it lies in the future.
    pub fn since(self, earlier: Wall) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Wall {
    /// RFC 3339 in UTC with microseconds, the form of the journal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at: DateTime<Utc> = DateTime::from_timestamp_micros(self.0).unwrap_or_default();
        f.write_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// For deadlines, ages and dwell.
    pub mono: Mono,
    /// For prices, events and people.
    pub wall: Wall,
}

/// The operating system's clocks. Cheap to clone; all clones share one start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: std::time::Instant,
    base: Mono,
}

impl Clock {
    /// Starts the monotonic clock at zero.
    pub fn start() -> Self {
        Self::start_at(Mono::START)
    }

    /// Starts the monotonic clock at this moment, so that what happened before it has a place on it.
    #[allow(clippy::disallowed_methods)]
    pub fn start_at(base: Mono) -> Self {
        Self { start: std::time::Instant::now(), base }
    }

    /// Monotonic time alone: cheaper, and all a device needs.
    #[allow(clippy::disallowed_methods)]
    pub fn mono(&self) -> Mono {
        self.base.after(std::time::Instant::now().duration_since(self.start))
    }

    /// Both clocks. The wall time is the monotonic time plus an offset in whole milliseconds, so that it changes only when
    /// the wall clock is really set, and a journal need not repeat it.
    #[allow(clippy::disallowed_methods)]
    pub fn now(&self) -> Now {
        let mono = self.mono();
        let wall = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
        let offset = wall.saturating_sub(i64::try_from(mono.0).unwrap_or(i64::MAX)).div_euclid(1_000) * 1_000;
        Now { mono, wall: Wall(offset.saturating_add(i64::try_from(mono.0).unwrap_or(i64::MAX))) }
    }

    /// The moment on the system's monotonic clock at which this clock shows `at`: for waiting.
    pub fn instant(&self, at: Mono) -> std::time::Instant {
        self.start.checked_add(at.since(self.base)).unwrap_or(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_never_negative() {
        assert_eq!(Mono::from_millis(1).since(Mono::from_millis(5)), Duration::ZERO);
        assert_eq!(Mono::from_millis(5).since(Mono::from_millis(1)), Duration::from_millis(4));
    }

    #[test]
    fn wall_time_is_written_in_utc_with_microseconds_and_read_back() {
        let at = Wall::from_micros(1_795_323_600_000_001);
        assert_eq!(at.to_string(), "2026-11-22T05:00:00.000001Z");
        assert_eq!(Wall::parse(&at.to_string()), Some(at));
    }
}
