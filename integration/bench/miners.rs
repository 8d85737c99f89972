//! Miners told by their own firmware: how soon half of a thousand are gone at the meter, with liars among them, and how soon three
//! hundred have taken a command, beside the bare library.
//!
//! The plant and the emulated miners are in this process. Ports below 1024: run it as root, or see `docs/miners.md`.

#[cfg(feature = "miners")]
mod bare;
mod controller;
#[cfg(feature = "miners")]
mod fan;
mod rows;
mod shed;
mod world;

use std::time::Duration;

/// Runs both and prints their tables, or the one that is named: `miners::shed`, `miners::fan`.
pub(crate) fn run(arguments: &[String]) {
    crate::sweep::raise_file_limit(FILES);
    let named = |part: &str| arguments.iter().any(|argument| argument == part);
    let (shed, fan) = (named("miners::shed"), named("miners::fan"));
    if shed || !fan {
        shed::run();
        println!();
    }
    #[cfg(feature = "miners")]
    if fan || !shed {
        fan::run();
    }
}

/// Each miner listens on two ports or three, and is spoken to from this process.
const FILES: u64 = 16_000;

/// The middle of these, the least and the most.
fn spread(mut all: Vec<Duration>) -> (Duration, Duration, Duration) {
    all.sort();
    let at = |nth: usize| all.get(nth).copied().unwrap_or(Duration::MAX);
    (at(all.len() / 2), at(0), at(all.len().saturating_sub(1)))
}
