//! What is told as an event: each thing once when it begins and once when it ends.

use std::time::Duration;

use super::failsafe::{Change, Signs};
use super::memory::Memory;
use super::rules::Facts;
use crate::plan::{Bound, Condition, Event};

/// The binding rule is told at most this often; every tick's record has it anyway.
const CAUSE_REST: Duration = Duration::from_secs(1);

/// The wall clock was set where it moves by more than this against the loop's own.
const CLOCK_SET: i64 = 250_000;

/// Tells what began or ended.
pub(super) fn tell(
    facts: &Facts<'_>,
    signs: &Signs,
    changes: &[Change],
    binding: Bound,
    memory: &mut Memory,
    events: &mut Vec<Event>,
) {
    cause(facts, binding, memory, events);
    excursion(facts, memory, events);
    events.extend(changes.iter().filter_map(|change| told(facts, signs, *change)));
    clock(facts, memory, events);
}

/// A change of the fail-safe as an event. What a person ordered has a record of its own.
fn told(facts: &Facts<'_>, signs: &Signs, change: Change) -> Option<Event> {
    use Condition as C;
    let event = match change {
        Change::Begins(C::EStop | C::Draining) | Change::Clears(C::EStop | C::Draining) => return None,
        Change::Begins(C::PoiUnseen) => Event::MeterStale { age_ms: millis(signs.poi_age) },
        Change::Clears(C::PoiUnseen) => Event::MeterFresh {},
        Change::Begins(C::HallUnseen) => {
            let assumed_w = facts.firm.hall.last().copied().unwrap_or(facts.standing.site.hall.nameplate);
            Event::AiStale { age_ms: millis(signs.hall_age), assumed_w }
        }
        Change::Clears(C::HallUnseen) => Event::AiFresh {},
        Change::Begins(C::PriceLost) => Event::PriceStale {},
        Change::Clears(C::PriceLost) => Event::PriceFresh {},
        Change::Begins(C::RecordLate) => Event::RecordLate { behind_ms: millis(Some(signs.record_behind)) },
        Change::Clears(C::RecordLate) => Event::RecordDurable {},
        Change::Acts(C::MetersDisagree, _) | Change::Begins(C::MetersDisagree) => {
            Event::MetersDisagree { residual_w: signs.residual }
        }
        Change::Clears(C::MetersDisagree) => Event::MetersAgree {},
        Change::Acts(condition, retreat) => Event::Failsafe { condition, retreat },
        Change::Begins(condition) => Event::Failsafe { condition, retreat: facts.stand.retreat },
        Change::Clears(condition) => Event::FailsafeClear { condition },
    };
    Some(event)
}

/// No reading is older than any.
fn millis(age: Option<Duration>) -> u64 {
    age.map_or(u64::MAX, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}

/// The wall clock was set: deadlines go by the loop's own, so it is told and nothing else.
fn clock(facts: &Facts<'_>, memory: &mut Memory, events: &mut Vec<Event>) {
    let now = facts.snapshot.now;
    let offset = now.wall.micros().saturating_sub(i64::try_from(now.mono.micros()).unwrap_or(i64::MAX));
    let moved = memory.wall_offset.map_or(0, |before| offset.saturating_sub(before));
    if moved.saturating_abs() > CLOCK_SET {
        events.push(Event::ClockSet { delta_ms: moved / 1_000 });
    }
    memory.wall_offset = Some(offset);
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
