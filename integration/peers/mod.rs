//! Real third-party clients and servers on the other end of the wire: nobody here wrote them, so they share none of our mistakes.
//!
//! `client.py`, `container.py` and `server.py` use pymodbus with register addresses of their own; `sunspec.py` is pysunspec2, which needs none; `miners.py` is four clients of
//! miners; `mbpoll` is the command line client of Debian; `alive.py` is pymodbus with a watchdog, `tls_server.py` and `tls_client.py` by TLS, beside openssl.
//! A peer that is missing is a failure, never a skip: `integration/test` brings them.

mod alive;
mod certificates;
pub(crate) mod miners;
pub(crate) mod process;
pub(crate) mod site;
mod tls;
mod wires;

use std::path::Path;

use serde_json::Value;

use process::{Process, ballast, mbpoll, python};
use site::{LIMIT_W, Small};

/// When the hall of the pymodbus site rises, after the first request; the controller has filled the site by then.
const RISE_AT_S: f64 = 9.0;
/// The site file's `within`.
const WITHIN_S: f64 = 2.0;
/// A meter of class 0.5 % on each side of the balance, and what moves between two reads.
const NOISE: f64 = 0.03;

fn emulated(small: &Small, folder: &Path) -> Process {
    let file = small.write(folder);
    let mut emulator = ballast(&["emulate", &file, "--seed", "7"]).start();
    emulator.listens_on(&small.address("poi"));
    emulator.listens_on(&small.address("gude"));
    emulator
}

#[test]
fn pymodbus_reads_the_emulated_meters_and_switches_an_emulated_outlet() {
    let folder = tempfile::tempdir().unwrap();
    let small = Small::new(1);
    let emulator = emulated(&small, folder.path());
    let client = python("client.py", &small.client_view(NOISE)).start();
    let seen = client.ends_well();
    drop(emulator);
    let seen: Value = serde_json::from_str(seen.trim()).unwrap();
    assert!(seen["netio_off_s"].is_number() && seen["gude_off_s"].is_number(), "{seen}");
}

#[test]
fn pymodbus_logs_in_to_an_emulated_container_and_switches_its_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let small = Small::new(6);
    let file = small.write_container(folder.path());
    let mut emulator = ballast(&["emulate", &file, "--seed", "7"]).start();
    emulator.listens_on(&small.address("gateway"));
    let view = serde_json::json!({"gateway": small.address("gateway"), "user": "admin", "password": "secret"});
    let seen = python("container.py", &view.to_string()).start().ends_well();
    drop(emulator);
    let seen: Value = serde_json::from_str(seen.trim()).unwrap();
    assert_eq!(seen["switched"], serde_json::json!([[9, 3], [10, 8]]), "{seen}");
}

#[test]
fn pysunspec2_scans_an_emulated_meter_and_understands_its_watts() {
    let folder = tempfile::tempdir().unwrap();
    let small = Small::new(10);
    let file = small.write(folder.path());
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("schneider-pm5xxx", "sunspec-meter")).unwrap();
    let mut emulator = ballast(&["emulate", &file, "--seed", "7"]).start();
    emulator.listens_on(&small.address("house"));
    let view = serde_json::json!({"meter": small.address("house")});
    let seen = python("sunspec.py", &view.to_string()).start().ends_well();
    drop(emulator);
    let seen: Value = serde_json::from_str(seen.trim()).unwrap();
    assert_eq!((&seen["models"], &seen["maker"]), (&serde_json::json!([1, 201]), &"Ballast".into()), "{seen}");
    let watts = seen["watts"].as_f64().unwrap();
    assert!(watts > 1_000.0 && watts < 7_000.0, "{seen}");
    assert_eq!(seen["amperes"], Value::Null, "what is not measured is no number: {seen}");
}

#[test]
fn mbpoll_reads_the_emulated_poi_meter() {
    let folder = tempfile::tempdir().unwrap();
    let small = Small::new(2);
    let emulator = emulated(&small, folder.path());
    let (host, port) = small.host_and_port("poi");
    // -0: addresses count from 0, as on the wire; -B: the high word first; -1: ask once; -t 4:float: function 3, float32.
    let seen = mbpoll(&[
        "-m", "tcp", "-a", "1", "-0", "-r", "12322", "-c", "1", "-t", "4:float", "-B", "-1", "-p", &port, &host,
    ]);
    let seen = seen.start().ends_well();
    drop(emulator);
    let watts: f64 =
        seen.lines().find_map(|line| line.strip_prefix("[12322]:")).expect("mbpoll shows it").trim().parse().unwrap();
    assert!(watts > 0.0 && watts <= LIMIT_W, "{watts} W at the POI");
}

#[test]
fn the_controller_fills_and_sheds_a_pymodbus_site_and_holds_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let small = Small::new(3);
    let file = small.write(folder.path());
    let mut server = python("server.py", &small.server_view(RISE_AT_S)).start();
    assert_eq!(server.line(), "ready");
    let journal = folder.path().join("journal").display().to_string();
    let run =
        ballast(&["run", &file, "--for", "15s", "--headless", "--json", "--port", "0", "--journal", &journal]).start();
    let summary = run.ends_well();
    let log = Log::read(&server.stops_when_its_input_ends());

    let at_rise = log.rise["outlets_on"].as_u64().expect("the controller reads until the hall rises");
    let fits_after = small.outlets_beside_the_risen_hall();
    assert!(at_rise > fits_after, "{at_rise} outlets on before the hall rose; {fits_after} fit after it");
    assert!(log.peak_w() <= LIMIT_W, "{} W drawn, the limit is {LIMIT_W} W", log.peak_w());
    let shed = log.switches_off_between(log.rise_at(), log.rise_at() + WITHIN_S);
    assert!(at_rise - shed <= fits_after, "{at_rise} outlets on, {shed} shed in time, {fits_after} fit");
    for device in ["poi", "hall", "house", "netio", "gude"] {
        assert!(log.summary["reads"][device].as_u64().unwrap_or(0) >= 10, "{device} was hardly read: {}", log.summary);
    }
    let last = summary.lines().rfind(|line| !line.trim().is_empty()).expect("the run ends with a summary");
    assert!(serde_json::from_str::<Value>(last).is_ok_and(|summary| summary.is_object()), "not JSON: {last}");
}

/// What `server.py` itself saw.
struct Log {
    switches: Vec<Value>,
    /// The moment the hall rose; null where it did not.
    rise: Value,
    summary: Value,
}

impl Log {
    fn read(text: &str) -> Self {
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
        let one = |key: &str| lines.iter().find(|line| line[key] == true).cloned().unwrap_or_default();
        let switches = lines.iter().filter(|line| line["switch"].is_string()).cloned().collect();
        Self { switches, rise: one("rise"), summary: one("summary") }
    }

    fn rise_at(&self) -> f64 {
        self.rise["t"].as_f64().unwrap()
    }

    fn peak_w(&self) -> f64 {
        self.summary["peak_w"].as_f64().unwrap()
    }

    /// Outlets switched off less those switched on again.
    fn switches_off_between(&self, from: f64, to: f64) -> u64 {
        let within = |line: &&Value| line["t"].as_f64().is_some_and(|t| t >= from && t <= to);
        let (on, off): (Vec<&Value>, Vec<&Value>) =
            self.switches.iter().filter(within).partition(|line| line["on"] == true);
        (off.len() as u64).saturating_sub(on.len() as u64)
    }
}
