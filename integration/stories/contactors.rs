//! Feeders whose contactors are the last step: what draws on behind one, and can be lowered by nothing else, loses its power; what is
//! opened stays so until a person closes it, and closes when there is room for all behind it.

use ballast::decide::Memory;
use ballast::plan::{Event, Opened};
use ballast::site::Contactor;
use ballast::snapshot::Link;
use ballast::units::{Power, Price};
use proptest::prelude::*;

use super::bench::{Bench, group, kw, ms, site, sleeper};

const NORTH: usize = 0;
const SOUTH: usize = 1;
const FREE: usize = 2;

/// The site of the other stories with a contactor on its southern feeder, which carries two rows, and a row on no feeder.
fn fed() -> Bench {
    let mut site = site();
    site.feeders[1].contactor = Some(Contactor {
        device: 0,
        meter: 0,
        response: ms(300),
        proof: ms(1_500),
        opens_after: ms(1_000),
        returns_off: false,
    });
    site.groups.push(group("free", 1, 10, kw(50), 25_000, 500));
    site.groups[FREE].feeder = None;
    site.groups.push(group("south-2", 1, 5, kw(100), 30_000, 500));
    Bench::new(site).all_on()
}

/// What was told since the start, with when.
fn events_in(bench: &mut Bench, ticks: u32) -> Vec<Event> {
    let mut told = Vec::new();
    for _ in 0..ticks {
        bench.pass(ms(100));
        told.extend(bench.plan.events.iter().copied());
    }
    told
}

fn opens(events: &[Event]) -> Vec<(usize, Opened)> {
    let opens = |event: &Event| match event {
        Event::FeederOpens { feeder, why, .. } => Some((*feeder, *why)),
        _ => None,
    };
    events.iter().filter_map(opens).collect()
}

/// A hall that leaves no room for the southern row, which answers and draws on.
fn with_a_liar() -> Bench {
    let mut bench = fed();
    bench.pass(ms(1_000));
    bench.liars[SOUTH] = true;
    bench.set_hall(kw(35_000));
    bench
}

#[test]
fn what_draws_on_when_all_else_is_lowered_loses_its_feeder_and_import_is_held() {
    let mut bench = with_a_liar();
    let events = events_in(&mut bench, 100);
    assert_eq!(opens(&events), [(SOUTH, Opened::LastResort)]);
    assert!(events.contains(&Event::FeederDark { feeder: SOUTH }), "{events:?}");
    assert!(bench.import() <= kw(40_000), "{}", bench.import());
    assert_eq!((bench.draws(SOUTH), bench.told(SOUTH), bench.told(3)), (Power::ZERO, Power::ZERO, Power::ZERO));
    assert!(bench.plan.counted <= kw(5_000), "what has no power counts nothing: {}", bench.plan.counted);
    assert!(bench.orders.open.contains("south"));
    bench.set_hall(Power::ZERO);
    let later = events_in(&mut bench, 4_000);
    assert_eq!((opens(&later), bench.told(SOUTH)), (vec![], Power::ZERO), "it takes a person");
    assert_eq!((bench.told(NORTH), bench.told(FREE)), (kw(8_000), kw(500)), "all others are back");
}

#[test]
fn it_is_opened_only_after_the_proof_of_the_outlets_and_the_time_that_the_file_gives() {
    let mut bench = with_a_liar();
    let began = bench.now;
    while opens(&bench.plan.events).is_empty() {
        bench.pass(ms(100));
        assert!(bench.now.since(began) < ms(10_000), "never");
    }
    let took = bench.now.since(began);
    assert!(took >= ms(3_500) && took <= ms(5_000), "proof of 2.5 s, then a second: {took:?}");
}

#[test]
fn others_give_what_they_have_before_a_feeder_is_opened() {
    let mut bench = with_a_liar();
    bench.set_hall(kw(31_000));
    let events = events_in(&mut bench, 100);
    assert_eq!(opens(&events), []);
    assert_eq!(bench.draws(SOUTH), kw(6_000));
    assert!(bench.told(NORTH) <= kw(3_000), "{}", bench.told(NORTH));
    assert!(bench.import() <= kw(40_000));
}

#[test]
fn no_price_opens_one() {
    let mut bench = fed();
    bench.liars[SOUTH] = true;
    bench.price = Some(Price::from_micro_usd_per_mwh(1_000_000_000));
    let events = events_in(&mut bench, 600);
    assert_eq!(opens(&events), []);
    assert!(events.iter().any(|event| matches!(event, Event::NotFollowing { group: SOUTH, .. })));
}

#[test]
fn a_silent_row_that_cannot_be_told_anything_is_opened_for_a_limit_and_counts_nothing_then() {
    let mut bench = fed();
    bench.pass(ms(1_000));
    bench.links[SOUTH] = Link::Silent;
    bench.links[3] = Link::Silent;
    bench.pass(ms(1_000));
    bench.set_hall(kw(38_000));
    let events = events_in(&mut bench, 60);
    assert_eq!(opens(&events), [(SOUTH, Opened::LastResort)]);
    assert!(bench.import() <= kw(40_000) && bench.plan.counted <= kw(2_000), "{}", bench.plan.counted);
}

#[test]
fn where_somebody_works_it_is_not_opened_but_by_e_stop() {
    let mut bench = with_a_liar();
    bench.orders.locked.insert("south-2".into());
    let events = events_in(&mut bench, 100);
    assert_eq!(opens(&events), []);
    bench.orders.e_stop = true;
    let events = events_in(&mut bench, 60);
    assert_eq!(opens(&events), [(SOUTH, Opened::LastResort)]);
    assert_eq!(bench.miners(), Power::ZERO);
}

#[test]
fn an_e_stop_opens_what_does_not_go_off_and_nothing_that_does() {
    for lies in [false, true] {
        let mut bench = fed();
        bench.pass(ms(1_000));
        bench.liars[SOUTH] = lies;
        bench.orders.e_stop = true;
        let events = events_in(&mut bench, 100);
        assert_eq!(opens(&events).len(), usize::from(lies));
        assert_eq!(bench.miners(), Power::ZERO, "lies: {lies}");
    }
}

#[test]
fn a_contactor_that_sticks_is_told_and_counts_as_drawing() {
    let mut bench = with_a_liar();
    bench.feeding[0].sticks = true;
    let events = events_in(&mut bench, 100);
    assert_eq!(opens(&events), [(SOUTH, Opened::LastResort)]);
    let told = |event: &Event| matches!(event, Event::FeederNotFollowing { feeder: SOUTH, counted_w } if *counted_w >= kw(6_000));
    assert_eq!(events.iter().filter(|event| told(event)).count(), 1);
    assert!(bench.plan.counted >= kw(6_000), "{}", bench.plan.counted);
    bench.feeding[0].sticks = false;
    bench.pass(ms(1_000));
    assert!(bench.plan.counted <= kw(5_000), "{}", bench.plan.counted);
}

#[test]
fn a_person_closes_it_and_all_behind_counts_in_full_until_it_is_shown_off() {
    for pdus_go_dark in [false, true] {
        let mut bench = with_a_liar();
        bench.pdus_go_dark = pdus_go_dark;
        bench.pass(ms(10_000));
        (bench.liars[SOUTH], bench.orders.open) = (false, [].into());
        bench.pass(ms(10_000));
        assert!(bench.feeding[0].open, "there is no room beside a hall of 35 MW");
        bench.set_hall(kw(20_000));
        let mut closed = None;
        for _ in 0..3_200 {
            bench.pass(ms(100));
            if bench.plan.events.iter().any(|event| matches!(event, Event::FeederCloses { feeder: SOUTH })) {
                closed = Some(bench.plan.counted);
            }
        }
        assert!(closed.is_some_and(|counted| counted >= kw(6_500)), "{closed:?}");
        assert!(!bench.feeding[0].open);
        bench.pass(ms(400_000));
        assert_eq!((bench.told(SOUTH), bench.told(3)), (kw(6_000), kw(500)), "back on the ramp");
        assert!(bench.plan.contactors == [None], "what is closed is left as it is");
    }
}

#[test]
fn it_is_not_closed_while_the_order_is_not_on_the_disk() {
    let mut bench = with_a_liar();
    bench.pass(ms(10_000));
    bench.set_hall(kw(20_000));
    bench.pass(ms(310_000));
    bench.journal_lag = 40;
    bench.orders.open.clear();
    bench.pass(ms(3_000));
    assert!(bench.feeding[0].open);
    bench.journal_lag = 0;
    bench.pass(ms(3_000));
    assert!(!bench.feeding[0].open);
}

#[test]
fn what_is_found_open_stays_open_and_what_was_open_before_a_restart_too() {
    let mut bench = fed();
    bench.feeding[0].open = true;
    let events = events_in(&mut bench, 600);
    assert_eq!(opens(&events), [(SOUTH, Opened::Found)]);
    assert!(bench.orders.open.contains("south") && bench.told(SOUTH) == Power::ZERO);
    bench.memory = Memory::new(&bench.standing.site);
    bench.pass(ms(100));
    assert!(bench.plan.counted >= kw(6_500), "nobody has seen it yet: {}", bench.plan.counted);
    let events = events_in(&mut bench, 600);
    assert_eq!((bench.told(SOUTH), bench.feeding[0].open), (Power::ZERO, true));
    assert!(events.contains(&Event::FeederDark { feeder: SOUTH }), "{events:?}");
}

#[test]
fn somebody_opens_it_by_hand_while_all_is_well() {
    let mut bench = fed();
    bench.pass(ms(20_000));
    bench.feeding[0].open = true;
    let events = events_in(&mut bench, 600);
    assert_eq!(opens(&events), [(SOUTH, Opened::Found)]);
    assert_eq!((bench.told(NORTH), bench.told(SOUTH)), (kw(8_000), Power::ZERO));
}

#[test]
fn a_person_opens_it() {
    let mut bench = fed();
    bench.pass(ms(20_000));
    bench.orders.open.insert("south".into());
    let events = events_in(&mut bench, 100);
    assert_eq!(opens(&events), [(SOUTH, Opened::Ordered)]);
    assert_eq!((bench.draws(SOUTH), bench.draws(3)), (Power::ZERO, Power::ZERO));
    assert_eq!(bench.told(NORTH), kw(8_000));
}

#[test]
fn a_feeder_above_its_rating_is_opened_when_its_outlets_do_not_lower_it() {
    let mut bench = fed();
    bench.standing.site.feeders[1].rating = kw(3_000);
    bench.liars[SOUTH] = true;
    bench.liars[3] = true;
    let events = events_in(&mut bench, 100);
    assert_eq!(opens(&events), [(SOUTH, Opened::LastResort)]);
}

#[test]
fn miners_that_sleep_by_their_firmware_are_cut_at_their_outlets_first() {
    let mut site = site();
    site.poi.within = ms(20_000);
    let contactor = Contactor {
        device: 0,
        meter: 0,
        response: ms(300),
        proof: ms(1_500),
        opens_after: ms(1_000),
        returns_off: false,
    };
    site.feeders[0].contactor = Some(contactor);
    site.groups = vec![sleeper("row", 0, 20, kw(100), true)];
    let mut bench = Bench::new(site).all_on();
    bench.pass(ms(1_000));
    bench.sleepless[0] = u64::MAX;
    bench.set_hall(kw(39_500));
    let events = events_in(&mut bench, 200);
    assert!(events.iter().any(|event| matches!(event, Event::Cut { .. })));
    assert_eq!((opens(&events), bench.import() <= kw(40_000)), (vec![], true), "{}", bench.import());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever lies, falls silent and is ordered: what has power is counted, no contactor closes but after a person said so, and where
    /// contactors obey the import is held whatever outlets do.
    #[test]
    fn what_has_power_is_counted_and_nothing_closes_by_itself(
        steps in proptest::collection::vec(
            (20_000_i64..39_000, any::<[bool; 4]>(), any::<[bool; 2]>(), 0..12_u8), 1..8,
        ),
        pdus_go_dark in any::<bool>(),
    ) {
        let mut bench = fed();
        bench.pdus_go_dark = pdus_go_dark;
        bench.pass(ms(1_000));
        let mut released = false;
        for (hall, lies, silent, order) in steps {
            bench.set_hall(kw(hall));
            // The northern row has no contactor: it obeys.
            bench.liars = vec![false, lies[1], false, lies[3]];
            for (ix, silent) in [(SOUTH, silent[0]), (3, silent[1])] {
                bench.links[ix] = if silent { Link::Silent } else { Link::Up };
            }
            match order {
                0 => { bench.orders.open.insert("south".into()); }
                1..=3 => { bench.orders.open.clear(); released = true; }
                4 => bench.orders.e_stop = true,
                5..=7 => bench.orders.e_stop = false,
                _ => {}
            }
            for tick in 0..150 {
                let was_open = bench.feeding[0].open;
                bench.pass(ms(100));
                if was_open && !bench.feeding[0].open {
                    prop_assert!(std::mem::take(&mut released), "closed by itself");
                }
                let really = bench.miners();
                prop_assert!(bench.plan.counted >= really || tick < 10, "{really} drawn, {} counted", bench.plan.counted);
                prop_assert!(bench.import() <= kw(40_000) || tick < 60, "{}", bench.import());
            }
        }
    }
}
