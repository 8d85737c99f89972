//! The connections of a drill: every device is read, only the drill's groups are ever told anything.
//!
//! Leaving is not letting go: a handle that is dropped lets its permit lapse, and outlets that were found on would go off. So a
//! drill ends its tasks first, and every device stays as it was told last. The same hangs up on a device for a comms-loss
//! drill: the tasks of the groups that are to hear nothing live apart, and are ended together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::devices::wire::tls::Client;
use crate::devices::wire::{Seen, Station, Wire};
use crate::devices::{Credentials, Fleet, Profile};
use crate::site::{DeviceIx, GroupIx, Site};
use crate::snapshot::MinersSeen;
use crate::time::{Clock, Mono};

/// How long tasks are waited for when they are ended: they give up at their next wait.
const END_WITHIN: Duration = Duration::from_secs(2);
/// Threads for all connections, as a run has.
const WORKERS: usize = 2;

/// Who is spoken to, and by whom.
pub struct Access {
    /// The register map of each device, in the order of the site.
    pub profiles: Vec<Arc<Profile>>,
    /// Who logs in to each device that asks.
    pub credentials: Vec<Option<Credentials>>,
    /// Whom each device believes by TLS, and whom we do, where it speaks that.
    pub clients: Vec<Option<Client>>,
    /// Who logs in to the miners of each group.
    pub miner_credentials: Vec<Option<Credentials>>,
}

/// All connections.
pub(super) struct Links {
    site: Site,
    access: Access,
    clock: Clock,
    /// Where everybody lives who is not to be hung up on.
    steady: Option<Runtime>,
    /// Where those live who are, by the first of their groups: one thread each, as long as the drill lasts.
    apart: BTreeMap<GroupIx, Runtime>,
    wires: Vec<Option<Wire>>,
    fleets: Vec<Option<Fleet>>,
}

impl Links {
    /// Connects to every device, and to the miners of these groups.
    pub(super) fn open(site: &Site, access: Access, groups: &[GroupIx], clock: Clock) -> std::io::Result<Self> {
        let mut links = Self {
            wires: site.devices.iter().map(|_| None).collect(),
            fleets: site.groups.iter().map(|_| None).collect(),
            site: site.clone(),
            access,
            clock,
            steady: Some(runtime(WORKERS)?),
            apart: BTreeMap::new(),
        };
        let all: Vec<DeviceIx> = (0..site.devices.len()).collect();
        links.connect(&all, groups, None);
        Ok(links)
    }

    fn connect(&mut self, devices: &[DeviceIx], groups: &[GroupIx], apart: Option<GroupIx>) {
        let runtime = apart.map_or(self.steady.as_ref(), |first| self.apart.get(&first));
        let Some(runtime) = runtime else { return };
        let site = &self.site;
        let station = |ix: &DeviceIx| {
            let (device, profile) = (site.devices.get(*ix)?, self.access.profiles.get(*ix)?);
            Some(Station {
                profile: Arc::clone(profile),
                device,
                silent_after: site.ages.device,
                outlets: site.outlets_of(*ix),
                on_fresh: None,
                credentials: self.access.credentials.get(*ix).cloned().flatten(),
                tls: self.access.clients.get(*ix).cloned().flatten(),
            })
        };
        let known: Vec<DeviceIx> = devices.iter().copied().filter(|ix| station(ix).is_some()).collect();
        let wires = Wire::spawn_all(runtime.handle(), known.iter().filter_map(station), self.clock);
        for (ix, wire) in known.into_iter().zip(wires) {
            if let Some(place) = self.wires.get_mut(ix) {
                *place = Some(wire);
            }
        }
        for ix in groups.iter().copied() {
            let group = site.groups.get(ix);
            let Some((group, path)) = group.and_then(|group| Some((group, group.firmware.as_ref()?))) else { continue };
            let credentials = self.access.miner_credentials.get(ix).cloned().flatten();
            let fleet = Fleet::spawn(runtime.handle(), &group.name, path, credentials, self.clock);
            if let Some(place) = self.fleets.get_mut(ix) {
                *place = Some(fleet);
            }
        }
    }

    /// Everything behind the connections of these groups' PDUs.
    fn behind(&self, groups: &[GroupIx]) -> Vec<DeviceIx> {
        let device = |ix: &GroupIx| self.site.groups.get(*ix)?.paths.first().map(|path| path.device);
        let address = |ix: DeviceIx| Some(self.site.devices.get(ix)?.address);
        let addresses: BTreeSet<SocketAddr> = groups.iter().filter_map(device).filter_map(address).collect();
        let all = self.site.devices.iter().enumerate();
        all.filter(|(_, device)| addresses.contains(&device.address)).map(|(ix, _)| ix).collect()
    }

    /// Groups that are not among these and share a connection with them: who hangs up on the one hangs up on the other.
    pub(super) fn beside(&self, groups: &[GroupIx]) -> Vec<GroupIx> {
        let behind = self.behind(groups);
        let others = behind.into_iter().filter_map(|device| self.site.group_of(device));
        others.filter(|group| !groups.contains(group)).collect()
    }

    /// Speaks to these groups from a place that can be ended. Before anything is told them: the old connection would else let its
    /// permit lapse.
    pub(super) fn set_apart(&mut self, groups: &[GroupIx]) -> std::io::Result<()> {
        self.forget(groups);
        self.call_again(groups)
    }

    /// Closes the connections of those who were set apart. Nothing is written, and nobody asks them anything from here on.
    pub(super) fn hang_up(&mut self, groups: &[GroupIx]) {
        if let Some(apart) = groups.first().and_then(|first| self.apart.remove(first)) {
            apart.shutdown_timeout(END_WITHIN);
        }
        self.forget(groups);
    }

    /// Connects to them again, apart from all others still. Nothing is written until they are commanded.
    pub(super) fn call_again(&mut self, groups: &[GroupIx]) -> std::io::Result<()> {
        let Some(first) = groups.first().copied() else { return Ok(()) };
        self.apart.insert(first, runtime(1)?);
        self.connect(&self.behind(groups), groups, Some(first));
        Ok(())
    }

    fn forget(&mut self, groups: &[GroupIx]) {
        for ix in self.behind(groups) {
            self.wires.iter_mut().skip(ix).take(1).for_each(|wire| *wire = None);
        }
        for ix in groups {
            self.fleets.iter_mut().skip(*ix).take(1).for_each(|fleet| *fleet = None);
        }
    }

    /// Ends all connections and leaves every device as it was told last.
    pub(super) fn leave(&mut self) {
        let apart = std::mem::take(&mut self.apart).into_values();
        for runtime in apart.chain(self.steady.take()) {
            runtime.shutdown_timeout(END_WITHIN);
        }
    }

    /// What was seen of a device, with the watts of its group's own meter where it measures none.
    pub(super) fn seen(&self, device: DeviceIx) -> Option<Seen> {
        let seen = |device: DeviceIx| self.wires.get(device)?.as_ref().map(Wire::seen);
        let paths = self.site.groups.iter().flat_map(|group| &group.paths);
        let meter = paths.filter(|path| path.device == device).find_map(|path| path.meter);
        let measured = meter.and_then(seen).map(|seen| seen.power);
        seen(device).map(|seen| Seen { power: measured.unwrap_or(seen.power), ..seen })
    }

    /// The newest trouble of a device, in words.
    pub(super) fn trouble(&self, device: DeviceIx) -> Option<String> {
        self.wires.get(device)?.as_ref()?.trouble()
    }

    /// What the miners of a group say.
    pub(super) fn miners(&self, group: GroupIx) -> Option<MinersSeen> {
        Some(self.fleets.get(group)?.as_ref()?.seen())
    }

    /// As [`Wire::command`].
    pub(super) fn command(&self, device: DeviceIx, on: u64, lapses: Mono) {
        if let Some(wire) = self.wires.get(device).and_then(Option::as_ref) {
            wire.command(on, lapses);
        }
    }

    /// As [`Fleet::command`], in full.
    pub(super) fn command_miners(&self, group: GroupIx, on: u64, lapses: Mono) {
        if let Some(fleet) = self.fleets.get(group).and_then(Option::as_ref) {
            fleet.command(on, 0, lapses);
        }
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.leave();
    }
}

fn runtime(threads: usize) -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}
