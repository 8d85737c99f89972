//! The nested lists of a rate: periods of tiers, and schedules of periods.

use serde_json::Value;

use super::read::{Reader, exact, index};
use crate::tariff;

/// Twelve months of 24 hours, each the place of a period.
pub(super) type Schedule = [[usize; 24]; 12];

/// One step of a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tier {
    /// `rate` and `adj` together.
    pub(super) price: tariff::Rate,
    /// In steps of 1e-15 of its unit; nothing on the last.
    pub(super) top: Option<i128>,
    pub(super) unit: Unit,
}

/// What the top of a tier of energy counts: kWh, or kWh for each kW, in a month or a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) per_kw: bool,
    pub(super) per_day: bool,
}

impl Unit {
    fn named(name: &str) -> Option<Self> {
        let (per_kw, per_day) = match name.to_ascii_lowercase().as_str() {
            "kwh" => (false, false),
            "kwh/kw" => (true, false),
            "kwh daily" => (false, true),
            "kwh/kw daily" => (true, true),
            _ => return None,
        };
        Some(Self { per_kw, per_day })
    }
}

impl Reader<'_> {
    /// Periods of tiers; nothing where the field says nothing, or is refused.
    pub(super) fn structure(&mut self, field: &str, with_units: bool) -> Option<Vec<Vec<Tier>>> {
        let periods = self.list(field)?;
        let free = [Value::Object(serde_json::Map::new())];
        let mut all = Vec::new();
        for period in periods {
            let tiers = match period {
                Value::Array(tiers) if !tiers.is_empty() => tiers.as_slice(),
                Value::Array(_) | Value::Null => free.as_slice(),
                _ => {
                    self.refuse(field);
                    return None;
                }
            };
            all.push(self.period(field, tiers, with_units)?);
        }
        Some(all)
    }

    fn period(&mut self, field: &str, tiers: &[Value], with_units: bool) -> Option<Vec<Tier>> {
        let mut unit = Unit::default();
        let mut period: Vec<Tier> = Vec::new();
        for (at, tier) in tiers.iter().enumerate() {
            if with_units {
                unit = self.unit(field, tier, unit, at > 0);
            }
            let read = self.tier(field, tier, at + 1 == tiers.len(), unit);
            let Some(read) = read else {
                self.refuse(field);
                return None;
            };
            period.push(read);
        }
        let tops: Vec<i128> = period.iter().filter_map(|tier| tier.top).collect();
        if !tops.is_sorted() || tops.first().is_some_and(|top| *top < 0) {
            self.refuse(&format!("{field}.max"));
        }
        let closed = || period.iter().filter(|tier| tier.top.is_some()).map(|tier| tier.unit);
        let mixed = closed().any(|unit| Some(unit) != closed().next());
        let open = period.last().is_some_and(|open| closed().any(|unit| unit.per_kw != open.unit.per_kw));
        if mixed || open {
            // Whether steps of one unit are nested in the step of another before them, the format does not say.
            self.refuse(&format!("{field}.unit"));
        }
        Some(period)
    }

    fn tier(&mut self, field: &str, tier: &Value, is_last: bool, unit: Unit) -> Option<Tier> {
        let part = |key: &str| match tier.get(key) {
            None | Some(Value::Null) => Some(None),
            Some(Value::String(text)) if text.trim().is_empty() => Some(None),
            Some(value) => exact(value).map(Some),
        };
        let (rate, adjustment, top) = (part("rate")?, part("adj")?, part("max")?);
        if part("sell")?.is_some_and(|sell| sell != 0) {
            self.lose("sell");
        }
        if is_last && top.is_some() {
            self.lose("max on the last tier");
        }
        if !is_last && top.is_none() {
            // What stands behind an open tier is never reached.
            self.refuse(&format!("{field}.max"));
        }
        let price = tariff::Rate::of(rate.unwrap_or(0).checked_add(adjustment.unwrap_or(0))?)?;
        Some(Tier { price, top: top.filter(|_| !is_last), unit })
    }

    /// The unit of a tier: its own, or that of the tier before.
    fn unit(&mut self, field: &str, tier: &Value, before: Unit, is_later: bool) -> Unit {
        match tier.get("unit").and_then(Value::as_str).filter(|unit| !unit.is_empty()) {
            Some(name) => Unit::named(name).unwrap_or_else(|| {
                self.refuse(&format!("{field}.unit"));
                before
            }),
            None => {
                if is_later && before != Unit::default() {
                    self.lose("tier without a unit");
                }
                before
            }
        }
    }

    /// The schedules of weekdays and weekends, of this many periods.
    pub(super) fn schedules(&mut self, fields: [&str; 2], periods: usize) -> [Schedule; 2] {
        fields.map(|field| {
            let read = self.list(field).and_then(schedule);
            let known = read.filter(|schedule| schedule.iter().flatten().all(|period| *period < periods));
            known.unwrap_or_else(|| {
                self.refuse(field);
                [[0; 24]; 12]
            })
        })
    }
}

fn schedule(months: &[Value]) -> Option<Schedule> {
    let hours = |row: &Value| -> Option<[usize; 24]> {
        let hours: Vec<usize> = row.as_array()?.iter().map(index).collect::<Option<_>>()?;
        hours.try_into().ok()
    };
    let months: Vec<[usize; 24]> = months.iter().map(hours).collect::<Option<_>>()?;
    months.try_into().ok()
}
