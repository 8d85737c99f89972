//! A device that wants a sign of life: it is a register of its own, and a controller that only reads and writes outputs is dead to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballast::devices::profile::flags::{ARMED, TRIPPED};
use ballast::devices::{Profile, Station, Wire};
use ballast::site::Device;
use ballast::time::Clock;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::process::{Process, python};

/// As an engineer would write it from the module's manual.
const FILE: &str = r#"
kind = "pdu"
title = "Output module with a watchdog register"
source = "written for this test"
unproved = []
base = 0
[connection]
timeout = "2 s"
comms_loss = "safe_value"
after = "1 s"
[outlets]
count = 4
[outlets.read]
table = "coils"
address = 16
[outlets.write]
table = "coils"
address = 16
at_once = "one"
[[check]]
point = "outlets"
words = [1, 0, 0, 1]
on = [1, 4]
"#;

const KEEP_ALIVE: &str = "[keep_alive]\ntable = \"holding\"\naddress = 300\nevery = \"200 ms\"\n";
const DEADLINE: Duration = Duration::from_secs(20);

/// The module, and whoever talks to it.
struct Module {
    server: Process,
    runtime: Runtime,
    clock: Clock,
    address: SocketAddr,
}

impl Module {
    fn start(address: &str) -> Self {
        let mut server = python("alive.py", &json!({ "address": address }).to_string()).start();
        assert_eq!(server.line(), "ready");
        let runtime = Runtime::new().unwrap();
        Self { server, runtime, clock: Clock::start(), address: address.parse().unwrap() }
    }

    fn wire(&self, file: &str, outlets: u32) -> Wire {
        let profile = Profile::parse("module.toml", file).unwrap_or_else(|problems| panic!("{problems}"));
        let device = Device {
            name: "outputs".into(),
            profile: "module".into(),
            address: self.address,
            unit_id: 1,
            poll: Duration::from_millis(50),
            login: None,
            tls: None,
        };
        let station = Station {
            profile: Arc::new(profile),
            device: &device,
            silent_after: Duration::from_secs(3),
            outlets,
            on_fresh: None,
            credentials: None,
            tls: None,
        };
        Wire::spawn(self.runtime.handle(), station, self.clock)
    }

    /// Renews the command until this holds, or for so long. Whether it holds.
    fn renewed(&self, wire: &Wire, most: Duration, holds: impl Fn() -> bool) -> bool {
        let since = self.clock.mono();
        while !holds() && self.clock.mono().since(since) < most {
            wire.command(0b0111, self.clock.mono().after(Duration::from_secs(1)));
            std::thread::sleep(Duration::from_millis(20));
        }
        holds()
    }

    fn saw(self) -> Value {
        serde_json::from_str(self.server.stops_when_its_input_ends().trim()).unwrap()
    }
}

fn is_on(wire: &Wire) -> bool {
    wire.seen().on.is_some_and(|(on, _)| on == 0b0111)
}

#[test]
fn a_device_that_wants_a_sign_of_life_gets_one_while_its_command_is_renewed() {
    let module = Module::start("127.137.0.1:5020");
    let wire = module.wire(&format!("{FILE}{KEEP_ALIVE}"), 4);
    assert!(module.renewed(&wire, DEADLINE, || is_on(&wire)), "{wire:?}");
    module.renewed(&wire, Duration::from_secs(4), || false);
    assert!(is_on(&wire), "{wire:?}");
    // Nobody renews it: it lapses, and the signs of life end with it.
    std::thread::sleep(Duration::from_secs(3));
    let saw = module.saw();
    let words: Vec<u64> = saw["words"].as_array().unwrap().iter().map(|word| word.as_u64().unwrap()).collect();
    let all: Vec<u64> = (1..).take(words.len()).collect();
    assert_eq!(words, all, "each is another");
    // Five a second while the command is renewed, and in the last second until it lapses; slow machines give fewer.
    assert!((5..60).contains(&words.len()), "{saw}");
}

#[test]
fn without_the_signs_that_its_file_would_ask_for_such_a_device_stays_in_its_safe_state() {
    let module = Module::start("127.137.0.2:5020");
    let wire = module.wire(FILE, 4);
    assert!(!module.renewed(&wire, Duration::from_secs(4), || is_on(&wire)), "{wire:?}");
    assert_eq!(module.saw()["words"], json!([]));
}

#[test]
fn a_trip_is_read_from_contacts() {
    let module = Module::start("127.137.0.3:5020");
    let wire = module.wire(&format!("{FILE}{KEEP_ALIVE}"), 4);
    let contacts = module.wire(Profile::builtin("relay-contacts").unwrap(), 0);
    let flags = || contacts.seen().on.map(|(flags, _)| flags);
    assert!(module.renewed(&wire, DEADLINE, || is_on(&wire) && flags() == Some(ARMED)), "{wire:?} {contacts:?}");
    // Whoever told it dies without a word: the module trips by itself.
    let other = Runtime::new().unwrap();
    let Module { server, runtime, clock, address } = module;
    runtime.shutdown_background();
    let module = Module { server, runtime: other, clock, address };
    let contacts = module.wire(Profile::builtin("relay-contacts").unwrap(), 0);
    let since = module.clock.mono();
    while contacts.seen().on.map(|(flags, _)| flags) != Some(TRIPPED | ARMED) {
        assert!(module.clock.mono().since(since) < DEADLINE, "{contacts:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(module.saw()["tripped"], 1);
}
