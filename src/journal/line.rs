//! What stands in a line: the head of every record, and the body that ticks and keyframes share.
//!
//! Times in a body are microseconds before the tick (`age`), powers are whole watts. Absent means unchanged. Nothing here
//! knows what the last record was: that is [`super::state`].

use serde::{Deserialize, Serialize};

use crate::plan::{Cause, Scope, Stand};
use crate::snapshot::{Link, NoData, Orders, Terms};
use crate::time::Wall;
use crate::units::Power;

/// The longest line there may be, without its newline: tiles give it 16 bits.
pub const MAX_LINE: usize = 65_535;
/// Bytes of rows, names and memory in one record; with its head it stays well below [`MAX_LINE`].
const ROOM: usize = 48_000;
/// No row is longer than this.
const ROW: usize = 96;

/// The lines of what was recorded, without their newlines.
pub type Lines = Vec<Vec<u8>>;

/// What every record starts with.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    pub(super) t: String,
    pub(super) kind: String,
    pub(super) from: Option<u64>,
}

/// Writes one line: the head, then the fields of `rest`, which is an object or is wrapped into one.
pub(super) fn write(seq: u64, wall: Wall, kind: &str, from: Option<u64>, rest: &impl Serialize) -> Vec<u8> {
    let mut line = head(seq, wall, kind, from);
    match serde_json::to_vec(rest) {
        Ok(json) if json.len() + line.len() >= MAX_LINE => {
            line.extend_from_slice(format!(",\"left_out_bytes\":{}", json.len()).as_bytes());
        }
        Ok(json) => match json.strip_prefix(b"{").and_then(|open| open.strip_suffix(b"}")) {
            Some(b"") => {}
            Some(fields) => {
                line.push(b',');
                line.extend_from_slice(fields);
            }
            None => {
                line.extend_from_slice(b",\"payload\":");
                line.extend_from_slice(&json);
            }
        },
        Err(_) => line.extend_from_slice(b",\"left_out_bytes\":0"),
    }
    line.push(b'}');
    line
}

fn head(seq: u64, wall: Wall, kind: &str, from: Option<u64>) -> Vec<u8> {
    let kind = serde_json::Value::from(kind);
    let from = from.map_or(String::new(), |seq| format!(",\"from\":{seq}"));
    format!("{{\"seq\":{seq},\"t\":\"{wall}\",\"kind\":{kind}{from}").into_bytes()
}

/// A meter's reading: `[watts, age]` or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Meter {
    Known(Power, i64),
    NoData(NoData),
}

/// A group's measured power: `[group, watts, age]` or `[group, why]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum PowerRow {
    Known(usize, Power, i64),
    NoData(usize, NoData),
}

/// Units of a group with a time: `[group, bits, age]`; `[group, bits]` where the time is as foreseen; `group` for none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum UnitsRow {
    Full(usize, u64, i64),
    Bits(usize, u64),
    Nothing(usize),
}

/// What the firmware of a group's miners says: `[group, asked, reached, mining, bits, age]`, the last two the newest command that was
/// answered for, and left out where there is none; `group` where it is not asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum MinersRow {
    Answered(usize, u64, u64, u64, u64, i64),
    Seen(usize, u64, u64, u64),
    Nothing(usize),
}

/// A limit: `[index, watts]`, or `[index, watts, scope, cause]` where it is another limit than before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum LimitRow {
    Full(usize, Power, Scope, Cause),
    Moved(usize, Power),
}

/// A row belongs to the entry with this index.
pub(super) trait Row {
    fn index(&self) -> usize;
}

impl Row for PowerRow {
    fn index(&self) -> usize {
        match self {
            Self::Known(index, ..) | Self::NoData(index, _) => *index,
        }
    }
}

impl Row for UnitsRow {
    fn index(&self) -> usize {
        match self {
            Self::Full(index, ..) | Self::Bits(index, _) | Self::Nothing(index) => *index,
        }
    }
}

impl Row for MinersRow {
    fn index(&self) -> usize {
        match self {
            Self::Answered(index, ..) | Self::Seen(index, ..) | Self::Nothing(index) => *index,
        }
    }
}

impl Row for LimitRow {
    fn index(&self) -> usize {
        match self {
            Self::Full(index, ..) | Self::Moved(index, _) => *index,
        }
    }
}

impl Row for (usize, Link) {
    fn index(&self) -> usize {
        self.0
    }
}

impl Row for (usize, u64) {
    fn index(&self) -> usize {
        self.0
    }
}

/// What changed. A keyframe is what changed since nothing at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<u32>,
    /// Number of the tick, where it is not the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) n: Option<u64>,
    /// Wall time less monotonic time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offset_us: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) poi: Option<Meter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hall: Option<Meter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) house: Option<Meter>,
    /// `[micro-dollars a MWh, age]`, or `[]` for no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) price: Option<Vec<i64>>,
    /// What the tariff says: one entry, or none for no tariff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) terms: Option<Vec<Terms>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) orders: Option<Orders>,
    /// The under-frequency relay: `[tripped, armed, age]`, or `[]` where it was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) relay: Option<Vec<i64>>,
    /// How many contactors of feeders there are: their rows stand behind those of the groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) contactors: Option<usize>,
    /// What each of them is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) feeders: Option<Vec<Option<bool>>>,
    /// How many ticks the durable one is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lag: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) groups: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) link: Vec<(usize, Link)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) w: Vec<PowerRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) on: Vec<UnitsRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) written: Vec<UnitsRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) miners: Vec<MinersRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ceiling_w: Option<Power>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) floor_w: Option<Power>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<Cause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stand: Option<Stand>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) counted_w: Option<Power>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) firm_w: Option<Power>,
    /// How many groups are announced to come on; their units stand in `raise`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) intends: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) raise: Vec<(usize, u64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limits: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) lim: Vec<LimitRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) commands: Option<usize>,
    /// Commands; the age is that of `lapses`, so it is negative.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) cmd: Vec<UnitsRow>,
    /// Units whose outlets are off, of groups whose miners are told by their firmware.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) cut: Vec<(usize, u64)>,
    /// Units that are to run at low power.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) low: Vec<(usize, u64)>,
    /// How many lines of the plan's events follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ev: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) names: Vec<String>,
    /// The memory of the decision, as JSON text cut into pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory: Option<String>,
}

impl Body {
    /// Cuts the body into records that each stay below [`MAX_LINE`]. One small body stays as it is.
    pub(super) fn split(mut self) -> Vec<Body> {
        let mut rest = Body {
            link: std::mem::take(&mut self.link),
            w: std::mem::take(&mut self.w),
            on: std::mem::take(&mut self.on),
            written: std::mem::take(&mut self.written),
            miners: std::mem::take(&mut self.miners),
            raise: std::mem::take(&mut self.raise),
            lim: std::mem::take(&mut self.lim),
            cmd: std::mem::take(&mut self.cmd),
            cut: std::mem::take(&mut self.cut),
            low: std::mem::take(&mut self.low),
            names: std::mem::take(&mut self.names),
            memory: self.memory.take(),
            ..Body::default()
        };
        let mut cut = Cut { done: Vec::new(), open: self, room: ROOM };
        rest.link.drain(..).for_each(|row| cut.room_for(ROW).link.push(row));
        rest.w.drain(..).for_each(|row| cut.room_for(ROW).w.push(row));
        rest.on.drain(..).for_each(|row| cut.room_for(ROW).on.push(row));
        rest.written.drain(..).for_each(|row| cut.room_for(ROW).written.push(row));
        rest.miners.drain(..).for_each(|row| cut.room_for(2 * ROW).miners.push(row));
        rest.raise.drain(..).for_each(|row| cut.room_for(ROW).raise.push(row));
        rest.lim.drain(..).for_each(|row| cut.room_for(ROW).lim.push(row));
        rest.cmd.drain(..).for_each(|row| cut.room_for(ROW).cmd.push(row));
        rest.cut.drain(..).for_each(|row| cut.room_for(ROW).cut.push(row));
        rest.low.drain(..).for_each(|row| cut.room_for(ROW).low.push(row));
        rest.names.drain(..).for_each(|name| cut.room_for(written_length(&name)).names.push(name));
        for letter in rest.memory.iter().flat_map(|memory| memory.chars()) {
            cut.room_for(letter_length(letter)).memory.get_or_insert_default().push(letter);
        }
        cut.parts()
    }

    /// Puts the next part behind this one: the inverse of [`Body::split`].
    pub(super) fn join(&mut self, mut next: Body) {
        self.link.append(&mut next.link);
        self.w.append(&mut next.w);
        self.on.append(&mut next.on);
        self.written.append(&mut next.written);
        self.miners.append(&mut next.miners);
        self.raise.append(&mut next.raise);
        self.lim.append(&mut next.lim);
        self.cmd.append(&mut next.cmd);
        self.cut.append(&mut next.cut);
        self.low.append(&mut next.low);
        self.names.append(&mut next.names);
        if let Some(memory) = next.memory {
            self.memory.get_or_insert_default().push_str(&memory);
        }
    }
}

/// A body on its way into parts.
struct Cut {
    done: Vec<Body>,
    open: Body,
    room: usize,
}

impl Cut {
    fn room_for(&mut self, length: usize) -> &mut Body {
        if self.room < length {
            self.done.push(std::mem::take(&mut self.open));
            self.room = ROOM;
        }
        self.room = self.room.saturating_sub(length);
        &mut self.open
    }

    fn parts(mut self) -> Vec<Body> {
        self.done.push(self.open);
        let of = u32::try_from(self.done.len()).unwrap_or(u32::MAX);
        if of > 1 {
            for (part, body) in (0..).zip(&mut self.done) {
                (body.part, body.of) = (Some(part), Some(of));
            }
        }
        self.done
    }
}

/// Bytes of a text in JSON, with quotes and a comma.
fn written_length(text: &str) -> usize {
    text.chars().map(letter_length).sum::<usize>() + 3
}

/// Most bytes a letter takes in a JSON text.
fn letter_length(letter: char) -> usize {
    match letter {
        '"' | '\\' => 2,
        '\0'..='\x1f' => 6,
        other => other.len_utf8(),
    }
}
