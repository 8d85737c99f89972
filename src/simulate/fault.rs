//! What can go wrong, and how bad it can be. When it does stands in [`super::schedule`].

use std::time::Duration;

use crate::site::Site;
use crate::time::Mono;

/// How long after its end a fault can still be the reason for what is seen.
pub(super) const AFTERMATH: Duration = Duration::from_secs(10);

/// What a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// One of the meters: POI, hall, house.
    Meter,
    /// One PDU, or the miners behind it.
    Pdu,
    /// The hall, as it behaves within its nameplate.
    Hall,
    /// The hall, beyond its nameplate.
    Beyond,
    /// One or several miners that are told to sleep by their own firmware: what they do, and what they say.
    Miner,
    /// The contactor of a feeder.
    Feeder,
    /// The controller or its host.
    Controller,
    /// The disk, the price, the clock on the wall, or the operator.
    Elsewhere,
}

/// Lists the classes once: variant, name, what they strike, and the shortest and longest time that one lasts, in milliseconds.
macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $part:expr, $lasts:expr;)*) => {
        /// The classes of faults. The numbers in brackets are rows of the fault table in `docs/reliability.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Class {
            $($(#[$doc])* $variant,)*
        }

        impl Class {
            /// Every class, in the order of the table.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant,)*];

            /// Its name, as it is given after `--faults` and printed.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it strikes.
            pub(super) fn strikes(self) -> Part {
                match self {
                    $(Self::$variant => $part,)*
                }
            }

            /// Shortest and longest time that one lasts, in milliseconds.
            pub(super) fn lasts(self) -> (i64, i64) {
                match self {
                    $(Self::$variant => $lasts,)*
                }
            }
        }
    };
}

classes! {
    /// A meter does not answer (1).
    MeterSilent, "meter-silent", Part::Meter, (200, 20_000);
    /// A meter shows what it showed, for ever new (2).
    MeterFrozen, "meter-frozen", Part::Meter, (200, 20_000);
    /// A meter drifts away from the truth (2).
    MeterDrifts, "meter-drifts", Part::Meter, (5_000, 60_000);
    /// A meter answers, and what it says is no number (3).
    MeterNotANumber, "meter-nan", Part::Meter, (200, 20_000);
    /// A meter's words come in the wrong order: what it says is out of all bounds, or a plausible wrong number (3).
    MeterGarbled, "meter-garbled", Part::Meter, (200, 20_000);
    /// One reading is far too high (3).
    MeterSpikes, "meter-spikes", Part::Meter, (50, 250);
    /// One reading is far too low (3).
    MeterDips, "meter-dips", Part::Meter, (50, 250);
    /// A PDU cannot be reached; its outlets stay as they are (4).
    PduLost, "pdu-lost", Part::Pdu, (500, 40_000);
    /// A PDU answers every write and does nothing (5).
    PduMute, "pdu-mute", Part::Pdu, (200, 20_000);
    /// A PDU carries out what it is told seconds later (5).
    PduLate, "pdu-late", Part::Pdu, (200, 20_000);
    /// A PDU refuses to switch (5).
    PduRefuses, "pdu-refuses", Part::Pdu, (200, 20_000);
    /// A PDU is without power, and comes back with what it had on (4, 7).
    PduDark, "pdu-dark", Part::Pdu, (500, 40_000);
    /// A PDU cannot be reached, and carries out what was sent to it last when it is back (4).
    PduReplays, "pdu-replays", Part::Pdu, (500, 60_000);
    /// What a PDU measures stands still (5).
    PduFrozen, "pdu-frozen", Part::Pdu, (200, 20_000);
    /// An outlet does not open (6).
    OutletWelded, "outlet-welded", Part::Pdu, (200, 20_000);
    /// An outlet closes by itself (7).
    OutletOwnWill, "outlet-own-will", Part::Pdu, (200, 20_000);
    /// The hall rises at once by more than was declared (9).
    HallStep, "hall-step", Part::Hall, (1, 1);
    /// The hall drops to a part of its load at once, and comes back as declared: a training checkpoint.
    HallDips, "hall-dips", Part::Hall, (200, 20_000);
    /// The hall draws more than its nameplate: a site that breaks its own declaration (9).
    HallBeyond, "hall-beyond", Part::Beyond, (1_000, 40_000);
    // Longer than the shortest `ages.price` there is, and than a whole fleet needs to go down its ramp.
    /// No price comes (10).
    PriceLost, "price-lost", Part::Elsewhere, (200, 60_000);
    /// The price stands still (10).
    PriceFrozen, "price-frozen", Part::Elsewhere, (200, 60_000);
    /// The price is negative (11).
    PriceNegative, "price-negative", Part::Elsewhere, (200, 20_000);
    /// The price jumps to the cap (11).
    PriceSpikes, "price-spikes", Part::Elsewhere, (200, 60_000);
    /// The price is no price: the largest and the smallest number there is (11).
    PriceGarbage, "price-garbage", Part::Elsewhere, (200, 60_000);
    /// The wall clock is set (12).
    WallSteps, "wall-steps", Part::Elsewhere, (1, 1);
    /// The wall clock leaps by a second (12).
    WallLeaps, "wall-leaps", Part::Elsewhere, (1, 1);
    /// The wall clock leaps by an hour (12).
    WallDst, "wall-dst", Part::Elsewhere, (1, 1);
    /// The controller is killed at any boundary of its tick, and started again (14).
    Killed, "killed", Part::Controller, (300, 4_000);
    /// The loop stands still, its connections do not (15).
    LoopHangs, "loop-hangs", Part::Controller, (200, 6_000);
    /// The host loses power at any boundary of the tick, and what was not synced with it (16).
    HostDark, "host-dark", Part::Controller, (5_000, 60_000);
    /// The host loses power in the middle of a write: half a line is there at the next start (19).
    TornTail, "torn-tail", Part::Controller, (5_000, 60_000);
    /// The disk takes nothing (17).
    DiskFull, "disk-full", Part::Elsewhere, (200, 20_000);
    /// Nothing that is written becomes durable (18).
    SyncFails, "sync-fails", Part::Elsewhere, (200, 20_000);
    /// The state store is lost with the controller (20).
    StoreBad, "store-bad", Part::Controller, (500, 3_000);
    /// The operator presses e-stop, and releases it.
    EStop, "e-stop", Part::Elsewhere, (1_000, 30_000);
    /// The operator caps import, and lifts it.
    Cap, "cap", Part::Elsewhere, (1_000, 30_000);
    /// The operator's caps come one after the other, repeated and contradicting (24, 25, 26).
    Flapping, "flapping", Part::Elsewhere, (1_000, 30_000);
    /// The operator's orders come again and again, an old one first (24).
    OrdersAgain, "orders-again", Part::Elsewhere, (1_000, 30_000);
    /// The operator's orders do not arrive (27).
    OperatorLost, "operator-lost", Part::Elsewhere, (1_000, 60_000);
    // From here on only where miners are told by their own firmware: long enough that a limit meets some of them.
    /// A miner answers that it did what it was told, and goes on as before; its own watts tell the truth.
    MinerSilent, "miner-silent", Part::Miner, (5_000, 120_000);
    /// The same, and its own watts say what it was told: only the PDU shows what it draws.
    MinerBelieved, "miner-believed", Part::Miner, (5_000, 120_000);
    /// A miner acts long after it answered, or answers long after it acted.
    MinerLate, "miner-late", Part::Miner, (5_000, 120_000);
    /// A miner cannot be reached, and goes on as it was.
    MinerGone, "miner-gone", Part::Miner, (1_000, 120_000);
    /// A miner takes no command: another holds its session, it refuses, it does not let anybody in.
    MinerBusy, "miner-busy", Part::Miner, (1_000, 120_000);
    /// A miner wakes by itself, a while after it was told to sleep.
    MinerWakes, "miner-wakes", Part::Miner, (5_000, 120_000);
    /// A miner starts anew, and mines then or sleeps, whatever it was told.
    MinerReboots, "miner-reboots", Part::Miner, (1, 1);
    /// A person starts the controller anew with `--readmit`.
    Readmitted, "readmitted", Part::Controller, (500, 3_000);
    // From here on only where feeders have contactors.
    /// The contactor of a feeder answers and does nothing, or shows that it opened with its contacts welded.
    ContactorSticks, "contactor-sticks", Part::Feeder, (5_000, 60_000);
    /// Somebody opens a feeder: the operator by an order, or a hand at its contactor.
    FeederOpened, "feeder-opened", Part::Feeder, (1, 1);
}

impl Class {
    /// The class of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Whether there is such a thing only where miners are told by their own firmware.
    pub(super) fn is_of_firmware(self) -> bool {
        self.strikes() == Part::Miner || self == Self::Readmitted
    }

    /// Whether there is such a thing only where feeders have contactors.
    pub(super) fn is_of_feeders(self) -> bool {
        self.strikes() == Part::Feeder
    }

    /// Whether it can strike this site.
    fn strikes_in(self, site: &Site) -> bool {
        (has_firmware(site) || !self.is_of_firmware()) && (has_contactors(site) || !self.is_of_feeders())
    }

    /// Whether it can strike every site.
    fn strikes_anywhere(self) -> bool {
        !self.is_of_firmware() && !self.is_of_feeders()
    }

    /// Those that can strike any of these sites.
    pub fn on_any(sites: &[&Site]) -> Vec<Self> {
        let any = |class: &Self| class.strikes_anywhere() || sites.iter().any(|site| class.strikes_in(site));
        Self::ALL.into_iter().filter(any).collect()
    }

    /// Whether both can strike one of these sites.
    pub(super) fn meets(self, other: Self, sites: &[&Site]) -> bool {
        let both = |site: &&Site| self.strikes_in(site) && other.strikes_in(site);
        (self.strikes_anywhere() && other.strikes_anywhere()) || sites.iter().any(both)
    }

    /// How many devices it can strike.
    pub(super) fn targets(self, site: &Site) -> usize {
        match self.strikes() {
            Part::Meter => 3,
            Part::Pdu | Part::Miner => site.groups.len(),
            Part::Feeder => site.contactors().count(),
            Part::Hall | Part::Beyond | Part::Controller | Part::Elsewhere => 1,
        }
    }
}

/// Whether a site has miners that are told by their own firmware.
pub(super) fn has_firmware(site: &Site) -> bool {
    site.groups.iter().any(|group| group.firmware.is_some())
}

/// Whether a site has feeders with contactors.
pub(super) fn has_contactors(site: &Site) -> bool {
    site.contactors().next().is_some()
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub class: Class,
    /// When it begins, on the world's clock.
    pub from: Mono,
    /// When it is over.
    pub to: Mono,
    /// Which of the devices that it can strike: a meter (POI, hall, house), or a group.
    pub target: usize,
    /// A number of its own, for how bad it is: up to a million.
    pub degree: i64,
}

impl Fault {
    /// Whether its meter has no value while it is in force.
    pub fn says_nothing(&self) -> bool {
        match self.class {
            Class::MeterSilent | Class::MeterNotANumber => true,
            Class::MeterGarbled => self.degree % 2 == 0,
            _ => false,
        }
    }

    /// Whether its meter has a value that is wrong while it is in force.
    pub fn lies(&self) -> bool {
        use Class as C;
        let wrong = matches!(self.class, C::MeterFrozen | C::MeterDrifts | C::MeterSpikes | C::MeterDips);
        wrong || (self.class == C::MeterGarbled && !self.says_nothing())
    }

    /// Whether the PDU that it strikes may not do as it is told.
    pub fn disobeys(&self) -> bool {
        self.class.strikes() == Part::Pdu
    }

    /// Which miners of a group with so many units it strikes: mostly one to three, now and then all. Half of the time it is the first, so that
    /// some are found again and again.
    pub(super) fn miners(&self, units: u32) -> u64 {
        let (degree, units) = (self.degree.unsigned_abs(), u64::from(units.max(1)));
        let count = match degree % 8 {
            0..=3 => 1,
            4 | 5 => 2,
            6 => 3,
            _ => units,
        };
        let first = if degree / 8 % 2 == 0 { 0 } else { degree / 16 % units };
        (0..count).fold(0, |set, nth| set | 1 << (((first + nth) % units) & 63))
    }

    /// Whether it is a fault of this miner, in a group with so many.
    pub(super) fn strikes(&self, unit: usize, units: u32) -> bool {
        self.class.strikes() == Part::Miner && self.miners(units) >> (unit & 63) & 1 == 1
    }

    /// How long after its end it can still be the reason for what is seen: a miner that lied is told again, believed no sooner than its
    /// proof, and cut then.
    pub(super) fn aftermath(&self, site: &Site) -> Duration {
        let of = || {
            let group = site.groups.get(self.target).filter(|_| self.class.strikes() == Part::Miner)?;
            Some(group.firmware.as_ref()?.proof.saturating_add(group.paths.first()?.proof))
        };
        AFTERMATH.saturating_add(of().unwrap_or_default())
    }
}

/// What may go wrong in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weather {
    /// How long the faults come.
    pub storm: Duration,
    /// How long none does.
    pub calm: Duration,
    /// Time between two faults in a storm, on average.
    pub every: Duration,
    /// The classes that may strike.
    pub classes: Vec<Class>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_miners_strikes_some_of_those_that_there_are() {
        for degree in 0..2_000 {
            let fault = Fault { class: Class::MinerSilent, from: Mono::START, to: Mono::START, target: 0, degree };
            for units in [1, 8, 64] {
                let struck = fault.miners(units);
                let all = if units == 64 { u64::MAX } else { (1 << units) - 1 };
                assert!(struck != 0 && struck & !all == 0, "{degree}: {struck:b} of {units}");
            }
        }
    }

    #[test]
    fn what_only_firmware_can_do_strikes_no_site_without_it() {
        let load = |text| crate::site::file::load("site.toml", text).unwrap();
        let demo = load(include_str!("../../sites/demo.toml"));
        let firmware = load(include_str!("../../sites/firmware.toml"));
        assert!(Class::on_any(&[&demo]).iter().all(|class| !class.is_of_firmware()));
        let container = load(include_str!("../../sites/container.toml"));
        assert!(Class::on_any(&[&demo, &firmware]).iter().all(|class| !class.is_of_feeders()));
        assert_eq!(Class::on_any(&[&demo, &firmware, &container]), Class::ALL);
        assert!(!Class::MinerSilent.meets(Class::ContactorSticks, &[&demo, &firmware, &container]));
        assert!(Class::PduLost.meets(Class::ContactorSticks, &[&demo, &container]));
    }
}
