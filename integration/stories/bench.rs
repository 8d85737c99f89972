//! A test site that obeys: every command is carried out at the last moment its declared response allows. What the decision
//! promises must hold on it.

use std::time::Duration;

use ballast::decide::{Memory, Standing, decide};
use ballast::plan::Plan;
use ballast::site::Site;
use ballast::snapshot::{GroupSeen, Link, MinersSeen, NoData, Orders, PriceSeen, Reading, RelaySeen, Snapshot, Terms};
use ballast::time::{Mono, Now, Wall};
use ballast::units::{Power, Price, Share};

mod feeding;
mod sites;

pub use feeding::Feeding;
pub use sites::{group, kw, ms, site, sleeper, two_levels};

/// One group of the obedient site.
#[derive(Clone, Debug, Default)]
struct Miners {
    /// What it has on, as the device reports it.
    on: u64,
    /// Units on their way off, and when their power is gone.
    going: Vec<(u64, Mono)>,
    written: Option<(u64, Mono)>,
    /// Units without power, where there is firmware; `on` are then those that mine.
    cut: u64,
    /// What the firmware answered for.
    answered: Option<(u64, Mono)>,
    /// Units at low power, as they are told.
    low: u64,
}

/// A site, its controller and the world as both see it.
pub struct Bench {
    pub standing: Standing,
    pub memory: Memory,
    pub plan: Plan,
    pub now: Mono,
    pub tick: u64,
    /// The hall; nothing where its meter is lost.
    pub hall: Option<Power>,
    /// What the hall really draws, seen or not.
    pub hall_truth: Power,
    pub age: Duration,
    pub poi_lost: bool,
    /// How old the POI's reading is; as old as the hall's where nothing is said.
    pub poi_age: Option<Duration>,
    pub price: Option<Price>,
    pub terms: Option<Terms>,
    pub orders: Orders,
    pub relay: Option<RelaySeen>,
    pub links: Vec<Link>,
    /// Groups whose device answers and does nothing.
    pub liars: Vec<bool>,
    /// Units that a group has on by itself, whatever it is told: somebody switched its PDU to local.
    pub local: Vec<u64>,
    /// Groups whose device does not say which units it has on.
    pub mute: Vec<bool>,
    /// What a unit of the group draws, in parts per million of its nameplate.
    pub draw: Vec<Share>,
    /// Units that answer when they are told to sleep, and mine on: these say so in what they report.
    pub sleepless: Vec<u64>,
    /// These report that they sleep.
    pub two_faced: Vec<u64>,
    /// Units that take no power target: they run in full.
    pub restless: Vec<u64>,
    /// Units whose firmware does not answer at all.
    pub deaf: Vec<u64>,
    /// How much older a device's watts are than its word on what it has on.
    pub watts_age: Duration,
    /// Ticks by which the journal lags.
    pub journal_lag: u64,
    /// The contactors of the feeders that have one.
    pub feeding: Vec<Feeding>,
    /// PDUs live on the power of their feeder.
    pub pdus_go_dark: bool,
    miners: Vec<Miners>,
}

impl Bench {
    pub fn new(site: Site) -> Self {
        let count = site.groups.len();
        Self {
            memory: Memory::new(&site),
            feeding: vec![Feeding::default(); site.contactors().count()],
            pdus_go_dark: false,
            standing: Standing::new(site),
            plan: Plan::default(),
            now: Mono::from_millis(1_000_000),
            tick: 0,
            hall: Some(Power::ZERO),
            hall_truth: Power::ZERO,
            age: Duration::ZERO,
            poi_lost: false,
            poi_age: None,
            price: None,
            terms: None,
            orders: Orders::default(),
            relay: None,
            links: vec![Link::Up; count],
            liars: vec![false; count],
            local: vec![0; count],
            mute: vec![false; count],
            draw: vec![Share::from_ppm(1_000_000); count],
            sleepless: vec![0; count],
            two_faced: vec![0; count],
            restless: vec![0; count],
            deaf: vec![0; count],
            watts_age: ms(0),
            journal_lag: 0,
            miners: vec![Miners::default(); count],
        }
    }

    /// Everything is on already, as after a restart of the controller.
    pub fn all_on(mut self) -> Self {
        for (miners, group) in self.miners.iter_mut().zip(&self.standing.site.groups) {
            miners.on = group.all_on();
        }
        self
    }

    pub fn set_hall(&mut self, power: Power) {
        self.hall = Some(power);
        self.hall_truth = power;
    }

    /// What the group draws at this moment.
    pub fn draws(&self, ix: usize) -> Power {
        if !self.is_fed(ix) {
            return Power::ZERO;
        }
        let miners = &self.miners[ix];
        let going = miners.going.iter().filter(|(_, gone)| *gone > self.now).fold(0, |set, (units, _)| set | units);
        let group = &self.standing.site.groups[ix];
        let on = (miners.on | going | self.local[ix]) & !miners.cut;
        let idle = group
            .firmware
            .as_ref()
            .map_or(Power::ZERO, |path| path.asleep * i64::from((group.all_on() & !on & !miners.cut).count_ones()));
        self.standing.groups[ix].power_at(on, miners.low & !self.restless[ix]).part(self.draw[ix]) + idle
    }

    /// The units without power.
    pub fn cut(&self, ix: usize) -> u64 {
        self.miners[ix].cut
    }

    /// What the firmware of a group's miners says.
    fn firmware(&self, ix: usize) -> Option<MinersSeen> {
        let (group, miners) = (&self.standing.site.groups[ix], &self.miners[ix]);
        group.firmware.as_ref()?;
        let reached = group.all_on() & !miners.cut & !self.deaf[ix];
        let mining = miners.on & reached & !self.two_faced[ix];
        Some(MinersSeen { asked: group.all_on(), reached, mining, written: miners.answered })
    }

    /// Carries out what a group is told whose miners have firmware.
    fn obey(&mut self, ix: usize, on: u64, cut: u64) {
        let group = &self.standing.site.groups[ix];
        let Some(path) = &group.firmware else { return };
        let stays = self.sleepless[ix] | self.two_faced[ix] | self.deaf[ix];
        let miners = &mut self.miners[ix];
        if miners.cut != cut {
            // What comes back has power first, and runs again by itself unless it was told to sleep.
            (miners.written, miners.cut) = (Some((group.all_on() & !cut, self.now)), cut);
        }
        if miners.answered.map(|(told, _)| told) != Some(on) && self.deaf[ix] == 0 {
            miners.answered = Some((on, self.now));
        }
        let off = miners.on & !on & !stays;
        miners.going.retain(|(_, gone)| *gone > self.now);
        if off & !cut != 0 {
            miners.going.push((off & !cut, self.now.after(path.response)));
        }
        miners.on = (miners.on & stays & !cut) | on;
    }

    pub fn miners(&self) -> Power {
        (0..self.miners.len()).map(|ix| self.draws(ix)).sum()
    }

    pub fn import(&self) -> Power {
        self.hall_truth + self.miners()
    }

    /// Everything of this group is off, by no command: its PDU was without power, or its permit lapsed.
    pub fn power_cut(&mut self, ix: usize) {
        self.miners[ix].on = 0;
        if self.standing.groups[ix].sleep.is_some() {
            self.miners[ix].cut = self.standing.groups[ix].all_on;
        }
    }

    /// All miners of this group sleep, with power.
    pub fn idle(&mut self, ix: usize) {
        self.miners[ix].on = 0;
    }

    pub fn told(&self, ix: usize) -> Power {
        self.standing.site.groups[ix].power_of(self.plan.commands[ix].on)
    }

    pub fn snapshot(&self) -> Snapshot {
        let at = self.now.before(self.age);
        let poi_at = self.now.before(self.poi_age.unwrap_or(self.age));
        let link = |ix: usize| if self.pdus_go_dark && !self.is_fed(ix) { Link::Silent } else { self.links[ix] };
        let seen = |ix: usize| GroupSeen {
            link: link(ix),
            power: Reading::Known(self.draws(ix), self.now.before(self.watts_age)),
            on: (!self.mute[ix]).then_some((self.outlets(ix) | self.local[ix], self.now)),
            written: self.miners[ix].written,
            miners: self.firmware(ix),
        };
        Snapshot {
            tick: self.tick,
            now: Now { mono: self.now, wall: Wall::from_micros(self.now.micros() as i64) },
            poi: if self.poi_lost { Reading::NoData(NoData::NoAnswer) } else { Reading::Known(self.import(), poi_at) },
            hall: self.hall.map_or(Reading::NoData(NoData::NoAnswer), |hall| Reading::Known(hall, at)),
            house: Reading::Known(Power::ZERO, self.now),
            price: self.price.map(|price| PriceSeen { price, at: self.now }),
            terms: self.terms.clone(),
            orders: self.orders.clone(),
            durable: self.tick.saturating_sub(1 + self.journal_lag),
            groups: (0..self.miners.len()).map(seen).collect(),
            relay: self.relay,
            contactors: self.contactors(),
        }
    }

    /// The outlets as the device reports them.
    fn outlets(&self, ix: usize) -> u64 {
        let (group, miners) = (&self.standing.site.groups[ix], &self.miners[ix]);
        if group.firmware.is_some() { group.all_on() & !miners.cut } else { miners.on }
    }

    /// One tick: decide, and carry out what was decided.
    pub fn step(&mut self) {
        self.tick += 1;
        let snapshot = self.snapshot();
        let (plan, memory) = decide(&self.standing, std::mem::take(&mut self.memory), &snapshot);
        self.memory = memory;
        for ix in 0..self.miners.len() {
            let (command, response) = (plan.commands[ix], self.standing.site.groups[ix].response());
            if self.pdus_go_dark && !self.is_fed(ix) {
                continue;
            }
            if self.links[ix] != Link::Up || self.memory.groups[ix].told.is_none() {
                continue;
            }
            if self.standing.groups[ix].sleep.is_some() {
                self.obey(ix, command.on, command.cut);
                // What goes off goes from the level that it had.
                self.miners[ix].low = command.low | self.miners[ix].low & !command.on;
                continue;
            }
            let miners = &mut self.miners[ix];
            // what is there already is renewed and not written again
            if miners.on != command.on {
                miners.written = Some((command.on, self.now));
            }
            if self.liars[ix] {
                continue;
            }
            let off = miners.on & !command.on;
            miners.going.retain(|(_, gone)| *gone > self.now);
            if off != 0 {
                miners.going.push((off, self.now.after(response)));
            }
            miners.on = command.on;
        }
        self.switch_feeders(&plan);
        self.plan = plan;
    }

    /// This much time passes.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        while self.now < end {
            self.step();
            self.now = self.now.after(ms(100));
        }
    }
}
