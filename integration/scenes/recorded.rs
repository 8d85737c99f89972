//! What is absorbed, in virtual time: on the recorded traces where they are at hand, and on a day of the generated hall.
//!
//! The traces are not part of the project. They lie in `../shared/data` beside it, or nowhere: then that is said, and passed over.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ballast::devices::Profile;
use ballast::feeds::recorded;
use ballast::plan::Plan;
use ballast::plant::{AtEnd, Curves, HallLoad, Plant, Score};
use ballast::simulate::{Outcome, Scenario, simulate};
use ballast::site::Site;
use ballast::site::file::load;
use ballast::snapshot::Snapshot;
use ballast::time::Mono;
use ballast::units::{Energy, Power};

/// The restore ramp from nothing to a full site.
const START_UP: Duration = Duration::from_secs(60);
const MINUTE: Duration = Duration::from_secs(60);

/// A site that ships.
fn site(name: &str) -> Site {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sites").join(name);
    load(name, &std::fs::read_to_string(path).unwrap()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// How old a value can be when it is read, by device.
fn refresh(site: &Site) -> Vec<Duration> {
    let profile = |name: &str| Profile::parse(name, Profile::builtin(name).unwrap()).unwrap();
    let refresh = |name: &str| profile(name).power.map_or(Duration::ZERO, |point| point.refresh);
    site.devices.iter().map(|device| refresh(&device.profile)).collect()
}

/// A trace of the AI hall, where it is at hand.
fn trace(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ai-load").join(name);
    if !path.exists() {
        println!("NOT PLAYED: {} is not at hand", path.display());
        return None;
    }
    Some(path)
}

fn plant(site: &Site, hall: HallLoad) -> Plant {
    let mut plant = Plant::with(site, 1, hall, Curves::brisk());
    let refresh = refresh(site);
    (0..site.devices.len()).for_each(|device| plant.refresh_every(device, refresh[device]));
    plant
}

fn played(site: &Site, plant: Plant, span: Duration, each: impl FnMut(&Snapshot, &Plan)) -> Outcome {
    simulate(site, Scenario { plant, prices: None, span, start_up: START_UP, refresh: refresh(site) }, each)
}

fn show(name: &str, score: &Score) {
    let share = |part: Energy| part.share_of(score.spare).map_or_else(|| "nothing".into(), |share| share.to_string());
    println!(
        "{name}: absorbed {} of the spare power; static {}, hindsight {}; worst excess {}, above for {:?}; {} switches a unit in thousandths",
        share(score.absorbed),
        share(score.reserved),
        share(score.hindsight),
        score.worst_excess,
        score.above,
        score.mean_switches_milli()
    );
}

/// A plant with a trace in its hall, and how long that is.
fn on_the_trace(site: &Site, path: &Path) -> (Plant, Duration) {
    let series = recorded::hall(path, AtEnd::Hold).unwrap();
    let span = series.span();
    (plant(site, HallLoad::recorded(&site.hall, series)), span)
}

#[test]
fn nine_tenths_of_the_spare_power_are_absorbed_on_the_chat_trace() {
    let Some(path) = trace("derived_inference_conv_1s.csv.gz") else { return };
    let site = site("demo.toml");
    let (plant, span) = on_the_trace(&site, &path);
    let outcome = played(&site, plant, span, |_, _| {});
    let after = outcome.after.unwrap();
    show("chat, after the start-up", &after);
    assert!(after.of_spare().unwrap().ppm() >= 900_000, "{:?}", after.of_spare());
    assert_eq!((outcome.whole.worst_excess, outcome.whole.excess), (Power::ZERO, Energy::ZERO));
}

#[test]
fn the_code_trace_rises_faster_than_declared_and_is_shown() {
    let Some(path) = trace("derived_inference_code_1s.csv.gz") else { return };
    let site = site("demo.toml");
    let (plant, span) = on_the_trace(&site, &path);
    let outcome = played(&site, plant, span, |_, _| {});
    let after = outcome.after.unwrap();
    show("code, after the start-up", &after);
    assert!(after.absorbed >= after.reserved, "less than doing nothing at all");
    assert!(outcome.whole.above <= Duration::from_secs(2), "within the time the limit allows, all in all");
}

/// No control at all: what both nameplates leave under the limit is given to miners once, the best first, in whole units.
fn left_alone(site: &Site, plant: &Plant) -> Plant {
    let mut plant = plant.clone();
    let mut room = site.poi.import_limit - site.hall.nameplate - site.house.nameplate;
    let mut merit: Vec<usize> = (0..site.groups.len()).collect();
    merit.sort_by_key(|group| (site.groups[*group].efficiency, *group));
    for ix in merit {
        let group = &site.groups[ix];
        let units = room.whole_units(group.unit).clamp(0, i64::from(group.units));
        plant.switch(ix, (1_u64 << units) - 1);
        room -= group.unit * units;
    }
    plant
}

/// What the miners took in each whole minute, in watt-seconds, from the truth: under control, and left alone.
fn minutes(site: &Site, path: &Path) -> (Vec<[i64; 2]>, Outcome) {
    let (plant, span) = on_the_trace(site, path);
    // The same plant beside the one that is simulated, switched alike, to read its score as it runs.
    let mut both = [plant.clone(), left_alone(site, &plant)];
    let (mut first, mut taken) = (None, Vec::new());
    let outcome = played(site, plant, span, |snapshot, plan| {
        let elapsed = snapshot.now.mono.since(*first.get_or_insert(snapshot.now.mono));
        both.iter_mut().for_each(|plant| plant.advance(Mono::START.after(elapsed)));
        if elapsed.as_micros().is_multiple_of(MINUTE.as_micros()) {
            taken.push(both.each_ref().map(|plant| plant.score().absorbed.joules()));
        }
        plan.commands.iter().enumerate().for_each(|(group, command)| both[0].switch(group, command.on));
    });
    let minutes = taken.windows(2).map(|pair| [pair[1][0] - pair[0][0], pair[1][1] - pair[0][1]]);
    (minutes.collect(), outcome)
}

#[test]
fn on_the_training_trace_no_minute_is_worse_than_the_static_reservation() {
    let Some(path) = trace("derived_training_16n_0p2s.csv.gz") else { return };
    let site = site("training.toml");
    let (minutes, outcome) = minutes(&site, &path);
    let after = outcome.after.unwrap();
    show("training, after the start-up", &after);
    assert!(after.absorbed >= after.reserved, "{:?} against {:?}", after.absorbed, after.reserved);
    assert_eq!((outcome.whole.worst_excess, outcome.whole.excess), (Power::ZERO, Energy::ZERO));
    assert!(minutes.len() > 30, "{}", minutes.len());
    // Whole units are shed for a limit that moves by less than one: the one that stays off may be the smallest.
    let unit = Energy::of(site.groups.iter().map(|group| group.unit).min().unwrap(), MINUTE).joules();
    let (mut under, mut alone) = (0, 0);
    for (minute, [controlled, left_alone]) in minutes.into_iter().enumerate().skip(1) {
        assert!(controlled + unit >= left_alone, "minute {minute}: {controlled} Ws, left alone {left_alone} Ws");
        (under, alone) = (under + controlled, alone + left_alone);
    }
    println!("training: {under} Ws under control, {alone} Ws left alone");
    assert!(under >= alone);
}

/// A day of serving within half an hour: bursts and ramps are as fast as in life, quiet and busy hours pass sooner.
fn a_day(name: &str) {
    let site = site(name);
    let day = |each: &mut dyn FnMut(&Plan)| {
        let plant = plant(&site, HallLoad::serving_day(&site.hall, 7, 48));
        played(&site, plant, Duration::from_secs(1_800), |_, plan| each(plan))
    };
    let mut plans = Vec::new();
    let outcome = day(&mut |plan| plans.push(plan.clone()));
    show(name, outcome.after.as_ref().unwrap());
    assert_eq!((outcome.whole.worst_excess, outcome.whole.excess), (Power::ZERO, Energy::ZERO));
    let mut again = plans.iter();
    day(&mut |plan| assert_eq!(Some(plan), again.next(), "the same seed gives the same plans"));
    assert_eq!(again.next(), None);
}

#[test]
fn a_day_of_the_demo_site_never_exceeds_its_limit_and_is_decided_the_same_again() {
    a_day("demo.toml");
}

#[test]
fn a_day_of_the_training_site_never_exceeds_its_limit_and_is_decided_the_same_again() {
    a_day("training.toml");
}
