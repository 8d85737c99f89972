//! The reserve by response class as room to give away: nested bounds, filled in merit order.
//!
//! For each class of response `r`, the power of all groups whose response is `r` or longer must fit under the limit less
//! the worst case of the firm load by then. The sets are nested, so giving each group in merit order all that the tightest
//! bound it touches leaves is optimal for divisible power; groups that switch in units round down, and what remains is
//! offered to the next that fits. Feeders hold the same chain over the groups behind them.

use super::standing::ClassIx;
use crate::units::Power;

/// What is left under each bound of a chain, fastest class first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    levels: Vec<Level>,
    /// Given to groups slower than every class: they touch every bound.
    beyond: Power,
}

/// One bound, and what groups of just this class were given: a group also touches the bound of every faster class. Kept
/// apart, because a tick gives to thousands of groups and asks for few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Level {
    bound: Power,
    given: Power,
}

impl Level {
    /// What is left when this much was given to its class and slower ones.
    fn left(self, given: Power) -> Power {
        if self.bound == Power::MAX { Power::MAX } else { self.bound - given }
    }
}

impl Room {
    /// From the bound of each class: what all groups of that class or slower may draw together.
    pub fn new(bounds: Vec<Power>) -> Self {
        let levels = bounds.into_iter().map(|bound| Level { bound, given: Power::ZERO }).collect();
        Self { levels, beyond: Power::ZERO }
    }

    /// Room without any bound, for this many classes.
    pub fn unbounded(classes: usize) -> Self {
        Self::new(vec![Power::MAX; classes])
    }

    /// What is left under each bound, slowest class first.
    fn lefts(&self) -> impl Iterator<Item = (ClassIx, Power)> {
        self.levels.iter().enumerate().rev().scan(self.beyond, |given, (class, level)| {
            *given += level.given;
            Some((class, level.left(*given)))
        })
    }

    /// What a group of this class can still be given: it touches the bound of its own class and of every faster one.
    pub fn left(&self, class: ClassIx) -> Power {
        let touched = self.lefts().filter(|(of, _)| *of <= class);
        touched.map(|(_, left)| left).min().unwrap_or(Power::ZERO).or_zero()
    }

    /// Gives power to a group of this class.
    pub fn take(&mut self, class: ClassIx, power: Power) {
        match self.levels.get_mut(class) {
            Some(level) => level.given += power,
            None => self.beyond += power,
        }
    }

    /// How far a bound is overdrawn; zero where it holds.
    pub fn overdrawn(&self, class: ClassIx) -> Power {
        self.lefts().find(|(of, _)| *of == class).map_or(Power::ZERO, |(_, left)| (-left).or_zero())
    }

    /// Whether any bound is overdrawn.
    pub fn is_overdrawn(&self) -> bool {
        self.lefts().any(|(_, left)| left < Power::ZERO)
    }

    /// Takes power off one bound alone.
    pub fn take_at(&mut self, class: ClassIx, power: Power) {
        if let Some(level) = self.levels.get_mut(class).filter(|level| level.bound != Power::MAX) {
            level.bound -= power;
        }
    }
}

/// Room of the site, and behind each feeder. Groups on no feeder have an entry past the last, or none where nothing of
/// theirs is asked.
#[derive(Clone, Debug)]
pub(super) struct Rooms {
    pub(super) site: Room,
    pub(super) feeders: Vec<Room>,
}

impl Rooms {
    /// What a group of this class behind this feeder can still be given; nothing where there is no such feeder.
    pub(super) fn left(&self, feeder: usize, class: ClassIx) -> Power {
        self.feeders.get(feeder).map_or(Power::ZERO, |room| room.left(class)).min(self.site.left(class))
    }

    /// Gives power to a group of this class behind this feeder.
    pub(super) fn take(&mut self, feeder: usize, class: ClassIx, power: Power) {
        self.site.take(class, power);
        if let Some(room) = self.feeders.get_mut(feeder) {
            room.take(class, power);
        }
    }

    /// Takes power that no command is known to lower: off every bound of the site and of this feeder.
    pub(super) fn take_beyond(&mut self, feeder: usize, power: Power) {
        if power != Power::ZERO {
            self.take(feeder, ClassIx::MAX, power);
        }
    }

    /// Takes power off one bound of the site and of this feeder.
    pub(super) fn take_at(&mut self, feeder: usize, class: ClassIx, power: Power) {
        self.site.take_at(class, power);
        if let Some(room) = self.feeders.get_mut(feeder) {
            room.take_at(class, power);
        }
    }
}

/// A group that asks for power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Its response class.
    pub class: ClassIx,
    /// Its feeder, or the last entry of the feeders' rooms for none.
    pub feeder: usize,
    /// Most it could draw.
    pub most: Power,
    /// Its smallest step; one watt where it can be set to any power.
    pub unit: Power,
}

/// Gives each ask, in the order given, all that its bounds leave, in whole units.
pub fn fill(site: &mut Room, feeders: &mut [Room], asks: &[Ask]) -> Vec<Power> {
    asks.iter()
        .map(|ask| {
            let behind = feeders.get(ask.feeder).map_or(Power::MAX, |room| room.left(ask.class));
            let given = ask.unit * site.left(ask.class).min(behind).min(ask.most).whole_units(ask.unit);
            site.take(ask.class, given);
            if let Some(room) = feeders.get_mut(ask.feeder) {
                room.take(ask.class, given);
            }
            given
        })
        .collect()
}
