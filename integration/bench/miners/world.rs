//! The emulated site of this process, and its truth.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ballast::devices::Profile;
use ballast::devices::profile::SHIPPED;
use ballast::emulate::Emulator;
use ballast::plant::{Curves, HallLoad, Plant, Series};
use ballast::site::Site;
use ballast::site::file::load;
use ballast::time::{Clock, Mono};
use ballast::units::Share;
use tokio::runtime::Runtime;

/// Half of the hall's nameplate, all the time.
const HALL: Share = Share::from_ppm(500_000);

/// The plant with every meter, PDU and miner on its sockets.
pub(super) struct World {
    pub(super) site: Site,
    pub(super) emulator: Emulator,
    pub(super) clock: Clock,
    plant: Arc<Mutex<Plant>>,
    _runtime: Runtime,
}

impl World {
    /// All outlets are off.
    pub(super) fn start(text: &str) -> Self {
        let site = load("bench.toml", text).unwrap_or_else(|problems| panic!("{problems}"));
        let hall = HallLoad::recorded(&site.hall, Series::steady(HALL));
        // Nobody here waits for a real boot, nor measures it.
        let curves = Curves { boot: Duration::from_secs(1), ramp: Duration::from_secs(2), ..Curves::brisk() };
        let plant = Arc::new(Mutex::new(Plant::with(&site, 1, hall, curves)));
        let runtime = runtime();
        let profiles: BTreeMap<String, Profile> =
            SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), Profile::parse(name, text).unwrap())).collect();
        let clock = Clock::start();
        let emulator = Emulator::start(&site, (&profiles, &[]), Arc::clone(&plant), clock, runtime.handle())
            .unwrap_or_else(|error| panic!("{error}"));
        Self { site, emulator, clock, plant, _runtime: runtime }
    }

    pub(super) fn plant(&self) -> MutexGuard<'_, Plant> {
        self.plant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this holds, looking every so often; when, or nothing where it takes too long.
    pub(super) fn until(
        &self,
        within: Duration,
        every: Duration,
        mut holds: impl FnMut(&Plant) -> bool,
    ) -> Option<Mono> {
        let from = self.clock.mono();
        loop {
            let (held, now) = (holds(&self.plant()), self.clock.mono());
            if held || now.since(from) > within {
                return held.then_some(now);
            }
            std::thread::sleep(every);
        }
    }
}

/// Two threads, as the program has.
pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads")
}
