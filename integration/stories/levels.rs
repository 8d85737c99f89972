//! Miners with a level between full power and sleep: a price takes them there and back, a limit knows no levels, and nobody is given the
//! room before the watts show it.

use ballast::plan::Event;
use ballast::units::{Power, Price};

use super::bench::{Bench, kw, ms, site, two_levels};

/// With the hall at its plate there is room for six of ten.
const LIMIT: Power = kw(36_000);

/// Ten rows of 40 miners of 25 kW that hash at 17.5 J/TH in full and at 14 with two thirds of the power. In full they earn up to 92.86
/// USD/MWh, at low power up to 116.07, and the last third of their power up to 46.43.
fn rows() -> Bench {
    let mut site = site();
    site.poi.import_limit = LIMIT;
    site.poi.within = ms(10_000);
    site.groups = (0..10).map(|ix| two_levels(&format!("row-{ix}"), usize::from(ix >= 5), 40, kw(25))).collect();
    let mut bench = Bench::new(site).all_on();
    bench.set_hall(kw(10_000));
    bench.pass(ms(20_000));
    bench
}

fn dollars(dollars: i64) -> Option<Price> {
    Some(Price::from_micro_usd_per_mwh(dollars * 1_000_000))
}

fn low(bench: &Bench) -> u32 {
    bench.plan.commands.iter().map(|command| (command.low & command.on).count_ones()).sum()
}

fn on(bench: &Bench) -> u32 {
    bench.plan.commands.iter().map(|command| command.on.count_ones()).sum()
}

/// Passes time within the limit, and collects what was told.
fn told(bench: &mut Bench, ticks: u32) -> Vec<Event> {
    let mut events = Vec::new();
    for _ in 0..ticks {
        bench.pass(ms(100));
        assert!(
            bench.import() <= LIMIT,
            "{} W with the hall at {}, {} W counted",
            bench.import().watts(),
            bench.hall_truth,
            bench.plan.counted.watts()
        );
        assert!(bench.plan.counted >= bench.miners(), "{} of {}", bench.plan.counted, bench.miners());
        events.extend(bench.plan.events.iter().copied());
    }
    events
}

#[test]
fn where_the_last_watts_do_not_earn_all_run_at_low_power_and_nobody_sleeps() {
    let mut bench = rows();
    bench.price = dollars(60);
    bench.pass(ms(1_000));
    // The site's ramp is 1 MW/s.
    assert!(bench.miners() >= kw(8_700), "it came down faster than the ramp: {}", bench.miners());
    told(&mut bench, 300);
    assert_eq!((on(&bench), low(&bench)), (400, 400));
    assert!(bench.miners() < kw(6_700), "{}", bench.miners());
    assert_eq!(bench.plan.counted, kw(10_000), "in full until the time is over in which they tune");
    told(&mut bench, 600);
    assert!(bench.plan.counted < kw(6_700), "{}", bench.plan.counted);
}

#[test]
fn when_the_price_falls_they_come_back_to_full_power_on_the_restore_ramp() {
    let mut bench = rows();
    bench.price = dollars(60);
    told(&mut bench, 1_000);
    let before = bench.miners();
    bench.price = dollars(40);
    told(&mut bench, 11);
    // The restore ramp is 2 MW/s, in batches of 500 kW on each feeder every 200 ms.
    assert!(bench.miners() - before <= kw(2_400), "{}", bench.miners() - before);
    told(&mut bench, 200);
    assert_eq!((on(&bench), low(&bench)), (400, 0));
    assert_eq!(bench.miners(), kw(10_000));
}

#[test]
fn a_higher_price_puts_to_sleep_what_runs_at_low_power_and_a_lower_one_wakes_it_at_the_level_that_earns() {
    let mut bench = rows();
    bench.price = dollars(100);
    told(&mut bench, 1_000);
    assert_eq!((on(&bench), low(&bench)), (400, 400), "100 USD/MWh is more than they earn in full, and they still run");
    bench.price = dollars(130);
    told(&mut bench, 600);
    assert_eq!(on(&bench), 0);
    bench.price = dollars(100);
    let events = told(&mut bench, 600);
    assert_eq!((on(&bench), low(&bench)), (400, 400), "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::NotFollowing { .. } | Event::Cut { .. })), "{events:?}");
}

#[test]
fn a_hall_that_rises_meets_miners_at_low_power_as_it_meets_any_other() {
    for lasted in [5, 100, 1_000] {
        let mut bench = rows();
        bench.price = dollars(60);
        told(&mut bench, lasted);
        let mut hall = 10_000;
        while hall < 30_000 {
            hall += 400;
            bench.set_hall(kw(hall));
            told(&mut bench, 1);
        }
        let events = told(&mut bench, 300);
        assert!(!events.iter().any(|event| matches!(event, Event::Cut { .. })), "{events:?}");
        assert!(bench.miners() >= kw(3_900), "the room is used: {}", bench.miners());
    }
}

#[test]
fn what_low_power_leaves_is_given_to_those_that_the_limit_kept_off() {
    let mut bench = rows();
    bench.set_hall(kw(30_000));
    bench.pass(ms(60_000));
    let in_full = on(&bench);
    assert!(in_full <= 240, "{in_full}");
    bench.price = dollars(60);
    told(&mut bench, 6_000);
    assert!(on(&bench) >= in_full * 14 / 10, "{} of {in_full} at {}", on(&bench), bench.import());
    bench.price = dollars(20);
    told(&mut bench, 3_000);
    assert!(bench.miners() >= kw(5_700), "{}", bench.miners());
}

#[test]
fn a_miner_that_takes_no_power_target_is_told_once_and_counts_in_full_and_keeps_its_outlet() {
    let mut bench = rows();
    bench.restless[3] = u64::MAX;
    bench.price = dollars(60);
    let events = told(&mut bench, 1_000);
    let told_once = events.iter().filter(|event| matches!(event, Event::NotFollowing { group: 3, .. })).count();
    assert_eq!(told_once, 1, "{events:?}");
    assert_eq!(bench.cut(3), 0);
    assert!(bench.memory.groups[3].counted >= kw(1_000));
    // A limit makes no difference: the others are proved by their own watts.
    bench.set_hall(kw(20_000));
    bench.orders.cap = Some(kw(26_000));
    told(&mut bench, 600);
    assert!(bench.import() <= kw(26_000), "{}", bench.import());
    bench.restless[3] = 0;
    let events = told(&mut bench, 600);
    assert!(bench.memory.groups[3].level.late || events.iter().any(|e| matches!(e, Event::Following { group: 3 })));
}

#[test]
fn one_that_creeps_up_again_counts_as_what_it_draws() {
    let mut bench = rows();
    bench.price = dollars(60);
    told(&mut bench, 1_000);
    bench.restless[0] = u64::MAX;
    told(&mut bench, 100);
    let fixed = &bench.standing.groups[0];
    let (kept, full) = (&bench.memory.groups[0], fixed.power_of(u64::MAX));
    assert!(kept.counted >= full && kept.beyond > kw(300), "{} beyond {}", kept.counted, kept.beyond);
}
