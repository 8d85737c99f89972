//! What can go wrong, and how bad it can be. When it does stands in [`super::schedule`].

use std::time::Duration;

use crate::site::Site;
use crate::time::Mono;

/// The classes of faults. The numbers in brackets are rows of the fault table in `docs/reliability.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A meter does not answer (1).
    MeterSilent,
    /// A meter shows what it showed, for ever new (2).
    MeterFrozen,
    /// A meter drifts away from the truth (2).
    MeterDrifts,
    /// A meter answers, and what it says is no number (3).
    MeterNotANumber,
    /// A meter's words come in the wrong order: what it says is out of all bounds, or a plausible wrong number (3).
    MeterGarbled,
    /// One reading is far too high (3).
    MeterSpikes,
    /// One reading is far too low (3).
    MeterDips,
    /// A PDU cannot be reached; its outlets stay as they are (4).
    PduLost,
    /// A PDU answers every write and does nothing (5).
    PduMute,
    /// A PDU carries out what it is told seconds later (5).
    PduLate,
    /// A PDU refuses to switch (5).
    PduRefuses,
    /// A PDU is without power, and comes back with what it had on (4, 7).
    PduDark,
    /// A PDU cannot be reached, and carries out what was sent to it last when it is back (4).
    PduReplays,
    /// What a PDU measures stands still (5).
    PduFrozen,
    /// An outlet does not open (6).
    OutletWelded,
    /// An outlet closes by itself (7).
    OutletOwnWill,
    /// The hall rises at once by more than was declared (9).
    HallStep,
    /// The hall drops to a part of its load at once, and comes back as declared: a training checkpoint.
    HallDips,
    /// The hall draws more than its nameplate: a site that breaks its own declaration (9).
    HallBeyond,
    /// No price comes (10).
    PriceLost,
    /// The price stands still (10).
    PriceFrozen,
    /// The price is negative (11).
    PriceNegative,
    /// The price jumps to the cap (11).
    PriceSpikes,
    /// The price is no price: the largest and the smallest number there is (11).
    PriceGarbage,
    /// The wall clock is set (12).
    WallSteps,
    /// The wall clock leaps by a second (12).
    WallLeaps,
    /// The wall clock leaps by an hour (12).
    WallDst,
    /// The controller is killed at any boundary of its tick, and started again (14).
    Killed,
    /// The loop stands still, its connections do not (15).
    LoopHangs,
    /// The host loses power at any boundary of the tick, and what was not synced with it (16).
    HostDark,
    /// The host loses power in the middle of a write: half a line is there at the next start (19).
    TornTail,
    /// The disk takes nothing (17).
    DiskFull,
    /// Nothing that is written becomes durable (18).
    SyncFails,
    /// The state store is lost with the controller (20).
    StoreBad,
    /// The operator presses e-stop, and releases it.
    EStop,
    /// The operator caps import, and lifts it.
    Cap,
    /// The operator's caps come one after the other, repeated and contradicting (24, 25, 26).
    Flapping,
    /// The operator's orders come again and again, an old one first (24).
    OrdersAgain,
    /// The operator's orders do not arrive (27).
    OperatorLost,
}

impl Class {
    /// Every class, in the order of the table.
    pub const ALL: [Self; 39] = [
        Self::MeterSilent,
        Self::MeterFrozen,
        Self::MeterDrifts,
        Self::MeterNotANumber,
        Self::MeterGarbled,
        Self::MeterSpikes,
        Self::MeterDips,
        Self::PduLost,
        Self::PduMute,
        Self::PduLate,
        Self::PduRefuses,
        Self::PduReplays,
        Self::PduDark,
        Self::PduFrozen,
        Self::OutletWelded,
        Self::OutletOwnWill,
        Self::HallStep,
        Self::HallDips,
        Self::HallBeyond,
        Self::PriceLost,
        Self::PriceFrozen,
        Self::PriceNegative,
        Self::PriceSpikes,
        Self::PriceGarbage,
        Self::WallSteps,
        Self::WallLeaps,
        Self::WallDst,
        Self::Killed,
        Self::LoopHangs,
        Self::HostDark,
        Self::TornTail,
        Self::DiskFull,
        Self::SyncFails,
        Self::StoreBad,
        Self::EStop,
        Self::Cap,
        Self::Flapping,
        Self::OrdersAgain,
        Self::OperatorLost,
    ];

    /// Its name, as it is given after `--faults` and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::MeterSilent => "meter-silent",
            Self::MeterFrozen => "meter-frozen",
            Self::MeterDrifts => "meter-drifts",
            Self::MeterNotANumber => "meter-nan",
            Self::MeterGarbled => "meter-garbled",
            Self::MeterSpikes => "meter-spikes",
            Self::MeterDips => "meter-dips",
            Self::PduLost => "pdu-lost",
            Self::PduMute => "pdu-mute",
            Self::PduLate => "pdu-late",
            Self::PduRefuses => "pdu-refuses",
            Self::PduReplays => "pdu-replays",
            Self::PduDark => "pdu-dark",
            Self::PduFrozen => "pdu-frozen",
            Self::OutletWelded => "outlet-welded",
            Self::OutletOwnWill => "outlet-own-will",
            Self::HallStep => "hall-step",
            Self::HallDips => "hall-dips",
            Self::HallBeyond => "hall-beyond",
            Self::PriceLost => "price-lost",
            Self::PriceFrozen => "price-frozen",
            Self::PriceNegative => "price-negative",
            Self::PriceSpikes => "price-spikes",
            Self::PriceGarbage => "price-garbage",
            Self::WallSteps => "wall-steps",
            Self::WallLeaps => "wall-leaps",
            Self::WallDst => "wall-dst",
            Self::Killed => "killed",
            Self::LoopHangs => "loop-hangs",
            Self::HostDark => "host-dark",
            Self::TornTail => "torn-tail",
            Self::DiskFull => "disk-full",
            Self::SyncFails => "sync-fails",
            Self::StoreBad => "store-bad",
            Self::EStop => "e-stop",
            Self::Cap => "cap",
            Self::Flapping => "flapping",
            Self::OrdersAgain => "orders-again",
            Self::OperatorLost => "operator-lost",
        }
    }

    /// The class of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Shortest and longest time that one lasts, in milliseconds.
    pub(super) fn lasts(self) -> (i64, i64) {
        match self {
            Self::MeterSpikes | Self::MeterDips => (50, 250),
            Self::HallStep | Self::WallSteps | Self::WallLeaps | Self::WallDst => (1, 1),
            Self::Killed => (300, 4_000),
            Self::LoopHangs => (200, 6_000),
            Self::HostDark | Self::TornTail => (5_000, 60_000),
            // Longer than the shortest `ages.price` there is, and than a whole fleet needs to go down its ramp.
            Self::PriceLost | Self::PriceFrozen | Self::PriceSpikes | Self::PriceGarbage => (200, 60_000),
            Self::PduReplays => (500, 60_000),
            Self::HallBeyond => (1_000, 40_000),
            Self::StoreBad => (500, 3_000),
            Self::PduLost | Self::PduDark => (500, 40_000),
            Self::MeterDrifts => (5_000, 60_000),
            Self::EStop | Self::Cap | Self::Flapping | Self::OrdersAgain => (1_000, 30_000),
            Self::OperatorLost => (1_000, 60_000),
            _ => (200, 20_000),
        }
    }

    /// How many devices it can strike.
    pub(super) fn targets(self, site: &Site) -> usize {
        match self {
            Self::MeterSilent
            | Self::MeterFrozen
            | Self::MeterDrifts
            | Self::MeterNotANumber
            | Self::MeterGarbled
            | Self::MeterSpikes
            | Self::MeterDips => 3,
            Self::PduLost
            | Self::PduMute
            | Self::PduLate
            | Self::PduRefuses
            | Self::PduReplays
            | Self::PduDark
            | Self::PduFrozen
            | Self::OutletWelded
            | Self::OutletOwnWill => site.groups.len(),
            _ => 1,
        }
    }
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub class: Class,
    /// When it begins, on the world's clock.
    pub from: Mono,
    /// When it is over.
    pub to: Mono,
    /// Which of the devices that it can strike: a meter (POI, hall, house), or a group.
    pub target: usize,
    /// A number of its own, for how bad it is: up to a million.
    pub degree: i64,
}

impl Fault {
    /// Whether its meter has no value while it is in force.
    pub fn says_nothing(&self) -> bool {
        match self.class {
            Class::MeterSilent | Class::MeterNotANumber => true,
            Class::MeterGarbled => self.degree % 2 == 0,
            _ => false,
        }
    }

    /// Whether its meter has a value that is wrong while it is in force.
    pub fn lies(&self) -> bool {
        use Class as C;
        let wrong = matches!(self.class, C::MeterFrozen | C::MeterDrifts | C::MeterSpikes | C::MeterDips);
        wrong || (self.class == C::MeterGarbled && !self.says_nothing())
    }

    /// Whether the PDU that it strikes may not do as it is told.
    pub fn disobeys(&self) -> bool {
        use Class as C;
        matches!(
            self.class,
            C::PduLost
                | C::PduMute
                | C::PduLate
                | C::PduRefuses
                | C::PduReplays
                | C::PduDark
                | C::PduFrozen
                | C::OutletWelded
                | C::OutletOwnWill
        )
    }
}

/// What may go wrong in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weather {
    /// How long the faults come.
    pub storm: Duration,
    /// How long none does.
    pub calm: Duration,
    /// Time between two faults in a storm, on average.
    pub every: Duration,
    /// The classes that may strike.
    pub classes: Vec<Class>,
}
