//! One command to three hundred miners of all kinds, from our handles and from those of the bare library.
//!
//! A miner has *taken* a command when its emulated control board acts on it: the truth, the same for both. It has *answered* when its
//! group counts it as written, or when the library's call is over. Cold: nobody was met before; warm: all were. Both have
//! a site of their own and take turns.

use std::collections::BTreeMap;
use std::time::Duration;

use ballast::devices::Fleet;
use ballast::plant::Plant;
use ballast::site::{Firmware, FirmwarePath};
use ballast::time::Mono;
use ballast::units::Share;
use tokio::runtime::Runtime;

use super::bare::{self, Bare};
use super::rows::{self, MINERS};
use super::spread;
use super::world::{World, runtime};

/// 38 rows of eight.
const ROWS: usize = 38;
const KINDS: [Firmware; 4] = [Firmware::Luxos, Firmware::Whatsminer, Firmware::Braiins, Firmware::Antminer];
/// The second byte of our addresses, and of those of the bare library.
const NETS: [u8; 2] = [75, 76];
/// Handles are made anew so many times; each time they are cold once and warm so many times.
const ROUNDS: usize = 4;
const WARM: usize = 2;
/// The longest any of these waits, how often the truth is looked at, and the rest between two commands.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(1);
const REST: Duration = Duration::from_secs(2);
/// Longer than the bench.
const LAPSES: Duration = Duration::from_secs(7_200);

/// Until all miners of a kind had taken the command, and had answered; nothing where they never did.
type Times = BTreeMap<Firmware, (Option<Duration>, Option<Duration>)>;

/// Runs it and prints the table.
pub(super) fn run() {
    let kinds: Vec<Firmware> = KINDS.into_iter().cycle().take(ROWS).collect();
    let [ours, bare] = NETS.map(|net| Site::start(&kinds, net));
    let (mut cold, mut warm) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..ROUNDS {
        let mut clients = [Client::Ours(Vec::new(), runtime()), Client::bare(&bare)];
        for time in 0..=WARM {
            for (nth, (client, site)) in clients.iter_mut().zip([&ours, &bare]).enumerate() {
                site.all_mine();
                std::thread::sleep(REST);
                let times = client.sleep(site);
                if time == 0 {
                    cold[nth].push(times)
                } else {
                    warm[nth].push(times)
                }
                client.wake(site);
            }
        }
        clients.into_iter().for_each(Client::end);
    }
    println!("one command to {} miners: until the last one, in ms: median (least to most)", ROWS * MINERS);
    println!("{:<6} {:<28} | {:>24} | {:>24} | {:>9}", "", "until all have", "ours", "bare asic-rs", "ours/bare");
    print("cold", &cold);
    print("warm", &warm);
}

/// A site of its own for each client.
struct Site {
    world: World,
    kinds: Vec<Firmware>,
}

impl Site {
    fn start(kinds: &[Firmware], net: u8) -> Self {
        let world = World::start(&rows::file(kinds, net));
        (0..kinds.len()).for_each(|row| world.plant().switch(row, u64::MAX));
        Self { world, kinds: kinds.to_vec() }
    }

    /// Waits until all mine.
    fn all_mine(&self) {
        let full = rows::nameplate(&self.kinds).part(Share::from_ppm(980_000));
        if self.world.until(PATIENCE, LOOK * 10, |plant| plant.miners() >= full).is_none() {
            println!("some miners never came back: {} W", self.world.plant().miners().watts());
        }
    }

    /// When all miners of each kind had taken it, from now on.
    fn taken(&self, asleep: bool) -> BTreeMap<Firmware, Mono> {
        let mut taken = BTreeMap::new();
        let clock = self.world.clock;
        let all = |plant: &Plant, kind: Firmware| {
            let rows = self.kinds.iter().enumerate().filter(|(_, firmware)| **firmware == kind);
            let mut miners = rows.flat_map(|(row, _)| (0..MINERS).map(move |unit| (row, unit)));
            miners.all(|(row, unit)| plant.miner(row, unit).is_some_and(|miner| miner.asleep == asleep))
        };
        self.world.until(PATIENCE, LOOK, |plant| {
            for kind in KINDS {
                if !taken.contains_key(&kind) && all(plant, kind) {
                    taken.insert(kind, clock.mono());
                }
            }
            taken.len() == KINDS.len()
        });
        taken
    }
}

/// Whoever tells the miners of a site.
enum Client {
    Ours(Vec<(Firmware, Fleet)>, Runtime),
    Bare(Vec<Bare>, Runtime),
}

impl Client {
    fn bare(site: &Site) -> Self {
        let paths = site.world.site.groups.iter().filter_map(|group| group.firmware.as_ref());
        let all = paths.flat_map(|path| path.addresses.iter().map(|address| Bare::new(path.firmware, *address)));
        Self::Bare(all.collect(), runtime())
    }

    fn sleep(&mut self, site: &Site) -> Times {
        let clock = site.world.clock;
        let from = clock.mono();
        match self {
            Self::Ours(fleets, runtime) => {
                if fleets.is_empty() {
                    *fleets = spawn(site, runtime);
                }
                fleets.iter().for_each(|(_, fleet)| fleet.command(0, 0, from.after(LAPSES)));
                let taken = site.taken(true);
                times(from, &taken, &written(site, fleets, (0, from)))
            }
            Self::Bare(all, runtime) => std::thread::scope(|scope| {
                let told = scope.spawn(|| runtime.block_on(bare::pause(all, clock)));
                let taken = site.taken(true);
                let told = told.join().expect("it ends");
                let refused = told.iter().filter(|(_, _, said)| !said).count();
                if refused > 0 {
                    println!("of the bare calls {refused} failed");
                }
                let mut answered = BTreeMap::new();
                for (kind, at, _) in told {
                    answered.entry(kind).and_modify(|last: &mut Mono| *last = at.max(*last)).or_insert(at);
                }
                times(from, &taken, &answered)
            }),
        }
    }

    fn wake(&mut self, site: &Site) {
        match self {
            Self::Ours(fleets, _) => {
                let from = site.world.clock.mono();
                let all = (1 << MINERS) - 1;
                fleets.iter().for_each(|(_, fleet)| fleet.command(all, 0, from.after(LAPSES)));
                written(site, fleets, (all, from));
            }
            // What the library makes of a waking is not measured here.
            Self::Bare(..) => {
                let mut plant = site.world.plant();
                let units = (0..site.kinds.len()).flat_map(|row| (0..MINERS).map(move |unit| (row, unit)));
                units.for_each(|(row, unit)| plant.sleep(row, unit, false));
            }
        }
    }

    /// Without a thread no task goes on telling.
    fn end(self) {
        let (Self::Ours(_, runtime) | Self::Bare(_, runtime)) = self;
        runtime.shutdown_background();
    }
}

/// Handles that met nobody yet: they do from now on.
fn spawn(Site { world, .. }: &Site, runtime: &Runtime) -> Vec<(Firmware, Fleet)> {
    let paths = world.site.groups.iter().filter_map(|group| Some((group.firmware.as_ref()?, &group.name)));
    let fleet =
        |path: &FirmwarePath, name| (path.firmware, Fleet::spawn(runtime.handle(), name, path, None, world.clock));
    paths.map(|(path, name)| fleet(path, name)).collect()
}

/// When the last group of each kind counted this as written; a kind of which one never does has no moment.
fn written(site: &Site, fleets: &[(Firmware, Fleet)], (on, from): (u64, Mono)) -> BTreeMap<Firmware, Mono> {
    let at = |fleet: &Fleet| fleet.seen().written.filter(|(what, at)| *what == on && *at >= from).map(|(_, at)| at);
    site.world.until(PATIENCE, LOOK, |_| fleets.iter().all(|(_, fleet)| at(fleet).is_some()));
    let last = |kind: Firmware| {
        let of = fleets.iter().filter(|(firmware, _)| *firmware == kind).map(|(_, fleet)| at(fleet));
        Some((kind, of.collect::<Option<Vec<_>>>()?.into_iter().max()?))
    };
    KINDS.into_iter().filter_map(last).collect()
}

fn times(from: Mono, taken: &BTreeMap<Firmware, Mono>, answered: &BTreeMap<Firmware, Mono>) -> Times {
    let since = |all: &BTreeMap<Firmware, Mono>, kind: Firmware| all.get(&kind).map(|at| at.since(from));
    KINDS.into_iter().map(|kind| (kind, (since(taken, kind), since(answered, kind)))).collect()
}

fn print(name: &str, all: &[Vec<Times>; 2]) {
    let quick = &KINDS[..3];
    let rows: [(&str, &[Firmware], bool); 8] = [
        ("taken it, but for stock", quick, true),
        ("  LuxOS", &KINDS[..1], true),
        ("  WhatsMiner 2 and 3", &KINDS[1..2], true),
        ("  Braiins OS", &KINDS[2..3], true),
        ("taken it, stock", &KINDS[3..], true),
        ("answered: LuxOS, Braiins OS", &[KINDS[0], KINDS[2]], false),
        ("answered: WhatsMiner", &KINDS[1..2], false),
        ("answered: stock", &KINDS[3..], false),
    ];
    for (what, kinds, taken) in rows {
        let of = |times: &Times| {
            let each = kinds.iter().map(|kind| times.get(kind).copied().unwrap_or_default());
            let each = each.map(|(took, answered)| if taken { took } else { answered });
            each.collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max()).unwrap_or(Duration::MAX)
        };
        let [ours, bare] = [0, 1].map(|nth| spread(all[nth].iter().map(of).collect()));
        let ratio = ours.0.as_secs_f64() / bare.0.as_secs_f64();
        println!("{name:<6} {what:<28} | {:>24} | {:>24} | {ratio:>9.2}", cell(ours), cell(bare));
    }
}

fn cell((median, least, most): (Duration, Duration, Duration)) -> String {
    let ms = |time: Duration| match time {
        Duration::MAX => "never".to_owned(),
        time => format!("{:.0}", time.as_secs_f64() * 1e3),
    };
    format!("{} ({} to {})", ms(median), ms(least), ms(most))
}
