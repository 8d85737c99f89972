//! Programs that nobody here wrote: NREL's SSC on rates made by chance, and a reader of JSON Schema on our files.

use ballast::tariff::schema::schema;
use serde_json::{Value, json};

use super::shared;
use crate::peers::process::python;

#[test]
fn rates_made_by_chance_come_to_what_ssc_says_or_are_refused() {
    let Some(shared) = shared("") else { return };
    let folder = tempfile::tempdir().unwrap();
    let asked = json!({
        "shared": shared.canonicalize().unwrap(), "ballast": env!("CARGO_BIN_EXE_ballast"), "folder": folder.path(),
        "seed": 1, "count": 1_000, "scale": "0.03",
    });
    let told: Value = serde_json::from_str(python("rates.py", &asked.to_string()).start().ends_well().trim()).unwrap();
    println!("{told}");
    assert_eq!(told["wrong"], json!([]));
    // So that nothing is proved by refusing all.
    assert!(told["agreed"].as_u64().unwrap() > 500, "{told}");
}

#[test]
fn a_reader_of_json_schema_finds_nothing_wrong_with_good_files_and_the_slips_of_a_bad_one() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(place("schema.json"), schema().to_string()).unwrap();
    let mut files: Vec<String> = Vec::new();
    for entry in std::fs::read_dir("tariffs").unwrap() {
        files.push(entry.unwrap().path().display().to_string());
    }
    let manual = include_str!("../../docs/tariffs.md").split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    std::fs::write(place("manual.toml"), manual).unwrap();
    files.push(place("manual.toml"));
    let text = std::fs::read_to_string("tariffs/ercot-index-block.toml").unwrap();
    let bad = text
        .replacen("losses = ", "loses = ", 1)
        .replacen("34.50 USD/MWh", "34.50 USD/kW", 1)
        .replacen("\"block\" }", "\"fixed\" }", 1)
        .replacen("[fixed.meter]", "[fixde.meter]", 1);
    std::fs::write(place("bad.toml"), bad).unwrap();
    files.push(place("bad.toml"));
    let asked = json!({ "schema": place("schema.json"), "files": files });
    let told: Value = serde_json::from_str(python("schema.py", &asked.to_string()).start().ends_well().trim()).unwrap();
    let told = told.as_object().unwrap();
    assert_eq!(told.len(), 6);
    for (file, errors) in told {
        let mut places: Vec<&str> = errors.as_array().unwrap().iter().map(|error| error[0].as_str().unwrap()).collect();
        places.sort_unstable();
        if file.ends_with("bad.toml") {
            let expected = ["", "block.hedge.price", "demand.distribution.measure.window_kind", "energy.spot"];
            assert_eq!(places, expected, "{errors}");
        } else {
            assert_eq!(places, [""; 0], "{file}: {errors}");
        }
    }
}
