//! `ballast demo` as people start it: it holds the limit, can be watched and poked, and ends in order with proof of all of it.

use serde_json::Value;

use super::controller::Controller;
use super::stage::{Numbers, Stage};
use super::story::{Story, replays_and_verifies};

/// What a score says: `docs` and dashboards may rely on these names.
const SCORE: [&str; 19] = [
    "span_s",
    "hall_wh",
    "house_wh",
    "miners_wh",
    "absorbed_wh",
    "spare_wh",
    "static_wh",
    "hindsight_wh",
    "absorbed_of_spare_ppm",
    "static_of_spare_ppm",
    "hindsight_of_spare_ppm",
    "absorbed_of_static_ppm",
    "worst_excess_w",
    "excess_ws",
    "time_above_ms",
    "excursions",
    "worst_15min_w",
    "switches_mean_milli",
    "switches_most",
];

#[test]
fn the_demo_holds_its_limit_and_ends_in_order_with_everything_off() {
    let stage = Stage::new(&Numbers::default());
    let journal = stage.journal();
    let mut demo = Controller::watched(stage.folder(), "demo", &stage.file(), &journal, &["--for", "34s"]);
    let page = demo.page();
    assert_eq!(demo.get("/").0, 200);
    let view = demo.shows("miners draw", |view| view.miners_w > 50_000);
    assert_eq!((view.site.as_str(), view.demo, view.import_limit_w), ("scene", true, 350_000));

    // Somebody starts a second one by mistake: on the same addresses, and on the same journal.
    let second = Controller::watched(stage.folder(), "demo", &stage.file(), &stage.path("other"), &[]).ends();
    assert_eq!(second.code, Some(2), "{}", second.told);
    assert!(second.told.contains("is another emulator running?"), "{}", second.told);
    let second = Controller::watched(stage.folder(), "run", &stage.file(), &journal, &[]).ends();
    assert_eq!(second.code, Some(2), "{}", second.told);
    assert!(second.told.contains("is being written by another process; end that one or"), "{}", second.told);

    demo.act(r#"{"act":"unplug_pdu","to":true}"#);
    demo.shows("the PDU is silent", |view| {
        view.groups.iter().any(|group| group.link == ballast::snapshot::Link::Silent)
    });
    demo.act(r#"{"act":"unplug_pdu","to":false}"#);
    demo.shows("all PDUs answer", |view| view.groups.iter().all(|group| group.link == ballast::snapshot::Link::Up));
    demo.act(r#"{"act":"hall_jump"}"#);
    demo.shows("the hall jumps", |view| view.faults.hall_jump);

    let ended = demo.ends();
    assert_eq!(ended.code, Some(0), "{}{}", ended.said, ended.told);
    assert!(ended.told.contains(&format!("page http://{page}/   journal {}", journal.display())), "{}", ended.told);
    let summary: Value = serde_json::from_str(ended.said.trim()).unwrap();
    everything_is_in(&summary);
    assert_eq!(summary["whole"]["worst_excess_w"], 0, "{summary}");
    assert_eq!(summary["left_drawing_w"], 0, "{summary}");
    assert!(summary["after_start_up"]["absorbed_of_spare_ppm"].as_i64() > Some(0), "{summary}");

    let verified = replays_and_verifies(&journal);
    assert_eq!(verified["report"]["records"], summary["journal"]["records"]);
    assert_eq!(verified["report"]["root"], summary["journal"]["root"]);
    assert_eq!(verified["report"]["ticks"], summary["ticks"]);
    let story = Story::read(&journal);
    assert_eq!(story.ticks.last().unwrap().lit(), 0, "the last command is all off");
    assert_eq!(story.notes("demo.act").len(), 3, "what a person broke is a record too");
    assert_eq!(story.notes("end").len(), 1);
}

fn everything_is_in(summary: &Value) {
    let has = |of: &Value, names: &[&str]| {
        for name in names {
            assert!(of.get(name).is_some(), "no `{name}` in {of}");
        }
    };
    has(summary, &["site", "import_limit_w", "ticks", "late_ticks", "left_drawing_w", "whole", "after_start_up"]);
    has(&summary["whole"], &SCORE);
    has(&summary["after_start_up"], &SCORE);
    has(&summary["journal"], &["folder", "records", "root", "bytes", "lost", "trouble"]);
    let stages: Vec<&str> =
        summary["stages"].as_array().unwrap().iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["sense", "decide", "write", "acknowledge", "proof"]);
    for stage in summary["stages"].as_array().unwrap() {
        has(stage, &["count", "p50_us", "p99_us", "max_us", "budget_us", "missed"]);
        assert!(stage["count"].as_u64() > Some(0), "nothing was measured: {stage}");
    }
}
