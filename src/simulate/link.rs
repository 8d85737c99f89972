//! One connection to one device in virtual time: what it has seen, and what it shall switch, as [`crate::devices::wire`] does
//! it on a socket. It polls, writes before it reads, holds the newest command alone, lets it lapse, and believes a
//! device that does not answer to be as it was.

use std::time::Duration;

use crate::devices::wire::Seen;
use crate::sabotage::{self, Sabotage};
use crate::snapshot::{Link, NoData, Reading};
use crate::time::Mono;
use crate::units::Power;

/// How long a request waits for its answer.
const TIMEOUT: Duration = Duration::from_millis(500);
/// For so many polls a device that was silent keeps what it has off.
const RETURNING: u8 = 2;

/// What a device says when it is read.
pub(super) struct Said {
    /// Its power, or why it says none.
    pub(super) power: Reading,
    /// Its outlets; nothing for a meter.
    pub(super) on: Option<u64>,
}

/// What became of a write.
pub(super) enum Wrote {
    /// It answered at this moment.
    Answered(Mono),
    /// It answered with an exception.
    Refused,
    /// Nothing came back.
    Nothing,
}

#[derive(Clone, Copy)]
struct Order {
    serial: u64,
    on: u64,
    lapses: Mono,
    void: bool,
    due: bool,
}

/// The connection.
pub(super) struct SimulatedLink {
    poll: Duration,
    refresh: Duration,
    unheard: Duration,
    seen: Seen,
    order: Option<Order>,
    last: Option<Mono>,
    unanswered_since: Option<Mono>,
    next_poll: Mono,
    /// No request before then: the last one was not answered.
    waits: Mono,
    read_back: Option<Mono>,
    astray: bool,
    known: u64,
    returning: Option<(u64, u8)>,
}

impl SimulatedLink {
    /// A connection that is being made. `phase` sets its polls apart from those of others.
    pub(super) fn new(poll: Duration, refresh: Duration, unheard: Duration, now: Mono, phase: Duration) -> Self {
        Self {
            poll,
            refresh,
            unheard,
            seen: Seen::default(),
            order: None,
            last: None,
            unanswered_since: None,
            next_poll: now.after(phase),
            waits: Mono::START,
            read_back: None,
            astray: false,
            known: 0,
            returning: None,
        }
    }

    /// What was seen so far.
    pub(super) fn seen(&self, now: Mono) -> Seen {
        Seen { link: self.link(now), ..self.seen }
    }

    fn link(&self, now: Mono) -> Link {
        let Some(last) = self.last else { return Link::New };
        let unanswered =
            self.unanswered_since.is_some_and(|at| now.since(at) >= self.unheard.saturating_sub(self.poll));
        if unanswered || now.since(last) >= self.unheard { Link::Silent } else { Link::Up }
    }

    /// As the loop commands.
    pub(super) fn command(&mut self, on: u64, lapses: Mono) {
        match &mut self.order {
            Some(order) if order.on == on => order.lapses = lapses,
            order => {
                let serial = order.map_or(1, |order| order.serial + 1);
                *order = Some(Order { serial, on, lapses, void: false, due: true });
            }
        }
    }

    /// Takes on what is found running.
    pub(super) fn adopt(&mut self, on: u64, lapses: Mono) {
        if self.order.is_none() {
            self.order = Some(Order { serial: 1, on, lapses, void: false, due: false });
        }
    }

    /// The outlets that are to be written now, if any. A lapsed command becomes outlets-off here.
    pub(super) fn due(&mut self, now: Mono) -> Option<u64> {
        if let Some(order) = self.order.as_mut().filter(|order| !order.void && now >= order.lapses)
            && !sabotage::is(Sabotage::LapseForgotten)
        {
            *order = Order { serial: order.serial + 1, on: 0, void: true, due: true, ..*order };
        }
        let order = self.order.filter(|order| order.due && now >= self.waits)?;
        let raises = order.on & !self.known != 0;
        let held = raises && self.returning.is_some_and(|(serial, _)| serial == order.serial);
        (!held).then_some(order.on)
    }

    /// What became of the write of [`SimulatedLink::due`].
    pub(super) fn wrote(&mut self, on: u64, now: Mono, outcome: &Wrote) {
        match outcome {
            Wrote::Answered(at) => {
                self.heard(now);
                self.seen.written = Some((on, *at));
                self.known = on;
                self.astray = false;
                self.read_back = Some(at.after(self.refresh));
                self.clear_due();
            }
            Wrote::Refused => {
                self.heard(now);
                self.astray = true;
                self.clear_due();
            }
            Wrote::Nothing => self.unanswered(now),
        }
    }

    fn clear_due(&mut self) {
        if let Some(order) = &mut self.order {
            order.due = false;
        }
    }

    /// Whether the device is to be read now.
    pub(super) fn polls(&mut self, now: Mono) -> bool {
        let polled = now >= self.next_poll;
        if polled {
            self.next_poll = self.next_poll.after(self.poll).max(now);
            if std::mem::take(&mut self.astray)
                && let Some(order) = &mut self.order
            {
                order.due = true;
            }
            self.returning =
                self.returning.and_then(|(serial, polls)| polls.checked_sub(1).map(|polls| (serial, polls)));
        }
        let back = self.read_back.is_some_and(|at| now >= at);
        if back {
            self.read_back = None;
        }
        (polled || back) && now >= self.waits
    }

    /// What it said when it was read; nothing where no answer came.
    pub(super) fn read(&mut self, now: Mono, said: Option<Said>) {
        let Some(said) = said else { return self.unanswered(now) };
        if self.link(now) == Link::Silent {
            self.returning = self.order.map(|order| (order.serial, RETURNING));
        }
        self.heard(now);
        self.seen.power = match said.power {
            Reading::Known(power, at) => Reading::Known(power, at.before(self.refresh)),
            none => none,
        };
        if let Some(on) = said.on {
            self.seen.on = Some((on, now));
            self.known = on;
            self.astray |= self.order.is_some_and(|order| !order.due && order.on != on);
        }
    }

    fn heard(&mut self, now: Mono) {
        (self.last, self.unanswered_since) = (Some(now), None);
    }

    fn unanswered(&mut self, now: Mono) {
        self.unanswered_since.get_or_insert(now);
        self.waits = now.after(TIMEOUT);
        if self.seen.power == Reading::NoData(NoData::NeverRead) {
            self.seen.power = Reading::NoData(NoData::NoAnswer);
        }
    }
}

/// What a meter says.
pub(super) fn metered(power: Power, at: Mono) -> Said {
    Said { power: Reading::Known(power, at), on: None }
}
