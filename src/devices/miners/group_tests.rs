use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::devices::miners::step::{Identity, Report};
use crate::site::Firmware;
use crate::units::Power;

fn path(units: u8) -> FirmwarePath {
    FirmwarePath {
        firmware: Firmware::Luxos,
        addresses: (1..=units).map(|n| IpAddr::V4(Ipv4Addr::new(127, 70, 0, n))).collect(),
        poll: Duration::from_secs(5),
        login: None,
        response: Duration::from_secs(6),
        proof: Duration::from_secs(8),
        asleep: Power::from_watts(100),
        first: true,
        low: None,
    }
}

fn at(ms: u64) -> Mono {
    Mono::from_millis(ms)
}

/// Does what is to be done, second by second, with miners that do as they are told at once, but for those that are silent.
/// Gives which units were told to sleep and to wake up.
fn play(group: &mut Group, mining: &mut u64, silent: u64, seconds: std::ops::Range<u64>) -> (u64, u64) {
    let (mut slept, mut woken) = (0, 0);
    for ms in (seconds.start * 1_000..seconds.end * 1_000).step_by(100) {
        for unit in 0..group.units() {
            let bit = 1_u64 << unit;
            loop {
                let step = group.next(unit, at(ms));
                let came = match step {
                    Step::Rest(_) | Step::Over => break,
                    _ if silent & bit != 0 => Err(Fault::NoAnswer),
                    Step::Identify => Ok(Came::Identified(Identity::default())),
                    Step::Observe => {
                        let watts = if *mining & bit == 0 { 30 } else { 3_500 };
                        Ok(Came::Reported(Report {
                            watts: Some(Power::from_watts(watts)),
                            gigahashes: None,
                            target: None,
                        }))
                    }
                    Step::Sleep => {
                        (*mining, slept) = (*mining & !bit, slept | bit);
                        Ok(Came::Answered)
                    }
                    Step::Target(_) => Ok(Came::Answered),
                    Step::Wake => {
                        (*mining, woken) = (*mining | bit, woken | bit);
                        Ok(Came::Answered)
                    }
                };
                group.told(unit, step, at(ms), came, at(ms));
            }
        }
    }
    (slept, woken)
}

#[test]
fn what_was_asked_what_answers_and_what_mines_are_units() {
    let (mut group, mut mining) = (Group::new("hall", &path(4), at(0)), 0b0101);
    assert_eq!(group.seen(), MinersSeen::default());
    play(&mut group, &mut mining, 0b1000, 0..10);
    let seen = group.seen();
    assert_eq!((seen.asked, seen.reached, seen.mining, seen.written), (0b1111, 0b0111, 0b0101, None));
}

#[test]
fn a_command_is_written_once_every_miner_that_answers_has_answered_for_it() {
    let (mut group, mut mining) = (Group::new("hall", &path(4), at(0)), 0b1111);
    play(&mut group, &mut mining, 0, 0..10);
    play(&mut group, &mut mining, 0b1000, 10..30);
    assert!(group.command(0b0011, 0, at(60_000), at(30_000)));
    assert_eq!(group.seen().written, None);
    assert_eq!(play(&mut group, &mut mining, 0b1000, 30..40), (0b0100, 0));
    let (on, when) = group.seen().written.unwrap();
    assert!(on == 0b0011 && when >= at(30_000) && when < at(40_000), "{when:?}");
    assert_eq!(group.seen().mining, 0b1011, "the silent one as it said last");
}

#[test]
fn a_group_nobody_of_which_answers_has_written_nothing() {
    let (mut group, mut mining) = (Group::new("hall", &path(2), at(0)), 0b11);
    group.command(0, 0, at(60_000), at(0));
    play(&mut group, &mut mining, 0b11, 0..20);
    assert_eq!(group.seen().written, None);
}

#[test]
fn the_same_command_again_only_lasts_longer_and_an_unrenewed_one_puts_all_to_sleep() {
    let (mut group, mut mining) = (Group::new("hall", &path(3), at(0)), 0b111);
    assert!(group.command(0b111, 0, at(12_000), at(0)));
    assert!(!group.command(0b111, 0, at(22_000), at(10_000)));
    assert_eq!(play(&mut group, &mut mining, 0, 0..22), (0, 0));
    assert_eq!(play(&mut group, &mut mining, 0, 22..30), (0b111, 0));
    assert_eq!(group.seen().written.map(|(on, _)| on), Some(0));
    assert!(group.facts().all(|facts| facts.counts.lapses == 1));
}

#[test]
fn a_rest_ends_when_the_command_lapses() {
    let mut group = Group::new("hall", &path(1), at(0));
    play(&mut group, &mut 1, 0, 0..4);
    group.command(1, 0, at(4_100), at(4_000));
    let mut steps = Vec::new();
    for ms in 4_000..=4_100 {
        match group.next(0, at(ms)) {
            Step::Rest(until) => assert!(until <= at(4_100), "{ms}: {until:?}"),
            step => steps.push(step),
        }
    }
    assert_eq!(steps, [Step::Observe, Step::Sleep]);
}

#[test]
fn what_is_adopted_is_not_written_and_only_the_first_word_counts() {
    let (mut group, mut mining) = (Group::new("hall", &path(2), at(0)), 0b01);
    play(&mut group, &mut mining, 0, 0..5);
    assert!(group.adopt(0b01, at(60_000), at(5_000)));
    assert_eq!(play(&mut group, &mut mining, 0, 5..30), (0, 0));
    assert_eq!(group.seen().written, None);
    assert!(!group.adopt(0b11, at(60_000), at(30_000)));
    group.command(0b11, 0, at(60_000), at(30_000));
    assert_eq!(play(&mut group, &mut mining, 0, 30..40), (0, 0b10));
    assert_eq!(group.seen().written.map(|(on, _)| on), Some(0b11));
}

#[test]
fn an_adopted_permit_lapses_as_any_other() {
    let (mut group, mut mining) = (Group::new("hall", &path(2), at(0)), 0b11);
    group.adopt(0b11, at(10_000), at(0));
    assert_eq!(play(&mut group, &mut mining, 0, 0..20), (0b11, 0));
}

#[test]
fn without_an_owner_it_goes_on_until_the_lapse_and_until_all_sleep() {
    let (mut group, mut mining) = (Group::new("hall", &path(2), at(0)), 0b11);
    group.command(0b11, 0, at(10_000), at(0));
    play(&mut group, &mut mining, 0, 0..5);
    group.close();
    assert!(!group.is_over(0, at(9_999)));
    assert_eq!(play(&mut group, &mut mining, 0b10, 5..12), (0b01, 0));
    assert_eq!(group.next(0, at(12_000)), Step::Over);
    let requests = |group: &Group| group.facts().nth(1).unwrap().counts.requests;
    let before = requests(&group);
    play(&mut group, &mut mining, 0b10, 12..20);
    assert!(requests(&group) >= before + 4, "a silent one is knocked at for a while");
    assert_eq!(group.next(1, at(20_100)), Step::Over);
}

#[test]
fn without_an_owner_and_a_command_there_is_nothing_to_do() {
    let mut group = Group::new("hall", &path(1), at(0));
    group.close();
    assert_eq!(group.next(0, at(0)), Step::Over);
}

#[test]
fn a_group_has_at_most_sixty_four_miners() {
    let mut group = Group::new("hall", &path(200), at(0));
    group.command(u64::MAX, 0, at(1), at(0));
    assert_eq!(group.units(), 64);
    assert_eq!(group.next(64, at(0)), Step::Over);
}

#[test]
fn the_same_units_commanded_a_second_time_are_answered_for_a_second_time() {
    let (mut group, mut mining) = (Group::new("hall", &path(2), at(0)), 0b11);
    play(&mut group, &mut mining, 0, 0..5);
    group.command(0b01, 0, at(60_000), at(5_000));
    play(&mut group, &mut mining, 0, 5..10);
    let first = group.seen().written.unwrap();
    group.command(0b11, 0, at(60_000), at(10_000));
    group.command(0b01, 0, at(60_000), at(10_000));
    assert_eq!(group.seen().written, Some(first));
    play(&mut group, &mut mining, 0, 10..20);
    let second = group.seen().written.unwrap();
    assert!(second.0 == 0b01 && second.1 >= at(10_000), "{second:?}");
}

#[test]
fn who_is_held_is_asked_and_told_nothing_until_the_group_is_commanded_again_or_its_permit_ends() {
    let (mut group, mut mining) = (Group::new("west", &path(4), at(0)), 0b1111);
    group.command(0b1111, 0, at(60_000), at(0));
    play(&mut group, &mut mining, 0, 0..10);
    group.hold(at(60_000));
    mining = 0b1110;
    assert_eq!(play(&mut group, &mut mining, 0, 10..30), (0, 0));
    assert_eq!(group.seen().mining, 0b1110, "it is asked all the time");
    assert!(group.command(0b1111, 0, at(60_000), at(30_000)), "the same again, and it is told");
    assert_eq!(play(&mut group, &mut mining, 0, 30..45), (0, 1));
    group.hold(at(60_000));
    assert_eq!(play(&mut group, &mut mining, 0, 45..70), (0b1111, 0));
}
