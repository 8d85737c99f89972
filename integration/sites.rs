//! The shipped sites, and what becomes of broken ones.

use std::path::Path;
use std::time::Duration;

use ballast::cli::check::{Ask, run};
use ballast::devices::profile::Profile;
use ballast::document::{Code, Problems};
use ballast::site::check::{KnownDevice, KnownProfile};
use ballast::site::file::load;
use expect_test::expect_file;
use proptest::prelude::*;

/// A device that measures so often, answers within so long, and takes all its outlets at once or one by one, where it has any.
const fn measures(name: &str, every_ms: u64, timeout_ms: u64, outlets: Option<bool>) -> KnownProfile<'_> {
    let (switches, at_once) = (outlets.is_some(), matches!(outlets, Some(true)));
    let refresh = Some(Duration::from_millis(every_ms));
    let (timeout, gap) = (Duration::from_millis(timeout_ms), Duration::ZERO);
    let says = KnownDevice { refresh, timeout, login: false, gap, at_once, switches, keep_alive: None, relay: false };
    KnownProfile { name, says: Some(says) }
}

const PROFILES: &[KnownProfile<'_>] = &[
    measures("acuvim-ii", 100, 200, None),
    measures("gude-expert-pdu", 500, 500, Some(false)),
    measures("netio-powerpdu", 500, 500, Some(true)),
    KnownProfile {
        name: "relay-board",
        says: Some(KnownDevice {
            refresh: None,
            timeout: Duration::from_millis(500),
            login: false,
            gap: Duration::ZERO,
            at_once: false,
            switches: true,
            keep_alive: None,
            relay: false,
        }),
    },
    KnownProfile {
        name: "relay-contacts",
        says: Some(KnownDevice {
            refresh: None,
            timeout: Duration::from_millis(300),
            login: false,
            gap: Duration::ZERO,
            at_once: false,
            switches: false,
            keep_alive: None,
            relay: true,
        }),
    },
    measures("schneider-pm5xxx", 1_000, 500, None),
    measures("sunspec-203", 1_000, 500, None),
];
const DEMO: &str = include_str!("../sites/demo.toml");

/// Runs `ballast check`: its exit code and what it prints.
fn checked(files: &[&Path], json: bool) -> (u8, String) {
    let ask = Ask { json, strict: false, on: ballast::time::Date::FIRST, color: false, hall: None, journal: None };
    let mut out = Vec::new();
    let code = run(files, &ask, &mut out).unwrap();
    (code, String::from_utf8(out).unwrap())
}

/// The same for a text under a name that does not change from run to run.
fn checked_text(text: &str, json: bool) -> (u8, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.toml");
    std::fs::write(&path, text).unwrap();
    let (code, told) = checked(&[&path], json);
    (code, told.replace(path.to_str().unwrap(), "site.toml"))
}

fn problems(text: &str) -> Problems {
    load("site.toml", text).expect_err("a broken site was read")
}

/// The line of the first occurrence, from 1.
fn line_of(text: &str, what: &str) -> usize {
    text[..text.find(what).unwrap()].matches('\n').count() + 1
}

#[test]
fn every_shipped_site_holds_its_promise_and_is_warned_only_of_lying_devices_or_feeders_held_at_their_ratings() {
    for known in PROFILES {
        let text = Profile::builtin(known.name).unwrap();
        let profile = Profile::parse(known.name, text).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(profile.known(), *known);
    }
    let mut seen = 0;
    for entry in Path::new("sites").read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let (code, told) = checked(&[&path], false);
            assert_eq!(code, 0, "{told}");
            let warnings: Vec<&str> = told.lines().filter(|line| line.starts_with("warning")).collect();
            let feeder = |warning: &&str| warning.contains(" hang on it");
            match path.file_name().and_then(|name| name.to_str()) {
                Some("container.toml") => assert!(warnings.len() == 2 && warnings.iter().all(feeder), "{told}"),
                // Its limit allows 15 s: those that lie are made up for in time.
                Some("firmware.toml") => assert!(warnings.is_empty(), "{told}"),
                _ => assert!(matches!(warnings[..], [lie] if lie.contains(" lie, ")), "{told}"),
            }
            assert!(told.lines().all(|line| line.chars().count() <= 100), "{told}");
            seen += 1;
        }
    }
    assert!(seen >= 5);
}

#[test]
fn ten_different_mistakes_give_ten_clear_errors_in_one_run() {
    let mistakes = [
        ("import_limit = \"4 MW\"", "import_limit = 4", Code::Unit),
        ("kind = \"relay\"", "kind = \"relais\"", Code::Choice),
        ("slew = \"420 kW/s\"", "slew = \"420 kW\"", Code::Unit),
        ("lapse = \"2 s\"", "lapse = \"0.2 s\"", Code::Conflict),
        ("ramp = \"100 kW/s\"", "rampe = \"100 kW/s\"", Code::UnknownKey),
        ("pool_fee = \"2 %\"", "pool_fee = \"102 %\"", Code::Range),
        ("address = \"127.66.0.3:5020\"", "address = \"127.66.0.2:5020\"", Code::Duplicate),
        ("feeder = \"south\"", "feeder = \"sud\"", Code::Reference),
        (
            "[[group.path]]\nkind = \"outlets\"\nprofile = \"gude-expert-pdu\"",
            "[[group.path]]\nkind = \"outlets\"",
            Code::Missing,
        ),
        ("miners = 8                      # S19j Pro", "miners = 9                      # S19j Pro", Code::Conflict),
    ];
    let text = mistakes.iter().fold(DEMO.to_owned(), |text, (right, wrong, _)| {
        assert!(text.contains(right), "{right}");
        text.replacen(right, wrong, 1)
    });
    let (code, told) = checked_text(&text, false);
    assert_eq!(code, 1);
    expect_file!["expected/ten-mistakes.txt"].assert_eq(&told);

    let found = problems(&text);
    let found: Vec<(usize, Code)> = found.all().iter().map(|problem| (found.line(problem), problem.code)).collect();
    let lines = [8, 14, 19, 31, 38, 45, 79, 117, 125, 137];
    let wanted: Vec<(usize, Code)> = lines.into_iter().zip(mistakes.iter().map(|(_, _, code)| *code)).collect();
    assert_eq!(found, wanted);
}

#[test]
fn a_site_that_cannot_hold_its_promise_is_refused_with_the_numbers() {
    let text = DEMO
        .replace("within = \"2 s\"", "within = \"1.5 s\"")
        .replace("ramp = \"100 kW/s\"", "ramp = \"300 kW/s\"")
        .replace("kind = \"relay\"", "kind = \"tolerance\"")
        .replace("trips_within = \"500 ms\"", "# no relay yet:")
        .replace("rating = \"330 kW\"", "rating = \"200 kW\"");
    let (code, told) = checked_text(&text, false);
    assert_eq!(code, 1);
    expect_file!["expected/refused.txt"].assert_eq(&told);
    assert!(told.lines().filter(|line| !line.contains("-->")).all(|line| line.chars().count() <= 140), "{told}");
}

#[test]
fn a_report_for_programs_has_the_same_numbers() {
    let (code, told) = checked(&[Path::new("sites/demo.toml")], true);
    assert_eq!(code, 0);
    expect_file!["expected/demo.json"].assert_eq(&told);
    let (code, told) = checked_text(&DEMO.replace("\"4 MW\"", "4"), true);
    let all: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &all[0]["verdict"]), (1, &"broken".into()));
    assert_eq!(all[0]["problems"][0]["line"], line_of(DEMO, "import_limit"));
    assert_eq!(all[0]["problems"][0]["help"], "write \"4 kW\" or \"4 MW\"");
}

#[test]
fn a_file_that_cannot_be_looked_into_does_not_hide_the_others() {
    let (code, told) = checked(&[Path::new("sites/none.toml"), Path::new("sites/demo.toml")], false);
    assert_eq!(code, 2);
    assert!(told.starts_with("error: sites/none.toml: "), "{told}");
    assert!(told.contains("sites/demo.toml: site `demo` holds its promise"), "{told}");
}

#[test]
fn the_manual_shows_what_check_really_prints() {
    let manual = std::fs::read_to_string("docs/sites.md").unwrap();
    let (_, report) = checked(&[Path::new("sites/demo.toml")], false);
    assert!(manual.contains(&report), "put this into docs/sites.md:\n{report}");
    let refused = std::fs::read_to_string("integration/expected/refused.txt").unwrap();
    let shown = refused.split("\n\n").find(|part| part.starts_with("error") && part.contains("react within")).unwrap();
    assert!(manual.contains(shown), "put this into docs/sites.md:\n{shown}");
}

#[test]
fn the_examples_of_the_manual_are_a_site_and_its_defaults_are_the_defaults() {
    let manual = std::fs::read_to_string("docs/sites.md").unwrap();
    let blocks: Vec<&str> = manual.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let read = |text: &str| load("sites.md", text).unwrap_or_else(|problems| panic!("{problems}"));
    let site = read(&blocks.join("\n"));
    assert_eq!(ballast::site::check::check(&site, PROFILES, None).errors, []);
    let may_be_left_out = blocks.iter().position(|block| block.starts_with("[tick]")).unwrap();
    let short: Vec<&str> =
        blocks.iter().enumerate().filter(|(at, _)| *at != may_be_left_out).map(|(_, it)| *it).collect();
    assert_eq!(read(&short.join("\n")), site);
}

/// What the demo gives and may be left out, because what then holds is safe and written in the manual.
const MAY_BE_LEFT_OUT: &[(&str, &[&str])] = &[
    ("[hall]", &["meter"]),
    ("[house]", &["meter"]),
    ("[tick]", &["period", "lapse"]),
    ("[fill]", &["window", "confidence"]),
    ("[restore]", &["stagger", "settle"]),
    ("[ages]", &["meter", "device", "price"]),
    ("[failsafe]", &["poi_unseen", "over_limit"]),
    ("[budgets]", &["sense", "decide", "write", "acknowledge", "proof"]),
    ("[[group]]", &["feeder", "dwell_on", "dwell_off"]),
    ("[[group.path]]", &["poll"]),
];

/// The table and key of every line that gives a key, with the line's number from 0.
fn keys() -> Vec<(usize, String, String)> {
    let mut table = String::new();
    let mut keys = Vec::new();
    for (at, line) in DEMO.lines().enumerate() {
        if line.starts_with('[') {
            table = line.split('#').next().unwrap().trim().into();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            keys.push((at, table.clone(), key.into()));
        }
    }
    assert!(keys.len() > 80);
    keys
}

/// The demo with one line changed.
fn with_line(at: usize, change: impl Fn(&str) -> String) -> String {
    let lines = DEMO.lines().enumerate().map(|(n, line)| if n == at { change(line) } else { line.into() });
    lines.collect::<Vec<String>>().join("\n")
}

fn header_above(at: usize) -> usize {
    DEMO.lines().take(at).enumerate().filter(|(_, line)| line.starts_with('[')).last().unwrap().0 + 1
}

#[test]
fn every_line_left_out_is_told_at_its_table_unless_it_is_safe_without() {
    for (at, table, key) in keys() {
        let text = with_line(at, |_| String::new());
        let optional = MAY_BE_LEFT_OUT.iter().any(|(of, keys)| *of == table && keys.contains(&key.as_str()));
        if optional {
            load("site.toml", &text).unwrap_or_else(|problems| panic!("{table} {key}: {problems}"));
            continue;
        }
        let found = problems(&text);
        let first = &found.all()[0];
        if key == "repeat" {
            assert!(first.message.contains("repeat"), "{found}");
            continue;
        }
        let told = found.all().iter().find(|problem| problem.message == format!("{table} has no `{key}`"));
        let told = told.unwrap_or_else(|| panic!("{table} {key} was not missed: {found}"));
        assert_eq!((told.code, found.line(told)), (Code::Missing, header_above(at)), "{found}");
    }
}

#[test]
fn every_misspelt_key_is_told_at_its_line_with_the_right_one() {
    for (at, table, key) in keys() {
        let wrong = format!("{key}x");
        let text = with_line(at, |line| line.replacen(&key, &wrong, 1));
        let found = problems(&text);
        let told = found.all().iter().find(|problem| problem.message == format!("unknown key `{wrong}` in {table}"));
        let told = told.unwrap_or_else(|| panic!("{table} {wrong} was taken: {found}"));
        assert_eq!(found.line(told), at + 1);
        assert!(told.help.as_ref().unwrap().starts_with(&format!("did you mean `{key}`?")), "{found}");
        assert!(!found.all().iter().any(|problem| problem.code == Code::Missing), "told twice: {found}");
    }
}

#[test]
fn every_value_of_another_kind_is_told_at_its_line() {
    for (at, table, key) in keys() {
        for wrong in ["true", "[]", "-7.5", "{}"] {
            let text = with_line(at, |_| format!("{key} = {wrong}"));
            let found = problems(&text);
            let lines: Vec<usize> = found.all().iter().map(|problem| found.line(problem)).collect();
            assert!(lines.contains(&(at + 1)), "{table} {key} = {wrong}: {found}");
        }
    }
}

/// Reads a text whatever it is, and shows what is wrong with it in every way there is.
fn survives(text: &str) {
    if let Err(problems) = load("site.toml", text) {
        assert!(!problems.all().is_empty());
        let _ = (problems.render(true), problems.to_string(), problems.json());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn no_toml_like_text_makes_the_reader_panic(
        lines in prop::collection::vec("(\\[{1,2}(site|poi|hall|group|group\\.path|feeder|meter)\\]{1,2}|(name|repeat|rating|miners|outlets|slew|meter) = (\"[0-9]{0,3}(\\.\\.)?[0-9]{0,12} ?(kW|MW|%|s|\\{n\\})?\"|[0-9]{1,20}|\\[\\]|\\{\\}))", 0..30)
    ) {
        survives(&lines.join("\n"));
    }

    #[test]
    fn no_damage_to_a_good_site_makes_the_reader_panic(at in 0..DEMO.len(), cut in 0..200_usize, put in "[\\[\\]{}='\"\\\\\n.#a-z0-9é\t\r%-]{0,8}") {
        let (at, end) = (DEMO.floor_char_boundary(at), DEMO.ceil_char_boundary((at + cut).min(DEMO.len())));
        survives(&format!("{}{put}{}", &DEMO[..at], &DEMO[end..]));
    }
}

#[test]
fn a_group_is_measured_by_a_meter_of_its_own_or_its_file_is_refused() {
    let findings = |text: &str| checked_text(text, false);
    let good = crate::simulate::boards();
    let (code, found) = findings(&good);
    assert_eq!(code, 0, "{found}");
    let by = "measured_by = \"east-{n:02}-meter\"";
    for (other, told) in [
        ("", "measures no power"),
        ("measured_by = \"east-{n}-meter\"", "there is no meter `east-1-meter`"),
        ("measured_by = \"poi-meter\"", "meter of what is switched `poi-meter` is given twice"),
    ] {
        let (code, found) = findings(&good.replace(by, other));
        assert!(code == 1 && found.contains(told), "{other}: {found}");
    }
    let one = good
        .replace("repeat = \"1..12\"\nname = \"east-{n:02}\"", "name = \"east\"")
        .replace("127.66.3.{n}", "127.66.3.1");
    let (_, found) = findings(&one.replace(by, "measured_by = \"poi-meter\""));
    assert!(found.contains("is that of [poi]"), "{found}");
}
