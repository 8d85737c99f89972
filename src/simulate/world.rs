//! Everything outside the controller: the plant, its devices with their faults, prices, the operator, the disk. It knows the
//! truth, and hides it as the faults in force say.

use std::collections::BTreeSet;
use std::time::Duration;

use super::fault::{Class, Fault};
use super::link::{Said, Wrote};
use crate::devices::miners::Fault as MinerFault;
use crate::devices::miners::step::{Came, Step};
use crate::plant::{Flows, HallLoad, Plant};
use crate::site::{DeviceIx, FeederIx, Firmware, GroupIx, Site};
use crate::snapshot::{NoData, Orders, Reading};
use crate::time::Mono;
use crate::units::{Power, Price, Share};

mod contactors;
mod liars;
mod meters;
mod outside;
mod pdus;
mod recorded;

use liars::Liars;
use meters::{Meters, Role};
use outside::{Market, Operator};
pub(super) use pdus::watchdog;
use pdus::{Outlets, Pdus};
pub(super) use recorded::Recorded;

/// A stock Antminer answers a change of its mode when it has restarted.
const RESTARTED: Duration = Duration::from_secs(60);
/// From a written command to the PDU's answer.
const ANSWERS: Duration = Duration::from_millis(20);

/// Everything outside the controller.
pub(super) struct World<'a> {
    site: &'a Site,
    pub(super) plant: Plant,
    market: Market,
    meters: Meters,
    faults: std::vec::IntoIter<Fault>,
    next: Option<Fault>,
    /// The faults in force.
    pub(super) active: Vec<Fault>,
    /// Those that began since the last turn, though they may be over already.
    pub(super) begun: Vec<Fault>,
    pdus: Pdus,
    liars: Liars,
    /// The feeders whose contactors show that they are open, by their coils.
    open_coils: BTreeSet<FeederIx>,
    /// What the newest records say that concerns miners.
    pub(super) recorded: Recorded,
    /// What takes effect later: when, group, outlets that shall be on, of which.
    late: Vec<(Mono, GroupIx, (u64, u64))>,
    frozen_outlets: Vec<Option<Power>>,
    /// How far the wall clock is off, in microseconds.
    pub(super) wall_off: i64,
    operator: Operator,
    /// The orders that the newest decision was made with, and how many records of orders there are.
    pub(super) in_force: Orders,
    pub(super) order_records: u64,
    /// A start did not cut a torn line as it should.
    pub(super) tail_lost: bool,
}

impl<'a> World<'a> {
    pub(super) fn new(site: &'a Site, seed: u64, refresh: &[Duration], faults: Vec<Fault>) -> Self {
        let mut plant = Plant::with(site, seed, hall(site, seed), crate::plant::Curves::brisk());
        refresh.iter().enumerate().for_each(|(device, refresh)| plant.refresh_every(device, *refresh));
        let mut faults = faults.into_iter();
        Self {
            site,
            plant,
            market: Market::new(seed),
            meters: Meters::default(),
            next: faults.next(),
            faults,
            active: Vec::new(),
            begun: Vec::new(),
            pdus: Pdus::new(site),
            liars: Liars::new(site),
            open_coils: BTreeSet::new(),
            recorded: Recorded::new(site),
            late: Vec::new(),
            frozen_outlets: vec![None; site.groups.len()],
            wall_off: 0,
            operator: Operator::default(),
            in_force: Orders::default(),
            order_records: 0,
            tail_lost: false,
        }
    }

    /// Runs to this moment, with everything that begins, ends or takes effect on the way.
    pub(super) fn advance(&mut self, to: Mono) {
        loop {
            let begins = self.next.map(|fault| fault.from);
            let ends = self.active.iter().map(|fault| fault.to).min();
            let acts = self.late.iter().map(|(at, _, _)| *at).min();
            let falls = self.pdus.next();
            let moves = self.liars.next();
            let Some(at) = [begins, ends, acts, falls, moves].into_iter().flatten().min().filter(|at| *at <= to) else {
                break;
            };
            self.plant.advance(at);
            self.happen(at);
        }
        self.plant.advance(to);
    }

    fn happen(&mut self, at: Mono) {
        let ended: Vec<Fault> = self.active.iter().copied().filter(|fault| fault.to <= at).collect();
        self.active.retain(|fault| fault.to > at);
        ended.iter().for_each(|fault| self.end(fault));
        while let Some(fault) = self.next.filter(|fault| fault.from <= at) {
            self.next = self.faults.next();
            self.begin(&fault);
            self.active.push(fault);
            self.begun.push(fault);
        }
        self.liars.act(at, &mut self.plant);
        let due: Vec<(GroupIx, (u64, u64))> =
            self.late.iter().filter(|(when, _, _)| *when <= at).map(|(_, group, told)| (*group, *told)).collect();
        self.late.retain(|(when, _, _)| *when > at);
        for (group, (on, units)) in due {
            self.set(group, |outlets| outlets.commanded = outlets.commanded & !units | on & units);
        }
        for group in self.pdus.falling(at) {
            self.set(group, |outlets| (outlets.commanded, outlets.own_will) = (0, 0));
        }
    }

    fn begin(&mut self, fault: &Fault) {
        let one = |units: u32| 1_u64 << (fault.degree.unsigned_abs() % u64::from(units.max(1)));
        let units = self.site.groups.get(fault.target).map_or(1, |group| group.units);
        let at_now = self.plant.at();
        let later = |by: i64| if fault.degree % 2 == 0 { by } else { -by };
        match fault.class {
            Class::PduDark => self.set(fault.target, |outlets| outlets.dark = true),
            Class::OutletWelded => {
                self.set(fault.target, |outlets| outlets.welded |= one(units) & outlets.closed());
            }
            Class::OutletOwnWill => self.set(fault.target, |outlets| outlets.own_will |= one(units)),
            Class::PduFrozen => {
                let shown = self.plant.shown_outlets(fault.target).iter().copied().sum();
                self.frozen_outlets.iter_mut().skip(fault.target).take(1).for_each(|frozen| *frozen = Some(shown));
            }
            Class::HallStep => {
                let most = self.site.hall.nameplate.part(Share::from_ppm(200_000));
                self.plant.jump_undeclared(most.part(Share::from_ppm(fault.degree)));
            }
            Class::HallBeyond => self.plant.beyond(self.site.hall.nameplate.part(Share::from_ppm(fault.degree))),
            Class::HallDips => self.plant.dip(Share::from_ppm(fault.degree * 9 / 10)),
            // Half of the time by an order, half of the time by a hand at the contactor.
            Class::FeederOpened if fault.degree % 2 == 0 => {
                let feeder = self.site.contactors().nth(fault.target).and_then(|(ix, _)| self.site.feeders.get(ix));
                self.operator.opens(feeder.map(|feeder| feeder.name.clone()), at_now);
            }
            Class::FeederOpened => {
                if let Some((feeder, _)) = self.site.contactors().nth(fault.target) {
                    self.open_coils.insert(feeder);
                    self.follow_coil(feeder);
                }
            }
            Class::MinerWakes | Class::MinerReboots => self.liars.begin(fault, units, &mut self.plant),
            Class::WallSteps => self.wall_off += (fault.degree - 500_000) * 7_200,
            Class::WallLeaps => self.wall_off += later(1_000_000),
            Class::WallDst => self.wall_off += later(3_600_000_000),
            Class::EStop => self.operator.orders.e_stop = true,
            Class::OrdersAgain => self.operator.replays = true,
            Class::Cap | Class::Flapping => {
                self.operator.orders.cap =
                    Some(self.site.poi.import_limit.part(Share::from_ppm(300_000 + fault.degree * 7 / 10)));
            }
            _ => {}
        }
    }

    fn end(&mut self, fault: &Fault) {
        let gone = |class| !self.active.iter().any(|other| other.class == class && other.target == fault.target);
        match fault.class {
            Class::PduDark if gone(Class::PduDark) => self.set(fault.target, |outlets| outlets.dark = false),
            Class::PduReplays if gone(Class::PduReplays) => self.set(fault.target, |outlets| {
                if let Some((on, units)) = outlets.pending.take() {
                    outlets.commanded = outlets.commanded & !units | on & units;
                }
            }),
            Class::OutletWelded if gone(Class::OutletWelded) => self.set(fault.target, |outlets| outlets.welded = 0),
            Class::OutletOwnWill => self.set(fault.target, |outlets| outlets.own_will = 0),
            Class::PduFrozen => {
                self.frozen_outlets.iter_mut().skip(fault.target).take(1).for_each(|frozen| *frozen = None);
            }
            Class::MinerSilent | Class::MinerBelieved | Class::MinerLate | Class::MinerWakes => {
                self.liars.end(fault, &mut self.plant);
            }
            Class::ContactorSticks => {
                if let Some((feeder, _)) = self.site.contactors().nth(fault.target) {
                    self.follow_coil(feeder);
                }
            }
            Class::EStop if !self.is(Class::EStop) && !self.operator.terminated => self.operator.orders.e_stop = false,
            Class::OrdersAgain => self.operator.replays = false,
            Class::HallBeyond if gone(Class::HallBeyond) => self.plant.beyond(Power::ZERO),
            Class::HallDips if gone(Class::HallDips) => self.plant.dip_ends(),
            Class::Cap | Class::Flapping if !self.is(Class::Cap) && !self.is(Class::Flapping) => {
                self.operator.orders.cap = None;
            }
            _ => {}
        }
    }

    fn set(&mut self, group: GroupIx, change: impl FnOnce(&mut Outlets)) {
        if let Some(outlets) = self.pdus.all.get_mut(group) {
            change(outlets);
            self.plant.switch(group, outlets.closed());
        }
    }

    /// The faults in force, and those that came and went since the last turn.
    pub(super) fn struck(&self) -> impl Iterator<Item = &Fault> {
        self.active.iter().chain(&self.begun)
    }

    /// Whether a fault of this class is in force.
    pub(super) fn is(&self, class: Class) -> bool {
        self.active.iter().any(|fault| fault.class == class)
    }

    /// The fault of this class that is in force on this device.
    pub(super) fn on(&self, class: Class, target: usize) -> Option<&Fault> {
        self.active.iter().find(|fault| fault.class == class && fault.target == target)
    }

    /// All that flows, in truth.
    pub(super) fn flows(&self) -> Flows {
        self.plant.flows()
    }

    /// A step of a conversation with one miner: what comes of it, and after what time.
    pub(super) fn tell_miner(
        &mut self,
        group: GroupIx,
        unit: usize,
        step: Step,
    ) -> Option<(Result<Came, MinerFault>, Duration)> {
        let of = self.site.groups.get(group)?;
        let slow = (of.firmware.as_ref()?.firmware == Firmware::Antminer).then_some(RESTARTED);
        let mut faults = self.active.iter().filter(|fault| fault.target == group && fault.strikes(unit, of.units));
        let lie = liars::worst(&mut faults);
        self.liars.tell((group, unit), step, slow, lie, &mut self.plant)
    }

    /// Whether a fault of this class is in force on this miner.
    pub(super) fn is_struck(&self, class: Class, group: GroupIx, unit: usize) -> bool {
        let units = self.site.groups.get(group).map_or(0, |group| group.units);
        let on = |fault: &&Fault| fault.class == class && fault.target == group && fault.strikes(unit, units);
        self.active.iter().any(|fault| on(&fault))
    }

    /// What a miner draws, as its outlet shows it.
    pub(super) fn drawn(&self, group: GroupIx, unit: usize) -> Power {
        self.plant.shown_outlets(group).get(unit).copied().unwrap_or_default()
    }

    /// Whether a miner says that it sleeps, and lies.
    pub(super) fn claims_sleep(&self, group: GroupIx, unit: usize) -> bool {
        self.liars.claims_sleep(group, unit)
    }

    /// The units that were told to wake while they did not listen, and not since: nobody knows that they sleep before it is asked again.
    pub(super) fn overslept(&self, group: GroupIx) -> u64 {
        self.liars.overslept(group)
    }

    /// The site.
    pub(super) fn site(&self) -> &'a Site {
        self.site
    }

    /// The units of a group that may run, in truth: their outlets are closed, and they were not told to sleep.
    pub(super) fn closed(&self, group: GroupIx) -> u64 {
        if self.plant.has_power(group) { self.pdus.of(group).closed() & !self.asleep(group) } else { 0 }
    }

    fn asleep(&self, group: GroupIx) -> u64 {
        let Some(of) = self.site.groups.get(group).filter(|group| group.firmware.is_some()) else { return 0 };
        let asleep = |unit: usize| self.plant.miner(group, unit).is_some_and(|miner| miner.asleep);
        let units = 0..usize::try_from(of.units).unwrap_or(0);
        units.filter(|unit| asleep(*unit)).fold(0, |set, unit| set | 1_u64 << (unit & 63))
    }

    /// The outlets that a PDU was last told.
    pub(super) fn commanded(&self, group: GroupIx) -> u64 {
        self.pdus.of(group).commanded
    }

    /// The fail-safe pressed e-stop: it stays until the operator has seen that nothing is wrong any more.
    pub(super) fn terminated(&mut self) {
        self.operator.terminated();
    }

    /// The orders that arrived at the controller: what it can be asked to heed.
    pub(super) fn heard(&self) -> &Orders {
        &self.operator.heard
    }

    /// How often orders arrived that were not in force yet.
    pub(super) fn order_changes(&self) -> u64 {
        self.operator.changes
    }

    /// What the operator tells the controller now, if anything.
    pub(super) fn tells(&mut self, now: Mono, in_force: Orders, forgot: bool) -> Option<Orders> {
        self.operator.releases(now, &self.active);
        self.operator.flap(self.site, now, &self.active);
        self.operator.tells(in_force, forgot, &self.active)
    }

    /// The controller lost all that it was told, and nobody can tell it again: this is all that it can know.
    pub(super) fn unheard(&mut self, in_force: Orders) {
        self.operator.heard = in_force;
    }

    /// The price, and when it came.
    pub(super) fn price(&mut self, now: Mono) -> Option<(Price, Mono)> {
        self.market.price(now, &self.active)
    }

    /// What a device says when it is read now; `at` is the same moment on the controller's clock.
    pub(super) fn read(&mut self, device: DeviceIx, at: Mono) -> Option<Said> {
        match Role::of(self.site, device) {
            Some(role) => self.meters.read(role, &self.plant, device, at, &self.active),
            None => match (self.plant.group_of(device), self.plant.contactor_of(device)) {
                (Some(group), _) => self.pdu(group, at),
                (None, Some(feeder)) => {
                    let on = Some(u64::from(!self.open_coils.contains(&feeder)));
                    Some(Said { power: Reading::NoData(NoData::NoMeter), on })
                }
                (None, None) => Some(Said { power: Reading::Known(self.plant.shown(device), at), on: None }),
            },
        }
    }

    /// Whether a PDU hears nothing.
    pub(super) fn is_gone(&self, group: GroupIx) -> bool {
        let lost = [Class::PduLost, Class::PduDark, Class::PduReplays];
        !self.plant.has_power(group) || lost.into_iter().any(|class| self.on(class, group).is_some())
    }

    fn pdu(&mut self, group: GroupIx, at: Mono) -> Option<Said> {
        if self.is_gone(group) {
            return None;
        }
        let now = self.plant.at();
        self.pdus.all.get_mut(group)?.hears(now);
        let measured: Power = self.plant.shown_outlets(group).iter().copied().sum();
        let power = self.frozen_outlets.get(group).copied().flatten().unwrap_or(measured);
        // A welded outlet shows the position of its relay's coil.
        let outlets = self.pdus.of(group);
        Some(Said { power: Reading::Known(power, at), on: Some(outlets.commanded | outlets.own_will) })
    }

    /// A command arrives at a PDU: what shall be on, of these units; `at` is now on the controller's clock.
    pub(super) fn write(&mut self, group: GroupIx, told: (u64, u64), now: Mono, at: Mono) -> Wrote {
        let keeps = self.on(Class::PduReplays, group).is_some();
        let gone = self.is_gone(group);
        if let Some(outlets) = self.pdus.all.get_mut(group) {
            if gone {
                outlets.pending = if keeps { Some(told) } else { outlets.pending };
                return Wrote::Nothing;
            }
            outlets.hears(now);
        }
        if self.on(Class::PduRefuses, group).is_some() {
            return Wrote::Refused;
        }
        let late = self.on(Class::PduLate, group).map(|fault| fault.degree.unsigned_abs() * 8);
        if self.on(Class::PduMute, group).is_none() {
            let takes = Duration::from_micros(late.unwrap_or(0)).saturating_add(ANSWERS / 2);
            self.late.push((now.after(takes), group, told));
            self.set(group, |outlets| outlets.own_will = 0);
        }
        Wrote::Answered(at.after(ANSWERS))
    }
}

/// Half of the seeds think, a quarter train, a quarter live through a day: where the site declares so fast a rise.
fn hall(site: &Site, seed: u64) -> HallLoad {
    let within = |load: HallLoad| load.fastest_rise().is_none_or(|rise| rise <= site.hall.slew).then_some(load);
    let load = match seed % 4 {
        0 => within(HallLoad::training(&site.hall, seed, Duration::from_secs(60))),
        1 => within(HallLoad::serving_day(&site.hall, seed, 24)),
        _ => None,
    };
    load.unwrap_or_else(|| HallLoad::inference(&site.hall, seed))
}
