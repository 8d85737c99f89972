//! `[tariff]`: the tariff that a site's power is paid by.

use super::Reader;
use crate::document::{Code, Form};
use crate::site::{Drawn, Supply};
use crate::time::Date;
use crate::units::Share;

/// A reload that moves the price further waits for a person.
const HOLD_ABOVE: Share = Share::from_ppm(200_000);
const WHOLE: Share = Share::from_ppm(1_000_000);

impl<'d> Reader<'d> {
    pub(super) fn supply(&mut self, form: &Form<'d>) -> Option<Supply> {
        self.places.note("tariff", form, &["file", "expected_price", "hold_above", "power_factor"]);
        let file: Option<String> = form.required("file");
        let expected = form.has("expected_price").then(|| form.required("expected_price"));
        let hold_above =
            form.within("hold_above", form.or("hold_above", HOLD_ABOVE), Share::ZERO..=Share::from_ppm(10_000_000));
        let half = Share::from_ppm(500_000);
        let power_factor = form.within("power_factor", form.or("power_factor", WHOLE), half..=WHOLE);
        let drawn: Vec<Option<Drawn>> = form.optional_tables("drawn").iter().map(drawn).collect();
        Some(Supply {
            file: file?,
            expected: super::flip(expected)?,
            hold_above: hold_above?,
            power_factor: power_factor?,
            drawn: drawn.into_iter().collect::<Option<_>>()?,
        })
    }
}

fn drawn(form: &Form<'_>) -> Option<Drawn> {
    let line: Option<String> = form.required("line");
    let month: Option<String> = form.required("month");
    let power = super::not_negative(form, "power");
    let month = month.and_then(|text| {
        let first = Date::parse(&format!("{text}-01"));
        if first.is_none() {
            let help = "write the year and the month, as in \"2026-07\"";
            form.problem("month", Code::Range, format!("`{text}` is no month"), Some(help.into()));
        }
        first
    });
    Some(Drawn { line: line?, month: month?, power: power? })
}
