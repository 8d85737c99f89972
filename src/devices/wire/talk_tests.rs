use std::time::Duration;

use super::super::board::Silence;
use super::*;
use crate::snapshot::Link;

const POLL: Duration = Duration::from_secs(1);
const FAR: Mono = Mono::from_millis(1_000_000);

/// A PDU with four outlets, and how it answers.
struct Pdu {
    talk: Talk,
    board: Board,
    now: Mono,
    on: u64,
}

impl Pdu {
    fn new(at_once: bool) -> Self {
        let manners = Manners {
            poll: POLL,
            refresh: Some(Duration::from_millis(500)),
            outlets: 4,
            at_once,
            expects: 1,
            keep_alive: None,
        };
        let board = Board::new(Silence::after(Duration::from_secs(3), POLL), true);
        Self { talk: Talk::new("north-01", manners), board, now: Mono::from_millis(10_000), on: 0 }
    }

    /// Connected, identified, read.
    fn met(at_once: bool) -> Self {
        let mut pdu = Self::new(at_once);
        pdu.goes_on();
        pdu
    }

    fn next(&mut self) -> Step {
        self.talk.next(&mut self.board, self.now)
    }

    fn tell(&mut self, ask: Ask, came: Result<Answer, Fault>) {
        let asked = Asked { ask, address: 0, started: self.now };
        self.talk.told(&mut self.board, &asked, came, self.now);
    }

    /// Answers everything rightly until there is nothing to do. What was asked.
    fn goes_on(&mut self) -> Vec<Ask> {
        let mut asked = Vec::new();
        loop {
            match self.next() {
                Step::Connect => self.talk.connected(&mut self.board, self.now),
                Step::Ask(ask) => {
                    let answer = self.answer(ask);
                    self.tell(ask, Ok(answer));
                    asked.push(ask);
                }
                Step::Rest(_) | Step::Over => return asked,
            }
        }
    }

    fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Expected(_) => Answer::Expected(true),
            Ask::Switch(due, unit) => {
                self.on = unit.map_or(due.on, |unit| with(self.on, unit, due.on).unwrap());
                Answer::Switched
            }
            Ask::KeepAlive(_) => Answer::KeptAlive,
            Ask::Outlets => Answer::Outlets(Some(self.on)),
            Ask::Power => Answer::Power(Ok(Power::from_watts(3_500 * i64::from(self.on.count_ones())))),
        }
    }

    /// As the loop commands, for a long time.
    fn command(&mut self, on: u64) {
        self.board.command(on, FAR, self.now);
    }

    /// The connection is lost with the next request; until then it answers.
    fn loses(&mut self) {
        let Step::Ask(ask) = self.next() else { panic!("nothing is asked") };
        self.tell(ask, Err(Fault::NoAnswer));
    }

    fn later(&mut self, ms: u64) {
        self.now = self.now.after(Duration::from_millis(ms));
    }

    /// What was switched, without what was read.
    fn switched(&mut self) -> Vec<(u64, Option<u32>)> {
        let switch = |ask: Ask| if let Ask::Switch(due, unit) = ask { Some((due.on, unit)) } else { None };
        self.goes_on().into_iter().filter_map(switch).collect()
    }
}

#[test]
fn nothing_is_read_or_switched_before_the_device_is_known_to_be_itself() {
    let mut pdu = Pdu::new(true);
    pdu.command(0b1111);
    assert_eq!(pdu.next(), Step::Connect);
    pdu.talk.connected(&mut pdu.board, pdu.now);
    assert_eq!(pdu.next(), Step::Ask(Ask::Expected(0)));
    pdu.tell(Ask::Expected(0), Ok(Answer::Expected(false)));
    assert!(!pdu.talk.is_connected());
    assert_eq!(pdu.board.seen(pdu.now).counts.not_understood, 1);
}

#[test]
fn a_write_goes_before_every_read_that_waits() {
    let mut pdu = Pdu::new(true);
    pdu.command(0b0011);
    let asked = pdu.goes_on();
    assert!(matches!(asked[..], [Ask::Expected(0), Ask::Switch(_, None), Ask::Outlets, Ask::Power]), "{asked:?}");
}

#[test]
fn outlets_that_are_switched_one_by_one_go_off_before_others_go_on_and_those_that_are_right_are_left_alone() {
    let mut pdu = Pdu::new(false);
    pdu.on = 0b0110;
    pdu.goes_on();
    pdu.command(0b0011);
    assert_eq!(pdu.switched(), [(0b0011, Some(2)), (0b0011, Some(0))]);
}

#[test]
fn a_newer_command_ends_a_write_between_two_of_its_requests() {
    let mut pdu = Pdu::met(false);
    pdu.command(0b1111);
    let Step::Ask(ask @ Ask::Switch(_, Some(0))) = pdu.next() else { panic!("the first outlet is switched") };
    let answer = pdu.answer(ask);
    pdu.tell(ask, Ok(answer));
    pdu.command(0);
    assert_eq!(pdu.switched(), [(0, Some(0))]);
    assert_eq!(pdu.board.seen(pdu.now).written, Some((0, pdu.now)));
}

#[test]
fn a_write_without_an_answer_is_read_back_before_it_is_written_again() {
    let mut pdu = Pdu::met(true);
    pdu.command(0b0011);
    pdu.on = 0b0011;
    pdu.loses();
    pdu.later(100);
    let asked = pdu.goes_on();
    assert_eq!(asked, [Ask::Expected(0), Ask::Outlets, Ask::Power]);
    assert_eq!(pdu.board.seen(pdu.now).written, Some((0b0011, pdu.now)));
}

#[test]
fn a_command_that_is_not_renewed_becomes_outlets_off_once() {
    let mut pdu = Pdu::met(true);
    let lapses = pdu.now.after(Duration::from_secs(2));
    pdu.board.command(0b1111, lapses, pdu.now);
    assert_eq!(pdu.switched(), [(0b1111, None)]);
    pdu.later(1_999);
    assert_eq!(pdu.switched(), []);
    pdu.later(1);
    assert_eq!(pdu.switched(), [(0, None)]);
    assert_eq!((pdu.on, pdu.board.seen(pdu.now).counts.lapses), (0, 1));
}

#[test]
fn a_device_that_was_silent_keeps_off_what_a_command_from_before_would_switch_on_for_two_polls() {
    let mut pdu = Pdu::met(true);
    pdu.command(0b1111);
    assert_eq!(pdu.switched(), [(0b1111, None)]);
    pdu.later(1_000);
    pdu.loses();
    pdu.later(10_000);
    assert_eq!(pdu.board.seen(pdu.now).link, Link::Silent);
    // It lost power: its outlets are off.
    pdu.on = 0;
    let polls_until_on = (0..8).position(|_| {
        let switched = pdu.switched();
        pdu.later(1_000);
        !switched.is_empty()
    });
    // One reading as it is met, two polls that it keeps off, and at the next it is found astray.
    assert_eq!((polls_until_on, pdu.on), (Some(3), 0b1111));
}

#[test]
fn a_device_that_was_silent_is_lowered_at_once() {
    let mut pdu = Pdu::met(true);
    pdu.command(0b1111);
    pdu.goes_on();
    pdu.later(1_000);
    pdu.loses();
    pdu.command(0b0001);
    pdu.later(10_000);
    let asked = pdu.goes_on();
    assert_eq!(asked.iter().filter(|ask| matches!(ask, Ask::Switch(..))).count(), 1);
    assert_eq!(pdu.on, 0b0001);
}

#[test]
fn what_a_device_refused_is_written_again_at_the_next_poll_and_not_before() {
    let mut pdu = Pdu::met(true);
    pdu.command(0b0001);
    let Step::Ask(ask @ Ask::Switch(..)) = pdu.next() else { panic!("it is written") };
    pdu.tell(ask, Err(Fault::Refused(4)));
    assert_eq!(pdu.switched(), []);
    pdu.later(1_000);
    assert_eq!(pdu.switched(), [(0b0001, None)]);
}

#[test]
fn a_changed_command_brings_the_next_attempt_forward_and_a_renewed_one_does_not() {
    let mut pdu = Pdu::new(true);
    for _ in 0..12 {
        pdu.later(5_000);
        assert_eq!(pdu.next(), Step::Connect);
        pdu.talk.not_connected(&mut pdu.board, Fault::NoAnswer, pdu.now, pdu.now);
    }
    pdu.later(200);
    assert!(matches!(pdu.next(), Step::Rest(_)));
    pdu.command(0b0001);
    assert_eq!(pdu.next(), Step::Connect);
    pdu.talk.not_connected(&mut pdu.board, Fault::NoAnswer, pdu.now, pdu.now);
    pdu.later(200);
    assert!(pdu.board.renew(0b0001, FAR));
    assert!(matches!(pdu.next(), Step::Rest(_)));
}

#[test]
fn who_was_not_let_in_does_not_go_on_guessing() {
    let mut pdu = Pdu::new(true);
    assert_eq!(pdu.next(), Step::Connect);
    pdu.talk.not_connected(&mut pdu.board, Fault::NotLetIn, pdu.now, pdu.now);
    pdu.command(0b0001);
    pdu.later(14_900);
    assert!(matches!(pdu.next(), Step::Rest(_)), "not for a new command either");
    pdu.later(100);
    assert_eq!(pdu.next(), Step::Connect);
}

#[test]
fn a_conversation_whose_owner_is_gone_is_over_when_all_is_off() {
    let mut pdu = Pdu::met(true);
    pdu.board.command(0b1111, pdu.now.after(POLL), pdu.now);
    pdu.goes_on();
    pdu.board.close();
    assert!(matches!(pdu.next(), Step::Rest(_)));
    pdu.later(1_000);
    assert_eq!(pdu.switched(), [(0, None)]);
    assert_eq!((pdu.next(), pdu.on), (Step::Over, 0));
}

#[test]
fn signs_of_life_are_given_while_a_command_is_renewed_each_another_and_end_with_it() {
    let mut pdu = Pdu::new(true);
    let second = Duration::from_secs(1);
    pdu.talk.manners.keep_alive = Some(second);
    let signs = |asked: Vec<Ask>| {
        asked.iter().filter_map(|ask| if let Ask::KeepAlive(n) = ask { Some(*n) } else { None }).collect::<Vec<_>>()
    };
    assert!(signs(pdu.goes_on()).is_empty(), "nothing is commanded, nothing is kept");
    pdu.board.command(0b1111, pdu.now.after(second * 3), pdu.now);
    let mut given = Vec::new();
    for _ in 0..40 {
        given.extend(signs(pdu.goes_on()));
        pdu.later(100);
    }
    assert_eq!(given, [1, 2, 3], "one a second until it lapses");
    pdu.command(0b0001);
    assert_eq!(signs(pdu.goes_on()), [4]);
    pdu.later(1_000);
    pdu.loses();
    pdu.later(10_000);
    let again = signs(pdu.goes_on());
    assert!(matches!(again[..], [5 | 6]), "at once on a new connection, and never the same again: {again:?}");
}

#[test]
fn a_refused_sign_of_life_is_counted_and_costs_no_connection() {
    let mut pdu = Pdu::met(true);
    pdu.talk.manners.keep_alive = Some(Duration::from_secs(1));
    pdu.command(0b1111);
    let mut refused = 0;
    for _ in 0..20 {
        while let Step::Ask(ask) = pdu.next() {
            let came = if matches!(ask, Ask::KeepAlive(_)) { Err(Fault::Refused(2)) } else { Ok(pdu.answer(ask)) };
            refused += u64::from(came.is_err());
            pdu.tell(ask, came);
        }
        pdu.later(100);
    }
    let seen = pdu.board.seen(pdu.now);
    assert_eq!((refused, seen.counts.refused, seen.link, pdu.on), (2, 2, Link::Up, 0b1111));
}

#[test]
fn nothing_is_written_while_it_is_held_until_it_is_commanded_again_or_its_permit_ends() {
    let mut pdu = Pdu::met(true);
    pdu.command(0b1111);
    pdu.goes_on();
    pdu.board.hold(FAR);
    pdu.on = 0b0111;
    pdu.later(2_000);
    assert!(!pdu.goes_on().iter().any(|ask| matches!(ask, Ask::Switch(..))), "a hand at the device is left alone");
    assert!(pdu.board.renew(0b1111, FAR));
    pdu.later(1_000);
    assert_eq!(pdu.switched(), [(0b1111, None)], "at the next poll");
    pdu.board.hold(FAR);
    pdu.now = FAR;
    assert_eq!(pdu.switched(), [(0, None)]);
}
