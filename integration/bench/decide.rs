//! The decision alone, for sites of 20, 200 and 2,000 groups of eight units: allocations, and time with caches as a tick finds
//! them that comes after a hundred milliseconds of other work.

use ballast::decide::{Memory, Standing, decide};
use ballast::site::file::load;
use ballast::snapshot::{GroupSeen, Link, Peak, Reading, Snapshot, Terms};
use ballast::time::{Mono, Now, Wall};
use ballast::units::{Power, Price, Slew};
use divan::{Bencher, black_box};

use crate::site;

const SIZES: [usize; 3] = [20, 200, 2_000];
/// The hall beside which all miners fit, in parts of a hundred of its nameplate.
const LOW: i64 = 25;
/// About one group.
const BATCH: Power = Power::from_watts(28_000);

/// Nothing changes.
#[divan::bench(args = SIZES)]
fn quiet(bencher: Bencher<'_, '_>, groups: usize) {
    let mut site = Site::running(groups);
    site.pass(LOW);
    site.measure(bencher, LOW);
}

/// The same under a tariff: a price with three cliffs, and two windows of demand.
#[divan::bench(args = SIZES)]
fn quiet_under_a_tariff(bencher: Bencher<'_, '_>, groups: usize) {
    let mut site = Site::running(groups);
    site.tariff = true;
    site.pass(LOW);
    site.measure(bencher, LOW);
}

/// The hall takes a tenth of the miners' power in one step.
#[divan::bench(args = SIZES)]
fn sheds_a_tenth(bencher: Bencher<'_, '_>, groups: usize) {
    let mut site = Site::running(groups);
    site.pass(LOW);
    site.measure(bencher, 55);
}

/// The hall takes all of it.
#[divan::bench(args = SIZES)]
fn sheds_all(bencher: Bencher<'_, '_>, groups: usize) {
    let mut site = Site::running(groups);
    site.pass(LOW);
    site.measure(bencher, 100);
}

/// All of it may come back, and is announced.
#[divan::bench(args = SIZES)]
fn announces_all(bencher: Bencher<'_, '_>, groups: usize) {
    Site::returning(groups).measure(bencher, LOW);
}

/// What a ramp leaves of a fleet that may come back: one batch.
#[divan::bench(args = SIZES)]
fn announces_a_batch(bencher: Bencher<'_, '_>, groups: usize) {
    let site = Site::on_a_ramp(groups);
    let mut next = Site::on_a_ramp(groups);
    next.pass(LOW);
    let announced = |(ix, units): &(usize, u64)| next.standing.site.groups[*ix].power_of(*units);
    let announced: Power = next.memory.intends.iter().map(announced).sum();
    assert!(announced > Power::ZERO && announced <= BATCH, "{announced} were announced");
    site.measure(bencher, LOW);
}

/// What was announced is durable, and is sent.
#[divan::bench(args = SIZES)]
fn restores_all(bencher: Bencher<'_, '_>, groups: usize) {
    let mut site = Site::returning(groups);
    site.pass(LOW);
    assert!(site.memory.intends.len() * 10 > groups * 8, "most were announced");
    site.measure(bencher, LOW);
}

/// A site on which every command is carried out and proved before the next tick, half a second later.
struct Site {
    standing: Standing,
    memory: Memory,
    on: Vec<u64>,
    tick: u64,
    tariff: bool,
}

impl Site {
    /// Every miner is on, and known to be.
    fn running(groups: usize) -> Self {
        let site = load("bench.toml", &site::file(groups)).expect("the file is whole");
        let on = site.groups.iter().map(|group| group.all_on()).collect();
        Self { memory: Memory::new(&site), standing: Standing::new(site), on, tick: 10_000, tariff: false }
    }

    /// Nearly every miner is off since the hall was high, and the hall is low again for longer than it is remembered.
    fn returning(groups: usize) -> Self {
        let mut site = Self::running(groups);
        [LOW, 100, LOW].into_iter().for_each(|hall| site.pass(hall));
        site
    }

    /// The same, on a ramp that lets one batch come back in the fifth of a second by which it may run ahead, with nothing on
    /// its way that would use it up.
    fn on_a_ramp(groups: usize) -> Self {
        let mut site = Self::returning(groups);
        site.standing.site.restore.ramp = Slew::from_watts_per_second(BATCH.watts() * 5);
        site.memory.intends.clear();
        site
    }

    fn now(&self) -> Mono {
        Mono::from_millis(self.tick * 500)
    }

    fn snapshot(&self, hall_percent: i64) -> Snapshot {
        let (now, site) = (self.now(), &self.standing.site);
        let hall = Power::from_watts(site.hall.nameplate.watts() * hall_percent / 100);
        let draws = |(group, on): (&ballast::site::Group, &u64)| group.power_of(*on);
        let powers: Vec<Power> = site.groups.iter().zip(&self.on).map(draws).collect();
        let seen = |(power, on): (&Power, &u64)| GroupSeen {
            link: Link::Up,
            power: Reading::Known(*power, now),
            on: Some((*on, now)),
            written: None,
            miners: None,
        };
        Snapshot {
            tick: self.tick,
            now: Now { mono: now, wall: Wall::from_micros(0) },
            poi: Reading::Known(hall + powers.iter().copied().sum(), now),
            hall: Reading::Known(hall, now),
            house: Reading::Known(Power::ZERO, now),
            durable: self.tick - 1,
            terms: self.tariff.then(|| self.terms()),
            groups: powers.iter().zip(&self.on).map(seen).collect(),
            ..Snapshot::default()
        }
    }

    /// What curtails nothing, and is asked of every group.
    fn terms(&self) -> Terms {
        let limit = self.standing.site.poi.import_limit;
        let step =
            |nth: i64| (Power::from_watts(limit.watts() * nth / 4), Price::from_micro_usd_per_mwh(nth * 1_000_000));
        let quarter = Wall::from_micros(900_000_000);
        let peak = |line| Peak { line, at_most: limit * 2, from: Wall::from_micros(0), until: quarter, earlier: 1 };
        Terms { indexed: false, steps: (0..4).map(step).collect(), peaks: vec![peak(0), peak(1)] }
    }

    /// One tick with the hall at this part of its nameplate.
    fn pass(&mut self, hall_percent: i64) {
        let snapshot = self.snapshot(hall_percent);
        let (plan, memory) = decide(&self.standing, std::mem::take(&mut self.memory), &snapshot);
        self.memory = memory;
        self.on = plan.commands.iter().map(|command| command.on).collect();
        self.tick += 1;
    }

    /// Decides the next tick over and over, each time from a memory of its own.
    fn measure(&self, bencher: Bencher<'_, '_>, hall_percent: i64) {
        let snapshot = self.snapshot(hall_percent);
        bencher
            .with_inputs(|| self.memory.clone())
            .bench_local_values(|memory| decide(&self.standing, memory, black_box(&snapshot)));
    }
}
