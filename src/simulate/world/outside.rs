//! Who speaks to the controller from outside: the operator with his orders, the market with its price. Both can fall silent,
//! repeat themselves, and talk nonsense.

use std::time::Duration;

use crate::plant::{PriceLoad, PriceMix};
use crate::simulate::fault::{Class, Fault};
use crate::site::Site;
use crate::snapshot::Orders;
use crate::time::Mono;
use crate::units::{Price, Share};

/// The most that a price can be.
const CAP_PRICE: i64 = 5_000;
/// Prices at which every miner earns: those at which none does are a fault of their own here.
const CALM_PRICES: PriceMix = PriceMix { negative: 40, tight: 0, scarce: 0 };
/// Numbers that are no prices, in micro-dollars.
const GARBAGE: [i64; 6] = [i64::MIN, i64::MAX, i64::MIN + 1, i64::MAX - 1, -1, 0];

/// How long an operator looks before he releases an e-stop that the fail-safe pressed.
const LOOKS_FOR: Duration = Duration::from_secs(5);

/// How long a feeder stays open before he closes it.
const CLOSES_AFTER: Duration = Duration::from_secs(20);

/// The operator.
#[derive(Default)]
pub(super) struct Operator {
    /// What he orders.
    pub(super) orders: Orders,
    /// What of it arrived at the controller last.
    pub(super) heard: Orders,
    /// What arrived before that.
    before: Orders,
    /// What he told last.
    said: Orders,
    flapped: u64,
    /// An old order is sent again, once.
    pub(super) replays: bool,
    /// How often something arrived that was not in force yet.
    pub(super) changes: u64,
    /// The fail-safe pressed e-stop, and he has not released it yet.
    pub(super) terminated: bool,
    /// When a feeder was last opened: he closes all of them a while later.
    opened_at: Mono,
    /// When a fault was last in force.
    troubled: Mono,
}

impl Operator {
    /// The fail-safe pressed e-stop.
    pub(super) fn terminated(&mut self) {
        self.terminated = true;
        [&mut self.orders, &mut self.said, &mut self.heard].into_iter().for_each(|orders| orders.e_stop = true);
    }

    /// He opens a feeder, for a while.
    pub(super) fn opens(&mut self, feeder: Option<String>, now: Mono) {
        self.orders.open.extend(feeder);
        self.opened_at = now;
    }

    /// The controller opened a feeder, or found it so.
    pub(super) fn opened(&mut self, feeder: String, now: Mono) {
        for orders in [&mut self.orders, &mut self.said, &mut self.heard] {
            orders.open.insert(feeder.clone());
        }
        self.opened_at = now;
    }

    /// He releases it when he has seen for a while that nothing is wrong any more.
    pub(super) fn releases(&mut self, now: Mono, faults: &[Fault]) {
        if !faults.is_empty() {
            self.troubled = now;
        }
        if self.terminated && now.since(self.troubled) >= LOOKS_FOR {
            (self.terminated, self.orders.e_stop) = (false, false);
        }
        if !self.orders.open.is_empty() && now.since(self.opened_at) >= CLOSES_AFTER && !self.orders.e_stop {
            self.orders.open.clear();
        }
    }

    /// Who flaps changes his mind every second.
    pub(super) fn flap(&mut self, site: &Site, now: Mono, faults: &[Fault]) {
        let flapping = faults.iter().find(|fault| fault.class == Class::Flapping);
        let second = now.micros() / 1_000_000;
        if let Some(fault) = flapping.filter(|_| second != self.flapped) {
            self.flapped = second;
            let degree = fault.degree.wrapping_mul(i64::try_from(second).unwrap_or(1)).rem_euclid(700_000);
            let cap = site.poi.import_limit.part(Share::from_ppm(300_000 + degree));
            self.orders.cap = (!second.is_multiple_of(3)).then_some(cap);
        }
    }

    /// What arrives at the controller now. He says an order once: when it is new, when he sees more in force than he ordered, or
    /// when the controller lost all that he had said. A network that repeats says it again and again, and an old one first.
    pub(super) fn tells(&mut self, in_force: Orders, forgot: bool, faults: &[Fault]) -> Option<Orders> {
        let is = |class| faults.iter().any(|fault| fault.class == class);
        if is(Class::OperatorLost) {
            return None;
        }
        let orders = self.orders.clone();
        let is_new = std::mem::replace(&mut self.said, orders.clone()) != orders;
        let cap_holds = orders.cap.is_none_or(|cap| in_force.cap.is_some_and(|held| held <= cap));
        let holds = in_force.e_stop >= orders.e_stop && in_force.open.is_superset(&orders.open) && cap_holds;
        let told = match (std::mem::take(&mut self.replays), is(Class::OrdersAgain)) {
            (true, _) => {
                self.said = self.before.clone();
                Some(self.before.clone())
            }
            (false, true) => Some(orders.clone()),
            (false, false) => (orders != in_force && (is_new || holds || forgot)).then(|| orders.clone()),
        };
        if told.is_none() && orders == in_force {
            // What he wants is what holds: there is nothing to say.
            self.heard = orders;
        }
        if let Some(told) = &told {
            self.changes += u64::from(*told != in_force);
            if *told != self.heard {
                self.before = std::mem::replace(&mut self.heard, told.clone());
            }
        }
        told
    }
}

/// The market.
pub(super) struct Market {
    prices: PriceLoad,
    last: Option<(Price, Mono)>,
}

impl Market {
    pub(super) fn new(seed: u64) -> Self {
        Self { prices: PriceLoad::generated(seed, CALM_PRICES, 30), last: None }
    }

    /// The price, and when it came.
    pub(super) fn price(&mut self, now: Mono, faults: &[Fault]) -> Option<(Price, Mono)> {
        let on = |class| faults.iter().find(|fault| fault.class == class);
        if on(Class::PriceLost).is_some() {
            return None;
        }
        if on(Class::PriceFrozen).is_none() {
            let dollars = |dollars: i64| Price::from_micro_usd_per_mwh(dollars.saturating_mul(1_000_000));
            let price = match (on(Class::PriceGarbage), on(Class::PriceNegative), on(Class::PriceSpikes)) {
                (Some(fault), _, _) => Some(Price::from_micro_usd_per_mwh(garbage(fault.degree))),
                (_, Some(_), _) => Some(dollars(-200)),
                (_, _, Some(_)) => Some(dollars(CAP_PRICE)),
                _ => self.prices.at(now),
            };
            self.last = price.map(|price| (price, now));
        }
        self.last
    }
}

fn garbage(degree: i64) -> i64 {
    let of = usize::try_from(degree).unwrap_or(0) % GARBAGE.len();
    GARBAGE.get(of).copied().unwrap_or(i64::MAX)
}
