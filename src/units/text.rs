//! Quantities as text: `"40 MW"`, `"17.5 J/TH"`, `"200 ms"`. Decimal, never through a float; a missing or foreign unit is
//! an error that names the units that would do.

use std::time::Duration;

use super::{Efficiency, Hashprice, Power, Price, Share, Slew};

/// Why a text is not the quantity it should be. The message names the repair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// A number stands alone.
    #[error("`{number}` has no unit")]
    NoUnit {
        /// The number as written.
        number: String,
        /// How to write it, for example ``write "40 kW" or "40 MW"``.
        help: String,
    },
    /// The unit is of another kind, or misspelt.
    #[error("`{unit}` is not a unit of {kind}")]
    WrongUnit {
        /// The unit as written.
        unit: String,
        /// What is wanted, for example `power`.
        kind: &'static str,
        /// The units that would do.
        help: String,
    },
    /// There is no number before the unit.
    #[error("`{text}` is not a number with a unit")]
    NotANumber {
        /// The text as written.
        text: String,
        /// How to write it.
        help: String,
    },
    /// More digits than the unit can carry, or a value out of all range.
    #[error("`{text}` is out of range or finer than the smallest step ({step})")]
    OutOfRange {
        /// The text as written.
        text: String,
        /// The smallest step that is kept.
        step: &'static str,
    },
}

impl UnitError {
    /// What to write instead, where that can be said.
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::NoUnit { help, .. } | Self::WrongUnit { help, .. } | Self::NotANumber { help, .. } => Some(help),
            Self::OutOfRange { .. } => None,
        }
    }
}

/// A kind of quantity that can be read from text.
pub trait Quantity: Sized {
    /// The kind in words, for messages: `power`.
    const KIND: &'static str;
    /// The smallest step kept: `1 W`.
    const STEP: &'static str;
    /// Units and how many steps one of them is.
    const UNITS: &'static [(&'static str, i64)];
    /// From a whole number of steps.
    fn from_steps(steps: i64) -> Self;

    /// Reads `"3.5 kW"`.
    ///
    /// # Errors
    /// [`UnitError`] with the repair, where the number, the unit or the range is wrong.
    fn parse(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        let end =
            text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | '_'))).unwrap_or(text.len());
        let (number, unit) = (text.get(..end).unwrap_or("").trim(), text.get(end..).unwrap_or("").trim());
        if number.is_empty() || !number.contains(|c: char| c.is_ascii_digit()) {
            return Err(UnitError::NotANumber {
                text: text.into(),
                help: format!("write for example {}", Self::example("40")),
            });
        }
        if unit.is_empty() {
            return Err(UnitError::NoUnit { number: number.into(), help: format!("write {}", Self::example(number)) });
        }
        let Some((_, steps)) = Self::UNITS.iter().find(|(name, _)| *name == unit) else {
            let all: Vec<_> = Self::UNITS.iter().map(|(name, _)| *name).collect();
            let close = all.iter().find(|name| name.eq_ignore_ascii_case(unit));
            let help = match close {
                Some(name) => format!("write \"{number} {name}\""),
                None => format!("units of {}: {}", Self::KIND, all.join(", ")),
            };
            return Err(UnitError::WrongUnit { unit: unit.into(), kind: Self::KIND, help });
        };
        decimal(number, *steps)
            .map(Self::from_steps)
            .ok_or_else(|| UnitError::OutOfRange { text: text.into(), step: Self::STEP })
    }

    /// `"40 kW" or "40 MW"`: the number with the units people use most.
    fn example(number: &str) -> String {
        let best: Vec<_> = Self::UNITS.iter().take(2).map(|(unit, _)| format!("\"{number} {unit}\"")).collect();
        best.join(" or ")
    }
}

/// A decimal number times `steps`, exact or nothing.
fn decimal(number: &str, steps: i64) -> Option<i64> {
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let clean = |part: &str| part.chars().filter(|c| *c != '_').collect::<String>();
    let (whole, fraction) = (clean(whole), clean(fraction));
    if fraction.len() > 12 || fraction.contains(['.', '-', '+']) || whole.contains(['-', '+']) {
        return None;
    }
    let places = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let product = mantissa.checked_mul(i128::from(steps))?;
    if product % places != 0 {
        return None;
    }
    let value = i64::try_from(product / places).ok()?;
    Some(if negative { -value } else { value })
}

macro_rules! reads {
    ($name:ident, $kind:literal, $step:literal, $of:path, [$(($unit:literal, $steps:expr)),* $(,)?]) => {
        impl Quantity for $name {
            const KIND: &'static str = $kind;
            const STEP: &'static str = $step;
            const UNITS: &'static [(&'static str, i64)] = &[$(($unit, $steps)),*];
            fn from_steps(steps: i64) -> Self {
                $of(steps)
            }
        }
    };
}

reads!(Power, "power", "1 W", Power::from_watts, [("kW", 1_000), ("MW", 1_000_000), ("W", 1), ("GW", 1_000_000_000)]);
reads!(Slew, "slew", "1 W/s", Slew::from_watts_per_second, [("kW/s", 1_000), ("MW/s", 1_000_000), ("W/s", 1)]);
reads!(Price, "price", "0.000001 USD/MWh", Price::from_micro_usd_per_mwh, [("USD/MWh", 1_000_000)]);
reads!(
    Hashprice,
    "hashprice",
    "0.000001 USD/PH/day",
    Hashprice::from_micro_usd_per_ph_day,
    [("USD/PH/day", 1_000_000)]
);
reads!(Efficiency, "efficiency", "0.001 J/TH", Efficiency::from_millijoules_per_th, [("J/TH", 1_000)]);
reads!(Share, "share", "0.0001 %", Share::from_ppm, [("%", 10_000)]);
reads!(
    Duration,
    "time",
    "1 us",
    from_micros,
    [("ms", 1_000), ("s", 1_000_000), ("us", 1), ("min", 60_000_000), ("h", 3_600_000_000)]
);

/// A time span is never negative: the reader refuses the sign before it gets here, and zero is the nearest truth.
fn from_micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_a_number_with_its_unit() {
        assert_eq!(Power::parse("3.5 kW"), Ok(Power::from_watts(3_500)));
        assert_eq!(Power::parse("40MW"), Ok(Power::from_watts(40_000_000)));
        assert_eq!(Price::parse("-31.7 USD/MWh"), Ok(Price::from_micro_usd_per_mwh(-31_700_000)));
        assert_eq!(Efficiency::parse("17.5 J/TH"), Ok(Efficiency::from_millijoules_per_th(17_500)));
        assert_eq!(Duration::parse("200 ms"), Ok(Duration::from_millis(200)));
        assert_eq!(Share::parse("99.9 %"), Ok(Share::from_ppm(999_000)));
    }

    #[test]
    fn a_bare_number_is_refused_with_the_repair() {
        let refused = Power::parse("40").unwrap_err();
        assert_eq!(refused.to_string(), "`40` has no unit");
        assert_eq!(refused.help(), Some("write \"40 kW\" or \"40 MW\""));
    }

    #[test]
    fn a_misspelt_unit_is_corrected() {
        assert_eq!(Power::parse("40 mw").unwrap_err().help(), Some("write \"40 MW\""));
        assert_eq!(Power::parse("40 hp").unwrap_err().to_string(), "`hp` is not a unit of power");
    }

    #[test]
    fn digits_below_the_smallest_step_are_refused_not_dropped() {
        assert!(Power::parse("0.0005 kW").is_err());
        assert!(Power::parse("1.2.3 kW").is_err());
        assert!(Power::parse("99999999999999999999 GW").is_err());
        assert!(Power::parse("kW").is_err());
        assert!(Power::parse("--4 kW").is_err());
    }
}
