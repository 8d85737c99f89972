//! What a fleet earns, as a staircase: the best machines first.

use super::break_even;
use crate::site::Site;
use crate::units::{Power, Price};

/// Break-evens of all miners in merit order, each up to the power of all that are as good or better.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stairs(Vec<(Power, Price)>);

impl Stairs {
    /// Of the miners of a site.
    pub fn of(site: &Site) -> Self {
        let economics = &site.economics;
        let each = site.groups.iter().map(|group| (break_even(economics, group.efficiency), group.nameplate()));
        let mut each: Vec<(Price, Power)> = each.collect();
        each.sort_by_key(|(price, _)| std::cmp::Reverse(*price));
        let mut stairs: Vec<(Power, Price)> = Vec::new();
        let mut all = Power::ZERO;
        for (price, power) in each {
            all += power;
            match stairs.last_mut() {
                Some((up_to, same)) if *same == price => *up_to = all,
                _ => stairs.push((all, price)),
            }
        }
        Self(stairs)
    }

    /// What the machine earns that runs as the last of so much; nothing where there is none.
    pub fn at(&self, power: Power) -> Option<Price> {
        if power <= Power::ZERO {
            return None;
        }
        let place = self.0.partition_point(|(up_to, _)| *up_to < power);
        self.0.get(place).map(|(_, price)| *price)
    }
}
