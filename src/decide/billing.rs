//! The billing-peak guard: what of the windows over which demand is averaged is used already, and how much import the rest of them leaves.
//!
//! With the mean `P` that is paid already, energy `e` used in a window of `w` hours and `t` hours left, import may be
//! `(P x w - e) / t`. Of rolling windows all that hold this moment are asked. What was not seen (a start in the middle of a window, a wall clock that
//! was set) counts as if it had gone at the pace of `P`. The firm load counts as it is now, not as it could become: what it takes too
//! much in a moment, the rest of the window gives back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::firm::Firm;
use super::memory::Memory;
use super::standing::Standing;
use crate::snapshot::{Peak, Snapshot};
use crate::time::{Mono, Wall};
use crate::units::Power;

/// No rest of a window is shorter than this.
const SHORTEST: Duration = Duration::from_secs(1);

/// The windows that run, and the guard on its way down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billing {
    /// One for each line of the tariff that has a guard now.
    pub windows: Vec<Window>,
    /// Import may be no higher than this now, for the grid sees it go down on the site's ramp.
    pub bound: Option<Power>,
    /// Up to when energy is counted.
    pub counted: Mono,
}

impl Billing {
    pub(super) fn is_nothing(&self) -> bool {
        self.windows.is_empty() && self.bound.is_none()
    }
}

/// A window over which demand is averaged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The line of the tariff, by its place.
    pub line: u32,
    /// When it began; of rolling windows, its newest interval.
    pub from: Wall,
    /// When it ends.
    pub until: Wall,
    /// Energy so far, in millijoules.
    pub used_mj: i64,
    /// The same of whole intervals before it that belong to windows it is in, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before_mj: Vec<i64>,
    /// So many intervals up to the one that runs were seen from their beginning on.
    #[serde(default)]
    pub seen: u8,
    /// The window that ended last and was seen whole: when its newest interval began, and its mean.
    pub closed: Option<(Wall, Power)>,
}

/// How much may be imported for the sake of the bill.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    /// More is shed at once.
    pub(super) shed: Power,
    /// Up to here may be filled: never above what is paid, though an earlier part of the window left more.
    pub(super) fill: Power,
}

fn millijoules(power: Power, micros: i64) -> i64 {
    let product = i128::from(power.watts()) * i128::from(micros) / 1_000;
    i64::try_from(product).unwrap_or(i64::MAX)
}

impl Window {
    /// One that nothing is known of: it went at the pace that is paid for.
    fn unseen(peak: &Peak, now: Wall) -> Self {
        let whole = millijoules(peak.at_most, micros(peak.from, peak.until));
        Self {
            line: peak.line,
            from: peak.from,
            until: peak.until,
            used_mj: millijoules(peak.at_most, micros(peak.from, now)),
            before_mj: vec![whole; usize::from(peak.earlier)],
            seen: 0,
            closed: None,
        }
    }

    /// So much was drawn in the time up to now.
    fn take(&mut self, peak: &Peak, import: Power, now: Wall, passed: i64) {
        if (self.from, self.until) == (peak.from, peak.until) && now >= self.from {
            self.used_mj = self.used_mj.saturating_add(millijoules(import, passed));
        } else if self.until == peak.from && now >= peak.from && micros(peak.from, now) <= passed {
            let after = micros(peak.from, now);
            self.used_mj = self.used_mj.saturating_add(millijoules(import, passed - after));
            self.close(peak);
            self.used_mj = millijoules(import, after);
        } else {
            *self = Self { closed: self.closed, ..Self::unseen(peak, now) };
        }
    }

    /// No window of its line runs any more: one that ended just now is closed and stays for this tick, all others go.
    fn is_over(&mut self, import: Power, now: Wall, passed: i64) -> bool {
        let after = micros(self.until, now);
        if self.from == self.until || now < self.until || after > passed {
            return true;
        }
        self.used_mj = self.used_mj.saturating_add(millijoules(import, passed - after));
        let earlier = u8::try_from(self.before_mj.len()).unwrap_or(u8::MAX);
        self.close(&Peak { line: self.line, at_most: Power::ZERO, from: self.until, until: self.until, earlier });
        false
    }

    fn close(&mut self, next: &Peak) {
        let length = micros(self.from, self.until).max(1);
        let count = i64::try_from(self.before_mj.len()).unwrap_or(0) + 1;
        let all = self.before_mj.iter().fold(self.used_mj, |sum, energy| sum.saturating_add(*energy));
        let mean = i128::from(all) * 1_000 / (i128::from(length) * i128::from(count));
        if i64::from(self.seen) >= count {
            self.closed = Some((self.from, Power::from_watts(i64::try_from(mean).unwrap_or(i64::MAX))));
        }
        self.seen = self.seen.saturating_add(1);
        self.before_mj.push(self.used_mj);
        let over = self.before_mj.len().saturating_sub(usize::from(next.earlier));
        self.before_mj.drain(..over);
        (self.from, self.until) = (next.from, next.until);
    }

    /// What the rest of the window leaves.
    fn leaves(&self, peak: &Peak, now: Wall) -> Power {
        let left = micros(now, self.until).max(i64::try_from(SHORTEST.as_micros()).unwrap_or(1));
        let whole = millijoules(peak.at_most, micros(self.from, self.until));
        // Above the pace that is paid for, in the window that is worst.
        let mut above = self.used_mj.saturating_sub(millijoules(peak.at_most, micros(self.from, now)));
        let mut worst = above;
        for before in self.before_mj.iter().rev() {
            above = above.saturating_add(before.saturating_sub(whole));
            worst = worst.max(above);
        }
        let back = i128::from(worst) * 1_000 / i128::from(left);
        (peak.at_most - Power::from_watts(i64::try_from(back).unwrap_or(i64::MAX))).or_zero()
    }
}

fn micros(from: Wall, to: Wall) -> i64 {
    to.micros().saturating_sub(from.micros()).max(0)
}

/// Counts what was drawn, and says how much may be.
pub(super) fn guard(standing: &Standing, memory: &mut Memory, snapshot: &Snapshot, firm: &Firm) -> Option<Guard> {
    let (now, wall) = (snapshot.now.mono, snapshot.now.wall);
    let passed = now.since(std::mem::replace(&mut memory.billing.counted, now));
    let peaks = snapshot.terms.as_ref().map(|terms| terms.peaks.as_slice()).unwrap_or_default();
    if peaks.is_empty() && memory.billing.windows.is_empty() {
        memory.billing.bound = None;
        return None;
    }
    let import = import(standing, memory, snapshot, firm);
    let passed = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
    let billing = &mut memory.billing;
    let runs = |window: &Window| peaks.iter().any(|peak| peak.line == window.line);
    billing.windows.retain_mut(|window| runs(window) || !window.is_over(import, wall, passed));
    if peaks.is_empty() {
        billing.bound = None;
        return None;
    }
    let (mut leaves, mut paid) = (Power::MAX, Power::MAX);
    for peak in peaks {
        let known = billing.windows.iter_mut().find(|window| window.line == peak.line);
        let left = match known {
            Some(window) => {
                window.take(peak, import, wall, passed);
                window.leaves(peak, wall)
            }
            None => {
                let window = Window::unseen(peak, wall);
                let left = window.leaves(peak, wall);
                billing.windows.push(window);
                left
            }
        };
        leaves = leaves.min(left);
        paid = paid.min(peak.at_most);
    }
    // Down on the ramp from what is drawn, up at once; a loop that stood still does not make up for it.
    let step = standing.site.poi.ramp.over(memory.passed.min(standing.site.tick.period * 2));
    let from = billing.bound.unwrap_or(import).min(import.max(leaves));
    let shed = leaves.max(from - step);
    billing.bound = Some(shed);
    Some(Guard { shed, fill: leaves.min(paid) })
}

/// Import by its meter; where that shows nothing fresh, as much as there can be.
fn import(standing: &Standing, memory: &Memory, snapshot: &Snapshot, firm: &Firm) -> Power {
    let fresh = |at: Mono| snapshot.now.mono.since(at) <= standing.site.ages.meter;
    let counted = || memory.counted.last().map_or(Power::ZERO, |(_, power)| *power);
    match memory.metered.poi {
        Some((import, at)) if fresh(at) => import.or_zero(),
        _ => firm.worst.first().copied().unwrap_or(firm.nameplate) + counted(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Share;

    const QUARTER: i64 = 900_000_000;
    const MW: Power = Power::from_kilowatts(1_000);

    fn peak(nth: i64, earlier: u8) -> Peak {
        let at = |nth: i64| Wall::from_micros(nth * QUARTER);
        Peak { line: 0, at_most: MW * 100, from: at(nth), until: at(nth + 1), earlier }
    }

    #[test]
    fn what_a_window_used_above_its_pace_the_rest_of_it_gives_back() {
        let one = peak(0, 0);
        let mut window = Window::unseen(&one, Wall::from_micros(0));
        assert_eq!(window.leaves(&one, Wall::from_micros(0)), MW * 100);
        // 110 MW for ten of fifteen minutes: five are left, at 80.
        let ten = Wall::from_micros(600_000_000);
        window.take(&one, MW * 110, ten, 600_000_000);
        assert_eq!(window.leaves(&one, ten), MW * 80);
        // At that pace the window closes at what is paid, and the next begins anew.
        let next = Wall::from_micros(QUARTER + 60_000_000);
        window.take(&peak(1, 0), MW * 80, next, 360_000_000);
        assert_eq!(window.closed, None, "it was not seen from its beginning on");
        assert_eq!((window.used_mj, window.from), (80 * 1_000_000 * 60_000, Wall::from_micros(QUARTER)));
        window.take(&peak(1, 0), MW * 90, Wall::from_micros(2 * QUARTER - 1), QUARTER - 60_000_001);
        window.take(&peak(2, 0), MW * 90, Wall::from_micros(2 * QUARTER), 1);
        let mean = (MW * 80).part(Share::from_ppm(66_667)) + (MW * 90).part(Share::from_ppm(933_333));
        assert!(
            window.closed.is_some_and(|(from, power)| {
                from == Wall::from_micros(QUARTER) && (power - mean).watts().abs() < 100
            })
        );
    }

    #[test]
    fn of_rolling_windows_the_one_that_is_worst_holds() {
        let first = peak(0, 1);
        let mut window = Window::unseen(&first, first.from);
        window.take(&first, MW * 120, Wall::from_micros(QUARTER - 1), QUARTER - 1);
        window.take(&peak(1, 1), MW * 120, Wall::from_micros(QUARTER), 1);
        // The half hour that ends with this quarter has 20 MW too much in its first half.
        assert_eq!(window.leaves(&peak(1, 1), Wall::from_micros(QUARTER)), MW * 80);
        assert_eq!(window.closed, None, "half of it was not seen");
        // What the first half left is not drawn in the second: the half hour after it would have too much.
        let mut calm = Window::unseen(&first, first.from);
        calm.take(&first, MW * 50, Wall::from_micros(QUARTER - 1), QUARTER - 1);
        calm.take(&peak(1, 1), MW * 50, Wall::from_micros(QUARTER), 1);
        assert_eq!(calm.leaves(&peak(1, 1), Wall::from_micros(QUARTER)), MW * 100);
    }

    #[test]
    fn a_clock_that_is_set_starts_a_window_that_nothing_is_known_of() {
        let mut window = Window::unseen(&peak(4, 0), peak(4, 0).from);
        window.take(&peak(4, 0), MW * 150, Wall::from_micros(4 * QUARTER + 60_000_000), 60_000_000);
        let back = Wall::from_micros(2 * QUARTER + 1_000_000);
        window.take(&peak(2, 0), MW * 150, back, 100_000);
        assert_eq!(window.leaves(&peak(2, 0), back), MW * 100);
        let ahead = Wall::from_micros(9 * QUARTER);
        window.take(&peak(9, 0), MW * 150, ahead, 100_000);
        assert_eq!((window.leaves(&peak(9, 0), ahead), window.closed), (MW * 100, None));
    }
}
