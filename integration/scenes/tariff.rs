//! The tariff file is edited while the controller runs: what is bad changes nothing, what moves the price far waits for a person, what is
//! accepted takes effect at the boundary of a settlement interval, and a restart goes on with the one that was in force.

use std::fs;
use std::time::Duration;

use ballast::units::Power;
use serde_json::Value;

use super::controller::Controller;
use super::lost::{controlled, filled};
use super::stage::Stage;
use super::story::{Story, replays_and_verifies};
use super::world::World;
use super::{pass, until};

fn tariff(price: &str) -> String {
    format!(
        "format = 1\nname = \"scene\"\ncurrency = \"USD\"\ntimezone = \"America/Chicago\"\ninterval = \"1 min\"\n\
         billing = {{ cycle = \"calendar month\", round = \"0.01 USD per line\" }}\n\n[energy.all]\nprice = \"{price}\"\n"
    )
}

/// As editors do it: beside, then renamed.
fn edit(stage: &Stage, text: &str) {
    fs::write(stage.path("tariff.toml~"), text).unwrap();
    fs::rename(stage.path("tariff.toml~"), stage.path("tariff.toml")).unwrap();
}

fn verb(stage: &Stage, arguments: &[&str]) -> (Option<i32>, String) {
    let journal = stage.journal().display().to_string();
    let arguments: Vec<&str> =
        arguments.iter().map(|word| if *word == "JOURNAL" { journal.as_str() } else { *word }).collect();
    let ended = Controller::start(stage.folder(), &arguments).ends();
    (ended.code, ended.said + &ended.told)
}

#[test]
fn a_tariff_file_is_edited_under_load() {
    let stage = Stage::supplied();
    edit(&stage, &tariff("40 USD/MWh"));
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    filled(&world);
    let first = controller.shows("the tariff", |view| view.tariff.is_some()).tariff.unwrap();
    assert_eq!((first.marginal_micro_usd_mwh, first.waits, first.refused), (Some(40_000_000), None, None));

    // Two mistakes of an evening: nothing changes but what is told.
    let spoilt = world.wall();
    edit(&stage, &tariff("400 USD/MW").replace("round", "ruond"));
    let bad =
        controller.shows("the file is refused", |view| view.tariff.as_ref().is_some_and(|it| it.refused.is_some()));
    let bad = bad.tariff.unwrap();
    assert_eq!((bad.sha256.as_str(), bad.marginal_micro_usd_mwh), (first.sha256.as_str(), Some(40_000_000)));
    pass(Duration::from_secs(2));
    assert!(world.between(spoilt, world.wall()).iter().all(|moment| moment.miners >= Power::from_kilowatts(150)));

    // A price ten times as high is right in itself, and waits.
    edit(&stage, &tariff("400 USD/MWh"));
    let waits = controller.shows("it waits", |view| view.tariff.as_ref().is_some_and(|it| it.waits.is_some()));
    let (hash, moved) = waits.tariff.unwrap().waits.unwrap();
    assert_eq!(moved, Some(9_000_000));
    assert_eq!(verb(&stage, &["tariff", "accept", "no-hash", "--journal", "JOURNAL"]).0, Some(2));
    let (code, told) = verb(&stage, &["tariff", "accept", &hash[..12], "--journal", "JOURNAL"]);
    assert_eq!(code, Some(0), "{told}");
    let accepted = world.wall();
    until("power costs more than it earns, and all is off", || {
        controller.view();
        (world.now().lit() == 0).then_some(())
    });
    let off = world.between(accepted, world.wall());
    // It came into force with a minute of the clock, and went down on the ramp of 40 kW/s.
    let begins = off.iter().find(|moment| moment.miners < Power::from_kilowatts(150)).unwrap().wall.micros();
    assert!(begins.rem_euclid(60_000_000) < 15_000_000, "{begins}");
    world.held_the_limit();

    // The file is spoilt, the controller dies: what was in force goes on.
    edit(&stage, "format = 1\n");
    let _ = controller.kill();
    let mut again = controlled(&stage);
    let after = again.shows("the tariff that was in force", |view| view.tariff.is_some()).tariff.unwrap();
    assert_eq!(hash[..12], after.sha256);
    assert!(after.refused.is_some() && again.told().contains("the last good one stays in force"), "{}", again.told());
    pass(Duration::from_secs(3));
    assert_eq!(world.now().lit(), 0);
    drop(again);

    let story = Story::read(&stage.journal());
    let refused = story.notes("tariff.refused");
    assert_eq!(refused[0]["problems"], 2, "{refused:?}");
    let accepted: Vec<&Value> = story.notes("tariff.accepted");
    assert_eq!(
        (&accepted[0]["sha256"], &accepted[0]["actor"]["type"]),
        (&Value::from(hash.as_str()), &Value::from("command"))
    );
    replays_and_verifies(&stage.journal());
    let (code, history) = verb(&stage, &["tariff", "history", "JOURNAL"]);
    assert_eq!(code, Some(0), "{history}");
    let order = ["in force ", "refused ", "waits ", "accepted ", "found ", "takes effect ", "in force ", "refused "];
    let told: Vec<&str> = history.lines().filter_map(|line| line.get(21..)).collect();
    let mut left = order.iter().peekable();
    for line in &told {
        left.next_if(|word| line.starts_with(**word));
    }
    assert_eq!(left.next(), None, "{history}");
}

#[test]
fn a_start_without_any_good_tariff_is_refused_with_all_its_problems() {
    let stage = Stage::supplied();
    edit(&stage, &tariff("40 USD/MW").replace("round", "ruond"));
    for verb in ["run", "check"] {
        let site = stage.file().display().to_string();
        let ended = Controller::start(stage.folder(), &[verb, &site]).ends();
        let told = ended.said + &ended.told;
        assert!(ended.code != Some(0) && told.contains("ruond") && told.contains("40 USD/MW"), "{verb}: {told}");
    }
    fs::remove_file(stage.path("tariff.toml")).unwrap();
    let site = stage.file().display().to_string();
    let ended = Controller::start(stage.folder(), &["check", &site]).ends();
    assert!(ended.said.contains("tariff.toml") && ended.said.contains("folder of the site file"), "{}", ended.said);
}
