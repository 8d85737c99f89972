//! The watchdog of an emulated PDU: what its path in the site file says it does when nobody asks it anything.
//!
//! It is armed by the first request of any kind; where its register map wants signs of life, by the first of those, and nothing else is
//! one. One that the file calls a holding one is none.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::devices::profile::KeepAlive;
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
    /// What is a sign of life to it; nothing where any request is.
    signs: Option<KeepAlive>,
    /// The word of the newest one.
    word: AtomicU32,
}

/// No word yet.
const NONE: u32 = u32::MAX;

impl Watchdog {
    /// That of this device, where it has one.
    pub(super) fn of(site: &Site, device: DeviceIx, signs: Option<KeepAlive>) -> Option<Self> {
        let group = site.group_of(device)?;
        let path = site.groups.get(group)?.paths.iter().find(|path| path.device == device)?;
        match path.comms_loss {
            CommsLoss::Reverts(after) | CommsLoss::SafeValue(after) => {
                Some(Self { group, after, heard: AtomicU64::new(0), signs, word: AtomicU32::new(NONE) })
            }
            CommsLoss::Holds | CommsLoss::UnsafeOn | CommsLoss::Unknown => None,
        }
    }

    /// It was asked something; with this word, where that was a sign of life. A counter that stands still is none.
    pub(super) fn hears(&self, alive: Option<u16>, now: Mono) {
        let lives = match (self.signs, alive) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(KeepAlive { value: Some(value), .. }), Some(word)) => word == value,
            (Some(_), Some(word)) => self.word.swap(u32::from(word), Ordering::Relaxed) != u32::from(word),
        };
        if lives {
            self.heard.store(now.micros().max(1), Ordering::Relaxed);
        }
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
