//! Values of a tariff file: quantities, dates, prices by day and by period, windows of time.

use crate::document::{Code, Document, Form, Problem, Raw, Shape, Span, nearest};
use crate::tariff::calendar::{Days, Hours, Months, Window};
use crate::tariff::exact::{ONE, show};
use crate::tariff::quantity::{Kind, Quantity, Wrong, in_currency, read};
use crate::tariff::{Dated, Priced, Rate, When};
use crate::time::Date;

/// What readers of single values know of their file.
pub(super) struct Reader<'d> {
    pub(super) document: &'d Document<'d>,
    pub(super) currency: String,
    /// Minutes.
    pub(super) interval: u16,
    /// Names of the calendar's periods.
    pub(super) periods: Vec<String>,
}

impl<'d> Reader<'d> {
    pub(super) fn add(&self, problem: Problem) {
        self.document.add(problem);
    }

    fn units(&self, wanted: &[Kind]) -> String {
        let all: Vec<String> =
            wanted.iter().flat_map(|kind| kind.units()).map(|unit| in_currency(unit, &self.currency)).collect();
        all.join(", ")
    }

    /// A quantity of one of these kinds; `what` is what takes it, as in `a demand charge`.
    pub(super) fn quantity(&self, raw: Raw<'_>, wanted: &[Kind], what: &str) -> Option<Quantity> {
        let kind = wanted.first().copied().unwrap_or(Kind::Money);
        let unit = kind.units().next().map(|unit| in_currency(unit, &self.currency)).unwrap_or_default();
        let text = match raw.shape() {
            Shape::Text(text) => text,
            Shape::Number(number) => {
                self.add(self.bare(raw.span(), number, kind, &unit));
                return None;
            }
            _ => {
                let problem = Problem::new(
                    Code::Type,
                    raw.span(),
                    format!("this is {}, and {} is wanted", raw.kind(), kind.words()),
                );
                self.add(problem.help(format!("write for example \"1.50 {unit}\"")));
                return None;
            }
        };
        let problem = match read(text, &self.currency) {
            Ok(quantity) if wanted.contains(&quantity.kind) => return Some(quantity),
            Ok(quantity) => {
                let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit() || "+-. ".contains(letter));
                Problem::new(Code::Unit, raw.inner(), format!("`{unit}` does not fit here: {} is needed", kind.words()))
                    .label("wrong kind of unit")
                    .help(format!("this is {}; {what} takes one of: {}", quantity.kind.words(), self.units(wanted)))
            }
            Err(Wrong::NoUnit) => self.bare(raw.inner(), text, kind, &unit),
            Err(Wrong::NoNumber(found)) => {
                Problem::new(Code::Number, raw.inner(), format!("`{found}` is not a number"))
                    .label("what should stand before the unit")
                    .help(format!("write a plain decimal with its unit, as in \"1480.00 {unit}\""))
            }
            Err(Wrong::Currency(code)) => {
                Problem::new(Code::Unit, raw.inner(), format!("`{code}` is not the currency of this file"))
                    .label(format!("the file says currency = \"{}\"", self.currency))
                    .help(format!("write the amount in {}, for example with \"{unit}\"", self.currency))
            }
            Err(Wrong::Unknown(found, near)) => {
                let help = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("{what} takes one of: {}", self.units(wanted)),
                };
                Problem::new(Code::Unit, raw.inner(), format!("`{found}` is not a unit")).label("unknown").help(help)
            }
            Err(Wrong::TooLarge) => Problem::new(Code::Range, raw.inner(), format!("`{text}` is out of all range")),
        };
        self.add(problem);
        None
    }

    fn bare(&self, span: Span, number: &str, kind: Kind, unit: &str) -> Problem {
        let what = match kind {
            Kind::Share => "a percentage needs its sign",
            Kind::Power | Kind::Minutes | Kind::Days | Kind::Energy | Kind::HoursUse => "a quantity needs its unit",
            _ => "a price needs its unit",
        };
        Problem::new(Code::BareNumber, span, what).label("which unit?").help(format!("write \"{number} {unit}\""))
    }

    /// A price for a kWh, a kW or the like, within what can be reckoned with.
    pub(super) fn rate(&self, raw: Raw<'_>, wanted: &[Kind], what: &str) -> Option<Rate> {
        let quantity = self.quantity(raw, wanted, what)?;
        let whole = matches!(quantity.kind, Kind::Monthly | Kind::Daily | Kind::Yearly | Kind::Money);
        let rate = if whole { Rate::whole(quantity.steps) } else { Rate::of(quantity.steps) };
        if rate.is_none() {
            self.add(Problem::new(Code::Range, raw.inner(), "a price out of all range"));
        }
        rate
    }

    /// A part of a whole, in steps of 1e-15, from nothing to `most` times the whole.
    pub(super) fn share(&self, raw: Raw<'_>, what: &str, most: i128) -> Option<i128> {
        let share = self.quantity(raw, &[Kind::Share], what)?.steps;
        if (0..=most * ONE).contains(&share) {
            return Some(share);
        }
        let message = format!("{} % is not within 0 and {} %", show(share.saturating_mul(100), 15), most * 100);
        self.add(Problem::new(Code::Range, raw.inner(), message));
        None
    }

    /// Power of nothing or more, in milliwatts.
    pub(super) fn power(&self, raw: Raw<'_>, what: &str) -> Option<i64> {
        let power = self.quantity(raw, &[Kind::Power], what)?.steps;
        let milli = (0..=10_000_000 * ONE).contains(&power).then_some(power / (ONE / 1_000_000));
        if milli.is_none() {
            self.add(Problem::new(Code::Range, raw.inner(), "power is from 0 to 10,000 MW"));
        }
        milli.and_then(|milli| i64::try_from(milli).ok())
    }

    /// Whole minutes, at least one.
    pub(super) fn minutes(&self, raw: Raw<'_>, what: &str) -> Option<u16> {
        let steps = self.quantity(raw, &[Kind::Minutes], what)?.steps;
        let whole = (steps % ONE == 0 && steps > 0).then(|| u16::try_from(steps / ONE).ok()).flatten();
        if whole.is_none() {
            self.add(Problem::new(Code::Range, raw.inner(), "whole minutes are wanted, at least one"));
        }
        whole
    }

    /// A day.
    pub(super) fn date(&self, raw: Raw<'_>) -> Option<Date> {
        let text = match raw.shape() {
            Shape::Date(text) => text,
            Shape::Text(text) => text.to_owned(),
            _ => String::new(),
        };
        let date = Date::parse(&text);
        if date.is_none() {
            let problem = Problem::new(Code::Type, raw.span(), format!("this is {}, and a date is wanted", raw.kind()));
            self.add(problem.help("write a date as in 2026-03-01, without quotes"));
        }
        date
    }

    /// A value, or values by the day from which each holds.
    pub(super) fn dated<T>(&self, raw: Raw<'d>, one: impl Fn(Raw<'d>) -> Option<T>) -> Option<Dated<T>> {
        let Shape::Table(keys) = raw.shape() else { return one(raw).map(Dated::always) };
        if !keys.iter().any(|(key, _, _)| key.starts_with(|first: char| first.is_ascii_digit())) {
            return one(raw).map(Dated::always);
        }
        let mut steps = Vec::new();
        for (key, span, value) in &keys {
            let date = Date::parse(key);
            if date.is_none() {
                let problem = Problem::new(Code::Type, span.clone(), format!("`{key}` is not a date"));
                self.add(problem.label("from when does this hold?").help("write the first day as in 2026-03-01"));
            }
            steps.push(date.zip(one(*value)));
        }
        steps.into_iter().collect::<Option<Vec<_>>>().map(Dated::from)
    }

    /// A price, prices by period, or either by the day from which it holds.
    pub(super) fn priced(&self, raw: Raw<'d>, wanted: &[Kind], what: &str, when: When) -> Option<Dated<Priced>> {
        self.dated(raw, |raw| match raw.shape() {
            Shape::Table(keys) => self.by_period(raw, &keys, wanted, what, when),
            _ => self.rate(raw, wanted, what).map(Priced::One),
        })
    }

    fn by_period(
        &self,
        raw: Raw<'d>,
        keys: &[(&'d str, Span, Raw<'d>)],
        wanted: &[Kind],
        what: &str,
        when: When,
    ) -> Option<Priced> {
        let mut rates: Vec<Option<Rate>> = vec![None; self.periods.len()];
        let mut fine = true;
        for (key, span, value) in keys {
            let rate = self.rate(*value, wanted, what);
            match self.periods.iter().position(|period| period == key) {
                Some(at) => {
                    if let Some(slot) = rates.get_mut(at) {
                        *slot = rate;
                    }
                    fine &= rate.is_some();
                }
                None => {
                    fine = false;
                    self.add(self.no_period(key, span.clone()));
                }
            }
        }
        let missing: Vec<&str> = self
            .periods
            .iter()
            .enumerate()
            .filter(|(at, name)| when.has(*at) && !keys.iter().any(|(key, _, _)| key == name))
            .map(|(_, name)| name.as_str())
            .collect();
        if fine && !missing.is_empty() {
            let problem = Problem::new(Code::Missing, raw.span(), format!("no price for {}", missing.join(", ")));
            let label = "what is used then would cost nothing";
            self.add(
                problem.label(label).help(format!("add {} = \"…\"", missing.first().copied().unwrap_or_default())),
            );
            return None;
        }
        fine.then_some(Priced::Each(rates))
    }

    fn no_period(&self, key: &str, span: Span) -> Problem {
        let problem = Problem::new(Code::Reference, span, format!("there is no period `{key}`"));
        let problem = problem.label("neither a date nor a period of the calendar");
        problem.help(match nearest(key, self.periods.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.periods.is_empty() => "add [calendar.…] tables, or give one price".into(),
            None => format!("the periods are: {}", self.periods.join(", ")),
        })
    }

    /// Periods by their names under the key `when`; all without it.
    pub(super) fn when(&self, form: &Form<'d>) -> Option<When> {
        let Some(raw) = form.raw("when") else { return Some(When::ALWAYS) };
        let names = match raw.shape() {
            Shape::List(names) => names,
            _ => vec![raw],
        };
        let mut found = Vec::new();
        for name in names {
            let text = name.text().unwrap_or_default();
            match self.periods.iter().position(|period| period == text) {
                Some(at) => found.push(at),
                None => self.add(self.no_period(text, name.inner())),
            }
        }
        (!found.is_empty()).then(|| When::of(found))
    }

    /// Months under this key; all without it.
    pub(super) fn months(&self, form: &Form<'d>, key: &str) -> Option<Months> {
        self.word(form, key, "Jun-Sep", Months::ALL, Months::parse, &Months::known())
    }

    /// `months`, `days` and `hours`; all of what is not given.
    pub(super) fn window(&self, form: &Form<'d>) -> Option<Window> {
        let months = self.months(form, "months");
        let days = self.word(form, "days", "Mon-Fri", Days::ALL, Days::parse, &Days::known());
        let example = "15:00-20:00";
        let hours = self.word(form, "hours", example, Hours::all(), Hours::parse, "00:00 to 24:00");
        if let (Some(hours), Some(raw)) = (&hours, form.raw("hours")) {
            let off = hours.0.iter().flat_map(|(from, to)| [*from, *to]).find(|at| at % self.interval.max(1) != 0);
            if let Some(off) = off {
                let message =
                    format!("{:02}:{:02} is not on a border of {} min intervals", off / 60, off % 60, self.interval);
                self.add(Problem::new(Code::Range, raw.inner(), message).label("splits a settlement interval"));
                return None;
            }
        }
        Some(Window { months: months?, days: days?, hours: hours? })
    }

    fn word<T>(
        &self,
        form: &Form<'d>,
        key: &str,
        example: &str,
        all: T,
        parse: impl Fn(&str) -> Result<T, String>,
        known: &str,
    ) -> Option<T> {
        let Some(raw) = form.raw(key) else { return Some(all) };
        let Some(text) = raw.text() else {
            let problem =
                Problem::new(Code::Type, raw.span(), format!("{key}: this is {}, and text is wanted", raw.kind()));
            self.add(problem.help(format!("write {key} = \"{example}\"")));
            return None;
        };
        match parse(text) {
            Ok(read) => Some(read),
            Err(wrong) => {
                let message = format!("{key}: `{wrong}` is none of {known}");
                let near = nearest(&wrong, known.split(", "));
                let help = match near {
                    Some(near) => format!("did you mean `{near}`? write {key} = \"{}\"", text.replace(&wrong, near)),
                    None => format!("write for example {key} = \"{example}\""),
                };
                self.add(Problem::new(Code::Choice, raw.inner(), message).help(help));
                None
            }
        }
    }
}
