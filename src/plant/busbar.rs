//! The busbar: the hall, the house and all miners behind one grid connection.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bank::{Bank, Curves};
use super::chance::Chance;
use super::feeders::{Feeder, feeders};
use super::hall::{Hall, HallLoad};
use super::house::House;
use super::meter::{Measures, Meter};
use super::miner::{Kind, Miner, Unit};
use super::ramp::{STEP, STEP_US};
use super::score::{Above, Flows, Score, Tally};
use crate::site::{DeviceIx, GroupIx, Site};
use crate::time::Mono;
use crate::units::{Power, Share};

/// Each group's tuning is drawn anew after this many steps: 5 s.
const TUNED_EVERY: usize = 500;

/// A meter's refresh time where none is given is its poll time, within these.
const REFRESH: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// A site that draws power. All outlets are off at the start; the hall and the house run.
#[derive(Clone, Debug)]
pub struct Plant {
    pub(super) at: Mono,
    steps: u64,
    pub(super) curves: Curves,
    hall: Hall,
    house: House,
    pub(super) banks: Vec<Bank>,
    /// Banks in which something moves; only these cost anything.
    pub(super) busy: Vec<GroupIx>,
    miners: Power,
    tuning: Chance,
    meters: BTreeMap<DeviceIx, Meter>,
    pdus: BTreeMap<DeviceIx, GroupIx>,
    pub(super) feeders: Vec<Feeder>,
    tally: Tally,
    scored: Scored,
}

/// The score after the start-up.
#[derive(Clone, Debug, Default)]
struct Scored {
    from: Option<Mono>,
    tally: Option<Tally>,
    switched_before: Vec<Vec<u32>>,
}

impl Plant {
    /// A plant with chat inference in its hall and brisk miners.
    pub fn new(site: &Site, seed: u64) -> Self {
        Self::with(site, seed, HallLoad::inference(&site.hall, seed), Curves::brisk())
    }

    /// A plant with this load in its hall and miners of these curves.
    pub fn with(site: &Site, seed: u64, hall: HallLoad, curves: Curves) -> Self {
        let mut tuning = Chance::new(seed, 5);
        let banks = site.groups.iter().map(|group| Bank::new(group, &curves, &mut tuning)).collect();
        let mut plant = Self {
            at: Mono::START,
            steps: 0,
            curves,
            hall: Hall::new(hall),
            house: House::new(&site.house, seed),
            banks,
            busy: Vec::new(),
            miners: Power::ZERO,
            tuning,
            meters: meters(site, seed),
            pdus: pdus(site),
            feeders: feeders(site, &curves),
            tally: Tally::new(site),
            scored: Scored::default(),
        };
        plant.start_meters();
        plant
    }

    fn start_meters(&mut self) {
        let flows = self.flows();
        for meter in self.meters.values_mut() {
            meter.start(measured(meter.measures, &flows, (&self.banks, &self.feeders)));
        }
    }

    /// Sets how often a meter shows a new value, or a PDU's own metering does: at least 20 ms.
    pub fn refresh_every(&mut self, device: DeviceIx, refresh: Duration) {
        if let Some(meter) = self.meters.get_mut(&device) {
            meter.refresh_every(refresh);
        }
        if let Some(bank) = self.pdus.get(&device).and_then(|group| self.banks.get_mut(*group)) {
            bank.refresh_every(refresh);
        }
    }

    /// Scores a second time from this moment on, without the start-up ramp: see [`Plant::scored`].
    pub fn score_from(&mut self, from: Mono) {
        self.scored = Scored { from: Some(from), ..Scored::default() };
        self.start_scored();
    }

    /// Runs the plant up to this moment, in whole steps of 10 ms. Earlier moments change nothing.
    pub fn advance(&mut self, to: Mono) {
        while self.at.after(STEP) <= to && self.at.micros() <= u64::MAX - STEP_US {
            self.step();
        }
    }

    /// The moment the plant has reached.
    pub fn at(&self) -> Mono {
        self.at
    }

    fn step(&mut self) {
        self.at = self.at.after(STEP);
        self.steps += 1;
        self.hall.step(self.at);
        self.house.step(self.at);
        self.tune();
        self.step_feeders();
        self.step_busy();
        let flows = self.flows();
        for meter in self.meters.values_mut() {
            meter.step(self.steps, measured(meter.measures, &flows, (&self.banks, &self.feeders)));
        }
        self.tally.step(&flows);
        self.step_scored(&flows);
    }

    /// Each step a few groups in turn.
    fn tune(&mut self) {
        let first = usize::try_from(self.steps).unwrap_or(0) % TUNED_EVERY;
        for ix in (first..self.banks.len()).step_by(TUNED_EVERY) {
            let Some(bank) = self.banks.get_mut(ix) else { continue };
            let was_busy = bank.busy;
            bank.tune(&mut self.tuning);
            if bank.busy && !was_busy {
                self.busy.push(ix);
            }
        }
    }

    fn step_busy(&mut self) {
        let (banks, miners, at, curves) = (&mut self.banks, &mut self.miners, self.at, &self.curves);
        self.busy.retain(|ix| {
            let Some(bank) = banks.get_mut(*ix) else { return false };
            let before = bank.power();
            *miners += bank.step(at, curves) - before;
            bank.busy
        });
    }

    fn step_scored(&mut self, flows: &Flows) {
        match &mut self.scored.tally {
            Some(tally) => tally.step(flows),
            None => self.start_scored(),
        }
    }

    fn start_scored(&mut self) {
        if self.scored.from.is_some_and(|from| self.at >= from) {
            self.scored.switched_before = self.banks.iter().map(|bank| bank.switched().to_vec()).collect();
            self.scored.tally = Some(self.tally.afresh());
        }
    }

    /// Commands the outlets of a group: bit n is outlet n. The power follows by [`Curves`]. An unknown group changes nothing.
    pub fn switch(&mut self, group: GroupIx, on: u64) {
        let Some(bank) = self.banks.get_mut(group) else { return };
        let was_busy = bank.busy;
        bank.switch(on, self.at);
        if bank.busy && !was_busy {
            self.busy.push(group);
        }
    }

    /// Tells one miner to sleep or to wake, by its firmware: at once if its control board runs, else when it does; it remembers without power.
    /// A group without a firmware path changes nothing.
    pub fn sleep(&mut self, group: GroupIx, unit: usize, asleep: bool) {
        let (at, curves) = (self.at, self.curves);
        self.tell(group, unit, |miner, kind| miner.sleep(asleep, at, kind, &curves));
    }

    /// Wakes one miner without care for its boards, in seconds.
    pub fn wake_at_once(&mut self, group: GroupIx, unit: usize) {
        let (at, curves) = (self.at, self.curves);
        self.tell(group, unit, |miner, kind| miner.wake_at_once(at, kind, &curves));
    }

    /// Tells one miner the most it may draw, by its firmware: never above its nameplate, never below a tenth of it.
    pub fn limit(&mut self, group: GroupIx, unit: usize, limit: Power) {
        let (at, curves) = (self.at, self.curves);
        self.tell(group, unit, |miner, kind| miner.limit(limit, at, kind, &curves));
    }

    /// Starts one miner's control board anew, its outlet as it is. It goes on as it was told.
    pub fn restart(&mut self, group: GroupIx, unit: usize) {
        let (at, curves) = (self.at, self.curves);
        self.tell(group, unit, |miner, _| miner.restarts(at, &curves));
    }

    fn tell(&mut self, group: GroupIx, unit: usize, told: impl FnOnce(&mut Unit, &Kind)) {
        let Some(bank) = self.banks.get_mut(group) else { return };
        let was_busy = bank.busy;
        bank.tell(unit, told);
        if bank.busy && !was_busy {
            self.busy.push(group);
        }
    }

    /// What one miner does; nothing where its group has no firmware path.
    pub fn miner(&self, group: GroupIx, unit: usize) -> Option<Miner> {
        self.banks.get(group)?.miner(unit, self.at)
    }

    /// How the miners' power follows their outlets.
    pub fn curves(&self) -> &Curves {
        &self.curves
    }

    /// The outlets as last commanded: what the PDU believes, which is not yet what is drawn.
    pub fn outlets(&self, group: GroupIx) -> u64 {
        self.banks.get(group).map_or(0, Bank::commanded)
    }

    /// What a group draws.
    pub fn group_power(&self, group: GroupIx) -> Power {
        self.banks.get(group).map_or(Power::ZERO, Bank::power)
    }

    /// What each outlet of a group draws, as its PDU shows it: at most one refresh time old.
    pub fn shown_outlets(&self, group: GroupIx) -> &[Power] {
        self.banks.get(group).map_or(&[], Bank::shown)
    }

    /// All that flows now, in truth.
    pub fn flows(&self) -> Flows {
        Flows { hall: self.hall.power(), house: self.house.power(), miners: self.miners }
    }

    /// What the AI hall draws.
    pub fn hall(&self) -> Power {
        self.hall.power()
    }

    /// What the house draws.
    pub fn house(&self) -> Power {
        self.house.power()
    }

    /// What all miners draw.
    pub fn miners(&self) -> Power {
        self.miners
    }

    /// Import at the POI.
    pub fn poi(&self) -> Power {
        self.flows().poi()
    }

    /// What a meter shows, or the total of a PDU's own metering: late, rounded, and for meters up to 0.1 % off. Zero for a device
    /// the site does not have.
    pub fn shown(&self, device: DeviceIx) -> Power {
        if let Some(meter) = self.meters.get(&device) {
            return meter.shown();
        }
        self.pdus.get(&device).map_or(Power::ZERO, |group| self.shown_outlets(*group).iter().copied().sum())
    }

    /// The group whose outlets this device switches.
    pub fn group_of(&self, device: DeviceIx) -> Option<GroupIx> {
        self.pdus.get(&device).copied()
    }

    /// Raises the hall by this much along its declared slew, for [`super::JUMP_LASTS`]; never above nameplate.
    pub fn jump(&mut self, by: Power) {
        self.hall.jump(by, self.at);
    }

    /// Raises the hall by this much at once, for [`super::JUMP_LASTS`]: what no declaration covers.
    pub fn jump_undeclared(&mut self, by: Power) {
        self.hall.jump_undeclared(by, self.at);
    }

    /// The hall draws this much on top of all that it declares, its nameplate included, from now on.
    pub fn beyond(&mut self, by: Power) {
        self.hall.beyond(by);
    }

    /// Drops the hall to this part of its load at once, as training does for a checkpoint, until [`Plant::dip_ends`].
    pub fn dip(&mut self, part: Share) {
        self.hall.dip(part);
    }

    /// The dip is over: the load comes back along its declared slew.
    pub fn dip_ends(&mut self) {
        self.hall.dip_ends();
    }

    /// The score since the start.
    pub fn score(&self) -> Score {
        self.with_switches(&self.tally, &[])
    }

    /// What was above the limit since this was asked last.
    pub fn take_above(&mut self) -> Above {
        std::mem::take(&mut self.tally.lately)
    }

    /// The score since [`Plant::score_from`], once that moment is reached.
    pub fn scored(&self) -> Option<Score> {
        self.scored.tally.as_ref().map(|tally| self.with_switches(tally, &self.scored.switched_before))
    }

    fn with_switches(&self, tally: &Tally, before: &[Vec<u32>]) -> Score {
        let mut score = tally.score();
        for (group, bank) in self.banks.iter().enumerate() {
            let before = before.get(group).map_or(&[][..], Vec::as_slice);
            for (unit, count) in bank.switched().iter().enumerate() {
                let count = count.saturating_sub(before.get(unit).copied().unwrap_or(0));
                score.switches += u64::from(count);
                score.most_switched = score.most_switched.max(count);
            }
        }
        score
    }
}

fn measured(what: Measures, flows: &Flows, (banks, feeders): (&[Bank], &[Feeder])) -> Power {
    match what {
        Measures::Poi => flows.poi(),
        Measures::Hall => flows.hall,
        Measures::House => flows.house,
        Measures::Group(ix) => banks.get(ix).map_or(Power::ZERO, Bank::power),
        Measures::Feeder(ix) => feeders.get(ix).map_or(Power::ZERO, |feeder| feeder.power(banks)),
    }
}

/// The meters of the site. A device named twice measures what authority puts first: the POI, then the hall, then the house.
fn meters(site: &Site, seed: u64) -> BTreeMap<DeviceIx, Meter> {
    let named = [(Measures::House, site.house.meter), (Measures::Hall, site.hall.meter)];
    let named = named.into_iter().filter_map(|(what, ix)| ix.map(|ix| (what, ix)));
    let groups = site.groups.iter().enumerate();
    let groups = groups.filter_map(|(ix, group)| Some((Measures::Group(ix), group.paths.first()?.meter?)));
    let feeders = site.contactors().map(|(ix, contactor)| (Measures::Feeder(ix), contactor.meter));
    let all = groups.chain(feeders).chain(named).chain([(Measures::Poi, site.poi.meter)]);
    all.map(|(what, ix)| {
        let poll = site.devices.get(ix).map_or(REFRESH.0, |device| device.poll);
        let chance = Chance::new(seed, 100 + u64::try_from(ix).unwrap_or(0));
        (ix, Meter::new(what, poll.clamp(REFRESH.0, REFRESH.1), chance))
    })
    .collect()
}

fn pdus(site: &Site) -> BTreeMap<DeviceIx, GroupIx> {
    let of_group = |(ix, group): (GroupIx, &crate::site::Group)| {
        group.paths.iter().map(move |path| (path.device, ix)).collect::<Vec<_>>()
    };
    site.groups.iter().enumerate().flat_map(of_group).collect()
}
