//! A tariff laid out in UTC: for every interval its period, for every month its days and the prices that hold in them.
//!
//! Local time is used here and nowhere after: the day on which a clock is put forward has 92 quarter hours, the one on which it
//! is put back has 100, and both come out by themselves.

use std::collections::BTreeSet;
use std::ops::Range;

use super::calendar::{Clash, DAY, Grid, Window};
use super::{Charge, Dated, Source, Tariff};
use crate::time::{Date, Wall, Zone};

/// Microseconds in a minute.
const MINUTE: i64 = 60_000_000;

/// Some days of one month in which no price changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first day.
    pub first: Date,
    /// How many days.
    pub days: u32,
    /// Its intervals.
    pub slots: Range<usize>,
}

/// A billing month, as far as it is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    /// The first day.
    pub first: Date,
    /// How many days.
    pub days: u32,
    /// Its intervals.
    pub slots: Range<usize>,
    /// Where its stretches stand.
    pub stretches: Range<usize>,
}

/// Intervals from the first moment of one day to the first of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    zone: Zone,
    start: Wall,
    /// Minutes of an interval.
    step: u16,
    periods: Vec<u8>,
    /// What the clock shows at the beginning of each interval, in minutes since midnight.
    minutes: Vec<u16>,
    days: Vec<Day>,
    stretches: Vec<Stretch>,
    months: Vec<Month>,
}

/// A day of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Which.
    pub date: Date,
    /// Days since Monday; 6 for a holiday.
    pub weekday: usize,
    /// Its first interval.
    pub slot: usize,
}

impl Table {
    /// Lays out the days from `first` to before `until`.
    ///
    /// # Errors
    /// Where the calendar has gaps or overlaps.
    pub fn of(tariff: &Tariff, first: Date, until: Date) -> Result<Self, Vec<Clash>> {
        let grid = Grid::of(&tariff.calendar, tariff.interval)?;
        let zone = tariff.zone;
        let mut table = Self {
            zone,
            start: zone.midnight(first),
            step: tariff.interval.clamp(1, DAY),
            periods: Vec::new(),
            minutes: Vec::new(),
            days: Vec::new(),
            stretches: Vec::new(),
            months: Vec::new(),
        };
        let changes = changes(tariff);
        let mut date = first;
        while date < until {
            table.begin(date, changes.contains(&date));
            table.day(tariff, &grid, date);
            date = date.plus(1);
        }
        Ok(table)
    }

    /// A new month on its first day, a new stretch on that and where a price changes.
    fn begin(&mut self, date: Date, changes: bool) {
        let (slot, stretch) = (self.periods.len(), self.stretches.len());
        let month_begins = date.day() == 1 || self.months.is_empty();
        if month_begins {
            self.months.push(Month { first: date, days: 0, slots: slot..slot, stretches: stretch..stretch });
        }
        if month_begins || changes {
            self.stretches.push(Stretch { first: date, days: 0, slots: slot..slot });
        }
    }

    fn day(&mut self, tariff: &Tariff, grid: &Grid, date: Date) {
        let (from, to) = (self.zone.midnight(date), self.zone.midnight(date.plus(1)));
        let step = i64::from(self.step) * MINUTE;
        let count = to.micros().saturating_sub(from.micros()).div_euclid(step);
        let is_plain = count * i64::from(self.step) == i64::from(DAY);
        let weekday = if tariff.calendar.holidays.has(date) { 6 } else { usize::try_from(date.weekday()).unwrap_or(0) };
        let month = usize::try_from(date.month() - 1).unwrap_or(0);
        self.days.push(Day { date, weekday, slot: self.periods.len() });
        for at in 0..count {
            let plain = u16::try_from(at).unwrap_or(0).saturating_mul(self.step);
            let minute =
                if is_plain { plain } else { self.zone.local(Wall::from_micros(from.micros() + at * step)).minute };
            self.periods.push(u8::try_from(grid.at(month, weekday, minute)).unwrap_or(0));
            self.minutes.push(minute);
        }
        let end = self.periods.len();
        let stretches = self.stretches.len();
        if let Some(stretch) = self.stretches.last_mut() {
            (stretch.days, stretch.slots.end) = (stretch.days + 1, end);
        }
        if let Some(month) = self.months.last_mut() {
            (month.days, month.slots.end, month.stretches.end) = (month.days + 1, end, stretches);
        }
    }

    /// How many intervals it has.
    pub fn len(&self) -> usize {
        self.periods.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.periods.is_empty()
    }

    /// Minutes of an interval.
    pub fn step(&self) -> u16 {
        self.step
    }

    /// Intervals in an hour: what a load in milliwatts is to be divided by, to be energy.
    pub fn per_hour(&self) -> (i128, i128) {
        (60, self.step.into())
    }

    /// When an interval begins.
    pub fn start_of(&self, slot: usize) -> Wall {
        let slot = i64::try_from(slot).unwrap_or(i64::MAX / MINUTE / 2_000);
        Wall::from_micros(self.start.micros() + slot * i64::from(self.step) * MINUTE)
    }

    /// The interval that holds a moment.
    pub fn slot_at(&self, at: Wall) -> Option<usize> {
        let since = at.micros().checked_sub(self.start.micros())?;
        let slot = usize::try_from(since.div_euclid(i64::from(self.step) * MINUTE)).ok()?;
        (slot < self.periods.len()).then_some(slot)
    }

    /// The period of an interval, by its place in the calendar; 0 where the tariff knows none.
    pub fn period(&self, slot: usize) -> usize {
        self.periods.get(slot).copied().map_or(0, usize::from)
    }

    /// The period of every interval.
    pub fn periods(&self) -> &[u8] {
        &self.periods
    }

    /// Its days, in order.
    pub fn days(&self) -> &[Day] {
        &self.days
    }

    /// The day that an interval is in.
    pub fn day_of(&self, slot: usize) -> Option<Day> {
        let after = self.days.partition_point(|day| day.slot <= slot);
        self.days.get(after.checked_sub(1)?).copied().filter(|_| slot < self.len())
    }

    /// What the clock shows at the beginning of an interval, in minutes since midnight.
    pub fn minute(&self, slot: usize) -> u16 {
        self.minutes.get(slot).copied().unwrap_or(0)
    }

    /// Whether an interval of a day lies in a window.
    pub fn is_in(&self, window: &Window, day: Day, slot: usize) -> bool {
        let month = usize::try_from(day.date.month() - 1).unwrap_or(0);
        window.has(month, day.weekday, self.minute(slot))
    }

    /// The month that an interval is in, by its place.
    pub fn month_of(&self, slot: usize) -> Option<usize> {
        let after = self.months.partition_point(|month| month.slots.start <= slot);
        after.checked_sub(1).filter(|_| slot < self.len())
    }

    /// Its months, in order.
    pub fn months(&self) -> &[Month] {
        &self.months
    }

    /// The stretches of a month.
    pub fn stretches(&self, month: &Month) -> &[Stretch] {
        self.stretches.get(month.stretches.clone()).unwrap_or_default()
    }

    /// Whose clock it goes by.
    pub fn zone(&self) -> Zone {
        self.zone
    }
}

/// Every day on which a price of the tariff changes.
pub fn changes(tariff: &Tariff) -> BTreeSet<Date> {
    fn days<T>(dated: &Dated<T>) -> impl Iterator<Item = Date> + '_ {
        dated.steps().iter().map(|(from, _)| *from)
    }
    let mut all = BTreeSet::new();
    for line in &tariff.lines {
        match &line.charge {
            Charge::Energy(energy) => {
                if let Source::Tiers(tiers) = &energy.price {
                    tiers.iter().for_each(|tier| all.extend(days(&tier.price)));
                }
            }
            Charge::Demand(demand) => demand.tiers.iter().for_each(|tier| all.extend(days(&tier.price))),
            Charge::Fixed(fixed) => all.extend(days(fixed)),
            Charge::Reactive(reactive) => all.extend(days(&reactive.price)),
            Charge::Tax(tax) => all.extend(days(&tax.rate)),
            Charge::Block(_)
            | Charge::Coincident(_)
            | Charge::PowerFactor(_)
            | Charge::Interruptible(_)
            | Charge::Programme(_)
            | Charge::Minimum(_) => {}
        }
    }
    all
}
