//! `ballast tariff accept HASH --journal DIR`: lets a tariff take effect that waits because it moves the price too far to be a matter of course.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::{Refused, tell};
use crate::run::{ACCEPTED, SHORTEST_HASH};

/// A running controller looks every two seconds.
const PATIENCE: Duration = Duration::from_secs(6);
const STEP: Duration = Duration::from_millis(100);

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// SHA-256 of the file, or its first letters.
    pub hash: String,
    /// The folder of the controller's journal.
    pub journal: PathBuf,
}

/// Hands it over to the controller that writes this journal; the exit code is 1 where none took it.
pub fn run(asked: &Asked, out: &mut dyn Write) -> u8 {
    tell(accept(asked.hash.trim(), &asked.journal), out)
}

fn accept(hash: &str, journal: &Path) -> Result<String, Refused> {
    if hash.len() < SHORTEST_HASH || hash.len() > 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let why = format!(
            "`{hash}` is no hash of a file: {SHORTEST_HASH} to 64 letters of 0-9 and a-f, as the controller shows it"
        );
        return Err(Refused::could_not(why));
    }
    let failed = |error: std::io::Error| Refused::could_not(format!("{}: {error}", journal.display()));
    if !journal.join("state").is_dir() {
        let why = format!("{}: is no journal's folder; name the one that `run` was given or told", journal.display());
        return Err(Refused::could_not(why));
    }
    let (place, beside) = (journal.join(ACCEPTED), journal.join(format!("{ACCEPTED}.new")));
    std::fs::write(&beside, format!("{hash}\n")).map_err(failed)?;
    std::fs::rename(&beside, &place).map_err(failed)?;
    let mut left = PATIENCE;
    while place.exists() && !left.is_zero() {
        std::thread::sleep(STEP);
        left = left.saturating_sub(STEP);
    }
    if place.exists() {
        let why =
            format!("no controller that writes {} has taken it; it stands there until one does", journal.display());
        return Err(Refused::problem(why));
    }
    Ok(format!(
        "{hash}: taken by the controller; `ballast tariff history {}` tells what came of it\n",
        journal.display()
    ))
}
