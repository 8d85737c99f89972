//! Every device of the site dies at once, and comes back with its outlets off: the worst case counts, nothing is raised
//! meanwhile, and the way back is on the ramp.

use std::net::TcpStream;
use std::time::Duration;

use ballast::plan::Event;
use ballast::site::Site;
use ballast::snapshot::{GroupSeen, Link};
use ballast::units::Power;
use rustix::process::Signal;
use serde_json::Value;

use super::controller::Controller;
use super::lost::{FILLED, controlled};
use super::stage::{Numbers, Stage};
use super::story::{Story, Tick, nothing_is_raised, replays_and_verifies, rises_on_the_ramp};
use super::{pass, until};

fn emulator(stage: &Stage) -> Controller {
    let file = stage.file().display().to_string();
    let emulator = Controller::start(stage.folder(), &["emulate", &file, "--seed", "4"]);
    until("the emulator listens", || TcpStream::connect(stage.poi_address()).ok());
    emulator
}

#[test]
fn a_site_that_died_is_counted_at_its_worst_and_taken_up_again_on_the_ramp() {
    // Room for everything, so that only the ramp holds the way back.
    let stage = Stage::new(&Numbers { limit: "600 kW", restore: "30 kW/s", ..Numbers::default() });
    let site = &stage.site;
    let first = emulator(&stage);
    let mut controller = controlled(&stage);
    controller.shows("the miners fill the site", |view| view.miners_w >= FILLED.watts());
    first.kill();
    controller.shows("every PDU is silent", |view| view.groups.iter().all(|group| group.link == Link::Silent));
    pass(Duration::from_secs(2));
    let counted = controller.view().unwrap().counted_w;
    assert!(counted >= FILLED.watts(), "silent miners count as drawing: {counted}");
    let second = emulator(&stage);
    controller.shows("every PDU answers", |view| view.groups.iter().all(|group| group.link == Link::Up));
    controller.shows("the miners fill the site again", |view| view.miners_w >= FILLED.watts());
    controller.signal(Signal::TERM);
    let ended = controller.ends();
    assert_eq!(ended.code, Some(0), "{}", ended.told);
    second.signal(Signal::TERM);
    let truth = second.ends();
    let truth: Value = serde_json::from_str(truth.said.lines().last().unwrap()).unwrap();
    assert_eq!(truth["worst_excess_w"], 0, "{truth}");

    let story = Story::read(&stage.journal());
    told(&story, site.groups.len());
    let is_dead = |tick: &&Tick| tick.snapshot.groups.iter().all(|group| group.link == Link::Silent);
    let dead: Vec<&Tick> = story.ticks.iter().filter(is_dead).collect();
    assert!(!dead.is_empty());
    nothing_is_raised(&dead);
    for tick in &dead {
        assert!(tick.plan.counted >= tick.told(site), "{} counted, {} told", tick.plan.counted, tick.told(site));
    }
    for tick in &story.ticks {
        let drawn = tick.snapshot.groups.iter().filter_map(|group| group.power.known()).map(|(power, _)| power).sum();
        assert!(tick.plan.counted >= drawn, "{} counted and {drawn} drawn at {}", tick.plan.counted, tick.wall);
    }
    // From the end of the silence on everything goes up on the ramp, from what the devices really have on.
    let last = dead.last().unwrap();
    let up: Vec<&Tick> =
        story.ticks.iter().filter(|tick| tick.wall > last.wall && !tick.snapshot.orders.drain).collect();
    let is_back =
        |group: &GroupSeen| group.link == Link::Up && group.on.is_some_and(|(_, at)| at > last.snapshot.now.mono);
    let back = up.iter().position(|tick| tick.snapshot.groups.iter().all(is_back)).unwrap();
    rises_on_the_ramp(&up[back..], site);
    let (on, told) = (on_at_the_devices(up[back], site), up[back].told(site));
    let ramped = site.restore.ramp.over(up[back].wall.since(last.wall)) + Power::from_kilowatts(8);
    assert!(on <= ramped && told <= ramped, "{on} on and {told} told, and the ramp allows {ramped}");
    replays_and_verifies(&stage.journal());
}

fn on_at_the_devices(tick: &Tick, site: &Site) -> Power {
    let groups = site.groups.iter().zip(&tick.snapshot.groups);
    groups.map(|(group, seen)| group.power_of(seen.on.map_or(0, |(on, _)| on))).sum()
}

/// The journal tells the story: each PDU lost and back, both meters stale and fresh.
#[track_caller]
fn told(story: &Story, groups: usize) {
    let count = |is: &dyn Fn(&Event) -> bool| story.events().filter(|(_, event)| is(event)).count();
    for group in 0..groups {
        assert!(count(&|event| matches!(event, Event::DeviceLost { group: lost, .. } if *lost == group)) >= 1);
        assert!(count(&|event| *event == Event::DeviceBack { group }) >= 1);
    }
    assert!(count(&|event| matches!(event, Event::MeterStale { .. })) >= 1);
    assert!(count(&|event| matches!(event, Event::AiStale { .. })) >= 1);
    assert!(count(&|event| matches!(event, Event::MeterFresh {})) >= 1);
    assert!(count(&|event| matches!(event, Event::AiFresh {})) >= 1);
}
