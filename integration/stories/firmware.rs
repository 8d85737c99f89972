//! Miners that are told to sleep by their own firmware, with outlets behind them: what obeys sleeps and keeps its outlet, what lies
//! loses it, and nothing is believed but watts.

use ballast::plan::Event;
use ballast::units::Power;

use super::bench::{Bench, kw, ms, site, sleeper};

/// With the hall at its plate there is room for six of ten.
const LIMIT: Power = kw(36_000);

/// Ten rows of 40 miners of 25 kW (containers in small), told to sleep; limits use the outlets first where `first` is not set.
fn rows(first: bool) -> Bench {
    let mut site = site();
    site.poi.import_limit = LIMIT;
    site.poi.within = ms(10_000);
    site.groups = (0..10).map(|ix| sleeper(&format!("row-{ix}"), usize::from(ix >= 5), 40, kw(25), first)).collect();
    Bench::new(site).all_on()
}

fn cut(bench: &Bench) -> u32 {
    (0..10).map(|ix| bench.cut(ix).count_ones()).sum()
}

/// Passes time and collects what was told.
fn told(bench: &mut Bench, ticks: u32) -> Vec<Event> {
    let mut events = Vec::new();
    for _ in 0..ticks {
        bench.pass(ms(100));
        events.extend(bench.plan.events.iter().copied());
    }
    events
}

#[test]
fn miners_that_obey_sleep_for_a_limit_and_keep_their_outlets() {
    let mut bench = rows(true);
    bench.set_hall(kw(20_000));
    bench.pass(ms(20_000));
    assert!(bench.miners() >= kw(9_000), "{}", bench.miners());
    let mut hall = 20_000;
    while hall < 30_000 {
        hall += 400;
        bench.set_hall(kw(hall));
        bench.pass(ms(100));
        assert!(bench.import() <= LIMIT, "at {hall}: {}", bench.import());
    }
    let events = told(&mut bench, 100);
    assert_eq!(cut(&bench), 0, "nobody lied");
    assert!(!events.iter().any(|event| matches!(event, Event::NotFollowing { .. } | Event::Cut { .. })), "{events:?}");
    assert!(bench.memory.groups.iter().all(|group| group.lowering.is_none()), "all is proved by watts");
}

#[test]
fn what_sleeps_still_draws_a_little_and_that_is_counted() {
    let mut bench = rows(true);
    bench.set_hall(kw(30_000));
    bench.pass(ms(60_000));
    let on: Power = (0..10).map(|ix| bench.told(ix)).sum();
    let idle = bench.miners() - on;
    assert!(idle > kw(0), "some sleep");
    assert!(bench.plan.counted >= bench.miners(), "{} of {}", bench.plan.counted, bench.miners());
    assert!(bench.import() <= LIMIT);
}

#[test]
fn a_miner_that_answers_and_mines_on_is_found_by_the_watts_and_loses_its_outlet() {
    let mut bench = rows(true);
    bench.set_hall(kw(20_000));
    bench.pass(ms(20_000));
    bench.sleepless[0] = 0b1010;
    bench.set_hall(kw(30_000));
    let events = told(&mut bench, 200);
    let told_off: u64 = !bench.plan.commands[0].on & 0b1010;
    if told_off == 0 {
        // Whoever is lowered, in the end everything is.
        bench.orders.cap = Some(kw(30_000));
    }
    let events = [events, told(&mut bench, 600)].concat();
    assert_eq!(bench.cut(0) & 0b1010, 0b1010 & !bench.plan.commands[0].on, "{events:?}");
    assert!(events.iter().any(|event| matches!(event, Event::Cut { group: 0, units, .. } if *units & !0b1010 == 0)));
    assert!(bench.import() <= LIMIT, "{}", bench.import());
    assert_eq!(cut(&bench), bench.cut(0).count_ones(), "nobody else is cut");
}

#[test]
fn a_miner_whose_own_report_lies_too_is_cut_with_those_that_were_told_with_it() {
    let mut bench = rows(true);
    bench.set_hall(kw(20_000));
    bench.pass(ms(20_000));
    bench.two_faced[0] = 1;
    bench.orders.cap = Some(kw(20_000));
    let mut events = told(&mut bench, 300);
    bench.set_hall(kw(30_000));
    events.extend(told(&mut bench, 300));
    assert!(
        events.iter().any(|event| matches!(event, Event::Cut { group: 0, units, .. } if units & 1 == 1)),
        "{events:?}"
    );
    assert_eq!(bench.cut(0) & 1, 1);
    assert!(bench.import() <= LIMIT, "{}", bench.import());
}

#[test]
fn a_price_puts_to_sleep_and_never_cuts() {
    let mut bench = rows(true);
    bench.sleepless[3] = 0xFF;
    bench.deaf[4] = 0xFF;
    bench.set_hall(kw(10_000));
    bench.pass(ms(20_000));
    bench.price = Some(ballast::units::Price::from_micro_usd_per_mwh(900_000_000));
    let events = told(&mut bench, 600);
    assert_eq!(cut(&bench), 0, "economics cuts nothing");
    assert!(events.iter().any(|event| matches!(event, Event::NotFollowing { group: 3, .. })), "and it is told");
    assert!(bench.told(3) == kw(0) && bench.miners() < kw(500), "{}", bench.miners());
}

#[test]
fn a_limit_cuts_what_a_price_could_not_put_to_sleep_before_it_lowers_others() {
    let mut bench = rows(true);
    bench.sleepless[3] = u64::MAX;
    bench.set_hall(kw(10_000));
    bench.pass(ms(20_000));
    bench.price = Some(ballast::units::Price::from_micro_usd_per_mwh(900_000_000));
    bench.pass(ms(60_000));
    assert_eq!(bench.cut(3), 0);
    bench.set_hall(kw(30_000));
    bench.orders.cap = Some(kw(30_000));
    bench.pass(ms(60_000));
    assert_eq!(bench.cut(3), bench.standing.groups[3].all_on, "they draw what nobody allows");
    assert!(bench.import() <= kw(30_400), "{}", bench.import());
}

#[test]
fn where_outlets_stand_first_a_limit_takes_them_and_a_price_puts_to_sleep() {
    let mut bench = rows(false);
    bench.set_hall(kw(20_000));
    bench.pass(ms(20_000));
    bench.set_hall(kw(30_000));
    bench.pass(ms(10_000));
    assert!(cut(&bench) > 0 && bench.memory.groups.iter().all(|group| group.asleep.pending == 0));
    let before = cut(&bench);
    bench.price = Some(ballast::units::Price::from_micro_usd_per_mwh(900_000_000));
    bench.pass(ms(60_000));
    assert_eq!(cut(&bench), before, "the rest sleeps");
    assert!((0..10).all(|ix| bench.told(ix) == kw(0)));
}

#[test]
fn an_e_stop_takes_the_outlets_at_once() {
    let mut bench = rows(true);
    bench.set_hall(kw(20_000));
    bench.pass(ms(20_000));
    bench.sleepless.fill(u64::MAX);
    bench.orders.e_stop = true;
    bench.pass(ms(400));
    assert!(bench.miners() < kw(1), "what slept before sleeps on: {}", bench.miners());
    assert!(cut(&bench) > 350, "{}", cut(&bench));
}

#[test]
fn a_miner_that_draws_on_is_found_in_its_own_time_however_often_others_are_told_after_it() {
    let mut bench = rows(true);
    bench.set_hall(kw(10_000));
    bench.pass(ms(20_000));
    bench.sleepless.fill(u64::MAX);
    let (mut first, mut cut) = (None, None);
    for second in 0..30 {
        // Each second a little less: what is told last is never old enough to be proved.
        bench.orders.cap = Some(kw(19_900 - second * 25));
        for event in told(&mut bench, 10) {
            cut = cut.or(matches!(event, Event::Cut { .. }).then_some(second));
        }
        let fewer = bench.plan.commands.iter().any(|command| command.on.count_ones() < 40);
        first = first.or(fewer.then_some(second));
    }
    let (first, cut) = (first.expect("a cap lowers it"), cut.expect("and it is found"));
    assert!((cut - first) * 1_000 < 13_000, "told in second {first}, cut in second {cut}");
}

#[test]
fn a_limit_does_not_wait_for_firmware_that_a_price_told_to_sleep() {
    let mut bench = rows(false);
    bench.set_hall(kw(20_000));
    bench.pass(ms(20_000));
    // They take their time, as a stock miner that restarts does, and nobody knows yet that they do not sleep.
    bench.sleepless.fill(u64::MAX);
    bench.price = Some(ballast::units::Price::from_micro_usd_per_mwh(900_000_000));
    bench.pass(ms(3_000));
    let pending = bench.memory.groups.iter().filter(|group| group.asleep.pending != 0).count();
    assert!(pending > 0 && bench.import() > kw(29_000), "{}", bench.import());
    let mut hall = 20_000;
    while hall < 30_000 {
        hall += 400;
        bench.set_hall(kw(hall));
        bench.pass(ms(100));
        assert!(bench.import() <= LIMIT, "at {hall}: {}", bench.import());
    }
}

#[test]
fn an_e_stop_takes_the_outlets_of_what_was_told_to_sleep_before_it_and_does_not() {
    // One moment its proof is still to come, another it was given up on: a price cuts nobody.
    for (first, waits) in [(true, 8_000), (false, 8_000), (true, 60_000), (false, 60_000)] {
        let mut bench = rows(first);
        bench.set_hall(kw(10_000));
        bench.pass(ms(20_000));
        bench.sleepless[3] = u64::MAX;
        bench.price = Some(ballast::units::Price::from_micro_usd_per_mwh(900_000_000));
        bench.pass(ms(waits));
        assert_eq!((bench.told(3), bench.cut(3)), (kw(0), 0));
        bench.orders.e_stop = true;
        bench.pass(ms(400));
        assert_eq!(bench.cut(3), bench.standing.groups[3].all_on, "outlets first: {}, {waits} ms", !first);
        assert!(bench.miners() < kw(500), "{}", bench.miners());
    }
}

#[test]
fn what_was_cut_comes_back_with_its_outlet_once_there_is_room() {
    let mut bench = rows(true);
    bench.set_hall(kw(10_000));
    bench.pass(ms(20_000));
    bench.orders.e_stop = true;
    bench.pass(ms(5_000));
    bench.orders.e_stop = false;
    bench.pass(ms(120_000));
    assert_eq!(cut(&bench), 0);
    assert!(bench.miners() >= kw(9_900), "{}", bench.miners());
}

#[test]
fn a_unit_that_draws_on_three_times_is_not_let_back() {
    let mut bench = rows(true);
    bench.sleepless[0] = 1;
    bench.set_hall(kw(10_000));
    let mut events = Vec::new();
    for _ in 0..4 {
        bench.orders.cap = None;
        events.extend(told(&mut bench, 400));
        bench.orders.cap = Some(kw(9_000));
        events.extend(told(&mut bench, 400));
    }
    let barred = events.iter().filter(|event| matches!(event, Event::Quarantine { group: 0, units: 1, strikes: 3 }));
    assert_eq!(barred.count(), 1, "{:?}", bench.memory.groups[0].asleep);
    bench.orders.cap = None;
    bench.pass(ms(120_000));
    assert_eq!(bench.plan.commands[0].on & 1, 0, "it stays off");
    assert_eq!(bench.plan.commands[0].on | 1, bench.standing.groups[0].all_on, "all others are back");
    let kept = bench.memory.remember(&bench.standing.site, bench.now);
    let (memory, _) =
        ballast::decide::Memory::recall(&bench.standing.site, &kept, ballast::time::Mono::START, ms(1_000));
    assert_eq!(memory.groups[0].asleep.barred, 1, "nor after a restart");
}

#[test]
fn a_start_takes_on_what_mines_and_lets_the_rest_sleep() {
    let mut bench = rows(true);
    bench.deaf[2] = 0b11;
    bench.set_hall(kw(10_000));
    bench.step();
    assert_eq!(bench.memory.groups[1].told, Some(bench.standing.groups[1].all_on));
    assert_eq!(bench.memory.groups[2].told.map(|told| told & 0b11), Some(0), "nobody knows what they do");
    assert!(bench.plan.counted >= bench.miners(), "and they count as what is measured");
}

#[test]
fn what_boots_while_a_controller_starts_counts_in_full_until_it_says_that_it_sleeps() {
    let mut bench = rows(true);
    bench.set_hall(kw(20_000));
    (0..10).for_each(|ix| bench.idle(ix));
    bench.deaf[2] = u64::MAX;
    bench.step();
    let row = kw(1_000);
    let counted = |bench: &Bench, ix: usize| bench.memory.groups[ix].counted;
    assert!(counted(&bench, 2) >= row, "{}: with power, and nobody knows what it does", counted(&bench, 2));
    assert!(counted(&bench, 3) < kw(10), "{}: it says that it sleeps", counted(&bench, 3));
    bench.deaf[2] = 0;
    bench.step();
    assert!(counted(&bench, 2) < kw(10), "{}", counted(&bench, 2));
}

#[test]
fn outlets_that_went_off_while_the_loop_stood_still_stay_off_until_there_is_room() {
    let mut bench = rows(true);
    bench.set_hall(kw(10_000));
    bench.pass(ms(20_000));
    bench.set_hall(kw(29_000));
    bench.now = bench.now.after(ms(120_000));
    (0..10).for_each(|ix| bench.power_cut(ix));
    bench.step();
    let all = |bench: &Bench| bench.plan.commands.iter().all(|command| command.on == 0 && command.cut == (1 << 40) - 1);
    assert!(all(&bench), "{:?}", bench.plan.commands);
    bench.pass(ms(60_000));
    assert!(bench.import() <= LIMIT && bench.miners() > kw(3_000), "{}", bench.miners());
    let powered = 400 - cut(&bench);
    let on: u32 = bench.plan.commands.iter().map(|command| command.on.count_ones()).sum();
    assert_eq!(powered, on, "power comes back with the permit to run, not before");
}

#[test]
fn a_group_with_a_miner_that_ignores_a_price_comes_back_when_the_price_is_over() {
    let mut bench = rows(true);
    bench.sleepless[3] = 1;
    bench.set_hall(kw(10_000));
    bench.pass(ms(20_000));
    bench.price = Some(ballast::units::Price::from_micro_usd_per_mwh(900_000_000));
    bench.pass(ms(60_000));
    assert_eq!(bench.told(3), kw(0));
    bench.price = Some(ballast::units::Price::ZERO);
    bench.pass(ms(60_000));
    assert_eq!(bench.plan.commands[3].on, bench.standing.groups[3].all_on);
}

#[test]
fn a_miner_that_cannot_be_reached_is_cut_for_a_limit_and_is_no_liar() {
    let mut bench = rows(true);
    bench.set_hall(kw(10_000));
    bench.pass(ms(20_000));
    bench.deaf[0] = 1;
    for _ in 0..4 {
        bench.orders.cap = Some(kw(9_000));
        bench.pass(ms(40_000));
        assert_eq!(bench.cut(0) & 1, 1);
        bench.orders.cap = None;
        bench.pass(ms(40_000));
    }
    assert_eq!(bench.memory.groups[0].asleep.barred, 0);
}

#[test]
fn a_liar_that_shows_itself_does_not_hide_another_that_does_not() {
    let mut bench = rows(true);
    bench.set_hall(kw(10_000));
    bench.pass(ms(20_000));
    bench.sleepless[0] = 0b01;
    bench.two_faced[0] = 0b10;
    bench.orders.cap = Some(kw(9_000));
    let events = told(&mut bench, 300);
    assert_eq!(bench.cut(0) & 0b11, 0b11);
    let cuts = events.iter().filter(|event| matches!(event, Event::Cut { group: 0, .. }));
    assert!(cuts.count() <= 2, "each in its own time, told one after the other: {events:?}");
}

#[test]
fn nobody_is_called_a_liar_for_watts_that_nobody_measured() {
    let mut bench = rows(true);
    bench.set_hall(kw(10_000));
    bench.pass(ms(20_000));
    // It says that it mines, as one that wakes does, and draws next to nothing yet.
    bench.sleepless[0] = 0b1;
    bench.draw[0] = ballast::units::Share::ZERO;
    for _ in 0..4 {
        bench.orders.cap = Some(kw(9_000));
        bench.pass(ms(40_000));
        bench.orders.cap = None;
        bench.pass(ms(40_000));
    }
    assert_eq!(bench.memory.groups[0].asleep.strikes, Vec::<u8>::new());
}
