//! `ballast audit verify DIR`: was anything in this journal changed, removed or added?

use std::path::Path;

use crate::journal;

/// Checks the journal and prints what was found. Exit code: 0 whole, 1 something was found, 2 could not be read.
pub fn run(dir: &Path, json: bool) -> u8 {
    match journal::verify(dir) {
        Ok(report) => {
            if json {
                println!("{}", serde_json::json!({ "whole": report.is_whole(), "report": report }));
            } else {
                println!("{report}");
            }
            u8::from(!report.is_whole())
        }
        Err(error) => {
            eprintln!("journal `{}`: {error}; name the folder that holds its segments", dir.display());
            2
        }
    }
}
