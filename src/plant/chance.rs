//! A small seeded generator of chance (splitmix64, Steele, Lea and Flood 2014).
//!
//! Our own because a seed must give the same plant for ever: generators in crates change their streams between versions.
//! For physics and prices only; never for anything secret.

/// A stream of numbers that a seed and a stream number fix for ever.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// A stream of its own for each purpose, so that one more draw here does not change the plant there.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut chance = Self(seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included; `low` where `high` is below it. The bias of the modulus is below one in 2^32 here.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u64::try_from(high.saturating_sub(low)).unwrap_or(0).saturating_add(1);
        low.saturating_add(i64::try_from(self.next() % width).unwrap_or(0))
    }

    /// True once in `n` draws on average; never for zero.
    pub fn one_in(&mut self, n: i64) -> bool {
        n > 0 && self.between(1, n) == 1
    }

    /// A bell around zero with this standard deviation: the sum of twelve uniform draws, never beyond six of them.
    pub fn bell(&mut self, deviation: i64) -> i64 {
        let sum: i64 = (0..12).map(|_| self.between(-500, 500)).sum();
        deviation.saturating_mul(sum) / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_chance_for_ever() {
        // The reference values of splitmix64 for seed 1234567 (Vigna, prng.di.unimi.it), here after the discarded first.
        let mut chance = Chance::new(1_234_567, 0);
        assert_eq!([chance.next(), chance.next()], [3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_stay_in_their_bounds_and_spread_as_asked() {
        let mut chance = Chance::new(1, 1);
        assert!((0..10_000).map(|_| chance.between(-3, 3)).all(|n| (-3..=3).contains(&n)));
        assert_eq!(chance.between(5, 1), 5);
        let draws: Vec<i64> = (0..20_000).map(|_| chance.bell(1_000)).collect();
        let variance = draws.iter().map(|d| d * d).sum::<i64>() / 20_000;
        assert!((900_000..1_100_000).contains(&variance), "{variance}");
    }
}
