//! A register-map file from TOML: every problem at once, addresses converted to the wire, golden words run.

use std::time::Duration;

use super::flags::Flags;
use super::golden::{self, Check};
use super::keep_alive::KeepAlive;
use super::sunspec::SunSpec;
use super::{Block, Connection, Expect, Kind, Login, MAX_REGISTERS, Outlets, Point, Profile, States, Table};
use crate::document::{Code, Document, Form, Problem, Problems};
use crate::site::{CommsLoss, MAX_UNITS};

mod power;

use power::point;

pub(super) fn parse(file_name: &str, text: &str) -> Result<Profile, Problems> {
    let document = Document::parse(file_name, text);
    let root = document.root();
    let profile = profile(file_name, &document, &root);
    let relay = profile.as_ref().is_some_and(|profile| profile.kind == Kind::Relay);
    // A bit needs no golden words.
    let tables = |root: &Form<'_>| {
        let tables = if relay { root.optional_tables("check") } else { root.tables("check") };
        tables.iter().map(golden::read).collect::<Vec<_>>()
    };
    let checks = tables(&root);
    drop(root);
    if let Some(profile) = &profile {
        for check in checks.iter().flatten() {
            tell(&document, check, check.run(profile));
        }
    }
    document.finish(profile)
}

fn tell(document: &Document<'_>, check: &Check, outcome: Result<(), String>) {
    if let Err(message) = outcome {
        let help = "compare type, order, scale, unit and address with the manual; then the words";
        document.add(Problem::new(Code::Conflict, check.span.clone(), message).help(help));
    }
}

fn profile(file_name: &str, document: &Document<'_>, root: &Form<'_>) -> Option<Profile> {
    let kind = root.choice("kind", &[("meter", Kind::Meter), ("pdu", Kind::Pdu), ("relay", Kind::Relay)]);
    let (title, source) = (root.required("title"), root.required("source"));
    let unproved = root.required("unproved");
    let base = Base(root.within("base", root.required("base"), 0..=1));
    let connection = root.table("connection").and_then(|form| connection(&form));
    let login = root.optional_table("login").map(|form| login(base, &form));
    let sunspec = root.optional_table("sunspec").map(|form| sunspec(&form));
    let expect: Vec<_> = root.optional_tables("expect").iter().map(|form| expected(base, form)).collect();
    let blocks: Vec<_> = root.optional_tables("block").iter().map(|form| block(base, form)).collect();
    let blocks: Option<Vec<_>> = blocks.into_iter().collect();
    let limit = connection.as_ref().map_or(MAX_REGISTERS, |connection| connection.max_registers);
    let power = match kind {
        Some(Kind::Meter) => root.table("power"),
        Some(Kind::Relay) => None,
        _ => root.optional_table("power"),
    };
    let measures = power.is_some();
    let power = power.and_then(|form| point(base, &form, &blocks.clone().unwrap_or_default(), limit));
    let outlets = if kind == Some(Kind::Pdu) { root.table("outlets") } else { None };
    let watched = kind == Some(Kind::Relay);
    let flags = if watched { Flags::read(base, root) } else { None };
    let switches = outlets.is_some();
    let outlets = outlets.and_then(|form| outlets_of(base, &form));
    let keep_alive = root.optional_table("keep_alive").map(|form| keep_alive(base, &form, &connection, &outlets));
    check_blocks(document, root, blocks.as_deref().unwrap_or_default(), power.as_ref(), limit);
    Some(Profile {
        name: stem(file_name).into(),
        kind: kind?,
        title: title?,
        source: source?,
        unproved: unproved?,
        connection: connection?,
        login: if let Some(login) = login { Some(login?) } else { None },
        keep_alive: if let Some(keep_alive) = keep_alive { Some(keep_alive?) } else { None },
        sunspec: if let Some(sunspec) = sunspec { Some(sunspec?) } else { None },
        expect: expect.into_iter().collect::<Option<_>>()?,
        power: if measures { Some(power?) } else { None },
        outlets: if switches { Some(outlets?) } else { None },
        flags: if watched { Some(flags?) } else { None },
    })
}

fn stem(file_name: &str) -> &str {
    let file = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    file.strip_suffix(".toml").unwrap_or(file)
}

/// What the manual calls its first register: 0 or 1. Converted once, here.
#[derive(Clone, Copy)]
pub(super) struct Base(Option<u16>);

impl Base {
    /// The wire address behind a key, with room for `count` after it.
    pub(super) fn wire(self, form: &Form<'_>, key: &str, count: u16) -> Option<u16> {
        self.converted(form, key, form.required(key)?, count)
    }

    pub(super) fn converted(self, form: &Form<'_>, key: &str, number: u32, count: u16) -> Option<u16> {
        let Some(wire) = number.checked_sub(u32::from(self.0?)) else {
            let help = "this file counts from 1 (base = 1): take the number as the manual prints it, or set base = 0";
            form.problem(key, Code::Range, "there is no register 0", Some(help.into()));
            return None;
        };
        if wire + u32::from(count) > 0x1_0000 {
            form.problem(key, Code::Range, format!("{number} and what follows it is past the last address"), None);
            return None;
        }
        u16::try_from(wire).ok()
    }
}

fn connection(form: &Form<'_>) -> Option<Connection> {
    let timeout = form.within_time("timeout", Duration::from_millis(10), Duration::from_secs(10));
    let gap: Option<Duration> = form.or("gap", Duration::ZERO);
    let connections = form.within("connections", form.or("connections", 1), 1..=u16::MAX);
    let max_registers = form.within("max_registers", form.or("max_registers", MAX_REGISTERS), 1..=MAX_REGISTERS);
    let after = |of: fn(Duration) -> CommsLoss| form.positive("after").map(of);
    #[derive(Clone, Copy)]
    enum Loss {
        Reverts,
        SafeValue,
        Plain(CommsLoss),
    }
    let words = [
        ("holds", Loss::Plain(CommsLoss::Holds)),
        ("unsafe_on", Loss::Plain(CommsLoss::UnsafeOn)),
        ("unknown", Loss::Plain(CommsLoss::Unknown)),
        ("reverts", Loss::Reverts),
        ("safe_value", Loss::SafeValue),
    ];
    let comms_loss = form.choice("comms_loss", &words).and_then(|loss| match loss {
        Loss::Reverts => after(CommsLoss::Reverts),
        Loss::SafeValue => after(CommsLoss::SafeValue),
        Loss::Plain(loss) => Some(loss),
    });
    Some(Connection {
        timeout: timeout?,
        gap: gap?,
        connections: connections?,
        max_registers: max_registers?,
        comms_loss: comms_loss?,
    })
}

/// Only what switches has something to lose, and its outlets are no sign of life.
fn keep_alive(
    base: Base,
    form: &Form<'_>,
    connection: &Option<Connection>,
    outlets: &Option<Outlets>,
) -> Option<KeepAlive> {
    let read = KeepAlive::read(base, form, connection.as_ref())?;
    let states = outlets.as_ref().map(|outlets| (outlets.write, outlets.write.block(outlets.count)));
    if states.is_some_and(|(write, block)| write.table == read.table && block.covers(read.table, read.address, 1)) {
        form.problem("address", Code::Conflict, "an outlet stands at this address", None);
        return None;
    }
    Some(read)
}

/// Where SunSpec's marker may stand.
const MARKED: [u16; 3] = [40_000, 50_000, 0];

fn sunspec(form: &Form<'_>) -> Option<SunSpec> {
    let at = form.or("at", MARKED.to_vec());
    let models: Option<Vec<u16>> = form.required("models");
    for (key, list) in [("at", &at), ("models", &models)] {
        if list.as_ref().is_some_and(Vec::is_empty) {
            form.problem(key, Code::Range, "this list is empty", None);
            return None;
        }
    }
    Some(SunSpec { at: at?, models: models? })
}

/// How many registers the answer to a challenge has: 32 bytes.
const ANSWER: u16 = 16;

fn login(base: Base, form: &Form<'_>) -> Option<Login> {
    let kind = form.choice("kind", &[("sha256-md5", ())]);
    let unit_id = form.or("unit_id", 1);
    let count = form.within("count", form.or("count", 4), 1..=MAX_REGISTERS);
    let challenge = base.wire(form, "challenge", count.unwrap_or(1));
    let answer = base.wire(form, "answer", ANSWER);
    kind?;
    let challenge = Block { table: Table::Holding, address: challenge?, count: count? };
    Some(Login { unit_id: unit_id?, challenge, answer: answer? })
}

/// Times between two bounds, told as people write them.
trait WithinTime {
    fn within_time(&self, key: &str, least: Duration, most: Duration) -> Option<Duration>;
}

impl WithinTime for Form<'_> {
    fn within_time(&self, key: &str, least: Duration, most: Duration) -> Option<Duration> {
        let read: Duration = self.required(key)?;
        if (least..=most).contains(&read) {
            return Some(read);
        }
        let (least, most) = (crate::units::span(least), crate::units::span(most));
        self.problem(key, Code::Range, format!("must be within {least} to {most}"), None);
        None
    }
}

pub(super) const REGISTERS: &[(&str, Table)] = &[("holding", Table::Holding), ("input", Table::Input)];

fn expected(base: Base, form: &Form<'_>) -> Option<Expect> {
    let table = form.choice("table", REGISTERS);
    let words: Option<Vec<u16>> = form.required("words");
    let count = words.as_ref().map_or(0, Vec::len);
    let count = u16::try_from(count).ok().filter(|count| (1..=MAX_REGISTERS).contains(count));
    if words.is_some() && count.is_none() {
        form.problem("words", Code::Range, format!("1 to {MAX_REGISTERS} words are wanted"), None);
    }
    let address = base.wire(form, "address", count.unwrap_or(1));
    Some(Expect { block: Block { table: table?, address: address?, count: count? }, words: words? })
}

fn block(base: Base, form: &Form<'_>) -> Option<Block> {
    let table = form.choice("table", REGISTERS);
    let count = form.within("count", form.required("count"), 1..=MAX_REGISTERS);
    let address = base.wire(form, "address", count.unwrap_or(1));
    Some(Block { table: table?, address: address?, count: count? })
}

fn check_blocks(document: &Document<'_>, root: &Form<'_>, blocks: &[Block], power: Option<&Point>, limit: u16) {
    for block in blocks {
        let used = power.is_none_or(|point| point.block == *block);
        if !used {
            let message = format!("the block at wire address {} brings no point", block.address);
            let help = "remove it, or move it over the registers of a point, its scale register included";
            document.add(Problem::new(Code::Conflict, root.span_of("block"), message).help(help));
        }
    }
    if let Some(block) = power.map(|point| point.block).filter(|block| block.count > limit) {
        let message = format!("one read brings {} registers, more than the {limit} the device gives", block.count);
        let help = "make the [[block]] smaller, or raise max_registers if the manual allows it";
        document.add(Problem::new(Code::Conflict, root.span_of("power"), message).help(help));
    }
}

fn outlets_of(base: Base, form: &Form<'_>) -> Option<Outlets> {
    let count = form.within("count", form.required("count"), 1..=MAX_UNITS);
    let room = count.and_then(|count| u16::try_from(count).ok()).unwrap_or(1);
    let read = form.table("read").and_then(|form| states(base, &form, Table::NAMES, room));
    let writes = form.table("write");
    let write = writes.as_ref().and_then(|form| {
        let tables = [("coils", Table::Coils), ("holding", Table::Holding)];
        states(base, form, &tables, room)
    });
    let all_at_once = writes.as_ref().and_then(|form| form.choice("at_once", &[("all", true), ("one", false)]));
    if let (Some(form), Some(write), Some(at_once)) = (&writes, write, all_at_once) {
        check_at_once(form, write, at_once);
    }
    Some(Outlets { count: count?, read: read?, write: write?, all_at_once: all_at_once? })
}

/// Outlets in one register are written together; outlets with addresses between them are not.
fn check_at_once(form: &Form<'_>, write: States, all_at_once: bool) {
    if write.packed && !all_at_once {
        let message = "a register with several outlets in it is written with all of them";
        form.problem("at_once", Code::Conflict, message, Some("write at_once = \"all\"".into()));
    } else if all_at_once && write.step.unsigned_abs() != 1 {
        let message = "outlets with other addresses between them cannot be written at once";
        form.problem("at_once", Code::Conflict, message, Some("write at_once = \"one\"".into()));
    }
}

fn states(base: Base, form: &Form<'_>, tables: &[(&str, Table)], count: u16) -> Option<States> {
    let table = form.choice("table", tables);
    let bits = table.is_some_and(Table::is_bits);
    let packed = !bits && form.or("packed", false)?;
    let step = if packed { Some(1) } else { form.within("step", form.or("step", 1_i16), -64..=64) };
    if step == Some(0) {
        form.problem("step", Code::Range, "each outlet has an address of its own", None);
        return None;
    }
    // From the first outlet to the last, upwards or downwards.
    let apart = step.unwrap_or(1).unsigned_abs().saturating_mul(count.saturating_sub(1));
    let upwards = step.is_none_or(|step| step > 0);
    let room = if packed { count.div_ceil(16) } else { apart.saturating_add(1) };
    let address = base.wire(form, "address", if upwards { room } else { 1 });
    let low = address.filter(|_| !upwards).is_some_and(|address| address < apart);
    if low {
        form.problem("address", Code::Range, "the last outlets would stand before the first address", None);
        return None;
    }
    let (on, off) = if bits || packed { (Some(1), Some(0)) } else { (form.required("on"), form.required("off")) };
    if on.is_some() && on == off {
        form.problem("off", Code::Conflict, "on and off are the same word", None);
        return None;
    }
    Some(States { table: table?, address: address?, step: step?, packed, on: on?, off: off? })
}
