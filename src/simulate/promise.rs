//! The promises by name, and how a broken one is told.

use std::fmt;

use crate::time::Mono;

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// Import is within the limit for every declared ramp, and comes back within the bound from everything else.
    Limit,
    /// Nothing is raised without fresh meters, a durable record, or against an order.
    Raise,
    /// Nothing comes back before its dwell.
    Dwell,
    /// What comes back comes on the restore ramp.
    Ramp,
    /// What a dead loop permitted lapses, staggered on the site's ramp.
    Lapse,
    /// E-stop switches everything off that obeys.
    EStop,
    /// When all is well again, all usable power is used.
    Absorbs,
    /// The journal decides again to the byte.
    Replays,
    /// What the record counts is no less than what is drawn.
    Counts,
    /// A hall that nobody sees counts as rising, up to its nameplate.
    Unseen,
    /// An operator's cap is reached on the ramp, and held.
    Cap,
    /// Power that costs more than it earns is not drawn.
    Price,
    /// What is on can be gone before a rise as declared needs its room.
    Ahead,
    /// A feeder carries no more than its rating, and comes back within the bound.
    Feeder,
    /// What no limit asks for goes down on the site's ramp.
    Gentle,
    /// Orders hold as they were told last, also where no new ones come; each is one record.
    Flat,
    /// PDUs that hear nothing switch off by themselves: not later than declared, not faster than the ramp.
    Watchdog,
    /// A start cuts what was half written, and nothing else.
    Tail,
    /// What was told to sleep for a limit and draws on loses its outlet in time.
    Cuts,
    /// Nothing but a limit or an e-stop takes the outlet of a miner that can be told to sleep.
    Keeps,
    /// Who was found three times stays off until a person lets it back, and nobody honest does.
    Quarantine,
    /// What stays over the limit is ended, and stays ended until a person clears it.
    Terminates,
    /// What draws on behind a feeder's contactor when all is to be off loses its power, and only a person closes it again.
    Opens,
}

impl Promise {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Raise => "raise",
            Self::Dwell => "dwell",
            Self::Ramp => "ramp",
            Self::Lapse => "lapse",
            Self::EStop => "e-stop",
            Self::Absorbs => "absorbs",
            Self::Replays => "replays",
            Self::Counts => "counts",
            Self::Unseen => "unseen",
            Self::Cap => "cap",
            Self::Price => "price",
            Self::Ahead => "ahead",
            Self::Feeder => "feeder",
            Self::Gentle => "gentle",
            Self::Flat => "flat",
            Self::Watchdog => "watchdog",
            Self::Tail => "tail",
            Self::Cuts => "cuts",
            Self::Keeps => "keeps",
            Self::Quarantine => "quarantine",
            Self::Terminates => "terminates",
            Self::Opens => "opens",
        }
    }
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// When, on the world's clock.
    pub at: Mono,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.at.micros() / 1_000;
        write!(f, "{} at {}.{:03} s: {}", self.promise.name(), ms / 1_000, ms % 1_000, self.what)
    }
}
