//! Modbus/TCP Security against software that nobody here wrote: our driver and pymodbus devices, pymodbus clients and openssl and our
//! emulator, with certificates that openssl made as the manual says.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ballast::devices::wire::Fault;
use ballast::devices::wire::tls::{Client, NoTls, Trust};
use ballast::devices::{Profile, Station, Wire};
use ballast::site::{Device, SecretRef, Tls};
use ballast::time::{Clock, Mono};
use ballast::units::Power;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::certificates::Certificates;
use super::process::{Process, ballast, python};
use super::site::{OUTLETS, Small};

/// Longest wait for something to be seen.
const SEEN: Duration = Duration::from_secs(20);

/// Pymodbus PDUs by TLS, each with its own way to be reached.
struct Peers {
    runtime: Runtime,
    clock: Clock,
    certificates: Certificates,
    addresses: Vec<SocketAddr>,
    server: Process,
}

impl Peers {
    /// One PDU for each of these, at ports of one address.
    fn serve(test: u32, served: impl Fn(&Certificates) -> Vec<Value>) -> Self {
        let small = Small::new(test);
        let (host, _) = small.host_and_port("netio");
        let certificates = Certificates::of(&host);
        let mut served = served(&certificates);
        let addresses: Vec<SocketAddr> =
            (0..served.len()).map(|at| format!("{host}:{}", 8020 + at).parse().unwrap()).collect();
        for (one, address) in served.iter_mut().zip(&addresses) {
            one["address"] = address.to_string().into();
        }
        let site: Value = serde_json::from_str(&small.server_view(1e6)).unwrap();
        let mut server = python("tls_server.py", &json!({"site": site, "served": served}).to_string()).start();
        assert_eq!(server.line(), "ready");
        Self { runtime: Runtime::new().unwrap(), clock: Clock::start(), certificates, addresses, server }
    }

    fn wire(&self, at: usize, tls: Option<Client>) -> Wire {
        let file = SecretRef::File("only that there is one".into());
        let device = Device {
            name: format!("pdu-{at}"),
            profile: "netio-powerpdu".into(),
            address: self.addresses[at],
            unit_id: 1,
            poll: Duration::from_millis(50),
            login: None,
            tls: Some(Tls { ca: file, identity: None, server_name: None }),
        };
        let text = Profile::builtin("netio-powerpdu").unwrap();
        let station = Station {
            profile: Arc::new(Profile::parse("netio-powerpdu.toml", text).unwrap()),
            device: &device,
            silent_after: Duration::from_secs(1),
            outlets: OUTLETS,
            on_fresh: None,
            credentials: None,
            tls,
        };
        let wire = Wire::spawn(self.runtime.handle(), station, self.clock);
        wire.command(0b0000_0111, self.clock.mono().after(Duration::from_secs(60)));
        wire
    }

    /// Ours for the device at this place, with these files.
    fn client(&self, at: usize, ca: &str, own: Option<&str>, name: Option<&str>) -> Client {
        let read = |name: &str| self.certificates.read(name);
        let own = own.map(|own| (read(&format!("{own}.pem")), read(&format!("{own}.key"))));
        let own = own.as_ref().map(|(certificate, key)| (certificate.as_slice(), key.as_slice()));
        let trust = Trust::read(&read(ca), own).unwrap_or_else(|unfit| panic!("{unfit:?}"));
        trust.client(self.addresses[at].ip(), name).unwrap()
    }

    #[track_caller]
    fn until(&self, wire: &Wire, holds: impl Fn(&Wire) -> bool) {
        let since = self.clock.mono();
        while !holds(wire) {
            assert!(self.clock.mono().since(since) < SEEN, "{wire:?}, {:?}", wire.trouble());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// It is tried again and again, always with this fault.
    #[track_caller]
    fn never_comes_about(&self, wire: &Wire, why: NoTls) {
        self.until(wire, |wire| wire.seen().counts.no_tls >= 2);
        let seen = wire.seen();
        assert_eq!(seen.trouble.map(|trouble| trouble.fault), Some(Fault::NoTls(why)), "{:?}", wire.trouble());
        assert_eq!((seen.written, seen.on), (None, None), "{seen:?}");
        let said = wire.trouble().unwrap();
        assert!(said.contains(&why.to_string()) && said.contains(why.next_step()), "{said}");
    }

    /// What was switched where, by the devices' own account.
    fn switched(self) -> Vec<Value> {
        let log = self.server.stops_when_its_input_ends();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A PDU with the certificate of this name that asks for one of the manual's CA.
fn mutual(certificates: &Certificates, name: &str) -> Value {
    let path = |name: &str| certificates.path(name);
    json!({"ca": path("ca.pem"), "certificate": path(&format!("{name}.pem")), "key": path("server.key")})
}

fn with(mut served: Value, key: &str, value: impl Into<Value>) -> Value {
    served[key] = value.into();
    served
}

#[test]
fn our_driver_reads_and_switches_pymodbus_devices_by_either_version_of_tls() {
    let peers = Peers::serve(41, |certificates| {
        ["1.3", "1.2"].map(|version| with(mutual(certificates, "server"), "version", version)).into()
    });
    for at in 0..2 {
        let wire = peers.wire(at, Some(peers.client(at, "ca.pem", Some("ballast"), None)));
        let drawn = Power::from_watts(3 * 3_500);
        peers.until(&wire, |wire| wire.seen().power.known().is_some_and(|(power, _)| power == drawn));
        peers.until(&wire, |wire| wire.seen().on.is_some_and(|(on, _)| on == 0b0000_0111));
        assert_eq!((wire.seen().counts.no_tls, wire.seen().counts.reconnects), (0, 0), "{wire:?}");
    }
    let switched = peers.switched();
    assert_eq!(switched.iter().filter(|line| line["at"] == 0 && line["on"] == true).count(), 3, "{switched:?}");
    assert_eq!(switched.iter().filter(|line| line["at"] == 1 && line["on"] == true).count(), 3, "{switched:?}");
}

#[test]
fn a_pymodbus_device_that_cannot_be_believed_is_named_for_the_reason_and_never_switched() {
    let peers = Peers::serve(42, |certificates| {
        certificates.expired();
        vec![mutual(certificates, "expired"), mutual(certificates, "server"), json!({"plain": true})]
    });
    peers.certificates.stranger();
    let ours = |at, ca, name| Some(peers.client(at, ca, Some("ballast"), name));
    let cases = [
        (peers.wire(0, ours(0, "ca.pem", None)), NoTls::Expired),
        (peers.wire(1, ours(1, "other/ca.pem", None)), NoTls::UnknownCa),
        (peers.wire(1, ours(1, "ca.pem", Some("pdu-02"))), NoTls::OtherName),
        (peers.wire(1, ours(1, "ca.pem", Some("127.0.0.1"))), NoTls::OtherName),
        (peers.wire(1, None), NoTls::NotRead),
    ];
    for (wire, why) in &cases {
        peers.never_comes_about(wire, *why);
    }
    // pymodbus takes the greeting for the beginning of a long frame, and waits for its end.
    let plain = peers.wire(2, ours(2, "ca.pem", None));
    peers.until(&plain, |wire| wire.seen().counts.no_tls >= 2);
    let fault = plain.seen().trouble.unwrap().fault;
    assert!(matches!(fault, Fault::NoTls(NoTls::NotSpoken | NoTls::Late)), "{fault:?}");
    drop((cases, plain));
    let switched = peers.switched();
    assert!(switched.is_empty(), "{switched:?}");
}

#[test]
fn a_pymodbus_device_that_does_not_believe_us_is_named_for_that_and_never_switched() {
    let peers = Peers::serve(43, |certificates| {
        ["1.3", "1.2"].map(|version| with(mutual(certificates, "server"), "version", version)).into()
    });
    peers.certificates.stranger();
    for at in 0..2 {
        let nobody = peers.wire(at, Some(peers.client(at, "ca.pem", None, None)));
        peers.until(&nobody, |wire| wire.seen().counts.no_tls >= 2);
        let stranger = peers.wire(at, Some(peers.client(at, "ca.pem", Some("other/guest"), None)));
        peers.until(&stranger, |wire| wire.seen().counts.no_tls >= 2);
        println!("{:?} {:?}", nobody.trouble(), stranger.trouble());
    }
    let switched = peers.switched();
    assert!(switched.is_empty(), "{switched:?}");
}
