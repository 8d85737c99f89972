//! Rows of miners that are told to sleep by their own firmware: they draw on, are late, cannot be reached, wake by themselves or
//! start anew. All on the first row of sites/firmware.toml, whose proof is 9 s and whose outlets a limit takes second.

use ballast::simulate::fault::{Class, Fault};
use ballast::site::Site;
use ballast::site::file::load;
use serde_json::Value;

use super::{Told, fault, with};

/// `proof` of the row, and the ticks in which its last unit is told.
const PROOF: u64 = 9_000;
/// A cap in this second lowers all rows.
const CAPPED: u64 = 400;
/// Shortly before it the fault begins.
const STRUCK: u64 = 390;

fn site() -> Site {
    load("firmware.toml", include_str!("../../sites/firmware.toml")).unwrap()
}

/// The first miner of the row under this fault while a cap lowers everything, until these seconds.
fn capped(class: Class, struck_until: u64, until: u64) -> Told {
    let cap = Fault { degree: 0, ..fault(Class::Cap, 0, CAPPED, until) };
    with(&site(), until + 10, &[fault(class, 0, STRUCK, struck_until), cap])
}

/// What a column of a tick says of the row.
fn row(column: &Value) -> Option<&Value> {
    column.as_array()?.iter().find(|entry| entry[0] == 0)
}

/// When which units of the row lost their outlets.
fn cuts(told: &Told) -> Vec<(u64, u64)> {
    let cuts = told.all("act.cut").into_iter().filter(|(at, _)| *at >= CAPPED * 1_000);
    cuts.map(|(at, cut)| (at, cut["units"].as_u64().filter(|_| cut["group"] == "luxos").unwrap())).collect()
}

/// It alone was cut, within its proof of when the first was told.
fn loses_its_outlet_alone(told: &Told) {
    let (shed, _) = told.first("shed", CAPPED * 1_000).unwrap();
    let cuts = cuts(told);
    assert!(matches!(cuts[..], [(at, 1)] if at <= shed + PROOF + 300), "told from {shed} ms on, cut {cuts:?}");
}

#[test]
fn a_miner_that_answers_and_draws_on_loses_its_outlet_within_its_proof_and_no_other_does() {
    loses_its_outlet_alone(&capped(Class::MinerSilent, 430, 440));
}

#[test]
fn a_miner_whose_own_watts_lie_costs_its_row_the_outlets_within_the_proof_of_its_last() {
    let told = capped(Class::MinerBelieved, 430, 440);
    let last = told.all("shed").into_iter().rfind(|(at, _)| *at < CAPPED * 1_000 + 5_000).unwrap().0;
    let cuts = cuts(&told);
    assert!(matches!(cuts[..], [(at, 0xFF)] if at <= last + PROOF + 300), "told until {last} ms, cut {cuts:?}");
    assert!(told.all("act.quarantine").is_empty(), "nobody knows which of them it was");
}

#[test]
fn a_miner_that_cannot_be_reached_or_takes_no_command_loses_its_outlet_and_is_no_liar() {
    for class in [Class::MinerGone, Class::MinerBusy] {
        loses_its_outlet_alone(&capped(class, 430, 440));
    }
    // Three times, and it comes back all the same: it was told nothing that it denied.
    let mut faults = vec![fault(Class::MinerGone, 0, STRUCK, 2_300)];
    faults.extend([400, 1_000, 1_600, 2_200].map(|at| Fault { degree: 0, ..fault(Class::Cap, 0, at, at + 60) }));
    let told = with(&site(), 2_400, &faults);
    assert!(cuts(&told).iter().filter(|(_, units)| units & 1 == 1).count() >= 3, "{:?}", cuts(&told));
    assert!(told.all("act.quarantine").is_empty());
}

#[test]
fn a_miner_that_acts_or_answers_late_within_its_proof_keeps_its_outlet() {
    assert_eq!(cuts(&capped(Class::MinerLate, 430, 440)), [], "2 s late of 9");
}

#[test]
fn a_miner_that_wakes_by_itself_loses_its_outlet_while_a_limit_is_at_stake() {
    let told = capped(Class::MinerWakes, 430, 440);
    let cuts = cuts(&told);
    assert!(matches!(cuts[..], [(_, 1)]), "{cuts:?}");
}

#[test]
fn a_miner_that_starts_anew_is_told_to_sleep_again_before_it_draws() {
    let cap = Fault { degree: 0, ..fault(Class::Cap, 0, CAPPED, 900) };
    // Odd: it would mine when it is up, minutes later.
    let starts = Fault { degree: 1_000_017, ..fault(Class::MinerReboots, 0, CAPPED + 30, CAPPED + 31) };
    let told = with(&site(), 900, &[cap, starts]);
    let drew: Vec<i64> = told
        .all("tick")
        .iter()
        .filter(|(at, _)| *at > (CAPPED + 30) * 1_000)
        .filter_map(|(_, tick)| row(&tick["w"])?[1].as_i64())
        .collect();
    assert!(drew.iter().any(|watts| *watts > 240), "it started anew: {drew:?}");
    assert!(drew.iter().all(|watts| *watts < 1_000), "{drew:?}");
    assert_eq!(cuts(&told), []);
}

#[test]
fn who_drew_on_three_times_stays_off_until_a_person_lets_it_back() {
    // The last one makes room: it is among the best, and comes back with the first.
    let caps = [400, 1_000, 1_600, 2_400].map(|at| Fault { degree: 0, ..fault(Class::Cap, 0, at, at + 60) });
    let lies = fault(Class::MinerSilent, 0, STRUCK, 1_700);
    let readmitted = fault(Class::Readmitted, 0, 2_300, 2_302);
    let told = with(&site(), 2_900, &[&caps[..], &[lies, readmitted]].concat());
    let (barred, what) = told.first("act.quarantine", 1_600_000).unwrap();
    assert_eq!((&what["group"], what["units"].as_u64()), (&"luxos".into(), Some(1)), "{what}");
    let (lifted, _) = told.first("quarantine.lifted", 0).unwrap();
    assert!(barred < 1_700_000 && lifted >= 2_300_000, "{barred} and {lifted}");
    let runs =
        |(_, tick): &(u64, &Value)| row(&tick["cmd"]).is_some_and(|command| command[1].as_u64().unwrap() & 1 == 1);
    let ticks = told.all("tick");
    assert!(!ticks.iter().any(|tick| tick.0 > barred && tick.0 < lifted && runs(tick)), "it came back by itself");
    assert!(ticks.iter().any(|tick| tick.0 > lifted && runs(tick)), "it never came back");
}
