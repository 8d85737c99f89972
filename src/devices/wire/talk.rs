//! What a connection does next: the conversation with one device as a state machine, without a socket, a clock or a lock.
//!
//! Whoever drives it asks for the next [`Step`], does it, and tells what came of it; the task of a [`super::Wire`] does so on a
//! socket, the simulation in virtual time, and both are the same conversation. Between any two requests the newest command is
//! looked at first, so a write goes before every read that waits. What is to be read is two marks, not a queue: a poll that falls
//! due while one is under way changes nothing. At any doubt the connection is given up. It decides nothing and waits for nothing.

use std::time::Duration;

use super::backoff::Backoff;
use super::board::{Board, Due, InForce};
use super::life::Life;
use super::line::Fault;
pub(crate) use super::manners::Manners;
use super::step::{Answer, Ask, Asked, Step};
use crate::snapshot::{NoData, Reading};
use crate::time::Mono;
use crate::units::Power;

/// For so many polls a device that was silent keeps what it has off. It may have lost power: then its units are to be restored
/// as the loop says, on a ramp, and not all at once by a command from before. The loop speaks long before.
const RETURNING: u8 = 2;
/// Who was not let in tries again after this long at the least: devices lock out whoever goes on guessing.
const LET_IN_AGAIN: Duration = Duration::from_secs(15);
/// So often a write is read back, each time after one refresh of the device's meter.
const READ_BACKS: u32 = 2;

/// The conversation with one device.
pub(crate) struct Talk {
    manners: Manners,
    backoff: Backoff,
    stage: Stage,
    /// There was a connection before.
    met: bool,
    /// This connection brought at least one reading or took one write.
    fruitful: bool,
    /// The command that is being written.
    writing: Option<Writing>,
    /// The units of a write without an answer: they are read back before they are written again.
    doubt: Option<u64>,
    /// What the device is known to have on, by this connection alone.
    known: Option<u64>,
    /// It does not show, or did not take, what it was commanded: to be written again at the next poll.
    astray: bool,
    /// The command from while the device was silent, and for how many polls it switches nothing on.
    returning: Option<(u64, u8)>,
    /// When the newest write is to be read back, and how often still.
    read_back: Option<(Mono, u32)>,
    next_poll: Mono,
    life: Life,
    to_read: ToRead,
}

/// How far the conversation is.
#[derive(Clone, Copy)]
enum Stage {
    /// No connection. The next attempt is at `until`; a changed command brings it forward, yet not before `least`.
    Apart { least: Mono, until: Mono },
    /// Connected. So many expectations of its file were found: all must be, or it is another device and is neither read nor
    /// switched.
    Meeting(usize),
    /// It is the device.
    Talking,
}

/// A write that is under way.
struct Writing {
    due: Due,
    /// The units still to be switched, the next one last; empty where all go at once.
    left: Vec<u32>,
}

/// What is still to be read in this turn.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct ToRead {
    outlets: bool,
    power: bool,
}

impl Talk {
    /// Before the first connection. The device's name spreads its moments apart from those of others.
    pub(crate) fn new(name: &str, manners: Manners) -> Self {
        Self {
            manners,
            backoff: Backoff::new(name),
            stage: Stage::Apart { least: Mono::START, until: Mono::START },
            met: false,
            fruitful: false,
            writing: None,
            doubt: None,
            known: None,
            astray: false,
            returning: None,
            read_back: None,
            next_poll: Mono::START,
            life: Life::default(),
            to_read: ToRead::default(),
        }
    }

    /// What to do now.
    pub(crate) fn next(&mut self, board: &mut Board, now: Mono) -> Step {
        match self.stage {
            Stage::Apart { least, until } => Self::apart(board, (least, until), now),
            Stage::Meeting(found) => Step::Ask(Ask::Expected(found)),
            Stage::Talking => self.turn(board, now),
        }
    }

    /// Whether the connection may be used any further.
    pub(crate) fn is_connected(&self) -> bool {
        !matches!(self.stage, Stage::Apart { .. })
    }

    /// Whether a command is to be written: before anything that is only read, on this device or another behind the same connection.
    pub(crate) fn is_pressing(&self, board: &mut Board, now: Mono) -> bool {
        self.writing.is_some() || board.in_force(now).due.is_some_and(|due| self.may_write(&due))
    }

    fn apart(board: &mut Board, (least, until): (Mono, Mono), now: Mono) -> Step {
        if now < least {
            Step::Rest(least)
        } else if now < until && !board.take_news() {
            Step::Rest(until)
        } else if board.in_force(now).over {
            Step::Over
        } else {
            Step::Connect
        }
    }

    /// The write that is under way, unless a newer command came; else what is due; else what is to be read.
    fn turn(&mut self, board: &mut Board, now: Mono) -> Step {
        board.take_news();
        if self.writing.is_none() && self.to_read == ToRead::default() {
            self.falls_due(board, now);
        }
        let InForce { due, lapses, over } = board.in_force(now);
        self.writing = self.writing.take().filter(|writing| due.is_some_and(|due| due.serial == writing.due.serial));
        if over {
            return Step::Over;
        }
        if self.writing.is_none() {
            self.writing = due.filter(|due| self.may_write(due)).map(|due| self.begin(board, due, now));
        }
        if let Some(Writing { due, left }) = &self.writing {
            Step::Ask(Ask::Switch(*due, left.last().copied()))
        } else if let Some(number) = lapses.and_then(|_| self.life.due(self.manners.keep_alive, now)) {
            Step::Ask(Ask::KeepAlive(number))
        } else if std::mem::take(&mut self.to_read.outlets) {
            Step::Ask(Ask::Outlets)
        } else if std::mem::take(&mut self.to_read.power) {
            Step::Ask(Ask::Power)
        } else {
            self.rest(lapses)
        }
    }

    /// Until anything is due: a lapse, a read-back, a sign of life, a poll.
    fn rest(&self, lapses: Option<Mono>) -> Step {
        let read_back = self.read_back.map(|(at, _)| at);
        let life = lapses.and_then(|_| self.life.next(self.manners.keep_alive));
        Step::Rest([lapses, read_back, life].into_iter().flatten().fold(self.next_poll, Mono::min))
    }

    /// Marks what is to be read because a poll or a read-back is due by now. A missed poll is dropped.
    fn falls_due(&mut self, board: &mut Board, now: Mono) {
        let read_back = self.read_back.filter(|(at, _)| *at <= now);
        if let Some((at, left)) = read_back {
            self.read_back = self.read_back_after(at, left);
        }
        let polls = self.next_poll <= now;
        if polls {
            self.polled(board, now);
        }
        if polls || read_back.is_some() {
            self.to_read = self.everything();
        }
    }

    fn polled(&mut self, board: &mut Board, now: Mono) {
        let missed = now.since(self.next_poll).as_micros() / self.manners.poll.as_micros().max(1);
        let turns = u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1);
        self.next_poll = self.next_poll.after(self.manners.poll.saturating_mul(turns));
        self.returning = self.returning.and_then(|(serial, polls)| Some((serial, polls.checked_sub(1)?)));
        if std::mem::take(&mut self.astray) {
            board.again();
        }
    }

    fn everything(&self) -> ToRead {
        ToRead { outlets: self.manners.outlets > 0, power: self.manners.refresh.is_some() }
    }

    /// A write is read back when that can prove it: until the device's meter has refreshed it shows what was before. A read
    /// at once would prove nothing, and stand in the way of the writes to other devices. Each device has a moment of its own.
    fn read_back_after(&self, at: Mono, left: u32) -> Option<(Mono, u32)> {
        let refresh = self.manners.refresh.unwrap_or_default();
        let spread = self.backoff.part_of(refresh / 4, left);
        Some((at.after(refresh).after(spread), left.checked_sub(1)?))
    }

    /// Not what is in doubt. A command from while the device was silent may lower at once, and raise nothing yet.
    fn may_write(&self, due: &Due) -> bool {
        let raises = due.on & !self.known.unwrap_or(0) != 0;
        let held = raises && self.returning.is_some_and(|(serial, _)| serial == due.serial);
        self.doubt != Some(due.on) && !held
    }

    fn begin(&self, board: &mut Board, due: Due, now: Mono) -> Writing {
        board.sent(due, now);
        let left = if self.manners.at_once { Vec::new() } else { one_by_one(due.on, self.known, self.manners.outlets) };
        Writing { due, left }
    }

    // What came of it.

    /// There is a connection: it knows nothing of the device.
    pub(crate) fn connected(&mut self, board: &mut Board, now: Mono) {
        if std::mem::replace(&mut self.met, true) {
            board.reconnected();
        }
        (self.known, self.read_back, self.fruitful) = (None, None, false);
        self.life.connected(now);
        self.returning = board.while_silent(now).map(|serial| (serial, RETURNING));
        self.found(0, now);
    }

    /// The connection was given up for another device behind it: it may be made again at once.
    pub(crate) fn dropped(&mut self, now: Mono) {
        if self.is_connected() {
            (self.writing, self.to_read) = (None, ToRead::default());
            self.stage = Stage::Apart { least: now, until: now };
        }
    }

    /// There is none: the attempt that started then failed.
    pub(crate) fn not_connected(&mut self, board: &mut Board, fault: Fault, started: Mono, now: Mono) {
        board.fault(fault, None, started);
        self.fruitful = false;
        self.part(now);
        if let (Fault::NotLetIn, Stage::Apart { least, until }) = (fault, &mut self.stage) {
            (*least, *until) = (now.after(LET_IN_AGAIN), now.after(LET_IN_AGAIN));
        }
    }

    /// What came of a request. Whether there is news of its power.
    pub(crate) fn told(&mut self, board: &mut Board, asked: &Asked, came: Result<Answer, Fault>, now: Mono) -> bool {
        board.heard(asked.started, asked.address, came.err());
        match came {
            Ok(answer) => self.answered(board, asked, answer, now),
            Err(Fault::Refused(code)) => self.refused(board, asked, code, now),
            Err(_) => self.lost(asked, now),
        }
        let busy = matches!(came, Err(Fault::Refused(5 | 6)));
        asked.ask == Ask::Power && self.is_connected() && !busy
    }

    fn answered(&mut self, board: &mut Board, asked: &Asked, answer: Answer, now: Mono) {
        match (answer, asked.ask) {
            (Answer::Expected(true), Ask::Expected(number)) => self.found(number + 1, now),
            (Answer::Switched, Ask::Switch(due, unit)) => self.switched(board, due, unit, now),
            (Answer::Outlets(Some(on)), Ask::Outlets) => self.shows(board, on, asked.started, now),
            (Answer::KeptAlive, Ask::KeepAlive(_)) => self.fruitful = true,
            (Answer::Power(power), Ask::Power) => self.measures(board, power, asked.started),
            // It answers rightly, and what it says makes no sense.
            (Answer::Outlets(None), Ask::Outlets) => {
                self.doubt = None;
                board.fault(Fault::NotUnderstood, None, asked.started);
            }
            // Another device, or another answer.
            _ => {
                board.fault(Fault::NotUnderstood, None, asked.started);
                self.part(now);
            }
        }
    }

    fn found(&mut self, so_many: usize, now: Mono) {
        if so_many < self.manners.expects {
            self.stage = Stage::Meeting(so_many);
            return;
        }
        self.stage = Stage::Talking;
        // Each device polls at a moment of its own.
        self.next_poll = now.after(self.backoff.part_of(self.manners.poll, 0));
        self.to_read = self.everything();
    }

    fn switched(&mut self, board: &mut Board, due: Due, unit: Option<u32>, now: Mono) {
        self.known = unit.and_then(|unit| with(self.known?, unit, due.on));
        if let Some(writing) = &mut self.writing {
            writing.left.pop();
            if !writing.left.is_empty() {
                return;
            }
        }
        (self.writing, self.doubt, self.astray, self.fruitful) = (None, None, false, true);
        board.written(due, now);
        self.read_back = self.read_back_after(now, READ_BACKS);
    }

    fn shows(&mut self, board: &mut Board, on: u64, started: Mono, now: Mono) {
        (self.fruitful, self.known) = (true, Some(on));
        let doubt = self.doubt.take();
        // The write without an answer did happen: this is the answer to it.
        if let Some(due) = board.in_force(now).due.filter(|due| doubt == Some(due.on) && on == due.on) {
            board.written(due, now);
        }
        self.astray |= board.saw_on(on, started);
    }

    /// A reading is as old as the request that brought it, and as the meter's own last measurement before that.
    fn measures(&mut self, board: &mut Board, power: Result<Power, NoData>, started: Mono) {
        self.fruitful = true;
        let from = started.before(self.manners.refresh.unwrap_or_default());
        board.saw_power(power.map_or_else(Reading::NoData, |power| Reading::Known(power, from)));
    }

    /// The device said no, and the connection is whole.
    fn refused(&mut self, board: &mut Board, asked: &Asked, code: u8, now: Mono) {
        match asked.ask {
            Ask::Expected(_) => self.part(now),
            Ask::Switch(due, _) => {
                (self.writing, self.known, self.astray) = (None, None, true);
                board.is_done(due);
            }
            Ask::Outlets => self.doubt = None,
            // Counted; the next one is due in time.
            Ask::KeepAlive(_) => {}
            // Busy, or still at it: the last reading ages until the next poll.
            Ask::Power if matches!(code, 5 | 6) => {}
            Ask::Power => board.saw_power(Reading::NoData(NoData::Refused)),
        }
    }

    /// No right answer: nothing more is believed of this connection.
    fn lost(&mut self, asked: &Asked, now: Mono) {
        if let Ask::Switch(due, _) = asked.ask {
            self.doubt = Some(due.on);
        }
        self.part(now);
    }

    fn part(&mut self, now: Mono) {
        let wait = self.backoff.next(self.fruitful);
        (self.writing, self.to_read) = (None, ToRead::default());
        self.stage = Stage::Apart { least: now.after(wait.min(Backoff::LEAST)), until: now.after(wait) };
    }
}

/// The units to be switched one by one, the first one last. Off goes before on. Units that are known to be right are left alone,
/// unless all are: then the device shall say so itself.
fn one_by_one(on: u64, known: Option<u64>, count: u32) -> Vec<u32> {
    let wrong = |unit: &u32| known.is_none_or(|known| (known ^ on) >> unit & 1 == 1);
    let mut units: Vec<u32> = (0..count).filter(wrong).collect();
    if units.is_empty() {
        units = (0..count).collect();
    }
    units.sort_by_key(|unit| on >> unit & 1);
    units.reverse();
    units
}

/// `known` with this unit as it is in `on`.
pub(crate) fn with(known: u64, unit: u32, on: u64) -> Option<u64> {
    let bit = 1_u64.checked_shl(unit)?;
    Some((known & !bit) | (on & bit))
}

#[cfg(test)]
#[path = "talk_tests.rs"]
mod tests;
