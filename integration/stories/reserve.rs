//! The fill of the nested reserve, against brute force.

use ballast::decide::Taken;
use ballast::units::Power;
use proptest::prelude::*;

/// A group that asks for power.
#[derive(Clone, Copy, Debug)]
struct Ask {
    class: usize,
    most: Power,
    unit: Power,
}

/// Gives each ask, in merit order, all that the rooms of the tick leave it in whole units, as restoring does.
fn fill(bounds: &[i64], asks: &[Ask]) -> Vec<Power> {
    let mut rooms = Taken::new(0, bounds.len()).under(|class| w(bounds[class]), |_, _| Power::ZERO);
    let give = |ask: &Ask| {
        let power = ask.unit * ask.most.min(rooms.left(0, ask.class)).whole_units(ask.unit);
        rooms.give(0, ask.class, power);
        power
    };
    asks.iter().map(give).collect()
}

fn w(watts: i64) -> Power {
    Power::from_watts(watts)
}

/// Up to four asks with small whole powers, in merit order, over up to three classes.
fn asks(unit: std::ops::RangeInclusive<i64>) -> impl Strategy<Value = Vec<Ask>> {
    let ask = (0_usize..3, 0_i64..8, unit).prop_map(|(class, units, unit)| Ask {
        class,
        most: w(units * unit),
        unit: w(unit),
    });
    prop::collection::vec(ask, 1..5)
}

fn held(bounds: &[i64], asks: &[Ask], given: &[Power]) -> bool {
    bounds.iter().enumerate().all(|(class, bound)| {
        let drawn: Power = asks.iter().zip(given).filter(|(ask, _)| ask.class >= class).map(|(_, power)| *power).sum();
        drawn <= w((*bound).max(0)) || drawn == Power::ZERO
    })
}

/// What an allocation is worth when each place in the merit order is worth less than the one before.
fn worth(given: &[Power]) -> i64 {
    given.iter().rev().zip(1..).map(|(power, weight): (&Power, i64)| power.watts() * weight).sum()
}

fn best(bounds: &[i64], asks: &[Ask], given: &mut Vec<Power>) -> i64 {
    let Some(ask) = asks.get(given.len()) else {
        return if held(bounds, asks, given) { worth(given) } else { i64::MIN };
    };
    let steps = ask.most.watts() / ask.unit.watts();
    (0..=steps)
        .map(|step| {
            given.push(ask.unit * step);
            let worth = best(bounds, asks, given);
            given.pop();
            worth
        })
        .max()
        .unwrap()
}

proptest! {
    #[test]
    fn the_fill_is_optimal_for_divisible_power(asks in asks(1..=1), bounds in prop::collection::vec(0_i64..20, 3)) {
        let given = fill(&bounds, &asks);
        prop_assert!(held(&bounds, &asks, &given));
        prop_assert_eq!(worth(&given), best(&bounds, &asks, &mut Vec::new()), "{:?} of {:?} under {:?}", given, asks, bounds);
    }

    #[test]
    fn groups_in_units_are_within_one_unit_of_the_divisible_best(
        asks in asks(1..=5), bounds in prop::collection::vec(0_i64..60, 3)
    ) {
        let given = fill(&bounds, &asks);
        let smooth: Vec<Ask> = asks.iter().map(|ask| Ask { unit: w(1), ..*ask }).collect();
        let most: Power = fill(&bounds, &smooth).into_iter().sum();
        let drawn: Power = given.iter().copied().sum();
        prop_assert!(held(&bounds, &asks, &given));
        let unit = asks.iter().map(|ask| ask.unit).max().unwrap();
        // one unit at each of the nested bounds: rounding at a slow bound leaves room that a faster group may not have
        prop_assert!(drawn + unit * 3 > most, "{drawn} of {most} with units of {unit}");
        prop_assert!(given.iter().zip(&asks).all(|(power, ask)| power.watts() % ask.unit.watts() == 0));
    }

    #[test]
    fn the_remainder_is_offered_to_the_next_group_that_fits(big in 2_i64..9, small in 1_i64..4, bound in 1_i64..40) {
        let ask = |unit| Ask { class: 0, most: w(unit * 100), unit: w(unit) };
        let given = fill(&[bound], &[ask(big), ask(small)]);
        prop_assert!(given.iter().map(|power| power.watts()).sum::<i64>() > bound - small);
    }
}
