//! The task of one connection: write what is due, then read, then wait; at any doubt connect anew.
//!
//! Between any two requests the newest command is looked at first, so a write goes before every read that waits. What is
//! to be read is two marks, not a queue: a poll that falls due while one is under way changes nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tokio_modbus::{Request, Response};

use super::OnFresh;
use super::backoff::Backoff;
use super::line::{Fault, Line};
use super::slot::{Due, Slot};
use crate::devices::Profile;
use crate::devices::profile::{Block, Outlets, Point, Table};
use crate::site;
use crate::snapshot::{NoData, Reading};
use crate::time::{Clock, Mono};

/// For so many polls a device that was silent keeps what it has off. It may have lost power: then its units are to be restored
/// as the loop says, on a ramp, and not all at once by a command from before. The loop speaks long before.
const RETURNING: u8 = 2;

/// The task of one connection.
pub(super) struct Task {
    slot: Arc<Slot>,
    profile: Arc<Profile>,
    address: SocketAddr,
    unit_id: u8,
    poll: Duration,
    outlets: u32,
    clock: Clock,
    on_fresh: Option<OnFresh>,
    backoff: Backoff,
    /// The units of a write without an answer: they are read back before they are written again.
    doubt: Option<u64>,
    /// What the device is known to have on, by this connection alone.
    known: Option<u64>,
    /// It does not show, or did not take, what it was commanded: to be written again at the next poll.
    astray: bool,
    /// This connection brought at least one reading or took one write.
    fruitful: bool,
    /// The command from while the device was silent, and for how many polls it switches nothing on.
    returning: Option<(u64, u8)>,
}

/// What is still to be read in this turn.
#[derive(Clone, Copy, Default)]
struct ToRead {
    outlets: bool,
    power: bool,
}

impl Task {
    pub(super) fn new(
        slot: Arc<Slot>,
        profile: Arc<Profile>,
        device: &site::Device,
        outlets: u32,
        clock: Clock,
        on_fresh: Option<OnFresh>,
    ) -> Self {
        let (address, unit_id) = (device.address, device.unit_id);
        let poll = device.poll.max(Duration::from_millis(1));
        let backoff = Backoff::new(&device.name);
        let (doubt, known, astray, fruitful, returning) = (None, None, false, false, None);
        #[rustfmt::skip]
        let task = Self { slot, profile, address, unit_id, poll, outlets, clock, on_fresh, backoff, doubt, known, astray, fruitful, returning };
        task
    }

    /// Until the handle is gone and nothing is left to switch off.
    pub(super) async fn run(mut self) {
        let mut first = true;
        while !self.slot.is_over() {
            let started = self.clock.mono();
            let times = (self.profile.connection.timeout, self.profile.connection.gap);
            self.fruitful = false;
            match Line::connect(self.address, self.unit_id, times, self.clock).await {
                Ok(line) => {
                    if !std::mem::take(&mut first) {
                        self.slot.reconnected();
                    }
                    // Whatever ends the conversation was counted where it happened.
                    if self.converse(line).await.is_ok() {
                        return;
                    }
                }
                Err(fault) => self.slot.fault(fault, started),
            }
            self.pause().await;
        }
    }

    /// Waits before the next attempt. A changed command cuts the wait short, yet not below its least.
    async fn pause(&mut self) {
        let wait = self.backoff.next(self.fruitful);
        let least = wait.min(Backoff::LEAST);
        tokio::time::sleep(least).await;
        let _ = tokio::time::timeout(wait.saturating_sub(least), self.slot.woken()).await;
    }

    /// On one connection, until it fails, or rightly ends.
    async fn converse(&mut self, mut line: Line) -> Result<(), Fault> {
        self.known = None;
        self.returning = self.slot.while_silent().map(|serial| (serial, RETURNING));
        self.identify(&mut line).await?;
        let mut to_read = self.everything();
        let mut polls = self.polls();
        loop {
            self.catch_up(&mut line, &mut to_read).await?;
            if self.slot.is_over() {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = self.slot.woken() => {}
                () = self.lapse() => {}
                _ = polls.tick() => {
                    self.returning = self.returning.and_then(|(serial, polls)| Some((serial, polls.checked_sub(1)?)));
                    if std::mem::take(&mut self.astray) {
                        self.slot.again();
                    }
                    to_read = self.everything();
                }
            }
        }
    }

    /// The device must show the words its file expects, or it is another one and is neither read nor switched.
    async fn identify(&mut self, line: &mut Line) -> Result<(), Fault> {
        let profile = Arc::clone(&self.profile);
        for expect in &profile.expect {
            let (words, started) = self.read(line, expect.block).await?;
            if words != expect.words {
                self.slot.fault(Fault::NotUnderstood, started);
                return Err(Fault::NotUnderstood);
            }
        }
        Ok(())
    }

    fn everything(&self) -> ToRead {
        ToRead { outlets: self.outlets > 0, power: self.profile.power.is_some() }
    }

    /// Each device polls at a moment of its own. A missed poll is dropped.
    fn polls(&self) -> Interval {
        let first = self.clock.mono().after(self.backoff.part_of(self.poll, 0));
        let mut polls = interval_at(self.clock.instant(first).into(), self.poll);
        polls.set_missed_tick_behavior(MissedTickBehavior::Skip);
        polls
    }

    async fn lapse(&self) {
        match self.slot.lapses() {
            Some(at) => tokio::time::sleep_until(self.clock.instant(at).into()).await,
            None => std::future::pending().await,
        }
    }

    /// Writes what is due, then reads what is to be read; what becomes due meanwhile goes first.
    async fn catch_up(&mut self, line: &mut Line, to_read: &mut ToRead) -> Result<(), Fault> {
        loop {
            line.ready().await;
            let due = self.slot.due().filter(|due| self.doubt != Some(due.on) && !self.holds_back(due));
            if let Some(due) = due {
                self.write(line, due).await?;
                *to_read = self.everything();
            } else if std::mem::take(&mut to_read.outlets) {
                self.read_outlets(line).await?;
            } else if std::mem::take(&mut to_read.power) {
                self.read_power(line).await?;
            } else {
                return Ok(());
            }
        }
    }

    /// A command from while the device was silent may lower at once, and raise nothing yet.
    fn holds_back(&self, due: &Due) -> bool {
        let raises = due.on & !self.known.unwrap_or(0) != 0;
        raises && self.returning.is_some_and(|(serial, _)| serial == due.serial)
    }

    /// Writes a command, unless a newer one comes between two of its requests.
    async fn write(&mut self, line: &mut Line, due: Due) -> Result<(), Fault> {
        let profile = Arc::clone(&self.profile);
        let Some(outlets) = &profile.outlets else { return Ok(()) };
        self.slot.sent(due, self.clock.mono());
        for (unit, request) in requests(outlets, due.on, self.known, self.outlets) {
            line.ready().await;
            if !self.slot.is_newest(due) {
                return Ok(());
            }
            match self.ask(line, &request).await {
                Ok(_) => self.known = unit.and_then(|unit| with(self.known?, unit, due.on)),
                Err(Fault::Refused(_)) => {
                    (self.known, self.astray) = (None, true);
                    self.slot.refused(due);
                    return Ok(());
                }
                Err(fault) => {
                    self.doubt = Some(due.on);
                    return Err(fault);
                }
            }
        }
        (self.doubt, self.astray, self.fruitful) = (None, false, true);
        self.slot.written(due, self.clock.mono());
        Ok(())
    }

    async fn read_outlets(&mut self, line: &mut Line) -> Result<(), Fault> {
        let profile = Arc::clone(&self.profile);
        let Some(outlets) = &profile.outlets else { return Ok(()) };
        let count = u16::try_from(self.outlets).unwrap_or(u16::MAX);
        let block = Block { table: outlets.read.table, address: outlets.read.address, count };
        let doubt = self.doubt.take();
        let (states, started) = match self.read(line, block).await {
            Ok(read) => read,
            Err(Fault::Refused(_)) => return Ok(()),
            Err(fault) => {
                self.doubt = doubt;
                return Err(fault);
            }
        };
        let Ok(on) = outlets.read.decode(&states) else {
            self.slot.fault(Fault::NotUnderstood, started);
            return Ok(());
        };
        self.fruitful = true;
        self.known = Some(on);
        // The write without an answer did happen: this is the answer to it.
        if let Some(due) = self.slot.due().filter(|due| doubt == Some(due.on) && on == due.on) {
            self.slot.written(due, self.clock.mono());
        }
        self.astray |= self.slot.saw_on(on, started);
        Ok(())
    }

    async fn read_power(&mut self, line: &mut Line) -> Result<(), Fault> {
        let profile = Arc::clone(&self.profile);
        let Some(point) = &profile.power else { return Ok(()) };
        match self.read(line, point.block).await {
            Ok((words, started)) => {
                self.fruitful = true;
                self.slot.saw_power(reading(point, &words, started));
            }
            // Busy, or still at it: the last reading ages until the next poll.
            Err(Fault::Refused(5 | 6)) => return Ok(()),
            Err(Fault::Refused(_)) => self.slot.saw_power(Reading::NoData(NoData::Refused)),
            Err(fault) => return Err(fault),
        }
        if let Some(on_fresh) = &self.on_fresh {
            on_fresh();
        }
        Ok(())
    }

    async fn read(&mut self, line: &mut Line, block: Block) -> Result<(Vec<u16>, Mono), Fault> {
        line.ready().await;
        let started = self.clock.mono();
        let response = self.ask(line, &reads(block)).await?;
        Ok((words(response, block.count), started))
    }

    async fn ask(&mut self, line: &mut Line, request: &Request<'static>) -> Result<Response, Fault> {
        let started = self.clock.mono();
        let outcome = line.ask(request).await;
        self.slot.heard(started, address_of(request), outcome.as_ref().map(|_| ()).map_err(|fault| *fault));
        outcome
    }
}

/// A reading is as old as the request that brought it, and as the meter's own last measurement before that.
fn reading(point: &Point, words: &[u16], started: Mono) -> Reading {
    match point.decode(words) {
        Ok(power) => Reading::Known(power, started.before(point.refresh)),
        Err(no_data) => Reading::NoData(no_data),
    }
}

/// The requests that bring the outlets there, and the unit each of them switches. Off goes before on. Units that are known
/// to be right are left alone, unless all are: then the device shall say so itself.
fn requests(outlets: &Outlets, on: u64, known: Option<u64>, count: u32) -> Vec<(Option<u32>, Request<'static>)> {
    let states = &outlets.write;
    if outlets.all_at_once {
        let all = states.encode(on, count);
        let request = match states.table {
            Table::Coils => Request::WriteMultipleCoils(states.address, all.iter().map(|state| *state != 0).collect()),
            _ => Request::WriteMultipleRegisters(states.address, all.into()),
        };
        return vec![(None, request)];
    }
    let wrong = |unit: &u32| known.is_none_or(|known| (known ^ on) >> unit & 1 == 1);
    let mut units: Vec<u32> = (0..count).filter(wrong).collect();
    if units.is_empty() {
        units = (0..count).collect();
    }
    units.sort_by_key(|unit| on >> unit & 1);
    let one = |unit: u32| {
        let address = states.address.saturating_add(u16::try_from(unit).unwrap_or(u16::MAX));
        let shall = on >> unit & 1 == 1;
        let request = match states.table {
            Table::Coils => Request::WriteSingleCoil(address, shall),
            _ => Request::WriteSingleRegister(address, states.state(shall)),
        };
        (Some(unit), request)
    };
    units.into_iter().map(one).collect()
}

/// `known` with this unit as it is in `on`.
fn with(known: u64, unit: u32, on: u64) -> Option<u64> {
    let bit = 1_u64.checked_shl(unit)?;
    Some((known & !bit) | (on & bit))
}

fn reads(block: Block) -> Request<'static> {
    match block.table {
        Table::Coils => Request::ReadCoils(block.address, block.count),
        Table::Discrete => Request::ReadDiscreteInputs(block.address, block.count),
        Table::Holding => Request::ReadHoldingRegisters(block.address, block.count),
        Table::Input => Request::ReadInputRegisters(block.address, block.count),
    }
}

/// The words of a checked answer; bits as 0 and 1, without the rest of their last byte.
fn words(response: Response, count: u16) -> Vec<u16> {
    match response {
        Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits) => {
            bits.into_iter().take(usize::from(count)).map(u16::from).collect()
        }
        Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words) => words,
        _ => Vec::new(),
    }
}

fn address_of(request: &Request<'_>) -> u16 {
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
