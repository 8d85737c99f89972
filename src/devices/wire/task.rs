//! The task of one connection: does on a socket what the conversation says, and tells it what came of it.
//!
//! One request is in flight, and a connection that left one without a right answer is dropped. What is asked, and when, is not
//! decided here.

use std::net::SocketAddr;
use std::sync::Arc;

use super::OnFresh;
use super::dialect::Dialect;
use super::line::{Fault, Line};
use super::slot::Slot;
use super::step::{Ask, Asked, Step};
use super::talk::{Manners, Talk};
use crate::devices::Profile;
use crate::site;
use crate::time::{Clock, Mono};

/// The task of one connection.
pub(super) struct Task {
    slot: Arc<Slot>,
    talk: Talk,
    line: Option<Line>,
    dialect: Dialect,
    address: SocketAddr,
    unit_id: u8,
    clock: Clock,
    on_fresh: Option<OnFresh>,
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
        let talk = Talk::new(&device.name, Manners::of(&profile, device.poll, outlets));
        let (address, unit_id) = (device.address, device.unit_id);
        let dialect = Dialect { profile, outlets };
        Self { slot, talk, line: None, dialect, address, unit_id, clock, on_fresh }
    }

    /// Until the handle is gone and nothing is left to switch off.
    pub(super) async fn run(mut self) {
        loop {
            if let Some(line) = &mut self.line {
                line.ready().await;
            }
            let now = self.clock.mono();
            let step = self.talk.next(&mut self.slot.board(), now);
            match step {
                Step::Connect => self.connect(now).await,
                Step::Ask(ask) => self.ask(ask, now).await,
                Step::Rest(until) => self.slot.woken_or(until).await,
                Step::Over => return,
            }
        }
    }

    async fn connect(&mut self, started: Mono) {
        let connection = &self.dialect.profile.connection;
        let times = (connection.timeout, connection.gap);
        let connected = Line::connect(self.address, self.unit_id, times, self.clock).await;
        let (mut board, now) = (self.slot.board(), self.clock.mono());
        match connected {
            Ok(line) => {
                self.line = Some(line);
                self.talk.connected(&mut board, now);
            }
            Err(fault) => self.talk.not_connected(&mut board, fault, started, now),
        }
    }

    async fn ask(&mut self, ask: Ask, started: Mono) {
        let request = self.dialect.request(ask);
        let came = match (&mut self.line, &request) {
            (Some(line), Some(request)) => line.ask(request, started).await,
            _ => Err(Fault::NoConnection),
        };
        let came = came.map(|response| self.dialect.answer(ask, response));
        let asked = Asked { ask, address: request.as_ref().map_or(0, Dialect::address_of), started };
        let is_fresh = self.talk.told(&mut self.slot.board(), &asked, came, self.clock.mono());
        if !self.talk.is_connected() {
            self.line = None;
        }
        if let Some(on_fresh) = self.on_fresh.as_ref().filter(|_| is_fresh) {
            on_fresh();
        }
    }
}
