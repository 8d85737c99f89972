//! What a ratchet bills, by rates of the public database: three faults of a well-known converter that are not repeated, and a New Year.

use ballast::cli::tariff::referee::line;
use ballast::tariff::meter::Year;
use serde_json::{Value, json};

/// A year whose months draw so many kW, hour by hour.
fn year(months: [i64; 12]) -> Year {
    const DAYS: [usize; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let rows =
        DAYS.iter().zip(months).flat_map(|(days, kilowatts)| std::iter::repeat_n(kilowatts * 1_000_000, days * 24));
    Year { rows: rows.collect(), step: 60 }
}

/// The kW that are billed, by a rate of one dollar a kW with these fields.
fn billed(fields: Value, months: [i64; 12]) -> Vec<i64> {
    let mut rate = json!({"flatdemandstructure": [[{"rate": 1}]], "flatdemandmonths": ([0; 12])});
    for (field, value) in fields.as_object().unwrap() {
        rate[field] = value.clone();
    }
    let billed: Value = serde_json::from_str(&line("rate", &rate.to_string(), &year(months))).unwrap();
    assert_eq!(billed["refused"], json!([]));
    billed["demand"].as_array().unwrap().iter().map(|usd| usd.as_f64().unwrap() as i64).collect()
}

#[test]
fn only_the_months_that_are_named_are_looked_back_at() {
    let summer = [false, false, false, false, true, true, true, true, true, false, false, false];
    let fields = json!({"lookbackpercent": 0.8, "lookbackrange": 0, "lookbackmonths": summer});
    let load = [900, 10, 10, 10, 100, 10, 10, 10, 10, 10, 10, 10];
    // January's 900 count in no other month; May's 100 do in all.
    assert_eq!(billed(fields, load), [900, 80, 80, 80, 100, 80, 80, 80, 80, 80, 80, 80]);
}

#[test]
fn the_month_itself_counts_in_full() {
    let fields = json!({"lookbackpercent": 0.8, "lookbackrange": 11, "lookbackmonths": []});
    assert_eq!(billed(fields, [100; 12]), [100; 12]);
}

#[test]
fn a_range_of_nothing_beside_named_months_sees_each_of_them() {
    let fields = json!({"lookbackpercent": 0.5, "lookbackrange": 0, "lookbackmonths": ([true; 12])});
    let load = [10, 10, 10, 10, 10, 10, 200, 10, 10, 10, 10, 10];
    let half = [100, 100, 100, 100, 100, 100, 200, 100, 100, 100, 100, 100];
    assert_eq!(billed(fields, load), half);
    // The older field says the same.
    assert_eq!(billed(json!({"demandratchetpercentage": ([50; 12])}), load), half);
}

#[test]
fn a_ratchet_that_the_referee_reads_otherwise_over_a_new_year_is_refused() {
    let rate = json!({
        "flatdemandstructure": [[{"rate": 1}]], "flatdemandmonths": ([0; 12]), "lookbackpercent": 0.8, "lookbackrange": 3,
    });
    let refused: Value = serde_json::from_str(&line("rate", &rate.to_string(), &year([100; 12]))).unwrap();
    assert_eq!(refused["refused"], json!(["lookbackrange"]));
}
