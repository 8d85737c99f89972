//! Quantities of a tariff as text with their unit: `"14.20 USD/kW-month"`, `"1.9 %"`, `"250 kWh/kW"`.
//!
//! The unit is inside the value, so that a number can never be read in another one. A bare number is refused, and a unit of
//! the wrong kind is named as what it is.

use super::exact::{ONE, div, parse};

/// What a quantity measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Currency a kWh.
    EnergyPrice,
    /// Currency a kW and month.
    DemandPrice,
    /// Currency a kVA and month.
    ApparentPrice,
    /// Currency a kW and day.
    DailyDemandPrice,
    /// Currency a kVAr and month.
    ReactivePrice,
    /// Currency a month.
    Monthly,
    /// Currency a day.
    Daily,
    /// Currency a year.
    Yearly,
    /// Currency for a kW that stands ready for an hour.
    CapacityPrice,
    /// Currency a kW, once.
    PowerPrice,
    /// Currency.
    Money,
    /// A part of a whole; one is 100 %.
    Share,
    /// kW.
    Power,
    /// Minutes.
    Minutes,
    /// Days.
    Days,
    /// kWh.
    Energy,
    /// kWh a day.
    EnergyDaily,
    /// kWh for each kW of demand.
    HoursUse,
    /// kWh a day for each kW of demand.
    HoursUseDaily,
}

impl Kind {
    /// With its article, for messages.
    pub fn words(self) -> &'static str {
        match self {
            Self::EnergyPrice => "an energy price",
            Self::DemandPrice => "a power price",
            Self::ApparentPrice => "a price of apparent power",
            Self::DailyDemandPrice => "a power price by the day",
            Self::ReactivePrice => "a price of reactive power",
            Self::Monthly => "an amount a month",
            Self::Daily => "an amount a day",
            Self::Yearly => "an amount a year",
            Self::CapacityPrice => "a price of standing ready",
            Self::PowerPrice => "an amount for each kW",
            Self::Money => "an amount of money",
            Self::Share => "a percentage",
            Self::Power => "power",
            Self::Minutes => "a time",
            Self::Days => "a number of days",
            Self::Energy => "energy",
            Self::EnergyDaily => "energy a day",
            Self::HoursUse => "hours of use",
            Self::HoursUseDaily => "hours of use a day",
        }
    }

    /// The units that may be written; `$` stands for the currency of the file.
    pub fn units(self) -> impl Iterator<Item = &'static str> {
        UNITS.iter().filter(move |unit| unit.kind == self).map(|unit| unit.text)
    }
}

struct Unit {
    text: &'static str,
    kind: Kind,
    /// So many of the kind's own unit are in `per` of this one.
    times: i128,
    per: i128,
}

const fn unit(text: &'static str, kind: Kind, times: i128, per: i128) -> Unit {
    Unit { text, kind, times, per }
}

/// Every unit there is. The first of a kind is the one that examples use.
const UNITS: &[Unit] = &[
    unit("$/kWh", Kind::EnergyPrice, 1, 1),
    unit("$/MWh", Kind::EnergyPrice, 1, 1_000),
    unit("c/kWh", Kind::EnergyPrice, 1, 100),
    unit("mill/kWh", Kind::EnergyPrice, 1, 1_000),
    unit("$/kW-month", Kind::DemandPrice, 1, 1),
    unit("$/MW-month", Kind::DemandPrice, 1, 1_000),
    unit("$/kW-year", Kind::DemandPrice, 1, 12),
    unit("$/MW-year", Kind::DemandPrice, 1, 12_000),
    unit("$/kVA-month", Kind::ApparentPrice, 1, 1),
    unit("$/kVA-year", Kind::ApparentPrice, 1, 12),
    unit("$/kW-day", Kind::DailyDemandPrice, 1, 1),
    unit("$/MW-day", Kind::DailyDemandPrice, 1, 1_000),
    unit("$/kVAr-month", Kind::ReactivePrice, 1, 1),
    unit("$/month", Kind::Monthly, 1, 1),
    unit("$/day", Kind::Daily, 1, 1),
    unit("$/year", Kind::Yearly, 1, 1),
    unit("$/MW-h", Kind::CapacityPrice, 1, 1_000),
    unit("$/kW-h", Kind::CapacityPrice, 1, 1),
    unit("$/kW", Kind::PowerPrice, 1, 1),
    unit("$/MW", Kind::PowerPrice, 1, 1_000),
    unit("$", Kind::Money, 1, 1),
    unit("%", Kind::Share, 1, 100),
    unit("kW", Kind::Power, 1, 1),
    unit("MW", Kind::Power, 1_000, 1),
    unit("W", Kind::Power, 1, 1_000),
    unit("min", Kind::Minutes, 1, 1),
    unit("h", Kind::Minutes, 60, 1),
    unit("days", Kind::Days, 1, 1),
    unit("day", Kind::Days, 1, 1),
    unit("kWh", Kind::Energy, 1, 1),
    unit("MWh", Kind::Energy, 1_000, 1),
    unit("kWh/day", Kind::EnergyDaily, 1, 1),
    unit("kWh/kW", Kind::HoursUse, 1, 1),
    unit("kWh/kW/day", Kind::HoursUseDaily, 1, 1),
];

/// A quantity, in steps of 1e-15 of its kind's own unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// What it measures.
    pub kind: Kind,
    /// How much, in steps of 1e-15.
    pub steps: i128,
}

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A number stands alone.
    NoUnit,
    /// What stands before the unit is no number.
    NoNumber(String),
    /// Nobody knows this unit; the nearest that is known.
    Unknown(String, Option<String>),
    /// A unit in a currency that is not the file's.
    Currency(String),
    /// More than can be reckoned with.
    TooLarge,
}

/// The text of a unit in this currency.
pub fn in_currency(unit: &str, currency: &str) -> String {
    unit.replace('$', currency)
}

/// Reads a quantity; amounts are in `currency`.
///
/// # Errors
/// Why it is none.
pub fn read(text: &str, currency: &str) -> Result<Quantity, Wrong> {
    let text = text.trim();
    let border =
        text.find(|letter: char| !(letter.is_ascii_digit() || "+-._eE,".contains(letter))).unwrap_or(text.len());
    // An `e` can be the end of a number or the start of `EUR`.
    let border = text.find("EUR").map_or(border, |at| border.min(at));
    let (number, unit) = text.split_at_checked(border).unwrap_or((text, ""));
    let (number, unit) = (number.trim(), unit.trim());
    if number.is_empty() {
        return Err(Wrong::NoNumber(text.into()));
    }
    let Some(steps) = parse(number) else { return Err(Wrong::NoNumber(number.into())) };
    if unit.is_empty() {
        return Err(Wrong::NoUnit);
    }
    let Some(known) = UNITS.iter().find(|known| in_currency(known.text, currency) == unit) else {
        return Err(unknown(unit, currency));
    };
    let steps = steps.checked_mul(known.times).and_then(|steps| div(steps, known.per)).ok_or(Wrong::TooLarge)?;
    if steps.unsigned_abs() > 1_000_000_000_000 * ONE.unsigned_abs() {
        return Err(Wrong::TooLarge);
    }
    Ok(Quantity { kind: known.kind, steps })
}

fn unknown(unit: &str, currency: &str) -> Wrong {
    let all: Vec<String> = UNITS.iter().map(|known| in_currency(known.text, currency)).collect();
    let other = |code: &str| {
        let foreign =
            unit.strip_prefix(code).is_some_and(|rest| all.iter().any(|known| *known == format!("{currency}{rest}")));
        foreign && code != currency
    };
    let code = unit.get(..3).filter(|code| code.bytes().all(|letter| letter.is_ascii_uppercase()));
    match code.filter(|code| other(code)).or_else(|| Some("$").filter(|sign| other(sign))) {
        Some(code) => Wrong::Currency(code.into()),
        None => {
            let same = |known: &&String| {
                known.eq_ignore_ascii_case(unit) || known.replace('-', "") == unit.replace([' ', '-'], "")
            };
            let near = all.iter().find(same).map(String::as_str);
            let near = near.or_else(|| crate::document::nearest(unit, all.iter().map(String::as_str)));
            Wrong::Unknown(unit.into(), near.map(str::to_owned))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Result<(Kind, i128), Wrong> {
        read(text, "USD").map(|quantity| (quantity.kind, quantity.steps))
    }

    #[test]
    fn every_unit_is_read_in_the_one_of_its_kind() {
        let price = Ok((Kind::EnergyPrice, 34_500_000_000_000));
        for text in ["34.50 USD/MWh", "0.0345 USD/kWh", "3.45 c/kWh", "34.5 mill/kWh", "34.5USD/MWh"] {
            assert_eq!(usd(text), price, "{text}");
        }
        assert_eq!(usd("12 USD/kW-year"), Ok((Kind::DemandPrice, ONE)));
        assert_eq!(usd("80 %"), Ok((Kind::Share, ONE * 8 / 10)));
        assert_eq!(usd("60 MW"), Ok((Kind::Power, 60_000 * ONE)));
        assert_eq!(usd("-2e1 USD"), Ok((Kind::Money, -20 * ONE)));
        assert_eq!(read("12.5 EUR/MWh", "EUR").unwrap().steps, ONE / 80);
        assert_eq!(read("12.5EUR/MWh", "EUR").unwrap().steps, ONE / 80);
    }

    #[test]
    fn what_is_no_quantity_is_told_as_what_it_is() {
        assert_eq!(usd("3.15"), Err(Wrong::NoUnit));
        assert_eq!(usd("USD/kWh"), Err(Wrong::NoNumber("USD/kWh".into())));
        assert_eq!(usd("1,480 USD/month"), Err(Wrong::NoNumber("1,480".into())));
        assert_eq!(usd("3 USD/kWmonth"), Err(Wrong::Unknown("USD/kWmonth".into(), Some("USD/kW-month".into()))));
        assert_eq!(usd("3 usd/kwh"), Err(Wrong::Unknown("usd/kwh".into(), Some("USD/kWh".into()))));
        assert_eq!(usd("3 EUR/kWh"), Err(Wrong::Currency("EUR".into())));
        assert_eq!(usd("3 $/kWh"), Err(Wrong::Currency("$".into())));
        assert_eq!(usd("1e15 USD"), Err(Wrong::TooLarge));
    }
}
