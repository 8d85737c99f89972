//! The journal from outside: what it promises about disks that fail, files that are changed, and decisions made again.

use std::path::Path;
use std::time::Duration;

use ballast::journal::{Beginning, Boot, Decider, FileSeen, Journal};
use ballast::plan::{Bound, Cause, Command, Event, Plan, Scope};
use ballast::snapshot::{GroupSeen, Link, Orders, PriceSeen, Reading, Snapshot};
use ballast::time::{Clock, Mono, Now, Wall};
use ballast::units::{Power, Price};
use serde::{Deserialize, Serialize};

mod fold;
mod kill;
mod orders;
mod python;
mod replay;
mod size;
mod store;
mod tamper;

/// 2026-11-22T05:00:00Z.
const START: i64 = 1_795_323_600_000_000;
/// What the made-up site file says.
const SITE: &[u8] = b"limit_w = 4000000\n";

/// The moment this long after the start.
fn moment(micros: u64) -> Now {
    Now { mono: Mono::from_micros(micros), wall: Wall::from_micros(START + i64::try_from(micros).unwrap()) }
}

/// A made-up site: 60 groups polled once a second, meters read every 50 ms with noise, and no chance but the seed.
struct Story {
    seed: u64,
    snapshot: Snapshot,
}

impl Story {
    fn new(seed: u64) -> Self {
        let groups = vec![GroupSeen::default(); 60];
        Self { seed, snapshot: Snapshot { groups, ..Snapshot::default() } }
    }

    fn names() -> Vec<String> {
        (1..=60).map(|number| format!("north-{number:02}")).collect()
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % bound
    }

    fn watts(&mut self, base: i64, noise: u64) -> Power {
        Power::from_watts(base + i64::try_from(self.below(noise)).unwrap())
    }

    /// The next tick, 100 ms later. A sweep of a PDU reads power and outlets together; times are whole milliseconds.
    fn tick(&mut self) -> Snapshot {
        let tick = self.snapshot.tick + 1;
        let now = moment(1_000_000 + tick * 100_000 + self.below(700));
        let age = Duration::from_millis(20 + self.below(30));
        let at = Mono::from_millis(now.mono.before(age).micros() / 1_000);
        let hall = self.watts(2_100_000, 90_000);
        let groups = self.snapshot.groups.len();
        let mut next = self.snapshot.clone();
        (next.tick, next.now, next.durable) = (tick, now, tick.saturating_sub(2));
        next.hall = Reading::Known(hall, at);
        next.poi = Reading::Known(hall + Power::from_watts(1_500_000), at);
        if tick % 5 == 1 {
            next.house = Reading::Known(self.watts(38_000, 500), at);
        }
        if tick % 3_000 == 1 {
            let price = Price::from_micro_usd_per_mwh(31_000_000 + i64::try_from(tick).unwrap());
            next.price = Some(PriceSeen { price, at });
        }
        next.orders = Orders { cap: (tick % 700 > 600).then_some(Power::from_kilowatts(3_000)), ..Orders::default() };
        let due = usize::try_from(tick % 10).unwrap();
        for index in (0..groups).filter(|index| index % 10 == due) {
            let power = Reading::Known(self.watts(27_900, 120), at);
            next.groups[index] = GroupSeen {
                link: Link::Up,
                power,
                on: Some((255, at)),
                written: next.groups[index].written,
                miners: None,
            };
        }
        self.snapshot = next.clone();
        next
    }
}

/// A decision with a memory, simple enough to be looked through: fills what the hall's highest value leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Filler {
    limit: i64,
    highest: i64,
    cause: Cause,
    /// Makes every plan after this tick wrong, for tests of what a replay sees.
    #[serde(skip)]
    wrong_after: Option<u64>,
}

impl Filler {
    fn plan(&mut self, snapshot: &Snapshot) -> Plan {
        let hall = snapshot.hall.known().map_or(2_800_000, |(power, _)| power.watts());
        let faded = if snapshot.tick.is_multiple_of(20) { self.highest / 500 } else { 0 };
        self.highest = (self.highest - faded).max(hall);
        let free = (self.limit - self.highest).max(0) / 1_000 * 1_000;
        let cap = snapshot.orders.cap.map(|cap| (cap.watts() - hall).max(0) / 1_000 * 1_000);
        let cause = if cap.is_some() { Cause::OperatorCap } else { Cause::ImportLimit };
        let mut ceiling = Power::from_watts(cap.unwrap_or(free).min(free));
        if self.wrong_after.is_some_and(|tick| snapshot.tick > tick) {
            ceiling += Power::from_watts(1);
        }
        let lapses = snapshot.now.mono.after(Duration::from_secs(2));
        let may_run = usize::try_from(ceiling.watts() / 28_000).unwrap();
        let command = |index| Command { on: if index < may_run { 255 } else { 0 }, cut: 0, low: 0, lapses };
        let mut events = Vec::new();
        if cause != self.cause {
            events.push(Event::ModeChange { from: self.cause, to: cause, ceiling_w: ceiling });
            events.push(Event::NotFollowing { group: 3, expect_w: Power::ZERO, counted_w: Power::from_kilowatts(28) });
            self.cause = cause;
        }
        Plan {
            ceiling,
            floor: Power::ZERO,
            cause,
            limits: vec![
                Bound { scope: Scope::Site, at_most: ceiling, cause },
                Bound { scope: Scope::Feeder(1), at_most: Power::from_kilowatts(720), cause: Cause::FeederRating },
            ],
            commands: (0..snapshot.groups.len()).map(command).collect(),
            events,
            counted: Power::from_kilowatts(28) * i64::try_from(may_run.min(60)).unwrap(),
            ..Plan::default()
        }
    }
}

impl Decider for Filler {
    fn boot(&mut self) {
        *self = Self { wrong_after: self.wrong_after, ..Self::default() };
    }

    fn file(&mut self, file: &FileSeen, bytes: &[u8]) -> Result<(), String> {
        assert_eq!((file.role.as_str(), bytes), ("site", SITE));
        self.limit = 4_000_000;
        Ok(())
    }

    fn restore(&mut self, memory: &str) -> Result<(), String> {
        let wrong_after = self.wrong_after;
        *self = serde_json::from_str(memory).map_err(|error| error.to_string())?;
        self.wrong_after = wrong_after;
        Ok(())
    }

    fn decide(&mut self, snapshot: &Snapshot) -> Plan {
        self.plan(snapshot)
    }

    fn memory_json(&self) -> String {
        serde_json::to_string(self).unwrap()
    }
}

/// A controller with a journal in this folder, just started.
struct Run {
    journal: Journal,
    story: Story,
    filler: Filler,
}

impl Run {
    fn start(dir: &Path, seed: u64) -> Self {
        let mut journal = Journal::open(dir, "example.com/site-1/audit", Clock::start()).unwrap();
        let filler = Filler { limit: 4_000_000, ..Filler::default() };
        let boot = Boot { boot: format!("run-{seed}"), version: "0.1.0".into(), reason: "test".into() };
        let _ = journal.begin(
            moment(0),
            &Beginning {
                boot: &boot,
                files: &[("site", "demo.toml", SITE)],
                groups: &Story::names(),
                memory: &filler.memory_json(),
            },
        );
        Self { journal, story: Story::new(seed), filler }
    }

    /// So many ticks, each decided and recorded, with an order now and then.
    fn ticks(&mut self, count: u64) {
        for _ in 0..count {
            let snapshot = self.story.tick();
            let plan = self.filler.plan(&snapshot);
            if snapshot.tick.is_multiple_of(50) {
                let _ = self.journal.note(snapshot.now.wall, "orders", None, &snapshot.orders);
                assert!(self.journal.flush());
            }
            let fate = self.journal.tick(&snapshot, &plan, || self.filler.memory_json());
            assert_eq!(fate, ballast::journal::Fate::Taken);
        }
    }

    fn close(self) -> ballast::journal::Summary {
        let wall = self.story.snapshot.now.wall;
        self.journal.close(wall)
    }
}

/// All segments as one file, as an export holds them.
fn whole_text(dir: &Path) -> Vec<u8> {
    segments(dir).iter().flat_map(|path| std::fs::read(path).unwrap()).collect()
}

fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    all.sort();
    all
}
