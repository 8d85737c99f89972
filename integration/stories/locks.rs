//! Groups that a person locked: nothing is switched there whatever happens, others make room, and all that has power counts.

use ballast::plan::Event;
use ballast::units::{Power, Price};
use proptest::prelude::*;

use super::bench::{Bench, kw, ms, site, sleeper};

fn lock(bench: &mut Bench, ix: usize) {
    let name = bench.standing.site.groups[ix].name.clone();
    bench.orders.locked.insert(name);
}

/// Four rows of 20 miners of 25 kW that are told to sleep, limits by their firmware or by their outlets.
fn rows(first: bool) -> Bench {
    let mut site = site();
    site.poi.within = ms(10_000);
    site.groups = (0..4).map(|ix| sleeper(&format!("row-{ix}"), usize::from(ix >= 2), 20, kw(25), first)).collect();
    Bench::new(site).all_on()
}

#[test]
fn a_limit_sheds_others_in_its_place() {
    let mut bench = Bench::new(site()).all_on();
    bench.pass(ms(1_000));
    lock(&mut bench, 1);
    bench.set_hall(kw(30_000));
    bench.pass(ms(10_000));
    assert_eq!(bench.told(1), kw(6_000), "south is the worse, and is locked");
    assert!(bench.told(0) <= kw(4_000) && bench.import() <= kw(40_000), "{}", bench.import());
}

#[test]
fn no_price_and_no_cap_lowers_it_and_nothing_raises_it() {
    let mut bench = Bench::new(site()).all_on();
    bench.pass(ms(1_000));
    lock(&mut bench, 1);
    bench.price = Some(Price::from_micro_usd_per_mwh(1_000_000_000));
    bench.pass(ms(60_000));
    assert_eq!((bench.told(0), bench.told(1)), (Power::ZERO, kw(6_000)));
    bench.orders.cap = Some(Power::ZERO);
    bench.pass(ms(60_000));
    assert_eq!(bench.told(1), kw(6_000));
    bench.orders.locked.clear();
    bench.pass(ms(60_000));
    assert_eq!(bench.told(1), Power::ZERO, "unlocked, it goes like all others");
    lock(&mut bench, 1);
    (bench.price, bench.orders.cap) = (None, None);
    bench.pass(ms(60_000));
    assert_eq!((bench.told(0), bench.told(1)), (kw(8_000), Power::ZERO));
}

#[test]
fn e_stop_and_the_end_of_the_program_are_for_all_and_a_release_raises_nothing_there() {
    for by in ["e-stop", "end"] {
        let mut bench = rows(true);
        bench.pass(ms(1_000));
        lock(&mut bench, 0);
        bench.pass(ms(1_000));
        (bench.orders.e_stop, bench.orders.drain) = (by == "e-stop", by == "end");
        bench.pass(ms(60_000));
        assert_eq!(bench.told(0), Power::ZERO, "{by}");
        (bench.orders.e_stop, bench.orders.drain) = (false, false);
        bench.pass(ms(120_000));
        assert_eq!((bench.told(0), bench.told(1)), (Power::ZERO, kw(500)), "{by}");
    }
}

#[test]
fn who_sleeps_with_power_counts_in_full_for_it_may_start_anew() {
    let mut bench = rows(true);
    bench.price = Some(Price::from_micro_usd_per_mwh(1_000_000_000));
    bench.pass(ms(60_000));
    assert!(bench.plan.counted < kw(10), "{}", bench.plan.counted);
    lock(&mut bench, 2);
    bench.pass(ms(1_000));
    assert!(bench.plan.counted >= kw(500), "{}", bench.plan.counted);
    bench.orders.locked.clear();
    bench.pass(ms(1_000));
    assert!(bench.plan.counted < kw(10), "they say that they sleep: {}", bench.plan.counted);
}

#[test]
fn what_does_not_sleep_is_cut_only_after_it_is_unlocked_and_has_its_time_anew() {
    let mut bench = rows(true);
    bench.set_hall(kw(38_000));
    bench.pass(ms(20_000));
    bench.sleepless[0] = u64::MAX;
    bench.sleepless[1] = u64::MAX;
    bench.orders.cap = Some(kw(38_000));
    bench.pass(ms(3_000));
    lock(&mut bench, 0);
    let mut cut = Vec::new();
    let mut pass = |bench: &mut Bench, ticks: u32| {
        for _ in 0..ticks {
            bench.pass(ms(100));
            let cuts = bench.plan.events.iter().filter_map(|event| match event {
                Event::Cut { group, .. } => Some(*group),
                _ => None,
            });
            cut.extend(cuts.map(|group| (group, bench.now)));
        }
    };
    pass(&mut bench, 300);
    let unlocked = bench.now;
    bench.orders.locked.clear();
    pass(&mut bench, 300);
    let first = |of: usize| cut.iter().find(|(group, _)| *group == of).map(|(_, at)| *at);
    assert!(first(1).is_some_and(|at| at < unlocked), "{cut:?}");
    assert!(first(0).is_some_and(|at| at.since(unlocked) >= ms(5_000)), "{cut:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever the hall, the price and caps do: the command of a locked group never changes, and import is held by the others as
    /// long as they have anything to give.
    #[test]
    fn a_locked_group_is_never_told_anything_else(
        first in any::<bool>(), locked in 0..4_usize,
        steps in proptest::collection::vec((30_000_i64..39_900, any::<bool>(), proptest::option::of(36_000_i64..40_000)), 1..8)
    ) {
        let mut bench = rows(first);
        bench.set_hall(kw(36_000));
        bench.pass(ms(30_000));
        lock(&mut bench, locked);
        bench.pass(ms(100));
        let before = (bench.told(locked), bench.cut(locked));
        for (hall, dear, cap) in steps {
            bench.set_hall(kw(hall.min(38_500)));
            bench.price = dear.then(|| Price::from_micro_usd_per_mwh(1_000_000_000));
            bench.orders.cap = cap.map(kw);
            for _ in 0..150 {
                bench.pass(ms(100));
                prop_assert_eq!((bench.told(locked), bench.cut(locked)), before);
            }
            prop_assert!(bench.import() <= kw(40_000), "{}", bench.import());
        }
    }
}
