//! Events in plain words, for the person who watches.

use crate::plan::{Cause, Condition, Event, Opened, Retreat};
use crate::site::Site;
use crate::units::Power;
use crate::web::{Severity, words};

/// An event in plain words, and how much it matters; nothing for a step of a ramp.
pub(super) fn told(event: &Event, site: &Site) -> Option<(Severity, String)> {
    let cause = |cause: Cause| words::name(cause);
    let told = match *event {
        Event::ModeChange { to: Cause::Nameplate, ceiling_w, .. } => {
            (Severity::Info, format!("nothing binds: miners may draw {ceiling_w}"))
        }
        Event::ModeChange { to, ceiling_w, .. } => {
            (Severity::Info, format!("{} binds: miners may draw {ceiling_w}", cause(to)))
        }
        Event::Excursion { poi_w, limit_w } => {
            (Severity::Alarm, format!("import {poi_w} is above the limit of {limit_w}"))
        }
        Event::Cleared { peak_w, dur_ms } => {
            (Severity::Warn, format!("import is back under the limit after {dur_ms} ms, at most {peak_w}"))
        }
        Event::MeterStale { .. } => (Severity::Alarm, "the POI meter is silent: nothing is restored".into()),
        Event::MeterFresh {} => (Severity::Info, "the POI meter is back".into()),
        Event::AiStale { assumed_w, .. } => {
            (Severity::Alarm, format!("the hall's meter is silent: it counts as {assumed_w} and rising"))
        }
        Event::AiFresh {} => (Severity::Info, "the hall's meter is back".into()),
        Event::PriceStale {} => (Severity::Warn, "the price is lost: the file's fall-back holds".into()),
        Event::PriceFresh {} => (Severity::Info, "the price is back".into()),
        Event::RecordLate { behind_ms } => {
            (Severity::Alarm, format!("no record has become durable for {behind_ms} ms: nothing is restored"))
        }
        Event::RecordDurable {} => (Severity::Info, "records become durable again".into()),
        Event::MetersDisagree { residual_w } => {
            let how = if residual_w > Power::ZERO { "more" } else { "less" };
            let by = residual_w.max(-residual_w);
            (Severity::Warn, format!("the POI shows {by} {how} than all other meters: the higher counts"))
        }
        Event::MetersAgree {} => (Severity::Info, "the meters agree again".into()),
        Event::Failsafe { condition, retreat } => (Severity::Alarm, acts(condition, retreat)),
        Event::FailsafeClear { condition } => (Severity::Info, format!("over: {}", words::wrong(condition))),
        Event::ClockSet { delta_ms } => {
            (Severity::Warn, format!("the wall clock was set by {delta_ms} ms; nothing that is controlled goes by it"))
        }
        Event::Shed { .. } | Event::Restore { .. } => return None,
        Event::DeviceLost { .. }
        | Event::DeviceBack { .. }
        | Event::NotFollowing { .. }
        | Event::Cut { .. }
        | Event::Quarantine { .. }
        | Event::Following { .. } => return of_group(event, site),
        Event::FeederOpens { .. }
        | Event::FeederNotFollowing { .. }
        | Event::FeederDark { .. }
        | Event::FeederCloses { .. } => return of_feeder(event, site),
    };
    Some(told)
}

/// The same of what happened to a group.
fn of_group(event: &Event, site: &Site) -> Option<(Severity, String)> {
    let name = |ix: usize| site.groups.get(ix).map_or("?", |group| group.name.as_str());
    let told = match *event {
        Event::DeviceLost { group, assumed_w } => {
            (Severity::Alarm, format!("{} is silent: it counts as drawing {assumed_w}", name(group)))
        }
        Event::DeviceBack { group } => (Severity::Info, format!("{} answers again", name(group))),
        Event::NotFollowing { group, expect_w, counted_w } => {
            (Severity::Alarm, format!("{} does not follow: told {expect_w}, counts as {counted_w}", name(group)))
        }
        Event::Cut { group, units, expect_w, counted_w } => {
            let text = format!("{} was told {expect_w} and counts as {counted_w}: cut {}", name(group), listed(units));
            (Severity::Alarm, text)
        }
        Event::Quarantine { group, units, strikes } => {
            let text =
                format!("{}: {} in quarantine: drew on {strikes} times when told to sleep", name(group), listed(units));
            (Severity::Alarm, text)
        }
        Event::Following { group } => (Severity::Info, format!("{} follows again, by its watts", name(group))),
        _ => return None,
    };
    Some(told)
}

/// The same of what happened to a feeder.
fn of_feeder(event: &Event, site: &Site) -> Option<(Severity, String)> {
    let feeder = |ix: usize| site.feeders.get(ix).map_or("?", |feeder| feeder.name.as_str());
    let told = match *event {
        Event::FeederOpens { feeder: ix, why, undue_w } => {
            let why = match why {
                Opened::LastResort => format!("{undue_w} drew on behind it, and nothing else was left to lower"),
                Opened::Found => "it was found open".into(),
                Opened::Ordered => "as ordered".into(),
            };
            (Severity::Alarm, format!("feeder {} is opened: {why}; it stays open until you close it", feeder(ix)))
        }
        Event::FeederNotFollowing { feeder: ix, counted_w } => {
            (Severity::Alarm, format!("feeder {} was told to open and its meter shows {counted_w}", feeder(ix)))
        }
        Event::FeederDark { feeder: ix } => {
            (Severity::Info, format!("feeder {} is without power, by its meter", feeder(ix)))
        }
        Event::FeederCloses { feeder: ix } => {
            (Severity::Warn, format!("feeder {} is closed: all behind it counts until it is shown off", feeder(ix)))
        }
        _ => return None,
    };
    Some(told)
}

/// Units by their numbers, as they are written on the PDU: from 1.
fn listed(units: u64) -> String {
    let each = (0..64_u32).filter(|unit| units >> unit & 1 == 1).map(|unit| (unit + 1).to_string());
    let each: Vec<String> = each.collect();
    format!("{} {}", if each.len() == 1 { "unit" } else { "units" }, each.join(", "))
}

/// What the fail-safe does now that its hold is over.
fn acts(condition: Condition, retreat: Retreat) -> String {
    let does = match retreat {
        Retreat::Terminate => "everything is off, until you know why and release e-stop",
        Retreat::Descend => "miners go down on the ramp",
        Retreat::Hold => "nothing is restored",
        Retreat::Tell | Retreat::None => "noted",
    };
    format!("{}: {does}", words::wrong(condition))
}
