//! The AI hall: where its load comes from, and a hand on it for shows.
//!
//! Generators are seeded and rest on published figures, cited where they are used; a recording is played as it is. The site
//! declares how fast its hall can rise (slew and step). [`HallLoad::inference`] and [`HallLoad::serving_day`] keep to that;
//! [`HallLoad::training`] rises as fast as was measured, whatever the site declares; a recording does what it did.

use std::time::Duration;

use super::chance::Chance;
use super::ramp::{Follower, STEP};
use super::series::Series;
use crate::site::FirmLoad;
use crate::time::Mono;
use crate::units::{Power, Share, Slew};

mod inference;
mod serving_day;
mod training;

#[cfg(test)]
mod tests;

use inference::Inference;
use serving_day::ServingDay;
use training::Training;

/// How long a jump made by hand lasts.
pub const JUMP_LASTS: Duration = Duration::from_secs(20);

/// Where the hall's load comes from.
#[derive(Clone, Debug)]
pub struct HallLoad {
    source: Source,
    nameplate: Power,
    slew: Slew,
    wiggle: Wiggle,
}

#[derive(Clone, Debug)]
enum Source {
    Inference(Box<Inference>),
    Training(Box<Training>),
    ServingDay(Box<ServingDay>),
    Recorded(Series),
}

impl HallLoad {
    /// Chat inference: steady at about 73 % of nameplate with small swings, now and then a burst or a lull of up to 14.6 % in a
    /// second. Never rises faster than the hall's declared slew and step.
    pub fn inference(hall: &FirmLoad, seed: u64) -> Self {
        let source = Source::Inference(Box::new(Inference::new(hall, seed)));
        Self::of(source, hall, Wiggle::new(hall, seed))
    }

    /// Lock-step training: a start-up of this length at 15 to 25 % (about 5 min in the measured run; shorter for shows), then the
    /// plateau with a dip every 10.4 s. Rises 55 % of nameplate a second, whatever the site declares.
    pub fn training(hall: &FirmLoad, seed: u64, start_up: Duration) -> Self {
        Self::of(Source::Training(Box::new(Training::new(hall, seed, start_up))), hall, Wiggle::none())
    }

    /// A day of serving from 04:00, with quiet hours, two busy stretches and bursts; `speed` times as fast as life (the bursts
    /// stay as they are). Never rises faster than the hall's declared slew and step.
    pub fn serving_day(hall: &FirmLoad, seed: u64, speed: u32) -> Self {
        let source = Source::ServingDay(Box::new(ServingDay::new(hall, seed, speed)));
        Self::of(source, hall, Wiggle::new(hall, seed))
    }

    /// A recording, in parts of the hall's nameplate.
    pub fn recorded(hall: &FirmLoad, series: Series) -> Self {
        Self::of(Source::Recorded(series), hall, Wiggle::none())
    }

    fn of(source: Source, hall: &FirmLoad, wiggle: Wiggle) -> Self {
        Self { source, nameplate: hall.nameplate, slew: hall.slew, wiggle }
    }

    /// The fastest rise this source makes, apart from the declared step; unknown for a recording.
    pub fn fastest_rise(&self) -> Option<Slew> {
        match &self.source {
            Source::Training(training) => Some(training.rise()),
            Source::Inference(_) | Source::ServingDay(_) => Some(self.slew),
            Source::Recorded(_) => None,
        }
    }

    fn step(&mut self, now: Mono) -> Power {
        match &mut self.source {
            Source::Inference(inference) => inference.step(),
            Source::Training(training) => training.step(now),
            Source::ServingDay(day) => day.step(now),
            Source::Recorded(series) => self.nameplate.part(series.at(now)),
        }
    }
}

/// The hall on the busbar: its load, what a hand added, never above nameplate.
#[derive(Clone, Debug)]
pub(super) struct Hall {
    load: HallLoad,
    jump: Jump,
    /// What of its load it draws, while it dips; and the way back.
    dip: Option<Share>,
    missing: Follower,
    /// What it draws beyond all that it declares.
    beyond: Power,
    last_whole: Power,
    base: Power,
    power: Power,
}

impl Hall {
    pub(super) fn new(mut load: HallLoad) -> Self {
        let base = load.step(Mono::START);
        let power = base.or_zero().min(load.nameplate);
        Self {
            load,
            jump: Jump::default(),
            dip: None,
            missing: Follower::default(),
            beyond: Power::ZERO,
            last_whole: power,
            base,
            power,
        }
    }

    pub(super) fn power(&self) -> Power {
        self.power
    }

    pub(super) fn step(&mut self, now: Mono) {
        let base = self.load.step(now);
        let risen = (base - self.base).or_zero();
        self.base = base;
        let added = self.jump.step(now, self.load.slew, risen);
        let whole = (base + self.load.wiggle.step() + added).or_zero().min(self.load.nameplate);
        let up = (whole - self.last_whole).or_zero();
        self.last_whole = whole;
        self.power = whole - self.missing(whole, up) + self.beyond;
    }

    /// What a dip takes away. It begins at once, and ends along what the load itself leaves of the declared slew.
    fn missing(&mut self, whole: Power, risen: Power) -> Power {
        if let Some(part) = self.dip {
            self.missing = Follower::at(whole - whole.part(part));
        } else if self.missing.level() > Power::ZERO {
            let used = Slew::from_watts_per_second(risen.watts().saturating_mul(per_second()));
            self.missing.toward(Power::ZERO, Slew::ZERO, (self.load.slew - used).or_zero());
        }
        self.missing.level().min(whole)
    }

    /// Draws this much on top of everything, whatever its nameplate.
    pub(super) fn beyond(&mut self, by: Power) {
        self.beyond = by;
    }

    /// Drops to this part of its load at once, until [`Hall::dip_ends`].
    pub(super) fn dip(&mut self, part: Share) {
        self.dip = Some(part);
    }

    /// The dip is over: the load comes back at the declared slew.
    pub(super) fn dip_ends(&mut self) {
        self.dip = None;
    }

    /// Raises the hall along its declared slew; a second jump while the first lasts adds to it.
    pub(super) fn jump(&mut self, by: Power, now: Mono) {
        self.jump.target = (self.jump.target + by).or_zero().min(self.load.nameplate);
        self.jump.until = now.after(JUMP_LASTS);
    }

    /// Raises the hall at once.
    pub(super) fn jump_undeclared(&mut self, by: Power, now: Mono) {
        self.jump(by, now);
        self.jump.level = Follower::at(self.jump.target);
    }
}

/// Power a hand added. Rises by what the load itself left of the declared slew, so that a declared load stays declared.
#[derive(Clone, Debug, Default)]
struct Jump {
    level: Follower,
    target: Power,
    until: Mono,
}

impl Jump {
    fn step(&mut self, now: Mono, slew: Slew, risen: Power) -> Power {
        if now >= self.until {
            self.target = Power::ZERO;
        }
        let used = Slew::from_watts_per_second(risen.watts().saturating_mul(per_second()));
        self.level.toward(self.target, (slew - used).or_zero(), slew)
    }
}

fn per_second() -> i64 {
    i64::try_from(Duration::from_secs(1).as_micros() / STEP.as_micros()).unwrap_or(1)
}

/// The small unrest of a load: drawn anew ten times a second within a quarter of the declared step either way, so that half of
/// the step is left for the error of the meter. At most 0.2 % of nameplate.
#[derive(Clone, Debug)]
pub(super) struct Wiggle {
    chance: Chance,
    reach: i64,
    left: u32,
    now: Power,
}

impl Wiggle {
    pub(super) fn new(load: &FirmLoad, seed: u64) -> Self {
        let reach = (load.step.watts() / 4).min(load.nameplate.part(Share::from_ppm(2_000)).watts()).max(0);
        Self { chance: Chance::new(seed, 11), reach, left: 0, now: Power::ZERO }
    }

    fn none() -> Self {
        Self { chance: Chance::new(0, 0), reach: 0, left: 0, now: Power::ZERO }
    }

    pub(super) fn step(&mut self) -> Power {
        if self.reach > 0 && self.left == 0 {
            self.now = Power::from_watts(self.chance.between(-self.reach, self.reach));
            self.left = 10;
        }
        self.left = self.left.saturating_sub(1);
        self.now
    }
}
