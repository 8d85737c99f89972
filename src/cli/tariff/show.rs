//! `ballast tariff show FILE`: a year at a glance, as a heat map of months and hours, in the terminal or as a page.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use super::files::{self, Refused};
use crate::tariff::facts::facts;
use crate::tariff::marginal::{Known, now};
use crate::tariff::proof::{feeds, per_mwh};
use crate::tariff::{Charge, Line, Rate, Table, Tariff};
use crate::time::Date;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The tariff.
    pub file: PathBuf,
    /// The year.
    pub year: i32,
    /// Where a page is written to.
    pub html: Option<PathBuf>,
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// From the cheapest to the dearest.
const SHADES: [&str; 5] = ["··", "░░", "▒▒", "▓▓", "██"];

/// Prices by kind of day, month and hour; nothing where a month has no such day.
type Map = Vec<(&'static str, Vec<Vec<Option<Rate>>>)>;

/// Shows a year.
pub fn run(asked: &Asked, out: &mut dyn Write) -> u8 {
    let told = files::tariff(&asked.file).and_then(|tariff| {
        let map = map(&tariff, asked.year)?;
        if let Some(path) = &asked.html {
            let page = page(&tariff, asked.year, &map);
            std::fs::write(path, page).map_err(|error| Refused::could_not(format!("{}: {error}", path.display())))?;
        }
        Ok(text(&tariff, asked.year, &map))
    });
    files::tell(told, out)
}

/// What a kWh costs in each hour of a weekday and of a Sunday in each month, without what an index says and below all demand that is paid.
fn map(tariff: &Tariff, year: i32) -> Result<Map, Refused> {
    let refused = || Refused::could_not(format!("--year: there is no table of {year}"));
    let (first, until) = Date::new(year, 1, 1).zip(Date::new(year + 1, 1, 1)).ok_or_else(refused)?;
    let table = Table::of(tariff, first, until).map_err(|_| refused())?;
    let mut known = Known::default();
    for (at, line) in tariff.lines.iter().enumerate() {
        if matches!(line.charge, Charge::Demand(_)) {
            known.peaks.insert(at, i64::MAX / 4);
        }
    }
    let kinds = [("weekdays", 0..5), ("Saturdays", 5..6), ("Sundays and holidays", 6..7)];
    let map = kinds.into_iter().map(|(name, days)| {
        let month = |month: u32| {
            let is = |day: &&crate::tariff::table::Day| day.date.month() == month && days.contains(&day.weekday);
            // In the middle of the month: the day on which a clock is moved is no example.
            let day = table.days().iter().filter(is).nth(1);
            let hour = |hour: u16| {
                let day = day?;
                let slots = day.slot..table.len();
                let slot = slots.into_iter().find(|slot| table.minute(*slot) >= hour * 60)?;
                let curve = now(tariff, &table, slot, &known)?;
                Some(curve.total.at(0))
            };
            (0..24).map(hour).collect()
        };
        (name, (1..=12).map(month).collect())
    });
    Ok(map.collect())
}

/// Prices in cents, from the cheapest, each once.
fn levels(map: &Map) -> Vec<i128> {
    let mut all: Vec<i128> =
        map.iter().flat_map(|(_, months)| months).flatten().flatten().map(|rate| cents(*rate)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Hundredths a MWh.
fn cents(rate: Rate) -> i128 {
    rate.0 / 10_000_000_000
}

/// The shade of a price among all that there are.
fn shade(levels: &[i128], rate: Rate) -> usize {
    let place = levels.partition_point(|level| *level < cents(rate));
    if levels.len() < 2 { 0 } else { place * (SHADES.len() - 1) / (levels.len() - 1) }
}

/// Kinds of days whose prices are the same, together.
fn groups(map: &Map) -> Vec<(String, &Vec<Vec<Option<Rate>>>)> {
    let mut groups: Vec<(String, &Vec<Vec<Option<Rate>>>)> = Vec::new();
    for (name, months) in map {
        match groups.iter_mut().find(|(_, other)| *other == months) {
            Some((names, _)) => *names = format!("{names}, {name}"),
            None => groups.push(((*name).to_owned(), months)),
        }
    }
    groups
}

/// The range of prices of each shade that is used.
fn legend(tariff: &Tariff, levels: &[i128]) -> Vec<(usize, String)> {
    let rate = |level: &i128| Rate(level * 10_000_000_000);
    let of = |at: usize| {
        let within: Vec<&i128> = levels.iter().filter(|level| shade(levels, rate(level)) == at).collect();
        let (low, high) = (within.first()?, within.last()?);
        let range = if low == high {
            per_mwh(rate(low), 2)
        } else {
            format!("{} to {}", per_mwh(rate(low), 2), per_mwh(rate(high), 2))
        };
        Some((at, format!("{range} {}/MWh", tariff.currency)))
    };
    (0..SHADES.len()).filter_map(of).collect()
}

/// Lines whose first price comes later: before it, the map is too cheap.
fn later(tariff: &Tariff, year: i32) -> Vec<String> {
    let begins = |line: &Line| {
        let first =
            facts(tariff, line).into_iter().filter(|fact| fact.key.contains("price")).map(|fact| fact.from).min()??;
        (Date::new(year, 1, 1)? < first).then(|| format!("{} has no price before {first}", line.name))
    };
    tariff.lines.iter().filter(|line| !matches!(line.charge, Charge::Coincident(_))).filter_map(begins).collect()
}

fn text(tariff: &Tariff, year: i32, map: &Map) -> String {
    let levels = levels(map);
    let mut text = format!("{}, {year}\n", tariff.name);
    let feeds = feeds(tariff);
    let without = if feeds.is_empty() { String::new() } else { format!(" beside {}", feeds.join(", ")) };
    let _ = writeln!(text, "what a MWh costs{without}, below the demand that is paid; hours by the clock on the wall");
    for (name, months) in groups(map) {
        let _ = writeln!(text, "\n  {name}\n       00    03    06    09    12    15    18    21");
        for (label, hours) in MONTHS.iter().zip(months) {
            let cells: String = hours
                .iter()
                .map(|rate| rate.map_or("  ", |rate| SHADES.get(shade(&levels, rate)).copied().unwrap_or("  ")))
                .collect();
            let _ = writeln!(text, "  {label}  {cells}");
        }
    }
    text.push('\n');
    for (at, range) in legend(tariff, &levels) {
        let _ = writeln!(text, "  {}  {range}", SHADES.get(at).copied().unwrap_or_default());
    }
    for note in later(tariff, year) {
        let _ = writeln!(text, "\n  note: {note}");
    }
    text.push('\n');
    let wide = tariff.lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    for line in &tariff.lines {
        for (at, fact) in facts(tariff, line).iter().enumerate() {
            let name = if at == 0 { line.name.as_str() } else { "" };
            let from = fact.from.map_or(String::new(), |from| format!(" from {from}"));
            let _ = writeln!(text, "  {name:wide$}  {}{from}: {}", fact.key, fact.value);
        }
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The same as a page that stands alone, in light and dark.
fn page(tariff: &Tariff, year: i32, map: &Map) -> String {
    let levels = levels(map);
    let name = escaped(&tariff.name);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{name}, {year}</title>\n<style>\n\
         :root {{ color-scheme: light dark; --ink: #1d2733; --dim: #5b6875; --paper: #fbfaf7; --hot: #b4480f; --cold: #eadfce }}\n\
         @media (prefers-color-scheme: dark) {{ :root {{ --ink: #e8e6e1; --dim: #9aa4ae; --paper: #14181d; --hot: #ff9a4d; --cold: #2a2620 }} }}\n\
         body {{ font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}\n\
         h1 {{ font-size: 1.4rem }} h2 {{ font-size: 1rem; margin: 1.5rem 0 .3rem }} p, td, th {{ color: var(--dim) }}\n\
         div {{ overflow-x: auto }} svg {{ width: 100%; min-width: 34rem; height: auto }} .legend span {{ margin-right: 1rem; white-space: nowrap }}\n\
         i {{ display: inline-block; width: 1.4em; height: .8em; margin-right: .4em; background: color-mix(in oklab, var(--hot) var(--heat), var(--cold)) }}\n\
         svg text {{ fill: var(--dim); font: 11px system-ui, sans-serif }}\n\
         table {{ border-collapse: collapse; width: 100%; margin-top: 1.5rem }} th {{ text-align: left; padding-right: 1rem }}\n\
         td, th {{ padding: .15rem .6rem .15rem 0; vertical-align: top; overflow-wrap: anywhere }}\n</style>\n\
         <h1>{name}, {year}</h1>\n"
    );
    let feeds = feeds(tariff);
    let without = if feeds.is_empty() { String::new() } else { format!(" beside {}", escaped(&feeds.join(", "))) };
    let currency = escaped(&tariff.currency);
    let _ = writeln!(
        page,
        "<p>What a MWh costs{without}, in {currency}, below the demand that is paid. Hours by the clock on the wall.</p>"
    );
    for note in later(tariff, year) {
        let _ = writeln!(page, "<p>{}.</p>", escaped(&note));
    }
    page.push_str("<p class=\"legend\">");
    for (at, range) in legend(tariff, &levels) {
        let heat = at * 100 / (SHADES.len() - 1);
        let _ = write!(page, "<span><i style=\"--heat: {heat}%\"></i>{}</span> ", escaped(&range));
    }
    page.push_str("</p>\n");
    for (name, months) in groups(map) {
        page.push_str(&chart(&name, months, &levels, &currency));
    }
    page.push_str("<table>\n");
    for line in &tariff.lines {
        for (at, fact) in facts(tariff, line).iter().enumerate() {
            let name = if at == 0 { escaped(&line.name) } else { String::new() };
            let from = fact.from.map_or(String::new(), |from| format!(" from {from}"));
            let _ = writeln!(page, "<tr><th>{name}<td>{}{from}<td>{}", escaped(&fact.key), escaped(&fact.value));
        }
    }
    page.push_str("</table>\n</html>\n");
    page
}

/// One kind of day as a picture.
fn chart(name: &str, months: &[Vec<Option<Rate>>], levels: &[i128], currency: &str) -> String {
    let mut page = String::new();
    let _ = writeln!(
        page,
        "<h2>{name}</h2>\n<div><svg viewBox=\"0 0 760 {}\" role=\"img\" aria-label=\"{name}\">",
        12 * 22 + 20
    );
    for hour in (0..24).step_by(3) {
        let _ = writeln!(page, "<text x=\"{}\" y=\"12\">{hour:02}:00</text>", 40 + hour * 30);
    }
    for (at, (label, hours)) in MONTHS.iter().zip(months).enumerate() {
        let y = 18 + at * 22;
        let _ = writeln!(page, "<text x=\"4\" y=\"{}\">{label}</text>", y + 15);
        for (hour, rate) in hours.iter().enumerate() {
            let Some(rate) = rate else { continue };
            let heat = shade(levels, *rate) * 100 / (SHADES.len() - 1);
            let _ = writeln!(
                page,
                "<rect x=\"{}\" y=\"{y}\" width=\"29\" height=\"21\" fill=\"color-mix(in oklab, var(--hot) {heat}%, var(--cold))\"><title>{label} {hour:02}:00: {} {currency}/MWh</title></rect>",
                40 + hour * 30,
                per_mwh(*rate, 2)
            );
        }
    }
    page.push_str("</svg></div>\n");
    page
}
