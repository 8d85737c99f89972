//! The reserve by response class as room to give away: nested bounds, filled in merit order.
//!
//! For each class of response `r`, the power of all groups whose response is `r` or longer must fit under the limit less
//! the worst case of the firm load by then. The sets are nested, so giving each group in merit order all that the tightest
//! bound it touches leaves is optimal for divisible power; groups that switch in units round down, and what remains is
//! offered to the next that fits. Feeders hold the same chain over the groups behind them.
//!
//! A tick first sums what is drawn ([`Taken`]), which looks at each group once and needs no bound; then, under the bounds,
//! that becomes what is left ([`Rooms`]), which is cheap to ask.

use std::ops::Range;

use super::standing::ClassIx;
use crate::site::FeederIx;
use crate::units::Power;

/// Which chain of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chain {
    Site,
    Feeder(FeederIx),
}

impl Chain {
    /// Its place among all chains: the site's, then one per feeder, then one without any bound for groups on none.
    fn place(self) -> usize {
        match self {
            Self::Site => 0,
            Self::Feeder(ix) => ix.saturating_add(1),
        }
    }
}

/// What the groups of each class draw, in the whole site and behind each feeder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    classes: usize,
    feeders: usize,
    /// Chain after chain; the last of each holds what is slower than every class.
    sums: Vec<Sum>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    /// Of groups of just this class: it also counts against the bound of every faster class.
    taken: Power,
    /// What counts against the bound of this class alone: power that is on its way down, and not gone by its time.
    late: Power,
}

impl Taken {
    /// Nothing yet.
    pub fn new(feeders: usize, classes: usize) -> Self {
        Self { classes, feeders, sums: vec![Sum::default(); (feeders + 2) * (classes + 1)] }
    }

    /// Adds what a group of this class behind this feeder draws. Beyond the last class is power that no command is known to
    /// lower: it counts against every bound.
    pub fn add(&mut self, feeder: FeederIx, class: ClassIx, power: Power) {
        for chain in [Chain::Site, Chain::Feeder(feeder)] {
            if let Some(sum) = self.sum(chain, class) {
                sum.taken += power;
            }
        }
    }

    /// Adds power that counts against the bound of this class alone.
    pub(super) fn add_late(&mut self, feeder: FeederIx, class: ClassIx, power: Power) {
        for chain in [Chain::Site, Chain::Feeder(feeder)] {
            if let Some(sum) = self.sum(chain, class) {
                sum.late += power;
            }
        }
    }

    fn sum(&mut self, chain: Chain, class: ClassIx) -> Option<&mut Sum> {
        let start = chain.place().saturating_mul(self.classes + 1);
        self.sums.get_mut(start.saturating_add(class.min(self.classes)))
    }

    /// What is left under the bounds of the site and of each feeder: what all groups of a class or slower may draw together.
    pub fn under(&self, site: impl Fn(ClassIx) -> Power, feeder: impl Fn(FeederIx, ClassIx) -> Power) -> Rooms {
        let mut left = vec![Power::MAX; (self.feeders + 2) * self.classes];
        let chains = left.chunks_exact_mut(self.classes.max(1)).zip(self.sums.chunks_exact(self.classes + 1));
        for (place, (left, sums)) in chains.enumerate().take(self.feeders + 1) {
            let mut taken = sums.last().map_or(Power::ZERO, |sum| sum.taken);
            for (class, (left, sum)) in left.iter_mut().zip(sums).enumerate().rev() {
                taken += sum.taken;
                let bound = place.checked_sub(1).map_or_else(|| site(class), |ix| feeder(ix, class));
                *left = bound - taken - sum.late;
            }
        }
        Rooms { classes: self.classes, left }
    }
}

/// What is left under each bound, of the site and behind each feeder; less than nothing where a bound is overdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rooms {
    classes: usize,
    /// Chain after chain, fastest class first.
    left: Vec<Power>,
}

impl Rooms {
    /// What a group of this class behind this feeder can still be given: it touches the bound of its own class and of every
    /// faster one. Nothing where there is no such feeder.
    pub fn left(&self, feeder: FeederIx, class: ClassIx) -> Power {
        self.left_in(Chain::Feeder(feeder), class).min(self.left_in(Chain::Site, class))
    }

    /// The same of one chain alone.
    pub(super) fn left_in(&self, chain: Chain, class: ClassIx) -> Power {
        let touched = self.left.get(self.touched(chain, class)).unwrap_or_default();
        touched.iter().copied().min().unwrap_or_default().or_zero()
    }

    /// Gives power to a group of this class behind this feeder.
    pub fn give(&mut self, feeder: FeederIx, class: ClassIx, power: Power) {
        self.give_in(Chain::Site, class, power);
        self.give_in(Chain::Feeder(feeder), class, power);
    }

    /// Gives power in one chain alone.
    pub(super) fn give_in(&mut self, chain: Chain, class: ClassIx, power: Power) {
        let touched = self.touched(chain, class);
        self.left.get_mut(touched).into_iter().flatten().for_each(|left| *left -= power);
    }

    /// Counts power against the bound of this class alone.
    pub(super) fn give_late(&mut self, chain: Chain, class: ClassIx, power: Power) {
        let own = self.of(chain).nth(class).and_then(|place| self.left.get_mut(place));
        own.into_iter().for_each(|left| *left -= power);
    }

    /// How far a bound is overdrawn; zero where it holds.
    pub(super) fn overdrawn(&self, chain: Chain, class: ClassIx) -> Power {
        let own = self.of(chain).nth(class).and_then(|place| self.left.get(place));
        own.map_or(Power::ZERO, |left| (-*left).or_zero())
    }

    /// Whether any bound of the chain is overdrawn.
    pub(super) fn is_overdrawn(&self, chain: Chain) -> bool {
        self.left.get(self.of(chain)).unwrap_or_default().iter().any(|left| *left < Power::ZERO)
    }

    /// The places of a chain.
    fn of(&self, chain: Chain) -> Range<usize> {
        let start = chain.place().saturating_mul(self.classes);
        start..start.saturating_add(self.classes)
    }

    /// The places that a group of this class touches in a chain.
    fn touched(&self, chain: Chain, class: ClassIx) -> Range<usize> {
        let Range { start, end } = self.of(chain);
        start..start.saturating_add(class).saturating_add(1).min(end)
    }
}
