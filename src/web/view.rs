//! What is shown of the site, and what a person can do to it. Plain data in whole watts, micro-dollars and microseconds.

use serde::{Deserialize, Deserializer, Serialize};

use crate::plan::{Cause, Condition};
use crate::snapshot::Link;
use crate::units::Power;

/// The most events a view carries; the journal has them all.
pub const MAX_EVENTS: usize = 50;

/// The largest cap that is taken for meant: ten gigawatts.
pub const MAX_CAP: Power = Power::from_watts(10_000_000_000);

/// The most bytes that the names of locked groups may have together: all of them stand in one line of the journal.
pub const MAX_LOCKED: usize = 16_384;

/// The site at one moment, as it is shown. What is not known is `None`, never zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Wall-clock time in milliseconds since 1970; zero before the first tick.
    pub unix_ms: i64,
    /// Name of the site.
    pub site: String,
    /// Most the site may draw at the POI.
    pub import_limit_w: i64,
    /// Measured import at the POI.
    pub poi_w: Option<i64>,
    /// Measured draw of the AI hall.
    pub hall_w: Option<i64>,
    /// What the hall counts as for the fastest response class.
    pub hall_worst_w: i64,
    /// Measured draw of the house; `None` without a meter or a reading.
    pub house_w: Option<i64>,
    /// Measured draw of all miners.
    pub miners_w: i64,
    /// What the miners count as while commands are pending.
    pub counted_w: i64,
    /// Most the miners may draw now.
    pub ceiling_w: i64,
    /// The price in force, in micro-dollars a megawatt-hour. May be negative.
    pub price_micro_usd_mwh: Option<i64>,
    /// The tariff, where the site has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tariff: Option<TariffView>,
    /// The rule that set the ceiling.
    pub cause: Cause,
    /// What the e-stop that is in force was pressed for, where no person pressed it.
    #[serde(default)]
    pub terminated: Option<Condition>,
    /// What a static reservation would leave to miners: limit less nameplate of the hall less house.
    pub static_w: i64,
    /// What is physically there for miners now: limit less hall less house.
    pub available_w: Option<i64>,
    /// Nameplate of all miners.
    pub fleet_w: i64,
    /// The groups, in the order of the site.
    pub groups: Vec<GroupView>,
    /// The feeders that have a contactor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feeders: Vec<FeederView>,
    /// What the operator ordered.
    pub orders: OrdersView,
    /// Faults a person caused by hand in the demo.
    pub faults: Faults,
    /// Stages of the loop against their budgets.
    pub stages: Vec<StageView>,
    /// The last events, newest last, at most [`MAX_EVENTS`].
    pub events: Vec<EventView>,
    /// How the run has done since its start.
    pub score: ScoreView,
    /// The journal.
    pub journal: JournalView,
    /// A remark to show, such as `prices replayed at 60x`. May be empty.
    pub note: String,
    /// Whether the site is emulated: only then can the hall be made to jump and devices be unplugged.
    pub demo: bool,
}

/// What the tariff says now, and what became of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TariffView {
    /// What it is called.
    pub name: String,
    /// The first letters of its file's hash.
    pub sha256: String,
    /// What the last watt of import costs, without what a new peak would.
    pub marginal_micro_usd_mwh: Option<i64>,
    /// Demand that is held now.
    pub peaks: Vec<PeakView>,
    /// A file that is right, and waits until a person accepts it: its hash, and by which part it moves the price.
    pub waits: Option<(String, Option<i64>)>,
    /// Why the file as it lies there is refused, the first line.
    pub refused: Option<String>,
}

/// Demand that is held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeakView {
    /// The line of the tariff.
    pub line: String,
    /// Most that import may be on average.
    pub most_w: i64,
    /// What the rest of the window leaves, on the way there by the ramp.
    pub now_w: Option<i64>,
    /// When the window ends, in milliseconds since 1970.
    pub until_ms: i64,
}

/// One group of miners.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// Its name; what stands before the last `-` is the row it is shown in.
    pub name: String,
    /// How many units it has.
    pub units: u32,
    /// The units that are on, as a bit set: as the device reports, else as it was told; without those that say that they sleep. In JSON as `"0xff"`, for a
    /// browser's numbers hold 53 bits.
    #[serde(with = "bits")]
    pub on: u64,
    /// How many of these were told to run at low power.
    #[serde(default)]
    pub low: u32,
    /// Measured power.
    pub power_w: Option<i64>,
    /// Whether its device answers.
    pub link: Link,
    /// Whether measured watts confirm what it was told.
    pub following: bool,
    /// A person locked it: nothing is switched there.
    #[serde(default)]
    pub locked: bool,
    /// The contactor of its feeder is open: it has no power.
    #[serde(default)]
    pub severed: bool,
    /// The rule that binds it.
    pub cause: Cause,
}

/// A feeder whose contactor can be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeederView {
    /// Its name.
    pub name: String,
    /// It is to be open, and stays so until a person closes it.
    pub open: bool,
    /// Its meter shows that nothing flows.
    pub dark: bool,
    /// A person lets it be closed, and there is not room for all behind it yet.
    pub waits: bool,
    /// Its meter shows what it was told.
    pub following: bool,
    /// Nameplate of all miners behind it.
    pub behind_w: i64,
    /// What its meter showed last.
    pub power_w: Option<i64>,
    /// Whether the device of its contactor answers.
    pub link: Link,
}

impl GroupView {
    /// How many of its units are on.
    pub fn lit(&self) -> u32 {
        self.on.count_ones().min(self.units)
    }
}

/// A bit set as text.
mod bits {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(set: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{set:#x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        let digits = text.strip_prefix("0x").ok_or_else(|| D::Error::custom("a bit set begins with 0x"))?;
        u64::from_str_radix(digits, 16).map_err(D::Error::custom)
    }
}

/// What the operator ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdersView {
    /// Every miner off, at once.
    pub e_stop: bool,
    /// Import no higher than this.
    pub cap_w: Option<i64>,
    /// The controller is ending: every miner off, on the ramp.
    pub drain: bool,
    /// Groups where nothing is switched, by name.
    #[serde(default)]
    pub locked: Vec<String>,
}

/// Faults a person caused by hand in the demo.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// The POI meter is unplugged.
    pub meter_unplugged: bool,
    /// The PDU that is unplugged.
    pub pdu_unplugged: Option<String>,
    /// The hall is being made to jump.
    pub hall_jump: bool,
}

/// One stage of the loop: how long it takes and how long it may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageView {
    /// Its name: sense, decide, write, acknowledge, proof.
    pub name: String,
    /// Half of all passes took no longer, in microseconds.
    pub p50_us: u64,
    /// 99 of 100 passes took no longer, in microseconds.
    pub p99_us: u64,
    /// The longest pass, in microseconds.
    pub max_us: u64,
    /// The budget of the site file, in microseconds.
    pub budget_us: u64,
    /// How many passes missed the budget.
    pub missed: u64,
}

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// When, in milliseconds since 1970.
    pub unix_ms: i64,
    /// How much it matters.
    pub severity: Severity,
    /// What, in plain words.
    pub text: String,
}

/// How much an event matters to the person who watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Ordinary.
    #[default]
    Info,
    /// To be looked at; the site is on the safe side.
    Warn,
    /// To be acted on.
    Alarm,
}

/// How the run has done since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreView {
    /// The part of the physically available spare energy that the miners took, in parts per million.
    pub absorbed_share_ppm: Option<i64>,
    /// The part of it a static reservation would have taken, in parts per million.
    pub static_share_ppm: Option<i64>,
    /// Worst import above the limit.
    pub worst_excess_w: i64,
    /// Energy above the limit, in watt-seconds.
    pub excess_ws: i64,
    /// Time above the limit.
    pub time_above_ms: u64,
    /// Mean switches a unit, in thousandths.
    pub switches_mean_milli: u64,
}

/// The journal at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalView {
    /// Records written.
    pub records: u64,
    /// Records not yet durable.
    pub durable_lag: u64,
    /// The first characters of the tree's root.
    pub root_prefix: String,
}

/// What a person wants. A wish: the tick decides what comes of it.
///
/// As JSON: `{"act":"hall_jump"}`, `{"act":"cap","to":3400000}`, `{"act":"cap","to":null}`, `{"act":"e_stop","to":true}`,
/// `{"act":"lock","to":["north-01"]}`, `{"act":"close","to":["north"]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", content = "to", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Make the emulated hall jump.
    HallJump,
    /// Cap import at this power, or lift the cap.
    #[serde(deserialize_with = "said")]
    Cap(Option<Power>),
    /// Press or release e-stop.
    EStop(bool),
    /// Switch nothing in these groups from now on: their miners are being upgraded.
    Lock(Vec<String>),
    /// Switch them again.
    Unlock(Vec<String>),
    /// Open the contactors of these feeders, at once: all behind them lose their power.
    Open(Vec<String>),
    /// Close them again, when there is room for all behind them.
    Close(Vec<String>),
    /// Unplug the POI meter of the demo, or plug it in again.
    UnplugMeter(bool),
    /// Unplug a PDU of the demo, or plug it in again.
    UnplugPdu(bool),
    /// Put the tariff in force that waits, by its hash.
    Accept(String),
    /// End the controller: shed on the ramp, then stop.
    Quit,
}

/// Where a wish came from. There is no login yet: who sits at the page or the terminal is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Actor {
    /// A button of the page, or whoever posts to it.
    Page,
    /// A key in the terminal.
    Terminal,
    /// A command on this machine.
    Command,
    /// The system asked the program to end: Ctrl-C, SIGTERM.
    Signal,
    /// The time that the run was given is over.
    Schedule,
    /// The fail-safe: import stayed over the limit, or a feeder's contactor was opened.
    Failsafe,
    /// The under-frequency relay: it tripped.
    Relay,
    /// It stood when the controller before this one ended, and was not taken back.
    Restart,
}

/// A cap is lifted by saying `null`, never by leaving something out.
fn said<'de, D: Deserializer<'de>>(cap: D) -> Result<Option<Power>, D::Error> {
    Option::deserialize(cap)
}

impl Action {
    /// Whether it makes sense on an emulated site alone.
    pub fn is_for_demo(&self) -> bool {
        matches!(self, Self::HallJump | Self::UnplugMeter(_) | Self::UnplugPdu(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_64_units_survive_the_wire() {
        let group = GroupView { units: 64, on: u64::MAX - 1, ..GroupView::default() };
        let json = serde_json::to_string(&group).unwrap();
        assert!(json.contains(r#""on":"0xfffffffffffffffe""#), "{json}");
        assert_eq!(serde_json::from_str::<GroupView>(&json).unwrap(), group);
        assert_eq!(group.lit(), 63);
    }
}
