//! The marginal price is what a bill differs by: on real rates, as the referee reckoned it, and in any interval of any load.

use ballast::tariff::bill::{Before, Bill, Metered, Prices, bill};
use ballast::tariff::marginal::with_hindsight;
use ballast::tariff::meter::Year;
use ballast::tariff::urdb::{Convention, find, import};
use ballast::tariff::{Amount, Rate, Table, Tariff, exact, file};
use ballast::time::Date;
use proptest::prelude::*;

use super::shared;

const MEGAWATT: i64 = 1_000_000_000;

/// A tariff with a year of load, laid out in the referee's calendar.
struct Set {
    tariff: Tariff,
    table: Table,
    load: Vec<i64>,
    reactive: Option<Vec<i64>>,
    prices: Prices,
}

impl Set {
    fn of(tariff: Tariff, load: Vec<i64>) -> Self {
        let day = |text: &str| Date::parse(text).unwrap();
        let table = Table::of(&tariff, day("2018-01-01"), day("2019-01-01")).unwrap();
        Self { tariff, table, load, reactive: None, prices: Prices::new() }
    }

    fn rate(name: &str, scale: &str) -> Option<Self> {
        let text = std::fs::read_to_string(shared(&format!("urdb/{name}.json"))?).unwrap();
        let load = std::fs::read_to_string(shared("loads/load15.csv")?).unwrap();
        let year = Year::parse(&load, exact::parse(scale).unwrap()).unwrap();
        let rate = serde_json::from_str(&text).unwrap();
        let imported = import(find(&rate).unwrap(), 15, Convention::Referee);
        Some(Self::of(imported.tariff.unwrap_or_else(|| panic!("{name}: {:?}", imported.refused)), year.rows))
    }

    fn metered<'a>(&'a self, load: &'a [i64]) -> Metered<'a> {
        Metered {
            tariff: &self.tariff,
            table: &self.table,
            load,
            reactive: self.reactive.as_deref(),
            prices: &self.prices,
        }
    }

    fn bill(&self, load: &[i64]) -> Bill {
        bill(self.metered(load), &Before::nothing())
    }

    /// What so much more in an interval costs, by two bills.
    fn difference(&self, slot: usize, more: i64) -> Amount {
        let mut load = self.load.clone();
        load[slot] += more;
        year(&self.bill(&load)) - year(&self.bill(&self.load))
    }

    /// The same by the curve.
    fn marginal(&self, slot: usize, more: i64) -> Amount {
        let curve = with_hindsight(self.metered(&self.load), &self.bill(&self.load), slot).unwrap();
        curve.between(&self.table, self.load[slot], self.load[slot] + more)
    }

    fn extreme(&self, month: usize, sign: i64) -> usize {
        let slots = self.table.months()[month].slots.clone();
        slots.rev().max_by_key(|slot| self.load[*slot] * sign).unwrap()
    }
}

fn year(bill: &Bill) -> Amount {
    bill.months.iter().map(|month| month.total()).sum()
}

fn usd(amount: Amount) -> f64 {
    amount.to_string().parse().unwrap()
}

/// Rate, scale, the year's bill, and what one more MW costs in four intervals, as NREL's SSC has it.
type Row = (&'static str, &'static str, f64, [f64; 4]);

const TABLE: [Row; 4] = [
    ("tx-austin-energy-primary-over-20mw-tou", "1.0", 55_160_894.93, [20_420.02, 4.12, 21_823.92, 4.12]),
    ("tx-la-grange-lp2-primary-ratchet90", "0.1", 1_632_296.85, [11_719.83, 2.78, 7_837.86, 2.78]),
    ("az-aps-e32l-tou-secondary-ratchet80-summer", "0.1", 5_611_321.00, [15_695.43, 11.21, 15_699.09, 14.87]),
    ("tva-chattanooga-sgsc-15-25mw-ratchet33", "0.25", 12_794_341.76, [16_321.42, 11.42, 19_412.58, 12.58]),
];

#[test]
fn one_more_megawatt_costs_what_the_referee_says_and_what_the_curve_says() {
    for (name, scale, total, costs) in TABLE {
        let Some(set) = Set::rate(name, scale) else { return };
        let billed = usd(year(&set.bill(&set.load)));
        assert!((billed - total).abs() < 0.01, "{name}: the year costs {billed}, not {total}");
        let slots = [set.extreme(0, 1), set.extreme(0, -1), set.extreme(6, 1), set.extreme(6, -1)];
        for (slot, cost) in slots.into_iter().zip(costs) {
            let (by_bills, by_curve) = (usd(set.difference(slot, MEGAWATT)), usd(set.marginal(slot, MEGAWATT)));
            assert!((by_bills - cost).abs() < 0.006, "{name}, interval {slot}: {by_bills} by two bills, {cost}");
            let off = (by_bills - by_curve).abs() / by_bills.abs();
            assert!(off < 1e-4, "{name}, interval {slot}: {by_curve} by the curve, {by_bills} by two bills");
        }
    }
}

#[test]
fn in_every_part_of_the_year_the_curve_is_the_difference_of_two_bills() {
    for (name, scale, ..) in TABLE {
        let Some(set) = Set::rate(name, scale) else { return };
        // A prime, so that every hour and every kind of day is met.
        for slot in (0..set.table.len()).step_by(1_009) {
            let (by_bills, by_curve) = (usd(set.difference(slot, 1_000_000)), usd(set.marginal(slot, 1_000_000)));
            assert!(
                (by_bills - by_curve).abs() < 1e-6 * by_bills.abs().max(0.1),
                "{name}, {slot}: {by_bills}, {by_curve}"
            );
        }
    }
}

/// A tariff with all that has a marginal price, in numbers of the test's choosing.
fn text(numbers: &[i64; 6]) -> String {
    let [on, demand, share, top, floor, minimum] = numbers;
    format!(
        r#"
format = 1
name = "any"
currency = "USD"
timezone = "UTC"
interval = "60 min"
billing = {{ round = "none" }}

[calendar.on]
months = "Apr-Sep"
days = "Mon-Fri"
hours = "12:00-18:00"
[calendar.off]
otherwise = true

[energy.base]
price = {{ on = "{on} USD/MWh", off = "20 USD/MWh" }}
losses = "3 %"
[adder.steps]
tiers = [{{ up_to = "{top} kWh", price = "9 USD/MWh" }}, {{ price = "4 USD/MWh" }}]
[adder.dated]
price = {{ 2018-01-01 = "1 USD/MWh", 2018-07-11 = "2.5 USD/MWh" }}
[demand.on]
when = "on"
price = "{demand} USD/kW-month"
[demand.all]
measure = {{ window = "120 min" }}
tiers = [{{ up_to = "900 kW", price = "3 USD/kW-month" }}, {{ price = "2 USD/kW-month" }}]
ratchet = {{ share = "{share} %", months = 4, of_months = "Mar-Nov" }}
floor = "{floor} kW"
[demand.rolling]
measure = {{ window = "180 min", window_kind = "rolling" }}
price = "1.5 USD/kW-month"
months = "Jan-Jun"
[minimum.month]
charge = "{minimum} USD/month"
[reactive.lagging]
price = "1.5 USD/kVAr-month"
above = "33 % of kW"
[tax.state]
rate = "6 %"
apply_to = ["energy.*", "adder.*", "demand.*", "reactive.*"]
"#
    )
}

/// Kilowatts by hour: a level by month, and jagged by a few primes.
fn load(levels: &[i64; 12], jag: i64, table: &Table) -> Vec<i64> {
    let month = |slot| table.month_of(slot).unwrap();
    let row = |slot: usize| levels[month(slot)] * 1_000_000 + (slot as i64 * 7_919 % 104_729) * jag;
    (0..table.len()).map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_curve_is_the_difference_of_two_bills_whatever_the_tariff(
        on in 1_i64..200, demand in 0_i64..20, share in 10_i64..100, top in 1_i64..900_000, floor in 0_i64..1_500,
        minimum in prop_oneof![Just(1_i64), Just(40_000)],
        levels in prop::array::uniform12(0_i64..2_000), jag in 0_i64..4_000,
        slots in prop::collection::vec(0_usize..8_760, 6), more in 1_000_000_i64..900_000_000,
    ) {
        let tariff = file::load("any.toml", &text(&[on, demand, share, top, floor, minimum])).unwrap();
        let mut set = Set::of(tariff, Vec::new());
        set.load = load(&levels, jag, &set.table);
        set.reactive = Some(set.load.iter().enumerate().map(|(slot, load)| load / 4 + (slot as i64 * 31 % 97) * 2_000_000).collect());
        for month in 0..12 {
            // Peaks are where it matters.
            let peak = set.extreme(month, 1);
            for slot in slots.iter().copied().take(1).chain([peak]) {
                let (by_bills, by_curve) = (set.difference(slot, more), set.marginal(slot, more));
                let off = usd(by_bills - by_curve).abs();
                // Steps of energy may be crossed on the way, and a minimum reached: then the curve holds only where it begins.
                let crossed = crosses(&set, slot, more, top) || near_minimum(&set, slot, more);
                // The mean over a window is in whole milliwatts.
                let fine = crossed || off <= 5e-5 + 1e-3 * usd(by_bills).abs();
                prop_assert!(fine, "interval {slot}, {more} mW more: {} and {}", usd(by_bills), usd(by_curve));
            }
        }
    }
}

fn crosses(set: &Set, slot: usize, more: i64, top: i64) -> bool {
    let month = &set.table.months()[set.table.month_of(slot).unwrap()];
    let used: i64 = set.load[month.slots.clone()].iter().sum();
    (used..=used + more).contains(&(top * 1_000_000))
}

fn near_minimum(set: &Set, slot: usize, more: i64) -> bool {
    let line = set.tariff.line("minimum.month").unwrap();
    let mut load = set.load.clone();
    load[slot] += more;
    let topped =
        |bill: &Bill| bill.months.iter().map(|month| month.entries[line].amount > Amount::ZERO).collect::<Vec<_>>();
    let (before, after) = (topped(&set.bill(&set.load)), topped(&set.bill(&load)));
    // A ratchet carries into months that may be topped up, which the curve of this one does not know.
    before != after || before.contains(&true)
}

#[test]
fn the_price_of_what_was_bought_ahead_never_decides() {
    let of = |price: &str| {
        let text = format!(
            "format = 1\nname = \"block\"\ncurrency = \"USD\"\ntimezone = \"UTC\"\ninterval = \"60 min\"\n\
             [energy.spot]\nprice = {{ index = \"hub\" }}\nlosses = \"2 %\"\n\
             [adder.all]\nprice = \"3 USD/MWh\"\n[adder.bought]\nprice = \"5 USD/MWh\"\napplies_to = \"purchased\"\n\
             [block.hedge]\nsize = \"60 MW\"\nprice = \"{price} USD/MWh\"\nterm = {{ from = 2018-01-01, until = 2019-01-01 }}\n\
             unused = {{ sell_at = \"energy.spot\", less = \"2 USD/MWh\", credit_value = \"97 %\" }}\n"
        );
        let mut set = Set::of(file::load("block.toml", &text).unwrap(), Vec::new());
        set.load = vec![60_500 * 1_000_000; set.table.len()];
        let hub = Rate(exact::parse("0.05").unwrap());
        set.prices.insert("hub".into(), vec![Some(hub); set.table.len()]);
        set
    };
    let (cheap, dear) = (of("1"), of("900"));
    let curve = |set: &Set| with_hindsight(set.metered(&set.load), &set.bill(&set.load), 77).unwrap().total;
    assert_eq!(curve(&cheap), curve(&dear));
    assert!(year(&dear.bill(&dear.load)) > year(&cheap.bill(&cheap.load)));
    // Below 60 MW: 97 % of (51 - 2), and the adder on all; above: 51 and both adders.
    let of_mwh = |steps: &ballast::tariff::marginal::Steps, load: i64| exact::show(steps.at(load).0 * 1_000, 15);
    let steps = curve(&cheap);
    assert_eq!((of_mwh(&steps, 59_999 * 1_000_000), of_mwh(&steps, 60_000 * 1_000_000)), ("50.53".into(), "59".into()));
    for more in [-MEGAWATT, MEGAWATT] {
        let mut load = cheap.load.clone();
        load[77] += more;
        let by_bills = year(&cheap.bill(&load)) - year(&cheap.bill(&cheap.load));
        let curve = with_hindsight(cheap.metered(&cheap.load), &cheap.bill(&cheap.load), 77).unwrap();
        let (from, to) = (cheap.load[77].min(load[77]), cheap.load[77].max(load[77]));
        let by_curve = usd(curve.between(&cheap.table, from, to)) * more.signum() as f64;
        assert!((usd(by_bills) - by_curve).abs() < 1e-9, "{more}: {by_bills} and {by_curve}");
    }
}
