//! What a miner tells anybody who asks, before it is met: what runs on it, and its time.
//!
//! By the channels of the library asic-rs, behind our own deadlines. It logs on to nothing and commands nothing.

use std::net::IpAddr;

use asic_rs::core::traits::identification::{FirmwareIdentification, WebResponse};
use asic_rs::core::util::{send_rpc_command, send_web_command};
use serde_json::Value;

use super::port::{ANSWER, entry, runs, within};
use crate::site::Firmware;

/// What runs at an address: by port 4028, where all of them say their version, else by the page. Nothing where no miner answers, and no firmware where
/// one answers that is none of ours.
pub(super) async fn runs_at(address: IpAddr) -> Option<Option<Firmware>> {
    let said = within(ANSWER, async { Ok(send_rpc_command(&address, "version").await) }).await.ok().flatten();
    if let Some(said) = said {
        return Some(runs(&said));
    }
    let page = within(ANSWER, async { Ok(send_web_command(&address, "/").await) }).await.ok().flatten();
    let (body, headers, status) = page?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (auth_header, algo_header, redirect_header) =
        (header("www-authenticate"), header("algorithm"), header("location"));
    let said = WebResponse { body: &body, auth_header, algo_header, redirect_header, status: status.as_u16() };
    // A page that sends to its secret twin is no sign of a WhatsMiner: half of all devices do that.
    let order = [Firmware::Luxos, Firmware::Braiins, Firmware::Antminer];
    order.into_iter().find(|firmware| FirmwareIdentification::identify_web(&*entry(*firmware), &said)).map(Some)
}

/// The time of a miner's own clock, in whole seconds since 1970; nothing where it does not say. Every answer on this port carries it.
pub(super) async fn clock_of(address: IpAddr) -> Option<i64> {
    let said = within(ANSWER, async { Ok(send_rpc_command(&address, "version").await) }).await.ok().flatten();
    said.as_ref().and_then(when)
}

/// The miner's time in an answer: the makers have it in two places. Zero is no time.
fn when(said: &Value) -> Option<i64> {
    let at = |at: &&str| said.pointer(at).and_then(Value::as_i64);
    ["/STATUS/0/When", "/When"].iter().find_map(at).filter(|when| *when > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_miners_time_is_read_wherever_its_maker_has_it() {
        assert_eq!(when(&json!({"STATUS": [{"STATUS": "S", "When": 1_795_323_600}]})), Some(1_795_323_600));
        assert_eq!(when(&json!({"STATUS": "S", "When": 12, "Msg": {}})), Some(12));
        assert_eq!(when(&json!({"STATUS": [{"STATUS": "S", "When": 0}]})), None, "that is no time");
        assert_eq!(when(&json!({"STATUS": [{"STATUS": "S"}]})), None);
    }
}
