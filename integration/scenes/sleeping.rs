//! Miners that are told to sleep by their own firmware, by the real controller on real sockets: those that obey keep their outlets, those
//! that lie are found by the watts of their PDU, cut, and in the end not let back.

use std::time::Duration;

use ballast::emulate::Lie;
use ballast::plan::Event;
use ballast::units::Power;

use super::lost::controlled;
use super::stage::Stage;
use super::story::{Story, replays_and_verifies};
use super::world::World;
use super::{pass, until};

/// All sixteen miners, less what they are off their plates.
const FILLED: Power = Power::from_kilowatts(54);
/// What sixteen miners draw asleep, and a little.
const ASLEEP: Power = Power::from_kilowatts(1);
const WEST: usize = 0;
/// The third miner of the row.
const LIAR: u64 = 0b100;
/// Import capped at this leaves nothing beside the hall at half its nameplate.
const DOWN: &str = r#"{"act":"cap","to":100000}"#;
const UP: &str = r#"{"act":"cap","to":null}"#;

#[test]
fn miners_that_obey_sleep_and_wake_with_their_outlets_on_all_the_time() {
    let stage = Stage::sleeping();
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    until("all miners mine", || (world.now().miners >= FILLED).then_some(()));
    let capped = world.wall();
    controller.act(DOWN);
    until("all miners sleep", || (world.now().miners <= ASLEEP).then_some(()));
    controller.act(UP);
    until("all miners mine again", || (world.now().miners >= FILLED).then_some(()));
    let end = world.wall();
    drop(controller);
    assert!(world.between(capped, end).iter().all(|moment| moment.lit() == 16), "an outlet was switched");
    world.held_the_limit();
    let story = Story::read(&stage.journal());
    assert!(!story.events().any(|(_, event)| matches!(event, Event::Cut { .. } | Event::NotFollowing { .. })));
    replays_and_verifies(&stage.journal());
}

#[test]
fn a_miner_that_answers_and_draws_on_is_cut_at_its_outlet_and_after_three_times_not_let_back() {
    let stage = Stage::sleeping();
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    until("all miners mine", || (world.now().miners >= FILLED).then_some(()));
    world.lie(WEST, 2, Lie::SilentSuccess);
    for time in 1..=3 {
        controller.act(DOWN);
        until("the liar is without power, and all others sleep", || {
            let now = world.now();
            (now.on[WEST] & LIAR == 0 && now.miners <= ASLEEP).then_some(())
        });
        pass(Duration::from_secs(1));
        controller.act(UP);
        if time < 3 {
            until("all miners mine again", || (world.now().miners >= FILLED).then_some(()));
        }
    }
    let others = FILLED - Power::from_kilowatts(4);
    until("all others mine again", || (world.now().miners >= others).then_some(()));
    pass(Duration::from_secs(3));
    assert_eq!(world.now().on[WEST], !LIAR & 0xFF, "it stays off, and no other does");
    let view = controller.view().unwrap();
    let texts: Vec<&str> = view.events.iter().map(|event| event.text.as_str()).collect();
    assert!(texts.contains(&"west: unit 3 in quarantine: drew on 3 times when told to sleep"), "{texts:?}");
    drop(controller);

    let story = Story::read(&stage.journal());
    let cut = |event: &Event| matches!(event, Event::Cut { group: WEST, units, .. } if units & LIAR != 0);
    assert_eq!(story.events().filter(|(_, event)| cut(event)).count(), 3, "each time");
    let barred = |event: &Event| matches!(event, Event::Quarantine { group: WEST, units: 0b100, strikes: 3 });
    assert_eq!(story.events().filter(|(_, event)| barred(event)).count(), 1);
    replays_and_verifies(&stage.journal());
}

#[test]
fn a_miner_whose_own_watts_lie_is_found_by_its_pdu() {
    let stage = Stage::sleeping();
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    until("all miners mine", || (world.now().miners >= FILLED).then_some(()));
    world.lie(WEST, 5, Lie::Believed);
    controller.act(DOWN);
    until("the liar is without power", || (world.now().on[WEST] >> 5 & 1 == 0).then_some(()));
    until("all others sleep, or are without power too", || (world.now().miners <= ASLEEP).then_some(()));
    drop(controller);
    replays_and_verifies(&stage.journal());
}
