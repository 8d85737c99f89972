//! A tariff file: TOML with named tables, quantities as text, dated values. Every problem is told at once, nothing is ignored.

use crate::document::{Code, Document, Form, Kind, Problem, Problems, Raw, Shape, Span, nearest};
use crate::time::Zone;

use super::exact::ONE;
use super::{Amount, Charge, Line, Minimum, Note, Tariff, quantity};

mod periods;
mod proofs;
mod reader;
mod rest;
mod supply;
mod wires;

use reader::Reader;

/// Tables that hold lines, in no order: lines stand in that of the file.
const GROUPS: &[&str] = &[
    "energy",
    "adder",
    "block",
    "demand",
    "coincident",
    "fixed",
    "power_factor",
    "reactive",
    "interruptible",
    "program",
    "minimum",
    "tax",
];

/// The form of files that is read.
const FORMAT: u8 = 1;

/// The names of all lines, in the order of the file.
struct Names(Vec<String>);

/// Reads a tariff.
///
/// # Errors
/// Every problem found, in the order of the file.
pub fn load(file: &str, text: &str) -> Result<Tariff, Problems> {
    let document = Document::parse(file, text).of(Kind::Tariff);
    let root = document.root();
    let read = tariff(&document, &root);
    drop(root);
    document.finish(read)
}

fn tariff<'d>(document: &'d Document<'d>, root: &Form<'d>) -> Option<Tariff> {
    let format = root.within("format", root.required::<u8>("format"), FORMAT..=FORMAT);
    let name: Option<String> = root.required("name");
    let currency = currency(document, root);
    let zone = zone(document, root);
    let mut reader = Reader {
        document,
        currency: currency.clone().unwrap_or_else(|| "USD".into()),
        interval: 15,
        periods: Vec::new(),
    };
    let interval = interval(&reader, root);
    reader.interval = interval.unwrap_or(15);
    reader.periods = periods::names(root);
    let round = billing(&reader, root);
    origin(&reader, root);
    let calendar = periods::read(&reader, root);
    let names = names(root);
    let lines = lines(&reader, &names, root);
    let (invoices, cases) = (proofs::invoices(&reader, &names, root), proofs::cases(&reader, root));
    let mut lines = lines?;
    floors(&mut lines);
    format?;
    Some(Tariff {
        name: name?,
        currency: currency?,
        zone: zone?,
        interval: interval?,
        round: round?,
        calendar: calendar?,
        lines,
        invoices: invoices?,
        cases: cases?,
    })
}

fn currency<'d>(document: &'d Document<'d>, root: &Form<'d>) -> Option<String> {
    let raw = root.required_raw("currency", "\"USD\"")?;
    let code = raw.text().filter(|code| code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase()));
    if code.is_none() {
        let problem = Problem::new(Code::Choice, raw.span(), "currency: three capital letters are wanted");
        document.add(problem.help("write currency = \"USD\""));
    }
    code.map(str::to_owned)
}

/// Abbreviations of clocks, and a place that each may mean.
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("EST", "America/New_York"),
    ("EDT", "America/New_York"),
    ("CST", "America/Chicago"),
    ("CDT", "America/Chicago"),
    ("MST", "America/Denver"),
    ("MDT", "America/Denver"),
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("GMT", "Europe/London"),
    ("BST", "Europe/London"),
    ("WET", "Europe/Lisbon"),
    ("CET", "Europe/Berlin"),
    ("CEST", "Europe/Berlin"),
    ("EET", "Europe/Helsinki"),
    ("AEST", "Australia/Brisbane"),
];

fn zone<'d>(document: &'d Document<'d>, root: &Form<'d>) -> Option<Zone> {
    let standard = match root.has("clock") {
        true => root.choice("clock", &[("local", false), ("standard", true)]),
        false => Some(false),
    };
    let raw = root.required_raw("timezone", "\"America/Chicago\"")?;
    let name = raw.text().unwrap_or_default();
    let is_place = name.contains('/') || name == "UTC";
    let Some(zone) = Zone::named(name).filter(|_| is_place) else {
        let problem = Problem::new(Code::Timezone, raw.inner(), format!("unknown time zone `{name}`"));
        let place =
            ABBREVIATIONS.iter().find(|(short, _)| short.eq_ignore_ascii_case(name.trim())).map(|(_, place)| place);
        let help = match (place, nearest(name, Zone::names().filter(|name| name.contains('/')))) {
            (Some(place), _) => {
                format!("abbreviations such as {name} hide the daylight-saving rule; write \"{place}\"")
            }
            (None, Some(near)) => format!("did you mean \"{near}\"?"),
            (None, None) => "write a name as in \"America/Chicago\"".into(),
        };
        document.add(problem.label("not an IANA name").help(help));
        return None;
    };
    Some(if standard? { zone.at_standard_time() } else { zone })
}

fn interval<'d>(reader: &Reader<'d>, root: &Form<'d>) -> Option<u16> {
    let raw = root.required_raw("interval", "\"15 min\"")?;
    let minutes = reader.minutes(raw, "an interval")?;
    if 60 % minutes == 0 {
        return Some(minutes);
    }
    let problem = Problem::new(Code::Range, raw.inner(), format!("an hour is not made of {minutes} min intervals"));
    reader.add(problem.help("write \"5 min\", \"15 min\", \"30 min\" or \"60 min\""));
    None
}

/// To what a ledger line is rounded.
fn billing<'d>(reader: &Reader<'d>, root: &Form<'d>) -> Option<Amount> {
    let cent = Amount(Amount::ONE / 100);
    let Some(form) = root.optional_table("billing") else { return Some(cent) };
    let cycle = match form.has("cycle") {
        true => form.choice("cycle", &[("calendar month", ())]),
        false => Some(()),
    };
    let round = match form.raw("round") {
        Some(raw) => round(reader, raw),
        None => Some(cent),
    };
    cycle?;
    round
}

/// `"0.01 USD per line"` or `"none"`.
fn round(reader: &Reader<'_>, raw: Raw<'_>) -> Option<Amount> {
    let text = raw.text().unwrap_or_default();
    if text == "none" {
        return Some(Amount::ZERO);
    }
    let step = text.strip_suffix("per line").and_then(|text| quantity::read(text, &reader.currency).ok());
    let step = step.filter(|step| step.kind == quantity::Kind::Money && step.steps > 0);
    if step.is_none() {
        let problem = Problem::new(Code::Choice, raw.span(), "round: this is no step for a ledger line");
        reader.add(problem.help(format!("write round = \"0.01 {} per line\", or \"none\"", reader.currency)));
    }
    step.map(|step| Amount(step.steps * (Amount::ONE / ONE)))
}

/// `[source.…]`: where the file comes from. Told to people, used for nothing.
fn origin<'d>(reader: &Reader<'d>, root: &Form<'d>) {
    let Some(form) = root.optional_table("source") else { return };
    for (_, form) in form.named_tables() {
        form.optional::<String>("label");
        form.optional::<String>("url");
        form.optional::<String>("title");
        for key in ["from", "until", "retrieved"] {
            if let Some(raw) = form.raw(key) {
                reader.date(raw);
            }
        }
    }
}

/// The names of all lines, before any of them is read: lines name each other.
fn names(root: &Form<'_>) -> Names {
    let mut named: Vec<(String, Span)> = Vec::new();
    for group in GROUPS {
        let Some(Shape::Table(keys)) = root.raw(group).map(Raw::shape) else { continue };
        named.extend(keys.into_iter().map(|(key, span, _)| (format!("{group}.{key}"), span)));
    }
    named.sort_by_key(|(_, span)| span.start);
    Names(named.into_iter().map(|(name, _)| name).collect())
}

fn lines<'d>(reader: &Reader<'d>, names: &Names, root: &Form<'d>) -> Option<Vec<Line>> {
    let mut lines: Vec<(usize, Option<Line>)> = Vec::new();
    for group in GROUPS {
        let Some(form) = root.optional_table(group) else { continue };
        for (key, form) in form.named_tables() {
            let name = format!("{group}.{key}");
            let at = names.0.iter().position(|known| *known == name).unwrap_or(usize::MAX);
            let note = note(reader, &form);
            let charge = charge(reader, names, group, &form);
            lines.push((at, charge.zip(note).map(|(charge, note)| Line { name, charge, note })));
        }
    }
    if names.0.is_empty() && reader.document.text().contains("name") {
        let problem = Problem::new(Code::Missing, 0..0, "this tariff charges nothing");
        reader.add(problem.help("add a line, as in [energy.base]"));
    }
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(_, line)| line).collect()
}

fn charge<'d>(reader: &Reader<'d>, names: &Names, group: &str, form: &Form<'d>) -> Option<Charge> {
    match group {
        "energy" | "adder" => supply::energy(reader, names, form),
        "block" => supply::block(reader, names, form),
        "demand" => wires::demand(reader, form),
        "coincident" => wires::coincident(reader, form),
        "fixed" => rest::fixed(reader, form),
        "power_factor" => wires::power_factor(reader, names, form),
        "reactive" => wires::reactive(reader, form),
        "interruptible" => rest::interruptible(reader, form),
        "program" => rest::programme(reader, form),
        "minimum" => wires::minimum(reader, form),
        _ => rest::tax(reader, names, form),
    }
}

fn note<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Note> {
    let checked = match form.raw("checked") {
        Some(raw) => reader.date(raw).map(Some),
        None => Some(None),
    };
    let stale = match form.raw("provisional_after") {
        Some(raw) => reader.quantity(raw, &[quantity::Kind::Days], "an age").map(|days| Some(days.steps / ONE)),
        None => Some(None),
    };
    Some(Note {
        line: reader.document.line(&form.span()),
        source: form.optional("source"),
        checked: checked?,
        assumed: form.optional("assumed"),
        provisional_after: stale?.and_then(|days| u32::try_from(days).ok()),
    })
}

/// A minimum of demand is a floor of every demand line.
fn floors(lines: &mut [Line]) {
    let least = lines.iter().filter_map(|line| match line.charge {
        Charge::Minimum(Minimum::Demand(least)) => Some(least),
        _ => None,
    });
    let least = least.max().unwrap_or(0);
    for line in lines {
        if let Charge::Demand(demand) = &mut line.charge {
            demand.floor = demand.floor.max(least);
        }
    }
}

impl Names {
    /// The line of this name, which begins with `prefix`.
    fn line(&self, reader: &Reader<'_>, raw: Raw<'_>, prefix: &str) -> Option<usize> {
        self.named(reader, raw.text().unwrap_or_default(), raw.inner(), prefix)
    }

    fn named(&self, reader: &Reader<'_>, name: &str, span: Span, prefix: &str) -> Option<usize> {
        let found = self.0.iter().position(|known| known == name && known.starts_with(prefix));
        if found.is_none() {
            let problem = Problem::new(Code::Reference, span, format!("there is no line `{name}`"));
            reader.add(problem.help(self.meant(name, prefix)));
        }
        found
    }

    fn meant(&self, name: &str, prefix: &str) -> String {
        let known: Vec<&str> = self.0.iter().map(String::as_str).filter(|known| known.starts_with(prefix)).collect();
        match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("add a table [{prefix}…]"),
            None => format!("lines that would do: {}", known.join(", ")),
        }
    }

    /// The lines under `apply_to`: names, or groups as in `demand.*`.
    fn apply_to<'d>(
        &self,
        reader: &Reader<'d>,
        form: &Form<'d>,
        prefixes: &[&str],
        nothing: &str,
    ) -> Option<Vec<usize>> {
        let raw = form.required_raw("apply_to", "[\"demand.*\"]")?;
        let list = match raw.shape() {
            Shape::List(list) => list,
            _ => vec![raw],
        };
        let (mut found, mut fine) = (Vec::new(), true);
        for one in list {
            let pattern = one.text().unwrap_or_default();
            let group = pattern.strip_suffix('*').filter(|group| group.ends_with('.'));
            let is = |name: &&String| group.map_or(**name == pattern, |group| name.starts_with(group));
            let allowed =
                |name: &&String| prefixes.is_empty() || prefixes.iter().any(|prefix| name.starts_with(prefix));
            let before = found.len();
            let all =
                self.0.iter().enumerate().filter(|(_, name)| is(name) && allowed(name) && !name.starts_with("tax."));
            found.extend(all.map(|(at, _)| at));
            if found.len() == before {
                fine = false;
                let groups: Vec<String> =
                    self.0.iter().filter_map(|name| Some(format!("{}.*", name.split_once('.')?.0))).collect();
                let all = self.0.iter().chain(&groups).map(String::as_str);
                let help = match nearest(pattern, all) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the lines of this file: {}", self.0.join(", ")),
                };
                let message = format!("`{pattern}` matches no line of this tariff");
                reader.add(Problem::new(Code::Reference, one.inner(), message).label(nothing).help(help));
            }
        }
        found.sort_unstable();
        found.dedup();
        fine.then_some(found)
    }
}
