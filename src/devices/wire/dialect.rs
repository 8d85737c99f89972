//! How a device wants to be asked: a request of the conversation as Modbus, and the answer to it as what it means.
//!
//! All of it is read from the device's register-map file. It opens nothing, and believes only answers that were checked.

use std::sync::Arc;

use tokio_modbus::{Request, Response};

use super::step::{Answer, Ask};
use crate::devices::Profile;
use crate::devices::profile::flags::Flags;
use crate::devices::profile::{Block, KeepAlive, Outlets, Point, Table};
use crate::snapshot::NoData;

/// The register map of a device of which so many outlets are switched.
pub(super) struct Dialect {
    pub(super) profile: Arc<Profile>,
    pub(super) outlets: u32,
    /// The power where it was found on this connection, where the file leaves that to the device.
    found: Option<Point>,
}

impl Dialect {
    pub(super) fn new(profile: Arc<Profile>, outlets: u32) -> Self {
        Self { profile, outlets, found: None }
    }

    /// The model that has its points begins here; nothing where it was not found on this connection.
    pub(super) fn found(&mut self, model: Option<u16>) {
        self.found = model.and_then(|model| self.profile.power.as_ref()?.placed(model));
    }

    /// Its power, as far as it is known where that stands.
    pub(super) fn power(&self) -> Option<&Point> {
        if self.profile.sunspec.is_some() { self.found.as_ref() } else { self.profile.power.as_ref() }
    }

    /// The request on the wire; nothing where the file says nothing of what is asked.
    pub(super) fn request(&self, ask: Ask) -> Option<Request<'static>> {
        let outlets = self.profile.outlets.as_ref();
        Some(match ask {
            Ask::Expected(number) => reads(self.profile.expect.get(number)?.block),
            Ask::Switch(due, None) => switch_all(outlets?, due.on, self.outlets),
            Ask::Switch(due, Some(unit)) => switch_one(outlets?, due.on, unit),
            Ask::KeepAlive(number) => keeps_alive(&self.profile.keep_alive?, number),
            Ask::Outlets => {
                reads(self.profile.flags.map_or_else(|| Some(self.states(outlets?)), |flags| Some(flags.block))?)
            }
            Ask::Power => reads(self.power()?.block),
        })
    }

    /// What a checked answer to it means.
    pub(super) fn answer(&self, ask: Ask, response: Response) -> Answer {
        match ask {
            Ask::Expected(number) => {
                let expect = self.profile.expect.get(number);
                Answer::Expected(expect.is_some_and(|expect| words(response, expect.block.count) == expect.words))
            }
            Ask::Switch(..) => Answer::Switched,
            Ask::KeepAlive(_) => Answer::KeptAlive,
            Ask::Outlets if self.profile.flags.is_some() => {
                let read = |flags: Flags| flags.decode(&words(response, flags.block.count));
                Answer::Outlets(self.profile.flags.and_then(read))
            }
            Ask::Outlets => {
                let outlets = self.profile.outlets.as_ref();
                let on = |outlets: &Outlets| {
                    let words = words(response, self.states(outlets).count);
                    outlets.read.decode(&words, self.outlets).ok()
                };
                Answer::Outlets(outlets.and_then(on))
            }
            Ask::Power => {
                let point = self.power().ok_or(NoData::NoMeter);
                Answer::Power(point.and_then(|point| point.decode(&words(response, point.block.count))))
            }
        }
    }

    /// The first wire address of a request.
    pub(super) fn address_of(request: &Request<'_>) -> u16 {
        match request {
            Request::ReadCoils(at, _)
            | Request::ReadDiscreteInputs(at, _)
            | Request::ReadHoldingRegisters(at, _)
            | Request::ReadInputRegisters(at, _)
            | Request::WriteSingleCoil(at, _)
            | Request::WriteSingleRegister(at, _)
            | Request::WriteMultipleCoils(at, _)
            | Request::WriteMultipleRegisters(at, _) => *at,
            _ => 0,
        }
    }

    fn states(&self, outlets: &Outlets) -> Block {
        outlets.read.block(self.outlets)
    }
}

fn switch_all(outlets: &Outlets, on: u64, count: u32) -> Request<'static> {
    let states = &outlets.write;
    let (all, address) = (states.encode(on, count), states.block(count).address);
    match states.table {
        Table::Coils => Request::WriteMultipleCoils(address, all.iter().map(|state| *state != 0).collect()),
        _ if states.packed && all.len() == 1 => {
            Request::WriteSingleRegister(address, all.first().copied().unwrap_or(0))
        }
        _ => Request::WriteMultipleRegisters(address, all.into()),
    }
}

fn switch_one(outlets: &Outlets, on: u64, unit: u32) -> Request<'static> {
    let states = &outlets.write;
    let address = states.address_of(unit);
    let shall = on >> unit & 1 == 1;
    match states.table {
        Table::Coils => Request::WriteSingleCoil(address, shall),
        _ => Request::WriteSingleRegister(address, states.state(shall)),
    }
}

fn keeps_alive(kept: &KeepAlive, number: u16) -> Request<'static> {
    let word = kept.word(number);
    match kept.table {
        Table::Coils => Request::WriteSingleCoil(kept.address, word != 0),
        _ => Request::WriteSingleRegister(kept.address, word),
    }
}

pub(super) fn reads(block: Block) -> Request<'static> {
    match block.table {
        Table::Coils => Request::ReadCoils(block.address, block.count),
        Table::Discrete => Request::ReadDiscreteInputs(block.address, block.count),
        Table::Holding => Request::ReadHoldingRegisters(block.address, block.count),
        Table::Input => Request::ReadInputRegisters(block.address, block.count),
    }
}

/// The words of a checked answer; bits as 0 and 1, without the rest of their last byte.
pub(super) fn words(response: Response, count: u16) -> Vec<u16> {
    match response {
        Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits) => {
            bits.into_iter().take(usize::from(count)).map(u16::from).collect()
        }
        Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words) => words,
        _ => Vec::new(),
    }
}
