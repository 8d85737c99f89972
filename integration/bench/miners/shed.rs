//! Half of a thousand miners gone at the meter, with one in twenty that lies and without.
//!
//! The order is an operator's cap, at what the firm load draws and half of what the miners drew. A cap slides down the site's ramp, which is
//! so steep here that it is there at the next tick: from then on it is a limit as any other, and what does not sleep in time
//! is cut. A shed takes the fastest class first. So half of all rows are WhatsMiners, the slowest, and half of the site takes
//! all others and a quarter of those. Every round has other liars, so that none is in quarantine before its turn.

use std::fs;
use std::time::Duration;

use ballast::emulate::Lie;
use ballast::plant::Plant;
use ballast::site::{Firmware, Group, GroupIx};
use ballast::time::Mono;
use ballast::units::{Power, Share};

use super::controller::Controller;
use super::rows::{self, MINERS};
use super::spread;
use super::world::World;
use crate::whole::Used;

const ROWS: usize = 125;
const NET: u8 = 74;
/// Stock, whose outlets are used at once, and the three that are told to sleep.
const PATTERN: [Firmware; 8] = [
    Firmware::Antminer,
    Firmware::Luxos,
    Firmware::Whatsminer,
    Firmware::Braiins,
    Firmware::Whatsminer,
    Firmware::Whatsminer,
    Firmware::Whatsminer,
    Firmware::Whatsminer,
];
/// How many rounds with liars, and how many of them stand between two without.
const ROUNDS: usize = 10;
const HONEST_AFTER: usize = 3;
/// One miner of so many lies.
const LIARS: usize = 20;
/// That of the class.
const BUDGET: Duration = Duration::from_secs(16);
/// How long a round is watched, and how often.
const SPAN: Duration = Duration::from_secs(19);
const EVERY: Duration = Duration::from_millis(10);
/// All miners mine: they are up to 1.2 % off their plates.
const FULL: Share = Share::from_ppm(985_000);
/// The longest wait for that, and the rest before the next round: more than the window of the fill.
const PATIENCE: Duration = Duration::from_secs(120);
const REST: Duration = Duration::from_secs(3);

/// Runs it and prints the table.
pub(super) fn run() {
    let kinds: Vec<Firmware> = PATTERN.into_iter().cycle().take(ROWS).collect();
    let text = rows::file(&kinds, NET);
    let folder = tempfile::tempdir().expect("there is a place for files");
    fs::write(folder.path().join("site.toml"), &text).expect("a site file can be written");
    let bench = Bench { world: World::start(&text), full: rows::nameplate(&kinds).part(FULL) };
    let controller = Controller::start(folder.path());
    heads();
    let (mut lied, mut honest) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        if round % HONEST_AFTER == 0 {
            honest.push(bench.round(&controller, &[]));
        }
        lied.push(bench.round(&controller, &liars(round)));
    }
    println!();
    conclude("one in twenty lies", &lied);
    conclude("nobody lies", &honest);
    let (ours, rest) = (controller.used(), Used::of(std::process::id()).unwrap_or_default());
    println!(
        "controller: {:.0} % of a core, {:.0} MB, {} files; plant and {} miners: {:.0} % of a core",
        ours.cpu_percent(),
        ours.memory_kb as f64 / 1_000.0,
        ours.files,
        ROWS * MINERS,
        rest.cpu_percent()
    );
}

fn heads() {
    println!(
        "{} miners in {ROWS} rows, cap at the firm load and half of what they drew; times from the order",
        ROWS * MINERS
    );
    println!(
        "{:<8} {:>9} {:>9} | {:>9} {:>9} | {:>10} {:>11} {:>11} | {:>7} {:>11} {:>9} {:>6}",
        "liars",
        "drew kW",
        "target kW",
        "at target",
        "last cut",
        "over, 10 s",
        "over, 16 s",
        "worst later",
        "asleep",
        "honest cut",
        "liars cut",
        "missed"
    );
}

/// Half of them tell the truth of their watts, half do not.
fn liars(round: usize) -> Vec<(GroupIx, usize, Lie)> {
    let kinds = [Lie::SilentSuccess, Lie::Believed];
    let liar = |block: usize| {
        let nth = block * LIARS + (7 * round + 3 * block) % LIARS;
        (nth / MINERS, nth % MINERS, kinds[block % kinds.len()])
    };
    (0..ROWS * MINERS / LIARS).map(liar).collect()
}

/// What came of one order.
struct Round {
    /// Until import was at or under the target for good; nothing where it never was.
    at_target: Option<Duration>,
    /// Until the last outlet of those told to sleep was switched.
    last_cut: Option<Duration>,
    /// Most above the target after the budget.
    excess: Power,
    honest_cut: usize,
    liars_cut: usize,
    /// Liars with power still, in rows of which all others sleep.
    missed: usize,
}

/// One look at the truth.
struct Look {
    at: Mono,
    poi: Power,
    /// Outlets on, of rows that are told to sleep first.
    lit: u32,
}

struct Bench {
    world: World,
    /// All miners mine.
    full: Power,
}

impl Bench {
    fn round(&self, controller: &Controller, liars: &[(GroupIx, usize, Lie)]) -> Round {
        if self.world.until(PATIENCE, EVERY, |plant| plant.miners() >= self.full).is_none() {
            println!("only {} kW came back", self.world.plant().miners().watts() / 1_000);
        }
        std::thread::sleep(REST);
        liars.iter().for_each(|(group, unit, lie)| self.world.emulator.lie(*group, *unit, Some(*lie)));
        let plant = self.world.plant();
        let (poi, drew) = (plant.poi(), plant.miners());
        drop(plant);
        let target = poi - drew + drew.part(Share::from_ppm(500_000));
        let ordered = self.world.clock.mono();
        controller.cap(Some(target.watts()));
        let looks = self.watch(ordered);
        let round = self.judge(&looks, (ordered, target), liars);
        round.print(liars.len(), drew, target, &looks, ordered, self.asleep());
        liars.iter().for_each(|(group, unit, _)| self.world.emulator.lie(*group, *unit, None));
        controller.cap(None);
        round
    }

    fn watch(&self, ordered: Mono) -> Vec<Look> {
        let mut looks = Vec::new();
        while self.world.clock.mono().since(ordered) < SPAN {
            let plant = self.world.plant();
            let lit = self.sleepers().map(|(ix, _)| plant.outlets(ix).count_ones()).sum();
            let poi = plant.poi();
            drop(plant);
            looks.push(Look { at: self.world.clock.mono(), poi, lit });
            std::thread::sleep(EVERY);
        }
        looks
    }

    /// Rows whose miners a limit tells to sleep.
    fn sleepers(&self) -> impl Iterator<Item = (GroupIx, &Group)> {
        let first = |group: &Group| group.firmware.as_ref().is_some_and(|path| path.first);
        self.world.site.groups.iter().enumerate().filter(move |(_, group)| first(group))
    }

    fn asleep(&self) -> usize {
        let plant = self.world.plant();
        self.sleepers().map(|(ix, _)| (0..MINERS).filter(|unit| sleeps(&plant, ix, *unit)).count()).sum()
    }

    fn judge(&self, looks: &[Look], (ordered, target): (Mono, Power), liars: &[(GroupIx, usize, Lie)]) -> Round {
        let above = looks.iter().rposition(|look| look.poi > target);
        let under = above.map_or(looks.first(), |last| looks.get(last + 1));
        let last_cut = looks.windows(2).rfind(|two| two[1].lit < two[0].lit).map(|two| two[1].at.since(ordered));
        let late = looks.iter().filter(|look| look.at.since(ordered) > BUDGET);
        let excess = late.map(|look| (look.poi - target).or_zero()).max().unwrap_or(Power::MAX);
        let plant = self.world.plant();
        let (mut honest_cut, mut liars_cut, mut missed) = (0, 0, 0);
        for (ix, group) in self.sleepers() {
            let cut = group.all_on() & !plant.outlets(ix);
            let lies = liars.iter().filter(|(group, ..)| *group == ix).fold(0, |set, (_, unit, _)| set | 1_u64 << unit);
            let down = |unit: usize| (cut | lies) >> unit & 1 == 1 || sleeps(&plant, ix, unit);
            let told = (0..MINERS).all(down);
            honest_cut += (cut & !lies).count_ones() as usize;
            liars_cut += (cut & lies).count_ones() as usize;
            missed += if told { (lies & !cut).count_ones() as usize } else { 0 };
        }
        Round { at_target: under.map(|look| look.at.since(ordered)), last_cut, excess, honest_cut, liars_cut, missed }
    }
}

fn sleeps(plant: &Plant, group: GroupIx, unit: usize) -> bool {
    plant.miner(group, unit).is_some_and(|miner| miner.asleep)
}

impl Round {
    fn print(&self, liars: usize, drew: Power, target: Power, looks: &[Look], ordered: Mono, asleep: usize) {
        let short = |time: Option<Duration>| time.map_or("-".to_owned(), |time| format!("{:.2} s", time.as_secs_f64()));
        let kw = |power: Power| format!("{:.1}", power.watts() as f64 / 1_000.0);
        let at = |span: u64| {
            let after = ordered.after(Duration::from_secs(span));
            looks.iter().find(|look| look.at >= after).map_or("-".to_owned(), |look| kw(look.poi - target))
        };
        println!(
            "{liars:<8} {:>9} {:>9} | {:>9} {:>9} | {:>10} {:>11} {:>11} | {asleep:>7} {:>11} {:>9} {:>6}",
            kw(drew),
            kw(target),
            short(self.at_target),
            short(self.last_cut),
            at(10),
            at(16),
            kw(self.excess),
            self.honest_cut,
            self.liars_cut,
            self.missed
        );
    }
}

fn conclude(name: &str, rounds: &[Round]) {
    let times: Vec<Duration> = rounds.iter().map(|round| round.at_target.unwrap_or(Duration::MAX)).collect();
    let (p50, least, most) = spread(times);
    let never = rounds.iter().filter(|round| round.at_target.is_none()).count();
    let excess = rounds.iter().map(|round| round.excess).max().unwrap_or(Power::ZERO);
    let sum = |of: fn(&Round) -> usize| rounds.iter().map(of).sum::<usize>();
    println!(
        "{name:<20} {} rounds: at target p50 {:.2} s, p99 (the longest) {:.2} s, shortest {:.2} s; {never} never; most above it after \
         16 s: {} W; liars cut {}, missed {}; honest miners cut {}",
        rounds.len(),
        p50.as_secs_f64(),
        most.as_secs_f64(),
        least.as_secs_f64(),
        excess.watts(),
        sum(|round| round.liars_cut),
        sum(|round| round.missed),
        sum(|round| round.honest_cut),
    );
}
