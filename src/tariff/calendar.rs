//! The periods of a tariff: which months, days and hours belong to each, and the proof that every interval belongs to
//! exactly one.

use std::collections::BTreeSet;
use std::fmt;

use crate::time::Date;

/// The most periods that a calendar can have.
pub const MAX_PERIODS: usize = 64;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Minutes in a day by the clock.
pub const DAY: u16 = 1_440;

/// Members of a round of at most 16 names, such as the months of a year: `Nov-Feb`, `Mon-Fri, Sun`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round<const N: usize>(u16);

/// Months of a year.
pub type Months = Round<12>;
/// Days of a week. A holiday counts as a Sunday.
pub type Days = Round<7>;

impl<const N: usize> Round<N> {
    /// All of them.
    pub const ALL: Self = Self(((1_u32 << N) - 1) as u16);
    /// None.
    pub const NONE: Self = Self(0);

    /// Those for which this holds, counted from 0.
    pub fn of(is: impl Fn(usize) -> bool) -> Self {
        (0..N).filter(|at| is(*at)).fold(Self::NONE, |so_far, at| Self(so_far.0 | 1 << at))
    }

    /// Whether this one, counted from 0, is among them.
    pub fn has(self, at: usize) -> bool {
        at < N && self.0 & (1 << at) != 0
    }

    /// Whether it is none at all.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    fn names() -> &'static [&'static str] {
        if N == 12 { &MONTHS } else { &DAYS }
    }

    /// Reads `Jun-Sep`, `Nov-Feb`, `Mon-Fri, Sun`, `all`; a range may go over the end.
    ///
    /// # Errors
    /// The word that is no name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let place = |word: &str| {
            let word = word.trim();
            Self::names().iter().position(|name| *name == word).ok_or_else(|| word.to_owned())
        };
        let mut found = Self::NONE;
        for part in text.split(',') {
            let (from, to) = match part.split_once('-') {
                _ if part.trim() == "all" => (0, N - 1),
                Some((from, to)) => (place(from)?, place(to)?),
                None => (place(part)?, place(part)?),
            };
            let count = (to + N - from) % N;
            found = (0..=count).fold(found, |so_far, step| Self(so_far.0 | 1 << ((from + step) % N)));
        }
        Ok(found)
    }

    /// The names that there are, for messages.
    pub fn known() -> String {
        Self::names().join(", ")
    }
}

impl<const N: usize> fmt::Display for Round<N> {
    /// As it is read: the longest ranges, one going over the end first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("all");
        }
        let begins = (0..N).filter(|at| self.has(*at) && !self.has((at + N - 1) % N));
        let range = |from: usize| {
            let length = (1..N).take_while(|step| self.has((from + step) % N)).count();
            let name = |at: usize| Self::names().get(at % N).copied().unwrap_or_default();
            if length == 0 { name(from).to_owned() } else { format!("{}-{}", name(from), name(from + length)) }
        };
        f.write_str(&begins.map(range).collect::<Vec<_>>().join(", "))
    }
}

impl<const N: usize> fmt::Debug for Round<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Times of a day in minutes since midnight, each from the first to before the second.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hours(pub Vec<(u16, u16)>);

impl Hours {
    /// The whole day.
    pub fn all() -> Self {
        Self(vec![(0, DAY)])
    }

    /// Reads `15:00-20:00`, `22:00-06:00, 12:00-13:00`, `all`; one may go over midnight.
    ///
    /// # Errors
    /// The part that is no time of day, or takes no time.
    pub fn parse(text: &str) -> Result<Self, String> {
        let time = |word: &str| {
            let (hour, minute) = word.trim().split_once(':')?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, (minute.len() == 2).then(|| minute.parse().ok())??);
            let of_day = hour.saturating_mul(60).saturating_add(minute);
            (minute < 60 && of_day <= DAY).then_some(of_day)
        };
        let mut found = Vec::new();
        for part in text.split(',') {
            if part.trim() == "all" {
                found.push((0, DAY));
                continue;
            }
            let both = part.split_once('-').and_then(|(from, to)| time(from).zip(time(to)));
            match both.filter(|(from, to)| from != to && *from < DAY) {
                Some((from, to)) if from < to => found.push((from, to)),
                Some((from, to)) => found.extend([(0, to), (from, DAY)].into_iter().filter(|(from, to)| from < to)),
                None => return Err(part.trim().to_owned()),
            }
        }
        Ok(Self(found))
    }

    /// Whether this minute of the day is among them.
    pub fn has(&self, minute: u16) -> bool {
        self.0.iter().any(|(from, to)| (*from..*to).contains(&minute))
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::all() {
            return f.write_str("all");
        }
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let each = self.0.iter().map(|(from, to)| format!("{}-{}", clock(*from), clock(*to)));
        f.write_str(&each.collect::<Vec<_>>().join(", "))
    }
}

/// Some months, days and hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Which months.
    pub months: Months,
    /// Which days.
    pub days: Days,
    /// Which times of the day.
    pub hours: Hours,
}

impl Window {
    /// Whether it holds this moment; month and weekday counted from 0.
    pub fn has(&self, month: usize, weekday: usize, minute: u16) -> bool {
        self.months.has(month) && self.days.has(weekday) && self.hours.has(minute)
    }
}

/// A period with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its name.
    pub name: String,
    /// What belongs to it.
    pub windows: Vec<Window>,
    /// Whether it takes, in these windows, only what no other period has.
    pub otherwise: bool,
}

/// Periods and holidays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Every period; none where the tariff knows none.
    pub periods: Vec<Period>,
    /// Days that count as a Sunday.
    pub holidays: Holidays,
}

/// Days that count as a Sunday.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holidays {
    /// The six of the North American Electric Reliability Corporation.
    pub nerc: bool,
    /// By their date.
    pub dates: BTreeSet<Date>,
}

impl Holidays {
    /// Whether this day is one.
    pub fn has(&self, date: Date) -> bool {
        self.dates.contains(&date) || self.nerc && nerc(date)
    }
}

/// New Year, Memorial Day, Independence Day, Labor Day, Thanksgiving and Christmas; the Monday after, for those with a fixed
/// date that fall on a Sunday. Source: NERC, "Additional Off-peak Days".
fn nerc(date: Date) -> bool {
    let (month, day, monday) = (date.month(), date.day(), date.weekday() == 0);
    let fixed = |m: u32, d: u32| month == m && (day == d || day == d + 1 && monday);
    fixed(1, 1)
        || fixed(7, 4)
        || fixed(12, 25)
        || month == 5 && monday && day > 24
        || month == 9 && monday && day <= 7
        || month == 11 && date.weekday() == 3 && (22..=28).contains(&day)
}

/// Where a calendar gives an interval no period, or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The month, from 0.
    pub month: usize,
    /// The weekday, from 0.
    pub weekday: usize,
    /// From this minute of the day.
    pub from: u16,
    /// To before this one.
    pub to: u16,
    /// The periods that claim it: none, or two.
    pub periods: Vec<usize>,
}

/// The period of every interval of every kind of day: what a calendar amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    step: u16,
    cells: Vec<u8>,
}

impl Grid {
    /// Lays a calendar out in steps of so many minutes.
    ///
    /// # Errors
    /// What belongs to no period or to two, each stretch of a day once.
    pub fn of(calendar: &Calendar, step: u16) -> Result<Self, Vec<Clash>> {
        let step = step.clamp(1, DAY);
        let (mut cells, mut clashes) = (Vec::new(), Vec::<Clash>::new());
        for (month, weekday) in (0..12).flat_map(|month| (0..7).map(move |weekday| (month, weekday))) {
            for from in (0..DAY).step_by(usize::from(step)) {
                let periods = claims(calendar, month, weekday, from);
                match periods.as_slice() {
                    [] if calendar.periods.is_empty() => cells.push(0),
                    [one] => cells.push(u8::try_from(*one).unwrap_or(u8::MAX)),
                    _ => {
                        cells.push(0);
                        let to = (from + step).min(DAY);
                        let last = clashes.last_mut().filter(|last| {
                            (last.month, last.weekday, last.to, &last.periods) == (month, weekday, from, &periods)
                        });
                        match last {
                            Some(last) => last.to = to,
                            None => clashes.push(Clash { month, weekday, from, to, periods }),
                        }
                    }
                }
            }
        }
        if clashes.is_empty() { Ok(Self { step, cells }) } else { Err(clashes) }
    }

    /// The period at a moment of a day; month and weekday counted from 0.
    pub fn at(&self, month: usize, weekday: usize, minute: u16) -> usize {
        let per_day = usize::from(DAY.div_ceil(self.step));
        let at = (month * 7 + weekday) * per_day + usize::from(minute / self.step);
        self.cells.get(at).copied().map_or(0, usize::from)
    }
}

fn claims(calendar: &Calendar, month: usize, weekday: usize, minute: u16) -> Vec<usize> {
    let of = |otherwise: bool| {
        let all = calendar.periods.iter().enumerate();
        let has = move |(_, period): &(usize, &Period)| {
            period.otherwise == otherwise && period.windows.iter().any(|window| window.has(month, weekday, minute))
        };
        all.filter(has).map(|(at, _)| at).take(2).collect::<Vec<_>>()
    };
    let named = of(false);
    if named.is_empty() { of(true) } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_days_and_hours_are_read_and_written_alike() {
        for text in ["Jun-Sep", "Nov-Feb", "Jan, Mar-May", "all"] {
            assert_eq!(Months::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Days::parse("Sat-Mon").unwrap().to_string(), "Sat-Mon");
        assert_eq!(Months::parse("Jun-Spe"), Err("Spe".into()));
        assert_eq!(Days::parse("Mon-Fri").unwrap(), Days::of(|day| day < 5));
        assert_eq!(Hours::parse("22:00-06:00").unwrap().0, [(0, 360), (1_320, DAY)]);
        assert_eq!(Hours::parse("15:00-24:00, 00:00-06:15").unwrap().to_string(), "15:00-24:00, 00:00-06:15");
        for wrong in ["15:00", "15:00-15:00", "25:00-26:00", "15:0-16:00", "24:00-06:00", "3pm-5pm"] {
            assert_eq!(Hours::parse(wrong), Err(wrong.into()));
        }
    }

    #[test]
    fn a_calendar_gives_every_interval_one_period_or_says_where_not() {
        let window = |days: &str, hours: &str| Window {
            months: Months::ALL,
            days: Days::parse(days).unwrap(),
            hours: Hours::parse(hours).unwrap(),
        };
        let period = |name: &str, otherwise, window| Period { name: name.into(), windows: vec![window], otherwise };
        let on = period("on", false, window("Mon-Fri", "15:00-20:00"));
        let off = period("off", true, window("all", "all"));
        let calendar = |periods| Calendar { periods, holidays: Holidays::default() };
        let grid = Grid::of(&calendar(vec![on.clone(), off]), 15).unwrap();
        assert_eq!(
            [grid.at(6, 4, 899), grid.at(6, 4, 900), grid.at(6, 4, 1_199), grid.at(6, 4, 1_200), grid.at(6, 5, 900)],
            [1, 0, 0, 1, 1]
        );

        let gap = Grid::of(&calendar(vec![on.clone()]), 15).unwrap_err();
        assert_eq!(gap[0], Clash { month: 0, weekday: 0, from: 0, to: 900, periods: vec![] });
        let two = Grid::of(&calendar(vec![on, period("late", false, window("all", "19:45-15:00"))]), 15).unwrap_err();
        assert_eq!(two[0], Clash { month: 0, weekday: 0, from: 1_185, to: 1_200, periods: vec![0, 1] });
        assert_eq!(Grid::of(&Calendar::default(), 15).unwrap().at(3, 3, 3), 0);
    }

    #[test]
    fn the_six_holidays_are_known_and_move_to_monday() {
        let nerc = |text: &str| nerc(Date::parse(text).unwrap());
        for holiday in [
            "2026-01-01",
            "2026-05-25",
            "2026-07-04",
            "2026-09-07",
            "2026-11-26",
            "2026-12-25",
            "2027-07-05",
            "2023-01-02",
        ] {
            assert!(nerc(holiday), "{holiday}");
        }
        for working in ["2026-07-06", "2026-05-18", "2026-11-19", "2026-12-26", "2027-07-06"] {
            assert!(!nerc(working), "{working}");
        }
    }
}
