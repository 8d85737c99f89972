//! What is known of one miner, for whoever asks.

use crate::devices::miners::step::{Fault, Identity, Report};
use crate::time::Mono;

/// What is known of one miner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// It was asked, answered or not.
    pub(crate) asked: bool,
    /// It answers.
    pub(crate) reached: bool,
    /// Whether it mines, as it said last.
    pub(crate) mines: Option<bool>,
    pub(crate) report: Report,
    pub(crate) identity: Option<Identity>,
    /// The newest trouble, and when its step began; stays until the next one.
    pub(crate) trouble: Option<(Fault, Mono)>,
    pub(crate) counts: Counts,
}

/// What happened with one miner since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Questions asked and verbs sent.
    pub requests: u64,
    /// Without an answer in time.
    pub timeouts: u64,
    /// Answered with no.
    pub refused: u64,
    /// Verbs that were sent again.
    pub resent: u64,
    /// Commands that lapsed unrenewed.
    pub lapses: u64,
}
