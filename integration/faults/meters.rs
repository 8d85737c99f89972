//! Rows 1 to 3 and 8: a meter is silent, frozen, off, without a number, or shows a spike.

use ballast::simulate::fault::{Class, Fault};
use ballast::time::Mono;

use super::{HALL, POI, Told, demo, demo_with, fault};

/// `ages.meter` of the demo, and the time that its meters take to refresh.
const OLD: u64 = 500 + 100;
/// A connection that was lost is tried again this far apart, at the most.
const CONNECTS: u64 = 5_000;

#[test]
fn a_silent_poi_meter_is_told_within_its_age_and_nothing_is_raised_until_it_was_back_for_a_second() {
    let told = demo_with(60, &[fault(Class::MeterSilent, POI, 8, 20)]);
    told.within("meter.stale", 8_000, OLD);
    told.raises(5_000, 8_000);
    told.raises_nothing(8_000 + OLD + 200, 21_000);
    told.within("meter.fresh", 21_000, CONNECTS);
    told.raises(21_000, 21_000 + CONNECTS + 5_000);
}

#[test]
fn a_meter_whose_answer_is_no_number_is_a_silent_one() {
    for class in [Class::MeterNotANumber, Class::MeterSilent] {
        let told = demo_with(40, &[fault(class, HALL, 8, 20)]);
        told.within("ai.stale", 8_000, OLD);
        told.raises_nothing(8_000 + OLD + 200, 21_000);
        told.within("ai.fresh", 21_000, CONNECTS);
    }
}

#[test]
fn a_meter_that_misses_a_sample_has_the_one_before_it_and_that_ages() {
    let without = demo_with(70, &[]);
    let shed = |told: &Told| told.all("shed").iter().filter(|(at, _)| (60_000..62_000).contains(at)).map(watts).sum();
    // What the hall may rise by until the next sample, in whole units of a group.
    let rise = demo().hall.slew.over(std::time::Duration::from_millis(300)).watts() + 28_000;
    for (meter, stale) in [(HALL, "ai.stale"), (POI, "meter.stale")] {
        let missed = Fault { to: Mono::from_millis(60_190), ..fault(Class::MeterNotANumber, meter, 60, 60) };
        let told = demo_with(70, &[missed]);
        let (with, without): (i64, i64) = (shed(&told), shed(&without));
        assert!(with <= without + rise, "meter {meter}: {with} W shed, {without} W without");
        assert_eq!(told.first(stale, 60_000), None, "meter {meter}");
    }
}

fn watts((_, shed): &(u64, &serde_json::Value)) -> i64 {
    shed["power_w"].as_i64().unwrap()
}

#[test]
fn a_poi_meter_lost_for_a_minute_descends_on_the_ramp_to_what_the_nameplates_leave() {
    let told = demo_with(330, &[fault(Class::MeterSilent, POI, 60, 200)]);
    let (stale, _) = told.first("meter.stale", 60_000).unwrap();
    let (acts, what) = told.first("failsafe.acts", 60_000).unwrap();
    assert_eq!((&what["condition"], &what["retreat"]), (&"poi_unseen".into(), &"descend".into()));
    assert!((59_900..=60_300).contains(&(acts - stale)), "{} ms", acts - stale);
    assert!(told.shed("poi_unknown", acts, acts + 12_000) > 200_000);
    let site = demo();
    let ramp = site.poi.ramp.over(std::time::Duration::from_secs(1)).watts();
    for second in (acts..acts + 10_000).step_by(1_000) {
        assert!(told.shed("poi_unknown", second, second + 1_000) <= ramp + 2 * 28_000, "steeper than the ramp");
    }
    told.raises_nothing(stale, 210_000);
    told.raises(210_000, 330_000);
}

#[test]
fn a_hall_that_nobody_sees_makes_room_as_fast_as_it_may_rise() {
    let told = demo_with(120, &[fault(Class::MeterSilent, HALL, 60, 75)]);
    let (stale, what) = told.first("ai.stale", 60_000).unwrap();
    assert!(stale <= 60_000 + OLD + 200);
    assert!(what["assumed_w"].as_i64().unwrap() > 0);
    assert!(told.shed("ai_hall_unknown", 60_000, 70_000) + told.shed("import_limit", 60_000, 70_000) > 0);
    told.raises_nothing(stale, 76_000);
}

#[test]
fn a_frozen_hall_meter_leaves_import_under_the_limit_because_the_poi_counts_as_well() {
    let told = demo_with(300, &[fault(Class::MeterFrozen, HALL, 40, 240)]);
    assert_eq!(told.episode.broken, []);
    // What the POI sees beyond a frozen meter is shed for; the slew until then is the published excess.
    assert!(told.episode.score.above <= std::time::Duration::from_millis(500), "{:?}", told.episode.score.above);
}

#[test]
fn meters_that_go_on_to_disagree_are_told_of() {
    let told = demo_with(200, &[fault(Class::MeterDrifts, POI, 40, 100)]);
    let (suspect, what) = told.first("meter.suspect", 40_000).unwrap();
    assert!(suspect < 60_000, "{suspect}");
    assert!(what["residual_w"].as_i64().unwrap() > 80_000);
    assert!(told.first("meter.agree", suspect).is_some());
}

#[test]
fn a_spike_up_is_obeyed_and_a_spike_down_raises_nothing() {
    let mut up = fault(Class::MeterSpikes, HALL, 60, 61);
    up.to = ballast::time::Mono::from_millis(60_200);
    let told = demo_with(90, &[up]);
    assert!(told.shed("import_limit", 60_000, 60_400) > 0, "one sample is enough to shed");
    let mut down = fault(Class::MeterDips, HALL, 12, 13);
    (down.to, down.degree) = (ballast::time::Mono::from_millis(12_200), 0);
    let [calm, dipped] = [demo_with(40, &[]), demo_with(40, &[down])];
    let counted = |told: &super::Told| told.all("restore").iter().filter(|(at, _)| *at < 12_600).count();
    assert!(counted(&dipped) <= counted(&calm), "a dip brought something back");
}

#[test]
fn import_that_stays_over_the_limit_ends_everything_until_a_person_clears_it() {
    // Nothing obeys, and the POI shows twice what there is: shedding helps nobody.
    let mut faults: Vec<_> = (0..demo().groups.len()).map(|group| fault(Class::PduMute, group, 40, 60)).collect();
    faults.push(fault(Class::MeterSpikes, POI, 40, 60));
    let told = demo_with(420, &faults);
    let (over, _) = told.first("limit.excursion", 40_000).unwrap();
    let (acts, what) = told.first("failsafe.acts", over).unwrap();
    assert_eq!((&what["condition"], &what["retreat"]), (&"out_of_control".into(), &"terminate".into()));
    assert!((9_800..=10_300).contains(&(acts - over)), "{} ms", acts - over);
    let (ordered, orders) = told.first("orders", acts).unwrap();
    assert!(ordered <= acts + 100 && orders["e_stop"] == true, "{orders}");
    // The fault is over at 60 s; the operator looks for 5 s and releases.
    told.raises_nothing(over, 64_800);
    let (released, orders) = told.first("orders", 60_000).unwrap();
    assert!(released >= 64_800 && orders["e_stop"] == false, "{orders}");
    // What the POI showed is remembered for the window of the fill, 5 min.
    told.raises(360_000, 420_000);
}
