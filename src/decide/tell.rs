//! What is told as an event: each thing once when it begins and once when it ends.

use std::time::Duration;

use super::memory::Memory;
use super::rules::Facts;
use crate::plan::{Bound, Event};

/// The binding rule is told at most this often; every tick's record has it anyway.
const CAUSE_REST: Duration = Duration::from_secs(1);

/// Tells what began or ended.
pub(super) fn tell(facts: &Facts<'_>, price_lost: bool, binding: Bound, memory: &mut Memory, events: &mut Vec<Event>) {
    cause(facts, binding, memory, events);
    excursion(facts, memory, events);
    let limit = facts.standing.site.ages.meter;
    let stale = |age: Option<Duration>| age.is_none_or(|age| age > limit);
    let age_ms = |age: Option<Duration>| age.map_or(u64::MAX, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    let (poi, hall) = (facts.firm.poi_age, facts.firm.hall_age);
    if changed(&mut memory.lasting.meter_stale, stale(poi)) {
        events.push(if stale(poi) { Event::MeterStale { age_ms: age_ms(poi) } } else { Event::MeterFresh {} });
    }
    if changed(&mut memory.lasting.hall_stale, stale(hall)) {
        let assumed_w = facts.firm.hall.last().copied().unwrap_or(facts.standing.site.hall.nameplate);
        events.push(if stale(hall) { Event::AiStale { age_ms: age_ms(hall), assumed_w } } else { Event::AiFresh {} });
    }
    if changed(&mut memory.lasting.price_stale, price_lost) {
        events.push(if price_lost { Event::PriceStale {} } else { Event::PriceFresh {} });
    }
}

fn changed(told: &mut bool, is: bool) -> bool {
    std::mem::replace(told, is) != is
}

fn cause(facts: &Facts<'_>, binding: Bound, memory: &mut Memory, events: &mut Vec<Event>) {
    let now = facts.snapshot.now.mono;
    let rested = memory.lasting.cause_at.is_none_or(|at| now.since(at) >= CAUSE_REST);
    if binding.cause != memory.lasting.cause && rested {
        events.push(Event::ModeChange { from: memory.lasting.cause, to: binding.cause, ceiling_w: binding.at_most });
        memory.lasting.cause = binding.cause;
        memory.lasting.cause_at = Some(now);
    }
}

fn excursion(facts: &Facts<'_>, memory: &mut Memory, events: &mut Vec<Event>) {
    let limit = facts.standing.site.poi.import_limit;
    let Some((import, at)) = facts.snapshot.poi.known() else { return };
    match (memory.lasting.excursion, import > limit) {
        (None, true) => {
            memory.lasting.excursion = Some((at, import));
            events.push(Event::Excursion { poi_w: import, limit_w: limit });
        }
        (Some((since, peak)), true) => memory.lasting.excursion = Some((since, peak.max(import))),
        (Some((since, peak)), false) => {
            memory.lasting.excursion = None;
            let dur_ms = u64::try_from(at.since(since).as_millis()).unwrap_or(u64::MAX);
            events.push(Event::Cleared { peak_w: peak, dur_ms });
        }
        (None, false) => {}
    }
}
