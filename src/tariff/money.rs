//! Prices and amounts, exact to the last place that a bill can have.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};

use super::exact::{self, ONE, mul_div};

/// Sums that stay at the largest there is.
macro_rules! sums {
    ($name:ident) => {
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
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                all.fold(Self::default(), Add::add)
            }
        }
    };
}

sums!(Rate);
sums!(Amount);

/// Milliwatts in a kilowatt: loads are counted in milliwatts.
pub const MW_PER_KW: i64 = 1_000_000;

/// A price for one unit of something (a kWh, a kW and month, a month), in steps of 1e-15 of the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub i128);

impl Rate {
    /// The largest there is, a million a unit: with it every bill of ten gigawatts over a hundred years can be reckoned.
    pub const MAX: Self = Self(1_000_000 * ONE);

    /// The largest amount for a month or a year, ten to the ninth.
    pub const MOST: Self = Self(1_000_000_000 * ONE);

    /// This many steps of an amount that is not for a kWh or a kW, where that is no more than the largest either way.
    pub fn whole(steps: i128) -> Option<Self> {
        (steps.unsigned_abs() <= Self::MOST.0.unsigned_abs()).then_some(Self(steps))
    }

    /// This many steps, where that is no more than the largest either way.
    pub fn of(steps: i128) -> Option<Self> {
        (steps.unsigned_abs() <= Self::MAX.0.unsigned_abs()).then_some(Self(steps))
    }

    /// This part of it, in steps of 1e-15; rounded half away from zero.
    #[must_use]
    pub fn part(self, share: i128) -> Self {
        Self(mul_div(self.0, share, ONE).unwrap_or(self.0))
    }
}

impl Neg for Rate {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

/// Money in steps of 1e-21 of the currency: a [`Rate`] times milliwatts, of which a million are a kilowatt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub i128);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Places behind the point.
    pub const PLACES: u32 = 21;
    /// Steps in one of the currency.
    pub const ONE: i128 = ONE * MW_PER_KW as i128;

    /// So many milli-units at this price, as milliwatts at a price for a kW.
    pub fn of(rate: Rate, milli: i128) -> Self {
        Self(rate.0.saturating_mul(milli))
    }

    /// One unit at this price, as one month.
    pub fn once(rate: Rate) -> Self {
        Self::of(rate, MW_PER_KW.into())
    }

    /// Times `a / b`, rounded half away from zero.
    #[must_use]
    pub fn times(self, a: i128, b: i128) -> Self {
        if let Some(exact) = mul_div(self.0, a, b) {
            return Self(exact);
        }
        // Too wide at once: whole parts first.
        let (whole, rest) = (self.0.checked_div(b).unwrap_or(0), self.0.checked_rem(b).unwrap_or(0));
        Self(whole.saturating_mul(a).saturating_add(mul_div(rest, a, b).unwrap_or(0)))
    }

    /// This part of it, in steps of 1e-15.
    #[must_use]
    pub fn part(self, share: i128) -> Self {
        self.times(share, ONE)
    }

    /// With so many places behind the point.
    pub fn show(self, digits: u32) -> String {
        exact::show_to(self.0, Self::PLACES, digits)
    }

    /// Rounded half away from zero to a multiple of `step`; as it is, where that is nothing.
    #[must_use]
    pub fn rounded(self, step: Amount) -> Self {
        match exact::div(self.0, step.0) {
            Some(steps) => Self(steps.saturating_mul(step.0)),
            None => self,
        }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl fmt::Display for Amount {
    /// In full.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&exact::show(self.0, Self::PLACES))
    }
}
