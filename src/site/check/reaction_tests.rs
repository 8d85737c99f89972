//! Groups whose miners are told to sleep, as `check` judges them.

use std::time::Duration;

use super::Report;
use super::tests::changed;
use crate::site::{Firmware, FirmwarePath};
use crate::units::Power;

/// The demo with north's miners told to sleep before their outlets are used.
fn sleeping(response: u64, proof: u64) -> Report {
    changed(|site| {
        site.poi.within = Duration::from_secs(16);
        site.failsafe.over_limit = Duration::from_secs(80);
        let addresses = vec![std::net::Ipv4Addr::LOCALHOST.into(); 8];
        let path = FirmwarePath {
            firmware: Firmware::Luxos,
            addresses,
            poll: Duration::from_secs(2),
            login: None,
            response: Duration::from_millis(response),
            proof: Duration::from_millis(proof),
            asleep: Power::from_watts(40),
            first: true,
            low: None,
        };
        site.groups[..26].iter_mut().for_each(|group| group.firmware = Some(path.clone()));
    })
}

#[test]
fn a_miner_that_is_told_to_sleep_and_does_not_is_cut_within_the_limit_or_it_is_said_by_how_much_not() {
    let report = sleeping(5_000, 8_000);
    let line = report.reaction.iter().find(|line| line.response == Duration::from_secs(5)).unwrap();
    assert_eq!((line.proof, line.next), (Duration::from_secs(8), Duration::from_millis(100)), "its own outlets");
    assert!(line.holds_a_lie() && report.errors.is_empty(), "{:?}", report.errors);
    let report = sleeping(5_000, 16_000);
    let told = report.warnings.iter().find(|finding| finding.message.contains("outlets are cut within")).unwrap();
    assert_eq!(told.at, "miners of `north-01`.proof");
    let report = sleeping(20_000, 25_000);
    assert_eq!(report.errors[0].at, "miners of `north-01`.response", "too slow for the limit: {:?}", report.errors);
}
