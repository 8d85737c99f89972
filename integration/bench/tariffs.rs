//! A tariff laid out, billed and asked, each beside the least that could do it.

use std::sync::Arc;
use std::time::Duration;

use ballast::market::{Account, Drawn};
use ballast::site::Supply;
use ballast::tariff::bill::{Before, Metered, Prices, bill};
use ballast::tariff::marginal::{Known, now};
use ballast::tariff::{Rate, Table, Tariff, exact, file};
use ballast::time::{Date, Wall};
use ballast::units::{Power, Price, Share};
use divan::{Bencher, black_box};

const ERCOT: &str = include_str!("../../tariffs/ercot-index-block.toml");
const TVA: &str = include_str!("../../tariffs/tva-tou-ratchet.toml");

fn tariff(text: &str) -> Tariff {
    file::load("bench.toml", text).unwrap()
}

fn year(tariff: &Tariff) -> Table {
    Table::of(tariff, Date::new(2026, 1, 1).unwrap(), Date::new(2027, 1, 1).unwrap()).unwrap()
}

/// A load of 60 to 100 MW.
fn load(table: &Table) -> Vec<i64> {
    (0..table.len()).map(|slot| 60_000_000_000 + (slot as i64 * 7_919 % 40_009) * 1_000_000).collect()
}

#[divan::bench]
fn read_a_file(bencher: Bencher<'_, '_>) {
    bencher.bench(|| tariff(black_box(ERCOT)));
}

/// The same text by the TOML reader alone.
#[divan::bench]
fn read_a_file_least(bencher: Bencher<'_, '_>) {
    bencher.bench(|| black_box(ERCOT).parse::<toml::Table>().unwrap());
}

#[divan::bench]
fn lay_out_a_year(bencher: Bencher<'_, '_>) {
    let tariff = tariff(TVA);
    let quarter = Tariff { interval: 15, zone: self::tariff(ERCOT).zone, ..tariff };
    bencher.bench(|| year(black_box(&quarter)));
}

/// What each of its intervals shows on the wall clock, one by one.
#[divan::bench]
fn lay_out_a_year_least(bencher: Bencher<'_, '_>) {
    let tariff = tariff(ERCOT);
    let table = year(&tariff);
    bencher.bench(|| {
        let each = (0..table.len()).map(|slot| u64::from(tariff.zone.local(black_box(table.start_of(slot))).minute));
        each.sum::<u64>()
    });
}

#[divan::bench]
fn bill_a_year(bencher: Bencher<'_, '_>) {
    let tariff = tariff(ERCOT);
    let table = year(&tariff);
    let load = load(&table);
    let price = Rate(exact::parse("0.0412").unwrap());
    let prices = Prices::from([("ercot.rt15.LZ_WEST".to_owned(), vec![Some(price); table.len()])]);
    let metered = Metered { tariff: &tariff, table: &table, load: &load, reactive: None, prices: &prices };
    bencher.bench(|| bill(black_box(metered), &Before::nothing()));
}

/// Load times price and the highest of each month, in floats: what any bill of it must do at least.
#[divan::bench]
fn bill_a_year_least(bencher: Bencher<'_, '_>) {
    let tariff = tariff(ERCOT);
    let table = year(&tariff);
    let load = load(&table);
    let prices = vec![0.0412_f64; table.len()];
    bencher.bench(|| {
        let energy: f64 = black_box(&load).iter().zip(&prices).map(|(load, price)| *load as f64 * price).sum();
        let highest = table.months().iter().map(|month| load[month.slots.clone()].iter().max().copied().unwrap_or(0));
        (energy, highest.sum::<i64>())
    });
}

fn known() -> Known {
    let price = Rate(exact::parse("0.0612").unwrap());
    Known {
        prices: [("ercot.rt15.LZ_WEST".to_owned(), price)].into(),
        peaks: [(4, 97_300_000_000)].into(),
        ..Known::default()
    }
}

/// Every line's share, the curve and the guards of an interval.
#[divan::bench]
fn price_of_an_interval(bencher: Bencher<'_, '_>) {
    let tariff = tariff(ERCOT);
    let table = year(&tariff);
    let known = known();
    let slot = table.slot_at(Wall::parse("2026-08-12T21:50:00Z").unwrap()).unwrap();
    bencher.bench(|| now(&tariff, &table, black_box(slot), &known));
}

/// What the loop asks in every tick: what the tariff says now, while nothing changed.
#[divan::bench]
fn terms_of_a_tick(bencher: Bencher<'_, '_>) {
    let mut account = account();
    let price = Some(Price::from_micro_usd_per_mwh(61_200_000));
    let at = Wall::parse("2026-08-12T21:50:00Z").unwrap();
    bencher.bench_local(|| account.terms(black_box(at), price));
}

/// The same with another price: every line is asked anew.
#[divan::bench]
fn terms_of_a_new_price(bencher: Bencher<'_, '_>) {
    let mut account = account();
    let at = Wall::parse("2026-08-12T21:50:00Z").unwrap();
    let mut micro = 0;
    bencher.bench_local(|| {
        micro += 1;
        account.terms(at, Some(Price::from_micro_usd_per_mwh(black_box(micro))))
    });
}

/// What the decision asks for each group: the price of the last watt.
#[divan::bench]
fn price_of_the_last_watt(bencher: Bencher<'_, '_>) {
    let price = Some(Price::from_micro_usd_per_mwh(61_200_000));
    let terms = account().terms(Wall::parse("2026-08-12T21:50:00Z").unwrap(), price).unwrap();
    bencher.bench(|| terms.at(black_box(Power::from_kilowatts(80_000))));
}

/// Once a day: the tariff is laid out over its ratchet, and the peaks worth paying are reckoned.
#[divan::bench]
fn reckon_the_peaks_worth_paying(bencher: Bencher<'_, '_>) {
    let at = Wall::parse("2026-08-01T05:00:00Z").unwrap();
    bencher.with_inputs(opened).bench_values(|mut account| account.terms(black_box(at), None));
}

fn opened() -> Account {
    let supply = Supply {
        file: "bench.toml".into(),
        expected: Some(Price::from_micro_usd_per_mwh(38_000_000)),
        hold_above: Share::ZERO,
        power_factor: Share::from_ppm(1_000_000),
        drawn: Vec::new(),
    };
    let site = ballast::site::file::load("demo.toml", include_str!("../../sites/demo.toml")).unwrap();
    let at = Wall::parse("2026-08-01T05:00:00Z").unwrap();
    let mut account = Account::open(Arc::new(tariff(ERCOT)), &supply, &site, Drawn::default(), at).unwrap();
    account.see(at, Duration::from_secs(2), None, Some(Power::from_kilowatts(1_500)));
    account
}

fn account() -> Account {
    let mut account = opened();
    account.terms(Wall::parse("2026-08-12T21:50:00Z").unwrap(), None);
    account
}

/// From a moment to its interval and period.
#[divan::bench]
fn look_up_a_moment(bencher: Bencher<'_, '_>) {
    let tariff = tariff(TVA);
    let table = year(&tariff);
    let at = Wall::parse("2026-08-12T21:50:00Z").unwrap();
    bencher.bench(|| table.slot_at(black_box(at)).map(|slot| table.period(slot)));
}

/// The same on the wall clock.
#[divan::bench]
fn look_up_a_moment_by_the_clock(bencher: Bencher<'_, '_>) {
    let zone = tariff(ERCOT).zone;
    let at = Wall::parse("2026-08-12T21:50:00Z").unwrap();
    bencher.bench(|| zone.local(black_box(at)).minute);
}

/// What `ballast tariff at` does but for printing: the file, its month, the price.
#[divan::bench]
fn explain_a_moment(bencher: Bencher<'_, '_>) {
    let known = known();
    let at = Wall::parse("2026-08-12T21:50:00Z").unwrap();
    bencher.bench(|| {
        let tariff = tariff(black_box(ERCOT));
        let date = tariff.zone.local(at).date;
        let table = Table::of(&tariff, date.month_start(), date.next_month()).unwrap();
        let slot = table.slot_at(at).unwrap();
        now(&tariff, &table, slot, &known)
    });
}
