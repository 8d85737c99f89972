//! A JSON Schema of tariff files, for completion and hovering in an editor. `ballast check` is the authority: it knows currencies,
//! references and calendars, and a schema does not.

use serde_json::{Map, Value, json};

use super::quantity::Kind;

/// The schema, draft 7.
pub fn schema() -> Value {
    let mut properties = Map::new();
    let mut add = |key: &str, value: Value| properties.insert(key.into(), value);
    add("format", json!({ "const": 1, "description": "The form of this file." }));
    add("name", text("What the tariff is called."));
    add(
        "currency",
        json!({ "type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217, as in USD. All amounts are in it." }),
    );
    add("timezone", text("The IANA name of the place whose clock the tariff goes by, as in America/Chicago."));
    add("clock", words(&["local", "standard"], "standard: hours are counted in standard time all year."));
    add("interval", quantity(&[Kind::Minutes], "What is settled, and a row of the meter: 15 min."));
    add("billing", billing());
    add(
        "source",
        named(
            table(
                &[
                    ("label", text("Its name there.")),
                    ("url", text("Where it is.")),
                    ("title", text("What it is called.")),
                    ("from", date("The first day.")),
                    ("until", date("The day after the last.")),
                    ("retrieved", date("When it was looked up.")),
                ],
                &[],
            ),
            "Where the file comes from.",
        ),
    );
    add("calendar", calendar());
    for (group, line, about) in groups() {
        add(group, named(line, about));
    }
    add(
        "invoice",
        named(invoice(), "A real invoice, billed again by `ballast check`; named by its month, as in \"2026-08\"."),
    );
    add("check", json!({ "type": "array", "items": case(), "description": "Marginal prices that must come out." }));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "title": "Ballast tariff, format 1", "type": "object",
        "required": ["format", "name", "currency", "timezone", "interval"], "additionalProperties": false,
        "properties": properties,
    })
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "description": about })
}

fn words(words: &[&str], about: &str) -> Value {
    json!({ "enum": words, "description": about })
}

fn whole(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": about })
}

/// A date is a string to most readers of TOML.
fn date(about: &str) -> Value {
    json!({ "type": "string", "description": format!("{about} A day as in 2026-03-01, without quotes.") })
}

/// A table with these keys and no other.
fn table(keys: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

/// Tables whose names are free.
fn named(of: Value, about: &str) -> Value {
    json!({ "type": "object", "additionalProperties": of, "description": about })
}

/// A number with a unit of one of these kinds.
fn quantity(kinds: &[Kind], about: &str) -> Value {
    let units: Vec<String> =
        kinds.iter().flat_map(|kind| kind.units()).map(|unit| unit.replace('$', "[A-Z]{3}")).collect();
    let shown: Vec<String> = kinds.iter().flat_map(|kind| kind.units()).map(|unit| unit.replace('$', "USD")).collect();
    let pattern = format!("^\\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?\\s*({})\\s*$", units.join("|"));
    json!({ "type": "string", "pattern": pattern, "description": format!("{about} Units: {}.", shown.join(", ")) })
}

/// A value, or values by the first day of each.
fn dated(one: Value) -> Value {
    let by_day = json!({ "type": "object", "patternProperties": { "^[0-9]{4}-[0-9]{2}-[0-9]{2}$": one }, "additionalProperties": false });
    json!({ "anyOf": [one, by_day] })
}

/// A price, prices by period, or either by its first day.
fn priced(about: &str) -> Value {
    let one = quantity(&[Kind::EnergyPrice], about);
    let by_period =
        json!({ "type": "object", "patternProperties": { "^[A-Za-z_]": one }, "additionalProperties": false });
    let either = json!({ "anyOf": [one, by_period] });
    json!({ "anyOf": [
        one, by_period,
        { "type": "object", "patternProperties": { "^[0-9]{4}-[0-9]{2}-[0-9]{2}$": either }, "additionalProperties": false },
    ] })
}

fn months(about: &str) -> Value {
    text(&format!("{about} Jun-Sep, Nov-Feb, or a list as in Jan, Mar-May."))
}

fn window() -> Vec<(&'static str, Value)> {
    vec![
        ("months", months("Which months.")),
        ("days", text("Which days: Mon-Fri, or Sat-Sun. A holiday counts as a Sunday.")),
        ("hours", text("Which hours: 15:00-20:00; 22:00-06:00 goes over midnight.")),
    ]
}

fn billing() -> Value {
    table(
        &[
            ("cycle", words(&["calendar month"], "What a bill covers.")),
            ("round", text("To what a line is rounded: \"0.01 USD per line\", or \"none\".")),
        ],
        &[],
    )
}

fn calendar() -> Value {
    let mut keys = window();
    keys.push((
        "any",
        json!({ "type": "array", "items": table(&window(), &[]), "description": "Several windows in one period." }),
    ));
    keys.push(("otherwise", json!({ "type": "boolean", "description": "Takes what no other period has." })));
    let holidays = json!({ "description": "\"us.nerc\", dates, or a list of both. They count as Sundays." });
    json!({
        "type": "object", "properties": { "holidays": holidays }, "additionalProperties": table(&keys, &[]),
        "description": "Periods: every interval must belong to exactly one.",
    })
}

/// A line: its own keys, and those that every line may have.
fn line(keys: Vec<(&str, Value)>, required: &[&str]) -> Value {
    let mut all = keys;
    all.extend([
        ("source", text("The sheet or contract that says so.")),
        ("checked", date("When somebody last compared it.")),
        ("assumed", text("What is taken for granted, not known.")),
        (
            "provisional_after",
            quantity(&[Kind::Days], "After how many days its newest value is to be looked at again."),
        ),
    ]);
    table(&all, required)
}

fn scope() -> Vec<(&'static str, Value)> {
    let names = json!({
        "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
        "description": "Periods of the calendar; all without it.",
    });
    vec![("when", names), ("months", months("In which months it is charged."))]
}

fn apply_to() -> Value {
    json!({
        "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
        "description": "Lines by name, or groups as in demand.*",
    })
}

/// Every group of lines, one of its lines, and what it is about.
fn groups() -> Vec<(&'static str, Value, &'static str)> {
    let mut groups = vec![
        ("energy", energy(), "What energy costs."),
        ("adder", energy(), "What is charged for energy beside its price."),
        ("block", block(), "Energy that was bought ahead."),
        ("demand", demand(), "What the highest demand costs."),
        ("coincident", coincident(), "What demand costs while the grid has its highest."),
    ];
    groups.extend(smaller());
    groups
}

fn energy() -> Value {
    let index = table(&[("index", text("A price feed."))], &["index"]);
    let price = json!({ "anyOf": [priced("What a kWh costs."), index] });
    let top = quantity(&[Kind::Energy, Kind::EnergyDaily, Kind::HoursUse, Kind::HoursUseDaily], "Where the step ends.");
    let tier = table(&[("up_to", top), ("price", priced("What a kWh costs in this step."))], &["price"]);
    let mut keys = vec![
        ("price", price),
        ("tiers", json!({ "type": "array", "items": tier, "description": "Steps; the last is open." })),
        ("losses", quantity(&[Kind::Share], "What is lost on the way, as a part of what is delivered.")),
        ("applies_to", words(&["delivered", "purchased"], "purchased: only what is bought above all blocks.")),
        ("billing_demand", text("The demand line whose kW steps in kWh/kW count.")),
    ];
    keys.extend(scope());
    line(keys, &[])
}

fn block() -> Value {
    let term =
        table(&[("from", date("The first day.")), ("until", date("The first day without it."))], &["from", "until"]);
    let unused = table(
        &[
            ("sell_at", text("The energy line at whose price it is sold back.")),
            ("less", quantity(&[Kind::EnergyPrice], "What is kept of a sale.")),
            ("paid_as", words(&["credit", "money"], "How it is paid.")),
            ("credit_value", quantity(&[Kind::Share], "What a credit is worth in money.")),
        ],
        &["sell_at"],
    );
    let shape = json!({ "anyOf": [{ "enum": ["7x24", "5x16", "7x16"] }, table(&window(), &[])], "description": "In which hours." });
    let keys = vec![
        ("size", quantity(&[Kind::Power], "How much.")),
        ("shape", shape),
        ("price", quantity(&[Kind::EnergyPrice], "What it costs, used or not.")),
        ("term", term),
        ("unused", unused),
        ("above", text("The energy line that buys what is above it.")),
    ];
    line(keys, &["size", "price", "term"])
}

fn demand() -> Value {
    let price = dated(quantity(&[Kind::DemandPrice, Kind::DailyDemandPrice, Kind::ApparentPrice], "What a kW costs."));
    let tier =
        table(&[("up_to", quantity(&[Kind::Power], "Where the step ends.")), ("price", price.clone())], &["price"]);
    let measure = table(
        &[
            ("of", words(&["max kW", "max kVA"], "What is measured.")),
            ("window", quantity(&[Kind::Minutes], "Over which demand is averaged.")),
            ("window_kind", words(&["block", "rolling"], "rolling: a window begins with every interval.")),
        ],
        &[],
    );
    let ratchet = table(
        &[
            ("share", quantity(&[Kind::Share], "Which part of the highest demand.")),
            ("months", whole("Of how many months before.")),
            ("of_months", months("Of which months of the year.")),
        ],
        &["share", "months"],
    );
    let mut keys = vec![
        ("measure", measure),
        ("price", price),
        ("tiers", json!({ "type": "array", "items": tier, "description": "Steps; the last is open." })),
        ("ratchet", ratchet),
        ("floor", quantity(&[Kind::Power], "What is billed at least.")),
    ];
    keys.extend(scope());
    line(keys, &[])
}

fn coincident() -> Value {
    let peaks = table(
        &[
            ("months", months("In which months there are peaks.")),
            ("per_month", whole("How many in each.")),
            ("per_year", whole("Or how many in all of them together.")),
            ("window", quantity(&[Kind::Minutes], "Over which demand is averaged.")),
        ],
        &["window"],
    );
    let rule = table(
        &[
            ("from", date("For peaks from this day on.")),
            ("peaks", peaks),
            ("bill_in", words(&["next calendar year", "from next June"], "When it is paid.")),
            ("price", quantity(&[Kind::DemandPrice], "What a kW of the mean costs in each month.")),
            ("assumed", text("What is taken for granted, not known.")),
            ("source", text("The rule that says so.")),
        ],
        &["from", "peaks", "bill_in", "price"],
    );
    let mut fallback = window();
    fallback.push(("probability", quantity(&[Kind::Share], "How likely an interval in this window is a peak.")));
    let forecast = table(
        &[
            ("feed", text("The feed that tells how likely an interval is a peak.")),
            ("fallback", table(&fallback, &["probability"])),
        ],
        &["feed"],
    );
    let billed = json!({
        "type": "object", "patternProperties": { "^[0-9]{4}$": quantity(&[Kind::Power], "What was billed in this year.") },
        "additionalProperties": false, "description": "What the grid's operator billed, by year.",
    });
    let known = json!({ "type": "array", "description": "When the peaks were: moments with their offset from UTC." });
    let keys = vec![
        (
            "rule",
            json!({ "type": "array", "items": rule, "minItems": 1, "description": "How peaks are chosen, by day." }),
        ),
        ("known", known),
        ("billed", billed),
        ("forecast", forecast),
    ];
    line(keys, &["rule"])
}

fn smaller() -> Vec<(&'static str, Value, &'static str)> {
    let fixed = dated(quantity(&[Kind::Monthly, Kind::Daily, Kind::Yearly], "The amount."));
    let target =
        json!({ "type": "number", "minimum": 0.5, "maximum": 1, "description": "The power factor that is asked for." });
    let reactive = dated(quantity(&[Kind::ReactivePrice], "What a kVAr costs."));
    let limit = table(&[("hours_per_year", whole("Hours.")), ("events_per_year", whole("Events."))], &[]);
    let penalty = table(
        &[
            ("penalty", quantity(&[Kind::PowerPrice], "For each kW that does not go.")),
            ("lose_credit", text("For how long.")),
        ],
        &["penalty"],
    );
    let mut capacity = window();
    capacity.push(("pay", quantity(&[Kind::CapacityPrice], "What standing ready earns.")));
    capacity.push(("obligation", quantity(&[Kind::Power], "How much stands ready.")));
    let shortfall = table(&[("penalty", text("What falling short costs.")), ("forfeits", text("What it loses."))], &[]);
    let notice = quantity(&[Kind::Minutes], "Between a call and its start.");
    let rider = vec![
        ("firm", quantity(&[Kind::Power], "What may not be interrupted.")),
        ("credit", quantity(&[Kind::DemandPrice], "What a kW above it earns.")),
        ("notice", notice.clone()),
        ("limit", limit),
        ("noncompliance", penalty),
    ];
    let programme = vec![
        ("capacity", table(&capacity, &["pay", "obligation"])),
        ("notice", notice),
        ("keep_above", text("What is never curtailed, by its name in the site file.")),
        ("shortfall", shortfall),
    ];
    let minimum = vec![
        ("charge", quantity(&[Kind::Monthly, Kind::Yearly], "What a bill is at least.")),
        ("demand", text("A floor of every demand line: \"14 MW\", or \"70 % of 20000 kW\".")),
    ];
    let tax = dated(quantity(&[Kind::Share], "Which part of the lines it names."));
    let above = text("Free up to this part: \"33 % of kW\".");
    vec![
        ("fixed", line(vec![("price", fixed)], &["price"]), "For being connected."),
        (
            "power_factor",
            line(vec![("target", target), ("apply_to", apply_to())], &["target", "apply_to"]),
            "For a poor power factor.",
        ),
        ("reactive", line(vec![("price", reactive), ("above", above)], &["price"]), "For reactive power."),
        ("interruptible", line(rider, &["firm", "credit"]), "For load that may be interrupted."),
        ("program", line(programme, &["capacity"]), "For load that stands ready."),
        ("minimum", line(minimum, &[]), "What is paid at least."),
        ("tax", line(vec![("rate", tax), ("apply_to", apply_to())], &["rate", "apply_to"]), "A part of other lines."),
    ]
}

fn invoice() -> Value {
    let money = quantity(&[Kind::Money], "The amount.");
    let lines = json!({ "type": "object", "additionalProperties": money, "description": "Amounts by line." });
    table(
        &[
            ("meter", text("The meter's record, beside this file.")),
            ("prices", text("Prices of feeds, beside this file.")),
            ("lines", lines),
            ("total", quantity(&[Kind::Money], "What the invoice comes to.")),
            ("within", quantity(&[Kind::Money], "By how much a line may differ.")),
        ],
        &["meter"],
    )
}

fn case() -> Value {
    let price = |about: &str| quantity(&[Kind::EnergyPrice], about);
    let prices = json!({ "type": "object", "additionalProperties": price("What the feed says."), "description": "Prices by feed." });
    table(
        &[
            ("at", text("A moment with its offset from UTC, as in 2026-08-12T16:50:00-05:00, without quotes.")),
            ("load", quantity(&[Kind::Power], "The load of the site.")),
            ("peak", quantity(&[Kind::Power], "Demand that the month has already; the load without it.")),
            ("coincident", quantity(&[Kind::Share], "How likely the interval is a coincident peak.")),
            ("prices", prices),
            ("price", price("What must come out.")),
            ("within", price("By how much it may differ.")),
        ],
        &["at", "load", "price"],
    )
}
