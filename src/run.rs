//! The loop: the only place where pure and I/O meet.
//!
//! One thread of its own wakes on a fresh sample of the hall's meter or at its period, takes one consistent picture of
//! what every connection has seen ([`sight`]), decides, hands each connection its command, records the tick, and measures
//! itself ([`stages`]). It never waits for a disk, a device, a page or the async runtime. It ends on a ramp.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::devices::wire::tls::Client;
use crate::devices::{Credentials, Profile};
use crate::journal::{Journal, Summary};
use crate::plan::{Cause, Condition, Plan};
use crate::plant::Score;
use crate::site::Site;
use crate::snapshot::{NoData, Orders, PriceSeen, Reading, Snapshot};
use crate::time::{Clock, Mono, Now, Wall};
use crate::units::{Power, Price};
use crate::web::{Action, Actor, Hub};

mod again;
mod asked;
mod connected;
pub(crate) mod cycle;
mod kept;
mod panel;
pub(crate) mod past;
mod rates;
mod sight;
mod stages;
mod told;
mod waker;

pub use again::Again;
pub use kept::{Asked, Begun, Keeping, begin, last_good_site, learnt};
pub use stages::{Measured, Missed, Stage};

use asked::{Acted, Ordered};
use connected::Connected;
use cycle::Cycle;
use panel::Panel;
pub use rates::{ACCEPTED, Rates, SHORTEST_HASH};
use stages::Stages;
use waker::Waker;

/// The price in force at a moment, where one is known.
pub type Prices = Box<dyn FnMut(Mono) -> Option<Price> + Send>;

/// An emulated site that can be poked and knows the truth.
pub trait Emulated: Send {
    /// Does what a person asked for.
    fn act(&mut self, action: Action);
    /// What a person broke by hand.
    fn faults(&self) -> crate::web::Faults;
    /// The truth so far: over the whole run, and after its start-up.
    fn score(&self) -> (Score, Option<Score>);
}

/// All that a run needs.
pub struct Setup {
    /// The site.
    pub site: Site,
    /// The register map of each device, in the order of the site.
    pub profiles: Vec<Arc<Profile>>,
    /// Who logs in to each device that asks, in the order of the site.
    pub credentials: Vec<Option<Credentials>>,
    /// Who logs in to the miners of each group that are told by their firmware; the maker's own where nothing is said.
    pub miner_credentials: Vec<Option<Credentials>>,
    /// What each device that is spoken to by TLS is shown and must prove, in the order of the site.
    pub clients: Vec<Option<Client>>,
    /// Where the async connections live.
    pub runtime: Handle,
    /// Journal, memory and clock, as [`begin`] found them.
    pub begun: Begun,
    /// The price.
    pub prices: Prices,
    /// Where the view goes.
    pub hub: Hub,
    /// Where a person's wishes come from.
    pub actions: Receiver<(Action, Actor)>,
    /// The emulated site, where it is one.
    pub emulated: Option<Box<dyn Emulated>>,
    /// A remark for the screen.
    pub note: String,
    /// Decide and journal, but command nothing.
    pub shadow: bool,
    /// End in order after this time.
    pub ends: Option<Duration>,
    /// Set from outside to end in order.
    pub stop: Arc<AtomicBool>,
}

/// How a run ended.
pub struct Ended {
    /// Ticks decided.
    pub ticks: u64,
    /// Every stage, measured.
    pub stages: Vec<Measured>,
    /// The journal.
    pub journal: Summary,
    /// Its folder.
    pub folder: PathBuf,
    /// The truth of an emulated site: over the whole run, and from its start-up to the moment it began to end.
    pub score: Option<(Score, Option<Score>)>,
    /// What the miners still counted as when the loop ended; nothing where all are proved off.
    pub left: Power,
    /// Ticks that came later than twice the period.
    pub late_ticks: u64,
    /// How long each rule was the one that bound.
    pub bound: BTreeMap<Cause, Duration>,
}

/// Starts the loop on a thread of its own.
///
/// # Errors
/// Where the system gives no thread.
pub fn start(setup: Setup) -> std::io::Result<JoinHandle<Ended>> {
    if let Some(rates) = &setup.begun.rates {
        rates.watch(&setup.begun.folder)?;
    }
    std::thread::Builder::new().name("loop".into()).spawn(move || Loop::new(setup).run())
}

/// Two ticks are at least this part of a period apart: a meter that shows a new value at every read does not make the loop
/// spin, and a fresh sample waits no longer than that.
const REST: u32 = 10;
/// How often the view is made.
const VIEW_EVERY: Duration = Duration::from_millis(200);
/// How often what must be remembered is stored, where it changed.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// A wall clock that jumps less than this is read late, not set.
const WALL_JITTER_US: i64 = 20_000;

struct Loop {
    cycle: Cycle,
    connected: Connected,
    stages: Stages,
    panel: Panel,
    waker: Arc<Waker>,
    journal: Journal,
    kept: kept::Keeping,
    rates: Option<Rates>,
    offset_us: i64,
    late_ticks: u64,
    bound: BTreeMap<Cause, Duration>,
    began: Mono,
    before_drain: Option<Score>,
    clock: Clock,
    folder: PathBuf,
    prices: Prices,
    actions: Receiver<(Action, Actor)>,
    emulated: Option<Box<dyn Emulated>>,
    hub: Hub,
    ends: Option<Duration>,
    stop: Arc<AtomicBool>,
}

impl Loop {
    fn new(setup: Setup) -> Self {
        let clock = setup.begun.clock;
        let waker = Arc::new(Waker::default());
        let connected = Connected::to(&setup, &waker, clock);
        let now = clock.now();
        Self {
            stages: Stages::new(setup.site.budgets.clone()),
            panel: Panel::new(&setup.site, sight::house_lasts(&setup), setup.note, setup.emulated.is_some()),
            cycle: Cycle::new(setup.site, setup.begun.memory, setup.begun.orders, now.mono, setup.shadow),
            connected,
            waker,
            journal: setup.begun.journal,
            kept: setup.begun.keeping,
            rates: setup.begun.rates,
            offset_us: offset(now),
            late_ticks: 0,
            bound: BTreeMap::new(),
            began: now.mono,
            before_drain: None,
            clock,
            folder: setup.begun.folder,
            prices: setup.prices,
            actions: setup.actions,
            emulated: setup.emulated,
            hub: setup.hub,
            ends: setup.ends,
            stop: setup.stop,
        }
    }

    fn run(mut self) -> Ended {
        let period = self.cycle.standing.site.tick.period;
        let rest = period / REST;
        let (mut last, mut viewed, mut kept) = (self.clock.mono(), Mono::START, Mono::START);
        loop {
            let woken = self.waker.wait(&self.clock, last.after(rest), last.after(period));
            if woken.is_some() && !self.cycle.sight.is_news(&self.connected) && self.clock.mono().since(last) < period {
                continue;
            }
            let now = self.now();
            self.late_ticks += u64::from(self.cycle.tick > 0 && now.mono.since(last) > period * 2);
            let passed = now.mono.since(last);
            last = now.mono;
            self.hear(now);
            let (snapshot, plan) = self.decide(now, woken.unwrap_or(now.mono));
            *self.bound.entry(plan.cause).or_default() += passed;
            if now.mono.since(viewed) >= VIEW_EVERY {
                viewed = now.mono;
                self.show(&snapshot, &plan);
            }
            if now.mono.since(kept) >= KEEP_EVERY {
                kept = now.mono;
                self.kept.keep(&self.cycle.standing.site, &self.cycle.memory, now);
            }
            if self.cycle.is_over(now.mono, &plan) {
                self.show(&snapshot, &plan);
                return self.end(&plan);
            }
        }
    }

    /// Both clocks; the offset between them moves only when the wall clock was really set.
    fn now(&mut self) -> Now {
        let now = self.clock.now();
        let offset = offset(now);
        if (offset - self.offset_us).abs() >= WALL_JITTER_US {
            self.offset_us = offset;
        }
        let mono = i64::try_from(now.mono.micros()).unwrap_or(i64::MAX);
        Now { mono: now.mono, wall: Wall::from_micros(mono.saturating_add(self.offset_us)) }
    }

    /// Takes what people want. Each order is a record: who asked for what.
    fn hear(&mut self, now: Now) {
        let over = self.ends.is_some_and(|ends| now.mono.since(self.began) >= ends);
        for (asked, by) in [(self.stop.load(Ordering::Relaxed), Actor::Signal), (over, Actor::Schedule)] {
            self.order(now, by, |orders| orders.drain |= asked);
        }
        while let Ok((action, by)) = self.actions.try_recv() {
            match action {
                Action::Cap(cap) => self.order(now, by, |orders| orders.cap = cap),
                Action::EStop(e_stop) => self.order(now, by, |orders| orders.e_stop = e_stop),
                Action::Lock(names) => self.order(now, by, |orders| orders.locked.extend(names)),
                Action::Unlock(names) => {
                    self.order(now, by, |orders| orders.locked.retain(|name| !names.contains(name)));
                }
                Action::Open(names) => self.order(now, by, |orders| orders.open.extend(names)),
                Action::Close(names) => {
                    self.order(now, by, |orders| orders.open.retain(|name| !names.contains(name)));
                }
                Action::Accept(hash) => {
                    if let Some(rates) = &mut self.rates {
                        rates.accept(&hash, by, now.wall);
                    }
                }
                Action::Quit => self.order(now, by, |orders| orders.drain = true),
                Action::HallJump | Action::UnplugMeter(_) | Action::UnplugPdu(_) => {
                    if let Some(emulated) = &mut self.emulated {
                        emulated.act(action.clone());
                        let _ = self.journal.note(now.wall, "demo.act", None, &Acted { action, actor: by });
                    }
                }
            }
        }
        if self.cycle.heed_drain(now.mono) {
            self.before_drain = self.emulated.as_ref().and_then(|emulated| emulated.score().1);
        }
    }

    /// Orders that differ from those in force: a record, and remembered over a restart.
    fn order(&mut self, now: Now, actor: Actor, change: impl FnOnce(&mut Orders)) {
        let mut orders = self.cycle.orders.clone();
        change(&mut orders);
        if self.cycle.order(orders) {
            let orders = &self.cycle.orders;
            self.kept.ordered(orders);
            let _ = self.journal.note(now.wall, "orders", None, &Ordered { orders, actor });
        }
    }

    /// One tick: look, decide, command, record, measure.
    fn decide(&mut self, now: Now, sample: Mono) -> (Snapshot, Plan) {
        let price = (self.prices)(now.mono).map(|price| PriceSeen { price, at: now.mono });
        let lowering = self.cycle.lowering();
        let terms = self.rates.as_mut().and_then(|rates| rates.terms(now, price));
        let known = Snapshot { now, price, terms, durable: self.journal.durable(), ..Snapshot::default() };
        let snapshot = self.cycle.look(&self.connected, known);
        let before = self.clock.mono();
        let plan = self.cycle.decide(&snapshot);
        let decided = self.clock.mono();
        let changed = self.cycle.command(&plan, &mut self.connected);
        if let Some(condition) = plan.stand.presses_e_stop() {
            let by = if condition == Condition::RelayTripped { Actor::Relay } else { Actor::Failsafe };
            self.order(now, by, |orders| orders.e_stop = true);
        }
        if let Some(open) = self.cycle.keeps_open(&plan) {
            self.order(now, Actor::Failsafe, |orders| *orders = open);
        }
        let _ = self.journal.tick(&snapshot, &plan, || self.cycle.memory_json());
        self.panel.events(&plan, &self.cycle.standing.site, now.wall);
        self.settle(&snapshot);
        self.measure(&snapshot, decided.since(before), sample, &lowering, changed);
        (snapshot, plan)
    }

    /// What was drawn goes to the account with the supplier, and what became of the tariff file into the journal.
    fn settle(&mut self, snapshot: &Snapshot) {
        let Some(rates) = &mut self.rates else { return };
        let windows = &self.cycle.memory.billing.windows;
        let closed = windows.iter().filter_map(|window| window.closed.map(|(from, power)| (window.line, from, power)));
        let site = &self.cycle.standing.site;
        let load = |reading: Reading, nameplate: Power| match reading {
            Reading::Known(power, _) => Some(power.or_zero()),
            Reading::NoData(NoData::NoMeter) => Some(nameplate),
            Reading::NoData(_) => None,
        };
        let firm = load(snapshot.hall, site.hall.nameplate).zip(load(snapshot.house, site.house.nameplate));
        let firm = firm.map(|(hall, house)| hall + house);
        let (told, keep) = rates.turn(snapshot, closed, firm);
        if keep.text {
            let (name, text) = rates.in_force();
            let _ = self.journal.file(snapshot.now.wall, "tariff", &name, text.text.as_bytes());
        }
        self.kept.rates(rates, keep);
        for told in told {
            let _ = self.journal.note(snapshot.now.wall, told.kind, self.journal.tick_record(), &told.fields);
            self.panel.tell(snapshot.now.wall, told.severity, told.text);
        }
    }

    fn measure(&mut self, snapshot: &Snapshot, took: Duration, sample: Mono, lowering: &[bool], changed: Vec<usize>) {
        let now = snapshot.now;
        let mut missed = Vec::new();
        if let Some((_, at)) = snapshot.hall.known().or(snapshot.poi.known()) {
            // A lost meter is an event of its own: its growing age says nothing about the loop.
            let age = now.mono.since(at);
            missed.extend(
                (age <= self.cycle.standing.site.ages.meter).then(|| self.stages.take(Stage::Sense, age)).flatten(),
            );
        }
        missed.extend(self.stages.take(Stage::Decide, took));
        self.cycle.sight.told(sample, now.mono, changed);
        let proved = |ix: usize| self.cycle.memory.groups.get(ix).is_some_and(|group| group.lowering.is_none());
        let proved: Vec<usize> =
            lowering.iter().enumerate().filter(|(ix, was)| **was && proved(*ix)).map(|(ix, _)| ix).collect();
        for (stage, took) in self.cycle.sight.timed(now.mono, &proved) {
            missed.extend(self.stages.take(stage, took));
        }
        for missed in missed {
            if self.panel.missed(missed, now) {
                let _ = self.journal.note(now.wall, "budget.missed", None, &missed);
            }
        }
    }

    fn show(&mut self, snapshot: &Snapshot, plan: &Plan) {
        let (score, faults) = match &self.emulated {
            Some(emulated) => (Some(emulated.score()), emulated.faults()),
            None => (None, crate::web::Faults::default()),
        };
        let health = self.journal.health();
        let seen = panel::Seen {
            snapshot,
            plan,
            memory: &self.cycle.memory,
            stages: self.stages.measured(),
            score,
            faults,
            health,
            rates: self.rates.as_ref(),
        };
        let view = self.panel.view(&self.cycle.standing, seen);
        self.hub.publish(view);
    }

    fn end(mut self, plan: &Plan) -> Ended {
        let now = self.now();
        self.kept.keep(&self.cycle.standing.site, &self.cycle.memory, now);
        self.kept.close();
        Ended {
            ticks: self.cycle.tick,
            stages: self.stages.measured(),
            journal: self.journal.close(now.wall),
            folder: self.folder,
            score: self.emulated.as_ref().map(|emulated| (emulated.score().0, self.before_drain)),
            left: self.cycle.left(plan),
            late_ticks: self.late_ticks,
            bound: self.bound,
        }
    }
}

fn offset(now: Now) -> i64 {
    now.wall.micros().saturating_sub(i64::try_from(now.mono.micros()).unwrap_or(i64::MAX))
}
