//! Real rates of the US Utility Rate Database, billed by us and by NREL's SSC: the same to half a cent in every month, or refused by field.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use ballast::cli::tariff::import;
use ballast::cli::tariff::referee::{Asked, line, run};
use ballast::tariff::exact;
use ballast::tariff::meter::Year;
use serde_json::Value;

use super::shared;
use crate::peers::process::interpreter;

/// USD.
const HALF_A_CENT: f64 = 0.005;

fn year(load: &Path, scale: &str) -> Year {
    Year::parse(&std::fs::read_to_string(load).unwrap(), exact::parse(scale).unwrap()).unwrap()
}

fn months(value: &Value) -> [f64; 12] {
    match value.as_array() {
        Some(months) => std::array::from_fn(|month| months[month].as_f64().unwrap()),
        None => [0.0; 12],
    }
}

#[track_caller]
fn agree(what: &str, ours: &Value, theirs: &Value) {
    let (ours, theirs) = (months(ours), months(theirs));
    for month in 0..12 {
        let off = (ours[month] - theirs[month]).abs();
        assert!(off < HALF_A_CENT, "{what} in month {}: {} and {}", month + 1, ours[month], theirs[month]);
    }
}

#[test]
fn twenty_rates_on_two_loads_come_to_what_the_referee_says_in_every_month() {
    let Some(folder) = shared("urdb") else { return };
    let mut compared = 0;
    for entry in std::fs::read_dir(folder.join("golden")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let (rate, scale) = name.strip_suffix(".json").unwrap().split_once(".scale").unwrap();
        let (rate, load) = match rate.strip_suffix(".seasonal") {
            Some(rate) => (rate, "load15_seasonal.csv"),
            None => (rate, "load15.csv"),
        };
        let golden: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let text = std::fs::read_to_string(folder.join(format!("{rate}.json"))).unwrap();
        let billed = line(rate, &text, &year(&folder.join("../loads").join(load), scale));
        let ours: Value = serde_json::from_str(&billed).unwrap();
        assert_eq!(ours["refused"], serde_json::json!([]), "{name}");
        let ssc = &golden["ssc"];
        let (flat, tou) = (months(&ssc["demand_flat"]), months(&ssc["demand_tou"]));
        let demand: Vec<f64> = flat.iter().zip(tou).map(|(flat, tou)| flat + tou).collect();
        agree(&format!("{name}: demand"), &ours["demand"], &demand.into());
        for column in ["energy", "fixed", "minimum", "total"] {
            agree(&format!("{name}: {column}"), &ours[column], &ssc[column]);
        }
        for lost in golden["loss"].as_array().unwrap() {
            assert!(ours["loss"].as_array().unwrap().contains(&lost[0]), "{name}: {lost} is not told");
        }
        compared += 1;
    }
    assert_eq!(compared, 40);
}

/// Unpacks the sample, by the standard library of Python: its rates into a folder, its bills as lines.
fn unpacked(folder: &Path) -> Vec<Value> {
    let code = "import lzma, sys, tarfile\n\
                tarfile.open(sys.argv[1]).extractall(sys.argv[3], filter='data')\n\
                sys.stdout.write(lzma.open(sys.argv[2], 'rt').read())";
    let of = |name: &str| shared(name).unwrap();
    let mut python = Command::new(interpreter());
    let files = [of("urdb-sample.tar.xz"), of("sample_golden.jsonl.xz"), folder.to_owned()];
    let output = python.arg("-c").arg(code).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_rate_of_the_sample_agrees_with_the_referee_or_is_refused_by_field() {
    let Some(load) = shared("loads/load60_seasonal.csv") else { return };
    let folder = tempfile::tempdir().unwrap();
    let golden = unpacked(folder.path());
    assert_eq!(golden.len(), 355);
    let scale = format!("{}", 3_000.0 / 91_070.13);
    let mut out = Vec::new();
    let asked = Asked { rates: vec![folder.path().into()], meter: load, scale };
    assert_eq!(run(&asked, &mut out), 0);
    let lines = String::from_utf8(out).unwrap();
    let ours: BTreeMap<String, Value> = lines
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            (line["file"].as_str().unwrap().split_once("elec_rates/").unwrap().1.to_owned(), line)
        })
        .collect();
    let (mut agreed, mut refused) = (0, 0);
    for theirs in &golden {
        let name = theirs["f"].as_str().unwrap();
        let ours = &ours[name];
        if ours["refused"] != serde_json::json!([]) {
            // Steps of kWh and of kWh/kW in one period: two engines of the referee itself differ.
            assert_eq!(theirs["agree"], false, "{name} is refused: {}", ours["refused"]);
            refused += 1;
            continue;
        }
        for column in ["energy", "minimum", "total"] {
            agree(&format!("{name}: {column}"), &ours[column], &theirs[column]);
        }
        for lost in theirs["loss"].as_array().unwrap() {
            assert!(ours["loss"].as_array().unwrap().contains(lost), "{name}: {lost} is not told");
        }
        agreed += 1;
    }
    assert_eq!((agreed, refused), (352, 3));
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_billed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "a.json",
        r#"{"items": [{"name": "A", "flatdemandstructure": [[{"rate": 2}]], "flatdemandmonths": [0,0,0,0,0,0,0,0,0,0,0,0]}]}"#,
    );
    write("b.json", "no json");
    write("c.json", r#"{"energyratestructure": [[{"rate": 1, "max": 5, "unit": "GWh"}, {"rate": 2}]]}"#);
    write("notes.txt", "not a rate");
    let load = folder.path().join("load.csv");
    std::fs::write(&load, format!("kw\n{}", "100\n".repeat(8_760))).unwrap();
    let mut out = Vec::new();
    let asked = Asked { rates: vec![folder.path().into()], meter: load.clone(), scale: "0.5".into() };
    assert_eq!(run(&asked, &mut out), 0);
    let out = String::from_utf8(out).unwrap();
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(months(&lines[0]["total"]), [100.0; 12]);
    assert_eq!(lines[1]["refused"], serde_json::json!(["energyratestructure"]));
    let fields = ["energyratestructure.unit", "energyweekdayschedule", "energyweekendschedule"];
    assert_eq!(lines[2]["refused"], serde_json::json!(fields));
    assert_eq!(lines.len(), 3);

    let nowhere = Asked { rates: vec![folder.path().join("d.json")], meter: load.clone(), scale: "1".into() };
    assert_eq!(run(&nowhere, &mut Vec::new()), 2);
    std::fs::write(&load, "kw\n1\n2\n").unwrap();
    assert_eq!(run(&Asked { rates: vec![], meter: load, scale: "1".into() }, &mut Vec::new()), 2);
}

#[test]
fn every_rate_that_is_imported_reads_back_as_it_was() {
    let Some(rates) = shared("urdb") else { return };
    let folder = tempfile::tempdir().unwrap();
    unpacked(folder.path());
    let mut files = Vec::new();
    let mut folders = vec![rates, folder.path().to_owned()];
    while let Some(next) = folders.pop() {
        for path in std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() && !path.ends_with("golden") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    }
    assert_eq!(files.len(), 375);
    let mut refused = 0;
    for rate in files {
        let asked = import::Asked { rate, timezone: Some("America/Chicago".into()), interval: Some(60) };
        match import::told(&asked) {
            Ok(told) => {
                let lost = told.aside.join("\n");
                assert!(lost.contains("reads back as the rate"), "{}: {lost}", asked.rate.display());
            }
            Err(why) => {
                assert!(why.why.contains("cannot be billed as it is written, because of: "), "{}", why.why);
                refused += 1;
            }
        }
    }
    // Steps of kWh and of kWh/kW in one period, and demand in horsepower.
    assert!(refused < 10, "{refused} are refused");
}
