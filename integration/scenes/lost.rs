//! Something falls silent: the POI meter, the hall's meter, a PDU. The site goes to the safe side and comes back by itself.

use std::time::Duration;

use ballast::plan::{Cause, Event};
use ballast::snapshot::Link;
use ballast::units::Power;
use ballast::web::EventView;

use super::controller::Controller;
use super::stage::{Numbers, Stage};
use super::story::{Story, Tick, nothing_is_raised, replays_and_verifies};
use super::world::World;
use super::{pass, until};

/// What all miners draw once the site is filled beside a hall at half its nameplate.
pub(super) const FILLED: Power = Power::from_kilowatts(165);

/// The real controller on a site of this process.
pub(super) fn controlled(stage: &Stage) -> Controller {
    Controller::watched(stage.folder(), "run", &stage.file(), &stage.journal(), &[])
}

/// Waits until the miners fill the site.
#[track_caller]
pub(super) fn filled(world: &World) {
    until("the miners fill the site", || (world.now().miners >= FILLED).then_some(()));
}

#[test]
fn without_the_poi_meter_nothing_is_restored_until_it_is_back() {
    let stage = Stage::new(&Numbers { restore: "10 kW/s", ..Numbers::default() });
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    until("some miners are on, with more to come", || (world.now().lit() >= 12).then_some(()));
    let unplugged = world.wall();
    world.unplug(stage.site.poi.meter, true);
    controller.shows("the meter is silent for a while", |view| {
        let since = |event: &&EventView| event.unix_ms >= unplugged.micros() / 1_000;
        view.events.iter().filter(since).any(|event| event.text.contains("POI meter is silent"))
    });
    let silent = world.now();
    assert!(silent.miners < FILLED, "there is still something to restore: {silent:?}");
    pass(Duration::from_secs(3));
    let still = world.now();
    assert!(still.lit() <= silent.lit(), "restored without a meter: {silent:?}, then {still:?}");
    let plugged = world.wall();
    world.unplug(stage.site.poi.meter, false);
    filled(&world);
    drop(controller);

    let story = Story::read(&stage.journal());
    let (stale_at, stale) = story.first(unplugged, |event| matches!(event, Event::MeterStale { .. })).unwrap();
    let (fresh_at, _) = story.first(stale_at, |event| matches!(event, Event::MeterFresh {})).unwrap();
    assert!(fresh_at >= plugged);
    let blind = story.between(stale_at, fresh_at);
    nothing_is_raised(&blind[..blind.len() - 1]);
    told_with_the_first_stale_tick(&story, stale_at, stage.site.ages.meter);
    assert!(matches!(stale, Event::MeterStale { age_ms } if age_ms >= 500), "{stale:?}");
    world.held_the_limit();
}

/// The event stands in the first tick whose reading is too old, and in none before.
#[track_caller]
fn told_with_the_first_stale_tick(story: &Story, told: ballast::time::Wall, age: Duration) {
    let is_stale = |tick: &Tick| {
        let now = tick.snapshot.now.mono;
        tick.snapshot.poi.known().is_none_or(|(_, at)| now.since(at) > age)
    };
    let known_before = |tick: &&Tick| tick.wall < told && tick.snapshot.poi.known().is_some();
    let before: Vec<&Tick> = story.ticks.iter().filter(known_before).collect();
    assert!(!is_stale(before.last().unwrap()), "the tick before was stale and did not say so");
    assert!(story.between(told, told).iter().any(|tick| is_stale(tick)));
}

#[test]
fn without_the_halls_meter_the_hall_counts_as_more_until_it_is_its_nameplate() {
    let stage = Stage::new(&Numbers::default());
    let (site, hall_meter) = (&stage.site, stage.site.hall.meter.unwrap());
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    filled(&world);
    let unplugged = world.wall();
    world.unplug(hall_meter, true);
    let reserve = site.poi.import_limit - site.hall.nameplate;
    until("the miners are on the nameplate reserve", || (world.now().miners <= reserve).then_some(()));
    let view =
        controller.shows("the hall counts as its nameplate", |view| view.hall_worst_w >= site.hall.nameplate.watts());
    assert!([Cause::ImportLimit, Cause::AiHallUnknown].contains(&view.cause), "{:?}", view.cause);
    let plugged = world.wall();
    world.unplug(hall_meter, false);
    filled(&world);
    drop(controller);

    let story = Story::read(&stage.journal());
    let (stale_at, _) = story.first(unplugged, |event| matches!(event, Event::AiStale { .. })).unwrap();
    let (fresh_at, _) = story.first(stale_at, |event| matches!(event, Event::AiFresh {})).unwrap();
    assert!(fresh_at >= plugged);
    let blind = story.between(stale_at, fresh_at);
    let blind = &blind[..blind.len() - 1];
    nothing_is_raised(blind);
    for tick in blind {
        let (value, at) = tick.snapshot.hall.known().expect("the last value ages");
        let age = tick.snapshot.now.mono.since(at);
        let least = site.hall.nameplate.min(value + site.hall.slew.over(age));
        assert!(tick.plan.firm >= least, "a hall silent for {age:?} counts as {}, not {least}", tick.plan.firm);
    }
    let full = blind.iter().filter(|tick| tick.plan.firm >= site.hall.nameplate).collect::<Vec<_>>();
    assert!(!full.is_empty(), "it was never counted at its nameplate");
    for tick in full {
        assert!(tick.told(site) <= reserve, "{} told beside a hall at nameplate", tick.told(site));
    }
    world.held_the_limit();
}

#[test]
fn a_silent_pdu_counts_as_drawing_while_the_others_make_room_for_the_hall() {
    let stage = Stage::new(&Numbers::default());
    let site = &stage.site;
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    filled(&world);
    // The first of the worst row: it would be shed first, if it could be.
    let lost = site.groups.iter().position(|group| group.name == "south-1").unwrap();
    let device = site.groups[lost].paths[0].device;
    let (unplugged, on) = (world.wall(), world.now().on[lost]);
    world.unplug(device, true);
    controller.shows("the PDU is silent", |view| view.groups[lost].link == Link::Silent);
    world.jump(70);
    until("the others made room", || (world.now().miners <= Power::from_kilowatts(125)).then_some(()));
    assert_eq!(world.now().on[lost], on, "nobody can have switched it");
    let plugged = world.wall();
    world.unplug(device, false);
    controller.shows("the PDU is back", |view| view.groups[lost].link == Link::Up);
    filled(&world);

    // Once more, and now everything is ordered off while it cannot hear.
    world.unplug(device, true);
    controller.shows("the PDU is silent", |view| view.groups[lost].link == Link::Silent);
    controller.act(r#"{"act":"e_stop","to":true}"#);
    let on = world.now().on[lost];
    until("all others are off", || (world.now().lit() == on.count_ones()).then_some(()));
    assert!(on != 0, "the silent PDU had outlets on");
    world.unplug(device, false);
    until("it does what was ordered meanwhile", || (world.now().lit() == 0).then_some(()));
    drop(controller);

    let story = Story::read(&stage.journal());
    let (lost_at, assumed) = lost_group(&story, unplugged, lost);
    assert!(assumed >= site.groups[lost].power_of(on), "{assumed}");
    let told_after = lost_at.since(unplugged);
    assert!(told_after < Duration::from_secs(5), "told after {told_after:?}");
    let (back_at, _) = story.first(lost_at, |event| *event == Event::DeviceBack { group: lost }).unwrap();
    assert!(back_at >= plugged);
    for tick in story.between(lost_at, back_at) {
        let told = site.groups[lost].power_of(tick.plan.commands[lost].on);
        assert!(tick.plan.counted >= told, "{} counted, {told} told to the silent PDU alone", tick.plan.counted);
        assert_eq!(tick.plan.commands[lost].on, on_of(&story, lost_at, lost), "a silent PDU is told nothing new");
    }
    world.held_the_limit();
    replays_and_verifies(&stage.journal());
}

#[test]
fn a_pdu_that_dies_while_the_hall_rises_costs_no_more_time_than_the_limit_allows() {
    let stage = Stage::new(&Numbers::default());
    let site = &stage.site;
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    filled(&world);
    // The one of the fast row that is asked first to make room for the hall, within 100 ms.
    let dies = site.groups.iter().position(|group| group.name == "north-3").unwrap();
    let dying = world.wall();
    world.unplug(site.groups[dies].paths[0].device, true);
    world.jump(70);
    controller.shows("the PDU is silent", |view| view.groups[dies].link == Link::Silent);
    until("the others made room", || (world.now().miners <= Power::from_kilowatts(125)).then_some(()));
    world.unplug(site.groups[dies].paths[0].device, false);
    filled(&world);
    drop(controller);

    world.was_back_under_the_limit_within(site.poi.within);
    let story = Story::read(&stage.journal());
    assert!(lost_group(&story, dying, dies).1 >= Power::ZERO);
    if let Some((at, _)) = story.first(dying, |event| matches!(event, Event::Excursion { .. })) {
        story.first(at, |event| matches!(event, Event::Cleared { .. })).expect("the end of an excess is told as well");
    }
    replays_and_verifies(&stage.journal());
}

fn lost_group(story: &Story, after: ballast::time::Wall, lost: usize) -> (ballast::time::Wall, Power) {
    let is_lost = |event: &Event| matches!(event, Event::DeviceLost { group, .. } if *group == lost);
    match story.first(after, is_lost) {
        Some((at, Event::DeviceLost { assumed_w, .. })) => (at, assumed_w),
        other => panic!("no dev.lost: {other:?}"),
    }
}

fn on_of(story: &Story, at: ballast::time::Wall, group: usize) -> u64 {
    story.between(at, at)[0].plan.commands[group].on
}
