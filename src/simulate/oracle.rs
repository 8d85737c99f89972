//! What was promised, held against the truth. Written from the promises and the plant, not from the decision: it knows the site
//! file, what flows, what was ordered and which faults are in force, and nothing of how the controller thinks.

use std::collections::VecDeque;
use std::time::Duration;

pub use super::promise::{Broken, Promise};
use super::promises::{Promises, Sight};
use super::trouble::Trouble;
use super::world::World;
use crate::decide::Standing;
use crate::plant::Curves;
use crate::site::{FirmLoad, Group, Site};
use crate::time::Mono;
use crate::units::Power;

/// What two meters may be off together, and what miners may draw for a moment as they start: in parts of the import limit.
const TOLERANCE: i64 = 250;
/// On top of every bound: the steps in which the truth is looked at, and the answer on the wire.
const SLACK: Duration = Duration::from_millis(500);
/// How long a start may take until it controls.
const START: Duration = Duration::from_secs(3);
/// A PDU is read at least so often.
const UNSEEN: Duration = Duration::from_secs(2);
/// So many broken promises of one run are kept.
const MOST: usize = 8;
/// What is drawn is the mean of so long.
const MEAN: Duration = Duration::from_secs(10);

/// How the controller is at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// It ticks, since then.
    On(Mono),
    /// Its loop stands still since then; its connections live.
    Hangs(Mono),
    /// It is dead, since then.
    Off(Mono),
}

/// Holds the promises against the truth.
pub(super) struct Oracle {
    standing: Standing,
    pub(super) promises: Promises,
    /// Longest time over the limit that anything may cause while something can still be shed.
    bound: Duration,
    tolerance: Power,
    over_since: Option<Mono>,
    /// Per group since when it has something on though e-stop is pressed.
    defies: Vec<Option<Mono>>,
    trouble: Trouble,
    commanded: Vec<u64>,
    went_off: Vec<Vec<Mono>>,
    came_on: Vec<Vec<Mono>>,
    raised: VecDeque<(Mono, Power)>,
    /// The controller was in control when it last ticked.
    controlled: bool,
    /// From the end of the fill's window until all that had no room in it is at full.
    settles: Duration,
    firm: VecDeque<(Mono, Power)>,
    miners: VecDeque<(Mono, Power)>,
    pub(super) broken: Vec<Broken>,
    /// The longest time over the limit, while controlled, and the worst excess in it.
    pub(super) longest_over: Duration,
}

impl Oracle {
    pub(super) fn new(site: &Site) -> Self {
        let standing = Standing::new(site.clone());
        let slowest = standing.classes.last().copied().unwrap_or_default();
        let proof = standing.groups.iter().map(|fixed| fixed.proof).max().unwrap_or_default();
        let bound = site.ages.device.max(proof) + site.ages.meter + site.tick.period + slowest + SLACK;
        Self {
            bound,
            tolerance: Power::from_watts(site.poi.import_limit.watts() / TOLERANCE),
            over_since: None,
            defies: vec![None; site.groups.len()],
            trouble: Trouble::new(site),
            commanded: vec![0; site.groups.len()],
            went_off: site.groups.iter().map(|group| vec![Mono::START; group.units as usize]).collect(),
            came_on: site.groups.iter().map(|group| vec![Mono::START; group.units as usize]).collect(),
            raised: VecDeque::new(),
            controlled: false,
            settles: settles(site),
            firm: VecDeque::new(),
            miners: VecDeque::new(),
            broken: Vec::new(),
            longest_over: Duration::ZERO,
            promises: Promises::new(site),
            standing,
        }
    }

    fn site(&self) -> &Site {
        &self.standing.site
    }

    fn breaks(&mut self, promise: Promise, at: Mono, what: String) {
        if self.broken.len() < MOST && !self.broken.iter().any(|broken| broken.promise == promise) {
            self.broken.push(Broken { promise, at, what });
        }
    }

    /// Looks at the truth after a tick, or where none was.
    pub(super) fn look(&mut self, world: &World<'_>, control: Control, now: Mono) {
        self.trouble.note(world, now);
        self.limit(world, control, now);
        self.raises(world, control, now);
        self.e_stop(world, control, now);
        self.lapse(world, control, now);
        self.more(world, control, now);
        let flows = world.flows();
        let window = self.site().fill.window.saturating_add(self.settles);
        keep(&mut self.firm, now, flows.hall + flows.house, window);
        keep(&mut self.miners, now, flows.miners, MEAN);
    }

    fn more(&mut self, world: &World<'_>, control: Control, now: Mono) {
        let (standing, trouble, bound, tolerance) = (&self.standing, &self.trouble, self.bound, self.tolerance);
        let sight = Sight { standing, world, control, now, trouble, bound, tolerance };
        let found = self.promises.look(&sight);
        found.into_iter().for_each(|(promise, what)| self.breaks(promise, now, what));
    }

    /// The power of what obeys and is still on: groups without a fault of their own now or a moment ago.
    fn obedient(&self, world: &World<'_>, now: Mono) -> Power {
        let groups = self.standing.groups.iter().zip(&self.trouble.odd_until).enumerate();
        groups.filter(|(_, (_, until))| now > **until).map(|(ix, (fixed, _))| fixed.power_of(world.closed(ix))).sum()
    }

    /// What is still told to run by miners that may not do as they are told, behind PDUs that do.
    fn still_told(&self, world: &World<'_>, now: Mono) -> Power {
        let obeys = |ix: usize| self.trouble.odd_until.get(ix).is_some_and(|until| now > *until);
        let groups = self.standing.groups.iter().enumerate();
        let lie = groups.filter(|(ix, fixed)| fixed.sleep.is_some() && !obeys(*ix) && self.trouble.switches(*ix, now));
        let told = |ix: usize| world.recorded.told.get(ix).copied().flatten().unwrap_or(0) & world.commanded(ix);
        lie.map(|(ix, fixed)| fixed.power_of(told(ix))).sum()
    }

    fn limit(&mut self, world: &World<'_>, control: Control, now: Mono) {
        // What firm load alone has beyond the limit no controller can take away.
        let over = (world.flows().poi() - self.site().poi.import_limit).min(world.flows().miners);
        let in_control = match control {
            Control::On(since) => now.since(since) > START,
            Control::Hangs(_) | Control::Off(_) => false,
        };
        if over <= self.tolerance || !in_control || now <= self.trouble.blind_until {
            self.over_since = None;
            return;
        }
        let since = *self.over_since.get_or_insert(now);
        let lasts = now.since(since);
        self.longest_over = self.longest_over.max(lasts);
        if now > self.trouble.troubled_until {
            self.breaks(Promise::Limit, now, format!("{over} over the limit, and nothing is wrong"));
        } else if lasts > self.within(now) {
            let obedient = self.obedient(world, now) + self.still_told(world, now);
            let least = self.standing.smallest_unit;
            if obedient > least {
                self.breaks(
                    Promise::Limit,
                    now,
                    format!(
                        "{over} over the limit for {} ms, and {obedient} that obeys is still on",
                        lasts.as_millis()
                    ),
                );
            }
        }
    }

    /// The longest time over the limit that is published. Where the hall breaks its own declaration, what is shed may not be enough,
    /// and the fail-safe ends it.
    fn within(&self, now: Mono) -> Duration {
        let ends = if now <= self.trouble.beyond_until { self.site().failsafe.over_limit } else { Duration::ZERO };
        self.bound.saturating_add(ends)
    }

    fn raises(&mut self, world: &World<'_>, control: Control, now: Mono) {
        let mut sum = Power::ZERO;
        for ix in 0..self.commanded.len() {
            let (on, was) = (world.commanded(ix), self.commanded.get(ix).copied().unwrap_or(0));
            if on == was {
                continue;
            }
            self.commanded.iter_mut().skip(ix).take(1).for_each(|kept| *kept = on);
            let odd = self.trouble.odd_until.get(ix).is_some_and(|until| now <= *until);
            if !odd {
                sum += self.raised_in(ix, on & !was, control, now);
            }
            self.note_rest(ix, (was & !on, on & !was), odd, now);
        }
        keep(&mut self.raised, now, sum, Duration::from_secs(1));
        let in_a_second: Power = self.raised.iter().map(|(_, power)| *power).sum();
        let ramp = self.site().restore.ramp;
        let most = ramp.over(Duration::from_millis(1_200)) + self.standing.largest_unit * 2;
        if in_a_second > most {
            self.breaks(Promise::Ramp, now, format!("{in_a_second} came back within a second, at {ramp:?}"));
        }
    }

    /// Notes which units went off and came on. What a PDU that does not obey had on for less than a poll nobody can have seen.
    fn note_rest(&mut self, ix: usize, (off, on): (u64, u64), odd: bool, now: Mono) {
        let (Some(went_off), Some(came_on)) = (self.went_off.get_mut(ix), self.came_on.get_mut(ix)) else { return };
        units(on).for_each(|unit| came_on.iter_mut().skip(unit).take(1).for_each(|at| *at = now));
        let seen = |unit: &usize| !odd || came_on.get(*unit).is_none_or(|at| now.since(*at) > UNSEEN);
        units(off).filter(seen).for_each(|unit| went_off.iter_mut().skip(unit).take(1).for_each(|at| *at = now));
    }

    /// What came on in one group that obeys: whether it was allowed; how much it is.
    fn raised_in(&mut self, ix: usize, on: u64, control: Control, now: Mono) -> Power {
        if on == 0 {
            return Power::ZERO;
        }
        let Some((fixed, group)) = self.standing.groups.get(ix).zip(self.standing.site.groups.get(ix)) else {
            return Power::ZERO;
        };
        let (power, dwell, name) = (fixed.power_of(on), group.dwell_off, group.name.clone());
        let ages = self.site().ages.meter + SLACK + SLACK;
        let lately = |since: Option<Mono>, least: Duration| since.filter(|since| now.since(*since) > least).is_some();
        let alone = match control {
            Control::On(_) => false,
            Control::Hangs(since) | Control::Off(since) => now.since(since) > SLACK,
        };
        let wrong = [
            (lately(self.trouble.meters_silent[0], ages), "the POI's meter says nothing"),
            (lately(self.trouble.meters_silent[1], ages), "the hall's meter says nothing"),
            (lately(self.trouble.disk_bad, self.site().tick.period * 3), "nothing becomes durable"),
            (lately(self.trouble.stopped, SLACK), "e-stop is pressed"),
            (alone, "nobody controls"),
        ];
        for (_, why) in wrong.iter().filter(|(wrong, _)| *wrong) {
            self.breaks(Promise::Raise, now, format!("{name} was given {power} while {why}"));
        }
        let early = self.went_off.get(ix).into_iter().flat_map(|went_off| {
            units(on)
                .filter_map(|unit| went_off.get(unit))
                .map(|at| now.since(*at))
                .filter(|off| *off + SLACK * 3 < dwell)
        });
        if let Some(off) = early.min().filter(|off| now.since(Mono::START) > *off) {
            self.breaks(Promise::Dwell, now, format!("{name} came back after {} ms off", off.as_millis()));
        }
        power
    }

    fn e_stop(&mut self, world: &World<'_>, control: Control, now: Mono) {
        let since = match (control, self.trouble.stopped) {
            (Control::On(on), Some(stopped)) => on.max(stopped),
            _ => return self.defies.fill(None),
        };
        let mut on = Power::ZERO;
        for (ix, (fixed, defies)) in self.standing.groups.iter().zip(&mut self.defies).enumerate() {
            let closed = if self.trouble.switches(ix, now) { world.closed(ix) } else { 0 };
            *defies = (closed != 0).then(|| defies.unwrap_or(now));
            // A miner that wakes by itself is found by its watts, and cut.
            let woke = self.trouble.odd_until.get(ix).is_some_and(|until| now <= *until);
            let from = if woke { since.max(defies.unwrap_or(now)) } else { since };
            if now.since(from) > self.bound {
                on += fixed.power_of(closed);
            }
        }
        if on > Power::ZERO {
            self.breaks(Promise::EStop, now, format!("{on} that obeys is on, {:?} after it", now.since(since)));
        }
    }

    /// From a loop that stands still the power goes down on the site's ramp, and not later; [`Promises`] looks that it goes no
    /// faster. A controller that stood still before it controlled has permitted nothing that could lapse.
    fn lapse(&mut self, world: &World<'_>, control: Control, now: Mono) {
        let since = match control {
            Control::On(since) => return self.controlled = now.since(since) > START,
            Control::Off(_) => return self.controlled = false,
            Control::Hangs(since) => since,
        };
        let on = self.obedient(world, now);
        let (ramp, lapse) = (self.site().poi.ramp, self.site().tick.lapse);
        let late = now.since(since).saturating_sub(lapse).saturating_sub(SLACK * 4);
        let most = (self.fleet() - ramp.over(late)).or_zero();
        if self.controlled && !late.is_zero() && on > most + self.largest_group() {
            self.breaks(
                Promise::Lapse,
                now,
                format!("{on} is still on, {:?} after the last renewal", now.since(since)),
            );
        }
    }

    fn fleet(&self) -> Power {
        self.standing.behind.iter().copied().sum()
    }

    /// What all feeders can carry of their miners, beside the nameplates of the firm load that shares them.
    fn behind_feeders(&self, world: &World<'_>) -> Power {
        let site = self.site();
        let mut behind = self.standing.behind.clone();
        for (ix, fixed) in self.standing.groups.iter().enumerate() {
            let out = fixed.power_of(self.promises.quarantined(ix) | world.overslept(ix));
            behind.iter_mut().skip(fixed.feeder).take(1).for_each(|sum| *sum -= out);
        }
        let shares = |load: &FirmLoad, ix| if load.feeder == Some(ix) { load.nameplate } else { Power::ZERO };
        let carries = |(ix, miners): (usize, &Power)| {
            let rating = site.feeders.get(ix).map_or(Power::MAX, |feeder| feeder.rating);
            (rating - shares(&site.hall, ix) - shares(&site.house, ix)).or_zero().min(*miners)
        };
        behind.iter().enumerate().map(carries).sum()
    }

    fn largest_group(&self) -> Power {
        self.standing.groups.iter().map(|fixed| fixed.power_of(fixed.all_on)).max().unwrap_or_default()
    }

    /// All has been well for long enough: whatever the limit leaves beside the highest the firm load was in the window, and the
    /// reserve that the site declares, is to be used; by all but those in quarantine.
    pub(super) fn after_calm(&mut self, world: &World<'_>, now: Mono) {
        let site = self.site();
        let highest = self.firm.iter().map(|(_, power)| *power).max().unwrap_or_default();
        let slowest = self.standing.classes.last().copied().unwrap_or_default();
        let time = site.ages.meter + site.tick.period + slowest;
        let reserve = (site.hall.slew + site.house.slew).over(time) + site.hall.step + site.house.step;
        let nameplate = site.hall.nameplate + site.house.nameplate;
        let firm = (highest + reserve).min(nameplate.max(highest));
        let usable = (site.poi.import_limit - firm - self.tolerance).or_zero().min(self.behind_feeders(world));
        let mean = mean(&self.miners);
        // Miners settle up to 2 % below their plates; one unit a class does not fit.
        let least = Power::from_watts(usable.watts() / 100 * 90) - self.standing.largest_unit * 3;
        if mean < least {
            self.breaks(Promise::Absorbs, now, format!("miners draw {mean} where {usable} could be used"));
        }
    }
}

/// The window is held a sixtieth longer at most; then everything comes back at the restore ramp, or batch after batch on one feeder, and
/// comes up; and the mean of what is drawn begins.
fn settles(site: &Site) -> Duration {
    let fleet: Power = site.groups.iter().map(Group::nameplate).sum();
    let batches = u32::try_from(fleet.watts() / site.restore.batch.watts().max(1)).unwrap_or(u32::MAX);
    let batched = site.restore.stagger.saturating_add(site.tick.period).saturating_mul(batches);
    let back = site.restore.ramp.time_for(fleet).max(batched);
    let up = Curves::brisk();
    (site.fill.window / 60).saturating_add(back).saturating_add(up.boot + up.ramp).saturating_add(MEAN)
}

fn keep(kept: &mut VecDeque<(Mono, Power)>, now: Mono, power: Power, span: Duration) {
    // One value a second is enough where much is kept.
    match kept.back_mut() {
        Some((at, last)) if span > Duration::from_secs(5) && now.since(*at) < Duration::from_secs(1) => {
            *last = (*last).max(power);
        }
        _ => kept.push_back((now, power)),
    }
    while kept.front().is_some_and(|(at, _)| now.since(*at) > span) {
        kept.pop_front();
    }
}

fn mean(kept: &VecDeque<(Mono, Power)>) -> Power {
    let count = i64::try_from(kept.len()).unwrap_or(1).max(1);
    Power::from_watts(kept.iter().map(|(_, power)| power.watts()).sum::<i64>() / count)
}

fn units(set: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |unit| set >> unit & 1 == 1)
}
