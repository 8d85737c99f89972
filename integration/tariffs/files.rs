//! Tariff files: what ships can be used, what is wrong is told where it stands, nothing is read as something else.

use ballast::cli::check::{self, Ask};
use ballast::document::Problems;
use ballast::tariff::file::load;
use serde_json::Value;

use super::shared;

pub(super) const SHIPPED: [(&str, &str); 4] = [
    ("ercot-index-block.toml", include_str!("../../tariffs/ercot-index-block.toml")),
    ("europe-day-ahead.toml", include_str!("../../tariffs/europe-day-ahead.toml")),
    ("ohio-minimum-demand.toml", include_str!("../../tariffs/ohio-minimum-demand.toml")),
    ("tva-tou-ratchet.toml", include_str!("../../tariffs/tva-tou-ratchet.toml")),
];

pub(super) fn checked(path: &std::path::Path, json: bool, strict: bool) -> (u8, String) {
    checked_on("2026-11-22", path, json, strict)
}

fn checked_on(day: &str, path: &std::path::Path, json: bool, strict: bool) -> (u8, String) {
    let on = ballast::time::Date::parse(day).unwrap();
    let ask = Ask { json, strict, on, color: false, hall: None, journal: None };
    let mut out = Vec::new();
    let code = check::run(&[path], &ask, &mut out).unwrap();
    (code, String::from_utf8(out).unwrap())
}

/// Code and line of each problem.
fn found(problems: &Problems) -> Vec<(String, usize)> {
    let each = problems.json();
    let each = each.as_array().unwrap().iter();
    each.map(|one| (one["code"].as_str().unwrap().to_owned(), one["line"].as_u64().unwrap() as usize)).collect()
}

#[test]
fn every_tariff_that_ships_can_be_used_and_its_prices_come_out() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tariffs");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, SHIPPED.map(|(name, _)| name), "a file that ships is tested here");
    for (name, text) in SHIPPED {
        let (code, out) = checked(&folder.join(name), false, false);
        assert_eq!(code, 0, "{out}");
        assert!(out.contains("come out as the file says"), "{name} proves no price: {out}");
        // Amounts that are examples say so, on their own line.
        let prices = text.lines().filter(|line| line.starts_with("price ") || line.starts_with("rate "));
        let real = |line: &&str| !line.contains("EXAMPLE") && !line.contains("index") && !line.contains("19 %");
        let unmarked: Vec<&str> =
            prices.filter(real).filter(|line| !text[..text.find(*line).unwrap()].contains("[[check]]")).collect();
        assert!(unmarked.is_empty(), "{name}: {unmarked:?}");
    }
}

#[test]
fn the_two_examples_are_read_and_every_mistake_of_the_third_is_told_at_once() {
    let Some(folder) = shared("examples") else { return };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(load("a.toml", &read("ercot-west-4cp-block.toml")).unwrap().lines.len(), 10);
    assert_eq!(load("b.toml", &read("aps-e32l-tou-ratchet.toml")).unwrap().lines.len(), 8);
    let problems = load("bad.toml", &read("bad.toml")).unwrap_err();
    let expected = [
        ("tariff::timezone", 5),
        ("tariff::unit", 10),
        ("tariff::suspicious", 11),
        ("tariff::unknown_key", 14),
        ("tariff::bare_number", 17),
        ("tariff::unknown_key", 19),
        ("tariff::reference", 24),
    ];
    assert_eq!(found(&problems), expected.map(|(code, line)| (code.to_owned(), line)));
    let text = problems.to_string();
    let helps = [
        "write \"America/Chicago\"",
        "USD/kW-month",
        "write \"80 %\"",
        "did you mean `price`?",
        "write \"3.15 USD/kW-month\"",
        "did you mean `coincident`?",
        "did you mean `energy.*`?",
    ];
    helps.into_iter().for_each(|help| assert!(text.contains(help), "{help}: {text}"));
}

/// The file, what stands in it once, what is written instead, and the kind of problem; the line is that of what was changed.
const SLIPS: [(usize, &str, &str, &str); 60] = [
    // Keys and tables.
    (0, "[energy.spot]", "[enregy.spot]", "unknown_key"),
    (0, "losses = \"1.9 %\"", "loses = \"1.9 %\"", "unknown_key"),
    (0, "[block.hedge]", "[blocks.hedge]", "unknown_key"),
    (0, "per_month = 1, window = \"15 min\"", "per_months = 1, window = \"15 min\"", "unknown_key"),
    (0, "credit_value = \"97 %\"", "credit_worth = \"97 %\"", "unknown_key"),
    (0, "keep_above = \"firm.ai_hall\"", "keep_over = \"firm.ai_hall\"", "unknown_key"),
    (
        0,
        "[[coincident.transmission.rule]]\nfrom    = 2025",
        "[[coincident.transmission.rules]]\nfrom    = 2025",
        "unknown_key",
    ),
    (1, "currency = \"EUR\"", "curency = \"EUR\"", "unknown_key"),
    (2, "provisional_after = \"120 days\"", "provisional = \"120 days\"", "unknown_key"),
    (3, "[calendar.summer_on]\nmonths", "[calendar.summer_on]\nmonth", "unknown_key"),
    // Units.
    (0, "\"0.412 USD/kW-month\"", "\"0.412 USD/kWh\"", "unit"),
    (0, "\"34.50 USD/MWh\"", "\"34.50 USD/MW\"", "unit"),
    (0, "\"34.50 USD/MWh\"", "\"34.50 EUR/MWh\"", "unit"),
    (0, "\"34.50 USD/MWh\"", "\"34.50 $/MWh\"", "unit"),
    (0, "\"34.50 USD/MWh\"", "\"34,50 USD/MWh\"", "number"),
    (0, "\"34.50 USD/MWh\"", "\"thirty USD/MWh\"", "number"),
    (0, "\"34.50 USD/MWh\"", "34.50", "bare_number"),
    (0, "\"34.50 USD/MWh\"", "\"34.50\"", "bare_number"),
    (0, "\"34.50 USD/MWh\"", "34.50 USD/MWh", "syntax"),
    (0, "\"60 MW\"", "\"60 MWh\"", "unit"),
    (0, "\"60 MW\"", "\"60 mw\"", "unit"),
    (0, "\"60 MW\"", "60", "bare_number"),
    (0, "\"1480.00 USD/month\"", "\"1480.00 USD\"", "unit"),
    (0, "\"7.20 USD/MW-h\"", "\"7.20 USD/MWh\"", "unit"),
    (0, "\"0.1667 %\"", "\"0.001667\"", "bare_number"),
    (1, "\"118.20 EUR/kW-year\"", "\"118.20 EUR/kW-jahr\"", "unit"),
    (1, "\"2.946 c/kWh\"", "\"2.946 ct/kWh\"", "unit"),
    (3, "\"1.46 USD/kVAr-month\"", "\"1.46 USD/kVA-month\"", "unit"),
    (3, "\"33 % of kW\"", "\"33 %\"", "choice"),
    // Shares.
    (0, "share = \"80 %\"", "share = \"0.8 %\"", "suspicious"),
    (0, "share = \"80 %\"", "share = \"180 %\"", "range"),
    (0, "share = \"80 %\"", "share = 0.8", "bare_number"),
    (0, "target   = 0.95", "target   = 95", "range"),
    // Months, days and hours.
    (3, "[calendar.summer_on]\nmonths = \"Jun-Sep\"", "[calendar.summer_on]\nmonths = \"Jun-Spe\"", "choice"),
    (3, "hours  = \"12:00-20:00\"", "hours  = \"12:00-25:00\"", "choice"),
    (3, "hours  = \"12:00-20:00\"", "hours  = \"12:00-20:10\"", "range"),
    (3, "hours  = \"12:00-20:00\"", "hours  = \"12-20\"", "choice"),
    (3, "hours  = \"12:00-20:00\"", "hours  = 12", "type"),
    (3, "months = \"Apr-May, Oct-Nov\"", "months = \"April-May\"", "choice"),
    (0, "days = \"Mon-Fri\", months", "days = \"Mo-Fr\", months", "choice"),
    // Periods by name.
    (3, "summer_off = \"3.874 c/kWh\"", "sumer_off = \"3.874 c/kWh\"", "reference"),
    (3, ", between = \"3.952 c/kWh\"", "", "missing"),
    (3, "when    = [\"summer_on\", \"winter_on\"]", "when    = [\"summer_on\", \"wintr_on\"]", "reference"),
    // Dates.
    (0, "2026-03-01 = \"0.412", "2026-13-01 = \"0.412", "type"),
    (0, "until = 2030-05-01", "until = 2020-05-01", "conflict"),
    (0, "from    = 2027-01-01", "from    = \"next year\"", "type"),
    (0, "billed = { 2026 =", "billed = { then =", "type"),
    (0, "at     = 2026-01-12T02:00:00-06:00", "at     = 2026-01-12T02:00:00", "type"),
    // References and choices.
    (0, "apply_to = [\"demand.distribution\"]", "apply_to = [\"demand.distributon\"]", "reference"),
    (
        0,
        "apply_to = [\"energy.*\", \"adder.*\", \"demand.*\", \"coincident.*\"]",
        "apply_to = [\"energie.*\"]",
        "reference",
    ),
    (0, "sell_at = \"energy.spot\"", "sell_at = \"energy.spto\"", "reference"),
    (0, "window_kind = \"block\"", "window_kind = \"fixed\"", "choice"),
    (
        0,
        "bill_in = \"next calendar year\"\nprice   = \"5.91 USD/kW-month\"      # EXAMPLE\n\n",
        "bill_in = \"next year\"\nprice   = \"5.91 USD/kW-month\"\n\n",
        "choice",
    ),
    (0, "shape  = \"7x24\"", "shape  = \"24x7\"", "choice"),
    (0, "timezone = \"America/Chicago\"", "timezone = \"America/Chcago\"", "timezone"),
    (1, "timezone = \"Europe/Berlin\"", "timezone = \"CET\"", "timezone"),
    (3, "clock    = \"standard\"", "clock    = \"winter\"", "choice"),
    // Intervals and steps.
    (0, "window = \"15 min\", window_kind", "window = \"20 min\", window_kind", "conflict"),
    (3, "tiers   = [{ up_to = \"5 MW\", ", "tiers   = [{ ", "missing"),
    (0, "price  = { index = \"ercot.rt15.LZ_WEST\" }", "price  = { index = 15 }", "type"),
];

#[test]
fn sixty_slips_of_the_pen_are_told_at_their_line_and_none_is_read_as_something_else() {
    let mut wrong = Vec::new();
    for (file, from, to, code) in SLIPS {
        let (name, text) = SHIPPED[file];
        assert_eq!(text.matches(from).count(), 1, "`{from}` stands once in {name}");
        let changed = text.replacen(from, to, 1);
        // The line on which the two texts begin to differ.
        let same = text.bytes().zip(changed.bytes()).take_while(|(a, b)| a == b).count();
        let line = text[..same].matches('\n').count() + 1;
        match load(name, &changed) {
            Ok(_) => wrong.push(format!("`{to}` in {name} is taken as good")),
            Err(problems) => {
                let expected = (format!("tariff::{code}"), line);
                if !found(&problems).contains(&expected) {
                    wrong.push(format!("`{to}` in {name}: wanted {expected:?}\n{problems}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), SLIPS.len(), wrong.join("\n\n"));
}

#[test]
fn gaps_and_overlaps_of_a_calendar_are_told_with_their_hours() {
    let (name, text) = SHIPPED[3];
    let of = |from: &str, to: &str| {
        let problems = load(name, &text.replacen(from, to, 1)).unwrap_err();
        (found(&problems), problems.to_string())
    };
    let (codes, told) = of("months = \"Apr-May, Oct-Nov\"", "months = \"Apr-May, Oct\"");
    assert_eq!(codes, [("tariff::calendar".to_owned(), 36)], "{told}");
    assert!(told.contains("Mon in Nov, all belongs to no period (and 6 more such stretches)"), "{told}");
    let (codes, told) = of("months = \"Apr-May, Oct-Nov\"", "months = \"Apr-Jun, Oct-Nov\"");
    assert_eq!(codes[0].0, "tariff::calendar", "{told}");
    assert!(told.contains("Mon in Jun, 12:00-20:00 belongs to `summer_on` and to `between`"), "{told}");
    assert!(told.contains("overlaps [calendar.summer_on] on line 18"), "{told}");
}

#[test]
fn a_price_that_does_not_come_out_is_a_problem_and_what_is_unsure_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tariff.toml");
    let (_, text) = SHIPPED[2];
    std::fs::write(&path, text.replacen("53.37", "53.47", 1)).unwrap();
    let (code, out) = checked(&path, false, false);
    assert_eq!(code, 1);
    assert!(out.contains("error[tariff::mismatch]: the marginal price comes to 53.37 USD/MWh, not 53.47"), "{out}");
    std::fs::write(&path, text).unwrap();
    let (code, out) = checked(&path, true, false);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json[0]["warnings"][0]["code"]), (0, &"tariff::stale".into()));
    assert_eq!(checked(&path, false, true).0, 1, "what is assumed is a problem to the strict");
    std::fs::write(&path, text.replacen("3.40 USD/MWh", "3.40 USD/kWh", 1).replacen("53.37", "3461.86", 1)).unwrap();
    let (code, out) = checked(&path, false, false);
    assert_eq!(code, 0);
    assert!(out.contains("adder.ancillary: 3.4 USD a kWh is more than anybody pays"), "{out}");
}

#[test]
fn what_is_out_of_date_on_a_day_is_a_warning_at_its_line() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tariffs");
    let of = |day: &str, name: &str| {
        let (code, out) = checked_on(day, &folder.join(name), false, false);
        assert_eq!(code, 0, "{out}");
        out
    };
    let (tva, ercot) = ("tva-tou-ratchet.toml", "ercot-index-block.toml");
    assert!(!of("2026-12-16", tva).contains("adder.fuel"));
    let late = of("2026-12-17", tva);
    assert!(late.contains("adder.fuel: its newest value is of 2026-11-01, and provisional for 45 days"), "{late}");
    assert!(late.contains("tva-tou-ratchet.toml:44"), "{late}");
    assert!(of("2026-08-30", tva).contains("adder.fuel: it has no value before 2026-09-01"));
    assert!(of("2026-11-22", ercot).contains("from 2027-01-01, in 40 days is assumed: "));
    assert!(of("2026-10-01", ercot).contains("from 2027-01-01 is assumed: "));
    assert!(of("2030-05-01", ercot).contains("block.hedge: this block was over on 2030-05-01"));
    assert!(!of("2030-04-30", ercot).contains("block.hedge"));
}

#[test]
fn an_invoice_is_billed_again_by_check() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tariff.toml");
    let mut meter = "start,kw\n".to_owned();
    for hour in 0..744 {
        meter += &format!(
            "2026-08-{:02}T{:02}:00:00-04:00,{}\n",
            hour / 24 + 1,
            hour % 24,
            if hour == 77 { 140_000 } else { 100_000 }
        );
    }
    std::fs::write(folder.path().join("august.csv"), meter).unwrap();
    let invoice = |amount: &str| {
        format!(
            "{}\n[invoice.\"2026-08\"]\nmeter = \"august.csv\"\nlines = {{ \"demand.delivery\" = \"{amount} USD\", \"fixed.customer\" = \"525 USD\" }}\n",
            SHIPPED[2].1
        )
    };
    // 140 MW at 7.35 USD a kW.
    std::fs::write(&path, invoice("1029000.00")).unwrap();
    let (code, out) = checked(&path, false, false);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("1 price and 1 invoice come out as the file says"), "{out}");
    std::fs::write(&path, invoice("1028000.00")).unwrap();
    let (code, out) = checked(&path, false, false);
    assert_eq!(code, 1, "{out}");
    let told =
        "demand.delivery comes to 1,029,000.00 USD, and the invoice says 1,028,000.00 USD: 1,000.00 USD too much";
    assert!(out.contains(told), "{out}");
}
