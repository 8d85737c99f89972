//! The controller in virtual time: the same turn of the loop, the same recorder, the same start from what was kept, on
//! simulated connections and a simulated disk.

use std::time::Duration;

use serde_json::json;

use super::disk::Disk;
use super::episode::Setting;
use super::fault::Class;
use super::fleet::SimulatedFleet;
use super::link::SimulatedLink;
use super::world::World;
use crate::devices::wire::Seen;
use crate::journal::{Boot, FileSeen, Recorder, sha256};
use crate::plan::Plan;
use crate::run::cycle::{Connections, Cycle};
use crate::run::past::{readmit, stricter};
use crate::site::{DeviceIx, GroupIx};
use crate::snapshot::{MinersSeen, Orders, PriceSeen, Snapshot};
use crate::time::{Mono, Now, Wall};
use crate::units::Power;

/// 2026-01-01T00:00:00Z, when every simulated run begins.
const WALL: i64 = 1_767_225_600_000_000;
/// How often what must be remembered is stored.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// Longest time between two keyframes.
const KEYFRAME_EVERY: Duration = Duration::from_secs(60);

/// Where in a tick the controller dies: after this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dies {
    Never,
    Looked,
    Decided,
    /// So many commands were written.
    Commanded(usize),
    /// The record is written, and not synced.
    Recorded,
    Synced,
    /// What must be remembered is stored.
    Kept,
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
    /// When the newest tick was.
    ticked: Mono,
}

/// Its connections.
struct Links {
    links: Vec<SimulatedLink>,
    /// In the order of the site's groups, and what each was last seen to say.
    fleets: Vec<Option<SimulatedFleet>>,
    seen: Vec<Option<MinersSeen>>,
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

    fn release(&mut self, device: DeviceIx) {
        if let Some(link) = self.links.get_mut(device) {
            link.release();
        }
    }

    fn miners(&self, group: GroupIx) -> Option<MinersSeen> {
        self.seen.get(group).copied().flatten()
    }

    fn command_miners(&mut self, group: GroupIx, on: u64, low: u64, lapses: Mono) {
        if let Some(Some(fleet)) = self.fleets.get_mut(group) {
            fleet.command(on, low, lapses, self.now);
        }
    }

    fn adopt_miners(&mut self, group: GroupIx, on: u64, lapses: Mono) {
        if let Some(Some(fleet)) = self.fleets.get_mut(group) {
            fleet.adopt(on, lapses, self.now);
        }
    }

    fn hold(&mut self, device: DeviceIx, group: GroupIx, lapses: (Mono, Mono)) {
        if let Some(link) = self.links.get_mut(device) {
            link.hold(lapses.0);
        }
        if let Some(Some(fleet)) = self.fleets.get_mut(group) {
            fleet.hold(lapses.1);
        }
    }
}

impl Links {
    /// The conversations with miners go on.
    fn talk_to_miners(&mut self, world: &mut World<'_>) {
        for (fleet, seen) in self.fleets.iter_mut().zip(&mut self.seen) {
            let Some(fleet) = fleet else { continue };
            fleet.go_on(world, self.now);
            *seen = Some(fleet.seen());
        }
    }
}

impl Host {
    /// Starts the controller on what the disk has; `readmits` where a person lets back who is in quarantine.
    pub(super) fn start(
        setting: &Setting<'_>,
        disk: &mut Disk,
        world: &mut World<'_>,
        now: Mono,
        readmits: bool,
    ) -> Self {
        let (site, refresh) = (setting.site, setting.refresh);
        let first = disk.boots == 0;
        disk.boots += 1;
        let (mut memory, start) = disk.past(site, first, now).memory(site, !first);
        let let_back = if readmits { readmit(site, &mut memory) } else { Vec::new() };
        let journaled = disk.ordered.last().map(|(_, orders)| orders.clone()).unwrap_or_default();
        let orders = stricter(disk.kept_orders.clone(), journaled);
        let link = |ix: DeviceIx| {
            let profile = setting.profiles.get(ix).map(AsRef::as_ref);
            SimulatedLink::new(site, ix, profile, refresh.get(ix).copied().unwrap_or_default())
        };
        let links = Links {
            links: (0..site.devices.len()).map(link).collect(),
            fleets: SimulatedFleet::all(site, start),
            seen: vec![None; site.groups.len()],
            now: start,
        };
        let mut host = Self {
            cycle: Cycle::new(site.clone(), memory, orders, start, false),
            links,
            recorder: Recorder::new(u64::try_from(disk.lines.len()).unwrap_or(0)),
            started: (now, start),
            keyframe_at: start,
            kept_at: start,
            ticked: start,
        };
        (disk.durable_tick, disk.written) = (0, Vec::new());
        host.boot(setting, disk, world, now, first);
        if !let_back.is_empty() {
            let wall = host.now(world, now).wall;
            disk.write(host.recorder.note(wall, "quarantine.lifted", None, &json!({ "groups": let_back })));
            disk.reached.lifted();
            world.recorded.lifted = true;
        }
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
        self.links.talk_to_miners(world);
    }

    /// The same of the first so many alone.
    fn talk_to(&mut self, world: &mut World<'_>, at: Mono, most: usize) {
        let now = self.mono(at);
        self.links.links.iter_mut().take(most).for_each(|link| link.go_on(world, at, now));
    }

    /// One turn of the loop.
    pub(super) fn tick(&mut self, world: &mut World<'_>, disk: &mut Disk, at: Mono, disk_works: bool) -> Power {
        self.turn(world, disk, at, disk_works, Dies::Never)
    }

    /// The last turn: it ends at one of the places between two outputs, and which one the degree of what ends it says.
    pub(super) fn die(mut self, world: &mut World<'_>, disk: &mut Disk, at: Mono, disk_works: bool, degree: i64) {
        let groups = self.cycle.standing.site.groups.len();
        let nth = usize::try_from(degree.unsigned_abs()).unwrap_or(0);
        let dies = match nth % 7 {
            0 => return,
            1 => Dies::Looked,
            2 => Dies::Decided,
            3 => Dies::Commanded(nth / 7 % (groups + 1)),
            4 => Dies::Recorded,
            5 => Dies::Synced,
            _ => Dies::Kept,
        };
        self.turn(world, disk, at, disk_works, dies);
    }

    fn turn(&mut self, world: &mut World<'_>, disk: &mut Disk, at: Mono, disk_works: bool, dies: Dies) -> Power {
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
        (world.in_force, world.tail_lost) = (snapshot.orders.clone(), disk.torn);
        if dies == Dies::Looked {
            return Power::ZERO;
        }
        let plan = self.cycle.decide(&snapshot);
        if dies == Dies::Decided {
            return Power::ZERO;
        }
        self.cycle.command(&plan, &mut self.links);
        if let Dies::Commanded(most) = dies {
            self.talk_to(world, at, most);
            return Power::ZERO;
        }
        self.talk(world, at);
        if plan.stand.presses_e_stop().is_some() {
            world.terminated();
            self.order(disk, now, Orders { e_stop: true, ..self.cycle.orders.clone() });
            world.in_force = self.cycle.orders.clone();
        }
        if let Some(orders) = self.cycle.keeps_open(&plan) {
            let feeders = &self.cycle.standing.site.feeders;
            world.opened(plan.opened().filter_map(|ix| Some(feeders.get(ix)?.name.clone())));
            self.order(disk, now, orders);
            world.in_force = self.cycle.orders.clone();
        }
        self.record(disk, &snapshot, &plan);
        if self.cycle.standing.sleeps {
            let lapsed = now.mono.since(self.ticked) >= self.cycle.standing.site.tick.lapse;
            self.ticked = now.mono;
            world.recorded.note(self.cycle.memory.groups.iter().map(|group| group.told), &plan.events, lapsed);
        }
        if disk_works && matches!(dies, Dies::Synced | Dies::Kept) {
            disk.sync();
        }
        if dies == Dies::Never {
            self.keep(disk, now.mono, at);
        } else if dies == Dies::Kept {
            self.keep_now(disk, now.mono, at);
        }
        plan.counted
    }

    fn obey(&mut self, world: &mut World<'_>, disk: &mut Disk, now: Now, at: Mono) {
        let forgot = disk.forgot();
        let Some(orders) = world.tells(at, self.cycle.orders.clone(), forgot) else {
            if forgot && world.is(Class::OperatorLost) {
                world.unheard(self.cycle.orders.clone());
            }
            return;
        };
        disk.lost = (false, false);
        if self.order(disk, now, orders) {
            world.order_records += 1;
        }
    }

    fn order(&mut self, disk: &mut Disk, now: Now, orders: Orders) -> bool {
        let is_new = self.cycle.order(orders.clone());
        if is_new {
            disk.kept_orders = orders.clone();
            disk.ordered.push((disk.lines.len(), orders.clone()));
            disk.write(self.recorder.note(now.wall, "orders", None, &orders));
        }
        is_new
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
            self.keep_now(disk, now, at);
        }
    }

    fn keep_now(&mut self, disk: &mut Disk, now: Mono, at: Mono) {
        self.kept_at = now;
        let site = &self.cycle.standing.site;
        disk.kept = Some((self.cycle.memory.remember(site, now), at));
    }
}
