//! `ballast drill shed|restore|comms-loss SITE`: measures what the site file promises, on the real site.
//!
//! Here are the words: what it is about to do, the question whether it may, the table, the evidence file. What is done to the site
//! stands in [`crate::drill`].

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::session::{interrupted, runtime};
use super::world::{self, Known};
use super::{COULD_NOT, FINE, PROBLEMS, check, colour};
use crate::document::{Code, Problems};
use crate::drill::{self, Access, Evidence, Kind, Order, Setup};
use crate::journal::{is_in_use, sha256};
use crate::run;
use crate::site::file::load_placed;
use crate::site::{GroupIx, Site};
use crate::time::{Clock, Wall};

mod chart;
mod text;

/// What was typed.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The site file.
    pub site: PathBuf,
    /// These groups alone; all without any.
    pub groups: Vec<String>,
    /// How often each path.
    pub times: u32,
    /// All groups together.
    pub all_at_once: bool,
    /// How long miners may take to full draw.
    pub wait: Duration,
    /// How long a device without a watchdog is left alone.
    pub watch: Duration,
    /// Do not ask.
    pub yes: bool,
    /// Where the evidence goes.
    pub out: Option<PathBuf>,
    /// Folder of the journal.
    pub journal: Option<PathBuf>,
    /// The evidence on standard output instead of a table.
    pub json: bool,
}

/// Runs `ballast drill`. Exit code: 0 where all is as the file says, 1 where something is not or is not as it was found, 2 where
/// nothing was measured.
pub fn run(kind: Kind, asked: &Asked) -> u8 {
    drill(kind, asked).unwrap_or_else(|code| code)
}

fn drill(kind: Kind, asked: &Asked) -> Result<u8, u8> {
    let known = world::known(Some(&asked.site))?;
    let groups = groups(&known.site, &asked.groups)?;
    let order = Order {
        kind,
        groups,
        times: asked.times,
        all_at_once: asked.all_at_once,
        wait: asked.wait,
        watch: asked.watch,
    };
    let folder = asked.journal.clone().unwrap_or_else(|| asked.site.with_extension("journal"));
    if is_in_use(&folder) {
        return Err(refuse(&beside_another(&folder)));
    }
    say(&text::announced(&known.site, &order, Clock::start().now().wall));
    if !asked.yes {
        agreed(&known.site.name)?;
    }
    let evidence = conduct(&known, order, &folder)?;
    let kept = keep(&evidence, asked.out.as_deref(), &folder);
    let found = wrong_lines(&known, &evidence);
    if asked.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&evidence).unwrap_or_default()));
    } else {
        print(&text::told(&evidence));
        print(&text::verdict(&evidence, kept.as_deref().ok()));
    }
    if !found.is_empty() {
        say(&found);
    }
    Ok(match (evidence.verdict, kept) {
        (_, Err(why)) => {
            say(&format!("{why}; the journal has the same"));
            PROBLEMS
        }
        ("holds", _) => FINE,
        ("problems", _) => PROBLEMS,
        _ => COULD_NOT,
    })
}

/// Two must never command one site.
fn beside_another(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "journal `{folder}` is held by another process: a controller runs on this site, or another drill, and two must never \
         command it; end it first (Ctrl-C sheds on the ramp), then drill"
    )
}

fn groups(site: &Site, names: &[String]) -> Result<Vec<GroupIx>, u8> {
    if names.is_empty() {
        return Ok((0..site.groups.len()).collect());
    }
    let mut all = Vec::new();
    for name in names {
        let ix = site.groups.iter().position(|group| group.name == *name);
        let known = || site.groups.iter().take(8).map(|group| group.name.as_str()).collect::<Vec<_>>().join(", ");
        let ix =
            ix.ok_or_else(|| refuse(&format!("--group: there is no group `{name}`; there are {} ...", known())))?;
        if !all.contains(&ix) {
            all.push(ix);
        }
    }
    Ok(all)
}

/// Asks for the name of the site: nobody commands power by a slip.
fn agreed(name: &str) -> Result<(), u8> {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "type the name of the site to go on: ").and_then(|()| stderr.flush());
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if read.is_ok() && line.trim() == name {
        return Ok(());
    }
    Err(refuse(&format!("\nnothing was done: that is not `{name}` (--yes goes on without asking)")))
}

fn conduct(known: &Known, order: Order, folder: &Path) -> Result<Evidence, u8> {
    let access = Access {
        profiles: known.profiles.clone(),
        credentials: world::credentials(&known.site)?,
        clients: world::clients(known)?,
        miner_credentials: world::miner_credentials(&known.site)?,
    };
    let files: Vec<_> = known.files.iter().map(|(role, name, text)| (*role, name.as_str(), text.as_str())).collect();
    let begun =
        run::begin(&known.site, &files, folder, run::Asked::default()).map_err(|error| match is_in_use(folder) {
            true => refuse(&beside_another(folder)),
            false => refuse(&error),
        })?;
    begun.remarks.iter().for_each(|remark| say(remark));
    let signals = runtime()?;
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    signals.spawn(async move {
        while interrupted().await {
            if asked.swap(true, Ordering::Relaxed) {
                say("ended at once: every outlet stays as it was told last, until a device's own watchdog acts");
                std::process::exit(130);
            }
            say("breaking off: the groups are put back as they were found; once more ends at once and leaves them as they are");
        }
    });
    let site_sha256 = files.iter().find(|(role, _, _)| *role == "site").map(|(_, _, text)| sha256(text.as_bytes()));
    let done = drill::conduct(Setup {
        site: known.site.clone(),
        site_sha256: site_sha256.unwrap_or_default(),
        access,
        begun,
        order,
        actor: std::env::var("USER").unwrap_or_else(|_| "unknown".into()),
        stop,
        say: Box::new(say),
    });
    signals.shutdown_background();
    done.map_err(|why| refuse(&format!("nothing was done: {why}")))
}

/// Writes the evidence file; its name, or why there is none.
fn keep(evidence: &Evidence, out: Option<&Path>, folder: &Path) -> Result<PathBuf, String> {
    let at: String = evidence.began.chars().take(19).filter(char::is_ascii_alphanumeric).collect();
    let name = format!("drill-{}-{}-{at}Z.json", evidence.drill.name(), evidence.site);
    let path = out.map_or_else(|| folder.join(name), Path::to_owned);
    let text = serde_json::to_string_pretty(evidence).unwrap_or_default();
    match std::fs::write(&path, text + "\n") {
        Ok(()) => Ok(path),
        Err(error) => Err(format!("evidence file {}: {error}", path.display())),
    }
}

/// What is wrong, each at its line of the site file, as `check` shows it.
fn wrong_lines(known: &Known, evidence: &Evidence) -> String {
    let Some((_, name, text)) = known.files.iter().find(|(role, _, _)| *role == "site") else { return String::new() };
    let Ok((_, places)) = load_placed(name, text) else { return String::new() };
    let mut all: Vec<crate::document::Problem> = Vec::new();
    for problem in evidence.problems() {
        let told = crate::document::Problem::new(Code::Promise, places.of(&problem.at), problem.message.as_str());
        let told = told.help(problem.help.as_str());
        if !all.contains(&told) {
            all.push(told);
        }
    }
    if all.is_empty() { String::new() } else { check::render(&[Problems::new(name, text, all)], colour()) }
}

fn refuse(message: &str) -> u8 {
    say(message);
    COULD_NOT
}

/// Nobody listening any more must not end a drill half way.
fn say(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// A wall time without its parts of a second.
fn clock_time(at: Wall) -> String {
    at.to_string().chars().skip(11).take(8).collect()
}
