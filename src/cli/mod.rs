//! What people type: one file per verb. Each returns the exit code: 0 fine, 1 found problems, 2 could not run.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use crate::time::Wall;

pub mod audit;
pub mod check;
pub mod demo;
pub mod drill;
pub mod emulate;
mod keys;
pub mod latency;
mod limits;
mod maps;
pub mod probe;
pub mod replay;
pub mod run;
pub mod screen;
mod secret;
mod session;
pub mod simulate;
mod summary;
pub mod tariff;
mod world;

/// Everything is fine.
pub const FINE: u8 = 0;
/// The verb did its work and found problems.
pub const PROBLEMS: u8 = 1;
/// The verb could not do its work.
pub const COULD_NOT: u8 = 2;

/// What plays in the plant.
#[derive(Clone, Debug)]
pub struct World {
    /// `inference`, `training`, `day`, or a recorded file.
    pub hall: String,
    /// Recorded prices; generated ones without it.
    pub prices: Option<PathBuf>,
    /// Where in the recorded prices to start.
    pub prices_from: Option<Wall>,
    /// How many times faster than real time prices play.
    pub price_speed: Option<u32>,
    /// Decides every chance in the plant.
    pub seed: u64,
}

/// How a run is watched and how it ends.
#[derive(Clone, Debug)]
pub struct Watch {
    /// No screen in the terminal.
    pub headless: bool,
    /// End in order after this time.
    pub span: Option<Duration>,
    /// The summary as JSON.
    pub json: bool,
    /// Folder of the journal.
    pub journal: Option<PathBuf>,
    /// Port of the page; 0 takes any.
    pub port: u16,
}

/// Whether problems are shown in colour: on a terminal, unless `NO_COLOR` is set.
pub fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

/// Runs `ballast check`.
pub fn check_files(files: &[PathBuf], ask: check::Ask) -> u8 {
    let ask = check::Ask { color: ask.color && colour() && stdout_is_terminal(), ..ask };
    check::run(files, &ask, &mut std::io::stdout().lock()).unwrap_or(COULD_NOT)
}

fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Runs `ballast replay` with this program's decision.
pub fn replay_journal(journal: &std::path::Path, as_json: bool) -> u8 {
    replay::run(journal, as_json, &mut crate::run::Again::default())
}
