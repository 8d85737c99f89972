use std::collections::VecDeque;
use std::time::Duration;

use super::*;
use crate::plant::ramp::STEPS_PER_SECOND;

const NAMEPLATE: Power = Power::from_kilowatts(2_800);

fn hall(slew_kw: i64) -> FirmLoad {
    FirmLoad {
        nameplate: NAMEPLATE,
        slew: Slew::from_watts_per_second(slew_kw * 1_000),
        step: Power::from_kilowatts(10),
        meter: None,
        feeder: None,
    }
}

/// What the hall draws at each 10 ms for this long.
fn run(load: HallLoad, span: Duration) -> Vec<Power> {
    let mut hall = Hall::new(load);
    let steps = u32::try_from(span.as_millis() / 10).unwrap();
    let mut power = vec![hall.power()];
    for n in 1..=steps {
        hall.step(Mono::START.after(STEP * n));
        power.push(hall.power());
    }
    power
}

/// Asserts that over spans of 10 ms to 2 s the load rose by no more than the slew and the step.
fn holds_to(power: &[Power], slew: Slew, step: Power) {
    for span in [1_usize, 2, 5, 10, 20, 50, 100, 200] {
        let most = slew.over(STEP * u32::try_from(span).unwrap()) + step;
        let worst = power.windows(span + 1).map(|w| w[span] - w[0]).max().unwrap();
        assert!(worst <= most, "rose {worst} in {span} steps, declared {most}");
    }
}

fn mean_ppm(power: &[Power]) -> i64 {
    let sum: i64 = power.iter().map(|p| p.watts()).sum();
    sum / i64::try_from(power.len()).unwrap() * 1_000 / (NAMEPLATE.watts() / 1_000)
}

#[test]
fn inference_holds_to_the_declared_slew_for_hours_whatever_the_seed() {
    for seed in 0..12 {
        let load = hall(420);
        let power = run(HallLoad::inference(&load, seed), Duration::from_secs(3_600));
        // Half of the step: the other half is left for the error of the meter.
        holds_to(&power, load.slew, Power::from_kilowatts(5));
        assert!((715_000..=750_000).contains(&mean_ppm(&power)), "mean {}", mean_ppm(&power));
        assert!(power.iter().max() <= Some(&NAMEPLATE));
    }
}

#[test]
fn inference_swings_as_much_as_the_derived_trace_of_chat() {
    let power = run(HallLoad::inference(&hall(420), 3), Duration::from_secs(4 * 3_600));
    let seconds: Vec<i64> =
        power.iter().step_by(100).map(|p| p.watts() * 1_000 / (NAMEPLATE.watts() / 1_000)).collect();
    let mean = seconds.iter().sum::<i64>() / i64::try_from(seconds.len()).unwrap();
    let variance = seconds.iter().map(|p| (p - mean).pow(2)).sum::<i64>() / i64::try_from(seconds.len()).unwrap();
    assert!((25_000_i64.pow(2)..=45_000_i64.pow(2)).contains(&variance), "deviation is the root of {variance}");
    let largest = seconds.windows(2).map(|w| w[1] - w[0]).max().unwrap();
    assert!((80_000..=160_000).contains(&largest), "largest rise in a second {largest}");
}

#[test]
fn a_serving_day_holds_to_the_declared_slew_and_has_quiet_and_busy_hours() {
    let mut largest = Power::ZERO;
    for seed in 0..4 {
        let load = hall(420);
        // A whole day in 24 min.
        let power = run(HallLoad::serving_day(&load, seed, 60), Duration::from_secs(24 * 60));
        holds_to(&power, load.slew, Power::from_kilowatts(5));
        assert!((380_000..=500_000).contains(&mean_ppm(&power)), "mean {}", mean_ppm(&power));
        let hour = |h: usize| mean_ppm(&power[h * 6_000..(h + 1) * 6_000]);
        assert!(hour(9) > hour(0) + 100_000, "13:00 is busier than 04:00");
        largest = largest.max(power.into_iter().max().unwrap());
    }
    assert!(largest > NAMEPLATE.part(Share::from_ppm(800_000)), "bursts up to {largest}");
}

#[test]
fn a_jump_on_a_declared_load_stays_declared() {
    for seed in 0..20 {
        let load = hall(420);
        let mut hall = Hall::new(HallLoad::inference(&load, seed));
        let mut power = vec![];
        for n in 0..6_000_u32 {
            let now = Mono::START.after(STEP * n);
            if n % 700 == 0 {
                hall.jump(Power::from_kilowatts(300), now);
            }
            hall.step(now);
            power.push(hall.power());
        }
        holds_to(&power, load.slew, Power::from_kilowatts(6));
        assert!(power.iter().max() > Some(&Power::from_kilowatts(2_400)));
    }
}

/// Dips of a training run after its start-up: start and length in steps, and floor in parts per million.
fn dips(power: &[Power]) -> Vec<(usize, usize, i64)> {
    let ppm: Vec<i64> = power.iter().map(|p| p.watts() * 1_000 / (NAMEPLATE.watts() / 1_000)).collect();
    let mut dips: Vec<(usize, usize, i64)> = vec![];
    let mut under: VecDeque<i64> = VecDeque::new();
    for (at, level) in ppm.iter().enumerate() {
        if *level < 930_000 {
            under.push_back(*level);
        } else if !under.is_empty() {
            dips.push((at - under.len(), under.len(), *under.iter().min().unwrap()));
            under.clear();
        }
    }
    dips
}

#[test]
fn training_starts_low_steps_to_full_and_dips_as_published() {
    for seed in 0..6 {
        let load = HallLoad::training(&hall(1_540), seed, Duration::from_secs(30));
        let rise = load.fastest_rise().unwrap();
        assert_eq!(rise, Slew::from_watts_per_second(1_540_000), "55 % of nameplate a second");
        let power = run(load, Duration::from_secs(2_000));
        holds_to(&power, rise, Power::ZERO);
        let fall = power.windows(2).map(|w| w[0] - w[1]).max().unwrap();
        assert!(fall <= Power::from_watts(21_280), "76 % of nameplate a second: {fall}");
        let waiting = mean_ppm(&power[..1_000]);
        let loading = mean_ppm(&power[1_200..3_000]);
        assert!((145_000..=155_000).contains(&waiting) && (245_000..=255_000).contains(&loading));
        // The step to full takes (99 - 25) / 55 = 1.35 s.
        let full = power.iter().position(|p| *p > NAMEPLATE.part(Share::from_ppm(970_000))).unwrap();
        assert!((3_120..=3_160).contains(&full), "{full}");
        let working: Vec<_> = power[3_200..].to_vec();
        let dips = dips(&working);
        assert!((150..=210).contains(&dips.len()), "{} dips in 1,968 s", dips.len());
        let mut apart: Vec<usize> = dips.windows(2).map(|w| w[1].0 - w[0].0).collect();
        apart.sort_unstable();
        assert!((1_020..=1_060).contains(&apart[apart.len() / 2]), "median {} steps apart", apart[apart.len() / 2]);
        assert!(dips.iter().all(|(_, long, floor)| (220..=310).contains(long) && (760_000..=835_000).contains(floor)));
    }
}

#[test]
fn a_recording_is_played_as_it_is() {
    let at = |ms, ppm| (Mono::from_millis(ms), Share::from_ppm(ppm));
    let series = Series::new(vec![at(0, 100_000), at(1_000, 200_000)], crate::plant::AtEnd::Hold).unwrap();
    let power = run(HallLoad::recorded(&hall(1), series), Duration::from_secs(2));
    assert_eq!(
        (power[0], power[50], power[200]),
        (Power::from_kilowatts(280), Power::from_kilowatts(420), Power::from_kilowatts(560))
    );
    assert_eq!(u64::try_from(power.len()).unwrap(), 2 * STEPS_PER_SECOND + 1);
}
