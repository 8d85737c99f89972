//! One connection to one device, or to all behind one gateway, as one task: what it has seen, and what it shall switch.
//!
//! A [`Wire`] is the handle of a device. It takes a command and hands out what was seen, without ever waiting for the network. The
//! task behind it has one request in flight, believes no answer it did not check, drops the connection at any doubt, and
//! holds one command, the newest. A command lapses: unless it is renewed the task switches the outlets off by itself.
//! Before the first command it writes nothing. It never decides, never retries a read late, and never queues.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use self::board::{Board, Silence};
use self::slot::Slot;
use self::task::{Member, Task};
use crate::devices::Profile;
use crate::devices::profile::Credentials;
use crate::devices::profile::flags::FLAGS;
use crate::site::{self, MAX_UNITS};
use crate::snapshot::{GroupSeen, Link, Reading};
use crate::time::{Clock, Mono};

pub(crate) mod backoff;
pub(crate) mod board;
mod dialect;
mod inquiry;
mod life;
mod line;
mod login;
mod manners;
mod scan;
mod slot;
pub(crate) mod step;
mod stream;
mod survey;
pub(crate) mod talk;
mod task;
pub mod tls;

pub use inquiry::inquire;
pub(crate) use line::CONNECT_WITHIN;
pub use line::Fault;
pub use survey::survey;

/// One request over a stream of any kind, with every check a [`Wire`] makes of the answer. For fuzzing: the program itself
/// has its connections in tasks.
///
/// # Errors
/// [`Fault`] where there is no right answer.
#[doc(hidden)]
pub async fn ask_once<S>(
    stream: S,
    unit_id: u8,
    timeout: Duration,
    request: &tokio_modbus::Request<'static>,
) -> Result<tokio_modbus::Response, Fault>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + fmt::Debug + Unpin + Send + 'static,
{
    let (times, clock) = ((timeout, Duration::ZERO), Clock::start());
    line::Line::over(stream, times, clock).ask(unit_id, request, clock.mono()).await
}

/// Called from the device's task after every new reading of its power. Must not block.
pub type OnFresh = Arc<dyn Fn() + Send + Sync>;

/// A device to connect to.
pub struct Station<'a> {
    /// Its register map.
    pub profile: Arc<Profile>,
    /// Where it is, and how often it is read.
    pub device: &'a site::Device,
    /// Not heard for this long, once it was reached, it is silent: what goes on without an answer for that long less its poll is
    /// not waited for any longer.
    pub silent_after: Duration,
    /// How many of its outlets are switched; 0 for a meter.
    pub outlets: u32,
    /// Called after every new reading.
    pub on_fresh: Option<OnFresh>,
    /// Who logs in, where the device asks for that.
    pub credentials: Option<Credentials>,
    /// By TLS, and never otherwise, where this is given. Devices at one address have the same.
    pub tls: Option<tls::Client>,
}

/// The connection to one device, which others may stand behind too. Dropping it is like not renewing its command any more: the task lets the command lapse,
/// switches the outlets off and ends.
pub struct Wire {
    slot: Arc<Slot>,
    name: String,
    profile: Arc<Profile>,
    outlets: u32,
    clock: Clock,
}

/// What is known of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether it answers.
    pub link: Link,
    /// Its power. A failed read leaves the last one to age; an answer without a value replaces it.
    pub power: Reading,
    /// Which units it reported as on, and when the read that said so started.
    pub on: Option<(u64, Mono)>,
    /// The newest command it answered for, and when the answer came.
    pub written: Option<(u64, Mono)>,
    /// The times of the newest write.
    pub write: Option<WriteTimes>,
    /// The newest trouble; stays until the next one.
    pub trouble: Option<Trouble>,
    /// What happened so far.
    pub counts: Counts,
}

/// The times of one write: decision, wire, acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteTimes {
    /// The units that shall be on.
    pub on: u64,
    /// When they were commanded, or the command lapsed.
    pub wanted: Mono,
    /// When the first request went out.
    pub sent: Mono,
    /// When the last one was answered rightly; nothing while it is not.
    pub answered: Option<Mono>,
}

/// What went wrong, where and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What.
    pub fault: Fault,
    /// The first wire address of the request; nothing where no request was made.
    pub address: Option<u16>,
    /// When the request, or the attempt to connect, began.
    pub since: Mono,
}

/// What happened on a connection since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests sent.
    pub requests: u64,
    /// Requests without an answer in time.
    pub timeouts: u64,
    /// Requests answered by an exception.
    pub refused: u64,
    /// Answers that were not an answer to the request, and devices that are not what their file says.
    pub not_understood: u64,
    /// Connections lost, and attempts that failed.
    pub no_connection: u64,
    /// TLS that did not come about: one or the other was not believed, or it was not spoken.
    pub no_tls: u64,
    /// Connections made after the first.
    pub reconnects: u64,
    /// Commands that lapsed unrenewed.
    pub lapses: u64,
}

impl Seen {
    /// The part that enters the snapshot of a group.
    pub fn group(&self) -> GroupSeen {
        GroupSeen { link: self.link, power: self.power, on: self.on, written: self.written, miners: None }
    }
}

impl Wire {
    /// Connects to one device.
    pub fn spawn(runtime: &Handle, station: Station<'_>, clock: Clock) -> Self {
        let (wire, member, woken) = Self::member(station, clock, &Arc::default());
        runtime.spawn(Task::new(vec![member], woken, clock).run());
        wire
    }

    /// Connects to many. Those at one address stand behind one gateway: they share a connection, one request at a time, and are told
    /// apart by their unit ids.
    pub fn spawn_all<'a>(runtime: &Handle, stations: impl IntoIterator<Item = Station<'a>>, clock: Clock) -> Vec<Self> {
        let mut lines: BTreeMap<SocketAddr, (Vec<Member>, Arc<Notify>)> = BTreeMap::new();
        let connect = |station: Station<'_>| {
            let (members, woken) = lines.entry(station.device.address).or_default();
            let (wire, member, _) = Self::member(station, clock, woken);
            members.push(member);
            wire
        };
        let wires = stations.into_iter().map(connect).collect();
        for (members, woken) in lines.into_values() {
            runtime.spawn(Task::new(members, woken, clock).run());
        }
        wires
    }

    fn member(station: Station<'_>, clock: Clock, woken: &Arc<Notify>) -> (Self, Member, Arc<Notify>) {
        let Station { profile, device, silent_after, outlets, on_fresh, credentials, tls } = station;
        let outlets = match (&profile.outlets, &profile.flags) {
            (Some(_), _) => outlets.min(MAX_UNITS),
            (None, Some(_)) => FLAGS,
            (None, None) => 0,
        };
        let board = Board::new(Silence::after(silent_after, device.poll), profile.power.is_some());
        let slot = Arc::new(Slot::new(clock, board, Arc::clone(woken)));
        let member =
            Member::new(Arc::clone(&slot), Arc::clone(&profile), device, outlets, (on_fresh, credentials, tls));
        (Self { slot, name: device.name.clone(), profile, outlets, clock }, member, Arc::clone(woken))
    }

    /// What was seen so far. Never waits for the device.
    pub fn seen(&self) -> Seen {
        self.slot.seen(self.clock.mono())
    }

    /// These units may be on until `lapses`, all others shall be off. Replaces the command before it; the same units
    /// again only renew it. Without effect on a device without outlets.
    pub fn command(&self, on: u64, lapses: Mono) {
        if self.outlets > 0 {
            self.slot.command(on & self.all_on(), lapses);
        }
    }

    /// Takes on what is found running: as [`Wire::command`], but nothing is written unless the device reports otherwise or
    /// the permit lapses. Without effect once a command was given.
    pub fn adopt(&self, on: u64, lapses: Mono) {
        if self.outlets > 0 {
            self.slot.adopt(on & self.all_on(), lapses);
        }
    }

    /// Writes nothing until it is commanded again; what was commanded last lapses then and no earlier.
    pub fn hold(&self, lapses: Mono) {
        self.slot.hold(lapses);
    }

    /// Leaves the device as it is: what was commanded neither is written any more nor lapses. As before the first command.
    pub fn release(&self) {
        self.slot.release();
    }

    /// The newest trouble as a sentence for the log: device, register, what to look at.
    pub fn trouble(&self) -> Option<String> {
        let Trouble { fault, address, .. } = self.seen().trouble?;
        let register = address.map(|address| format!(" on wire address {address}")).unwrap_or_default();
        Some(format!("`{}`: {fault}{register}; {}", self.name, fault.next_step()))
    }

    /// The device's profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    fn all_on(&self) -> u64 {
        if self.outlets >= MAX_UNITS { u64::MAX } else { (1_u64 << self.outlets) - 1 }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.slot.close();
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("name", &self.name).field("seen", &self.seen()).finish_non_exhaustive()
    }
}
