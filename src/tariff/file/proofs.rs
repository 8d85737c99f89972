//! `[invoice."2026-08"]` and `[[check]]`: what must come out of the file, as tests inside it.

use std::collections::BTreeMap;

use super::Names;
use super::reader::Reader;
use crate::document::{Code, Form, Problem, Raw, Shape, Span};
use crate::tariff::exact::ONE;
use crate::tariff::quantity::Kind;
use crate::tariff::{Amount, Case, Invoice, Rate};
use crate::time::{Date, Wall};

/// Every invoice of the file.
pub(super) fn invoices<'d>(reader: &Reader<'d>, names: &Names, root: &Form<'d>) -> Option<Vec<Invoice>> {
    let Some(form) = root.optional_table("invoice") else { return Some(Vec::new()) };
    let each = form.named_tables().into_iter().map(|(month, form)| invoice(reader, names, &month, &form));
    each.collect::<Vec<_>>().into_iter().collect()
}

fn invoice<'d>(reader: &Reader<'d>, names: &Names, month: &str, form: &Form<'d>) -> Option<Invoice> {
    let first = Date::parse(&format!("{month}-01"));
    if first.is_none() {
        let problem = Problem::new(Code::Type, form.span(), format!("`{month}` is not a month"));
        reader.add(problem.help("write the table as in [invoice.\"2026-08\"]"));
    }
    let (meter, prices) = (form.required("meter"), form.optional("prices"));
    let within = match form.raw("within") {
        Some(raw) => money(reader, raw),
        None => Some(Amount(Amount::ONE / 100)),
    };
    let total = match form.raw("total") {
        Some(raw) => money(reader, raw).map(|amount| Some((amount, reader.document.line(&raw.span())))),
        None => Some(None),
    };
    let lines = match form.raw("lines") {
        Some(raw) => expected(reader, names, raw),
        None => Some(Vec::new()),
    };
    let (total, lines) = (total?, lines?);
    if total.is_none() && lines.is_empty() {
        let problem = Problem::new(Code::Missing, form.span(), format!("{} says not what it comes to", form.title()));
        reader.add(problem.help(format!("add total = \"51000.00 {}\", or lines = {{ … }}", reader.currency)));
        return None;
    }
    Some(Invoice {
        first: first?,
        meter: meter?,
        prices,
        lines,
        total,
        within: within?,
        line: reader.document.line(&form.span()),
    })
}

fn money(reader: &Reader<'_>, raw: Raw<'_>) -> Option<Amount> {
    let steps = reader.quantity(raw, &[Kind::Money], "an invoice")?.steps;
    Some(Amount(steps.saturating_mul(Amount::ONE / ONE)))
}

fn expected(reader: &Reader<'_>, names: &Names, raw: Raw<'_>) -> Option<Vec<(usize, Amount, usize)>> {
    let Shape::Table(keys) = raw.shape() else {
        let problem = Problem::new(Code::Type, raw.span(), "lines: amounts by line are wanted");
        reader.add(problem.help(format!("write lines = {{ \"fixed.meter\" = \"1480.00 {}\" }}", reader.currency)));
        return None;
    };
    let one = |(key, span, value): (&str, Span, Raw<'_>)| {
        let amount = money(reader, value);
        let line = names.named(reader, key, span.clone(), "");
        Some((line?, amount?, reader.document.line(&span)))
    };
    keys.into_iter().map(one).collect::<Vec<_>>().into_iter().collect()
}

/// Every price that must come out.
pub(super) fn cases<'d>(reader: &Reader<'d>, root: &Form<'d>) -> Option<Vec<Case>> {
    let each = root.optional_tables("check").into_iter().map(|form| case(reader, &form)).collect::<Vec<_>>();
    each.into_iter().collect()
}

fn case<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Case> {
    let what = "a case";
    let price = |raw: Raw<'d>| reader.rate(raw, &[Kind::EnergyPrice], what);
    let at = form.required_raw("at", "2026-08-12T16:50:00-05:00").and_then(|raw| {
        let text = match raw.shape() {
            Shape::Date(text) => text,
            Shape::Text(text) => text.to_owned(),
            _ => String::new(),
        };
        let at = Wall::parse(&text.replace(' ', "T"));
        if at.is_none() {
            let problem = Problem::new(Code::Type, raw.span(), "at: this is no moment with its offset from UTC");
            reader.add(problem.help("write at = 2026-08-12T16:50:00-05:00"));
        }
        at
    });
    let load = form.required_raw("load", "\"95 MW\"").and_then(|raw| reader.power(raw, what));
    let peak = match form.raw("peak") {
        Some(raw) => reader.power(raw, what).map(Some),
        None => Some(None),
    };
    let coincident = match form.raw("coincident") {
        Some(raw) => reader.share(raw, what, 1).map(Some),
        None => Some(None),
    };
    let expected = form.required_raw("price", &format!("\"62.36 {}/MWh\"", reader.currency)).and_then(price);
    let within = match form.raw("within") {
        Some(raw) => price(raw),
        None => Some(Rate(ONE / 100_000)),
    };
    let prices = match form.raw("prices").map(Raw::shape) {
        Some(Shape::Table(keys)) => {
            let each = keys.into_iter().map(|(feed, _, raw)| Some((feed.to_owned(), price(raw)?)));
            each.collect::<Option<BTreeMap<_, _>>>()
        }
        Some(_) => {
            form.problem("prices", Code::Type, "prices by feed are wanted", None);
            None
        }
        None => Some(BTreeMap::new()),
    };
    Some(Case {
        at: at?,
        load: load?,
        peak: peak?,
        coincident: coincident?,
        prices: prices?,
        expected: expected?,
        within: within?,
        line: reader.document.line(&form.span()),
    })
}
