//! The measured power of a register-map file: where it lies, and how its words are understood.

use super::{Base, REGISTERS};
use crate::devices::profile::codec::{Codec, Factor, Type, WordOrder};
use crate::devices::profile::{Block, Point, ScaleRegister, Table};
use crate::document::{Code, Decimal, Form, Several};
use crate::units::Power;

pub(super) fn point(base: Base, form: &Form<'_>, blocks: &[Block], limit: u16) -> Option<Point> {
    let table = form.choice("table", REGISTERS);
    let kind = form.choice("type", Type::NAMES);
    let words = kind.map_or(1, Type::words);
    let addresses: Option<Several<u32>> = form.required("address");
    let wired = |number| base.converted(form, "address", number, words);
    let addresses = addresses.and_then(|Several(numbers)| numbers.into_iter().map(wired).collect::<Option<Vec<u16>>>());
    let codec = codec(form, kind);
    let refresh = form.required("refresh");
    let scale_form = form.optional_table("scale_register");
    let scaled = scale_form.is_some();
    let scale = scale_form.and_then(|form| {
        let address = base.wire(&form, "address", 1);
        let absent = form.optional("not_available");
        Some(ScaleRegister { address: address?, absent })
    });
    if scaled && kind.is_some_and(Type::is_float) {
        form.problem("scale_register", Code::Conflict, "a float has no scale register", None);
        return None;
    }
    let scale = if scaled { Some(scale?) } else { None };
    let (table, addresses) = (table?, addresses?);
    let mut spans: Vec<(u16, u16)> = addresses.iter().map(|address| (*address, words)).collect();
    spans.extend(scale.map(|register| (register.address, 1)));
    let block = reading_block(blocks, table, &spans, limit);
    Some(Point { block, addresses, codec: codec?, scale, refresh: refresh? })
}

/// The given block that covers all registers of a point, as (address, count), or the smallest that would.
fn reading_block(blocks: &[Block], table: Table, spans: &[(u16, u16)], limit: u16) -> Block {
    let covers =
        |block: &&Block| block.count <= limit && spans.iter().all(|(at, count)| block.covers(table, *at, *count));
    let first = spans.iter().map(|(at, _)| *at).min().unwrap_or(0);
    let last = spans.iter().map(|(at, count)| at.saturating_add(count - 1)).max().unwrap_or(first);
    let smallest = Block { table, address: first, count: (last - first).saturating_add(1) };
    blocks.iter().find(covers).copied().unwrap_or(smallest)
}

fn codec(form: &Form<'_>, kind: Option<Type>) -> Option<Codec> {
    let single = kind.is_some_and(|kind| kind.words() == 1);
    let orders = [("big", WordOrder::Big), ("little", WordOrder::Little)];
    // One word has no word order; asking for it would make people guess.
    let order = if single && !form.has("order") { Some(WordOrder::Big) } else { form.choice("order", &orders) };
    let bytes = [("big", false), ("little", true)];
    let swapped = if form.has("bytes") { form.choice("bytes", &bytes) } else { Some(false) };
    let factor = if form.has("range") { range(form) } else { scaled(form) };
    let import_negative = form.choice("import", &[("positive", false), ("negative", true)]);
    let absent: Option<Vec<u64>> = form.or("not_available", Vec::new());
    let off_scale: Option<Vec<u64>> = form.or("off_scale", Vec::new());
    Some(Codec {
        kind: kind?,
        order: order?,
        bytes_swapped: swapped?,
        factor: factor?,
        import_negative: import_negative?,
        absent: absent?,
        off_scale: off_scale?,
    })
}

/// One step is so much of a unit.
fn scaled(form: &Form<'_>) -> Option<Factor> {
    let scale = form.or("scale", Decimal { mantissa: 1, places: 0 });
    let unit = form.choice("unit", &[("W", 1), ("kW", 1_000), ("MW", 1_000_000)]);
    let factor = Factor::new(scale?, unit?);
    if factor.is_none() {
        form.problem("scale", Code::Range, "must be more than zero; say a turned sign with import", None);
    }
    factor
}

/// The raw numbers from one to another stand for the powers from one to another.
fn range(form: &Form<'_>) -> Option<Factor> {
    for key in ["scale", "unit", "scale_register"].into_iter().filter(|key| form.has(key)) {
        form.problem(key, Code::Conflict, format!("with a range there is no {key}"), None);
    }
    let range = form.table("range")?;
    let (raw, power): (Option<Vec<i64>>, Option<Vec<Power>>) = (range.required("raw"), range.required("power"));
    let (raw, power) = (raw?, power?);
    let ([from, to], [least, most]) = (raw.as_slice(), power.as_slice()) else {
        range.problem("raw", Code::Range, "two raw numbers and their two powers are wanted", None);
        return None;
    };
    let factor = Factor::through((*from, *least), (*to, *most));
    if factor.is_none() {
        range.problem("raw", Code::Range, "both must rise; say a turned sign with import", None);
    }
    factor
}
