//! `kill -9` of the controller, again and again on one journal: nothing acknowledged is lost, nothing is switched while it is
//! dead, and what it must remember it remembers.

use std::time::Duration;

use super::controller::Controller;
use super::lost::{controlled, filled};
use super::stage::{Numbers, Stage};
use super::story::{Story, replays_and_verifies};
use super::world::World;
use super::{pass, until};

/// The records it has called durable.
fn acknowledged(controller: &mut Controller) -> u64 {
    controller.view().map_or(0, |view| view.journal.records)
}

#[test]
fn a_killed_controller_loses_no_acknowledged_record_and_touches_no_outlet() {
    let stage = Stage::new(&Numbers::default());
    let world = World::new(&stage, 50);
    let (mut acknowledged_before, mut written) = (0, 0);
    for round in 1..=6_u64 {
        let mut controller = controlled(&stage);
        // Its boot, files and keyframe are fewer than ten records.
        controller.shows("its first ticks are on the disk", |view| view.journal.records >= written + 10);
        // Moments that differ from round to round and from run to run: as the machine is busy.
        pass(Duration::from_millis(150 * round * round % 1_100));
        if round % 2 == 0 {
            controller.shows("miners are on", |view| view.miners_w > 20_000);
        }
        let durable = acknowledged(&mut controller);
        controller.kill();
        // Requests that were under way when it died may still be taken.
        pass(Duration::from_millis(300));
        let dead = world.now();
        let story = Story::read(&stage.journal());
        assert!(story.records >= durable, "round {round}: {} records, {durable} were acknowledged", story.records);
        assert!(durable >= acknowledged_before, "round {round} goes on where the last one ended");
        assert_eq!(u64::from(story.ticks.last().unwrap().boot), round);
        (acknowledged_before, written) = (durable, story.records);
        pass(Duration::from_millis(700));
        assert_eq!(world.now().on, dead.on, "round {round}: nobody switches while nobody controls");
    }
    world.held_the_limit();
    let verified = replays_and_verifies(&stage.journal());
    assert_eq!(verified["report"]["boots"], 6);
    assert_eq!(verified["report"]["gaps"], 0);
    let story = Story::read(&stage.journal());
    let reasons: Vec<_> = story.notes("boot").iter().map(|boot| boot["reason"].as_str().unwrap().to_owned()).collect();
    assert_eq!(reasons[0], "first_start");
    assert!(reasons[1..].iter().all(|reason| reason == "start_after_crash"), "{reasons:?}");
}

#[test]
fn what_was_on_is_adopted_by_the_next_controller_without_a_switch() {
    // Room for every miner beside the hall as it is, and not beside its nameplate: as long as its meter is not read.
    let stage = Stage::new(&Numbers { limit: "470 kW", ..Numbers::default() });
    let world = World::new(&stage, 50);
    let controller = controlled(&stage);
    until("every outlet is on", || (world.now().lit() == 64).then_some(()));
    pass(Duration::from_millis(1_500));
    controller.kill();
    pass(Duration::from_millis(300));
    let dead = world.now();
    let mut controller = controlled(&stage);
    controller.shows("it has adopted what is on", |view| {
        view.groups.iter().map(|group| group.lit()).sum::<u32>() == dead.lit()
    });
    pass(Duration::from_secs(1));
    let switched_off = |on: &[u64]| dead.on.iter().zip(on).any(|(before, after)| before & !after != 0);
    let since = world.between(dead.wall, world.wall());
    assert!(since.iter().all(|moment| !switched_off(&moment.on)), "a restart switched miners off");
    world.held_the_limit();
}

#[test]
fn dwell_survives_a_kill() {
    let dwell = Duration::from_secs(8);
    let stage = Stage::new(&Numbers { dwell_off: "8 s", ..Numbers::default() });
    let world = World::new(&stage, 50);
    for round in 0..3_u64 {
        let mut controller = controlled(&stage);
        controller.act(r#"{"act":"e_stop","to":false}"#);
        filled(&world);
        controller.act(r#"{"act":"e_stop","to":true}"#);
        until("every outlet is off", || (world.now().lit() == 0).then_some(()));
        // Once at once, before anything could be stored in peace.
        pass(Duration::from_millis(700 * round));
        controller.kill();
    }
    let mut controller = controlled(&stage);
    controller.act(r#"{"act":"e_stop","to":false}"#);
    filled(&world);
    drop(controller);
    world.kept_every_unit_off_for(dwell);
    world.held_the_limit();
    replays_and_verifies(&stage.journal());
}

#[test]
fn an_e_stop_outlives_the_controller_and_its_store() {
    let stage = Stage::new(&Numbers::default());
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    filled(&world);
    controller.act(r#"{"act":"e_stop","to":true}"#);
    until("every outlet is off", || (world.now().lit() == 0).then_some(()));
    controller.kill();
    let stopped = world.wall();
    let mut controller = controlled(&stage);
    controller.shows("e-stop still stands", |view| view.orders.e_stop);
    assert!(controller.told().contains("e-stop is still pressed"), "{}", controller.told());
    controller.kill();
    std::fs::remove_dir_all(stage.journal().join("state")).unwrap();
    let mut controller = controlled(&stage);
    controller.shows("e-stop stands without the store", |view| view.orders.e_stop);
    pass(Duration::from_secs(3));
    assert!(world.between(stopped, world.wall()).iter().all(|moment| moment.lit() == 0), "restored against an e-stop");
    controller.act(r#"{"act":"e_stop","to":false}"#);
    filled(&world);
    drop(controller);
    replays_and_verifies(&stage.journal());
}
