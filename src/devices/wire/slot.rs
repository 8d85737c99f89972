//! What the handle and the task share: the newest command, and what was seen.
//!
//! One lock over a few hundred bytes that nobody holds while waiting, so the loop may look at a thousand devices in a
//! tick. A command is a slot, not a queue; renewing it does not wake the task.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::line::Fault;
use super::{Seen, Trouble, WriteTimes};
use crate::snapshot::{Link, NoData, Reading};
use crate::time::{Clock, Mono};

/// How long the task of a dropped handle still tries to switch the outlets of a silent device off.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// Shared by handle and task.
pub(super) struct Slot {
    board: Mutex<Board>,
    woken: Notify,
    clock: Clock,
    silence: Silence,
}

/// How long a device that was reached may be quiet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    /// Not heard for this long: silent, also where nothing was asked.
    pub(super) unheard: Duration,
    /// Requests for this long and no right answer: silent. Whoever does not answer a poll was heard with the one before, so no
    /// device is waited for longer than above; one that does not answer a command is not given the time of a poll as well.
    pub(super) unanswered: Duration,
}

#[derive(Default)]
struct Board {
    seen: Seen,
    order: Option<Order>,
    heard: Heard,
    closed: bool,
}

/// The command in force, or the outlets-off that follows a lapsed one.
#[derive(Clone, Copy)]
struct Order {
    serial: u64,
    on: u64,
    since: Mono,
    lapses: Mono,
    /// It lapsed: `on` is nothing now.
    void: bool,
    /// The device has not answered for it yet.
    due: bool,
}

/// What the link is judged by.
#[derive(Default)]
struct Heard {
    /// When the newest request that was answered rightly began.
    last: Option<Mono>,
    unanswered_since: Option<Mono>,
}

/// A command that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Its number: every change has a new one.
    pub(super) serial: u64,
    /// The units that shall be on.
    pub(super) on: u64,
    /// When it was commanded.
    pub(super) since: Mono,
}

/// What the task has to look at between any two requests, taken under one lock.
pub(super) struct InForce {
    /// What is to be written.
    pub(super) due: Option<Due>,
    /// When the command lapses, where it has not yet.
    pub(super) lapses: Option<Mono>,
    /// The handle is gone and there is nothing left to switch off.
    pub(super) over: bool,
}

impl Slot {
    pub(super) fn new(clock: Clock, silence: Silence, measures: bool) -> Self {
        let mut board = Board::default();
        if !measures {
            board.seen.power = Reading::NoData(NoData::NoMeter);
        }
        Self { board: Mutex::new(board), woken: Notify::new(), clock, silence }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // For the handle.

    pub(super) fn seen(&self, now: Mono) -> Seen {
        let board = self.board();
        Seen { link: board.heard.link(self.silence, now), ..board.seen }
    }

    pub(super) fn command(&self, on: u64, lapses: Mono) {
        let mut board = self.board();
        match &mut board.order {
            Some(order) if order.on == on => order.lapses = lapses,
            order => {
                let serial = order.map_or(1, |order| order.serial + 1);
                *order = Some(Order { serial, on, since: self.clock.mono(), lapses, void: false, due: true });
                drop(board);
                self.woken.notify_one();
            }
        }
    }

    pub(super) fn adopt(&self, on: u64, lapses: Mono) {
        let mut board = self.board();
        if board.order.is_none() {
            board.order = Some(Order { serial: 1, on, since: self.clock.mono(), lapses, void: false, due: false });
            drop(board);
            self.woken.notify_one();
        }
    }

    pub(super) fn close(&self) {
        self.board().closed = true;
        self.woken.notify_one();
    }

    // For the task.

    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// What there is to do about the command in force. A lapsed one becomes outlets-off here.
    pub(super) fn in_force(&self, now: Mono) -> InForce {
        let mut board = self.board();
        board.let_lapse(now);
        let Some(order) = board.order else { return InForce { due: None, lapses: None, over: board.closed } };
        let spent = order.void && (!order.due || now.since(order.lapses) > GIVE_UP_AFTER);
        InForce {
            due: order.due.then_some(Due { serial: order.serial, on: order.on, since: order.since }),
            lapses: (!order.void).then_some(order.lapses),
            over: board.closed && spent,
        }
    }

    /// Whether this is still the newest command, and has not lapsed.
    pub(super) fn is_newest(&self, due: Due) -> bool {
        self.in_force(self.clock.mono()).due.is_some_and(|now| now.serial == due.serial)
    }

    /// Number of the command in force, where the device has been silent so far.
    pub(super) fn while_silent(&self) -> Option<u64> {
        let board = self.board();
        let silent = board.heard.link(self.silence, self.clock.mono()) == Link::Silent;
        board.order.filter(|_| silent).map(|order| order.serial)
    }

    /// The command, or the outlets-off after it, is to be written again.
    pub(super) fn again(&self) {
        if let Some(order) = &mut self.board().order {
            order.due = true;
        }
    }

    pub(super) fn sent(&self, due: Due, at: Mono) {
        let times = WriteTimes { on: due.on, wanted: due.since, sent: at, answered: None };
        self.board().seen.write = Some(times);
    }

    /// The device answered for this command.
    pub(super) fn written(&self, due: Due, at: Mono) {
        let mut board = self.board();
        board.seen.written = Some((due.on, at));
        if let Some(write) = &mut board.seen.write {
            write.answered = Some(at);
        }
        if let Some(order) = board.order.as_mut().filter(|order| order.serial == due.serial) {
            order.due = false;
        }
    }

    /// The device refused this command: it is not due until [`Slot::again`].
    pub(super) fn refused(&self, due: Due) {
        if let Some(order) = self.board().order.as_mut().filter(|order| order.serial == due.serial) {
            order.due = false;
        }
    }

    /// What the device reports as on; whether that is astray from a command it has answered for.
    pub(super) fn saw_on(&self, on: u64, started: Mono) -> bool {
        let mut board = self.board();
        board.seen.on = Some((on, started));
        board.order.is_some_and(|order| !order.due && order.on != on)
    }

    pub(super) fn saw_power(&self, power: Reading) {
        self.board().seen.power = power;
    }

    /// What became of one request.
    pub(super) fn heard(&self, started: Mono, address: u16, outcome: Result<(), Fault>) {
        let mut board = self.board();
        board.seen.counts.requests += 1;
        match outcome {
            Ok(()) => board.heard = Heard { last: Some(started), unanswered_since: None },
            Err(fault) => board.fault(fault, Some(address), started),
        }
    }

    /// The attempt to connect failed, or the device is not what its file says.
    pub(super) fn fault(&self, fault: Fault, started: Mono) {
        self.board().fault(fault, None, started);
    }

    pub(super) fn reconnected(&self) {
        self.board().seen.counts.reconnects += 1;
    }
}

impl Board {
    /// A permit that was not renewed is void, and void means off.
    fn let_lapse(&mut self, now: Mono) {
        let Some(order) = self.order.as_mut().filter(|order| !order.void && now >= order.lapses) else { return };
        *order = Order { serial: order.serial + 1, on: 0, since: now, void: true, due: true, ..*order };
        self.seen.counts.lapses += 1;
    }

    fn fault(&mut self, fault: Fault, address: Option<u16>, since: Mono) {
        self.heard.unanswered_since.get_or_insert(since);
        let counts = &mut self.seen.counts;
        match fault {
            Fault::NoAnswer => counts.timeouts += 1,
            Fault::Refused(_) => counts.refused += 1,
            Fault::NotUnderstood => counts.not_understood += 1,
            Fault::NoConnection => counts.no_connection += 1,
        }
        if self.seen.power == Reading::NoData(NoData::NeverRead) && !matches!(fault, Fault::Refused(_)) {
            self.seen.power = Reading::NoData(NoData::NoAnswer);
        }
        self.seen.trouble = Some(Trouble { fault, address, since });
    }
}

impl Heard {
    fn link(&self, silence: Silence, now: Mono) -> Link {
        let Some(last) = self.last else { return Link::New };
        let unanswered = self.unanswered_since.is_some_and(|since| now.since(since) >= silence.unanswered);
        if unanswered || now.since(last) >= silence.unheard { Link::Silent } else { Link::Up }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Silence = Silence { unheard: Duration::from_secs(2), unanswered: Duration::from_secs(1) };

    fn link(last: Option<u64>, unanswered_since: Option<u64>, now: u64) -> Link {
        let heard =
            Heard { last: last.map(Mono::from_millis), unanswered_since: unanswered_since.map(Mono::from_millis) };
        heard.link(SILENCE, Mono::from_millis(now))
    }

    #[test]
    fn a_device_that_is_not_heard_for_its_age_is_silent_whether_it_was_asked_or_not() {
        assert_eq!(link(Some(5_000), None, 6_999), Link::Up);
        assert_eq!(link(Some(5_000), None, 7_000), Link::Silent);
        assert_eq!(link(Some(5_000), Some(6_500), 7_000), Link::Silent);
    }

    #[test]
    fn a_device_that_leaves_requests_without_an_answer_is_not_given_the_time_of_a_poll_as_well() {
        assert_eq!(link(Some(5_000), Some(5_100), 6_099), Link::Up);
        assert_eq!(link(Some(5_000), Some(5_100), 6_100), Link::Silent);
    }

    #[test]
    fn a_device_that_was_never_heard_is_new_however_long_it_is_asked() {
        assert_eq!(link(None, Some(0), 60_000), Link::New);
    }
}
