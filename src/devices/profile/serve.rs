//! The other side of a profile: what a device of this type answers. For the emulator, and for tests of the driver.
//!
//! Registers of a block that carry no point read as zero; everything outside the blocks is an illegal address, as on
//! the devices that are strict about it.

use tokio_modbus::{ExceptionCode, Request, Response};

use super::{Profile, States, Table};
use crate::snapshot::NoData;
use crate::units::Power;

/// What a device shows just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its measured power.
    pub power: Result<Power, NoData>,
    /// Its outlets that are on; of a relay its flags.
    pub on: u64,
    /// How many outlets it has.
    pub outlets: u32,
}

/// An answer, and the outlets that shall be on from now where the request was a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What goes back.
    pub response: Response,
    /// The new set of units.
    pub on: Option<u64>,
    /// The word of a sign of life.
    pub alive: Option<u16>,
}

impl Answer {
    fn of(response: Response) -> Self {
        Self { response, on: None, alive: None }
    }
}

impl Profile {
    /// What a device of this type answers to a request.
    ///
    /// # Errors
    /// The exception it would answer with instead.
    pub fn answer(&self, request: &Request<'_>, shown: &Shown) -> Result<Answer, ExceptionCode> {
        let read = |response| Ok(Answer::of(response));
        if let Some((word, response)) = self.sign_of_life(request) {
            return Ok(Answer { alive: Some(word), ..Answer::of(response) });
        }
        match request {
            Request::ReadCoils(at, count) => read(Response::ReadCoils(self.bits(Table::Coils, *at, *count, shown)?)),
            Request::ReadDiscreteInputs(at, count) => {
                read(Response::ReadDiscreteInputs(self.bits(Table::Discrete, *at, *count, shown)?))
            }
            Request::ReadHoldingRegisters(at, count) => {
                read(Response::ReadHoldingRegisters(self.words(Table::Holding, *at, *count, shown)?))
            }
            Request::ReadInputRegisters(at, count) => {
                read(Response::ReadInputRegisters(self.words(Table::Input, *at, *count, shown)?))
            }
            Request::WriteSingleCoil(at, on) => {
                let on = self.written(Table::Coils, *at, &[u16::from(*on)], shown, false)?;
                Ok(Answer { on: Some(on.0), ..Answer::of(Response::WriteSingleCoil(*at, on.1)) })
            }
            Request::WriteSingleRegister(at, word) => {
                let on = self.written(Table::Holding, *at, &[*word], shown, false)?;
                Ok(Answer { on: Some(on.0), ..Answer::of(Response::WriteSingleRegister(*at, *word)) })
            }
            Request::WriteMultipleCoils(at, coils) => {
                let words: Vec<u16> = coils.iter().map(|on| u16::from(*on)).collect();
                let on = self.written(Table::Coils, *at, &words, shown, true)?;
                Ok(Answer { on: Some(on.0), ..Answer::of(Response::WriteMultipleCoils(*at, on.2)) })
            }
            Request::WriteMultipleRegisters(at, words) => {
                let on = self.written(Table::Holding, *at, words, shown, true)?;
                Ok(Answer { on: Some(on.0), ..Answer::of(Response::WriteMultipleRegisters(*at, on.2)) })
            }
            _ => Err(ExceptionCode::IllegalFunction),
        }
    }

    /// The word written as a sign of life, and the answer to it.
    fn sign_of_life(&self, request: &Request<'_>) -> Option<(u16, Response)> {
        let kept = self.keep_alive?;
        let (table, at, word, response) = match request {
            Request::WriteSingleCoil(at, on) => (Table::Coils, at, u16::from(*on), Response::WriteSingleCoil(*at, *on)),
            Request::WriteSingleRegister(at, word) => {
                (Table::Holding, at, *word, Response::WriteSingleRegister(*at, *word))
            }
            Request::WriteMultipleRegisters(at, words) => {
                (Table::Holding, at, *words.first()?, Response::WriteMultipleRegisters(*at, 1))
            }
            _ => return None,
        };
        ((table, *at) == (kept.table, kept.address)).then_some((word, response))
    }

    fn bits(&self, table: Table, at: u16, count: u16, shown: &Shown) -> Result<Vec<bool>, ExceptionCode> {
        let words = self.words(table, at, count, shown)?;
        Ok(words.into_iter().map(|word| word != 0).collect())
    }

    fn words(&self, table: Table, at: u16, count: u16, shown: &Shown) -> Result<Vec<u16>, ExceptionCode> {
        let most = if table.is_bits() { 2_000 } else { super::MAX_REGISTERS };
        if count == 0 || count > most {
            return Err(ExceptionCode::IllegalDataValue);
        }
        let power = self.shown_power(table, shown)?;
        (u32::from(at)..u32::from(at) + u32::from(count))
            .map(|address| u16::try_from(address).ok().and_then(|address| self.word(table, address, shown, &power)))
            .collect::<Option<_>>()
            .ok_or(ExceptionCode::IllegalDataAddress)
    }

    /// The registers of the power, where they lie in this table. A power that cannot be shown is a failed device.
    fn shown_power(&self, table: Table, shown: &Shown) -> Result<Vec<(u16, u16)>, ExceptionCode> {
        match self.power.as_ref().filter(|point| point.block.table == table) {
            Some(point) => point.encode(shown.power).ok_or(ExceptionCode::ServerDeviceFailure),
            None => Ok(Vec::new()),
        }
    }

    fn word(&self, table: Table, address: u16, shown: &Shown, power: &[(u16, u16)]) -> Option<u16> {
        let of_power = || power.iter().find(|(at, _)| *at == address).map(|(_, word)| *word);
        let of_identity = || {
            let expect = self.expect.iter().find(|expect| expect.block.covers(table, address, 1))?;
            expect.words.get(usize::from(address - expect.block.address)).copied()
        };
        let of_outlets = || {
            let outlets = self.outlets.as_ref()?;
            let of = |states: States| {
                let block = states.block(shown.outlets);
                let at = usize::from(address.checked_sub(block.address)?);
                states.encode(shown.on, shown.outlets).get(at).copied().filter(|_| block.table == table)
            };
            of(outlets.read).or_else(|| of(outlets.write))
        };
        let of_flags = || self.flags.as_ref()?.word(table, address, shown.on);
        let in_block = || self.power.as_ref().filter(|point| point.block.covers(table, address, 1)).map(|_| 0);
        of_power().or_else(of_identity).or_else(of_outlets).or_else(of_flags).or_else(in_block)
    }

    /// The new set of units, the state of the last one, and how many were written.
    fn written(
        &self,
        table: Table,
        at: u16,
        states: &[u16],
        shown: &Shown,
        many: bool,
    ) -> Result<(u64, bool, u16), ExceptionCode> {
        let outlets = self.outlets.as_ref().ok_or(ExceptionCode::IllegalDataAddress)?;
        let write = outlets.write;
        let block = write.block(shown.outlets);
        let count = u16::try_from(states.len()).unwrap_or(u16::MAX);
        if !block.covers(table, at, count) {
            return Err(ExceptionCode::IllegalDataAddress);
        }
        if many && outlets.all_at_once && count != block.count {
            return Err(ExceptionCode::IllegalDataValue);
        }
        let mut all = write.encode(shown.on, shown.outlets);
        let from = usize::from(at - block.address);
        all.iter_mut().skip(from).zip(states).for_each(|(word, given)| *word = *given);
        let on = write.decode(&all, shown.outlets).map_err(|_| ExceptionCode::IllegalDataValue)?;
        Ok((on, states.first().is_some_and(|state| *state != 0), count))
    }
}
