//! The driver of miners' firmware against the emulated miners, and against a peer that says whatever a test wants.

mod emulated;
mod scripted;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ballast::devices::Fleet;
use ballast::devices::miners::Found;
use ballast::site::{Firmware, FirmwarePath};
use ballast::time::{Clock, Mono};
use ballast::units::Power;
use tokio::runtime::Handle;

use super::{DEADLINE, NEVER};

/// The miners 1 to `units` of this network: each test has one of its own.
fn path(firmware: Firmware, network: u8, units: u8) -> FirmwarePath {
    FirmwarePath {
        firmware,
        addresses: (1..=units).map(|n| address(network, n)).collect(),
        poll: Duration::from_millis(200),
        login: None,
        response: Duration::from_secs(2),
        proof: Duration::from_secs(4),
        asleep: Power::from_watts(60),
        first: true,
        low: None,
    }
}

fn address(network: u8, n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 72, network, n))
}

fn fleet(path: &FirmwarePath) -> Fleet {
    fleet_on(path, Clock::start())
}

fn fleet_on(path: &FirmwarePath, clock: Clock) -> Fleet {
    Fleet::spawn(&Handle::current(), "hall", path, None, clock)
}

/// Waits until this holds.
async fn until(what: &str, holds: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let clock = Clock::start();
    while !holds() {
        assert!(clock.mono().since(Mono::START) < DEADLINE, "never came: {what}; {}", otherwise());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until the miners were seen like this.
async fn seen(fleet: &Fleet, what: &str, is: impl Fn(&ballast::snapshot::MinersSeen) -> bool) {
    until(what, || is(&fleet.seen()), || format!("last: {:?} {:?}", fleet.seen(), fleet.trouble())).await;
}

/// Waits until the first miner was found like this.
async fn found(fleet: &Fleet, what: &str, is: impl Fn(&Found) -> bool) {
    until(what, || is(&fleet.found()[0]), || format!("last: {:?}", fleet.found()[0])).await;
}
