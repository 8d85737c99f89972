//! The fault table of docs/reliability.md, row by row: one fault at a time in virtual time, and what its row promises. When it is
//! told, what is done, what is not, and how it ends, read from the journal that a run leaves and from the plant's truth.

mod controller;
mod devices;
mod meters;
mod miners;
mod orders;

use std::time::Duration;

use ballast::simulate::episode::{Episode, Setting, run};
use ballast::simulate::fault::{Class, Fault, Weather};
use ballast::site::Site;
use ballast::site::file::load;
use ballast::time::Mono;
use serde_json::Value;

const DEMO: &str = include_str!("../../sites/demo.toml");
/// 2026-01-01T00:00:00Z, when every simulated run begins.
const WALL_MS: i64 = 1_767_225_600_000;
/// How much later than a bound something is seen: one tick, and the tick in which it is recorded.
const TICKS: u64 = 200;

pub(crate) const POI: usize = 0;
pub(crate) const HALL: usize = 1;

pub(crate) fn demo() -> Site {
    load("demo.toml", DEMO).unwrap()
}

/// A fault from second to second, as bad as it can be.
pub(crate) fn fault(class: Class, target: usize, from: u64, to: u64) -> Fault {
    let at = |seconds: u64| Mono::from_millis(seconds * 1_000);
    Fault { class, from: at(from), to: at(to), target, degree: 1_000_000 }
}

/// What came of a run: its journal as (milliseconds since the start, record).
pub(crate) struct Told {
    pub(crate) records: Vec<(u64, Value)>,
    pub(crate) episode: Episode,
}

/// The demo site for so many seconds with these faults.
pub(crate) fn demo_with(seconds: u64, faults: &[Fault]) -> Told {
    with(&demo(), seconds, faults)
}

/// A site for so many seconds with these faults.
pub(crate) fn with(site: &Site, seconds: u64, faults: &[Fault]) -> Told {
    let refresh = vec![Duration::from_millis(100); site.devices.len()];
    let long = Duration::from_secs(3_600);
    let weather = Weather { storm: long, calm: long, every: long, classes: Vec::new() };
    let span = Duration::from_secs(seconds);
    let setting = Setting { site, profiles: &[], refresh: &refresh, files: &[], weather: &weather, span };
    let mut faults = faults.to_vec();
    faults.sort_by_key(|fault| fault.from);
    let (episode, lines) = run(&setting, 2, faults);
    assert_eq!(episode.broken, [], "a promise broke");
    let record = |line: Vec<u8>| {
        let record: Value = serde_json::from_slice(&line).unwrap();
        let wall = record["t"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        (u64::try_from(wall.timestamp_millis() - WALL_MS).unwrap_or(0), record)
    };
    Told { records: lines.into_iter().map(record).collect(), episode }
}

impl Told {
    /// When records of this kind were written, with what they say.
    pub(crate) fn all(&self, kind: &str) -> Vec<(u64, &Value)> {
        self.records.iter().filter(|(_, record)| record["kind"] == kind).map(|(at, record)| (*at, record)).collect()
    }

    /// The first of this kind from then on.
    pub(crate) fn first(&self, kind: &str, from_ms: u64) -> Option<(u64, &Value)> {
        self.all(kind).into_iter().find(|(at, _)| *at >= from_ms)
    }

    /// One of this kind was written within a bound after a moment; how long after.
    pub(crate) fn within(&self, kind: &str, from_ms: u64, bound_ms: u64) -> u64 {
        let (at, _) = self.first(kind, from_ms).unwrap_or_else(|| panic!("no {kind} after {from_ms} ms"));
        assert!(at <= from_ms + bound_ms + TICKS, "{kind} only {} ms after {from_ms} ms", at - from_ms);
        at - from_ms
    }

    /// Nothing was brought back between these.
    pub(crate) fn raises_nothing(&self, from_ms: u64, to_ms: u64) {
        let raised: Vec<u64> = self.all("restore").iter().map(|(at, _)| *at).collect();
        let there = raised.iter().find(|at| (from_ms..to_ms).contains(*at));
        assert_eq!(there, None, "raised in {from_ms}..{to_ms}");
    }

    /// Something was brought back between these.
    pub(crate) fn raises(&self, from_ms: u64, to_ms: u64) {
        let raised = self.all("restore").iter().any(|(at, _)| (from_ms..to_ms).contains(at));
        assert!(raised, "nothing raised in {from_ms}..{to_ms}");
    }

    /// What was shed for a cause between these, in watts.
    pub(crate) fn shed(&self, cause: &str, from_ms: u64, to_ms: u64) -> i64 {
        let sheds =
            self.all("shed").into_iter().filter(|(at, shed)| (from_ms..to_ms).contains(at) && shed["cause"] == cause);
        sheds.map(|(_, shed)| shed["power_w"].as_i64().unwrap()).sum()
    }
}

/// Every test that the table names is one, and every class of faults has its row.
#[test]
fn every_row_of_the_table_names_its_faults_and_its_tests() {
    let page = include_str!("../../docs/reliability.md");
    let (_, table) = page.split_once("## The fault table").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows: Vec<Vec<&str>> =
        table.lines().filter(|line| line.starts_with("| ")).skip(1).map(|line| line.split('|').collect()).collect();
    assert!(rows.len() > 20);
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let classes: Vec<String> = rows.iter().flat_map(|row| quoted(row[2])).collect();
    for class in Class::ALL {
        assert_eq!(classes.iter().filter(|name| *name == class.name()).count(), 1, "{}", class.name());
    }
    let sources = sources(std::path::Path::new(env!("CARGO_MANIFEST_DIR")));
    for test in rows.iter().flat_map(|row| quoted(row[6])) {
        assert!(sources.contains(&format!("fn {test}(")), "no test is called {test}");
    }
}

/// All of `src` and `integration` as one text.
fn sources(root: &std::path::Path) -> String {
    let mut text = String::new();
    let mut folders = vec![root.join("src"), root.join("integration")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    text
}
