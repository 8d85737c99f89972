//! Rates of the United States Utility Rate Database (URDB), brought into a [`Tariff`].
//!
//! Every field is billed, named as lost, or refused by its name; nothing is dropped in silence. A rate that cannot be billed as it
//! is written is refused: a refusal costs an engineer an hour, a wrong bill a year's profit. Format: the OpenEI rate pages,
//! versions 3 to 8. It opens no file.

use serde_json::Value;

use super::Tariff;

mod compose;
mod limits;
mod read;
mod structure;

pub use read::Rate;

/// Whose reading of the format is followed, where it can be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// That of NREL's SSC, so that bills can be compared to the half cent: an amount a day is charged as 365/12 days in every month,
    /// demand in any unit as kW and month, and prices of fuel by month are left out.
    Referee,
    /// As the sheet says it: an amount a day for each day, demand in kVA or by the day as such, and prices of fuel by
    /// month.
    Sheet,
}

/// What became of a rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The tariff; nothing where a field is refused.
    pub tariff: Option<Tariff>,
    /// Fields because of which it cannot be billed.
    pub refused: Vec<String>,
    /// Fields that are not billed as they are written.
    pub loss: Vec<String>,
}

/// Looks for the first rate in a JSON document, whatever it is wrapped in.
pub fn find(value: &Value) -> Option<&Value> {
    const SIGNS: [&str; 3] = ["energyratestructure", "demandratestructure", "flatdemandstructure"];
    match value {
        Value::Object(map) if SIGNS.iter().any(|sign| map.contains_key(*sign)) => Some(value),
        Value::Object(map) => map.values().find_map(find),
        Value::Array(all) => all.iter().find_map(find),
        _ => None,
    }
}

/// Brings a rate into a tariff whose meter has rows of `step` minutes.
pub fn import(rate: &Value, step: u16, convention: Convention) -> Import {
    let mut rate = Rate::read(rate, step);
    let more = match convention {
        Convention::Referee => limits::fields(&rate),
        Convention::Sheet => limits::unsayable(&rate),
    };
    for field in more {
        if !rate.refused.iter().any(|known| known == field) {
            rate.refused.push(field.into());
        }
    }
    if rate.refused.is_empty() {
        match compose::tariff(&rate, step, convention) {
            Ok(tariff) => return Import { tariff: Some(tariff), refused: rate.refused, loss: rate.loss },
            Err(field) => rate.refused.push(field.into()),
        }
    }
    Import { tariff: None, refused: rate.refused, loss: rate.loss }
}
