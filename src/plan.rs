//! The output of one tick: what may be drawn, why, and one command per group. Nothing is left for the actuator to choose.

use serde::{Deserialize, Serialize};

use crate::site::{FeederIx, GroupIx};
use crate::time::Mono;
use crate::units::Power;

mod stand;

pub use stand::{Condition, Retreat, Stand};

/// What was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Most the miners may draw together now.
    pub ceiling: Power,
    /// Least the miners must draw together; zero until a programme asks for more.
    pub floor: Power,
    /// The rule that set the ceiling.
    pub cause: Cause,
    /// Where the fail-safe stands.
    pub stand: Stand,
    /// Every limit that was considered, in order of authority.
    pub limits: Vec<Bound>,
    /// One command per group, in the order of the site's groups.
    pub commands: Vec<Command>,
    /// What changed and is worth a line of its own in the journal.
    pub events: Vec<Event>,
    /// What all groups together are counted to draw while commands are pending.
    pub counted: Power,
    /// What all firm load counts as at the fastest response class.
    pub firm: Power,
    /// Units that shall come on as soon as this record is durable. A raise is announced first and sent later.
    pub intends: Vec<(GroupIx, u64)>,
    /// What each feeder's contactor is told, in the order of [`crate::site::Site::contactors`]: to be closed or not, or nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contactors: Vec<Option<bool>>,
}

impl Plan {
    /// The feeders whose contactors were opened in this tick: from then on it takes a person to close them.
    pub fn opened(&self) -> impl Iterator<Item = FeederIx> + '_ {
        self.events.iter().filter_map(|event| match event {
            Event::FeederOpens { feeder, .. } => Some(*feeder),
            _ => None,
        })
    }
}

/// What a group is told. Renewed every tick; void at `lapses`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The units that may be on.
    pub on: u64,
    /// The units that are to be without power, of a group whose miners are told to sleep by their own firmware: all its other outlets
    /// are on, also those of units that may not be. Of a group without such a path nothing: its outlets are its units.
    #[serde(default)]
    pub cut: u64,
    /// The units of `on` that are to run at low power, of a group whose miners have such a level.
    #[serde(default)]
    pub low: u64,
    /// When the permit ends unless renewed.
    pub lapses: Mono,
}

/// A limit and the rule it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// What it binds.
    pub scope: Scope,
    /// Most the miners in the scope may draw together.
    pub at_most: Power,
    /// The rule.
    pub cause: Cause,
}

/// What a bound binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All miners of the site.
    Site,
    /// The miners behind one feeder.
    Feeder(FeederIx),
    /// One group.
    Group(GroupIx),
}

/// The rule that set a limit, in order of authority. Its name goes into the journal and onto the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A person pressed e-stop.
    EStop,
    /// The import limit of the POI less the worst case of all firm load.
    ImportLimit,
    /// The hall's meter shows nothing, or nothing fresh: it counts as what it can have become, at most its nameplate.
    AiHallUnknown,
    /// The POI's meter was lost for too long: the firm load counts as rising on the site's ramp, at most to its nameplates.
    PoiUnknown,
    /// A feeder or transformer is at its rating.
    FeederRating,
    /// One more MW would be a billing peak that costs more than it earns.
    BillingPeak,
    /// The operator capped import.
    OperatorCap,
    /// The controller is ending and sheds on the ramp.
    Drain,
    /// Power costs more than it earns.
    Price,
    /// Everything that is there may run.
    #[default]
    Nameplate,
}

impl Cause {
    /// Every one, in order of authority.
    pub const ALL: [Self; 10] = [
        Self::EStop,
        Self::ImportLimit,
        Self::AiHallUnknown,
        Self::PoiUnknown,
        Self::FeederRating,
        Self::BillingPeak,
        Self::OperatorCap,
        Self::Drain,
        Self::Price,
        Self::Nameplate,
    ];

    /// The name in the journal, in stories and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::EStop => "e_stop",
            Self::ImportLimit => "import_limit",
            Self::AiHallUnknown => "ai_hall_unknown",
            Self::PoiUnknown => "poi_unknown",
            Self::FeederRating => "feeder_rating",
            Self::BillingPeak => "billing_peak",
            Self::OperatorCap => "operator_cap",
            Self::Drain => "drain",
            Self::Price => "price",
            Self::Nameplate => "nameplate",
        }
    }
}

/// Why a feeder's contactor was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opened {
    /// A limit was overdrawn, or everything stopped, and what is behind it drew on: nothing else was left to lower.
    LastResort,
    /// It was found open, whoever opened it.
    Found,
    /// A person ordered it.
    Ordered,
}

/// Something worth a line of its own in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Event {
    /// The binding rule changed.
    #[serde(rename = "mode.change")]
    ModeChange {
        /// The rule that bound before.
        from: Cause,
        /// The rule that binds now.
        to: Cause,
        /// The new ceiling.
        ceiling_w: Power,
    },
    /// Import is above the limit.
    #[serde(rename = "limit.excursion")]
    Excursion {
        /// Import at the POI.
        poi_w: Power,
        /// The limit.
        limit_w: Power,
    },
    /// Import is back under the limit.
    #[serde(rename = "limit.cleared")]
    Cleared {
        /// Highest import seen meanwhile.
        peak_w: Power,
        /// How long it lasted, by meter samples.
        dur_ms: u64,
    },
    /// The POI meter is stale: nothing is restored.
    #[serde(rename = "meter.stale")]
    MeterStale {
        /// Age of the last reading.
        age_ms: u64,
    },
    /// The POI meter is back.
    #[serde(rename = "meter.fresh")]
    MeterFresh {},
    /// The hall's meter is stale: it counts as more with every moment, at most its nameplate.
    #[serde(rename = "ai.stale")]
    AiStale {
        /// Age of the last reading.
        age_ms: u64,
        /// What the hall counts as by the slowest group's response.
        assumed_w: Power,
    },
    /// The hall's meter is back.
    #[serde(rename = "ai.fresh")]
    AiFresh {},
    /// The price is lost: the declared fall-back holds.
    #[serde(rename = "price.stale")]
    PriceStale {},
    /// The price is back.
    #[serde(rename = "price.fresh")]
    PriceFresh {},
    /// No record has become durable for a while: nothing is raised.
    #[serde(rename = "record.late")]
    RecordLate {
        /// For how long.
        behind_ms: u64,
    },
    /// Records become durable again.
    #[serde(rename = "record.durable")]
    RecordDurable {},
    /// The POI shows more, or less where this is below zero, than all other meters together can account for.
    #[serde(rename = "meter.suspect")]
    MetersDisagree {
        /// By how much.
        residual_w: Power,
    },
    /// The meters agree again.
    #[serde(rename = "meter.agree")]
    MetersAgree {},
    /// A condition was held for as long as it may be; now it is acted on.
    #[serde(rename = "failsafe.acts")]
    Failsafe {
        /// What is wrong.
        condition: Condition,
        /// What is done about it.
        retreat: Retreat,
    },
    /// What was acted on is over.
    #[serde(rename = "failsafe.clear")]
    FailsafeClear {
        /// What was wrong.
        condition: Condition,
    },
    /// The wall clock was set. Nothing that is controlled goes by it.
    #[serde(rename = "time.step")]
    ClockSet {
        /// By how much.
        delta_ms: i64,
    },
    /// A device fell silent; its group counts as drawing.
    #[serde(rename = "dev.lost")]
    DeviceLost {
        /// The group.
        group: GroupIx,
        /// What it counts as.
        assumed_w: Power,
    },
    /// A device answers again.
    #[serde(rename = "dev.back")]
    DeviceBack {
        /// The group.
        group: GroupIx,
    },
    /// A group was told to shed for a limit.
    #[serde(rename = "shed")]
    Shed {
        /// The rule.
        cause: Cause,
        /// How much, at nameplate.
        power_w: Power,
        /// How many groups.
        groups: u32,
    },
    /// Groups were allowed to come back.
    #[serde(rename = "restore")]
    Restore {
        /// How much, at nameplate.
        power_w: Power,
        /// How many groups.
        groups: u32,
    },
    /// A lower command was not confirmed by measured watts in time.
    #[serde(rename = "act.unverified")]
    NotFollowing {
        /// The group.
        group: GroupIx,
        /// What it was told.
        expect_w: Power,
        /// What it still counts as.
        counted_w: Power,
    },
    /// Units that were told to sleep and draw on lost their outlets.
    #[serde(rename = "act.cut")]
    Cut {
        /// The group.
        group: GroupIx,
        /// The units.
        units: u64,
        /// What the group should have drawn.
        expect_w: Power,
        /// What it counted.
        counted_w: Power,
    },
    /// The contactor of a feeder was opened, or was found so: all behind it lose their power, and stay off until a person closes it.
    #[serde(rename = "feeder.open")]
    FeederOpens {
        /// The feeder.
        feeder: FeederIx,
        /// Why.
        why: Opened,
        /// What drew on behind it.
        undue_w: Power,
    },
    /// The meter of a feeder shows power though its contactor was told to open.
    #[serde(rename = "feeder.unverified")]
    FeederNotFollowing {
        /// The feeder.
        feeder: FeederIx,
        /// What it still counts as.
        counted_w: Power,
    },
    /// The meter of a feeder shows that its contactor is open.
    #[serde(rename = "feeder.dark")]
    FeederDark {
        /// The feeder.
        feeder: FeederIx,
    },
    /// A person let the contactor of a feeder be closed, and there was room for all behind it.
    #[serde(rename = "feeder.close")]
    FeederCloses {
        /// The feeder.
        feeder: FeederIx,
    },
    /// Units that drew on too often when they were to sleep: they stay cut until a person lets them back.
    #[serde(rename = "act.quarantine")]
    Quarantine {
        /// The group.
        group: GroupIx,
        /// The units.
        units: u64,
        /// How often.
        strikes: u8,
    },
    /// A lower command was confirmed by measured watts after it had been reported as not following.
    #[serde(rename = "act.verified")]
    Following {
        /// The group.
        group: GroupIx,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_listed_in_order_of_authority_and_none_ranks_below_the_default() {
        assert!(Cause::ALL.windows(2).all(|two| two[0] < two[1]));
        assert_eq!(Cause::ALL.map(|cause| cause as usize), std::array::from_fn(|ix| ix));
        assert_eq!(Cause::ALL.last(), Some(&Cause::default()));
    }
}
