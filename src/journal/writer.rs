//! The writer: a thread of its own that appends, syncs once for all that is waiting, and only then calls it durable.
//!
//! It numbers nothing and reads no JSON. Trouble is kept here and shown in [`Shared`]; the loop is never made to wait.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::disk::{Disk, Sink};
use super::segments::{self, Checkpoint};
use super::tree::{self, Tree};
use crate::time::{Clock, Mono};

/// Bytes the writer holds in memory while the disk takes nothing; after that its channel fills.
pub(super) const MOST_WAITING: usize = if cfg!(test) { 256 << 10 } else { 16 << 20 };
/// How soon a write that failed is tried again.
const RETRY: Duration = Duration::from_millis(250);
/// Least time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// How long it sleeps when there is nothing to do.
const IDLE: Duration = Duration::from_secs(3_600);

/// What the loop hands over.
pub(super) enum Order {
    /// Lines to append.
    Append(Batch),
    /// A file to keep under its hash.
    Keep { sha256: String, bytes: Vec<u8> },
    /// Answer whether everything before is durable, once that is tried.
    Flush(Sender<bool>),
    /// Write what is left and end.
    Close,
}

/// Lines that belong together.
pub(super) struct Batch {
    /// Number of the first line.
    pub(super) first: u64,
    /// How many lines.
    pub(super) count: u64,
    /// The lines, each with its newline.
    pub(super) bytes: Vec<u8>,
    /// The tick they complete, or 0.
    pub(super) tick: u64,
    /// Whether they open a segment.
    pub(super) opens: bool,
}

/// What the writer shows to others.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The last tick whose record is on the disk.
    pub(super) durable: AtomicU64,
    /// How many records are on the disk.
    pub(super) records: AtomicU64,
    /// Whether the disk refuses.
    pub(super) degraded: AtomicBool,
    /// How many segments were given up after a failed sync.
    pub(super) failed_segments: AtomicU64,
    /// Whether it is to end: then it takes all there is, however much.
    pub(super) closing: AtomicBool,
    /// The last trouble in words.
    trouble: Mutex<String>,
}

impl Shared {
    pub(super) fn trouble(&self) -> String {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn report(&self, what: &str, error: &io::Error) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = format!("{what}: {error}");
        self.degraded.store(true, Ordering::Release);
    }
}

/// A segment that is being written.
pub(super) struct Open {
    pub(super) sink: Box<dyn Sink>,
    pub(super) name: String,
    /// How much of it is acknowledged.
    pub(super) durable: u64,
}

/// The state of the thread.
pub(super) struct Writer {
    pub(super) disk: Box<dyn Disk>,
    pub(super) orders: Receiver<Order>,
    pub(super) shared: Arc<Shared>,
    pub(super) clock: Clock,
    pub(super) origin: String,
    /// The tree over all acknowledged lines.
    pub(super) tree: Tree,
    pub(super) segment: Option<Open>,
    pub(super) waiting: VecDeque<Batch>,
    pub(super) waiting_bytes: usize,
    /// Files that are not kept yet.
    pub(super) files: VecDeque<(String, Vec<u8>)>,
    pub(super) checkpointed: (u64, Option<Mono>),
    pub(super) bytes: u64,
    /// When the disk last refused.
    pub(super) refused_at: Option<Mono>,
}

/// What was written, said at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Records in the journal, from its first day.
    pub records: u64,
    /// Root of the tree over them, in base64.
    pub root: String,
    /// Bytes written since it was opened.
    pub bytes: u64,
    /// Records that could not be written: the disk refused them to the end, or the queue was full.
    pub lost: u64,
    /// What the disk last said, where it refused.
    pub trouble: Option<String>,
}

impl Writer {
    /// Works until it is told to close, or everyone has gone.
    pub(super) fn run(mut self) -> Summary {
        let mut asked = Vec::new();
        let mut open = true;
        while open {
            open = self.collect(&mut asked);
            let wait = open && asked.is_empty() && self.backs_off();
            let clean = !wait && self.commit();
            self.checkpoint(!open);
            for asker in asked.drain(..) {
                // Whoever asked may have gone.
                let _ = Sender::send(&asker, clean);
            }
        }
        let lost = self.waiting.iter().map(|batch| batch.count).sum();
        let trouble = self.shared.degraded.load(Ordering::Acquire).then(|| self.shared.trouble());
        Summary { records: self.tree.size(), root: tree::base64(&self.tree.root()), bytes: self.bytes, lost, trouble }
    }

    /// Waits for work and takes all of it, as far as memory goes. False when it is time to end.
    fn collect(&mut self, asked: &mut Vec<Sender<bool>>) -> bool {
        if self.is_full() {
            std::thread::park_timeout(RETRY);
            return true;
        }
        let mut open = match self.orders.recv_timeout(self.patience()) {
            Ok(order) => self.take(order, asked),
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        };
        while open && !self.is_full() {
            open = match self.orders.try_recv() {
                Ok(order) => self.take(order, asked),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => false,
            };
        }
        open
    }

    /// A disk that has just refused is left alone for a while, however many orders come.
    fn backs_off(&self) -> bool {
        self.refused_at.is_some_and(|at| self.clock.mono().since(at) < RETRY)
    }

    fn is_full(&self) -> bool {
        self.waiting_bytes >= MOST_WAITING && !self.shared.closing.load(Ordering::Acquire)
    }

    fn take(&mut self, order: Order, asked: &mut Vec<Sender<bool>>) -> bool {
        match order {
            Order::Append(batch) => {
                self.waiting_bytes += batch.bytes.len();
                self.waiting.push_back(batch);
            }
            Order::Keep { sha256, bytes } => self.files.push_back((sha256, bytes)),
            Order::Flush(asker) => asked.push(asker),
            Order::Close => return false,
        }
        true
    }

    fn patience(&self) -> Duration {
        let (size, at) = self.checkpointed;
        if !self.waiting.is_empty() || !self.files.is_empty() {
            RETRY
        } else if size == self.tree.size() {
            IDLE
        } else {
            at.map_or(Duration::ZERO, |at| CHECKPOINT_EVERY.saturating_sub(self.clock.mono().since(at)))
        }
    }

    /// Writes and syncs all that waits. False where something had to stay.
    fn commit(&mut self) -> bool {
        let done = self.keep_files().and_then(|()| {
            while !self.waiting.is_empty() {
                self.commit_run()?;
            }
            Ok(())
        });
        match &done {
            Ok(()) => {
                self.refused_at = None;
                self.shared.degraded.store(false, Ordering::Release);
            }
            Err((what, error)) => {
                self.refused_at = Some(self.clock.mono());
                self.shared.report(what, error);
            }
        }
        done.is_ok()
    }

    fn keep_files(&mut self) -> Result<(), (String, io::Error)> {
        while let Some((sha256, bytes)) = self.files.front() {
            self.disk.keep(sha256, bytes).map_err(|error| (format!("files/{sha256}"), error))?;
            self.files.pop_front();
        }
        Ok(())
    }

    /// Writes all that waits up to the next new segment, with one sync.
    fn commit_run(&mut self) -> Result<(), (String, io::Error)> {
        let (first, opens) = self.waiting.front().map_or((0, false), |batch| (batch.first, batch.opens));
        let mut open = match self.segment.take() {
            Some(open) if !opens || open.name == segments::name(first) => open,
            _ => self.open(first)?,
        };
        let run = 1 + self.waiting.iter().skip(1).take_while(|batch| !batch.opens).count();
        let mut bytes = Vec::new();
        self.waiting.iter().take(run).for_each(|batch| bytes.extend_from_slice(&batch.bytes));
        if let Err(error) = open.sink.append(&bytes) {
            let name = open.name.clone();
            if open.sink.cut(open.durable).is_ok() {
                self.segment = Some(open);
            }
            return Err((name, error));
        }
        if let Err(error) = open.sink.sync() {
            return Err(self.give_up(open, error));
        }
        open.durable += bytes.len() as u64;
        self.segment = Some(open);
        self.acknowledge(run, &bytes);
        Ok(())
    }

    fn open(&mut self, first: u64) -> Result<Open, (String, io::Error)> {
        let name = segments::name(first);
        let trouble = |error| (name.clone(), error);
        let sink = match self.disk.create(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.set_aside(&name).map_err(trouble)?;
                self.disk.create(&name).map_err(trouble)?
            }
            other => other.map_err(trouble)?,
        };
        Ok(Open { sink, name, durable: 0 })
    }

    /// After a failed sync nobody knows what reached the disk, and a second sync of the same descriptor would say that all
    /// is well. What was not acknowledged is written again, into a new segment.
    fn give_up(&mut self, mut open: Open, error: io::Error) -> (String, io::Error) {
        self.shared.failed_segments.fetch_add(1, Ordering::AcqRel);
        drop(open.sink.cut(open.durable));
        if let Some(batch) = self.waiting.front_mut() {
            batch.opens = true;
        }
        (open.name, error)
    }

    fn acknowledge(&mut self, run: usize, bytes: &[u8]) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.tree.push(tree::leaf(line.strip_suffix(b"\n").unwrap_or(line)));
        }
        self.bytes += bytes.len() as u64;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes.len());
        for batch in self.waiting.drain(..run) {
            self.shared.durable.fetch_max(batch.tick, Ordering::AcqRel);
        }
        self.shared.records.store(self.tree.size(), Ordering::Release);
    }

    fn checkpoint(&mut self, at_once: bool) {
        let (size, at) = self.checkpointed;
        let now = self.clock.mono();
        let due = at.is_none_or(|at| now.since(at) >= CHECKPOINT_EVERY);
        if size == self.tree.size() || !(due || at_once) {
            return;
        }
        let checkpoint = Checkpoint::new(&self.origin, self.tree.size(), &self.tree.root());
        match self.disk.checkpoint(&checkpoint.text()) {
            Ok(()) => self.checkpointed = (self.tree.size(), Some(now)),
            Err(error) => {
                self.checkpointed = (size, Some(now));
                self.shared.report("checkpoint", &error);
            }
        }
    }
}
