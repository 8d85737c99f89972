//! `[calendar]`: periods and holidays, and the proof that each interval has one period.

use std::collections::BTreeSet;

use super::reader::Reader;
use crate::document::{Code, Form, Problem, Raw, Shape, Span};
use crate::tariff::calendar::{Calendar, Clash, Days, Grid, Holidays, Hours, MAX_PERIODS, Months, Period, Window};
use crate::time::Date;

/// Names of the periods, before anything else of the file is read: prices are given by them.
pub(super) fn names(root: &Form<'_>) -> Vec<String> {
    let Some(Shape::Table(keys)) = root.raw("calendar").map(Raw::shape) else { return Vec::new() };
    let periods =
        keys.into_iter().filter(|(key, _, value)| *key != "holidays" && matches!(value.shape(), Shape::Table(_)));
    periods.map(|(key, _, _)| key.to_owned()).collect()
}

/// The calendar, proved to give each interval one period.
pub(super) fn read<'d>(reader: &Reader<'d>, root: &Form<'d>) -> Option<Calendar> {
    let Some(form) = root.optional_table("calendar") else { return Some(Calendar::default()) };
    let holidays = holidays(reader, &form);
    let mut periods: Vec<(Option<Period>, Span)> = Vec::new();
    for name in &reader.periods {
        let Some(table) = form.optional_table(name) else { continue };
        periods.push((period(reader, name, &table), table.span()));
    }
    if periods.len() > MAX_PERIODS {
        let message = format!("{} periods are more than the {MAX_PERIODS} that a calendar can have", periods.len());
        reader.add(Problem::new(Code::Range, form.span(), message));
        return None;
    }
    let spans: Vec<Span> = periods.iter().map(|(_, span)| span.clone()).collect();
    let periods: Vec<Period> = periods.into_iter().map(|(period, _)| period).collect::<Option<_>>()?;
    let calendar = Calendar { periods, holidays: holidays? };
    match Grid::of(&calendar, reader.interval) {
        Ok(_) => Some(calendar),
        Err(clashes) => {
            told(reader, &calendar, &clashes, &spans, &form);
            None
        }
    }
}

fn period<'d>(reader: &Reader<'d>, name: &str, form: &Form<'d>) -> Option<Period> {
    let otherwise = form.or("otherwise", false);
    let several = form.optional_tables("any");
    let windows: Option<Vec<Window>> = if several.is_empty() {
        reader.window(form).map(|window| vec![window])
    } else {
        several.iter().map(|form| reader.window(form)).collect()
    };
    Some(Period { name: name.into(), windows: windows?, otherwise: otherwise? })
}

fn holidays<'d>(reader: &Reader<'d>, form: &Form<'d>) -> Option<Holidays> {
    let Some(raw) = form.raw("holidays") else { return Some(Holidays::default()) };
    let wrong = |raw: Raw<'_>| {
        let message = "holidays are \"us.nerc\", dates, or a list of both";
        reader.add(Problem::new(Code::Choice, raw.span(), message).help("write holidays = [\"us.nerc\", 2026-11-27]"));
    };
    let list = match raw.shape() {
        Shape::List(list) => list,
        _ => vec![raw],
    };
    let (mut nerc, mut dates, mut fine) = (false, BTreeSet::new(), true);
    for one in list {
        match one.shape() {
            Shape::Text("us.nerc") => nerc = true,
            Shape::Date(text) if Date::parse(&text).is_some() => dates.extend(Date::parse(&text)),
            _ => {
                wrong(one);
                fine = false;
            }
        }
    }
    fine.then_some(Holidays { nerc, dates })
}

/// Tells each kind of clash once, at the first place that it shows.
fn told(reader: &Reader<'_>, calendar: &Calendar, clashes: &[Clash], spans: &[Span], form: &Form<'_>) {
    let mut kinds: Vec<&[usize]> = Vec::new();
    for clash in clashes {
        if kinds.contains(&clash.periods.as_slice()) || kinds.len() == 5 {
            continue;
        }
        kinds.push(&clash.periods);
        let more = clashes.iter().filter(|other| other.periods == clash.periods).count() - 1;
        let at = format!(
            "{} in {}, {}",
            Days::of(|day| day == clash.weekday),
            Months::of(|month| month == clash.month),
            Hours(vec![(clash.from, clash.to)])
        );
        let more = if more > 0 { format!(" (and {more} more such stretches)") } else { String::new() };
        let name = |at: usize| calendar.periods.get(at).map_or("", |period| period.name.as_str());
        reader.add(match clash.periods.as_slice() {
            [first, second, ..] => {
                let span = spans.get(*second).cloned().unwrap_or_else(|| form.span());
                let both = format!("{at} belongs to `{}` and to `{}`{more}", name(*first), name(*second));
                Problem::new(Code::Calendar, span, both)
                    .label(format!(
                        "overlaps [calendar.{}] on line {}",
                        name(*first),
                        line_of(reader, spans.get(*first))
                    ))
                    .help(
                        "change months, days or hours of one, or write otherwise = true in the one that takes the rest",
                    )
            }
            _ => {
                let last = spans.last().cloned().unwrap_or_else(|| form.span());
                Problem::new(Code::Calendar, last, format!("{at} belongs to no period{more}"))
                    .label("what is used then would cost nothing")
                    .help("widen a period, or add one with otherwise = true for the rest")
            }
        });
    }
}

fn line_of(reader: &Reader<'_>, span: Option<&Span>) -> usize {
    span.map_or(0, |span| reader.document.line(span))
}
