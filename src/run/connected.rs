//! The connections of a site in real time: one for each address of a meter or PDU, one for each miner that is told by its firmware.

use std::sync::Arc;

use super::Setup;
use super::cycle::Connections;
use super::waker::Waker;
use crate::devices::miners::Fleet;
use crate::devices::wire::{OnFresh, Seen, Station, Wire};
use crate::site::{DeviceIx, GroupIx};
use crate::snapshot::MinersSeen;
use crate::time::{Clock, Mono};

/// Everything that the loop is connected to.
pub(super) struct Connected {
    /// In the order of the site's devices.
    wires: Vec<Wire>,
    /// In the order of the site's groups.
    fleets: Vec<Option<Fleet>>,
}

impl Connected {
    /// One connection per address; the hall's meter wakes the loop, or the POI's where the hall has none.
    pub(super) fn to(setup: &Setup, waker: &Arc<Waker>, clock: Clock) -> Self {
        let site = &setup.site;
        let wakes = site.hall.meter.unwrap_or(site.poi.meter);
        let waker = || {
            let waker = Arc::clone(waker);
            Arc::new(move || waker.wake(clock.mono())) as OnFresh
        };
        let stations = site.devices.iter().zip(&setup.profiles).enumerate().map(|(ix, (device, profile))| Station {
            profile: Arc::clone(profile),
            device,
            silent_after: site.ages.device,
            outlets: site.outlets_of(ix),
            on_fresh: (ix == wakes).then(waker),
            credentials: setup.credentials.get(ix).cloned().flatten(),
            tls: setup.clients.get(ix).cloned().flatten(),
        });
        let fleets = site.groups.iter().enumerate().map(|(ix, group)| {
            let credentials = setup.miner_credentials.get(ix).cloned().flatten();
            Some(Fleet::spawn(&setup.runtime, &group.name, group.firmware.as_ref()?, credentials, clock))
        });
        Self { wires: Wire::spawn_all(&setup.runtime, stations, clock), fleets: fleets.collect() }
    }
}

impl Connections for Connected {
    fn seen(&self, device: DeviceIx) -> Option<Seen> {
        self.wires.get(device).map(Wire::seen)
    }

    fn command(&mut self, device: DeviceIx, on: u64, lapses: Mono) {
        if let Some(wire) = self.wires.get(device) {
            wire.command(on, lapses);
        }
    }

    fn adopt(&mut self, device: DeviceIx, on: u64, lapses: Mono) {
        if let Some(wire) = self.wires.get(device) {
            wire.adopt(on, lapses);
        }
    }

    fn release(&mut self, device: DeviceIx) {
        if let Some(wire) = self.wires.get(device) {
            wire.release();
        }
    }

    fn miners(&self, group: GroupIx) -> Option<MinersSeen> {
        Some(self.fleet(group)?.seen())
    }

    fn command_miners(&mut self, group: GroupIx, on: u64, low: u64, lapses: Mono) {
        if let Some(fleet) = self.fleet(group) {
            fleet.command(on, low, lapses);
        }
    }

    fn adopt_miners(&mut self, group: GroupIx, on: u64, lapses: Mono) {
        if let Some(fleet) = self.fleet(group) {
            fleet.adopt(on, lapses);
        }
    }

    fn hold(&mut self, device: DeviceIx, group: GroupIx, lapses: (Mono, Mono)) {
        if let Some(wire) = self.wires.get(device) {
            wire.hold(lapses.0);
        }
        if let Some(fleet) = self.fleet(group) {
            fleet.hold(lapses.1);
        }
    }
}

impl Connected {
    fn fleet(&self, group: GroupIx) -> Option<&Fleet> {
        self.fleets.get(group)?.as_ref()
    }
}
