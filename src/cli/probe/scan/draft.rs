//! A first site file from what a scan found. What nobody can see from the network stands there as `"?"`, which `ballast check` refuses, with
//! what it wants: a number that was made up would look right.

use std::fmt::Write;

use super::Found;
use super::rows::{self, MinerRow, Row};
use crate::devices::probe::fit::Answering;
use crate::devices::profile::Kind;
use crate::site::CommsLoss;
use crate::units::{Power, span};

/// What marks a line that a person has to complete.
pub(in crate::cli::probe) const MARK: &str = "TO BE FILLED IN";
/// What stands there until then.
const BLANK: &str = "\"?\"";
/// Where the comment of a line begins.
const COMMENT_AT: usize = 38;
/// No meter is proposed to be read more often.
const POLL: std::time::Duration = std::time::Duration::from_millis(100);

/// The file.
pub(super) fn of(found: &Found, ranges: &[String]) -> String {
    let mut out = String::new();
    let ranges = ranges.join(" ");
    let _ = writeln!(
        out,
        "# A first site file, proposed by `ballast probe --scan {ranges}`. Everything that stands behind {MARK} is nothing that can be seen\n\
         # from the network: `ballast check` refuses this file until it is there. docs/sites.md says what each means, docs/devices.md what comes next.\n\
         # What was dark during the scan is not here: a miner answers only while its outlet is on.\n"
    );
    let (meters, pdus, miners) = (rows::of(found, Kind::Meter), rows::of(found, Kind::Pdu), rows::of_miners(found));
    head(&mut out, &meters);
    all_meters(&mut out, &meters);
    groups(&mut out, &pdus, &miners);
    strangers(&mut out, found);
    out
}

/// `key = value`, and why.
fn set(out: &mut String, key: &str, value: &str, why: &str) {
    let line = format!("{key} = {value}");
    // A miner's own words may be anything: a comment ends with its line.
    let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = match why.as_str() {
        "" => writeln!(out, "{line}"),
        why => writeln!(out, "{line:<COMMENT_AT$}  # {why}"),
    };
}

fn blank(out: &mut String, key: &str, what: &str) {
    set(out, key, BLANK, &format!("{MARK}: {what}"));
}

fn head(out: &mut String, meters: &[Row<'_>]) {
    let names = names(meters);
    let each = if names.is_empty() { "a [[meter]] below".to_owned() } else { names.join(", ") };
    out.push_str("[site]\n");
    set(out, "name", "\"\"", &format!("{MARK}: short; stands in every line of the journal"));
    out.push_str("\n[poi]\n");
    blank(out, "import_limit", "as \"4 MW\", from the connection agreement");
    blank(out, "within", "as \"2 s\": how long import may be above it");
    blank(out, "ramp", "as \"200 kW/s\": fastest change the grid may see");
    blank(out, "meter", &format!("which of these measures the import: {each}"));
    out.push_str("\n[poi.guard]\n");
    blank(out, "kind", "\"relay\", with trips_within from its test report, or \"tolerance\": nothing holds the limit");
    for (table, what) in [("hall", "the AI hall: firm, never asked"), ("house", "light, offices, cooling")] {
        let _ = writeln!(out, "\n[{table}]{:<1$}# {what}", "", COMMENT_AT - table.len());
        blank(out, "nameplate", "as \"2.8 MW\": what it counts as when its meter is silent");
        blank(out, "slew", "as \"420 kW/s\": its fastest rise; from a recording");
        blank(out, "step", "as \"10 kW\": what it can jump on top");
        blank(out, "meter", "which of them measures it; take the line out where none does");
    }
    out.push_str("\n[restore]\n");
    blank(out, "ramp", "as \"100 kW/s\": all miners together, at most poi.ramp");
    blank(out, "batch", "as \"28 kW\": most that starts at once on one feeder");
    out.push_str("\n[economics]\n");
    blank(out, "hashprice", "as \"45 USD/PH/day\"");
    blank(out, "pool_fee", "as \"2 %\"");
    blank(out, "price_lost", "\"run\", \"curtail\", or \"assume\" with assumed_price");
    let _ = writeln!(
        out,
        "\n# [[feeder]]{:<1$}# {MARK}, one for each feeder or transformer that has a rating of its own",
        "",
        COMMENT_AT - 10
    );
    out.push_str("# name = \"north\"\n# rating = \"?\"\n");
}

fn names(meters: &[Row<'_>]) -> Vec<String> {
    (1..=meters.iter().map(Row::count).sum()).map(|n| format!("meter-{n}")).collect()
}

/// The profile, or all that it may be, which is none.
fn profile(out: &mut String, row: &Row<'_>) {
    let best = row.device.best();
    let names: Vec<&str> = best.iter().map(|fit| fit.profile.name.as_str()).collect();
    let clear = row.device.only();
    let value = format!("\"{}\"", names.join(" or "));
    match (clear, names.len()) {
        (Some(fit), _) if fit.says_so => set(out, "profile", &value, "it says so itself"),
        (Some(_), _) => set(out, "profile", &value, "the only one of the maps that goes with it; look at the device"),
        (None, 1) => {
            set(out, "profile", &value, &format!("{MARK}: it can be read, and shows nothing; look at the device"))
        }
        (None, _) => {
            set(out, "profile", &value, &format!("{MARK}: all of these go with it; look at the device, keep one"))
        }
    }
}

fn shown(device: &Answering) -> String {
    let power = device.best().first().and_then(|fit| fit.power?.ok());
    power.map_or_else(|| "no power shown".into(), |power: Power| format!("it showed {power}"))
}

fn all_meters(out: &mut String, meters: &[Row<'_>]) {
    let mut names = names(meters).into_iter();
    for row in meters {
        for (address, device) in row.each() {
            let _ = writeln!(out, "\n[[meter]]");
            set(out, "name", &format!("\"{}\"", names.next().unwrap_or_default()), &shown(device));
            profile(out, row);
            set(out, "address", &format!("\"{address}\""), "");
            set(out, "unit_id", &device.unit_id.to_string(), any(row));
            let refresh =
                row.device.best().first().and_then(|fit| fit.profile.power.as_ref()).map(|point| point.refresh);
            set(out, "poll", &format!("\"{}\"", span(refresh.unwrap_or(POLL).max(POLL))), "");
        }
    }
    if meters.is_empty() {
        out.push_str("\n[[meter]]\n");
        blank(out, "name", "no meter answered");
        blank(out, "profile", "its device file: docs/devices.md");
        blank(out, "address", "as \"192.0.2.11:502\"");
        blank(out, "poll", "as \"100 ms\"");
    }
}

fn any(row: &Row<'_>) -> &'static str {
    if row.device.to_any { "it answers to any" } else { "" }
}

fn groups(out: &mut String, pdus: &[Row<'_>], miners: &[MinerRow<'_>]) {
    let hangs = |pdu: &Row<'_>| {
        let mut fitting = miners.iter().filter(|row| row.may_hang_on(pdu));
        let only = fitting.next().filter(|_| fitting.next().is_none())?;
        (pdus.iter().filter(|other| only.may_hang_on(other)).count() == 1).then_some(only)
    };
    for (n, pdu) in (1_u32..).zip(pdus) {
        let row = hangs(pdu);
        group(out, n, pdu, row);
        if let Some(row) = row {
            let _ = writeln!(
                out,
                "\n[[group.path]]{:<1$}# {MARK}: that they hang here, the first on outlet 1, is guessed from their addresses",
                "",
                COMMENT_AT - 12
            );
            firmware(out, "", row);
        }
    }
    if pdus.is_empty() {
        out.push_str("\n[[group]]\n");
        blank(out, "name", "no PDU answered");
        of_group(out, None, false);
        out.push_str("\n[[group.path]]\nkind = \"outlets\"\n");
        blank(out, "profile", "its device file: docs/devices.md");
        blank(out, "address", "as \"192.0.2.21:502\"");
        of_path(out);
        blank(out, "comms_loss", "what it does when it hears nothing: its manual says");
    }
    let loose = miners.iter().filter(|row| !pdus.iter().any(|pdu| hangs(pdu).is_some_and(|it| it.first == row.first)));
    for (n, row) in loose.enumerate() {
        if n == 0 {
            let _ = writeln!(
                out,
                "\n# Miners of which nobody can see from the network on which PDU they hang. {MARK}: put each path below its group, one miner an\n\
                 # outlet in the order of the outlets, and take the marks in front away. `ballast probe` then says which hangs elsewhere."
            );
        }
        out.push_str("#\n# [[group.path]]\n");
        firmware(out, "# ", row);
    }
}

fn group(out: &mut String, n: u32, pdu: &Row<'_>, miners: Option<&MinerRow<'_>>) {
    out.push_str("\n[[group]]\n");
    if pdu.count() > 1 {
        set(out, "repeat", &format!("\"1..{}\"", pdu.count()), "");
        set(out, "name", &format!("\"pdu-{n}-{{n:02}}\""), &format!("the first: {}", shown(pdu.device)));
    } else {
        set(out, "name", &format!("\"pdu-{n}\""), &shown(pdu.device));
    }
    of_group(out, pdu.outlets(), miners.is_some());
    out.push_str("\n[[group.path]]\nkind = \"outlets\"\n");
    profile(out, pdu);
    set(out, "address", &format!("\"{}\"", pdu.address()), "");
    set(out, "unit_id", &pdu.unit_id(), any(pdu));
    if pdu.device.best().first().is_some_and(|fit| fit.profile.login.is_some()) {
        let login = "{ user = \"?\", password = \"env:PDU_PASSWORD\" }";
        set(out, "login", login, &format!("{MARK}: who may switch it; the password stands elsewhere"));
    }
    of_path(out);
    comms_loss(out, pdu);
}

fn of_group(out: &mut String, outlets: Option<u32>, firmware: bool) {
    let _ = writeln!(out, "# {:<1$}  # {MARK} where a [[feeder]] stands above", "feeder = \"?\"", COMMENT_AT - 2);
    match outlets.filter(|_| firmware) {
        Some(outlets) => set(out, "miners", &outlets.to_string(), "one an outlet: firmware asks for it"),
        None => blank(out, "miners", "how many hang on it"),
    }
    match outlets {
        Some(outlets) => set(out, "outlets", &outlets.to_string(), "as its map says and as could be read; count them"),
        None => blank(out, "outlets", "how many it has"),
    }
    blank(out, "watts", "as \"3.5 kW\": nameplate of one miner at the wall");
    blank(out, "efficiency", "as \"17.5 J/TH\": the best runs first");
}

fn of_path(out: &mut String) {
    blank(out, "response", "as \"250 ms\": from the decision to the power being gone, worst case");
    blank(out, "proof", "as \"2.5 s\": by when its meter must show it");
}

fn comms_loss(out: &mut String, pdu: &Row<'_>) {
    let Some(fit) = pdu.device.best().first() else { return };
    let (word, after) = match fit.profile.connection.comms_loss {
        CommsLoss::Holds => ("holds", None),
        CommsLoss::UnsafeOn => ("unsafe_on", None),
        CommsLoss::Unknown => ("unknown", None),
        CommsLoss::Reverts(after) => ("reverts", Some(after)),
        CommsLoss::SafeValue(after) => ("safe_value", Some(after)),
    };
    set(out, "comms_loss", &format!("\"{word}\""), "as its device file has it; try it before you rely on it");
    if let Some(after) = after {
        set(out, "comms_loss_after", &format!("\"{}\"", span(after)), "");
    }
}

/// A firmware path; a mark stands before each line where it is not to count yet.
fn firmware(out: &mut String, before: &str, row: &MinerRow<'_>) {
    let mut lines = String::new();
    let identity = row.met.iter().find_map(|met| met.identity.as_ref());
    let is = identity.map_or_else(String::new, |it| format!("{} {}, {}", it.make, it.model, it.firmware));
    lines.push_str("kind = \"firmware\"\n");
    set(&mut lines, "firmware", &format!("\"{}\"", row.firmware.name()), &is);
    let most = row.met.iter().filter_map(|met| met.watts).max();
    let drew = most.map_or_else(String::new, |watts| format!("{} of them, {watts} at the most", row.met.len()));
    set(&mut lines, "address", &format!("\"{}\"", row.address()), &drew);
    blank(&mut lines, "response", "as \"5 s\": from the decision to the power being gone");
    blank(&mut lines, "proof", "as \"9 s\": by then the PDU must show it");
    blank(&mut lines, "asleep", "as \"40 W\": most one miner draws asleep");
    for line in lines.lines() {
        let _ = writeln!(out, "{before}{line}");
    }
}

/// Devices with which no map goes.
fn strangers(out: &mut String, found: &Found) {
    for (at, units) in &found.devices {
        for device in units.iter().filter(|device| rows::kind(device).is_none()) {
            let _ = writeln!(
                out,
                "\n# {at} unit {}: answers, and none of the maps there are goes with it; docs/devices.md says how to write one",
                device.unit_id
            );
        }
    }
}

#[cfg(test)]
mod tests;
