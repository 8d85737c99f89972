//! How an emulated miner can be made to lie, or to fail, as real ones do.

use std::time::Duration;

/// One way. It holds until another takes its place, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Says that it did what it was told, and goes on as before. Its watts and hashrate tell the truth.
    SilentSuccess,
    /// The same, and its watts and hashrate say what it was told too. Only its outlet shows what it draws.
    Believed,
    /// Does what it is told, and answers for it only after this long.
    Late(Duration),
    /// Somebody else has the session of LuxOS; a WhatsMiner is "over max connect"; others refuse the login.
    Busy,
    /// Refuses every command: a wrong token, a wrong password.
    Refuses,
    /// Wakes by itself so long after it was told to sleep.
    Wakes(Duration),
    /// Starts anew now, and is asleep then, whatever it was told.
    RebootsAsleep,
    /// Refuses connections for so long from now.
    Gone(Duration),
    /// Ends every answer of a socket half way.
    Truncated,
    /// Ends an answer with a NUL where its firmware does not, and without where it does.
    Nul,
    /// Takes connections and never answers.
    Dumb,
}
