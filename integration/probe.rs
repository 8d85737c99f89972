//! `ballast probe`: what it says of a site that is as its files say, and of one whose device file has a mistake. Each mistake that people
//! make with a register map, one at a time, in the file that only the probe has. Miners are in `miners`, what is proposed in
//! `write`, addresses of which nothing is known in `scan`.

#[cfg(feature = "miners")]
mod miners;
mod scan;
mod write;

use std::path::Path;
use std::process::Command;

use ballast::devices::Profile;
use serde_json::Value;

use crate::peers::process::{Process, ballast, python};
use crate::peers::site::Small;

/// What the probe says as JSON, and its exit code.
fn probed(file: &Path) -> (Value, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_ballast")).arg("probe").arg(file).arg("--json").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let json = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    (json, output.status.code().unwrap())
}

fn device<'a>(said: &'a Value, name: &str) -> &'a Value {
    said["devices"].as_array().unwrap().iter().find(|device| device["name"] == name).unwrap()
}

fn emulated(small: &Small, folder: &Path) -> (Process, String) {
    let file = small.write(folder);
    let mut emulator = ballast(&["emulate", &file, "--seed", "7"]).start();
    emulator.listens_on(&small.address("gude"));
    (emulator, file)
}

#[test]
fn a_pymodbus_site_is_as_its_files_say() {
    let folder = tempfile::tempdir().unwrap();
    let small = Small::new(7);
    let file = small.write(folder.path());
    let mut server = python("server.py", &small.server_view(1e6)).start();
    assert_eq!(server.line(), "ready");
    let (said, code) = probed(Path::new(&file));
    assert_eq!(code, 0, "{said:#}");
    assert_eq!(device(&said, "poi-meter")["power_w"], 25_000);
    assert_eq!(device(&said, "house-meter")["power_w"], 5_000);
    assert!(server.stops_when_its_input_ends().contains("summary"), "nothing was switched");
}

#[test]
fn each_mistake_in_a_device_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (_emulator, file) = emulated(&Small::new(8), folder.path());
    let file = Path::new(&file);
    let (said, code) = probed(file);
    assert_eq!(code, 0, "{said:#}");
    // The hall's meter alone gets the wrong file.
    let text = std::fs::read_to_string(file).unwrap();
    let of_hall = "name = \"hall-meter\"\nprofile = \"acuvim-ii\"";
    std::fs::write(file, text.replace(of_hall, &of_hall.replace("acuvim-ii", "hall-wrong"))).unwrap();
    std::fs::create_dir(folder.path().join("devices")).unwrap();
    let right = Profile::builtin("acuvim-ii").unwrap();
    let (right, _) = right.split_once("[[check]]").unwrap();
    let mistakes = [
        ("order = \"big\"", "order = \"little\"", "the words the other way round", "[0xE600, 0x4A2A]"),
        ("unit = \"W\"", "unit = \"kW\"", "in watts where the file says kilowatts", "[0x452F, 0x0000]"),
        ("import = \"positive\"", "import = \"negative\"", "import as the other sign", "[0xCA2A, 0xE600]"),
        ("address = 12322", "address = 12323", "one register before", "[0x4A2A, 0xE600]"),
        ("base = 0", "base = 1", "one register after", "[0x4A2A, 0xE600]"),
    ];
    for (line, wrong, named, words) in mistakes {
        // Its golden words are as wrong as it is: nobody who makes the mistake is told by them.
        let check = format!("[[check]]\npoint = \"power\"\nwords = {words}\nvalue = \"2.8 MW\"\n");
        let text = [&right.replace(line, wrong), &check[..]].concat();
        std::fs::write(folder.path().join("devices/hall-wrong.toml"), text).unwrap();
        let (said, code) = probed(file);
        let hall = device(&said, "hall-meter");
        assert_eq!((code, &hall["fine"]), (1, &false.into()), "{wrong}: {said:#}");
        let mistake = hall["explained"][0]["mistake"].as_str().unwrap_or_else(|| panic!("{wrong}: {hall:#}"));
        assert!(mistake.contains(named), "{wrong}: {hall:#}");
        for other in ["poi-meter", "house-meter", "netio", "gude"] {
            assert_eq!(device(&said, other)["fine"], true, "{wrong}: {said:#}");
        }
    }
}

#[test]
fn a_device_that_is_not_there_is_named_with_what_to_look_at() {
    let folder = tempfile::tempdir().unwrap();
    let (_emulator, file) = emulated(&Small::new(9), folder.path());
    let text = std::fs::read_to_string(&file).unwrap();
    let gone = Small::new(9).address("gateway");
    std::fs::write(&file, text.replace(&Small::new(9).address("house"), &gone)).unwrap();
    let (said, code) = probed(Path::new(&file));
    let house = device(&said, "house-meter");
    assert_eq!((code, &house["fine"]), (1, &false.into()), "{said:#}");
    assert!(
        house["findings"][0].as_str().unwrap().contains("no connection; check its power, address and port"),
        "{house:#}"
    );
    assert_eq!(device(&said, "hall-meter")["fine"], true, "the others are judged for themselves");
}
