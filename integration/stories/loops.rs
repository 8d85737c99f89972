//! Situations that move: the decision in closed loop on a site that obeys as late as it may.

use ballast::plan::{Condition, Event, Retreat};
use ballast::snapshot::Link;
use ballast::units::Power;
use proptest::prelude::*;

use super::bench::{Bench, group, kw, ms, site};

/// Three response classes and odd unit sizes.
fn mixed() -> ballast::site::Site {
    let mut site = site();
    site.groups = vec![
        group("fast-1", 0, 40, kw(95), 17_500, 100),
        group("fast-2", 0, 40, kw(70), 19_000, 100),
        group("mid", 1, 30, kw(110), 21_000, 500),
        group("slow", 1, 20, kw(100), 29_500, 2_500),
    ];
    site
}

#[test]
fn a_shed_that_is_not_seen_yet_is_not_ordered_twice() {
    let mut bench = Bench::new(site()).all_on();
    bench.set_hall(kw(20_000));
    bench.pass(ms(5_000));
    bench.set_hall(kw(25_000));
    bench.step();
    let after_one = (bench.told(0), bench.told(1));
    for _ in 0..4 {
        bench.now = bench.now.after(ms(100));
        bench.step();
        assert_eq!((bench.told(0), bench.told(1)), after_one, "the power is on its way: nothing more to shed");
    }
}

#[test]
fn a_restore_counts_as_drawing_when_it_is_sent() {
    let mut bench = Bench::new(site());
    bench.set_hall(kw(10_000));
    while bench.plan.commands.iter().all(|command| command.on == 0) {
        bench.step();
        bench.now = bench.now.after(ms(100));
    }
    assert!(bench.plan.counted > Power::ZERO);
    assert_eq!(bench.plan.counted, bench.told(0) + bench.told(1));
}

#[test]
fn a_raise_waits_for_its_durable_record_and_lowering_never_does() {
    let mut bench = Bench::new(site());
    bench.journal_lag = u64::MAX / 2;
    bench.set_hall(kw(10_000));
    bench.pass(ms(900));
    assert!(!bench.plan.intends.is_empty());
    assert_eq!(bench.miners(), Power::ZERO, "announced, not durable, so not sent");
    bench.pass(ms(30_000));
    assert_eq!(bench.miners(), Power::ZERO);
    assert_eq!((bench.plan.stand.retreat, bench.plan.stand.condition), (Retreat::Hold, Some(Condition::RecordLate)));
    bench.journal_lag = 0;
    bench.pass(ms(60_000));
    assert_eq!(bench.miners(), kw(14_000));
    bench.journal_lag = u64::MAX / 2;
    bench.set_hall(kw(30_000));
    bench.pass(ms(1_000));
    assert_eq!(bench.miners(), kw(10_000));
}

#[test]
fn dwell_holds_a_restore_and_never_a_shed() {
    let mut bench = Bench::new(site()).all_on();
    bench.set_hall(kw(30_000));
    bench.pass(ms(1_000));
    assert_eq!(bench.miners(), kw(10_000));
    // the envelope remembers the peak for its window; dwell is over long before
    bench.set_hall(kw(10_000));
    bench.pass(ms(290_000));
    assert_eq!(bench.miners(), kw(10_000), "the rolling maximum still holds the peak");
    bench.pass(ms(60_000));
    assert_eq!(bench.miners(), kw(14_000));
}

#[test]
fn wiggles_under_the_envelope_switch_nothing() {
    let mut bench = Bench::new(site());
    bench.set_hall(kw(25_000));
    bench.pass(ms(120_000));
    let on: Vec<_> = bench.plan.commands.iter().map(|command| command.on).collect();
    for step in 0..600 {
        bench.set_hall(kw(25_000 - (step % 7) * 400));
        bench.pass(ms(300));
        assert!(bench.plan.commands.iter().map(|command| command.on).eq(on.iter().copied()));
    }
}

#[test]
fn a_liar_is_found_by_its_watts_and_the_others_make_room() {
    let mut bench = Bench::new(site()).all_on();
    bench.set_hall(kw(20_000));
    bench.pass(ms(3_000));
    bench.liars[1] = true;
    bench.set_hall(kw(28_000));
    let mut told = false;
    for _ in 0..60 {
        bench.step();
        told |= bench.plan.events.iter().any(|event| matches!(event, Event::NotFollowing { group: 1, .. }));
        bench.now = bench.now.after(ms(100));
    }
    assert!(told, "the journal says who does not follow");
    assert!(bench.import() <= kw(40_000), "north made room for the liar: {}", bench.import());
    bench.liars[1] = false;
    bench.pass(ms(3_000));
    assert!(!bench.memory.groups[1].not_following, "its watts confirm it again");
}

#[test]
fn a_drain_goes_down_the_ramp_and_never_off_the_cliff() {
    let mut bench = Bench::new(site()).all_on();
    bench.set_hall(kw(10_000));
    bench.pass(ms(3_000));
    bench.orders.drain = true;
    let mut before = bench.told(0) + bench.told(1);
    let mut seconds = 0;
    while before > Power::ZERO && seconds < 60 {
        bench.pass(ms(1_000));
        let now = bench.told(0) + bench.told(1);
        assert!(before - now <= kw(1_000 + 300), "the ramp is 1 MW/s: {}", before - now);
        (before, seconds) = (now, seconds + 1);
    }
    assert!((10..=16).contains(&seconds), "14 MW at 1 MW/s, the first moments ahead: {seconds}");
}

#[test]
fn a_silent_group_is_left_alone_and_counted() {
    let mut bench = Bench::new(site()).all_on();
    bench.set_hall(kw(22_000));
    bench.pass(ms(3_000));
    bench.links[0] = Link::Silent;
    bench.set_hall(kw(30_000));
    bench.pass(ms(3_000));
    assert_eq!((bench.draws(0), bench.draws(1)), (kw(8_000), kw(2_000)));
    bench.links[0] = Link::Up;
    bench.pass(ms(1_000));
    assert_eq!(bench.import(), kw(40_000));
}

#[test]
fn what_was_learnt_and_dwell_survive_a_restart() {
    let mut bench = Bench::new(site());
    bench.set_hall(kw(10_000));
    bench.pass(ms(60_000));
    let kept = bench.memory.remember(&bench.standing.site, bench.now);
    let (memory, start) = ballast::decide::Memory::recall(&bench.standing.site, &kept, Default::default(), ms(5_000));
    let age =
        |memory: &ballast::decide::Memory, now: ballast::time::Mono| now.since(memory.groups[0].changed[0]).as_millis();
    assert_eq!(age(&memory, start), age(&bench.memory, bench.now) + 5_000);
    assert_eq!(memory.margin, bench.memory.margin);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the hall does within what it declared, import stays under the limit, at every moment and not only at ticks.
    #[test]
    fn a_declared_ramp_never_breaks_the_limit(
        targets in prop::collection::vec((0_i64..=30_000, 1_u64..40), 4..24), phase in 0_u64..10, lag in 0_u64..200
    ) {
        let mut bench = Bench::new(mixed());
        bench.age = ms(lag);
        let mut hall = kw(5_000);
        let mut trail = vec![hall; 64];
        for (target, tenths) in targets {
            for tick in 0..tenths * 10 {
                for _ in 0..10 {
                    // ten steps of 10 ms a tick, each at most the declared slew of 4 MW/s
                    let step = (kw(target) - hall).watts().clamp(-400_000, 40_000);
                    hall += Power::from_watts(step);
                    trail.push(hall);
                    bench.now = bench.now.after(ms(10));
                    bench.hall_truth = hall;
                    prop_assert!(bench.import() <= kw(40_000), "{} at {:?}", bench.import(), bench.now);
                }
                // the meter shows what was true `lag` ago; one sample in ten does not come
                let missed = if (tick + phase) % 10 == 9 { 100 } else { 0 };
                bench.age = ms(lag / 10 * 10 + missed);
                bench.hall = trail.get(trail.len() - 1 - ((lag / 10 * 10 + missed) / 10) as usize).copied();
                bench.step();
            }
        }
    }

    /// Sum of commands within every bound: site and feeders, each class.
    #[test]
    fn commands_never_exceed_a_rating(hall in 0_i64..=30_000, rating in 500_i64..9_000) {
        let mut site = mixed();
        site.feeders[0].rating = kw(rating);
        let mut bench = Bench::new(site);
        bench.set_hall(kw(hall));
        bench.pass(ms(40_000));
        prop_assert!(bench.told(0) + bench.told(1) <= kw(rating));
        prop_assert!(bench.told(2) + bench.told(3) <= kw(7_000));
    }

    /// Total: no snapshot, however absurd, makes the decision fail, and none raises without its five conditions.
    #[test]
    fn the_decision_is_total(
        poi in any::<i64>(), hall in any::<i64>(), at in any::<u64>(), now in any::<u64>(), price in any::<i64>(),
        cap in any::<Option<i64>>(), on in any::<u64>(), e_stop in any::<bool>(), drain in any::<bool>()
    ) {
        let mut bench = Bench::new(mixed());
        for tick in 1..4 {
            bench.tick = tick;
            bench.now = ballast::time::Mono::from_micros(now);
            let mut snapshot = bench.snapshot();
            let at = ballast::time::Mono::from_micros(at);
            snapshot.poi = ballast::snapshot::Reading::Known(Power::from_watts(poi), at);
            snapshot.hall = ballast::snapshot::Reading::Known(Power::from_watts(hall), at);
            snapshot.orders = ballast::snapshot::Orders { e_stop, drain, cap: cap.map(Power::from_watts), locked: [bench.standing.site.groups[1].name.clone()].into(), open: [].into() };
            snapshot.price = Some(ballast::snapshot::PriceSeen { price: ballast::units::Price::from_micro_usd_per_mwh(price), at });
            for group in &mut snapshot.groups {
                group.on = Some((on, at));
                group.power = ballast::snapshot::Reading::Known(Power::from_watts(hall), at);
            }
            let (plan, memory) = ballast::decide::decide(&bench.standing, bench.memory.clone(), &snapshot);
            prop_assert_eq!(plan.commands.len(), 4);
            prop_assert!(!e_stop || plan.commands.iter().all(|command| command.on == 0));
            bench.memory = memory;
        }
    }
}
