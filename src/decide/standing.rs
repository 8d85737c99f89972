//! What follows from the site file alone, computed once: response classes, merit order, break-evens, stagger of lapses.

use std::time::Duration;

use crate::market::{break_even, slice_break_even};
use crate::sabotage::{self, Sabotage};
use crate::site::{CommsLoss, Contactor, Economics, FeederIx, FirmwarePath, Group, GroupIx, LowPower, Site};
use crate::time::Mono;
use crate::units::{Power, Price};

/// Index into [`Standing::classes`].
pub type ClassIx = usize;

/// A site with everything that follows from it alone.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The site.
    pub site: Site,
    /// Distinct responses among the groups, fastest first.
    pub classes: Vec<Duration>,
    /// What the tick needs of each group, in the order of the site's groups.
    pub groups: Vec<Fixed>,
    /// Groups from the best efficiency to the worst: the order in which power is offered.
    pub merit: Vec<GroupIx>,
    /// Per class, the groups of just that class from the worst efficiency to the best: the order in which power is shed.
    pub shed_order: Vec<Vec<GroupIx>>,
    /// Per feeder, the groups behind it in the same order, class after class; the last entry is for groups on none.
    pub shed_behind: Vec<Vec<GroupIx>>,
    /// Nameplate of all miners behind each feeder; the last entry is for groups on none.
    pub behind: Vec<Power>,
    /// The smallest unit of any group: less room than that is none.
    pub smallest_unit: Power,
    /// The largest unit of any group.
    pub largest_unit: Power,
    /// The lowest break-even of any group or of the last watts of one: below it every watt earns.
    pub lowest_break_even: Price,
    /// Any group has miners that can be told to sleep.
    pub sleeps: bool,
    /// The contactors of feeders, in the order of [`Site::contactors`].
    pub contactors: Vec<FixedContactor>,
}

/// What the tick needs of a feeder's contactor and the file already decides.
#[derive(Clone, Debug)]
pub struct FixedContactor {
    /// Its feeder.
    pub feeder: FeederIx,
    /// The groups behind it.
    pub groups: Vec<GroupIx>,
    /// Their nameplates together.
    pub behind: Power,
    /// The smallest unit among them.
    pub unit: Power,
    /// From a written command to the power being gone.
    pub response: Duration,
    /// By when that must be measured.
    pub proof: Duration,
    /// So long a limit stands overdrawn with nothing else left to lower, before it is opened.
    pub opens_after: Duration,
    /// What may be drawn behind it the moment that power returns.
    pub returns: Power,
}

impl FixedContactor {
    fn of(site: &Site, feeder: FeederIx, contactor: &Contactor) -> Self {
        let behind = || site.groups.iter().enumerate().filter(|(_, group)| group.feeder == Some(feeder));
        Self {
            feeder,
            groups: behind().map(|(ix, _)| ix).collect(),
            behind: behind().map(|(_, group)| group.nameplate()).sum(),
            returns: if contactor.returns_off {
                Power::ZERO
            } else {
                behind().map(|(_, group)| group.nameplate()).sum()
            },
            unit: behind().map(|(_, group)| group.unit).min().unwrap_or(Power::ZERO),
            response: contactor.response,
            proof: contactor.proof.max(contactor.response),
            opens_after: contactor.opens_after,
        }
    }
}

/// What the tick needs of a group and the file already decides: little, and close together, because a tick goes through all
/// of it.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    /// Nameplate power of one unit.
    pub unit: Power,
    /// The bit set with every unit on.
    pub all_on: u64,
    /// The index of its feeder in everything that is kept per feeder; one past the last for none.
    pub feeder: usize,
    /// The contactor of its feeder, where that has one.
    pub contactor: Option<usize>,
    /// Its response class.
    pub class: ClassIx,
    /// When its device is silent it may switch on what it was not told.
    pub may_switch_on: bool,
    /// From a written command to the power being gone, worst case, on the path that a limit uses first.
    pub response: Duration,
    /// By when a lower command must be proved there.
    pub proof: Duration,
    /// The same two of its outlets.
    pub outlets: (Duration, Duration),
    /// Its miners can be told to sleep.
    pub sleep: Option<Sleep>,
    /// The price above which it earns nothing, at whichever level.
    pub break_even: Price,
    /// The level between full power and sleep, where its miners have one.
    pub low: Option<Low>,
    /// Shortest time a unit stays off.
    pub dwell_off: Duration,
    /// How long after the tick its permit lapses: staggered, so that a dead loop never steps the site.
    pub lapse: Duration,
}

/// Low power of the miners of a group.
#[derive(Clone, Copy, Debug)]
pub struct Low {
    /// What one unit draws less than in full.
    pub slice: Power,
    /// The price above which that slice earns nothing.
    pub break_even: Price,
    /// By when the lower power must be measured.
    pub proof: Duration,
    /// Shortest time at one level.
    pub dwell: Duration,
}

impl Low {
    fn of(economics: &Economics, group: &Group) -> Option<(Self, Price)> {
        let LowPower { power, efficiency, proof, .. } = group.firmware.as_ref()?.low?;
        let slice = slice_break_even(economics, (group.unit, group.efficiency), (power, efficiency));
        let low = Self { slice: group.unit - power, break_even: slice, proof, dwell: group.dwell_on };
        Some((low, break_even(economics, efficiency)))
    }
}

/// How the miners of a group are told to sleep by their own firmware.
#[derive(Clone, Copy, Debug)]
pub struct Sleep {
    /// A limit uses it before the outlets; what goes down the ramp always does.
    pub first: bool,
    /// Most one miner draws asleep.
    pub asleep: Power,
    /// From a written command to the power being gone, worst case.
    pub response: Duration,
    /// By when it must be proved.
    pub proof: Duration,
}

impl Sleep {
    fn of(path: &FirmwarePath) -> Self {
        let FirmwarePath { first, asleep, response, proof, .. } = *path;
        Self { first, asleep, response, proof: proof.max(response) }
    }
}

impl Standing {
    /// Derives everything from the site.
    pub fn new(site: Site) -> Self {
        let mut classes: Vec<Duration> = site.groups.iter().map(crate::site::Group::response).collect();
        classes.sort_unstable();
        classes.dedup();
        let mut merit: Vec<GroupIx> = (0..site.groups.len()).collect();
        merit.sort_by_key(|ix| (site.groups.get(*ix).map(|group| group.efficiency), *ix));
        let lapses = staggered_lapses(&site, &merit);
        let fixed = |(group, lapse)| Fixed::of(&site, group, &classes, lapse);
        let groups: Vec<Fixed> = site.groups.iter().zip(lapses).map(fixed).collect();
        let mut shed_order = vec![Vec::new(); classes.len()];
        for ix in merit.iter().rev() {
            if let Some(order) = groups.get(*ix).and_then(|fixed| shed_order.get_mut(fixed.class)) {
                order.push(*ix);
            }
        }
        let mut behind = vec![Power::ZERO; site.feeders.len() + 1];
        let mut shed_behind = vec![Vec::new(); behind.len()];
        for ix in shed_order.iter().flatten() {
            let (Some(group), Some(fixed)) = (site.groups.get(*ix), groups.get(*ix)) else { continue };
            if let (Some(sum), Some(order)) = (behind.get_mut(fixed.feeder), shed_behind.get_mut(fixed.feeder)) {
                *sum += group.nameplate();
                order.push(*ix);
            }
        }
        let units = || groups.iter().map(|fixed| fixed.unit);
        Self {
            smallest_unit: units().min().unwrap_or(Power::ZERO),
            largest_unit: units().max().unwrap_or(Power::ZERO),
            contactors: site
                .contactors()
                .map(|(feeder, contactor)| FixedContactor::of(&site, feeder, contactor))
                .collect(),
            sleeps: groups.iter().any(|fixed| fixed.sleep.is_some()),
            lowest_break_even: groups.iter().map(Fixed::full_break_even).min().unwrap_or(Price::MAX),
            site,
            classes,
            groups,
            merit,
            shed_order,
            shed_behind,
            behind,
        }
    }

    /// The faster classes by whose time a group of this class, told to lower then, is not gone yet.
    pub(super) fn late(&self, class: ClassIx, since: Mono, now: Mono) -> impl Iterator<Item = ClassIx> + '_ {
        let gone = since.after(self.classes.get(class).copied().unwrap_or_default());
        let next = now.after(self.site.tick.period);
        let faster = self.classes.iter().enumerate().take(class);
        faster.filter(move |(_, response)| next.after(**response) < gone).map(|(class, _)| class)
    }
}

impl Fixed {
    fn of(site: &Site, group: &Group, classes: &[Duration], lapse: Duration) -> Self {
        let outlets = group.paths.first();
        let low = Low::of(&site.economics, group);
        Self {
            unit: group.unit,
            all_on: group.all_on(),
            feeder: group.feeder.unwrap_or(site.feeders.len()),
            contactor: site.contactors().position(|(feeder, _)| group.feeder == Some(feeder)),
            class: classes.binary_search(&group.response()).unwrap_or_else(|after| after),
            may_switch_on: outlets
                .is_none_or(|path| matches!(path.comms_loss, CommsLoss::UnsafeOn | CommsLoss::Unknown)),
            response: group.response(),
            proof: group.first_times().map_or(Duration::MAX, |(response, proof)| proof.max(response)),
            outlets: outlets
                .map_or((Duration::MAX, Duration::MAX), |path| (path.response, path.proof.max(path.response))),
            sleep: group.firmware.as_ref().map(Sleep::of),
            break_even: low.map_or_else(|| break_even(&site.economics, group.efficiency), |(_, at_low)| at_low),
            low: low.map(|(low, _)| low),
            dwell_off: group.dwell_off,
            lapse,
        }
    }

    /// Nameplate power of this set of units.
    pub fn power_of(&self, on: u64) -> Power {
        self.unit * i64::from((on & self.all_on).count_ones())
    }

    /// The power of this set of units, those of `low` at low power.
    pub fn power_at(&self, on: u64, low: u64) -> Power {
        let full = self.power_of(on);
        self.low.map_or(full, |level| full - level.slice * i64::from((on & low & self.all_on).count_ones()))
    }

    /// The price above which it does not run in full.
    pub fn full_break_even(&self) -> Price {
        self.low.map_or(self.break_even, |low| low.break_even)
    }

    /// The outlets that are on while these units may run and those are cut.
    pub fn outlets_of(&self, on: u64, cut: u64) -> u64 {
        if self.sleep.is_some() { self.all_on & !cut } else { on & self.all_on }
    }

    /// Meters err and miners hum; one miner more than told is a quarter of a unit away from being taken for it.
    pub fn tolerance(&self) -> Power {
        Power::from_watts(self.unit.watts() / 4)
    }

    /// Most that its units draw which may not run and are not cut.
    pub fn asleep(&self, on: u64, cut: u64) -> Power {
        let units = self.all_on & !on & !cut;
        self.sleep.map_or(Power::ZERO, |sleep| sleep.asleep * i64::from(units.count_ones()))
    }
}

/// Lapse plus a stagger of `P_group / ramp`, the worst efficiency first, so that permits that end unrenewed end as a ramp.
fn staggered_lapses(site: &Site, merit: &[GroupIx]) -> Vec<Duration> {
    let mut lapses = vec![site.tick.lapse; site.groups.len()];
    let mut stagger = Duration::ZERO;
    for ix in merit.iter().rev() {
        if let (Some(lapse), Some(group)) = (lapses.get_mut(*ix), site.groups.get(*ix)) {
            let after = if sabotage::is(Sabotage::LapseTogether) { Duration::ZERO } else { stagger };
            *lapse = site.tick.lapse.saturating_add(after);
            stagger = stagger.saturating_add(site.poi.ramp.time_for(group.nameplate()));
        }
    }
    lapses
}
