//! At which of its two power targets a miner runs while it mines: what it is to be told, and when.
//!
//! What it reports as its target decides, where it reports one: it may have been told by an earlier run of the controller, or by hand. A
//! target above low power is left alone, unless low power is wanted: it is the site engineer's own.

use std::time::Duration;

use crate::time::Mono;
use crate::units::Power;

/// Told again after this long, where it reports another target or did not answer: some firmware restarts to take one.
const AGAIN: Duration = Duration::from_secs(60);
/// Two targets are the same within this part of the larger one: firmware rounds, and profiles have steps.
const SAME: i64 = 20;

/// The level of one miner.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Level {
    /// Nothing before the first command.
    low: Option<bool>,
    telling: Option<bool>,
    /// What was told last, when that ended, and whether it was taken.
    told: Option<(bool, Mono, bool)>,
}

impl Level {
    pub(super) fn shall(&mut self, low: bool) {
        self.low = Some(low);
    }

    pub(super) fn is_telling(&self) -> bool {
        self.telling.is_some()
    }

    pub(super) fn tells(&mut self) {
        self.telling = self.low;
    }

    pub(super) fn told(&mut self, taken: bool, now: Mono) {
        if let Some(low) = self.telling.take() {
            self.told = Some((low, now, taken));
        }
    }

    /// The target to tell of `(low, full)`, and when; nothing where it has the right one.
    pub(super) fn due(&self, (low, full): (Power, Power), reported: Option<Power>, now: Mono) -> Option<(Power, Mono)> {
        let wants_low = self.low?;
        let told = self.told.filter(|(told, ..)| *told == wants_low);
        let has_it = match reported {
            Some(target) => (target <= low || is_same(target, low)) == wants_low,
            None => told.is_some_and(|(_, _, taken)| taken),
        };
        let power = if wants_low { low } else { full };
        (!has_it).then(|| (power, told.map_or(now, |(_, at, _)| at.after(AGAIN))))
    }
}

fn is_same(one: Power, other: Power) -> bool {
    (one - other).watts().abs() * SAME <= one.max(other).watts()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: (Power, Power) = (Power::from_watts(2_200), Power::from_watts(3_300));

    fn due(level: Level, reported: Option<i64>, at: u64) -> Option<(i64, u64)> {
        let now = Mono::START.after(Duration::from_secs(at));
        let due = level.due(TARGETS, reported.map(Power::from_watts), now);
        due.map(|(power, when)| (power.watts(), when.since(Mono::START).as_secs()))
    }

    fn told(low: bool, taken: bool, at: u64) -> Level {
        Level { low: Some(low), telling: None, told: Some((low, Mono::START.after(Duration::from_secs(at)), taken)) }
    }

    #[test]
    fn nobody_is_told_a_target_before_the_first_command() {
        assert_eq!(due(Level::default(), Some(2_200), 1), None);
        assert_eq!(due(Level::default(), None, 1), None);
    }

    #[test]
    fn a_miner_is_told_the_target_that_it_does_not_report_and_again_after_a_minute() {
        let low = Level { low: Some(true), ..Level::default() };
        assert_eq!(due(low, Some(3_300), 5), Some((2_200, 5)));
        assert_eq!(due(told(true, true, 6), Some(3_300), 7), Some((2_200, 66)));
        assert_eq!(due(told(true, true, 6), Some(2_250), 70), None, "profiles have steps");
        assert_eq!(due(low, Some(1_900), 5), None, "it draws less already");
    }

    #[test]
    fn a_target_that_somebody_else_set_is_left_alone_but_where_low_power_is_wanted() {
        let full = Level { low: Some(false), ..Level::default() };
        assert_eq!(due(full, Some(2_900), 5), None);
        assert_eq!(due(full, Some(2_200), 5), Some((3_300, 5)), "an earlier run left it there");
        assert_eq!(due(full, Some(1_900), 5), Some((3_300, 5)), "at the profile next below");
        assert_eq!(due(Level { low: Some(true), ..full }, Some(2_900), 5), Some((2_200, 5)));
    }

    #[test]
    fn a_miner_that_reports_no_target_is_told_once_and_again_only_where_it_did_not_answer() {
        let full = Level { low: Some(false), ..Level::default() };
        assert_eq!(due(full, None, 5), Some((3_300, 5)));
        assert_eq!(due(told(false, true, 6), None, 100), None);
        assert_eq!(due(told(false, false, 6), None, 7), Some((3_300, 66)));
        let back = Level { low: Some(true), ..told(false, true, 6) };
        assert_eq!(due(back, None, 8), Some((2_200, 8)));
    }
}
