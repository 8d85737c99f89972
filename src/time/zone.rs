//! Dates, and the wall clock of a place: when its days begin, and what it shows at a moment.
//!
//! Local time is used once, where a tariff is laid out in moments; everything after that is UTC.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveTime, Offset, TimeZone, Timelike, Utc};
use chrono_tz::{OffsetComponents, OffsetName, TZ_VARIANTS, Tz};

use super::Wall;

/// A day of the civil calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(NaiveDate);

impl Date {
    /// Before every date that a file can name.
    pub const FIRST: Self = Self(NaiveDate::MIN);

    /// The day of this year, month (1 to 12) and day (1 to 31); nothing where there is none.
    pub fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(year, month, day).filter(|_| (1900..=2200).contains(&year)).map(Self)
    }

    /// From `2026-03-01`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if (year.len(), month.len(), day.len()) != (4, 2, 2) {
            return None;
        }
        Self::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
    }

    /// The year.
    pub fn year(self) -> i32 {
        self.0.year()
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u32 {
        self.0.month()
    }

    /// The day of the month, from 1.
    pub fn day(self) -> u32 {
        self.0.day()
    }

    /// Days since Monday, 0 to 6.
    pub fn weekday(self) -> u32 {
        self.0.weekday().num_days_from_monday()
    }

    /// So many days later; the last there is where there is none.
    #[must_use]
    pub fn plus(self, days: u32) -> Self {
        Self(self.0.checked_add_days(Days::new(days.into())).unwrap_or(NaiveDate::MAX))
    }

    /// So many days earlier; the first there is where there is none.
    #[must_use]
    pub fn minus(self, days: u32) -> Self {
        Self(self.0.checked_sub_days(Days::new(days.into())).unwrap_or(NaiveDate::MIN))
    }

    /// How many days after `earlier`; negative where it is before.
    pub fn days_since(self, earlier: Self) -> i64 {
        self.0.signed_duration_since(earlier.0).num_days()
    }

    /// The first day of its month.
    #[must_use]
    pub fn month_start(self) -> Self {
        self.minus(self.day() - 1)
    }

    /// The first day of the month after its own.
    #[must_use]
    pub fn next_month(self) -> Self {
        self.month_start().plus(31).month_start()
    }

    /// The first day of the month before its own.
    #[must_use]
    pub fn last_month(self) -> Self {
        self.month_start().minus(1).month_start()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the wall clock of a place shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// The day.
    pub date: Date,
    /// Minutes since midnight as the clock shows them, 0 to 1,439.
    pub minute: u16,
    /// Seconds that the clock is ahead of UTC.
    pub offset: i32,
}

/// A place by the rules of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    tz: Tz,
    standard: bool,
}

impl Zone {
    /// UTC.
    pub const UTC: Self = Self { tz: Tz::UTC, standard: false };

    /// By its name in the IANA database, as in `America/Chicago`.
    pub fn named(name: &str) -> Option<Self> {
        TZ_VARIANTS.iter().find(|tz| tz.name() == name).map(|tz| Self { tz: *tz, standard: false })
    }

    /// Every name that there is.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TZ_VARIANTS.iter().map(|tz| tz.name())
    }

    /// The same place with its clock at standard time all year.
    #[must_use]
    pub fn at_standard_time(self) -> Self {
        Self { standard: true, ..self }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.tz.name()
    }

    /// What its clock is called at a moment, as in `CDT`.
    pub fn abbreviation(self, at: Wall) -> String {
        let offset = self.tz.offset_from_utc_datetime(&utc(at).naive_utc());
        match offset.abbreviation() {
            Some(name) if !(self.standard && offset.dst_offset().num_seconds() != 0) => name.to_owned(),
            _ => format!("{} standard time", self.tz.name()),
        }
    }

    /// What its clock shows.
    pub fn local(self, at: Wall) -> Local {
        let offset = self.offset(at);
        let shown = utc(at.after_seconds(offset)).naive_utc();
        let minute = u16::try_from(shown.hour() * 60 + shown.minute()).unwrap_or(0);
        Local { date: Date(shown.date()), minute, offset }
    }

    /// The first moment of a day.
    pub fn midnight(self, date: Date) -> Wall {
        let midnight = date.0.and_time(NaiveTime::MIN);
        if self.standard {
            let guess = Wall::from_micros(midnight.and_utc().timestamp_micros());
            return guess.after_seconds(-self.offset(guess));
        }
        // A clock that is put forward at midnight has none: its day begins with the first time that it shows.
        let first = (0..12).find_map(|quarter| {
            let shown = midnight.checked_add_signed(chrono::TimeDelta::minutes(quarter * 15))?;
            match self.tz.from_local_datetime(&shown) {
                LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at),
                LocalResult::None => None,
            }
        });
        let micros = first.map_or_else(|| midnight.and_utc().timestamp_micros(), |at| at.timestamp_micros());
        Wall::from_micros(micros)
    }

    /// The moments at which a wall clock shows this: none where it was put forward over it, two where it was put back.
    pub fn moments(self, date: Date, minute: u16) -> Vec<Wall> {
        let start = self.midnight(date);
        let day = self.midnight(date.plus(1)).since(start);
        let minutes = u32::try_from(day.as_secs() / 60).unwrap_or(0);
        let each = (0..minutes).map(|at| start.after(Duration::from_secs(u64::from(at) * 60)));
        each.filter(|at| self.local(*at).minute == minute).collect()
    }

    /// Seconds that its clock is ahead of UTC.
    pub fn offset(self, at: Wall) -> i32 {
        let offset = self.tz.offset_from_utc_datetime(&utc(at).naive_utc());
        let seconds = offset.fix().local_minus_utc();
        let saved = if self.standard { offset.dst_offset().num_seconds() } else { 0 };
        seconds - i32::try_from(saved).unwrap_or(0)
    }
}

fn utc(at: Wall) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.micros()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn quarters(zone: Zone, date: &str) -> u64 {
        zone.midnight(day(date).plus(1)).since(zone.midnight(day(date))).as_secs() / 900
    }

    #[test]
    fn days_have_as_many_quarter_hours_as_the_clock_gives_them() {
        let chicago = Zone::named("America/Chicago").unwrap();
        let days = ["2026-03-07", "2026-03-08", "2026-11-01", "2026-11-02"].map(|date| quarters(chicago, date));
        assert_eq!(days, [96, 92, 100, 96]);
        assert_eq!(quarters(chicago.at_standard_time(), "2026-03-08"), 96);
        assert_eq!(quarters(Zone::named("America/Phoenix").unwrap(), "2026-03-08"), 96);
        // Here the clock is put forward at midnight itself.
        assert_eq!(quarters(Zone::named("America/Sao_Paulo").unwrap(), "2018-11-04"), 92);
    }

    #[test]
    fn a_clock_that_is_put_back_shows_a_time_twice() {
        let chicago = Zone::named("America/Chicago").unwrap();
        assert_eq!(chicago.moments(day("2026-11-01"), 90).len(), 2);
        assert_eq!(chicago.moments(day("2026-03-08"), 150).len(), 0);
        assert_eq!(chicago.moments(day("2026-03-08"), 180).len(), 1);
        let at = Wall::parse("2026-08-12T21:50:00Z").unwrap();
        let local = chicago.local(at);
        assert_eq!((local.date, local.minute, local.offset), (day("2026-08-12"), 16 * 60 + 50, -5 * 3_600));
        assert_eq!(chicago.abbreviation(at), "CDT");
        assert_eq!(chicago.at_standard_time().local(at).minute, 15 * 60 + 50);
        assert_eq!(chicago.at_standard_time().abbreviation(at), "America/Chicago standard time");
    }

    #[test]
    fn dates_are_read_and_counted() {
        let date = day("2026-03-31");
        assert_eq!(
            (date.month_start(), date.next_month(), date.last_month()),
            (day("2026-03-01"), day("2026-04-01"), day("2026-02-01"))
        );
        assert_eq!(day("2028-02-28").plus(1).to_string(), "2028-02-29");
        assert_eq!(day("2018-01-01").weekday(), 0);
        assert_eq!(day("2026-03-31").days_since(day("2026-04-02")), -2);
        for wrong in ["2026-02-29", "2026-3-1", "26-03-01", "2026-03", "", "9999-01-01"] {
            assert_eq!(Date::parse(wrong), None, "{wrong}");
        }
    }
}
