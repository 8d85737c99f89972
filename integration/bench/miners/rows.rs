//! A site of rows of eight miners, each row with its PDU and each miner with an address of its own. Responses and proofs are those of
//! `sites/firmware.toml`. Hall and house are small and steady, so that their reserve hides no liar.

use std::fmt::Write;

use ballast::site::Firmware;
use ballast::units::Power;

/// Miners of a row.
pub(super) const MINERS: usize = 8;

const HEAD: &str = r#"
[site]
name = "bench"
[poi]
import_limit = "LIMIT kW"
within = "16 s"
ramp = "500 MW/s"
meter = "poi-meter"
[poi.guard]
kind = "relay"
trips_within = "2 s"
[hall]
nameplate = "100 kW"
slew = "500 W/s"
step = "500 W"
meter = "hall-meter"
[house]
nameplate = "2 kW"
slew = "100 W/s"
step = "100 W"
meter = "house-meter"
[tick]
period = "100 ms"
lapse = "2 s"
[fill]
window = "2 s"
[restore]
ramp = "500 MW/s"
stagger = "100 ms"
batch = "60 kW"
settle = "500 ms"
[economics]
hashprice = "45 USD/PH/day"
pool_fee = "2 %"
price_lost = "run"
[ages]
meter = "500 ms"
device = "3 s"
price = "30 min"
"#;

const METERS: [(&str, &str, &str); 3] = [
    ("poi-meter", "acuvim-ii", "50 ms"),
    ("hall-meter", "acuvim-ii", "50 ms"),
    ("house-meter", "schneider-pm5xxx", "500 ms"),
];
/// Rows behind one feeder.
const ON_A_FEEDER: usize = 25;
/// Room beside all miners and the hall, so that inrush while they come back is no event of its own.
const BESIDE_KW: i64 = 700;

/// What the site file says of a row.
struct Kind {
    watts: i64,
    efficiency: &'static str,
    poll: &'static str,
    response: &'static str,
    proof: &'static str,
    asleep: &'static str,
}

fn kind(firmware: Firmware) -> Kind {
    let (watts, efficiency, poll, response, proof, asleep) = match firmware {
        Firmware::Luxos => (3_500, "17.5 J/TH", "2 s", "5 s", "9 s", "30 W"),
        Firmware::Whatsminer => (3_440, "20 J/TH", "2 s", "8 s", "12 s", "40 W"),
        Firmware::Braiins => (3_500, "17.5 J/TH", "2 s", "6 s", "10 s", "60 W"),
        Firmware::Antminer => (3_500, "17.5 J/TH", "5 s", "90 s", "2 min", "40 W"),
    };
    Kind { watts, efficiency, poll, response, proof, asleep }
}

/// All miners at nameplate.
pub(super) fn nameplate(rows: &[Firmware]) -> Power {
    Power::from_watts(rows.iter().map(|firmware| kind(*firmware).watts * MINERS as i64).sum())
}

/// The site file, with all addresses in `127.NET`.
pub(super) fn file(rows: &[Firmware], net: u8) -> String {
    let limit = nameplate(rows).watts() / 1_000 + BESIDE_KW;
    let mut text = HEAD.replace("LIMIT", &limit.to_string());
    for (nth, (name, profile, poll)) in METERS.iter().enumerate() {
        let address = format!("127.{net}.250.{}:5020", nth + 1);
        table(&mut text, "meter", &[("name", name), ("profile", profile), ("address", &address), ("poll", poll)]);
    }
    for feeder in 0..rows.len().div_ceil(ON_A_FEEDER) {
        table(&mut text, "feeder", &[("name", &format!("feeder-{feeder}")), ("rating", "1 MW")]);
    }
    rows.iter().enumerate().for_each(|(nth, firmware)| row(&mut text, (net, nth), *firmware));
    text
}

/// Twenty rows share their third byte: the PDU has a multiple of ten as its last, its miners those after it.
fn row(text: &mut String, (net, nth): (u8, usize), firmware: Firmware) {
    let (third, last) = (nth / 20, nth % 20 * 10 + 10);
    let feeder = nth / ON_A_FEEDER;
    let Kind { watts, efficiency, poll, response, proof, asleep } = kind(firmware);
    let (name, feeder, watts) = (format!("row-{nth:03}"), format!("feeder-{feeder}"), format!("{watts} W"));
    table(text, "group", &[("name", &name), ("feeder", &feeder), ("watts", &watts), ("efficiency", efficiency)]);
    let _ = write!(text, "miners = {MINERS}\noutlets = {MINERS}\ndwell_on = \"1 s\"\ndwell_off = \"1 s\"\n");
    let (pdu, miner) = (format!("127.{net}.{third}.{last}:5020"), format!("127.{net}.{third}.{{unit+{last}}}"));
    let outlets = [("kind", "outlets"), ("profile", "netio-powerpdu"), ("address", &pdu), ("poll", "1 s")];
    let outlets = [&outlets[..], &[("response", "250 ms"), ("proof", "2 s"), ("comms_loss", "holds")]].concat();
    let told = [("kind", "firmware"), ("firmware", firmware.name()), ("address", &miner), ("poll", poll)];
    let told = [&told[..], &[("response", response), ("proof", proof), ("asleep", asleep)]].concat();
    // A stock miner answers after a minute: there a limit uses the outlets.
    let paths = if firmware == Firmware::Antminer { [outlets, told] } else { [told, outlets] };
    paths.iter().for_each(|path| table(text, "group.path", path));
}

fn table(text: &mut String, name: &str, keys: &[(&str, &str)]) {
    let _ = writeln!(text, "\n[[{name}]]");
    for (key, value) in keys {
        let _ = writeln!(text, "{key} = \"{value}\"");
    }
}
