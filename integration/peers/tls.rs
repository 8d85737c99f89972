//! Modbus/TCP Security against software that nobody here wrote: our driver and pymodbus devices, pymodbus clients and openssl and our
//! emulator, with certificates that openssl made as the manual says.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ballast::devices::wire::Fault;
use ballast::devices::wire::tls::{Client, NoTls, Trust};
use ballast::devices::{Profile, Station, Wire};
use ballast::site::{Device, SecretRef, Tls};
use ballast::time::Clock;
use ballast::units::Power;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::certificates::Certificates;
use super::process::{Process, ballast, openssl, python};
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

    /// Ends the devices. What was switched where, by their own account; and where our connections live on.
    fn end(self) -> (Vec<Value>, Runtime) {
        let log = self.server.stops_when_its_input_ends();
        (log.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), self.runtime)
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
    let clock = peers.clock;
    for at in 0..2 {
        let wire = peers.wire(at, Some(peers.client(at, "ca.pem", Some("ballast"), None)));
        let drawn = Power::from_watts(3 * 3_500);
        peers.until(&wire, |wire| wire.seen().power.known().is_some_and(|(power, _)| power == drawn));
        peers.until(&wire, |wire| wire.seen().on.is_some_and(|(on, _)| on == 0b0000_0111));
        assert_eq!((wire.seen().counts.no_tls, wire.seen().counts.reconnects), (0, 0), "{wire:?}");
    }
    let wire = peers.wire(0, Some(peers.client(0, "ca.pem", Some("ballast"), None)));
    peers.until(&wire, |wire| wire.seen().power.known().is_some());
    let (switched, _runtime) = peers.end();
    // It went away without a farewell: that is no trouble with its TLS.
    let since = clock.mono();
    while wire.seen().counts.no_connection == 0 {
        assert!(clock.mono().since(since) < SEEN, "{wire:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((wire.seen().counts.no_tls, wire.seen().counts.not_understood), (0, 0), "{wire:?}");
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
    let (switched, _) = peers.end();
    assert!(switched.is_empty(), "{switched:?}");
}

#[test]
fn a_device_that_does_not_believe_us_is_named_for_that_and_never_switched() {
    let peers = Peers::serve(43, |certificates| {
        ["1.3", "1.2"].map(|version| with(mutual(certificates, "server"), "version", version)).into()
    });
    peers.certificates.stranger();
    for at in 0..2 {
        // Python's servers break off and do not say why.
        let nobody = peers.wire(at, Some(peers.client(at, "ca.pem", None, None)));
        peers.never_comes_about(&nobody, NoTls::BrokenOff);
        drop(nobody);
        let stranger = peers.wire(at, Some(peers.client(at, "ca.pem", Some("other/guest"), None)));
        peers.never_comes_about(&stranger, NoTls::BrokenOff);
    }
    let (switched, _) = peers.end();
    assert!(switched.is_empty(), "{switched:?}");
}

#[test]
fn a_device_that_says_why_it_does_not_believe_us_is_understood() {
    let mut peers = Peers::serve(44, |_| Vec::new());
    peers.certificates.stranger();
    let (host, _) = Small::new(44).host_and_port("gude");
    for (at, version) in ["-tls1_3", "-tls1_2"].into_iter().enumerate() {
        let address = format!("{host}:{}", 8020 + at);
        peers.addresses.push(address.parse().unwrap());
        let [ca, certificate, key] =
            ["ca.pem", "server.pem", "server.key"].map(|name| peers.certificates.path(name).display().to_string());
        let server = ["s_server", "-quiet", version, "-accept", &address, "-Verify", "1", "-verify_return_error"];
        let files = ["-CAfile", &ca, "-cert", &certificate, "-key", &key];
        let mut server = openssl(&[&server[..], &files[..]].concat()).start();
        server.listens_on(&address);
        // It is made out to another address.
        let name = Some("pdu-01");
        for (own, why) in [(None, NoTls::Asks), (Some("other/guest"), NoTls::Refuses)] {
            let wire = peers.wire(at, Some(peers.client(at, "ca.pem", own, name)));
            // Where our request crosses its refusal, the connection may end before that is read.
            peers.until(&wire, |wire| wire.seen().trouble.is_some_and(|it| it.fault == Fault::NoTls(why)));
            assert_eq!(wire.seen().written, None);
        }
    }
}

/// A site whose every device is spoken to by TLS, and the folder with what it needs.
fn secured(small: &Small) -> (Certificates, String) {
    let certificates = Certificates::of(&small.host_and_port("netio").0);
    let file = small.write(certificates.folder());
    let text = std::fs::read_to_string(&file).unwrap();
    let path = |name: &str| certificates.path(name).display().to_string();
    let (ca, certificate, key) = (path("ca.pem"), path("ballast.pem"), path("ballast.key"));
    let tls = format!(
        "tls = {{ ca = \"file:{ca}\", certificate = \"file:{certificate}\", key = \"file:{key}\", server_name = \"pdu-01\" }}"
    );
    std::fs::write(&file, text.replace("poll = ", &format!("{tls}\npoll = "))).unwrap();
    (certificates, file)
}

fn emulated(small: &Small) -> (Process, Certificates, String) {
    let (certificates, file) = secured(small);
    let folder = certificates.folder().display().to_string();
    let mut emulator = ballast(&["emulate", &file, "--seed", "7", "--tls-dir", &folder]).start();
    emulator.listens_on(&small.address("gude"));
    (emulator, certificates, file)
}

#[test]
fn pymodbus_switches_an_emulated_outlet_by_tls_where_its_role_may_and_strangers_read_nothing() {
    let small = Small::new(45);
    let (_emulator, certificates, _) = emulated(&small);
    certificates.stranger();
    let pair = |name: &str| [".pem", ".key"].map(|end| certificates.path(&format!("{name}{end}")));
    let view = json!({
        "pdu": small.address("netio"), "ca": certificates.path("ca.pem"), "ours": pair("ballast"), "guest": pair("guest"),
        "stranger": pair("other/guest"),
    });
    let seen = python("tls_client.py", &view.to_string()).start().ends_well();
    let seen: Value = serde_json::from_str(seen.trim()).unwrap();
    assert_eq!(seen["version"], "TLSv1.3", "{seen}");
    let reasons = json!(["TLSV13_ALERT_CERTIFICATE_REQUIRED", "TLSV1_ALERT_UNKNOWN_CA"]);
    assert_eq!(seen["refused"], reasons, "{seen}");
}

#[test]
fn openssl_is_let_in_with_a_certificate_of_the_ca_alone_and_plain_modbus_is_not() {
    let small = Small::new(46);
    let (_emulator, certificates, _) = emulated(&small);
    certificates.stranger();
    let client = |version: &str, own: &[&str]| {
        let ca = certificates.path("ca.pem").display().to_string();
        let own = own.iter().map(|name| certificates.path(name).display().to_string()).collect::<Vec<_>>();
        let own: Vec<&str> = ["-cert", "-key"].into_iter().zip(&own).flat_map(|(flag, name)| [flag, name]).collect();
        let (address, files) = (small.address("poi"), ["-CAfile", &ca, "-verify_return_error", version]);
        let arguments = [&["s_client", "-connect", &address][..], &files, &own].concat();
        let output = Command::new("openssl").args(arguments).stdin(Stdio::null()).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for version in ["-tls1_2", "-tls1_3"] {
        let (is_in, said) = client(version, &["ballast.pem", "ballast.key"]);
        assert!(is_in && said.contains("Verify return code: 0 (ok)"), "{said}");
    }
    // By TLS 1.3 the refusal would come after what s_client calls the end.
    assert!(!client("-tls1_2", &[]).0 && !client("-tls1_2", &["other/guest.pem", "guest.key"]).0);
    assert!(!client("-tls1_1", &["ballast.pem", "ballast.key"]).0);
    let (host, port) = small.host_and_port("poi");
    let arguments = ["-m", "tcp", "-a", "1", "-0", "-r", "12322", "-t", "4:float", "-1", "-o", "2", "-p", &port, &host];
    let plain = Command::new(std::env::var("BALLAST_MBPOLL").unwrap()).args(arguments).output().unwrap();
    assert!(!plain.status.success(), "{}", String::from_utf8_lossy(&plain.stdout));
}

/// What `ballast` says, its errors behind, and its exit code.
fn said(arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_ballast")).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (text, output.status.code())
}

#[test]
fn a_site_by_tls_is_checked_probed_and_run_and_what_is_wrong_is_told_before_anything_connects() {
    let small = Small::new(47);
    let (_emulator, certificates, file) = emulated(&small);
    let (text, code) = said(&["check", &file]);
    assert!(code == Some(0) && !text.contains("tls of"), "{text}");
    let (text, code) = said(&["probe", &file]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("poi-meter, hall-meter, house-meter, netio, gude: TLS 1.3, TLS13_AES_256_GCM_SHA384, its"),
        "{text}"
    );
    let journal = certificates.path("journal").display().to_string();
    let run = ["run", &file, "--for", "6s", "--headless", "--json", "--port", "0", "--journal", &journal];
    let (text, code) = said(&run);
    assert_eq!(code, Some(0), "{text}");
    let summary: Value = serde_json::from_str(text.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
    let written = summary["stages"].as_array().unwrap().iter().find(|stage| stage["stage"] == "acknowledge").unwrap();
    assert!(written["count"].as_u64().unwrap() > 0, "nothing was switched: {summary}");

    // With a CA that the devices are not of, each is named, and why.
    certificates.stranger();
    std::fs::copy(certificates.path("other/ca.pem"), certificates.path("ca.pem")).unwrap();
    let (text, code) = said(&["probe", &file]);
    assert_eq!(code, Some(1), "{text}");
    assert_eq!(text.matches("no TLS: its certificate is not from the CA of the site file").count(), 5, "{text}");
}

#[test]
fn every_mistake_in_the_files_of_tls_is_told_at_its_line_and_a_run_does_not_start() {
    let small = Small::new(48);
    let (certificates, file) = secured(&small);
    certificates.stranger();
    let put = |name: &str, text: &[u8]| std::fs::write(certificates.path(name), text).unwrap();
    let (ours, key) = (certificates.read("ballast.pem"), certificates.read("ballast.key"));
    let told = |words: &[&str]| {
        let (text, code) = said(&["check", &file]);
        assert!(code == Some(1) && words.iter().all(|words| text.contains(words)), "{words:?}\n{text}");
        let line = text.lines().find(|line| line.trim_start().starts_with("-->")).unwrap_or_else(|| panic!("{text}"));
        assert!(line.contains("peers.toml:"), "{line}");
        for verb in ["run", "probe"] {
            let (text, code) = said(&[verb, &file]);
            assert!(code == Some(1) && words.iter().all(|words| text.contains(words)), "{verb} {words:?}\n{text}");
        }
    };
    put("ballast.key", &certificates.read("guest.key"));
    told(&["ballast.key does not go with certificate", "the same request"]);
    put("ballast.key", &ours);
    put("ca.pem", b"-----BEGIN CERTIFICATE-----\nno\n");
    told(&["there is no key without a password in PEM in it", "ca.pem: what is in it cannot be read"]);
    std::fs::remove_file(certificates.path("ballast.pem")).unwrap();
    told(&["ballast.pem: No such file", "this user can read"]);
    certificates.sh("cp other/ca.pem ca.pem");
    put("ballast.pem", &ours);
    put("ballast.key", &key);
    certificates.sh("chmod 604 ballast.key");
    let (text, code) = said(&["check", &file]);
    assert!(code == Some(0) && text.contains("open to everybody") && text.contains("chmod 600"), "{text}");
    // What systemd hands over is known to what systemd starts.
    let site = std::fs::read_to_string(&file).unwrap();
    let of_systemd = site.replace(&format!("file:{}", certificates.path("ballast.key").display()), "credential:modbus");
    std::fs::write(&file, of_systemd).unwrap();
    let (text, code) = said(&["check", &file]);
    assert!(code == Some(0) && text.contains("there is no credential modbus"), "{text}");
    assert_eq!(said(&["probe", &file]).1, Some(1));
}
