//! What was found, as rows: equal devices at addresses or unit ids that follow each other are one table of a site file.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Found;
use crate::devices::miners::Met;
use crate::devices::probe::fit::Answering;
use crate::devices::profile::Kind;
use crate::site::{Firmware, MAX_UNITS};

/// Equal devices that follow each other.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    pub(super) first: SocketAddr,
    /// The first of them, which stands for all but for what it shows.
    pub(super) device: &'a Answering,
    pub(super) all: Vec<&'a Answering>,
    /// They stand behind one address, and it is the unit ids that follow each other.
    by_unit: bool,
}

/// Miners of one firmware that follow each other.
#[derive(Clone, Debug)]
pub(super) struct MinerRow<'a> {
    pub(super) first: IpAddr,
    pub(super) firmware: Firmware,
    pub(super) met: Vec<&'a Met>,
}

/// What kind a device is, by the map that goes best; nothing where none does.
pub(super) fn kind(device: &Answering) -> Option<Kind> {
    device.best().first().map(|fit| fit.profile.kind)
}

/// All devices of this kind, in rows.
pub(super) fn of(found: &Found, wanted: Kind) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (at, device) in found.devices.iter().flat_map(|(at, units)| units.iter().map(|unit| (*at, unit))) {
        if kind(device) != Some(wanted) {
            continue;
        }
        match rows.last_mut().filter(|row| row.is_followed_by(at, device)) {
            Some(row) => {
                row.by_unit = at == row.first;
                row.all.push(device);
            }
            None => rows.push(Row { first: at, device, all: vec![device], by_unit: false }),
        }
    }
    rows
}

impl<'a> Row<'a> {
    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }

    fn is_followed_by(&self, at: SocketAddr, device: &Answering) -> bool {
        let names = |device: &Answering| -> Vec<(String, Option<u32>)> {
            device.best().iter().map(|fit| (fit.profile.name.clone(), fit.outlets.map(|(count, _)| count))).collect()
        };
        let same = names(self.device) == names(device) && self.device.to_any == device.to_any;
        let by_unit = at == self.first && u32::from(device.unit_id) == u32::from(self.device.unit_id) + self.count();
        let apart = nth(self.first.ip(), self.count()) == Some(at.ip()) && at.port() == self.first.port();
        let by_address = apart && device.unit_id == self.device.unit_id;
        same && ((by_unit && (self.by_unit || self.count() == 1)) || (by_address && !self.by_unit))
    }

    /// How many outlets each has.
    pub(super) fn outlets(&self) -> Option<u32> {
        self.device.best().first()?.outlets.map(|(count, _)| count)
    }

    /// The address as a site file has it, for all of the row.
    pub(super) fn address(&self) -> String {
        if self.count() == 1 || self.by_unit {
            return self.first.to_string();
        }
        format!("{}:{}", template(self.first.ip(), "n"), self.first.port())
    }

    /// The unit id as a site file has it.
    pub(super) fn unit_id(&self) -> String {
        if self.by_unit {
            format!("\"{}\"", counted(self.device.unit_id, "n"))
        } else {
            self.device.unit_id.to_string()
        }
    }

    /// Each by itself, with its address.
    pub(super) fn each(&self) -> Vec<(SocketAddr, &'a Answering)> {
        let address = |n: u32| if self.by_unit { Some(self.first.ip()) } else { nth(self.first.ip(), n) };
        let one = |(n, device)| Some((SocketAddr::new(address(n)?, self.first.port()), device));
        (0..).zip(self.all.iter().copied()).filter_map(one).collect()
    }
}

/// All miners of a known firmware, in rows no longer than a group can have units.
pub(super) fn of_miners(found: &Found) -> Vec<MinerRow<'_>> {
    let mut rows: Vec<MinerRow<'_>> = Vec::new();
    for met in found.miners.values() {
        let Some(firmware) = met.firmware else { continue };
        let follows = |row: &&mut MinerRow<'_>| {
            let count = u32::try_from(row.met.len()).unwrap_or(MAX_UNITS);
            row.firmware == firmware && count < MAX_UNITS && nth(row.first, count) == Some(met.address)
        };
        match rows.last_mut().filter(follows) {
            Some(row) => row.met.push(met),
            None => rows.push(MinerRow { first: met.address, firmware, met: vec![met] }),
        }
    }
    rows
}

impl MinerRow<'_> {
    /// The address as a site file has it.
    pub(super) fn address(&self) -> String {
        if self.met.len() == 1 { self.first.to_string() } else { template(self.first, "unit") }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.met.len()).unwrap_or(MAX_UNITS)
    }

    /// Whether by its number and its net this row may hang on that PDU.
    pub(super) fn may_hang_on(&self, row: &Row<'_>) -> bool {
        row.count() == 1 && row.outlets() == Some(self.count()) && net(row.first.ip()) == net(self.first)
    }
}

fn net(address: IpAddr) -> Option<[u8; 3]> {
    let IpAddr::V4(address) = address else { return None };
    let [a, b, c, _] = address.octets();
    Some([a, b, c])
}

/// The address so many after this one, in the same net of 256. None follows one that a template cannot count from.
fn nth(first: IpAddr, n: u32) -> Option<IpAddr> {
    let IpAddr::V4(address) = first else { return None };
    let [a, b, c, d] = address.octets();
    let last = u8::try_from(u32::from(d) + n).ok().filter(|_| d > 0 || n == 0)?;
    Some(IpAddr::V4(Ipv4Addr::new(a, b, c, last)))
}

/// An address whose last number counts from this one on.
fn template(first: IpAddr, counter: &str) -> String {
    let IpAddr::V4(address) = first else { return first.to_string() };
    let [a, b, c, d] = address.octets();
    format!("{a}.{b}.{c}.{}", counted(d, counter))
}

fn counted(first: u8, counter: &str) -> String {
    match first.saturating_sub(1) {
        0 => format!("{{{counter}}}"),
        more => format!("{{{counter}+{more}}}"),
    }
}
