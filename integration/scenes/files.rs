//! A bad site file at the start: refused with all its problems, unless this journal knows a good one.

use std::fs;

use ballast::devices::Profile;

use super::controller::Controller;
use super::lost::{controlled, filled};
use super::stage::{Numbers, Stage};
use super::world::World;
use super::{pass, until};

/// Three mistakes of an evening: a unit forgotten, a key misspelt, a slew that no path can answer in time.
fn spoil(stage: &Stage) {
    let good = fs::read_to_string(stage.file()).unwrap();
    let bad = good
        .replace("import_limit = \"350 kW\"", "import_limit = 350")
        .replace("trips_within", "trips_whithin")
        .replace("confidence = \"99.9 %\"", "confidence = \"99.9 kW\"");
    fs::write(stage.file(), bad).unwrap();
}

#[test]
fn a_bad_site_file_is_refused_with_all_its_problems() {
    let stage = Stage::new(&Numbers::default());
    spoil(&stage);
    let ended = controlled(&stage).ends();
    assert_eq!(ended.code, Some(1), "{}", ended.told);
    for part in ["import_limit = 350", "trips_whithin", "99.9 kW"] {
        assert!(ended.told.contains(part), "nothing about `{part}` in:\n{}", ended.told);
    }
    assert!(!ended.told.contains("page http://"), "{}", ended.told);
}

#[test]
fn a_site_that_cannot_hold_its_promise_is_not_run() {
    let stage = Stage::new(&Numbers::default());
    let good = fs::read_to_string(stage.file()).unwrap();
    fs::write(stage.file(), good.replace("within = \"2 s\"", "within = \"200 ms\"")).unwrap();
    let ended = controlled(&stage).ends();
    assert_eq!(ended.code, Some(1), "{}", ended.told);
    assert!(ended.told.contains("within"), "{}", ended.told);
}

/// A NETIO file beside the site file that says nothing of power.
fn blind(stage: &Stage) {
    let good = Profile::builtin("netio-powerpdu").unwrap();
    let tables = good.split("\n\n").filter(|table| !table.contains("[power]") && !table.contains("point = \"power\""));
    fs::create_dir(stage.path("devices")).unwrap();
    fs::write(stage.path("devices/netio-powerpdu.toml"), tables.collect::<Vec<_>>().join("\n\n")).unwrap();
}

#[test]
fn pdus_that_measure_no_power_are_refused_by_every_verb() {
    let stage = Stage::new(&Numbers::default());
    blind(&stage);
    let site = stage.file().display().to_string();
    for verb in ["check", "run", "demo", "emulate", "simulate"] {
        let ended = Controller::start(stage.folder(), &[verb, &site]).ends();
        let told = ended.said + &ended.told;
        assert_eq!(ended.code, Some(1), "{verb}: {told}");
        let wanted =
            "error: `north-1` to `east-2` (5) can never be proved off: device file `netio-powerpdu` measures no power";
        assert!(told.contains(wanted), "{verb}: {told}");
        assert!(told.contains("profile = \"netio-powerpdu\""), "the line to change: {verb}: {told}");
    }
}

/// Two device files beside the site file, each with a mistake of its own.
fn spoil_devices(stage: &Stage) {
    fs::create_dir(stage.path("devices")).unwrap();
    let spoilt = [("netio-powerpdu", "28 kW", "29 kW"), ("acuvim-ii", "base = ", "bse = ")];
    for (name, good, bad) in spoilt {
        let text = Profile::builtin(name).unwrap();
        assert!(text.contains(good), "{name} has no `{good}`");
        fs::write(stage.path(&format!("devices/{name}.toml")), text.replace(good, bad)).unwrap();
    }
}

#[test]
fn check_and_run_refuse_the_same_with_the_problems_of_site_and_device_files_together() {
    let stage = Stage::new(&Numbers::default());
    let site = stage.file().display().to_string();
    let told = |verb: &str| {
        let ended = Controller::start(stage.folder(), &[verb, &site]).ends();
        let told = ended.said + &ended.told;
        assert_eq!(ended.code, Some(1), "{verb}: {told}");
        told
    };
    spoil_devices(&stage);
    for verb in ["check", "run"] {
        let told = told(verb);
        for part in ["29000 W", "devices/netio-powerpdu.toml:", "did you mean `base`?", "devices/acuvim-ii.toml:"] {
            assert!(told.contains(part), "{verb} says nothing of `{part}`: {told}");
        }
    }
    let good = fs::read_to_string(stage.file()).unwrap();
    fs::write(stage.file(), good.replace("within = \"2 s\"", "within = \"200 ms\"")).unwrap();
    for verb in ["check", "run"] {
        let told = told(verb);
        for part in ["the import limit allows 200 ms", "29000 W", "did you mean `base`?"] {
            assert!(told.contains(part), "{verb} says nothing of `{part}`: {told}");
        }
    }
    // A site file that cannot be read names nobody: then all that lie beside it are looked at.
    fs::write(stage.file(), good.replace("\"350 kW\"", "350")).unwrap();
    for verb in ["check", "run"] {
        let told = told(verb);
        for part in ["import_limit = 350", "29000 W", "did you mean `base`?"] {
            assert!(told.contains(part), "{verb} says nothing of `{part}`: {told}");
        }
    }
}

#[test]
fn a_device_file_that_is_there_and_cannot_be_read_is_not_replaced_by_the_shipped_one() {
    let stage = Stage::new(&Numbers::default());
    fs::create_dir(stage.path("devices")).unwrap();
    fs::write(stage.path("devices/acuvim-ii.toml"), [0xFF, 0xFE, 0x00]).unwrap();
    let site = stage.file().display().to_string();
    for verb in ["check", "run"] {
        let ended = Controller::start(stage.folder(), &[verb, &site]).ends();
        let told = ended.said + &ended.told;
        assert_eq!(ended.code, Some(1), "{verb}: {told}");
        assert!(told.contains("acuvim-ii.toml: is not text in UTF-8"), "{verb}: {told}");
    }
}

#[test]
fn after_a_bad_edit_the_last_good_file_of_the_journal_runs_and_says_so_loudly() {
    let stage = Stage::new(&Numbers::default());
    let world = World::new(&stage, 50);
    let controller = controlled(&stage);
    filled(&world);
    controller.kill();
    spoil(&stage);
    let mut controller = controlled(&stage);
    let view = controller.shows("it runs", |view| view.miners_w > 0);
    assert_eq!(view.import_limit_w, 350_000);
    let told = controller.told();
    assert!(told.contains("RUNNING ON THE LAST GOOD FILE"), "{told}");
    assert!(told.contains("trips_whithin"), "the problems are told as well:\n{told}");
    assert!(view.note.contains("LAST GOOD FILE"), "who looks at the page sees it too: `{}`", view.note);
    filled(&world);
    controller.kill();
    // And again: the bad one has not become the last good one.
    let mut controller = controlled(&stage);
    controller.shows("it runs", |view| view.miners_w > 0);
    assert!(controller.told().contains("RUNNING ON THE LAST GOOD FILE"));
    pass(std::time::Duration::from_millis(500));
    drop(controller);
    // A journal of its own knows no good file.
    let other = Controller::watched(stage.folder(), "run", &stage.file(), &stage.path("other"), &[]).ends();
    assert_eq!(other.code, Some(1), "{}", other.told);
    until("nothing is left of it", || Some(()));
    world.held_the_limit();
}
