//! `[energy.…]`, `[adder.…]` and `[block.…]`: what energy costs.

use super::Names;
use super::reader::Reader;
use crate::document::{Code, Form, Problem, Raw, Shape};
use crate::tariff::calendar::{Days, Hours, Months, Window};
use crate::tariff::exact::ONE;
use crate::tariff::quantity::Kind;
use crate::tariff::{Applies, Block, Charge, Energy, Source, Tier, Top, Unused, When};
use crate::time::Date;

const WHAT: &str = "an energy charge";
const PRICE: &[Kind] = &[Kind::EnergyPrice];

/// An energy charge, or an adder to one.
pub(super) fn energy<'d>(reader: &Reader<'d>, names: &Names, form: &Form<'d>) -> Option<Charge> {
    let (when, months) = (reader.when(form), reader.months(form, "months"));
    let losses = match form.raw("losses") {
        Some(raw) => reader.share(raw, WHAT, 1),
        None => Some(0),
    };
    let applies = match form.has("applies_to") {
        true => form.choice("applies_to", &[("delivered", Applies::Delivered), ("purchased", Applies::Purchased)]),
        false => Some(Applies::Delivered),
    };
    let demand = match form.raw("billing_demand") {
        Some(raw) => names.line(reader, raw, "demand.").map(Some),
        None => Some(None),
    };
    let price = price(reader, form, when.unwrap_or(When::ALWAYS));
    Some(Charge::Energy(Energy {
        when: when?,
        months: months?,
        price: price?,
        losses: losses?,
        applies: applies?,
        demand: demand?,
    }))
}

fn price<'d>(reader: &Reader<'d>, form: &Form<'d>, when: When) -> Option<Source> {
    if form.has("tiers") {
        if let Some(both) = form.raw("price") {
            let problem = Problem::new(Code::Conflict, both.span(), "price: this charge has tiers as well");
            reader.add(problem.help("give either one price, or tiers with a price each"));
            return None;
        }
        return tiers(reader, form, when).map(Source::Tiers);
    }
    let raw = form.required_raw("price", &format!("\"0.05 {}/kWh\"", reader.currency))?;
    if let Some(feed) = index(reader, raw) {
        return feed.map(Source::Index);
    }
    let price = reader.priced(raw, PRICE, WHAT, when)?;
    Some(Source::Tiers(vec![Tier { up_to: None, price }]))
}

/// The feed of `{ index = "…" }`; nothing where the price is another.
fn index(reader: &Reader<'_>, raw: Raw<'_>) -> Option<Option<String>> {
    let Shape::Table(keys) = raw.shape() else { return None };
    let (_, _, feed) = keys.iter().find(|(key, _, _)| *key == "index")?;
    let extra = keys.iter().find(|(key, _, _)| *key != "index");
    if let Some((key, span, _)) = extra {
        let problem = Problem::new(Code::UnknownKey, span.clone(), format!("unknown key `{key}` beside an index"));
        reader.add(problem.help("a price at an index is { index = \"…\" } alone; adders are lines of their own"));
        return Some(None);
    }
    let name = feed.text().filter(|name| !name.trim().is_empty()).map(str::to_owned);
    if name.is_none() {
        let problem = Problem::new(Code::Type, feed.span(), "index: the name of a price feed is wanted");
        reader.add(problem.help("write index = \"ercot.rt15.LZ_WEST\""));
    }
    Some(name)
}

fn tiers<'d>(reader: &Reader<'d>, form: &Form<'d>, when: When) -> Option<Vec<Tier>> {
    let forms = form.optional_tables("tiers");
    let count = forms.len();
    let mut tiers: Vec<Option<Tier>> = Vec::new();
    for (at, form) in forms.iter().enumerate() {
        let top = top(reader, form, at + 1 == count);
        let raw = form.required_raw("price", &format!("\"0.05 {}/kWh\"", reader.currency));
        let price = raw.and_then(|raw| reader.priced(raw, PRICE, WHAT, when));
        tiers.push(top.zip(price).map(|(up_to, price)| Tier { up_to, price }));
    }
    let tiers: Vec<Tier> = tiers.into_iter().collect::<Option<_>>()?;
    let tops: Vec<Top> = tiers.iter().filter_map(|tier| tier.up_to).collect();
    let same = |a: &Top, b: &Top| (a.per_kw, a.per_day) == (b.per_kw, b.per_day);
    if let Some(at) = tops.windows(2).position(|two| matches!(two, [a, b] if !same(a, b) || a.steps >= b.steps)) {
        let span = forms.get(at + 1).map_or_else(|| form.span(), |form| form.span_of("up_to"));
        let problem = Problem::new(Code::Conflict, span, "up_to: steps must rise, all in one unit");
        reader.add(problem.help("kWh, kWh/day, kWh/kW or kWh/kW/day, the same in every step"));
        return None;
    }
    Some(tiers)
}

/// Where a step ends: the last does not, every other does.
fn top<'d>(reader: &Reader<'d>, form: &Form<'d>, is_last: bool) -> Option<Option<Top>> {
    let kinds = [Kind::Energy, Kind::EnergyDaily, Kind::HoursUse, Kind::HoursUseDaily];
    let Some(raw) = form.raw("up_to") else {
        if !is_last {
            let problem =
                Problem::new(Code::Missing, form.span(), "this step has no `up_to`, and another comes after it");
            reader.add(problem.help("add up_to = \"500000 kWh\""));
            return None;
        }
        return Some(None);
    };
    let quantity = reader.quantity(raw, &kinds, "a step of energy")?;
    if is_last {
        let problem = Problem::new(Code::Conflict, raw.span(), "up_to: the last step is open");
        reader.add(problem.label("what costs energy above it?").help("remove it, or add a step after it"));
        return None;
    }
    if quantity.steps <= 0 {
        reader.add(Problem::new(Code::Range, raw.inner(), "up_to: must be more than zero"));
        return None;
    }
    let per_kw = matches!(quantity.kind, Kind::HoursUse | Kind::HoursUseDaily);
    let per_day = matches!(quantity.kind, Kind::EnergyDaily | Kind::HoursUseDaily);
    Some(Some(Top { steps: quantity.steps, per_kw, per_day }))
}

/// Energy bought ahead.
pub(super) fn block<'d>(reader: &Reader<'d>, names: &Names, form: &Form<'d>) -> Option<Charge> {
    let what = "a block";
    let size = form.required_raw("size", "\"60 MW\"").and_then(|raw| reader.power(raw, what));
    let price = form.required_raw("price", &format!("\"34.50 {}/MWh\"", reader.currency));
    let price = price.and_then(|raw| reader.rate(raw, PRICE, what));
    let shape = shape(reader, form);
    let term = form.table("term").and_then(|term| term_of(reader, &term));
    let unused = match form.optional_table("unused") {
        Some(unused) => sell(reader, names, &unused).map(|(energy, unused)| (Some(energy), Some(unused))),
        None => Some((None, None)),
    };
    let bought = match form.raw("above") {
        Some(raw) => names.line(reader, raw, "energy.").map(Some),
        None => Some(None),
    };
    let ((sold_at, unused), bought) = (unused?, bought?);
    let Some(energy) = sold_at.or(bought) else {
        let problem = Problem::new(Code::Missing, form.span(), "what is used above the block is bought where?");
        reader.add(problem.help("add above = \"energy.spot\", or unused = { sell_at = \"energy.spot\" }"));
        return None;
    };
    let (from, until) = term?;
    Some(Charge::Block(Block { size: size?, shape: shape?, price: price?, from, until, energy, unused }))
}

fn shape<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Window> {
    let all = Window { months: Months::ALL, days: Days::ALL, hours: Hours::all() };
    let weekdays = Days::of(|day| day < 5);
    let peak = Hours(vec![(6 * 60, 22 * 60)]);
    match form.raw("shape").map(Raw::shape) {
        None | Some(Shape::Text("7x24")) => Some(all),
        Some(Shape::Text("5x16")) => Some(Window { days: weekdays, hours: peak, ..all }),
        Some(Shape::Text("7x16")) => Some(Window { hours: peak, ..all }),
        Some(Shape::Table(_)) => form.optional_table("shape").and_then(|form| reader.window(&form)),
        Some(_) => {
            let help = "write \"7x24\", \"5x16\" (Mon-Fri, 06:00-22:00), \"7x16\", or { days = \"…\", hours = \"…\" }";
            form.problem("shape", Code::Choice, "this is no shape of a block", Some(help.into()));
            None
        }
    }
}

fn term_of<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<(Date, Date)> {
    let from = form.required_raw("from", "2026-04-01").and_then(|raw| reader.date(raw));
    let until = form.required_raw("until", "2030-05-01").and_then(|raw| reader.date(raw));
    let (from, until) = (from?, until?);
    if from < until {
        return Some((from, until));
    }
    form.problem(
        "until",
        Code::Conflict,
        format!("{until} is not after {from}"),
        Some("until is the first day without it".into()),
    );
    None
}

fn sell<'d>(reader: &Reader<'d>, names: &Names, form: &Form<'d>) -> Option<(usize, Unused)> {
    let energy = form.required_raw("sell_at", "\"energy.spot\"").and_then(|raw| names.line(reader, raw, "energy."));
    let less = match form.raw("less") {
        Some(raw) => reader.rate(raw, PRICE, "what is kept of a sale"),
        None => Some(crate::tariff::Rate::default()),
    };
    let paid = match form.has("paid_as") {
        true => form.choice("paid_as", &[("credit", ()), ("money", ())]),
        false => Some(()),
    };
    let worth = match form.raw("credit_value") {
        Some(raw) => reader.share(raw, "what a credit is worth", 1),
        None => Some(ONE),
    };
    paid?;
    Some((energy?, Unused { less: less?, worth: worth? }))
}
