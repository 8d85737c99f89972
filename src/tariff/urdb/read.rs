//! A rate read field by field: billed, lost, or refused.

use serde_json::Value;

use super::structure::{Schedule, Tier};
use crate::tariff;
use crate::tariff::exact::{ONE, div, parse};

/// A rate as it can be billed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// `utility` and `name`.
    pub name: String,
    /// `label`: its name in the database.
    pub label: String,
    pub(super) energy: Vec<Vec<Tier>>,
    /// Weekdays and weekends.
    pub(super) energy_at: [Schedule; 2],
    pub(super) flat: Vec<Vec<Tier>>,
    pub(super) flat_months: [usize; 12],
    pub(super) demand: Vec<Vec<Tier>>,
    pub(super) demand_at: [Schedule; 2],
    pub(super) ratchet: Option<Ratchet>,
    pub(super) fixed: Per,
    pub(super) minimum: Per,
    pub(super) fuel: [tariff::Rate; 12],
    pub(super) flat_unit: DemandUnit,
    pub(super) demand_unit: DemandUnit,
    /// Fields because of which it cannot be billed.
    pub refused: Vec<String>,
    /// Fields that are not billed as they are written.
    pub loss: Vec<String>,
}

/// What earlier months ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ratchet {
    pub(super) share: i128,
    pub(super) months: u8,
    /// Whether a month of the year counts.
    pub(super) of: [bool; 12],
}

/// What a demand charge counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum DemandUnit {
    #[default]
    Kw,
    Kva,
    KwDaily,
    /// Horsepower, or apparent power by the day.
    Other,
}

impl DemandUnit {
    fn named(name: &str) -> Self {
        match name {
            "" | "kW" => Self::Kw,
            "kVA" => Self::Kva,
            "kW daily" => Self::KwDaily,
            _ => Self::Other,
        }
    }
}

/// Amounts by the time that they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Per {
    pub(super) month: tariff::Rate,
    pub(super) day: tariff::Rate,
    pub(super) year: tariff::Rate,
}

/// A rate being read.
pub(super) struct Reader<'a> {
    rate: &'a Value,
    out: Rate,
}

impl Rate {
    /// Reads a rate that a meter with rows of `step` minutes is to be billed by.
    pub fn read(rate: &Value, step: u16) -> Self {
        let mut reader = Reader { rate, out: Self::default() };
        reader.title();
        reader.money();
        reader.energy();
        reader.demand();
        reader.ratchet();
        reader.rest(step);
        reader.out
    }
}

impl<'a> Reader<'a> {
    pub(super) fn refuse(&mut self, field: &str) {
        if !self.out.refused.iter().any(|known| known == field) {
            self.out.refused.push(field.into());
        }
    }

    pub(super) fn lose(&mut self, field: &str) {
        if !self.out.loss.iter().any(|known| known == field) {
            self.out.loss.push(field.into());
        }
    }

    /// A field that says anything.
    fn said(&self, field: &str) -> Option<&'a Value> {
        self.rate
            .get(field)
            .filter(|value| !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty()))
    }

    fn text(&self, field: &str) -> &'a str {
        self.said(field).and_then(Value::as_str).unwrap_or("")
    }

    fn number(&mut self, field: &str) -> Option<i128> {
        let number = exact(self.said(field)?);
        if number.is_none() {
            self.refuse(field);
        }
        number
    }

    fn amount(&mut self, field: &str) -> Option<tariff::Rate> {
        let amount = tariff::Rate::whole(self.number(field)?);
        if amount.is_none() {
            self.refuse(field);
        }
        amount
    }

    /// A list that holds anything.
    pub(super) fn list(&mut self, field: &str) -> Option<&'a [Value]> {
        match self.said(field)? {
            Value::Array(list) => Some(list.as_slice()).filter(|list| !list.is_empty()),
            _ => {
                self.refuse(field);
                None
            }
        }
    }

    fn title(&mut self) {
        let both = [self.text("utility"), self.text("name")];
        let said: Vec<&str> = both.into_iter().filter(|text| !text.is_empty()).collect();
        self.out.name = if said.is_empty() { "a rate without a name".into() } else { said.join(": ") };
        self.out.label = self.text("label").into();
    }

    fn money(&mut self) {
        let (legacy, first) = (self.amount("fixedmonthlycharge"), self.amount("fixedchargefirstmeter"));
        self.out.fixed = match (legacy, first) {
            (Some(month), _) => Per { month, ..Per::default() },
            (None, Some(first)) => self.per("fixedchargeunits", first),
            (None, None) => Per::default(),
        };
        if self.out.fixed.day != tariff::Rate::default() {
            self.lose("fixedchargeunits");
        }
        if self.number("fixedchargeeaaddl").is_some_and(|more| more != 0) {
            self.lose("fixedchargeeaaddl");
        }
        let (month, year) = (self.amount("minmonthlycharge"), self.amount("annualmincharge"));
        self.out.minimum = Per { month: month.unwrap_or_default(), year: year.unwrap_or_default(), ..Per::default() };
        if let Some(least) = self.amount("mincharge").filter(|least| least.0 != 0) {
            let Per { month, day, year } = self.per("minchargeunits", least);
            if day.0 != 0 {
                self.lose("minchargeunits");
            }
            let least = &mut self.out.minimum;
            if year.0 != 0 {
                least.year = year;
            } else {
                (least.month, least.day) = (month, day);
            }
        }
    }

    fn per(&mut self, field: &str, amount: tariff::Rate) -> Per {
        let none = Per::default();
        match self.said(field).map_or(Some("$/month"), Value::as_str) {
            Some("$/month") => Per { month: amount, ..none },
            Some("$/day") => Per { day: amount, ..none },
            Some("$/year") => Per { year: amount, ..none },
            _ => {
                self.refuse(field);
                none
            }
        }
    }

    fn energy(&mut self) {
        let field = "energyratestructure";
        let Some(energy) = self.structure(field, true) else { return };
        self.out.energy_at = self.schedules(["energyweekdayschedule", "energyweekendschedule"], energy.len());
        self.out.energy = energy;
    }

    fn demand(&mut self) {
        if let Some(flat) = self.structure("flatdemandstructure", false) {
            let field = "flatdemandmonths";
            let months = self.list(field).and_then(|all| all.iter().map(index).collect::<Option<Vec<_>>>());
            let known = months.and_then(|months| <[usize; 12]>::try_from(months).ok());
            match known.filter(|months| months.iter().all(|period| *period < flat.len())) {
                Some(months) => (self.out.flat, self.out.flat_months) = (flat, months),
                None => self.refuse(field),
            }
        }
        if let Some(demand) = self.structure("demandratestructure", false) {
            self.out.demand_at = self.schedules(["demandweekdayschedule", "demandweekendschedule"], demand.len());
            self.out.demand = demand;
        }
    }

    fn ratchet(&mut self) {
        let charged = !self.out.flat.is_empty() || !self.out.demand.is_empty();
        let (mut share, range) = (self.number("lookbackpercent"), self.number("lookbackrange").unwrap_or(0));
        let mut range = range / ONE;
        let named: Vec<bool> = self.list("lookbackmonths").unwrap_or_default().iter().map(truth).collect();
        let mut of = <[bool; 12]>::try_from(named.as_slice()).ok();
        let any = named.iter().any(|month| *month);
        if share.is_none()
            && let Some(old) = self.legacy()
        {
            (share, range, of) = (Some(old), 11, None);
        } else if any && of.is_none() {
            return self.refuse("lookbackmonths");
        } else if any && range == 0 {
            // Far enough to see each month that is named.
            range = 11;
        }
        let Some(share) = share.filter(|share| *share != 0 && charged) else { return };
        if !(0..=2 * ONE).contains(&share) {
            return self.refuse("lookbackpercent");
        }
        let Some(months) = u8::try_from(range).ok().filter(|months| *months <= 12) else {
            return self.refuse("lookbackrange");
        };
        let of = of.filter(|of| of.contains(&true)).unwrap_or([true; 12]);
        self.out.ratchet = Some(Ratchet { share, months, of });
        if !self.out.demand.is_empty() {
            self.lose("lookback + demandratestructure");
        }
    }

    /// The older field: the highest of its values, as a part or a percentage.
    fn legacy(&mut self) -> Option<i128> {
        let field = "demandratchetpercentage";
        let values: Option<Vec<i128>> = match self.said(field)? {
            Value::Array(all) => all.iter().map(exact).collect(),
            one => exact(one).map(|one| vec![one]),
        };
        let Some(values) = values else {
            self.refuse(field);
            return None;
        };
        let most = values.into_iter().max()?;
        self.lose(field);
        if most <= ONE { Some(most) } else { div(most, 100) }
    }

    /// What a meter of real power cannot be billed by.
    fn rest(&mut self, step: u16) {
        if self.said("dgrules").is_some() {
            self.lose("dgrules");
        }
        self.out.flat_unit = DemandUnit::named(self.text("flatdemandunit"));
        self.out.demand_unit = DemandUnit::named(self.text("demandrateunit"));
        for (unit, of) in [
            ("flatdemandunit", "flatdemandstructure"),
            ("demandrateunit", "demandratestructure"),
            ("coincidentrateunit", "coincidentratestructure"),
        ] {
            if self.list(of).is_some() && self.said(unit).is_some_and(|unit| unit.as_str() != Some("kW")) {
                self.lose(unit);
            }
        }
        if let Some(fuel) = self.list("fueladjustmentsmonthly") {
            let fuel =
                fuel.iter().map(|value| exact(value).or(value.is_null().then_some(0)).and_then(tariff::Rate::of));
            match fuel.collect::<Option<Vec<_>>>().and_then(|fuel| <[_; 12]>::try_from(fuel).ok()) {
                Some(fuel) => self.out.fuel = fuel,
                None => self.refuse("fueladjustmentsmonthly"),
            }
            if self.out.fuel.iter().any(|rate| rate.0 != 0) {
                self.lose("fueladjustmentsmonthly");
            }
        }
        if self.list("coincidentratestructure").is_some() {
            self.lose("coincidentratestructure");
        }
        if self.number("demandreactivepowercharge").is_some_and(|price| price != 0) {
            self.lose("demandreactivepowercharge");
        }
        if self.number("demandwindow").is_some_and(|window| window != 0 && window != i128::from(step) * ONE) {
            self.lose("demandwindow");
        }
    }
}

/// A number, or a text that is one, in steps of 1e-15.
pub(super) fn exact(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => parse(&number.to_string()),
        Value::String(text) => parse(text),
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The place of a period.
pub(super) fn index(value: &Value) -> Option<usize> {
    let number = exact(value)?;
    (number % ONE == 0).then(|| usize::try_from(number / ONE).ok()).flatten()
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(is) => *is,
        other => exact(other).is_some_and(|number| number != 0),
    }
}
