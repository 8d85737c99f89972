//! What is known of one device, and what it is commanded: the part of a connection that its owner and its conversation share.
//!
//! A command is a place, not a queue: the newest replaces the one before it, the same one again only renews it, and one that is
//! not renewed lapses to outlets-off. Time comes as an argument and nothing waits here, so that a socket and a simulation hold
//! the same board. It never talks to the device, and never decides.

use std::time::Duration;

use super::line::Fault;
use super::{Seen, Trouble, WriteTimes};
use crate::sabotage::{self, Sabotage};
use crate::snapshot::{Link, NoData, Reading};
use crate::time::Mono;

/// How long outlets-off is still tried on a silent device once the owner is gone.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// Shared by the owner of a connection and its conversation.
pub(crate) struct Board {
    seen: Seen,
    order: Option<Order>,
    heard: Heard,
    silence: Silence,
    /// Something was changed by the owner that the conversation has not looked at.
    news: bool,
    /// Nothing is written: somebody works on what it switches.
    held: bool,
    closed: bool,
}

/// How long a device that was reached may be quiet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silence {
    /// Not heard for this long: silent, also where nothing was asked.
    unheard: Duration,
    /// Requests for this long and no right answer: silent. Whoever does not answer a poll was heard with the one before, so no
    /// device is waited for longer than above; one that does not answer a command is not given the time of a poll as well.
    unanswered: Duration,
}

impl Silence {
    /// Of a device that is read every `poll`, and silent after `unheard` at the latest.
    pub(crate) fn after(unheard: Duration, poll: Duration) -> Self {
        Self { unheard, unanswered: unheard.saturating_sub(poll) }
    }
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
pub(crate) struct Due {
    /// Its number: every change has a new one.
    pub(super) serial: u64,
    /// The units that shall be on.
    pub(crate) on: u64,
    /// When it was commanded.
    since: Mono,
}

/// What the conversation has to look at between any two requests.
pub(super) struct InForce {
    /// What is to be written.
    pub(super) due: Option<Due>,
    /// When the command lapses, where it has not yet.
    pub(super) lapses: Option<Mono>,
    /// The owner is gone and there is nothing left to switch off.
    pub(super) over: bool,
}

impl Board {
    /// Of a device that was never heard, and measures or does not.
    pub(crate) fn new(silence: Silence, measures: bool) -> Self {
        let power = Reading::NoData(if measures { NoData::NeverRead } else { NoData::NoMeter });
        let (seen, heard) = (Seen { power, ..Seen::default() }, Heard::default());
        Self { seen, order: None, heard, silence, news: false, held: false, closed: false }
    }

    // For the owner.

    /// What was seen so far.
    pub(crate) fn seen(&self, now: Mono) -> Seen {
        Seen { link: self.link(now), ..self.seen }
    }

    /// The same command again only lasts longer. Whether it was the same.
    pub(crate) fn renew(&mut self, on: u64, lapses: Mono) -> bool {
        let was_held = std::mem::take(&mut self.held);
        let same = self.order.as_mut().filter(|order| order.on == on);
        self.news |= was_held;
        same.map(|order| order.lapses = lapses).is_some()
    }

    /// Nothing is written until it is commanded or renewed, or the command in force lapses: not before this.
    pub(crate) fn hold(&mut self, lapses: Mono) {
        self.held = true;
        if let Some(order) = self.order.as_mut().filter(|order| !order.void) {
            order.lapses = order.lapses.max(lapses);
        }
    }

    /// A new command in place of the one before it.
    pub(crate) fn command(&mut self, on: u64, lapses: Mono, now: Mono) {
        let serial = self.order.map_or(1, |order| order.serial + 1);
        self.order = Some(Order { serial, on, since: now, lapses, void: false, due: true });
        self.news = true;
    }

    /// Takes on what is found running: as a command that the device has answered for. Whether there was none before it.
    pub(crate) fn adopt(&mut self, on: u64, lapses: Mono, now: Mono) -> bool {
        self.news |= std::mem::take(&mut self.held);
        let first = self.order.is_none();
        if first {
            self.order = Some(Order { serial: 1, on, since: now, lapses, void: false, due: false });
            self.news = true;
        }
        first
    }

    /// What was commanded is no command any more: nothing is written, and nothing lapses.
    pub(crate) fn release(&mut self) {
        self.order = None;
    }

    /// The owner is gone.
    pub(super) fn close(&mut self) {
        (self.closed, self.news) = (true, true);
    }

    // For the conversation.

    /// Whether the owner changed something since this was last asked.
    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// What there is to do about the command in force. A lapsed one becomes outlets-off here.
    pub(super) fn in_force(&mut self, now: Mono) -> InForce {
        self.let_lapse(now);
        let Some(order) = self.order else { return InForce { due: None, lapses: None, over: self.closed } };
        let spent = order.void && (!order.due || now.since(order.lapses) > GIVE_UP_AFTER);
        InForce {
            due: (order.due && !self.held).then_some(Due { serial: order.serial, on: order.on, since: order.since }),
            lapses: (!order.void).then_some(order.lapses),
            over: self.closed && spent,
        }
    }

    /// A permit that was not renewed is void, and void means off.
    fn let_lapse(&mut self, now: Mono) {
        let Some(order) = self.order.as_mut().filter(|order| !order.void && now >= order.lapses) else { return };
        if sabotage::is(Sabotage::LapseForgotten) {
            return;
        }
        *order = Order { serial: order.serial + 1, on: 0, since: now, void: true, due: true, ..*order };
        self.seen.counts.lapses += 1;
        self.held = false;
    }

    /// Number of the command in force, where the device has been silent so far.
    pub(super) fn while_silent(&self, now: Mono) -> Option<u64> {
        self.order.filter(|_| self.link(now) == Link::Silent).map(|order| order.serial)
    }

    fn link(&self, now: Mono) -> Link {
        self.heard.link(self.silence, now)
    }

    /// The command, or the outlets-off after it, is to be written again.
    pub(super) fn again(&mut self) {
        if let Some(order) = &mut self.order {
            order.due = true;
        }
    }

    /// The first request of this write goes out.
    pub(super) fn sent(&mut self, due: Due, at: Mono) {
        self.seen.write = Some(WriteTimes { on: due.on, wanted: due.since, sent: at, answered: None });
    }

    /// The device answered for this command.
    pub(super) fn written(&mut self, due: Due, at: Mono) {
        self.seen.written = Some((due.on, at));
        if let Some(write) = &mut self.seen.write {
            write.answered = Some(at);
        }
        self.is_done(due);
    }

    /// This command is not due until [`Board::again`]: it was answered for, or refused.
    pub(super) fn is_done(&mut self, due: Due) {
        if let Some(order) = self.order.as_mut().filter(|order| order.serial == due.serial) {
            order.due = false;
        }
    }

    /// What the device reports as on; whether that is astray from a command it has answered for.
    pub(super) fn saw_on(&mut self, on: u64, started: Mono) -> bool {
        self.seen.on = Some((on, started));
        self.order.is_some_and(|order| !order.due && order.on != on)
    }

    /// What it measures.
    pub(super) fn saw_power(&mut self, power: Reading) {
        self.seen.power = power;
    }

    /// What became of one request.
    pub(super) fn heard(&mut self, started: Mono, address: u16, fault: Option<Fault>) {
        self.seen.counts.requests += 1;
        match fault {
            None => self.heard = Heard { last: Some(started), unanswered_since: None },
            Some(fault) => self.fault(fault, Some(address), started),
        }
    }

    /// A request went wrong; or, without its address, an attempt to connect, or what was read is not of this device.
    pub(super) fn fault(&mut self, fault: Fault, address: Option<u16>, since: Mono) {
        self.heard.unanswered_since.get_or_insert(since);
        let counts = &mut self.seen.counts;
        match fault {
            Fault::NoAnswer => counts.timeouts += 1,
            Fault::Refused(_) | Fault::NotLetIn => counts.refused += 1,
            Fault::NotUnderstood => counts.not_understood += 1,
            Fault::NoConnection => counts.no_connection += 1,
            Fault::NoTls(_) => counts.no_tls += 1,
        }
        if self.seen.power == Reading::NoData(NoData::NeverRead) && !matches!(fault, Fault::Refused(_)) {
            self.seen.power = Reading::NoData(NoData::NoAnswer);
        }
        self.seen.trouble = Some(Trouble { fault, address, since });
    }

    /// There is a connection again.
    pub(super) fn reconnected(&mut self) {
        self.seen.counts.reconnects += 1;
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
    use std::time::Duration;

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
