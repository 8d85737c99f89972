//! Miners that do not do what they are told by their own firmware, or say what is not so, as real ones do: the lies of
//! `ballast emulate --lie` in virtual time. What they draw is the plant's.

use std::time::Duration;

use crate::devices::miners::Fault as MinerFault;
use crate::devices::miners::step::{Came, Report, Step};
use crate::plant::Plant;
use crate::simulate::fault::{Class, Fault};
use crate::simulate::fleet;
use crate::site::{GroupIx, Site};
use crate::time::Mono;
use crate::units::Power;

/// What a miner says that it draws asleep, where it lies.
const ASLEEP: Power = Power::from_watts(20);
/// How late a late one is, and how long one sleeps that wakes by itself.
const LATE: (i64, i64) = (2_000, 60_000);
const SLEEPS: (i64, i64) = (2_000, 20_000);
/// How long one that says nothing is waited for.
const SILENCE: Duration = Duration::from_secs(1);
/// When one is under several faults: the first of these is the one that shows.
const WORST_FIRST: [Class; 6] =
    [Class::MinerGone, Class::MinerBusy, Class::MinerBelieved, Class::MinerSilent, Class::MinerLate, Class::MinerWakes];

type Answer = Option<(Result<Came, MinerFault>, Duration)>;

/// What one miner keeps beside what the plant knows.
#[derive(Clone, Default)]
struct Machine {
    /// Whether it says that it mines, where that is what it was told and not what it does.
    claims: Option<bool>,
    /// When it goes to sleep or wakes by itself.
    due: Option<(Mono, bool)>,
    /// It was told to wake, and did not listen.
    overslept: bool,
}

/// All of them, by group and unit.
pub(super) struct Liars {
    all: Vec<Vec<Machine>>,
}

/// The fault that shows of all that one miner is under.
pub(super) fn worst(faults: &mut dyn Iterator<Item = &Fault>) -> Option<Fault> {
    let place = |fault: &&Fault| WORST_FIRST.iter().position(|class| *class == fault.class);
    faults.filter(|fault| place(fault).is_some()).min_by_key(place).copied()
}

impl Liars {
    pub(super) fn new(site: &Site) -> Self {
        let miners = |group: &crate::site::Group| if group.firmware.is_some() { group.units as usize } else { 0 };
        Self { all: site.groups.iter().map(|group| vec![Machine::default(); miners(group)]).collect() }
    }

    /// When the next one moves by itself.
    pub(super) fn next(&self) -> Option<Mono> {
        self.all.iter().flatten().filter_map(|machine| machine.due).map(|(at, _)| at).min()
    }

    /// Those whose time has come do what they were to do.
    pub(super) fn act(&mut self, now: Mono, plant: &mut Plant) {
        for (group, machines) in self.all.iter_mut().enumerate() {
            for (unit, machine) in machines.iter_mut().enumerate() {
                if let Some((_, asleep)) = machine.due.take_if(|(at, _)| *at <= now) {
                    plant.sleep(group, unit, asleep);
                }
            }
        }
    }

    /// What begins with the fault itself: sleepers wake, others start anew.
    pub(super) fn begin(&mut self, fault: &Fault, units: u32, plant: &mut Plant) {
        let group = fault.target;
        for unit in struck(fault, units) {
            if fault.class == Class::MinerReboots {
                plant.sleep(group, unit, fault.degree % 2 == 0);
                plant.restart(group, unit);
            } else if plant.miner(group, unit).is_some_and(|miner| miner.phase.answers()) {
                plant.sleep(group, unit, false);
            }
        }
    }

    /// Who lied says what is so from now on, who was late is late no more, and nobody wakes any more.
    pub(super) fn end(&mut self, fault: &Fault, plant: &mut Plant) {
        let group = fault.target;
        let Some(machines) = self.all.get_mut(group) else { return };
        let units = u32::try_from(machines.len()).unwrap_or(0);
        for unit in struck(fault, units) {
            let Some(machine) = machines.get_mut(unit) else { continue };
            machine.claims = None;
            match (fault.class, machine.due.take()) {
                (Class::MinerLate, Some((_, asleep))) => plant.sleep(group, unit, asleep),
                (Class::MinerWakes, _) | (_, None) => {}
                (_, due) => machine.due = due,
            }
        }
    }

    /// A step of a conversation with one of them, that is under this fault or under none.
    pub(super) fn tell(
        &mut self,
        (group, unit): (GroupIx, usize),
        step: Step,
        slow: Option<Duration>,
        lie: Option<Fault>,
        plant: &mut Plant,
    ) -> Answer {
        let miner = plant.miner(group, unit)?;
        let machine = self.all.get_mut(group)?.get_mut(unit)?;
        let (now, verb) = (plant.at(), matches!(step, Step::Sleep | Step::Wake));
        let mines = step == Step::Wake;
        match lie.filter(|_| miner.phase.answers()) {
            Some(lie) if lie.class == Class::MinerGone => Some((Err(gone(&lie)), SILENCE)),
            Some(lie) if lie.class == Class::MinerBusy && verb => Some((Err(busy(&lie)), Duration::ZERO)),
            Some(lie) if verb && matches!(lie.class, Class::MinerSilent | Class::MinerBelieved) => {
                machine.claims = (lie.class == Class::MinerBelieved).then_some(mines);
                machine.overslept |= mines && miner.asleep;
                Some((Ok(Came::Answered), slow.unwrap_or_default()))
            }
            Some(lie) if verb && lie.class == Class::MinerLate && lie.degree % 2 == 0 => {
                machine.due = Some((now.after(within(LATE, &lie)), !mines));
                Some((Ok(Came::Answered), slow.unwrap_or_default()))
            }
            lie => {
                let answer = fleet::answer(step, &miner, slow, |step| {
                    if let Step::Target(power) = step {
                        return plant.limit(group, unit, power);
                    }
                    machine.told();
                    plant.sleep(group, unit, step == Step::Sleep);
                });
                match lie {
                    Some(lie) if verb && lie.class == Class::MinerLate => late(answer, within(LATE, &lie)),
                    Some(lie) if step == Step::Sleep && lie.class == Class::MinerWakes => {
                        machine.due = Some((now.after(within(SLEEPS, &lie)), false));
                        answer
                    }
                    Some(lie) if lie.class == Class::MinerBelieved && step == Step::Observe => {
                        machine.claims.map_or(answer, |mines| claimed(if mines { miner.full } else { ASLEEP }))
                    }
                    _ => answer,
                }
            }
        }
    }

    /// Whether this one says that it sleeps, and lies.
    pub(super) fn claims_sleep(&self, group: GroupIx, unit: usize) -> bool {
        self.all.get(group).and_then(|machines| machines.get(unit)).is_some_and(|machine| machine.claims == Some(false))
    }

    /// The units that were told to wake and did not listen, and were not told since.
    pub(super) fn overslept(&self, group: GroupIx) -> u64 {
        let machines = self.all.get(group).into_iter().flatten().enumerate();
        machines.filter(|(_, machine)| machine.overslept).fold(0, |set, (unit, _)| set | 1_u64 << (unit & 63))
    }
}

impl Machine {
    /// It was told, and listened.
    fn told(&mut self) {
        *self = Self::default();
    }
}

fn struck(fault: &Fault, units: u32) -> impl Iterator<Item = usize> {
    let struck = fault.miners(units);
    (0..64).filter(move |unit| struck >> unit & 1 == 1)
}

/// Somewhere in these milliseconds, as the fault has it.
fn within((shortest, longest): (i64, i64), fault: &Fault) -> Duration {
    let ms = shortest + fault.degree.rem_euclid(1_000) * (longest - shortest) / 1_000;
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

fn late(answer: Answer, by: Duration) -> Answer {
    answer.map(|(came, takes)| (came, takes.max(by)))
}

fn claimed(power: Power) -> Answer {
    Some((Ok(Came::Reported(Report { watts: Some(power), gigahashes: None, target: None })), Duration::ZERO))
}

fn gone(fault: &Fault) -> MinerFault {
    if fault.degree % 2 == 0 { MinerFault::NoConnection } else { MinerFault::NoAnswer }
}

fn busy(fault: &Fault) -> MinerFault {
    match fault.degree % 3 {
        0 => MinerFault::SessionHeld,
        1 => MinerFault::refused("over max connect"),
        _ => MinerFault::NotLetIn,
    }
}
