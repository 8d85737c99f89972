//! The miners of a group as one: the command in force, and the conversation with each.
//!
//! A command is a place, not a queue: the newest replaces the one before it, the same again only renews it, and one that is not
//! renewed lapses: then all shall sleep. Time comes as an argument and nothing waits here, so that tasks on the network and a
//! simulation hold the same group. It decides nothing.

use std::time::Duration;

use super::step::{Came, Fault, Step};
use super::talk::{Facts, Manners, Talk};
use crate::sabotage::{self, Sabotage};
use crate::site::{FirmwarePath, MAX_UNITS};
use crate::snapshot::MinersSeen;
use crate::time::Mono;

/// How long a miner is still told to sleep once the owner is gone and the command has lapsed.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// The miners of a group.
pub(crate) struct Group {
    talks: Vec<Talk>,
    order: Option<Order>,
    written: Option<(u64, Mono)>,
    /// Nobody is told anything: somebody works on them.
    held: bool,
    closed: bool,
}

/// The command in force, or the sleep of all that follows a lapsed one.
#[derive(Clone, Copy)]
struct Order {
    on: u64,
    low: u64,
    since: Mono,
    lapses: Mono,
    /// It lapsed: `on` is nothing now.
    void: bool,
    /// It was taken on as it was found: nobody is to answer for it.
    adopted: bool,
}

impl Group {
    /// Before anybody was asked anything. At most so many miners as a group has units.
    pub(crate) fn new(name: &str, path: &FirmwarePath, now: Mono) -> Self {
        let manners = Manners::of(path);
        let talks = path.addresses.iter().take(most()).enumerate();
        let talks = talks.map(|(unit, _)| Talk::new(&format!("{name}/{unit}"), manners, now)).collect();
        Self { talks, order: None, written: None, held: false, closed: false }
    }

    // For the owner.

    /// These units may mine, those of `low` at low power, and all others shall sleep. Whether that is anything but the same for longer.
    pub(crate) fn command(&mut self, on: u64, low: u64, lapses: Mono, now: Mono) -> bool {
        let (on, low) = (on & self.all(), low & on);
        let was_held = self.held;
        self.set_held(false);
        if let Some(same) = self.order.as_mut().filter(|order| order.on == on) {
            let moved = same.low != low;
            (same.lapses, same.low) = (lapses, low);
            self.level(low);
            return moved || was_held;
        }
        self.give(Order { on, low, since: now, lapses, void: false, adopted: false }, now);
        self.level(low);
        true
    }

    /// Nobody is told anything until they are commanded again, or the command in force lapses: not before this.
    pub(crate) fn hold(&mut self, lapses: Mono) {
        self.set_held(true);
        if let Some(order) = self.order.as_mut().filter(|order| !order.void) {
            order.lapses = order.lapses.max(lapses);
        }
    }

    fn set_held(&mut self, held: bool) {
        if std::mem::replace(&mut self.held, held) != held {
            self.talks.iter_mut().for_each(|talk| talk.hold(held));
        }
    }

    /// Says nothing to whoever is at its level already.
    fn level(&mut self, low: u64) {
        for (unit, talk) in self.talks.iter_mut().enumerate() {
            talk.shall_run(low >> unit & 1 == 1);
        }
    }

    /// Takes on what is found. Whether there was no command before it.
    pub(crate) fn adopt(&mut self, on: u64, lapses: Mono, now: Mono) -> bool {
        self.set_held(false);
        let first = self.order.is_none();
        if first {
            self.give(Order { on: on & self.all(), low: 0, since: now, lapses, void: false, adopted: true }, now);
        }
        first
    }

    fn give(&mut self, order: Order, now: Mono) {
        for (unit, talk) in self.talks.iter_mut().enumerate() {
            talk.shall(order.on >> unit & 1 == 1, order.adopted, now);
        }
        self.order = Some(order);
    }

    /// The owner is gone.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// What the miners say.
    pub(crate) fn seen(&mut self) -> MinersSeen {
        self.count_written();
        let those = |is: fn(&Facts) -> bool| {
            self.talks.iter().enumerate().filter(|(_, talk)| is(talk.facts())).fold(0, |set, (unit, _)| set | 1 << unit)
        };
        MinersSeen {
            asked: those(|facts| facts.asked),
            reached: those(|facts| facts.reached),
            mining: those(|facts| facts.mines == Some(true)),
            written: self.written,
        }
    }

    /// A command that every miner that answers has answered for is written.
    fn count_written(&mut self) {
        let Some(order) = self.order.filter(|order| !order.adopted) else { return };
        if self.written.is_some_and(|(on, at)| on == order.on && at >= order.since) {
            return;
        }
        let reached = || self.talks.iter().filter(|talk| talk.facts().reached);
        if reached().next().is_none() || reached().any(|talk| talk.done().is_none()) {
            return;
        }
        let last = reached().filter_map(Talk::done).fold(order.since, Mono::max);
        self.written = Some((order.on, last));
    }

    /// What is known of each, by unit.
    pub(crate) fn facts(&self) -> impl Iterator<Item = &Facts> {
        self.talks.iter().map(Talk::facts)
    }

    // For whoever drives the conversations.

    /// How many miners there are.
    pub(crate) fn units(&self) -> usize {
        self.talks.len()
    }

    /// Whether this miner shall sleep and did not say that it does.
    pub(crate) fn is_pressing(&self, unit: usize) -> bool {
        self.talks.get(unit).is_some_and(Talk::is_pressing)
    }

    /// What to do next with this miner.
    pub(crate) fn next(&mut self, unit: usize, now: Mono) -> Step {
        self.let_lapse(now);
        if self.is_over(unit, now) {
            return Step::Over;
        }
        let lapses = self.order.filter(|order| !order.void).map(|order| order.lapses);
        match self.talks.get_mut(unit).map(|talk| talk.next(now)) {
            None => Step::Over,
            Some(Step::Rest(until)) => Step::Rest(lapses.map_or(until, |lapses| lapses.min(until))),
            Some(step) => step,
        }
    }

    /// What became of a step that began at `started`.
    pub(crate) fn told(&mut self, unit: usize, step: Step, started: Mono, came: Result<Came, Fault>, now: Mono) {
        if let Some(talk) = self.talks.get_mut(unit) {
            talk.told(step, started, came, now);
            self.count_written();
        }
    }

    /// The owner is gone, and there is nothing left to say to this miner.
    fn is_over(&self, unit: usize, now: Mono) -> bool {
        let Some(talk) = self.talks.get(unit).filter(|_| self.closed) else { return false };
        self.order.is_none_or(|order| {
            let late = now.since(order.lapses) > GIVE_UP_AFTER && !talk.is_telling();
            order.void && (talk.is_settled() || late)
        })
    }

    /// A permit that was not renewed is void, and void means asleep.
    fn let_lapse(&mut self, now: Mono) {
        let Some(order) = self.order.as_mut().filter(|order| !order.void && now >= order.lapses) else { return };
        if sabotage::is(Sabotage::LapseForgotten) {
            return;
        }
        *order = Order { on: 0, low: 0, since: now, void: true, adopted: false, ..*order };
        self.set_held(false);
        self.talks.iter_mut().for_each(|talk| talk.lapsed(now));
    }

    fn all(&self) -> u64 {
        if self.talks.len() >= most() { u64::MAX } else { (1 << self.talks.len()) - 1 }
    }
}

/// Most miners of a group: one bit each.
fn most() -> usize {
    usize::try_from(MAX_UNITS).unwrap_or(64)
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
