//! The miners of a group through their own firmware: what they say of themselves, and which of them shall sleep.
//!
//! A [`Fleet`] is the handle of a group. It takes a command and hands out what was seen, without ever waiting for the network. Behind
//! it stands a task for each miner. What is said next is a state machine without I/O (`talk`, `group`); the words of each
//! firmware are those of a library, behind deadlines of our own (`port`). A command lapses: unless it is renewed all miners are
//! told to sleep. Before the first command it writes nothing. It believes no answer, decides nothing and never queues.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::runtime::Handle;

use self::group::Group;
use self::shared::Shared;
use self::step::Report;
use self::talk::Facts;
use crate::devices::profile::Credentials;
use crate::site::FirmwarePath;
use crate::snapshot::MinersSeen;
use crate::time::{Clock, Mono};
use crate::units::Power;

pub(crate) mod group;
#[cfg(feature = "miners")]
mod hail;
#[cfg(not(feature = "miners"))]
#[path = "no_hail.rs"]
mod hail;
pub mod judge;
#[cfg(feature = "miners")]
mod luxos;
mod meet;
#[cfg(feature = "miners")]
mod port;
#[cfg(not(feature = "miners"))]
#[path = "no_port.rs"]
mod port;
mod shared;
pub(crate) mod step;
pub(crate) mod talk;
mod task;

pub use meet::{Met, meet};
pub use step::{Fault, Identity};
pub use talk::Counts;

/// The miners of a group. Dropping it is like not renewing its command any more: the command lapses, all miners are told to sleep, and
/// the tasks end.
pub struct Fleet {
    shared: Arc<Shared>,
    name: String,
    addresses: Vec<IpAddr>,
    clock: Clock,
}

/// Whether another program holds the only session of a miner under LuxOS. Asks, and logs on to nothing; no answer is no.
pub async fn session_is_held(address: IpAddr) -> bool {
    port::session_is_held(address).await
}

/// The time of a miner's own clock, in whole seconds since 1970, as its answers on port 4028 carry it; nothing where it does not say.
pub async fn clock_of(address: IpAddr) -> Option<i64> {
    hail::clock_of(address).await
}

/// What is known of one miner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its place in the group, from 0.
    pub unit: u32,
    /// Where it is.
    pub address: IpAddr,
    /// Whether it answers.
    pub reached: bool,
    /// Who it says it is; nothing before it was met.
    pub identity: Option<Identity>,
    /// What it does, as it said last.
    pub state: State,
    /// What it says it draws; nothing where it does not say.
    pub watts: Option<Power>,
    /// What it says it hashes, in gigahashes a second; nothing where it does not say.
    pub gigahashes: Option<u64>,
    /// The newest trouble; stays until the next one.
    pub trouble: Option<Fault>,
    /// What happened so far.
    pub counts: Counts,
}

/// What a miner does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It never said.
    #[default]
    Unknown,
    /// It draws more than it does asleep.
    Mining,
    /// It draws no more than it does asleep.
    Asleep,
}

impl Fleet {
    /// Meets the miners of a group. Those that are not the firmware the file says are never told anything.
    pub fn spawn(
        runtime: &Handle,
        name: &str,
        path: &FirmwarePath,
        credentials: Option<Credentials>,
        clock: Clock,
    ) -> Self {
        let group = Group::new(name, path, clock.mono());
        let addresses: Vec<IpAddr> = path.addresses.iter().copied().take(group.units()).collect();
        let shared = Arc::new(Shared::new(group, clock));
        let credentials = credentials.map(Arc::new);
        for (unit, address) in addresses.iter().enumerate() {
            let port = port::Port::of(path, *address, credentials.clone());
            runtime.spawn(task::run(Arc::clone(&shared), unit, port));
        }
        Self { shared, name: name.to_owned(), addresses, clock }
    }

    /// What the miners say. Never waits for them.
    pub fn seen(&self) -> MinersSeen {
        self.shared.group().seen()
    }

    /// These units may mine until `lapses`, those of `low` at low power, and all others shall sleep. Replaces the command before it; the same units again only renew
    /// it.
    pub fn command(&self, on: u64, low: u64, lapses: Mono) {
        let changed = self.shared.group().command(on, low, lapses, self.clock.mono());
        self.shared.woken_if(changed);
    }

    /// Takes on what is found: as [`Fleet::command`], but nothing is said to a miner unless it reports otherwise or the permit lapses.
    /// Without effect once a command was given.
    pub fn adopt(&self, on: u64, lapses: Mono) {
        let changed = self.shared.group().adopt(on, lapses, self.clock.mono());
        self.shared.woken_if(changed);
    }

    /// Says nothing to any miner but questions until they are commanded again; what was commanded last lapses then and no earlier.
    pub fn hold(&self, lapses: Mono) {
        self.shared.group().hold(lapses);
    }

    /// What is known of each miner, by unit.
    pub fn found(&self) -> Vec<Found> {
        let group = self.shared.group();
        let all = self.addresses.iter().zip(group.facts()).zip(0..);
        all.map(|((address, facts), unit)| Found::of(unit, *address, facts)).collect()
    }

    /// The newest trouble as a sentence for the log: group, miner, address, what, and what to look at.
    pub fn trouble(&self) -> Option<String> {
        let group = self.shared.group();
        let troubled = self.addresses.iter().zip(group.facts()).zip(1_u32..);
        let troubled = troubled.filter_map(|((address, facts), n)| Some((facts.trouble.as_ref()?, address, n)));
        let ((fault, _), address, n) = troubled.max_by_key(|((_, since), _, _)| *since)?;
        Some(format!("`{}` miner {n} at {address}: {fault}; {}", self.name, fault.next_step()))
    }
}

impl Found {
    fn of(unit: u32, address: IpAddr, facts: &Facts) -> Self {
        let Report { watts, gigahashes, .. } = facts.report;
        Self {
            unit,
            address,
            reached: facts.reached,
            identity: facts.identity.clone(),
            state: match facts.mines {
                None => State::Unknown,
                Some(true) => State::Mining,
                Some(false) => State::Asleep,
            },
            watts,
            gigahashes,
            trouble: facts.trouble.as_ref().map(|(fault, _)| fault.clone()),
            counts: facts.counts,
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.shared.group().close();
        self.shared.woken_if(true);
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("name", &self.name).field("seen", &self.seen()).finish_non_exhaustive()
    }
}
