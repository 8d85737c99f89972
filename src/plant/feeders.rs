//! Feeders: what is behind each, and the contactor that can take the power of all that.

use std::time::Duration;

use super::Plant;
use super::bank::{Bank, Curves, part_of};
use crate::site::{DeviceIx, FeederIx, GroupIx, Site};
use crate::time::Mono;
use crate::units::Power;

/// A feeder: what is behind it, and the contactor that can take the power of all that, where it has one.
#[derive(Clone, Debug, Default)]
pub(super) struct Feeder {
    groups: Vec<GroupIx>,
    contactor: Option<DeviceIx>,
    /// From a command to the contactor's having acted.
    acts_after: Duration,
    /// Every outlet behind it is off when power returns.
    returns_off: bool,
    /// What it was last told, and what it does not do yet: when it will.
    is_open: bool,
    under_way: Option<(Mono, bool)>,
}

impl Feeder {
    pub(super) fn power(&self, banks: &[Bank]) -> Power {
        self.groups.iter().filter_map(|ix| banks.get(*ix)).map(Bank::power).sum()
    }
}

pub(super) fn feeders(site: &Site, curves: &Curves) -> Vec<Feeder> {
    let behind = |feeder| site.groups.iter().enumerate().filter(move |(_, group)| group.feeder == Some(feeder));
    let feeder = |(ix, feeder): (FeederIx, &crate::site::Feeder)| Feeder {
        groups: behind(ix).map(|(ix, _)| ix).collect(),
        contactor: feeder.contactor.as_ref().map(|contactor| contactor.device),
        returns_off: feeder.contactor.as_ref().is_some_and(|contactor| contactor.returns_off),
        acts_after: feeder.contactor.as_ref().map_or(Duration::ZERO, |of| part_of(of.response, curves.relay)),
        ..Feeder::default()
    };
    site.feeders.iter().enumerate().map(feeder).collect()
}

impl Plant {
    /// Contactors follow what they were told after their time.
    pub(super) fn step_feeders(&mut self) {
        for feeder in &mut self.feeders {
            let Some((_, open)) = feeder.under_way.take_if(|(due, _)| *due <= self.at) else { continue };
            for ix in &feeder.groups {
                let Some(bank) = self.banks.get_mut(*ix) else { continue };
                let was_busy = bank.busy;
                bank.supply(!open, feeder.returns_off, self.at, &self.curves);
                if bank.busy && !was_busy {
                    self.busy.push(*ix);
                }
            }
        }
    }

    /// Opens the contactor of a feeder, or closes it. What is behind it follows when it has acted; a feeder without one changes nothing.
    pub fn open(&mut self, feeder: FeederIx, open: bool) {
        let at = self.at;
        let with = self.feeders.get_mut(feeder).filter(|feeder| feeder.contactor.is_some() && feeder.is_open != open);
        if let Some(feeder) = with {
            feeder.is_open = open;
            feeder.under_way = Some((at.after(feeder.acts_after), open));
        }
    }

    /// Whether the contactor of a feeder was last told to open.
    pub fn is_open(&self, feeder: FeederIx) -> bool {
        self.feeders.get(feeder).is_some_and(|feeder| feeder.is_open)
    }

    /// Whether there is power at the PDU of a group.
    pub fn has_power(&self, group: GroupIx) -> bool {
        self.banks.get(group).is_none_or(Bank::has_power)
    }

    /// What the miners behind a feeder draw.
    pub fn feeder_power(&self, feeder: FeederIx) -> Power {
        self.feeders.get(feeder).map_or(Power::ZERO, |feeder| feeder.power(&self.banks))
    }

    /// The feeder whose contactor this device switches.
    pub fn contactor_of(&self, device: DeviceIx) -> Option<FeederIx> {
        self.feeders.iter().position(|feeder| feeder.contactor == Some(device))
    }
}
