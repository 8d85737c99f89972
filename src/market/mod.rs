//! What a megawatt-hour earns at a miner, against what it costs. Pure; whole micro-dollars, no float.
#![deny(clippy::float_arithmetic)]

mod account;
mod drawn;
mod stairs;
mod target;

pub use account::{Account, NewPeak, Unusable};
pub use drawn::Drawn;
pub use stairs::Stairs;
pub use target::{Ask, Paid, targets};

use crate::site::{Economics, PriceLost};
use crate::units::{Efficiency, Power, Price};

/// The price of energy at which a miner earns nothing: `1000 x hashprice x (1 - fee) / (24 x J/TH)` USD/MWh.
///
/// A petahash a second at `j` J/TH draws `j` kW for a day and earns the hashprice. Rounded down, so that a tie is not mined.
/// An efficiency of zero or less is no machine: its break-even is zero.
pub fn break_even(economics: &Economics, efficiency: Efficiency) -> Price {
    let joules = i128::from(efficiency.millijoules_per_th());
    if joules <= 0 {
        return Price::ZERO;
    }
    let kept = i128::from(1_000_000 - economics.pool_fee.ppm().clamp(0, 1_000_000));
    let earned = i128::from(economics.hashprice.micro_usd_per_ph_day()) * kept / 1_000_000;
    let micro = earned * 1_000 * 1_000 / (24 * joules);
    Price::from_micro_usd_per_mwh(i64::try_from(micro).unwrap_or(i64::MAX))
}

/// The price of energy at which the last watts of a miner earn nothing: those between `low` and `full`, each a power with the energy
/// per terahash that is needed there. Lower than the break-even of either, because the last watts hash least.
///
/// No more than the break-even in full where the two powers are no step at all.
pub fn slice_break_even(economics: &Economics, full: (Power, Efficiency), low: (Power, Efficiency)) -> Price {
    let earns = |(power, efficiency): (Power, Efficiency)| {
        i128::from(break_even(economics, efficiency).micro_usd_per_mwh()) * i128::from(power.watts())
    };
    let slice = i128::from((full.0 - low.0).watts());
    if slice <= 0 {
        return break_even(economics, full.1);
    }
    Price::from_micro_usd_per_mwh(i64::try_from((earns(full) - earns(low)).div_euclid(slice)).unwrap_or(i64::MAX))
}

/// The lowest and the highest price that can be one, in micro-dollars a megawatt-hour. No market clears beyond: caps and floors are
/// 5,000 and -251 USD in Texas, 5,000 and -500 EUR in Europe, 20,300 AUD in Australia.
const PRICES: std::ops::RangeInclusive<i64> = -2_000_000_000..=25_000_000_000;

/// Whether a number can be a price at all; one that cannot is no price, and the last is not known to hold.
pub fn is_a_price(price: Price) -> bool {
    PRICES.contains(&price.micro_usd_per_mwh())
}

/// The price to decide on: the one in force, or the file's declared fall-back when it is lost.
/// `None` means that price curtails nothing; the lost price that curtails all is the highest there is.
pub fn price_to_use(economics: &Economics, in_force: Option<Price>) -> Option<Price> {
    match (in_force, economics.price_lost) {
        (Some(price), _) | (None, PriceLost::Assume(price)) => Some(price),
        (None, PriceLost::Run) => None,
        (None, PriceLost::Curtail) => Some(Price::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Hashprice, Share};

    fn at(hashprice_usd: i64, fee_percent: i64) -> Economics {
        Economics {
            hashprice: Hashprice::from_micro_usd_per_ph_day(hashprice_usd * 1_000_000),
            pool_fee: Share::from_ppm(fee_percent * 10_000),
            price_lost: PriceLost::Run,
        }
    }

    #[test]
    fn break_even_equals_the_worked_table() {
        // hashprice 39.00: 135.41, 92.85, 81.25, 55.08 USD/MWh at 12, 17.5, 20, 29.5 J/TH without a fee
        let cents = |j_milli, fee| {
            break_even(&at(39, fee), Efficiency::from_millijoules_per_th(j_milli)).micro_usd_per_mwh() / 10_000
        };
        assert_eq!(
            [cents(12_000, 0), cents(17_500, 0), cents(20_000, 0), cents(29_500, 0)],
            [13_541, 9_285, 8_125, 5_508]
        );
        assert_eq!([cents(12_000, 2), cents(17_500, 2), cents(29_500, 2)], [13_270, 9_100, 5_398]);
    }

    #[test]
    fn the_last_watts_of_a_miner_break_even_at_a_lower_price_than_its_first() {
        let joules = |milli| Efficiency::from_millijoules_per_th(milli);
        // 3,300 W at 20 J/TH are 165 TH/s, 2,200 W at 16 J/TH 137.5: the 1,100 W between make 27.5, which is 40 J/TH.
        let (full, low) = ((Power::from_watts(3_300), joules(20_000)), (Power::from_watts(2_200), joules(16_000)));
        let (slice, same) = (slice_break_even(&at(39, 0), full, low), break_even(&at(39, 0), joules(40_000)));
        assert!((slice.micro_usd_per_mwh() - same.micro_usd_per_mwh()).abs() <= 10, "{slice} is not {same}");
        assert_eq!(slice_break_even(&at(39, 0), full, full), break_even(&at(39, 0), joules(20_000)));
    }

    #[test]
    fn a_number_beyond_every_market_is_no_price() {
        let dollars = |dollars: i64| Price::from_micro_usd_per_mwh(dollars * 1_000_000);
        assert!([-2_000, -251, 0, 9_000, 25_000].into_iter().all(|price| is_a_price(dollars(price))));
        assert!([-2_001, 25_001].into_iter().all(|price| !is_a_price(dollars(price))));
        assert!(!is_a_price(Price::from_micro_usd_per_mwh(i64::MIN)) && !is_a_price(Price::MAX));
    }

    #[test]
    fn a_lost_price_takes_the_declared_fall_back() {
        let mut economics = at(39, 0);
        assert_eq!(price_to_use(&economics, None), None);
        economics.price_lost = PriceLost::Curtail;
        assert_eq!(price_to_use(&economics, None), Some(Price::MAX));
        let dear = Price::from_micro_usd_per_mwh(90_000_000);
        economics.price_lost = PriceLost::Assume(dear);
        assert_eq!(price_to_use(&economics, None), Some(dear));
        assert_eq!(price_to_use(&economics, Some(Price::ZERO)), Some(Price::ZERO));
    }

    #[test]
    fn no_machine_earns_nothing() {
        assert_eq!(break_even(&at(39, 0), Efficiency::ZERO), Price::ZERO);
    }
}
