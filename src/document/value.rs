//! What can stand behind a key: quantities with units, names, numbers, addresses, lists.

use std::net::SocketAddr;

use toml::Spanned;
use toml::de::DeValue;

use super::problem::{Code, Problem, Span};
use crate::units::Quantity;

/// A key with the value that stands behind it.
#[derive(Debug)]
pub struct Field<'d> {
    /// The key as written.
    pub key: &'d str,
    /// Its value with its place.
    pub value: &'d Spanned<DeValue<'d>>,
}

impl Field<'_> {
    /// Where the value stands.
    pub fn span(&self) -> Span {
        self.value.span()
    }

    /// A problem at the value; the message begins with the key.
    pub fn problem(&self, code: Code, message: impl AsRef<str>) -> Problem {
        Problem::new(code, self.span(), format!("{}: {}", self.key, message.as_ref()))
    }

    fn of_type(&self, wanted: &str, example: &str) -> Problem {
        let found = super::raw::kind(self.value.get_ref());
        let problem = self.problem(Code::Type, format!("this is {found}, and {wanted} is wanted"));
        problem.help(format!("write {} = {example}", self.key))
    }
}

/// What can be read from the value behind a key.
pub trait Value: Sized {
    /// How it is written, for the help of a missing key: `"40 kW"`.
    fn example() -> String;

    /// Reads it, or adds what is wrong.
    fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Self>;
}

impl<Q: Quantity> Value for Q {
    fn example() -> String {
        let unit = Q::UNITS.first().map_or("", |(unit, _)| unit);
        format!("\"40 {unit}\"")
    }

    fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let text = match field.value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => {
                problems.push(field.of_type(&format!("{} with its unit", Q::KIND), &<Q as Value>::example()));
                return None;
            }
        };
        if Q::KIND == "time" && text.trim_start().starts_with('-') {
            problems.push(field.problem(Code::Unit, format!("`{text}` is a negative time")));
            return None;
        }
        match Q::parse(text) {
            Ok(quantity) => Some(quantity),
            Err(error) => {
                let problem = field.problem(Code::Unit, error.to_string());
                problems.push(match error.help() {
                    Some(help) => problem.help(help),
                    None => problem,
                });
                None
            }
        }
    }
}

impl Value for String {
    fn example() -> String {
        "\"…\"".into()
    }

    fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        match field.value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => return Some(text.to_string()),
            DeValue::String(_) => problems.push(field.problem(Code::Range, "this text is empty")),
            _ => problems.push(field.of_type("text", "\"…\"")),
        }
        None
    }
}

impl Value for bool {
    fn example() -> String {
        "true".into()
    }

    fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        if let DeValue::Boolean(is) = field.value.get_ref() {
            return Some(*is);
        }
        problems.push(field.of_type("true or false", "true"));
        None
    }
}

macro_rules! whole_number {
    ($($int:ty),*) => {$(
        impl Value for $int {
            fn example() -> String {
                "8".into()
            }

            fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
                let DeValue::Integer(number) = field.value.get_ref() else {
                    problems.push(field.of_type("a whole number", "8"));
                    return None;
                };
                let read = <$int>::from_str_radix(number.as_str(), number.radix()).ok();
                if read.is_none() {
                    let (least, most) = (<$int>::MIN, <$int>::MAX);
                    problems.push(field.problem(Code::Range, format!("`{number}` is not within {least} to {most}")));
                }
                read
            }
        }
    )*};
}
whole_number!(u8, u16, u32, u64, i16, i32, i64);

impl Value for SocketAddr {
    fn example() -> String {
        "\"192.0.2.1:502\"".into()
    }

    fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let text = String::read(field, problems)?;
        let read = text.parse().ok();
        if read.is_none() {
            let problem = field.problem(Code::Range, format!("`{text}` is not an IP address with a port"));
            let with_port = format!("{text}:502");
            let example = if with_port.parse::<SocketAddr>().is_ok() { with_port } else { "192.0.2.1:502".into() };
            problems.push(problem.help(format!("write for example \"{example}\"")));
        }
        read
    }
}

/// A decimal number as written, exact: `mantissa / 10^places`. For the scales of a register map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// The digits without the point, with the sign.
    pub mantissa: i64,
    /// How many of them stand behind the point, 0 to 12.
    pub places: u32,
}

impl Decimal {
    /// Reads `-0.125`; nothing where it is not a plain decimal of at most 12 places.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.replace('_', "");
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let places = u32::try_from(fraction.len()).ok().filter(|places| *places <= 12)?;
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self { mantissa: format!("{whole}{fraction}").parse().ok()?, places })
    }
}

impl Value for Decimal {
    fn example() -> String {
        "0.1".into()
    }

    fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let read = match field.value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => Self::parse(number.as_str()),
            DeValue::Float(number) => Self::parse(number.as_str()),
            _ => {
                problems.push(field.of_type("a decimal number", "0.1"));
                return None;
            }
        };
        if read.is_none() {
            problems.push(field.problem(Code::Range, "this is not a plain decimal of at most 12 places"));
        }
        read
    }
}

impl<T: Value> Value for Vec<T> {
    fn example() -> String {
        format!("[{}]", T::example())
    }

    fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let DeValue::Array(list) = field.value.get_ref() else {
            problems.push(field.of_type("a list", &Self::example()));
            return None;
        };
        let items: Vec<_> = list.iter().map(|value| T::read(&Field { key: field.key, value }, problems)).collect();
        items.into_iter().collect()
    }
}

/// One value, or a list of them with at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Several<T>(pub Vec<T>);

impl<T: Value> Value for Several<T> {
    fn example() -> String {
        T::example()
    }

    fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        match field.value.get_ref() {
            DeValue::Array(list) if list.is_empty() => {
                problems.push(field.problem(Code::Range, "this list is empty"));
                None
            }
            DeValue::Array(_) => Vec::read(field, problems).map(Self),
            _ => T::read(field, problems).map(|one| Self(vec![one])),
        }
    }
}
