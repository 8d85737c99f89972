//! Drills by the real program against the emulated site: what they measure, what they find, and how they leave the site.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ballast::emulate::Lie;
use ballast::site::CommsLoss;
use ballast::units::Power;
use rustix::process::Signal;
use serde_json::Value;

use super::controller::{Controller, Ended};
use super::lost::controlled;
use super::stage::{Numbers, Stage};
use super::story::replays_and_verifies;
use super::until;
use super::world::World;

/// The groups `east-1` and `east-2`, of 24.6 kW each.
const EAST: usize = 6;
const ALL: u64 = 0xFF;

/// `ballast drill` of one group, without a question.
fn drill(stage: &Stage, kind: &str, group: &str, more: &[&str]) -> Controller {
    let (site, journal) = (stage.file().display().to_string(), stage.journal().display().to_string());
    let start = ["drill", kind, &site, "--group", group, "--yes", "--json", "--journal", &journal];
    Controller::start(stage.folder(), &[&start, more].concat())
}

/// What it found, by its own words and by its file, which must be the same.
#[track_caller]
fn evidence(stage: &Stage, ended: &Ended) -> Value {
    let said: Value =
        serde_json::from_str(&ended.said).unwrap_or_else(|error| panic!("{error}: {}{}", ended.said, ended.told));
    let files = fs::read_dir(stage.journal()).unwrap().map(|entry| entry.unwrap().path());
    let kept = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let kept: Vec<Value> = kept.map(|path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()).collect();
    assert!(kept.contains(&said), "an evidence file with the same: {said}");
    whole(&stage.journal(), &said);
    said
}

/// The journal verifies and replays; its root, and the records of the drill, are those of the evidence.
#[track_caller]
fn whole(folder: &Path, evidence: &Value) {
    let folder = folder.display().to_string();
    for verb in [vec!["audit", "verify", &folder], vec!["replay", &folder]] {
        let answer = Command::new(env!("CARGO_BIN_EXE_ballast")).args(&verb).output().unwrap();
        let said = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(answer.status.success(), "{verb:?}: {said}");
    }
    let checkpoint = fs::read_to_string(Path::new(&folder).join("checkpoint")).unwrap();
    let lines: Vec<&str> = checkpoint.lines().collect();
    assert_eq!(evidence["journal"]["records"].to_string(), lines[1]);
    assert_eq!(evidence["journal"]["root"], lines[2]);
    let records = records(Path::new(&folder));
    let first = usize::try_from(evidence["journal"]["first"].as_u64().unwrap()).unwrap();
    assert_eq!(records[first]["kind"], "drill.begin");
    assert_eq!(records[first]["site_sha256"], evidence["site_sha256"]);
    let results: Vec<&Value> = records[first..].iter().filter(|record| record["kind"] == "drill.result").collect();
    let trials = evidence["trials"].as_array().unwrap();
    assert_eq!(results.len(), trials.len());
    for (result, trial) in results.iter().zip(trials) {
        for key in ["group", "path", "pdu", "problems", "declared"] {
            assert_eq!(result[key], trial[key], "{key}");
        }
    }
}

fn records(folder: &Path) -> Vec<Value> {
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    all.sort();
    let text: String = all.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_shed_of_outlets_is_measured_recorded_and_undone() {
    let mut stage = Stage::new(&Numbers::default());
    // Faster than its file says, so that a busy machine convicts nobody.
    stage.site.groups[EAST].paths[0].response = Duration::from_millis(100);
    let world = World::new(&stage, 50);
    world.switch(EAST, ALL);
    let ended = drill(&stage, "shed", "east-1", &["--times", "2"]).ends();
    let said = evidence(&stage, &ended);
    assert_eq!((ended.code, &said["verdict"]), (Some(0), &Value::from("holds")), "{}", ended.told);
    let trials = said["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 2, "each time");
    for trial in trials {
        assert!(trial["drew_w"].as_i64().unwrap() > 20_000, "{trial}");
        assert!(trial["gone"]["most_ms"].as_u64().unwrap() >= trial["half"]["most_ms"].as_u64().unwrap(), "{trial}");
        assert!(trial["proof_ms"].as_u64() >= trial["answered_ms"].as_u64(), "no proof before the answer: {trial}");
        assert!(trial["pdu"].as_array().unwrap().len() > 5, "{trial}");
    }
    assert_eq!((&said["groups"][0]["found"], &said["groups"][0]["as_found"]), (&Value::from(ALL), &Value::from(true)));
    assert_eq!(world.now().on[EAST], ALL, "on again, and nobody lets a permit lapse behind it");
    assert_eq!(world.now().lit(), 8, "no other group was touched");
    world.held_the_limit();
}

#[test]
fn miners_are_shed_by_their_outlets_and_by_their_firmware() {
    let stage = Stage::sleeping();
    let world = World::new(&stage, 50);
    let ended = drill(&stage, "shed", "west", &[]).ends();
    let said = evidence(&stage, &ended);
    let paths: Vec<&Value> = said["trials"].as_array().unwrap().iter().map(|trial| &trial["path"]).collect();
    assert_eq!(paths, ["outlets", "firmware"], "{}", ended.told);
    for trial in said["trials"].as_array().unwrap() {
        assert!(trial["drew_w"].as_i64().unwrap() > 20_000, "{trial}");
        assert!(trial["gone"].is_object() && trial["proof_ms"].is_u64(), "{trial}");
    }
    assert_eq!(said["groups"][0]["as_found"], true, "{}", ended.told);
    assert_eq!(world.now().lit(), 0, "it was found off");
}

#[test]
fn a_miner_that_answers_and_draws_on_is_found_and_its_group_is_left_as_it_was() {
    let stage = Stage::sleeping();
    let world = World::new(&stage, 50);
    world.lie(0, 2, Lie::SilentSuccess);
    let ended = drill(&stage, "shed", "west", &[]).ends();
    let said = evidence(&stage, &ended);
    assert_eq!(ended.code, Some(1), "{}", ended.told);
    let (outlets, firmware) = (&said["trials"][0], &said["trials"][1]);
    assert!(outlets["gone"].is_object(), "its outlet takes its power: {outlets}");
    assert_eq!((&firmware["path"], &firmware["gone"]), (&Value::from("firmware"), &Value::Null), "{firmware}");
    assert!(ended.told.contains("`west` was told off by its firmware and drew on"), "{}", ended.told);
    assert_eq!(said["groups"][0]["as_found"], true, "{}", ended.told);
    assert_eq!(world.now().lit(), 0, "it was found off");
}

#[test]
fn a_pdu_that_is_slower_than_its_file_says_is_found_told_and_remembered() {
    let mut stage = Stage::new(&Numbers::default());
    stage.site.groups[EAST].paths[0].response = Duration::from_secs(6);
    let world = World::new(&stage, 50);
    world.switch(EAST, ALL);
    let ended = drill(&stage, "shed", "east-1", &[]).ends();
    let said = evidence(&stage, &ended);
    assert_eq!(ended.code, Some(1), "{}", ended.told);
    let problems = said["trials"][0]["problems"].as_array().unwrap();
    assert!(problems.iter().any(|problem| problem["at"] == "device `east-1`.response"), "{said}");
    assert!(ended.told.contains("response = \"1 s\""), "the line to change: {}", ended.told);
    assert!(ended.told.contains("write response = "), "{}", ended.told);
    assert_eq!(world.now().on[EAST], ALL, "put back all the same");

    let (site, journal) = (stage.file().display().to_string(), stage.journal().display().to_string());
    let checked = Controller::start(stage.folder(), &["check", &site, "--journal", &journal]).ends();
    let remark = "drills by outlets took longer than `response` says: east-1 (";
    assert!(checked.said.contains(remark), "{}{}", checked.said, checked.told);
    let controller = Controller::watched(stage.folder(), "run", &stage.file(), &stage.journal(), &["--for", "2s"]);
    let ran = controller.ends();
    assert!(ran.told.contains(remark), "{}", ran.told);
    replays_and_verifies(&stage.journal());
}

#[test]
fn a_restore_is_measured_from_first_watts_to_full_draw() {
    let stage = Stage::new(&Numbers::default());
    let world = World::new(&stage, 50);
    let ended = drill(&stage, "restore", "east-1", &[]).ends();
    let said = evidence(&stage, &ended);
    let trial = &said["trials"][0];
    assert_eq!((&trial["measured"], &trial["units"]), (&Value::from("rise"), &Value::from(8)), "{}", ended.told);
    assert!(trial["full_w"].as_i64().unwrap() > 20_000, "{trial}");
    assert!(trial["full"]["most_ms"].as_u64() >= trial["first_watts"]["most_ms"].as_u64(), "{trial}");
    assert_eq!(world.now().lit(), 0, "it was found off");
}

/// The file says that the east's PDUs have a watchdog.
fn with_watchdogs(numbers: &Numbers) -> Stage {
    let mut stage = Stage::new(numbers);
    let text = fs::read_to_string(stage.file()).unwrap();
    let east = text.find("name = \"east-{n}\"").unwrap();
    let reverts = "comms_loss = \"reverts\"\ncomms_loss_after = \"7 s\"\ncomms_loss_stagger = \"800 ms\"";
    let text = text[..east].to_owned() + &text[east..].replace("comms_loss = \"holds\"", reverts);
    fs::write(stage.file(), &text).unwrap();
    stage.site = ballast::site::file::load("scene.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
    stage
}

#[test]
fn a_watchdog_that_acts_is_seen_to_act_and_its_group_comes_back() {
    let stage = with_watchdogs(&Numbers::default());
    let world = World::new(&stage, 50);
    world.switch(EAST, ALL);
    let ended = drill(&stage, "comms-loss", "east-1", &[]).ends();
    let said = evidence(&stage, &ended);
    let trial = &said["trials"][0];
    assert_eq!((&trial["on_before"], &trial["on_after"]), (&Value::from(ALL), &Value::from(0)), "{}", ended.told);
    assert_eq!(said["groups"][0]["as_found"], true, "{}", ended.told);
    assert!(world.all().iter().any(|moment| moment.on[EAST] == 0), "it really was off");
    assert_eq!(world.now().on[EAST], ALL);
}

#[test]
fn a_watchdog_that_does_not_act_is_found() {
    let mut stage = with_watchdogs(&Numbers::default());
    stage.site.groups[EAST].paths[0].comms_loss = CommsLoss::Holds;
    let world = World::new(&stage, 50);
    world.switch(EAST, ALL);
    let ended = drill(&stage, "comms-loss", "east-1", &[]).ends();
    let said = evidence(&stage, &ended);
    assert_eq!(ended.code, Some(1), "{}", ended.told);
    assert_eq!(said["trials"][0]["problems"][0]["at"], "device `east-1`.comms_loss", "{said}");
    assert!(ended.told.contains("comms_loss = \"reverts\""), "the line to change: {}", ended.told);
    assert!(world.all().iter().skip(10).all(|moment| moment.on[EAST] == ALL), "it held, and nobody switched it");
}

#[test]
fn one_group_after_the_other_unless_all_at_once_is_asked_for() {
    let stage = Stage::new(&Numbers::default());
    let world = World::new(&stage, 50);
    [EAST, EAST + 1].iter().for_each(|group| world.switch(*group, ALL));
    until("both are on", || (world.now().lit() == 16).then_some(()));
    let from = world.wall();
    let both_off = |from| world.between(from, world.wall()).iter().any(|moment| moment.on[EAST..] == [0, 0]);
    let said = evidence(&stage, &drill(&stage, "shed", "east-1", &["--group", "east-2"]).ends());
    assert_eq!(said["trials"].as_array().unwrap().len(), 2);
    assert!(!both_off(from), "never more than one");
    let from = world.wall();
    let ended = drill(&stage, "shed", "east-1", &["--group", "east-2", "--all-at-once"]).ends();
    let said = evidence(&stage, &ended);
    assert_eq!(said["trials"][0]["began"], said["trials"][1]["began"], "{}", ended.told);
    assert!(both_off(from));
    assert!(said["groups"].as_array().unwrap().iter().all(|left| left["as_found"] == true), "{}", ended.told);
    assert_eq!(world.now().lit(), 16);
}

#[test]
fn two_never_command_one_site() {
    let stage = Stage::new(&Numbers::default());
    let world = World::new(&stage, 50);
    let mut controller = controlled(&stage);
    controller.shows("it controls", |view| !view.groups.is_empty());
    let ended = drill(&stage, "shed", "east-1", &[]).ends();
    assert_eq!(ended.code, Some(2), "{}", ended.told);
    assert!(ended.told.contains("a controller runs on this site"), "{}", ended.told);
    assert!(ended.told.contains("end it first"), "the next step: {}", ended.told);
    until("the controller goes on", || (world.now().lit() >= 12).then_some(()));
    drop(controller);
    replays_and_verifies(&stage.journal());
}

#[test]
fn nobody_commands_power_by_a_slip() {
    let stage = Stage::new(&Numbers::default());
    let site = stage.file().display().to_string();
    let ended = Controller::start(stage.folder(), &["drill", "shed", &site]).ends();
    assert_eq!(ended.code, Some(2), "{}", ended.told);
    assert!(
        ended.told.contains("type the name of the site") && ended.told.contains("nothing was done"),
        "{}",
        ended.told
    );
    assert!(!stage.path("scene.journal").exists(), "nothing was even opened");
}

#[test]
fn a_drill_that_is_broken_off_puts_back_what_it_found() {
    let stage = Stage::new(&Numbers::default());
    let world = World::new(&stage, 50);
    world.switch(EAST, ALL);
    let running = drill(&stage, "shed", "east-1", &["--times", "50"]);
    until("it is off", || (world.now().on[EAST] == 0).then_some(()));
    running.signal(Signal::INT);
    let ended = running.ends();
    assert_eq!(ended.code, Some(if ended.said.contains("nothing_measured") { 2 } else { 1 }), "{}", ended.told);
    let said = evidence(&stage, &ended);
    assert_eq!(
        (&said["broken_off"], &said["groups"][0]["as_found"]),
        (&Value::from("it was asked to end"), &Value::from(true))
    );
    assert_eq!(world.now().on[EAST], ALL, "on again");
    assert!(
        records(&stage.journal()).iter().any(|record| record["kind"] == "drill.step" && record["step"] == "broken_off")
    );
}

#[test]
fn a_hall_that_takes_the_room_ends_a_drill_and_its_group_goes_off_for_it() {
    // Beside the hall at its plate there is no room for the group.
    let stage = Stage::new(&Numbers { limit: "305 kW", ..Numbers::default() });
    let world = World::new(&stage, 50);
    world.switch(EAST, ALL);
    let running = drill(&stage, "comms-loss", "east-1", &["--watch", "5min"]);
    until("nobody talks to it", || running.told().contains("nobody talks to it").then_some(()));
    world.jump(120);
    let ended = running.ends();
    let said = evidence(&stage, &ended);
    assert!(said["broken_off"].as_str().unwrap().contains("there is no room for `east-1`"), "{said}");
    assert_eq!(ended.code, Some(2), "nothing was measured: {}", ended.told);
    assert!(world.all().iter().skip(10).any(|moment| moment.on[EAST] == 0), "the hall may take what it drew");
    // It comes back where the hall has gone down again meanwhile, and only then.
    let back = said["groups"][0]["as_found"].as_bool().unwrap();
    assert_eq!(back, world.now().on[EAST] == ALL, "{}", ended.told);
    world.held_the_limit();
}

#[test]
fn nothing_is_raised_where_there_is_no_room() {
    let stage = Stage::new(&Numbers { limit: "290 kW", ..Numbers::default() });
    let world = World::new(&stage, 95);
    let ended = drill(&stage, "restore", "east-1", &[]).ends();
    let said = evidence(&stage, &ended);
    assert_eq!((ended.code, &said["verdict"]), (Some(2), &Value::from("nothing_measured")), "{}", ended.told);
    assert!(ended.told.contains("there is no room for `east-1`"), "{}", ended.told);
    assert!(world.all().iter().all(|moment| moment.lit() == 0 && moment.miners == Power::ZERO), "nothing was ever on");
}
