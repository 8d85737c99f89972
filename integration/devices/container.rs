//! A mining container: PDUs and a meter behind one address that lets nobody switch before a login. The emulator is the other side.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballast::devices::wire::Fault;
use ballast::devices::{Credentials, Profile, Station, Wire};
use ballast::emulate::Emulator;
use ballast::plant::{Curves, HallLoad, Plant, Series};
use ballast::site::Site;
use ballast::time::Clock;
use ballast::units::{Power, Share};
use tokio::runtime::Handle;
use tokio_modbus::Slave;
use tokio_modbus::client::{Reader, Writer, tcp};

use super::{NEVER, QUIET, profile, until};

/// The gateway's devices: a meter of unit 4, PDUs of units 9 and 10.
const UNITS: [(usize, u8); 3] = [(2, 4), (3, 9), (4, 10)];

struct Container {
    site: Site,
    address: SocketAddr,
    plant: Arc<Mutex<Plant>>,
    _emulator: Emulator,
}

fn admin(password: &str) -> Credentials {
    Credentials { user: "admin".into(), password: password.into() }
}

fn container() -> Container {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut site = crate::plant::site(["acuvim-ii", "acuvim-ii", "microbt-meter"], &["microbt-pdu", "microbt-pdu"]);
    for (device, unit_id) in UNITS {
        (site.devices[device].address, site.devices[device].unit_id) = (free, unit_id);
    }
    let hall = HallLoad::recorded(&site.hall, Series::steady(Share::from_ppm(500_000)));
    let curves = Curves { boot: Duration::ZERO, ramp: Duration::ZERO, ..Curves::brisk() };
    let plant = Arc::new(Mutex::new(Plant::with(&site, 1, hall, curves)));
    let named = |name: &str| (name.to_owned(), Profile::clone(&profile(name)));
    let profiles: BTreeMap<_, _> = ["acuvim-ii", "microbt-meter", "microbt-pdu"].map(named).into();
    let credentials = [None, None, None, Some(admin("secret")), Some(admin("secret"))];
    let emulator =
        Emulator::start(&site, (&profiles, &credentials), Arc::clone(&plant), Clock::start(), &Handle::current());
    Container { site, address: free, plant, _emulator: emulator.unwrap() }
}

impl Container {
    /// The meter and the two PDUs.
    fn wires(&self, password: &str) -> [Wire; 3] {
        let station = |(device, _): (usize, u8)| {
            let device = &self.site.devices[device];
            let profile = profile(&device.profile);
            let outlets = if profile.outlets.is_some() { 8 } else { 0 };
            let credentials = profile.login.map(|_| admin(password));
            Station {
                profile,
                device,
                silent_after: device.poll + QUIET,
                outlets,
                on_fresh: None,
                credentials,
                tls: None,
            }
        };
        Wire::spawn_all(&Handle::current(), UNITS.map(station), Clock::start()).try_into().unwrap()
    }
}

#[tokio::test]
async fn a_container_is_read_and_switched_behind_one_address_once_it_let_us_in() {
    let container = container();
    let [meter, one, two] = container.wires("secret");
    until(&meter, "the meter", |seen| seen.power.known().is_some()).await;
    one.command(0b1000_0001, NEVER);
    two.command(0b0000_0010, NEVER);
    until(&one, "its sockets", |seen| seen.on.is_some_and(|(on, _)| on == 0b1000_0001)).await;
    until(&two, "its socket", |seen| seen.on.is_some_and(|(on, _)| on == 0b0000_0010)).await;
    let near = |power: Power, watts: i64| (power.watts() - watts).abs() < watts / 50;
    until(&one, "its watts", |seen| seen.power.known().is_some_and(|(power, _)| near(power, 7_000))).await;
    assert_eq!(container.plant.lock().unwrap().outlets(0), 0b1000_0001);
    for wire in [&meter, &one, &two] {
        assert_eq!(wire.seen().counts.reconnects, 0, "{wire:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_and_nothing_is_switched() {
    let container = container();
    let [_, one, _] = container.wires("Secret");
    one.command(0b1, NEVER);
    let seen = until(&one, "the refusal", |seen| seen.trouble.is_some()).await;
    assert_eq!(seen.trouble.map(|trouble| trouble.fault), Some(Fault::NotLetIn));
    assert!(one.trouble().unwrap().contains("check user and password"), "{:?}", one.trouble());
    assert_eq!((seen.written, container.plant.lock().unwrap().outlets(0)), (None, 0));
}

#[tokio::test]
async fn who_did_not_log_in_may_read_and_is_not_answered_when_he_switches() {
    let container = container();
    let mut client = tcp::connect_slave(container.address, Slave(9)).await.unwrap();
    assert_eq!(client.read_holding_registers(45, 8).await.unwrap().unwrap(), [0; 8]);
    let write = tokio::time::timeout(Duration::from_millis(300), client.write_single_register(307, 1)).await;
    assert!(write.is_err(), "an answer to a write without a login: {write:?}");
    assert_eq!(container.plant.lock().unwrap().outlets(0), 0);
}

#[tokio::test]
async fn nobody_is_behind_an_unknown_unit() {
    let container = container();
    let mut client = tcp::connect_slave(container.address, Slave(30)).await.unwrap();
    let answer = client.read_holding_registers(45, 8).await.unwrap();
    assert_eq!(answer, Err(tokio_modbus::ExceptionCode::GatewayTargetDevice));
}
