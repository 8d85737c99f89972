//! A register-map file: one file, one device type, meters and PDUs alike.
//!
//! The file says where the power and the outlets lie and how their words are to be understood, and carries golden words
//! that prove it: a file whose golden words do not come out is refused. Addresses in a [`Profile`] are always wire
//! addresses, counted from 0; the loader converts once. Points are read and written both ways, so that the emulator
//! shows what the driver reads. A profile opens no socket and no file.

use std::time::Duration;

use crate::document::Problems;
use crate::site::check::{KnownDevice, KnownProfile};
use crate::site::{CommsLoss, MAX_UNITS};
use crate::snapshot::NoData;
use crate::units::Power;

pub mod codec;
mod file;
mod golden;
pub mod serve;
mod shipped;

pub use shipped::SHIPPED;

/// Most registers one read may ask for, by the protocol.
pub const MAX_REGISTERS: u16 = 125;

/// A device type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Name of its file, without folder and ending.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The device in words: maker and model.
    pub title: String,
    /// Where the register map comes from.
    pub source: String,
    /// What of this file nobody has seen on the device itself.
    pub unproved: Vec<String>,
    /// How its connection behaves.
    pub connection: Connection,
    /// Words that must be found before anything else is believed.
    pub expect: Vec<Expect>,
    /// Total active power, import positive.
    pub power: Option<Point>,
    /// Its outlets.
    pub outlets: Option<Outlets>,
}

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Measures.
    Meter,
    /// Switches outlets, and mostly measures too.
    Pdu,
}

/// How a connection to the device behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// How long to wait for an answer before the connection is dropped.
    pub timeout: Duration,
    /// Least time between an answer and the next request.
    pub gap: Duration,
    /// How many connections it takes at once.
    pub connections: u16,
    /// Most registers it gives in one read.
    pub max_registers: u16,
    /// What it does when it hears nothing.
    pub comms_loss: CommsLoss,
}

/// The four tables of Modbus; each has its own function code for reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Bits that can be written: read by 01.
    Coils,
    /// Bits that cannot: read by 02.
    Discrete,
    /// Registers that can be written: read by 03.
    Holding,
    /// Registers that cannot: read by 04.
    Input,
}

impl Table {
    /// All tables with their names in files.
    pub const NAMES: &'static [(&'static str, Table)] =
        &[("coils", Self::Coils), ("discrete", Self::Discrete), ("holding", Self::Holding), ("input", Self::Input)];

    /// Whether it holds bits.
    pub fn is_bits(self) -> bool {
        matches!(self, Self::Coils | Self::Discrete)
    }
}

/// What one read asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The table.
    pub table: Table,
    /// First wire address.
    pub address: u16,
    /// How many.
    pub count: u16,
}

impl Block {
    /// Whether all of `count` registers from `address` lie within.
    pub fn covers(&self, table: Table, address: u16, count: u16) -> bool {
        let (from, to) = (u32::from(address), u32::from(address) + u32::from(count));
        let (first, end) = (u32::from(self.address), u32::from(self.address) + u32::from(self.count));
        self.table == table && first <= from && to <= end
    }

    /// The part of what was read that begins at this wire address.
    fn slice<'w>(&self, words: &'w [u16], address: u16, count: u16) -> Option<&'w [u16]> {
        let from = usize::from(address.checked_sub(self.address)?);
        words.get(from..from + usize::from(count))
    }
}

/// Words that must be found at an address, or this is not the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Where they stand.
    pub block: Block,
    /// The words.
    pub words: Vec<u16>,
}

/// A measured power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The one read that brings it.
    pub block: Block,
    /// Its own first wire address.
    pub address: u16,
    /// How its words are understood.
    pub codec: codec::Codec,
    /// The register with its power of ten, where it has one.
    pub scale: Option<ScaleRegister>,
    /// How often the device measures anew; a reading can be that much older than the read.
    pub refresh: Duration,
}

/// A register that holds the power of ten of another one (SunSpec `sunssf`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaleRegister {
    /// Its wire address, within the block of its point.
    pub address: u16,
    /// The word that says that there is no value.
    pub absent: Option<u16>,
}

impl Point {
    /// The power in the words of one read of [`Point::block`].
    ///
    /// # Errors
    /// Why there is none; never zero in its place.
    pub fn decode(&self, block: &[u16]) -> Result<Power, NoData> {
        if block.len() != usize::from(self.block.count) {
            return Err(NoData::NotUnderstood);
        }
        let words = self.block.slice(block, self.address, self.codec.kind.words()).ok_or(NoData::NotUnderstood)?;
        let scale = match self.scale {
            Some(register) => Some(register.decode(&self.block, block)?),
            None => None,
        };
        self.codec.decode(words, scale)
    }

    /// The registers that show this, as wire address and word; nothing where the type cannot hold it.
    pub fn encode(&self, power: Result<Power, NoData>) -> Option<Vec<(u16, u16)>> {
        let at = |words: Vec<u16>| -> Vec<(u16, u16)> { (self.address..).zip(words).collect() };
        let Ok(power) = power else {
            return self.codec.encode_absent().map(at);
        };
        let Some(register) = self.scale else {
            return self.codec.encode(power, 0).map(at);
        };
        let fits = |scale: i16| Some((scale, self.codec.encode(power, scale)?));
        let (scale, words) = (0..=10).find_map(fits)?;
        let mut all = at(words);
        all.push((register.address, scale.cast_unsigned()));
        Some(all)
    }
}

impl ScaleRegister {
    fn decode(&self, read: &Block, words: &[u16]) -> Result<i16, NoData> {
        match read.slice(words, self.address, 1) {
            Some([word]) if Some(*word) == self.absent => Err(NoData::NotAvailable),
            Some([word]) => Ok(word.cast_signed()),
            _ => Err(NoData::NotUnderstood),
        }
    }
}

/// The outlets of a PDU. Outlet 1 is bit 0 of a set of units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlets {
    /// How many it has unless the site says otherwise.
    pub count: u32,
    /// Where their state is read.
    pub read: States,
    /// Where it is written.
    pub write: States,
    /// Whether one write must set all of them (codes 15 and 16), or one write sets one (codes 05 and 06).
    pub all_at_once: bool,
}

/// Outlet states one after the other in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct States {
    /// The table.
    pub table: Table,
    /// Wire address of outlet 1.
    pub address: u16,
    /// The word for on; 1 for bits.
    pub on: u16,
    /// The word for off; 0 for bits.
    pub off: u16,
}

impl States {
    /// Which units these states say are on; a bit counts as the word 0 or 1.
    ///
    /// # Errors
    /// [`NoData::NotUnderstood`] where a state is neither on nor off, or there are more than fit one set.
    pub fn decode(&self, states: &[u16]) -> Result<u64, NoData> {
        if states.len() > MAX_UNITS as usize {
            return Err(NoData::NotUnderstood);
        }
        states.iter().rev().try_fold(0, |on, state| match *state {
            state if state == self.on => Ok((on << 1) | 1),
            state if state == self.off => Ok(on << 1),
            _ => Err(NoData::NotUnderstood),
        })
    }

    /// The states of this many outlets, outlet 1 first.
    pub fn encode(&self, on: u64, outlets: u32) -> Vec<u16> {
        (0..outlets.min(MAX_UNITS)).map(|unit| self.state(on >> unit & 1 == 1)).collect()
    }

    /// The word for one outlet.
    pub fn state(&self, on: bool) -> u16 {
        if on { self.on } else { self.off }
    }
}

impl Profile {
    /// Reads a register-map file and runs its golden words.
    ///
    /// # Errors
    /// Every problem of the file at once, golden words that do not come out among them.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Problems> {
        file::parse(file_name, text)
    }

    /// What a site is judged by.
    pub fn known(&self) -> KnownProfile<'_> {
        let refresh = self.power.as_ref().map(|power| power.refresh);
        KnownProfile { name: &self.name, says: Some(KnownDevice { refresh, timeout: self.connection.timeout }) }
    }

    /// The text of a file that ships with Ballast.
    pub fn builtin(name: &str) -> Option<&'static str> {
        SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }
}
