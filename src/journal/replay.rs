//! Deciding again from the journal. What is decided is the caller's: this module knows records, not rules.
//!
//! Every tick's snapshot is folded from the lines, decided again, written down again by the same [`Recorder`], and compared
//! with the recorded line to the byte; so are the plan's events and every keyframe with its memory.

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::append::hex;
use super::fold::{Fold, Folded};
use super::line::Lines;
use super::record::{FileSeen, Recorder};
use super::segments::{self, FILES, Line, Shelf};
use crate::plan::Plan;
use crate::snapshot::Snapshot;

/// The decision, as a replay needs it.
pub trait Decider {
    /// A run of the controller begins: what was known before is void.
    fn boot(&mut self);

    /// A file is in force from here on.
    ///
    /// # Errors
    /// In words, where the file is not understood.
    fn file(&mut self, file: &FileSeen, bytes: &[u8]) -> Result<(), String>;

    /// Takes the memory as [`Decider::memory_json`] wrote it.
    ///
    /// # Errors
    /// In words, where it is not understood.
    fn restore(&mut self, memory: &str) -> Result<(), String>;

    /// Decides one tick.
    fn decide(&mut self, snapshot: &Snapshot) -> Plan;

    /// The memory from which the next tick is decided.
    fn memory_json(&self) -> String;
}

/// What a replay saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Segments read.
    pub segments: u64,
    /// Ticks decided again.
    pub ticks: u64,
    /// Of these, how many came out the same, with all their events.
    pub equal: u64,
    /// Keyframes written again and equal.
    pub keyframes: u64,
    /// Records that say what no decision can know: starts, files, orders, budgets.
    pub passed: u64,
    /// The first line that came out differently. Nothing is decided after it.
    pub difference: Option<Difference>,
    /// What made it impossible to go on.
    pub trouble: Option<String>,
}

/// A line that came out differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The file.
    pub segment: String,
    /// Its line, from 1.
    pub line: u64,
    /// What stands there.
    pub recorded: String,
    /// What was written now; empty where there would be no such line.
    pub replayed: String,
}

impl Replayed {
    /// Whether every tick was decided again as it was recorded.
    pub fn is_equal(&self) -> bool {
        self.difference.is_none() && self.trouble.is_none()
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segments, ticks, equal, keyframes, passed, .. } = self;
        writeln!(f, "{ticks} ticks of {segments} segments decided again, {equal} equal to the byte")?;
        writeln!(f, "{keyframes} keyframes equal, {passed} records passed over")?;
        if let Some(Difference { segment, line, recorded, replayed }) = &self.difference {
            writeln!(f, "FIRST DIFFERENCE: {segment} line {line}\n  recorded {recorded}\n  replayed {replayed}")?;
        }
        if let Some(trouble) = &self.trouble {
            writeln!(f, "STOPPED: {trouble}")?;
        }
        f.write_str(if self.is_equal() { "equal" } else { "NOT EQUAL" })
    }
}

/// Decides every tick of the journal in this folder again.
///
/// # Errors
/// Where the folder or a segment cannot be read.
pub fn replay(dir: &Path, decider: &mut dyn Decider) -> io::Result<Replayed> {
    fs::read_dir(dir)?;
    replay_on(dir, decider)
}

pub(super) fn replay_on<S: Shelf + ?Sized>(shelf: &S, decider: &mut dyn Decider) -> io::Result<Replayed> {
    let mut pass = Pass {
        shelf,
        decider,
        fold: Fold::default(),
        recorder: Recorder::default(),
        in_step: false,
        open: Vec::new(),
        due: VecDeque::new(),
        report: Replayed::default(),
    };
    segments::walk(shelf, &mut |line| {
        pass.report.segments += u64::from(line.number == 1);
        if line.superseded || !line.ended {
            return ControlFlow::Continue(());
        }
        pass.line(line).map_or_else(
            |stop| {
                stop.file_into(&mut pass.report, line);
                ControlFlow::Break(())
            },
            ControlFlow::Continue,
        )
    })?;
    Ok(pass.report)
}

/// Why a replay ends early.
enum Stop {
    Difference(Difference),
    Trouble(String),
}

impl Stop {
    fn file_into(self, report: &mut Replayed, line: &Line<'_>) {
        match self {
            Self::Difference(difference) => report.difference = Some(difference),
            Self::Trouble(what) => {
                report.trouble = Some(format!("{} line {}: {what}", line.segment.name, line.number));
            }
        }
    }
}

/// A recorded line that waits for its parts: where it stands and what it says.
type Held = (String, u64, Vec<u8>);

struct Pass<'a, S: ?Sized> {
    shelf: &'a S,
    decider: &'a mut dyn Decider,
    fold: Fold,
    recorder: Recorder,
    /// Whether the decider knows what the controller knew.
    in_step: bool,
    /// Lines of a tick or keyframe that is not complete yet.
    open: Vec<Held>,
    /// Lines that must come next.
    due: VecDeque<Vec<u8>>,
    report: Replayed,
}

impl<S: Shelf + ?Sized> Pass<'_, S> {
    fn line(&mut self, line: &Line<'_>) -> Result<(), Stop> {
        let folded = self.fold.line(line.bytes).map_err(|error| Stop::Trouble(error.to_string()))?;
        let held = (line.segment.name.clone(), line.number, line.bytes.to_vec());
        if let Folded::Boot = folded {
            // Whatever was still due went down with the run before.
            self.report.equal += u64::from(!self.due.is_empty());
            self.due.clear();
            self.open.clear();
        }
        if !self.due.is_empty() {
            self.open.push(held);
            self.compare()?;
            self.report.equal += u64::from(self.due.is_empty());
            return Ok(());
        }
        match folded {
            Folded::Part => self.open.push(held),
            Folded::Tick => {
                self.open.push(held);
                self.tick()?;
            }
            Folded::Keyframe => {
                self.open.push(held);
                self.keyframe(line.segment.first.saturating_add(line.number))?;
            }
            other => self.pass_over(&other, line)?,
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), Stop> {
        let snapshot = self.fold.snapshot().clone();
        let plan = self.decider.decide(&snapshot);
        self.report.ticks += 1;
        self.due = self.recorder.tick(&snapshot, &plan).into();
        self.compare()?;
        self.report.equal += u64::from(self.due.is_empty());
        Ok(())
    }

    /// A keyframe is written again where we know what the controller knew, and believed where we do not.
    fn keyframe(&mut self, next: u64) -> Result<(), Stop> {
        if self.in_step {
            let lines: Lines = self.recorder.keyframe(&self.decider.memory_json());
            self.due = lines.into();
            self.compare()?;
            self.report.keyframes += 1;
            return Ok(());
        }
        self.decider.restore(self.fold.memory()).map_err(Stop::Trouble)?;
        self.recorder.take_over(self.fold.state(), self.fold.names());
        self.recorder.count_from(next);
        self.open.clear();
        self.in_step = true;
        Ok(())
    }

    /// Compares the lines that were held with those that are due.
    fn compare(&mut self) -> Result<(), Stop> {
        for (segment, line, recorded) in self.open.drain(..) {
            let replayed = self.due.pop_front().unwrap_or_default();
            if recorded != replayed {
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                let (recorded, replayed) = (text(recorded), text(replayed));
                return Err(Stop::Difference(Difference { segment, line, recorded, replayed }));
            }
        }
        Ok(())
    }

    fn pass_over(&mut self, folded: &Folded, line: &Line<'_>) -> Result<(), Stop> {
        self.report.passed += 1;
        self.recorder.count_from(line.segment.first.saturating_add(line.number));
        match folded {
            Folded::Boot => {
                self.in_step = false;
                self.decider.boot();
            }
            Folded::Gap => self.in_step = false,
            Folded::File(file) => self.file(file)?,
            _ => {}
        }
        Ok(())
    }

    fn file(&mut self, file: &FileSeen) -> Result<(), Stop> {
        let trouble = |what: String| Stop::Trouble(format!("`{FILES}/{}`: {what}", file.sha256));
        if !file.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(trouble("not a hash".to_owned()));
        }
        let bytes = self.shelf.file(&file.sha256).map_err(|error| trouble(error.to_string()))?;
        if hex(&Sha256::digest(&bytes)) != file.sha256 {
            return Err(trouble("another content than its name says".to_owned()));
        }
        self.decider.file(file, &bytes).map_err(trouble)
    }
}
