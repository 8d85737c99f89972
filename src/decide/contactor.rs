//! The contactors of feeders: the last step. What draws on behind one, and can be lowered by nothing else while a limit stands
//! overdrawn, loses its power with everything beside it; so does what does not go off at an e-stop.
//!
//! ```text
//!  closed ── overdrawn by what nothing else lowers, for `opens_after` ──> open ── its meter shows nothing ──> dark
//!    ^                                                                     │
//!    └──────── a person lets it be closed, and there is room for all <─────┘
//! ```
//!
//! What is behind it counts as before until the feeder's own meter shows that nothing flows. It is never closed by itself, is never
//! opened where somebody works on what is behind it, and a controller that dies leaves it as it is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::memory::{GroupMemory, Level, Memory};
use super::room::{Chain, Rooms};
use super::rules::{Facts, import_bound};
use super::sleep::{self, Haste};
use super::standing::{Fixed, FixedContactor, Standing};
use super::switch;
use crate::plan::{Event, Opened, Retreat};
use crate::sabotage::{self, Sabotage};
use crate::snapshot::{GroupSeen, Link, Snapshot};
use crate::time::Mono;
use crate::units::Power;

/// Two contactors are opened this far apart at the least.
const STAGGER: Duration = Duration::from_millis(250);

/// What is remembered of a feeder's contactor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactorMemory {
    /// Since when it is to be open; nothing where it is not.
    pub open: Option<Mono>,
    /// The orders have named it since: it stays open until they do not any more.
    pub ordered: bool,
    /// They do not any more, since this tick: it is closed when there is room.
    pub released: Option<u64>,
    /// Since when it is to be closed again, until it shows that it is.
    pub closing: Option<Mono>,
    /// When its device first answered that it is open, or showed it so.
    pub obeyed: Option<Mono>,
    /// Until then a meter that shows nothing is no proof: something behind it may have been on its way up when it was opened.
    pub unsettled_until: Mono,
    /// Its meter shows that nothing flows.
    pub dark: bool,
    /// It was told to open, and its meter did not show that in time.
    pub not_following: bool,
    /// Since when a limit stands overdrawn by what nothing else can lower.
    pub stuck: Option<Mono>,
}

/// What an open contactor is to a group behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severed {
    /// There is none, or it is closed.
    #[default]
    No,
    /// It was told to open, and has time left.
    InTime,
    /// It was told to open, and power may flow still.
    Late,
    /// Nothing flows.
    Dark,
}

impl Severed {
    /// Whether the contactor is not open.
    pub fn is_no(&self) -> bool {
        *self == Self::No
    }
}

impl ContactorMemory {
    /// What it is told: to be closed or not, or nothing.
    pub fn told(&self) -> Option<bool> {
        let opens = self.open.map(|_| false);
        opens.or(self.closing.map(|_| true))
    }

    fn severs(&self) -> Severed {
        match self.open {
            None => Severed::No,
            Some(_) if self.dark => Severed::Dark,
            Some(_) if self.not_following => Severed::Late,
            Some(_) => Severed::InTime,
        }
    }

    /// It is to be open from now on.
    fn begin(&mut self, unsettled_until: Mono, now: Mono) {
        *self = Self { open: Some(now), unsettled_until, ..Self::default() };
    }

    /// What a person orders, and what somebody did at the contactor itself. Why it is open from now on, where it is.
    fn heed(&mut self, ordered: bool, seen: &GroupSeen, (tick, now): (u64, Mono), settled: Mono) -> Option<Opened> {
        let shows = seen.on.filter(|_| seen.link == Link::Up).map(|(on, at)| (on & 1 == 1, at));
        if self.closing.zip(shows).is_some_and(|(since, (closed, at))| closed && at >= since) {
            self.closing = None;
        }
        if self.open.is_none() {
            let found = self.closing.is_none() && shows.is_some_and(|(closed, _)| !closed);
            let why = if ordered { Some(Opened::Ordered) } else { found.then_some(Opened::Found) };
            if why.is_some() {
                self.begin(settled, now);
            }
            self.ordered |= ordered;
            return why;
        }
        let closes_itself = self.ordered && sabotage::is(Sabotage::ContactorRecloses);
        if ordered && !closes_itself {
            (self.ordered, self.released) = (true, None);
        } else if self.ordered {
            self.released.get_or_insert(tick);
        }
        None
    }

    /// Whether the feeder's meter shows that nothing flows, by a reading from after its device had opened it. What is no event is nothing.
    fn prove(&mut self, fixed: &FixedContactor, seen: &GroupSeen, now: Mono) -> Option<Event> {
        let since = self.open?;
        let says = |says: Option<(u64, Mono)>| says.filter(|(on, at)| on & 1 == 0 && *at >= since).map(|(_, at)| at);
        self.obeyed = self.obeyed.or_else(|| [says(seen.written), says(seen.on)].into_iter().flatten().min());
        if seen.on.is_some_and(|(on, at)| on & 1 == 1 && self.obeyed.is_some_and(|obeyed| at > obeyed)) {
            // Somebody closed it by hand.
            (self.obeyed, self.dark) = (None, false);
        }
        let is_proof = |at: Mono| self.obeyed.is_some_and(|obeyed| at >= obeyed.after(fixed.response));
        let shown = seen.power.known().filter(|(_, at)| is_proof(*at));
        let flows = |power: Power| power.watts() > fixed.unit.watts() / 4;
        let (was, nothing) = (self.dark, shown.map(|(power, _)| !flows(power)));
        let may_boot = now < self.unsettled_until;
        self.dark = nothing.map_or(was, |nothing| nothing && !may_boot);
        self.dark |= self.obeyed.is_some() && sabotage::is(Sabotage::ContactorBelieved);
        if self.dark {
            self.not_following = false;
            return (!was).then_some(Event::FeederDark { feeder: fixed.feeder });
        }
        let waits = nothing == Some(true) && may_boot;
        if self.not_following || waits || now.since(since) <= fixed.proof {
            return None;
        }
        self.not_following = true;
        let counted_w = seen.power.known().map_or(fixed.behind, |(power, _)| power);
        Some(Event::FeederNotFollowing { feeder: fixed.feeder, counted_w })
    }
}

/// Brings the memory of each contactor up to what is ordered and seen, and what it is to each group behind it.
pub(super) fn turn(standing: &Standing, memory: &mut Memory, snapshot: &Snapshot, events: &mut Vec<Event>) {
    let now = snapshot.now.mono;
    let all = standing.contactors.iter().zip(&snapshot.contactors).zip(&mut memory.contactors);
    for ((fixed, seen), kept) in all {
        let name = standing.site.feeders.get(fixed.feeder).map_or("", |feeder| feeder.name.as_str());
        let ordered = snapshot.orders.open.contains(name);
        let why = kept.heed(ordered, seen, (snapshot.tick, now), settled(standing, &memory.groups, fixed, seen, now));
        events.extend(why.map(|why| Event::FeederOpens { feeder: fixed.feeder, why, undue_w: Power::ZERO }));
        events.extend(kept.prove(fixed, seen, now));
    }
    for (fixed, group) in standing.groups.iter().zip(&mut memory.groups) {
        let contactor = fixed.contactor.and_then(|ix| Some((standing.contactors.get(ix)?, memory.contactors.get(ix)?)));
        if let Some((contactor, kept)) = contactor {
            sever(fixed, group, kept.severs(), contactor, now);
        }
    }
}

/// From when on a meter that shows nothing says that the power is gone. What is on its way up draws little, and would draw more soon:
/// where there is any, when its outlets have had the time to take it as well.
fn settled(standing: &Standing, groups: &[GroupMemory], fixed: &FixedContactor, seen: &GroupSeen, now: Mono) -> Mono {
    let behind = || fixed.groups.iter().filter_map(|ix| Some((standing.groups.get(*ix)?, groups.get(*ix)?)));
    let counted: Power = behind().map(|(_, kept)| kept.counted).sum();
    let half = Power::from_watts(fixed.unit.watts() / 2);
    if seen.power.known().is_some_and(|(power, _)| power + half >= counted) {
        return Mono::START;
    }
    let up = behind().filter(|(_, kept)| !kept.at_full && kept.counted > Power::ZERO);
    up.map(|(fixed, _)| now.after(fixed.outlets.1)).max().unwrap_or_default()
}

/// A group is to lose its power, is shown to have lost it, or may have it again.
fn sever(fixed: &Fixed, kept: &mut GroupMemory, severed: Severed, by: &FixedContactor, now: Mono) {
    let before = std::mem::replace(&mut kept.severed, severed);
    match (before, severed) {
        (Severed::No, Severed::InTime | Severed::Late) => off(fixed, kept, now),
        (_, Severed::Dark) => {
            off(fixed, kept, now);
            (kept.counted, kept.beyond, kept.lowering) = (Power::ZERO, Power::ZERO, None);
            kept.unasked.over();
        }
        // Where its outlets may be on when power returns it may draw all it can, until they are shown to be off.
        (Severed::Dark, _) => {
            let returns = severed != Severed::No || by.returns > Power::ZERO;
            kept.counted = if returns { fixed.power_of(u64::MAX) } else { Power::ZERO };
            (kept.lowering, kept.lowering_from, kept.shown) = (Some(now), now, None);
        }
        _ => {}
    }
}

/// Every outlet behind it is told off as well: where the contactor sticks they go by that, and nothing starts when power returns.
fn off(fixed: &Fixed, kept: &mut GroupMemory, now: Mono) {
    if kept.told.is_none() {
        kept.counted = fixed.power_of(u64::MAX);
    }
    let (counted, at_full) = (kept.counted, kept.at_full);
    kept.told.get_or_insert(0);
    switch::lower(fixed, kept, i64::MAX, now, Haste::Stop);
    sleep::lowered(fixed, kept, fixed.all_on, Haste::Stop, now);
    (kept.counted, kept.at_full, kept.not_following, kept.level) = (counted, at_full, false, Level::default());
    (kept.lowering, kept.lowering_from, kept.shown) = (Some(now), now, None);
}

/// Opens the contactor behind which most is drawn that nothing else can lower, where a limit stands overdrawn by it for as long as the
/// file allows, or everything was to stop.
pub(super) fn open(facts: &Facts<'_>, memory: &mut Memory, events: &mut Vec<Event>) {
    let (standing, now) = (facts.standing, facts.snapshot.now.mono);
    if standing.contactors.is_empty() || sabotage::is(Sabotage::ContactorNever) {
        return;
    }
    let stops = facts.stand.retreat == Retreat::Terminate;
    let import = stops || import_is_over(facts, memory);
    let mut most: Option<(Power, usize)> = None;
    for (ix, fixed) in standing.contactors.iter().enumerate() {
        let undue = undue(facts, memory, ix, fixed, stops);
        let is_needed = undue.watts() >= fixed.unit.watts() / 2 && (import || feeder_is_over(facts, memory, ix, fixed));
        let Some(kept) = memory.contactors.get_mut(ix).filter(|kept| kept.open.is_none()) else { continue };
        kept.stuck = is_needed.then(|| kept.stuck.unwrap_or(now));
        let is_due = kept.stuck.is_some_and(|since| now.since(since) >= fixed.opens_after);
        if is_due && most.is_none_or(|(power, _)| undue > power) {
            most = Some((undue, ix));
        }
    }
    let rests = memory.contactors.iter().filter_map(|kept| kept.open).any(|at| now.since(at) < STAGGER);
    let Some((undue_w, ix)) = most.filter(|_| !rests) else { return };
    let (Some(fixed), Some(seen)) = (standing.contactors.get(ix), facts.snapshot.contactors.get(ix)) else { return };
    let unsettled_until = settled(standing, &memory.groups, fixed, seen, now);
    let Some(kept) = memory.contactors.get_mut(ix) else { return };
    kept.begin(unsettled_until, now);
    for group in &fixed.groups {
        if let (Some(of), Some(group)) = (standing.groups.get(*group), memory.groups.get_mut(*group)) {
            sever(of, group, Severed::InTime, fixed, now);
        }
    }
    memory.shed_at = Some(now);
    events.push(Event::FeederOpens { feeder: fixed.feeder, why: Opened::LastResort, undue_w });
}

/// What is drawn behind a contactor that no command is known to lower; nothing where somebody works on it. What its feeder's meter does
/// not show is not drawn; what was never read yet is only drawn where that meter shows it.
fn undue(facts: &Facts<'_>, memory: &Memory, ix: usize, fixed: &FixedContactor, stops: bool) -> Power {
    let (standing, metered) = (facts.standing, metered(facts, ix));
    let mut sum = Power::ZERO;
    let mut in_time = false;
    for group in &fixed.groups {
        let (Some(kept), Some(seen)) = (memory.groups.get(*group), facts.snapshot.groups.get(*group)) else { continue };
        if kept.locked && !stops {
            return Power::ZERO;
        }
        let proof = standing.groups.get(*group).map_or(Duration::ZERO, |fixed| fixed.outlets.1);
        in_time |= kept.lowering.is_some_and(|since| facts.snapshot.now.mono.since(since) <= proof);
        sum += match seen.link {
            Link::New => metered.map_or(Power::ZERO, |_| kept.counted),
            _ if !kept.controllable() => kept.counted,
            _ => kept.beyond,
        };
    }
    match metered {
        // Where all is to be off, what the feeder shows is undue, whatever its outlets say.
        Some(power) if stops && !in_time => power,
        _ => metered.map_or(sum, |power| sum.min(power)),
    }
}

/// What the meter of its feeder shows now.
fn metered(facts: &Facts<'_>, ix: usize) -> Option<Power> {
    let (age, now) = (facts.standing.site.ages.device, facts.snapshot.now.mono);
    let (power, at) = facts.snapshot.contactors.get(ix)?.power.known()?;
    (now.since(at) <= age).then_some(power)
}

/// Import is over its bound, and would be when all that was told to lower is gone.
fn import_is_over(facts: &Facts<'_>, memory: &Memory) -> bool {
    let (standing, now) = (facts.standing, facts.snapshot.now.mono);
    let bound = import_bound(facts);
    let import =
        memory.metered.poi.filter(|(_, at)| now.since(*at) <= standing.site.ages.meter).map(|(power, _)| power);
    let all = || standing.groups.iter().zip(&memory.groups);
    let counted = || facts.firm.now + all().map(|(_, kept)| kept.counted).sum::<Power>();
    let stays = || facts.firm.now + all().map(|(fixed, kept)| remains(fixed, kept)).sum::<Power>();
    import.unwrap_or_else(counted) > bound && stays() > bound
}

/// The same of what a feeder carries.
fn feeder_is_over(facts: &Facts<'_>, memory: &Memory, ix: usize, fixed: &FixedContactor) -> bool {
    let standing = facts.standing;
    let rating = standing.site.feeders.get(fixed.feeder).map_or(Power::MAX, |feeder| feeder.rating);
    let all = || fixed.groups.iter().filter_map(|ix| Some((standing.groups.get(*ix)?, memory.groups.get(*ix)?)));
    let counted = || all().map(|(_, kept)| kept.counted).sum::<Power>();
    let stays = || all().map(|(fixed, kept)| remains(fixed, kept)).sum::<Power>();
    metered(facts, ix).unwrap_or_else(counted) > rating && stays() > rating
}

/// What a group draws when all that it was told to lower is gone.
fn remains(fixed: &Fixed, kept: &GroupMemory) -> Power {
    match kept.severed {
        Severed::InTime | Severed::Dark => Power::ZERO,
        _ if kept.controllable() => fixed.power_at(kept.told.unwrap_or(0), kept.level.proved) + kept.beyond,
        _ => kept.counted,
    }
}

/// Closes a contactor that a person released, when the record of that is durable and the site has room under its import limit for all
/// that may be drawn behind it the moment that power returns. Whether one was.
pub(super) fn close(
    facts: &Facts<'_>,
    memory: &mut Memory,
    rooms: impl Fn(&Memory) -> Rooms,
    events: &mut Vec<Event>,
) -> bool {
    let (standing, now) = (facts.standing, facts.snapshot.now.mono);
    let is_ready = |kept: &ContactorMemory| {
        kept.open.is_some() && kept.released.is_some_and(|tick| facts.snapshot.durable >= tick)
    };
    if !memory.contactors.iter().any(is_ready) {
        return false;
    }
    let room = rooms(memory).left_in(Chain::Site, standing.classes.len().saturating_sub(1));
    let mut all = standing.contactors.iter().zip(&memory.contactors).enumerate();
    let fits = all.find(|(_, (fixed, kept))| is_ready(kept) && fixed.returns <= room);
    let Some((ix, (fixed, _))) = fits else { return false };
    if let Some(kept) = memory.contactors.get_mut(ix) {
        *kept = ContactorMemory { closing: Some(now), ..ContactorMemory::default() };
    }
    for group in &fixed.groups {
        if let (Some(of), Some(group)) = (standing.groups.get(*group), memory.groups.get_mut(*group)) {
            sever(of, group, Severed::No, fixed, now);
        }
    }
    events.push(Event::FeederCloses { feeder: fixed.feeder });
    true
}
