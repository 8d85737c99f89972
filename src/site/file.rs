//! The site file: read, with every problem at once. `docs/sites.md` describes the format.
//!
//! Money, wear and bookkeeping have defaults; a number that keeps the site safe never has one. What spans the whole site
//! (can it hold its promise?) is judged by [`check`](super::check); here each value is judged by itself and against its
//! neighbours. Opens no file: the text is handed in.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use super::{DeviceIx, FirmLoad, Guard, Poi, Site};
use crate::document::{Code, Document, Form, Problem, Problems, Span};
use crate::units::{Power, Quantity};

mod devices;
mod firmware;
mod group;
mod repeat;
mod supply;
mod tables;
#[cfg(test)]
mod tests;
mod tls;

use devices::Devices;

/// The most groups a site file can describe.
pub const MAX_GROUPS: usize = 10_000;

/// Reads a site file.
///
/// # Errors
/// Every problem of the file at once.
pub fn load(file_name: &str, text: &str) -> Result<Site, Problems> {
    load_placed(file_name, text).map(|(site, _)| site)
}

/// Reads a site file, and remembers where in it things stand.
///
/// # Errors
/// Every problem of the file at once.
pub fn load_placed(file_name: &str, text: &str) -> Result<(Site, Places), Problems> {
    let document = Document::parse(file_name, text);
    let mut reader = Reader { document: &document, places: Places::default(), names: Names::default() };
    let site = reader.site();
    let places = reader.places;
    document.finish(site.map(|site| (site, places)))
}

/// Where things stand in a site file, by the name of the table and the key: `poi.within`, ``feeder `north`.rating``.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<String, Span>);

impl Places {
    /// Where this stands; its table, or the head of the file, where it does not stand by itself.
    pub fn of(&self, name: &str) -> Span {
        let table = || self.0.get(name.rsplit_once('.')?.0);
        self.0.get(name).or_else(table).cloned().unwrap_or(0..0)
    }

    /// The name of a feeder here.
    pub fn feeder(name: &str) -> String {
        format!("feeder `{name}`")
    }

    /// The name of a feeder's contactor here.
    pub fn contactor(feeder: &str) -> String {
        format!("contactor of `{feeder}`")
    }

    /// The name of a meter or PDU here.
    pub fn device(name: &str) -> String {
        format!("device `{name}`")
    }

    /// The name of the miners of a group here.
    pub fn firmware(group: &str) -> String {
        format!("miners of `{group}`")
    }

    /// The name of a group here.
    pub fn group(name: &str) -> String {
        format!("group `{name}`")
    }

    fn note(&mut self, name: &str, form: &Form<'_>, keys: &[&str]) {
        self.0.insert(name.into(), form.span());
        for key in keys {
            self.0.insert(format!("{name}.{key}"), form.span_of(key));
        }
    }
}

/// Names and addresses already given, each with its place.
#[derive(Debug, Default)]
struct Names(BTreeMap<(&'static str, String), Span>);

struct Reader<'d> {
    document: &'d Document<'d>,
    places: Places,
    names: Names,
}

impl<'d> Reader<'d> {
    fn site(&mut self) -> Option<Site> {
        let root = self.document.root();
        let name = root.table("site").and_then(|form| form.required("name"));
        let mut devices = Devices::default();
        self.meters(&root, &mut devices);
        let (feeder_names, feeders) = self.feeders(&root, &mut devices);
        let poi = root.table("poi").and_then(|form| self.poi(&form, &devices.meters));
        let mut firm = |key| root.table(key).and_then(|form| self.firm(key, &form, &devices.meters, &feeder_names));
        let (hall, house) = (firm("hall"), firm("house"));
        let hung = |load: &Option<FirmLoad>| load.as_ref().and_then(|load| load.meter);
        let of = [("poi", poi.as_ref().map(|poi| poi.meter)), ("hall", hung(&hall)), ("house", hung(&house))];
        self.one_meter_each(of, &devices.meters);
        let groups = self.groups(&root, &feeder_names, &mut devices);
        let relay = flip(root.optional_table("under_frequency").map(|form| self.relay(&form, &mut devices)));
        let largest = groups.iter().flatten().map(|group| group.unit).max().unwrap_or(Power::ZERO);
        let restore = root.table("restore").and_then(|form| self.restore(&form, largest));
        let economics = root.table("economics").and_then(|form| tables::economics(&form));
        let supply = flip(root.optional_table("tariff").map(|form| self.supply(&form)));
        let tick = self.tick(root.optional_table("tick"));
        let fill = tables::fill(root.optional_table("fill"));
        let ages = self.ages(root.optional_table("ages"));
        let failsafe =
            self.failsafe(root.optional_table("failsafe"), poi.as_ref().map_or(Duration::ZERO, |poi| poi.within));
        let budgets = self.budgets(root.optional_table("budgets"));
        drop(root);
        Some(Site {
            name: name?,
            poi: poi?,
            hall: hall?,
            house: house?,
            feeders: feeders?,
            groups: groups?,
            devices: devices.all()?,
            relay: relay?,
            tick: tick?,
            fill: fill?,
            restore: restore?,
            economics: economics?,
            supply: supply?,
            ages: ages?,
            failsafe: failsafe?,
            budgets: budgets?,
        })
    }

    fn poi(&mut self, form: &Form<'d>, meters: &[String]) -> Option<Poi> {
        self.places.note("poi", form, &["import_limit", "within", "ramp", "meter"]);
        let import_limit = form.positive("import_limit");
        let (within, ramp) = (form.positive("within"), form.positive("ramp"));
        let meter = form.reference("meter", "meter", meters);
        let guard = form.table("guard").and_then(|form| self.guard(&form));
        let (import_limit, within, ramp, meter) = (import_limit?, within?, ramp?, meter?);
        let (guard, falls_within) = guard?;
        Some(Poi { import_limit, within, ramp, meter, guard, falls_within })
    }

    fn guard(&mut self, form: &Form<'d>) -> Option<(Guard, Option<Duration>)> {
        self.places.note("poi.guard", form, &["kind", "trips_within", "falls_within"]);
        let falls_within = flip(form.has("falls_within").then(|| form.positive("falls_within")));
        let guard = match form.choice("kind", &[("relay", true), ("tolerance", false)]) {
            Some(true) => Some(Guard::Relay { trips_within: form.positive("trips_within")? }),
            Some(false) => Some(Guard::Tolerance),
            None => {
                form.has("trips_within");
                None
            }
        };
        Some((guard?, falls_within?))
    }

    fn firm(&mut self, key: &str, form: &Form<'d>, meters: &[String], feeders: &[String]) -> Option<FirmLoad> {
        self.places.note(key, form, &["nameplate", "slew", "step", "meter", "feeder"]);
        let nameplate = not_negative(form, "nameplate");
        let (slew, step) = (not_negative(form, "slew"), not_negative(form, "step"));
        let meter = form.has("meter").then(|| form.reference("meter", "meter", meters));
        let feeder = form.has("feeder").then(|| form.reference("feeder", "feeder", feeders));
        if let (Some(step), Some(nameplate)) = (step, nameplate)
            && step > nameplate
        {
            form.problem("step", Code::Range, format!("{step} is more than the nameplate of {nameplate}"), None);
        }
        Some(FirmLoad { nameplate: nameplate?, slew: slew?, step: step?, meter: flip(meter)?, feeder: flip(feeder)? })
    }

    /// POI, hall and house are three places in the busbar: one meter cannot stand in two of them.
    fn one_meter_each(&self, of: [(&str, Option<DeviceIx>); 3], meters: &[String]) {
        for (at, (table, meter)) in of.iter().enumerate() {
            let same = |(_, other): &&(&str, Option<DeviceIx>)| meter.is_some() && other == meter;
            let Some((other, _)) = of.iter().take(at).find(same) else { continue };
            let name = meter.and_then(|meter| meters.get(meter)).map_or("", String::as_str);
            let span = self.places.of(&format!("{table}.meter"));
            let problem = Problem::new(Code::Conflict, span, format!("meter: `{name}` already measures [{other}]"));
            self.document.add(problem.help(format!("give [{table}] a meter of its own")));
        }
    }

    /// Notes a name as taken; where it is already, tells the line that has it.
    fn take(&mut self, kind: &'static str, name: &str, span: Span) -> bool {
        match self.names.0.entry((kind, name.into())) {
            Entry::Vacant(free) => {
                free.insert(span);
                true
            }
            Entry::Occupied(taken) => {
                let message = format!("{kind} `{name}` is given twice");
                let problem = Problem::new(Code::Duplicate, span, message);
                let line = self.document.line(taken.get());
                self.document.add(problem.help(format!("line {line} has it already")));
                false
            }
        }
    }
}

/// A quantity that must be there and cannot be below nothing.
fn not_negative<Q: Quantity + PartialOrd>(form: &Form<'_>, key: &str) -> Option<Q> {
    let read: Q = form.required(key)?;
    if read >= Q::from_steps(0) {
        return Some(read);
    }
    form.problem(key, Code::Range, "must not be below zero", None);
    None
}

/// What was left out is fine; what was given must have been read.
fn flip<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}
