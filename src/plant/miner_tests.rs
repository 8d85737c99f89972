use std::time::Duration;

use proptest::prelude::*;

use super::tests::{ms, site, steady};
use super::*;
use crate::site::{Firmware, FirmwarePath, Site};
use crate::units::{Power, Share};

const ASLEEP: Power = Power::from_watts(40);
const ALL: [Firmware; 4] = [Firmware::Antminer, Firmware::Luxos, Firmware::Braiins, Firmware::Whatsminer];

fn path(firmware: Firmware, response: Duration) -> FirmwarePath {
    FirmwarePath {
        firmware,
        addresses: Vec::new(),
        poll: Duration::from_secs(1),
        login: None,
        response,
        proof: response * 2,
        asleep: ASLEEP,
        first: true,
        low: None,
    }
}

/// Two groups of which only the first has firmware, with this response.
fn told(firmware: Firmware, response: Duration) -> Site {
    let mut site = site(2);
    site.groups[0].firmware = Some(path(firmware, response));
    site
}

/// With all outlets of the first group on, and its miners at full power.
fn mining(site: &Site) -> Plant {
    let mut plant = steady(site, 500_000);
    plant.switch(0, 0xff);
    plant.advance(ms(20_000));
    assert_eq!(plant.miner(0, 7).unwrap().phase, MinerPhase::Mines);
    plant
}

#[test]
fn a_miner_that_is_told_to_sleep_is_down_within_its_response_whatever_its_firmware() {
    for firmware in ALL {
        for response in [Duration::from_secs(10), Duration::from_secs(2)] {
            let mut plant = mining(&told(firmware, response));
            let full = plant.group_power(0);
            plant.sleep(0, 3, true);
            plant.advance(ms(20_100));
            assert_eq!(plant.group_power(0), full, "{firmware:?} goes on for a moment");
            let falling = ms(20_000).after(response / 2);
            plant.advance(falling);
            let miner = plant.miner(0, 3).unwrap();
            assert!(miner.power < full && miner.asleep, "{firmware:?} {miner:?}");
            plant.advance(ms(20_000).after(response));
            let miner = plant.miner(0, 3).unwrap();
            assert!(miner.power <= ASLEEP && miner.power > Power::ZERO, "{firmware:?} in {response:?}: {miner:?}");
            assert_eq!((miner.phase, miner.hashing), (MinerPhase::Asleep, Share::ZERO));
            assert_eq!(plant.outlets(0), 0xff, "its outlet stays on");
        }
    }
}

#[test]
fn sleep_outlives_a_cut_and_waking_comes_in_stages() {
    let mut plant = mining(&told(Firmware::Luxos, Duration::from_secs(5)));
    plant.sleep(0, 0, true);
    plant.advance(ms(30_000));
    plant.switch(0, 0xfe);
    plant.advance(ms(31_000));
    assert_eq!(plant.miner(0, 0).unwrap().phase, MinerPhase::Dark);
    plant.switch(0, 0xff);
    plant.advance(ms(32_000));
    assert_eq!(plant.miner(0, 0).unwrap().phase, MinerPhase::Boots, "it cannot be asked yet");
    plant.advance(ms(60_000));
    let miner = plant.miner(0, 0).unwrap();
    assert_eq!((miner.phase, miner.asleep), (MinerPhase::Asleep, true));
    assert!(miner.power <= ASLEEP);
    plant.sleep(0, 0, false);
    let mut levels = Vec::new();
    for at in (60_000..75_000).step_by(500) {
        plant.advance(ms(at));
        levels.push(plant.miner(0, 0).unwrap().power);
    }
    assert!(levels.windows(2).all(|two| two[0].part(Share::from_ppm(995_000)) <= two[1]), "{levels:?}");
    let rests = levels.windows(2).filter(|two| two[0] == two[1] && two[0] > Power::from_watts(500)).count();
    assert!(rests >= 2 && levels[29] > Power::from_watts(3_400), "{levels:?}");
}

#[test]
fn a_miner_told_to_sleep_while_dark_or_booting_never_mines() {
    let mut plant = steady(&told(Firmware::Braiins, Duration::from_secs(5)), 0);
    plant.sleep(0, 0, true);
    plant.switch(0, 0b11);
    plant.advance(ms(1_000));
    plant.sleep(0, 1, true);
    for at in (1_000..30_000).step_by(100) {
        plant.advance(ms(at));
        assert!(plant.group_power(0) <= Power::from_watts(120), "boot at most");
    }
    plant.restart(0, 1);
    plant.advance(ms(30_500));
    assert_eq!(plant.miner(0, 1).unwrap().phase, MinerPhase::Boots);
    plant.sleep(0, 1, false);
    plant.advance(ms(34_000));
    assert!(plant.miner(0, 1).unwrap().power < Power::from_watts(1_000), "it ramps after its boot");
    plant.advance(ms(60_000));
    assert_eq!(plant.miner(0, 1).unwrap().phase, MinerPhase::Mines);
}

#[test]
fn a_limit_holds_through_sleep_and_never_exceeds_nameplate() {
    for firmware in ALL {
        let mut plant = mining(&told(firmware, Duration::from_secs(5)));
        plant.limit(0, 2, Power::from_watts(1_750));
        plant.advance(ms(50_000));
        let miner = plant.miner(0, 2).unwrap();
        assert!((1_730..=1_750).contains(&miner.power.watts()), "{firmware:?}: {miner:?}");
        assert!(miner.hashing > Share::from_ppm(540_000), "relatively more than half: {miner:?}");
        plant.sleep(0, 2, true);
        plant.advance(ms(60_000));
        plant.sleep(0, 2, false);
        plant.advance(ms(90_000));
        assert!((1_730..=1_750).contains(&plant.miner(0, 2).unwrap().power.watts()));
        plant.limit(0, 2, Power::from_kilowatts(99));
        plant.advance(ms(120_000));
        assert!(plant.miner(0, 2).unwrap().power <= Power::from_watts(3_500));
    }
}

#[test]
fn luxos_can_be_woken_at_once_where_a_usual_wakening_takes_minutes() {
    let site = told(Firmware::Luxos, Duration::from_secs(5));
    let load = HallLoad::recorded(&site.hall, Series::steady(Share::ZERO));
    let mut plant = Plant::with(&site, 1, load, Curves::realistic());
    plant.switch(0, 0b11);
    plant.sleep(0, 0, true);
    plant.sleep(0, 1, true);
    plant.advance(ms(100_000));
    plant.sleep(0, 0, false);
    plant.wake_at_once(0, 1);
    plant.advance(ms(110_000));
    let watts = |unit| plant.miner(0, unit).unwrap().power.watts();
    assert!(watts(0) < 100 && watts(1) > 3_400, "{} and {}", watts(0), watts(1));
}

#[test]
fn a_group_without_firmware_is_told_nothing() {
    let mut plant = mining(&told(Firmware::Luxos, Duration::from_secs(5)));
    plant.switch(1, 0xff);
    plant.advance(ms(40_000));
    let mut deaf = plant.clone();
    deaf.sleep(1, 0, true);
    deaf.limit(1, 0, Power::from_watts(1));
    deaf.restart(1, 0);
    deaf.sleep(9, 0, true);
    deaf.sleep(0, 99, true);
    plant.advance(ms(60_000));
    deaf.advance(ms(60_000));
    assert_eq!((deaf.flows(), deaf.miner(1, 0)), (plant.flows(), None));
}

/// Something a miner or its outlet is told.
fn orders() -> impl Strategy<Value = Vec<(u8, usize, u64, u64)>> {
    prop::collection::vec((0..5_u8, 0..8_usize, 0..4_000_u64, 0..3_000_u64), 1..40)
}

fn give(plant: &mut Plant, (what, unit, value, _): (u8, usize, u64, u64)) {
    match what {
        0 => plant.switch(0, value),
        1 => plant.sleep(0, unit, value % 2 == 0),
        2 => plant.limit(0, unit, Power::from_watts(i64::try_from(value).unwrap())),
        3 => plant.restart(0, unit),
        _ => plant.wake_at_once(0, unit),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_watt_adds_up_whatever_miners_are_told(firmware in 0..4_usize, all in orders()) {
        let site = told(ALL[firmware], Duration::from_secs(5));
        let mut plant = Plant::new(&site, 3);
        plant.switch(0, 0xff);
        let mut now = 0;
        for order in all {
            give(&mut plant, order);
            for _ in 0..order.3 / 100 {
                now += 100;
                plant.advance(ms(now));
                let flows = plant.flows();
                prop_assert_eq!(flows.miners, plant.group_power(0) + plant.group_power(1));
                prop_assert_eq!(plant.poi(), flows.hall + flows.house + flows.miners);
                prop_assert!(plant.group_power(0) <= Curves::brisk().most(Power::from_watts(3_500)) * 8);
            }
        }
        // At rest: what the outlets show, what the miners say and what the group draws is one and the same.
        plant.advance(ms(now + 60_000));
        let shown = plant.shown_outlets(0).to_vec();
        let told = (0..8).map(|unit| plant.miner(0, unit).unwrap());
        for (unit, (shown, told)) in shown.iter().zip(told).enumerate() {
            prop_assert_eq!(*shown, told.power);
            let dark = plant.outlets(0) >> unit & 1 == 0;
            prop_assert_eq!(dark, told.phase == MinerPhase::Dark);
            let right = if told.asleep { told.power <= ASLEEP } else { dark || told.power > Power::from_watts(340) };
            prop_assert!(right, "{:?}", told);
        }
        prop_assert_eq!(shown.iter().copied().sum::<Power>(), plant.group_power(0));
        prop_assert_eq!(plant.shown(3), plant.group_power(0));
    }

    #[test]
    fn told_miners_are_the_same_however_a_span_is_cut(firmware in 0..4_usize, all in orders()) {
        let site = told(ALL[firmware], Duration::from_secs(5));
        let run = |cut: usize| {
            let mut plant = Plant::new(&site, 3);
            plant.switch(0, 0xff);
            let (mut now, mut seen) = (0, Vec::new());
            for order in &all {
                give(&mut plant, *order);
                for to in (now..=now + order.3).step_by(cut) {
                    plant.advance(ms(to));
                }
                now += order.3;
                plant.advance(ms(now));
                seen.push((plant.flows(), plant.miner(0, order.1)));
            }
            seen
        };
        prop_assert_eq!(run(10), run(730));
    }
}
