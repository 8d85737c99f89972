//! One connection to one device in virtual time: the same conversation as on a socket ([`crate::devices::wire::talk`]), against
//! the simulated device.
//!
//! It makes the connection, asks what it is told to ask, and hands back what the device says. A request takes no time unless it
//! is lost: then the conversation waits as long as on a socket, and is apart for as long. What to ask is not decided here.

use std::time::Duration;

use super::world::World;
use crate::devices::Profile;
use crate::devices::wire::board::{Board, Due, Silence};
use crate::devices::wire::step::{Answer, Ask, Asked, Step};
use crate::devices::wire::talk::{Manners, Talk};
use crate::devices::wire::{CONNECT_WITHIN, Fault, Seen};
use crate::site::{DeviceIx, FeederIx, GroupIx, Site};
use crate::snapshot::Reading;
use crate::time::Mono;
use crate::units::Power;

/// How long a request waits for its answer where no register-map file says it.
const TIMEOUT: Duration = Duration::from_millis(500);
/// What a PDU that does not switch says: device failure.
const FAILED: Fault = Fault::Refused(4);

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

/// The connection.
pub(super) struct SimulatedLink {
    device: DeviceIx,
    group: Option<GroupIx>,
    /// The feeder whose contactor it switches.
    feeder: Option<FeederIx>,
    board: Board,
    talk: Talk,
    timeout: Duration,
    lost: Option<Lost>,
    /// Until then there is nothing to do, unless something else is commanded.
    rests: Mono,
}

/// A request, or without one an attempt to connect, that nobody answers.
struct Lost {
    ask: Option<Ask>,
    started: Mono,
    /// When it is given up.
    until: Mono,
}

impl SimulatedLink {
    /// Before it is connected. Without a register-map file a device has this refresh time, and switches all its outlets at once.
    pub(super) fn new(site: &Site, device: DeviceIx, profile: Option<&Profile>, refresh: Duration) -> Self {
        let (name, poll) =
            site.devices.get(device).map_or(("", site.ages.device), |device| (device.name.as_str(), device.poll));
        let group = site.group_of(device);
        let outlets = site.outlets_of(device);
        let plain = Manners { poll, refresh: Some(refresh), outlets, at_once: true, expects: 0, keep_alive: None };
        let manners = profile.map_or(plain, |profile| Manners::of(profile, poll, outlets));
        Self {
            device,
            group,
            feeder: site.contactor_of(device),
            board: Board::new(Silence::after(site.ages.device, poll), manners.refresh.is_some()),
            talk: Talk::new(name, manners),
            timeout: profile.map_or(TIMEOUT, |profile| profile.connection.timeout),
            lost: None,
            rests: Mono::START,
        }
    }

    /// What was seen so far.
    pub(super) fn seen(&self, now: Mono) -> Seen {
        self.board.seen(now)
    }

    /// As the loop commands.
    pub(super) fn command(&mut self, on: u64, lapses: Mono, now: Mono) {
        if !self.board.renew(on, lapses) {
            self.board.command(on, lapses, now);
            self.rests = now;
        }
    }

    /// Takes on what is found running.
    pub(super) fn adopt(&mut self, on: u64, lapses: Mono, now: Mono) {
        self.board.adopt(on, lapses, now);
        self.rests = now;
    }

    /// Nothing is written until it is commanded again.
    pub(super) fn hold(&mut self, lapses: Mono) {
        self.board.hold(lapses);
    }

    /// Leaves it as it is.
    pub(super) fn release(&mut self) {
        self.board.release();
    }

    /// Goes on until there is nothing to do now; `at` is the same moment on the world's clock.
    pub(super) fn go_on(&mut self, world: &mut World<'_>, at: Mono, now: Mono) {
        if now < self.rests {
            return;
        }
        self.give_up(now);
        while self.lost.is_none() {
            match self.talk.next(&mut self.board, now) {
                Step::Connect => self.connect(world, now),
                Step::Ask(ask) => self.ask(ask, world, at, now),
                Step::Rest(until) => return self.rests = until,
                Step::Over => return,
            }
        }
    }

    /// Tells of what was lost, once it was waited for.
    fn give_up(&mut self, now: Mono) {
        let Some(Lost { ask, started, until }) = self.lost.take_if(|lost| lost.until <= now) else { return };
        match ask {
            Some(ask) => self.tell(ask, started, Err(Fault::NoAnswer), until),
            None => self.talk.not_connected(&mut self.board, Fault::NoAnswer, started, until),
        }
    }

    /// Who says nothing takes no connection.
    fn connect(&mut self, world: &mut World<'_>, now: Mono) {
        if world.read(self.device, now).is_some() {
            self.talk.connected(&mut self.board, now);
        } else {
            self.lost = Some(Lost { ask: None, started: now, until: now.after(CONNECT_WITHIN) });
        }
    }

    fn ask(&mut self, ask: Ask, world: &mut World<'_>, at: Mono, now: Mono) {
        let came = match ask {
            Ask::Switch(due, unit) => self.switch(due, unit, world, at, now),
            _ => world.read(self.device, now).map(|said| (Ok(answer(ask, &said)), now)),
        };
        match came {
            Some((came, answered)) => self.tell(ask, now, came, answered),
            None => self.lost = Some(Lost { ask: Some(ask), started: now, until: now.after(self.timeout) }),
        }
    }

    /// What comes of switching, and when.
    fn switch(
        &self,
        due: Due,
        unit: Option<u32>,
        world: &mut World<'_>,
        at: Mono,
        now: Mono,
    ) -> Option<(Result<Answer, Fault>, Mono)> {
        let units = unit.map_or(u64::MAX, |unit| 1_u64.checked_shl(unit).unwrap_or(0));
        if let Some(feeder) = self.feeder {
            return answered(world.switch_feeder(feeder, due.on & 1 == 1, now), now);
        }
        answered(world.write(self.group?, (due.on, units), at, now), now)
    }

    fn tell(&mut self, ask: Ask, started: Mono, came: Result<Answer, Fault>, now: Mono) {
        self.talk.told(&mut self.board, &Asked { ask, address: 0, started }, came, now);
    }
}

/// What comes of a write that this became of, and when.
fn answered(wrote: Wrote, now: Mono) -> Option<(Result<Answer, Fault>, Mono)> {
    match wrote {
        Wrote::Answered(answered) => Some((Ok(Answer::Switched), answered)),
        Wrote::Refused => Some((Err(FAILED), now)),
        Wrote::Nothing => None,
    }
}

/// The part of what a device says that was asked for.
fn answer(ask: Ask, said: &Said) -> Answer {
    match (ask, said.power) {
        (Ask::Switch(..), _) => Answer::Switched,
        (Ask::KeepAlive(_), _) => Answer::KeptAlive,
        (Ask::Expected(_), _) => Answer::Expected(true),
        (Ask::Outlets, _) => Answer::Outlets(said.on),
        (Ask::Power, Reading::Known(power, _)) => Answer::Power(Ok(power)),
        (Ask::Power, Reading::NoData(why)) => Answer::Power(Err(why)),
    }
}

/// What a meter says.
pub(super) fn metered(power: Power, at: Mono) -> Said {
    Said { power: Reading::Known(power, at), on: None }
}
