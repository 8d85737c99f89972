//! The miners of a group as they are reached through their own firmware: `[[group.path]]` with `kind = "firmware"`.

use std::net::IpAddr;
use std::time::Duration;

use super::devices::login;
use super::group::{Row, Way, filled, read_template, times};
use super::repeat::Template;
use super::{Places, Reader, flip};
use crate::document::{Code, Form};
use crate::site::{Firmware, FirmwarePath, Login, LowPower};
use crate::units::{Efficiency, Power};

/// How often a miner is asked what it does, where the file does not say.
const POLL: Duration = Duration::from_secs(5);
/// By when a miner draws no more than its new power target, where the file does not say.
const TUNED: Duration = Duration::from_secs(300);

/// Such a path, before its placeholders are filled.
pub(super) struct FirmwareWay<'d> {
    form: Form<'d>,
    firmware: Firmware,
    address: Template,
    poll: Duration,
    login: Option<Login>,
    response: Duration,
    proof: Duration,
    asleep: Power,
    low: Option<LowWay<'d>>,
}

/// Its `low`, before the rest of the group is known.
struct LowWay<'d> {
    form: Form<'d>,
    power: Power,
    efficiency: Efficiency,
    full: Option<Power>,
    proof: Duration,
}

/// Reads one.
pub(super) fn way(form: Form<'_>) -> Option<FirmwareWay<'_>> {
    let firmware = form.choice("firmware", &Firmware::ALL);
    let help = "placeholders are {n}, {n+8}, {unit}, {unit+100}";
    let address = form.required::<String>("address").and_then(|text| read_template(&form, "address", &text, help));
    let (poll, login, times) = (form.positive_or("poll", POLL), login(&form), times(&form));
    let asleep = form.positive("asleep");
    let low = flip(form.optional_table("low").map(low));
    let (firmware, address, asleep, (response, proof)) = (firmware?, address?, asleep?, times?);
    Some(FirmwareWay { firmware, address, poll: poll?, login: login.ok()?, response, proof, asleep, low: low?, form })
}

fn low(form: Form<'_>) -> Option<LowWay<'_>> {
    let (power, efficiency) = (form.positive("power"), form.positive("efficiency"));
    let full = flip(form.has("full").then(|| form.positive("full")));
    let proof = form.positive_or("proof", TUNED);
    Some(LowWay { power: power?, efficiency: efficiency?, full: full?, proof: proof?, form })
}

/// Low power must be less than full power and more than sleep, hash more for each joule, and less in all: else no price would choose it.
pub(super) fn has_a_use_for_low_power(row: &Row, ways: &[Way<'_>]) -> Option<()> {
    let Some(way) = ways.iter().find_map(Way::firmware) else { return Some(()) };
    let Some(low) = &way.low else { return Some(()) };
    let problem = |key: &str, message: String, help: &str| {
        low.form.problem(key, Code::Conflict, message, Some(help.into()));
        None
    };
    let (full, most) = (low.full.unwrap_or(row.unit), row.unit);
    if !way.firmware.takes_a_power_target() {
        let message = format!("the firmware {} takes no power target", way.firmware.name());
        return problem("power", message, "take `low` out: its miners sleep or run in full");
    }
    if low.power <= way.asleep || low.power >= full {
        let message = format!("{} is not between {} asleep and {full} in full", low.power, way.asleep);
        return problem("power", message, "the power target of one miner at low power");
    }
    if full > most {
        return problem(
            "full",
            format!("{full} is more than the {most} of a unit"),
            "at most the `watts` of the group",
        );
    }
    if low.efficiency >= row.efficiency {
        let (low, full) = (low.efficiency, row.efficiency);
        let message = format!("{low} is no better than the {full} of the group in full");
        return problem("efficiency", message, "the J/TH at low power; where it is not better, take `low` out");
    }
    let rate = |power: Power, efficiency: Efficiency| {
        i128::from(power.watts()) * 1_000_000 / i128::from(efficiency.millijoules_per_th().max(1))
    };
    if rate(low.power, low.efficiency) >= rate(row.unit, row.efficiency) {
        let message = "at low power these miners would hash as much as in full".to_owned();
        return problem(
            "efficiency",
            message,
            "check `efficiency` here and that of the group: power / (J/TH) is the hashrate",
        );
    }
    Some(())
}

/// A miner that is told and draws on loses its outlet: so there must be one for each.
pub(super) fn stands_beside_outlets(form: &Form<'_>, row: &Row, ways: &[Way<'_>]) -> Option<()> {
    if let Some(second) = ways.iter().filter_map(Way::outlets).nth(1) {
        let message = "the miners of a group hang on the outlets of one device";
        second.form.problem("kind", Code::Conflict, message, Some("split the group".into()));
        return None;
    }
    let mut firmware = ways.iter().filter_map(Way::firmware);
    let Some(way) = firmware.next() else { return Some(()) };
    if let Some(second) = firmware.next() {
        let message = "the miners of a group have one firmware";
        second.form.problem("kind", Code::Conflict, message, Some("split the group".into()));
        return None;
    }
    if ways.len() == 1 {
        let message = "the watts of these miners are not measured by anything but themselves";
        let help =
            "add a [[group.path]] with kind = \"outlets\": its PDU proves what they draw, and cuts those that draw on";
        form.problem("path", Code::Missing, message, Some(help.into()));
        return None;
    }
    if row.miners != row.units {
        let message = format!("{} miners behind {} outlets cannot be told one by one", row.miners, row.units);
        way.form.problem("kind", Code::Conflict, message, Some("firmware needs one outlet a miner".into()));
        return None;
    }
    if row.units > 1 && !way.address.is_by_unit() {
        let help = "write for example address = \"10.0.{n}.{unit+100}\"; units count from 1";
        way.form.problem(
            "address",
            Code::Conflict,
            "all miners of the group would have this address",
            Some(help.into()),
        );
        return None;
    }
    Some(())
}

impl<'d> Reader<'d> {
    /// The path of one group.
    pub(super) fn firmware(
        &mut self,
        n: u32,
        group: &str,
        (units, unit): (u32, Power),
        way: &FirmwareWay<'d>,
        first: bool,
    ) -> Option<FirmwarePath> {
        let form = &way.form;
        self.places.note(
            &Places::firmware(group),
            form,
            &["firmware", "address", "login", "response", "proof", "asleep"],
        );
        let read =
            |unit| filled::<IpAddr>(form, "address", &way.address.fill_unit(n, unit), "an IP address without a port");
        let addresses = (1..=units).map(read).collect::<Option<Vec<IpAddr>>>()?;
        for address in &addresses {
            self.take("address", &address.to_string(), form.span_of("address"));
        }
        Some(FirmwarePath {
            firmware: way.firmware,
            addresses,
            poll: way.poll,
            login: way.login.clone(),
            response: way.response,
            proof: way.proof,
            asleep: way.asleep,
            first,
            low: way.low.as_ref().map(|low| LowPower {
                power: low.power,
                efficiency: low.efficiency,
                full: low.full.unwrap_or(unit),
                proof: low.proof,
            }),
        })
    }
}
