//! Rows 4 to 7 and 9: a PDU is lost, lies, is late or dark; outlets do not open or close by themselves; the hall steps.

use std::time::Duration;

use ballast::simulate::fault::{Class, Fault};

use super::{demo, demo_with, fault};

/// A cap so low that every group is lowered.
fn cap(from: u64, to: u64) -> Fault {
    Fault { degree: 0, ..fault(Class::Cap, 0, from, to) }
}

/// The fastest groups of the demo: the first to be shed for a cap.
const NORTH: std::ops::Range<usize> = 0..26;

fn all(class: Class, groups: impl Iterator<Item = usize>, from: u64, to: u64) -> Vec<Fault> {
    groups.map(|group| fault(class, group, from, to)).collect()
}

#[test]
fn a_lost_pdu_is_told_within_two_seconds_and_taken_up_again_when_it_is_back() {
    let told = demo_with(120, &[fault(Class::PduLost, 3, 60, 70)]);
    told.within("dev.lost", 60_000, 2_000);
    let (_, lost) = told.first("dev.lost", 60_000).unwrap();
    assert_eq!(lost["group"], "north-04");
    assert_eq!(lost["assumed_w"], 28_000, "it counts as drawing");
    // It is tried again seconds apart, and the first look that shows it ends it.
    told.within("dev.back", 70_000, 10_000);
}

#[test]
fn a_pdu_that_answers_and_does_not_act_is_found_out_by_its_watts_and_others_go_down_for_it() {
    let mut faults = all(Class::PduMute, NORTH, 50, 80);
    faults.push(cap(52, 75));
    let told = demo_with(120, &faults);
    let (shed, _) = told.first("shed", 52_000).unwrap();
    let (found, what) = told.first("act.unverified", 52_000).unwrap();
    // Proof of the demo: 2.5 s.
    assert!(found <= shed + 2_500 + 300, "{} ms after it was told", found - shed);
    assert!(what["counted_w"].as_i64() > what["expect_w"].as_i64(), "{what}");
    assert!(told.first("act.verified", found).is_some(), "it is believed again by its watts");
}

#[test]
fn an_outlet_that_does_not_open_counts_as_drawing_until_it_does() {
    let mut faults = all(Class::OutletWelded, NORTH, 50, 80);
    faults.push(cap(52, 75));
    let told = demo_with(120, &faults);
    let (found, _) = told.first("act.unverified", 52_000).unwrap();
    assert!(found <= 60_000);
    assert!(told.first("act.verified", 80_000).is_some());
}

#[test]
fn a_pdu_in_the_dark_counts_as_drawing_until_it_is_back() {
    let told = demo_with(120, &all(Class::PduDark, 52..54, 50, 70));
    told.within("dev.lost", 50_000, 2_000);
    assert_eq!(told.all("dev.back").len(), 2);
}

#[test]
fn a_step_beyond_the_declared_one_is_back_under_the_limit_within_the_published_bound() {
    let site = demo();
    let told = demo_with(200, &[fault(Class::HallStep, 0, 100, 101)]);
    let cleared = told.all("limit.cleared");
    for (_, what) in &cleared {
        assert!(what["dur_ms"].as_u64().unwrap() <= u64::try_from(site.poi.within.as_millis()).unwrap(), "{what}");
    }
    assert!(told.shed("import_limit", 100_000, 101_000) > 0, "shed in the first ticks");
    assert!(told.episode.score.above <= site.poi.within + Duration::from_millis(200));
}
