//! A journal held in memory, read by the same code as one in a folder: for simulated controllers, for fuzzing, and for tests
//! that try very many of them. It writes to no disk.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::open;
use super::orders::last_orders_on;
use super::replay::{Decider, Replayed, replay_on};
use super::segments::{self, Segment, Shelf};
use super::verify::{Report, verify_on};
use crate::snapshot::Orders;

/// What would lie in the folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The file `checkpoint`.
    pub checkpoint: Option<Vec<u8>>,
    /// The segments, each under the number of its first record.
    pub segments: BTreeMap<u64, Vec<u8>>,
    /// The files that decisions rest on, by hash.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Held {
    /// As [`super::verify`].
    ///
    /// # Errors
    /// None that a folder would not have either.
    pub fn verify(&self) -> io::Result<Report> {
        verify_on(self)
    }

    /// As [`super::replay`].
    ///
    /// # Errors
    /// None that a folder would not have either.
    pub fn replay(&self, decider: &mut dyn Decider) -> io::Result<Replayed> {
        replay_on(self, decider)
    }

    /// As [`super::last_orders`].
    ///
    /// # Errors
    /// In words, where the end is not understood.
    pub fn last_orders(&self) -> Result<Option<Orders>, String> {
        last_orders_on(self)
    }

    /// What opening the folder does: cuts what was never acknowledged, and tells how many records there are then.
    ///
    /// # Errors
    /// What is wrong, where the journal would be set aside. It is then as it was.
    pub fn recover(&mut self) -> Result<u64, String> {
        let (found, damage) = open::scan(self).map_err(|error| error.to_string())?;
        if let Some(damage) = damage {
            return Err(damage);
        }
        for (segment, length) in open::cuts(self, &found).map_err(|error| error.to_string())? {
            if let Some(text) = self.segments.get_mut(&segment.first) {
                text.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            }
        }
        Ok(found.tree.size())
    }
}

/// Cuts a torn last line off a segment that starts with this record, just as opening its folder does.
///
/// # Errors
/// What is wrong, where the journal would be set aside.
pub fn cut_torn(first: u64, text: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut held = Held { segments: BTreeMap::from([(first, text)]), ..Held::default() };
    let found = open::scan_from(&held, first).map_err(|error| error.to_string())?;
    if let (_, Some(damage)) = found {
        return Err(damage);
    }
    for (segment, length) in open::cuts(&held, &found.0).map_err(|error| error.to_string())? {
        if let Some(text) = held.segments.get_mut(&segment.first) {
            text.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        }
    }
    Ok(held.segments.remove(&first).unwrap_or_default())
}

impl Shelf for Held {
    fn list(&self) -> io::Result<Vec<Segment>> {
        let segment = |first: &u64| {
            let name = segments::name(*first);
            Segment { first: *first, path: PathBuf::from(&name), name }
        };
        Ok(self.segments.keys().map(segment).collect())
    }

    fn text(&self, segment: &Segment) -> io::Result<Cow<'_, [u8]>> {
        self.segments.get(&segment.first).map(|text| Cow::from(text.as_slice())).ok_or_else(absent)
    }

    fn checkpoint(&self) -> io::Result<String> {
        let bytes = self.checkpoint.clone().ok_or_else(absent)?;
        String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn file(&self, sha256: &str) -> io::Result<Cow<'_, [u8]>> {
        self.files.get(sha256).map(|bytes| Cow::from(bytes.as_slice())).ok_or_else(absent)
    }
}

fn absent() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}
