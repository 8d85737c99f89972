//! Version 3 of a WhatsMiner's interface: port 4433, each message as JSON behind its length, on a connection that stays.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Lie;
use super::cgminer::scaled;
use super::machine::{Machine, Says};
use super::whatsminer::{firmware, number, serial};
use crate::units::Power;

/// The maker's own accounts, with their passwords.
const ACCOUNTS: [(&str, &str); 2] = [("super", "super"), ("admin", "admin")];
const SALT: &str = "Ua7sTl2d";
/// A token is so many characters.
const TOKEN: usize = 8;

/// Whether this is to change something.
pub(super) fn commands(asked: &Value) -> bool {
    text(asked, "cmd").starts_with("set.")
}

/// The answer to one message.
pub(super) fn answer(machine: &Machine, asked: &Value) -> Value {
    let command = text(asked, "cmd");
    let (code, message) = match command {
        "get.device.info" => (0, device(machine, text(asked, "param"))),
        "get.miner.status" => (0, status(&machine.says(), text(asked, "param"))),
        _ if !command.starts_with("set.") => (-2, json!("invalid cmd")),
        _ if !is_let_in(machine, asked) => (-4, json!("token error")),
        _ => match act(machine, command, asked.get("param").unwrap_or(&Value::Null)) {
            true => (0, json!("ok")),
            false => (-2, json!("invalid cmd")),
        },
    };
    json!({"code": code, "when": machine.when(), "msg": message, "desc": command})
}

fn text<'a>(asked: &'a Value, key: &str) -> &'a str {
    asked.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Whether its token is the first of the base64 of SHA-256 over command, password, salt and time.
fn is_let_in(machine: &Machine, asked: &Value) -> bool {
    let account = ACCOUNTS.iter().find(|(account, _)| *account == text(asked, "account"));
    let Some((_, password)) = account else { return false };
    let ts = asked.get("ts").and_then(number).unwrap_or_default();
    let digest = Sha256::digest(format!("{}{password}{SALT}{ts}", text(asked, "cmd")));
    let token: String = STANDARD.encode(digest).chars().take(TOKEN).collect();
    token == text(asked, "token") && !matches!(machine.lies(), Some(Lie::Refuses | Lie::Busy))
}

fn act(machine: &Machine, command: &str, param: &Value) -> bool {
    match (command, param.as_str().unwrap_or_default()) {
        ("set.miner.service", "stop" | "disable") => drop(machine.sleep(true)),
        ("set.miner.service", "start" | "enable") => drop(machine.sleep(false)),
        ("set.miner.service", "restart") | ("set.system.reboot", _) => machine.restart(),
        ("set.miner.power_limit", _) => match number(param) {
            Some(watts) => machine.limit(Power::from_watts(watts)),
            None => return false,
        },
        ("set.miner.mode" | "set.miner.power_mode", "low") => {
            machine.limit(Power::from_watts(machine.rated.watts() * 8 / 10));
        }
        ("set.miner.mode" | "set.miner.power_mode", "normal" | "high") => machine.limit(machine.rated),
        _ => return false,
    }
    true
}

fn device(machine: &Machine, section: &str) -> Value {
    let says = machine.says();
    let address = machine.place.address.to_string();
    let all = json!({
        "miner": {"board-num": "3", "type": "M60_VK30", "working": (!says.asleep).to_string(), "hash-board": "3", "hash-percent": "0",
            "miner-sn": serial(machine), "fast-boot": "disable", "pcbsn0": "BALLAST0", "pcbsn1": "BALLAST1", "pcbsn2": "BALLAST2",
            "power-limit-set": says.limit.to_string()},
        "network": {"ip": address, "mac": machine.mac(), "hostname": machine.name, "proto": "static", "netmask": "255.0.0.0",
            "gateway": "", "dns": ""},
        "power": {"mode": "normal", "type": "P222B", "model": "P222B", "fanspeed": 6_500, "sn": "BALLAST", "vendor": "1",
            "hwversion": "V01", "swversion": "V01", "iin": 8.7, "vin": 220.0, "vout": 1_300, "pin": says.watts, "temp0": 40.0},
        "salt": SALT,
        "system": {"api": "3.0.2", "apiswitch": "1", "control-board-version": "H616", "fwversion": firmware(machine),
            "ledstatus": "auto", "platform": "H616"},
        "error-code": [],
    });
    match all.get(section) {
        Some(part) => json!({section: part}),
        None => all,
    }
}

fn status(says: &Says, section: &str) -> Value {
    let round = |terahashes| scaled(terahashes, 1.0);
    let rate = round(says.rate);
    let board = |n| {
        json!({"id": n, "status": "alive", "hash-average": round(says.rate / 3.0), "hash-realtime": round(says.rate / 3.0),
            "factory-hash": round(says.rated / 3.0), "freq": 600, "effective-chips": 252, "chip-temp-min": 60.0, "chip-temp-avg": 70.0,
            "chip-temp-max": 75.0})
    };
    let all = json!({
        "summary": {"elapsed": says.elapsed, "bootup-time": says.elapsed, "hash-average": rate, "hash-realtime": rate, "hash-1min": rate,
            "hash-15min": rate, "factory-hash": round(says.rated), "power-limit": says.limit, "power-realtime": says.watts,
            "power-5min": says.watts, "power-rate": 20.0, "environment-temperature": 25.0, "board-temperature": [60.0, 60.0, 60.0],
            "chip-temp-avg": 70.0, "chip-temp-max": 75.0, "chip-temp-min": 60.0, "fan-speed-in": 4_000, "fan-speed-out": 4_000,
            "freq-avg": 600, "up-freq-finish": 1},
        "pools": [],
        "edevs": [board(0), board(1), board(2)],
    });
    let parts = section.split('+').filter_map(|name| Some((name.to_owned(), all.get(name)?.clone())));
    Value::Object(parts.collect())
}
