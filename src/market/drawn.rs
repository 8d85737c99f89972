//! What was drawn so far, as far as the bill depends on it: peaks by month, the month's energy, and how the firm load is spread.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Date;
use crate::units::Power;

/// The firm load is counted in so many steps of its nameplate.
const BINS: usize = 32;
/// So many seconds of it are remembered in full: a month. Then all counts are halved, so that old habits fade.
const REMEMBERED: u64 = 30 * DAY;
const DAY: u64 = 86_400;
/// Peaks are kept for so many months: the longest ratchet there is, and a year to look back.
const MONTHS: usize = 36;

/// What is remembered of what was drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawn {
    /// The highest demand by line, and by the first day of the month; of lines by the day, by the day.
    pub peaks: BTreeMap<String, BTreeMap<String, Power>>,
    /// The month that runs.
    month: String,
    /// Its energy so far, in joules.
    joules: i64,
    /// How long that was measured, in milliseconds.
    covered_ms: u64,
    /// Seconds at each step of the firm load.
    firm: Vec<u64>,
    /// What is not a whole second of each yet, in milliseconds.
    #[serde(default)]
    rest_ms: Vec<u16>,
}

impl Drawn {
    /// The highest demand of a month, or of a day; nothing where none is known.
    pub fn peak(&self, line: &str, first: Date) -> Option<Power> {
        self.peaks.get(line)?.get(&first.to_string()).copied()
    }

    /// A mean that was measured; whether it is the highest.
    pub fn raise(&mut self, line: &str, first: Date, power: Power) -> bool {
        let of = self.peaks.entry(line.to_owned()).or_default();
        let kept = of.entry(first.to_string()).or_default();
        if power <= *kept {
            return false;
        }
        *kept = power;
        while of.len() > MONTHS {
            of.pop_first();
        }
        true
    }

    /// Whether the firm load was seen for less than a day.
    pub fn is_young(&self) -> bool {
        self.firm.iter().sum::<u64>() < DAY
    }

    /// Import and firm load over some time, as far as they were measured; the latter beside its nameplate.
    pub fn see(&mut self, month: Date, passed: Duration, import: Option<Power>, firm: (Option<Power>, Power)) {
        let month = month.to_string();
        if self.month != month {
            (self.month, self.joules, self.covered_ms) = (month, 0, 0);
        }
        let ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).min(60_000);
        if let Some(import) = import {
            let joules = import.or_zero().watts().saturating_mul(ms.cast_signed()) / 1_000;
            self.joules = self.joules.saturating_add(joules);
            self.covered_ms = self.covered_ms.saturating_add(ms);
        }
        let (Some(firm), nameplate) = firm else { return };
        let bin = usize::try_from(firm.watts().saturating_mul(32) / nameplate.watts().max(1)).unwrap_or(0);
        self.firm.resize(BINS, 0);
        self.rest_ms.resize(BINS, 0);
        let bin = bin.min(BINS - 1);
        if let (Some(seconds), Some(rest)) = (self.firm.get_mut(bin), self.rest_ms.get_mut(bin)) {
            let all = u64::from(*rest) + ms;
            *seconds = seconds.saturating_add(all / 1_000);
            *rest = u16::try_from(all % 1_000).unwrap_or(0);
        }
        if self.firm.iter().sum::<u64>() > REMEMBERED {
            self.firm.iter_mut().for_each(|seconds| *seconds /= 2);
        }
    }

    /// Mean import of the month so far.
    pub fn mean(&self) -> Option<Power> {
        let ms = i64::try_from(self.covered_ms).ok().filter(|ms| *ms > 0)?;
        Some(Power::from_watts(self.joules.saturating_mul(1_000) / ms))
    }

    /// How the firm load is spread: the middle of each step, and how long it was there. Nothing before a second of it was seen.
    pub fn firm(&self, nameplate: Power) -> Vec<(Power, u64)> {
        let middle = |bin: usize| {
            let halves = i64::try_from(2 * bin + 1).unwrap_or(1);
            Power::from_watts(nameplate.watts().saturating_mul(halves) / 64)
        };
        let all = self.firm.iter().enumerate().filter(|(_, seconds)| **seconds > 0);
        all.map(|(bin, seconds)| (middle(bin), *seconds)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KW: fn(i64) -> Power = Power::from_kilowatts;

    #[test]
    fn the_highest_of_a_month_stays_and_a_new_month_begins_with_nothing() {
        let (july, august) = (Date::new(2026, 7, 1).unwrap(), Date::new(2026, 8, 1).unwrap());
        let mut drawn = Drawn::default();
        assert!(drawn.raise("demand", july, KW(90)) && !drawn.raise("demand", july, KW(80)));
        assert!(drawn.raise("demand", august, KW(10)));
        assert_eq!(drawn.peak("demand", july), Some(KW(90)));
        assert_eq!((drawn.peak("demand", august), drawn.peak("other", july)), (Some(KW(10)), None));
        (0..50).for_each(|month| {
            drawn.raise("old", Date::new(2000 + month / 12, 1 + (month % 12) as u32, 1).unwrap(), KW(1));
        });
        assert_eq!(drawn.peaks["old"].len(), MONTHS);
    }

    #[test]
    fn the_firm_load_is_remembered_by_how_long_it_was_where() {
        let month = Date::new(2026, 7, 1).unwrap();
        let mut drawn = Drawn::default();
        assert!(drawn.firm(KW(3_200)).is_empty() && drawn.is_young());
        for _ in 0..30 {
            drawn.see(month, Duration::from_millis(100), Some(KW(60)), (Some(KW(250)), KW(3_200)));
        }
        drawn.see(month, Duration::from_secs(1), None, (Some(KW(3_300)), KW(3_200)));
        drawn.see(month, Duration::from_secs(9), None, (None, KW(3_200)));
        assert_eq!(drawn.firm(KW(3_200)), vec![(KW(250), 3), (KW(3_150), 1)]);
        assert_eq!(drawn.mean(), Some(KW(60)));
        drawn.see(Date::new(2026, 8, 1).unwrap(), Duration::ZERO, None, (None, KW(3_200)));
        assert_eq!(drawn.mean(), None);
    }
}
