//! A device that wants a sign of life: it is a register of its own, and a controller that only reads and writes outputs is dead to it.

use std::sync::Arc;
use std::time::Duration;

use ballast::devices::{Profile, Station, Wire};
use ballast::site::Device;
use ballast::time::Clock;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::process::python;

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
const ADDRESS: &str = "127.139.0.1:5020";
const DEADLINE: Duration = Duration::from_secs(20);

/// Switches three outputs on, renews the command for a good while and then no more: whether they were seen on at the end of that while,
/// and what the module saw.
fn told(file: &str) -> (bool, Value) {
    let address = ADDRESS.parse().unwrap();
    let mut server = python("alive.py", &json!({ "address": ADDRESS }).to_string()).start();
    assert_eq!(server.line(), "ready");
    let runtime = Runtime::new().unwrap();
    let profile = Arc::new(Profile::parse("module.toml", file).unwrap_or_else(|problems| panic!("{problems}")));
    let device = Device {
        name: "outputs".into(),
        profile: "module".into(),
        address,
        unit_id: 1,
        poll: Duration::from_millis(50),
        login: None,
        tls: None,
    };
    let clock = Clock::start();
    let station = Station {
        profile,
        device: &device,
        silent_after: Duration::from_secs(3),
        outlets: 4,
        on_fresh: None,
        credentials: None,
        tls: None,
    };
    let wire = Wire::spawn(runtime.handle(), station, clock);
    let is_on = || wire.seen().on.is_some_and(|(on, _)| on == 0b0111);
    let until = |holds: &dyn Fn() -> bool, most: Duration| {
        let since = clock.mono();
        while !holds() && clock.mono().since(since) < most {
            wire.command(0b0111, clock.mono().after(Duration::from_secs(1)));
            std::thread::sleep(Duration::from_millis(20));
        }
        holds()
    };
    // Without a sign of life the module never lets go of its safe state.
    let came = until(&is_on, if file.contains("keep_alive") { DEADLINE } else { Duration::from_secs(2) });
    let goes = clock.mono().after(Duration::from_secs(4));
    until(&|| clock.mono() >= goes, DEADLINE);
    let stays = came && is_on();
    // Nobody renews it: it lapses, and the signs of life end with it.
    std::thread::sleep(Duration::from_secs(3));
    let end = server.stops_when_its_input_ends();
    (stays, serde_json::from_str(end.trim()).unwrap())
}

#[test]
fn a_device_that_wants_a_sign_of_life_gets_one_while_its_command_is_renewed() {
    let (stays, saw) = told(&format!("{FILE}{KEEP_ALIVE}"));
    assert!(stays, "{saw}");
    let words: Vec<u64> = saw["words"].as_array().unwrap().iter().map(|word| word.as_u64().unwrap()).collect();
    let all: Vec<u64> = (1..).take(words.len()).collect();
    assert_eq!(words, all, "each is another");
    // Five a second while the command is renewed, for four seconds and the last second until it lapses; slow machines give fewer.
    assert!((5..60).contains(&words.len()), "{saw}");

    let (stays, saw) = told(FILE);
    assert!(!stays && saw["words"] == json!([]), "without one it stays in its safe state: {saw}");
}
