//! A group that is locked while its miners are upgraded, by the real controller on real sockets: nothing is switched there and nothing
//! is said to its miners, over a restart too, until it is unlocked.

use std::time::Duration;

use ballast::emulate::Lie;
use ballast::plan::Event;
use ballast::units::Power;
use serde_json::json;

use super::lost::controlled;
use super::stage::Stage;
use super::story::{Story, replays_and_verifies};
use super::world::World;
use super::{pass, until};

const FILLED: Power = Power::from_kilowatts(54);
/// What the locked row draws, all but one miner.
const ROW: Power = Power::from_kilowatts(24);
const WEST: usize = 0;
const WIND: usize = 1;

#[test]
fn nothing_is_switched_in_a_locked_group_over_a_restart_too_until_it_is_unlocked() {
    let stage = Stage::sleeping();
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    until("all miners mine", || (world.now().miners >= FILLED).then_some(()));
    controller.act(r#"{"act":"lock","to":["west"]}"#);
    controller.shows("it is locked", |view| view.orders.locked == ["west"] && view.groups[WEST].locked);
    let locked = world.wall();
    // As an upgrade does: a miner starts anew, and comes back asleep.
    world.lie(WEST, 2, Lie::RebootsAsleep);
    controller.act(r#"{"act":"cap","to":100000}"#);
    let others_sleep = || {
        let now = world.now();
        (now.miners >= ROW && now.miners <= ROW + Power::from_kilowatts(4)).then_some(())
    };
    until("all others sleep", others_sleep);
    controller.kill();
    let mut controller = controlled(&stage);
    controller.shows("it is locked after a restart", |view| view.orders.locked == ["west"] && view.poi_w.is_some());
    pass(Duration::from_secs(8));
    others_sleep().expect("nobody woke the one that is being upgraded, or put the others to sleep");
    let unlocked = world.wall();
    assert!(world.between(locked, unlocked).iter().all(|moment| moment.on[WEST] == 0xFF), "an outlet was switched");
    controller.act(r#"{"act":"unlock","to":["west"]}"#);
    until("it sleeps like all others", || (world.now().miners <= Power::from_kilowatts(1)).then_some(()));
    controller.act(r#"{"act":"cap","to":null}"#);
    until("all miners mine again", || (world.now().miners >= FILLED).then_some(()));
    drop(controller);

    let story = Story::read(&stage.journal());
    let orders = story.notes("orders");
    let who = |order: &serde_json::Value| (order.get("locked").cloned(), order["actor"]["type"].clone());
    assert_eq!(who(orders[0]), (Some(json!(["west"])), json!("page")));
    assert!(orders.iter().any(|order| who(order) == (Some(json!(["west"])), json!("restart"))), "{orders:?}");
    assert!(!story.events().any(|(_, event)| matches!(event, Event::Cut { group: WEST | WIND, .. })));
    world.held_the_limit();
    replays_and_verifies(&stage.journal());
}

#[test]
fn e_stop_takes_the_power_of_a_locked_group_too() {
    let stage = Stage::sleeping();
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    until("all miners mine", || (world.now().miners >= FILLED).then_some(()));
    controller.act(r#"{"act":"lock","to":["west"]}"#);
    controller.shows("it is locked", |view| view.groups[WEST].locked);
    controller.act(r#"{"act":"e_stop","to":true}"#);
    until("every outlet is off", || (world.now().lit() == 0).then_some(()));
    controller.act(r#"{"act":"e_stop","to":false}"#);
    until("the others are back", || (world.now().on[WIND] == 0xFF).then_some(()));
    pass(Duration::from_secs(2));
    assert_eq!(world.now().on[WEST], 0, "it is locked still");
    controller.act(r#"{"act":"unlock","to":["west"]}"#);
    until("all miners mine again", || (world.now().miners >= FILLED).then_some(()));
    drop(controller);
    replays_and_verifies(&stage.journal());
}
