//! Whatever is changed in a journal is found.

use std::fs;
use std::path::Path;

use ballast::journal::{Journal, OpenError, Report, verify};
use ballast::time::Clock;

use super::{Run, segments};

/// Writes a journal, lets the caller change its segment and its checkpoint, and checks what is left.
fn after(change: impl Fn(&mut Vec<String>, &mut Vec<String>)) -> Report {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::start(dir.path(), 1);
    run.ticks(60);
    run.close();
    let (journal, checkpoint) = (&segments(dir.path())[0], dir.path().join("checkpoint"));
    let lines = |path: &Path| fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    let (mut records, mut three) = (lines(journal), lines(&checkpoint));
    change(&mut records, &mut three);
    fs::write(journal, records.join("\n") + "\n").unwrap();
    fs::write(&checkpoint, three.join("\n") + "\n").unwrap();
    verify(dir.path()).unwrap()
}

fn found(report: &Report, text: &str) -> bool {
    report.findings.iter().any(|finding| finding.to_string().contains(text))
}

#[test]
fn an_untouched_journal_is_whole() {
    let report = after(|_, _| {});
    assert!(report.is_whole() && report.notes.is_empty(), "{report}");
    assert_eq!(report.checkpoint.as_ref().map(|checkpoint| checkpoint.size), Some(report.records));
}

#[test]
fn a_flipped_byte_is_found_by_the_root() {
    let report = after(|lines, _| lines[20] = lines[20].replace("\"poi\":[3", "\"poi\":[2"));
    assert!(found(&report, "checkpoint line 3: the root of the first"), "{report}");
}

#[test]
fn a_removed_line_is_named() {
    let report = after(|lines, _| drop(lines.remove(20)));
    assert!(found(&report, "line 21: record 21 where 20 is due"), "{report}");
    assert!(found(&report, "checkpoint line 2: covers"), "{report}");
}

#[test]
fn a_removed_tail_is_found_by_the_checkpoint() {
    let report = after(|lines, _| lines.truncate(40));
    assert!(found(&report, "but there are only 40"), "{report}");
}

#[test]
fn swapped_lines_are_named() {
    let report = after(|lines, _| lines.swap(20, 21));
    assert!(found(&report, "line 21: record 21 where 20 is due") && found(&report, "checkpoint line 3"), "{report}");
}

#[test]
fn another_size_or_root_in_the_checkpoint_is_found() {
    for size in ["5", "6000"] {
        assert!(!after(|_, three| size.clone_into(&mut three[1])).is_whole());
    }
    assert!(!after(|_, three| three[2] = three[2].replace(|c: char| c.is_ascii_lowercase(), "a")).is_whole());
    assert!(found(&after(|_, three| three.truncate(1)), "checkpoint: `checkpoint` is not"));
}

#[test]
fn renumbered_lines_that_hide_a_tick_are_found_by_the_ticks() {
    let report = after(|lines, _| {
        let last = lines.len() - 1;
        lines[last] = r#"{"seq":63,"t":"2026-11-22T05:00:00.000000Z","kind":"tick","n":90}"#.to_owned();
    });
    assert!(found(&report, "tick 90 where 61 is due, and no `audit.gap` or `boot` between"), "{report}");
}

#[test]
fn a_reference_forward_a_long_line_and_text_are_named() {
    let report = after(|lines, _| {
        lines[10] = r#"{"seq":10,"t":"2026-11-22T05:00:00.000000Z","kind":"shed","from":12}"#.to_owned();
        lines[11] = format!(r#"{{"seq":11,"t":"yesterday","kind":"note","text":"{}"}}"#, "x".repeat(65_535));
        lines[12] = "hello".to_owned();
    });
    assert!(found(&report, "line 11: `from` names record 12"), "{report}");
    assert!(found(&report, "line 12: 65") && found(&report, "`yesterday` is not a time"), "{report}");
    assert!(found(&report, "line 13: not a record"), "{report}");
}

#[test]
fn a_changed_or_missing_file_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::start(dir.path(), 1);
    run.ticks(3);
    run.close();
    let file = fs::read_dir(dir.path().join("files")).unwrap().next().unwrap().unwrap().path();
    fs::write(&file, "limit_w = 9000000\n").unwrap();
    assert!(found(&verify(dir.path()).unwrap(), "has another content than its name says"));
    fs::remove_file(&file).unwrap();
    assert!(!verify(dir.path()).unwrap().is_whole());
}

#[test]
fn a_torn_last_line_is_cut_recorded_and_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::start(dir.path(), 1);
    run.ticks(5);
    let before = run.close();
    let path = &segments(dir.path())[0];
    let mut text = fs::read(path).unwrap();
    text.extend_from_slice(br#"{"seq":9,"t":"2026-11"#);
    fs::write(path, text).unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(report.is_whole() && report.notes.len() == 1, "{report}");
    Run::start(dir.path(), 2).close();
    let report = verify(dir.path()).unwrap();
    assert!(report.is_whole() && report.records > before.records, "{report}");
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(r#""kind":"audit.repair","bytes":21}"#), "{text}");
}

#[test]
fn a_journal_that_contradicts_its_checkpoint_is_set_aside_and_not_written_over() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("journal");
    let mut run = Run::start(&dir, 1);
    run.ticks(30);
    run.close();
    let path = segments(&dir)[0].clone();
    let changed = fs::read_to_string(&path).unwrap().replacen("\"poi\":[3", "\"poi\":[2", 1);
    fs::write(&path, &changed).unwrap();
    Run::start(&dir, 2).close();
    assert_eq!(fs::read_to_string(parent.path().join("journal.bad-1/000000000000.jsonl")).unwrap(), changed);
    let fresh = fs::read_to_string(&path).unwrap();
    assert!(fresh.contains(r#""kind":"audit.corrupt""#) && fresh.contains(r#""set_aside":"journal.bad-1""#), "{fresh}");
    assert!(verify(&dir).unwrap().is_whole());
}

#[test]
fn two_controllers_cannot_write_one_journal() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::start(dir.path(), 1);
    let second = Journal::open(dir.path(), "example.com/x", Clock::start());
    assert!(matches!(second, Err(OpenError::InUse(_))));
    run.close();
    assert!(Journal::open(dir.path(), "example.com/x", Clock::start()).is_ok());
}

#[test]
fn the_command_says_by_its_exit_code_what_it_found() {
    let dir = tempfile::tempdir().unwrap();
    Run::start(dir.path(), 1).close();
    assert_eq!(ballast::cli::audit::run(dir.path(), false), 0);
    fs::remove_file(dir.path().join("checkpoint")).unwrap();
    assert_eq!(ballast::cli::audit::run(dir.path(), true), 1);
    assert_eq!(ballast::cli::audit::run(&dir.path().join("none"), false), 2);
    assert_eq!(ballast::cli::replay::run(dir.path(), false, &mut super::Filler::default()), 0);
    assert_eq!(ballast::cli::replay::run(&dir.path().join("none"), true, &mut super::Filler::default()), 2);
}

#[test]
fn a_folder_that_is_not_there_is_an_error_and_not_a_whole_journal() {
    assert!(verify(Path::new("/nonexistent/journal")).is_err());
}
