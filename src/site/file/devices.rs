//! Feeders, meters and everything else with a name or an address in a site file.

use std::net::SocketAddr;
use std::time::Duration;

use super::group::times;
use super::tls::tls;
use super::{Places, Reader, flip};
use crate::document::{Code, Form};
use crate::site::{Contactor, Device, Feeder, Login, SecretRef, Tls};

/// Devices as they are read: the meters first, then what the groups are switched by.
#[derive(Debug, Default)]
pub(super) struct Devices {
    /// The names of the meters, at the place they have among all devices, also of those that could not be read.
    pub(super) meters: Vec<String>,
    read: Vec<Option<Device>>,
}

impl Devices {
    /// Adds one; its place.
    pub(super) fn add(&mut self, device: Option<Device>) -> usize {
        self.read.push(device);
        self.read.len() - 1
    }

    /// All of them, if all could be read.
    pub(super) fn all(self) -> Option<Vec<Device>> {
        self.read.into_iter().collect()
    }
}

impl<'d> Reader<'d> {
    /// The names of all feeders, and the feeders if all could be read. A site may have none.
    pub(super) fn feeders(&mut self, root: &Form<'d>, devices: &mut Devices) -> (Vec<String>, Option<Vec<Feeder>>) {
        let mut names = Vec::new();
        let mut feeders = Vec::new();
        for form in root.optional_tables("feeder") {
            let name: Option<String> = form.required("name");
            let rating = form.positive("rating");
            if let Some(name) = &name {
                self.take("feeder", name, form.span_of("name"));
                self.places.note(&Places::feeder(name), &form, &["rating"]);
            }
            let called = name.as_deref().unwrap_or_default();
            let contactor = form.optional_table("contactor").map(|form| self.contactor(&form, called, devices));
            names.push(called.to_owned());
            let feeder = || Some(Feeder { name: name?, rating: rating?, contactor: flip(contactor)? });
            feeders.push(feeder());
        }
        (names, feeders.into_iter().collect())
    }

    /// The contactor of a feeder: it stands among the devices, behind the meters.
    fn contactor(&mut self, form: &Form<'d>, feeder: &str, devices: &mut Devices) -> Option<Contactor> {
        let name = form.or("name", format!("{feeder}-contactor"));
        let meter = form.required::<String>("measured_by");
        let meter = meter.and_then(|meter| self.measured_by(form, &meter, devices));
        let (times, opens_after) = (times(form), form.positive("opens_after"));
        let returns_off = form.choice("outlets_return", &[("off", true), ("on", false)]);
        self.places.note(&Places::contactor(feeder), form, &["measured_by", "response", "proof", "opens_after"]);
        let device = self.watched(form, name);
        let read = device.is_some();
        let device = devices.add(device);
        let ((response, proof), meter, opens_after, returns_off) = (times?, meter?, opens_after?, returns_off?);
        read.then_some(Contactor { device, meter, response, proof, opens_after, returns_off })
    }

    pub(super) fn meters(&mut self, root: &Form<'d>, devices: &mut Devices) {
        for form in root.tables("meter") {
            let name: Option<String> = form.required("name");
            devices.meters.push(name.clone().unwrap_or_default());
            let meter = self.watched(&form, name);
            devices.add(meter);
        }
    }

    /// The relay that trips miners when the frequency falls: its place among the devices.
    pub(super) fn relay(&mut self, form: &Form<'d>, devices: &mut Devices) -> Option<usize> {
        let name = form.or("name", "under-frequency-relay".to_owned());
        let relay = self.watched(form, name);
        let read = relay.is_some();
        let place = devices.add(relay);
        read.then_some(place)
    }

    /// A device that is only read.
    fn watched(&mut self, form: &Form<'d>, name: Option<String>) -> Option<Device> {
        let profile = form.required("profile");
        let address = form.required("address");
        let unit_id = form.or("unit_id", 1);
        let poll = form.positive("poll");
        let login = login(form);
        let tls = tls(form, |_, name| Some(name.to_owned()));
        if let Some(name) = &name {
            self.take("device", name, form.span_of("name"));
            self.places.note(&Places::device(name), form, &["profile", "address", "unit_id", "poll", "login", "tls"]);
        }
        if let (Some(address), Some(unit_id)) = (address, unit_id) {
            self.take_address(address, unit_id, form);
        }
        let ways = login.and_then(|login| Ok((login, tls?.map(|(tls, name)| Tls { server_name: name, ..tls }))));
        meter((name, profile), address, unit_id, poll, ways)
    }

    /// Notes an address as taken. Several devices may share one address behind a gateway, each with its own unit id.
    pub(super) fn take_address(&mut self, address: SocketAddr, unit_id: u8, form: &Form<'d>) {
        self.take("address", &format!("{address} (unit {unit_id})"), form.span_of("address"));
    }
}

fn meter(
    (name, profile): (Option<String>, Option<String>),
    address: Option<SocketAddr>,
    unit_id: Option<u8>,
    poll: Option<Duration>,
    ways: Result<(Option<Login>, Option<Tls>), NotRead>,
) -> Option<Device> {
    let (name, profile, (login, tls)) = (name?, profile?, ways.ok()?);
    Some(Device { name, profile, address: address?, unit_id: unit_id?, poll: poll?, login, tls })
}

/// A key whose problem is told.
#[derive(Debug)]
pub(super) struct NotRead;

/// Who logs in, where the file says so.
pub(super) fn login(form: &Form<'_>) -> Result<Option<Login>, NotRead> {
    let Some(form) = form.optional_table("login") else { return Ok(None) };
    let (user, password) = (form.required("user"), form.required::<String>("password"));
    let found = password.as_deref().and_then(SecretRef::parse);
    if password.is_some() && found.is_none() {
        let help = "write password = \"env:NAME\", \"file:PATH\" or \"credential:NAME\"";
        form.problem("password", Code::Range, "a secret does not stand in a site file", Some(help.into()));
    }
    let (user, password) = user.zip(found).ok_or(NotRead)?;
    Ok(Some(Login { user, password }))
}
