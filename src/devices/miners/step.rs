//! What passes between the conversation with a miner and whoever drives it: the next step one way, what came of it the other way.
//!
//! Data alone: no socket, no clock, no type of the crate that speaks to the miner, so that a simulation drives the same conversation.

use crate::site::Firmware;
use crate::time::Mono;
use crate::units::Power;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask who it is, and keep what is needed to speak to it.
    Identify,
    /// Ask what it draws and hashes. May run beside a verb, never beside another question.
    Observe,
    /// Tell it to sleep. One verb at a time.
    Sleep,
    /// Tell it to mine.
    Wake,
    /// Tell it to draw so much while it mines.
    Target(Power),
    /// Nothing until then, until a step that is under way ends, or until the owner changes something.
    Rest(Mono),
    /// Nothing ever: the owner is gone and nothing is left to put to sleep.
    Over,
}

impl Step {
    /// The verb that brings a miner there.
    pub(crate) fn to(mine: bool) -> Self {
        if mine { Self::Wake } else { Self::Sleep }
    }
}

/// The right answer to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "miners"), allow(dead_code))] // then nobody speaks to a miner
pub(crate) enum Came {
    /// It is what the file says.
    Identified(Identity),
    /// What it reports.
    Reported(Report),
    /// It took the verb, or was there already.
    Answered,
    /// The verb went out, and nobody knows whether it arrived.
    Sent,
}

/// Who a miner says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Who built it.
    pub make: Box<str>,
    /// What was built.
    pub model: Box<str>,
    /// What runs on it, and in which version, in its own words.
    pub firmware: Box<str>,
}

/// What a miner reports of its work. At least one of the two is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// What it draws; nothing where it does not say.
    pub(crate) watts: Option<Power>,
    /// What it hashes, in gigahashes a second; nothing where it does not say.
    pub(crate) gigahashes: Option<u64>,
    /// What it was told to draw; nothing where it does not say, or was not asked.
    pub(crate) target: Option<Power>,
}

/// So many times of what it draws asleep, and a miner mines. Asleep it draws its fans and its control board; mining, at its lowest
/// setting, at least ten times that.
const AWAKE_ABOVE: i64 = 2;

impl Report {
    /// Whether it mines, by its watts, and by its hashrate only where it has no watts: a hashrate is an average that lags.
    /// No miner that answers draws nothing at all, so no watts are no report. Never by what it calls itself: some
    /// firmware says that it mines whatever it does.
    pub(crate) fn mines(&self, asleep: Power) -> Option<bool> {
        let watts = self.watts.filter(|watts| *watts > Power::ZERO);
        let by_watts = watts.map(|watts| watts > asleep * AWAKE_ABOVE);
        by_watts.or_else(|| self.gigahashes.map(|rate| rate > 0))
    }
}

/// Most of a miner's own words that are kept.
const WORDS: usize = 120;

/// What went wrong with a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection could be made, or it broke.
    NoConnection,
    /// No answer in time.
    NoAnswer,
    /// It answered no, in these words.
    Refused(Box<str>),
    /// It does not let in whoever logs in.
    NotLetIn,
    /// Another program holds its only session.
    SessionHeld,
    /// The answer makes no sense.
    NotUnderstood,
    /// It runs other firmware than the site file says; nothing where that is none that is known here.
    OtherFirmware {
        /// What the file says.
        declared: Firmware,
        /// What it runs.
        runs: Option<Firmware>,
    },
    /// Its firmware has no way to be put to sleep.
    NoSleep,
    /// The library that speaks to it broke.
    Broke,
    /// This build speaks no miner's firmware.
    NotBuilt,
}

impl Fault {
    /// A refusal in the miner's own words, as many as are kept.
    pub fn refused(words: &str) -> Self {
        Self::Refused(words.chars().filter(|c| !c.is_control()).take(WORDS).collect())
    }

    /// Whether the miner said something: it is there.
    pub(crate) fn is_an_answer(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::NotLetIn | Self::SessionHeld)
    }

    /// What to do about it.
    pub(crate) fn next_step(&self) -> &'static str {
        match self {
            Self::NoConnection => "check its power, its cable and its address in the site file",
            Self::NoAnswer => "check its network and whether its control board hangs",
            Self::Refused(_) => "check that its firmware may be commanded over the network",
            Self::NotLetIn => "check `login` in the site file; tried again every 15 s",
            Self::SessionHeld => "end the other program's session, or take the miner out of the other program",
            Self::NotUnderstood => "check its firmware and `login` in the site file",
            Self::OtherFirmware { .. } => "correct `firmware` or `address` in the site file",
            Self::NoSleep => "update its firmware, or take the firmware path out of the site file",
            Self::Broke => "report this as a bug; its outlet still works",
            Self::NotBuilt => "build it with `--features miners`, or take the firmware path out of the site file",
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoConnection => f.write_str("no connection"),
            Self::NoAnswer => f.write_str("no answer in time"),
            Self::Refused(words) => write!(f, "refused: {words}"),
            Self::NotLetIn => f.write_str("it does not let us in"),
            Self::SessionHeld => f.write_str("another manager holds the miner's only session"),
            Self::NotUnderstood => f.write_str("its answer was not understood"),
            Self::OtherFirmware { declared, runs } => {
                let runs = runs.map_or("none that is known here", Firmware::name);
                write!(f, "the site file says its firmware is {}, and it runs {runs}", declared.name())
            }
            Self::NoSleep => f.write_str("its firmware cannot be put to sleep"),
            Self::Broke => f.write_str("the library that speaks to it broke"),
            Self::NotBuilt => f.write_str("this build speaks no miner's firmware"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mines(watts: Option<i64>, gigahashes: Option<u64>) -> Option<bool> {
        Report { watts: watts.map(Power::from_watts), gigahashes, target: None }.mines(Power::from_watts(100))
    }

    #[test]
    fn a_miner_mines_when_it_draws_more_than_twice_what_it_draws_asleep() {
        assert_eq!(mines(Some(200), None), Some(false));
        assert_eq!(mines(Some(201), None), Some(true));
        assert_eq!(mines(Some(40), Some(90_000)), Some(false), "a hashrate lags behind the watts");
    }

    #[test]
    fn a_miner_without_watts_mines_while_it_hashes_and_one_without_both_says_nothing() {
        assert_eq!(mines(None, Some(1)), Some(true));
        assert_eq!(mines(None, Some(0)), Some(false));
        assert_eq!(mines(None, None), None);
    }

    #[test]
    fn no_watts_at_all_are_no_report_because_whoever_answers_draws_something() {
        assert_eq!(mines(Some(0), Some(200_000)), Some(true));
        assert_eq!(mines(Some(0), None), None);
    }

    #[test]
    fn a_refusal_keeps_so_many_words_and_no_control_characters() {
        let Fault::Refused(words) = Fault::refused(&format!("no\r\n{}", "x".repeat(1_000))) else { panic!() };
        assert!(words.starts_with("nox") && words.chars().count() == WORDS, "{words}");
    }
}
