//! An Antminer S21 with Bitmain's own firmware of December 2024: reading on port 4028, writing by its pages alone.
//!
//! Its configuration page restarts mining before it answers, which takes about a minute; here two thirds of a boot.

use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::Lie;
use super::cgminer::{self, Asked, Told, scaled};
use super::machine::{Machine, Says};
use super::web::{Door, Page, nowhere, told as answered};
use crate::units::Power;

const DESCRIPTION: &str = "cgminer 1.0.0";
const COMPILED: &str = "Tue Dec  3 16:12:30 CST 2024";
const MODEL: &str = "Antminer S21";
/// The maker's own.
const DOOR: Door = Door { realm: "antMiner Configuration", user: "root", password: "root" };
/// What the low-power mode takes of nameplate, in percent.
const LOW: i64 = 75;

/// The answer to a request on port 4028.
pub(super) fn answer(machine: &Machine, asked: &Asked) -> Value {
    if asked.command == "stats" && asked.whole.get("new_api") == Some(&Value::Bool(true)) {
        return new_stats(machine);
    }
    cgminer::answer(machine, DESCRIPTION, asked, |asked| told(machine, asked))
}

/// Port 6060.
pub(super) fn power(machine: &Machine, page: &Page) -> Response {
    match page.path.as_str() {
        "/miner_power" => format!("miner power:{}", machine.says().watts).into_response(),
        "/warning" => answered(&json!({"error_message": "None"})),
        _ => "error 6060 cmd".into_response(),
    }
}

/// Port 80.
pub(super) async fn page(machine: &Machine, page: &Page) -> Response {
    if !DOOR.is_open(machine, page) || matches!(machine.lies(), Some(Lie::Busy | Lie::Refuses)) {
        return DOOR.asks(machine);
    }
    let path = page.path.split('?').next().unwrap_or_default();
    let Some(cgi) = path.strip_prefix("/cgi-bin/").and_then(|name| name.strip_suffix(".cgi")) else {
        return if path == "/" { "<title>Ant Miner</title>".into_response() } else { nowhere() };
    };
    if cgi == "set_miner_conf" {
        let done = configure(machine, page);
        tokio::time::sleep(machine.answers_after(machine.boot() * 2 / 3)).await;
        return answered(&done);
    }
    if cgi == "reboot" {
        machine.restart();
    }
    read(machine, cgi).map_or_else(nowhere, |value| answered(&value))
}

fn read(machine: &Machine, cgi: &str) -> Option<Value> {
    let says = machine.says();
    Some(match cgi {
        "miner_type" => json!({"miner_type": MODEL, "subtype": "AMLCtrl_BHB68XXX", "fw_version": COMPILED}),
        "get_system_info" => system(machine),
        "get_network_info" => {
            json!({"nettype": "DHCP", "netdevice": "eth0", "macaddr": machine.mac(), "ipaddress": machine.place.address.to_string(),
                "netmask": "255.0.0.0", "conf_nettype": "DHCP", "conf_hostname": machine.name})
        }
        "summary" => {
            let rate = scaled(says.rate, 1_000.0);
            let fine = |kind| json!({"type": kind, "status": "s", "code": 0, "msg": ""});
            let summary = json!([{"elapsed": says.elapsed, "rate_5s": rate, "rate_30m": rate, "rate_avg": rate,
                "rate_ideal": scaled(says.rated, 1_000.0), "rate_unit": "GH/s", "hw_all": 0, "bestshare": 0,
                "status": [fine("rate"), fine("network"), fine("fans"), fine("temp")]}]);
            json!({"STATUS": status(machine, "summary"), "INFO": info(), "SUMMARY": summary})
        }
        "stats" => new_stats(machine),
        "pools" => json!({"STATUS": status(machine, "pools"), "INFO": info(), "POOLS": []}),
        "get_blink_status" => json!({"blink": false}),
        "get_miner_conf" => Value::Object(configuration(machine)),
        "reboot" => json!({"stats": "success", "code": "B000"}),
        _ => return None,
    })
}

/// Its configuration: the maker's, with what was written since. It outlives a cut.
fn configuration(machine: &Machine) -> Map<String, Value> {
    let none = json!({"url": "", "user": "", "pass": ""});
    let maker = json!({"pools": [{"url": "stratum+tcp://127.0.0.1:3333", "user": "site.w1", "pass": "x"}, none, none],
        "api-listen": true, "api-network": true, "api-groups": "A:stats:pools:devs:summary:version", "api-allow": "A:0/0,W:*",
        "bitmain-fan-ctrl": false, "bitmain-fan-pwm": "100", "bitmain-use-vil": true, "bitmain-freq": "490", "bitmain-voltage": "1380",
        "bitmain-ccdelay": "0", "bitmain-pwth": "0", "bitmain-work-mode": "0", "bitmain-freq-level": "100"});
    let mut all = maker.as_object().cloned().unwrap_or_default();
    all.extend(machine.kept(|kept| kept.clone()));
    let asleep = machine.says().asleep;
    let mode = all.get("bitmain-work-mode").cloned().unwrap_or_default();
    let shown = if asleep {
        json!("1")
    } else if mode == json!("1") {
        json!("0")
    } else {
        mode
    };
    all.insert("bitmain-work-mode".into(), shown);
    all
}

/// Takes a configuration: either name of the mode, as a number or as text; 1 is sleep, 3 low power.
fn configure(machine: &Machine, page: &Page) -> Value {
    let Some(body) = page.body.as_object() else {
        return json!({"stats": "error", "code": "M001", "msg": "Illegal request"});
    };
    let number = |names: [&str; 2]| names.iter().find_map(|name| super::whatsminer::number(body.get(*name)?));
    let mode = number(["miner-mode", "bitmain-work-mode"]).unwrap_or(0);
    let level = number(["freq-level", "bitmain-freq-level"]).unwrap_or(100).clamp(10, 100);
    machine.kept(|kept| {
        kept.insert("bitmain-work-mode".into(), mode.to_string().into());
        kept.insert("bitmain-freq-level".into(), level.to_string().into());
        let pools = body.get("pools").map(|pools| ("pools".to_owned(), pools.clone()));
        kept.extend(pools);
    });
    let percent = if mode == 3 { level.min(LOW) } else { level };
    machine.limit(Power::from_watts(machine.rated.watts() * percent / 100));
    machine.sleep(mode == 1);
    json!({"stats": "success", "code": "M000", "msg": "OK!"})
}

fn told(machine: &Machine, asked: &Asked) -> Told {
    let says = machine.says();
    let rate = scaled(says.rate, 1_000.0);
    match asked.command.as_str() {
        "version" => {
            let version = json!([{"BMMiner": "1.0.0", "API": "3.1", "Miner": "49.0.1.3", "CompileTime": COMPILED, "Type": MODEL}]);
            Told::of(22, "CGMiner versions", "VERSION", version)
        }
        "summary" => {
            let summary = json!([{"Elapsed": says.elapsed, "GHS 5s": rate, "GHS av": rate, "GHS 30m": rate, "Found Blocks": 0,
                "Accepted": 10, "Rejected": 0, "Hardware Errors": 0, "Utility": 1.0}]);
            Told::of(11, "Summary", "SUMMARY", summary)
        }
        "stats" => {
            let head = json!({"BMMiner": "1.0.0", "Miner": "49.0.1.3", "CompileTime": COMPILED, "Type": MODEL});
            Told::of(70, "CGMiner stats", "STATS", json!([head, cgminer::stats("BC50", "49.0.1.3", &says)]))
        }
        "pools" => cgminer::pools(),
        "devs" => Told::of(9, "0 ASC(s)", "DEVS", json!([])),
        _ => Told::unknown(),
    }
}

fn status(machine: &Machine, of: &str) -> Value {
    json!({"STATUS": "S", "when": machine.when(), "Msg": of, "api_version": "1.0.0"})
}

fn info() -> Value {
    json!({"miner_version": "49.0.1.3", "CompileTime": COMPILED, "type": MODEL})
}

/// The shape of newer interfaces: the status is no list, and keys are in lower case.
fn new_stats(machine: &Machine) -> Value {
    let says = machine.says();
    let chain = |n| chain(n, &says);
    let fan = if says.asleep { 0 } else { 5_000 };
    let rate = scaled(says.rate, 1_000.0);
    let stats = json!([{"elapsed": says.elapsed, "rate_5s": rate, "rate_30m": rate, "rate_avg": rate,
        "rate_ideal": scaled(says.rated, 1_000.0), "rate_unit": "GH/s", "chain_num": 3, "fan_num": 4, "fan": [fan, fan, fan, fan],
        "hwp_total": 0, "miner-mode": i32::from(says.asleep), "freq-level": 100, "watt": says.watts,
        "chain": [chain(0), chain(1), chain(2)]}]);
    json!({"STATUS": status(machine, "stats"), "INFO": info(), "STATS": stats})
}

fn chain(n: u32, says: &Says) -> Value {
    let temperature = if says.asleep { 25 } else { 50 };
    let four = [temperature; 4];
    json!({"index": n, "freq_avg": 490, "rate_ideal": scaled(says.rated / 3.0, 1_000.0), "rate_real": scaled(says.rate / 3.0, 1_000.0),
        "asic_num": 108, "asic": "oooo", "temp_pic": four, "temp_pcb": four, "temp_chip": four, "hw": 0, "eeprom_loaded": true,
        "sn": format!("BALLAST{n}")})
}

fn system(machine: &Machine) -> Value {
    json!({"minertype": MODEL, "nettype": "DHCP", "netdevice": "eth0", "macaddr": machine.mac(), "hostname": machine.name,
        "ipaddress": machine.place.address.to_string(), "netmask": "255.0.0.0", "gateway": "", "dnsservers": "",
        "system_mode": "GNU/Linux", "system_kernel_version": "Linux 4.9.113", "system_filesystem_version": COMPILED,
        "firmware_type": "Release", "serinum": super::whatsminer::serial(machine)})
}
