//! The frozen input of one tick: readings with their times, what devices were last seen to do, the operator's orders.
//!
//! A snapshot is data. It has no clock and no way to ask for more: whoever builds it (the loop, the simulator, a replay)
//! has already decided what is known.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::time::{Mono, Now};
use crate::units::{Power, Price};

mod terms;

pub use terms::{MAX_STEPS, Peak, Terms};

/// What the tick knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Number of the tick since the controller started, from 1.
    pub tick: u64,
    /// The moment of the tick.
    pub now: Now,
    /// Import at the POI.
    pub poi: Reading,
    /// The AI hall.
    pub hall: Reading,
    /// The house load; `NoData` where it has no meter.
    pub house: Reading,
    /// The price in force, and when it was received.
    pub price: Option<PriceSeen>,
    /// What the site's tariff says of the interval that runs; nothing where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// What the operator ordered.
    pub orders: Orders,
    /// The last tick whose record is durable. A raise waits for it; lowering never does.
    pub durable: u64,
    /// What is known of each group, in the order of the site's groups.
    pub groups: Vec<GroupSeen>,
    /// The under-frequency relay; nothing where there is none, or it was never read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelaySeen>,
    /// What is known of each feeder's contactor, in the order of [`crate::site::Site::contactors`]: one outlet, and the power that its
    /// feeder's meter shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contactors: Vec<GroupSeen>,
}

/// What a protection relay shows of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelaySeen {
    /// It has tripped, and was not reset.
    pub tripped: bool,
    /// It would trip.
    pub armed: bool,
    /// When the read that said so started.
    pub at: Mono,
}

/// A power with the moment it was true, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reading {
    /// A value and the earliest moment it can be from: the start of the request less the meter's own refresh time.
    Known(Power, Mono),
    /// No value. Never zero.
    NoData(NoData),
}

impl Default for Reading {
    fn default() -> Self {
        Self::NoData(NoData::NeverRead)
    }
}

impl Reading {
    /// The value and its time, where there is one.
    pub fn known(self) -> Option<(Power, Mono)> {
        match self {
            Self::Known(value, at) => Some((value, at)),
            Self::NoData(_) => None,
        }
    }
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoData {
    /// Nothing was read since the start.
    NeverRead,
    /// There is no such meter.
    NoMeter,
    /// The device did not answer in time, or the connection is gone.
    NoAnswer,
    /// The device answered with an exception.
    Refused,
    /// The answer was not understood: wrong length, wrong echo, not a number, out of all bounds.
    NotUnderstood,
    /// The device itself says that it has no value.
    NotAvailable,
    /// The device itself says that there is more than it can show.
    OffScale,
}

/// A price and when it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceSeen {
    /// The price in force.
    pub price: Price,
    /// When it was received or last confirmed.
    pub at: Mono,
}

/// What the operator ordered. Lasts until taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// Every miner off, at once.
    pub e_stop: bool,
    /// The controller is ending: every miner off, on the site's ramp.
    pub drain: bool,
    /// Import at the POI no higher than this; reached on the site's ramp.
    pub cap: Option<Power>,
    /// Groups, by name, where nothing is switched: their miners are being upgraded, or a person works on them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub locked: BTreeSet<String>,
    /// Feeders, by name, whose contactors are open, and stay so until a person closes them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub open: BTreeSet<String>,
}

impl Orders {
    /// Whether nothing is switched in this group. E-stop and the end of the program are for all.
    pub fn locks(&self, group: &str) -> bool {
        !self.locked.is_empty() && !self.e_stop && !self.drain && self.locked.contains(group)
    }
}

/// What is known of a group's device and power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSeen {
    /// Whether its device answers.
    pub link: Link,
    /// Measured power.
    pub power: Reading,
    /// Which units the device itself reports as on, and when the read that said so started.
    pub on: Option<(u64, Mono)>,
    /// The newest command the device answered for: its units, and when the answer came.
    pub written: Option<(u64, Mono)>,
    /// What the miners' own firmware says, where it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miners: Option<MinersSeen>,
}

/// What the firmware of a group's miners says of them. Evidence of what they do, and no proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinersSeen {
    /// The units that were asked at least once since the start, or could not be reached when they were.
    pub asked: u64,
    /// The units that answer.
    pub reached: u64,
    /// The units that say, by their watts or their hashrate, that they mine; of those that are not reached, as they said last.
    pub mining: u64,
    /// The newest command that every miner reached answered for: the units that may mine, and when the last answer came.
    pub written: Option<(u64, Mono)>,
}

/// Whether a device answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Not reached yet since the start.
    #[default]
    New,
    /// It answers.
    Up,
    /// It was reached and is silent now.
    Silent,
}
