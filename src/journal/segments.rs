//! The folder of a journal: segment files in order, and the checkpoint beside them. Reading only.
//!
//! `NNNNNNNNNNNN.jsonl` is named by the number of its first record. Where a segment reaches into the next one's numbers
//! (its disk failed and the records were written again), the next one counts.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::tree::{self, Hash};

/// Where the last checkpoint stands.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// Where the files lie that decisions rest on.
pub(super) const FILES: &str = "files";
/// The ending of a segment.
const ENDING: &str = ".jsonl";

/// The name of the segment that starts with this record.
pub(super) fn name(first: u64) -> String {
    format!("{first:012}{ENDING}")
}

/// A segment file.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) first: u64,
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// Where a journal is read from: a folder, or memory, where a reader is tried with many journals a second.
pub(super) trait Shelf {
    /// All segments, by their first record.
    fn list(&self) -> io::Result<Vec<Segment>>;
    /// What stands in a segment.
    fn text(&self, segment: &Segment) -> io::Result<Cow<'_, [u8]>>;
    /// What stands in the checkpoint; [`io::ErrorKind::NotFound`] where there is none.
    fn checkpoint(&self) -> io::Result<String>;
    /// A file that decisions rest on, by its hash.
    fn file(&self, sha256: &str) -> io::Result<Cow<'_, [u8]>>;
}

impl Shelf for Path {
    fn list(&self) -> io::Result<Vec<Segment>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let digits = name.strip_suffix(ENDING).filter(|digits| digits.len() >= 12);
            if let Some(first) = digits.and_then(|digits| digits.parse().ok()) {
                all.push(Segment { first, name, path: entry.path() });
            }
        }
        all.sort_by_key(|segment| segment.first);
        Ok(all)
    }

    fn text(&self, segment: &Segment) -> io::Result<Cow<'_, [u8]>> {
        fs::read(&segment.path).map(Cow::Owned)
    }

    fn checkpoint(&self) -> io::Result<String> {
        fs::read_to_string(self.join(CHECKPOINT))
    }

    fn file(&self, sha256: &str) -> io::Result<Cow<'_, [u8]>> {
        fs::read(self.join(FILES).join(sha256)).map(Cow::Owned)
    }
}

/// A line and where it stands.
pub(super) struct Line<'a> {
    pub(super) segment: &'a Segment,
    /// From 1.
    pub(super) number: u64,
    /// Where it starts in the file.
    pub(super) start: u64,
    /// Without its newline.
    pub(super) bytes: &'a [u8],
    /// Whether it ends with a newline.
    pub(super) ended: bool,
    /// Whether its number belongs to the next segment.
    pub(super) superseded: bool,
    /// Whether it stands in the last segment.
    pub(super) last_segment: bool,
}

/// Shows every line of every segment in order, until the visitor breaks.
pub(super) fn walk<S: Shelf + ?Sized>(
    shelf: &S,
    visit: &mut dyn FnMut(&Line<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    let all = shelf.list()?;
    for (index, segment) in all.iter().enumerate() {
        let next = all.get(index + 1).map(|next| next.first);
        if walk_segment(shelf, segment, next, visit)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The same for one segment; `next` is the first record of the one after it.
pub(super) fn walk_segment<S: Shelf + ?Sized>(
    shelf: &S,
    segment: &Segment,
    next: Option<u64>,
    visit: &mut dyn FnMut(&Line<'_>) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let text = shelf.text(segment)?;
    let room = next.map_or(u64::MAX, |next| next.saturating_sub(segment.first));
    let mut start = 0;
    for (number, line) in (1..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
        let bytes = line.strip_suffix(b"\n");
        let (ended, superseded) = (bytes.is_some(), number > room);
        let bytes = bytes.unwrap_or(line);
        let line_start = start;
        start += line.len() as u64;
        let last_segment = next.is_none();
        let line = Line { segment, number, start: line_start, bytes, ended, superseded, last_segment };
        if visit(&line).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The three lines of a checkpoint: whose log, how many records, their root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// Whose log it is: a URL without scheme.
    pub origin: String,
    /// How many records it covers.
    pub size: u64,
    /// Their root, in base64.
    pub root: String,
}

impl Checkpoint {
    /// Of this many records with this root.
    pub(super) fn new(origin: &str, size: u64, root: &Hash) -> Self {
        Self { origin: origin.to_owned(), size, root: tree::base64(root) }
    }

    /// As it stands in its file.
    pub(super) fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        Some(Self { origin: origin.to_owned(), size: size.parse().ok()?, root: root.to_owned() })
    }

    /// Reads the checkpoint; nothing where there is none.
    ///
    /// # Errors
    /// Where the file cannot be read or is no checkpoint.
    pub(super) fn read<S: Shelf + ?Sized>(shelf: &S) -> io::Result<Option<Self>> {
        match shelf.checkpoint() {
            Ok(text) => Self::parse(&text).map(Some).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, "`checkpoint` is not origin, size and root in three lines")
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
