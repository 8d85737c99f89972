//! What a tariff makes of the decision: windows whose mean is held at what is paid, and prices that change with the load.

use ballast::plan::Cause;
use ballast::snapshot::{Peak, Terms};
use ballast::time::{Mono, Wall};
use ballast::units::{Power, Price};
use proptest::prelude::*;

use super::bench::{Bench, kw, ms, site};

/// Windows of five minutes.
const WINDOW: i64 = 300_000_000;

fn usd(dollars: i64) -> Price {
    Price::from_micro_usd_per_mwh(dollars * 1_000_000)
}

fn peak(at: Mono, most: Power, earlier: u8) -> Peak {
    let wall = i64::try_from(at.micros()).unwrap();
    let from = wall - wall.rem_euclid(WINDOW);
    Peak { line: 3, at_most: most, from: Wall::from_micros(from), until: Wall::from_micros(from + WINDOW), earlier }
}

/// Plays for so long with this peak; the mean import of each whole window, with that of the hall alone.
fn play(bench: &mut Bench, seconds: u64, most: Power, earlier: u8, hall: impl Fn(u64) -> Power) -> Vec<(Power, Power)> {
    let (mut means, mut sums, mut ticks) = (Vec::new(), (0_i64, 0_i64), 0_i64);
    let mut window = None;
    for tick in 0..seconds * 10 {
        let peak = peak(bench.now, most, earlier);
        if window.replace(peak.from).is_some_and(|from| from != peak.from) {
            if ticks == WINDOW / 100_000 {
                means.push((Power::from_watts(sums.0 / ticks), Power::from_watts(sums.1 / ticks)));
            }
            (sums, ticks) = ((0, 0), 0);
        }
        bench.terms = Some(Terms { indexed: false, steps: vec![(Power::ZERO, usd(20))], peaks: vec![peak] });
        bench.set_hall(hall(tick / 10));
        bench.step();
        bench.now = bench.now.after(ms(100));
        sums = (sums.0 + bench.import().watts(), sums.1 + bench.hall_truth.watts());
        ticks += 1;
    }
    means
}

#[test]
fn miners_fill_up_to_the_peak_that_is_paid_and_not_above_it() {
    let mut bench = Bench::new(site());
    let means = play(&mut bench, 1_500, kw(25_000), 0, |_| kw(15_000));
    assert_eq!(bench.plan.cause, Cause::BillingPeak);
    assert!((kw(24_800)..=kw(25_000)).contains(&bench.import()), "{}", bench.import());
    assert!(means.iter().all(|(mean, _)| *mean <= kw(25_000)), "{means:?}");
    assert_eq!(bench.memory.billing.windows[0].closed.map(|(_, mean)| mean), means.last().map(|(mean, _)| *mean));
}

#[test]
fn a_peak_that_is_too_much_at_once_goes_down_on_the_ramp() {
    let mut bench = Bench::new(site()).all_on();
    bench.set_hall(kw(20_000));
    bench.pass(ms(2_000));
    let before = bench.import();
    let mut last = before;
    for _ in 0..100 {
        let peaks = vec![peak(bench.now, kw(25_000), 0)];
        bench.terms = Some(Terms { indexed: false, steps: vec![(Power::ZERO, usd(20))], peaks });
        bench.step();
        bench.now = bench.now.after(ms(100));
        // The ramp is 1 MW/s; what goes off together is a unit of each group.
        assert!(last - bench.import() <= kw(400), "{last} to {}", bench.import());
        last = bench.import();
    }
    assert!(before > kw(33_000) && last <= kw(25_100), "{before} to {last}");
}

#[test]
fn a_jump_of_the_hall_is_worked_off_before_the_window_ends() {
    let mut bench = Bench::new(site()).all_on();
    // Ten seconds of 6 MW more in each window, at another moment each time.
    let hall = |second: u64| if second % 230 < 10 { kw(21_000) } else { kw(15_000) };
    let means = play(&mut bench, 3_000, kw(25_000), 0, hall);
    assert!(means.len() >= 8 && means.iter().skip(1).all(|(mean, _)| *mean <= kw(25_001)), "{means:?}");
}

#[test]
fn where_the_hall_alone_is_above_the_peak_no_miner_adds_to_it() {
    let mut bench = Bench::new(site()).all_on();
    play(&mut bench, 400, kw(18_000), 0, |_| kw(20_000));
    assert_eq!((bench.miners(), bench.plan.cause), (Power::ZERO, Cause::BillingPeak));
    // What is paid now is what the hall drew: the miners fill what is below it.
    play(&mut bench, 400, kw(20_000), 0, |_| kw(16_000));
    assert!(bench.miners() > kw(3_500) && bench.import() <= kw(20_000), "{}", bench.import());
}

#[test]
fn the_last_window_of_a_line_is_closed_when_nothing_follows_it() {
    let mut bench = Bench::new(site());
    // A whole window is seen, and the next; then the hours are over in which the line looks at demand.
    let means = play(&mut bench, 200 + 600, kw(25_000), 0, |_| kw(15_000));
    let whole = means.last().unwrap().0;
    let wall = i64::try_from(bench.now.micros()).unwrap();
    assert_eq!(wall.rem_euclid(WINDOW), 0, "a window ends here");
    let steps = vec![(Power::ZERO, usd(20))];
    let before = bench.memory.billing.windows[0].clone();
    bench.terms = Some(Terms { indexed: false, steps, peaks: vec![] });
    bench.step();
    let over = bench.memory.billing.windows[0].clone();
    let (from, mean) = over.closed.unwrap();
    assert_eq!(from, before.from);
    assert!((mean - whole).watts().abs() < 200_000 && before.closed.unwrap().0 < from, "{over:?}");
    assert_eq!(bench.memory.billing.bound, None);
    bench.now = bench.now.after(ms(100));
    bench.step();
    assert!(bench.memory.billing.windows.is_empty(), "told once");
}

#[test]
fn a_limit_of_the_connection_is_a_limit_whatever_a_peak_would_allow() {
    let mut bench = Bench::new(site()).all_on();
    play(&mut bench, 100, kw(90_000), 0, |_| kw(25_000));
    assert_eq!(bench.plan.cause, Cause::ImportLimit);
    assert!(bench.import() <= kw(40_000));
}

#[test]
fn without_its_meter_the_window_counts_what_there_can_be() {
    let mut bench = Bench::new(site());
    play(&mut bench, 100, kw(25_000), 0, |_| kw(15_000));
    bench.poi_lost = true;
    let before = bench.memory.billing.windows[0].used_mj;
    bench.now = bench.now.after(ms(600));
    play(&mut bench, 10, kw(25_000), 0, |_| kw(15_000));
    let drawn = (bench.memory.billing.windows[0].used_mj - before) / 10_600;
    assert!(drawn >= bench.import().watts(), "{drawn} W");
}

#[test]
fn what_is_above_a_cliff_of_the_price_does_not_run_and_what_is_below_it_does() {
    // north (8 MW) earns up to 92.85 and south (6 MW) up to 81.25 USD/MWh; the hall draws 10 MW.
    let mut bench = Bench::new(site());
    bench.set_hall(kw(10_000));
    let mut ends = |steps: Vec<(Power, Price)>| {
        bench.terms = Some(Terms { indexed: false, steps, peaks: vec![] });
        bench.pass(ms(60_000));
        ((bench.told(0).watts() / 1_000, bench.told(1).watts() / 1_000), bench.plan.cause)
    };
    let free = vec![(Power::ZERO, usd(20))];
    assert_eq!(ends(free.clone()), ((8_000, 6_000), Cause::Nameplate));
    // Above 20 MW power costs more than south earns: it would be the one above.
    assert_eq!(ends(vec![(Power::ZERO, usd(20)), (kw(20_000), usd(85))]), ((8_000, 0), Cause::Price));
    // A cliff within north's own place, dearer than it earns: south, which is smaller, still has its place below.
    assert_eq!(ends(vec![(Power::ZERO, usd(20)), (kw(17_000), usd(500))]), ((0, 6_000), Cause::Price));
    assert_eq!(ends(vec![(Power::ZERO, usd(500))]), ((0, 0), Cause::Price));
    // A block below which power is worth more than above it.
    assert_eq!(ends(vec![(Power::ZERO, usd(90)), (kw(12_000), usd(70))]), ((8_000, 6_000), Cause::Nameplate));
}

#[test]
fn a_tariff_that_rests_on_a_feed_is_lost_with_its_price() {
    let mut bench = Bench::new(site());
    bench.set_hall(kw(10_000));
    let steps = vec![(Power::ZERO, usd(500))];
    bench.terms = Some(Terms { indexed: true, steps: steps.clone(), peaks: vec![] });
    bench.pass(ms(30_000));
    assert_eq!(bench.miners(), kw(14_000), "the site runs on where the price is lost");
    bench.price = Some(usd(31));
    bench.pass(ms(60_000));
    assert_eq!(bench.miners(), Power::ZERO, "and goes by the tariff where it is not");
    bench.price = None;
    bench.terms = Some(Terms { indexed: false, steps, peaks: vec![] });
    bench.pass(ms(30_000));
    assert_eq!(bench.miners(), Power::ZERO, "one without an index needs no feed");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever the hall does: miners never raise the mean of a window that the hall leaves below the peak.
    #[test]
    fn miners_never_make_a_new_peak(
        halls in proptest::collection::vec((1_000_i64..24_000, 5_u64..120), 12),
        earlier in 0_u8..3,
        paid in 18_000_i64..32_000,
    ) {
        let length: u64 = halls.iter().map(|(_, seconds)| seconds).sum();
        let hall = |second: u64| {
            let mut left = second % length;
            let at = halls.iter().find(|(_, seconds)| {
                let here = left < *seconds;
                left = left.saturating_sub(*seconds);
                here
            });
            kw(at.unwrap().0)
        };
        let mut bench = Bench::new(site());
        let means = play(&mut bench, 2_400, kw(paid), earlier, hall);
        let wide = usize::from(earlier) + 1;
        for windows in means.windows(wide) {
            let mean = |of: fn(&(Power, Power)) -> Power| windows.iter().map(of).sum::<Power>().watts() / i64::try_from(wide).unwrap();
            let (import, alone) = (mean(|(import, _)| *import), mean(|(_, hall)| *hall));
            // The last second of a window can be too late for a jump: 14 MW for 0.6 s of 300 s.
            prop_assert!(import <= paid * 1_000 + 30_000 || import <= alone + 30_000, "{import} W of {paid} kW, alone {alone} W");
        }
    }
}
