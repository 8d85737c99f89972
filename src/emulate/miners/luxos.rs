//! An Antminer S21 under LuxOS 2025.10: port 4028 alone, writing by a session, sleep by `curtail`.
//!
//! Codes 335 and 402 are documented; the other codes of commands that need a session are ours, as no client looks at them.

use std::time::Duration;

use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::Lie;
use super::cgminer::{self, Asked, Told, scaled};
use super::machine::{Machine, Says, Session};
use crate::units::Power;

const DESCRIPTION: &str = "LUXminer 2025.10.1.120000-abcdef12";
/// A session that is not used for so long is over.
const IDLE: Duration = Duration::from_secs(60);
/// The session of a stranger, while [`Lie::Busy`] holds.
const STRANGER: &str = "Str4ngr0";
/// Profiles: name, step of 25 MHz from the default, part of the nameplate in thousandths.
const PROFILES: [(&str, i64, i64); 4] =
    [("190MHz", -12, 281), ("290MHz", -8, 425), ("390MHz", -4, 611), ("default", 0, 1_000)];

/// The answer to a request on port 4028.
pub(super) fn answer(machine: &Machine, asked: &Asked) -> Value {
    cgminer::answer(machine, DESCRIPTION, asked, |asked| told(machine, asked))
}

/// Its page, by which it is known.
pub(super) fn page() -> Response {
    Html("<!doctype html><html><head><title>LuxOS</title></head><body>Luxor Firmware</body></html>").into_response()
}

/// Whether this is to change something.
pub(super) fn commands(asked: &Asked) -> bool {
    matches!(asked.command.as_str(), "curtail" | "profileset" | "atmset" | "reboot" | "rebootdevice" | "resetminer")
}

fn told(machine: &Machine, asked: &Asked) -> Told {
    let says = machine.says();
    match asked.command.as_str() {
        "version" => Told::of(22, "LUXminer versions", "VERSION", version()),
        "summary" => Told::of(11, "Summary", "SUMMARY", summary(&says)),
        "power" => Told::of(311, "Power", "POWER", json!([{"PSU": true, "Watts": says.watts}])),
        "config" => Told::of(33, "LUXminer config", "CONFIG", config(machine, &says)),
        "profiles" => Told::of(325, "Profiles", "PROFILES", profiles(machine, &says)),
        "stats" => Told::of(70, "LUXminer stats", "STATS", stats(&says)),
        "devs" => Told::of(9, "3 ASC(s)", "DEVS", devs(&says)),
        "fans" => Told::of(303, "4 Fan(s)", "FANS", fans(&says)),
        "temps" => Told::of(201, "3 Temp(s)", "TEMPS", temps(&says)),
        "groups" => {
            Told::of(29, "1 Group(s)", "GROUPS", json!([{"GROUP": 0, "Name": "default", "Quota": 1, "Pool Count": 1}]))
        }
        "tempctrl" => Told::of(
            321,
            "Temperature control",
            "TEMPCTRL",
            json!([{"Dangerous": 90, "Hot": 80, "Mode": "Automatic", "Target": 60}]),
        ),
        "limits" => {
            Told::of(312, "Limits", "LIMITS", json!([{"FrequencyMin": 50, "FrequencyMax": 1_200, "FrequencyStep": 25}]))
        }
        "events" => Told::of(340, "0 Event(s)", "EVENTS", json!([])),
        "atm" => Told::of(342, "ATM", "ATM", json!([{"Enabled": machine.session(|session| session.tunes)}])),
        "pools" => cgminer::pools(),
        "session" => Told::of(316, "Session", "SESSION", json!([{"SessionID": session(machine)}])),
        "logon" => log_on(machine),
        "logoff" | "curtail" | "profileset" | "atmset" | "ledset" | "rebootdevice" | "reboot" | "resetminer" => {
            commanded(machine, &asked.command, &asked.parameter)
        }
        _ => Told::unknown(),
    }
}

/// The session that is open, or nothing.
fn session(machine: &Machine) -> String {
    if machine.lies() == Some(Lie::Busy) {
        return STRANGER.into();
    }
    let now = machine.now();
    machine.session(|session| {
        if now.since(session.used) >= IDLE {
            session.id.clear();
        }
        session.id.clone()
    })
}

fn log_on(machine: &Machine) -> Told {
    if !session(machine).is_empty() || machine.lies() == Some(Lie::Refuses) {
        return Told::refused(402, "Another session is active");
    }
    let (now, unit) = (machine.now(), machine.place.unit);
    let id = machine.session(|session| {
        session.count += 1;
        let id = format!(
            "{:08x}",
            session.count.wrapping_mul(0x9E37_79B9).wrapping_add(u64::try_from(unit).unwrap_or(0)) & 0xFFFF_FFFF
        );
        *session = Session { id: id.clone(), used: now, ..session.clone() };
        id
    });
    Told::of(316, "Session created", "SESSION", json!([{"SessionID": id}]))
}

/// A command that needs the session first in its parameter.
fn commanded(machine: &Machine, command: &str, parameter: &str) -> Told {
    let mut parts = parameter.split(',').map(str::trim);
    let open = session(machine);
    if open.is_empty() || parts.next() != Some(open.as_str()) || machine.lies() == Some(Lie::Refuses) {
        return Told::refused(401, "Invalid session id");
    }
    let now = machine.now();
    machine.session(|session| session.used = now);
    let rest: Vec<&str> = parts.collect();
    match command {
        "curtail" => curtail(machine, &rest),
        "profileset" => profile_set(machine, rest.first().copied().unwrap_or_default()),
        "atmset" => {
            let on = rest.contains(&"enabled=true");
            machine.session(|session| session.tunes = on);
            Told::of(343, "ATM updated", "ATM", json!([{"Enabled": on}]))
        }
        "logoff" => {
            machine.session(|session| session.id.clear());
            Told::of(316, "Session ended", "SESSION", json!([{"SessionID": ""}]))
        }
        "ledset" => Told::of(318, "LED set", "LEDS", json!([{}])),
        _ => {
            machine.restart();
            Told::of(317, "Rebooting", "REBOOT", json!([{}]))
        }
    }
}

fn curtail(machine: &Machine, rest: &[&str]) -> Told {
    let sent = |mode| Told::of(335, "Curtailment command sent", "CURTAIL", json!([{"Mode": mode}]));
    let asleep = machine.says().asleep;
    match rest.first().copied() {
        Some("sleep") if asleep => Told::refused(336, "Miner is already in sleep mode"),
        Some("sleep") => {
            machine.sleep(true);
            sent("Sleep")
        }
        Some("wakeup") if !asleep => Told::refused(337, "Miner is already active"),
        Some("wakeup") if rest.contains(&"mode=unsafe") => match machine.wake_at_once() {
            Ok(_) => sent("None"),
            Err(()) => Told::refused(338, "Unsafe wakeup is not allowed after a reboot in sleep mode"),
        },
        Some("wakeup") => {
            machine.sleep(false);
            sent("None")
        }
        _ => Told::refused(339, "Invalid curtail mode"),
    }
}

fn profile_set(machine: &Machine, name: &str) -> Told {
    let Some((name, _, part)) = PROFILES.iter().find(|(known, ..)| *known == name) else {
        return Told::refused(326, "Profile not found");
    };
    machine.limit(Power::from_watts(machine.rated.watts() * part / 1_000));
    Told::of(327, "Profile set", "PROFILE", json!([{"Profile": name}]))
}

/// The profile it runs: the one whose power is next to what it may draw.
fn profile(machine: &Machine, says: &Says) -> &'static (&'static str, i64, i64) {
    let away = |part: i64| (machine.rated.watts() * part / 1_000 - says.limit).abs();
    PROFILES.iter().min_by_key(|(_, _, part)| away(*part)).unwrap_or(&("default", 0, 1_000))
}

fn version() -> Value {
    json!([{"API": "3.7", "CompileTime": "Wed Oct  1 12:00:00 UTC 2025", "LUXminer": "2025.10.1.120000-abcdef12",
        "Miner": "2025.10.1.120000", "Type": "Antminer S21"}])
}

fn summary(says: &Says) -> Value {
    let rate = scaled(says.rate, 1_000.0);
    json!([{"Elapsed": says.elapsed, "GHS 5s": rate, "GHS av": rate, "GHS 1m": rate, "GHS 5m": rate, "GHS 15m": rate,
        "GHS 30m": rate, "Found Blocks": 0, "Accepted": 10, "Rejected": 0, "Hardware Errors": 0, "Utility": 1.0}])
}

fn config(machine: &Machine, says: &Says) -> Value {
    let (name, step, _) = profile(machine, says);
    json!([{"ASC Count": 3, "PGA Count": 0, "Pool Count": 1, "CurtailMode": if says.asleep { "Sleep" } else { "None" },
        "SystemStatus": if says.asleep { "Sleep" } else { "Normal" }, "IsPowerSupplyOn": !says.asleep,
        "IsAtmEnabled": machine.session(|session| session.tunes), "IsTuning": false, "IsSingleVoltage": true,
        "MACAddr": machine.mac(), "Hostname": machine.name, "IPAddr": machine.place.address.to_string(), "DHCP": false,
        "Model": "Antminer S21", "NameplateTHS": says.rated.round(), "OS": "LuxOS", "Profile": name, "ProfileStep": step.to_string(),
        "RedLed": "auto", "GreenLed": "auto", "SerialNumber": format!("BALLAST{}", machine.mac().replace(':', "")),
        "ControlBoardType": "cvitek", "FailoverStrategy": "Priority", "Log Interval": 5, "Hotplug": "None"}])
}

fn profiles(machine: &Machine, says: &Says) -> Value {
    let row = |(name, step, part): &(&str, i64, i64)| {
        let share = f64::from(i32::try_from(*part).unwrap_or(1_000)) / 1_000.0;
        json!({"Profile Name": name, "Step": step.to_string(), "Watts": machine.rated.watts() * part / 1_000,
            "Hashrate": (says.rated * (share + 0.28 * share * (1.0 - share)) * 10.0).round() / 10.0, "Frequency": 490 + 25 * step,
            "Voltage": 13.5, "CanRestore": false, "HasOverrides": false, "IsDynamic": false, "IsTuned": true})
    };
    PROFILES.iter().map(row).collect()
}

fn stats(says: &Says) -> Value {
    let head = json!({"BMMiner": "2025.10.1", "Miner": "2025.10.1.120000", "CompileTime": "Wed Oct  1 12:00:00 UTC 2025",
        "Type": "Antminer S21"});
    json!([head, cgminer::stats("BTM_SOC0", "2025.10.1", says)])
}

fn devs(says: &Says) -> Value {
    let (rate, nominal) = (scaled(says.rate / 3.0, 1e6), scaled(says.rated / 3.0, 1e6));
    (0..3)
        .map(|n| {
            json!({"ASC": n, "ID": n, "Name": "BTM_SOC", "Nominal MHS": nominal, "Status": "Alive", "Enabled": "Y", "Temperature": 50.0,
                "MHS 5s": rate, "MHS av": rate, "MHS 1m": rate, "MHS 5m": rate, "MHS 15m": rate, "Hardware Errors": 0})
        })
        .collect()
}

fn fans(says: &Says) -> Value {
    let (rpm, speed) = if says.asleep { (0, 0) } else { (5_000, 70) };
    (0..4).map(|n| json!({"FAN": n, "ID": n, "RPM": rpm, "Speed": speed})).collect()
}

fn temps(says: &Says) -> Value {
    let chip = if says.asleep { 25 } else { 60 };
    (0..3)
        .map(|n| json!({"TEMP": n, "ID": n, "Chip": chip, "Board": chip - 10, "TopLeft": chip, "TopRight": chip, "BottomLeft": chip, "BottomRight": chip}))
        .collect()
}
