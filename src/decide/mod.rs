//! The decision: what the miners may draw, and what each group is told. Pure and total: no clock, no I/O, no chance, no
//! error, no float. The same snapshot and memory give the same plan and memory, so a journal can be decided again and
//! compared to the byte.
//!
//! A tick goes: count what is drawing ([`follow`]), ask what is wrong ([`failsafe`]), read the firm load ([`firm`]), ask every rule ([`rules`]), shed at once
//! what no longer fits, lower on the ramp what need not run ([`shed`]), restore what may come back ([`restore`]), tell what
//! changed ([`tell`]).
#![deny(clippy::float_arithmetic)]

mod billing;
mod contactor;
mod costs;
mod drawn;
mod envelope;
pub mod failsafe;
mod firm;
mod follow;
mod level;
mod lock;
mod memory;
mod restore;
mod room;
mod rules;
mod shed;
mod signs;
mod sleep;
mod standing;
mod switch;
mod tell;
mod unasked;

pub use billing::{Billing, Window};
pub use contactor::{ContactorMemory, Severed};
pub use envelope::{Envelope, Margin};
pub use memory::{Asleep, GroupMemory, Lasting, Level, Memory, Metered, Remembered};
pub use room::{Rooms, Taken};
pub use standing::{ClassIx, Fixed, FixedContactor, Low, Sleep, Standing};

use std::time::Duration;

use crate::plan::{Bound, Cause, Command, Event, Plan, Retreat};
use crate::sabotage::{self, Sabotage};
use crate::snapshot::Snapshot;
use crate::time::Mono;
use crate::units::Power;
use costs::Costs;
use drawn::Drawn;
use failsafe::Signs;
use firm::Firm;
use rules::Facts;

/// How long what the miners counted, and what the POI left, is held: longer than any two meters are apart.
const HELD_FOR: Duration = Duration::from_secs(1);
/// It is held in steps of this length.
const HELD_STEP: Duration = Duration::from_millis(100);

/// Decides one tick.
pub fn decide(standing: &Standing, mut memory: Memory, snapshot: &Snapshot) -> (Plan, Memory) {
    let now = snapshot.now.mono;
    let mut events = Vec::new();
    lapse(standing, &mut memory, now);
    memory.pass(standing, snapshot);
    memory.metered.take(snapshot);
    let drawn = count(standing, &mut memory, snapshot, &mut events);
    let (price, price_lost) = costs::in_force(standing, snapshot);
    let signs = Signs::read(standing, &mut memory, snapshot, &drawn, price_lost);
    let (stand, changes) = failsafe::stand(&standing.site, &signs, &mut memory.conditions);
    let firm = Firm::read(standing, &memory, snapshot);
    if let Some(unmetered) = firm.unmetered {
        hold(&mut memory.unmetered, now, unmetered, Power::min);
    }
    learn(standing, &mut memory, &firm, now);
    slide_cap(standing, &mut memory, snapshot, &firm);

    let peak = billing::guard(standing, &mut memory, snapshot, &firm);
    let costs = Costs::read(standing, &memory, &firm, &price);

    let facts = Facts { standing, snapshot, firm: &firm, cap: memory.sliding_cap, peak, costs, stand };
    let limits = rules::bounds(&facts);
    let binding = rules::tightest(&limits).unwrap_or(NOTHING);
    act(&facts, &mut memory, drawn, &mut events);
    tell::tell(&facts, &signs, &changes, binding, &mut memory, &mut events);

    let mut counted = Power::ZERO;
    let command = |(group, fixed): (&GroupMemory, &Fixed)| {
        counted += group.counted;
        let on = group.told.unwrap_or(0);
        Command { on, cut: group.asleep.cut, low: group.level.low & on, lapses: now.after(fixed.lapse) }
    };
    let commands = memory.groups.iter().zip(&standing.groups).map(command).collect();
    let plan = Plan {
        ceiling: binding.at_most,
        floor: Power::ZERO,
        cause: binding.cause,
        stand,
        limits,
        commands,
        events,
        counted,
        firm: firm.worst.first().copied().unwrap_or(firm.nameplate),
        intends: memory.intends.clone(),
        contactors: memory.contactors.iter().map(ContactorMemory::told).collect(),
    };
    (plan, memory)
}

/// A site without any rule draws nothing.
const NOTHING: Bound = Bound { scope: crate::plan::Scope::Site, at_most: Power::ZERO, cause: Cause::EStop };

/// A permit that was not renewed in time is gone, and its units with it: they come back by [`restore`] alone, and not because
/// a loop that stood still goes on where it was.
fn lapse(standing: &Standing, memory: &mut Memory, now: Mono) {
    let unrenewed = now.since(memory.before).saturating_add(standing.site.tick.period);
    if unrenewed < standing.site.tick.lapse || sabotage::is(Sabotage::LapseUndone) {
        return;
    }
    let all = standing.groups.iter().zip(&mut memory.groups);
    for (fixed, kept) in all.filter(|(fixed, _)| unrenewed >= fixed.lapse) {
        switch::lower(fixed, kept, i64::MAX, now, sleep::Haste::Ramp);
        sleep::lapsed(fixed, kept, unrenewed, now);
    }
}

/// What each group counts as drawing, and the highest all together counted in the last second.
fn count(standing: &Standing, memory: &mut Memory, snapshot: &Snapshot, events: &mut Vec<Event>) -> Drawn {
    let now = snapshot.now.mono;
    let mut drawn = Drawn::new(standing);
    contactor::turn(standing, memory, snapshot, events);
    let all = standing.groups.iter().zip(&snapshot.groups).zip(&mut memory.groups);
    for (ix, ((fixed, seen), kept)) in all.enumerate() {
        lock::turn(standing, snapshot, ix, fixed, kept);
        let following = follow::Following { ix, fixed, seen, now };
        if kept.severed != Severed::Dark {
            following.update(kept, events);
        }
        drawn.add(standing, fixed, kept, now);
        drawn.see(seen, kept);
    }
    hold(&mut memory.counted, now, drawn.all, Power::max);
    drawn
}

/// Takes a power into what is held of the last second: the one that `pick` picks in each step.
fn hold(held: &mut Vec<(Mono, Power)>, now: Mono, power: Power, pick: fn(Power, Power) -> Power) {
    held.retain(|(at, _)| now.since(*at) <= HELD_FOR);
    match held.last_mut() {
        Some((at, picked)) if now.since(*at) < HELD_STEP => *picked = pick(power, *picked),
        _ => held.push((now, power)),
    }
}

/// Takes the firm load into the envelope, and learns how far it rises above it. A hall that nobody sees teaches nothing.
fn learn(standing: &Standing, memory: &mut Memory, firm: &Firm, now: Mono) {
    if firm.hall_age.is_none() {
        return;
    }
    memory.margin.learn(firm.now, &memory.envelope, firm.nameplate);
    memory.envelope.take(firm.now, now, standing.site.fill.window);
    // A descent for want of the POI's meter is no habit of the meters' ages.
    if firm.hall_age.is_some_and(|age| age <= standing.site.ages.meter) && !firm.poi_unknown {
        memory.reserve.take(firm.reserve(0), now, standing.site.fill.window);
    }
}

/// The operator's cap slides from what the site may draw now down to what was ordered, on the site's ramp. A higher cap
/// holds at once; the restore ramp does the rest.
fn slide_cap(standing: &Standing, memory: &mut Memory, snapshot: &Snapshot, firm: &Firm) {
    let Some(cap) = snapshot.orders.cap else {
        memory.sliding_cap = None;
        return;
    };
    let start = || {
        // What is not read yet counts in full: the cap would else have slid to nothing when it is.
        let on = |(fixed, kept): (&Fixed, &GroupMemory)| {
            kept.told.map_or(kept.counted, |told| fixed.power_at(told, kept.level.proved))
        };
        let told = standing.groups.iter().zip(&memory.groups).map(on);
        standing.site.poi.import_limit.min(firm.worst.last().copied().unwrap_or(firm.nameplate) + told.sum())
    };
    // A loop that stood still does not make up for it in one step.
    let passed = memory.passed.min(standing.site.tick.period * 2);
    let slid = memory.sliding_cap.unwrap_or_else(start) - standing.site.poi.ramp.over(passed);
    memory.sliding_cap = Some(if sabotage::is(Sabotage::CapAtOnce) { cap } else { slid.max(cap) });
}

/// Sheds, lowers and restores.
fn act(facts: &Facts<'_>, memory: &mut Memory, drawn: Drawn, events: &mut Vec<Event>) {
    let (standing, now) = (facts.standing, facts.snapshot.now.mono);
    if facts.stand.retreat == Retreat::Terminate {
        events.extend(shed::everything(standing, memory, now).event(Cause::EStop));
        contactor::open(facts, memory, events);
        if !sabotage::is(Sabotage::EStopRestores) {
            memory.intends.clear();
            return;
        }
    }
    if sabotage::is(Sabotage::ShedAwaitsRecord) && facts.snapshot.durable + 1 < facts.snapshot.tick {
        return;
    }
    let mut rooms = shed::rooms(facts, &drawn.told);
    shed::press(facts, memory, &mut rooms, events);
    let (by_site, by_feeder) = shed::for_limits(standing, memory, now, rooms);
    let shed = [by_site.event(limit_cause(facts)), by_feeder.event(Cause::FeederRating)];
    if shed.iter().any(Option::is_some) {
        memory.shed_at = Some(now);
    }
    events.extend(shed.into_iter().flatten());
    contactor::open(facts, memory, events);
    if facts.snapshot.orders.drain || facts.costs.are_known() {
        let (lowered, cause) = shed::on_the_ramp(facts, memory);
        events.extend(lowered.event(cause));
    }
    restore::restore(facts, memory, drawn.any_off.then_some(drawn.counted), events);
}

/// The rule behind the bound on import that is in force.
fn limit_cause(facts: &Facts<'_>) -> Cause {
    let by_limit = rules::import_bound(facts) - facts.firm.worst.first().copied().unwrap_or(facts.firm.nameplate);
    if facts.peak.is_some_and(|peak| peak.shed - facts.firm.now < by_limit) {
        return Cause::BillingPeak;
    }
    match facts.cap {
        Some(cap) if cap < facts.standing.site.poi.import_limit => Cause::OperatorCap,
        _ if facts.firm.hall_unknown => Cause::AiHallUnknown,
        _ if facts.firm.poi_unknown => Cause::PoiUnknown,
        _ => Cause::ImportLimit,
    }
}
