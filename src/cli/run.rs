//! `ballast run SITE`: the controller on a real site.

use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::session::{self, Session};
use super::world::{self, Known};
use super::{Watch, World};
use crate::plant::PriceMix;
use crate::run::Prices;
use crate::time::Clock;

/// Runs `ballast run`.
pub fn run(site: &Path, watch: Watch, prices: Option<&Path>, manner: Manner) -> u8 {
    control(site, watch, prices, manner).unwrap_or_else(|code| code)
}

/// How it is run.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Decide and journal, but command nothing.
    pub shadow: bool,
    /// Let units back that drew on when they were to sleep.
    pub readmit: bool,
}

fn control(site: &Path, mut watch: Watch, prices: Option<&Path>, manner: Manner) -> Result<u8, u8> {
    let Manner { shadow, readmit } = manner;
    // A journal in a temporary folder would forget dwell, margins and the last good file at every reboot.
    watch.journal.get_or_insert_with(|| site.with_extension("journal"));
    let (known, rejected) = known(site, &watch)?;
    let prices = recorded(prices)?;
    let runtime = session::runtime()?;
    let mut begun = session::begin(&known, "run", watch.journal.clone(), readmit)?;
    let mut notes = Vec::new();
    if shadow {
        notes.push("shadow: everything is decided and journaled, nothing is commanded".to_owned());
    }
    if let Some(rejected) = rejected {
        let _ = begun.journal.note(begun.clock.now().wall, "config.rejected", None, &rejected);
        notes.push(format!("{} was refused: RUNNING ON THE LAST GOOD FILE", rejected.name));
    }
    let session = Session { known, prices, emulated: None, note: notes.join("; "), shadow };
    session::run(&runtime, session, begun, &watch)
}

/// The site file; where it is bad, the last good one of this journal, and loudly: after a reboot at night somebody must
/// hold the limit, whatever was edited in the evening.
fn known(site: &Path, watch: &Watch) -> Result<(Known, Option<Rejected>), u8> {
    let code = match world::known(Some(site)) {
        Ok(known) => return Ok((known, None)),
        Err(code) => code,
    };
    let last = watch.journal.as_deref().and_then(crate::run::last_good_site).ok_or(code)?;
    let name = site.display().to_string();
    let sha256 = std::fs::read(site).ok().map(|bytes| hex(&Sha256::digest(bytes)));
    let known = world::known_text(&format!("{name} (last good)"), last, site.parent())?;
    eprintln!("{name}: refused, see above: RUNNING ON THE LAST GOOD FILE of this journal");
    Ok((known, Some(Rejected { name, sha256 })))
}

/// A site file that was refused, as it stands in the journal.
#[derive(Serialize)]
struct Rejected {
    name: String,
    /// Of its bytes, in hex; none where it could not be read.
    sha256: Option<String>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Recorded prices in real time from their first interval on; without a file the price is lost and the fall-back holds.
fn recorded(path: Option<&Path>) -> Result<Prices, u8> {
    let Some(path) = path else { return Ok(Box::new(|_| None)) };
    let world =
        World { hall: String::new(), prices: Some(path.to_owned()), prices_from: None, price_speed: None, seed: 0 };
    let mut load = world::prices(&world, PriceMix::measured(), 1)?;
    let clock = Clock::start();
    Ok(Box::new(move |_| load.at(clock.mono())))
}
