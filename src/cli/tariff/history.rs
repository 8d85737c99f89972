//! `ballast tariff history DIR`: what became of the tariff file of a running controller, out of its journal.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::files::{Refused, tell};
use crate::journal::notes;
use crate::units::{Power, Share};

/// The kinds of records that tell of a tariff.
const KINDS: [&str; 9] = [
    "file",
    "tariff.next",
    "tariff.in_force",
    "tariff.refused",
    "tariff.waits",
    "tariff.accepted",
    "tariff.same",
    "tariff.targets",
    "tariff.peak",
];

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The journal's folder.
    pub journal: PathBuf,
    /// As one JSON document.
    pub json: bool,
}

/// Tells the history; the exit code is 2 where there is no journal.
pub fn run(asked: &Asked, out: &mut dyn Write) -> u8 {
    tell(history(&asked.journal, asked.json), out)
}

fn history(journal: &Path, as_json: bool) -> Result<String, Refused> {
    let all = notes(journal, &KINDS).map_err(Refused::could_not)?;
    let is_tariff = |record: &&Value| {
        record.get("kind").is_none_or(|kind| kind != "file") || record.get("role").is_some_and(|role| role == "tariff")
    };
    let all: Vec<&Value> = all.iter().filter(is_tariff).collect();
    if as_json {
        return Ok(format!("{:#}\n", json!(all)));
    }
    if all.is_empty() {
        return Ok(format!("{}: nothing is told of a tariff\n", journal.display()));
    }
    let mut text = String::new();
    for record in all {
        let at = record.get("t").and_then(Value::as_str).unwrap_or("?");
        let _ = writeln!(text, "{}  {}", at.get(..19).unwrap_or(at), line(record));
    }
    Ok(text)
}

fn line(record: &Value) -> String {
    let word = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
    let hash = || word("sha256").get(..12).unwrap_or("?").to_owned();
    let power = |key: &str| {
        record.get(key).and_then(Value::as_i64).map_or_else(|| "none".to_owned(), |w| Power::from_watts(w).to_string())
    };
    let share = |key: &str| {
        record.get(key).and_then(Value::as_i64).map_or_else(|| "?".to_owned(), |ppm| Share::from_ppm(ppm).to_string())
    };
    match word("kind").as_str() {
        "file" => format!("in force      {}  {}", hash(), word("name")),
        "tariff.in_force" => format!("takes effect  {}  {}", hash(), word("name")),
        "tariff.next" => format!("found         {}  takes effect at {}", hash(), word("at")),
        "tariff.refused" => format!("refused       {}  {}", hash(), word("why")),
        "tariff.waits" => {
            format!(
                "waits         {}  moves the price by {}, more than {}",
                hash(),
                share("moved_ppm"),
                share("hold_above_ppm")
            )
        }
        "tariff.accepted" => {
            format!(
                "accepted      {}  by {}",
                hash(),
                record.pointer("/actor/type").and_then(Value::as_str).unwrap_or("?")
            )
        }
        "tariff.same" => format!("as before     {}  the file is again the one in force", hash()),
        "tariff.targets" => {
            let each = record.get("targets").and_then(Value::as_array).into_iter().flatten();
            let each = each.map(|target| {
                let power = Power::from_watts(target.get("most_w").and_then(Value::as_i64).unwrap_or(0));
                format!("{} {power}", target.get("line").and_then(Value::as_str).unwrap_or("?"))
            });
            format!("peaks worth paying  {}", each.collect::<Vec<_>>().join(", "))
        }
        _ => format!("new peak      {} of {}, before it {}", power("power_w"), word("line"), power("was_w")),
    }
}
