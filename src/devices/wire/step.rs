//! What passes between a conversation and whoever drives it: the next step one way, what came of it the other way.

use super::board::Due;
use crate::snapshot::NoData;
use crate::time::Mono;
use crate::units::Power;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Connect, then tell [`super::talk::Talk::connected`] or [`super::talk::Talk::not_connected`].
    Connect,
    /// Make this request, then tell [`super::talk::Talk::told`].
    Ask(Ask),
    /// Nothing until then, or until the owner changes something.
    Rest(Mono),
    /// Nothing ever: the owner is gone and nothing is left to switch off.
    Over,
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The words of this expectation of its file.
    Expected(usize),
    /// Switch this unit, or all at once, as this command says.
    Switch(Due, Option<u32>),
    /// A sign of life: the how manieth.
    KeepAlive(u16),
    /// Which units are on.
    Outlets,
    /// What it measures.
    Power,
}

/// The right answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Whether the words are the expected ones.
    Expected(bool),
    /// It switched.
    Switched,
    /// It took the sign of life.
    KeptAlive,
    /// The units that are on; nothing where its words say neither on nor off.
    Outlets(Option<u64>),
    /// What it measures, or why that is no value.
    Power(Result<Power, NoData>),
}

/// A request that was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    /// Its first wire address.
    pub(crate) address: u16,
    pub(crate) started: Mono,
}
