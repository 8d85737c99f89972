//! `ballast check FILE...`: every problem of a file at once, or what its numbers amount to.
//!
//! Prints and returns an exit code; never touches a device. Which device files exist and how they are read is handed in.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::{COULD_NOT, FINE, PROBLEMS};
use crate::document::{Code, MAX_BYTES, Problem, Problems};
use crate::site::check::{Finding, KnownProfile, Report, check};
use crate::site::file::{Places, load_placed};
use crate::units::Power;

mod json;
mod text;

/// What `check` is to do, and what it cannot know by itself.
pub struct Ask<'a> {
    /// Report as one JSON document.
    pub json: bool,
    /// Colour the problems; only on a terminal.
    pub color: bool,
    /// Show the reserve also for this reading of the hall.
    pub hall: Option<Power>,
    /// The device files there are.
    pub profiles: &'a [KnownProfile<'a>],
    /// Reads a device file: one line that says what it describes, or its problems.
    pub device: &'a dyn Fn(&str, &str) -> Result<String, Problems>,
}

/// What a file describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A site.
    Site,
    /// The register map of a device.
    Device,
}

/// What a file describes: device files lie in a folder `devices` or open with `kind = `; a site has tables of its own.
pub fn kind(path: &Path, text: &str) -> Kind {
    let has_table = |lead: &str| text.lines().any(|line| line.trim_start().starts_with(lead));
    if ["[site]", "[poi]", "[hall]", "[[group]]"].into_iter().any(has_table) {
        return Kind::Site;
    }
    let in_devices = path.parent().is_some_and(|folder| folder.ends_with("devices"));
    if in_devices || has_table("kind") || has_table("[connection]") { Kind::Device } else { Kind::Site }
}

/// What came of one file.
enum Outcome {
    Unreadable(String),
    Broken(Problems),
    Refused(Box<Report>, Problems),
    Fine(Box<Report>),
    Device(String),
}

impl Outcome {
    fn code(&self) -> u8 {
        match self {
            Self::Unreadable(_) => COULD_NOT,
            Self::Broken(_) | Self::Refused(..) => PROBLEMS,
            Self::Fine(_) | Self::Device(_) => FINE,
        }
    }
}

/// Checks the files one after the other; the exit code is that of the worst.
///
/// # Errors
/// Where `out` cannot be written to.
pub fn run(files: &[impl AsRef<Path>], ask: &Ask<'_>, out: &mut dyn Write) -> std::io::Result<u8> {
    let mut worst = FINE;
    let mut all: Vec<Value> = Vec::new();
    for (at, path) in files.iter().map(AsRef::as_ref).enumerate() {
        let outcome = look(path, ask);
        worst = worst.max(outcome.code());
        let file = path.display().to_string();
        if ask.json {
            all.push(json::outcome(&file, &outcome));
        } else {
            let gap = if at > 0 { "\n" } else { "" };
            write!(out, "{gap}{}", text::outcome(&file, &outcome, ask.color))?;
        }
    }
    if ask.json {
        writeln!(out, "{:#}", json!(all))?;
    }
    Ok(worst)
}

fn look(path: &Path, ask: &Ask<'_>) -> Outcome {
    let file = path.display().to_string();
    let text = match read(path) {
        Ok(text) => text,
        Err(why) => return Outcome::Unreadable(why),
    };
    match kind(path, &text) {
        Kind::Device => (ask.device)(&file, &text).map_or_else(Outcome::Broken, Outcome::Device),
        Kind::Site => look_at_site(&file, &text, ask),
    }
}

fn look_at_site(file: &str, text: &str, ask: &Ask<'_>) -> Outcome {
    let (site, places) = match load_placed(file, text) {
        Ok(read) => read,
        Err(problems) => return Outcome::Broken(problems),
    };
    let report = Box::new(check(&site, ask.profiles, ask.hall));
    if report.errors.is_empty() {
        return Outcome::Fine(report);
    }
    let problems = problems(file, text, &places, &report);
    Outcome::Refused(report, problems)
}

/// The errors of a report, each at the line that would have to change.
pub(super) fn problems(file: &str, text: &str, places: &Places, report: &Report) -> Problems {
    Problems::new(file, text, report.errors.iter().map(|error| placed(error, places)).collect())
}

/// What the site as a whole cannot do, shown at the line that would have to change.
fn placed(error: &Finding, places: &Places) -> Problem {
    Problem::new(Code::Promise, places.of(&error.at), error.message.as_str()).help(error.help.as_str())
}

fn read(path: &Path) -> Result<String, String> {
    let file = path.display();
    let size = std::fs::metadata(path)
        .map_err(|error| format!("{file}: {error}; give the path of a site or device file"))?
        .len();
    if size > MAX_BYTES as u64 {
        return Err(format!("{file}: has {size} bytes, more than the {MAX_BYTES} that are read"));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("{file}: {error}"))?;
    String::from_utf8(bytes).map_err(|error| {
        format!("{file}: is not text in UTF-8 from byte {} on; save it as UTF-8", error.utf8_error().valid_up_to())
    })
}
