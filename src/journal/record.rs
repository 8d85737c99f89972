//! The recorder: turns what happened into lines. It counts the records and knows what the last one said, so that only
//! changes are written. It does no I/O, asks no clock, and the same calls give the same bytes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::line::{self, Body, Lines};
use super::state::{self, State};
use crate::plan::{Event, Plan};
use crate::snapshot::Snapshot;
use crate::time::{Now, Wall};

/// What starts: the first record of a run of the controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// Names this run; given by the caller, best something that never comes again.
    pub boot: String,
    /// Version of the program.
    pub version: String,
    /// Why it started, in a word.
    pub reason: String,
}

/// A file that decisions rest on. Its bytes lie beside the journal under `files/<sha256>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSeen {
    /// What it is for: `site`, `device`.
    pub role: String,
    /// Its name as people know it.
    pub name: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// Turns what happened into lines.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    seq: u64,
    state: State,
    names: Vec<String>,
}

/// The boot record: [`Boot`] and where the clocks stand.
#[derive(Serialize)]
struct BootLine<'a> {
    #[serde(flatten)]
    boot: &'a Boot,
    mono_us: u64,
    offset_us: i64,
}

impl Recorder {
    /// A recorder whose next record has this number.
    pub fn new(next_seq: u64) -> Self {
        Self { seq: next_seq, ..Self::default() }
    }

    /// Number of the next record.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The controller starts. Everything before is forgotten: the next keyframe stands alone.
    pub fn boot(&mut self, now: Now, boot: &Boot, names: &[String]) -> Lines {
        self.state = State::default();
        self.state.snapshot.now = now;
        names.clone_into(&mut self.names);
        let rest = BootLine { boot, mono_us: now.mono.micros(), offset_us: state::offset(now) };
        self.line(now.wall, "boot", None, &rest)
    }

    /// A file is in force from here on.
    pub fn file(&mut self, wall: Wall, file: &FileSeen) -> Lines {
        self.line(wall, "file", None, file)
    }

    /// One tick: what changed in its snapshot and its plan, then one line per event of the plan.
    pub fn tick(&mut self, snapshot: &Snapshot, plan: &Plan) -> Lines {
        let wall = snapshot.now.wall;
        let mut body = self.state.diff(snapshot, plan);
        body.ev = (!plan.events.is_empty()).then_some(plan.events.len() as u64);
        self.adopt(snapshot, plan, &body);
        let from = self.seq;
        let mut lines = self.parts(wall, "tick", body);
        for event in &plan.events {
            let (kind, payload) = payload(event, &self.names);
            lines.append(&mut self.line(wall, &kind, Some(from), &payload));
        }
        lines
    }

    /// The whole state after the last tick, with the memory (JSON text) from which the next one is decided.
    pub fn keyframe(&mut self, memory: &str) -> Lines {
        let (snapshot, plan) = (std::mem::take(&mut self.state.snapshot), std::mem::take(&mut self.state.plan));
        self.state = State::default();
        let mut body = self.state.diff(&snapshot, &plan);
        self.adopt(&snapshot, &plan, &body);
        self.names.clone_into(&mut body.names);
        body.memory = Some(memory.to_owned());
        self.parts(snapshot.now.wall, "keyframe", body)
    }

    /// Anything else worth a line: a missed budget, an order, trouble of the journal itself. `payload` is best an object;
    /// one that would not fit into a line is left out and its length written instead.
    pub fn note(&mut self, wall: Wall, kind: &str, from: Option<u64>, payload: &impl Serialize) -> Lines {
        match serde_json::to_value(payload) {
            Ok(Value::Object(fields))
                if !fields.keys().any(|key| ["seq", "t", "kind", "from"].contains(&key.as_str())) =>
            {
                self.line(wall, kind, from, &fields)
            }
            Ok(other) => self.line(wall, kind, from, &Map::from_iter([("payload".to_owned(), other)])),
            Err(_) => self.line(wall, kind, from, &Map::new()),
        }
    }

    /// The controller ended in order.
    pub fn end(&mut self, wall: Wall) -> Lines {
        let rest = Map::from_iter([("ticks".to_owned(), Value::from(self.state.snapshot.tick))]);
        self.line(wall, "end", None, &rest)
    }

    /// Records were lost: takes this as the last known tick, so that a keyframe can be written of it.
    pub(super) fn resume(&mut self, snapshot: &Snapshot, plan: &Plan) {
        self.state = State::default();
        self.state.snapshot = snapshot.clone();
        self.state.plan = Plan { events: Vec::new(), ..plan.clone() };
    }

    /// Takes over what a reader knows, to go on as the writer did.
    pub(super) fn take_over(&mut self, state: &State, names: &[String]) {
        self.state = state.clone();
        names.clone_into(&mut self.names);
    }

    /// The next record has this number.
    pub(super) fn count_from(&mut self, seq: u64) {
        self.seq = seq;
    }

    fn adopt(&mut self, snapshot: &Snapshot, plan: &Plan, body: &Body) {
        if self.state.apply(snapshot.now.wall, body).is_err() {
            // More entries than a record may have: say so by what is in force, so that every tick is written whole.
            self.resume(snapshot, plan);
        }
        debug_assert_eq!(&self.state.snapshot, snapshot, "a record must fold back into its snapshot");
    }

    fn parts(&mut self, wall: Wall, kind: &str, body: Body) -> Lines {
        body.split().iter().flat_map(|part| self.line(wall, kind, None, part)).collect()
    }

    fn line(&mut self, wall: Wall, kind: &str, from: Option<u64>, rest: &impl Serialize) -> Lines {
        let line = line::write(self.seq, wall, kind, from, rest);
        self.seq = self.seq.saturating_add(1);
        vec![line]
    }
}

/// An event as it stands in the journal: groups by name, and `was` for what [`Event`] calls `from`, because `from` is the
/// record that led to this one.
fn payload(event: &Event, names: &[String]) -> (String, Map<String, Value>) {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(event) else { return (String::new(), Map::new()) };
    let kind = fields.remove("kind").and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
    if let Some(was) = fields.remove("from") {
        fields.insert("was".to_owned(), was);
    }
    if let Some(group) = fields.get_mut("group")
        && let Some(name) = group.as_u64().and_then(|index| names.get(usize::try_from(index).ok()?))
    {
        *group = Value::from(name.as_str());
    }
    (kind, fields)
}

/// The inverse of [`payload`].
pub(super) fn event(mut fields: Map<String, Value>, names: &[String]) -> Option<Event> {
    fields.remove("from");
    if let Some(was) = fields.remove("was") {
        fields.insert("from".to_owned(), was);
    }
    if let Some(group) = fields.get_mut("group")
        && let Some(name) = group.as_str()
    {
        *group = Value::from(names.iter().position(|known| known == name)?);
    }
    serde_json::from_value(Value::Object(fields)).ok()
}
