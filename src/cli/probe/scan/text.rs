//! What a scan found, for people and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::Found;
use crate::devices::miners::Met;
use crate::devices::probe::fit::{Answering, Fit, Grade};
use crate::site::Firmware;
use crate::units::Power;

/// A line of a table, cell by cell; the first is the header.
type Line<const N: usize> = [String; N];

/// A line for each device, for each map that would do as well, and for each miner.
pub(super) fn table(found: &Found) -> String {
    let mut out = String::new();
    let devices: Vec<Line<5>> = found
        .devices
        .iter()
        .flat_map(|(at, units)| units.iter().flat_map(move |device| lines(&at.to_string(), device)))
        .collect();
    if !devices.is_empty() {
        lay(&mut out, ["device", "unit", "goes with", "shows", "outlets"], &devices, &[1, 3, 4]);
    }
    let miners: Vec<Line<6>> = found.miners.values().map(miner_line).collect();
    if !miners.is_empty() {
        let gap = if devices.is_empty() { "" } else { "\n" };
        out.push_str(gap);
        lay(&mut out, ["miner", "firmware", "make and model", "draws", "clock", "runs"], &miners, &[3, 4]);
    }
    for met in found.miners.values() {
        let trouble = met.trouble.as_ref().map(|fault| format!("{fault}; {}", fault.next_step()));
        let unknown = met.firmware.is_none().then(|| "a miner whose firmware is none that is known here".to_owned());
        for sentence in trouble.into_iter().chain(unknown) {
            let _ = writeln!(out, "\n{}: {sentence}", met.address);
        }
    }
    for (at, fault) in &found.mute {
        let secret = if at.port() == 802 { "; on this port devices mostly want TLS" } else { "" };
        let _ = writeln!(out, "\n{at}: takes connections and answers to none of these unit ids: {fault}{secret}");
    }
    let _ = writeln!(out, "{}{}", if out.is_empty() { "" } else { "\n" }, verdict(found));
    out
}

fn verdict(found: &Found) -> String {
    let devices: usize = found.devices.values().map(Vec::len).sum();
    let doubtful = found.devices.values().flatten().filter(|device| device.only().is_none()).count();
    let doubt = match doubtful {
        0 => String::new(),
        doubtful => format!(", {doubtful} of them not clearly one map: look at the device"),
    };
    let named = format!("{} addresses asked, nothing written to any: ", found.asked);
    match (devices, found.miners.len()) {
        (0, 0) => format!("{named}nobody answers; check the range, the ports (--ports) and the unit ids (--units)"),
        (devices, _) if !cfg!(feature = "miners") => {
            format!("{named}{devices} meters and PDUs{doubt}; this build speaks to no miners")
        }
        (devices, miners) => format!("{named}{devices} meters and PDUs{doubt}, {miners} miners"),
    }
}

/// One line for each map that would do.
fn lines(at: &str, device: &Answering) -> Vec<Line<5>> {
    let unit = if device.to_any { "any".into() } else { device.unit_id.to_string() };
    if device.fits.is_empty() {
        return vec![[at.into(), unit, "none of the maps there are".into(), "-".into(), "-".into()]];
    }
    let line = |(ix, fit): (usize, &Fit)| {
        let (at, unit) = if ix == 0 { (at.into(), unit.clone()) } else { (String::new(), String::new()) };
        let mark = if fit.grade() == Grade::Readable { " ?" } else { "" };
        let name = format!("{}{}{mark}", if ix == 0 { "" } else { "or " }, fit.profile.name);
        let outlets =
            fit.outlets.map_or_else(|| "-".into(), |(count, on)| format!("{} of {count} on", on.count_ones()));
        [at, unit, name, shows(fit), outlets]
    };
    device.best().iter().enumerate().map(line).collect()
}

fn shows(fit: &Fit) -> String {
    match fit.power {
        None => "-".into(),
        Some(Ok(power)) => power.to_string(),
        Some(Err(_)) => "no data".into(),
    }
}

fn miner_line(met: &Met) -> Line<6> {
    let identity = met.identity.as_ref();
    let name = |met: &Met| met.firmware.map_or("?", Firmware::name).to_owned();
    [
        met.address.to_string(),
        name(met),
        identity.map_or_else(|| "-".into(), |it| plain(&format!("{} {}", it.make, it.model))),
        met.watts.map_or_else(|| "-".into(), |watts| watts.to_string()),
        met.clock_ahead.map_or_else(|| "-".into(), |ahead| format!("{ahead:+} s")),
        identity.map_or_else(|| "-".into(), |it| plain(&it.firmware)),
    ]
}

/// Lays lines under their headers; these columns end at the right.
fn lay<const N: usize>(out: &mut String, head: [&str; N], lines: &[Line<N>], right: &[usize]) {
    let head = head.map(String::from);
    let all: Vec<&Line<N>> = std::iter::once(&head).chain(lines).collect();
    let width =
        |n: usize| all.iter().filter_map(|line| line.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    for line in &all {
        let cell = |(n, text): (usize, &String)| match (right.contains(&n), width(n)) {
            (true, width) => format!("{text:>width$}"),
            (false, width) => format!("{text:<width$}"),
        };
        let cells: Vec<String> = line.iter().enumerate().map(cell).collect();
        let _ = writeln!(out, "{}", cells.join("  ").trim_end());
    }
}

/// The same as JSON, with every map that can be read.
pub(super) fn json(found: &Found) -> Value {
    let fit = |fit: &Fit| {
        json!({
            "profile": fit.profile.name, "grade": format!("{:?}", fit.grade()).to_lowercase(),
            "power_w": fit.power.and_then(Result::ok).map(Power::watts), "outlets": fit.outlets.map(|(count, _)| count),
            "outlets_on": fit.outlets.map(|(_, on)| on),
        })
    };
    let device = |(at, it): (String, &Answering)| {
        json!({
            "address": at, "unit_id": it.unit_id, "to_any_unit": it.to_any, "is": it.only().map(|fit| &fit.profile.name),
            "may_be": it.best().iter().map(|fit| &fit.profile.name).collect::<Vec<_>>(),
            "readable": it.fits.iter().map(fit).collect::<Vec<_>>(),
        })
    };
    let devices = found.devices.iter().flat_map(|(at, units)| units.iter().map(|it| (at.to_string(), it)));
    let miner = |met: &Met| {
        let identity = met.identity.as_ref();
        json!({
            "address": met.address.to_string(), "firmware": met.firmware.map(Firmware::name), "make": identity.map(|it| &it.make),
            "model": identity.map(|it| &it.model), "runs": identity.map(|it| &it.firmware), "watts": met.watts.map(Power::watts),
            "clock_ahead_s": met.clock_ahead, "trouble": met.trouble.as_ref().map(ToString::to_string),
        })
    };
    json!({
        "asked": found.asked, "devices": devices.map(device).collect::<Vec<_>>(),
        "miners": found.miners.values().map(miner).collect::<Vec<_>>(),
        "mute": found.mute.iter().map(|(at, fault)| json!({"address": at.to_string(), "fault": fault.to_string()})).collect::<Vec<_>>(),
    })
}

/// A miner's own words without what would move the cursor.
fn plain(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).collect()
}
