//! Everything outside the controller: the plant, its devices with their faults, prices, the operator, the disk. It knows the
//! truth, and hides it as the faults in force say.

use std::time::Duration;

use super::fault::{Class, Fault};
use super::link::{Said, Wrote, metered};
use crate::plant::{Flows, HallLoad, Plant, PriceLoad, PriceMix};
use crate::site::{DeviceIx, GroupIx, Site};
use crate::snapshot::{NoData, Orders, Reading};
use crate::time::Mono;
use crate::units::{Power, Price, Share};

/// From a written command to the PDU's answer.
const ANSWERS: Duration = Duration::from_millis(20);
/// How long an operator looks before he releases an e-stop that the fail-safe pressed.
const LOOKS_FOR: Duration = Duration::from_secs(5);
/// The most that a price can be.
const CAP_PRICE: i64 = 5_000;

/// Prices at which every miner earns: those at which none does are a fault of their own here.
const CALM_PRICES: PriceMix = PriceMix { negative: 40, tight: 0, scarce: 0 };

/// A meter of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Poi,
    Hall,
    House,
}

impl Role {
    const ALL: [Self; 3] = [Self::Poi, Self::Hall, Self::House];
}

/// What a PDU holds that the plant does not know of.
#[derive(Clone, Copy, Debug, Default)]
struct Outlets {
    /// What it was last told.
    commanded: u64,
    /// These do not open.
    welded: u64,
    /// These are closed by their own will.
    own_will: u64,
    dark: bool,
}

impl Outlets {
    fn closed(self) -> u64 {
        if self.dark { 0 } else { self.commanded | self.welded | self.own_will }
    }
}

/// Everything outside the controller.
pub(super) struct World<'a> {
    site: &'a Site,
    pub(super) plant: Plant,
    prices: PriceLoad,
    faults: std::vec::IntoIter<Fault>,
    next: Option<Fault>,
    /// The faults in force.
    pub(super) active: Vec<Fault>,
    /// Those that began since the last turn, though they may be over already.
    pub(super) begun: Vec<Fault>,
    outlets: Vec<Outlets>,
    /// What takes effect later: when, group, outlets that shall be on, of which.
    late: Vec<(Mono, GroupIx, (u64, u64))>,
    /// What each meter last said, for one that is frozen.
    said: [Power; 3],
    frozen_outlets: Vec<Option<Power>>,
    last_price: Option<(Price, Mono)>,
    /// How far the wall clock is off, in microseconds.
    pub(super) wall_off: i64,
    pub(super) orders: Orders,
    /// The fail-safe pressed e-stop, and the operator has not released it yet.
    terminated: bool,
    /// When a fault was last in force.
    troubled: Mono,
    /// What the operator told the controller last.
    said_orders: Orders,
    flapped: u64,
}

impl<'a> World<'a> {
    pub(super) fn new(site: &'a Site, seed: u64, refresh: &[Duration], faults: Vec<Fault>) -> Self {
        let mut plant = Plant::with(site, seed, hall(site, seed), crate::plant::Curves::brisk());
        refresh.iter().enumerate().for_each(|(device, refresh)| plant.refresh_every(device, *refresh));
        let mut faults = faults.into_iter();
        Self {
            site,
            plant,
            prices: PriceLoad::generated(seed, CALM_PRICES, 30),
            next: faults.next(),
            faults,
            active: Vec::new(),
            begun: Vec::new(),
            outlets: vec![Outlets::default(); site.groups.len()],
            late: Vec::new(),
            said: [Power::ZERO; 3],
            frozen_outlets: vec![None; site.groups.len()],
            last_price: None,
            wall_off: 0,
            orders: Orders::default(),
            terminated: false,
            troubled: Mono::START,
            said_orders: Orders::default(),
            flapped: 0,
        }
    }

    /// Runs to this moment, with everything that begins, ends or takes effect on the way.
    pub(super) fn advance(&mut self, to: Mono) {
        loop {
            let begins = self.next.map(|fault| fault.from);
            let ends = self.active.iter().map(|fault| fault.to).min();
            let acts = self.late.iter().map(|(at, _, _)| *at).min();
            let Some(at) = [begins, ends, acts].into_iter().flatten().min().filter(|at| *at <= to) else { break };
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
        let due: Vec<(GroupIx, (u64, u64))> =
            self.late.iter().filter(|(when, _, _)| *when <= at).map(|(_, group, told)| (*group, *told)).collect();
        self.late.retain(|(when, _, _)| *when > at);
        for (group, (on, units)) in due {
            self.set(group, |outlets| outlets.commanded = outlets.commanded & !units | on & units);
        }
    }

    fn begin(&mut self, fault: &Fault) {
        let one = |units: u32| 1_u64 << (fault.degree.unsigned_abs() % u64::from(units.max(1)));
        let units = self.site.groups.get(fault.target).map_or(1, |group| group.units);
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
            Class::WallSteps => self.wall_off += (fault.degree - 500_000) * 7_200,
            Class::EStop => self.orders.e_stop = true,
            Class::Cap | Class::Flapping => {
                self.orders.cap =
                    Some(self.site.poi.import_limit.part(Share::from_ppm(300_000 + fault.degree * 7 / 10)));
            }
            _ => {}
        }
    }

    fn end(&mut self, fault: &Fault) {
        let gone = |class| !self.active.iter().any(|other| other.class == class && other.target == fault.target);
        match fault.class {
            Class::PduDark if gone(Class::PduDark) => self.set(fault.target, |outlets| outlets.dark = false),
            Class::OutletWelded if gone(Class::OutletWelded) => self.set(fault.target, |outlets| outlets.welded = 0),
            Class::OutletOwnWill => self.set(fault.target, |outlets| outlets.own_will = 0),
            Class::PduFrozen => {
                self.frozen_outlets.iter_mut().skip(fault.target).take(1).for_each(|frozen| *frozen = None);
            }
            Class::EStop if !self.is(Class::EStop) && !self.terminated => self.orders.e_stop = false,
            Class::Cap | Class::Flapping if !self.is(Class::Cap) && !self.is(Class::Flapping) => self.orders.cap = None,
            _ => {}
        }
    }

    fn set(&mut self, group: GroupIx, change: impl FnOnce(&mut Outlets)) {
        if let Some(outlets) = self.outlets.get_mut(group) {
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

    fn on(&self, class: Class, target: usize) -> Option<&Fault> {
        self.active.iter().find(|fault| fault.class == class && fault.target == target)
    }

    /// All that flows, in truth.
    pub(super) fn flows(&self) -> Flows {
        self.plant.flows()
    }

    /// The outlets of a group that are closed, in truth.
    pub(super) fn closed(&self, group: GroupIx) -> u64 {
        self.outlets.get(group).map_or(0, |outlets| outlets.closed())
    }

    /// The outlets that a PDU was last told.
    pub(super) fn commanded(&self, group: GroupIx) -> u64 {
        self.outlets.get(group).map_or(0, |outlets| outlets.commanded)
    }

    /// The fail-safe pressed e-stop: it stays until the operator has seen that nothing is wrong any more.
    pub(super) fn terminated(&mut self) {
        (self.terminated, self.orders.e_stop) = (true, true);
        self.said_orders.e_stop = true;
    }

    fn releases(&mut self, now: Mono) {
        if !self.active.is_empty() {
            self.troubled = now;
        }
        if self.terminated && now.since(self.troubled) >= LOOKS_FOR {
            (self.terminated, self.orders.e_stop) = (false, false);
        }
    }

    /// What the operator orders now. Who flaps changes his mind every second.
    pub(super) fn orders(&mut self, now: Mono) -> Orders {
        self.releases(now);
        let flapping = self.active.iter().find(|fault| fault.class == Class::Flapping).copied();
        let second = now.micros() / 1_000_000;
        if let Some(fault) = flapping.filter(|_| second != self.flapped) {
            self.flapped = second;
            let degree = fault.degree.wrapping_mul(i64::try_from(second).unwrap_or(1)).rem_euclid(700_000);
            let cap = self.site.poi.import_limit.part(Share::from_ppm(300_000 + degree));
            self.orders.cap = (!second.is_multiple_of(3)).then_some(cap);
        }
        self.orders
    }

    /// Whether the operator tells the controller what he orders now. He says it once: when it is new, when he sees more in force
    /// than he ordered, or when the controller lost all that he had said.
    pub(super) fn says(&mut self, orders: Orders, in_force: Orders, forgot: bool) -> bool {
        let is_new = std::mem::replace(&mut self.said_orders, orders) != orders;
        let cap_holds = orders.cap.is_none_or(|cap| in_force.cap.is_some_and(|held| held <= cap));
        let holds = in_force.e_stop >= orders.e_stop && cap_holds;
        orders != in_force && (is_new || holds || forgot)
    }

    /// The price, and when it came.
    pub(super) fn price(&mut self, now: Mono) -> Option<(Price, Mono)> {
        if self.is(Class::PriceLost) {
            return None;
        }
        if !self.is(Class::PriceFrozen) {
            let dollars = |dollars: i64| Price::from_micro_usd_per_mwh(dollars.saturating_mul(1_000_000));
            let price = match (self.is(Class::PriceNegative), self.is(Class::PriceSpikes)) {
                (true, _) => Some(dollars(-200)),
                (_, true) => Some(dollars(CAP_PRICE)),
                _ => self.prices.at(now),
            };
            self.last_price = price.map(|price| (price, now));
        }
        self.last_price
    }

    /// What a device says when it is read now; `at` is the same moment on the controller's clock.
    pub(super) fn read(&mut self, device: DeviceIx, at: Mono) -> Option<Said> {
        match self.role(device) {
            Some(role) => self.meter(role, device, at),
            None => self.pdu(self.plant.group_of(device)?, at),
        }
    }

    fn role(&self, device: DeviceIx) -> Option<Role> {
        let named = [Some(self.site.poi.meter), self.site.hall.meter, self.site.house.meter];
        Role::ALL.into_iter().zip(named).find(|(_, named)| *named == Some(device)).map(|(role, _)| role)
    }

    fn meter(&mut self, role: Role, device: DeviceIx, at: Mono) -> Option<Said> {
        let target = role as usize;
        if self.on(Class::MeterSilent, target).is_some() {
            return None;
        }
        let no = |why| Some(Said { power: Reading::NoData(why), on: None });
        if self.on(Class::MeterNotANumber, target).is_some() {
            return no(NoData::NotAvailable);
        }
        if self.on(Class::MeterGarbled, target).is_some() {
            return no(NoData::NotUnderstood);
        }
        let shown = self.plant.shown(device);
        let part = |ppm: i64| shown.part(Share::from_ppm(ppm));
        let said = if self.on(Class::MeterFrozen, target).is_some() {
            self.said.get(target).copied().unwrap_or(shown)
        } else if let Some(fault) = self.on(Class::MeterDrifts, target) {
            let ms = i64::try_from(self.plant.at().since(fault.from).as_millis()).unwrap_or(0);
            shown + part(((fault.degree - 500_000) / 50_000 * ms).clamp(-200_000, 200_000))
        } else if let Some(fault) = self.on(Class::MeterSpikes, target) {
            shown + part(fault.degree)
        } else if let Some(fault) = self.on(Class::MeterDips, target) {
            part(fault.degree / 2)
        } else {
            shown
        };
        self.said.iter_mut().skip(target).take(1).for_each(|last| *last = said);
        Some(metered(said, at))
    }

    fn is_gone(&self, group: GroupIx) -> bool {
        self.on(Class::PduLost, group).is_some() || self.on(Class::PduDark, group).is_some()
    }

    fn pdu(&mut self, group: GroupIx, at: Mono) -> Option<Said> {
        if self.is_gone(group) {
            return None;
        }
        let measured: Power = self.plant.shown_outlets(group).iter().copied().sum();
        let power = self.frozen_outlets.get(group).copied().flatten().unwrap_or(measured);
        // A welded outlet shows the position of its relay's coil.
        let on = self.outlets.get(group).map(|outlets| outlets.commanded | outlets.own_will);
        Some(Said { power: Reading::Known(power, at), on })
    }

    /// A command arrives at a PDU: what shall be on, of these units; `at` is now on the controller's clock.
    pub(super) fn write(&mut self, group: GroupIx, told: (u64, u64), now: Mono, at: Mono) -> Wrote {
        if self.is_gone(group) {
            return Wrote::Nothing;
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
