//! Tariff files: any text gives a tariff, or problems that can be shown; and what was accepted can be laid out, billed, explained and written.

use ballast::cli::tariff::fmt::laid_out;
use ballast::tariff::bill::{Before, Metered, Prices, bill};
use ballast::tariff::coming::coming;
use ballast::tariff::facts::facts;
use ballast::tariff::marginal::{Known, now, running, with_hindsight, without_demand};
use ballast::tariff::{Charge, Table, Tariff, file, proof};
use ballast::time::Date;

use super::files::{are_told, bare};
use super::{Seeds, seed};

/// The tariffs that ship, without their comments.
const SHIPPED: [(&str, &str); 4] = [
    ("ercot", include_str!("../../../tariffs/ercot-index-block.toml")),
    ("europe", include_str!("../../../tariffs/europe-day-ahead.toml")),
    ("ohio", include_str!("../../../tariffs/ohio-minimum-demand.toml")),
    ("tva", include_str!("../../../tariffs/tva-tou-ratchet.toml")),
];

/// A tariff file.
pub(super) fn tariff(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(after) = laid_out(text) {
        assert_eq!(laid_out(&after).as_ref(), Ok(&after), "laid out once is enough");
    }
    match file::load("tariff.toml", text) {
        Ok(tariff) => use_it(&tariff),
        Err(problems) => are_told(&problems, text),
    }
}

/// Two days over the end of a month.
fn use_it(tariff: &Tariff) {
    let (Some(first), Some(until)) = (Date::parse("2026-10-31"), Date::parse("2026-11-02")) else { return };
    for line in &tariff.lines {
        assert!(!facts(tariff, line).is_empty() || matches!(line.charge, Charge::PowerFactor(_)), "{}", line.name);
    }
    drop((coming(tariff, first, until), proof::stale(tariff, first), proof::assumed(tariff, first)));
    let Ok(table) = Table::of(tariff, first, until) else { return };
    let load: Vec<i64> = (0..table.len()).map(|slot| 80_000_000_000 + (slot as i64 % 7) * 1_000_000_000).collect();
    let prices = Prices::new();
    let metered = Metered { tariff, table: &table, load: &load, reactive: Some(&load), prices: &prices };
    let billed = bill(metered, &Before::nothing());
    assert_eq!(billed.months.len(), table.months().len(), "a bill for each month");
    let known = Known::default();
    for slot in [0, table.len() / 2, table.len().saturating_sub(1)] {
        drop((with_hindsight(metered, &billed, slot), now(tariff, &table, slot, &known)));
        drop((without_demand(tariff, &table, slot, &known), running(tariff, &table, slot, &known)));
    }
}

pub(super) fn seeds() -> Seeds {
    let small = "format = 1\nname = \"x\"\ncurrency = \"USD\"\ntimezone = \"UTC\"\ninterval = \"15 min\"\n\
                 billing = { cycle = \"calendar month\", round = \"0.01 USD per line\" }\n[energy.a]\nprice = \"4 c/kWh\"\n";
    let shipped = SHIPPED.iter().map(|(name, text)| seed(name, bare(text).as_str()));
    shipped.chain([seed("small", small), seed("wrong", small.replace("4 c/kWh", "4 kW").as_str())]).collect()
}

/// Every word of the tariffs that ship.
pub(super) fn words() -> Vec<String> {
    super::files::words_of(SHIPPED.iter().map(|(_, text)| *text))
}
