//! One turn of the loop without its clock, its threads and its sockets: look, decide, command. `run` turns it in real time on
//! real connections, `simulate` in virtual time on simulated ones; what it does is the same.

use std::time::Duration;

use super::sight::{Sight, Tell};
use crate::decide::{Fixed, GroupMemory, Memory, Standing, decide};
use crate::devices::wire::Seen;
#[cfg(doc)]
use crate::devices::wire::Wire;
use crate::plan::{Command, Plan};
use crate::sabotage::{self, Sabotage};
use crate::site::{DeviceIx, GroupIx, Site};
use crate::snapshot::{MinersSeen, Orders, Snapshot};
use crate::time::Mono;
use crate::units::Power;

/// How long after its ramp a drain may take to be proved before the loop ends all the same; firmware may take its own proof.
const DRAIN_GRACE: Duration = Duration::from_secs(5);

/// The connections to a site's devices.
pub(crate) trait Connections {
    /// What was seen of a device so far; nothing where there is no such device.
    fn seen(&self, device: DeviceIx) -> Option<Seen>;
    /// As [`Wire::command`].
    fn command(&mut self, device: DeviceIx, on: u64, lapses: Mono);
    /// As [`Wire::adopt`].
    fn adopt(&mut self, device: DeviceIx, on: u64, lapses: Mono);
    /// As [`Wire::release`].
    fn release(&mut self, device: DeviceIx);
    /// What the firmware of a group's miners says; nothing where it is not asked.
    fn miners(&self, group: GroupIx) -> Option<MinersSeen>;
    /// These miners of the group may run, those of `low` at low power, and all others sleep.
    fn command_miners(&mut self, group: GroupIx, on: u64, low: u64, lapses: Mono);
    /// As that, of what was found running.
    fn adopt_miners(&mut self, group: GroupIx, on: u64, lapses: Mono);
    /// Nothing is said to the group's device and its miners but questions, until it is commanded again; what was commanded last does not
    /// lapse before these: that of the device, that of the miners.
    fn hold(&mut self, device: DeviceIx, group: GroupIx, lapses: (Mono, Mono));
}

/// What one turn hands to the next.
pub(crate) struct Cycle {
    pub(crate) standing: Standing,
    pub(crate) memory: Memory,
    pub(crate) orders: Orders,
    pub(crate) sight: Sight,
    /// Number of the newest tick.
    pub(crate) tick: u64,
    /// Decide, but command nothing.
    shadow: bool,
    drain_until: Option<Mono>,
}

impl Cycle {
    pub(crate) fn new(site: Site, memory: Memory, orders: Orders, now: Mono, shadow: bool) -> Self {
        let sight = Sight::new(&site, now);
        Self { standing: Standing::new(site), memory, orders, sight, tick: 0, shadow, drain_until: None }
    }

    /// Puts orders in force; says whether they are others than those that were. What is said twice is one order.
    pub(crate) fn order(&mut self, orders: Orders) -> bool {
        let is_new = orders != self.orders || sabotage::is(Sabotage::OrdersTwice);
        self.orders = orders;
        is_new
    }

    /// One consistent picture of everything; `known` is what of it does not come from a connection.
    pub(crate) fn look(&mut self, connections: &impl Connections, known: Snapshot) -> Snapshot {
        self.tick += 1;
        let lowering = self.lowering();
        let expired = self.tick > 600 && sabotage::is(Sabotage::OrdersExpire);
        let orders = if expired { Orders::default() } else { self.orders.clone() };
        let known = Snapshot { tick: self.tick, orders, ..known };
        self.sight.look(connections, &lowering, known)
    }

    /// Which groups have a lower command pending.
    pub(crate) fn lowering(&self) -> Vec<bool> {
        self.memory.groups.iter().map(|group| group.lowering.is_some()).collect()
    }

    /// Decides on a picture.
    pub(crate) fn decide(&mut self, snapshot: &Snapshot) -> Plan {
        let (plan, memory) = decide(&self.standing, std::mem::take(&mut self.memory), snapshot);
        self.memory = memory;
        plan
    }

    /// Hands each connection its command; says which groups had outlets switched. Where miners are told by their firmware, the outlets'
    /// permit lasts until it would be known that they sleep.
    pub(crate) fn command(&mut self, plan: &Plan, connections: &mut impl Connections) -> Vec<usize> {
        let mut changed = Vec::new();
        for (ix, command) in plan.commands.iter().enumerate() {
            let adopted = self.memory.groups.get(ix).is_some_and(|group| group.told.is_some());
            let path = self.standing.site.groups.get(ix).and_then(|group| group.paths.first());
            let (Some(path), Some(fixed)) = (path.filter(|_| adopted && !self.shadow), self.standing.groups.get(ix))
            else {
                continue;
            };
            let outlets = fixed.outlets_of(command.on, command.cut);
            let lapses = command.lapses.after(fixed.sleep.map_or(Duration::ZERO, |sleep| sleep.proof));
            if self.memory.groups.get(ix).is_some_and(|group| group.locked) {
                connections.hold(path.device, ix, (lapses, command.lapses));
                continue;
            }
            let (tell, switched) = self.sight.tell(ix, command.on, outlets);
            match tell {
                Tell::Found => connections.adopt(path.device, outlets, lapses),
                Tell::Same | Tell::New => connections.command(path.device, outlets, lapses),
            }
            match (tell, fixed.sleep) {
                (_, None) => {}
                (Tell::Found, _) => connections.adopt_miners(ix, command.on, command.lapses),
                _ => connections.command_miners(ix, command.on, command.low, command.lapses),
            }
            if switched {
                changed.push(ix);
            }
        }
        self.switch_feeders(plan, connections);
        changed
    }

    /// Contactors are told while they are to be open, or to close until they have: what is closed is left as it is, so that nothing opens
    /// it by lapsing.
    fn switch_feeders(&self, plan: &Plan, connections: &mut impl Connections) {
        let lapses = self.memory.before.after(self.standing.site.tick.lapse);
        let all = self.standing.site.contactors().zip(&plan.contactors);
        for ((_, contactor), told) in all.filter(|_| !self.shadow) {
            match told {
                Some(closed) => connections.command(contactor.device, u64::from(*closed), lapses),
                None => connections.release(contactor.device),
            }
        }
    }

    /// The orders in force from now on, where a feeder was opened: it stays so until a person takes that back.
    pub(crate) fn keeps_open(&self, plan: &Plan) -> Option<Orders> {
        let feeders = &self.standing.site.feeders;
        let mut orders = self.orders.clone();
        let names = plan.opened().filter_map(|feeder| Some(feeders.get(feeder)?.name.clone()));
        orders.open.extend(names);
        (orders != self.orders).then_some(orders)
    }

    /// The memory as it stands in a keyframe.
    pub(crate) fn memory_json(&self) -> String {
        serde_json::to_string(&self.memory).unwrap_or_default()
    }

    /// Starts the end where it is ordered; says whether that was now.
    pub(crate) fn heed_drain(&mut self, now: Mono) -> bool {
        let starts = self.orders.drain && self.drain_until.is_none();
        if starts {
            let ramp = self.standing.site.poi.ramp.time_for(self.told_power());
            let sleeps = self.standing.groups.iter().filter_map(|fixed| Some(fixed.sleep?.proof)).max();
            self.drain_until = Some(now.after(ramp).after(DRAIN_GRACE.max(sleeps.unwrap_or_default())));
        }
        starts
    }

    /// Over when everything is off and proved, or cannot be proved in time.
    pub(crate) fn is_over(&self, now: Mono, plan: &Plan) -> bool {
        self.drain_until.is_some_and(|until| {
            let off = plan.commands.iter().all(|command| command.on == 0) && self.left(plan) == Power::ZERO;
            off || now > until || self.shadow
        })
    }

    /// What is counted to draw that shall not: what sleeps may draw what it draws asleep.
    pub(crate) fn left(&self, plan: &Plan) -> Power {
        let groups = self.standing.groups.iter().zip(&self.memory.groups).zip(&plan.commands);
        let left = |((fixed, kept), command): ((&Fixed, &GroupMemory), &Command)| {
            let idle = fixed.asleep(command.on, command.cut);
            if kept.lowering.is_none() { (kept.counted - idle).or_zero() } else { kept.counted }
        };
        groups.map(left).sum()
    }

    fn told_power(&self) -> Power {
        let groups = self.standing.groups.iter().zip(&self.memory.groups);
        groups.map(|(fixed, memory)| fixed.power_of(memory.told.unwrap_or(0))).sum()
    }
}
