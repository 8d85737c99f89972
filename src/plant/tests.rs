use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::site::*;
use crate::time::Mono;
use crate::units::{Efficiency, Energy, Hashprice, Power, Share, Slew};

fn kw(kw: i64) -> Power {
    Power::from_kilowatts(kw)
}

pub(super) fn firm(nameplate: Power, slew_kw: i64, step: Power, meter: DeviceIx) -> FirmLoad {
    FirmLoad { nameplate, slew: Slew::from_watts_per_second(slew_kw * 1_000), step, meter: Some(meter), feeder: None }
}

fn device(ix: usize, poll_ms: u64) -> Device {
    Device {
        name: format!("device-{ix}"),
        profile: "none".into(),
        address: ([127, 66, 0, 1], 5020).into(),
        unit_id: 1,
        login: None,
        tls: None,
        poll: Duration::from_millis(poll_ms),
    }
}

fn group(ix: usize, units: u32, response_ms: u64) -> Group {
    let response = Duration::from_millis(response_ms);
    Group {
        name: format!("group-{ix}"),
        feeder: None,
        miners: units,
        units,
        unit: Power::from_watts(3_500),
        efficiency: Efficiency::from_millijoules_per_th(17_500),
        firmware: None,
        paths: vec![Path { device: 3 + ix, response, proof: response * 4, comms_loss: CommsLoss::Holds, meter: None }],
        dwell_on: Duration::from_secs(60),
        dwell_off: Duration::from_secs(30),
    }
}

/// The demo's hall and house with this many groups of eight; responses of 100, 250 and 1,000 ms in turn.
pub(super) fn site(groups: usize) -> Site {
    let meters = [50, 50, 500].into_iter().enumerate().map(|(ix, poll)| device(ix, poll));
    Site {
        name: "test".into(),
        poi: Poi {
            import_limit: kw(4_000),
            within: Duration::from_secs(2),
            ramp: Slew::from_watts_per_second(200_000),
            meter: 0,
            guard: Guard::Tolerance,
            falls_within: None,
        },
        hall: firm(kw(2_800), 420, kw(10), 1),
        house: firm(kw(40), 5, kw(2), 2),
        feeders: Vec::new(),
        groups: (0..groups).map(|ix| group(ix, 8, [100, 250, 1_000][ix % 3])).collect(),
        devices: meters.chain((0..groups).map(|ix| device(3 + ix, 1_000))).collect(),
        relay: None,
        tick: Tick { period: Duration::from_millis(100), lapse: Duration::from_secs(2) },
        fill: Fill { window: Duration::from_secs(300), confidence: Share::from_ppm(999_000) },
        restore: Restore {
            ramp: Slew::from_watts_per_second(100_000),
            stagger: Duration::from_millis(200),
            batch: kw(28),
            settle: Duration::from_secs(2),
        },
        supply: None,
        economics: Economics {
            hashprice: Hashprice::from_micro_usd_per_ph_day(45_000_000),
            pool_fee: Share::from_ppm(20_000),
            price_lost: PriceLost::Run,
        },
        ages: Ages {
            meter: Duration::from_millis(500),
            device: Duration::from_secs(3),
            price: Duration::from_secs(1_800),
        },
        failsafe: crate::site::Failsafe::usual(std::time::Duration::from_secs(2)),
        budgets: Budgets {
            sense: Duration::from_millis(200),
            decide: Duration::from_millis(5),
            write: Duration::from_millis(50),
            acknowledge: Duration::from_millis(250),
            proof: Duration::from_secs(2),
        },
    }
}

/// A plant whose hall draws exactly this part of its nameplate.
pub(super) fn steady(site: &Site, hall_ppm: i64) -> Plant {
    let load = HallLoad::recorded(&site.hall, Series::steady(Share::from_ppm(hall_ppm)));
    Plant::with(site, 1, load, Curves::brisk())
}

pub(super) fn ms(ms: u64) -> Mono {
    Mono::from_millis(ms)
}

#[test]
fn a_miner_leaves_within_its_response_and_returns_by_inrush_boot_and_ramp() {
    let site = site(1);
    let mut plant = steady(&site, 500_000);
    plant.switch(0, 0b1);
    assert_eq!(plant.outlets(0), 1);
    let mut at = |to: u64| {
        plant.advance(ms(to));
        plant.group_power(0).watts()
    };
    assert_eq!(at(50), 0, "the relay needs its time");
    assert_eq!(at(60), 5_250, "inrush");
    assert_eq!(at(70), 5_250);
    assert_eq!(at(80), 60, "boot");
    assert_eq!(at(3_070), 60);
    assert!((1_600..=1_900).contains(&at(8_080)), "half way up the ramp");
    assert!((3_450..=3_500).contains(&at(13_100)), "full");
    plant.switch(0, 0);
    plant.advance(ms(13_150));
    assert!(plant.group_power(0) > kw(3), "still drawing: the relay has not acted");
    plant.advance(ms(13_160));
    assert_eq!((plant.group_power(0), plant.outlets(0)), (Power::ZERO, 0));
}

#[test]
fn realistic_miners_take_minutes_to_come_back() {
    let site = site(1);
    let load = HallLoad::recorded(&site.hall, Series::steady(Share::ZERO));
    let mut plant = Plant::with(&site, 1, load, Curves::realistic());
    plant.switch(0, 0xff);
    plant.advance(ms(90_000));
    assert_eq!(plant.group_power(0), Power::from_watts(8 * 60));
    plant.advance(ms(151_000));
    assert!(plant.group_power(0) > kw(27));
}

#[test]
fn commands_that_overtake_each_other_end_at_the_last() {
    let site = site(3);
    let mut plant = steady(&site, 0);
    for n in 0..200 {
        plant.switch(2, n);
    }
    plant.switch(2, 0b101);
    plant.switch(2, u64::MAX);
    plant.switch(2, 0b101);
    plant.switch(99, 1);
    plant.advance(ms(60_000));
    assert_eq!(plant.outlets(2), 0b101);
    assert!((kw(6)..=kw(7)).contains(&plant.group_power(2)));
}

#[test]
fn a_pdu_shows_what_it_feeds_at_most_one_refresh_late() {
    let site = site(1);
    let mut plant = steady(&site, 0);
    plant.refresh_every(3, Duration::from_millis(200));
    plant.switch(0, 0xff);
    plant.advance(ms(20_000));
    assert_eq!(plant.shown_outlets(0).iter().copied().sum::<Power>(), plant.shown(3));
    plant.switch(0, 0x0f);
    plant.advance(ms(20_000 + 60 + 200));
    assert_eq!(plant.shown(3), plant.group_power(0));
    assert_eq!(plant.shown_outlets(0)[4..], [Power::ZERO; 4]);
    assert_eq!(plant.shown(77), Power::ZERO);
}

#[test]
fn the_plant_is_the_same_however_a_span_is_cut() {
    let site = site(5);
    let run = |step_ms: u64| {
        let mut plant = Plant::new(&site, 9);
        for at in (0..30_000).step_by(1_000) {
            plant.switch(usize::try_from(at / 1_000).unwrap() % 5, at);
            for to in (at..=at + 1_000).step_by(usize::try_from(step_ms).unwrap()) {
                plant.advance(ms(to));
            }
            plant.advance(ms(at + 1_000));
        }
        (plant.flows(), plant.shown(0), plant.shown(3), plant.score())
    };
    assert_eq!(run(10), run(1_000));
    assert_eq!(run(7), run(130));
}

#[test]
fn another_seed_is_another_plant() {
    let site = site(1);
    let hall = |seed| {
        let mut plant = Plant::new(&site, seed);
        plant.advance(ms(5_000));
        plant.hall()
    };
    assert_eq!(hall(1), hall(1));
    assert_ne!(hall(1), hall(2));
}

#[test]
fn a_jump_rises_along_the_declared_slew_and_ends() {
    let site = site(0);
    let mut plant = steady(&site, 500_000);
    plant.jump(kw(840));
    plant.advance(ms(1_000));
    assert_eq!(plant.hall(), kw(1_400 + 420));
    plant.advance(ms(3_000));
    assert_eq!(plant.hall(), kw(1_400 + 840));
    plant.jump(kw(9_000));
    plant.advance(ms(10_000));
    assert_eq!(plant.hall(), kw(2_800), "never above nameplate");
    plant.advance(ms(40_000));
    assert_eq!(plant.hall(), kw(1_400));
    plant.jump_undeclared(kw(1_000));
    plant.advance(ms(40_010));
    assert_eq!(plant.hall(), kw(2_400));
}

#[test]
fn meters_follow_the_truth_within_their_error() {
    let site = site(3);
    let mut plant = steady(&site, 700_000);
    for group in 0..3 {
        plant.switch(group, 0xff);
    }
    plant.advance(ms(60_000));
    for (meter, truth) in [(0, plant.poi()), (1, plant.hall()), (2, plant.house())] {
        let off = (plant.shown(meter) - truth).watts().abs();
        // The house wiggles by up to 80 W and is read every 500 ms.
        assert!(off <= truth.watts() / 1_000 + 500, "meter {meter} is off by {off} W");
    }
}

#[test]
fn the_score_adds_up_on_a_case_worked_by_hand() {
    let mut site = site(1);
    site.house = firm(Power::ZERO, 1, Power::ZERO, 2);
    site.poi.import_limit = Power::from_watts(1_420_000);
    let mut plant = steady(&site, 500_000);
    plant.advance(ms(10_000));
    let idle = plant.score();
    // Hall 1,400 kW of 2,800: 20 kW of spare for 28 kW of miners; nothing by the static reservation; 20 kW in hindsight.
    assert_eq!((idle.hall.joules(), idle.house.joules(), idle.miners.joules()), (14_000_000, 0, 0));
    assert_eq!((idle.spare.joules(), idle.reserved.joules(), idle.hindsight.joules()), (200_000, 0, 200_000));
    assert_eq!((idle.of_spare(), idle.of_reserved()), (Some(Share::ZERO), None));
    assert_eq!((idle.worst_excess, idle.excursions, idle.above), (Power::ZERO, 0, Duration::ZERO));
    assert_eq!(idle.worst_quarter, kw(1_400));

    // Eight inrushes of 5.25 kW for 20 ms: 42 kW, 22 kW above the limit.
    plant.switch(0, 0xff);
    plant.advance(ms(11_000));
    let inrush = plant.score();
    assert_eq!((inrush.worst_excess, inrush.excess.joules()), (kw(22), 440));
    assert_eq!((inrush.excursions, inrush.above), (1, Duration::from_millis(20)));
    assert_eq!(inrush.absorbed.joules(), 400 + 480 * 93 / 100, "20 kW of the inrush, and 480 W of boot for 0.93 s");
    assert_eq!((inrush.switches, inrush.most_switched, inrush.mean_switches_milli()), (8, 1, 1_000));
}

#[test]
fn the_score_after_the_start_leaves_the_start_out() {
    let site = site(2);
    let mut plant = steady(&site, 500_000);
    plant.score_from(ms(20_000));
    plant.switch(0, 0b11);
    plant.advance(ms(19_990));
    assert_eq!(plant.scored(), None);
    plant.advance(ms(20_000));
    plant.switch(0, 0b01);
    plant.switch(1, 0b11);
    plant.advance(ms(30_000));
    let (whole, after) = (plant.score(), plant.scored().unwrap());
    assert_eq!((whole.span, after.span), (Duration::from_secs(30), Duration::from_secs(10)));
    assert_eq!((whole.switches, after.switches), (5, 3), "the switching at the very start of the score counts");
    assert_eq!(after.hall.joules(), 14_000_000);
    assert_eq!((whole.units, after.units), (16, 16));
}

#[test]
fn hindsight_knows_the_largest_hall_and_the_reservation_only_its_nameplate() {
    let mut site = site(60);
    site.house = firm(Power::ZERO, 1, Power::ZERO, 2);
    let points = [(0, 500_000), (10_000, 500_000), (10_010, 750_000), (20_000, 750_000)];
    let points = points.map(|(at, ppm)| (ms(at), Share::from_ppm(ppm))).to_vec();
    let series = Series::new(points, AtEnd::Hold).unwrap();
    let mut plant = Plant::with(&site, 1, HallLoad::recorded(&site.hall, series), Curves::brisk());
    plant.advance(ms(20_000));
    let score = plant.score();
    // The fleet is 1,680 kW. Spare: 1,680 (of 2,600) for 10 s, 1,680 (of 1,900) for 10 s; reserved: 1,200; hindsight: 1,680.
    assert_eq!(score.largest_hall, kw(2_100));
    assert_eq!(score.spare, Energy::of(kw(1_680), Duration::from_secs(20)));
    assert_eq!(score.reserved, Energy::of(kw(1_200), Duration::from_secs(20)));
    assert_eq!(score.hindsight, score.spare);
    // A limit of 3 MW: spare 1,600 then 900; reserved 200; hindsight 900 all along.
    let tight = Site { poi: Poi { import_limit: kw(3_000), ..site.poi.clone() }, ..site };
    let load = HallLoad::recorded(&tight.hall, Series::steady(Share::from_ppm(750_000)));
    let mut plant = Plant::with(&tight, 1, load, Curves::brisk());
    plant.advance(ms(10_000));
    let score = plant.score();
    assert_eq!((score.spare.joules(), score.reserved.joules()), (9_000_000, 2_000_000));
    assert_eq!(score.hindsight, score.spare);
}

#[test]
fn the_worst_quarter_hour_slides() {
    let mut site = site(0);
    site.house = firm(Power::ZERO, 1, Power::ZERO, 2);
    // 10 min at 0, 15 min at 50 %, then 0: no fixed quarter holds the high stretch whole, the sliding one does.
    let points = [(0, 0), (600_000, 0), (600_010, 500_000), (1_500_000, 500_000), (1_500_010, 0), (3_600_000, 0)];
    let points = points.map(|(at, ppm)| (ms(at), Share::from_ppm(ppm))).to_vec();
    let series = Series::new(points, AtEnd::Hold).unwrap();
    let mut plant = Plant::with(&site, 1, HallLoad::recorded(&site.hall, series), Curves::brisk());
    plant.advance(ms(3_600_000));
    assert_eq!(plant.score().worst_quarter, kw(1_400));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_watt_adds_up_under_any_switching(
        seed in any::<u64>(),
        commands in prop::collection::vec((0..6_usize, any::<u64>(), 0..4_000_u64), 1..40),
    ) {
        let site = site(6);
        let curves = Curves::brisk();
        let mut plant = Plant::new(&site, seed);
        let mut miners_energy = Energy::ZERO;
        let mut now = 0;
        for (group, on, wait_ms) in commands {
            plant.switch(group, on);
            prop_assert_eq!(plant.outlets(group), on & 0xff);
            for to in (now..=now + wait_ms).step_by(10) {
                let before = plant.at();
                plant.advance(ms(to));
                let groups: Power = (0..6).map(|ix| plant.group_power(ix)).sum();
                prop_assert_eq!(plant.poi(), plant.hall() + plant.house() + groups);
                prop_assert_eq!(plant.miners(), groups);
                for ix in 0..6 {
                    let most = curves.most(site.groups[ix].unit) * 8;
                    prop_assert!(plant.group_power(ix) <= most && plant.group_power(ix) >= Power::ZERO);
                }
                miners_energy += Energy::of(groups, plant.at().since(before));
            }
            now += wait_ms / 10 * 10;
        }
        prop_assert_eq!(plant.score().miners, miners_energy);
        // Once every boot is over, no unit draws above its nameplate, and a unit that is off draws nothing.
        plant.advance(ms(now + 15_000));
        for ix in 0..6 {
            let on = site.groups[ix].power_of(plant.outlets(ix));
            prop_assert!(plant.group_power(ix) <= on && plant.group_power(ix).watts() >= on.watts() * 98 / 100);
            prop_assert_eq!(plant.shown(3 + ix), plant.shown_outlets(ix).iter().copied().sum::<Power>());
        }
    }
}
