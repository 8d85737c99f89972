//! The demo site read, and read again with one line changed.

use std::time::Duration;

use super::*;
use crate::site::{CommsLoss, SecretRef};

const DEMO: &str = include_str!("../../../sites/demo.toml");

#[test]
fn the_demo_site_is_read_with_the_agreed_numbers() {
    let site = load("demo.toml", DEMO).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(site.poi.import_limit, Power::from_kilowatts(4_000));
    assert_eq!(site.groups.len(), 64);
    assert_eq!(site.devices.len(), 67);
    let south = &site.groups[26];
    assert_eq!((south.name.as_str(), south.units, south.unit), ("south-01", 8, Power::from_watts(3_440)));
    assert_eq!(south.response(), Duration::from_millis(250));
    let pdu = &site.devices[south.paths[0].device];
    assert_eq!((pdu.name.as_str(), pdu.address.to_string().as_str()), ("south-01", "127.66.2.1:5020"));
    assert_eq!(site.devices[site.hall.meter.unwrap()].name, "hall-meter");
}

#[test]
fn tables_that_are_safe_to_leave_out_have_the_defaults_of_the_demo() {
    let without = |text: &str, table: &str| {
        let start = text.find(&format!("[{table}]")).unwrap();
        let end = start + 1 + text[start + 1..].find("\n[").unwrap();
        format!("{}{}", &text[..start], &text[end..])
    };
    let short = ["tick", "fill", "ages", "budgets"].iter().fold(DEMO.to_owned(), |text, table| without(&text, table));
    assert_eq!(load("demo.toml", &short), load("demo.toml", DEMO));
}

#[test]
fn one_row_can_stand_for_units_behind_one_gateway_that_fall_one_after_the_other() {
    let text =
        DEMO.replace("address = \"127.66.1.{n}:5020\"", "address = \"127.66.1.1:5020\"\nunit_id = \"{n+8}\"").replacen(
            "comms_loss = \"holds\"",
            "comms_loss = \"reverts\"\ncomms_loss_after = \"15 s\"\ncomms_loss_stagger = \"200 ms\"\n#",
            1,
        );
    let site = load("demo.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(site.devices[site.groups[2].paths[0].device].unit_id, 11);
    assert_eq!(site.groups[2].paths[0].comms_loss, CommsLoss::Reverts(Duration::from_millis(15_400)));
}

#[test]
fn a_name_or_address_given_twice_names_the_line_that_has_it() {
    let told = |from: &str, to: &str| {
        let problems = load("demo.toml", &DEMO.replace(from, to)).unwrap_err();
        assert_eq!(problems.all().len(), 1, "{problems}");
        (problems.all()[0].message.clone(), problems.all()[0].help.clone().unwrap())
    };
    assert_eq!(told("127.66.0.2", "127.66.0.1").0, "address `127.66.0.1:5020 (unit 1)` is given twice");
    assert_eq!(told("127.66.3.{n}", "127.66.3.1").0, "address `127.66.3.1:5020 (unit 1)` is given twice");
    assert_eq!(
        told(
            "[[feeder]]\nname = \"south\"",
            "[[feeder]]\nname = \"north\"\nrating = \"1 MW\"\n[[feeder]]\nname = \"south\""
        )
        .0,
        "feeder `north` is given twice"
    );
    assert_eq!(told("\"east-{n:02}\"", "\"north-{n:02}\"").0, "group `north-01` is given twice");
}

#[test]
fn values_that_do_not_go_together_are_told_at_their_line() {
    let told = |from: &str, to: &str| {
        assert!(DEMO.contains(from), "{from}");
        let problems = load("demo.toml", &DEMO.replacen(from, to, 1)).unwrap_err();
        assert_eq!(problems.all().len(), 1, "{problems}");
        problems.all()[0].message.clone()
    };
    assert_eq!(
        told("lapse = \"2 s\"", "lapse = \"200 ms\""),
        "lapse: 200 ms is not more than twice the period of 100 ms"
    );
    assert_eq!(told("miners = 8", "miners = 12"), "miners: 12 miners cannot stand equally behind 8 outlets");
    assert_eq!(told("outlets = 8", "outlets = 65"), "outlets: 65 is not within 1 to 64");
    assert_eq!(told("\"99.9 %\"", "\"101 %\""), "confidence: 101.0 % is not within 50.0 % to 100.0 %");
    assert_eq!(
        told("\"28 kW\"", "\"3 kW\""),
        "batch: 3.0 kW is less than one unit of 3.5 kW, which could never come back"
    );
    assert_eq!(told("\"4 MW\"", "\"0 MW\""), "import_limit: must be more than zero");
    assert_eq!(told("proof = \"2.5 s\"", "proof = \"50 ms\""), "proof: 50 ms is before the response of 100 ms is over");
    assert_eq!(told("step = \"10 kW\"", "step = \"10 MW\""), "step: 10.00 MW is more than the nameplate of 2.80 MW");
    assert_eq!(told("\"hall-meter\"   ", "\"poi-meter\"   "), "meter: `poi-meter` already measures [poi]");
    assert_eq!(told("repeat = \"1..26\"", "# none"), "name: there is no `repeat` that says what n is");
    assert_eq!(told("north-{n:02}", "north"), "name: all groups of this row would have this name");
    assert_eq!(told("127.66.1.{n}", "127.66.1.{m}"), "address: `{m}` is not a placeholder");
    assert_eq!(told("127.66.1.{n}", "127.66.{n}"), "address: `127.66.1:5020` is not an IP address with a port");
    assert_eq!(told("profile = \"netio-powerpdu\"\n", ""), "[[group.path]] has no `profile`");
}

#[test]
fn a_secret_does_not_stand_in_a_site_file() {
    let with = |login: &str| DEMO.replacen("profile = \"acuvim-ii\"", &format!("profile = \"acuvim-ii\"\n{login}"), 1);
    let site = load("site.toml", &with("login = { user = \"admin\", password = \"file:/run/pdu\" }")).unwrap();
    let login = site.devices[0].login.as_ref().unwrap();
    assert_eq!((login.user.as_str(), &login.password), ("admin", &crate::site::SecretRef::File("/run/pdu".into())));
    for password in ["hunter2", "env:", "vault:x"] {
        let told =
            load("site.toml", &with(&format!("login = {{ user = \"a\", password = \"{password}\" }}"))).unwrap_err();
        assert!(told.to_string().contains("a secret does not stand in a site file"), "{told}");
    }
}

const FIRMWARE: &str = "
[[group.path]]
kind = \"firmware\"
firmware = \"luxos\"
address = \"127.70.{n}.{unit+10}\"
poll = \"2 s\"
response = \"1500 ms\"
proof = \"6 s\"
asleep = \"40 W\"
";

/// The demo with the firmware of north's miners in front of their outlets.
fn with_firmware(from: &str, to: &str) -> Result<Site, Problems> {
    let path = FIRMWARE.replace(from, to);
    load("demo.toml", &DEMO.replacen("\n[[group.path]]", &format!("{path}\n[[group.path]]"), 1))
}

#[test]
fn miners_are_reached_one_a_unit_and_the_path_that_stands_first_is_the_one_a_limit_uses() {
    let site = with_firmware("", "").unwrap_or_else(|problems| panic!("{problems}"));
    let path = site.groups[2].firmware.as_ref().unwrap();
    assert_eq!((path.addresses.len(), path.addresses[7].to_string().as_str()), (8, "127.70.3.18"));
    assert!(path.first && site.groups[40].firmware.is_none());
    assert_eq!(site.groups[2].response(), Duration::from_millis(1_500));
    assert_eq!(site.devices.len(), 67, "miners are no devices of their own");
}

#[test]
fn a_firmware_path_that_cannot_be_proved_or_told_one_by_one_is_refused() {
    let told = |from: &str, to: &str| with_firmware(from, to).unwrap_err().all()[0].message.clone();
    assert_eq!(told("{unit+10}", "1"), "address: all miners of the group would have this address");
    assert_eq!(told("{unit+10}", "{unit+300}"), "address: `127.70.1.301` is not an IP address without a port");
    assert_eq!(told("\"6 s\"", "\"1 s\""), "proof: 1 s is before the response of 1.5 s is over");
    assert_eq!(told("asleep = \"40 W\"", ""), "[[group.path]] has no `asleep`");
    assert!(told("luxos", "luxor").contains("luxor"));
    let alone = DEMO.replacen("kind = \"outlets\"\nprofile = \"netio-powerpdu\"\naddress = \"127.66.1.{n}:5020\"\npoll = \"1 s\"\nresponse = \"100 ms\"", "REST", 1);
    let start = alone.find("[[group.path]]\nREST").unwrap();
    let end = start + alone[start..].find("[[group]]").unwrap();
    let alone = format!("{}{}\n{}", &alone[..start], FIRMWARE, &alone[end..]);
    let problems = load("demo.toml", &alone).unwrap_err();
    assert!(problems.all()[0].message.contains("not measured by anything but themselves"), "{problems}");
}

#[test]
fn a_second_pdu_for_a_group_is_refused_and_not_left_out() {
    let (before, path) = DEMO.split_at(DEMO.find("[[group.path]]").unwrap());
    let path = &path[..path.find("[[group]]").unwrap()];
    let second = path.replace("127.66.1.", "127.66.9.");
    let text = format!("{before}{second}{}", &DEMO[before.len()..]);
    let problems = load("demo.toml", &text).unwrap_err();
    assert!(problems.all()[0].message.contains("hang on the outlets of one device"), "{problems}");
}

#[test]
fn a_relay_for_under_frequency_is_a_device_of_its_own() {
    let relay = "[under_frequency]\nprofile = \"relay-contacts\"\naddress = \"127.66.0.9:5020\"\npoll = \"100 ms\"\n";
    let text = format!("{relay}{DEMO}");
    let site = load("demo.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
    let relay = &site.devices[site.relay.unwrap()];
    assert_eq!((relay.name.as_str(), site.devices.len()), ("under-frequency-relay", 68));
    assert!(load("demo.toml", DEMO).unwrap().relay.is_none());
    let twice = load("demo.toml", &text.replace("127.66.0.9:5020", "127.66.0.1:5020")).unwrap_err();
    assert!(twice.to_string().contains("127.66.0.1:5020"), "{twice}");
}

#[test]
fn a_pdu_that_is_given_an_address_for_each_miner_is_refused() {
    let text = DEMO.replace("127.66.1.{n}:5020", "127.66.1.{unit}:5020");
    let problems = load("demo.toml", &text).unwrap_err();
    assert!(problems.all()[0].message.contains("{unit} counts the miners of a group"), "{problems}");
}

#[test]
fn low_power_that_no_price_would_choose_or_no_firmware_takes_is_refused_at_its_line() {
    let site = include_str!("../../../sites/firmware.toml");
    let low = "low = { power = \"2.4 kW\", efficiency = \"15 J/TH\", proof = \"2 min\" }";
    assert!(load("firmware.toml", site).is_ok() && site.contains(low));
    for (written, told) in [
        ("low = { power = \"20 W\", efficiency = \"15 J/TH\" }", "is not between 30 W asleep and 3.5 kW in full"),
        ("low = { power = \"3.5 kW\", efficiency = \"15 J/TH\" }", "is not between 30 W asleep and 3.5 kW in full"),
        ("low = { power = \"2.4 kW\", efficiency = \"17.5 J/TH\" }", "no better than the 17.5 J/TH"),
        ("low = { power = \"2.4 kW\", efficiency = \"11 J/TH\" }", "would hash as much as in full"),
        (
            "low = { power = \"2.4 kW\", efficiency = \"15 J/TH\", full = \"4 kW\" }",
            "is more than the 3.5 kW of a unit",
        ),
        ("low = { power = \"2.4 kW\" }", "`efficiency`"),
    ] {
        let problems = load("firmware.toml", &site.replacen(low, written, 1)).unwrap_err();
        assert!(problems.to_string().contains(told), "{written}: {problems}");
    }
    let stock = site.replace("asleep = \"40 W\"\n\n", &format!("asleep = \"40 W\"\n{low}\n\n"));
    let stock = if stock == site { format!("{}\n{low}\n", site.trim_end()) } else { stock };
    let problems = load("firmware.toml", &stock).unwrap_err();
    assert!(problems.to_string().contains("antminer takes no power target"), "{problems}");
}

/// The demo with these lines behind the register map of its POI meter, or of its first row of PDUs.
fn with_tls(at: &str, tls: &str) -> String {
    let profile = format!("profile = \"{at}\"");
    DEMO.replacen(&profile, &format!("{profile}\n{tls}"), 1)
}

#[test]
fn a_meter_and_a_row_of_pdus_are_spoken_to_by_tls() {
    let tls = "tls = { ca = \"file:ca.pem\" }";
    let site = load("demo.toml", &with_tls("acuvim-ii", tls)).unwrap_or_else(|problems| panic!("{problems}"));
    let meter = site.devices[0].tls.as_ref().unwrap();
    assert_eq!((&meter.ca, &meter.identity, &meter.server_name), (&SecretRef::File("ca.pem".into()), &None, &None));
    assert!(site.devices[1..].iter().all(|device| device.tls.is_none()));
    let tls = "tls = { ca = \"file:ca.pem\", certificate = \"file:us.pem\", key = \"credential:key\", server_name = \"pdu-{n:02}\" }";
    let site = load("demo.toml", &with_tls("netio-powerpdu", tls)).unwrap_or_else(|problems| panic!("{problems}"));
    let pdu = |group: usize| site.devices[site.groups[group].paths[0].device].tls.as_ref().unwrap();
    assert_eq!(pdu(4).server_name.as_deref(), Some("pdu-05"));
    let identity = pdu(4).identity.as_ref().unwrap();
    assert_eq!(identity.certificate, SecretRef::File("us.pem".into()));
    assert_eq!(identity.key, SecretRef::Credential("key".into()));
}

#[test]
fn half_of_an_identity_and_a_file_that_is_none_are_told_and_no_device_is_left_plain() {
    let told = |tls: &str| {
        let problems = load("demo.toml", &with_tls("netio-powerpdu", tls)).unwrap_err();
        problems.all().iter().map(|problem| problem.message.clone()).collect::<Vec<_>>()
    };
    let ca = "ca = \"file:ca.pem\"";
    assert_eq!(told("tls = {}"), ["[group.path.tls] has no `ca`"]);
    assert_eq!(told("tls = true"), ["tls: a table is wanted here: write [group.path.tls]"]);
    assert_eq!(
        told(&format!("tls = {{ {ca}, certificate = \"file:us.pem\" }}")),
        ["certificate: there is no `key` that goes with it"]
    );
    assert_eq!(
        told(&format!("tls = {{ {ca}, key = \"file:us.key\" }}")),
        ["key: there is no `certificate` that goes with it"]
    );
    let nowhere = "this says not where a PEM file is";
    assert_eq!(told("tls = { ca = \"ca.pem\" }"), [format!("ca: {nowhere}")]);
    assert_eq!(
        told(&format!("tls = {{ {ca}, certificate = \"env:US\", key = \"env:KEY\" }}")),
        [format!("certificate: {nowhere}"), format!("key: {nowhere}")]
    );
    assert_eq!(
        told(&format!("tls = {{ {ca}, sever_name = \"a\" }}")),
        ["unknown key `sever_name` in [group.path.tls]"]
    );
    assert_eq!(
        told(&format!("tls = {{ {ca}, server_name = \"{{m}}\" }}")),
        ["server_name: `{m}` is not a placeholder"]
    );
}
