//! A verifier nobody here wrote: the dozen lines of Python of `docs/audit.md`, standard library only.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Run, whole_text};

const DOC: &str = include_str!("../../docs/audit.md");

/// The program as the document shows it.
fn program() -> &'static str {
    DOC.split_once("```python\n").unwrap().1.split_once("```").unwrap().0
}

/// Runs it over all segments as one file; true where it says OK.
fn agrees(dir: &Path) -> bool {
    let audit = dir.join("audit.all");
    fs::write(&audit, whole_text(dir)).unwrap();
    let ran = Command::new("python3").arg("-c").arg(program()).arg(&audit).arg(dir.join("checkpoint")).output();
    let ran = ran.expect("python3 is needed: install it");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).contains(" OK")
}

#[test]
fn python_agrees_with_our_journal_and_sees_a_changed_byte() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::start(dir.path(), 1);
    run.ticks(300);
    let summary = run.close();
    let checkpoint = fs::read_to_string(dir.path().join("checkpoint")).unwrap();
    assert_eq!(checkpoint, format!("example.com/site-1/audit\n{}\n{}\n", summary.records, summary.root));
    assert!(agrees(dir.path()));
    let path = dir.path().join("000000000000.jsonl");
    let mut text = fs::read(&path).unwrap();
    text[5_000] ^= 1;
    fs::write(&path, text).unwrap();
    assert!(!agrees(dir.path()));
}
