//! `ballast probe --scan RANGE...`: who answers at addresses of which nobody said what stands there, for a first site file.
//!
//! It reads alone, and asks nobody outside of what was typed. At most 64 addresses are asked at once, each by one connection at
//! a time.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::range::Target;
use super::super::{COULD_NOT, FINE, PROBLEMS, session};
use super::keep;
use crate::devices::Profile;
use crate::devices::miners::{Met, meet};
use crate::devices::probe::fit::Answering;
use crate::devices::profile::{Kind, SHIPPED};
use crate::devices::wire::{Fault, survey};
use crate::time::Clock;

pub(super) use draft::MARK;

mod draft;
mod range;
mod rows;
mod text;

/// So many addresses are asked at once.
const AT_ONCE: usize = 64;
/// How often it is told how far the scan is.
const TELL: Duration = Duration::from_secs(5);

/// What was typed.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Ranges of addresses.
    pub ranges: Vec<String>,
    /// Ports on which Modbus devices may be.
    pub ports: Vec<u16>,
    /// Unit ids, as `1-4`.
    pub units: String,
    /// Where a first site file is proposed.
    pub write: Option<PathBuf>,
    /// As JSON.
    pub json: bool,
}

/// What was found, by address.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How many addresses were asked.
    asked: usize,
    devices: BTreeMap<SocketAddr, Vec<Answering>>,
    /// Who takes connections and speaks no Modbus.
    mute: BTreeMap<SocketAddr, Fault>,
    miners: BTreeMap<IpAddr, Met>,
}

/// What one address has to say.
type Said = (Vec<(SocketAddr, Result<Vec<Answering>, Fault>)>, Option<Met>);

/// Runs `ballast probe --scan`. Exit code: 0 where somebody answered, 1 where nobody did, 2 where it could not be done.
pub fn run(asked: &Asked) -> u8 {
    scan(asked).unwrap_or_else(|message| {
        eprintln!("{message}");
        COULD_NOT
    })
}

fn scan(asked: &Asked) -> Result<u8, String> {
    let targets = range::targets(&asked.ranges, &asked.ports)?;
    let units = range::units(&asked.units)?;
    if let Some(file) = &asked.write {
        keep::may_write(file)?;
    }
    let runtime = session::runtime().map_err(|_| "nothing was asked".to_owned())?;
    let found = runtime.block_on(ask_all(targets, units, maps()));
    let anybody = !found.devices.is_empty() || !found.miners.is_empty();
    let draft = asked.write.as_ref().filter(|_| anybody).map(|file| (file, draft::of(&found, &asked.ranges)));
    let said = match &draft {
        Some((file, draft)) => keep::write_draft(file, draft)?,
        None => String::new(),
    };
    if asked.json {
        println!("{:#}", text::json(&found));
        eprint!("{said}");
    } else {
        print!("{}{said}", text::table(&found));
    }
    Ok(if anybody { FINE } else { PROBLEMS })
}

/// Every register map that ships, but for those of relays: two bits go with anything.
pub(super) fn maps() -> Vec<Arc<Profile>> {
    let read = |(name, text): &(&str, &str)| Profile::parse(&format!("sites/devices/{name}.toml"), text).ok();
    SHIPPED.iter().filter_map(read).filter(|map| map.kind != Kind::Relay).map(Arc::new).collect()
}

async fn ask_all(targets: BTreeMap<Ipv4Addr, Target>, units: Vec<u8>, maps: Vec<Arc<Profile>>) -> Found {
    let clock = Clock::start();
    let mut found = Found { asked: targets.len(), ..Found::default() };
    let (places, units, maps) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(units), Arc::new(maps));
    let mut open = JoinSet::new();
    for (address, target) in targets {
        let (places, units, maps) = (Arc::clone(&places), Arc::clone(&units), Arc::clone(&maps));
        open.spawn(async move {
            let _place = places.acquire_owned().await;
            ask(address, &target, (&units, &maps), clock).await
        });
    }
    let mut done = 0;
    let mut tell_at = clock.mono().after(TELL);
    while !open.is_empty() {
        if let Ok(Some(Ok(said))) = timeout(TELL, open.join_next()).await {
            done += 1;
            found.take(said);
        }
        if clock.mono() >= tell_at {
            eprintln!("{done} of {} addresses asked, {} answer", found.asked, found.devices.len() + found.miners.len());
            tell_at = clock.mono().after(TELL);
        }
    }
    found
}

/// One address, port by port: most devices take one connection.
async fn ask(address: Ipv4Addr, target: &Target, (units, maps): (&[u8], &[Arc<Profile>]), clock: Clock) -> Said {
    let address = IpAddr::V4(address);
    let mut said = Vec::new();
    for port in &target.ports {
        let at = SocketAddr::new(address, *port);
        said.push((at, survey(at, units, maps, clock).await));
    }
    let met = if target.miner { meet(address, clock).await } else { None };
    (said, met)
}

impl Found {
    fn take(&mut self, (said, met): Said) {
        for (at, answer) in said {
            match answer {
                Ok(units) => drop(self.devices.insert(at, units)),
                Err(Fault::NoConnection) => {}
                Err(fault) => drop(self.mute.insert(at, fault)),
            }
        }
        self.miners.extend(met.map(|met| (met.address, met)));
    }
}
