//! Rows 12 and 14 to 20: the clock is set, the controller dies or stands still, the disk refuses, the store is lost.

use ballast::simulate::fault::Class;

use super::{demo_with, fault};

#[test]
fn a_clock_that_is_set_is_told_and_moves_no_deadline() {
    let told = demo_with(200, &[fault(Class::WallSteps, 0, 60, 61)]);
    let calm = demo_with(200, &[]);
    let steps: Vec<i64> = told.all("time.step").iter().map(|(_, step)| step["delta_ms"].as_i64().unwrap()).collect();
    assert_eq!(steps, [3_600_000], "an hour");
    assert_eq!(told.episode.score, calm.episode.score, "what flowed is the same to the watt second");
    assert_eq!(told.all("shed").len(), calm.all("shed").len());
}

#[test]
fn a_full_disk_or_a_failed_sync_is_told_within_a_second_and_holds_every_raise() {
    for class in [Class::DiskFull, Class::SyncFails] {
        let told = demo_with(60, &[fault(class, 0, 8, 20)]);
        told.within("record.late", 8_000, 1_000);
        told.raises_nothing(8_300, 20_000);
        told.within("record.durable", 20_000, 100);
        told.raises(20_000, 24_000);
    }
}

#[test]
fn curtailment_goes_on_while_the_disk_takes_nothing() {
    let cap = ballast::simulate::fault::Fault { degree: 0, ..fault(Class::Cap, 0, 65, 80) };
    let told = demo_with(90, &[fault(Class::DiskFull, 0, 60, 85), cap]);
    assert!(told.shed("operator_cap", 65_000, 80_000) > 0);
}

#[test]
fn a_killed_controller_takes_up_what_runs_and_raises_nothing_that_has_not_rested() {
    let told = demo_with(150, &[fault(Class::Killed, 0, 60, 62)]);
    assert_eq!(told.episode.starts, 2);
    assert_eq!(told.all("boot").last().unwrap().1["reason"], "start_after_crash");
    assert_eq!(told.shed("import_limit", 60_000, 62_500), 0, "its devices were left as they were");
}

#[test]
fn what_a_loop_that_stands_still_permitted_goes_down_on_the_ramp_and_rests_before_it_comes_back() {
    let told = demo_with(150, &[fault(Class::LoopHangs, 0, 60, 68)]);
    // The oracles hold the ramp and the dwell: 30 s, from 62 s on at the earliest.
    told.raises(92_000, 130_000);
}

#[test]
fn a_host_without_power_starts_again_and_a_lost_store_lets_no_dwell_have_passed() {
    let told = demo_with(120, &[fault(Class::HostDark, 0, 20, 30)]);
    assert_eq!(told.episode.starts, 2);
    let told = demo_with(120, &[fault(Class::StoreBad, 0, 12, 14)]);
    assert_eq!(told.episode.starts, 2);
    told.raises_nothing(12_000, 14_000 + 30_000);
    told.raises(44_000, 60_000);
}
