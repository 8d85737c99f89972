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
pub mod flags;
mod golden;
mod keep_alive;
mod login;
pub mod serve;
mod shipped;
pub mod sunspec;

pub use keep_alive::KeepAlive;
pub use login::{Credentials, Login};
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
    /// What it wants written now and then, where it does.
    pub keep_alive: Option<KeepAlive>,
    /// How a connection is let in, where the device asks.
    pub login: Option<Login>,
    /// Where its points are to be looked for, where they stand at no fixed place. Their addresses are then counted from the first register
    /// of the model.
    pub sunspec: Option<sunspec::SunSpec>,
    /// Words that must be found before anything else is believed.
    pub expect: Vec<Expect>,
    /// Total active power, import positive.
    pub power: Option<Point>,
    /// Its outlets.
    pub outlets: Option<Outlets>,
    /// What a relay says of itself.
    pub flags: Option<flags::Flags>,
}

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Measures.
    Meter,
    /// Switches outlets, and mostly measures too.
    Pdu,
    /// Protects by itself, and is only watched.
    Relay,
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

/// Words as they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// From where, and how many.
    pub block: Block,
    /// The words.
    pub words: Vec<u16>,
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
    /// Its own first wire address; of several, as of three phases, the powers are added.
    pub addresses: Vec<u16>,
    /// How the words of each are understood.
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
        let scale = match self.scale {
            Some(register) => Some(register.decode(&self.block, block)?),
            None => None,
        };
        let part = |address: &u16| {
            let words = self.block.slice(block, *address, self.codec.kind.words()).ok_or(NoData::NotUnderstood)?;
            self.codec.decode(words, scale)
        };
        self.addresses.iter().map(part).sum()
    }

    /// The registers that show this, as wire address and word; nothing where the type cannot hold it. What is more than the
    /// device can show is shown as that, where it has a mark for it.
    pub fn encode(&self, power: Result<Power, NoData>) -> Option<Vec<(u16, u16)>> {
        let power = match power {
            Ok(power) => power,
            Err(why) => return self.encode_no_data(why),
        };
        let scales = if self.scale.is_some() { 0..=MOST_TENS } else { 0..=0 };
        let shown = scales.clone().find_map(|scale| self.encode_at(power, scale));
        shown.or_else(|| self.encode_no_data(NoData::OffScale).filter(|_| !self.codec.off_scale.is_empty()))
    }

    /// With this power of ten, where there is a register for one. Several registers share the power evenly.
    fn encode_at(&self, power: Power, scale: i16) -> Option<Vec<(u16, u16)>> {
        let parts = i64::try_from(self.addresses.len()).ok().filter(|parts| *parts > 0)?;
        let each = Power::from_watts(power.watts() / parts);
        let first = power - each * (parts - 1);
        let mut all = Vec::new();
        for (number, address) in self.addresses.iter().enumerate() {
            let words = self.codec.encode(if number == 0 { first } else { each }, scale)?;
            all.extend((*address..).zip(words));
        }
        all.extend(self.scale.map(|register| (register.address, scale.cast_unsigned())));
        Some(all)
    }

    fn encode_no_data(&self, why: NoData) -> Option<Vec<(u16, u16)>> {
        let words = self.codec.encode_no_data(why)?;
        Some(self.addresses.iter().flat_map(|address| (*address..).zip(words.clone())).collect())
    }
}

/// The largest power of ten that is tried to show a power with.
const MOST_TENS: i16 = 10;

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

/// Outlet states in a table: a bit or a register for each, or a bit of a register for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct States {
    /// The table.
    pub table: Table,
    /// Wire address of outlet 1.
    pub address: u16,
    /// From one outlet to the next; less than zero where they count downwards. Never zero.
    pub step: i16,
    /// The outlets are bits of registers: outlet 1 is the lowest bit of the first.
    pub packed: bool,
    /// The word for on; 1 for bits.
    pub on: u16,
    /// The word for off; 0 for bits.
    pub off: u16,
}

impl States {
    /// What holds the states of this many outlets.
    pub fn block(&self, outlets: u32) -> Block {
        let outlets = u16::try_from(outlets.min(MAX_UNITS)).unwrap_or(1).max(1);
        if self.packed {
            return Block { table: self.table, address: self.address, count: outlets.div_ceil(16) };
        }
        let apart = self.step.unsigned_abs().saturating_mul(outlets - 1);
        let address = if self.step < 0 { self.address.saturating_sub(apart) } else { self.address };
        Block { table: self.table, address, count: apart.saturating_add(1) }
    }

    /// Which of so many units these words of [`States::block`] say are on; a bit counts as the word 0 or 1.
    ///
    /// # Errors
    /// [`NoData::NotUnderstood`] where a state is neither on nor off, or there are more or fewer than that.
    pub fn decode(&self, words: &[u16], outlets: u32) -> Result<u64, NoData> {
        if outlets > MAX_UNITS || words.len() != usize::from(self.block(outlets).count) {
            return Err(NoData::NotUnderstood);
        }
        (0..outlets).try_fold(0, |set, unit| {
            let (at, bit) = self.place(unit, outlets);
            let word = words.get(at).copied().ok_or(NoData::NotUnderstood)?;
            let state = if self.packed { word >> bit & 1 } else { word };
            match state {
                state if state == self.on => Ok(set | 1 << unit),
                state if state == self.off => Ok(set),
                _ => Err(NoData::NotUnderstood),
            }
        })
    }

    /// The words of [`States::block`] for so many outlets; what lies between them is off.
    pub fn encode(&self, on: u64, outlets: u32) -> Vec<u16> {
        let block = self.block(outlets);
        let mut words = vec![if self.packed { 0 } else { self.off }; usize::from(block.count)];
        for unit in 0..outlets.min(MAX_UNITS) {
            let (at, bit) = self.place(unit, outlets);
            let is_on = on >> unit & 1 == 1;
            if let Some(word) = words.get_mut(at) {
                *word = if self.packed { *word | u16::from(is_on) << bit } else { self.state(is_on) };
            }
        }
        words
    }

    /// The word for one outlet.
    pub fn state(&self, on: bool) -> u16 {
        if on { self.on } else { self.off }
    }

    /// Wire address of the register or bit with this outlet in it.
    pub fn address_of(&self, unit: u32) -> u16 {
        let (at, _) = self.place(unit, unit + 1);
        self.block(unit + 1).address.saturating_add(u16::try_from(at).unwrap_or(u16::MAX))
    }

    /// Which word of the block holds this outlet, and which bit of it where they are packed.
    fn place(&self, unit: u32, outlets: u32) -> (usize, u32) {
        if self.packed {
            return (usize::try_from(unit / 16).unwrap_or(usize::MAX), unit % 16);
        }
        let number = if self.step < 0 { outlets.saturating_sub(unit + 1) } else { unit };
        let at = number.saturating_mul(self.step.unsigned_abs().into());
        (usize::try_from(at).unwrap_or(usize::MAX), 0)
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
        let Connection { timeout, gap, .. } = self.connection;
        let at_once = self.outlets.as_ref().is_some_and(|outlets| outlets.all_at_once);
        let keep_alive = self.keep_alive.map(|kept| kept.every);
        let says = KnownDevice {
            refresh,
            timeout,
            login: self.login.is_some(),
            gap,
            at_once,
            switches: self.outlets.is_some(),
            keep_alive,
            relay: self.kind == Kind::Relay,
        };
        KnownProfile { name: &self.name, says: Some(says) }
    }

    /// The text of a file that ships with Ballast.
    pub fn builtin(name: &str) -> Option<&'static str> {
        SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }
}
