//! The task of one connection: does on a socket what the conversations over it say, and tells each what came of it.
//!
//! Mostly there is one conversation, with the one device at the address. Behind a gateway there are several, told apart by their unit
//! ids: they take turns, and a command to any of them goes before all that is only read. One request is in flight, and a
//! connection that left one without a right answer is dropped, for all. What is asked, and when, is not decided here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout_at;

use super::OnFresh;
use super::dialect::Dialect;
use super::line::{Fault, Line};
use super::login::login;
use super::scan::scan;
use super::slot::Slot;
use super::step::{Ask, Asked, Step};
use super::talk::{Manners, Talk};
use super::tls::{Client, NoTls};
use crate::devices::Profile;
use crate::devices::profile::Credentials;
use crate::site;
use crate::time::{Clock, Mono};

/// One device behind a connection.
pub(super) struct Member {
    slot: Arc<Slot>,
    talk: Talk,
    dialect: Dialect,
    address: SocketAddr,
    unit_id: u8,
    on_fresh: Option<OnFresh>,
    credentials: Option<Credentials>,
    tls: Result<Option<Client>, NoTls>,
}

impl Member {
    pub(super) fn new(
        slot: Arc<Slot>,
        profile: Arc<Profile>,
        device: &site::Device,
        outlets: u32,
        (on_fresh, credentials, tls): (Option<OnFresh>, Option<Credentials>, Option<Client>),
    ) -> Self {
        let talk = Talk::new(&device.name, Manners::of(&profile, device.poll, outlets));
        let (address, unit_id, tls) = (device.address, device.unit_id, Client::of(device, tls));
        Self { slot, talk, dialect: Dialect::new(profile, outlets), address, unit_id, on_fresh, credentials, tls }
    }

    fn next(&mut self, now: Mono) -> Step {
        self.talk.next(&mut self.slot.board(), now)
    }
}

/// The task of one connection.
pub(super) struct Task {
    members: Vec<Member>,
    /// Whose turn it is to read.
    turn: usize,
    line: Option<Line>,
    woken: Arc<Notify>,
    clock: Clock,
}

impl Task {
    /// Of the devices at one address; `woken` is that of all their slots.
    pub(super) fn new(members: Vec<Member>, woken: Arc<Notify>, clock: Clock) -> Self {
        Self { members, turn: 0, line: None, woken, clock }
    }

    /// Until all handles are gone and nothing is left to switch off.
    pub(super) async fn run(mut self) {
        while !self.members.is_empty() {
            if let Some(line) = &mut self.line {
                line.ready().await;
            }
            let now = self.clock.mono();
            match self.next(now) {
                (member, Step::Connect) => self.connect(member, now).await,
                (member, Step::Ask(ask)) => self.ask(member, ask, now).await,
                (_, Step::Rest(until)) => {
                    let _ = timeout_at(self.clock.instant(until).into(), self.woken.notified()).await;
                }
                (member, Step::Over) => drop(self.members.remove(member)),
            }
        }
    }

    /// Who has something to do, and what: first those with a command to write, then each in turn.
    fn next(&mut self, now: Mono) -> (usize, Step) {
        if let [only] = self.members.as_mut_slice() {
            return (0, only.next(now));
        }
        let mut rests = None;
        let pressing = (0..self.members.len()).filter(|ix| self.is_pressing(*ix, now));
        let pressing: Vec<usize> = pressing.collect();
        let in_turn = (0..self.members.len()).map(|after| (self.turn + after) % self.members.len());
        let order: Vec<usize> = pressing.iter().copied().chain(in_turn).collect();
        for (at, ix) in order.into_iter().enumerate() {
            let Some(member) = self.members.get_mut(ix) else { continue };
            match member.next(now) {
                Step::Rest(until) => rests = Some(rests.map_or(until, |rests: Mono| rests.min(until))),
                step => {
                    if at >= pressing.len() {
                        self.turn = ix + 1;
                    }
                    return (ix, step);
                }
            }
        }
        (0, Step::Rest(rests.unwrap_or(now)))
    }

    fn is_pressing(&self, ix: usize, now: Mono) -> bool {
        let is = |member: &Member| member.talk.is_pressing(&mut member.slot.board(), now);
        self.members.get(ix).is_some_and(is)
    }

    /// A connection that is there is the connection of all.
    async fn connect(&mut self, ix: usize, started: Mono) {
        let Some(address) = self.members.get(ix).map(|member| member.address) else { return };
        if self.line.is_none() {
            match self.made(address).await {
                Ok(line) => self.line = Some(line),
                Err(fault) => return self.not_connected(fault, started),
            }
        }
        let now = self.clock.mono();
        if let Some(member) = self.members.get_mut(ix) {
            member.talk.connected(&mut member.slot.board(), now);
        }
    }

    /// A new connection, and everybody let in who is asked: once for those who are asked alike.
    async fn made(&mut self, address: SocketAddr) -> Result<Line, Fault> {
        let asks = |member: &&Member| !matches!(member.tls, Ok(None));
        let tls = self.members.iter().find(asks).map_or(Ok(None), |member| member.tls.as_ref().map(Option::as_ref));
        let tls = tls.map_err(|why| Fault::NoTls(*why))?;
        let (mut line, _) = Line::connect(address, tls, self.times(), self.clock).await?;
        let asked = |member: &Member| Some((member.dialect.profile.login?, member.credentials.clone()?));
        let mut logins: Vec<_> = self.members.iter().filter_map(asked).collect();
        logins.dedup();
        for (how, who) in &logins {
            login(&mut line, *how, who, self.clock).await?;
        }
        self.find(&mut line).await?;
        Ok(line)
    }

    /// Where the models of those stand who say that themselves. One of several that says nothing is not asked for its power.
    async fn find(&mut self, line: &mut Line) -> Result<(), Fault> {
        let alone = self.members.len() == 1;
        for member in &mut self.members {
            let Some(sunspec) = &member.dialect.profile.sunspec else { continue };
            let model = scan(line, member.unit_id, sunspec, self.clock).await;
            // Where it stood on the last connection is not where it stands: another device may have taken its place.
            member.dialect.found(model.ok());
            if let Err(fault) = model
                && (alone || !line.is_whole())
            {
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Nobody behind the address was reached: nobody knocks there again for the other.
    fn not_connected(&mut self, fault: Fault, started: Mono) {
        let now = self.clock.mono();
        for member in &mut self.members {
            member.talk.not_connected(&mut member.slot.board(), fault, started, now);
        }
    }

    /// The longest time to wait for an answer, and the longest between two requests, of all devices here.
    fn times(&self) -> (Duration, Duration) {
        let times = self.members.iter().map(|member| &member.dialect.profile.connection);
        times.fold((Duration::ZERO, Duration::ZERO), |(timeout, gap), its| (timeout.max(its.timeout), gap.max(its.gap)))
    }

    async fn ask(&mut self, ix: usize, ask: Ask, started: Mono) {
        let Some(member) = self.members.get_mut(ix) else { return };
        let request = member.dialect.request(ask);
        let came = match (&mut self.line, &request) {
            (Some(line), Some(request)) => line.ask(member.unit_id, request, started).await,
            (Some(_), None) => Err(Fault::NotUnderstood),
            (None, _) => Err(Fault::NoConnection),
        };
        let came = came.map(|response| member.dialect.answer(ask, response));
        let asked = Asked { ask, address: request.as_ref().map_or(0, Dialect::address_of), started };
        let is_fresh = member.talk.told(&mut member.slot.board(), &asked, came, self.clock.mono());
        let parted = !member.talk.is_connected();
        if let Some(on_fresh) = member.on_fresh.as_ref().filter(|_| is_fresh) {
            on_fresh();
        }
        if parted {
            self.part();
        }
    }

    /// A device is given up for now, and the connection with it; not where it is whole and others stand behind it.
    fn part(&mut self) {
        let whole = self.line.as_ref().is_some_and(Line::is_whole);
        if whole && self.members.iter().any(|member| member.talk.is_connected()) {
            return;
        }
        self.line = None;
        let now = self.clock.mono();
        self.members.iter_mut().for_each(|member| member.talk.dropped(now));
    }
}
