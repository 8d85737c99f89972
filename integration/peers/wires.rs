//! Our connections against pymodbus devices, with no controller between: each shipped device file meets registers that were
//! written down a second time.

use std::sync::Arc;
use std::time::Duration;

use ballast::devices::{Profile, Station, Wire};
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
        self.behind(device, &[(1, profile)]).remove(0)
    }

    /// The devices at one address, by unit id and profile.
    fn behind(&self, address: &str, units: &[(u8, &str)]) -> Vec<Wire> {
        let device = |(unit_id, profile): &(u8, &str)| Device {
            name: format!("{address}-{unit_id}"),
            profile: (*profile).to_owned(),
            address: self.small.address(address).parse().unwrap(),
            unit_id: *unit_id,
            login: None,
            tls: None,
            poll: Duration::from_millis(50),
        };
        let devices: Vec<Device> = units.iter().map(device).collect();
        let stations = devices.iter().map(|device| Station {
            profile: parsed(&device.profile),
            device,
            silent_after: Duration::from_secs(1),
            outlets: OUTLETS,
            on_fresh: None,
            credentials: None,
            tls: None,
        });
        Wire::spawn_all(self.runtime.handle(), stations, self.clock)
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

fn parsed(profile: &str) -> Arc<Profile> {
    let text = Profile::builtin(profile).expect("it is shipped");
    Arc::new(Profile::parse(&format!("{profile}.toml"), text).unwrap_or_else(|problems| panic!("{problems}")))
}

#[test]
fn devices_behind_one_pymodbus_address_are_read_and_switched_over_one_connection() {
    let wires = Wires { runtime: Runtime::new().unwrap(), small: Small::new(5), clock: Clock::start() };
    let mut server = python("server.py", &wires.small.server_view(NEVER_S)).start();
    assert_eq!(server.line(), "ready");
    let units = [(4, "schneider-pm5xxx"), (9, "netio-powerpdu"), (10, "gude-expert-pdu")];
    let [house, netio, gude] = wires.behind("gateway", &units).try_into().unwrap();
    wires.shows(&house, 5_000);
    netio.command(0b0000_0111, wires.later());
    gude.command(0b1000_0001, wires.later());
    wires.shows(&netio, 10_500);
    wires.shows(&gude, 7_000);
    gude.command(0, wires.later());
    wires.shows(&gude, 0);
    for wire in [&house, &netio, &gude] {
        assert_eq!(wire.seen().counts.reconnects, 0, "{wire:?}");
    }
    let log = Log::read(&server.stops_when_its_input_ends());
    assert_eq!(log.switches.len(), 3 + 2 + 2, "{:?}", log.switches);
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
    drop(sun);
    // The same device, found from model to model.
    wires.shows(&wires.to("sun", "sunspec-meter"), 5_000);

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
