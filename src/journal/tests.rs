//! What the writer does when the disk fails. The disk here is a real folder that refuses on order.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::disk::{Disk, Folder, Sink};
use super::open::{self, Found};
use super::segments::Shelf;
use super::*;
use crate::plan::Plan;
use crate::snapshot::Snapshot;
use crate::time::{Clock, Mono, Now, Wall};
use crate::units::Power;

/// How often the disk will still refuse.
#[derive(Default)]
struct Orders {
    appends: AtomicU32,
    syncs: AtomicU32,
    creates: AtomicU32,
    /// Which sink was synced, and whether it had failed before.
    synced_after_failure: AtomicU32,
    /// Bytes that still get through before an append fails half way.
    half: Mutex<Option<usize>>,
}

fn refuses(left: &AtomicU32) -> bool {
    left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
}

struct Refusing(Folder, Arc<Orders>);

struct RefusingSink {
    sink: Box<dyn Sink>,
    orders: Arc<Orders>,
    failed: bool,
}

impl Refusing {
    fn wrap(&self, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        Box::new(RefusingSink { sink, orders: Arc::clone(&self.1), failed: false })
    }
}

impl Disk for Refusing {
    fn create(&mut self, name: &str) -> io::Result<Box<dyn Sink>> {
        if refuses(&self.1.creates) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.0.create(name).map(|sink| self.wrap(sink))
    }

    fn resume(&mut self, name: &str) -> io::Result<Box<dyn Sink>> {
        self.0.resume(name).map(|sink| self.wrap(sink))
    }

    fn set_aside(&mut self, name: &str) -> io::Result<()> {
        self.0.set_aside(name)
    }

    fn checkpoint(&mut self, text: &str) -> io::Result<()> {
        self.0.checkpoint(text)
    }

    fn keep(&mut self, sha256: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.keep(sha256, bytes)
    }
}

impl Sink for RefusingSink {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if refuses(&self.orders.appends) {
            let half = self.orders.half.lock().unwrap().unwrap_or(0).min(bytes.len());
            self.sink.append(&bytes[..half])?;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.sink.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.failed {
            self.orders.synced_after_failure.fetch_add(1, SeqCst);
        }
        if refuses(&self.orders.syncs) {
            self.failed = true;
            return Err(io::Error::other("a sync failed"));
        }
        self.sink.sync()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.sink.cut(length)
    }
}

fn start(dir: &Path) -> (Journal, Arc<Orders>) {
    start_with(dir, "{}")
}

fn start_with(dir: &Path, memory: &str) -> (Journal, Arc<Orders>) {
    let orders = Arc::new(Orders::default());
    let (found, lock): (Found, _) = open::open(dir).unwrap();
    assert!(found.tail.is_none());
    let disk = Refusing(Folder(dir.to_owned()), Arc::clone(&orders));
    let mut journal =
        Journal::start(found, Some(lock), Box::new(disk), None, "example.com/audit", Clock::start()).unwrap();
    let boot = Boot { boot: "run".into(), version: "0".into(), reason: "test".into() };
    let _ = journal.begin(moment(0), &Beginning { boot: &boot, files: &[], groups: &[], memory });
    assert!(journal.flush());
    (journal, orders)
}

fn moment(tick: u64) -> Now {
    let micros = i64::try_from(tick).unwrap() * 100_000;
    Now { mono: Mono::from_millis(tick * 100), wall: Wall::from_micros(1_795_323_600_000_000 + micros) }
}

fn tick(journal: &mut Journal, tick: u64) -> Fate {
    let snapshot = Snapshot { tick, now: moment(tick), ..Snapshot::default() };
    journal.tick(&snapshot, &Plan::default(), || "{}".to_owned())
}

/// Flushes until the disk takes it: every call is one more try.
fn flushed(journal: &Journal) {
    assert!((0..20).any(|_| journal.flush()), "{:?}", journal.health());
}

#[test]
fn nothing_is_durable_while_the_disk_is_full_and_nothing_is_lost_when_it_has_room_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, orders) = start(dir.path());
    *orders.half.lock().unwrap() = Some(10);
    orders.appends.store(3, SeqCst);
    assert_eq!(tick(&mut journal, 1), Fate::Taken);
    assert!(!journal.flush());
    assert_eq!(journal.durable(), 0);
    assert_eq!(tick(&mut journal, 2), Fate::Taken);
    flushed(&journal);
    assert_eq!(journal.durable(), 2);
    assert!(!journal.health().degraded);
    let summary = journal.close(moment(3).wall);
    assert_eq!((summary.lost, summary.trouble), (0, None));
    let report = verify(dir.path()).unwrap();
    assert!(report.is_whole() && report.ticks == 2, "{report}");
}

#[test]
fn a_refused_write_is_seen_in_the_health_and_then_in_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, orders) = start(dir.path());
    orders.appends.store(1_000, SeqCst);
    let _ = tick(&mut journal, 1);
    assert!(!journal.flush());
    assert!(journal.health().degraded);
    assert!(journal.health().trouble.starts_with("000000000000.jsonl: "), "{:?}", journal.health());
    assert_eq!(journal.durable(), 0);
    let _ = tick(&mut journal, 2);
    orders.appends.store(0, SeqCst);
    flushed(&journal);
    journal.close(moment(3).wall);
    let text = std::fs::read_to_string(dir.path().join("000000000000.jsonl")).unwrap();
    assert!(text.contains(r#""kind":"audit.degraded""#), "{text}");
    assert!(verify(dir.path()).unwrap().is_whole());
}

#[test]
fn a_failed_sync_is_never_repeated_and_its_records_are_written_again_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, orders) = start(dir.path());
    assert_eq!(tick(&mut journal, 1), Fate::Taken);
    assert!(journal.flush());
    orders.syncs.store(2, SeqCst);
    assert_eq!(tick(&mut journal, 2), Fate::Taken);
    flushed(&journal);
    assert_eq!(tick(&mut journal, 3), Fate::Taken);
    assert!(journal.flush());
    assert_eq!(journal.durable(), 3);
    journal.close(moment(4).wall);
    assert_eq!(orders.synced_after_failure.load(SeqCst), 0);
    let names: Vec<_> = dir.path().list().unwrap().into_iter().map(|segment| segment.name).collect();
    assert_eq!(names, ["000000000000.jsonl", "000000000003.jsonl"]);
    assert!(dir.path().join("000000000003.jsonl.failed-1").exists(), "the second failed segment held nothing durable");
    let text = std::fs::read_to_string(dir.path().join("000000000003.jsonl")).unwrap();
    assert!(text.contains(r#""kind":"audit.segment_failed""#), "{text}");
    let report = verify(dir.path()).unwrap();
    assert!(report.is_whole() && report.ticks == 3, "{report}");
}

#[test]
fn what_a_full_disk_leaves_at_the_end_is_counted_as_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, orders) = start(dir.path());
    orders.appends.store(u32::MAX, SeqCst);
    for number in 1..=5 {
        let _ = tick(&mut journal, number);
    }
    let _ = journal.note(moment(6).wall, "orders", None, &json!({}));
    let summary = journal.close(moment(7).wall);
    assert!(summary.lost >= 7 && summary.trouble.is_some(), "{summary:?}");
    assert_eq!(summary.records, 2);
    assert!(verify(dir.path()).unwrap().is_whole());
}

#[test]
fn a_writer_that_cannot_write_takes_a_bounded_number_of_records() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, orders) = start(dir.path());
    orders.appends.store(u32::MAX, SeqCst);
    let big = "x".repeat(1_000);
    let taken = (0..3_000).take_while(|_| journal.note(moment(1).wall, "big", None, &big) == Fate::Taken).count();
    assert!(taken < 1_024 + (256 << 10) / 1_000 + 3, "{taken} taken");
    assert_eq!(tick(&mut journal, 1), Fate::Lost);
    assert_eq!(journal.health().lost, 2);
    orders.appends.store(0, SeqCst);
    let mut next = 2;
    while tick(&mut journal, next) == Fate::Lost {
        journal.flush();
        next += 1;
    }
    assert_eq!(journal.close(moment(next).wall).trouble, None);
    let report = verify(dir.path()).unwrap();
    assert!(report.is_whole() && report.gaps >= 1, "{report}");
}

/// Decides what tick it is by counting: wrong at once where a replay forgets or repeats one.
#[derive(Default)]
struct Counter(i64);

impl Decider for Counter {
    fn boot(&mut self) {
        self.0 = -1;
    }

    fn file(&mut self, _: &FileSeen, _: &[u8]) -> Result<(), String> {
        Ok(())
    }

    fn restore(&mut self, memory: &str) -> Result<(), String> {
        self.0 = memory.parse().map_err(|_| "no number".to_owned())?;
        Ok(())
    }

    fn decide(&mut self, _: &Snapshot) -> Plan {
        self.0 += 1;
        Plan { ceiling: Power::from_watts(self.0), ..Plan::default() }
    }

    fn memory_json(&self) -> String {
        self.0.to_string()
    }
}

impl Counter {
    fn tick(&mut self, journal: &mut Journal, payload: usize) -> Fate {
        let number = u64::try_from(self.0).unwrap() + 1;
        let snapshot = Snapshot { tick: number, now: moment(number), ..Snapshot::default() };
        let plan = self.decide(&snapshot);
        let _ = journal.note(snapshot.now.wall, "filler", None, &"x".repeat(payload));
        journal.tick(&snapshot, &plan, || self.memory_json())
    }
}

#[test]
fn what_a_full_queue_lost_is_declared_and_replay_goes_on_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, orders) = start_with(dir.path(), "0");
    orders.appends.store(u32::MAX, SeqCst);
    let mut counter = Counter::default();
    while counter.tick(&mut journal, 1_000) == Fate::Taken {}
    while counter.0 < 2_000 {
        assert_eq!(counter.tick(&mut journal, 0), Fate::Lost);
    }
    orders.appends.store(0, SeqCst);
    while counter.tick(&mut journal, 0) == Fate::Lost {
        journal.flush();
    }
    (0..50).for_each(|_| assert_eq!(counter.tick(&mut journal, 0), Fate::Taken));
    let health = journal.health();
    let summary = journal.close(moment(9_999).wall);
    assert!(summary.lost == health.lost && summary.lost > 500, "{summary:?}");
    let report = verify(dir.path()).unwrap();
    assert!(report.is_whole() && report.gaps >= 1, "{report}");
    let ticks = report.ticks;
    assert!(ticks < u64::try_from(counter.0).unwrap());
    let replayed = replay(dir.path(), &mut Counter::default()).unwrap();
    assert!(replayed.is_equal() && replayed.equal == ticks, "{replayed} of {ticks}");
}

#[test]
fn a_gap_that_is_still_open_at_the_end_is_declared_there() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, orders) = start_with(dir.path(), "0");
    orders.appends.store(u32::MAX, SeqCst);
    let mut counter = Counter::default();
    while counter.tick(&mut journal, 1_000) == Fate::Taken {}
    orders.appends.store(0, SeqCst);
    journal.close(moment(9_999).wall);
    let report = verify(dir.path()).unwrap();
    assert!(report.is_whole() && report.gaps == 1, "{report}");
}

#[test]
fn a_segment_is_closed_at_its_size_and_the_next_one_opens_with_a_keyframe() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = start_with(dir.path(), "0");
    let mut counter = Counter::default();
    for _ in 0..100 {
        assert_eq!(counter.tick(&mut journal, 1_000), Fate::Taken);
        assert!(journal.flush());
    }
    journal.close(moment(101).wall);
    let all = dir.path().list().unwrap();
    assert_eq!(all.len(), 2);
    let second = std::fs::read_to_string(&all[1].path).unwrap();
    let start = format!("{{\"seq\":{},", all[1].first);
    assert!(second.starts_with(&start) && second.lines().next().unwrap().contains(r#""kind":"keyframe""#));
    assert!(verify(dir.path()).unwrap().is_whole());
    let replayed = replay(dir.path(), &mut Counter::default()).unwrap();
    assert!(replayed.is_equal() && (replayed.equal, replayed.keyframes) == (100, 1), "{replayed}");
}

#[test]
fn what_a_failed_segment_still_holds_of_the_next_ones_records_is_cut_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = start_with(dir.path(), "0");
    let mut counter = Counter::default();
    (0..100).for_each(|_| assert_eq!(counter.tick(&mut journal, 1_000), Fate::Taken));
    let before = journal.close(moment(101).wall);
    let all = dir.path().list().unwrap();
    let mut first = std::fs::read(&all[0].path).unwrap();
    let whole = first.len();
    first.extend_from_slice(b"{\"seq\":1,\"t\":\"twice\"}\n{\"seq");
    std::fs::write(&all[0].path, &first).unwrap();
    assert!(!verify(dir.path()).unwrap().is_whole());
    let (found, lock) = open::open(dir.path()).unwrap();
    drop(lock);
    assert_eq!((tree::base64(&found.tree.root()), found.set_aside), (before.root, None));
    assert_eq!(std::fs::read(&all[0].path).unwrap().len(), whole);
    assert!(verify(dir.path()).unwrap().is_whole());
}
