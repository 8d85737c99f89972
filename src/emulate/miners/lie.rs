//! How an emulated miner can be made to lie, or to fail, as real ones do.

use std::time::Duration;

use crate::units::Quantity;

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
    /// Ends every answer half way.
    Truncated,
    /// Ends an answer with a NUL where its firmware does not, and without where it does. Its pages stay as they are.
    Nul,
    /// Takes connections and never answers.
    Dumb,
    /// Its clock is so much behind, as of a control board that found no time server.
    Clock(Duration),
}

impl Lie {
    /// All of them as they are written.
    pub const WRITTEN: &str = "silent, believed, late:TIME, busy, refuses, wakes:TIME, reboots-asleep, gone:TIME, truncated, nul, dumb, clock:TIME";

    /// Reads one as in `silent` or `late:60 s`; nothing where it is none of [`Lie::WRITTEN`].
    pub fn parse(text: &str) -> Option<Self> {
        let (name, time) = text.split_once(':').unwrap_or((text, ""));
        let time = Duration::parse(time).ok();
        Some(match (name, time) {
            ("silent", None) => Self::SilentSuccess,
            ("believed", None) => Self::Believed,
            ("late", Some(time)) => Self::Late(time),
            ("busy", None) => Self::Busy,
            ("refuses", None) => Self::Refuses,
            ("wakes", Some(time)) => Self::Wakes(time),
            ("reboots-asleep", None) => Self::RebootsAsleep,
            ("gone", Some(time)) => Self::Gone(time),
            ("truncated", None) => Self::Truncated,
            ("nul", None) => Self::Nul,
            ("dumb", None) => Self::Dumb,
            ("clock", Some(time)) => Self::Clock(time),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lie_is_read_as_it_is_written() {
        for written in Lie::WRITTEN.split(", ") {
            assert!(Lie::parse(&written.replace("TIME", "1.5 s")).is_some(), "{written}");
        }
        assert_eq!(Lie::parse("late:60 s"), Some(Lie::Late(Duration::from_secs(60))));
        for wrong in ["", "late", "late:60", "silent:1 s", "honest"] {
            assert_eq!(Lie::parse(wrong), None, "{wrong}");
        }
    }
}
