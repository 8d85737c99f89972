//! What a person orders over the page: e-stop at once, a cap on the ramp, and a record of who asked.

use std::time::Duration;

use ballast::plan::{Condition, Event};
use ballast::units::Power;
use serde_json::Value;

use super::lost::{controlled, filled};
use super::stage::{Numbers, Stage};
use super::story::{Story, Tick, falls_on_the_ramp, replays_and_verifies, rises_on_the_ramp};
use super::world::World;
use super::{pass, until};

#[test]
fn an_e_stop_switches_every_outlet_off_at_once_and_its_release_restores_on_the_ramp() {
    let stage = Stage::new(&Numbers::default());
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    filled(&world);
    let pressed = world.mono();
    controller.act(r#"{"act":"e_stop","to":true}"#);
    until("every outlet is off", || (world.now().lit() == 0).then_some(()));
    let took = world.mono().since(pressed);
    assert!(took < Duration::from_secs(5), "every outlet off after {took:?}");
    println!("every outlet off {took:?} after the button");
    let stopped = world.wall();
    pass(Duration::from_secs(2));
    let since = world.between(stopped, world.wall());
    assert!(since.iter().all(|moment| moment.lit() == 0), "something came back under e-stop");
    let released = world.wall();
    controller.act(r#"{"act":"e_stop","to":false}"#);
    filled(&world);
    drop(controller);

    let story = Story::read(&stage.journal());
    let up: Vec<&Tick> = story.ticks.iter().filter(|tick| tick.wall >= released).collect();
    rises_on_the_ramp(&up, &stage.site);
    let orders = story.notes("orders");
    let pressed: Vec<&Value> = orders.iter().map(|order| &order["e_stop"]).collect();
    assert_eq!(pressed, [&Value::Bool(true), &Value::Bool(false)]);
    assert!(orders.iter().all(|order| order["actor"]["type"] == "page"), "who asked: {orders:?}");
    world.held_the_limit();
    replays_and_verifies(&stage.journal());
}

#[test]
fn a_cap_is_reached_on_the_ramp_and_held_until_it_is_lifted() {
    let stage = Stage::new(&Numbers::default());
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    filled(&world);
    let cap = Power::from_kilowatts(240);
    let ordered = world.wall();
    controller.act(&format!(r#"{{"act":"cap","to":{}}}"#, cap.watts()));
    until("import is under the cap", || (world.now().poi <= cap).then_some(()));
    let reached = world.wall();
    pass(Duration::from_secs(3));
    let held = world.between(reached, world.wall());
    assert!(held.iter().all(|moment| moment.poi <= cap), "import rose over the cap again");
    assert!(held.last().unwrap().lit() > 0, "a cap is no e-stop");
    let lifted = world.wall();
    controller.act(r#"{"act":"cap","to":null}"#);
    filled(&world);
    drop(controller);

    let story = Story::read(&stage.journal());
    // What goes down under a cap is import: the hall's worst case and the miners, in whole units of each class (10 kW). A reading
    // that comes late makes the hall larger for a moment, and what is shed for it comes back later (10 kW).
    let import = |tick: &Tick| tick.told(&stage.site) + tick.plan.firm;
    falls_on_the_ramp(&story.between(ordered, lifted), &stage.site, import, Power::from_kilowatts(20));
    let up: Vec<&Tick> = story.ticks.iter().filter(|tick| tick.wall >= lifted).collect();
    rises_on_the_ramp(&up, &stage.site);
    let orders = story.notes("orders");
    assert_eq!(orders.iter().map(|order| &order["cap"]).collect::<Vec<_>>(), [&Value::from(cap.watts()), &Value::Null]);
    assert!(orders.iter().all(|order| order["actor"]["type"] == "page"), "who asked: {orders:?}");
    world.held_the_limit();
    replays_and_verifies(&stage.journal());
}

#[test]
fn an_under_frequency_trip_is_never_fought_and_ends_with_a_persons_recall() {
    let stage = Stage::relayed();
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    filled(&world);
    world.relay(true, true);
    controller.shows("e-stop is pressed for the relay", |view| view.terminated == Some(Condition::RelayTripped));
    until("every outlet is off", || (world.now().lit() == 0).then_some(()));
    // Released while it is tripped, it is pressed again; reset, it waits for a person.
    controller.act(r#"{"act":"e_stop","to":false}"#);
    pass(Duration::from_secs(1));
    world.relay(false, false);
    pass(Duration::from_secs(3));
    let waited = world.wall();
    assert!(controller.view().unwrap().orders.e_stop, "a recall comes from a person");
    assert!(world.between(waited, world.wall()).iter().all(|moment| moment.lit() == 0));
    controller.act(r#"{"act":"e_stop","to":false}"#);
    filled(&world);
    world.relay(false, true);
    pass(Duration::from_secs(2));
    drop(controller);

    let story = Story::read(&stage.journal());
    let orders = story.notes("orders");
    let who: Vec<(bool, &str)> =
        orders.iter().map(|order| (order["e_stop"] == true, order["actor"]["type"].as_str().unwrap())).collect();
    assert_eq!(who, [(true, "relay"), (false, "page"), (true, "relay"), (false, "page")]);
    // Before the first read it is not seen.
    let begins = |event: &Event| match event {
        Event::Failsafe { condition, .. } if *condition != Condition::RelayUnseen => Some((*condition, true)),
        Event::FailsafeClear { condition } if *condition != Condition::RelayUnseen => Some((*condition, false)),
        _ => None,
    };
    let told: Vec<(Condition, bool)> = story.events().filter_map(|(_, event)| begins(event)).collect();
    // A trip is over when it was gone for a second.
    let order = [(Condition::RelayTripped, true), (Condition::RelayDisarmed, true)];
    assert_eq!(told, [order, order.map(|(condition, _)| (condition, false))].concat());
    world.held_the_limit();
    replays_and_verifies(&stage.journal());
}
