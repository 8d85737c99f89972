use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::*;
use crate::devices::miners::Counts;
use crate::site::{Firmware, FirmwarePath};
use crate::units::Efficiency;

const ALL: u64 = 0b1111;

fn watts(watts: i64) -> Power {
    Power::from_watts(watts)
}

/// Four miners of 3.5 kW that draw at most 60 W asleep.
fn group() -> Group {
    let second = Duration::from_secs(1);
    let address = |n| IpAddr::V4(Ipv4Addr::new(127, 0, 0, n));
    Group {
        name: "row".into(),
        feeder: None,
        miners: 4,
        units: 4,
        unit: watts(3_500),
        efficiency: Efficiency::from_millijoules_per_th(17_500),
        firmware: Some(FirmwarePath {
            firmware: Firmware::Luxos,
            addresses: (1..=4).map(address).collect(),
            poll: second,
            login: None,
            response: second,
            proof: second,
            asleep: watts(60),
            first: true,
            low: None,
        }),
        paths: Vec::new(),
        dwell_on: second,
        dwell_off: second,
    }
}

/// Miners that say these watts: asleep up to twice 60 W, as the conversation has it.
fn miners(says: [i64; 4]) -> Vec<Found> {
    let identity = Identity { make: "Antminer".into(), model: "S21".into(), firmware: "LuxOS 1".into() };
    let found = |(unit, says): (u32, i64)| Found {
        unit,
        address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1)),
        reached: true,
        identity: Some(identity.clone()),
        state: if says > 120 { State::Mining } else { State::Asleep },
        watts: Some(watts(says)),
        gigahashes: Some(200_000),
        trouble: None,
        counts: Counts::default(),
    };
    (0..).zip(says).map(found).collect()
}

fn silent(found: &mut Found, trouble: Fault) {
    *found = Found {
        reached: false,
        identity: None,
        state: State::Unknown,
        watts: None,
        trouble: Some(trouble),
        ..found.clone()
    };
}

fn judged(found: &[Found], outlets: u64, pdu: i64) -> Judged {
    Row { group: &group(), found, held: 0, outlets: Some(outlets), pdu: Some(watts(pdu)), clocks: &BTreeMap::new() }
        .judge()
}

/// The only thing that is said of the third miner; nothing is said of the others.
#[track_caller]
fn only(judged: &Judged, finding: Finding) {
    assert_eq!(judged.miners, [vec![], vec![], vec![finding], vec![]]);
}

fn likely(judged: &Judged) -> Option<Likely> {
    judged.together.iter().find_map(|finding| match finding {
        Together::Apart { likely, .. } => Some(*likely),
        Together::Clocks(_) => None,
    })
}

#[test]
fn a_row_that_is_as_its_file_says_is_fine_awake_or_asleep() {
    for (says, pdu) in [([3_500; 4], 14_100), ([3_500, 55, 3_400, 55], 7_000), ([55; 4], 1_000), ([4_550; 4], 18_000)] {
        let judged = judged(&miners(says), ALL, pdu);
        assert!(judged.is_fine(), "{says:?} {judged:?}");
    }
}

#[test]
fn a_silent_miner_is_dark_only_where_its_pdu_shows_that() {
    let mut found = miners([3_500; 4]);
    silent(&mut found[2], Fault::NoConnection);
    only(&judged(&found, 0b1011, 10_500), Finding::Dark);
    only(&judged(&found, ALL, 10_500), Finding::Trouble(Fault::NoConnection));
    let unknown = Row { group: &group(), found: &found, held: 0, outlets: None, pdu: None, clocks: &BTreeMap::new() };
    only(&unknown.judge(), Finding::Trouble(Fault::NoConnection));
    let other = Fault::OtherFirmware { declared: Firmware::Luxos, runs: None };
    silent(&mut found[2], other.clone());
    only(&judged(&found, 0b1011, 10_500), Finding::Trouble(other));
    found[2].trouble = None;
    only(&judged(&found, ALL, 10_500), Finding::NotInTime);
}

#[test]
fn a_miner_that_answers_with_its_outlet_off_hangs_on_another() {
    let judged = judged(&miners([3_500; 4]), 0b1011, 14_000);
    only(&judged, Finding::Elsewhere);
    assert_eq!(judged.together, []);
}

#[test]
fn a_miner_that_draws_more_than_its_file_says_is_told_awake_and_asleep() {
    only(
        &judged(&miners([3_500, 3_500, 4_551, 3_500]), ALL, 15_000),
        Finding::Over { says: watts(4_551), file: watts(3_500) },
    );
    only(&judged(&miners([3_500, 55, 61, 3_500]), ALL, 7_100), Finding::Restless { says: watts(61), file: watts(60) });
    let wild = Finding::Over { says: watts(3_500_000), file: watts(3_500) };
    assert!(wild.to_string().contains("units look 1,000 times off"), "{wild}");
}

#[test]
fn no_watts_a_held_session_and_a_closed_door_are_told() {
    let mut found = miners([3_500; 4]);
    found[2].watts = None;
    only(&judged(&found, ALL, 14_000), Finding::NoWatts);
    found[2].watts = Some(Power::ZERO);
    only(&judged(&found, ALL, 14_000), Finding::NoWatts);
    let found = miners([3_500; 4]);
    let held =
        Row { group: &group(), found: &found, held: 0b0100, outlets: Some(ALL), pdu: None, clocks: &BTreeMap::new() };
    only(&held.judge(), Finding::Trouble(Fault::SessionHeld));
    let mut found = found;
    found[2].trouble = Some(Fault::NotLetIn);
    only(&judged(&found, ALL, 14_000), Finding::Trouble(Fault::NotLetIn));
    found[2].trouble = Some(Fault::NoAnswer);
    assert!(judged(&found, ALL, 14_000).is_fine(), "one answer was lost, and it told all the same");
    found[2].state = State::Unknown;
    only(&judged(&found, ALL, 14_000), Finding::Trouble(Fault::NoAnswer));
}

#[test]
fn another_model_in_a_row_is_told_at_its_miner_and_another_version_at_the_row() {
    let mut found = miners([3_500; 4]);
    found[2].identity = Some(Identity { make: "Antminer".into(), model: "S19".into(), firmware: "LuxOS 2".into() });
    let judged = judged(&found, ALL, 14_000);
    only(&judged, Finding::Model { is: "Antminer S19".into(), most: "Antminer S21".into() });
    assert_eq!(judged.remarks, [Remark::Mixed(vec![("LuxOS 1".into(), 3), ("LuxOS 2".into(), 1)])]);
}

#[test]
fn a_clock_that_is_far_off_is_told_at_its_miner_and_one_that_all_share_is_likely_ours() {
    let found = miners([3_500; 4]);
    let judged = |clocks: [i64; 4], firmware| {
        let mut group = group();
        group.firmware.iter_mut().for_each(|path| path.firmware = firmware);
        let clocks = &(0..).zip(clocks).collect();
        Row { group: &group, found: &found, held: 0, outlets: None, pdu: None, clocks }.judge()
    };
    assert!(judged([5, -5, 0, 1], Firmware::Luxos).is_fine(), "whole seconds and an answer's time");
    only(&judged([0, 1, -6, 0], Firmware::Luxos), Finding::Clock { ahead: -6, token: false });
    only(&judged([0, 1, 600, 0], Firmware::Whatsminer), Finding::Clock { ahead: 600, token: true });
    let ours = judged([3_600, 3_601, 3_600, 3_599], Firmware::Luxos);
    assert_eq!((ours.together, ours.miners.concat()), (vec![Together::Clocks(3_599)], vec![]));
    let apart = judged([3_600, 3_601, 3_600, -3_600], Firmware::Luxos);
    assert_eq!((apart.together, apart.miners.concat().len()), (vec![], 4));
    let far = Finding::Clock { ahead: -700_000, token: false }.to_string();
    assert!(far.starts_with("its clock is 8 days behind this machine's"), "{far}");
}

#[test]
fn miners_and_pdu_may_differ_by_a_tenth_or_half_a_miner() {
    for (pdu, is_far) in [(12_250, false), (12_249, true), (15_750, false), (15_751, true)] {
        assert_eq!(likely(&judged(&miners([3_500; 4]), ALL, pdu)).is_some(), is_far, "{pdu}");
    }
}

#[test]
fn where_miners_and_pdu_differ_the_likely_reason_is_named() {
    for (says, pdu, expected) in [
        ([3_500; 4], 14_000_000, Likely::PduUnits),
        ([3_500; 4], 14, Likely::PduUnits),
        ([4; 4], 14_000, Likely::MinerUnits),
        ([3_500_000; 4], 14_000, Likely::MinerUnits),
        ([3_500, 20, 3_500, 3_500], 14_000, Likely::DrawOn(1)),
        ([3_500, 20, 20, 20], 10_500, Likely::DrawOn(2)),
        ([1_000; 4], 14_000, Likely::Miners),
        ([3_500; 4], 9_000, Likely::Pdu),
        ([3_500; 4], 20_000, Likely::Pdu),
    ] {
        assert_eq!(likely(&judged(&miners(says), ALL, pdu)), Some(expected), "{says:?} {pdu}");
    }
}

#[test]
fn who_says_nothing_may_draw_anything_up_to_its_plate() {
    let mut found = miners([3_500; 4]);
    silent(&mut found[2], Fault::NoAnswer);
    for pdu in [10_500, 12_000, 14_000] {
        assert_eq!(likely(&judged(&found, ALL, pdu)), None, "{pdu}");
    }
    assert!(likely(&judged(&found, 0b1011, 14_000)).is_some(), "not with its outlet off");
}

#[test]
fn a_pdu_is_acquitted_only_by_all_its_miners() {
    let group = group();
    let mut found = miners([3_500; 4]);
    let agrees = |found: &[Found], pdu| {
        Row { group: &group, found, held: 0, outlets: None, pdu, clocks: &BTreeMap::new() }.agrees()
    };
    assert!(agrees(&found, Some(watts(14_000))));
    assert!(!agrees(&found, Some(watts(20_000))) && !agrees(&found, None));
    silent(&mut found[2], Fault::NoAnswer);
    assert!(!agrees(&found, Some(watts(14_000))));
}

#[test]
fn a_miner_is_waited_for_until_it_told_or_said_why_not() {
    let mut found = miners([3_500; 4]).remove(0);
    assert!(found.is_settled());
    found.state = State::Unknown;
    assert!(!found.is_settled(), "met, and not yet reported");
    for (trouble, requests, settled) in [
        (Fault::NoConnection, 1, false),
        (Fault::NoConnection, TRIES, true),
        (Fault::NotLetIn, 1, true),
        (Fault::OtherFirmware { declared: Firmware::Luxos, runs: None }, 1, true),
    ] {
        (found.trouble, found.counts.requests) = (Some(trouble), requests);
        assert_eq!(found.is_settled(), settled, "{found:?}");
    }
}
