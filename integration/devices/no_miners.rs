//! A build without the library that speaks to miners.

use std::time::Duration;

use ballast::devices::Fleet;
use ballast::site::{Firmware, FirmwarePath};
use ballast::time::{Clock, Mono};
use ballast::units::Power;
use tokio::runtime::Handle;

use super::{DEADLINE, NEVER};

#[tokio::test]
async fn a_fleet_says_that_this_build_speaks_no_miners_firmware() {
    let second = Duration::from_secs(1);
    let path = FirmwarePath {
        firmware: Firmware::Luxos,
        addresses: vec![[127, 72, 250, 1].into()],
        poll: Duration::from_millis(10),
        login: None,
        response: second,
        proof: second,
        asleep: Power::from_watts(60),
        first: true,
        low: None,
    };
    let clock = Clock::start();
    let fleet = Fleet::spawn(&Handle::current(), "hall", &path, None, clock);
    fleet.command(0, 0, NEVER);
    while fleet.trouble().is_none() {
        assert!(clock.mono().since(Mono::START) < DEADLINE);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(
        fleet.trouble().unwrap(),
        "`hall` miner 1 at 127.72.250.1: this build speaks no miner's firmware; build it with `--features miners`, or \
         take the firmware path out of the site file"
    );
    assert_eq!((fleet.seen().asked, fleet.seen().reached, fleet.seen().written), (1, 0, None));
}
