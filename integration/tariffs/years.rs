//! Days that are longer or shorter, leap days, New Years, and peaks that are paid a year later.

use ballast::tariff::bill::{Basis, Before, Bill, Lack, Metered, Prices, bill};
use ballast::tariff::{Amount, Table, Tariff, file};
use ballast::time::Date;

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn tariff(zone: &str, interval: u16, lines: &str) -> Tariff {
    let head = format!(
        "format = 1\nname = \"test\"\ncurrency = \"USD\"\ntimezone = \"{zone}\"\ninterval = \"{interval} min\"\n\
         billing = {{ round = \"none\" }}\n"
    );
    file::load("test.toml", &format!("{head}{lines}")).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Bills a load of kilowatts by interval.
fn billed(tariff: &Tariff, first: &str, until: &str, load: impl Fn(&Table, usize) -> i64) -> (Bill, Table) {
    let table = Table::of(tariff, day(first), day(until)).unwrap();
    let load: Vec<i64> = (0..table.len()).map(|slot| load(&table, slot) * 1_000_000).collect();
    let prices = Prices::new();
    let metered = Metered { tariff, table: &table, load: &load, reactive: None, prices: &prices };
    (bill(metered, &Before::nothing()), table)
}

fn dollars(amount: Amount) -> String {
    amount.show(2)
}

const TIME_OF_USE: &str = "[calendar.night]\nhours = \"00:00-06:00\"\n[calendar.day]\notherwise = true\n\
    [energy.base]\nprice = { night = \"10 USD/MWh\", day = \"100 USD/MWh\" }\n";

#[test]
fn a_day_of_92_and_one_of_100_quarter_hours_are_billed_by_the_clock_on_the_wall() {
    let tariff = tariff("America/Chicago", 15, TIME_OF_USE);
    let of = |date: &str| {
        let next = day(date).plus(1).to_string();
        let (bill, table) = billed(&tariff, date, &next, |_, _| 1_000);
        let nights = table.periods().iter().filter(|period| **period == 0).count();
        (table.len(), nights, dollars(bill.months[0].total()))
    };
    // 6 hours of night and 18 of day at 1 MW, less the hour that does not exist, and twice the one that comes twice.
    assert_eq!(of("2026-03-07"), (96, 24, "1860.00".into()));
    assert_eq!(of("2026-03-08"), (92, 20, "1850.00".into()));
    assert_eq!(of("2026-11-01"), (100, 28, "1870.00".into()));
    let standard = "clock = \"standard\"\n".to_owned() + TIME_OF_USE;
    let standard = self::tariff("America/Chicago", 15, &standard);
    let (bill, table) = billed(&standard, "2026-03-08", "2026-03-09", |_, _| 1_000);
    assert_eq!((table.len(), dollars(bill.months[0].total())), (96, "1860.00".into()));
}

#[test]
fn a_leap_day_is_billed() {
    let lines = "[fixed.day]\nprice = \"2 USD/day\"\n[energy.base]\nprice = \"100 USD/MWh\"\n";
    let tariff = tariff("UTC", 60, lines);
    let of = |year: i32| {
        billed(&tariff, &format!("{year}-02-01"), &format!("{year}-03-01"), |_, _| 1_000).0.months[0].total()
    };
    assert_eq!((dollars(of(2027)), dollars(of(2028))), ("67256.00".into(), "69658.00".into()));
}

#[test]
fn a_ratchet_looks_back_over_the_new_year_and_no_further_than_it_says() {
    let lines = "[demand.wires]\nprice = \"1 USD/kW-month\"\nratchet = { share = \"80 %\", months = 11 }\n";
    let tariff = tariff("America/Chicago", 15, lines);
    let november = |table: &Table, slot: usize| {
        let month = table.months()[table.month_of(slot).unwrap()].first;
        if month == day("2026-11-01") { 1_000 } else { 100 }
    };
    let (bill, _) = billed(&tariff, "2026-10-01", "2028-01-01", november);
    let months: Vec<String> = bill.months.iter().map(|month| month.total().show(0)).collect();
    let looked_back =
        ["100", "1000", "800", "800", "800", "800", "800", "800", "800", "800", "800", "800", "800", "100", "100"];
    assert_eq!(months, looked_back);
    let Basis::Demand(january) = bill.months[3].entries[0].basis else { panic!() };
    assert_eq!((january.from, january.measured, january.billed), (Some(day("2026-11-01")), 100_000_000, 800_000_000));
}

#[test]
fn a_price_that_changes_within_a_month_counts_by_the_day() {
    let lines = "[demand.wires]\nprice = { 2026-01-01 = \"2 USD/kW-month\", 2026-09-11 = \"5 USD/kW-month\" }\n\
                 [energy.base]\nprice = { 2026-01-01 = \"10 USD/MWh\", 2026-09-11 = \"20 USD/MWh\" }\n";
    let tariff = tariff("UTC", 60, lines);
    let (bill, _) = billed(&tariff, "2026-09-01", "2026-10-01", |_, _| 1_000);
    let lines: Vec<String> = bill.months[0].entries.iter().map(|entry| dollars(entry.amount)).collect();
    // Ten days of the old price, twenty of the new one.
    assert_eq!(lines, ["4000.00", "12000.00"]);
    assert!(bill.lacks.is_empty());
    let (bill, _) = billed(&tariff, "2025-12-01", "2026-01-01", |_, _| 1_000);
    let before = |line| Lack::Rate { line, date: day("2025-12-01") };
    assert_eq!(bill.lacks, [before(0), before(1)], "before its first price a tariff says nothing");
}

const PEAKS: &str = r#"
[coincident.transmission]
known = [
  2017-06-23T16:30:00-05:00, 2017-07-28T16:45:00-05:00, 2017-08-18T16:45:00-05:00, 2017-09-20T16:30:00-05:00,
]
[[coincident.transmission.rule]]
from = 2016-01-01
peaks = { months = "Jun-Sep", per_month = 1, window = "15 min" }
bill_in = "next calendar year"
price = "1 USD/kW-month"
"#;

#[test]
fn four_peaks_of_a_summer_are_billed_in_every_month_of_the_next_year() {
    // The example of Arcadia's documentation for Oncor: (510 + 510 + 520 + 500) / 4 = 510 kW.
    let tariff = tariff("America/Chicago", 15, PEAKS);
    let drawn = [
        ("2017-06-23T21:30:00Z", 510),
        ("2017-07-28T21:45:00Z", 510),
        ("2017-08-18T21:45:00Z", 520),
        ("2017-09-20T21:30:00Z", 500),
    ];
    let load = |table: &Table, slot: usize| {
        let at = table.start_of(slot).to_string().replace(".000000", "");
        drawn.iter().find(|(peak, _)| *peak == at).map_or(900, |(_, kilowatts)| *kilowatts)
    };
    let (bill, _) = billed(&tariff, "2017-01-01", "2019-01-01", load);
    let months: Vec<String> = bill.months.iter().map(|month| month.total().show(0)).collect();
    assert_eq!(months[..12], ["0"; 12].map(str::to_owned), "the peaks of 2016 are not known");
    assert_eq!(months[12..], ["510"; 12].map(str::to_owned));
    assert_eq!(bill.lacks, [Lack::Peaks { line: 0, year: 2016 }]);
}

#[test]
fn a_rule_that_changes_bills_the_peaks_of_each_year_by_the_rule_of_that_year() {
    let peaks = |year: i32, months: std::ops::RangeInclusive<u32>| {
        months.map(move |month| format!("{year}-{month:02}-15T18:00:00Z")).collect::<Vec<_>>().join(", ")
    };
    let lines = format!(
        r#"
[coincident.transmission]
known = [{}, {}]
[[coincident.transmission.rule]]
from = 2026-01-01
peaks = {{ months = "Jun-Sep", per_month = 1, window = "15 min" }}
bill_in = "next calendar year"
price = "3 USD/kW-month"
[[coincident.transmission.rule]]
from = 2027-01-01
peaks = {{ months = "Jan-Dec", per_month = 1, window = "30 min" }}
bill_in = "next calendar year"
price = "2 USD/kW-month"
"#,
        peaks(2026, 6..=9),
        peaks(2027, 1..=12),
    );
    let tariff = tariff("UTC", 15, &lines);
    // 100 kW in the quarter hour of each peak, 200 in the one after, 300 else.
    let load = |table: &Table, slot: usize| {
        let at = table.start_of(slot).to_string();
        if at.contains("-15T18:00:") {
            100
        } else if at.contains("-15T18:15:") {
            200
        } else {
            300
        }
    };
    let (bill, _) = billed(&tariff, "2026-01-01", "2029-01-01", load);
    let january = |year: usize| bill.months[year * 12].total().show(0);
    // Four quarter hours of 2026 at 3 USD; twelve half hours of 2027 at 2 USD.
    assert_eq!((january(1), january(2)), ("300".into(), "300".into()));
    let basis = |year: usize| bill.months[year * 12].entries[0].basis.clone();
    assert_eq!((basis(1), basis(2)), (Basis::Coincident(100_000_000), Basis::Coincident(150_000_000)));
}

#[test]
fn five_peaks_of_a_summer_are_paid_from_june_to_may() {
    let lines = r#"
[coincident.capacity]
known = [
  2025-06-23T21:00:00Z, 2025-06-24T21:00:00Z, 2025-06-25T21:00:00Z, 2025-07-15T21:00:00Z, 2025-07-29T21:00:00Z,
]
billed = { 2027 = "77 kW" }
[[coincident.capacity.rule]]
from = 2025-01-01
peaks = { months = "Jun-Sep", per_year = 5, window = "60 min" }
bill_in = "from next June"
price = "2 USD/kW-month"
"#;
    let tariff = tariff("America/New_York", 60, lines);
    let at_peaks = ["2025-06-23T21", "2025-06-24T21", "2025-06-25T21", "2025-07-15T21", "2025-07-29T21"];
    let load = |table: &Table, slot: usize| {
        let at = table.start_of(slot).to_string();
        if at_peaks.iter().any(|peak| at.starts_with(peak)) { 50 } else { 400 }
    };
    let (bill, _) = billed(&tariff, "2025-01-01", "2027-08-01", load);
    let months: Vec<String> = bill.months.iter().map(|month| month.total().show(0)).collect();
    // Nothing is known of the summers before; from June 2026 on 50 kW at 2 USD, from June 2027 on what the operator said.
    assert_eq!(months[..17], ["0"; 17].map(str::to_owned));
    assert_eq!(months[17..29], ["100"; 12].map(str::to_owned));
    assert_eq!(months[29..], ["154"; 2].map(str::to_owned));
    assert_eq!(bill.lacks, [], "no rule holds for the peaks of 2024, so nothing is asked for them");
}

#[test]
fn reactive_power_and_a_poor_power_factor_are_billed_by_the_meters_own_column() {
    let lines = "[demand.wires]\nprice = \"10 USD/kW-month\"\n\
                 [power_factor.wires]\ntarget = 0.95\napply_to = [\"demand.*\"]\n\
                 [reactive.lagging]\nprice = \"2 USD/kVAr-month\"\nabove = \"50 % of kW\"\n";
    let tariff = tariff("UTC", 60, lines);
    let table = Table::of(&tariff, day("2026-04-01"), day("2026-05-01")).unwrap();
    // 300 kW and 400 kVAr: 500 kVA, a power factor of 0.6.
    let (real, reactive) = (vec![300_000_000; table.len()], vec![400_000_000; table.len()]);
    let prices = Prices::new();
    let metered = Metered { tariff: &tariff, table: &table, load: &real, reactive: Some(&reactive), prices: &prices };
    let told = bill(metered, &Before::nothing());
    let lines: Vec<String> = told.months[0].entries.iter().map(|entry| dollars(entry.amount)).collect();
    // 3,000 x (0.95 / 0.6 - 1), and 400 - 150 kVAr at 2.
    assert_eq!(lines, ["3000.00", "1750.00", "500.00"]);
    let blind = bill(Metered { reactive: None, ..metered }, &Before::nothing());
    assert_eq!(blind.lacks, [Lack::Reactive { line: 1 }, Lack::Reactive { line: 2 }]);
}
