//! Does this journal say what was written? Recomputes the tree over all lines, compares it with the checkpoint, and checks
//! what a tree cannot show: numbers that skip, ticks that are missing, references that point nowhere.
//!
//! It trusts nothing it reads and changes nothing.

use std::fmt;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::append::hex;
use super::line::MAX_LINE;
use super::segments::{self, CHECKPOINT, Checkpoint, FILES, Line, Shelf};
use super::tree::{self, Tree};
use crate::time::Wall;

/// Findings beyond this are counted and not listed.
const MOST_FINDINGS: usize = 100;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many records there are.
    pub records: u64,
    /// In how many segments.
    pub segments: u64,
    /// How many bytes, newlines included.
    pub bytes: u64,
    /// Root over all records, in base64.
    pub root: String,
    /// The checkpoint, where there is one.
    pub checkpoint: Option<Checkpoint>,
    /// Starts of a controller.
    pub boots: u64,
    /// Ticks.
    pub ticks: u64,
    /// Gaps that the journal itself declares.
    pub gaps: u64,
    /// Everything that must not be.
    pub findings: Vec<Finding>,
    /// Findings that are not listed.
    pub more_findings: u64,
    /// What is worth knowing and no fault.
    pub notes: Vec<Finding>,
}

/// Something and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file.
    pub segment: String,
    /// Its line, from 1; 0 for the file as a whole.
    pub line: u64,
    /// What it is.
    pub what: String,
}

impl Report {
    /// Whether nothing was found that must not be.
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, segment: &str, line: u64, what: String) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding { segment: segment.to_owned(), line, what });
        } else {
            self.more_findings += 1;
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.segment, self.what),
            line => write!(f, "{} line {line}: {}", self.segment, self.what),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} records in {} segments, {} bytes", self.records, self.segments, self.bytes)?;
        writeln!(f, "{} starts, {} ticks, {} declared gaps", self.boots, self.ticks, self.gaps)?;
        writeln!(f, "root {}", self.root)?;
        if let Some(checkpoint) = &self.checkpoint {
            writeln!(f, "checkpoint of `{}` covers {} records", checkpoint.origin, checkpoint.size)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))?;
        self.findings.iter().try_for_each(|finding| writeln!(f, "FOUND: {finding}"))?;
        if self.more_findings > 0 {
            writeln!(f, "FOUND: {} more", self.more_findings)?;
        }
        f.write_str(if self.is_whole() { "whole: nothing was changed, removed or added" } else { "NOT WHOLE" })
    }
}

/// The fields that are checked.
#[derive(Deserialize)]
struct Fields {
    seq: u64,
    t: String,
    kind: String,
    from: Option<u64>,
}

/// The fields of our own kinds that are checked.
#[derive(Default, Deserialize)]
struct Own {
    n: Option<u64>,
    to_tick: Option<u64>,
    part: Option<u32>,
    sha256: Option<String>,
}

/// Checks the journal in this folder.
///
/// # Errors
/// Where the folder or a file in it cannot be read.
pub fn verify(dir: &Path) -> io::Result<Report> {
    fs::read_dir(dir)?;
    verify_on(dir)
}

pub(super) fn verify_on<S: Shelf + ?Sized>(shelf: &S) -> io::Result<Report> {
    let mut check =
        Check { shelf, report: Report::default(), tree: Tree::default(), tick: None, seq: 0, compared: false };
    check.checkpoint()?;
    segments::walk(shelf, &mut |line| {
        check.line(line);
        ControlFlow::Continue(())
    })?;
    check.report.segments = shelf.list()?.len() as u64;
    Ok(check.end())
}

struct Check<'a, S: ?Sized> {
    shelf: &'a S,
    report: Report,
    tree: Tree,
    /// The last tick since the last boot or gap.
    tick: Option<u64>,
    /// The number that is due.
    seq: u64,
    compared: bool,
}

impl<S: Shelf + ?Sized> Check<'_, S> {
    fn checkpoint(&mut self) -> io::Result<()> {
        match Checkpoint::read(self.shelf) {
            Ok(checkpoint) => self.report.checkpoint = checkpoint,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.report.find(CHECKPOINT, 0, error.to_string());
            }
            Err(error) => return Err(error),
        }
        self.compare();
        Ok(())
    }

    /// Compares the roots at the checkpoint's size.
    fn compare(&mut self) {
        let Some(checkpoint) = self.report.checkpoint.clone() else { return };
        if checkpoint.size != self.tree.size() || self.compared {
            return;
        }
        self.compared = true;
        let root = tree::base64(&self.tree.root());
        if root != checkpoint.root {
            let (size, said) = (checkpoint.size, checkpoint.root);
            self.report.find(CHECKPOINT, 3, format!("the root of the first {size} records is {root}, not {said}"));
        }
    }

    fn line(&mut self, line: &Line<'_>) {
        self.report.bytes += line.bytes.len() as u64 + u64::from(line.ended);
        let name = line.segment.name.as_str();
        if line.superseded {
            self.report.find(name, line.number, "a line after the segment's last record".to_owned());
            return;
        }
        if !line.ended && line.last_segment {
            let what = format!("a torn line of {} bytes, never acknowledged", line.bytes.len());
            self.report.notes.push(Finding { segment: name.to_owned(), line: line.number, what });
            return;
        }
        if line.number == 1 && line.segment.first != self.tree.size() {
            let due = segments::name(self.tree.size());
            self.report.find(name, 0, format!("`{due}` is due here: a segment or lines before it are missing"));
        }
        self.tree.push(tree::leaf(line.bytes));
        self.compare();
        for what in self.record(line) {
            self.report.find(name, line.number, what);
        }
    }

    fn record(&mut self, line: &Line<'_>) -> Vec<String> {
        let mut wrong = Vec::new();
        if line.bytes.len() > MAX_LINE {
            wrong.push(format!("{} bytes; a line has at most {MAX_LINE}", line.bytes.len()));
        }
        if !line.ended {
            wrong.push("no newline at the end of the segment".to_owned());
        }
        match serde_json::from_slice::<Fields>(line.bytes) {
            Ok(fields) => self.fields(&fields, line.bytes, &mut wrong),
            Err(error) => {
                wrong.push(format!("not a record: {error}"));
                self.seq += 1;
            }
        }
        wrong
    }

    fn fields(&mut self, fields: &Fields, bytes: &[u8], wrong: &mut Vec<String>) {
        if fields.seq != self.seq {
            wrong.push(format!("record {} where {} is due", fields.seq, self.seq));
        }
        self.seq = fields.seq.saturating_add(1);
        if Wall::parse(&fields.t).is_none() {
            wrong.push(format!("`{}` is not a time in RFC 3339", fields.t));
        }
        if let Some(from) = fields.from
            && from >= fields.seq
        {
            wrong.push(format!("`from` names record {from}, which is not before it"));
        }
        let kind = fields.kind.as_str();
        if !["boot", "audit.gap", "tick", "keyframe", "file"].contains(&kind) {
            return;
        }
        match serde_json::from_slice(bytes) {
            Ok(own) => self.own(kind, &own, wrong),
            Err(error) => wrong.push(format!("not a record of kind {kind}: {error}")),
        }
    }

    fn own(&mut self, kind: &str, fields: &Own, wrong: &mut Vec<String>) {
        match kind {
            "boot" => (self.tick, self.report.boots) = (None, self.report.boots + 1),
            "audit.gap" => (self.tick, self.report.gaps) = (fields.to_tick, self.report.gaps + 1),
            "tick" if fields.part.unwrap_or(0) == 0 => self.ticked(fields, wrong),
            "keyframe" if fields.part.unwrap_or(0) == 0 => self.keyframe(fields, wrong),
            "file" => self.file(fields, wrong),
            _ => {}
        }
    }

    fn ticked(&mut self, fields: &Own, wrong: &mut Vec<String>) {
        self.report.ticks += 1;
        let due = self.tick.map_or(fields.n.unwrap_or(1), |last| last.saturating_add(1));
        let tick = fields.n.unwrap_or(due);
        if tick != due {
            wrong.push(format!("tick {tick} where {due} is due, and no `audit.gap` or `boot` between"));
        }
        self.tick = Some(tick);
    }

    fn keyframe(&mut self, fields: &Own, wrong: &mut Vec<String>) {
        // The first tick is where a keyframe foresees it, so it is the one that need not be written.
        let tick = fields.n.unwrap_or(1);
        if let Some(last) = self.tick
            && last != tick
        {
            wrong.push(format!("a keyframe of tick {tick} after tick {last}"));
        }
        self.tick = Some(tick);
    }

    fn file(&mut self, fields: &Own, wrong: &mut Vec<String>) {
        let Some(sha256) = fields.sha256.as_deref().filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
        else {
            wrong.push("a file record without its hash".to_owned());
            return;
        };
        match self.shelf.file(sha256) {
            Ok(bytes) if hex(&Sha256::digest(&bytes)) == sha256 => {}
            Ok(_) => wrong.push(format!("`{FILES}/{sha256}` has another content than its name says")),
            Err(error) => wrong.push(format!("`{FILES}/{sha256}`: {error}")),
        }
    }

    fn end(mut self) -> Report {
        let (records, report) = (self.tree.size(), &mut self.report);
        report.records = records;
        report.root = tree::base64(&self.tree.root());
        match &report.checkpoint {
            Some(checkpoint) if checkpoint.size > records => {
                let what = format!("covers {} records, but there are only {records}", checkpoint.size);
                report.find(CHECKPOINT, 2, what);
            }
            Some(checkpoint) if checkpoint.size < records => {
                let what = format!("{} records are newer than it", records - checkpoint.size);
                report.notes.push(Finding { segment: CHECKPOINT.to_owned(), line: 0, what });
            }
            Some(_) => {}
            None if report.findings.iter().any(|finding| finding.segment == CHECKPOINT) => {}
            None => report.find(CHECKPOINT, 0, "missing: nothing says which records there should be".to_owned()),
        }
        self.report
    }
}
