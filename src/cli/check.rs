//! `ballast check FILE...`: every problem of a file at once, or what its numbers amount to.
//!
//! Prints and returns an exit code; never touches a device. A site is judged with the device files that `run` would take.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::maps::Maps;
use super::{COULD_NOT, FINE, PROBLEMS, keys};
use crate::devices::Profile;
use crate::document::{Code, MAX_BYTES, Problem, Problems};
use crate::drill::learnt::NEXT;
use crate::market::{Account, Drawn};
use crate::run::learnt;
use crate::site::Site;
use crate::site::check::{Finding, Report, check};
use crate::site::file::{Places, load_placed};
use crate::time::{Clock, Date};
use crate::units::Power;

mod json;
mod tariff;
mod text;

use tariff::How;

/// What `check` is to do, and what it cannot know by itself.
pub struct Ask {
    /// Report as one JSON document.
    pub json: bool,
    /// Take what is not sure in a tariff for a problem, and ask every line of it for its source.
    pub strict: bool,
    /// The day by which prices of a tariff are out of date.
    pub on: Date,
    /// Colour the problems; only on a terminal.
    pub color: bool,
    /// Show the reserve also for this reading of the hall.
    pub hall: Option<Power>,
    /// Compare with what drills measured, as this journal's folder remembers it.
    pub journal: Option<PathBuf>,
}

/// What a file describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A site.
    Site,
    /// The register map of a device.
    Device,
    /// A tariff.
    Tariff,
}

/// What a file describes: device files lie in a folder `devices` or open with `kind = `; a site and a tariff have keys of their own.
pub fn kind(path: &Path, text: &str) -> Kind {
    let has_table = |lead: &str| text.lines().any(|line| line.trim_start().starts_with(lead));
    if ["[site]", "[poi]", "[hall]", "[[group]]"].into_iter().any(has_table) {
        return Kind::Site;
    }
    if ["currency", "[energy.", "[demand.", "[calendar"].into_iter().any(has_table) {
        return Kind::Tariff;
    }
    let in_devices = path.parent().is_some_and(|folder| folder.ends_with("devices"));
    if in_devices || has_table("kind") || has_table("[connection]") { Kind::Device } else { Kind::Site }
}

/// What came of one file.
enum Outcome {
    Unreadable(String),
    Broken(Vec<Problems>),
    Refused(Box<Report>, Vec<Problems>),
    Fine(Box<Report>),
    Device(String),
    Tariff(Box<tariff::Report>),
}

impl Outcome {
    fn code(&self) -> u8 {
        match self {
            Self::Unreadable(_) => COULD_NOT,
            Self::Broken(_) | Self::Refused(..) => PROBLEMS,
            Self::Fine(_) | Self::Device(_) | Self::Tariff(_) => FINE,
        }
    }
}

/// Checks the files one after the other; the exit code is that of the worst.
///
/// # Errors
/// Where `out` cannot be written to.
pub fn run(files: &[impl AsRef<Path>], ask: &Ask, out: &mut dyn Write) -> std::io::Result<u8> {
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

fn look(path: &Path, ask: &Ask) -> Outcome {
    let file = path.display().to_string();
    let text = match read(path) {
        Ok(text) => text,
        Err(why) => return Outcome::Unreadable(why),
    };
    match kind(path, &text) {
        Kind::Device => match Profile::parse(&file, &text) {
            Ok(profile) => Outcome::Device(format!("{}: {}; its golden words come out", profile.name, profile.title)),
            Err(problems) => Outcome::Broken(vec![problems]),
        },
        Kind::Tariff => match tariff::judge(&file, &text, path.parent(), How { strict: ask.strict, on: ask.on }) {
            Ok(report) => Outcome::Tariff(Box::new(report)),
            Err(problems) => Outcome::Broken(vec![problems]),
        },
        Kind::Site => match judge(&file, &text, path.parent(), ask.hall) {
            Err(problems) => Outcome::Broken(problems),
            Ok(mut judged) => match measured(&mut judged, ask.journal.as_deref()) {
                Err(why) => Outcome::Unreadable(why),
                Ok(()) => with_files(judged, &file, &text, path.parent(), ask.on),
            },
        },
    }
}

/// The files of its TLS belong to what is checked, as far as they are to be seen here; and its tariff.
fn with_files(judged: Judged, file: &str, text: &str, beside: Option<&Path>, on: Date) -> Outcome {
    let Judged { site, places, mut report, mut problems, .. } = judged;
    let found = keys::read(&site);
    report.warnings.extend(found.unseen.into_iter().chain(found.warnings));
    problems.extend(told(&found.errors, &places, file, text));
    if let Err(more) = supplied(&site, &mut report, beside, on) {
        match more {
            Unsupplied::Site(finding) => problems.extend(told(&[finding], &places, file, text)),
            Unsupplied::Tariff(more) => problems.push(more),
        }
    }
    if problems.is_empty() { Outcome::Fine(report) } else { Outcome::Refused(report, problems) }
}

/// Why a site cannot be run with its tariff.
enum Unsupplied {
    /// The site file does not fit to it.
    Site(Finding),
    /// It has problems of its own.
    Tariff(Problems),
}

/// Whether a controller can go by the tariff of a site; what of it is not sure is a warning.
fn supplied(site: &Site, report: &mut Report, beside: Option<&Path>, on: Date) -> Result<(), Unsupplied> {
    let (Some(supply), Some(path)) = (&site.supply, super::world::tariff_of(site, beside)) else { return Ok(()) };
    let finding = |message: String, help: &str| Finding { at: "tariff.file".into(), message, help: help.into() };
    let text =
        read(&path).map_err(|why| Unsupplied::Site(finding(why, "a path is told from the folder of the site file")))?;
    let name = path.display().to_string();
    let judged = tariff::judge(&name, &text, path.parent(), How { strict: false, on }).map_err(Unsupplied::Tariff)?;
    if let Some(warnings) = &judged.warnings {
        let count = warnings.all().len();
        let message = format!("{name}: {count} of its lines {} not sure", if count == 1 { "is" } else { "are" });
        report.warnings.push(finding(message, "see `ballast check` of that file"));
    }
    let now = Clock::start().now().wall;
    let open = Account::open(Arc::new(judged.tariff), supply, site, Drawn::default(), now);
    open.map(drop).map_err(|why| Unsupplied::Site(finding(format!("{name}: {why}"), "see docs/sites.md, [tariff]")))
}

/// Findings as problems of the file at whose lines they stand; none where there are none.
pub(super) fn told(errors: &[Finding], places: &Places, file: &str, text: &str) -> Option<Problems> {
    let errors: Vec<Problem> = errors.iter().map(|error| placed(error, places)).collect();
    (!errors.is_empty()).then(|| Problems::new(file, text, errors))
}

/// Warns where the file promises more than drills measured.
fn measured(judged: &mut Judged, journal: Option<&Path>) -> Result<(), String> {
    let Some(folder) = journal else { return Ok(()) };
    let warning = |message| Finding { at: "group".into(), message, help: NEXT.into() };
    let remarks = learnt(folder)?.remarks(&judged.site);
    judged.report.warnings.extend(remarks.into_iter().map(warning));
    Ok(())
}

/// A site with its device files, and what is wrong with either.
pub(super) struct Judged {
    pub(super) site: Site,
    pub(super) places: Places,
    pub(super) maps: Maps,
    report: Box<Report>,
    /// File by file, the site's own first; empty where it may be run.
    pub(super) problems: Vec<Problems>,
}

/// Reads a site and the device files that it names, which are looked for `beside` it first.
///
/// # Errors
/// Every problem of the site file, where it cannot be read, and of the device files that lie beside it.
pub(super) fn judge(
    file: &str,
    text: &str,
    beside: Option<&Path>,
    hall: Option<Power>,
) -> Result<Judged, Vec<Problems>> {
    let (site, places) = match load_placed(file, text) {
        Ok(read) => read,
        Err(problems) => return Err([vec![problems], Maps::beside(beside).problems()].concat()),
    };
    let maps = Maps::of(&site, beside);
    let report = Box::new(check(&site, &maps.known(), hall));
    let own = told(&report.errors, &places, file, text);
    let problems = own.into_iter().chain(maps.problems()).collect();
    Ok(Judged { site, places, maps, report, problems })
}

/// All of them as a compiler shows them.
pub(super) fn render(problems: &[Problems], color: bool) -> String {
    problems.iter().map(|problems| problems.render(color)).collect::<Vec<_>>().join("\n\n")
}

/// What the site as a whole cannot do, shown at the line that would have to change.
fn placed(error: &Finding, places: &Places) -> Problem {
    Problem::new(Code::Promise, places.of(&error.at), error.message.as_str()).help(error.help.as_str())
}

pub(super) fn read(path: &Path) -> Result<String, String> {
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
