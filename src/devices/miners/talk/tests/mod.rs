//! Each rule of the conversation, step by step.

use super::*;
use crate::devices::miners::step::Identity;
use crate::site::{Firmware, FirmwarePath};
use crate::units::Power;

mod silence;

const POLL: u64 = 5_000;

fn manners(firmware: Firmware) -> Manners {
    let path = FirmwarePath {
        firmware,
        addresses: Vec::new(),
        poll: Duration::from_millis(POLL),
        login: None,
        response: Duration::from_secs(6),
        proof: Duration::from_secs(8),
        asleep: Power::from_watts(100),
        first: true,
        low: None,
    };
    Manners::of(&path)
}

/// A conversation and the time it has come to, in milliseconds.
struct Story {
    talk: Talk,
    now: u64,
}

impl Story {
    fn new() -> Self {
        Self::with(Firmware::Luxos)
    }

    fn with(firmware: Firmware) -> Self {
        Self { talk: Talk::new("hall/3", manners(firmware), Mono::START), now: 0 }
    }

    /// Met, and heard once.
    fn met(mines: bool) -> Self {
        let mut story = Self::new();
        story.is_met();
        story.comes(Step::Observe, Ok(says(mines)));
        story
    }

    fn is_met(&mut self) {
        self.comes(Step::Identify, Ok(Came::Identified(Identity::default())));
    }

    fn at(&self) -> Mono {
        Mono::from_millis(self.now)
    }

    fn look(&mut self) -> Step {
        self.talk.next(Mono::from_millis(self.now))
    }

    /// Waits until there is something to do, for as long as `most`.
    fn step_within(&mut self, most: u64) -> Option<Step> {
        let end = self.now + most;
        loop {
            match self.look() {
                Step::Rest(until) => {
                    let until = until.micros().div_ceil(1_000).max(self.now + 1);
                    if until > end {
                        self.now = end;
                        return None;
                    }
                    self.now = until;
                }
                step => return Some(step),
            }
        }
    }

    /// Waits for this step, which must be the next one, and lets it take 10 ms.
    fn comes(&mut self, step: Step, came: Result<Came, Fault>) {
        assert_eq!(self.step_within(60_000), Some(step), "at {} ms", self.now);
        let started = self.at();
        self.now += 10;
        self.talk.told(step, started, came, self.at());
    }

    /// All steps within this time, each answered at once by `answer`.
    fn steps_within(&mut self, most: u64, answer: impl Fn(Step) -> Result<Came, Fault>) -> Vec<(u64, Step)> {
        let end = self.now + most;
        let mut steps = Vec::new();
        while let Some(step) = self.step_within(end - self.now) {
            steps.push((self.now, step));
            let at = self.at();
            self.talk.told(step, at, answer(step), at);
        }
        steps
    }

    fn shall(&mut self, mine: bool) {
        let now = self.at();
        self.talk.shall(mine, false, now);
    }

    fn adopts(&mut self, mine: bool) {
        let now = self.at();
        self.talk.shall(mine, true, now);
    }
}

fn says(mines: bool) -> Came {
    Came::Reported(Report {
        watts: Some(Power::from_watts(if mines { 3_500 } else { 30 })),
        gigahashes: None,
        target: None,
    })
}

fn is_verb(step: &Step) -> bool {
    matches!(step, Step::Sleep | Step::Wake)
}

/// A miner that answers everything, and mines or sleeps whatever it is told.
fn always(mines: bool) -> impl Fn(Step) -> Result<Came, Fault> {
    move |step| {
        Ok(match step {
            Step::Identify => Came::Identified(Identity::default()),
            Step::Observe => says(mines),
            _ => Came::Answered,
        })
    }
}

#[test]
fn a_miner_that_was_never_commanded_is_told_nothing() {
    for mines in [true, false] {
        let steps = Story::new().steps_within(120_000, always(mines));
        assert!(steps.len() > 20 && !steps.iter().any(|(_, step)| is_verb(step)), "{steps:?}");
    }
}

#[test]
fn it_is_met_first_and_then_asked_at_about_every_poll() {
    let steps = Story::new().steps_within(100_000, always(true));
    assert_eq!(steps[0].1, Step::Identify);
    assert!(steps[1..].iter().all(|(_, step)| *step == Step::Observe));
    assert!((18..=24).contains(&steps.len()), "{}", steps.len());
    let gaps: Vec<u64> = steps[1..].windows(2).map(|two| two[1].0 - two[0].0).collect();
    assert!(gaps.iter().all(|gap| (POLL * 7 / 8..=POLL * 9 / 8).contains(gap)), "{gaps:?}");
}

#[test]
fn a_command_goes_before_a_question_and_past_one_that_is_under_way() {
    let mut story = Story::met(true);
    assert_eq!(story.step_within(60_000), Some(Step::Observe));
    story.shall(false);
    assert_eq!(story.look(), Step::Sleep);
}

#[test]
fn a_miner_that_shall_sleep_is_told_again_every_two_seconds_until_it_says_that_it_does() {
    let mut story = Story::met(true);
    story.shall(false);
    let from = story.now;
    let steps = story.steps_within(10_000, always(true));
    let told: Vec<u64> = steps.iter().filter(|(_, step)| *step == Step::Sleep).map(|(at, _)| at - from).collect();
    assert_eq!(told, [0, 2_000, 4_000, 6_000, 8_000, 10_000]);
    assert_eq!(story.talk.facts().counts.resent, 5);
    let steps = story.steps_within(60_000, always(false));
    assert!(!steps.iter().any(|(_, step)| is_verb(step)), "{steps:?}");
}

#[test]
fn a_miner_that_says_yes_and_mines_on_has_answered_and_is_not_settled() {
    let mut story = Story::met(true);
    story.shall(false);
    story.comes(Step::Sleep, Ok(Came::Answered));
    assert!(story.talk.done().is_some() && !story.talk.is_settled());
    story.comes(Step::Observe, Ok(says(true)));
    assert!(!story.talk.is_settled());
    story.comes(Step::Observe, Ok(says(false)));
    assert!(story.talk.is_settled());
}

#[test]
fn what_was_only_sent_is_answered_for_by_the_next_report_alone() {
    let mut story = Story::met(true);
    story.shall(false);
    story.comes(Step::Sleep, Ok(Came::Sent));
    assert_eq!(story.talk.done(), None);
    story.comes(Step::Observe, Ok(says(true)));
    assert_eq!(story.talk.done(), None);
    story.comes(Step::Observe, Ok(says(false)));
    assert_eq!(story.talk.done(), Some(story.at()));
}

#[test]
fn a_report_from_before_the_command_proves_nothing() {
    let mut story = Story::met(true);
    assert_eq!(story.step_within(60_000), Some(Step::Observe));
    let asked = story.at();
    story.now += 5;
    story.shall(false);
    story.talk.told(Step::Observe, asked, Ok(says(false)), story.at());
    assert!(!story.talk.is_settled());
    assert_eq!(story.look(), Step::Sleep);
}

#[test]
fn a_verb_that_takes_a_minute_is_not_said_a_second_time_meanwhile_and_the_miner_is_still_asked() {
    let mut story = Story::with(Firmware::Antminer);
    story.is_met();
    story.comes(Step::Observe, Ok(says(true)));
    story.shall(false);
    assert_eq!(story.look(), Step::Sleep);
    let told = story.at();
    let steps = story.steps_within(70_000, always(true));
    assert!(steps.len() > 10 && steps.iter().all(|(_, step)| *step == Step::Observe), "{steps:?}");
    story.talk.told(Step::Sleep, told, Err(Fault::NoAnswer), story.at());
    assert_eq!(story.look(), Step::Sleep, "the deadline passed and it mines on");
}

#[test]
fn a_miner_that_wakes_up_by_itself_is_told_to_sleep_again() {
    let mut story = Story::met(true);
    story.shall(false);
    story.comes(Step::Sleep, Ok(Came::Answered));
    story.comes(Step::Observe, Ok(says(false)));
    story.steps_within(60_000, always(false));
    story.comes(Step::Observe, Ok(says(true)));
    story.comes(Step::Sleep, Ok(Came::Answered));
}

#[test]
fn what_shall_mine_and_says_that_it_sleeps_is_woken_and_what_mines_is_left_alone() {
    let mut story = Story::met(true);
    story.shall(true);
    let steps = story.steps_within(60_000, always(true));
    assert!(!steps.iter().any(|(_, step)| is_verb(step)), "{steps:?}");
    assert!(story.talk.done().is_some(), "a report that agrees answers for it");
    // It lost its power, and LuxOS sleeps on after that.
    story.comes(Step::Observe, Ok(says(false)));
    story.comes(Step::Wake, Ok(Came::Answered));
}

#[test]
fn a_miner_that_was_put_to_sleep_a_moment_ago_and_still_draws_is_woken_all_the_same() {
    let mut story = Story::met(true);
    story.shall(false);
    story.comes(Step::Sleep, Ok(Came::Answered));
    story.shall(true);
    assert_eq!(story.look(), Step::Wake);
}

#[test]
fn a_miner_that_comes_up_is_given_its_time() {
    for (firmware, most) in [(Firmware::Luxos, 3), (Firmware::Antminer, 1), (Firmware::Whatsminer, 1)] {
        let mut story = Story::with(firmware);
        story.is_met();
        story.shall(true);
        let steps = story.steps_within(80_000, always(false));
        let told = steps.iter().filter(|(_, step)| *step == Step::Wake).count();
        assert_eq!(told, most, "{firmware:?}: {steps:?}");
    }
}

#[test]
fn nobody_is_woken_who_may_not_mine() {
    let mut story = Story::met(false);
    story.shall(false);
    for mines in [false, true, false, true] {
        let steps = story.steps_within(20_000, always(mines));
        assert!(!steps.iter().any(|(_, step)| *step == Step::Wake), "{steps:?}");
    }
}

#[test]
fn a_wake_up_that_is_under_way_is_followed_by_the_sleep_that_came_meanwhile() {
    let mut story = Story::met(false);
    story.shall(true);
    story.comes(Step::Observe, Ok(says(false)));
    assert_eq!(story.look(), Step::Wake);
    let told = story.at();
    story.shall(false);
    assert!(!is_verb(&story.look()));
    story.now += 100;
    story.talk.told(Step::Wake, told, Ok(Came::Answered), story.at());
    assert_eq!(story.talk.done(), None, "it answered for what is no longer asked of it");
    assert_eq!(story.look(), Step::Sleep);
}

#[test]
fn what_is_adopted_is_told_nothing_until_it_reports_otherwise() {
    for mines in [true, false] {
        let mut story = Story::met(mines);
        story.adopts(mines);
        let steps = story.steps_within(60_000, always(mines));
        assert!(!steps.iter().any(|(_, step)| is_verb(step)), "{steps:?}");
        let steps = story.steps_within(7_000, always(!mines));
        assert!(steps.iter().any(|(_, step)| *step == Step::to(mines)), "{steps:?}");
    }
}
