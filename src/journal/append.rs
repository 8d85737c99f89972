//! The journal as the loop sees it: what happened goes in, nothing waits, and what is durable can be read at any time.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::disk::{Disk, Folder};
use super::line::Lines;
use super::open::{self, Found, OpenError};
use super::record::{Boot, FileSeen, Recorder};
use super::writer::{Batch, Open, Order, Shared, Summary, Writer};
use crate::plan::Plan;
use crate::snapshot::Snapshot;
use crate::time::{Clock, Mono, Now, Wall};

/// How many batches (a tick with its events, a note) wait for the writer at most: 100 s of ticks at 10 Hz.
const MOST_BATCHES: usize = 1_024;
/// A segment is closed at the first keyframe after this many bytes.
const SEGMENT_BYTES: u64 = if cfg!(test) { 64 << 10 } else { 16 << 20 };
/// Longest time between two keyframes.
const KEYFRAME_EVERY: Duration = Duration::from_secs(60);

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Fate {
    /// It is on its way to the disk.
    Taken,
    /// The queue is full: it is lost, and will be counted in an `audit.gap`.
    Lost,
}

/// How the journal is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The disk refuses: nothing becomes durable, so nothing may be raised.
    pub degraded: bool,
    /// What the disk last said.
    pub trouble: String,
    /// Records on the disk.
    pub records: u64,
    /// Records lost since it was opened.
    pub lost: u64,
}

/// Everything that stands at the beginning of a run.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// Which run it is.
    pub boot: &'a Boot,
    /// The files that decisions rest on: role, name, bytes.
    pub files: &'a [(&'a str, &'a str, &'a [u8])],
    /// The groups' names, in the order of the site.
    pub groups: &'a [String],
    /// The memory from which the first tick is decided, as JSON text.
    pub memory: &'a str,
}

/// Records that could not be handed over.
#[derive(Clone, Copy, Debug, Serialize)]
struct Gap {
    n: u64,
    after_tick: u64,
    to_tick: u64,
}

/// The journal of a running controller.
#[derive(Debug)]
pub struct Journal {
    recorder: Recorder,
    orders: SyncSender<Order>,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<Summary>>,
    /// Bytes of the segment, by what was handed over.
    segment_bytes: u64,
    keyframe_at: Mono,
    tick: u64,
    tick_record: Option<u64>,
    gap: Option<Gap>,
    lost: u64,
    /// What was told of the writer's trouble so far.
    told: (bool, u64),
    /// What was found at opening and is not recorded yet.
    repaired: Option<(u64, Option<(PathBuf, String)>)>,
    _lock: Option<File>,
}

impl Journal {
    /// Opens the journal in this folder, or begins one, and starts its writer.
    ///
    /// `origin` names the log in its checkpoints: a URL without scheme, `example.com/site-1/audit`.
    ///
    /// # Errors
    /// [`OpenError`] where another process writes to it or the disk refuses. Damage is no error: a torn last line is cut,
    /// a journal that contradicts its checkpoint is set aside, and [`Journal::begin`] records it.
    pub fn open(dir: &Path, origin: &str, clock: Clock) -> Result<Self, OpenError> {
        let (found, lock) = open::open(dir)?;
        let failed = |error| OpenError::Disk(dir.to_owned(), error);
        let mut folder = Folder(dir.to_owned());
        let tail = match &found.tail {
            Some((name, durable)) => {
                Some(Open { sink: folder.resume(name).map_err(failed)?, name: name.clone(), durable: *durable })
            }
            None => None,
        };
        Self::start(found, Some(lock), Box::new(folder), tail, origin, clock).map_err(failed)
    }

    pub(super) fn start(
        found: Found,
        lock: Option<File>,
        disk: Box<dyn Disk>,
        segment: Option<Open>,
        origin: &str,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let (send, receive) = sync_channel(MOST_BATCHES);
        let shared = Arc::new(Shared::default());
        let recorder = Recorder::new(found.tree.size());
        shared.records.store(found.tree.size(), Ordering::Release);
        let segment_bytes = segment.as_ref().map_or(u64::MAX, |open| open.durable);
        let writer = Writer {
            disk,
            orders: receive,
            shared: Arc::clone(&shared),
            clock,
            origin: origin.to_owned(),
            checkpointed: (found.checkpointed, None),
            tree: found.tree,
            segment,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            files: VecDeque::new(),
            bytes: 0,
            refused_at: None,
        };
        let writer = thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run())?;
        Ok(Self {
            recorder,
            orders: send,
            shared,
            writer: Some(writer),
            segment_bytes,
            keyframe_at: Mono::START,
            tick: 0,
            tick_record: None,
            gap: None,
            lost: 0,
            told: (false, 0),
            repaired: Some((found.cut, found.set_aside)),
            _lock: lock,
        })
    }

    /// The first records of a run: who starts, what was repaired, the files in force, a keyframe with the first memory.
    pub fn begin(&mut self, now: Now, beginning: &Beginning<'_>) -> Fate {
        let mut lines = self.recorder.boot(now, beginning.boot, beginning.groups);
        lines.append(&mut self.repairs(now.wall));
        for (role, name, bytes) in beginning.files {
            lines.append(&mut self.seen(now.wall, role, name, bytes));
        }
        lines.append(&mut self.recorder.keyframe(beginning.memory));
        self.tick = 0;
        self.keyframe_at = now.mono;
        self.send(lines, 0, self.segment_bytes >= SEGMENT_BYTES)
    }

    /// A file is in force from here on; its bytes are kept beside the journal.
    pub fn file(&mut self, wall: Wall, role: &str, name: &str, bytes: &[u8]) -> Fate {
        if let Some(gap) = &mut self.gap {
            gap.n += 1;
            self.lost += 1;
            return Fate::Lost;
        }
        let lines = self.seen(wall, role, name, bytes);
        self.send(lines, 0, false)
    }

    fn seen(&mut self, wall: Wall, role: &str, name: &str, bytes: &[u8]) -> Lines {
        let sha256 = hex(&Sha256::digest(bytes));
        drop(self.orders.try_send(Order::Keep { sha256: sha256.clone(), bytes: bytes.to_vec() }));
        let file = FileSeen { role: role.to_owned(), name: name.to_owned(), sha256 };
        self.recorder.file(wall, &file)
    }

    /// Records a tick, its plan and the plan's events, and a keyframe where one is due. `memory` is asked only then: it is
    /// the memory after this tick, from which the next one is decided, as JSON text.
    pub fn tick(&mut self, snapshot: &Snapshot, plan: &Plan, memory: impl FnOnce() -> String) -> Fate {
        let now = snapshot.now;
        self.tell_trouble(now.wall);
        if self.gap.is_some() {
            return self.bridge(snapshot, plan, &memory());
        }
        let record = self.recorder.seq();
        let lines = self.recorder.tick(snapshot, plan);
        let fate = self.send(lines, snapshot.tick, false);
        if fate == Fate::Lost {
            return fate;
        }
        (self.tick, self.tick_record) = (snapshot.tick, Some(record));
        let full = self.segment_bytes >= SEGMENT_BYTES;
        if full || now.mono.since(self.keyframe_at) >= KEYFRAME_EVERY {
            self.keyframe_at = now.mono;
            let lines = self.recorder.keyframe(&memory());
            return self.send(lines, 0, full);
        }
        fate
    }

    /// Records anything else: `budget.missed`, `orders`. `from` is the record that led to it.
    pub fn note(&mut self, wall: Wall, kind: &str, from: Option<u64>, payload: &impl Serialize) -> Fate {
        if let Some(gap) = &mut self.gap {
            gap.n += 1;
            self.lost += 1;
            return Fate::Lost;
        }
        let lines = self.recorder.note(wall, kind, from, payload);
        self.send(lines, 0, false)
    }

    /// The last tick whose record is durable; 0 before the first.
    pub fn durable(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    /// Number of the record of the last tick: what a note of the loop may have come from.
    pub fn tick_record(&self) -> Option<u64> {
        self.tick_record
    }

    /// How it is.
    pub fn health(&self) -> Health {
        Health {
            degraded: self.shared.degraded.load(Ordering::Acquire),
            trouble: self.shared.trouble(),
            records: self.shared.records.load(Ordering::Acquire),
            lost: self.lost,
        }
    }

    /// Waits until everything handed over is durable; false where the disk refuses. Never for the loop: for an answer to
    /// somebody outside, and for tests.
    pub fn flush(&self) -> bool {
        let (send, receive) = std::sync::mpsc::channel();
        self.orders.send(Order::Flush(send)).is_ok() && receive.recv().unwrap_or(false)
    }

    /// Records the end, waits for the disk and says what was written.
    pub fn close(mut self, wall: Wall) -> Summary {
        let mut lines = Lines::new();
        if let Some(gap) = self.gap.take() {
            lines.append(&mut self.recorder.note(wall, "audit.gap", None, &gap));
        }
        lines.append(&mut self.recorder.end(wall));
        self.shared.closing.store(true, Ordering::Release);
        drop(self.orders.send(Order::Append(self.batch(lines, 0, false))));
        let lost = self.lost;
        let summary = self.end_writer().unwrap_or_default();
        Summary { lost: summary.lost + lost, ..summary }
    }

    fn end_writer(&mut self) -> Option<Summary> {
        let writer = self.writer.take()?;
        self.shared.closing.store(true, Ordering::Release);
        writer.thread().unpark();
        drop(self.orders.send(Order::Close));
        writer.join().ok()
    }

    fn batch(&self, lines: Lines, tick: u64, opens: bool) -> Batch {
        let count = lines.len() as u64;
        let mut bytes = Vec::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
        for line in lines {
            bytes.extend_from_slice(&line);
            bytes.push(b'\n');
        }
        Batch { first: self.recorder.seq().saturating_sub(count), count, bytes, tick, opens }
    }

    fn send(&mut self, lines: Lines, tick: u64, opens: bool) -> Fate {
        let batch = self.batch(lines, tick, opens);
        let (first, count, length) = (batch.first, batch.count, batch.bytes.len() as u64);
        if self.orders.try_send(Order::Append(batch)).is_ok() {
            self.segment_bytes = if opens { length } else { self.segment_bytes.saturating_add(length) };
            return Fate::Taken;
        }
        self.recorder.count_from(first);
        self.lost += count;
        let gap = self.gap.get_or_insert(Gap { n: 0, after_tick: self.tick, to_tick: self.tick });
        gap.n += count;
        Fate::Lost
    }

    /// Tries to go on after a gap: says how much is missing, and writes the whole state, because changes say nothing to
    /// whoever missed the records before. This tick itself counts as lost: nobody can decide it again.
    fn bridge(&mut self, snapshot: &Snapshot, plan: &Plan, memory: &str) -> Fate {
        let own = 1 + plan.events.len() as u64;
        self.lost += own;
        let Some(gap) = &mut self.gap else { return Fate::Lost };
        gap.n += own;
        gap.to_tick = snapshot.tick;
        let gap = *gap;
        let first = self.recorder.seq();
        let mut lines = self.recorder.note(snapshot.now.wall, "audit.gap", None, &gap);
        self.recorder.resume(snapshot, plan);
        lines.append(&mut self.recorder.keyframe(memory));
        let lost = self.lost;
        if self.send(lines, snapshot.tick, self.segment_bytes >= SEGMENT_BYTES) == Fate::Lost {
            self.recorder.count_from(first);
            self.lost = lost;
            self.gap = Some(gap);
            return Fate::Lost;
        }
        self.gap = None;
        self.tick = snapshot.tick;
        self.keyframe_at = snapshot.now.mono;
        Fate::Lost
    }

    /// What was found when the journal was opened.
    fn repairs(&mut self, wall: Wall) -> Lines {
        let Some((cut, set_aside)) = self.repaired.take() else { return Lines::new() };
        let mut lines = Lines::new();
        if cut > 0 {
            lines.append(&mut self.recorder.note(wall, "audit.repair", None, &json!({ "bytes": cut })));
        }
        if let Some((path, found)) = set_aside {
            let folder = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let payload = json!({ "set_aside": folder, "found": found });
            lines.append(&mut self.recorder.note(wall, "audit.corrupt", None, &payload));
        }
        lines
    }

    /// The writer's trouble becomes a record, as soon as there is one again.
    fn tell_trouble(&mut self, wall: Wall) {
        let degraded = self.shared.degraded.load(Ordering::Acquire);
        let failed = self.shared.failed_segments.load(Ordering::Acquire);
        let (was_degraded, was_failed) = self.told;
        if self.gap.is_some() || (degraded, failed) == self.told {
            return;
        }
        self.told = (degraded, failed);
        let trouble = self.shared.trouble();
        if failed != was_failed {
            let _ = self.note(wall, "audit.segment_failed", None, &json!({ "n": failed, "error": trouble }));
        }
        if degraded && !was_degraded {
            let _ = self.note(wall, "audit.degraded", None, &json!({ "error": trouble }));
        }
    }
}

impl Drop for Journal {
    /// A journal that is dropped without its end still writes what it was given.
    fn drop(&mut self) {
        self.end_writer();
    }
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
