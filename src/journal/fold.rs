//! Reading the journal back: lines in, exact snapshots and recorded plans out. The inverse of [`super::Recorder`].
//!
//! It decides nothing and repairs nothing: a line that does not fit is an error with its reason.

use serde_json::{Map, Value};

use super::line::{Body, Head};
use super::record::{self, FileSeen};
use super::state::{Misfit, State};
use crate::plan::{Event, Plan};
use crate::snapshot::Snapshot;
use crate::time::Wall;

/// What a line was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folded {
    /// The controller started.
    Boot,
    /// A file is in force.
    File(FileSeen),
    /// A tick or keyframe goes on in the next line.
    Part,
    /// A tick is complete; its events follow in lines of their own.
    Tick,
    /// An event of the plan of the last tick.
    Event(Event),
    /// A keyframe is complete: snapshot, plan and memory are known.
    Keyframe,
    /// Records were lost here.
    Gap,
    /// Anything else, by its kind.
    Note(String),
}

/// Why a line could not be folded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unfolded {
    /// It is no record.
    #[error("not a record: {0}")]
    NotARecord(String),
    /// Its time cannot be read.
    #[error("`{0}` is not a time in RFC 3339")]
    NoTime(String),
    /// A part of a tick or keyframe is missing or came out of order.
    #[error("part {found} came where part {wanted} was due")]
    WrongPart {
        /// What was due.
        wanted: u32,
        /// What came.
        found: u32,
    },
    /// A tick came before any keyframe: nothing is known that it could change.
    #[error("a tick before the first keyframe")]
    NoKeyframe,
    /// The changes do not fit the state.
    #[error("{0}")]
    Misfit(String),
    /// An announced event is missing or not understood.
    #[error("event `{0}` is not understood or names an unknown group")]
    NoEvent(String),
}

impl From<Misfit> for Unfolded {
    fn from(misfit: Misfit) -> Self {
        Self::Misfit(misfit.to_string())
    }
}

impl From<serde_json::Error> for Unfolded {
    fn from(error: serde_json::Error) -> Self {
        Self::NotARecord(error.to_string())
    }
}

/// Folds lines into snapshots and plans.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    state: State,
    events: Vec<Event>,
    names: Vec<String>,
    memory: String,
    /// The tick or keyframe that is not complete yet: its kind, and the number of the next part.
    open: Option<(Body, bool, u32)>,
    /// How many events of the last tick are still to come.
    announced: u64,
    /// Whether a keyframe has been seen since the last boot.
    known: bool,
}

impl Fold {
    /// The snapshot of the last complete tick.
    pub fn snapshot(&self) -> &Snapshot {
        &self.state.snapshot
    }

    /// The plan that was recorded for it, with the events seen so far.
    pub fn plan(&self) -> Plan {
        Plan { events: self.events.clone(), ..self.state.plan.clone() }
    }

    /// The memory of the last keyframe, as JSON text.
    pub fn memory(&self) -> &str {
        &self.memory
    }

    /// The groups' names, in the order of the site.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Takes the next line, without its newline.
    ///
    /// # Errors
    /// [`Unfolded`] with the reason. The state is then not to be used before the next keyframe.
    pub fn line(&mut self, line: &[u8]) -> Result<Folded, Unfolded> {
        let head: Head = serde_json::from_slice(line)?;
        let wall = Wall::parse(&head.t).ok_or_else(|| Unfolded::NoTime(head.t.clone()))?;
        match head.kind.as_str() {
            "tick" | "keyframe" => self.body(wall, head.kind == "tick", serde_json::from_slice(line)?),
            "boot" => {
                *self = Self::default();
                Ok(Folded::Boot)
            }
            "file" => Ok(Folded::File(serde_json::from_slice(line)?)),
            "audit.gap" => {
                self.known = false;
                Ok(Folded::Gap)
            }
            _ if self.announced > 0 && head.from.is_some() => self.event(head.kind, line),
            _ => Ok(Folded::Note(head.kind)),
        }
    }

    fn event(&mut self, kind: String, line: &[u8]) -> Result<Folded, Unfolded> {
        self.announced -= 1;
        let mut fields: Map<String, Value> = serde_json::from_slice(line)?;
        fields.remove("seq");
        fields.remove("t");
        let event = record::event(fields, &self.names).ok_or(Unfolded::NoEvent(kind))?;
        self.events.push(event);
        Ok(Folded::Event(event))
    }

    fn body(&mut self, wall: Wall, tick: bool, next: Body) -> Result<Folded, Unfolded> {
        let (part, of) = (next.part.unwrap_or(0), next.of.unwrap_or(1));
        let (body, wanted) = match self.open.take() {
            None => (next, 0),
            Some((mut body, was_tick, wanted)) if was_tick == tick => {
                body.join(next);
                (body, wanted)
            }
            Some((_, _, wanted)) => return Err(Unfolded::WrongPart { wanted, found: part }),
        };
        if part != wanted {
            return Err(Unfolded::WrongPart { wanted, found: part });
        }
        if part.saturating_add(1) < of {
            self.open = Some((body, tick, part.saturating_add(1)));
            return Ok(Folded::Part);
        }
        if tick { self.tick(wall, &body) } else { self.keyframe(wall, body) }
    }

    fn tick(&mut self, wall: Wall, body: &Body) -> Result<Folded, Unfolded> {
        if !self.known {
            return Err(Unfolded::NoKeyframe);
        }
        self.state.apply(wall, body)?;
        self.events.clear();
        self.announced = body.ev.unwrap_or(0);
        Ok(Folded::Tick)
    }

    fn keyframe(&mut self, wall: Wall, body: Body) -> Result<Folded, Unfolded> {
        self.state = State::default();
        self.state.apply(wall, &body)?;
        self.names = body.names;
        self.memory = body.memory.unwrap_or_default();
        self.announced = 0;
        self.known = true;
        Ok(Folded::Keyframe)
    }
}
