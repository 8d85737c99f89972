//! Golden words: what a file claims its registers mean, run whenever it is read.
//!
//! A check of the power says words and value; the value must come back to the same words, unless the words carry more
//! than whole watts. A check of the outlets says states and which outlets are on.

use super::{Outlets, Point, Profile};
use crate::document::{Code, Form, Span};
use crate::snapshot::NoData;
use crate::units::Power;

/// One `[[check]]`.
pub(super) struct Check {
    pub(super) span: Span,
    words: Vec<u16>,
    claim: Claim,
}

enum Claim {
    Power { scale_word: Option<u16>, value: Result<Power, NoData>, one_way: bool },
    Outlets { on: Vec<u32> },
}

pub(super) fn read(form: &Form<'_>) -> Option<Check> {
    let of_power = form.choice("point", &[("power", true), ("outlets", false)]);
    let words = form.required("words");
    let claim = match of_power {
        Some(true) => power_claim(form),
        Some(false) => form.required("on").map(|on| Claim::Outlets { on }),
        None => None,
    };
    Some(Check { span: form.span(), words: words?, claim: claim? })
}

fn power_claim(form: &Form<'_>) -> Option<Claim> {
    let scale_word = form.optional("scale_word");
    let one_way = form.or("one_way", false);
    let no_data = [
        ("not_available", NoData::NotAvailable),
        ("not_understood", NoData::NotUnderstood),
        ("off_scale", NoData::OffScale),
    ];
    let value = match (form.has("value"), form.has("no_data")) {
        (false, true) => form.choice("no_data", &no_data).map(Err),
        (true, true) => {
            form.problem("no_data", Code::Conflict, "there is either a value or no data", None);
            None
        }
        (_, false) => form.required("value").map(Ok),
    };
    Some(Claim::Power { scale_word, value: value?, one_way: one_way? })
}

impl Check {
    /// What does not come out, in words.
    pub(super) fn run(&self, profile: &Profile) -> Result<(), String> {
        match (&self.claim, &profile.power, &profile.outlets) {
            (Claim::Power { scale_word, value, one_way }, Some(point), _) => {
                self.run_power(point, *scale_word, *value, *one_way)
            }
            (Claim::Outlets { on }, _, Some(outlets)) => self.run_outlets(outlets, on),
            _ => Err("the file has no such point".into()),
        }
    }

    fn run_power(
        &self,
        point: &Point,
        scale_word: Option<u16>,
        value: Result<Power, NoData>,
        one_way: bool,
    ) -> Result<(), String> {
        if scale_word.is_some() != point.scale.is_some() {
            return Err("scale_word goes with a scale_register, and only with one".into());
        }
        // How a sum falls to its parts is the device's own.
        let one_way = one_way || point.addresses.len() > 1;
        let each = usize::from(point.codec.kind.words());
        if self.words.len() != each * point.addresses.len() {
            let wanted = each * point.addresses.len();
            return Err(format!("{} words are given, and the power has {wanted}", self.words.len()));
        }
        let parts = point.addresses.iter().zip(self.words.chunks(each));
        let mut registers: Vec<(u16, u16)> =
            parts.flat_map(|(address, words)| (*address..).zip(words.iter().copied())).collect();
        registers.extend(point.scale.zip(scale_word).map(|(register, word)| (register.address, word)));
        let found = point.decode(&image(point, &registers));
        if found != value {
            return Err(format!("the words are {}, not {}", shown(found), shown(value)));
        }
        let back = point.encode(value).map(|registers| image(point, &registers));
        match back {
            Some(back) if point.decode(&back).ok() != value.ok() => {
                Err(format!("{} does not come back from its own words", shown(value)))
            }
            Some(back) if !one_way && value.is_ok() && back != image(point, &registers) => {
                let words: Vec<_> = point.encode(value).unwrap_or_default();
                let words: Vec<_> = words.iter().map(|(at, word)| format!("{word:#06x} at {at}")).collect();
                Err(format!("{} is written as {}; say one_way = true if that is meant", shown(value), words.join(", ")))
            }
            None if !one_way && value.is_ok() => Err(format!("{} cannot be written in this type", shown(value))),
            _ => Ok(()),
        }
    }

    fn run_outlets(&self, outlets: &Outlets, on: &[u32]) -> Result<(), String> {
        let claimed = on.iter().filter(|outlet| (1..=64).contains(*outlet)).fold(0_u64, |set, n| set | 1 << (n - 1));
        let words = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        // As many outlets as the words are of, where each has a word of its own.
        let apart = u32::from(outlets.read.step.unsigned_abs());
        let count = if outlets.read.packed { outlets.count } else { words.saturating_sub(1) / apart + 1 };
        match outlets.read.decode(&self.words, count) {
            Ok(found) if found == claimed && outlets.read.encode(found, count) == self.words => Ok(()),
            Ok(found) => {
                let found: Vec<_> = (1..=64).filter(|outlet| found >> (outlet - 1) & 1 == 1).collect();
                Err(format!("the words say that outlets {found:?} are on, not {on:?}"))
            }
            Err(_) => Err("the words are neither on nor off".into()),
        }
    }
}

/// One read of the block with these registers in it, and zero elsewhere.
fn image(point: &Point, registers: &[(u16, u16)]) -> Vec<u16> {
    let word = |address: u16| registers.iter().find(|(at, _)| *at == address).map_or(0, |(_, word)| *word);
    (point.block.address..=u16::MAX).take(usize::from(point.block.count)).map(word).collect()
}

fn shown(value: Result<Power, NoData>) -> String {
    match value {
        Ok(power) => format!("{} W", power.watts()),
        Err(NoData::NotAvailable) => "no data (not_available)".into(),
        Err(NoData::OffScale) => "no data (off_scale)".into(),
        Err(_) => "no data (not_understood)".into(),
    }
}
