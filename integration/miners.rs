//! Emulated miners byte by byte: dark ones refuse, told ones sleep, and liars are seen only at their outlet. That clients of others believe
//! them is in `peers`.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballast::emulate::{CannotStart, Emulator, Lie};
use ballast::plant::{Miner, MinerPhase, Plant};
use ballast::site::{Firmware, Site};
use ballast::time::{Clock, Mono};
use ballast::units::Power;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::emulate::profiles;
use crate::peers::miners::{brisk, fleet};

/// The longest any of these waits for something to become true.
const PATIENCE: Duration = Duration::from_secs(10);

struct Fleet {
    site: Site,
    plant: Arc<Mutex<Plant>>,
    emulator: Emulator,
}

impl Fleet {
    /// Eight miners, of which the first two have power and mine.
    fn mining(test: u8, firmware: Firmware) -> Self {
        let fleet = Self::dark(test, firmware);
        fleet.switch(0b11);
        fleet.until("two mine", |fleet| (0..2).all(|unit| fleet.drawn(unit) > 3_400));
        fleet.until("they answer", |fleet| fleet.connect(0, 4028).is_ok() && fleet.connect(1, 4028).is_ok());
        fleet
    }

    fn dark(test: u8, firmware: Firmware) -> Self {
        let site = fleet(test, firmware, 3_500, 17_500);
        let plant = brisk(&site);
        let clock = Clock::start();
        let emulator = Emulator::start(&site, (&profiles(), &[]), Arc::clone(&plant), clock, &Handle::current());
        Self { emulator: emulator.unwrap(), site, plant }
    }

    fn address(&self, unit: usize) -> IpAddr {
        self.site.groups[0].firmware.as_ref().unwrap().addresses[unit]
    }

    fn switch(&self, on: u64) {
        self.plant.lock().unwrap().switch(0, on);
    }

    fn seen(&self, unit: usize) -> Miner {
        self.plant.lock().unwrap().miner(0, unit).unwrap()
    }

    /// What the outlet shows.
    fn drawn(&self, unit: usize) -> i64 {
        self.plant.lock().unwrap().shown_outlets(0)[unit].watts()
    }

    fn lie(&self, unit: usize, lie: Lie) {
        self.emulator.lie(0, unit, Some(lie));
    }

    fn connect(&self, unit: usize, port: u16) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(SocketAddr::new(self.address(unit), port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// What comes back on port 4028, to its end.
    fn raw(&self, unit: usize, request: &str) -> std::io::Result<Vec<u8>> {
        let mut stream = self.connect(unit, 4028)?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn ask(&self, unit: usize, command: &str, parameter: &str) -> Value {
        let request = json!({"command": command, "parameter": parameter}).to_string();
        serde_json::from_slice(&self.raw(unit, &request).unwrap()).unwrap()
    }

    /// Logs on to LuxOS, commands, logs off; the code of the answer.
    fn command(&self, unit: usize, command: &str, rest: &str) -> i64 {
        let id = self.ask(unit, "logon", "")["SESSION"][0]["SessionID"].as_str().unwrap().to_owned();
        let answer = self.ask(unit, command, &format!("{id},{rest}"));
        self.ask(unit, "logoff", &id);
        answer["STATUS"][0]["Code"].as_i64().unwrap()
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let clock = Clock::start();
        while !holds(self) {
            assert!(clock.mono().since(Mono::START) < PATIENCE, "{what}: not in time: {:?}", self.seen(0));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn watts(answer: &Value) -> i64 {
    answer["POWER"][0]["Watts"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_miner_without_power_refuses_and_a_cut_ends_its_connections() {
    let fleet = Fleet::dark(10, Firmware::Whatsminer);
    for port in [80, 4028, 4433] {
        assert_eq!(fleet.connect(0, port).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    fleet.switch(0b1);
    fleet.until("it boots", |fleet| fleet.seen(0).phase == MinerPhase::Boots);
    assert_eq!(fleet.connect(0, 4028).unwrap_err().kind(), ErrorKind::ConnectionRefused, "its control board starts");
    fleet.until("it answers", |fleet| fleet.connect(0, 4433).is_ok() && fleet.connect(0, 80).is_ok());
    let mut open = [fleet.connect(0, 4433).unwrap(), fleet.connect(0, 80).unwrap(), fleet.connect(0, 4028).unwrap()];
    assert!(fleet.connect(1, 4028).is_err(), "its neighbour is dark");
    fleet.switch(0);
    for stream in &mut open {
        let ended = stream.read(&mut [0; 8]);
        assert!(matches!(ended, Ok(0)) || ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    }
    fleet.until("it refuses again", |fleet| fleet.connect(0, 4028).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn luxos_sleeps_by_one_session_and_wakes_with_care_after_a_cut() {
    let fleet = Fleet::mining(11, Firmware::Luxos);
    let id = fleet.ask(0, "logon", "")["SESSION"][0]["SessionID"].as_str().unwrap().to_owned();
    let second = fleet.ask(0, "logon", "");
    assert_eq!((&second["STATUS"][0]["Code"], &second["STATUS"][0]["STATUS"]), (&402.into(), &"E".into()));
    assert_eq!(fleet.ask(0, "curtail", "wrong,sleep")["STATUS"][0]["STATUS"], "E");
    let sleep = fleet.ask(0, "curtail", &format!("{id},sleep"));
    assert_eq!(sleep["STATUS"][0]["Code"], 335);
    let again = fleet.ask(0, "curtail", &format!("{id},sleep"));
    assert_eq!(again["STATUS"][0]["Msg"], "Miner is already in sleep mode");
    fleet.ask(0, "logoff", &id);
    fleet.until("it is down", |fleet| fleet.drawn(0) <= 60);
    assert!((1..=60).contains(&watts(&fleet.ask(0, "power", ""))));
    assert_eq!(fleet.ask(0, "config", "")["CONFIG"][0]["CurtailMode"], "Sleep");

    fleet.switch(0b10);
    fleet.until("it is cut", |fleet| fleet.connect(0, 4028).is_err());
    fleet.switch(0b11);
    fleet.until("it is back", |fleet| fleet.connect(0, 4028).is_ok());
    assert_eq!(fleet.seen(0).phase, MinerPhase::Asleep, "sleep outlives a cut");
    assert_eq!(fleet.command(0, "curtail", "wakeup,mode=unsafe"), 338, "not after such a start");
    assert_eq!(fleet.command(0, "curtail", "wakeup"), 335);
    fleet.until("it mines", |fleet| fleet.drawn(0) > 3_400);
    assert_eq!(fleet.command(0, "curtail", "wakeup"), 337, "already active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_miner_that_says_yes_and_draws_on_is_seen_at_its_outlet() {
    let fleet = Fleet::mining(12, Firmware::Luxos);
    fleet.lie(0, Lie::SilentSuccess);
    fleet.lie(1, Lie::Believed);
    for unit in 0..2 {
        assert_eq!(fleet.command(unit, "curtail", "sleep"), 335, "it says that it was sent");
        assert_eq!(fleet.ask(unit, "config", "")["CONFIG"][0]["CurtailMode"], "Sleep");
    }
    assert!(watts(&fleet.ask(0, "power", "")) > 3_400, "its own watts still tell the truth");
    assert_eq!(watts(&fleet.ask(1, "power", "")), 20, "these lie too");
    assert_eq!(fleet.ask(1, "summary", "")["SUMMARY"][0]["GHS 5s"], 0.0);
    let outlets = [fleet.drawn(0), fleet.drawn(1)];
    assert!(outlets.iter().all(|drawn| *drawn > 3_400), "{outlets:?}");
    fleet.emulator.lie(0, 1, None);
    assert!(watts(&fleet.ask(1, "power", "")) > 3_400, "honest again");
    assert_eq!(fleet.command(1, "curtail", "sleep"), 335);
    fleet.until("it is down", |fleet| fleet.drawn(1) <= 60);
    fleet.lie(1, Lie::Believed);
    assert_eq!(fleet.command(1, "curtail", "wakeup"), 335);
    assert_eq!((watts(&fleet.ask(1, "power", "")), fleet.drawn(1) <= 60), (3_500, true), "awake by its word alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_comes_after_the_deed() {
    let fleet = Fleet::mining(13, Firmware::Luxos);
    fleet.lie(0, Lie::Late(Duration::from_secs(3)));
    let id = fleet.ask(0, "logon", "")["SESSION"][0]["SessionID"].as_str().unwrap().to_owned();
    let mut stream = fleet.connect(0, 4028).unwrap();
    write!(stream, "{}", json!({"command": "curtail", "parameter": format!("{id},sleep")})).unwrap();
    fleet.until("it acts", |fleet| fleet.seen(0).phase == MinerPhase::Asleep);
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock, "asleep, and not yet answered");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("Curtailment command sent"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fail_fails_as_it_says() {
    let fleet = Fleet::mining(14, Firmware::Luxos);
    let request = r#"{"command":"power"}"#;
    fleet.lie(0, Lie::Busy);
    assert_eq!(fleet.ask(0, "logon", "")["STATUS"][0]["Code"], 402);
    assert_ne!(fleet.ask(0, "session", "")["SESSION"][0]["SessionID"], "", "somebody else has it");
    fleet.lie(0, Lie::Refuses);
    assert_eq!(fleet.ask(0, "logon", "")["STATUS"][0]["STATUS"], "E");
    fleet.lie(0, Lie::Truncated);
    assert!(serde_json::from_slice::<Value>(&fleet.raw(0, request).unwrap()).is_err());
    fleet.lie(0, Lie::Nul);
    assert_eq!(fleet.raw(0, request).unwrap().last(), Some(&0));
    fleet.lie(0, Lie::Dumb);
    let mut dumb = fleet.connect(0, 4028).unwrap();
    dumb.write_all(request.as_bytes()).unwrap();
    dumb.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert_eq!(dumb.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock, "it takes, and never answers");
    fleet.lie(0, Lie::Gone(Duration::from_secs(1)));
    fleet.until("it refuses", |fleet| fleet.connect(0, 4028).is_err());
    assert!(fleet.drawn(0) > 3_400, "and mines on");
    fleet.until("it is back", |fleet| fleet.connect(0, 4028).is_ok());
    fleet.lie(0, Lie::RebootsAsleep);
    fleet.until("it reboots", |fleet| fleet.connect(0, 4028).is_err());
    fleet.until("and sleeps", |fleet| fleet.connect(0, 4028).is_ok() && fleet.seen(0).phase == MinerPhase::Asleep);
    fleet.lie(1, Lie::Wakes(Duration::from_millis(1_500)));
    assert_eq!(fleet.command(1, "curtail", "sleep"), 335);
    fleet.until("it is down", |fleet| fleet.drawn(1) <= 60);
    fleet.until("and up again by itself", |fleet| fleet.drawn(1) > 3_400);
}

/// One message of version 3 and its answer, on a connection that stays.
fn framed(stream: &mut TcpStream, message: &Value) -> Value {
    let text = message.to_string();
    stream.write_all(&u32::try_from(text.len()).unwrap().to_le_bytes()).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::try_from(u32::from_le_bytes(length)).unwrap()];
    stream.read_exact(&mut answer).unwrap();
    serde_json::from_slice(&answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whatsminer_lets_nobody_write_without_a_right_token() {
    let fleet = Fleet::mining(15, Firmware::Whatsminer);
    let mut stream = fleet.connect(0, 4433).unwrap();
    let info = framed(&mut stream, &json!({"cmd": "get.device.info", "param": "salt"}));
    assert!(info["msg"]["salt"].is_string(), "{info}");
    let stop = json!({"cmd": "set.miner.service", "param": "stop", "account": "super", "ts": 1, "token": "AAAAAAAA"});
    assert_eq!(framed(&mut stream, &stop)["code"], -4);
    assert_eq!(framed(&mut stream, &json!({"cmd": "get.nothing"}))["code"], -2);
    assert!(fleet.connect(1, 4433).is_err(), "every second miner has only the older interface");
    assert_eq!(fleet.ask(1, "power_off", "")["Code"], 45, "and takes no command that is not enciphered");
    let garbage = fleet.raw(1, r#"{"enc":1,"data":"AAAAAAAAAAAAAAAAAAAAAA=="}"#).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&garbage).unwrap()["STATUS"], "E", "nor one under another key");
    fleet.lie(1, Lie::Busy);
    assert_eq!(fleet.ask(1, "get_token", "")["Msg"], "over max connect");
    assert!(!fleet.seen(0).asleep && !fleet.seen(1).asleep);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_asks_who_is_there_and_lets_no_stranger_write() {
    for (test, firmware, path, login) in [
        (
            16,
            Firmware::Antminer,
            "/cgi-bin/set_miner_conf.cgi",
            "WWW-Authenticate: Digest realm=\"antMiner Configuration\"",
        ),
        (17, Firmware::Braiins, "/api/v1/actions/pause", "401"),
    ] {
        let fleet = Fleet::mining(test, firmware);
        let mut stream = fleet.connect(0, 80).unwrap();
        let body = r#"{"miner-mode":1}"#;
        let method = if firmware == Firmware::Antminer { "POST" } else { "PUT" };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: miner\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 401") && answer.to_lowercase().contains(&login.to_lowercase()),
            "{answer}"
        );
        assert!(!fleet.seen(0).asleep);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_watt_the_miners_say_is_at_the_pdu_and_at_the_poi() {
    let fleet = Fleet::mining(18, Firmware::Luxos);
    assert_eq!(fleet.command(0, "curtail", "sleep"), 335);
    assert_eq!(fleet.command(1, "profileset", "290MHz"), 327);
    fleet.until("both are there", |fleet| fleet.drawn(0) <= 60 && fleet.drawn(1) < 1_500);
    let said = watts(&fleet.ask(0, "power", "")) + watts(&fleet.ask(1, "power", ""));
    let plant = fleet.plant.lock().unwrap();
    let flows = plant.flows();
    assert!((plant.shown(3).watts() - said).abs() <= 10, "{said} W said, {} at the PDU", plant.shown(3));
    assert_eq!(plant.poi(), flows.hall + flows.house + plant.group_power(0));
    assert!(plant.group_power(0) < Power::from_watts(1_600));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_told_with_its_miner() {
    let site = fleet(19, Firmware::Braiins, 3_500, 17_500);
    let address = site.groups[0].firmware.as_ref().unwrap().addresses[2];
    let _taken = TcpListener::bind((address, 4028)).unwrap();
    let refused = Emulator::start(&site, (&profiles(), &[]), brisk(&site), Clock::start(), &Handle::current());
    let error = refused.err().unwrap();
    assert!(matches!(error, CannotStart::NoMiner { .. }));
    let told = error.to_string();
    assert!(told.starts_with("miner 3 of group `group-0`: cannot listen on "), "{told}");
    assert!(told.contains("is another emulator running?"), "{told}");
}
