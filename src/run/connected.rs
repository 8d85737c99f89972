//! The connections of a site in real time: one for each address of a meter or PDU.

use std::sync::Arc;

use super::Setup;
use super::cycle::Connections;
use super::waker::Waker;
use crate::devices::wire::{OnFresh, Seen, Station, Wire};
use crate::site::{DeviceIx, GroupIx};
use crate::snapshot::MinersSeen;
use crate::time::{Clock, Mono};

/// Everything that the loop is connected to.
pub(super) struct Connected {
    /// In the order of the site's devices.
    pub(super) wires: Vec<Wire>,
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
        });
        Self { wires: Wire::spawn_all(&setup.runtime, stations, clock) }
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

    fn miners(&self, _: GroupIx) -> Option<MinersSeen> {
        None
    }

    fn command_miners(&mut self, _: GroupIx, _: u64, _: Mono) {}

    fn adopt_miners(&mut self, _: GroupIx, _: u64, _: Mono) {}
}
