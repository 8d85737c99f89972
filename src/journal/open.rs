//! Opening a folder that may hold a journal: find its end, cut what was never acknowledged, rebuild the tree.
//!
//! A journal that does not agree with its own checkpoint is evidence: it is set aside whole, and a new one is begun. So
//! the controller always starts, and nothing is written over.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::disk;
use super::line::MAX_LINE;
use super::segments::{self, Checkpoint, Line, Segment, Shelf};
use super::tree::{self, Tree};
use crate::sabotage::{self, Sabotage};

/// Held by whoever writes.
const LOCK: &str = "lock";

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another controller writes to it.
    #[error("journal `{0}` is being written by another process; end that one or name another folder")]
    InUse(PathBuf),
    /// The disk says no.
    #[error("journal `{0}`: {1}; check that the folder can be written and the disk is not full")]
    Disk(PathBuf, #[source] io::Error),
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The tree over all whole records.
    pub(super) tree: Tree,
    /// The last segment and its length, to be continued.
    pub(super) tail: Option<(String, u64)>,
    /// Bytes of a torn line that were cut.
    pub(super) cut: u64,
    /// Size of the last checkpoint.
    pub(super) checkpointed: u64,
    /// Where a damaged journal was put, and what is wrong with it.
    pub(super) set_aside: Option<(PathBuf, String)>,
}

/// Finds the end of the journal in this folder, or begins one. Holds the lock as long as the file lives.
pub(super) fn open(dir: &Path) -> Result<(Found, File), OpenError> {
    let disk = |error| OpenError::Disk(dir.to_owned(), error);
    let lock = lock(dir)?;
    let (mut found, damage) = scan(dir).map_err(disk)?;
    let Some(damage) = damage else {
        repair(dir, &found).map_err(disk)?;
        found.tail = tail(dir).map_err(disk)?;
        return Ok((found, lock));
    };
    let aside = disk::unused(dir, "bad");
    fs::rename(dir, &aside).map_err(disk)?;
    let lock = self::lock(dir)?;
    Ok((Found { set_aside: Some((aside, damage)), ..Found::default() }, lock))
}

/// Whether somebody writes to the journal in this folder just now.
pub fn is_in_use(dir: &Path) -> bool {
    let lock = File::open(dir.join(LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let disk = |error| OpenError::Disk(dir.to_owned(), error);
    if !dir.exists() {
        fs::create_dir_all(dir).map_err(disk)?;
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        disk::sync_folder(parent).map_err(disk)?;
    }
    let lock = OpenOptions::new().create(true).append(true).open(dir.join(LOCK)).map_err(disk)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(disk(error)),
    }
}

/// Rebuilds the tree. The second value says what is wrong, where that is more than a torn tail.
pub(super) fn scan<S: Shelf + ?Sized>(shelf: &S) -> io::Result<(Found, Option<String>)> {
    scan_from(shelf, 0)
}

/// The same where the records before this one are elsewhere, and no checkpoint covers what is here.
pub(super) fn scan_from<S: Shelf + ?Sized>(shelf: &S, first: u64) -> io::Result<(Found, Option<String>)> {
    let mut found = Found::default();
    let checkpoint = match Checkpoint::read(shelf) {
        Ok(checkpoint) => checkpoint,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok((found, Some(error.to_string()))),
        Err(error) => return Err(error),
    };
    let covered = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size);
    found.checkpointed = covered;
    let mut damage = (covered == 0).then(|| agrees(checkpoint.as_ref(), &found.tree)).flatten();
    segments::walk(shelf, &mut |line| {
        if line.superseded {
            return ControlFlow::Continue(());
        }
        if !line.ended && line.last_segment && !sabotage::is(Sabotage::TornKept) {
            found.cut = line.bytes.len() as u64;
            return ControlFlow::Break(());
        }
        if let Some(what) = wrong(line, first + found.tree.size()) {
            damage.get_or_insert(format!("{} line {}: {what}", line.segment.name, line.number));
            return ControlFlow::Break(());
        }
        found.tree.push(tree::leaf(line.bytes));
        if found.tree.size() == covered {
            damage = damage.take().or_else(|| agrees(checkpoint.as_ref(), &found.tree));
        }
        ControlFlow::Continue(())
    })?;
    if damage.is_none() && found.tree.size() < covered {
        damage = Some(format!("{} records where the checkpoint says {covered}", found.tree.size()));
    }
    Ok((found, damage))
}

/// A record starts with its number: enough to know our own lines without reading JSON.
fn wrong(line: &Line<'_>, seq: u64) -> Option<&'static str> {
    let start = format!("{{\"seq\":{seq},\"t\":\"");
    if !line.ended {
        Some("the line has no end")
    } else if line.bytes.len() > MAX_LINE {
        Some("the line is too long")
    } else if !line.bytes.starts_with(start.as_bytes()) || !line.bytes.ends_with(b"}") {
        Some("not the record that is due here")
    } else {
        None
    }
}

fn agrees(checkpoint: Option<&Checkpoint>, tree: &Tree) -> Option<String> {
    let root = tree::base64(&tree.root());
    let said = &checkpoint?.root;
    (*said != root).then(|| format!("root at size {} is {root}, the checkpoint says {said}", tree.size()))
}

/// Where to cut what was never acknowledged: a torn last line, and what a failed segment holds of the next one's records.
pub(super) fn cuts<S: Shelf + ?Sized>(shelf: &S, found: &Found) -> io::Result<Vec<(Segment, u64)>> {
    let mut cuts: Vec<(Segment, u64)> = Vec::new();
    segments::walk(shelf, &mut |line| {
        let torn = line.last_segment && !line.ended && found.cut > 0;
        if (line.superseded || torn) && cuts.last().is_none_or(|(cut, _)| cut.path != line.segment.path) {
            cuts.push((line.segment.clone(), line.start));
        }
        ControlFlow::Continue(())
    })?;
    Ok(cuts)
}

fn repair(dir: &Path, found: &Found) -> io::Result<()> {
    for (segment, length) in cuts(dir, found)? {
        let file = OpenOptions::new().write(true).open(segment.path)?;
        file.set_len(length)?;
        file.sync_data()?;
    }
    Ok(())
}

fn tail(dir: &Path) -> io::Result<Option<(String, u64)>> {
    let last = dir.list()?.pop();
    last.map(|last| Ok((last.name, fs::metadata(last.path)?.len()))).transpose()
}
