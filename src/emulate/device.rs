//! Emulated devices at one address: their listener, its connections, their answers.

use std::future::{self, Ready};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::Server;
use tokio_modbus::{ExceptionCode, Request, Response, SlaveRequest};

use super::tls::{Keys, MayWrite, Wire};
use super::watchdog::Watchdog;
use super::{PlantTime, Sound, locked};
use crate::devices::profile::serve::Shown;
use crate::devices::profile::{Credentials, Login, Profile};
use crate::plant::Plant;
use crate::site::{DeviceIx, FeederIx, GroupIx, Site};

/// How long to wait before listening again after an accept failed, for example for want of open files.
const AGAIN: Duration = Duration::from_millis(200);

/// A meter or PDU.
#[derive(Debug)]
pub(super) struct Device {
    ix: DeviceIx,
    profile: Profile,
    /// The outlets it switches, where it is a PDU.
    group: Option<GroupIx>,
    /// The feeder whose contactor it switches.
    contactor: Option<FeederIx>,
    outlets: u32,
    watchdog: Option<Arc<Watchdog>>,
    /// What the site's relay shows, where this is it.
    relay: Arc<AtomicU64>,
    plant: Arc<Mutex<Plant>>,
    time: PlantTime,
}

impl Device {
    pub(super) fn new(
        site: &Site,
        ix: DeviceIx,
        profile: Profile,
        (plant, relay): (Arc<Mutex<Plant>>, Arc<AtomicU64>),
        time: PlantTime,
    ) -> Self {
        let (group, contactor) = {
            let mut plant = locked(&plant);
            if let Some(power) = &profile.power {
                plant.refresh_every(ix, power.refresh);
            }
            (plant.group_of(ix), plant.contactor_of(ix))
        };
        let outlets = site.outlets_of(ix);
        let watchdog = Watchdog::of(site, ix, profile.keep_alive).map(Arc::new);
        Self { ix, profile: profile.built(), group, contactor, outlets, watchdog, relay, plant, time }
    }

    /// Its watchdog, where it has one.
    pub(super) fn watchdog(&self) -> Option<Arc<Watchdog>> {
        self.watchdog.clone()
    }

    /// The answer to a request, from the plant as it is now; a write switches the plant.
    fn answer(&self, request: &Request<'_>) -> Result<Response, ExceptionCode> {
        let mut plant = locked(&self.plant);
        let now = self.time.now();
        plant.advance(now);
        let relay = || self.relay.load(Ordering::Relaxed);
        let on = match (self.group, self.contactor) {
            (Some(group), _) => plant.outlets(group),
            (None, Some(feeder)) => u64::from(!plant.is_open(feeder)),
            (None, None) => relay(),
        };
        let shown = Shown { power: Ok(plant.shown(self.ix)), on, outlets: self.outlets };
        let answer = self.profile.answer(request, &shown);
        let alive = answer.as_ref().ok().and_then(|answer| answer.alive);
        self.watchdog.iter().for_each(|watchdog| watchdog.hears(alive, now));
        let answer = answer?;
        if let (Some(group), Some(on)) = (self.group, answer.on) {
            plant.switch(group, on);
        }
        if let (Some(feeder), Some(on)) = (self.contactor, answer.on) {
            plant.open(feeder, on & 1 == 0);
        }
        Ok(answer.response)
    }
}

/// What listens at one address: a device, or a gateway with several behind it.
#[derive(Debug)]
pub(super) struct Station {
    /// With their unit ids.
    devices: Vec<(u8, Device)>,
    connections: Arc<Semaphore>,
    door: Option<Door>,
    keys: Option<Keys>,
}

/// A login that is asked for, and who is let in.
#[derive(Debug)]
struct Door {
    login: Login,
    who: Credentials,
}

impl Station {
    /// Takes as many connections as the least of its devices. Where one asks for a login, this one is let in. With keys it speaks TLS alone.
    pub(super) fn new(devices: Vec<(u8, Device)>, who: Option<Credentials>, keys: Option<Keys>) -> Self {
        let most = devices.iter().map(|(_, device)| device.profile.connection.connections).min().unwrap_or(1);
        let login = devices.iter().find_map(|(_, device)| device.profile.login);
        let door = login.zip(who).map(|(login, who)| Door { login, who });
        Self { devices, connections: Arc::new(Semaphore::new(usize::from(most))), door, keys }
    }

    /// A device of its own answers whatever unit it is called by; a gateway has nobody behind an unknown one.
    fn answer(&self, SlaveRequest { slave, request }: &SlaveRequest<'_>) -> Result<Response, ExceptionCode> {
        match self.devices.as_slice() {
            [(_, only)] => only.answer(request),
            several => {
                let called = several.iter().find(|(unit_id, _)| unit_id == slave);
                called.map_or(Err(ExceptionCode::GatewayTargetDevice), |(_, device)| device.answer(request))
            }
        }
    }
}

/// How many challenges were given out, so that each is another.
static CHALLENGES: AtomicU64 = AtomicU64::new(1);

impl Door {
    /// What it says to this request, where it is for it: the challenge, or whether the answer to it is right.
    fn answer(&self, asked: &SlaveRequest<'_>, inside: &Inside) -> Option<Result<Response, ExceptionCode>> {
        let (block, at) = (self.login.challenge, self.login.answer);
        match &asked.request {
            _ if asked.slave != self.login.unit_id => None,
            Request::ReadHoldingRegisters(address, count) if (*address, *count) == (block.address, block.count) => {
                let given = CHALLENGES.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                inside.challenge.store(given, Ordering::Relaxed);
                Some(Ok(Response::ReadHoldingRegisters(words(given, *count))))
            }
            Request::WriteMultipleRegisters(address, answer) if *address == at => {
                let challenge = words(inside.challenge.swap(0, Ordering::Relaxed), block.count);
                let right = challenge.iter().any(|word| *word != 0) && self.who.answer(&challenge) == answer.as_ref();
                inside.is.store(right, Ordering::Relaxed);
                let count = u16::try_from(answer.len()).unwrap_or(u16::MAX);
                let refused = Err(ExceptionCode::IllegalDataValue);
                Some(if right { Ok(Response::WriteMultipleRegisters(*address, count)) } else { refused })
            }
            _ => None,
        }
    }
}

/// So many words of a challenge, over and over where there are more than four.
fn words(of: u64, count: u16) -> Vec<u16> {
    let word = |n: u16| u16::try_from(of >> (16 * u32::from(n % 4)) & 0xFFFF).unwrap_or(0);
    (0..count).map(word).collect()
}

/// Whether a connection was let in.
#[derive(Debug, Default)]
struct Inside {
    /// The challenge it was given; zero for none.
    challenge: AtomicU64,
    is: AtomicBool,
}

/// One connection; a station takes only so many at once.
struct Connection {
    station: Arc<Station>,
    inside: Inside,
    /// Where it came by TLS.
    may_write: Option<MayWrite>,
    _permit: OwnedSemaphorePermit,
}

fn is_write(request: &Request<'_>) -> bool {
    matches!(
        request,
        Request::WriteSingleCoil(..)
            | Request::WriteSingleRegister(..)
            | Request::WriteMultipleCoils(..)
            | Request::WriteMultipleRegisters(..)
    )
}

impl Service for Connection {
    type Request = SlaveRequest<'static>;
    type Response = Option<Response>;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Option<Response>, ExceptionCode>>;

    /// Reading is free to all; who is not let in and writes is not answered. A role that may not write has no such function.
    fn call(&self, request: Self::Request) -> Self::Future {
        let may_write = self.may_write.as_ref().is_none_or(|may| may.get() == Some(&true));
        if !may_write && is_write(&request.request) {
            return future::ready(Err(ExceptionCode::IllegalFunction));
        }
        let door = self.station.door.as_ref();
        let knocks = door.and_then(|door| door.answer(&request, &self.inside));
        if knocks.is_none() && door.is_some() && is_write(&request.request) && !self.inside.is.load(Ordering::Relaxed) {
            return future::ready(Ok(None));
        }
        let answer = knocks.unwrap_or_else(|| self.station.answer(&request));
        future::ready(answer.map(Some))
    }
}

/// Keeps a station on its address for as long as it is plugged in: listens again after every failure, and lets go of the listener and
/// all connections while it is unplugged, so that a connect is refused.
pub(super) async fn keep(
    station: Arc<Station>,
    mut first: Option<std::net::TcpListener>,
    address: SocketAddr,
    mut plugged: watch::Receiver<bool>,
) {
    while plugged.wait_for(|plugged| *plugged).await.is_ok() {
        let listener = match first.take() {
            Some(listener) => TcpListener::from_std(listener),
            None => TcpListener::bind(address).await,
        };
        if let Ok(listener) = listener {
            tokio::select! {
                _ = serve(&station, listener) => {}
                gone = plugged.wait_for(|plugged| !*plugged) => {
                    if gone.is_err() { return }
                    continue;
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Serves until an accept fails. Dropping this ends all its connections.
async fn serve(station: &Arc<Station>, listener: TcpListener) -> io::Result<()> {
    let connect = |stream: TcpStream, _: SocketAddr| {
        // No permit left: the connection is closed at once, as on devices that take only one.
        let permit = Arc::clone(&station.connections).try_acquire_owned().ok();
        let permit = permit.filter(|_| stream.set_nodelay(true).is_ok());
        future::ready(Ok(permit.map(|permit| {
            let (wire, may_write) = Wire::over(stream, station.keys.as_ref());
            let (station, inside) = (Arc::clone(station), Inside::default());
            (Connection { station, inside, may_write, _permit: permit }, Sound::new(wire))
        })))
    };
    // A connection that ends in an error is the client's affair: it connects again.
    Server::new(listener).serve(&connect, |_| {}).await
}
