//! The targets of the fuzzer as ordinary tests: every seed and every input that once found something goes through the same
//! entries, without libFuzzer. With `UPDATE_CORPUS=1` the seeds are written anew.

use std::path::{Path, PathBuf};

mod targets;

use targets::{ALL, Target, named};

fn folder(of: &str, target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/fuzz").join(of).join(target.name)
}

/// The files of a folder by name; none where there is no folder.
fn inputs(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn replay(name: &str) {
    let target = named(name).unwrap();
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        write(target);
    }
    let seeds = inputs(&folder("corpus", target));
    assert!(!seeds.is_empty(), "`{name}` has no seeds; UPDATE_CORPUS=1 cargo nextest run fuzz:: writes them");
    for (path, bytes) in seeds.into_iter().chain(inputs(&folder("regressions", target))) {
        println!("{}", path.display());
        assert!(bytes.len() <= target.longest, "the fuzzer would cut it");
        (target.entry)(&bytes);
    }
}

fn write(target: &Target) {
    let folder = folder("corpus", target);
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in (target.seeds)() {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let words = (target.words)();
    let lines: Vec<String> = words.iter().map(|word| format!("\"{}\"\n", word.escape_default())).collect();
    if !lines.is_empty() {
        std::fs::write(folder.with_extension("dict"), lines.concat().replace("\\'", "'")).unwrap();
    }
}

macro_rules! replays {
    ($($test:ident: $name:literal),* $(,)?) => {
        $(#[test]
        fn $test() {
            replay($name);
        })*

        #[test]
        fn every_target_is_replayed() {
            assert_eq!(ALL.iter().map(|target| target.name).collect::<Vec<_>>(), [$($name),*]);
        }
    };
}

replays! {
    whatever_a_device_answers_is_the_answer_or_a_fault: "answer",
    whatever_a_client_sends_the_emulator_stands: "request",
    whatever_stands_in_registers_is_in_bounds_or_no_data: "registers",
    whatever_text_is_a_site_or_problems: "site",
    whatever_text_is_a_device_or_problems: "device",
    whatever_text_is_a_tariff_or_problems: "tariff",
    whatever_is_wrong_with_a_text_can_be_shown: "problem",
    whatever_file_is_a_recording_or_refused: "recording",
    whatever_lies_in_a_journal_is_repaired_or_refused: "recovery",
    a_recorded_line_that_was_changed_is_found: "tamper",
    whatever_was_remembered_decides_no_harm: "remembered",
    whatever_a_page_posts_makes_sense_or_is_refused: "action",
    whatever_is_written_as_a_quantity_is_exact_or_refused: "quantity",
}

/// The promises of the targets can be broken: an entry that panics is seen.
#[test]
fn a_broken_promise_is_seen() {
    let broken = Target {
        name: "broken",
        entry: |bytes| assert!(bytes.is_empty()),
        longest: 1,
        seeds: Vec::new,
        words: Vec::new,
    };
    (broken.entry)(b"");
    assert!(std::panic::catch_unwind(|| (broken.entry)(b"x")).is_err());
}
