//! Our connections against pymodbus devices, with no controller between: each shipped device file meets registers that were
//! written down a second time.

use std::sync::Arc;
use std::time::Duration;

use ballast::devices::{Profile, Wire};
use ballast::site::Device;
use ballast::time::{Clock, Mono};
use ballast::units::Power;
use tokio::runtime::Runtime;

use super::Log;
use super::process::python;
use super::site::{OUTLETS, Small};

/// Longest wait for something to be seen.
const SEEN: Duration = Duration::from_secs(20);
/// The hall of this site never rises.
const NEVER_S: f64 = 1e6;

struct Wires {
    runtime: Runtime,
    small: Small,
    clock: Clock,
}

impl Wires {
    fn to(&self, device: &str, profile: &str) -> Wire {
        let text = Profile::builtin(profile).expect("it is shipped");
        let parsed = Profile::parse(&format!("{profile}.toml"), text).unwrap_or_else(|problems| panic!("{problems}"));
        let device = Device {
            name: device.to_owned(),
            profile: profile.to_owned(),
            address: self.small.address(device).parse().unwrap(),
            unit_id: 1,
            poll: Duration::from_millis(50),
        };
        Wire::spawn(self.runtime.handle(), Arc::new(parsed), &device, Duration::from_secs(1), OUTLETS, self.clock, None)
    }

    #[track_caller]
    fn shows(&self, wire: &Wire, watts: i64) {
        self.until(wire, |wire| wire.seen().power.known().is_some_and(|(power, _)| power == Power::from_watts(watts)));
    }

    #[track_caller]
    fn until(&self, wire: &Wire, holds: impl Fn(&Wire) -> bool) {
        let since = self.clock.mono();
        while !holds(wire) {
            assert!(self.clock.mono().since(since) < SEEN, "{wire:?}, {:?}", wire.trouble());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn later(&self) -> Mono {
        self.clock.mono().after(Duration::from_secs(60))
    }
}

#[test]
fn our_device_files_read_and_switch_pymodbus_devices() {
    let wires = Wires { runtime: Runtime::new().unwrap(), small: Small::new(4), clock: Clock::start() };
    let mut server = python("server.py", &wires.small.server_view(NEVER_S)).start();
    assert_eq!(server.line(), "ready");
    let [poi, hall] = ["poi", "hall"].map(|meter| wires.to(meter, "acuvim-ii"));
    let [house, sun] =
        [("house", "schneider-pm5xxx"), ("sun", "sunspec-203")].map(|(name, profile)| wires.to(name, profile));
    let (netio, gude) = (wires.to("netio", "netio-powerpdu"), wires.to("gude", "gude-expert-pdu"));
    wires.shows(&poi, 25_000);
    wires.shows(&hall, 20_000);
    wires.shows(&house, 5_000);
    wires.shows(&sun, 5_000);

    netio.command(0b0000_0111, wires.later());
    gude.command(0b1000_0001, wires.later());
    wires.until(&netio, |wire| wire.seen().on.is_some_and(|(on, _)| on == 0b0000_0111));
    wires.until(&gude, |wire| wire.seen().on.is_some_and(|(on, _)| on == 0b1000_0001));
    wires.shows(&netio, 10_500);
    wires.shows(&gude, 7_000);
    wires.shows(&poi, 42_500);
    netio.command(0b0000_0100, wires.later());
    wires.shows(&netio, 3_500);

    let log = Log::read(&server.stops_when_its_input_ends());
    let switched: Vec<&str> = log.switches.iter().filter_map(|line| line["switch"].as_str()).collect();
    assert_eq!(switched.iter().filter(|outlet| outlet.starts_with("netio")).count(), 5, "{switched:?}");
    assert_eq!(switched.iter().filter(|outlet| outlet.starts_with("gude")).count(), 2, "{switched:?}");
}
