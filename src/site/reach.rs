//! How the parts of a site are reached: meters and PDUs on the wire, miners by their firmware, and who logs in to them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::DeviceIx;
use crate::units::{Efficiency, Power};

/// One way to lower a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The device that does it. One group per PDU.
    pub device: DeviceIx,
    /// From the decision to the power being gone, worst case.
    pub response: Duration,
    /// By when the lower power must be measured, or the group is not following.
    pub proof: Duration,
    /// What the device does when it hears nothing.
    pub comms_loss: CommsLoss,
    /// What measures the group, where the device does not.
    pub meter: Option<DeviceIx>,
}

/// The way to lower a group by the firmware of its miners: they are told to sleep, one unit a miner. Outlets that stand beside it take the
/// power of those that were told and draw on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwarePath {
    /// What runs on them.
    pub firmware: Firmware,
    /// Where each miner is; unit n is at place n. The ports are those of the firmware.
    pub addresses: Vec<IpAddr>,
    /// How often each is asked what it does.
    pub poll: Duration,
    /// Who logs in to all of them; the maker's own where nothing is said.
    pub login: Option<Login>,
    /// From the decision to the power being gone, worst case.
    pub response: Duration,
    /// By when the lower power must be measured, or the outlets are used.
    pub proof: Duration,
    /// Most one miner draws asleep.
    pub asleep: Power,
    /// A limit uses it before the outlets. What is lowered for a price always does.
    pub first: bool,
    /// A level between full power and sleep, where they have one.
    pub low: Option<LowPower>,
}

/// Low power: a power target at which a miner hashes more for each joule than at its full one. A price uses it before sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowPower {
    /// The target of one miner, and most that it then draws.
    pub power: Power,
    /// Its energy per terahash there.
    pub efficiency: Efficiency,
    /// The target of one miner at full power.
    pub full: Power,
    /// By when the lower power must be measured: some firmware tunes for minutes.
    pub proof: Duration,
}

/// What runs on a miner, as far as it matters how it is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Firmware {
    /// Bitmain's own, on Antminers.
    Antminer,
    /// Luxor's LuxOS.
    Luxos,
    /// Braiins OS, from 25.07 on by its REST interface.
    Braiins,
    /// MicroBT's own, on WhatsMiners: version 2 of its interface or 3, as the miner says.
    Whatsminer,
}

impl Firmware {
    /// Every one, with its name in a site file.
    pub const ALL: [(&'static str, Self); 4] = [
        ("antminer", Self::Antminer),
        ("luxos", Self::Luxos),
        ("braiins", Self::Braiins),
        ("whatsminer", Self::Whatsminer),
    ];

    /// Whether its miners can be given a power target through the library that speaks to them.
    pub fn takes_a_power_target(self) -> bool {
        self != Self::Antminer
    }

    /// Its name in a site file.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, firmware)| *firmware == self).map_or("", |(name, _)| name)
    }
}

/// What a device does when it hears nothing from us. All but `Reverts` and `SafeValue` count as uncontrollable when silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommsLoss {
    /// Falls back to off by its own watchdog after this time.
    Reverts(Duration),
    /// Takes a configured safe state after this time.
    SafeValue(Duration),
    /// Keeps its last state.
    Holds,
    /// Switches on.
    UnsafeOn,
    /// Nothing is known.
    Unknown,
}

/// A meter or PDU on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Name of its register-map file, without folder and ending.
    pub profile: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Modbus unit id.
    pub unit_id: u8,
    /// How often it is read.
    pub poll: Duration,
    /// Who it lets in, where it asks.
    pub login: Option<Login>,
    /// How it is spoken to by TLS; in plain Modbus where nothing is said.
    pub tls: Option<Tls>,
}

/// How a device is spoken to by TLS, and never otherwise. All it names is PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The only authority whose certificates are believed.
    pub ca: SecretRef,
    /// Who we are, where the device asks.
    pub identity: Option<Identity>,
    /// The name its certificate must be made out to; its IP address where nothing is said.
    pub server_name: Option<String>,
}

/// Who we are to a device that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Our certificate, and those between it and the authority.
    pub certificate: SecretRef,
    /// The key that goes with it.
    pub key: SecretRef,
}

/// Who logs in to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// Where the password is to be found. It never stands in a file of the site.
    pub password: SecretRef,
}

/// Where a secret is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// In this variable of the environment: `env:NAME`.
    Env(String),
    /// In this file: `file:PATH`. A password is its first line.
    File(String),
    /// A credential of this name that systemd hands over: `credential:NAME`.
    Credential(String),
}

impl SecretRef {
    /// Reads `env:NAME`, `file:PATH` or `credential:NAME`; nothing where it is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':').filter(|(_, name)| !name.trim().is_empty())?;
        match kind {
            "env" => Some(Self::Env(name.into())),
            "file" => Some(Self::File(name.into())),
            "credential" => Some(Self::Credential(name.into())),
            _ => None,
        }
    }
}
