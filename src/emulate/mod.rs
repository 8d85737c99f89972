//! The plant on real sockets: every meter and PDU of a site at its address, for our controller and for other people's.
//!
//! A device answers what its register-map file says, with the values of one shared [`Plant`], and switches the plant's outlets.
//! Nothing here decides, and nothing is believed to be a real device: whoever can reach the address can read, and switch
//! where no login is asked for and no TLS, so keep to loopback addresses.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::devices::profile::flags::{self, ARMED};
use crate::devices::profile::{Credentials, Profile};
use crate::plant::Plant;
use crate::site::{DeviceIx, Firmware, GroupIx, Site};
use crate::time::{Clock, Mono};

mod device;
mod miners;
mod sound;
pub mod tls;
mod watchdog;

use device::{Device, Station};
pub use miners::Lie;
use miners::Miners;
#[doc(hidden)]
pub use sound::Sound;
use watchdog::Watchdog;

/// How often the plant is brought up to the clock when nobody asks.
const TICK: Duration = Duration::from_millis(10);

/// Why the emulator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// An address is not to be had.
    #[error("device `{device}`: cannot listen on {address}: {error}; {}", next_step(.error, .address))]
    CannotListen {
        /// The device.
        device: String,
        /// Its address in the site file.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The address of a miner is not to be had.
    #[error("miner {miner}: cannot listen on {address}: {error}; {}", miner_step(.error, .address))]
    NoMiner {
        /// The miner.
        miner: String,
        /// Its address in the site file, with a port of its firmware.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// A device is of a type nobody gave.
    #[error(
        "device `{device}`: there is no register map `{profile}`; name one that ships, or put its file beside the site file"
    )]
    NoProfile {
        /// The device.
        device: String,
        /// The register map it names.
        profile: String,
    },
    /// A device speaks TLS, and there is nothing it could show.
    #[error(
        "device `{device}` is spoken to by TLS, and has no certificate to show; make a folder with ca.pem, server.pem and server.key (docs/devices.md says how), and give it with --tls-dir"
    )]
    NoKeys {
        /// The device.
        device: String,
    },
}

fn next_step(error: &io::Error, address: &SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "is another emulator running? end it, or change the address in the site file".into()
        }
        io::ErrorKind::AddrNotAvailable if address.ip().is_loopback() => {
            format!("on macOS each address must be made first: sudo ifconfig lo0 alias {} up", address.ip())
        }
        io::ErrorKind::AddrNotAvailable => "an emulated device needs an address of this machine, as 127.66.0.1".into(),
        io::ErrorKind::PermissionDenied => "ports below 1024 are for root; change the port in the site file".into(),
        // EMFILE: too many open files.
        _ if error.raw_os_error() == Some(24) => "raise the number of open files: ulimit -n 4096".into(),
        _ => "change the address in the site file".into(),
    }
}

fn miner_step(error: &io::Error, address: &SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "the ports of a miner's firmware are given: run as root, or once: sudo sysctl net.ipv4.ip_unprivileged_port_start=80"
                .into()
        }
        _ => next_step(error, address),
    }
}

/// All meters and PDUs of a site on their sockets, those at one address behind one. Ends when it is dropped.
#[derive(Debug)]
pub struct Emulator {
    stations: Vec<Running>,
    /// Per device, at which of them.
    at: Vec<usize>,
    miners: Arc<Miners>,
    relay: Arc<AtomicU64>,
    ticker: JoinHandle<()>,
}

#[derive(Debug)]
struct Running {
    address: SocketAddr,
    plugged: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// The plant's own time: it runs as the clock does, but a clock may have started long before the plant.
#[derive(Clone, Copy, Debug)]
struct PlantTime {
    clock: Clock,
    started: Mono,
    plant: Mono,
}

impl PlantTime {
    fn now(&self) -> Mono {
        self.plant.after(self.clock.mono().since(self.started))
    }
}

impl Emulator {
    /// Listens on every device's address and starts to answer. `profiles` are the register maps by name,
    /// `credentials` who is let in by each device that asks for a login; without any, whoever comes is. A meter's or PDU's refresh
    /// time is taken from its register map. From now on the plant runs on from where it is, as this clock passes, whatever the clock
    /// shows; nobody else may advance it.
    ///
    /// # Errors
    /// [`CannotStart`] naming the device; then nothing listens.
    pub fn start(
        site: &Site,
        given: (&BTreeMap<String, Profile>, &[Option<Credentials>]),
        plant: Arc<Mutex<Plant>>,
        clock: Clock,
        runtime: &Handle,
    ) -> Result<Self, CannotStart> {
        Self::start_with(site, given, None, plant, clock, runtime)
    }

    /// As [`Emulator::start`]; those that are spoken to by TLS in the site file show these keys, and speak nothing else.
    ///
    /// # Errors
    /// [`CannotStart`] naming the device; then nothing listens.
    pub fn start_with(
        site: &Site,
        (profiles, credentials): (&BTreeMap<String, Profile>, &[Option<Credentials>]),
        keys: Option<&tls::Keys>,
        plant: Arc<Mutex<Plant>>,
        clock: Clock,
        runtime: &Handle,
    ) -> Result<Self, CannotStart> {
        let time = PlantTime { clock, started: clock.mono(), plant: locked(&plant).at() };
        let mut addresses: Vec<(SocketAddr, Vec<(u8, Device)>)> = Vec::new();
        let (mut at, mut watchdogs) = (Vec::new(), Vec::new());
        let relay = Arc::new(AtomicU64::new(ARMED));
        for (ix, device) in site.devices.iter().enumerate() {
            let profile = profiles.get(&device.profile).ok_or_else(|| CannotStart::NoProfile {
                device: device.name.clone(),
                profile: device.profile.clone(),
            })?;
            // Port 0 is chosen anew for each.
            let shared = addresses.iter().position(|(address, _)| *address == device.address && address.port() != 0);
            let station = shared.unwrap_or(addresses.len());
            if shared.is_none() {
                addresses.push((device.address, Vec::new()));
            }
            let shares = (Arc::clone(&plant), Arc::clone(&relay));
            let emulated = Device::new(site, ix, profile.clone(), shares, time);
            watchdogs.extend(emulated.watchdog());
            if let Some((_, units)) = addresses.get_mut(station) {
                units.push((device.unit_id, emulated));
            }
            at.push(station);
        }
        let mut listening = Vec::new();
        for (station, (address, devices)) in addresses.into_iter().enumerate() {
            let here = || at.iter().enumerate().filter(|(_, at)| **at == station).map(|(ix, _)| ix);
            let device = here().find_map(|ix| Some(site.devices.get(ix)?.name.clone())).unwrap_or_default();
            let who = here().find_map(|ix| credentials.get(ix)?.clone());
            let by_tls = here().any(|ix| site.devices.get(ix).is_some_and(|device| device.tls.is_some()));
            let keys = keys.filter(|_| by_tls).cloned();
            if by_tls && keys.is_none() {
                return Err(CannotStart::NoKeys { device });
            }
            let listener = listen(address).map_err(|error| CannotStart::CannotListen { device, address, error })?;
            listening.push((Station::new(devices, who, keys), listener));
        }
        let miners = Arc::new(Miners::start(site, &plant, time, runtime)?);
        let stations = listening.into_iter().map(|(station, listener)| run(station, listener, runtime)).collect();
        let ticker = runtime.spawn(tick(plant, (Arc::clone(&miners), watchdogs), time));
        Ok(Self { stations, at, miners, relay, ticker })
    }

    /// Where a device listens: its address in the site file, with the port the system chose where the file says 0.
    pub fn address(&self, device: DeviceIx) -> Option<SocketAddr> {
        self.station(device).map(|running| running.address)
    }

    /// Pulls a device's network plug, or puts it back: its connections end and nobody can connect. Its outlets stay as they are. Behind
    /// a gateway it is the gateway's plug.
    pub fn unplug(&self, device: DeviceIx, out: bool) {
        if let Some(running) = self.station(device) {
            running.plugged.send_replace(!out);
        }
    }

    /// What the under-frequency relay shows from now on. It switches nothing here: its breaker would.
    pub fn relay(&self, tripped: bool, armed: bool) {
        self.relay.store(flags::bits(tripped, armed), Ordering::Relaxed);
    }

    /// Where each emulated miner is, what runs on it, and its name: that of its group with the number of its unit.
    pub fn miners(&self) -> impl Iterator<Item = (IpAddr, Firmware, String)> {
        self.miners.places()
    }

    /// Makes one miner lie or fail from now on, or be honest again. An unknown one changes nothing.
    pub fn lie(&self, group: GroupIx, unit: usize, lie: Option<Lie>) {
        self.miners.lie(group, unit, lie);
    }

    fn station(&self, device: DeviceIx) -> Option<&Running> {
        self.stations.get(*self.at.get(device)?)
    }

    /// Ends all devices: as dropping.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.ticker.abort();
        self.miners.abort();
        for running in &self.stations {
            running.task.abort();
        }
    }
}

/// A socket that listens on this very address.
fn listen(address: SocketAddr) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn run(station: Station, (listener, address): (std::net::TcpListener, SocketAddr), runtime: &Handle) -> Running {
    let (plugged, is_plugged) = watch::channel(true);
    let task = runtime.spawn(device::keep(Arc::new(station), Some(listener), address, is_plugged));
    Running { address, plugged, task }
}

async fn tick(plant: Arc<Mutex<Plant>>, (miners, watchdogs): (Arc<Miners>, Vec<Arc<Watchdog>>), time: PlantTime) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let mut plant = locked(&plant);
        let now = time.now();
        plant.advance(now);
        watchdogs.iter().for_each(|watchdog| watchdog.acts(&mut plant, now));
        miners.follow(&mut plant);
    }
}

/// The plant. It has no state half changed that matters: a panic elsewhere while it was held does not end the site.
fn locked(plant: &Mutex<Plant>) -> MutexGuard<'_, Plant> {
    plant.lock().unwrap_or_else(PoisonError::into_inner)
}
