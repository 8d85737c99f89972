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
    /// What the device is known to have on, by this connection alone.
    known: u64,
    /// The units of a write without an answer: they are read back before they are written again.
    doubt: Option<u64>,
    /// The command from while the device was silent, and for how many polls it switches nothing on.
    returning: Option<(u64, u8)>,
    /// There is a connection; one that left a request without an answer is made anew.
    connected: bool,
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
            doubt: None,
            returning: None,
            connected: true,
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
        if now >= self.waits {
            self.connect(now);
        }
        let order = self.order.filter(|order| order.due && now >= self.waits && self.doubt != Some(order.on))?;
        let raises = order.on & !self.known != 0;
        let held = raises && self.returning.is_some_and(|(serial, _)| serial == order.serial);
        (!held).then_some(order.on)
    }

    /// A new connection knows nothing of the device, and reads it at once.
    fn connect(&mut self, now: Mono) {
        if !std::mem::replace(&mut self.connected, true) {
            let silent = self.link(now) == Link::Silent;
            self.returning = self.order.filter(|_| silent).map(|order| (order.serial, RETURNING));
            self.read_back = Some(now);
        }
    }

    /// What became of the write of [`SimulatedLink::due`].
    pub(super) fn wrote(&mut self, on: u64, now: Mono, outcome: &Wrote) {
        match outcome {
            Wrote::Answered(at) => {
                self.heard(now);
                self.seen.written = Some((on, *at));
                self.known = on;
                (self.doubt, self.astray) = (None, false);
                self.read_back = Some(at.after(self.refresh));
                self.clear_due();
            }
            Wrote::Refused => {
                // A refusal is no right answer: it counts as silence until the next that is.
                self.unanswered_since.get_or_insert(now);
                (self.known, self.astray) = (0, true);
                self.clear_due();
            }
            Wrote::Nothing => {
                self.doubt = Some(on);
                self.unanswered(now);
            }
        }
    }

    fn clear_due(&mut self) {
        if let Some(order) = &mut self.order {
            order.due = false;
        }
    }

    /// Whether the device is to be read now.
    pub(super) fn polls(&mut self, now: Mono) -> bool {
        if now < self.waits {
            return false;
        }
        self.connect(now);
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
        polled || back
    }

    /// What it said when it was read; nothing where no answer came.
    pub(super) fn read(&mut self, now: Mono, said: Option<Said>) {
        let Some(said) = said else { return self.unanswered(now) };
        self.heard(now);
        self.seen.power = match said.power {
            Reading::Known(power, at) => Reading::Known(power, at.before(self.refresh)),
            none => none,
        };
        if let Some(on) = said.on {
            self.seen.on = Some((on, now));
            self.known = on;
            let doubt = self.doubt.take();
            if let Some(order) = self.order.as_mut().filter(|order| order.due && doubt == Some(on) && order.on == on) {
                // The write without an answer did happen: this is the answer to it.
                order.due = false;
                self.seen.written = Some((on, now));
            }
            self.astray |= self.order.is_some_and(|order| !order.due && order.on != on);
        }
    }

    fn heard(&mut self, now: Mono) {
        (self.last, self.unanswered_since) = (Some(now), None);
    }

    fn unanswered(&mut self, now: Mono) {
        self.unanswered_since.get_or_insert(now);
        (self.connected, self.known, self.read_back) = (false, 0, None);
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
