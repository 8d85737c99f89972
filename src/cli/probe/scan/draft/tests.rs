use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::*;
use crate::devices::Profile;
use crate::devices::miners::Met;
use crate::devices::probe::fit::Fit;
use crate::site::Firmware;

fn device(map: &str, unit_id: u8, to_any: bool) -> Answering {
    let profile = Profile::parse(&format!("{map}.toml"), Profile::builtin(map).unwrap()).unwrap();
    let outlets = profile.outlets.as_ref().map(|outlets| (outlets.count, 1));
    let power = Some(Ok(Power::from_kilowatts(3)));
    Answering::new(unit_id, to_any, vec![Fit { profile: Arc::new(profile), says_so: false, power, outlets }])
}

fn found(devices: &[(&str, &str)], miners: &[(&str, u8)]) -> Found {
    let mut found = Found::default();
    for (at, map) in devices {
        found.devices.insert(at.parse::<SocketAddr>().unwrap(), vec![device(map, 1, true)]);
    }
    for (first, count) in miners {
        let IpAddr::V4(first) = first.parse().unwrap() else { panic!() };
        for n in 0..*count {
            let address = IpAddr::V4((u32::from(first) + u32::from(n)).into());
            let firmware = Some(Firmware::Luxos);
            let met = Met { address, firmware, identity: None, watts: None, clock_ahead: None, trouble: None };
            found.miners.insert(address, met);
        }
    }
    found
}

fn draft(found: &Found) -> String {
    of(found, &["10.0.0.0/24".to_owned()])
}

#[test]
fn a_row_of_miners_hangs_on_the_only_pdu_of_its_net_with_as_many_outlets() {
    let one = draft(&found(&[("10.0.1.1:502", "netio-powerpdu")], &[("10.0.1.11", 8)]));
    assert!(
        one.contains("\naddress = \"10.0.1.{unit+10}\"") && one.contains("is guessed from their addresses"),
        "{one}"
    );
    assert!(one.contains("\nminers = 8 "), "{one}");
    for (devices, miners) in [
        (&[("10.0.1.1:502", "netio-powerpdu"), ("10.0.1.9:502", "gude-expert-pdu")][..], &[("10.0.1.11", 8)][..]),
        (&[("10.0.1.1:502", "netio-powerpdu")], &[("10.0.1.11", 7)]),
        (&[("10.0.1.1:502", "netio-powerpdu")], &[("10.0.2.11", 8)]),
        (&[("10.0.1.1:502", "netio-powerpdu")], &[("10.0.1.11", 8), ("10.0.1.31", 8)]),
    ] {
        let text = draft(&found(devices, miners));
        assert!(text.contains("# kind = \"firmware\"") && !text.contains("\nkind = \"firmware\""), "{text}");
        assert!(text.contains("\nminers = \"?\""), "{text}");
    }
}

#[test]
fn equal_pdus_that_follow_each_other_are_one_table_by_address_or_by_unit() {
    let row = draft(&found(&[("10.0.1.1:502", "netio-powerpdu"), ("10.0.1.2:502", "netio-powerpdu")], &[]));
    assert!(row.contains("repeat = \"1..2\"") && row.contains("address = \"10.0.1.{n}:502\""), "{row}");
    let apart = draft(&found(&[("10.0.1.1:502", "netio-powerpdu"), ("10.0.1.3:502", "netio-powerpdu")], &[]));
    assert_eq!(apart.matches("[[group]]").count(), 2, "{apart}");
    let mut behind = Found::default();
    let units = (9..=11).map(|unit| device("microbt-pdu", unit, false)).collect();
    behind.devices.insert("10.0.1.1:502".parse().unwrap(), units);
    let text = draft(&behind);
    assert!(text.contains("repeat = \"1..3\"") && text.contains("unit_id = \"{n+8}\""), "{text}");
    assert!(text.contains("login = { user = \"?\""), "{text}");
}

#[test]
fn a_miner_can_write_no_line_of_the_file() {
    let mut one = found(&[("10.0.1.1:502", "netio-powerpdu")], &[("10.0.1.11", 8)]);
    for met in one.miners.values_mut() {
        let words: Box<str> = "S21\n[poi]\r\n".into();
        met.identity =
            Some(crate::devices::miners::Identity { make: words.clone(), model: words, firmware: "x".into() });
    }
    assert_eq!(draft(&one).lines().filter(|line| line.starts_with("[poi]")).count(), 1);
}

#[test]
fn where_nothing_answers_every_table_stands_there_to_be_filled_in() {
    let text = draft(&Found::default());
    for table in ["[[meter]]", "[[group]]", "[[group.path]]"] {
        assert!(text.contains(table), "{text}");
    }
    let values = text.lines().filter(|line| !line.starts_with('#') && line.contains(" = "));
    assert!(values.into_iter().all(|line| line.contains(MARK) || line.starts_with("kind = \"outlets\"")), "{text}");
}
