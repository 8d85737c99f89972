//! What the PDUs hold that the plant does not know of: what they were told, what sticks, who hears nothing, and when their own
//! watchdogs act.

use std::time::Duration;

use crate::sabotage::{self, Sabotage};
use crate::site::{CommsLoss, Group, GroupIx, Site};
use crate::time::Mono;

/// What a PDU holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outlets {
    /// What it was last told.
    pub(super) commanded: u64,
    /// These do not open.
    pub(super) welded: u64,
    /// These are closed by their own will.
    pub(super) own_will: u64,
    /// It has no power.
    pub(super) dark: bool,
    /// The last write that was sent to it while it could not be reached, where it keeps one.
    pub(super) pending: Option<u64>,
    /// When it last heard a request.
    heard: Mono,
    /// So long after that it switches off by itself.
    watchdog: Option<Duration>,
}

impl Outlets {
    pub(super) fn closed(self) -> u64 {
        if self.dark { 0 } else { self.commanded | self.welded | self.own_will }
    }

    /// It hears a request: a read or a write.
    pub(super) fn hears(&mut self, now: Mono) {
        self.heard = now;
    }

    /// When its watchdog acts, where it has anything to switch off.
    fn acts(&self) -> Option<Mono> {
        let has_on = (self.commanded | self.own_will) != 0;
        self.watchdog.filter(|_| has_on).map(|after| self.heard.after(after))
    }
}

/// All PDUs, by group.
pub(super) struct Pdus {
    pub(super) all: Vec<Outlets>,
    /// Any of them has a watchdog.
    watched: bool,
}

impl Pdus {
    pub(super) fn new(site: &Site) -> Self {
        let first = site.groups.iter().filter_map(watchdog).min();
        let after = |group: &Group| match watchdog(group) {
            Some(_) if sabotage::is(Sabotage::WatchdogsTogether) => first,
            Some(after) if sabotage::is(Sabotage::WatchdogLate) => Some(after * 2),
            after => after,
        };
        let all: Vec<Outlets> =
            site.groups.iter().map(|group| Outlets { watchdog: after(group), ..Outlets::default() }).collect();
        Self { watched: first.is_some(), all }
    }

    pub(super) fn of(&self, group: GroupIx) -> Outlets {
        self.all.get(group).copied().unwrap_or_default()
    }

    /// When the next watchdog acts.
    pub(super) fn next(&self) -> Option<Mono> {
        if !self.watched {
            return None;
        }
        self.all.iter().filter_map(Outlets::acts).min()
    }

    /// The groups whose watchdogs act by now.
    pub(super) fn falling(&self, now: Mono) -> Vec<GroupIx> {
        let acts = |(ix, outlets): (usize, &Outlets)| outlets.acts().filter(|at| *at <= now).map(|_| ix);
        if self.watched { self.all.iter().enumerate().filter_map(acts).collect() } else { Vec::new() }
    }
}

/// After which silence a group's PDU switches off by itself.
pub(in crate::simulate) fn watchdog(group: &Group) -> Option<Duration> {
    match group.paths.first()?.comms_loss {
        CommsLoss::Reverts(after) | CommsLoss::SafeValue(after) => Some(after),
        CommsLoss::Holds | CommsLoss::UnsafeOn | CommsLoss::Unknown => None,
    }
}
