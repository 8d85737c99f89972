//! A WhatsMiner M60 with firmware of June 2024, interface version 2, or of December 2025, version 3 beside it.
//!
//! Version 2 is port 4028: reading is free, writing is enciphered with a key from the password. Version 3 is in [`super::framed`].

use aes::Aes256;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Lie;
use super::cgminer::{self, Asked, Told, scaled};
use super::machine::{Machine, Says};
use crate::units::Power;

/// The maker's own password for writing by version 2.
const PASSWORD: &str = "admin";
/// What a token is made of: these may be any short texts.
const TIME: &str = "5626";
const SALT: &str = "BQ5hoXV9";
const NEW_SALT: &str = "jbzkfQls";

/// Whether it speaks version 3 as well: every second miner of a group, from the first on.
pub(super) fn speaks_version_3(unit: usize) -> bool {
    unit.is_multiple_of(2)
}

/// The version of its firmware; its date says which interface there is.
pub(super) fn firmware(machine: &Machine) -> &'static str {
    if speaks_version_3(machine.place.unit) { "20251209.16.Rel2" } else { "20240624.18.REL" }
}

/// The answer to a request on port 4028.
pub(super) fn answer(machine: &Machine, asked: &Asked) -> Value {
    if asked.whole.get("enc").is_some() {
        return enciphered(machine, asked);
    }
    match asked.command.as_str() {
        "get_version" => {
            let platform = json!({"api_ver": "2.0.5", "fw_ver": firmware(machine), "platform": "H616", "chip": "K30"});
            message(machine, true, 131, &platform)
        }
        "status" => message(machine, true, 131, &status(machine, &machine.says())),
        "get_miner_info" => {
            let info = json!({"ip": machine.place.address.to_string(), "mac": machine.mac(), "hostname": machine.name,
                "ledstat": "auto", "minersn": serial(machine), "proto": "static"});
            message(machine, true, 131, &info)
        }
        "get_psu" => message(machine, true, 131, &psu()),
        "get_error_code" => message(machine, true, 131, &json!({"error_code": []})),
        "get_token" if matches!(machine.lies(), Some(Lie::Busy)) => {
            message(machine, false, 134, &json!("over max connect"))
        }
        "get_token" => message(machine, true, 134, &json!({"time": TIME, "salt": SALT, "newsalt": NEW_SALT})),
        "power_off" | "power_on" | "adjust_power_limit" | "set_low_power" | "set_normal_power" | "set_high_power" => {
            message(machine, false, 45, &json!("Permission denied"))
        }
        _ => cgminer::answer(machine, "btminer", asked, |asked| told(machine, asked)),
    }
}

/// Its page is behind TLS, which is not emulated.
pub(super) fn page(machine: &Machine) -> Response {
    let to = format!("https://{}/", machine.place.address);
    (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, to)]).into_response()
}

fn told(machine: &Machine, asked: &Asked) -> Told {
    let says = machine.says();
    match asked.command.as_str() {
        "version" => {
            let version = json!([{"BTMiner": firmware(machine), "API": "3.7"}]);
            Told::of(22, "BTMiner versions", "VERSION", version)
        }
        "devdetails" => {
            let board = |n| json!({"DEVDETAILS": n, "Name": "SM", "ID": n, "Driver": "bitmicro", "Kernel": "", "Model": "M60_VK30"});
            Told::of(69, "Device Details", "DEVDETAILS", (0..3).map(board).collect())
        }
        "summary" => Told::of(11, "Summary", "SUMMARY", summary(machine, &says)),
        "devs" => Told::of(9, "3 ASC(s)", "DEVS", (0..3).map(|n| board(n, &says)).collect()),
        "edevs" => Told::of(9, "3 ASC(s)", "DEVS", (0..3).map(|n| board(n, &says)).collect()),
        "pools" => cgminer::pools(),
        _ => Told::refused(14, "invalid cmd"),
    }
}

/// An answer whose message is all there is.
fn message(machine: &Machine, success: bool, code: u32, message: &Value) -> Value {
    json!({"STATUS": if success { "S" } else { "E" }, "When": machine.when(), "Code": code, "Msg": message, "Description": ""})
}

/// A command that writes: deciphered, its token checked, its answer enciphered.
fn enciphered(machine: &Machine, asked: &Asked) -> Value {
    let key = fourth(&md5crypt::md5crypt(PASSWORD.as_bytes(), SALT.as_bytes()));
    let cipher = Cipher::of(&key);
    let data = asked.whole.get("data").and_then(Value::as_str).unwrap_or_default();
    let plain = STANDARD.decode(data).map(|bytes| cipher.decipher(&bytes)).unwrap_or_default();
    let text = String::from_utf8_lossy(&plain);
    let Ok(command) = serde_json::from_str::<Value>(text.trim_end_matches('\0')) else {
        return message(machine, false, 23, &json!("enc json load err"));
    };
    let sign = fourth(&md5crypt::md5crypt(format!("{key}{TIME}").as_bytes(), NEW_SALT.as_bytes()));
    if command.get("token").and_then(Value::as_str) != Some(sign.as_str()) || machine.lies() == Some(Lie::Refuses) {
        return message(machine, false, 135, &json!("check token err"));
    }
    let done = match act(machine, &command) {
        true => {
            json!({"STATUS": "S", "When": machine.when(), "Code": 131, "Msg": "API command OK", "Description": "whatsminer v1.3"})
        }
        false => message(machine, false, 14, &json!("invalid cmd")),
    };
    json!({"enc": STANDARD.encode(cipher.encipher(done.to_string().as_bytes()))})
}

/// Does what version 2 commands; false where there is no such command.
fn act(machine: &Machine, command: &Value) -> bool {
    let full = machine.rated.watts();
    match command.get("cmd").or_else(|| command.get("command")).and_then(Value::as_str).unwrap_or_default() {
        "power_off" => drop(machine.sleep(true)),
        "power_on" => drop(machine.sleep(false)),
        "adjust_power_limit" => match command.get("power_limit").and_then(number) {
            Some(watts) => machine.limit(Power::from_watts(watts)),
            None => return false,
        },
        "set_low_power" => machine.limit(Power::from_watts(full * 8 / 10)),
        "set_normal_power" | "set_high_power" => machine.limit(machine.rated),
        "restart_btminer" | "reboot" => machine.restart(),
        _ => return false,
    }
    true
}

/// A whole number, also one written as text or with a point: clients differ.
pub(super) fn number(value: &Value) -> Option<i64> {
    let point = |number: f64| format!("{number:.0}").parse().ok();
    value.as_i64().or_else(|| value.as_f64().and_then(point)).or_else(|| value.as_str()?.trim().parse().ok())
}

/// The part of a crypt text behind its third dollar sign.
fn fourth(crypt: &[u8]) -> String {
    String::from_utf8_lossy(crypt).split('$').nth(3).unwrap_or_default().to_owned()
}

/// AES-256 in blocks, each by itself, as the maker has it.
struct Cipher(Aes256);

impl Cipher {
    fn of(key: &str) -> Self {
        let key: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        Self(Aes256::new(&key.into()))
    }

    fn encipher(&self, plain: &[u8]) -> Vec<u8> {
        blocks(plain, |block| self.0.encrypt_block(block))
    }

    fn decipher(&self, bytes: &[u8]) -> Vec<u8> {
        blocks(bytes, |block| self.0.decrypt_block(block))
    }
}

/// Each sixteen bytes by themselves; zeros fill up the last.
fn blocks(bytes: &[u8], each: impl Fn(&mut aes::Block)) -> Vec<u8> {
    let one = |part: &[u8]| {
        let mut block = aes::Block::default();
        block.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
        each(&mut block);
        block
    };
    bytes.chunks(16).flat_map(one).collect()
}

pub(super) fn serial(machine: &Machine) -> String {
    format!("BALLAST{}", machine.mac().replace(':', ""))
}

fn psu() -> Value {
    json!({"name": "P222B", "hw_version": "V01", "sw_version": "V01", "model": "P222B", "fan_speed": "6500", "iin": "8700",
        "vin": "22000", "pin": "0", "serial_no": "BALLAST"})
}

fn status(machine: &Machine, says: &Says) -> Value {
    json!({"FirmwareVersion": firmware(machine), "hash_percent": "0", "mineroff": says.asleep.to_string(), "mineroff_reason": "",
        "mineroff_time": "0", "power_limit_set": says.limit.to_string(), "power_mode": "normal"})
}

fn summary(machine: &Machine, says: &Says) -> Value {
    let rate = scaled(says.rate, 1e6);
    json!([{"Elapsed": says.elapsed, "Uptime": says.elapsed, "MHS av": rate, "MHS 5s": rate, "MHS 1m": rate, "MHS 5m": rate,
        "MHS 15m": rate, "HS RT": rate, "Accepted": 10, "Rejected": 0, "Fan Speed In": 4_000, "Fan Speed Out": 4_000, "Voltage": 1_300,
        "Power": says.watts, "Power_RT": says.watts, "Power Limit": says.limit, "Power Mode": "Normal", "Power Rate": 20.0,
        "Factory GHS": scaled(says.rated, 1e3).round(), "MAC": machine.mac(), "Env Temp": 25.0, "Temperature": 60.0, "Hash Stable": true,
        "Firmware Version": firmware(machine), "Error Code Count": 0, "Target Freq": 600, "freq_avg": 600,
        "Chip Temp Avg": 70.0, "Chip Temp Max": 75.0, "Chip Temp Min": 60.0}])
}

fn board(n: u32, says: &Says) -> Value {
    let rate = scaled(says.rate / 3.0, 1e6);
    json!({"ASC": n, "Slot": n, "Enabled": "Y", "Status": "Alive", "Temperature": 60.0, "Chip Temp Avg": 70.0, "Chip Temp Max": 75.0,
        "Chip Temp Min": 60.0, "Chip Frequency": 600, "MHS av": rate, "MHS 5s": rate, "MHS 1m": rate,
        "Factory GHS": scaled(says.rated / 3.0, 1e3).round(), "Effective Chips": 252, "PCB SN": format!("BALLAST{n}"),
        "Upfreq Complete": 1})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_enciphered_is_deciphered_and_zeros_fill_it_up() {
        let cipher = Cipher::of("key");
        let bytes = cipher.encipher(b"seventeen bytes..");
        assert_eq!(bytes.len(), 32);
        assert_eq!(cipher.decipher(&bytes), [&b"seventeen bytes.."[..], &[0; 15]].concat());
    }

    #[test]
    fn the_key_is_the_fourth_part_of_the_crypt_text() {
        // openssl passwd -1 -salt 1234abcd hunter2
        assert_eq!(fourth(&md5crypt::md5crypt(b"hunter2", b"1234abcd")), "k941IFPqhCBpKvhOnZqRd/");
    }
}
