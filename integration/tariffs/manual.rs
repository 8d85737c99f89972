//! What the manual shows is what the program does.

use ballast::cli::tariff::at::{Asked, run};
use ballast::cli::tariff::next;
use ballast::tariff::{file, proof};
use ballast::time::{Date, Wall};

const MANUAL: &str = include_str!("../../docs/tariffs.md");

fn blocks(kind: &str) -> Vec<&'static str> {
    let open = format!("```{kind}\n");
    let each = MANUAL.split(open.as_str()).skip(1);
    each.map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_format_by_example_is_a_tariff_and_its_price_comes_out() {
    let blocks = blocks("toml");
    let tariff = file::load("manual.toml", blocks[0]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(proof::cases(&tariff), []);
    let whole = format!("{}\n{}", blocks[0], blocks[1]);
    let invoices = file::load("manual.toml", &whole).unwrap_or_else(|problems| panic!("{problems}")).invoices;
    assert_eq!((invoices.len(), invoices[0].lines.len(), blocks.len()), (1, 2, 2));
}

#[test]
fn the_explanation_of_a_price_is_the_one_in_the_manual() {
    let asked = Asked {
        file: "tariffs/ercot-index-block.toml".into(),
        at: Wall::parse("2026-08-12T16:50:00-05:00").unwrap(),
        load: Some("95MW".into()),
        prices: vec!["61.20 USD/MWh".into()],
        peak: Some("97.3MW".into()),
        coincident: Some("0.9 %".into()),
        json: false,
    };
    let mut out = Vec::new();
    assert_eq!(run(&asked, &mut out), 0);
    let out = String::from_utf8(out).unwrap();
    assert!(MANUAL.contains(&out), "put this into docs/tariffs.md:\n{out}");
    let json = Asked { json: true, ..asked.clone() };
    let mut out = Vec::new();
    assert_eq!(run(&json, &mut out), 0);
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&json["price_mwh"], &json["lines"][0]["at"]), (&"697.094906".into(), &14.into()));
    // Without what the market says, that is told and left out.
    let blind = Asked { prices: vec![], peak: None, json: false, ..asked };
    let mut out = Vec::new();
    assert_eq!(run(&blind, &mut out), 0);
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("note: no price of `ercot.rt15.LZ_WEST` is given"), "{out}");
    assert!(out.contains("note: no --peak is given: the month's demand so far is taken to be the load"), "{out}");
}

#[test]
fn what_comes_is_told_as_in_the_manual() {
    let from = Date::parse("2026-10-20").unwrap();
    let asked = next::Asked { file: "tariffs/ercot-index-block.toml".into(), from, days: 200, json: false };
    let mut out = Vec::new();
    assert_eq!(next::run(&asked, &mut out), 0);
    let out = String::from_utf8(out).unwrap();
    assert!(MANUAL.contains(&out), "put this into docs/tariffs.md:\n{out}");
}
