//! What is held against a site file, and what is not.

use super::*;
use crate::drill::curve::Between;
use crate::site::file::load;

fn demo() -> Site {
    load("demo.toml", include_str!("../../sites/demo.toml")).unwrap()
}

fn between(least_ms: u64, most_ms: u64) -> Option<Between> {
    Some(Between { least_ms, most_ms })
}

fn fallen(gone: Option<Between>, proof_ms: Option<u64>) -> Vec<Problem> {
    let site = demo();
    let group = &site.groups[0];
    fall(group, Way::Outlets, &declared(group, Way::Outlets), &Fall { gone, proof_ms, ..Fall::default() })
}

#[test]
fn a_pdu_that_is_read_too_seldom_to_tell_convicts_no_file() {
    assert_eq!(fallen(between(0, 980), Some(1_400)), vec![], "the file says 100 ms and 2.5 s");
}

#[test]
fn a_response_that_was_surely_longer_is_told_with_the_line_and_the_value_to_write() {
    let problems = fallen(between(300, 980), Some(1_400));
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].at, "device `north-01`.response");
    assert_eq!(
        problems[0].message,
        "`north-01` took 300 ms to 980 ms by its outlets until its power was gone, and the file says 100 ms"
    );
    assert!(problems[0].help.starts_with("write response = \"1.2 s\""), "{}", problems[0].help);
}

#[test]
fn a_late_proof_and_none_at_all_are_problems() {
    assert!(fallen(between(0, 90), Some(3_000))[0].message.contains("was proved after 3 s"));
    assert!(fallen(between(0, 90), None)[0].message.contains("was never proved"));
    let drew_on = fallen(None, None);
    assert_eq!(drew_on.len(), 1, "the one thing that matters");
    assert!(drew_on[0].message.contains("drew on"));
}

#[test]
fn a_proposal_leaves_a_fifth_and_is_a_round_number() {
    let all = [80, 900, 1_000, 9_000, 61_000].map(|ms| span(proposed(ms)));
    assert_eq!(all, ["100 ms", "1.1 s", "1.2 s", "11 s", "74 s"]);
}

fn quiet(comms_loss: CommsLoss, on_after: Option<u64>, poi: Option<Between>) -> Vec<Problem> {
    let mut site = demo();
    site.groups[0].paths[0].comms_loss = comms_loss;
    let group = &site.groups[0];
    let (silent_ms, asked_before_ms) = (33_000, 1_000);
    let seen = Silence { on_before: 0xFF, on_after, poi, silent_ms, asked_before_ms, ..Silence::default() };
    silence(group, &declared(group, Way::Outlets), &seen)
}

const HALF_A_MINUTE: CommsLoss = CommsLoss::Reverts(Duration::from_secs(30));

#[test]
fn a_watchdog_that_did_not_act_is_found() {
    let problems = quiet(HALF_A_MINUTE, Some(0xFF), None);
    assert_eq!(problems[0].at, "device `north-01`.comms_loss");
    assert!(problems[0].message.contains("8 of 8 outlets on after 33 s"), "{}", problems[0].message);
    assert_eq!(quiet(HALF_A_MINUTE, Some(0), None), vec![], "it was off when it was asked again");
    assert_eq!(quiet(HALF_A_MINUTE, Some(0), between(29_100, 30_200)), vec![]);
}

#[test]
fn a_watchdog_that_acts_at_another_time_is_found_where_the_poi_shows_it() {
    let sooner = quiet(HALF_A_MINUTE, Some(0), between(9_900, 10_100));
    assert!(sooner[0].message.contains("acted after 9.9 s to 11.1 s"), "{}", sooner[0].message);
    assert!(quiet(HALF_A_MINUTE, Some(0), between(31_000, 31_500))[0].message.contains("acted after 31 s"));
}

#[test]
fn a_pdu_that_should_hold_and_lets_go_is_found_and_so_is_one_that_does_not_come_back() {
    assert_eq!(quiet(CommsLoss::Holds, Some(0xFF), None), vec![]);
    assert!(quiet(CommsLoss::Holds, Some(0x0F), None)[0].message.contains("switched 4 outlets off"));
    assert!(quiet(CommsLoss::Holds, None, None)[0].message.contains("did not answer again"));
    assert_eq!(quiet(CommsLoss::Unknown, Some(0), None), vec![], "nothing was promised");
}

#[test]
fn miners_that_draw_more_than_their_plates_are_told_with_what_to_write() {
    let site = demo();
    let group = &site.groups[0];
    let high = Rise { units: 8, full: between(1, 2), full_w: 30_000, highest_w: 30_400, ..Rise::default() };
    let problems = rise(&site, group, Way::Outlets, &high);
    assert_eq!(problems[0].at, "group `north-01`.watts");
    assert!(problems[0].help.contains("3.8 kW"), "{}", problems[0].help);
    let fine = Rise { full_w: 27_900, highest_w: 28_500, ..high };
    assert_eq!(rise(&site, group, Way::Outlets, &fine), vec![]);
    let steep = Rise { steepest_w_per_s: 120_000, ..fine };
    assert_eq!(rise(&site, group, Way::Outlets, &steep)[0].at, "restore.batch");
}
