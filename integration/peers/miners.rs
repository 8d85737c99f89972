//! Emulated miners before the clients of others: each identifies them, reads, stops, resumes and limits them, and the PDU's watts agree.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballast::emulate::Emulator;
use ballast::plant::{Curves, HallLoad, Plant, Series};
use ballast::site::{Firmware, FirmwarePath, Site};
use ballast::time::Clock;
use ballast::units::{Efficiency, Power, Share};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::process::python;
use crate::emulate::profiles;
use crate::plant::site;

const ASLEEP_W: i64 = 60;

/// A site with one group of eight of this firmware behind a NETIO PDU, at addresses that no other test of this run has.
pub(crate) fn fleet(test: u8, firmware: Firmware, watts: i64, efficiency: i64) -> Site {
    let mut site = site(["acuvim-ii", "acuvim-ii", "schneider-pm5xxx"], &["netio-powerpdu"]);
    let process = u8::try_from(std::process::id() % 250).unwrap();
    let group = &mut site.groups[0];
    let response = Duration::from_secs(2);
    group.unit = Power::from_watts(watts);
    group.efficiency = Efficiency::from_millijoules_per_th(efficiency);
    group.firmware = Some(FirmwarePath {
        firmware,
        addresses: (1..=8).map(|unit| IpAddr::from(Ipv4Addr::new(127, 71, process, test * 10 + unit))).collect(),
        poll: Duration::from_secs(1),
        login: None,
        response,
        proof: response * 2,
        asleep: Power::from_watts(ASLEEP_W),
        first: true,
        low: None,
    });
    site
}

/// Miners that boot in half a second and ramp in one.
pub(crate) fn brisk(site: &Site) -> Arc<Mutex<Plant>> {
    let hall = HallLoad::recorded(&site.hall, Series::steady(Share::from_ppm(500_000)));
    let (boot, ramp) = (Duration::from_millis(500), Duration::from_secs(1));
    Arc::new(Mutex::new(Plant::with(site, 1, hall, Curves { boot, ramp, ..Curves::brisk() })))
}

/// Who is to look at which miner, and for what it should take it.
type Look<'a> = (&'a str, usize, [&'a str; 3]);

fn looked_at(test: u8, firmware: Firmware, (watts, efficiency): (i64, i64), looks: &[Look<'_>]) -> Value {
    let site = fleet(test, firmware, watts, efficiency);
    let plant = brisk(&site);
    let running = Emulator::start(&site, (&profiles(), &[]), Arc::clone(&plant), Clock::start(), &Handle::current());
    let emulator = running.unwrap();
    let addresses = &site.groups[0].firmware.as_ref().unwrap().addresses;
    let miner = |(client, unit, identity): &Look<'_>| json!({"client": client, "unit": unit, "ip": addresses[unit - 1].to_string(), "identity": identity});
    let view = json!({
        "pdu": emulator.address(3).unwrap().to_string(),
        "outlet_w": watts,
        "rate_th": watts * 1_000 / efficiency,
        "asleep_w": ASLEEP_W,
        "noise": 0.01,
        "miners": looks.iter().map(miner).collect::<Vec<_>>(),
    });
    let seen = python("miners.py", &view.to_string()).start().ends_well();
    let seen: Value = serde_json::from_str(seen.lines().last().unwrap_or_default()).unwrap();
    // What four clients and a PDU saw is what was drawn.
    let asleep = seen["asleep"]["pdu_w"].as_i64().unwrap();
    assert!(asleep > 0 && asleep <= ASLEEP_W * i64::try_from(looks.len()).unwrap(), "{seen}");
    emulator.stop();
    seen
}

/// Reads the limits that each client had taken; null where it has none.
fn limits(seen: &Value) -> Vec<Option<i64>> {
    seen["limits"].as_array().unwrap().iter().map(|limit| limit.as_f64().map(|watts| watts as i64)).collect()
}

const S21: (i64, i64) = (3_500, 17_500);
const M60: (i64, i64) = (3_440, 20_000);

#[tokio::test(flavor = "multi_thread")]
async fn three_clients_believe_an_emulated_luxos_miner() {
    let looks = [
        ("pyasic", 1, ["AntMiner", "S21", "LuxOS"]),
        ("asic-rs", 2, ["Antminer", "S21", "LuxOS"]),
        ("luxos", 3, ["", "Antminer S21", "LuxOS"]),
    ];
    let seen = looked_at(0, Firmware::Luxos, S21, &looks);
    assert_eq!(limits(&seen), [Some(2_138), None, Some(2_138)], "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_clients_believe_emulated_whatsminers_of_both_interfaces() {
    let looks = [
        ("pyasic", 1, ["WhatsMiner", "M60 VK30", "Stock"]),
        ("asic-rs", 3, ["Whatsminer", "M60VK30", "WhatsMiner Stock"]),
        ("pyasic", 2, ["WhatsMiner", "M60 VK30", "Stock"]),
        ("asic-rs", 4, ["Whatsminer", "M60VK30", "WhatsMiner Stock"]),
        ("whatsminer", 6, ["", "M60_VK30", "WhatsMiner"]),
    ];
    let seen = looked_at(1, Firmware::Whatsminer, M60, &looks);
    assert_eq!(limits(&seen), [Some(2_500); 5], "{seen}");
}

/// Without pyasic: it speaks gRPC to Braiins OS, which is not emulated.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_believes_an_emulated_miner_under_braiins_os() {
    let seen = looked_at(2, Firmware::Braiins, S21, &[("asic-rs", 1, ["Antminer", "S21", "Braiins"])]);
    assert_eq!(limits(&seen), [Some(2_500)], "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_believe_an_emulated_antminer_with_its_makers_firmware() {
    let looks = [("pyasic", 1, ["AntMiner", "S21", "Stock"]), ("asic-rs", 2, ["Antminer", "S21", "AntMiner Stock"])];
    let seen = looked_at(3, Firmware::Antminer, S21, &looks);
    assert_eq!(limits(&seen), [None, None], "{seen}");
}
