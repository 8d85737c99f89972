//! A feeder with a contactor, on real sockets: PDUs that nobody can tell anything are left without power when a limit needs theirs, and
//! a kill of the controller does not bring it back. A person does.

use std::time::Duration;

use ballast::plan::{Event, Opened};
use ballast::site::DeviceIx;
use ballast::units::Power;
use serde_json::json;

use super::lost::{FILLED, controlled, filled};
use super::stage::Stage;
use super::story::{Story, replays_and_verifies};
use super::world::World;
use super::{pass, until};

/// The feeder that is opened.
const SOUTH: usize = 1;
/// What its row draws at least, filled.
const ROW: Power = Power::from_kilowatts(75);

/// The PDUs behind the southern feeder.
fn south(stage: &Stage) -> Vec<DeviceIx> {
    let behind = stage.site.groups.iter().filter(|group| group.feeder == Some(SOUTH));
    behind.map(|group| group.paths[0].device).collect()
}

#[test]
fn a_silent_row_loses_its_feeder_for_the_limit_and_a_person_closes_it() {
    let stage = Stage::fed();
    let world = World::new(&stage, 40);
    let mut controller = controlled(&stage);
    until("the row draws", || {
        let now = world.now();
        let lit: u32 = now.on[3..6].iter().map(|on| on.count_ones()).sum();
        (lit >= 22 && now.miners >= FILLED).then_some(())
    });
    for device in south(&stage) {
        world.unplug(device, true);
    }
    controller.shows("the row is silent", |view| {
        view.groups.iter().filter(|group| group.name.starts_with("south")).all(|group| group.power_w.is_none())
    });
    assert!(world.now().miners >= ROW, "it draws on");
    world.jump(200);
    let view = controller.shows("the feeder is open", |view| view.feeders[0].open && view.feeders[0].dark);
    assert!(view.events.iter().any(|event| event.text.contains("feeder south is opened")), "{:?}", view.events);
    until("the row is without power", || {
        (world.now().miners == Power::ZERO || world.now().poi <= stage.site.poi.import_limit).then_some(())
    });
    controller.kill();
    for device in south(&stage) {
        world.unplug(device, false);
    }
    let mut controller = controlled(&stage);
    controller.shows("it is open after a restart", |view| view.feeders.iter().any(|feeder| feeder.open && feeder.dark));
    let restarted = world.wall();
    until("all others are back", || {
        let now = world.now();
        (now.miners >= Power::from_kilowatts(80) && now.on[0] == 0xFF).then_some(())
    });
    pass(Duration::from_secs(2));
    let dark = world.between(restarted, world.wall());
    assert!(dark.iter().all(|moment| moment.on[3..6] == [0, 0, 0] || moment.miners <= Power::from_kilowatts(140)));
    controller.act(r#"{"act":"close","to":["south"]}"#);
    filled(&world);
    controller.shows("it is closed", |view| !view.feeders[0].open && view.feeders[0].power_w >= Some(30_000));
    drop(controller);

    let story = Story::read(&stage.journal());
    let opens: Vec<Opened> = story
        .events()
        .filter_map(|(_, event)| match event {
            Event::FeederOpens { feeder: SOUTH, why, .. } => Some(*why),
            _ => None,
        })
        .collect();
    assert_eq!(opens, [Opened::LastResort, Opened::Ordered], "the second by the orders that the restart found");
    assert_eq!(story.events().filter(|(_, event)| matches!(event, Event::FeederCloses { .. })).count(), 1);
    let orders = story.notes("orders");
    let who: Vec<_> = orders.iter().map(|order| (order.get("open").cloned(), order["actor"]["type"].clone())).collect();
    let open = Some(json!(["south"]));
    assert_eq!(who, [(open.clone(), json!("failsafe")), (open, json!("restart")), (None, json!("page"))]);
    replays_and_verifies(&stage.journal());
}

#[test]
fn a_person_opens_a_feeder_and_closes_it() {
    let stage = Stage::fed();
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    filled(&world);
    controller.act(r#"{"act":"open","to":["south"]}"#);
    controller.shows("the feeder is open", |view| view.feeders[0].open && view.feeders[0].dark);
    let now = world.now();
    assert!(now.miners > Power::ZERO && now.on[3..6] == [0, 0, 0], "{now:?}");
    pass(Duration::from_secs(2));
    controller.act(r#"{"act":"close","to":["south"]}"#);
    filled(&world);
    world.held_the_limit();
    drop(controller);
    replays_and_verifies(&stage.journal());
}
