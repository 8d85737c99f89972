//! The plant of a scene on real sockets, played in this process: devices can be unplugged, and the truth is written down.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ballast::devices::Profile;
use ballast::devices::profile::SHIPPED;
use ballast::emulate::{Emulator, Lie};
use ballast::plant::{Curves, HallLoad, Plant, Score, Series};
use ballast::site::DeviceIx;
use ballast::time::{Clock, Mono, Wall};
use ballast::units::{Power, Share};
use tokio::runtime::Runtime;

use super::stage::Stage;

/// How often the truth is written down.
const EVERY: Duration = Duration::from_millis(10);

/// The truth at one moment.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) wall: Wall,
    pub(super) miners: Power,
    pub(super) poi: Power,
    /// The outlets of each group.
    pub(super) on: Vec<u64>,
}

impl Moment {
    /// How many outlets are on.
    pub(super) fn lit(&self) -> u32 {
        self.on.iter().map(|on| on.count_ones()).sum()
    }
}

/// The emulated site.
pub(super) struct World {
    plant: Arc<Mutex<Plant>>,
    emulator: Emulator,
    _runtime: Runtime,
    truth: Arc<Mutex<Vec<Moment>>>,
    over: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
    clock: Clock,
}

impl World {
    /// A hall at this share of its nameplate, miners that start within a second.
    pub(super) fn new(stage: &Stage, hall_percent: i64) -> Self {
        let site = &stage.site;
        let hall = HallLoad::recorded(&site.hall, Series::steady(Share::from_ppm(hall_percent * 10_000)));
        let curves = Curves { boot: Duration::from_millis(200), ramp: Duration::from_millis(300), ..Curves::brisk() };
        let plant = Arc::new(Mutex::new(Plant::with(site, 1, hall, curves)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let profiles: BTreeMap<String, Profile> =
            SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), Profile::parse(name, text).unwrap())).collect();
        let clock = Clock::start();
        let emulator = Emulator::start(site, (&profiles, &[]), Arc::clone(&plant), clock, runtime.handle()).unwrap();
        let mut world = Self {
            plant,
            emulator,
            _runtime: runtime,
            truth: Arc::default(),
            over: Arc::default(),
            writer: None,
            clock,
        };
        world.write_down(site.groups.len());
        world
    }

    fn write_down(&mut self, groups: usize) {
        let (plant, truth, over) = (Arc::clone(&self.plant), Arc::clone(&self.truth), Arc::clone(&self.over));
        let clock = self.clock;
        self.writer = Some(std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(EVERY);
                let moment = moment(&plant, clock, groups);
                truth.lock().unwrap().push(moment);
            }
        }));
    }

    /// The truth now.
    pub(super) fn now(&self) -> Moment {
        until_first(|| self.truth.lock().unwrap().last().cloned())
    }

    /// The truth of each moment between these two.
    pub(super) fn between(&self, from: Wall, to: Wall) -> Vec<Moment> {
        let truth = self.truth.lock().unwrap();
        truth.iter().filter(|moment| moment.wall >= from && moment.wall <= to).cloned().collect()
    }

    /// The truth since the start.
    pub(super) fn all(&self) -> Vec<Moment> {
        self.truth.lock().unwrap().clone()
    }

    pub(super) fn wall(&self) -> Wall {
        self.clock.now().wall
    }

    /// Since the start of the scene.
    pub(super) fn mono(&self) -> Mono {
        self.clock.mono()
    }

    /// This miner lies from now on.
    pub(super) fn lie(&self, group: usize, unit: usize, lie: Lie) {
        self.emulator.lie(group, unit, Some(lie));
    }

    /// Switches the outlets of a group, as somebody at the PDU would.
    pub(super) fn switch(&self, group: usize, on: u64) {
        self.plant.lock().unwrap_or_else(PoisonError::into_inner).switch(group, on);
    }

    /// What the under-frequency relay shows.
    pub(super) fn relay(&self, tripped: bool, armed: bool) {
        self.emulator.relay(tripped, armed);
    }

    pub(super) fn unplug(&self, device: DeviceIx, out: bool) {
        self.emulator.unplug(device, out);
    }

    /// The hall rises by this much along its declared slew.
    pub(super) fn jump(&self, kilowatts: i64) {
        self.plant.lock().unwrap_or_else(PoisonError::into_inner).jump(Power::from_kilowatts(kilowatts));
    }

    pub(super) fn score(&self) -> Score {
        self.plant.lock().unwrap_or_else(PoisonError::into_inner).score()
    }

    /// Import was above the limit for no longer than this, all excursions together.
    #[track_caller]
    pub(super) fn was_back_under_the_limit_within(&self, within: Duration) {
        let score = self.score();
        println!("above the limit by {} for {:?}, {} times", score.worst_excess, score.above, score.excursions);
        assert!(score.above <= within, "above the limit by {} for {:?}", score.worst_excess, score.above);
    }

    /// Import was never above the limit.
    #[track_caller]
    pub(super) fn held_the_limit(&self) {
        let score = self.score();
        assert_eq!(
            score.worst_excess,
            Power::ZERO,
            "above the limit for {:?}, {} times",
            score.above,
            score.excursions
        );
    }

    /// No unit came back before it had been off for this long.
    #[track_caller]
    pub(super) fn kept_every_unit_off_for(&self, dwell: Duration) {
        let all = self.all();
        let mut off_since = vec![[None; 64]; all[0].on.len()];
        for pair in all.windows(2) {
            let changed = pair[0].on.iter().zip(&pair[1].on);
            for (group, (since, (before, after))) in off_since.iter_mut().zip(changed).enumerate() {
                for (unit, since) in since.iter_mut().enumerate() {
                    match (before >> unit & 1, after >> unit & 1, *since) {
                        (1, 0, _) => *since = Some(pair[1].wall),
                        (0, 1, Some(since)) => is_over(group, unit, pair[1].wall.since(since), dwell),
                        _ => {}
                    }
                }
            }
        }
    }
}

#[track_caller]
fn is_over(group: usize, unit: usize, off: Duration, dwell: Duration) {
    // The truth is looked at every 10 ms, and a busy machine may look late.
    let seen_late = Duration::from_millis(200);
    assert!(off + seen_late >= dwell, "group {group} unit {unit} came back after {off:?}");
}

impl Drop for World {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn moment(plant: &Mutex<Plant>, clock: Clock, groups: usize) -> Moment {
    let plant = plant.lock().unwrap_or_else(PoisonError::into_inner);
    Moment {
        wall: clock.now().wall,
        miners: plant.miners(),
        poi: plant.poi(),
        on: (0..groups).map(|group| plant.outlets(group)).collect(),
    }
}

fn until_first<T>(look: impl FnMut() -> Option<T>) -> T {
    super::until("the truth is written down", look)
}
