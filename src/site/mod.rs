//! The site: what stands behind one grid connection, what it may draw, and how fast each part can be made to go away.
//!
//! A [`Site`] is made from a file by [`mod@file`], proved to hold its own promise by [`check`], and never changes while it is
//! in force. Everything that refers to something else does so by index into the vectors here, so that the tick looks
//! nothing up by name.

use std::time::Duration;

use crate::sabotage::{self, Sabotage};
use crate::units::{Efficiency, Hashprice, Power, Price, Share, Slew};

pub mod check;
pub mod file;
mod reach;
mod supply;

pub use reach::{CommsLoss, Device, Firmware, FirmwarePath, Identity, Login, LowPower, Path, SecretRef, Tls};
pub use supply::{Drawn, Supply};

/// Index into [`Site::devices`].
pub type DeviceIx = usize;
/// Index into [`Site::feeders`].
pub type FeederIx = usize;
/// Index into [`Site::groups`].
pub type GroupIx = usize;

/// The most outlets one group can command: they are a bit set in one word.
pub const MAX_UNITS: u32 = 64;

/// One grid connection and all that stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Short name, used in the journal's origin.
    pub name: String,
    /// The point of interconnection.
    pub poi: Poi,
    /// The AI hall: firm, jagged, never asked.
    pub hall: FirmLoad,
    /// The house load: cooling, light, offices; firm too.
    pub house: FirmLoad,
    /// Feeders and transformers with their ratings.
    pub feeders: Vec<Feeder>,
    /// Miners that are commanded together.
    pub groups: Vec<Group>,
    /// Meters, PDUs, a relay.
    pub devices: Vec<Device>,
    /// The relay that trips miners by itself when the frequency falls, where its state can be read.
    pub relay: Option<DeviceIx>,
    /// The fast loop.
    pub tick: Tick,
    /// What may be filled.
    pub fill: Fill,
    /// How load comes back.
    pub restore: Restore,
    /// What a megawatt-hour earns, and what to do when its price is unknown.
    pub economics: Economics,
    /// The tariff that power is paid by; without one, the price of a feed is all that power costs.
    pub supply: Option<Supply>,
    /// How old a reading may be.
    pub ages: Ages,
    /// How long the fail-safe holds before it acts.
    pub failsafe: Failsafe,
    /// Stage budgets, measured in operation.
    pub budgets: Budgets,
}

/// The point of interconnection, where import is metered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poi {
    /// Most the site may draw.
    pub import_limit: Power,
    /// The time by which import must be back under the limit.
    pub within: Duration,
    /// Fastest change of import the grid may see that does not answer the hall: price, caps, ends of events, loss of control.
    pub ramp: Slew,
    /// The meter of the POI.
    pub meter: DeviceIx,
    /// What holds the limit while the controller is dead.
    pub guard: Guard,
    /// By when the last miner is off after the last command of a controller that died, where the connection asks for that.
    pub falls_within: Option<Duration>,
}

/// What holds the import limit while no controller lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// A relay or RTU on POI power that trips miners by itself within this time.
    Relay {
        /// From the limit being exceeded to the miners being gone.
        trips_within: Duration,
    },
    /// Nothing but the tolerance of the limit itself; `check` prints the worst excess that remains.
    Tolerance,
}

/// A load that is never asked: the AI hall, the house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmLoad {
    /// Rated power; what an unknown load counts as.
    pub nameplate: Power,
    /// Fastest declared rise.
    pub slew: Slew,
    /// Largest declared step at once, on top of the slew.
    pub step: Power,
    /// Its meter. Without one it always counts as its nameplate.
    pub meter: Option<DeviceIx>,
    /// The feeder it hangs on, where that is shared with miners.
    pub feeder: Option<FeederIx>,
}

impl Site {
    /// The group that this device switches.
    pub fn group_of(&self, device: DeviceIx) -> Option<GroupIx> {
        self.groups.iter().position(|group| group.paths.iter().any(|path| path.device == device))
    }

    /// The group that this meter measures, where its own device does not.
    pub fn measured_by(&self, meter: DeviceIx) -> Option<GroupIx> {
        self.groups.iter().position(|group| group.paths.iter().any(|path| path.meter == Some(meter)))
    }

    /// The contactors of the feeders that have one, in the order of the feeders.
    pub fn contactors(&self) -> impl Iterator<Item = (FeederIx, &Contactor)> {
        self.feeders.iter().enumerate().filter_map(|(ix, feeder)| Some((ix, feeder.contactor.as_ref()?)))
    }

    /// The feeder whose contactor this device switches.
    pub fn contactor_of(&self, device: DeviceIx) -> Option<FeederIx> {
        self.contactors().find(|(_, contactor)| contactor.device == device).map(|(feeder, _)| feeder)
    }

    /// The feeder that this meter measures.
    pub fn feeder_measured_by(&self, meter: DeviceIx) -> Option<FeederIx> {
        self.contactors().find(|(_, contactor)| contactor.meter == meter).map(|(feeder, _)| feeder)
    }

    /// How many of a device's outlets are switched; none of a meter's.
    pub fn outlets_of(&self, device: DeviceIx) -> u32 {
        let group = self.group_of(device).and_then(|ix| self.groups.get(ix)).map(|group| group.units);
        group.unwrap_or_else(|| u32::from(self.contactor_of(device).is_some()))
    }
}

impl FirmLoad {
    /// What a reading of this age can have become `horizon` from now: the declared step and slew on top, at most the
    /// nameplate, or what was read where that is more. `period` is the time until the next decision. No reading counts as
    /// the nameplate.
    pub fn worst_case(&self, reading: Option<(Power, Duration)>, period: Duration, horizon: Duration) -> Power {
        let Some((value, age)) = reading else { return self.nameplate };
        let age = if sabotage::is(Sabotage::AgeIgnored) { Duration::ZERO } else { age };
        let period = if sabotage::is(Sabotage::PeriodForgotten) { Duration::ZERO } else { period };
        let time = age.saturating_add(period).saturating_add(horizon);
        let time = if sabotage::is(Sabotage::LookAheadDropped) { Duration::ZERO } else { time };
        self.nameplate.max(value).min(value.or_zero() + self.step + self.slew.over(time))
    }
}

/// A feeder or transformer: carries no more than its rating.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feeder {
    /// Its name.
    pub name: String,
    /// Most it may carry.
    pub rating: Power,
    /// What takes the power of everything behind it, where it can be switched: the last step, when outlets do not.
    pub contactor: Option<Contactor>,
}

/// A feeder's own switch. It is opened when what draws behind it can be lowered by nothing else, and closed by a person alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contactor {
    /// The device that switches it, by its first outlet: on is closed. It keeps its state when it hears nothing.
    pub device: DeviceIx,
    /// The meter of the feeder: it measures all that is behind the contactor, and proves that it is open.
    pub meter: DeviceIx,
    /// From a written command to the power being gone.
    pub response: Duration,
    /// By when its meter must show that.
    pub proof: Duration,
    /// So long a limit stands overdrawn with nothing else left to lower, before it is opened.
    pub opens_after: Duration,
    /// Every outlet behind it is off when power returns. Else all of them may be on, whatever they were told before.
    pub returns_off: bool,
}

/// Miners that are commanded together, in equal units (the outlets of a PDU).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The feeder it hangs on.
    pub feeder: Option<FeederIx>,
    /// How many miners it has.
    pub miners: u32,
    /// How many units can be switched, 1 to [`MAX_UNITS`].
    pub units: u32,
    /// Nameplate power of one unit.
    pub unit: Power,
    /// Energy per terahash: the merit order, best first.
    pub efficiency: Efficiency,
    /// Ways to lower it by its outlets, fastest acceptable first. At least one.
    pub paths: Vec<Path>,
    /// The way to lower it by the miners' own firmware, where they are reached.
    pub firmware: Option<FirmwarePath>,
    /// Shortest time a unit stays on, unless safety needs it off.
    pub dwell_on: Duration,
    /// Shortest time a unit stays off.
    pub dwell_off: Duration,
}

impl Group {
    /// Nameplate power of the whole group.
    pub fn nameplate(&self) -> Power {
        self.unit * i64::from(self.units)
    }

    /// The bit set with every unit on.
    pub fn all_on(&self) -> u64 {
        if self.units >= MAX_UNITS { u64::MAX } else { (1_u64 << self.units) - 1 }
    }

    /// Nameplate power of this set of units.
    pub fn power_of(&self, on: u64) -> Power {
        self.unit * i64::from((on & self.all_on()).count_ones())
    }

    /// From a written command to the power being gone, on the path that a limit uses first; the longest time there is, where there is
    /// no path.
    pub fn response(&self) -> Duration {
        self.first_times().map_or(Duration::MAX, |(response, _)| response)
    }

    /// Response and proof of the path that a limit uses first.
    pub fn first_times(&self) -> Option<(Duration, Duration)> {
        let firmware = self.firmware.as_ref().filter(|path| path.first).map(|path| (path.response, path.proof));
        firmware.or_else(|| self.paths.first().map(|path| (path.response, path.proof)))
    }
}

/// The fast loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Longest time between two decisions.
    pub period: Duration,
    /// When a command is void unless renewed.
    pub lapse: Duration,
}

/// What may be filled: a rolling maximum, so that miners are not switched with every wiggle of the hall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Length of the rolling maximum of the firm load, 5 to 15 min in practice.
    pub window: Duration,
    /// The part of moments the learnt margin must cover, for example 99.9 %.
    pub confidence: Share,
}

/// How load comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    /// Fastest rise of all miners together.
    pub ramp: Slew,
    /// Time between two batches on one feeder, against inrush.
    pub stagger: Duration,
    /// Most power that comes back on one feeder at once.
    pub batch: Power,
    /// How long nothing may have been shed for the limit before load comes back.
    pub settle: Duration,
}

/// What a megawatt-hour earns at a miner, and what an unknown price means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Economics {
    /// What a petahash a second earns in a day.
    pub hashprice: Hashprice,
    /// What the pool keeps.
    pub pool_fee: Share,
    /// The declared fall-back when the price is lost.
    pub price_lost: PriceLost,
}

/// The declared fall-back when the price is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceLost {
    /// Mine on as if power were free.
    Run,
    /// Curtail every group.
    Curtail,
    /// Assume this price.
    Assume(Price),
}

/// How old a reading may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ages {
    /// A meter reading older than this restores nothing and raises `meter.stale` or `ai.stale`.
    pub meter: Duration,
    /// A device not heard for this long is silent, and one that leaves requests unanswered for this long less its poll. A silent
    /// one counts as drawing, and others are shed in its place.
    pub device: Duration,
    /// A price older than this is lost.
    pub price: Duration,
}

/// How long the fail-safe holds before it acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failsafe {
    /// A POI meter that is lost for longer: the miners go down the site's ramp to what both nameplates of the firm load leave.
    pub poi_unseen: Duration,
    /// Import over the limit for longer, whatever is shed: everything off, until a person releases it.
    pub over_limit: Duration,
}

impl Failsafe {
    /// Where the file says nothing: a minute without the POI's meter, and five times what the limit allows.
    pub fn usual(within: Duration) -> Self {
        Self { poi_unseen: Duration::from_secs(60), over_limit: within.saturating_mul(5) }
    }
}

/// Stage budgets, measured in operation; a missed one is an event in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Age of the newest meter sample when the tick takes it.
    pub sense: Duration,
    /// The decision.
    pub decide: Duration,
    /// Fresh sample to last command on the wire.
    pub write: Duration,
    /// Command on the wire to the device's answer.
    pub acknowledge: Duration,
    /// Command on the wire to the lower power at the meter.
    pub proof: Duration,
}
