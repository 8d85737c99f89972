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
pub struct Room(Vec<Power>);

impl Room {
    /// From the bound of each class: what all groups of that class or slower may draw together.
    pub fn new(bounds: Vec<Power>) -> Self {
        Self(bounds)
    }

    /// Room without any bound, for this many classes.
    pub fn unbounded(classes: usize) -> Self {
        Self(vec![Power::MAX; classes])
    }

    /// What a group of this class can still be given: it touches the bound of its own class and of every faster one.
    pub fn left(&self, class: ClassIx) -> Power {
        self.0.iter().take(class.saturating_add(1)).copied().min().unwrap_or(Power::ZERO).or_zero()
    }

    /// Gives power to a group of this class.
    pub fn take(&mut self, class: ClassIx, power: Power) {
        for left in self.0.iter_mut().take(class.saturating_add(1)).filter(|left| **left != Power::MAX) {
            *left -= power;
        }
    }

    /// How far a bound is overdrawn; zero where it holds.
    pub fn overdrawn(&self, class: ClassIx) -> Power {
        self.0.get(class).map_or(Power::ZERO, |left| (-*left).or_zero())
    }

    /// Takes power off one bound alone.
    pub fn take_at(&mut self, class: ClassIx, power: Power) {
        if let Some(left) = self.0.get_mut(class).filter(|left| **left != Power::MAX) {
            *left -= power;
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
