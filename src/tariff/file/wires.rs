//! `[demand.…]`, `[coincident.…]`, `[power_factor.…]`, `[reactive.…]` and `[minimum.…]`: what the connection costs.

use super::Names;
use super::reader::Reader;
use crate::document::{Code, Form, Problem, Raw, Shape};
use crate::tariff::exact::{ONE, parse, show};
use crate::tariff::quantity::Kind;
use crate::tariff::{
    BillIn, Charge, Coincident, Dated, Demand, DemandTier, Forecast, Minimum, Peaks, PowerFactor, Ratchet, Rate,
    Reactive, Rule,
};
use crate::time::Wall;

const WHAT: &str = "a demand charge";

/// A demand charge.
pub(super) fn demand<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Charge> {
    let (when, months) = (reader.when(form), reader.months(form, "months"));
    let (window, rolling, apparent) = match form.optional_table("measure") {
        Some(measure) => self::measure(reader, &measure)?,
        None => (reader.interval, false, false),
    };
    let kinds: &[Kind] = match apparent {
        false => &[Kind::DemandPrice, Kind::DailyDemandPrice],
        true => &[Kind::ApparentPrice],
    };
    let daily = std::cell::Cell::new(None::<bool>);
    let price = |raw: Raw<'d>| {
        let is_daily = reader.quantity(raw, kinds, WHAT)?.kind == Kind::DailyDemandPrice;
        if daily.replace(Some(is_daily)).is_some_and(|before| before != is_daily) {
            let problem = Problem::new(Code::Conflict, raw.inner(), "some prices are by the day, others by the month");
            reader.add(problem.help("give all in one unit"));
            return None;
        }
        reader.rate(raw, kinds, WHAT)
    };
    let tiers = tiers(reader, form, &price);
    let ratchet = form.optional_table("ratchet").map(|form| ratchet(reader, &form));
    let floor = match form.raw("floor") {
        Some(raw) => reader.power(raw, "a floor"),
        None => Some(0),
    };
    let ratchet = match ratchet {
        Some(read) => Some(read?),
        None => None,
    };
    let daily = daily.get() == Some(true);
    if daily && ratchet.is_some() {
        let problem = Problem::new(Code::Conflict, form.span_of("ratchet"), "a ratchet on a charge by the day");
        reader.add(problem.help("a ratchet looks at months: price the demand by the month"));
        return None;
    }
    Some(Charge::Demand(Demand {
        window,
        apparent,
        rolling,
        when: when?,
        months: months?,
        tiers: tiers?,
        daily,
        ratchet,
        floor: floor?,
    }))
}

/// Minutes of the window, whether it rolls, whether it is kVA.
fn measure<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<(u16, bool, bool)> {
    let apparent = match form.has("of") {
        true => form.choice("of", &[("max kW", false), ("max kVA", true)]),
        false => Some(false),
    };
    let window = match form.raw("window") {
        Some(raw) => reader.minutes(raw, WHAT).filter(|minutes| fits(reader, raw, *minutes)),
        None => Some(reader.interval),
    };
    let rolling = match form.has("window_kind") {
        true => form.choice("window_kind", &[("block", false), ("rolling", true)]),
        false => Some(false),
    };
    Some((window?, rolling?, apparent?))
}

/// A window is made of whole intervals, and a day of whole windows.
fn fits(reader: &Reader<'_>, raw: Raw<'_>, minutes: u16) -> bool {
    let fine = minutes.is_multiple_of(reader.interval.max(1)) && 1_440_u16.is_multiple_of(minutes.max(1));
    if !fine {
        let message = format!("a window of {minutes} min is not made of {} min intervals", reader.interval);
        let problem = Problem::new(Code::Conflict, raw.inner(), message);
        reader.add(
            problem
                .label("interval is set at the top of the file")
                .help("a window is 1, 2, 3, 4, 6 … whole intervals, and divides a day"),
        );
    }
    fine
}

fn tiers<'d>(
    reader: &Reader<'d>,
    form: &Form<'d>,
    price: &impl Fn(Raw<'d>) -> Option<Rate>,
) -> Option<Vec<DemandTier>> {
    let example = format!("\"0.412 {}/kW-month\"", reader.currency);
    if !form.has("tiers") {
        let raw = form.required_raw("price", &example)?;
        return reader.dated(raw, price).map(|price| vec![DemandTier { up_to: None, price }]);
    }
    if let Some(both) = form.raw("price") {
        let problem = Problem::new(Code::Conflict, both.span(), "price: this charge has tiers as well");
        reader.add(problem.help("give either one price, or tiers with a price each"));
        return None;
    }
    let forms = form.optional_tables("tiers");
    let mut tiers: Vec<Option<DemandTier>> = Vec::new();
    let mut below = 0;
    for (at, form) in forms.iter().enumerate() {
        let is_last = at + 1 == forms.len();
        let top = form.raw("up_to").map(|raw| (raw, reader.power(raw, "a step of demand")));
        let up_to = match top {
            Some((_, Some(top))) if !is_last && top > below => {
                below = top;
                Some(Some(top))
            }
            None if is_last => Some(None),
            Some((_, None)) => None,
            Some((raw, Some(_))) if is_last => {
                let problem = Problem::new(Code::Conflict, raw.span(), "up_to: the last step is open");
                reader.add(problem.label("what costs demand above it?").help("remove it, or add a step after it"));
                None
            }
            Some((raw, Some(_))) => {
                reader.add(Problem::new(Code::Conflict, raw.inner(), "up_to: steps must rise"));
                None
            }
            None => {
                let problem =
                    Problem::new(Code::Missing, form.span(), "this step has no `up_to`, and another comes after it");
                reader.add(problem.help("add up_to = \"500 kW\""));
                None
            }
        };
        let raw = form.required_raw("price", &example);
        let price = raw.and_then(|raw| reader.dated(raw, price));
        tiers.push(up_to.zip(price).map(|(up_to, price)| DemandTier { up_to, price }));
    }
    tiers.into_iter().collect()
}

fn ratchet<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Ratchet> {
    let share = form.required_raw("share", "\"80 %\"");
    let months = form.within("months", form.required::<u8>("months"), 1..=24);
    let of_months = reader.months(form, "of_months");
    let raw = share?;
    let share = reader.share(raw, "a ratchet", 1)?;
    if share < ONE / 50 {
        let percent = show(share * 100, 15);
        let problem =
            Problem::new(Code::Suspicious, raw.inner(), format!("a ratchet of {percent} % has no effect on a bill"));
        let meant = show(share * 10_000, 15);
        reader.add(
            problem
                .label("a fraction written as a percentage?")
                .help(format!("{percent} means {meant} %: write \"{meant} %\"")),
        );
        return None;
    }
    Some(Ratchet { share, months: months?, of_months: of_months? })
}

/// A charge for coincident peaks.
pub(super) fn coincident<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Charge> {
    let rules: Vec<_> = form.tables("rule").iter().map(|form| rule(reader, form)).collect();
    let known = known(reader, form);
    let billed = billed(reader, form);
    let forecast = form.optional_table("forecast").map(|form| forecast(reader, &form));
    let forecast = match forecast {
        Some(read) => Some(read?),
        None => None,
    };
    let rules = rules.into_iter().collect::<Option<Vec<_>>>().filter(|rules| !rules.is_empty())?;
    Some(Charge::Coincident(Coincident { rules: Dated::from(rules), known: known?, billed: billed?, forecast }))
}

fn rule<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<(crate::time::Date, Rule)> {
    let from = form.required_raw("from", "2026-01-01").and_then(|raw| reader.date(raw));
    let peaks = form.table("peaks").and_then(|form| peaks(reader, &form));
    let bill_in =
        form.choice("bill_in", &[("next calendar year", BillIn::NextYear), ("from next June", BillIn::NextJune)]);
    let price = form.required_raw("price", &format!("\"5.91 {}/kW-month\"", reader.currency));
    let price = price.and_then(|raw| reader.rate(raw, &[Kind::DemandPrice], "a coincident-peak charge"));
    let assumed = form.optional("assumed");
    form.has("source");
    Some((from?, Rule { peaks: peaks?, price: price?, bill_in: bill_in?, assumed }))
}

fn peaks<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Peaks> {
    let months = reader.months(form, "months");
    let monthly = form.has("per_month") || !form.has("per_year");
    let key = if monthly { "per_month" } else { "per_year" };
    if monthly && form.has("per_year") {
        form.problem("per_year", Code::Conflict, "so many are in each month already", Some("keep one of them".into()));
        return None;
    }
    let count = form.within(key, form.required::<u8>(key), 1..=if monthly { 31 } else { 100 });
    let window = form.required_raw("window", "\"15 min\"");
    let window = window.and_then(|raw| reader.minutes(raw, WHAT).filter(|minutes| fits(reader, raw, *minutes)));
    Some(Peaks { months: months?, count: count?, monthly, window: window? })
}

/// When the peaks were that are known.
fn known<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Vec<Wall>> {
    let Some(raw) = form.raw("known") else { return Some(Vec::new()) };
    let Shape::List(list) = raw.shape() else {
        let problem = Problem::new(Code::Type, raw.span(), "known: a list of moments is wanted");
        reader.add(problem.help("write known = [2026-06-23T16:45:00-05:00]"));
        return None;
    };
    let mut known = Vec::new();
    for one in list {
        let text = match one.shape() {
            Shape::Date(text) => text,
            Shape::Text(text) => text.to_owned(),
            _ => String::new(),
        };
        let moment = Wall::parse(&text.replace(' ', "T"));
        if moment.is_none() {
            let problem = Problem::new(Code::Type, one.span(), "known: this is no moment with its offset from UTC");
            reader.add(problem.help("write the beginning of the interval as in 2026-06-23T16:45:00-05:00"));
        }
        known.push(moment);
    }
    known.into_iter().collect()
}

/// What a grid's operator says that is billed, by year.
fn billed<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Vec<(i32, i64)>> {
    let Some(raw) = form.raw("billed") else { return Some(Vec::new()) };
    let Shape::Table(keys) = raw.shape() else {
        let problem = Problem::new(Code::Type, raw.span(), "billed: demand by year is wanted");
        reader.add(problem.help("write billed = { 2026 = \"96.4 MW\" }"));
        return None;
    };
    let year = |(key, span, value): (&str, crate::document::Span, Raw<'d>)| {
        let year: Option<i32> = key.parse().ok().filter(|year| (1_900..=2_200).contains(year));
        if year.is_none() {
            reader.add(Problem::new(Code::Type, span, format!("`{key}` is not a year")));
        }
        year.zip(reader.power(value, "what is billed"))
    };
    keys.into_iter().map(year).collect()
}

fn forecast<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Forecast> {
    let feed: Option<String> = form.required("feed");
    let fallback = form.optional_table("fallback").map(|form| {
        let window = reader.window(&form);
        let probability = form.required_raw("probability", "\"0.4 %\"");
        let probability = probability.and_then(|raw| reader.share(raw, "a probability", 1));
        window.zip(probability)
    });
    let fallback = match fallback {
        Some(read) => Some(read?),
        None => None,
    };
    Some(Forecast { feed: feed?, fallback })
}

/// A clause on the power factor.
pub(super) fn power_factor<'d>(reader: &Reader<'d>, names: &Names, form: &Form<'d>) -> Option<Charge> {
    let target = form.required_raw("target", "0.95").and_then(|raw| {
        let text = match raw.shape() {
            Shape::Number(text) => text,
            _ => "",
        };
        let target = parse(text).filter(|target| (ONE / 2..=ONE).contains(target));
        if target.is_none() {
            let problem = Problem::new(Code::Range, raw.span(), "target: a power factor is a number from 0.5 to 1");
            reader.add(problem.help("write target = 0.95"));
        }
        target
    });
    let apply_to = names.apply_to(reader, form, &["demand."], "corrects nothing");
    Some(Charge::PowerFactor(PowerFactor { target: target?, apply_to: apply_to? }))
}

/// A charge for reactive power.
pub(super) fn reactive<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Charge> {
    let kinds = [Kind::ReactivePrice];
    let price = form.required_raw("price", &format!("\"1.46 {}/kVAr-month\"", reader.currency));
    let price = price.and_then(|raw| reader.dated(raw, |raw| reader.rate(raw, &kinds, "reactive power")));
    let above = match form.raw("above") {
        Some(raw) => part_of_kw(reader, raw),
        None => Some(0),
    };
    Some(Charge::Reactive(Reactive { price: price?, above: above? }))
}

/// `"33 % of kW"`.
fn part_of_kw(reader: &Reader<'_>, raw: Raw<'_>) -> Option<i128> {
    let share = raw.text().and_then(|text| text.strip_suffix("of kW")).and_then(|text| text.trim().strip_suffix('%'));
    let share = share.and_then(|text| parse(text.trim())).map(|percent| percent / 100);
    if share.is_none() {
        let problem = Problem::new(Code::Choice, raw.span(), "above: a part of the demand is wanted");
        reader.add(problem.help("write above = \"33 % of kW\""));
    }
    share
}

/// What is paid at least.
pub(super) fn minimum<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Charge> {
    let what = "a minimum";
    let amount = form.raw("charge").map(|raw| (raw, reader.quantity(raw, &[Kind::Monthly, Kind::Yearly], what)));
    let demand = form.raw("demand").map(|raw| least_demand(reader, raw));
    match (amount, demand) {
        (Some((_, amount)), None) => {
            let amount = amount?;
            let rate = Rate::whole(amount.steps)?;
            Some(Charge::Minimum(if amount.kind == Kind::Yearly { Minimum::Year(rate) } else { Minimum::Month(rate) }))
        }
        (None, Some(demand)) => demand.map(|demand| Charge::Minimum(Minimum::Demand(demand))),
        (Some((raw, _)), Some(_)) => {
            reader.add(Problem::new(Code::Conflict, raw.span(), "charge: this minimum is one of demand already"));
            None
        }
        (None, None) => {
            let problem =
                Problem::new(Code::Missing, form.span(), format!("{} says not what is paid at least", form.title()));
            let help = format!("add charge = \"25000 {}/month\", or demand = \"70 % of 20000 kW\"", reader.currency);
            reader.add(problem.help(help));
            None
        }
    }
}

/// `"14 MW"` or `"70 % of 20000 kW"`.
fn least_demand(reader: &Reader<'_>, raw: Raw<'_>) -> Option<i64> {
    let Some((share, _)) = raw.text().and_then(|text| text.split_once(" of ")) else {
        return reader.power(raw, "a minimum");
    };
    let rest = raw.text().and_then(|text| text.split_once(" of ")).map_or("", |(_, rest)| rest);
    let read = |text: &str, kind: Kind| {
        let quantity = crate::tariff::quantity::read(text, &reader.currency).ok();
        quantity.filter(|quantity| quantity.kind == kind).map(|quantity| quantity.steps)
    };
    let product = read(share, Kind::Share)
        .zip(read(rest, Kind::Power))
        .and_then(|(share, power)| crate::tariff::exact::mul_div(power / (ONE / 1_000_000), share, ONE))
        .and_then(|milli| i64::try_from(milli).ok());
    if product.is_none() {
        let problem = Problem::new(Code::Unit, raw.inner(), "demand: a part of a contracted power is wanted");
        reader.add(problem.help("write demand = \"70 % of 20000 kW\""));
    }
    product
}
