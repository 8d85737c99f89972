//! The watchdog of an emulated PDU: what its path in the site file says it does when nobody asks it anything.
//!
//! It is armed by the first request of any kind. One that the file calls a holding one is none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::plant::Plant;
use crate::site::{CommsLoss, DeviceIx, GroupIx, Site};
use crate::time::Mono;

/// Of one PDU.
#[derive(Debug)]
pub(super) struct Watchdog {
    group: GroupIx,
    after: Duration,
    /// When it was asked last, in microseconds of the plant; zero while it is not armed.
    heard: AtomicU64,
}

impl Watchdog {
    /// That of this device, where it has one.
    pub(super) fn of(site: &Site, device: DeviceIx) -> Option<Self> {
        let group = site.group_of(device)?;
        let path = site.groups.get(group)?.paths.iter().find(|path| path.device == device)?;
        match path.comms_loss {
            CommsLoss::Reverts(after) | CommsLoss::SafeValue(after) => {
                Some(Self { group, after, heard: AtomicU64::new(0) })
            }
            CommsLoss::Holds | CommsLoss::UnsafeOn | CommsLoss::Unknown => None,
        }
    }

    /// It was asked something.
    pub(super) fn hears(&self, now: Mono) {
        self.heard.store(now.micros().max(1), Ordering::Relaxed);
    }

    /// Switches off what nobody asked about for its time.
    pub(super) fn acts(&self, plant: &mut Plant, now: Mono) {
        let heard = self.heard.load(Ordering::Relaxed);
        if heard != 0 && now.since(Mono::from_micros(heard)) >= self.after {
            self.heard.store(0, Ordering::Relaxed);
            plant.switch(self.group, 0);
        }
    }
}
