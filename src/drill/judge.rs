//! Whether what was measured is what the site file says, and what to write where it is not. Pure.
//!
//! A time that was read from a meter is known between two bounds. The file is called wrong only where even the shorter of both
//! is longer than it says: a PDU that is read once a second cannot convict a response of 100 ms.

use std::time::Duration;

use super::trial::{Declared, Fall, Problem, Rise, Silence, Way};
use crate::site::file::Places;
use crate::site::{CommsLoss, Group, Site};
use crate::units::{Power, Slew, span};

/// Where the path of a group stands in the site file.
fn place(group: &Group, way: Way) -> String {
    match way {
        Way::Outlets => Places::device(&group.name),
        Way::Firmware => Places::firmware(&group.name),
    }
}

/// What the site file says of a path.
pub fn declared(group: &Group, way: Way) -> Declared {
    let outlets = group.paths.first();
    let firmware = group.firmware.as_ref().filter(|_| way == Way::Firmware).map(|path| (path.response, path.proof));
    let (response, proof) = firmware.or(outlets.map(|path| (path.response, path.proof))).unwrap_or_default();
    let (comms_loss, after) = outlets.map_or(("unknown", None), |path| loss(path.comms_loss));
    Declared {
        response_ms: ms(response),
        proof_ms: ms(proof),
        comms_loss: comms_loss.to_owned(),
        comms_loss_after_ms: after.map(ms),
    }
}

fn loss(comms_loss: CommsLoss) -> (&'static str, Option<Duration>) {
    match comms_loss {
        CommsLoss::Reverts(after) => ("reverts", Some(after)),
        CommsLoss::SafeValue(after) => ("safe_value", Some(after)),
        CommsLoss::Holds => ("holds", None),
        CommsLoss::UnsafeOn => ("unsafe_on", None),
        CommsLoss::Unknown => ("unknown", None),
    }
}

/// Milliseconds, as they stand in records.
pub fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A round value that leaves a fifth: what to write where this was measured.
pub fn proposed(measured_ms: u64) -> Duration {
    let wanted = measured_ms.saturating_add(measured_ms / 5);
    let step = match wanted {
        0..1_000 => 50,
        1_000..10_000 => 100,
        _ => 1_000,
    };
    Duration::from_millis(wanted.div_ceil(step).saturating_mul(step))
}

fn told(ms: u64) -> String {
    span(Duration::from_millis(ms))
}

/// A shed.
pub fn fall(group: &Group, way: Way, declared: &Declared, fall: &Fall) -> Vec<Problem> {
    let (name, by, at) = (&group.name, way.name(), place(group, way));
    let Some(gone) = fall.gone else {
        return vec![Problem {
            at,
            message: format!("`{name}` was told off by its {by} and drew on"),
            help: "look at the device before anything is left to this path; until then take the path out of the file"
                .into(),
        }];
    };
    let mut problems = Vec::new();
    if gone.least_ms > declared.response_ms {
        problems.push(Problem {
            at: format!("{at}.response"),
            message: format!(
                "`{name}` took {} to {} by its {by} until its power was gone, and the file says {}",
                told(gone.least_ms),
                told(gone.most_ms),
                told(declared.response_ms)
            ),
            help: format!("write response = \"{}\": what was measured and a fifth", span(proposed(gone.most_ms))),
        });
    }
    let late = match fall.proof_ms {
        Some(proof) if proof <= declared.proof_ms => None,
        Some(proof) => Some((format!("was proved after {}", told(proof)), proof)),
        None => Some(("was never proved".to_owned(), gone.most_ms)),
    };
    if let Some((took, by_then)) = late {
        let need = proposed(by_then.max(gone.most_ms));
        problems.push(Problem {
            at: format!("{at}.proof"),
            message: format!("`{name}` {took} by its {by}, and the file says {}", told(declared.proof_ms)),
            help: format!("write proof = \"{}\", or read its PDU more often", span(need)),
        });
    }
    problems
}

/// A restore.
pub fn rise(site: &Site, group: &Group, way: Way, rise: &Rise) -> Vec<Problem> {
    let name = &group.name;
    let plate = group.unit * i64::from(rise.units);
    let mut problems = Vec::new();
    if rise.full.is_none() {
        problems.push(Problem {
            at: place(group, way),
            message: format!("`{name}` did not come to rest at a draw, and showed {} last", power(rise.full_w)),
            help: "look at its miners (`ballast probe`), or wait longer (--wait)".into(),
        });
    }
    let most = plate + Power::from_watts(group.unit.watts() / 4);
    if power(rise.highest_w) > most {
        let miners = i64::from(group.miners).max(1) * i64::from(rise.units) / i64::from(group.units).max(1);
        let each = power(rise.highest_w / miners.max(1));
        problems.push(Problem {
            at: format!("{}.watts", Places::group(name)),
            message: format!("`{name}` drew {}, and its plates are {plate}", power(rise.highest_w)),
            help: format!("write watts = \"{each}\": what one miner drew at the most"),
        });
    }
    if Slew::from_watts_per_second(rise.steepest_w_per_s) > site.restore.ramp {
        let (steepest, ramp) = (Slew::from_watts_per_second(rise.steepest_w_per_s), site.restore.ramp);
        problems.push(Problem {
            at: "restore.batch".into(),
            message: format!("`{name}` came back at {steepest}, and restore.ramp is {ramp}"),
            help: "a smaller batch or a longer stagger".into(),
        });
    }
    problems
}

fn power(watts: i64) -> Power {
    Power::from_watts(watts)
}

/// A watchdog may act sooner by this part of its time, and not by less than a second, before it is called too soon.
const SOONER: u64 = 5;

/// Comms loss.
pub fn silence(group: &Group, declared: &Declared, seen: &Silence) -> Vec<Problem> {
    let (name, at) = (&group.name, place(group, Way::Outlets));
    let problem = |key: &str, message: String, help: String| vec![Problem { at: format!("{at}{key}"), message, help }];
    let Some(on) = seen.on_after else {
        let message = format!("`{name}` did not answer again after {} of silence", told(seen.silent_ms));
        return problem("", message, "look at the device: nobody knows what it has on".into());
    };
    let still = on & seen.on_before;
    match declared.comms_loss_after_ms {
        Some(after) => {
            if still != 0 {
                let message = format!(
                    "`{name}` had {} of {} outlets on after {} of silence, and the file says that its watchdog acts after {}",
                    still.count_ones(),
                    seen.on_before.count_ones(),
                    told(seen.silent_ms),
                    told(after)
                );
                let help = "arm its watchdog and drill again; until then write comms_loss = \"holds\"";
                return problem(".comms_loss", message, help.into());
            }
            let Some(poi) = seen.poi else { return Vec::new() };
            let soonest = after.saturating_sub((after / SOONER).max(1_000));
            if poi.most_ms.saturating_add(seen.asked_before_ms) < soonest || poi.least_ms > after {
                let when = format!("{} to {}", told(poi.least_ms), told(poi.most_ms + seen.asked_before_ms));
                let message = format!("the watchdog of `{name}` acted after {when}, and the file says {}", told(after));
                let help = format!("write comms_loss_after = \"{}\", or set the device", told(poi.most_ms));
                return problem(".comms_loss_after", message, help);
            }
            Vec::new()
        }
        None if declared.comms_loss == "holds" && still != seen.on_before => {
            let message = format!(
                "`{name}` switched {} outlets off within {} of silence, and the file says that it holds",
                (seen.on_before & !on).count_ones(),
                told(seen.silent_ms)
            );
            let help = "write comms_loss = \"reverts\" with its comms_loss_after, or switch its watchdog off";
            problem(".comms_loss", message, help.into())
        }
        None => Vec::new(),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
