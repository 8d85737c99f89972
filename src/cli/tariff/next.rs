//! `ballast tariff next FILE`: what changes, from today on.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::files;
use crate::tariff::Tariff;
use crate::tariff::coming::{MOST_DAYS, coming};
use crate::time::Date;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The tariff.
    pub file: PathBuf,
    /// The first day.
    pub from: Date,
    /// How many days.
    pub days: u32,
    /// As one JSON document.
    pub json: bool,
}

/// Tells every change by its day.
pub fn run(asked: &Asked, out: &mut dyn Write) -> u8 {
    files::tell(files::tariff(&asked.file).map(|tariff| told(asked, &tariff)), out)
}

fn told(asked: &Asked, tariff: &Tariff) -> String {
    let until = asked.from.plus(asked.days.min(MOST_DAYS));
    let changes = coming(tariff, asked.from, until);
    if asked.json {
        let each = changes
            .iter()
            .map(|change| json!({ "date": change.date.to_string(), "what": change.what, "message": change.message }));
        let each: Vec<serde_json::Value> = each.collect();
        format!(
            "{:#}\n",
            json!({ "tariff": tariff.name, "from": asked.from.to_string(), "until": until.to_string(), "changes": each })
        )
    } else {
        let wide = changes.iter().map(|change| change.what.len()).max().unwrap_or(0);
        let each = changes.iter().map(|change| {
            let days = change.date.days_since(asked.from);
            let away = match days {
                0 => "on the first day".to_owned(),
                1 => "a day later".to_owned(),
                many => format!("{many} days later"),
            };
            format!("  {}  {away:>16}  {:wide$}  {}\n", change.date, change.what, change.message)
        });
        let each: String = each.collect();
        let nothing = if changes.is_empty() { "  nothing changes\n" } else { "" };
        format!("{}\nfrom {} to before {until}\n\n{each}{nothing}", tariff.name, asked.from)
    }
}
