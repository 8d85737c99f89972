//! What one tick hands to the next. Goes into the journal's keyframes, so that any segment can be replayed alone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::billing::Billing;
use super::contactor::{ContactorMemory, Severed};
use super::envelope::{Envelope, Margin};
use super::failsafe::{CONDITIONS, Held};
use super::standing::Standing;
use super::unasked::Unasked;
use crate::plan::Cause;
use crate::sabotage::{self, Sabotage};
use crate::site::{GroupIx, Site};
use crate::snapshot::{Reading, RelaySeen, Snapshot};
use crate::time::Mono;
use crate::units::{Power, Slew};

/// What one tick hands to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Per group, in the order of the site's groups.
    pub groups: Vec<GroupMemory>,
    /// Per contactor of a feeder, in the order of the site's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contactors: Vec<ContactorMemory>,
    /// Rolling maximum of the firm load.
    pub envelope: Envelope,
    /// Learnt on top of it.
    pub margin: Margin,
    /// Rolling maximum of what the fastest class must keep free above the firm load: it moves with the ages of the meters.
    pub reserve: Envelope,
    /// What the site's meters showed last, whenever that was.
    #[serde(default)]
    pub metered: Metered,
    /// Firm load that only the POI saw: the lowest in each tenth of the last second in which it was fresh, newest last.
    pub unmetered: Vec<(Mono, Power)>,
    /// Raises announced in the record of tick `announced`, to be sent once that record is durable.
    pub intends: Vec<(GroupIx, u64)>,
    /// The tick whose record announces `intends`.
    pub announced: u64,
    /// The operator's cap on its way down: import may be no higher than this now.
    pub sliding_cap: Option<Power>,
    /// The windows over which demand is billed.
    #[serde(default, skip_serializing_if = "Billing::is_nothing")]
    pub billing: Billing,
    /// Power that may still be lowered on the site's ramp in this moment.
    pub descent: Power,
    /// Power that may still be restored on the restore ramp in this moment.
    pub ascent: Power,
    /// When the tick before was.
    pub before: Mono,
    /// Time since then, at most a second: a ramp does not make up for a loop that stood still.
    #[serde(skip)]
    pub passed: Duration,
    /// When something was last shed for a limit.
    pub shed_at: Option<Mono>,
    /// Per feeder (the last entry is for groups on none): when a batch last came back.
    pub batch_at: Vec<Option<Mono>>,
    /// The highest that all groups counted together, in each tenth of the last second, newest last.
    pub counted: Vec<(Mono, Power)>,
    /// What was told as an event and still holds.
    pub lasting: Lasting,
    /// The conditions of the fail-safe, in the order of its table.
    #[serde(with = "conditions")]
    pub conditions: [Held; CONDITIONS],
    /// What the under-frequency relay showed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelaySeen>,
    /// The newest tick whose record was durable, and when that was first seen.
    pub durable: (u64, Mono),
    /// Wall clock less the loop's own, in microseconds, at the tick before.
    pub wall_offset: Option<i64>,
}

/// The rows of the fail-safe's table as a list: rows that came later, and hold nothing, are left out and may be missing.
mod conditions {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{CONDITIONS, Held};

    /// The rows that there always were.
    const FIRST: usize = 8;

    pub(super) fn serialize<S: Serializer>(all: &[Held; CONDITIONS], to: S) -> Result<S::Ok, S::Error> {
        let last = all.iter().rposition(|held| *held != Held::default()).map_or(0, |last| last + 1);
        all.get(..last.max(FIRST)).unwrap_or(all).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[Held; CONDITIONS], D::Error> {
        let rows = Vec::<Held>::deserialize(from)?;
        if rows.len() > CONDITIONS {
            return Err(serde::de::Error::invalid_length(rows.len(), &"no more conditions than there are"));
        }
        let mut all = [Held::default(); CONDITIONS];
        all.iter_mut().zip(rows).for_each(|(held, row)| *held = row);
        Ok(all)
    }
}

/// The newest reading of each meter, and when it was true. A meter that has no value has the one before it, and that ages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metered {
    /// Import at the POI.
    pub poi: Option<(Power, Mono)>,
    /// The hall.
    pub hall: Option<(Power, Mono)>,
    /// The house.
    pub house: Option<(Power, Mono)>,
}

/// What is remembered of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMemory {
    /// The units it was last told may be on; nothing before its device was first heard.
    pub told: Option<u64>,
    /// What it is counted to draw: as told once that is proved, never less.
    pub counted: Power,
    /// What it draws beyond what it was told, as last seen with nothing pending: units that run unasked, miners that draw
    /// more than their plate. No command is known to lower it, so it counts against every class.
    pub beyond: Power,
    /// Before the lower commands that are pending it drew all that it was told: a lower reading is a fall.
    #[serde(default)]
    pub at_full: bool,
    /// When it was last told to lower, until that is proved.
    pub lowering: Option<Mono>,
    /// When the first of the lower commands that are pending was told.
    pub lowering_from: Mono,
    /// Since when its device shows what it was then told, where that is pending: what it measured after that can prove it.
    pub shown: Option<Mono>,
    /// Until then it counts in full: it was found drawing more than it had on, and may be on its way.
    #[serde(default)]
    pub unsettled_until: Mono,
    /// It did not follow within its proof time: counts as drawing, and as not controllable.
    pub not_following: bool,
    /// A person locked it: nothing is switched, and all that has power counts in full.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// The contactor of its feeder is open.
    #[serde(default, skip_serializing_if = "Severed::is_no")]
    pub severed: Severed,
    /// Its device is silent.
    pub silent: bool,
    /// When it fell silent.
    pub silent_at: Mono,
    /// The controller before this one ended without a word: what is found off may have gone off in its last moment.
    pub unwatched: bool,
    /// When each unit last changed, for dwell and for taking turns.
    pub changed: Vec<Mono>,
    /// When any of them did.
    pub touched: Mono,
    /// What is asleep by its firmware, and what is cut because it would not.
    #[serde(default, skip_serializing_if = "Asleep::is_nothing")]
    pub asleep: Asleep,
    /// What runs at low power.
    #[serde(default, skip_serializing_if = "Level::is_nothing")]
    pub level: Level,
    /// What it draws unasked.
    #[serde(default, skip_serializing_if = "Unasked::is_nothing")]
    pub unasked: Unasked,
}

/// What of a group runs at low power.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Units told to.
    pub low: u64,
    /// Those that are measured to: the others count in full.
    pub proved: u64,
    /// Since when the same units are told to.
    pub since: Mono,
    /// It was told that they do not follow.
    pub late: bool,
}

impl Level {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What is remembered of a group whose miners are told to sleep by their own firmware.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asleep {
    /// Units whose outlets are told off.
    pub cut: u64,
    /// Units that were told to sleep, until it is proved.
    pub pending: u64,
    /// When each unit was told to sleep: each has its own time, whatever is told to others meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Mono>,
    /// When outlets were last told off.
    #[serde(default)]
    pub cut_at: Mono,
    /// Units with power that were found neither mining nor asleep: they may be on their way up, and count in full, until they say that
    /// they sleep, or for so long that nothing boots any more.
    pub unknown: u64,
    /// Until then.
    pub unknown_until: Mono,
    /// Since when all that is pending says that it sleeps, or has answered.
    pub said: Option<Mono>,
    /// Outlets were told off, and it is not proved yet.
    pub cutting: bool,
    /// What is pending was told for a limit, or by a person: what does not sleep in time is cut.
    pub urgent: bool,
    /// One of these drew on, and their own words do not tell which.
    pub suspects: u64,
    /// How often each unit was found drawing when it was to sleep.
    pub strikes: Vec<u8>,
    /// Units in quarantine: they stay cut until a person lets them back.
    pub barred: u64,
}

impl Asleep {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl GroupMemory {
    /// Whether a command to it can be counted on.
    pub(super) fn controllable(&self) -> bool {
        !self.silent && !self.not_following && !self.locked && self.told.is_some()
    }
}

impl Metered {
    /// Takes in what the tick sees.
    pub(super) fn take(&mut self, snapshot: &Snapshot) {
        let newer = |kept: &mut Option<(Power, Mono)>, reading: Reading| *kept = reading.known().or(*kept);
        newer(&mut self.poi, snapshot.poi);
        newer(&mut self.hall, snapshot.hall);
        newer(&mut self.house, snapshot.house);
        if sabotage::is(Sabotage::NoDataIsZero) {
            let zero = |reading: Reading| reading.known().or(Some((Power::ZERO, snapshot.now.mono)));
            (self.poi, self.hall, self.house) = (zero(snapshot.poi), zero(snapshot.hall), zero(snapshot.house));
        }
    }
}

/// What was told as an event and still holds, so that it is told once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lasting {
    /// The binding rule.
    pub cause: Cause,
    /// When the binding rule was last told.
    pub cause_at: Option<Mono>,
    /// Import is above the limit: since when, and the highest seen.
    pub excursion: Option<(Mono, Power)>,
}

/// What survives a restart: learnt margins and how long ago each unit changed. Ages, because clocks start anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// What was learnt of the hall.
    pub margin: Margin,
    /// Per group by name: milliseconds since each unit last changed.
    pub dwell_ms: Vec<(String, Vec<u64>)>,
    /// Per group by name, where there are any: how often each unit was found drawing when it was to sleep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strikes: Vec<(String, Vec<u8>)>,
    /// Per group by name, where there are any: the units told to run at low power.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub low: Vec<(String, u64)>,
}

impl Memory {
    /// A memory of the right shape for a site, knowing nothing.
    pub fn new(site: &Site) -> Self {
        let group = |units: u32| GroupMemory { changed: vec![Mono::START; units as usize], ..GroupMemory::default() };
        Self {
            groups: site.groups.iter().map(|each| group(each.units)).collect(),
            contactors: vec![ContactorMemory::default(); site.contactors().count()],
            batch_at: vec![None; site.feeders.len() + 1],
            ..Self::default()
        }
    }

    /// What of it should survive a restart.
    pub fn remember(&self, site: &Site, now: Mono) -> Remembered {
        let ages = |group: &GroupMemory| group.changed.iter().map(|at| millis(now.since(*at))).collect();
        let named = site.groups.iter().zip(&self.groups);
        let lowered = named.clone().filter(|(_, memory)| memory.level.low != 0);
        let struck = named.clone().filter(|(_, memory)| !memory.asleep.strikes.is_empty());
        Remembered {
            margin: self.margin.clone(),
            dwell_ms: named.map(|(group, memory)| (group.name.clone(), ages(memory))).collect(),
            strikes: struck.map(|(group, memory)| (group.name.clone(), memory.asleep.strikes.clone())).collect(),
            low: lowered.map(|(group, memory)| (group.name.clone(), memory.level.low)).collect(),
        }
    }

    /// A fresh memory that knows what survived. `down` is how long the controller was away; a clock that was set back
    /// meanwhile counts as no time, so that dwell is kept rather than cut.
    pub fn recall(site: &Site, kept: &Remembered, now: Mono, down: Duration) -> (Self, Mono) {
        let mut memory = Self::new(site);
        memory.margin = kept.margin.clone();
        let oldest = kept.dwell_ms.iter().flat_map(|(_, ages)| ages).copied().max().unwrap_or(0).min(WEEK_MS);
        // Ages reach back before this clock's start: the caller starts ticking at this moment instead of at zero.
        let start = now.after(Duration::from_millis(oldest)).after(down);
        for (group, memory) in site.groups.iter().zip(&mut memory.groups) {
            if let Some((_, low)) = kept.low.iter().find(|(name, _)| *name == group.name) {
                memory.level.low = low & group.all_on();
            }
            if let Some((_, strikes)) = kept.strikes.iter().find(|(name, _)| *name == group.name) {
                memory.asleep.recall(strikes, group.units);
            }
            let Some((_, ages)) = kept.dwell_ms.iter().find(|(name, _)| *name == group.name) else { continue };
            for (changed, age) in memory.changed.iter_mut().zip(ages) {
                *changed = start.before(Duration::from_millis((*age).min(WEEK_MS)).saturating_add(down));
            }
            memory.touched = memory.changed.iter().copied().max().unwrap_or_default();
        }
        (memory, start)
    }

    /// Makes room for what the site has, where a keyframe came from a file with fewer groups.
    pub fn fits(&self, site: &Site) -> bool {
        let contactors = self.contactors.len() == site.contactors().count();
        contactors && self.groups.len() == site.groups.len() && self.batch_at.len() == site.feeders.len() + 1
    }

    /// Advances everything that is a function of time alone.
    pub(super) fn pass(&mut self, standing: &Standing, snapshot: &Snapshot) {
        let site = &standing.site;
        let passed = snapshot.now.mono.since(self.before).min(Duration::from_secs(1));
        self.before = snapshot.now.mono;
        self.passed = passed;
        // A credit holds at least one unit of every group, else a ramp of small steps could never move a big one.
        let most = |ramp: Slew| standing.largest_unit.max(ramp.over(LEAD));
        self.descent = (self.descent + site.poi.ramp.over(passed)).min(most(site.poi.ramp));
        self.ascent = (self.ascent + site.restore.ramp.over(passed)).min(most(site.restore.ramp));
    }
}

const WEEK_MS: u64 = 7 * 86_400_000;
/// A ramp may run ahead by this much at most: units are whole, time comes in ticks.
const LEAD: Duration = Duration::from_millis(200);

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
