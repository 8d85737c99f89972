//! The miners of one group in virtual time: the same conversation with each as on the network ([`crate::devices::miners::talk`]), against
//! the plant's miners.
//!
//! A question takes no time unless nobody answers; a stock Antminer answers a verb as late as a real one. What to say is not decided
//! here.

use std::time::Duration;

use super::world::World;
use crate::devices::miners::group::Group;
use crate::devices::miners::step::{Came, Fault, Step};
use crate::site::{FirmwarePath, GroupIx, Site};
use crate::snapshot::MinersSeen;
use crate::time::Mono;

/// How long a miner that says nothing is waited for.
const SILENCE: Duration = Duration::from_secs(1);
/// At most so many steps of one miner in one moment: a conversation that goes on for ever would stop the clock.
const MOST: usize = 8;

/// The miners of a group.
pub(super) struct SimulatedFleet {
    group: GroupIx,
    talks: Group,
    units: Vec<Unit>,
}

/// What is under way with one miner.
#[derive(Clone, Default)]
struct Unit {
    underway: Vec<Underway>,
    /// Until then there is nothing to do, unless something else is commanded.
    rests: Mono,
}

/// A step whose end is still to come.
#[derive(Clone)]
struct Underway {
    step: Step,
    started: Mono,
    came: Result<Came, Fault>,
    ends: Mono,
}

impl SimulatedFleet {
    /// Of each group; nothing where its miners are not told by their firmware.
    pub(super) fn all(site: &Site, now: Mono) -> Vec<Option<Self>> {
        let fleet = |(ix, group): (GroupIx, &crate::site::Group)| {
            Some(Self::new(ix, &group.name, group.firmware.as_ref()?, now))
        };
        site.groups.iter().enumerate().map(fleet).collect()
    }

    fn new(group: GroupIx, name: &str, path: &FirmwarePath, now: Mono) -> Self {
        let talks = Group::new(name, path, now);
        let units = vec![Unit { underway: Vec::new(), rests: now }; talks.units()];
        Self { group, talks, units }
    }

    /// What the miners say.
    pub(super) fn seen(&mut self) -> MinersSeen {
        self.talks.seen()
    }

    /// As the loop commands.
    pub(super) fn command(&mut self, on: u64, low: u64, lapses: Mono, now: Mono) {
        if self.talks.command(on, low, lapses, now) {
            self.wake(now);
        }
    }

    /// Nobody is told anything until they are commanded again.
    pub(super) fn hold(&mut self, lapses: Mono) {
        self.talks.hold(lapses);
    }

    /// Takes on what is found running.
    pub(super) fn adopt(&mut self, on: u64, lapses: Mono, now: Mono) {
        if self.talks.adopt(on, lapses, now) {
            self.wake(now);
        }
    }

    fn wake(&mut self, now: Mono) {
        self.units.iter_mut().for_each(|unit| unit.rests = now);
    }

    /// Goes on until there is nothing to do now.
    pub(super) fn go_on(&mut self, world: &mut World<'_>, now: Mono) {
        for (ix, unit) in self.units.iter_mut().enumerate() {
            let ended = unit.underway.iter().any(|step| step.ends <= now);
            if now < unit.rests && !ended {
                continue;
            }
            let (over, goes_on) = std::mem::take(&mut unit.underway).into_iter().partition(|step| step.ends <= now);
            unit.underway = goes_on;
            for Underway { step, started, came, ends } in over {
                self.talks.told(ix, step, started, came, ends);
            }
            for _ in 0..MOST {
                let step = self.talks.next(ix, now);
                if let Step::Rest(until) = step {
                    unit.rests = until;
                    break;
                }
                let Some((came, takes)) = world.tell_miner(self.group, ix, step) else { break };
                if takes == Duration::ZERO {
                    self.talks.told(ix, step, now, came, now);
                } else {
                    unit.underway.push(Underway { step, started: now, came, ends: now.after(takes) });
                }
            }
        }
    }
}

/// What a miner in this state says to a step, and after what time; nothing where there is nothing to say. `does` is what it does for it.
pub(super) fn answer(
    step: Step,
    miner: &crate::plant::Miner,
    slow: Option<Duration>,
    mut does: impl FnMut(Step),
) -> Option<(Result<Came, Fault>, Duration)> {
    if !miner.phase.answers() {
        return Some((Err(Fault::NoConnection), SILENCE));
    }
    let at_once = Duration::ZERO;
    Some(match step {
        Step::Identify => (Ok(Came::Identified(crate::devices::miners::Identity::default())), at_once),
        Step::Observe => {
            let report = crate::devices::miners::step::Report {
                watts: Some(miner.power),
                gigahashes: None,
                target: Some(miner.limit),
            };
            (Ok(Came::Reported(report)), at_once)
        }
        Step::Target(_) => {
            does(step);
            (Ok(Came::Answered), at_once)
        }
        Step::Sleep | Step::Wake => {
            does(step);
            (Ok(Came::Answered), slow.unwrap_or(at_once))
        }
        Step::Rest(_) | Step::Over => return None,
    })
}
