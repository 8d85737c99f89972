//! Rows 10, 11 and 24 to 27: the price is lost or absurd; people press, cap, and change their minds.

use ballast::simulate::fault::{Class, Fault};
use ballast::site::PriceLost;
use ballast::units::Power;

use super::{demo, demo_with, fault, with};

#[test]
fn e_stop_switches_everything_off_at_once_and_nothing_comes_back_before_it_is_released() {
    let told = demo_with(120, &[fault(Class::EStop, 0, 60, 75)]);
    assert!(told.shed("e_stop", 60_000, 60_300) > 1_000_000, "in the first tick");
    told.raises_nothing(60_000, 75_000);
    told.raises(75_000, 110_000);
}

#[test]
fn a_price_above_every_break_even_takes_miners_off_on_the_ramp() {
    let told = demo_with(150, &[fault(Class::PriceSpikes, 0, 90, 120)]);
    let ramp = demo().poi.ramp.over(std::time::Duration::from_secs(1)).watts();
    assert!(told.shed("price", 90_000, 120_000) > 1_000_000);
    for second in (90_000..120_000).step_by(1_000) {
        assert!(told.shed("price", second, second + 1_000) <= ramp + 28_000);
    }
}

#[test]
fn a_lost_price_falls_back_to_what_the_file_declares_and_not_before_its_age() {
    let mut site = demo();
    site.economics.price_lost = PriceLost::Curtail;
    site.ages.price = std::time::Duration::from_secs(10);
    let told = with(&site, 160, &[fault(Class::PriceFrozen, 0, 100, 130)]);
    let stale = told.within("price.stale", 100_000, 10_500);
    assert!(stale >= 9_500, "{stale}");
    assert!(told.shed("price", 100_000, 130_000) > 0);
    told.within("price.fresh", 130_000, 500);
}

#[test]
fn caps_that_follow_each_other_lower_at_once_and_raise_on_the_ramp_alone() {
    let told = demo_with(160, &[fault(Class::Flapping, 0, 90, 110)]);
    assert!(told.all("orders").len() > 5);
    let most = demo().restore.ramp.over(std::time::Duration::from_secs(1)).watts();
    for second in (90_000..120_000).step_by(1_000) {
        let raised = told.all("restore").into_iter().filter(|(at, _)| (second..second + 1_000).contains(at));
        let raised: i64 = raised.map(|(_, what)| what["power_w"].as_i64().unwrap()).sum();
        assert!(raised <= most + 28_000, "{raised}");
    }
}

#[test]
fn a_cap_is_reached_on_the_ramp_and_held() {
    let told = demo_with(150, &[Fault { degree: 0, ..fault(Class::Cap, 0, 90, 120) }]);
    let (site, second) = (demo(), std::time::Duration::from_secs(1));
    // What the hall rises is shed for as well, and faster.
    let most = site.poi.ramp.over(second) + site.hall.slew.over(second) + Power::from_kilowatts(28);
    for at in (90_000..120_000).step_by(1_000) {
        assert!(Power::from_watts(told.shed("operator_cap", at, at + 1_000)) <= most);
    }
    assert!(told.shed("operator_cap", 90_000, 120_000) > 1_000_000);
}
