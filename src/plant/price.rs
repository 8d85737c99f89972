//! The price of energy: a seeded generator with calm, negative and scarce hours, or a recording, at any speed.

use std::time::Duration;

use super::chance::Chance;
use crate::time::{Mono, Wall};
use crate::units::Price;

/// The settlement interval.
const INTERVAL: Duration = Duration::from_secs(900);

/// A recorded price: the start of its interval, and the price that holds until the next.
pub type PricePoint = (Wall, Price);

/// How often the generator leaves calm. Mean lengths of a spell are 6 (negative), 4 (tight) and 3 (scarce) intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceMix {
    /// A negative spell begins once in this many calm intervals.
    pub negative: u32,
    /// A tight spell ($100 to $1,000) begins once in this many calm intervals.
    pub tight: u32,
    /// A scarce spell ($1,000 to $5,000) begins once in this many calm intervals.
    pub scarce: u32,
}

impl PriceMix {
    /// As often as at ERCOT's Houston hub in 2021 to 2024, leaving out the winter storm of 2021: 1.5 % of intervals negative, about
    /// 3 % over $100, 0.3 % over $1,000, highest about $5,000.
    pub const fn measured() -> Self {
        Self { negative: 400, tight: 150, scarce: 1_000 }
    }

    /// For shows: every kind within the hour at 60 times speed, and mostly a price at which miners run. The prices are as
    /// measured, their odds are not.
    pub const fn lively() -> Self {
        Self { negative: 15, tight: 30, scarce: 60 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spell {
    Calm,
    Negative,
    Tight,
    Scarce,
}

/// Where the price comes from.
#[derive(Clone, Debug)]
pub struct PriceLoad {
    source: Source,
    speed: u32,
}

#[derive(Clone, Debug)]
enum Source {
    Generated(Box<Generated>),
    Recorded(Vec<PricePoint>),
}

#[derive(Clone, Debug)]
struct Generated {
    chance: Chance,
    mix: PriceMix,
    spell: Spell,
    left: i64,
    /// The calm price in micro-dollars; wanders.
    calm: i64,
    interval: u64,
    price: Price,
}

impl PriceLoad {
    /// A generated price. At `speed` 60 an interval of 15 min lasts 15 s.
    pub fn generated(seed: u64, mix: PriceMix, speed: u32) -> Self {
        let calm = MEDIAN;
        let mut generated = Generated {
            chance: Chance::new(seed, 6),
            mix,
            spell: Spell::Calm,
            left: 0,
            calm,
            interval: 0,
            price: Price::from_micro_usd_per_mwh(calm),
        };
        generated.next();
        Self { source: Source::Generated(Box::new(generated)), speed: speed.max(1) }
    }

    /// A recording from its first point on; it starts again after its last. Points out of order are sorted; nothing is played
    /// where there are no points.
    pub fn recorded(mut points: Vec<PricePoint>, speed: u32) -> Self {
        points.sort();
        points.dedup_by_key(|(at, _)| *at);
        Self { source: Source::Recorded(points), speed: speed.max(1) }
    }

    /// How long an interval lasts on the plant's clock.
    pub fn interval(&self) -> Duration {
        INTERVAL / self.speed
    }

    /// The price in force now; `None` only for a recording without points. A generated price does not go back in time.
    pub fn at(&mut self, now: Mono) -> Option<Price> {
        let played = played(now, self.speed);
        match &mut self.source {
            Source::Generated(generated) => Some(generated.at(played)),
            Source::Recorded(points) => recorded(points, played).map(|(_, price)| price),
        }
    }

    /// The start of the recorded interval in force, for people to see; `None` for a generated price.
    pub fn playing(&self, now: Mono) -> Option<Wall> {
        match &self.source {
            Source::Generated(_) => None,
            Source::Recorded(points) => recorded(points, played(now, self.speed)).map(|(at, _)| at),
        }
    }
}

fn played(now: Mono, speed: u32) -> Duration {
    Duration::from_micros(now.micros().saturating_mul(u64::from(speed)))
}

/// The last point not after this time. The last point holds for one interval, then the first comes again.
fn recorded(points: &[PricePoint], played: Duration) -> Option<PricePoint> {
    let (first, last) = (points.first()?.0, points.last()?.0);
    let period = (last.since(first) + INTERVAL).as_micros().max(1);
    let into = u64::try_from(played.as_micros() % period).unwrap_or(0);
    let at = first.after(Duration::from_micros(into));
    let next = points.partition_point(|(start, _)| *start <= at);
    points.get(next.saturating_sub(1)).copied()
}

/// Median of the calm price in micro-dollars: 20 to 26.5 USD/MWh in three of the four years.
const MEDIAN: i64 = 22_000_000;
const CENT: i64 = 10_000;

impl Generated {
    fn at(&mut self, played: Duration) -> Price {
        let interval = u64::try_from(played.as_micros() / INTERVAL.as_micros().max(1)).unwrap_or(u64::MAX);
        while self.interval < interval {
            self.interval += 1;
            self.next();
        }
        self.price
    }

    fn next(&mut self) {
        if self.left > 0 {
            self.left -= 1;
        } else if self.spell != Spell::Calm {
            self.spell = Spell::Calm;
        } else {
            self.turn();
        }
        let dollars = match self.spell {
            Spell::Calm => self.wander(),
            Spell::Negative => -self.tail(1, 32),
            Spell::Tight => self.tail(100, 1_000),
            Spell::Scarce => self.tail(1_000, 5_000),
        };
        self.price = Price::from_micro_usd_per_mwh(dollars);
    }

    fn turn(&mut self) {
        let odds = [
            (Spell::Scarce, self.mix.scarce, 3),
            (Spell::Negative, self.mix.negative, 6),
            (Spell::Tight, self.mix.tight, 4),
        ];
        for (spell, once_in, mean) in odds {
            if self.chance.one_in(i64::from(once_in)) {
                (self.spell, self.left) = (spell, self.chance.between(0, 2 * mean - 2));
                return;
            }
        }
    }

    /// The calm price: drawn back to its median, within 10 to 60 USD/MWh.
    fn wander(&mut self) -> i64 {
        let back = (MEDIAN - self.calm) / 20;
        self.calm = (self.calm + back + self.chance.bell(2_200_000)).clamp(10_000_000, 60_000_000);
        self.calm / CENT * CENT
    }

    /// Dollars from `low` to `high`, small ones far more often: the lowest of three draws.
    fn tail(&mut self, low: i64, high: i64) -> i64 {
        let draws = [(); 3].map(|()| self.chance.between(low * 100, high * 100));
        draws.into_iter().min().unwrap_or(low * 100) * CENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: u64 = 35_040;

    fn year(seed: u64, mix: PriceMix) -> Vec<i64> {
        let mut load = PriceLoad::generated(seed, mix, 1);
        let at = |slot: u64| Mono::from_millis(slot * 900_000);
        (0..YEAR).filter_map(|slot| load.at(at(slot))).map(|price| price.micro_usd_per_mwh() / 1_000_000).collect()
    }

    fn per_mille(prices: &[i64], is: impl Fn(i64) -> bool) -> usize {
        prices.iter().filter(|price| is(**price)).count() * 1_000 / prices.len()
    }

    #[test]
    fn a_generated_year_has_the_spread_of_the_measured_years() {
        for seed in 0..20 {
            let mut prices = year(seed, PriceMix::measured());
            assert!((8..=22).contains(&per_mille(&prices, |p| p < 0)), "negative");
            assert!((16..=65).contains(&per_mille(&prices, |p| p >= 100)), "over 100");
            assert!((1..=8).contains(&per_mille(&prices, |p| p >= 1_000)), "over 1,000");
            let mean = prices.iter().sum::<i64>() / i64::try_from(YEAR).unwrap();
            prices.sort_unstable();
            let median = prices[prices.len() / 2];
            assert!((20..=47).contains(&median), "median {median}");
            assert!((26..=70).contains(&mean), "mean {mean}");
            assert!(prices[0] >= -32 && prices[prices.len() - 1] <= 5_000);
        }
    }

    #[test]
    fn a_show_sees_every_kind_of_price_soon() {
        for seed in 0..20 {
            let day: Vec<i64> = year(seed, PriceMix::lively()).into_iter().take(240).collect();
            assert!(
                day.iter().any(|p| *p < 0) && day.iter().any(|p| *p > 100) && day.iter().any(|p| (10..60).contains(p))
            );
        }
    }

    #[test]
    fn a_recording_holds_each_price_for_its_interval_and_starts_again() {
        let start = Wall::parse("2023-09-06T19:00:00Z").unwrap();
        let point = |n: u32, usd: i64| (start.after(INTERVAL * n), Price::from_micro_usd_per_mwh(usd * 1_000_000));
        let mut load = PriceLoad::recorded(vec![point(1, -5), point(0, 20)], 60);
        let mut at = |s: u64| load.at(Mono::from_millis(s * 1_000)).map(|p| p.micro_usd_per_mwh() / 1_000_000);
        assert_eq!([at(0), at(14), at(15), at(29), at(30)], [Some(20), Some(20), Some(-5), Some(-5), Some(20)]);
        assert_eq!(load.playing(Mono::from_millis(16_000)), Some(start.after(INTERVAL)));
        assert_eq!(PriceLoad::recorded(Vec::new(), 1).at(Mono::START), None);
    }

    #[test]
    fn the_same_seed_plays_the_same_prices_however_often_one_asks() {
        let mut often = PriceLoad::generated(7, PriceMix::lively(), 60);
        let mut seldom = often.clone();
        let last = (0..3_600).filter_map(|s| often.at(Mono::from_millis(s * 1_000))).last();
        assert_eq!(last, seldom.at(Mono::from_millis(3_599_000)));
    }
}
