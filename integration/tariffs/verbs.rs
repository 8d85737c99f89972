//! What the verbs print, on the tariffs that ship and on small meters.

use std::path::{Path, PathBuf};

use ballast::cli::tariff::export::{self, Form};
use ballast::cli::tariff::{bill, diff, next, show};
use ballast::time::Date;
use serde_json::Value;

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tariffs").join(name)
}

pub(super) fn told(run: impl FnOnce(&mut Vec<u8>) -> u8) -> (u8, String) {
    let mut out = Vec::new();
    let code = run(&mut out);
    (code, String::from_utf8(out).unwrap())
}

/// A month of August at Chicago's clock, in half a meter's steps, with one quarter hour that is higher.
fn meter(folder: &Path, rows: impl Iterator<Item = usize>) -> PathBuf {
    let mut text = "start,kw,kvar\n".to_owned();
    for row in rows {
        let (day, hour, minute) = (row / 288 + 1, row / 12 % 24, row % 12 * 5);
        let kilowatts = if (1_000..1_003).contains(&row) { 97_000 } else { 80_000 };
        text += &format!("2026-08-{day:02}T{hour:02}:{minute:02}:00-05:00,{kilowatts},10000\n");
    }
    let path = folder.join("meter.csv");
    std::fs::write(&path, text).unwrap();
    path
}

fn prices(folder: &Path) -> PathBuf {
    let path = folder.join("prices.csv");
    let hour = |hour: usize| format!("2026-08-{:02}T{:02}:00:00-05:00,40\n", hour / 24 + 1, hour % 24);
    let quarters =
        (0..744 * 4).map(|row| hour(row / 4).replace(":00:00-05:00", &format!(":{:02}:00-05:00", row % 4 * 15)));
    std::fs::write(&path, format!("start,spot\n{}", quarters.collect::<String>())).unwrap();
    path
}

pub(super) fn asked(folder: &Path) -> bill::Asked {
    bill::Asked {
        file: shipped("ercot-index-block.toml"),
        meter: meter(folder, 0..8_928),
        prices: Some(prices(folder)),
        month: None,
        explain: None,
        json: false,
    }
}

#[test]
fn a_bill_names_the_interval_that_set_each_demand_and_what_each_line_was_reckoned_from() {
    let folder = tempfile::tempdir().unwrap();
    let asked = asked(folder.path());
    let (code, out) = told(|out| bill::run(&asked, out));
    assert_eq!(code, 0, "{out}");
    let has = |line: &str| assert!(out.contains(line), "{line}\n{out}");
    has("2026-08: 31 days, 2976 intervals of 15 min, America/Chicago");
    // 1,000 five-minute rows are 3 days, 11 hours and 20 minutes: the three rows lie in two quarter hours.
    has("91,333.3 kW at 2026-08-04 11:15 CDT");
    // 91,333.3 x 0.412, and 60 MW over 744 hours at 34.50.
    has("37,629.33");
    has("1,540,080.00");
    has("20,000.0 kW ready for 217.0 h");
    has("note: demand.distribution looks back 11 months, of which the record has 0: it may bill more");
    let explain = bill::Asked { explain: Some("demand.distribution".into()), ..asked.clone() };
    let (code, out) = told(|out| bill::run(&explain, out));
    assert_eq!(code, 0);
    assert!(out.contains("ratchet     80.0 % of the highest of 11 months before (all)"), "{out}");
    assert!(out.contains("source      Delivery tariff, transmission voltage"), "{out}");
    let json = bill::Asked { json: true, ..asked };
    let (_, out) = told(|out| bill::run(&json, out));
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&json["complete"], &json["months"][0]["month"]), (&true.into(), &"2026-08".into()));
    let sum: f64 = json["months"][0]["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["amount"].as_str().unwrap().parse::<f64>().unwrap())
        .sum();
    assert!((sum - json["months"][0]["total"].as_str().unwrap().parse::<f64>().unwrap()).abs() < 0.001);
}

#[test]
fn what_a_bill_needs_and_does_not_find_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let asked = asked(folder.path());
    let without = bill::Asked { prices: None, json: true, ..asked.clone() };
    let (code, out) = told(|out| bill::run(&without, out));
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["complete"]), (1, &false.into()));
    let lack = "energy.spot: no price of `ercot.rt15.LZ_WEST` for 2976 intervals, the first at 2026-08-01 00:00 CDT";
    assert_eq!(json["lacks"], serde_json::json!([lack]));
    // An hour is missing on the second day.
    let gap = bill::Asked {
        meter: meter(folder.path(), (0..8_928).filter(|row| !(300..312).contains(row))),
        json: true,
        ..asked.clone()
    };
    let (code, out) = told(|out| bill::run(&gap, out));
    let json: Value = serde_json::from_str(&out).unwrap();
    let lack = "the meter lacks rows from 2026-08-02 01:00 CDT to 2026-08-02 02:00 CDT: an interval without any counts as nothing";
    assert_eq!((code, &json["lacks"]), (1, &serde_json::json!([lack])));
    for wrong in [
        bill::Asked { month: Some("August".into()), ..asked.clone() },
        bill::Asked { explain: Some("demand.nothing".into()), ..asked.clone() },
        bill::Asked { meter: "nowhere.csv".into(), ..asked.clone() },
    ] {
        assert_eq!(told(|out| bill::run(&wrong, out)).0, 2);
    }
    assert_eq!(told(|out| bill::run(&bill::Asked { month: Some("2026-07".into()), ..asked }, out)).0, 1);
}

#[test]
fn a_difference_is_told_by_line_and_in_money() {
    let folder = tempfile::tempdir().unwrap();
    let old = shipped("ercot-index-block.toml");
    let new = folder.path().join("new.toml");
    let text = std::fs::read_to_string(&old).unwrap();
    let text = text.replace("0.412 USD/kW-month\" }", "0.412 USD/kW-month\", 2027-03-01 = \"0.455 USD/kW-month\" }");
    let text = text.replace("1.85 USD/MWh", "1.95 USD/MWh").replace("[fixed.meter]", "[fixed.metering]");
    std::fs::write(&new, text).unwrap();
    let asked = diff::Asked {
        old: old.clone(),
        new,
        meter: Some(meter(folder.path(), 0..8_928)),
        prices: Some(prices(folder.path())),
        json: false,
    };
    let (code, out) = told(|out| diff::run(&asked, out));
    assert_eq!(code, 0, "{out}");
    let has = |line: &str| assert!(out.contains(line), "{line}\n{out}");
    has("adder.retail         price: 1.85 USD/MWh -> 1.95 USD/MWh");
    has("demand.distribution  price from 2027-03-01: 0.412 USD/kW-month -> 0.455 USD/kW-month");
    has("fixed.meter          the line: there -> gone");
    has("fixed.metering       the line: - -> new");
    // 80 MW over 744 hours and the higher rows: 59,524.25 MWh at ten cents, and its tax.
    has("5,952.43");
    let same = diff::Asked { new: old.clone(), old, meter: None, prices: None, json: false };
    assert!(told(|out| diff::run(&same, out)).1.contains("nothing differs"));
}

#[test]
fn what_changes_is_told_by_its_day() {
    let of = |name: &str, from: &str| {
        let asked = next::Asked { file: shipped(name), from: Date::parse(from).unwrap(), days: 200, json: false };
        told(|out| next::run(&asked, out))
    };
    let (code, out) = of("ercot-index-block.toml", "2026-10-20");
    let expected = [
        "2026-11-01     12 days later  clock                    is put back: this day has 100 intervals",
        "2027-01-01     73 days later  coincident.transmission  12 peaks a year over 30 min count (assumed: staff's proposal",
        "2027-03-14    145 days later  clock                    is put forward: this day has 92 intervals",
    ];
    assert_eq!(code, 0);
    expected.into_iter().for_each(|line| assert!(out.contains(line), "{line}\n{out}"));
    let (_, out) = of("tva-tou-ratchet.toml", "2026-08-20");
    let expected = [
        "2026-09-07     18 days later  calendar    a holiday: counts as a Sunday",
        "2026-10-01     42 days later  adder.fuel  price: 22.31 USD/MWh -> 21.84 USD/MWh",
        "2026-10-01     42 days later  calendar    other periods: between",
    ];
    expected.into_iter().for_each(|line| assert!(out.contains(line), "{line}\n{out}"));
    assert!(!out.contains("clock"), "its hours are counted in standard time: {out}");
    assert!(of("ercot-index-block.toml", "2030-05-02").1.contains("clock"));
}

#[test]
fn a_year_is_shown_in_the_terminal_and_as_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let html = folder.path().join("year.html");
    let asked = show::Asked { file: shipped("tva-tou-ratchet.toml"), year: 2026, html: Some(html.clone()) };
    let (code, out) = told(|out| show::run(&asked, out));
    assert_eq!(code, 0);
    let row = |label: &str| out.lines().find(|line| line.trim_start().starts_with(label)).unwrap().to_owned();
    // On peak from 12:00 to 20:00, and dearest in the one month of the summer whose fuel is known.
    assert_eq!(row("Jul"), format!("  Jul  {}{}{}", "··".repeat(12), "▓▓".repeat(8), "··".repeat(4)));
    assert_eq!(row("Sep"), format!("  Sep  {}{}{}", "░░".repeat(12), "██".repeat(8), "░░".repeat(4)));
    assert!(out.contains("██  86.42 USD/MWh"), "{out}");
    assert!(out.contains("note: adder.fuel has no price before 2026-09-01"), "{out}");
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.contains("<title>Sep 12:00: 86.42 USD/MWh</title>") && page.ends_with("</html>\n"));
    let nowhere = show::Asked { html: Some(folder.path().join("no/where.html")), ..asked };
    assert_eq!(told(|out| show::run(&nowhere, out)).0, 2);
}

#[test]
fn prices_are_exported_for_other_programs() {
    let folder = tempfile::tempdir().unwrap();
    let asked = |form, name: &str, from: &str, days| export::Asked {
        form,
        file: shipped(name),
        from: Date::parse(from).unwrap(),
        days,
        prices: None,
    };
    let (code, out) = told(|out| export::run(&asked(Form::Csv, "tva-tou-ratchet.toml", "2026-09-09", 2), out));
    let rows: Vec<&str> = out.lines().collect();
    assert_eq!((code, rows.len()), (0, 97));
    assert_eq!(rows[0], "start_utc,local,period,usd_mwh,energy.base,adder.fuel");
    assert_eq!(rows[25], "2026-09-09T17:00:00Z,2026-09-09 12:00,summer_on,86.420000,64.110000,22.310000");

    // The day on which the clock is put back has 25 hours.
    let with_prices = export::Asked {
        prices: Some(prices(folder.path())),
        ..asked(Form::OpenAdr, "ercot-index-block.toml", "2026-08-31", 1)
    };
    let (_, out) = told(|out| export::run(&with_prices, out));
    let event: Value = serde_json::from_str(&out).unwrap();
    // 40 x 1.019 and 2.48 of adders, both taxed; nothing of the fall-back's peaks at night.
    assert_eq!(event["intervals"][0]["payloads"][0]["values"][0], serde_json::json!(0.04331208108));
    assert_eq!(
        event["intervals"][0]["intervalPeriod"],
        serde_json::json!({"start": "2026-08-31T05:00:00Z", "duration": "PT1440M"})
    );
    let (_, out) = told(|out| export::run(&asked(Form::OpenAdr, "ercot-index-block.toml", "2026-11-01", 1), out));
    let event: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(event["intervals"][0]["payloads"][0]["values"].as_array().unwrap().len(), 100);
    assert_eq!(event["intervals"][0]["intervalPeriod"]["duration"], "PT1500M");

    let (_, out) = told(|out| export::run(&asked(Form::Json, "ohio-minimum-demand.toml", "2026-11-01", 1), out));
    let whole: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(whole["lines"].as_array().unwrap().len(), 8);
    assert_eq!(whole["lines"][0]["values"][0]["value"], "index pjm.rt.AEP");
}
