//! The task of one connection: write what is due, then read, then wait; at any doubt connect anew.
//!
//! Between any two requests the newest command is looked at first, so a write goes before every read that waits. What is
//! to be read is two marks, not a queue: a poll that falls due while one is under way changes nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_modbus::{Request, Response};

use super::OnFresh;
use super::backoff::Backoff;
use super::line::{Fault, Line};
use super::slot::{Due, InForce, Slot};
use crate::devices::Profile;
use crate::devices::profile::{Block, Outlets, Point, Table};
use crate::site;
use crate::snapshot::{NoData, Reading};
use crate::time::{Clock, Mono};

/// For so many polls a device that was silent keeps what it has off. It may have lost power: then its units are to be restored
/// as the loop says, on a ramp, and not all at once by a command from before. The loop speaks long before.
const RETURNING: u8 = 2;
/// So often a write is read back, each time after one refresh of the device's meter.
const READ_BACKS: u32 = 2;

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
    /// When the newest write is to be read back, and how often still.
    read_back: Option<(Mono, u32)>,
    next_poll: Mono,
}

/// What is still to be read in this turn.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
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
        let (doubt, known, astray, fruitful, returning, read_back) = (None, None, false, false, None, None);
        let next_poll = Mono::START;
        #[rustfmt::skip]
        let task = Self { slot, profile, address, unit_id, poll, outlets, clock, on_fresh, backoff, doubt, known, astray, fruitful, returning, read_back, next_poll };
        task
    }

    /// Until the handle is gone and nothing is left to switch off.
    pub(super) async fn run(mut self) {
        let mut first = true;
        while !self.slot.in_force(self.clock.mono()).over {
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
        (self.known, self.read_back) = (None, None);
        self.returning = self.slot.while_silent().map(|serial| (serial, RETURNING));
        self.identify(&mut line).await?;
        // Each device polls at a moment of its own.
        self.next_poll = self.clock.mono().after(self.backoff.part_of(self.poll, 0));
        let mut to_read = self.everything();
        loop {
            line.ready().await;
            let now = self.clock.mono();
            if to_read == ToRead::default() {
                to_read = self.falls_due(now);
            }
            let InForce { due, lapses, over } = self.slot.in_force(now);
            if over {
                return Ok(());
            }
            if let Some(due) = due.filter(|due| self.doubt != Some(due.on) && !self.holds_back(due)) {
                self.write(&mut line, due).await?;
            } else if std::mem::take(&mut to_read.outlets) {
                self.read_outlets(&mut line, now).await?;
            } else if std::mem::take(&mut to_read.power) {
                self.read_power(&mut line, now).await?;
            } else {
                self.rest(lapses).await;
            }
        }
    }

    /// The device must show the words its file expects, or it is another one and is neither read nor switched.
    async fn identify(&mut self, line: &mut Line) -> Result<(), Fault> {
        let profile = Arc::clone(&self.profile);
        for expect in &profile.expect {
            line.ready().await;
            let started = self.clock.mono();
            let words = self.read(line, expect.block, started).await?;
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

    /// What is to be read because a poll or a read-back is due by now. A missed poll is dropped.
    fn falls_due(&mut self, now: Mono) -> ToRead {
        let read_back = self.read_back.filter(|(at, _)| *at <= now);
        if let Some((at, left)) = read_back {
            self.read_back = self.read_back_after(at, left);
        }
        let polls = self.next_poll <= now;
        if polls {
            let missed = now.since(self.next_poll).as_micros() / self.poll.as_micros();
            let turns = u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1);
            self.next_poll = self.next_poll.after(self.poll.saturating_mul(turns));
            self.returning = self.returning.and_then(|(serial, polls)| Some((serial, polls.checked_sub(1)?)));
            if std::mem::take(&mut self.astray) {
                self.slot.again();
            }
        }
        if polls || read_back.is_some() { self.everything() } else { ToRead::default() }
    }

    /// Until a changed command, or until anything else is due: a lapse, a read-back, a poll.
    async fn rest(&self, lapses: Option<Mono>) {
        let read_back = self.read_back.map(|(at, _)| at);
        let until = [lapses, read_back].into_iter().flatten().fold(self.next_poll, Mono::min);
        let _ = tokio::time::timeout_at(self.clock.instant(until).into(), self.slot.woken()).await;
    }

    /// A write is read back when that can prove it: until the device's meter has refreshed it shows what was before. A read
    /// at once would prove nothing, and stand in the way of the writes to other devices. Each device has a moment of its own.
    fn read_back_after(&self, at: Mono, left: u32) -> Option<(Mono, u32)> {
        let refresh = self.profile.power.as_ref().map_or(Duration::ZERO, |power| power.refresh);
        let spread = self.backoff.part_of(refresh / 4, left);
        Some((at.after(refresh).after(spread), left.checked_sub(1)?))
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
            let started = self.clock.mono();
            match self.ask(line, &request, started).await {
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
        let now = self.clock.mono();
        self.slot.written(due, now);
        self.read_back = self.read_back_after(now, READ_BACKS);
        Ok(())
    }

    async fn read_outlets(&mut self, line: &mut Line, started: Mono) -> Result<(), Fault> {
        let profile = Arc::clone(&self.profile);
        let Some(outlets) = &profile.outlets else { return Ok(()) };
        let count = u16::try_from(self.outlets).unwrap_or(u16::MAX);
        let block = Block { table: outlets.read.table, address: outlets.read.address, count };
        let doubt = self.doubt.take();
        let states = match self.read(line, block, started).await {
            Ok(states) => states,
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
        let now = self.clock.mono();
        if let Some(due) = self.slot.in_force(now).due.filter(|due| doubt == Some(due.on) && on == due.on) {
            self.slot.written(due, now);
        }
        self.astray |= self.slot.saw_on(on, started);
        Ok(())
    }

    async fn read_power(&mut self, line: &mut Line, started: Mono) -> Result<(), Fault> {
        let profile = Arc::clone(&self.profile);
        let Some(point) = &profile.power else { return Ok(()) };
        match self.read(line, point.block, started).await {
            Ok(words) => {
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

    async fn read(&mut self, line: &mut Line, block: Block, started: Mono) -> Result<Vec<u16>, Fault> {
        let response = self.ask(line, &reads(block), started).await?;
        Ok(words(response, block.count))
    }

    async fn ask(&mut self, line: &mut Line, request: &Request<'static>, started: Mono) -> Result<Response, Fault> {
        let outcome = line.ask(request, started).await;
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
