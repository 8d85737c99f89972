//! A tariff file: its problems, the prices and invoices that must come out of it, and what in it is not sure.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::tariff::bill::{billed, lacking};
use crate::cli::tariff::files;
use crate::document::{Code, Kind, Problem, Problems};
use crate::tariff::proof::{self, Finding, money, span};
use crate::tariff::{Amount, Invoice, Tariff, file};
use crate::time::Date;

/// A tariff that can be used.
pub(super) struct Report {
    pub(super) tariff: Tariff,
    /// What is not sure.
    pub(super) warnings: Option<Problems>,
}

/// How a tariff is judged.
#[derive(Clone, Copy)]
pub(super) struct How {
    /// What is not sure is a problem, and a line without its source.
    pub(super) strict: bool,
    /// The day by which something is out of date.
    pub(super) on: Date,
}

/// Reads and proves a tariff.
///
/// # Errors
/// Every problem of it: of its text, or else what does not come out.
pub(super) fn judge(name: &str, text: &str, folder: Option<&Path>, how: How) -> Result<Report, Problems> {
    let tariff = file::load(name, text)?;
    let problem = |code: Code| move |found: Finding| Problem::new(code, span(text, found.line), found.message);
    let mut errors: Vec<Problem> = proof::cases(&tariff).into_iter().map(problem(Code::Mismatch)).collect();
    for invoice in &tariff.invoices {
        errors.extend(differs(&tariff, invoice, folder).into_iter().map(problem(Code::Mismatch)));
    }
    let mut warnings: Vec<Problem> = proof::unlikely(&tariff).into_iter().map(problem(Code::Suspicious)).collect();
    warnings.extend(proof::assumed(&tariff, how.on).into_iter().map(problem(Code::Stale)));
    warnings.extend(proof::stale(&tariff, how.on).into_iter().map(problem(Code::Stale)));
    if how.strict {
        warnings.extend(proof::unsourced(&tariff).into_iter().map(problem(Code::Missing)));
        errors.append(&mut warnings);
    }
    if !errors.is_empty() {
        return Err(Problems::new(name, text, errors).of(Kind::Tariff));
    }
    let warnings = (!warnings.is_empty()).then(|| Problems::new(name, text, warnings).of(Kind::Tariff).as_warnings());
    Ok(Report { tariff, warnings })
}

/// What of an invoice does not come out.
fn differs(tariff: &Tariff, invoice: &Invoice, folder: Option<&Path>) -> Vec<Finding> {
    let told = |message: String| vec![Finding { line: invoice.line, message }];
    let folder = folder.unwrap_or(Path::new("."));
    let prices = invoice.prices.as_ref().map(|prices| folder.join(prices));
    let set = match files::set(tariff, &folder.join(&invoice.meter), prices.as_deref()) {
        Ok(set) => set,
        Err(refused) => return told(format!("this invoice cannot be billed again: {}", refused.why)),
    };
    let bill = billed(tariff, &set);
    let Some(month) = bill.months.iter().find(|month| month.first.month_start() == invoice.first) else {
        return told(format!("{} has no rows of that month", invoice.meter));
    };
    let mut found = Vec::new();
    let mut compare = |what: &str, ours: Amount, theirs: Amount, line: usize| {
        let off = ours - theirs;
        if Amount(off.0.saturating_abs()) > invoice.within {
            let currency = &tariff.currency;
            let (ours, theirs) = (money(ours, currency), money(theirs, currency));
            let message =
                format!("{what} comes to {ours}, and the invoice says {theirs}: {} too much", money(off, currency));
            found.push(Finding { line, message });
        }
    };
    for (at, theirs, line) in &invoice.lines {
        let name = tariff.lines.get(*at).map_or("", |line| line.name.as_str());
        let ours = month.entries.get(*at).map_or(Amount::ZERO, |entry| entry.amount.rounded(tariff.round));
        compare(name, ours, *theirs, *line);
    }
    if let Some((theirs, line)) = invoice.total {
        compare("the total", month.rounded(tariff.round), theirs, line);
    }
    let named = |lack: &&crate::tariff::bill::Lack| {
        invoice.lines.iter().any(|(at, ..)| of(lack) == *at) || invoice.total.is_some()
    };
    found.extend(
        bill.lacks
            .iter()
            .filter(named)
            .map(|lack| Finding { line: invoice.line, message: lacking(tariff, &set.table, lack) }),
    );
    found
}

fn of(lack: &crate::tariff::bill::Lack) -> usize {
    use crate::tariff::bill::Lack;
    match lack {
        Lack::Price { line, .. } | Lack::Rate { line, .. } | Lack::Peaks { line, .. } | Lack::Reactive { line } => {
            *line
        }
    }
}

pub(super) fn text(file: &str, report: &Report, color: bool) -> String {
    let tariff = &report.tariff;
    let count =
        |count: usize, one: &str, many: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {many}") };
    let warned = report.warnings.as_ref().map_or(0, |warnings| warnings.all().len());
    let warned = if warned == 0 { String::new() } else { format!(", with {}", count(warned, "warning", "warnings")) };
    let mut text = format!("{file}: tariff `{}` can be used{warned}\n", tariff.name);
    let periods = match tariff.calendar.periods.len() {
        0 => "no periods".to_owned(),
        many => format!("{} that cover every interval once", count(many, "period", "periods")),
    };
    let _ = writeln!(
        text,
        "  {} of {} min intervals in {}, {}; {periods}",
        count(tariff.lines.len(), "line", "lines"),
        tariff.interval,
        tariff.currency,
        tariff.zone.name()
    );
    if tariff.cases.len() + tariff.invoices.len() > 0 {
        let cases = count(tariff.cases.len(), "price", "prices");
        let _ = writeln!(
            text,
            "  {cases} and {} come out as the file says",
            count(tariff.invoices.len(), "invoice", "invoices")
        );
    }
    if let Some(warnings) = &report.warnings {
        let _ = writeln!(text, "\n{}", warnings.render(color));
    }
    text
}

pub(super) fn json(file: &str, report: &Report) -> Value {
    let tariff = &report.tariff;
    json!({
        "file": file, "verdict": "fine", "problems": [],
        "warnings": report.warnings.as_ref().map_or_else(|| json!([]), Problems::json),
        "tariff": {
            "name": tariff.name, "currency": tariff.currency, "timezone": tariff.zone.name(),
            "interval_min": tariff.interval,
            "lines": tariff.lines.iter().map(|line| &line.name).collect::<Vec<_>>(),
            "periods": tariff.calendar.periods.iter().map(|period| &period.name).collect::<Vec<_>>(),
            "prices_proved": tariff.cases.len(), "invoices_proved": tariff.invoices.len(),
        },
    })
}
