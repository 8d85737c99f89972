//! `ballast probe` before emulated miners of all four firmwares: what it says where all is as the file says and where it is not, and that
//! it leaves every miner and every outlet as it was.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballast::emulate::{Emulator, Lie};
use ballast::plant::{Curves, HallLoad, Plant, Series};
use ballast::site::{Site, file};
use ballast::time::{Clock, Mono};
use ballast::units::Share;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::probed;
use crate::emulate::profiles;

const SITE: &str = include_str!("../../sites/firmware.toml");
const ROWS: [&str; 4] = ["luxos", "whatsminer", "braiins", "antminer"];
const UNITS: usize = 4;
/// The longest any of these waits for something to become true.
const PATIENCE: Duration = Duration::from_secs(30);

/// The shipped site with four miners a row, all with power and mining, at addresses that no other test has.
pub(super) struct Hall {
    text: String,
    site: Site,
    plant: Arc<Mutex<Plant>>,
    emulator: Emulator,
}

impl Hall {
    pub(super) fn new(test: u8) -> Self {
        let rows = SITE.replace("miners = 8", "miners = 4").replace("outlets = 8", "outlets = 4");
        // Without low power: tests give rows another firmware, and other watts.
        let rows: String = rows.split_inclusive('\n').filter(|line| !line.starts_with("low = ")).collect();
        // Row and miner in the last byte, the test in the one before.
        let text = [1, 2, 3, 4].iter().fold(rows, |text, row| {
            let miners = text.replace(&format!("127.70.{row}.{{unit+10}}"), &format!("127.76.{test}.{{unit+{row}0}}"));
            miners.replace(&format!("127.70.{row}.1:"), &format!("127.76.{test}.{}:", row + 3))
        });
        let text = text.replace("127.70.0.", &format!("127.76.{test}."));
        let site = file::load("miners.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
        let load = HallLoad::recorded(&site.hall, Series::steady(Share::from_ppm(500_000)));
        let curves = Curves { boot: Duration::ZERO, ramp: Duration::ZERO, ..Curves::brisk() };
        let mut plant = Plant::with(&site, 1, load, curves);
        (0..ROWS.len()).for_each(|row| plant.switch(row, 0b1111));
        let plant = Arc::new(Mutex::new(plant));
        let running =
            Emulator::start(&site, (&profiles(), &[]), Arc::clone(&plant), Clock::start(), &Handle::current());
        let hall = Self { text, site, plant, emulator: running.unwrap() };
        hall.until("all mine", |hall| (0..ROWS.len()).all(|row| (0..UNITS).all(|unit| hall.drawn(row, unit) > 3_000)));
        hall
    }

    /// The file with this replaced in the part of one group.
    fn file_with(&self, changes: &[(&str, &str, &str)]) -> String {
        let mut parts: Vec<String> = self.text.split("[[group]]").map(str::to_owned).collect();
        for (row, from, to) in changes {
            let part = parts.iter_mut().find(|part| part.contains(&format!("name = \"{row}\"\nfeeder"))).unwrap();
            assert!(part.contains(from), "{from} in {part}");
            *part = part.replace(from, to);
        }
        parts.join("[[group]]")
    }

    fn drawn(&self, row: usize, unit: usize) -> i64 {
        self.plant.lock().unwrap().shown_outlets(row)[unit].watts()
    }

    fn address(&self, row: usize, unit: usize) -> IpAddr {
        self.site.groups[row].firmware.as_ref().unwrap().addresses[unit]
    }

    /// Whether any of the ports of a stock Antminer is open.
    fn listens(&self, row: usize, unit: usize) -> bool {
        [80, 4028].iter().any(|port| TcpStream::connect((self.address(row, unit), *port)).is_ok())
    }

    /// Outlets that are on, and miners that were told to sleep, by row.
    pub(super) fn standing(&self) -> Vec<(u64, Vec<bool>)> {
        let plant = self.plant.lock().unwrap();
        let asleep = |row| (0..UNITS).map(|unit| plant.miner(row, unit).unwrap().asleep).collect();
        (0..ROWS.len()).map(|row| (plant.outlets(row), asleep(row))).collect()
    }

    fn lie(&self, row: usize, unit: usize, lie: Lie) {
        self.emulator.lie(row, unit, Some(lie));
    }

    /// What the probe says with this file, and that it changed nothing.
    fn probed(&self, text: &str) -> (Value, i32) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("miners.toml");
        std::fs::write(&file, text).unwrap();
        let before = self.standing();
        let said = probed(&file);
        assert_eq!(self.standing(), before, "it commands nothing: {:#}", said.0);
        said
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let clock = Clock::start();
        while !holds(self) {
            assert!(clock.mono().since(Mono::START) < PATIENCE, "{what}: not in time: {:?}", self.standing());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// One command of LuxOS, and its answer.
    fn luxos(&self, unit: usize, command: &str, parameter: &str) -> Value {
        let mut stream = TcpStream::connect(SocketAddr::new(self.address(0, unit), 4028)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{}", json!({"command": command, "parameter": parameter})).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

fn row<'a>(said: &'a Value, name: &str) -> &'a Value {
    said["groups"].as_array().unwrap().iter().find(|row| row["group"] == name).unwrap()
}

/// What is said of a miner, or of all of a row where there is no unit.
#[track_caller]
fn finds(said: &Value, name: &str, unit: Option<usize>, words: &str) {
    let row = row(said, name);
    let of = unit.map_or(row, |unit| &row["miners"][unit]);
    let findings = of["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding.as_str().unwrap().contains(words)), "{words}: {row:#}");
    assert_eq!((&row["fine"], unit.map_or(&false.into(), |_| &of["fine"])), (&false.into(), &false.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn miners_of_every_firmware_are_met_and_nothing_is_commanded() {
    let hall = Hall::new(1);
    hall.plant.lock().unwrap().sleep(0, 1, true);
    hall.until("one sleeps", |hall| hall.drawn(0, 1) < 31);
    let (said, code) = hall.probed(&hall.text);
    for name in ROWS {
        let row = row(&said, name);
        assert_eq!((&row["reached"], &row["of"]), (&4.into(), &4.into()), "{row:#}");
        let (miners, pdu) = (row["miners_w"].as_i64().unwrap(), row["pdu_w"].as_i64().unwrap());
        assert!(miners > 10_000 && (miners - pdu).abs() < 100, "{row:#}");
        assert!(row["miners"].as_array().unwrap().iter().all(|miner| miner["fine"] == true), "{row:#}");
        assert_eq!(row["fine"], true, "{row:#}");
        assert!(
            row["miners"].as_array().unwrap().iter().all(|miner| miner["clock_ahead_s"].as_i64().unwrap().abs() < 5)
        );
    }
    assert_eq!(row(&said, "luxos")["miners"][1]["state"], "asleep");
    assert_eq!(row(&said, "antminer")["models"][0], json!({"name": "Antminer S21", "miners": 4}));
    let remark = row(&said, "whatsminer")["remarks"][0].as_str().unwrap();
    assert!(remark.contains("its miners run 2 versions (2 "), "{remark}");
    assert_eq!(code, 0, "two versions in one row are told, and are no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_is_told_with_what_it_breaks() {
    let hall = Hall::new(4);
    hall.lie(1, 2, Lie::Clock(Duration::from_secs(3_600)));
    hall.lie(2, 1, Lie::Clock(Duration::from_secs(90)));
    (0..UNITS).for_each(|unit| hall.lie(3, unit, Lie::Clock(Duration::from_secs(86_400))));
    let (said, code) = hall.probed(&hall.text);
    assert_eq!(code, 1);
    finds(&said, "whatsminer", Some(2), "behind this machine's, and the tokens of its commands are made of the time");
    finds(&said, "braiins", Some(1), "s behind this machine's: its log will not fit the journal");
    finds(&said, "antminer", None, "24 h behind this machine's: look at this machine's clock first");
    assert_eq!(row(&said, "luxos")["fine"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_the_file_says_is_named_miner_by_miner() {
    let hall = Hall::new(2);
    hall.plant.lock().unwrap().switch(3, 0b1011);
    hall.until("who has no power listens no more", |hall| !hall.listens(3, 2));
    hall.lie(2, 1, Lie::Refuses);
    let text = hall.file_with(&[
        ("luxos", "watts = \"3.5 kW\"", "watts = \"2 kW\""),
        ("whatsminer", "firmware = \"whatsminer\"", "firmware = \"antminer\""),
    ]);
    let (said, code) = hall.probed(&text);
    assert_eq!(code, 1);
    for unit in 0..UNITS {
        finds(&said, "luxos", Some(unit), "it says 3.5 kW, and `watts` is 2.0 kW");
        finds(&said, "whatsminer", Some(unit), "its firmware is antminer, and it runs whatsminer; correct `firmware`");
    }
    finds(&said, "braiins", Some(1), "it does not let us in; check `login` in the site file");
    finds(&said, "antminer", Some(2), "not reached, and the PDU shows its outlet off");
    assert_eq!(row(&said, "braiins")["miners"][0]["fine"], true);
    assert_eq!(row(&said, "antminer")["miners"][3]["fine"], true);
    let pdu = super::device(&said, "luxos");
    assert_eq!(pdu["fine"], true, "it shows what its miners say: {pdu:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_miner_that_says_it_sleeps_and_draws_on_is_betrayed_by_its_pdu() {
    let hall = Hall::new(3);
    hall.lie(0, 2, Lie::Believed);
    let id = hall.luxos(2, "logon", "")["SESSION"][0]["SessionID"].as_str().unwrap().to_owned();
    hall.luxos(2, "curtail", &format!("{id},sleep"));
    hall.luxos(2, "logoff", &id);
    hall.lie(0, 0, Lie::Busy);
    hall.lie(1, 1, Lie::Dumb);
    let (said, code) = hall.probed(&hall.text);
    assert_eq!(code, 1);
    assert_eq!(row(&said, "luxos")["miners"][2]["state"], "asleep", "so it says");
    finds(&said, "luxos", None, "one that says that it sleeps draws on");
    finds(&said, "luxos", Some(0), "another manager holds the miner's only session");
    finds(&said, "whatsminer", Some(1), "not reached: no answer in time; check its network");
    assert_eq!(row(&said, "braiins")["fine"], true, "{said:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_firmware_is_corrected_where_all_of_a_row_say_the_same_and_noted_where_not() {
    let hall = Hall::new(6);
    let all = hall.file_with(&[
        ("whatsminer", "firmware = \"whatsminer\"", "firmware = \"antminer\" # as bought"),
        ("luxos", "watts = \"3.5 kW\"", "watts = \"2 kW\""),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let (site, mended) = (folder.path().join("site.toml"), folder.path().join("mended.toml"));
    std::fs::write(&site, &all).unwrap();
    let before = hall.standing();
    let probe = std::process::Command::new(env!("CARGO_BIN_EXE_ballast"))
        .arg("probe")
        .arg(&site)
        .args(["--json", "--write"])
        .arg(&mended)
        .output()
        .unwrap();
    assert_eq!(hall.standing(), before, "it commands nothing");
    assert!(serde_json::from_slice::<Value>(&probe.stdout).is_ok(), "what it changed is told beside the JSON");
    let text = std::fs::read_to_string(&mended).unwrap();
    let new =
        "firmware = \"whatsminer\" # as bought  # probe: was \"antminer\"; response, proof and asleep were for that";
    assert!(text.contains(new), "{text}");
    assert!(text.contains("watts = \"2 kW\""), "nobody can know a nameplate");
    assert!(text.contains("# probe: luxos.1 to luxos.4: it says 3.5 kW, and `watts` is 2.0 kW"), "{text}");
    assert_eq!(text.matches("# probe: ").count(), 2, "{text}");
    std::fs::write(&site, &text).unwrap();
    assert_eq!(row(&probed(&site).0, "whatsminer")["fine"], true);
}
