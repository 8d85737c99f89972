//! The groups of a site file: one table can stand for a whole row of equal PDUs.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::devices::{Devices, login};
use super::firmware::{self, FirmwareWay};
use super::repeat::{Template, range};
use super::tls::tls;
use super::{MAX_GROUPS, Places, Reader, flip};
use crate::document::{Code, Field, Form, Problem, Value, nearest};
use crate::site::{CommsLoss, Device, DeviceIx, FeederIx, Group, Login, MAX_UNITS, Path, Tls};
use crate::units::{Efficiency, Power, span};

/// Time a unit stays on, and off, where the file does not say: enough for boards to warm and fans to settle.
const DWELL: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(30));
/// How often a PDU is read where the file does not say.
const POLL: Duration = Duration::from_secs(1);

/// What all groups of one table have in common.
pub(super) struct Row {
    feeder: Option<FeederIx>,
    pub(super) miners: u32,
    pub(super) units: u32,
    pub(super) unit: Power,
    pub(super) efficiency: Efficiency,
    dwell: (Duration, Duration),
}

/// One `[[group.path]]`, before its placeholders are filled.
pub(super) enum Way<'d> {
    Outlets(OutletsWay<'d>),
    Firmware(FirmwareWay<'d>),
}

/// By the outlets of a PDU.
pub(super) struct OutletsWay<'d> {
    pub(super) form: Form<'d>,
    profile: String,
    address: Template,
    unit_id: Template,
    poll: Duration,
    login: Option<Login>,
    tls: Option<Box<(Tls, Option<Template>)>>,
    response: Duration,
    proof: Duration,
    loss: Loss,
    /// The name of the meter that measures each group.
    measured_by: Option<Template>,
}

/// What the device does when it hears nothing, and how much later each next group of the row does it.
#[derive(Clone, Copy)]
struct Loss {
    first: CommsLoss,
    stagger: Duration,
}

impl<'d> Reader<'d> {
    /// All groups, if all could be read.
    pub(super) fn groups(&mut self, root: &Form<'d>, feeders: &[String], devices: &mut Devices) -> Option<Vec<Group>> {
        let mut groups = Vec::new();
        let mut whole = true;
        for form in root.tables("group") {
            match self.row(&form, feeders, devices) {
                Some(row) => groups.extend(row),
                None => whole = false,
            }
            if groups.len() > MAX_GROUPS {
                let message = format!("the file describes more than {MAX_GROUPS} groups");
                self.document.add(Problem::new(Code::Size, form.span(), message));
                return None;
            }
        }
        whole.then_some(groups)
    }

    fn row(&mut self, form: &Form<'d>, feeders: &[String], devices: &mut Devices) -> Option<Vec<Group>> {
        let repeat = numbers(form);
        let name = name(form);
        let row = row(form, feeders);
        let ways: Option<Vec<Way<'_>>> =
            form.tables("path").into_iter().map(way).collect::<Vec<_>>().into_iter().collect();
        let (repeat, name, row, ways) = (repeat?, name?, row?, ways?);
        firmware::stands_beside_outlets(form, &row, &ways)?;
        firmware::has_a_use_for_low_power(&row, &ways)?;
        let first = *repeat.start();
        repeat.map(|n| self.group(form, (n, n - first), &name.fill(n), &row, &ways, devices)).collect()
    }

    fn group(
        &mut self,
        form: &Form<'d>,
        (n, nth): (u32, u32),
        name: &str,
        row: &Row,
        ways: &[Way<'d>],
        devices: &mut Devices,
    ) -> Option<Group> {
        if self.take("group", name, form.span_of("name")) {
            self.take("device", name, form.span_of("name"));
        }
        self.places.note(&Places::group(name), form, &["watts", "feeder", "outlets"]);
        let outlets = ways.iter().filter_map(Way::outlets).enumerate();
        let paths: Option<Vec<Path>> =
            outlets.map(|(at, way)| self.path(n, nth, &device_name(name, at), way, devices)).collect();
        let firmware = ways.iter().find_map(Way::firmware);
        let first = matches!(ways.first(), Some(Way::Firmware(_)));
        let firmware = flip(firmware.map(|way| self.firmware(n, name, (row.units, row.unit), way, first)));
        Some(Group {
            name: name.into(),
            feeder: row.feeder,
            miners: row.miners,
            units: row.units,
            unit: row.unit,
            efficiency: row.efficiency,
            paths: paths?,
            firmware: firmware?,
            dwell_on: row.dwell.0,
            dwell_off: row.dwell.1,
        })
    }

    fn path(&mut self, n: u32, nth: u32, name: &str, way: &OutletsWay<'d>, devices: &mut Devices) -> Option<Path> {
        let form = &way.form;
        let keys = [
            "profile",
            "address",
            "unit_id",
            "poll",
            "login",
            "tls",
            "response",
            "proof",
            "comms_loss",
            "comms_loss_after",
        ];
        self.places.note(&Places::device(name), form, &keys);
        let address = filled::<SocketAddr>(form, "address", &way.address.fill(n), "an IP address with a port");
        let unit_id = filled::<u8>(form, "unit_id", &way.unit_id.fill(n), "a unit id from 0 to 255");
        let meter = flip(way.measured_by.as_ref().map(|by| self.measured_by(form, &by.fill(n), devices)));
        let (address, unit_id, meter) = (address?, unit_id?, meter?);
        self.take_address(address, unit_id, form);
        let (name, profile, login) = (name.to_owned(), way.profile.clone(), way.login.clone());
        let called = |name: &Option<Template>| name.as_ref().map(|name| name.fill(n));
        let tls = way.tls.as_deref().map(|(tls, name)| Tls { server_name: called(name), ..tls.clone() });
        let ix = devices.add(Some(Device { name, profile, address, unit_id, poll: way.poll, login, tls }));
        Some(Path { device: ix, response: way.response, proof: way.proof, comms_loss: way.loss.of(nth), meter })
    }
}

impl<'d> Reader<'d> {
    /// The meter of this name, for one group or feeder alone.
    pub(super) fn measured_by(&mut self, form: &Form<'d>, name: &str, devices: &Devices) -> Option<DeviceIx> {
        let Some(ix) = devices.meters.iter().position(|meter| meter == name) else {
            let known: Vec<&str> = devices.meters.iter().map(String::as_str).collect();
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "it needs a [[meter]] of its own".into(),
            };
            form.problem("measured_by", Code::Reference, format!("there is no meter `{name}`"), Some(help));
            return None;
        };
        self.take("meter of what is switched", name, form.span_of("measured_by"));
        Some(ix)
    }
}

impl<'d> Way<'d> {
    pub(super) fn outlets(&self) -> Option<&OutletsWay<'d>> {
        if let Self::Outlets(way) = self { Some(way) } else { None }
    }

    pub(super) fn firmware(&self) -> Option<&FirmwareWay<'d>> {
        if let Self::Firmware(way) = self { Some(way) } else { None }
    }
}

/// The device of the only path is named as its group; those of further paths are numbered.
fn device_name(group: &str, at: usize) -> String {
    if at == 0 { group.into() } else { format!("{group}/{}", at + 1) }
}

impl Loss {
    /// What the `nth` group of the row does, counted from 0.
    fn of(self, nth: u32) -> CommsLoss {
        let later = |after: Duration| after.saturating_add(self.stagger.saturating_mul(nth));
        match self.first {
            CommsLoss::Reverts(after) => CommsLoss::Reverts(later(after)),
            CommsLoss::SafeValue(after) => CommsLoss::SafeValue(later(after)),
            held => held,
        }
    }
}

/// The numbers a table is repeated for; a table without `repeat` stands for itself.
fn numbers(form: &Form<'_>) -> Option<RangeInclusive<u32>> {
    let Some(text) = flip(form.has("repeat").then(|| form.required::<String>("repeat")))? else { return Some(1..=1) };
    let help = "write repeat = \"1..24\"; both ends count";
    range(&text).map_err(|message| form.problem("repeat", Code::Range, message, Some(help.into()))).ok()
}

fn name(form: &Form<'_>) -> Option<Template> {
    let name = template(form, "name", &form.required::<String>("name")?)?;
    match (form.has("repeat"), name.is_fixed()) {
        (true, true) => {
            let help = "write for example name = \"north-{n:02}\"";
            form.problem("name", Code::Conflict, "all groups of this row would have this name", Some(help.into()));
            None
        }
        (false, false) => {
            let help = "add for example repeat = \"1..24\"";
            form.problem("name", Code::Conflict, "there is no `repeat` that says what n is", Some(help.into()));
            None
        }
        _ => Some(name),
    }
}

fn template(form: &Form<'_>, key: &str, text: &str) -> Option<Template> {
    let help = "placeholders are {n}, {n:02}, {n+8}";
    let read = read_template(form, key, text, help)?;
    if read.is_by_unit() {
        let message =
            format!("`{text}`: {{unit}} counts the miners of a group, for the address of their firmware alone");
        form.problem(key, Code::Range, message, Some(help.into()));
        return None;
    }
    Some(read)
}

/// A text with places for numbers; `help` says which there are.
pub(super) fn read_template(form: &Form<'_>, key: &str, text: &str, help: &str) -> Option<Template> {
    Template::parse(text).map_err(|message| form.problem(key, Code::Range, message, Some(help.into()))).ok()
}

fn row(form: &Form<'_>, feeders: &[String]) -> Option<Row> {
    let feeder = form.has("feeder").then(|| form.reference("feeder", "feeder", feeders));
    let (miners, watts) = (form.required::<u32>("miners"), form.positive::<Power>("watts"));
    let miners = form.within("miners", miners, 1..=100_000);
    let units = form.within("outlets", form.required::<u32>("outlets"), 1..=MAX_UNITS);
    let efficiency = form.positive("efficiency");
    let (on, off) = (form.or("dwell_on", DWELL.0), form.or("dwell_off", DWELL.1));
    let (miners, units) = (miners?, units?);
    if miners % units != 0 {
        let message = format!("{miners} miners cannot stand equally behind {units} outlets");
        let fitting = (1..=MAX_UNITS.min(miners)).rev().filter(|outlets| miners % outlets == 0).take(3);
        let fitting: Vec<String> = fitting.map(|outlets| outlets.to_string()).collect();
        let help = format!("outlets that would do: {}; or split the group", fitting.join(", "));
        form.problem("miners", Code::Conflict, message, Some(help));
    }
    Some(Row {
        feeder: flip(feeder)?,
        miners,
        units,
        unit: watts? * i64::from(miners / units),
        efficiency: efficiency?,
        dwell: (on?, off?),
    })
}

fn way(form: Form<'_>) -> Option<Way<'_>> {
    match form.choice("kind", &[("outlets", false), ("firmware", true)])? {
        true => firmware::way(form).map(Way::Firmware),
        false => outlets_way(form).map(Way::Outlets),
    }
}

fn outlets_way(form: Form<'_>) -> Option<OutletsWay<'_>> {
    let profile = form.required("profile");
    let address = form.required::<String>("address").and_then(|text| template(&form, "address", &text));
    let unit_id = form.or("unit_id", UnitId("1".into())).and_then(|UnitId(text)| template(&form, "unit_id", &text));
    let poll = form.positive_or("poll", POLL);
    let login = login(&form);
    let measured_by =
        form.has("measured_by").then(|| template(&form, "measured_by", &form.required::<String>("measured_by")?));
    let tls = tls(&form, |form, name| template(form, "server_name", name));
    let times = times(&form);
    let loss = loss(&form);
    let (response, proof) = times?;
    let (profile, address, unit_id) = (profile?, address?, unit_id?);
    let (login, measured_by) = (login.ok()?, flip(measured_by)?);
    let tls = tls.ok()?.map(Box::new);
    Some(OutletsWay {
        profile,
        address,
        unit_id,
        poll: poll?,
        login,
        tls,
        response,
        proof,
        loss: loss?,
        measured_by,
        form,
    })
}

/// Response and proof of a path.
pub(super) fn times(form: &Form<'_>) -> Option<(Duration, Duration)> {
    let (response, proof) = (form.positive("response"), form.positive("proof"));
    let (response, proof) = (response?, proof?);
    if proof < response {
        let message = format!("{} is before the response of {} is over", span(proof), span(response));
        let help = "the proof is when the lower power must be measured: response plus what the meter needs";
        form.problem("proof", Code::Conflict, message, Some(help.into()));
    }
    Some((response, proof))
}

fn loss(form: &Form<'_>) -> Option<Loss> {
    let later: fn(Duration) -> CommsLoss = CommsLoss::Reverts;
    let words = [
        ("reverts", Err(later)),
        ("safe_value", Err(CommsLoss::SafeValue as fn(Duration) -> CommsLoss)),
        ("holds", Ok(CommsLoss::Holds)),
        ("unsafe_on", Ok(CommsLoss::UnsafeOn)),
        ("unknown", Ok(CommsLoss::Unknown)),
    ];
    match form.choice("comms_loss", &words) {
        Some(Ok(first)) => Some(Loss { first, stagger: Duration::ZERO }),
        Some(Err(of)) => {
            let (after, stagger) = (form.positive("comms_loss_after"), form.or("comms_loss_stagger", Duration::ZERO));
            Some(Loss { first: of(after?), stagger: stagger? })
        }
        None => {
            let _ = (form.has("comms_loss_after"), form.has("comms_loss_stagger"));
            None
        }
    }
}

/// A filled-in text, read; told once for the whole row, at the key.
pub(super) fn filled<T: std::str::FromStr>(form: &Form<'_>, key: &str, text: &str, wanted: &str) -> Option<T> {
    let read = text.parse().ok();
    if read.is_none() {
        form.problem(key, Code::Range, format!("`{text}` is not {wanted}"), None);
    }
    read
}

/// A unit id as a number, or as a text with placeholders.
struct UnitId(String);

impl Value for UnitId {
    fn example() -> String {
        "1".into()
    }

    fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        match field.value.get_ref() {
            toml::de::DeValue::String(_) => String::read(field, problems).map(Self),
            _ => u8::read(field, problems).map(|id| Self(id.to_string())),
        }
    }
}
