//! The controller in virtual time: the same turn of the loop, the same recorder, the same start from what was kept, on
//! simulated connections and a simulated disk.

use std::time::Duration;

use super::episode::Setting;
use super::link::SimulatedLink;
use super::reached::Reached;
use super::world::World;
use crate::decide::Remembered;
use crate::devices::wire::Seen;
use crate::journal::{Boot, FileSeen, Lines, Recorder, sha256};
use crate::plan::Plan;
use crate::run::cycle::{Connections, Cycle};
use crate::run::past::{Past, stricter};
use crate::site::DeviceIx;
use crate::snapshot::{Orders, PriceSeen, Snapshot};
use crate::time::{Mono, Now, Wall};
use crate::units::Power;

/// 2026-01-01T00:00:00Z, when every simulated run begins.
const WALL: i64 = 1_767_225_600_000_000;
/// How often what must be remembered is stored.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// Longest time between two keyframes.
const KEYFRAME_EVERY: Duration = Duration::from_secs(60);

/// What outlives the controller: the disk with the journal and the state store.
#[derive(Default)]
pub(super) struct Disk {
    /// The lines that were written.
    pub(super) lines: Vec<Vec<u8>>,
    /// So many of them are durable.
    pub(super) durable_lines: usize,
    /// The newest tick that is durable, of the run that is on.
    durable_tick: u64,
    /// Ticks whose lines are written: tick, and the number of lines with it.
    written: Vec<(u64, usize)>,
    /// Orders in the journal: with which line.
    ordered: Vec<(usize, Orders)>,
    /// The state store: what was remembered, and when.
    kept: Option<(Remembered, Mono)>,
    kept_orders: Orders,
    /// Orders in the journal were lost with the power; the store was lost.
    lost: (bool, bool),
    boots: u64,
    /// What was reached in all lives together.
    pub(super) reached: Reached,
}

impl Disk {
    fn write(&mut self, lines: Lines) {
        self.lines.extend(lines);
    }

    /// Everything written so far becomes durable.
    fn sync(&mut self) {
        self.durable_lines = self.lines.len();
        if let Some((tick, _)) = self.written.last() {
            self.durable_tick = *tick;
        }
        self.written.clear();
    }

    /// Power is gone: so is what was not synced.
    pub(super) fn lose_power(&mut self) {
        self.lines.truncate(self.durable_lines);
        let (durable, before) = (self.durable_lines, self.ordered.len());
        self.ordered.retain(|(line, _)| *line < durable);
        self.lost.0 |= self.ordered.len() < before;
    }

    /// The state store is gone.
    pub(super) fn lose_store(&mut self) {
        self.kept = None;
        self.kept_orders = Orders::default();
        self.lost.1 = true;
    }

    /// Whether both places where an order stands were lost since this was last asked.
    fn forgot(&mut self) -> bool {
        std::mem::take(&mut self.lost) == (true, true)
    }
}

/// One life of the controller.
pub(super) struct Host {
    cycle: Cycle,
    links: Links,
    recorder: Recorder,
    /// World's clock at its start, and its own.
    started: (Mono, Mono),
    keyframe_at: Mono,
    kept_at: Mono,
}

/// Its connections.
struct Links {
    links: Vec<SimulatedLink>,
    now: Mono,
}

impl Connections for Links {
    fn seen(&self, device: DeviceIx) -> Option<Seen> {
        self.links.get(device).map(|link| link.seen(self.now))
    }

    fn command(&mut self, device: DeviceIx, on: u64, lapses: Mono) {
        if let Some(link) = self.links.get_mut(device) {
            link.command(on, lapses, self.now);
        }
    }

    fn adopt(&mut self, device: DeviceIx, on: u64, lapses: Mono) {
        if let Some(link) = self.links.get_mut(device) {
            link.adopt(on, lapses, self.now);
        }
    }
}

impl Host {
    /// Starts the controller on what the disk has.
    pub(super) fn start(setting: &Setting<'_>, disk: &mut Disk, world: &World<'_>, now: Mono) -> Self {
        let (site, refresh) = (setting.site, setting.refresh);
        let first = disk.boots == 0;
        disk.boots += 1;
        let past = match disk.kept.take() {
            Some((kept, at)) => Past::Known(kept, now.since(at)),
            None if first => Past::None(crate::decide::Margin::default()),
            None => Past::Unknown,
        };
        let (memory, start) = past.memory(site, !first);
        let journaled = disk.ordered.last().map(|(_, orders)| *orders).unwrap_or_default();
        let orders = stricter(disk.kept_orders, journaled);
        let link = |ix: DeviceIx| {
            let profile = setting.profiles.get(ix).map(AsRef::as_ref);
            SimulatedLink::new(site, ix, profile, refresh.get(ix).copied().unwrap_or_default())
        };
        let links = Links { links: (0..site.devices.len()).map(link).collect(), now: start };
        let mut host = Self {
            cycle: Cycle::new(site.clone(), memory, orders, start, false),
            links,
            recorder: Recorder::new(u64::try_from(disk.lines.len()).unwrap_or(0)),
            started: (now, start),
            keyframe_at: start,
            kept_at: start,
        };
        (disk.durable_tick, disk.written) = (0, Vec::new());
        host.boot(setting, disk, world, now, first);
        host
    }

    fn boot(&mut self, setting: &Setting<'_>, disk: &mut Disk, world: &World<'_>, now: Mono, first: bool) {
        let reason = if first { "first_start" } else { "start_after_crash" };
        let boot = Boot {
            boot: format!("simulated-{}", disk.boots),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            reason: reason.to_owned(),
        };
        let names: Vec<String> = self.cycle.standing.site.groups.iter().map(|group| group.name.clone()).collect();
        let now = self.now(world, now);
        disk.write(self.recorder.boot(now, &boot, &names));
        for (role, name, text) in setting.files {
            let sha256 = sha256(text.as_bytes());
            let file = FileSeen { role: (*role).to_owned(), name: name.clone(), sha256 };
            disk.write(self.recorder.file(now.wall, &file));
        }
        let memory = self.cycle.memory_json();
        disk.write(self.recorder.keyframe(&memory));
    }

    /// The controller's own clock, at this moment of the world.
    fn mono(&self, world: Mono) -> Mono {
        self.started.1.after(world.since(self.started.0))
    }

    fn now(&self, world: &World<'_>, at: Mono) -> Now {
        let wall = i64::try_from(at.micros()).unwrap_or(0).saturating_add(WALL).saturating_add(world.wall_off);
        Now { mono: self.mono(at), wall: Wall::from_micros(wall) }
    }

    /// The connections go on, whatever the loop does: they poll, and write what is due.
    pub(super) fn talk(&mut self, world: &mut World<'_>, at: Mono) {
        let now = self.mono(at);
        self.links.now = now;
        self.links.links.iter_mut().for_each(|link| link.go_on(world, at, now));
    }

    /// One turn of the loop.
    pub(super) fn tick(&mut self, world: &mut World<'_>, disk: &mut Disk, at: Mono, disk_works: bool) -> Power {
        let now = self.now(world, at);
        self.links.now = now.mono;
        if disk_works {
            disk.sync();
        }
        self.obey(world, disk, now, at);
        let price = world.price(at);
        let price = price.map(|(price, seen)| PriceSeen { price, at: now.mono.before(at.since(seen)) });
        let known = Snapshot { now, price, durable: disk.durable_tick, ..Snapshot::default() };
        let snapshot = self.cycle.look(&self.links, known);
        let plan = self.cycle.decide(&snapshot);
        self.cycle.command(&plan, &mut self.links);
        self.talk(world, at);
        if plan.stand.presses_e_stop() {
            world.terminated();
            self.order(disk, now, Orders { e_stop: true, ..self.cycle.orders });
        }
        self.record(disk, &snapshot, &plan);
        self.keep(disk, now.mono, at);
        plan.counted
    }

    fn obey(&mut self, world: &mut World<'_>, disk: &mut Disk, now: Now, at: Mono) {
        let orders = world.orders(at);
        if world.says(orders, self.cycle.orders, disk.forgot()) {
            self.order(disk, now, orders);
        }
    }

    fn order(&mut self, disk: &mut Disk, now: Now, orders: Orders) {
        if orders != self.cycle.orders {
            self.cycle.orders = orders;
            disk.kept_orders = orders;
            disk.ordered.push((disk.lines.len(), orders));
            disk.write(self.recorder.note(now.wall, "orders", None, &orders));
        }
    }

    fn record(&mut self, disk: &mut Disk, snapshot: &Snapshot, plan: &Plan) {
        disk.reached.note(snapshot, plan);
        disk.write(self.recorder.tick(snapshot, plan));
        disk.written.push((snapshot.tick, disk.lines.len()));
        if snapshot.now.mono.since(self.keyframe_at) >= KEYFRAME_EVERY {
            self.keyframe_at = snapshot.now.mono;
            let memory = self.cycle.memory_json();
            disk.write(self.recorder.keyframe(&memory));
        }
    }

    fn keep(&mut self, disk: &mut Disk, now: Mono, at: Mono) {
        if now.since(self.kept_at) >= KEEP_EVERY {
            self.kept_at = now;
            let site = &self.cycle.standing.site;
            disk.kept = Some((self.cycle.memory.remember(site, now), at));
        }
    }
}
