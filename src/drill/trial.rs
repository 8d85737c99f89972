//! What one trial measured: data, as it stands in the journal and in the evidence file. Times are milliseconds from the
//! command, powers whole watts.

use serde::{Deserialize, Serialize};

use super::curve::{Between, Curve};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// From mining to off.
    Shed,
    /// From off to full draw.
    Restore,
    /// Nobody talks to the PDU any more.
    CommsLoss,
}

impl Kind {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shed => "shed",
            Self::Restore => "restore",
            Self::CommsLoss => "comms-loss",
        }
    }
}

/// By what a group is lowered and raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Its outlets.
    Outlets,
    /// The firmware of its miners.
    Firmware,
}

impl Way {
    /// As it stands in the site file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outlets => "outlets",
            Self::Firmware => "firmware",
        }
    }
}

/// Something the site file, or the site, has wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where in the site file: a name that its places know.
    pub at: String,
    /// What is wrong, with the numbers.
    pub message: String,
    /// What to write or to do.
    pub help: String,
}

/// From mining to off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fall {
    /// What the group drew before.
    pub drew_w: i64,
    /// When the first request of the command was on the wire; nothing by firmware.
    pub written_ms: Option<u64>,
    /// When the last answer for it had come.
    pub answered_ms: Option<u64>,
    /// Down to half.
    pub half: Option<Between>,
    /// Down to a tenth.
    pub tenth: Option<Between>,
    /// Down to what is left of it for good: the response.
    pub gone: Option<Between>,
    /// When the controller would have taken it for proved.
    pub proof_ms: Option<u64>,
    /// Down at the POI, where its drop stands out there.
    pub poi: Option<Between>,
}

/// From off to full draw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rise {
    /// How many units came back.
    pub units: u32,
    /// When the last batch was told.
    pub told_ms: u64,
    /// When the last answer for it had come.
    pub answered_ms: Option<u64>,
    /// The first power there was.
    pub first_watts: Option<Between>,
    /// Up to what it drew in the end, less a little.
    pub full: Option<Between>,
    /// What it drew in the end.
    pub full_w: i64,
    /// The highest that was seen.
    pub highest_w: i64,
    /// The steepest rise there surely was, over a second at least.
    pub steepest_w_per_s: i64,
}

/// Nobody talked to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// What the group drew before.
    pub drew_w: i64,
    /// Its outlets that were on before.
    pub on_before: u64,
    /// Its outlets that were on when it was asked again; nothing where it did not answer.
    pub on_after: Option<u64>,
    /// What it showed then.
    pub draws_w: Option<i64>,
    /// The connection was closed, and nobody asked again for so long.
    pub silent_ms: u64,
    /// It may have been asked for the last time so long before the connection was closed.
    pub asked_before_ms: u64,
    /// When its power was gone at the POI, where its drop stands out there.
    pub poi: Option<Between>,
}

/// What a trial measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "measured", rename_all = "snake_case")]
pub enum Measured {
    /// From mining to off.
    Fall(Fall),
    /// From off to full draw.
    Rise(Rise),
    /// Nobody talked to it.
    Silence(Silence),
}

/// What the site file says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// From the decision to the power being gone.
    pub response_ms: u64,
    /// By when it must be proved.
    pub proof_ms: u64,
    /// What the PDU does when it hears nothing.
    pub comms_loss: String,
    /// When it does that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comms_loss_after_ms: Option<u64>,
}

/// One trial of one group by one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The group.
    pub group: String,
    /// By what.
    pub path: Way,
    /// The how-manieth of this group by this path, from 1.
    pub nth: u32,
    /// When the command was given, in UTC.
    pub began: String,
    /// What the site file says.
    pub declared: Declared,
    /// What came of it.
    #[serde(flatten)]
    pub measured: Measured,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// The PDU's power: rows of earliest moment, moment seen, watts.
    pub pdu: Curve,
    /// Import at the POI less what the hall's meter shows: the same rows.
    pub poi: Curve,
}

/// How a group was found, and how it was left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The group.
    pub group: String,
    /// The units that ran before; nothing where nobody knows.
    pub found: Option<u64>,
    /// The outlets that are on now; nothing where nobody knows.
    pub outlets: Option<u64>,
    /// It is as it was.
    pub as_found: bool,
    /// Why not, or why nothing was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
