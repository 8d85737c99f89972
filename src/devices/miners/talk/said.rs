//! What was asked, said and heard last in the conversation with a miner.

use crate::time::Mono;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Who,
    What,
}

/// A verb that ended.
#[derive(Clone, Copy)]
pub(super) struct Tried {
    pub(super) mine: bool,
    pub(super) started: Mono,
    pub(super) ended: Mono,
    pub(super) answered: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Reported {
    pub(super) mines: bool,
    pub(super) started: Mono,
}

/// What a miner is to do.
#[derive(Clone, Copy)]
pub(super) struct Wish {
    pub(super) mine: bool,
    pub(super) since: Mono,
    /// It was found so: nothing is said unless it reports otherwise.
    pub(super) adopted: bool,
    /// When it answered for it, or reported it done.
    pub(super) done: Option<Mono>,
}
