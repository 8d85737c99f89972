//! Where the fail-safe stands: how far the controller has stepped back, and what made it.

use serde::{Deserialize, Serialize};

/// How far the controller steps back, mildest first. The limits stand below all of them: what no longer fits under one is
/// shed at once, in every state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retreat {
    /// Not at all.
    #[default]
    None,
    /// It says so, and goes on.
    Tell,
    /// Nothing is raised; what is on stays as long as it fits.
    Hold,
    /// Nothing is raised, and miners go down on the site's ramp.
    Descend,
    /// Everything goes off at once and stays off until a person takes that back.
    Terminate,
}

impl Retreat {
    /// Every one, mildest first.
    pub const ALL: [Self; 5] = [Self::None, Self::Tell, Self::Hold, Self::Descend, Self::Terminate];

    /// The name in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Tell => "tell",
            Self::Hold => "hold",
            Self::Descend => "descend",
            Self::Terminate => "terminate",
        }
    }
}

/// What can be wrong with the site as a whole, in the order of the fail-safe's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// E-stop is pressed.
    EStop,
    /// Import stays over the limit, whatever is shed.
    OutOfControl,
    /// The POI's meter shows nothing fresh.
    PoiUnseen,
    /// The hall's meter shows nothing fresh.
    HallUnseen,
    /// Nothing that is recorded becomes durable.
    RecordLate,
    /// The controller is ending.
    Draining,
    /// No fresh price.
    PriceLost,
    /// What the POI shows is not what all other meters show together.
    MetersDisagree,
    /// The under-frequency relay has tripped.
    RelayTripped,
    /// The under-frequency relay is not seen: it may have tripped.
    RelayUnseen,
    /// The under-frequency relay is not armed.
    RelayDisarmed,
}

impl Condition {
    /// Every one, in the order of the table.
    pub const ALL: [Self; 11] = [
        Self::EStop,
        Self::OutOfControl,
        Self::PoiUnseen,
        Self::HallUnseen,
        Self::RecordLate,
        Self::Draining,
        Self::PriceLost,
        Self::MetersDisagree,
        Self::RelayTripped,
        Self::RelayUnseen,
        Self::RelayDisarmed,
    ];

    /// The name in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::EStop => "e_stop",
            Self::OutOfControl => "out_of_control",
            Self::PoiUnseen => "poi_unseen",
            Self::HallUnseen => "hall_unseen",
            Self::RecordLate => "record_late",
            Self::Draining => "draining",
            Self::PriceLost => "price_lost",
            Self::MetersDisagree => "meters_disagree",
            Self::RelayTripped => "relay_tripped",
            Self::RelayUnseen => "relay_unseen",
            Self::RelayDisarmed => "relay_disarmed",
        }
    }
}

/// The furthest retreat of all conditions that hold, and the first of them that asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stand {
    /// How far.
    pub retreat: Retreat,
    /// What for.
    pub condition: Option<Condition>,
}

impl Stand {
    /// Whether it is the controller itself that ends everything, and what for: from then on as if a person had pressed e-stop.
    pub fn presses_e_stop(self) -> Option<Condition> {
        let by_itself = [Condition::OutOfControl, Condition::RelayTripped];
        self.condition.filter(|condition| self.retreat == Retreat::Terminate && by_itself.contains(condition))
    }
}
