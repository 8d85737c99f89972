//! Known bugs, planted one at a time to test the simulator: what it does not catch it does not hold. They exist only with the
//! cargo feature `sabotage`, which no shipped binary has; without it every question here is a constant no.

/// Lists the bugs once: variant, name, what is wrong.
macro_rules! sabotages {
    ($($variant:ident, $name:literal, $about:literal;)*) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Sabotage {
            $(#[doc = $about] $variant,)*
        }

        impl Sabotage {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name, as it is given after `--sabotage` and printed.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it does.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $about,)*
                }
            }
        }
    };
}

sabotages! {
    AgeIgnored, "age-ignored", "a reading is taken to be of this moment, however old it is";
    LookAheadDropped, "look-ahead-dropped", "the slew that a load declares is not looked ahead for";
    PeriodForgotten, "period-forgotten", "the look-ahead leaves out the one period until the next decision";
    NoDataIsZero, "no-data-is-zero", "a meter without a value counts as zero";
    RemainderIsZero, "remainder-is-zero", "what the POI leaves for firm load is not looked at";
    LowerOfTwo, "lower-of-two", "of what the load meters and the POI say, the lower counts";
    MaxForMin, "max-for-min", "of the import limit and the operator's cap, the higher counts";
    PendingDropped, "pending-dropped", "a lower command counts as done as soon as it is told";
    AnswerTrusted, "answer-trusted", "a device's answer counts, its watts do not";
    SilentIsZero, "silent-is-zero", "a device that is silent counts as drawing nothing";
    DwellSkipped, "dwell-skipped", "units come back before their dwell";
    DwellForgotten, "dwell-forgotten", "a start forgets when units changed";
    CrashTrusted, "crash-trusted", "after a crash what was stored is taken to be the last that was done";
    OrdersForgotten, "orders-forgotten", "a start forgets what the operator ordered";
    RecordNotAwaited, "record-not-awaited", "a raise does not wait for its durable record";
    ShedAwaitsRecord, "shed-awaits-record", "a shed waits for a durable record";
    StalePoiRaises, "stale-poi-raises", "a raise asks for no fresh meter at the POI";
    StaleHallRaises, "stale-hall-raises", "a raise asks for no fresh meter of the hall";
    EStopSkipsFeeder, "e-stop-skips-feeder", "e-stop leaves out the first feeder";
    EStopRestores, "e-stop-restores", "what was announced is sent, e-stop or not";
    OneShort, "one-short", "whatever is lowered, one unit too few";
    RampSkipped, "ramp-skipped", "everything that fits comes back at once";
    NeverRestores, "never-restores", "what was shed once never comes back";
    PriceIgnored, "price-ignored", "power is drawn whatever it costs";
    JournalForgets, "journal-forgets", "the journal leaves out when a device falls silent";
    ContactorNever, "contactor-never", "what draws on behind a feeder's contactor is left to draw on";
    ContactorBelieved, "contactor-believed", "a feeder's contactor that answers counts as open";
    ContactorRecloses, "contactor-recloses", "a feeder's contactor is closed again without a person";
    NeverTerminates, "never-terminates", "import that stays over the limit is shed for, and nothing more";
    LapseForgotten, "lapse-forgotten", "a connection lets no command lapse";
    LapseTogether, "lapse-together", "all permits lapse in the same moment";
    LapseUndone, "lapse-undone", "a loop that stood still goes on where it was";
    FeederIgnored, "feeder-ignored", "a feeder's rating is not looked at";
    GentleSkipped, "gentle-skipped", "what a price makes too dear goes off at once";
    CapAtOnce, "cap-at-once", "an operator's cap holds at once, and not on the ramp";
    OrdersExpire, "orders-expire", "orders hold for the first minute of a run alone";
    OrdersTwice, "orders-twice", "an order that is told again is taken for a new one";
    TornKept, "torn-kept", "a start leaves the half of a line that was being written";
    RestoredHides, "restored-hides", "what draws on unasked is taken for what is restored beside it";
    WakersUnheard, "wakers-unheard", "who says itself that it mines unasked counts when its outlet shows it, and not before";
    WordOverWatts, "word-over-watts", "a miner that says that it sleeps keeps its outlet, whatever is measured";
    NeverCuts, "never-cuts", "what draws on when it was told to sleep counts as drawing, and keeps its outlet";
    CutForPrice, "cut-for-price", "what a price lowers loses its outlet";
    StrikesForgotten, "strikes-forgotten", "a start forgets how often each miner was found drawing on";
    BarredRestored, "barred-restored", "who is in quarantine comes back like all others";
    AllStruck, "all-struck", "whoever is cut is taken for a liar";
    SlowStop, "slow-stop", "e-stop leaves its outlet to what was told to sleep before, and does not";
    WatchdogsTogether, "watchdogs-together", "in the world, and not in the product: all watchdogs act as soon as the first";
    WatchdogLate, "watchdog-late", "in the world, and not in the product: a watchdog acts after twice its time";
}

impl Sabotage {
    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|sabotage| sabotage.name() == name)
    }
}

/// Whether this bug is planted: never.
#[cfg(not(feature = "sabotage"))]
#[inline(always)]
pub const fn is(_: Sabotage) -> bool {
    false
}

#[cfg(feature = "sabotage")]
pub use planted::{is, plant};

#[cfg(feature = "sabotage")]
mod planted {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Sabotage;

    /// One more than the number of the bug that is planted; zero for none.
    static PLANTED: AtomicUsize = AtomicUsize::new(0);

    /// Whether this bug is planted.
    pub fn is(sabotage: Sabotage) -> bool {
        PLANTED.load(Ordering::Relaxed) == sabotage as usize + 1
    }

    /// Plants this bug in the whole program, in place of the one before it, or none. While nothing is decided.
    pub fn plant(sabotage: Option<Sabotage>) {
        PLANTED.store(sabotage.map_or(0, |sabotage| sabotage as usize + 1), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nothing_is_planted_unless_it_is_asked_for() {
        assert!(Sabotage::ALL.iter().all(|bug| !is(*bug)));
    }

    #[test]
    fn a_bug_is_found_by_its_name_and_by_no_other() {
        let names: BTreeSet<&str> = Sabotage::ALL.iter().map(|bug| bug.name()).collect();
        assert_eq!(names.len(), Sabotage::ALL.len());
        assert!(Sabotage::ALL.iter().all(|bug| Sabotage::named(bug.name()) == Some(*bug)));
    }

    #[test]
    fn every_bug_stands_in_the_table_of_what_caught_it() {
        let page = include_str!("../docs/reliability.md");
        let missing = Sabotage::ALL.iter().filter(|bug| !page.contains(&format!("| `{}` |", bug.name())));
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<&Sabotage>::new());
    }
}
