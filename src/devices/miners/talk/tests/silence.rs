//! What is done when a miner says nothing, nothing right, or no.

use super::*;

#[test]
fn a_silent_miner_is_asked_less_and_less_often() {
    let mut story = Story::met(true);
    let steps = story.steps_within(120_000, |_| Err(Fault::NoAnswer));
    let gaps: Vec<u64> = steps.windows(2).map(|two| two[1].0 - two[0].0).collect();
    assert!(gaps[0] <= 1_000 && gaps.iter().all(|gap| *gap <= 15_000), "{gaps:?}");
    assert!(gaps.iter().skip(5).all(|gap| *gap >= 7_500), "{gaps:?}");
}

#[test]
fn a_silent_miner_that_shall_sleep_is_knocked_at_every_two_seconds_met_or_not() {
    for met in [true, false] {
        let mut story = if met { Story::met(true) } else { Story::new() };
        story.steps_within(60_000, |_| Err(Fault::NoConnection));
        story.shall(false);
        let knock = if met { Step::Sleep } else { Step::Identify };
        let steps = story.steps_within(20_000, |_| Err(Fault::NoConnection));
        let knocks: Vec<u64> = steps.iter().filter(|(_, step)| *step == knock).map(|(at, _)| *at).collect();
        assert!(knocks.len() >= 10, "{met}: {steps:?}");
        assert!(knocks.windows(2).all(|two| two[1] - two[0] <= 2_000), "{met}: {knocks:?}");
    }
}

#[test]
fn verbs_that_nobody_hears_do_not_keep_a_silent_miner_from_being_asked() {
    let mut story = Story::met(true);
    story.steps_within(10_000, |_| Err(Fault::NoConnection));
    story.shall(false);
    let silent = |step| if step == Step::Sleep { Ok(Came::Sent) } else { Err(Fault::NoAnswer) };
    let steps = story.steps_within(60_000, silent);
    assert!(steps.iter().filter(|(_, step)| *step == Step::Observe).count() >= 3, "{steps:?}");
    assert!(!story.talk.facts().reached);
}

#[test]
fn one_lost_answer_is_no_silence_and_two_in_a_row_are() {
    let mut story = Story::met(true);
    story.comes(Step::Observe, Err(Fault::NoAnswer));
    assert!(story.talk.facts().reached);
    story.comes(Step::Observe, Err(Fault::NoAnswer));
    assert!(!story.talk.facts().reached && story.talk.facts().mines == Some(true), "what it said last stands");
    story.comes(Step::Observe, Ok(says(false)));
    assert!(story.talk.facts().reached);
    assert_eq!(story.talk.facts().counts.timeouts, 2);
}

#[test]
fn a_miner_that_could_not_be_reached_was_asked_all_the_same() {
    let mut story = Story::new();
    story.comes(Step::Identify, Err(Fault::NoConnection));
    assert!(story.talk.facts().asked && !story.talk.facts().reached);
}

#[test]
fn who_says_no_or_nothing_that_makes_sense_is_asked_anew_who_it_is() {
    for fault in [Fault::refused("invalid command"), Fault::NotUnderstood, Fault::Broke] {
        let mut story = Story::met(true);
        story.shall(false);
        story.comes(Step::Sleep, Err(fault));
        story.is_met();
        story.comes(Step::Observe, Ok(says(true)));
        story.comes(Step::Observe, Ok(says(true)));
        story.comes(Step::Observe, Ok(says(true)));
        assert_eq!(story.step_within(1_000), Some(Step::Sleep));
    }
}

#[test]
fn other_firmware_than_its_file_says_is_never_told_anything() {
    let other = || Fault::OtherFirmware { declared: Firmware::Luxos, runs: Some(Firmware::Antminer) };
    let mut story = Story::new();
    story.shall(false);
    let steps = story.steps_within(60_000, |_| Err(other()));
    assert!(steps.iter().all(|(_, step)| *step == Step::Identify) && (4..=5).contains(&steps.len()), "{steps:?}");
    assert!(!story.talk.facts().reached);
}

#[test]
fn who_is_not_let_in_does_not_go_on_guessing() {
    let mut story = Story::met(true);
    story.shall(false);
    let steps = story.steps_within(60_000, |step| match step {
        Step::Sleep => Err(Fault::NotLetIn),
        other => always(true)(other),
    });
    let told: Vec<u64> = steps.iter().filter(|(_, step)| *step == Step::Sleep).map(|(at, _)| *at).collect();
    assert!(told.len() == 5 && told.windows(2).all(|two| two[1] - two[0] >= 15_000), "{told:?}");
    assert!(steps.len() > 20, "it is still asked: {steps:?}");
}

#[test]
fn a_held_session_is_tried_again_every_two_seconds_and_counts_as_reached() {
    let mut story = Story::met(true);
    story.shall(false);
    let held = |step| if step == Step::Sleep { Err(Fault::SessionHeld) } else { always(true)(step) };
    let steps = story.steps_within(10_000, held);
    assert_eq!(steps.iter().filter(|(_, step)| *step == Step::Sleep).count(), 6);
    assert!(story.talk.facts().reached && story.talk.done().is_none());
}

#[test]
fn a_report_with_nothing_in_it_is_no_answer() {
    let mut story = Story::met(true);
    story.comes(Step::Observe, Ok(Came::Reported(Report::default())));
    assert_eq!(story.talk.facts().trouble.as_ref().map(|(fault, _)| fault), Some(&Fault::NotUnderstood));
    assert_eq!(story.talk.facts().mines, Some(true));
}

#[test]
fn the_first_questions_of_many_miners_are_spread() {
    let firsts: std::collections::BTreeSet<u64> = (0..64)
        .map(|n| {
            let mut talk = Talk::new(&format!("hall/{n}"), manners(Firmware::Luxos), Mono::START);
            match talk.next(Mono::START) {
                Step::Rest(until) => until.micros() / 100_000,
                _ => 0,
            }
        })
        .collect();
    assert!(firsts.len() >= 9, "{firsts:?}");
}

#[test]
fn a_miner_that_falls_silent_over_a_wake_up_is_told_again_only_once_it_says_that_it_sleeps() {
    let mut story = Story::met(false);
    story.shall(true);
    story.comes(Step::Observe, Ok(says(false)));
    story.comes(Step::Wake, Err(Fault::NoAnswer));
    let steps = story.steps_within(60_000, |_| Err(Fault::NoAnswer));
    assert!(steps.len() > 3 && steps.iter().all(|(_, step)| *step == Step::Observe), "{steps:?}");
    story.comes(Step::Observe, Ok(says(false)));
    story.comes(Step::Wake, Ok(Came::Answered));
}
