//! `ballast demo`: a whole emulated site on real sockets, the controller on it, a screen and a page to watch it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use super::session::{self, Session};
use super::world::Known;
use super::{COULD_NOT, Watch, World, keys, world};
use crate::emulate::Emulator;
use crate::plant::{AtEnd, Curves, JUMP_LASTS, Plant, PriceMix, Score};
use crate::run::Emulated;
use crate::site::DeviceIx;
use crate::time::{Clock, Mono};
use crate::units::{Power, Share};
use crate::web::{Action, Faults};

/// What is not scored at the start: the restore ramp.
const START_UP: Duration = Duration::from_secs(30);
/// A quarter of an hour of prices plays in 15 s.
const PRICE_SPEED: u32 = 60;
/// How far the hall jumps on request, in parts of its nameplate.
const JUMP: Share = Share::from_ppm(250_000);

/// Runs `ballast demo`.
pub fn run(site: Option<&Path>, world: World, watch: Watch, tls_dir: Option<&Path>) -> u8 {
    demo(site, &world, watch, tls_dir).unwrap_or_else(|code| code)
}

fn demo(site: Option<&Path>, world: &World, watch: Watch, tls_dir: Option<&Path>) -> Result<u8, u8> {
    let known = world::known(site)?;
    let mut prices = world::prices(world, PriceMix::lively(), PRICE_SPEED)?;
    let runtime = session::runtime()?;
    let (plant, clock) = plant(&known, world, true)?;
    let emulator = emulator(&known, (&plant, clock), tls_dir, runtime.handle())?;
    let begun = session::begin(&known, "demo", watch.journal.clone(), false)?;
    let show = Show::new(&known, plant, emulator, clock);
    let speed = world.price_speed.unwrap_or(PRICE_SPEED);
    let note = format!("prices {speed} x as fast, miners boot in 13 s");
    let session = Session {
        known,
        prices: Box::new(move |_| prices.at(clock.mono())),
        emulated: Some(Box::new(show)),
        note,
        shadow: false,
    };
    session::run(&runtime, session, begun, &watch)
}

/// The plant of a site and the clock it runs by.
pub(super) fn plant(known: &Known, world: &World, show: bool) -> Result<(Arc<Mutex<Plant>>, Clock), u8> {
    let (hall, _) = world::hall(&known.site, world, AtEnd::Repeat, show)?;
    let mut plant = Plant::with(&known.site, world.seed, hall, Curves::brisk());
    plant.score_from(Mono::START.after(START_UP));
    Ok((Arc::new(Mutex::new(plant)), Clock::start()))
}

/// Every device of the site on its socket.
pub(super) fn emulator(
    known: &Known,
    (plant, clock): (&Arc<Mutex<Plant>>, Clock),
    tls_dir: Option<&Path>,
    runtime: &Handle,
) -> Result<Emulator, u8> {
    let named = known.profiles.iter().map(|profile| (profile.name.clone(), profile.as_ref().clone()));
    let profiles: BTreeMap<_, _> = named.collect();
    let refuse = |error: String| {
        eprintln!("{error}");
        COULD_NOT
    };
    let keys = tls_dir.map(keys::of_emulator).transpose().map_err(refuse)?;
    let given = (&profiles, &*world::credentials(&known.site)?);
    Emulator::start_with(&known.site, given, keys.as_ref(), Arc::clone(plant), clock, runtime)
        .map_err(|error| refuse(error.to_string()))
}

/// The emulated site as the loop sees it: to be poked, and the truth.
struct Show {
    plant: Arc<Mutex<Plant>>,
    emulator: Emulator,
    clock: Clock,
    poi: DeviceIx,
    /// The PDU that is unplugged on request, and its name: the last group, as the first to be restored shows more.
    pdu: Option<(DeviceIx, String)>,
    jump: Power,
    faults: Faults,
    jumped: Option<Mono>,
}

impl Show {
    fn new(known: &Known, plant: Arc<Mutex<Plant>>, emulator: Emulator, clock: Clock) -> Self {
        let first = known.site.groups.first();
        Self {
            plant,
            emulator,
            clock,
            poi: known.site.poi.meter,
            pdu: first.and_then(|group| group.paths.first().map(|path| (path.device, group.name.clone()))),
            jump: known.site.hall.nameplate.part(JUMP),
            faults: Faults::default(),
            jumped: None,
        }
    }

    fn plant(&self) -> MutexGuard<'_, Plant> {
        self.plant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Emulated for Show {
    fn act(&mut self, action: Action) {
        match action {
            Action::HallJump => {
                self.plant().jump(self.jump);
                self.jumped = Some(self.clock.mono());
            }
            Action::UnplugMeter(out) => {
                self.emulator.unplug(self.poi, out);
                self.faults.meter_unplugged = out;
            }
            Action::UnplugPdu(out) => {
                if let Some((device, name)) = &self.pdu {
                    self.emulator.unplug(*device, out);
                    self.faults.pdu_unplugged = out.then(|| name.clone());
                }
            }
            Action::Cap(_)
            | Action::EStop(_)
            | Action::Lock(_)
            | Action::Unlock(_)
            | Action::Open(_)
            | Action::Close(_)
            | Action::Accept(_)
            | Action::Quit => {}
        }
    }

    fn faults(&self) -> Faults {
        let jumping = self.jumped.is_some_and(|at| self.clock.mono().since(at) < JUMP_LASTS);
        Faults { hall_jump: jumping, ..self.faults.clone() }
    }

    fn score(&self) -> (Score, Option<Score>) {
        let plant = self.plant();
        (plant.score(), plant.scored())
    }
}
