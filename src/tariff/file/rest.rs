//! `[fixed.…]`, `[tax.…]`, `[interruptible.…]` and `[program.…]`.

use super::Names;
use super::reader::Reader;
use crate::document::Form;
use crate::tariff::exact::div;
use crate::tariff::quantity::Kind;
use crate::tariff::{Charge, Fixed, Interruptible, Programme, Rate, Tax};

/// An amount for being connected.
pub(super) fn fixed<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Charge> {
    let kinds = [Kind::Monthly, Kind::Daily, Kind::Yearly];
    let what = "a fixed charge";
    let raw = form.required_raw("price", &format!("\"1480.00 {}/month\"", reader.currency))?;
    let dated = reader.dated(raw, |raw| {
        let kind = reader.quantity(raw, &kinds, what)?.kind;
        let rate = reader.rate(raw, &kinds, what)?;
        Some(match kind {
            Kind::Daily => Fixed::Day(rate),
            Kind::Yearly => Fixed::Month(Rate(div(rate.0, 12)?)),
            _ => Fixed::Month(rate),
        })
    })?;
    Some(Charge::Fixed(dated))
}

/// A part of other lines.
pub(super) fn tax<'d>(reader: &Reader<'d>, names: &Names, form: &Form<'d>) -> Option<Charge> {
    let rate = form.required_raw("rate", "\"0.1667 %\"");
    let rate = rate.and_then(|raw| reader.dated(raw, |raw| reader.share(raw, "a tax", 10)));
    let apply_to = names.apply_to(reader, form, &[], "taxes nothing");
    Some(Charge::Tax(Tax { rate: rate?, apply_to: apply_to? }))
}

/// Load that may be interrupted.
pub(super) fn interruptible<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Charge> {
    let what = "a rider for interruptible load";
    let firm = form.required_raw("firm", "\"6000 kW\"").and_then(|raw| reader.power(raw, what));
    let credit = form.required_raw("credit", &format!("\"3.10 {}/kW-month\"", reader.currency));
    let credit = credit.and_then(|raw| reader.rate(raw, &[Kind::DemandPrice], what));
    let notice = minutes(reader, form, "notice");
    let limit = form.optional_table("limit").map(|form| {
        let (hours, events) = (form.required::<u32>("hours_per_year"), form.required::<u32>("events_per_year"));
        hours.zip(events)
    });
    let penalty = form.optional_table("noncompliance").map(|form| {
        form.optional::<String>("lose_credit");
        let raw = form.required_raw("penalty", &format!("\"24.00 {}/kW\"", reader.currency));
        raw.and_then(|raw| reader.rate(raw, &[Kind::PowerPrice], what))
    });
    let limit = match limit {
        Some(read) => Some(read?),
        None => None,
    };
    let penalty = match penalty {
        Some(read) => Some(read?),
        None => None,
    };
    Some(Charge::Interruptible(Interruptible { firm: firm?, credit: credit?, penalty, notice: notice?, limit }))
}

/// Load that stands ready.
pub(super) fn programme<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Charge> {
    let what = "a programme";
    let capacity = form.table("capacity").map(|form| {
        let pay = form.required_raw("pay", &format!("\"7.20 {}/MW-h\"", reader.currency));
        let pay = pay.and_then(|raw| reader.rate(raw, &[Kind::CapacityPrice], what));
        let obligation = form.required_raw("obligation", "\"20 MW\"").and_then(|raw| reader.power(raw, what));
        let window = reader.window(&form);
        Some((pay?, obligation?, window?))
    });
    let notice = minutes(reader, form, "notice");
    let keep_above = form.optional("keep_above");
    if let Some(shortfall) = form.optional_table("shortfall") {
        shortfall.optional::<String>("forfeits");
        shortfall.optional::<String>("penalty");
    }
    let (pay, obligation, window) = capacity??;
    Some(Charge::Programme(Programme { pay, obligation, window, notice: notice?, keep_above }))
}

fn minutes<'d>(reader: &Reader<'d>, form: &Form<'d>, key: &str) -> Option<Option<u16>> {
    match form.raw(key) {
        Some(raw) => reader.minutes(raw, "a notice").map(Some),
        None => Some(None),
    }
}
