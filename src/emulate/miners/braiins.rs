//! An Antminer S21 under Braiins OS 26.04: its REST interface, and port 4028 for reading.
//!
//! Its gRPC interface is not here: the protocol files are under the GPL. A client that needs it finds a closed port.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Lie;
use super::cgminer::{self, Asked, Told, scaled};
use super::machine::{Machine, Says};
use super::web::{Page, hex, nowhere, told as answered};
use crate::units::Power;

const DESCRIPTION: &str = "BOSer boser-openwrt 0.1.0-26.04";
const VERSION: &str = "2026-04-10-0-abcdef12-26.04-plus";
const MODEL: &str = "Antminer S21";
/// The maker's own.
const WHO: (&str, &str) = ("root", "root");
/// How long a token holds, in seconds, as it says; here it holds until the next boot.
const HOLDS: u32 = 3_600;
/// So many tokens hold at once; the oldest ends for one more.
const TOKENS: usize = 32;
const MINES: u32 = 2;
const PAUSED: u32 = 3;

/// The answer to a request on port 4028, which only reads.
pub(super) fn answer(machine: &Machine, asked: &Asked) -> Value {
    cgminer::answer(machine, DESCRIPTION, asked, |asked| told(machine, asked))
}

fn told(machine: &Machine, asked: &Asked) -> Told {
    let says = machine.says();
    let (rate, rated) = (scaled(says.rate, 1e6), scaled(if says.asleep { 0.0 } else { says.rated }, 1e6));
    match asked.command.as_str() {
        "version" => Told::of(
            22,
            "BOSer versions",
            "VERSION",
            json!([{"API": "3.7", "BOSer": "boser-openwrt 0.1.0", "CGMiner": ""}]),
        ),
        "devdetails" => {
            let board = |n| {
                json!({"DEVDETAILS": n, "ID": n, "Name": "", "Driver": "", "Kernel": "", "Model": MODEL, "Chips": 108,
                    "Frequency": 490_000_000, "Voltage": 13.5})
            };
            Told::of(69, "Device Details", "DEVDETAILS", (0..3).map(board).collect())
        }
        "summary" => {
            let summary = json!([{"Elapsed": says.elapsed, "MHS 5s": rate, "MHS 1m": rate, "MHS 5m": rate, "MHS 15m": rate,
                "MHS 24h": rate, "MHS av": rate, "Accepted": 10, "Rejected": 0, "Found Blocks": 0, "Hardware Errors": 0}]);
            Told::of(11, "Summary", "SUMMARY", summary)
        }
        "devs" => {
            let board = |n| {
                json!({"ASC": n, "ID": n, "Name": "", "Enabled": "Y", "Status": "Alive", "Temperature": 60.0, "MHS 5s": rate / 3.0,
                    "MHS 1m": rate / 3.0, "MHS 5m": rate / 3.0, "MHS av": rate / 3.0, "Nominal MHS": rated / 3.0})
            };
            Told::of(9, "3 ASC(s)", "DEVS", (0..3).map(board).collect())
        }
        "tunerstatus" => {
            let tuner = json!([{"ApproximateMinerPowerConsumption": says.watts, "PowerLimit": says.limit,
                "DynamicPowerScaling": "Disabled", "TunerChainStatus": []}]);
            Told::of(221, "Tuner status", "TUNERSTATUS", tuner)
        }
        "temps" => {
            let temps = (0..3).map(|n| json!({"TEMP": n, "ID": n, "Board": 60.0, "Chip": 70.0})).collect();
            Told::of(201, "3 Temp(s)", "TEMPS", temps)
        }
        "fans" => {
            let fans = (0..4).map(|n| json!({"FAN": n, "ID": n, "RPM": 5_000, "Speed": 70})).collect();
            Told::of(202, "4 Fan(s)", "FANS", fans)
        }
        "pools" => cgminer::pools(),
        _ => Told::unknown(),
    }
}

/// Port 80.
pub(super) async fn page(machine: &Machine, page: &Page) -> Response {
    let path = page.path.split('?').next().unwrap_or_default();
    match path.strip_prefix("/api/v1/") {
        Some(path) => rest(machine, page, path.trim_end_matches('/')).await,
        None if path == "/" => "<!doctype html><title>Braiins OS</title><body>Braiins OS</body>".into_response(),
        None if path == "/graphql" => answered(&graph(page)),
        None => nowhere(),
    }
}

fn graph(page: &Page) -> Value {
    if page.text.contains("modelName") {
        return json!({"data": {"bosminer": {"info": {"modelName": MODEL}}}});
    }
    json!({"data": {"bos": {"info": {"version": {"full": VERSION}}}}})
}

async fn rest(machine: &Machine, page: &Page, path: &str) -> Response {
    let refuses = matches!(machine.lies(), Some(Lie::Busy | Lie::Refuses));
    if path == "auth/login" && page.method == Method::POST {
        let field = |name| page.body.get(name).and_then(Value::as_str).unwrap_or_default();
        if refuses || (field("username"), field("password")) != WHO {
            return refused();
        }
        return answered(&json!({"token": token(machine), "timeout_s": HOLDS}));
    }
    if refuses || !is_token(machine, &page.authorization) {
        return refused();
    }
    if page.method == Method::GET {
        return read(machine, path).map_or_else(nowhere, |value| answered(&value));
    }
    let done = act(machine, page, path);
    tokio::time::sleep(machine.answers_after(Duration::ZERO)).await;
    done.map_or_else(nowhere, |value| answered(&value))
}

fn refused() -> Response {
    (StatusCode::UNAUTHORIZED, "").into_response()
}

/// A token that was never given before. All of them end with the next boot.
fn token(machine: &Machine) -> String {
    machine.session(|session| {
        session.count += 1;
        let token = hex(&format!("{}{}", machine.mac(), session.count));
        session.tokens.push_back(token.clone());
        if session.tokens.len() > TOKENS {
            session.tokens.pop_front();
        }
        token
    })
}

fn is_token(machine: &Machine, given: &str) -> bool {
    machine.session(|session| session.tokens.iter().any(|token| token == given))
}

/// Does what is commanded; the answer says whether anything changed.
fn act(machine: &Machine, page: &Page, path: &str) -> Option<Value> {
    if path == "actions/locate" && page.method == Method::PUT {
        return Some(page.body.clone());
    }
    Some(match path {
        "actions/pause" | "actions/stop" => json!(machine.sleep(true)),
        "actions/resume" | "actions/start" => json!(machine.sleep(false)),
        "actions/reboot" => {
            machine.restart();
            json!(true)
        }
        "performance/power-target" => {
            let watts = page.body.get("watt").and_then(Value::as_i64)?;
            machine.limit(Power::from_watts(watts));
            json!({"watt": watts})
        }
        _ => return None,
    })
}

fn read(machine: &Machine, path: &str) -> Option<Value> {
    let says = machine.says();
    Some(match path {
        "miner/details" => details(machine, &says),
        "miner/stats" => stats(&says),
        "performance/tuner-state" => tuner(&says),
        "performance/mode" => json!({"tunermode": {"target": {"powertarget": {"power_target": {"watt": says.limit}}}}}),
        "configuration/miner" => {
            json!({"pool_groups": [], "tuner": {"enabled": true, "hashrate_target": null, "power_target": {"watt": says.limit}, "tuner_mode": 1}})
        }
        "cooling/state" => {
            json!({"fans": [], "highest_temperature": {"id": null, "location": 1, "temperature": {"degree_c": 60.0}}})
        }
        "miner/hw/hashboards" => json!({"hashboards": []}),
        "pools" => json!([]),
        "actions/locate" => json!(false),
        "network" => json!({"mac_address": machine.mac(), "hostname": machine.name}),
        "version" => json!({"major": 1, "minor": 6, "patch": 0}),
        "miner/errors" => json!({"errors": []}),
        _ => return None,
    })
}

fn rate(terahashes: f64) -> Value {
    json!({"gigahash_per_second": scaled(terahashes, 1_000.0)})
}

fn details(machine: &Machine, says: &Says) -> Value {
    json!({"bos_mode": 4, "bos_version": {"bos_plus": true, "current": VERSION, "major": "26.04"}, "bosminer_uptime_s": says.elapsed,
        "control_board_soc_family": 3, "hostname": machine.name, "kernel_version": "4.4.0", "mac_address": machine.mac(),
        "miner_identity": {"brand": 1, "miner_model": MODEL, "model": 30, "name": MODEL}, "platform": 4, "serial_number": null,
        "status": if says.asleep { PAUSED } else { MINES }, "sticker_hashrate": rate(says.rated), "system_uptime": says.elapsed,
        "system_uptime_s": says.elapsed, "uid": super::whatsminer::serial(machine)})
}

fn stats(says: &Says) -> Value {
    let real: serde_json::Map<String, Value> = [
        "last_5s",
        "last_15s",
        "last_30s",
        "last_1m",
        "last_5m",
        "last_15m",
        "last_30m",
        "last_1h",
        "last_24h",
        "since_restart",
    ]
    .map(|span| (span.to_owned(), rate(says.rate)))
    .into_iter()
    .collect();
    let watts = f64::from(i32::try_from(says.watts).unwrap_or(i32::MAX));
    let efficiency = if says.rate > 0.0 { scaled(watts / says.rate, 1.0) } else { 0.0 };
    json!({"miner_stats": {"best_share": 0, "error_hashrate": {"megahash_per_second": 0.0}, "found_blocks": 0,
            "nominal_hashrate": rate(says.rated), "real_hashrate": real},
        "pool_stats": {"accepted_shares": 10, "rejected_shares": 0, "stale_shares": 0, "best_share": 0, "generated_work": 0, "last_difficulty": 0},
        "power_stats": {"approximated_consumption": {"watt": says.watts}, "efficiency": {"joule_per_terahash": efficiency}}})
}

fn tuner(says: &Says) -> Value {
    let watts = json!({"watt": says.limit});
    let profile = json!({"created": {"nanos": 0, "seconds": 0}, "estimated_power_consumption": watts, "measured_hashrate": rate(says.rate),
        "target": watts});
    json!({"overall_tuner_state": 2, "mode_state": {"powertargetmodestate": {"current_target": watts, "profile": profile}}})
}
