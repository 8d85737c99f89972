//! From what the stage saw to the numbers of a trial.

use super::curve::{Between, Curve};
use super::judge::ms;
use super::stage::Stage;
use super::trial::{Fall, Rise, Silence, Way};
use crate::site::GroupIx;
use crate::time::Mono;

/// How it was before a command.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    watts: i64,
    /// It drew all it was told: a lower reading is a fall.
    at_full: bool,
    outlets: u64,
}

pub(super) fn before(stage: &Stage, ix: GroupIx) -> Before {
    let watts = stage.measured(ix).map_or(0, |power| power.watts());
    let plate = stage.group(ix).map_or(0, |(_, fixed)| fixed.power_of(stage.running(ix)).watts());
    let outlets = stage.subjects.get(&ix).and_then(|subject| subject.told).map_or(0, |(outlets, _)| outlets);
    Before { watts, at_full: watts + stage.errs(ix).watts() >= plate, outlets }
}

/// When the device answered for these outlets, at the earliest at that moment.
pub(super) fn written(stage: &Stage, ix: GroupIx, outlets: u64, from: Mono) -> Option<Mono> {
    let seen = stage.links.seen(stage.subjects.get(&ix)?.device)?;
    seen.written.filter(|(on, at)| *on == outlets && *at >= from).map(|(_, at)| at)
}

/// When all that was told was answered for.
fn answered(stage: &Stage, (ix, way): (GroupIx, Way), from: Mono) -> Option<u64> {
    let (outlets, units) = stage.subjects.get(&ix)?.told?;
    let at = match way {
        Way::Outlets => written(stage, ix, outlets, from),
        Way::Firmware => {
            let written = stage.links.miners(ix)?.written;
            written.filter(|(on, at)| *on == units && *at >= from).map(|(_, at)| at)
        }
    };
    at.map(|at| ms(at.since(from)))
}

/// The most it may draw once it is down.
fn down(stage: &Stage, ix: GroupIx) -> i64 {
    (stage.idle(ix) + stage.errs(ix)).watts()
}

/// When the controller would have taken it for proved, by its own rules: a reading that cannot be from before the answer; of what
/// was not drawing all it was told, only one from after its response.
pub(super) fn proof(stage: &Stage, (ix, way): (GroupIx, Way), from: Mono, before: Before) -> Option<u64> {
    let answered = match (way, before.at_full) {
        (Way::Firmware, true) => 0,
        _ => answered(stage, (ix, way), from)?,
    };
    let (group, fixed) = stage.group(ix)?;
    let response = fixed.sleep.filter(|_| way == Way::Firmware).map(|sleep| sleep.response);
    let response = if before.at_full { 0 } else { ms(response.or(group.paths.first().map(|path| path.response))?) };
    let earliest = i64::try_from(answered.saturating_add(response)).unwrap_or(i64::MAX);
    stage.curve(ix, from).proves(down(stage, ix), earliest)
}

pub(super) fn fall(stage: &Stage, party: &[GroupIx], (ix, way): (GroupIx, Way), from: Mono, before: Before) -> Fall {
    let curve = stage.curve(ix, from);
    let seen = stage.subjects.get(&ix).and_then(|subject| stage.links.seen(subject.device));
    let write = seen.and_then(|seen| seen.write).filter(|write| way == Way::Outlets && write.wanted >= from);
    Fall {
        drew_w: before.watts,
        written_ms: write.map(|write| ms(write.sent.since(from))),
        answered_ms: answered(stage, (ix, way), from),
        half: curve.falls_to(before.watts / 2),
        tenth: curve.falls_to(before.watts / 10),
        gone: curve.falls_to(down(stage, ix)),
        proof_ms: proof(stage, (ix, way), from, before),
        poi: at_poi(stage, party, from),
    }
}

/// The part of what the party drew before that must stand out at the POI: three times what it moves by itself.
const STANDS_OUT: i64 = 3;

/// When nine tenths of what the whole party drew were gone at the POI; nothing where that does not stand out there.
fn at_poi(stage: &Stage, party: &[GroupIx], from: Mono) -> Option<Between> {
    let poi = stage.poi_curve(from);
    let drop: i64 = party.iter().filter_map(|ix| stage.curve(*ix, from).before()).sum();
    let (before, noise) = (poi.before()?, poi.noise());
    if drop < noise * STANDS_OUT || drop <= 0 {
        return None;
    }
    poi.dips_to(before - drop / 10 * 9 + noise / 2)
}

/// A rise begins where a hundredth of the plates is drawn.
const FIRST_WATTS: i64 = 100;

pub(super) fn rise(
    stage: &Stage,
    (ix, way): (GroupIx, Way),
    (units, is_full): (u64, bool),
    from: Mono,
    told_ms: u64,
) -> Rise {
    let curve: Curve = stage.curve(ix, from);
    let plate = stage.group(ix).map_or(0, |(_, fixed)| fixed.power_of(units).watts());
    let base = curve.before().unwrap_or(0);
    let full_w = curve.lately(2_000).unwrap_or(0);
    Rise {
        units: units.count_ones(),
        told_ms,
        answered_ms: answered(stage, (ix, way), from),
        first_watts: curve.rises_to(base + plate / FIRST_WATTS),
        full: is_full.then(|| curve.rises_to(full_w / 100 * 97)).flatten(),
        full_w,
        highest_w: curve.highest().unwrap_or(full_w),
        steepest_w_per_s: curve.steepest(stage.errs(ix).watts()),
    }
}

pub(super) fn silence(
    stage: &Stage,
    party: &[GroupIx],
    ix: GroupIx,
    (from, silent): (Mono, std::time::Duration),
    before: Before,
) -> Silence {
    let device = stage.subjects.get(&ix).map_or(usize::MAX, |subject| subject.device);
    let seen = stage.links.seen(device);
    let poll = stage.site().devices.get(device).map(|device| device.poll).unwrap_or_default();
    Silence {
        drew_w: before.watts,
        on_before: before.outlets,
        on_after: seen.and_then(|seen| seen.on).map(|(on, _)| on & before.outlets),
        draws_w: seen.and_then(|seen| seen.power.known()).map(|(power, _)| power.watts()),
        silent_ms: ms(silent),
        asked_before_ms: ms(poll),
        poi: at_poi(stage, party, from),
    }
}
