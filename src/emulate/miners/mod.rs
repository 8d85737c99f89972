//! Emulated miners: each at an address of its own, with the ports of its firmware, as far as it has power.
//!
//! ```text
//!  PDU outlet ──> plant ──> control board up? ──> its sockets listen, or refuse
//!  "sleep"    ──> plant ──> watts at PDU, meters and the miner's own telemetry
//! ```
//!
//! What a miner does is the plant's; what it says of it is here, and it can be made to lie. An interface says what its maker's does, as far
//! as independent clients look.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{CannotStart, PlantTime, listen, locked};
use crate::plant::Plant;
use crate::site::{Firmware, GroupIx, Site};

mod antminer;
mod braiins;
mod cgminer;
mod framed;
mod lie;
mod luxos;
mod machine;
mod web;
mod whatsminer;
mod wire;

pub use lie::Lie;
use machine::{Machine, Place};
use wire::Door;

/// A port of a miner.
const RPC: u16 = 4028;
const HTTP: u16 = 80;

/// All miners of a site that have a firmware path.
#[derive(Debug)]
pub(super) struct Miners {
    all: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    machine: Arc<Machine>,
    answers: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// The ports on which a miner is spoken to, and how.
fn doors(firmware: Firmware, unit: usize) -> &'static [(u16, Door)] {
    match firmware {
        Firmware::Luxos | Firmware::Braiins => &[(RPC, Door::Rpc), (HTTP, Door::Http)],
        Firmware::Antminer => &[(RPC, Door::Rpc), (HTTP, Door::Http), (6060, Door::Power)],
        Firmware::Whatsminer if whatsminer::speaks_version_3(unit) => {
            &[(RPC, Door::Rpc), (HTTP, Door::Http), (4433, Door::Framed)]
        }
        Firmware::Whatsminer => &[(RPC, Door::Rpc), (HTTP, Door::Http)],
    }
}

impl Miners {
    /// Makes sure that every port can be had. All are dark at first, so nothing listens yet.
    pub(super) fn start(
        site: &Site,
        plant: &Arc<Mutex<Plant>>,
        time: PlantTime,
        runtime: &Handle,
    ) -> Result<Self, CannotStart> {
        let mut machines = Vec::new();
        for (ix, group) in site.groups.iter().enumerate() {
            let Some(path) = &group.firmware else { continue };
            for (unit, address) in path.addresses.iter().enumerate() {
                let place = Place { group: ix, unit, address: *address };
                for (port, _) in doors(path.firmware, unit) {
                    can_listen(&group.name, place, *port)?;
                }
                machines.push(Machine::new(group, path, place, Arc::clone(plant), time));
            }
        }
        Ok(Self { all: machines.into_iter().map(|machine| run(machine, runtime)).collect() })
    }

    /// Brings every miner up to the plant, which is at its newest: who has power answers.
    pub(super) fn follow(&self, plant: &mut Plant) {
        for running in &self.all {
            let answers = running.machine.follow(plant);
            running.answers.send_if_modified(|before| std::mem::replace(before, answers) != answers);
        }
    }

    /// Where each is: name of its group, number of the unit from 1, address, firmware.
    pub(super) fn places(&self) -> impl Iterator<Item = (IpAddr, Firmware, String)> {
        self.all.iter().map(|running| {
            let machine = &running.machine;
            (machine.place.address, machine.firmware, machine.name.clone())
        })
    }

    pub(super) fn lie(&self, group: GroupIx, unit: usize, lie: Option<Lie>) {
        let found = self.all.iter().find(|running| running.machine.place.is(group, unit));
        if let Some(running) = found {
            running.machine.lie(lie);
        }
    }

    pub(super) fn abort(&self) {
        self.all.iter().flat_map(|running| &running.tasks).for_each(JoinHandle::abort);
    }
}

fn can_listen(group: &str, place: Place, port: u16) -> Result<(), CannotStart> {
    let address = SocketAddr::new(place.address, port);
    listen(address).map(drop).map_err(|error| CannotStart::NoMiner {
        miner: format!("{} of group `{group}`", place.unit + 1),
        address,
        error,
    })
}

fn run(machine: Machine, runtime: &Handle) -> Running {
    let machine = Arc::new(machine);
    let (answers, is_up) = watch::channel(false);
    let keep = |(port, door): &(u16, Door)| {
        let address = SocketAddr::new(machine.place.address, *port);
        runtime.spawn(wire::keep(Arc::clone(&machine), *door, address, is_up.clone()))
    };
    let tasks = doors(machine.firmware, machine.place.unit).iter().map(keep).collect();
    Running { machine, answers, tasks }
}

/// A lock whose state is never half changed.
fn held<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
