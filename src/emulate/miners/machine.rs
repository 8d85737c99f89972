//! One emulated miner: where it is, what it says it does, and what it is told.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Lie, PlantTime, held, locked};
use crate::plant::{Miner, Plant};
use crate::site::{Firmware, FirmwarePath, Group, GroupIx};
use crate::time::Mono;
use crate::units::{Efficiency, Power};

/// Which it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) group: GroupIx,
    pub(super) unit: usize,
    pub(super) address: IpAddr,
}

impl Place {
    pub(super) fn is(&self, group: GroupIx, unit: usize) -> bool {
        (self.group, self.unit) == (group, unit)
    }
}

/// The miner. Whoever holds the plant may take its state, never the other way round.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) place: Place,
    pub(super) firmware: Firmware,
    pub(super) name: String,
    /// Power at nameplate.
    pub(super) rated: Power,
    efficiency: Efficiency,
    plant: Arc<Mutex<Plant>>,
    time: PlantTime,
    state: Mutex<State>,
}

/// What the control board keeps beside what the plant knows.
#[derive(Debug, Default)]
struct State {
    lie: Option<Lie>,
    /// What it says it was told, where that is not so.
    claims: Option<bool>,
    gone_until: Option<Mono>,
    wakes_at: Option<Mono>,
    up_since: Option<Mono>,
    /// It booted while asleep, and was not woken since.
    booted_asleep: bool,
    session: Session,
    /// What outlives a cut: a configuration that was written.
    kept: Map<String, Value>,
}

/// What a firmware keeps of those who are logged in.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) used: Mono,
    /// How many there were, so that each is another.
    pub(super) count: u64,
    /// Whether its automatic tuner runs.
    pub(super) tunes: bool,
    /// Who is logged in, where that is by a token.
    pub(super) tokens: VecDeque<String>,
}

/// What a miner says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Says {
    pub(super) watts: i64,
    /// Terahashes a second, now and at nameplate.
    pub(super) rate: f64,
    pub(super) rated: f64,
    /// It was told to sleep.
    pub(super) asleep: bool,
    pub(super) limit: i64,
    /// Seconds since its control board started.
    pub(super) elapsed: u64,
}

impl Machine {
    pub(super) fn new(
        group: &Group,
        path: &FirmwarePath,
        place: Place,
        plant: Arc<Mutex<Plant>>,
        time: PlantTime,
    ) -> Self {
        Self {
            place,
            firmware: path.firmware,
            name: format!("{}.{}", group.name, place.unit + 1),
            rated: group.unit,
            efficiency: group.efficiency,
            plant,
            time,
            state: Mutex::default(),
        }
    }

    /// Where it stands at this moment of the plant, and what it does by itself; whether it answers at all.
    pub(super) fn follow(&self, plant: &mut Plant) -> bool {
        let (now, Place { group, unit, .. }) = (plant.at(), self.place);
        let miner = plant.miner(group, unit).unwrap_or_default();
        let mut state = held(&self.state);
        let up = miner.phase.answers();
        if up && state.up_since.is_none() {
            let (lie, wakes_at, gone_until) = (state.lie, state.wakes_at, state.gone_until);
            let count = state.session.count;
            let (session, kept) = (Session { count, ..Session::default() }, std::mem::take(&mut state.kept));
            *state = State { lie, wakes_at, gone_until, session, kept, ..State::default() };
            (state.up_since, state.booted_asleep) = (Some(now), miner.asleep);
        } else if !up {
            state.up_since = None;
        }
        if state.wakes_at.is_some_and(|at| at <= now) {
            state.wakes_at = None;
            plant.sleep(group, unit, false);
        }
        up && state.gone_until.is_none_or(|until| until <= now)
    }

    /// From now on it lies so.
    pub(super) fn lie(&self, lie: Option<Lie>) {
        let mut plant = self.plant();
        let (now, Place { group, unit, .. }) = (plant.at(), self.place);
        let asleep = plant.miner(group, unit).is_some_and(|miner| miner.asleep);
        if lie == Some(Lie::RebootsAsleep) {
            plant.sleep(group, unit, true);
            plant.restart(group, unit);
        }
        let mut state = held(&self.state);
        state.lie = lie.filter(|lie| *lie != Lie::RebootsAsleep);
        state.claims = None;
        (state.gone_until, state.wakes_at) = match lie {
            Some(Lie::Gone(time)) => (Some(now.after(time)), None),
            Some(Lie::Wakes(time)) => (None, asleep.then(|| now.after(time))),
            _ => (None, None),
        };
    }

    pub(super) fn lies(&self) -> Option<Lie> {
        held(&self.state).lie
    }

    /// How long a command goes unanswered: beside a lie only the stock firmware's configuration takes its time.
    pub(super) fn answers_after(&self, honestly: Duration) -> Duration {
        match self.lies() {
            Some(Lie::Late(time)) => time,
            _ => honestly,
        }
    }

    /// The plant, at this very moment.
    fn plant(&self) -> std::sync::MutexGuard<'_, Plant> {
        let mut plant = locked(&self.plant);
        plant.advance(self.time.now());
        plant
    }

    pub(super) fn now(&self) -> Mono {
        self.time.now()
    }

    /// Seconds since 1970 by its own clock, for answers.
    pub(super) fn when(&self) -> i64 {
        let behind = match self.lies() {
            Some(Lie::Clock(behind)) => i64::try_from(behind.as_secs()).unwrap_or(i64::MAX),
            _ => 0,
        };
        (self.time.clock.now().wall.micros() / 1_000_000).saturating_sub(behind)
    }

    /// Does this with the session, and says what came of it.
    pub(super) fn session<T>(&self, with: impl FnOnce(&mut Session) -> T) -> T {
        with(&mut held(&self.state).session)
    }

    /// Does this with what outlives a cut.
    pub(super) fn kept<T>(&self, with: impl FnOnce(&mut Map<String, Value>) -> T) -> T {
        with(&mut held(&self.state).kept)
    }

    /// How long its control board takes to start.
    pub(super) fn boot(&self) -> Duration {
        locked(&self.plant).curves().boot
    }

    /// What it says of itself now.
    pub(super) fn says(&self) -> Says {
        let Place { group, unit, .. } = self.place;
        let (miner, now) = {
            let plant = self.plant();
            (plant.miner(group, unit).unwrap_or_default(), plant.at())
        };
        let state = held(&self.state);
        let rated = self.terahashes(1_000_000);
        let elapsed = state.up_since.map_or(0, |since| now.since(since).as_secs());
        let Miner { limit, .. } = miner;
        let told = Says {
            watts: miner.power.watts(),
            rate: self.terahashes(miner.hashing.ppm()),
            rated,
            asleep: state.claims.unwrap_or(miner.asleep),
            limit: if limit >= miner.full { self.rated.watts() } else { limit.watts() },
            elapsed,
        };
        match (state.lie, state.claims) {
            (Some(Lie::Believed), Some(true)) => Says { watts: 20, rate: 0.0, ..told },
            (Some(Lie::Believed), Some(false)) => Says { watts: self.rated.watts(), rate: rated, ..told },
            _ => told,
        }
    }

    fn terahashes(&self, ppm: i64) -> f64 {
        let rated = self.rated.watts() * 1_000 / self.efficiency.millijoules_per_th().max(1);
        let gigahashes = i32::try_from(rated * ppm / 1_000).unwrap_or(i32::MAX);
        f64::from(gigahashes) / 1_000.0
    }

    /// It was told to sleep or to wake; whether that changed anything, as far as it says.
    pub(super) fn sleep(&self, asleep: bool) -> bool {
        self.told(asleep, |plant, Place { group, unit, .. }| plant.sleep(group, unit, asleep))
    }

    /// It was told to wake without care; refused after a boot asleep.
    pub(super) fn wake_at_once(&self) -> Result<bool, ()> {
        if held(&self.state).booted_asleep {
            return Err(());
        }
        Ok(self.told(false, |plant, Place { group, unit, .. }| plant.wake_at_once(group, unit)))
    }

    fn told(&self, asleep: bool, tell: impl FnOnce(&mut Plant, Place)) -> bool {
        let before = self.says().asleep;
        let mut plant = self.plant();
        let mut state = held(&self.state);
        if matches!(state.lie, Some(Lie::SilentSuccess | Lie::Believed)) {
            state.claims = Some(asleep);
            return before != asleep;
        }
        if let Some(Lie::Wakes(time)) = state.lie {
            state.wakes_at = asleep.then(|| plant.at().after(time));
        }
        state.booted_asleep &= asleep;
        tell(&mut plant, self.place);
        before != asleep
    }

    /// It was told the most it may draw.
    pub(super) fn limit(&self, limit: Power) {
        if !matches!(self.lies(), Some(Lie::SilentSuccess | Lie::Believed)) {
            self.plant().limit(self.place.group, self.place.unit, limit);
        }
    }

    /// It was told to start anew.
    pub(super) fn restart(&self) {
        self.plant().restart(self.place.group, self.place.unit);
    }

    /// Its hardware address: the last bytes are those of its IP address.
    pub(super) fn mac(&self) -> String {
        let [_, b, c, d] = match self.place.address {
            IpAddr::V4(address) => address.octets(),
            IpAddr::V6(_) => [0; 4],
        };
        format!("02:BA:11:{b:02X}:{c:02X}:{d:02X}")
    }
}
