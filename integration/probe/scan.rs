//! `ballast probe --scan` before every register map that ships, on real sockets, and from what it found to a site file that runs.

use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use ballast::devices::profile::{Kind, Profile, SHIPPED};
use ballast::emulate::Emulator;
use ballast::plant::{Curves, HallLoad, Plant, Series};
use ballast::site::file;
use ballast::time::{Clock, Mono};
use ballast::units::Share;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::emulate::profiles;

const SITE: &str = include_str!("../../sites/firmware.toml");

fn scan(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ballast")).args(["probe", "--scan"]).args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// A site on the wire whose hall has this meter, or whose first row this PDU; with what keeps it there.
fn with_map(net: &str, name: &str, kind: Kind) -> Emulator {
    let rows = SITE.split("[[group]]").next().unwrap().replace("127.70.", net);
    let hall = "name = \"hall-meter\"\nprofile = \"acuvim-ii\"";
    let rows = if kind == Kind::Meter { rows.replace(hall, &hall.replace("acuvim-ii", name)) } else { rows };
    let pdu = if kind == Kind::Pdu { name } else { "netio-powerpdu" };
    let group = format!(
        "[[group]]\nname = \"row\"\nfeeder = \"row\"\nminers = 8\noutlets = 8\nwatts = \"3.5 kW\"\nefficiency = \"17.5 J/TH\"\n\
         [[group.path]]\nkind = \"outlets\"\nprofile = \"{pdu}\"\naddress = \"{net}1.1:5020\"\nresponse = \"250 ms\"\nproof = \"2 s\"\n\
         comms_loss = \"holds\"\n"
    );
    let site = file::load("maps.toml", &format!("{rows}{group}")).unwrap_or_else(|problems| panic!("{problems}"));
    let load = HallLoad::recorded(&site.hall, Series::steady(Share::from_ppm(500_000)));
    let curves = Curves { boot: std::time::Duration::ZERO, ramp: std::time::Duration::ZERO, ..Curves::brisk() };
    let mut plant = Plant::with(&site, 1, load, curves);
    plant.switch(0, 0b1010_1010);
    plant.advance(Mono::from_millis(60_000));
    let plant = Arc::new(Mutex::new(plant));
    Emulator::start(&site, (&profiles(), &[]), plant, Clock::start(), &Handle::current()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_map_that_ships_is_found_at_a_device_that_is_one() {
    let mut running = Vec::new();
    for (ix, (name, text)) in SHIPPED.iter().enumerate() {
        let kind = Profile::parse(name, text).unwrap().kind;
        if kind == Kind::Relay {
            continue;
        }
        running.push((*name, kind, with_map(&format!("127.{}.", 140 + ix), name, kind)));
    }
    for (name, kind, _running) in &running {
        let ix = SHIPPED.iter().position(|(other, _)| other == name).unwrap();
        let place = if *kind == Kind::Meter { "0.2" } else { "1.1" };
        let at = format!("127.{}.{place}:5020", 140 + ix);
        let said = json(&scan(&[&at, "--json"]));
        let device = &said["devices"][0];
        let may_be: Vec<&str> =
            device["may_be"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        // A device that finds its place by itself is the same as one that has it where most have.
        let found = may_be.contains(name) || (*name == "sunspec-203" && may_be == ["sunspec-meter"]);
        assert!(found, "{name}: {said:#}");
        assert!(may_be.len() <= 2, "{name}: {said:#}");
        assert_eq!(device["to_any_unit"], true, "{name}");
    }
}

#[test]
fn nobody_is_asked_outside_of_what_was_named_and_what_is_no_range_is_refused() {
    let nobody = scan(&["127.139.0.0/30", "--json"]);
    assert_eq!((nobody.status.code(), json(&nobody)["asked"].as_u64()), (Some(1), Some(2)));
    for (wrong, words) in [
        (&["10.0.0.0/8"][..], "more than the 4096 of one scan"),
        (&["here"], "is no range of IPv4 addresses; write 10.0.0.0/24"),
        (&["127.139.0.1", "--units", "0-x"], "are no unit ids; write 1-4"),
        (&["127.139.0.1", "--write", "/"], "is there already"),
    ] {
        let refused = scan(wrong);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && said.contains(words), "{said}");
    }
}

#[test]
fn who_takes_a_connection_and_never_answers_is_named() {
    let listener = std::net::TcpListener::bind("127.138.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let said = json(&scan(&[&address, "--units", "1-2", "--json"]));
    assert_eq!(said["devices"], Value::Array(vec![]));
    assert_eq!(
        (&said["mute"][0]["address"], &said["mute"][0]["fault"]),
        (&address.into(), &"no answer in time".into())
    );
}

#[cfg(feature = "miners")]
mod from_nothing {
    use std::path::Path;

    use super::*;
    use crate::probe::miners::Hall;

    /// What a person who stands there would write, by table and key.
    const KNOWN: [(&str, &str, &str); 25] = [
        ("[site]", "name", "\"new\""),
        ("[poi]", "import_limit", "\"400 kW\""),
        ("[poi]", "within", "\"15 s\""),
        ("[poi]", "ramp", "\"20 kW/s\""),
        ("[poi]", "meter", "\"meter-1\""),
        ("[poi.guard]", "kind", "\"relay\"\ntrips_within = \"2 s\""),
        ("[hall]", "nameplate", "\"300 kW\""),
        ("[hall]", "slew", "\"20 kW/s\""),
        ("[hall]", "step", "\"3 kW\""),
        ("[hall]", "meter", "\"meter-2\""),
        ("[house]", "nameplate", "\"20 kW\""),
        ("[house]", "slew", "\"2 kW/s\""),
        ("[house]", "step", "\"1 kW\""),
        ("[house]", "meter", "\"meter-3\""),
        ("[restore]", "ramp", "\"10 kW/s\""),
        ("[restore]", "batch", "\"14 kW\""),
        ("[economics]", "hashprice", "\"45 USD/PH/day\""),
        ("[economics]", "pool_fee", "\"2 %\""),
        ("[economics]", "price_lost", "\"run\""),
        ("[[group]]", "miners", "4"),
        ("[[group]]", "watts", "\"3.5 kW\""),
        ("[[group]]", "efficiency", "\"17.5 J/TH\""),
        ("[[group.path]]", "response", "\"250 ms\""),
        ("[[group.path]]", "proof", "\"2 s\""),
        ("[[group.path]]", "asleep", "\"60 W\""),
    ];

    /// The draft with every blank filled in.
    fn filled(draft: &str) -> String {
        let mut table = "";
        let mut out = String::new();
        for line in draft.lines() {
            if line.starts_with('[') {
                table = line.split(' ').next().unwrap();
            }
            let blank = line.contains("TO BE FILLED IN") && !line.starts_with('#') && line.contains(" = ");
            let new = if blank {
                let key = line.split(' ').next().unwrap();
                let known = KNOWN.iter().find(|(of, name, _)| (*of, *name) == (table, key));
                format!("{key} = {}", known.unwrap_or_else(|| panic!("{table} {line}")).2)
            } else {
                line.to_owned()
            };
            out.push_str(&new);
            out.push('\n');
        }
        out
    }

    fn ballast(arguments: &[&str]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_ballast")).args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_scan_filled_in_is_a_site_that_checks_and_is_as_the_probe_finds_it() {
        let hall = Hall::new(5);
        let before = hall.standing();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new.toml");
        let path = file.to_str().unwrap();
        let range = ["127.76.5.1-7:5020", "127.76.5.8-50", "--write", path];
        let output = scan(&range);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(hall.standing(), before, "a scan switches nothing and puts nobody to sleep");
        assert!(said.contains("7 meters and PDUs, 16 miners"), "{said}");
        assert!(said.contains("TO BE FILLED IN. Fill them in"), "nothing else is wrong with it: {said}");
        let draft = std::fs::read_to_string(&file).unwrap();
        for (firmware, first) in [("luxos", 10), ("whatsminer", 20), ("braiins", 30), ("antminer", 40)] {
            let path = format!("# firmware = \"{firmware}\"");
            assert!(draft.contains(&path) && draft.contains(&format!("127.76.5.{{unit+{first}}}")), "{draft}");
        }
        let (code, told) = ballast(&["check", path]);
        assert!(code == 1 && told.contains("import_limit: `?` is not a number with a unit"), "{told}");
        std::fs::write(&file, filled(&draft)).unwrap();
        let (code, told) = ballast(&["check", path]);
        assert_eq!(code, 0, "{told}\n{}", filled(&draft));
        let (code, told) = ballast(&["probe", path]);
        assert_eq!(code, 0, "{told}");
        assert!(Path::new(path).exists() && ballast(&["probe", "--scan", "127.76.5.1:5020", "--write", path]).0 == 2);
    }
}
