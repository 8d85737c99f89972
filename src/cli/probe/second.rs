//! A second look at those devices that are not what their file says: who answers at that address, and which map goes with it.
//!
//! As a scan looks, and at no other address than that of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::Probed;
use super::scan::maps;
use crate::devices::Profile;
use crate::devices::probe::Why;
use crate::devices::probe::fit::Answering;
use crate::devices::wire::{Fault, survey};
use crate::site::Site;
use crate::time::Clock;

/// Unit ids that are tried beside those of the file.
const UNITS: std::ops::RangeInclusive<u8> = 1..=16;

/// Who answers at the addresses of those that are in doubt.
pub(super) fn look(runtime: &Runtime, site: &Site, all: &[Probed]) -> BTreeMap<SocketAddr, Vec<Answering>> {
    let addresses: BTreeSet<SocketAddr> =
        all.iter().filter(|it| it.is_doubtful()).map(|it| it.device.address).collect();
    let clock = Clock::start();
    runtime.block_on(async {
        let mut open = JoinSet::new();
        for address in addresses {
            let there: Vec<(usize, &Probed)> =
                all.iter().enumerate().filter(|(_, it)| it.device.address == address).collect();
            let mut units: Vec<u8> = UNITS.chain(there.iter().map(|(_, it)| it.device.unit_id)).collect();
            units.sort_unstable();
            units.dedup();
            let maps = maps_for(site, &there);
            open.spawn(async move { (address, survey(address, &units, &maps, clock).await.unwrap_or_default()) });
        }
        open.join_all().await.into_iter().collect()
    })
}

/// The maps of the file, with as many outlets as it says, and all others that ship.
fn maps_for(site: &Site, there: &[(usize, &Probed)]) -> Vec<Arc<Profile>> {
    let own = there.iter().map(|(ix, it)| {
        let mut map = Profile::clone(&it.profile);
        if let Some(outlets) = &mut map.outlets {
            outlets.count = site.outlets_of(*ix).max(1);
        }
        Arc::new(map)
    });
    let mut all: Vec<Arc<Profile>> = own.collect();
    all.extend(maps().into_iter().filter(|map| there.iter().all(|(_, it)| it.profile.name != map.name)));
    all
}

impl Probed {
    /// Whether it may be something else than its file says, or be called by another number.
    fn is_doubtful(&self) -> bool {
        match &self.told {
            Err(Fault::NoConnection | Fault::NotLetIn) => false,
            Err(_) => true,
            Ok(told) => {
                let unlike = matches!(told.is_it, Some(Ok(false) | Err(_)));
                let unread = matches!(told.window, Some(Err(_))) || matches!(told.on, Some(Err(_)));
                let senseless = self.suspicion.as_ref().is_some_and(|it| it.why == Why::Impossible);
                unlike || unread || senseless
            }
        }
    }
}
