//! The miners of a group as they are reached through their own firmware: `[[group.path]]` with `kind = "firmware"`.

use std::net::IpAddr;
use std::time::Duration;

use super::devices::login;
use super::group::{Row, Way, filled, read_template, times};
use super::repeat::Template;
use super::{Places, Reader};
use crate::document::{Code, Form};
use crate::site::{Firmware, FirmwarePath, Login};
use crate::units::Power;

/// How often a miner is asked what it does, where the file does not say.
const POLL: Duration = Duration::from_secs(5);

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
}

/// Reads one.
pub(super) fn way(form: Form<'_>) -> Option<FirmwareWay<'_>> {
    let firmware = form.choice("firmware", &Firmware::ALL);
    let help = "placeholders are {n}, {n+8}, {unit}, {unit+100}";
    let address = form.required::<String>("address").and_then(|text| read_template(&form, "address", &text, help));
    let (poll, login, times) = (form.positive_or("poll", POLL), login(&form), times(&form));
    let asleep = form.positive("asleep");
    let (firmware, address, asleep, (response, proof)) = (firmware?, address?, asleep?, times?);
    Some(FirmwareWay { firmware, address, poll: poll?, login: login.ok()?, response, proof, asleep, form })
}

/// A miner that is told and draws on loses its outlet: so there must be one for each.
pub(super) fn stands_beside_outlets(form: &Form<'_>, row: &Row, ways: &[Way<'_>]) -> Option<()> {
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
        units: u32,
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
        })
    }
}
