//! The same decision on the plant in virtual time: hours in moments, one seed, no sockets.
//!
//! The plant is seen as the wire would show it: meters with their own refresh and error, outlets and watts of a PDU a moment
//! late. What the decision tells the groups is switched in the plant, and the score is taken from the plant's truth.

pub mod blame;
mod disk;
pub mod episode;
pub mod fault;
mod fleet;
mod host;
pub mod hunt;
pub mod kept;
mod link;
pub mod oracle;
mod promise;
mod promises;
pub mod reached;
mod schedule;
pub mod shrink;
pub mod swarm;
pub mod together;
mod trouble;
mod world;

use std::time::Duration;

use crate::decide::{Memory, Standing, decide};
use crate::plan::{Event, Plan};
use crate::plant::{Plant, PriceLoad, Score};
use crate::site::{DeviceIx, Site};
use crate::snapshot::{GroupSeen, Link, MinersSeen, NoData, Orders, PriceSeen, Reading, Snapshot};
use crate::time::{Mono, Now, Wall};
use crate::units::Power;

/// The controller's clock starts this far on, so that dwell from before the start has passed.
const BASE: Mono = Mono::from_millis(3_600_000);
/// From a decision to the device's answer, on a local network.
const WIRE: Duration = Duration::from_millis(10);

/// What is simulated.
pub struct Scenario {
    /// The site with its hall and miners.
    pub plant: Plant,
    /// The price; none where the site has no feed.
    pub prices: Option<PriceLoad>,
    /// How long.
    pub span: Duration,
    /// What is not scored at the start: the restore ramp.
    pub start_up: Duration,
    /// How old a meter's value can be when it is read, by device: its refresh time.
    pub refresh: Vec<Duration>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The score over the whole span.
    pub whole: Score,
    /// The score after the start-up, where the span is longer than that.
    pub after: Option<Score>,
    /// How many ticks were decided.
    pub ticks: u64,
    /// How many events were told.
    pub events: u64,
    /// How often load was shed for a limit.
    pub sheds: u64,
}

/// Runs a site in virtual time. `each` sees every tick.
pub fn simulate(site: &Site, scenario: Scenario, mut each: impl FnMut(&Snapshot, &Plan)) -> Outcome {
    let standing = Standing::new(site.clone());
    let mut world =
        World { site, plant: scenario.plant, prices: scenario.prices, refresh: scenario.refresh, written: vec![] };
    world.written = vec![None; site.groups.len()];
    world.plant.score_from(Mono::START.after(scenario.start_up));
    let (mut memory, mut outcome, mut now) = (Memory::new(site), Outcome::default(), BASE);
    let end = BASE.after(scenario.span);
    while now < end {
        outcome.ticks += 1;
        let snapshot = world.snapshot(outcome.ticks, now);
        let (plan, kept) = decide(&standing, memory, &snapshot);
        memory = kept;
        world.obey(&plan, now);
        outcome.events += plan.events.len() as u64;
        outcome.sheds += plan.events.iter().filter(|event| matches!(event, Event::Shed { .. })).count() as u64;
        each(&snapshot, &plan);
        now = now.after(site.tick.period);
    }
    outcome.whole = world.plant.score();
    outcome.after = world.plant.scored();
    outcome
}

struct World<'a> {
    site: &'a Site,
    plant: Plant,
    prices: Option<PriceLoad>,
    refresh: Vec<Duration>,
    written: Vec<Option<(u64, Mono)>>,
}

impl World<'_> {
    /// What the wire shows at this moment.
    fn snapshot(&mut self, tick: u64, now: Mono) -> Snapshot {
        let elapsed = Mono::START.after(now.since(BASE));
        self.plant.advance(elapsed);
        let price = self.prices.as_mut().and_then(|prices| prices.at(elapsed));
        let wall = Wall::from_micros(i64::try_from(now.micros()).unwrap_or(i64::MAX));
        Snapshot {
            tick,
            now: Now { mono: now, wall },
            poi: self.meter(Some(self.site.poi.meter), now),
            hall: self.meter(self.site.hall.meter, now),
            house: self.meter(self.site.house.meter, now),
            relay: None,
            contactors: Vec::new(),
            price: price.map(|price| PriceSeen { price, at: now }),
            terms: None,
            orders: Orders::default(),
            durable: tick.saturating_sub(1),
            groups: (0..self.site.groups.len()).map(|ix| self.group(ix, now)).collect(),
        }
    }

    fn meter(&self, device: Option<DeviceIx>, now: Mono) -> Reading {
        device.map_or(Reading::NoData(NoData::NoMeter), |device| {
            Reading::Known(self.plant.shown(device), now.before(self.refreshed(device)))
        })
    }

    fn refreshed(&self, device: DeviceIx) -> Duration {
        self.refresh.get(device).copied().unwrap_or_default()
    }

    fn group(&self, ix: usize, now: Mono) -> GroupSeen {
        let device = self.site.groups.get(ix).and_then(|group| group.paths.first()).map(|path| path.device);
        let age = device.map_or(Duration::ZERO, |device| self.refreshed(device));
        let power: Power = self.plant.shown_outlets(ix).iter().copied().sum();
        GroupSeen {
            link: Link::Up,
            power: Reading::Known(power, now.before(age)),
            on: Some((self.plant.outlets(ix), now)),
            written: self.written.get(ix).copied().flatten(),
            miners: self.miners(ix),
        }
    }

    /// What the firmware of a group's miners says, where it is asked: the truth.
    fn miners(&self, ix: usize) -> Option<MinersSeen> {
        let group = self.site.groups.get(ix)?;
        group.firmware.as_ref()?;
        let mut seen = MinersSeen { asked: group.all_on(), ..MinersSeen::default() };
        for unit in 0..usize::try_from(group.units).unwrap_or(0) {
            let (miner, bit) = (self.plant.miner(ix, unit)?, 1_u64 << (unit & 63));
            seen.reached |= if miner.phase.answers() { bit } else { 0 };
            seen.mining |= if miner.phase.answers() && !miner.asleep { bit } else { 0 };
        }
        Some(seen)
    }

    /// Switches what was told, and answers a moment later.
    fn obey(&mut self, plan: &Plan, now: Mono) {
        for (ix, (command, group)) in plan.commands.iter().zip(&self.site.groups).enumerate() {
            let outlets = if group.firmware.is_some() { group.all_on() & !command.cut } else { command.on };
            if self.plant.outlets(ix) != outlets {
                self.plant.switch(ix, outlets);
                if let Some(written) = self.written.get_mut(ix) {
                    *written = Some((outlets, now.after(WIRE)));
                }
            }
            if group.firmware.is_some() {
                let units = 0..usize::try_from(group.units).unwrap_or(0);
                units.for_each(|unit| self.plant.sleep(ix, unit, command.on >> (unit & 63) & 1 == 0));
            }
        }
    }
}
