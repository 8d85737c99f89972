//! Power, energy, slew, price and efficiency as integers with units.
//!
//! The core computes in whole watts, micro-dollars and microseconds, so that a replayed decision is equal and not merely
//! close. A quantity is written in files as text with its unit (`"3.5 kW"`); a bare number is refused. Arithmetic
//! saturates: it never wraps and never panics.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod text;
pub use text::{Quantity, UnitError};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $of:ident, $raw:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);
            /// The largest value there is; stands for "no limit".
            pub const MAX: Self = Self(i64::MAX);

            #[doc = concat!("From a whole number of ", $unit, ".")]
            pub const fn $of(raw: i64) -> Self {
                Self(raw)
            }

            #[doc = concat!("As a whole number of ", $unit, ".")]
            pub const fn $raw(self) -> i64 {
                self.0
            }

            /// This value, or zero where it is negative.
            pub fn or_zero(self) -> Self {
                Self(self.0.max(0))
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }
        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(self.0.saturating_neg())
            }
        }
        impl Mul<i64> for $name {
            type Output = Self;
            fn mul(self, times: i64) -> Self {
                Self(self.0.saturating_mul(times))
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }
        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                all.fold(Self::ZERO, Add::add)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

quantity! {
    /// Power in watts. Positive is import at the POI and draw at a load.
    Power, from_watts, watts, "watts"
}
quantity! {
    /// How fast a load can rise, or the site may ramp, in watts a second.
    Slew, from_watts_per_second, watts_per_second, "watts a second"
}
quantity! {
    /// The price of energy in micro-dollars a megawatt-hour. May be negative.
    Price, from_micro_usd_per_mwh, micro_usd_per_mwh, "micro-dollars a megawatt-hour"
}
quantity! {
    /// What a petahash a second earns in a day, in micro-dollars.
    Hashprice, from_micro_usd_per_ph_day, micro_usd_per_ph_day, "micro-dollars a PH/s and day"
}
quantity! {
    /// Energy a miner spends on a terahash, in millijoules. Less is better.
    Efficiency, from_millijoules_per_th, millijoules_per_th, "millijoules a terahash"
}
quantity! {
    /// A part of a whole, in parts per million.
    Share, from_ppm, ppm, "parts per million"
}

impl Power {
    /// From a whole number of kilowatts.
    pub const fn from_kilowatts(kw: i64) -> Self {
        Self(kw.saturating_mul(1_000))
    }

    /// The largest multiple of `unit` that is not above this power, in units; zero where either is not positive.
    pub fn whole_units(self, unit: Power) -> i64 {
        if unit.0 <= 0 { 0 } else { (self.0 / unit.0).max(0) }
    }

    /// This part of the power, rounded down.
    pub fn part(self, share: Share) -> Power {
        // Division of 128 bits is slow, and what a site draws fits in 64.
        match self.0.checked_mul(share.0) {
            Some(product) => Power(product / 1_000_000),
            None => Power(narrow(i128::from(self.0) * i128::from(share.0) / 1_000_000)),
        }
    }
}

impl Slew {
    /// The most that can be risen in this time, rounded up: doubt counts as load.
    pub fn over(self, time: Duration) -> Power {
        let micros = time.as_micros();
        let fits = i64::try_from(micros).ok().and_then(|micros| self.0.checked_mul(micros)?.checked_add(999_999));
        if let Some(product) = fits {
            return Power(product.div_euclid(1_000_000));
        }
        let micros = i128::try_from(micros).unwrap_or(i128::MAX / 2);
        let product = i128::from(self.0).saturating_mul(micros);
        Power(narrow(product.saturating_add(999_999).div_euclid(1_000_000)))
    }

    /// The time this ramp needs for this much power, rounded up; zero for nothing to do, the maximum where there is no ramp.
    pub fn time_for(self, power: Power) -> Duration {
        if power.0 <= 0 {
            return Duration::ZERO;
        }
        if self.0 <= 0 {
            return Duration::MAX;
        }
        let micros = match power.0.checked_mul(1_000_000) {
            Some(product) => i128::from(product.div_euclid(self.0)),
            None => (i128::from(power.0) * 1_000_000).div_euclid(i128::from(self.0)),
        };
        Duration::from_micros(u64::try_from(micros + 1).unwrap_or(u64::MAX))
    }
}

/// Energy in microjoules (watts times microseconds), wide enough for any site and any number of years.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Energy(i128);

impl Energy {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// What this power amounts to over this time.
    pub fn of(power: Power, time: Duration) -> Self {
        let micros = time.as_micros();
        if let Some(product) = i64::try_from(micros).ok().and_then(|micros| power.0.checked_mul(micros)) {
            return Self(i128::from(product));
        }
        Self(i128::from(power.0).saturating_mul(i128::try_from(micros).unwrap_or(i128::MAX)))
    }

    /// Whole joules (watt-seconds), rounded toward zero.
    pub fn joules(self) -> i64 {
        narrow(self.0 / 1_000_000)
    }

    /// Whole watt-hours, rounded toward zero.
    pub fn watt_hours(self) -> i64 {
        narrow(self.0 / 3_600_000_000)
    }

    /// What part of `whole` this is; nothing where the whole is nothing.
    pub fn share_of(self, whole: Energy) -> Option<Share> {
        (whole.0 > 0).then(|| Share(narrow(self.0.saturating_mul(1_000_000) / whole.0)))
    }
}

impl Add for Energy {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl AddAssign for Energy {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

fn narrow(wide: i128) -> i64 {
    i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX })
}

/// `digits` decimal places of `raw` divided by `scale`, without a float.
fn fixed(raw: i64, scale: i64, digits: u32) -> String {
    let places = 10_i128.pow(digits);
    let scaled =
        (i128::from(raw) * places * 2 + i128::from(scale) * i128::from(raw.signum())) / (i128::from(scale) * 2);
    let (whole, rest) = (scaled.abs() / places, scaled.abs() % places);
    let sign = if scaled < 0 { "-" } else { "" };
    if digits == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{rest:0width$}", width = digits as usize)
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0.unsigned_abs() {
            0..1_000 => format!("{} W", self.0),
            1_000..100_000 => format!("{} kW", fixed(self.0, 1_000, 1)),
            100_000..1_000_000 => format!("{} kW", fixed(self.0, 1_000, 0)),
            1_000_000..100_000_000 => format!("{} MW", fixed(self.0, 1_000_000, 2)),
            _ => format!("{} MW", fixed(self.0, 1_000_000, 1)),
        };
        f.pad(&text)
    }
}

impl fmt::Display for Slew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/s", Power(self.0)))
    }
}

impl fmt::Display for Energy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wh = self.watt_hours();
        f.pad(&match wh.unsigned_abs() {
            0..10_000 => format!("{wh} Wh"),
            10_000..10_000_000 => format!("{} kWh", fixed(wh, 1_000, 1)),
            _ => format!("{} MWh", fixed(wh, 1_000_000, 2)),
        })
    }
}

impl fmt::Debug for Energy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} USD/MWh", fixed(self.0, 1_000_000, 2)))
    }
}

impl fmt::Display for Hashprice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} USD/PH/day", fixed(self.0, 1_000_000, 2)))
    }
}

impl fmt::Display for Efficiency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} J/TH", fixed(self.0, 1_000, 1)))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} %", fixed(self.0, 10_000, 1)))
    }
}

/// A time span as people write it: `80 ms`, `1.5 s`, `5 min`.
pub fn span(time: Duration) -> String {
    let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 if ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        1_000..120_000 => format!("{} s", fixed(ms, 1_000, if ms % 100 == 0 { 1 } else { 2 })),
        120_000..7_200_000 if ms % 60_000 == 0 => format!("{} min", ms / 60_000),
        120_000..7_200_000 => format!("{} min", fixed(ms, 60_000, 1)),
        _ => format!("{} h", fixed(ms, 3_600_000, if ms % 3_600_000 == 0 { 0 } else { 1 })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_is_rounded_up_because_doubt_counts_as_load() {
        let slew = Slew::from_watts_per_second(10);
        assert_eq!(slew.over(Duration::from_millis(101)), Power::from_watts(2));
        assert_eq!(slew.over(Duration::from_millis(100)), Power::from_watts(1));
        assert_eq!(Slew::MAX.over(Duration::MAX), Power::MAX);
    }

    #[test]
    fn what_fits_in_64_bits_is_as_what_does_not() {
        let shares = [-1_000_000, -7, 0, 3, 999_999, 1_500_000].map(Share::from_ppm);
        for watts in [i64::MIN, -4_000_001, -3, 0, 7, 2_800_013, i64::MAX / 1_000_000, i64::MAX] {
            for share in shares {
                let wide = narrow(i128::from(watts) * i128::from(share.0) / 1_000_000);
                assert_eq!(Power::from_watts(watts).part(share), Power::from_watts(wide));
            }
            for micros in [0, 1, 10_000, 999_999, 86_400_000_000_u64] {
                let product = i128::from(watts) * i128::from(micros);
                let time = Duration::from_micros(micros);
                let over = Power::from_watts(narrow((product + 999_999).div_euclid(1_000_000)));
                assert_eq!(Slew::from_watts_per_second(watts).over(time), over);
                assert_eq!(Energy::of(Power::from_watts(watts), time), Energy(product));
            }
            for slew in [1, 420_000, i64::MAX] {
                let micros = (i128::from(watts) * 1_000_000).div_euclid(i128::from(slew)) + 1;
                let time = if watts > 0 { u64::try_from(micros).unwrap_or(u64::MAX) } else { 0 };
                let took = Slew::from_watts_per_second(slew).time_for(Power::from_watts(watts));
                assert_eq!(took, Duration::from_micros(time));
            }
        }
    }

    #[test]
    fn arithmetic_saturates_and_never_wraps() {
        assert_eq!(Power::MAX + Power::from_watts(1), Power::MAX);
        assert_eq!(Power::from_watts(i64::MIN) - Power::from_watts(1), Power::from_watts(i64::MIN));
        assert_eq!(Power::MAX * 3, Power::MAX);
    }

    #[test]
    fn quantities_read_as_people_write_them() {
        assert_eq!(Power::from_watts(3_500).to_string(), "3.5 kW");
        assert_eq!(Power::from_watts(-12_345).to_string(), "-12.3 kW");
        assert_eq!(Power::from_watts(2_812_345).to_string(), "2.81 MW");
        assert_eq!(Price::from_micro_usd_per_mwh(-31_700_000).to_string(), "-31.70 USD/MWh");
        assert_eq!(Share::from_ppm(912_340).to_string(), "91.2 %");
        assert_eq!(span(Duration::from_millis(1_250)), "1.25 s");
        assert_eq!(span(Duration::from_secs(300)), "5 min");
    }

    #[test]
    fn energy_over_years_does_not_overflow() {
        let year = Duration::from_secs(366 * 86_400);
        assert_eq!(Energy::of(Power::from_kilowatts(1_000_000), year).watt_hours(), 366 * 24 * 1_000_000_000);
        assert_eq!(Energy::of(Power::from_watts(1), year).share_of(Energy::ZERO), None);
    }
}
