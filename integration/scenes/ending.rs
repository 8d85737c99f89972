//! The end: on the ramp when asked once, at once when asked twice.

use ballast::units::Power;
use rustix::process::Signal;
use serde_json::Value;

use super::lost::{controlled, filled};
use super::stage::{Numbers, Stage};
use super::story::{Story, Tick, falls_on_the_ramp, replays_and_verifies};
use super::world::World;
use super::{pass, until};

fn ends_on_the_ramp(signal: Signal) {
    let stage = Stage::new(&Numbers::default());
    let world = World::new(&stage, 50);
    let controller = controlled(&stage);
    filled(&world);
    controller.signal(signal);
    let ended = controller.ends();
    assert_eq!(ended.code, Some(0), "{}{}", ended.said, ended.told);
    assert!(ended.told.contains("shedding on the ramp, then ending"), "{}", ended.told);
    let summary: Value = serde_json::from_str(ended.said.trim()).unwrap();
    assert_eq!(summary["left_drawing_w"], 0, "{summary}");
    assert_eq!(world.now().lit(), 0, "everything is off");

    let story = Story::read(&stage.journal());
    let drain: Vec<&Tick> = story.ticks.iter().filter(|tick| tick.snapshot.orders.drain).collect();
    assert!(drain[0].told(&stage.site) >= Power::from_kilowatts(100), "much was on when it began to end");
    assert_eq!(drain.last().unwrap().lit(), 0);
    falls_on_the_ramp(&drain, &stage.site, |tick| tick.told(&stage.site), Power::ZERO);
    let orders = story.notes("orders");
    assert_eq!((&orders[0]["drain"], &orders[0]["actor"]["type"]), (&Value::Bool(true), &Value::from("signal")));
    world.held_the_limit();
    replays_and_verifies(&stage.journal());
}

#[test]
fn control_c_sheds_on_the_ramp_and_says_so() {
    ends_on_the_ramp(Signal::INT);
}

#[test]
fn sigterm_sheds_on_the_ramp_and_says_so() {
    ends_on_the_ramp(Signal::TERM);
}

#[test]
fn a_second_control_c_ends_at_once_and_leaves_the_outlets_as_they_are() {
    // So slow a ramp that the end is still far when the second one comes.
    let stage = Stage::new(&Numbers { ramp: "10 kW/s", restore: "10 kW/s", ..Numbers::default() });
    let world = World::new(&stage, 50);
    let controller = controlled(&stage);
    until("a good many miners are on", || (world.now().lit() >= 24).then_some(()));
    controller.signal(Signal::INT);
    until("it says that it sheds", || controller.told().contains("shedding on the ramp").then_some(()));
    controller.signal(Signal::INT);
    let ended = controller.ends();
    assert_eq!(ended.code, Some(130), "{}", ended.told);
    assert!(ended.told.contains("ended at once: outlets are left as they are"), "{}", ended.told);
    pass(std::time::Duration::from_millis(300));
    let left = world.now();
    assert!(left.lit() > 0, "it shed everything before it ended");
    pass(std::time::Duration::from_millis(700));
    assert_eq!(world.now().on, left.on);
    let report = ballast::journal::verify(&stage.journal()).unwrap();
    assert!(report.is_whole(), "{report}");
}
