//! A site of any size for the benches: so many PDUs of eight outlets, 25 behind each feeder, of the three kinds of the demo
//! site, and a hall that can take all of the miners' power in one step. Nothing slows the miners' return, so that a bench sees
//! many steps in little time.

use std::fmt::Write;

const HEAD: &str = r#"
[site]
name = "bench"
[poi]
import_limit = "LIMIT kW"
within = "2 s"
ramp = "500 MW/s"
meter = "poi-meter"
[poi.guard]
kind = "relay"
trips_within = "500 ms"
[hall]
nameplate = "HALL kW"
slew = "100 kW/s"
step = "10 kW"
meter = "hall-meter"
[house]
nameplate = "100 kW"
slew = "5 kW/s"
step = "2 kW"
meter = "house-meter"
[tick]
period = "100 ms"
lapse = "2 s"
[fill]
window = "500 ms"
[restore]
ramp = "500 MW/s"
stagger = "1 ms"
batch = "1 MW"
settle = "200 ms"
[economics]
hashprice = "45 USD/PH/day"
pool_fee = "2 %"
price_lost = "run"
"#;

const METERS: [(&str, &str, &str); 3] = [
    ("poi-meter", "acuvim-ii", "50 ms"),
    ("hall-meter", "acuvim-ii", "50 ms"),
    ("house-meter", "schneider-pm5xxx", "500 ms"),
];

/// Register map, miners' power in watts, J/TH, response.
const KINDS: [(&str, usize, &str, &str); 3] = [
    ("netio-powerpdu", 1_750, "17.5 J/TH", "100 ms"),
    ("gude-expert-pdu", 1_720, "20 J/TH", "250 ms"),
    ("netio-powerpdu", 1_535, "29.5 J/TH", "1 s"),
];

/// PDUs behind one feeder.
const ON_A_FEEDER: usize = 25;
/// Miners of a PDU: two an outlet.
pub(crate) const MINERS: usize = 16;

/// The site file.
pub(crate) fn file(groups: usize) -> String {
    let mut text = HEAD.replace("LIMIT", &limit_kw(groups).to_string()).replace("HALL", &hall_kw(groups).to_string());
    for (nth, (name, profile, poll)) in METERS.iter().enumerate() {
        let address = format!("127.70.200.{}:5020", nth + 1);
        table(&mut text, "meter", &[("name", name), ("profile", profile), ("address", &address), ("poll", poll)]);
    }
    for feeder in 0..groups.div_ceil(ON_A_FEEDER) {
        table(&mut text, "feeder", &[("name", &format!("feeder-{feeder}")), ("rating", "1 MW")]);
    }
    (0..groups).for_each(|nth| group(&mut text, nth));
    text
}

fn group(text: &mut String, nth: usize) {
    let feeder = nth / ON_A_FEEDER;
    let (profile, watts, efficiency, response) = kind(nth);
    let (name, feeder, watts) = (format!("pdu-{nth:04}"), format!("feeder-{feeder}"), format!("{watts} W"));
    let address = format!("127.70.{}.{}:5020", nth / 250, nth % 250 + 1);
    table(text, "group", &[("name", &name), ("feeder", &feeder), ("watts", &watts), ("efficiency", efficiency)]);
    let _ = write!(text, "miners = {MINERS}\noutlets = 8\ndwell_on = \"100 ms\"\ndwell_off = \"100 ms\"\n");
    let fixed = [("kind", "outlets"), ("poll", "1 s"), ("proof", "2.5 s"), ("comms_loss", "holds")];
    table(text, "group.path", &[("profile", profile), ("address", &address), ("response", response)]);
    lines(text, &fixed);
}

fn kind(nth: usize) -> (&'static str, usize, &'static str, &'static str) {
    KINDS[nth / ON_A_FEEDER % KINDS.len()]
}

fn table(text: &mut String, name: &str, keys: &[(&str, &str)]) {
    let _ = writeln!(text, "\n[[{name}]]");
    lines(text, keys);
}

fn lines(text: &mut String, keys: &[(&str, &str)]) {
    for (key, value) in keys {
        let _ = writeln!(text, "{key} = \"{value}\"");
    }
}

/// All miners at nameplate.
pub(crate) fn fleet_kw(groups: usize) -> usize {
    (0..groups).map(|nth| kind(nth).1 * MINERS).sum::<usize>() / 1_000
}

/// Room for all miners beside a hall at a quarter of its nameplate.
fn limit_kw(groups: usize) -> usize {
    hall_kw(groups) + 100
}

/// Twice what all miners draw: a step of the hall is then an event of its own, not a wiggle to learn from.
pub(crate) fn hall_kw(groups: usize) -> usize {
    2 * fleet_kw(groups)
}
