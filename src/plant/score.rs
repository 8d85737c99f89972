//! How well the site did, from the truth: energy by load, the spare power that was there, and what was above the limit.

use std::collections::VecDeque;
use std::time::Duration;

use super::ramp::{STEP, STEPS_PER_SECOND};
use crate::site::Site;
use crate::units::{Energy, Power, Share};

/// The demand interval over which import is averaged, in seconds.
const QUARTER_S: usize = 900;

/// Bins of the house load, each a thousandth of its nameplate: the largest hall load is known only at the end, so what the house
/// drew is kept until then.
const BINS: usize = 1_024;

/// Steps in which the house drew within one bin, and the sum of what it drew.
type Bin = (u64, Power);

/// What flowed at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    /// The AI hall.
    pub hall: Power,
    /// The house load.
    pub house: Power,
    /// All miners.
    pub miners: Power,
}

impl Flows {
    /// Import at the POI: the sum. Losses in cables and transformers are taken as nothing.
    pub fn poi(&self) -> Power {
        self.hall + self.house + self.miners
    }
}

/// What was reached over a span. All from the truth on the busbar, not from meters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// How long it ran.
    pub span: Duration,
    /// Energy of the hall.
    pub hall: Energy,
    /// Energy of the house.
    pub house: Energy,
    /// Energy of the miners.
    pub miners: Energy,
    /// Energy of the miners that was within the limit: what they drew above the spare power is not absorbed, it is excess.
    pub absorbed: Energy,
    /// Spare: what was physically there for miners, the integral of `min(fleet, limit - hall - house)`.
    pub spare: Energy,
    /// What the static reservation gives, the integral of `min(fleet, limit - hall nameplate - house)`.
    pub reserved: Energy,
    /// The same with the largest hall load of the span, known in hindsight. Exact unless the room reaches nothing or the whole
    /// fleet while the house moves by less than a thousandth of its nameplate.
    pub hindsight: Energy,
    /// The largest hall load.
    pub largest_hall: Power,
    /// The highest import above the limit.
    pub worst_excess: Power,
    /// Import above the limit, integrated: watts times seconds.
    pub excess: Energy,
    /// Time above the limit.
    pub above: Duration,
    /// How often import went above the limit.
    pub excursions: u64,
    /// The highest mean of import over any 15 minutes, sliding by the second; over the whole span where that is shorter.
    pub worst_quarter: Power,
    /// Units of all groups.
    pub units: u64,
    /// Times a unit was switched, on or off, all units together.
    pub switches: u64,
    /// Times the most switched unit was switched.
    pub most_switched: u32,
}

impl Score {
    /// What part of the spare power was absorbed.
    pub fn of_spare(&self) -> Option<Share> {
        self.absorbed.share_of(self.spare)
    }

    /// What was absorbed, against the static reservation.
    pub fn of_reserved(&self) -> Option<Share> {
        self.absorbed.share_of(self.reserved)
    }

    /// What was absorbed, against the reservation of the largest hall load.
    pub fn of_hindsight(&self) -> Option<Share> {
        self.absorbed.share_of(self.hindsight)
    }

    /// How often a unit was switched on average, in thousandths.
    pub fn mean_switches_milli(&self) -> u64 {
        self.switches.saturating_mul(1_000).checked_div(self.units).unwrap_or(0)
    }
}

/// What miners drew above the limit for a while: what firm load alone has beyond it no controller can take away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Above {
    /// What miners drew above the limit, integrated.
    pub energy: Energy,
    /// The most that they drew above it.
    pub peak: Power,
    /// Time in which they did.
    pub time: Duration,
}

/// Integrates while the plant runs.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    limit: Power,
    fleet: Power,
    hall_nameplate: Power,
    score: Score,
    house_bins: Vec<Bin>,
    bin: Power,
    is_above: bool,
    /// Since it was asked for last.
    pub(super) lately: Above,
    seconds: VecDeque<Power>,
    quarter: Power,
    second: Power,
    in_second: u64,
}

impl Tally {
    pub(super) fn new(site: &Site) -> Self {
        let units = site.groups.iter().map(|group| u64::from(group.units)).sum();
        Self {
            limit: site.poi.import_limit,
            fleet: site.groups.iter().map(|group| group.nameplate()).sum(),
            hall_nameplate: site.hall.nameplate,
            score: Score { units, ..Score::default() },
            house_bins: vec![Bin::default(); BINS],
            bin: Power::from_watts((site.house.nameplate.watts() / 1_000).max(1)),
            is_above: false,
            lately: Above::default(),
            seconds: VecDeque::with_capacity(QUARTER_S),
            quarter: Power::ZERO,
            second: Power::ZERO,
            in_second: 0,
        }
    }

    /// The same site, nothing counted yet.
    pub(super) fn afresh(&self) -> Self {
        Self {
            score: Score { units: self.score.units, ..Score::default() },
            house_bins: vec![Bin::default(); BINS],
            is_above: false,
            seconds: VecDeque::with_capacity(QUARTER_S),
            quarter: Power::ZERO,
            second: Power::ZERO,
            in_second: 0,
            ..*self
        }
    }

    /// What miners could draw while the hall and the house draw this.
    fn room(&self, hall: Power, house: Power) -> Power {
        (self.limit - hall - house).or_zero().min(self.fleet)
    }

    /// One step of the plant in which this flowed.
    pub(super) fn step(&mut self, flows: &Flows) {
        let (spare, reserved) = (self.room(flows.hall, flows.house), self.room(self.hall_nameplate, flows.house));
        let score = &mut self.score;
        score.span += STEP;
        score.hall += Energy::of(flows.hall, STEP);
        score.house += Energy::of(flows.house, STEP);
        score.miners += Energy::of(flows.miners, STEP);
        score.absorbed += Energy::of(flows.miners.min(spare), STEP);
        score.spare += Energy::of(spare, STEP);
        score.reserved += Energy::of(reserved, STEP);
        score.largest_hall = score.largest_hall.max(flows.hall);
        let bin = usize::try_from(flows.house.whole_units(self.bin)).unwrap_or(0).min(BINS - 1);
        if let Some((steps, drawn)) = self.house_bins.get_mut(bin) {
            *steps += 1;
            *drawn += flows.house;
        }
        self.against_limit(flows.poi(), flows.miners);
        self.quarter(flows.poi());
    }

    fn against_limit(&mut self, poi: Power, miners: Power) {
        let excess = poi - self.limit;
        let above = excess > Power::ZERO;
        if above {
            self.score.excursions += u64::from(!self.is_above);
            self.score.worst_excess = self.score.worst_excess.max(excess);
            self.score.excess += Energy::of(excess, STEP);
            self.score.above += STEP;
        }
        let theirs = excess.min(miners);
        if theirs > Power::ZERO {
            self.lately.energy += Energy::of(theirs, STEP);
            self.lately.peak = self.lately.peak.max(theirs);
            self.lately.time += STEP;
        }
        self.is_above = above;
    }

    fn quarter(&mut self, poi: Power) {
        self.second += poi;
        self.in_second += 1;
        if self.in_second < STEPS_PER_SECOND {
            return;
        }
        let mean = Power::from_watts(self.second.watts() / per_second());
        (self.second, self.in_second) = (Power::ZERO, 0);
        if self.seconds.len() >= QUARTER_S {
            self.quarter -= self.seconds.pop_front().unwrap_or_default();
        }
        self.seconds.push_back(mean);
        self.quarter += mean;
        if self.seconds.len() >= QUARTER_S {
            self.score.worst_quarter = self.score.worst_quarter.max(self.quarter_mean());
        }
    }

    fn quarter_mean(&self) -> Power {
        let seconds = i64::try_from(self.seconds.len()).unwrap_or(1).max(1);
        Power::from_watts(self.quarter.watts() / seconds)
    }

    /// The score so far.
    pub(super) fn score(&self) -> Score {
        let mut score = self.score.clone();
        if self.seconds.len() < QUARTER_S {
            score.worst_quarter = self.quarter_mean();
        }
        for (steps, drawn) in &self.house_bins {
            let steps = i64::try_from(*steps).unwrap_or(i64::MAX);
            let room = ((self.limit - score.largest_hall) * steps - *drawn).or_zero().min(self.fleet * steps);
            score.hindsight += Energy::of(room, STEP);
        }
        score
    }
}

fn per_second() -> i64 {
    i64::try_from(STEPS_PER_SECOND).unwrap_or(1)
}
