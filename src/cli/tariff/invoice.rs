//! `ballast tariff import invoice TARIFF INVOICE.csv --month 2026-08 --meter METER.csv`: an invoice as a table of the tariff file, to be put
//! behind its lines: from then on `check` bills the month again.
//!
//! The invoice is a CSV whose rows have a name first and an amount last, as it was exported or typed off; its total is a row as well. A row belongs to
//! the line of that name, or to the one line all of whose words it has. Rows of the same line are added up; what belongs to
//! none is told, and left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::bill::billed;
use super::files::{self, Refused, Told};
use crate::tariff::exact::parse;
use crate::tariff::{Amount, Tariff, write};
use crate::time::Date;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The tariff.
    pub tariff: PathBuf,
    /// The invoice.
    pub invoice: PathBuf,
    /// Its month, as in 2026-08.
    pub month: String,
    /// What the meter measured.
    pub meter: PathBuf,
    /// What feeds said.
    pub prices: Option<PathBuf>,
}

/// What an invoice calls its sum.
const TOTALS: [&str; 5] = ["total", "total due", "amount due", "total amount due", "invoice total"];
/// Places of an amount that is written.
const PLACES: u32 = 2;

/// Writes the table; what differs from the bill is told aside. The exit code is 1 where a row belongs to no line.
pub fn run(asked: &Asked, out: &mut dyn Write) -> u8 {
    files::tell(told(asked), out)
}

/// An invoice, row by row.
#[derive(Default)]
struct Rows {
    /// By the place of the line.
    lines: BTreeMap<usize, Amount>,
    total: Option<Amount>,
    /// Names and amounts that belong to no line, or to several.
    left: Vec<(String, Amount, Vec<String>)>,
}

fn told(asked: &Asked) -> Result<Told, Refused> {
    let tariff = files::tariff(&asked.tariff)?;
    let first = Date::parse(&format!("{}-01", asked.month));
    let first =
        first.ok_or_else(|| Refused::could_not(format!("--month: `{}` is not a month as in 2026-08", asked.month)))?;
    let rows = rows(&tariff, &asked.invoice)?;
    let table = table(asked, &tariff, &rows);
    let set = files::set(&tariff, &asked.meter, asked.prices.as_deref())?;
    let bill = billed(&tariff, &set);
    let month = bill.months.iter().find(|month| month.first.month_start() == first);
    let month =
        month.ok_or_else(|| Refused::problem(format!("{}: no rows of {}", asked.meter.display(), asked.month)))?;
    let mut aside = Vec::new();
    let mut compare = |what: &str, ours: Amount, theirs: Amount| {
        let off = ours - theirs;
        if Amount(off.0.saturating_abs()) > Amount(Amount::ONE / 100) {
            let shown = [theirs, ours, off].map(|amount| amount.show(PLACES));
            let [theirs, ours, off] = shown;
            aside.push(format!("differs: {what}: the invoice says {theirs}, the tariff comes to {ours} ({off} more)"));
        }
    };
    for (at, theirs) in &rows.lines {
        let name = tariff.lines.get(*at).map_or("?", |line| line.name.as_str());
        let ours = month.entries.get(*at).map_or(Amount::ZERO, |entry| entry.amount.rounded(tariff.round));
        compare(name, ours, *theirs);
    }
    if let Some(theirs) = rows.total {
        compare("the total", month.rounded(tariff.round), theirs);
    }
    let left = rows.left.iter().map(|(name, amount, like)| {
        let like = if like.is_empty() { String::new() } else { format!("; it may be one of: {}", like.join(", ")) };
        format!("`{name}` ({}) belongs to no line that is known{like}: name it as the tariff does", amount.show(PLACES))
    });
    Ok(Told { text: table, aside, errors: left.collect() })
}

fn rows(tariff: &Tariff, path: &Path) -> Result<Rows, Refused> {
    let name = path.display();
    let text = files::text(path)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut rows = Rows::default();
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(|error| Refused::problem(format!("{name}: {error}")))?;
        let mut cells = record.iter().map(str::trim).filter(|cell| !cell.is_empty());
        let (Some(what), Some(amount)) = (cells.next(), cells.next_back()) else { continue };
        let Some(amount) = money(amount, &tariff.currency) else {
            if rows.lines.is_empty() && rows.left.is_empty() && rows.total.is_none() {
                // Rows of titles stand first.
                continue;
            }
            return Err(Refused::problem(format!("{name}:{}: `{amount}` is no amount", at + 1)));
        };
        if TOTALS.contains(&what.to_lowercase().trim_end_matches(':')) {
            rows.total = Some(amount);
            continue;
        }
        match belongs(tariff, what).as_slice() {
            [line] => {
                let sum = rows.lines.entry(*line).or_default();
                *sum += amount;
            }
            several => {
                let like = several.iter().filter_map(|at| tariff.lines.get(*at)).map(|line| line.name.clone());
                rows.left.push((what.to_owned(), amount, like.collect()));
            }
        }
    }
    if rows.lines.is_empty() && rows.total.is_none() && rows.left.is_empty() {
        return Err(Refused::problem(format!("{name}: there are no rows with a name and an amount")));
    }
    Ok(rows)
}

/// An amount as invoices write it: `$1,480.00`, `1480.00 USD`, `(12.50)` for less than nothing.
fn money(text: &str, currency: &str) -> Option<Amount> {
    let bare = text.replace(currency, "").replace(['$', '€', '£', ',', ' ', '\u{a0}'], "");
    let (bare, sign) = match bare.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => (inner.to_owned(), -1),
        None => (bare, 1),
    };
    parse(&bare).map(|steps| Amount(steps.saturating_mul(crate::tariff::MW_PER_KW.into()).saturating_mul(sign)))
}

/// The lines that a row of an invoice can mean: that of its name; else those all of whose words it has.
fn belongs(tariff: &Tariff, what: &str) -> Vec<usize> {
    if let Some(line) = tariff.line(what) {
        return vec![line];
    }
    let words = |text: &str| -> Vec<String> {
        text.to_lowercase()
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let said = words(what);
    let has_all = |name: &str| words(name).iter().all(|word| said.contains(word));
    let all = tariff.lines.iter().enumerate().filter(|(_, line)| has_all(&line.name)).map(|(at, _)| at);
    let all: Vec<usize> = all.collect();
    if !all.is_empty() {
        return all;
    }
    // Without the kind of the line, which few invoices say.
    let own = |name: &str| name.split_once('.').is_some_and(|(_, own)| has_all(own));
    tariff.lines.iter().enumerate().filter(|(_, line)| own(&line.name)).map(|(at, _)| at).collect()
}

fn table(asked: &Asked, tariff: &Tariff, rows: &Rows) -> String {
    let beside = |path: &Path| {
        let folder = asked.tariff.parent().unwrap_or(Path::new(""));
        write::quoted(&path.strip_prefix(folder).unwrap_or(path).display().to_string())
    };
    let amount = |amount: &Amount| write::quoted(&format!("{} {}", amount.show(PLACES), tariff.currency));
    let mut text = format!("[invoice.\"{}\"]\nmeter  = {}\n", asked.month, beside(&asked.meter));
    if let Some(prices) = &asked.prices {
        let _ = writeln!(text, "prices = {}", beside(prices));
    }
    let line = |(at, sum): (&usize, &Amount)| {
        tariff.lines.get(*at).map(|line| format!("{} = {}", write::quoted(&line.name), amount(sum)))
    };
    let lines: Vec<String> = rows.lines.iter().filter_map(line).collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "lines  = {{ {} }}", lines.join(", "));
    }
    if let Some(total) = &rows.total {
        let _ = writeln!(text, "total  = {}", amount(total));
    }
    let _ = writeln!(text, "within = {}", write::quoted(&format!("0.01 {}", tariff.currency)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_invoices_write_them() {
        let of = |text: &str| money(text, "USD").map(|amount| amount.show(PLACES));
        let cents = |text: &str| Some(text.to_owned());
        assert_eq!(of("$1,480.00"), cents("1480.00"));
        assert_eq!([of("1480.5 USD"), of("(12.50)"), of("-3")], [cents("1480.50"), cents("-12.50"), cents("-3.00")]);
        assert_eq!([of("kWh"), of("1.2.3"), of("")], [None, None, None]);
    }
}
