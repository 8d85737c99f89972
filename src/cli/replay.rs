//! `ballast replay DIR`: decides every tick of a journal again and compares to the byte.

use std::path::Path;

use crate::journal::{self, Decider};

/// Replays with this decision and prints what came out. Exit code: 0 equal, 1 a difference, 2 could not be read.
pub fn run(dir: &Path, json: bool, decider: &mut dyn Decider) -> u8 {
    match journal::replay(dir, decider) {
        Ok(replayed) if replayed.segments == 0 => {
            eprintln!("`{}`: there is no journal in it; name the folder that holds its segments", dir.display());
            2
        }
        Ok(replayed) => {
            if json {
                println!("{}", serde_json::json!({ "equal": replayed.is_equal(), "replay": replayed }));
            } else {
                println!("{replayed}");
            }
            u8::from(!replayed.is_equal())
        }
        Err(error) => {
            eprintln!("journal `{}`: {error}; name the folder that holds its segments", dir.display());
            2
        }
    }
}
