//! More of what was promised, each held against the truth by a small watcher of its own: the record counts all that is drawn, a
//! hall that nobody sees counts as its nameplate, a cap and a price are heeded, permits that lapse end as a ramp.

use std::collections::VecDeque;
use std::time::Duration;

use super::fault::{AFTERMATH, Class, Fault};
use super::oracle::{Control, Promise};
use super::trouble::Trouble;
use super::world::World;
use crate::decide::Standing;
use crate::site::{FirmLoad, Site};
use crate::time::Mono;
use crate::units::Power;

mod cuts;
mod feeder;
mod flat;
mod gentle;
mod keeps;
mod opens;
mod quarantine;
mod terminates;
mod watchdog;

/// On top of every bound, as in the oracle.
const SLACK: Duration = Duration::from_millis(500);
/// How long a start may take until it controls.
const START: Duration = Duration::from_secs(3);

/// What may be wrong without being a reason to draw more: the disk, the price, the clock on the wall, what the operator wants.
const ELSEWHERE: [Class; 17] = [
    Class::DiskFull,
    Class::SyncFails,
    Class::PriceLost,
    Class::PriceFrozen,
    Class::PriceNegative,
    Class::PriceSpikes,
    Class::PriceGarbage,
    Class::WallSteps,
    Class::WallLeaps,
    Class::WallDst,
    Class::EStop,
    Class::Cap,
    Class::Flapping,
    Class::OrdersAgain,
    Class::OperatorLost,
    Class::ContactorSticks,
    Class::FeederOpened,
];

/// What every watcher may look at.
pub(super) struct Sight<'a, 'w> {
    pub(super) standing: &'a Standing,
    pub(super) world: &'a World<'w>,
    pub(super) control: Control,
    pub(super) now: Mono,
    pub(super) trouble: &'a Trouble,
    pub(super) bound: Duration,
    pub(super) tolerance: Power,
}

impl Sight<'_, '_> {
    fn site(&self) -> &Site {
        &self.standing.site
    }

    /// Since when the controller is in control.
    fn controls(&self) -> Option<Mono> {
        match self.control {
            Control::On(since) => Some(since.after(START)).filter(|since| self.now >= *since),
            Control::Hangs(_) | Control::Off(_) => None,
        }
    }

    fn obeys(&self, ix: usize) -> bool {
        self.trouble.odd_until.get(ix).is_some_and(|until| self.now > *until)
    }

    /// The power of these units of each group that obeys.
    fn obedient(&self, units: impl Fn(usize) -> u64) -> Power {
        let groups = self.standing.groups.iter().enumerate().filter(|(ix, _)| self.obeys(*ix));
        groups.map(|(ix, fixed)| fixed.power_of(units(ix))).sum()
    }

    fn is_any(&self, classes: &[Class]) -> bool {
        classes.iter().any(|class| self.world.is(*class))
    }

    fn largest_group(&self) -> Power {
        self.standing.groups.iter().map(|fixed| fixed.power_of(fixed.all_on)).max().unwrap_or_default()
    }
}

type Found = Option<(Promise, String)>;

/// All watchers.
pub(super) struct Promises {
    feeders: feeder::Feeders,
    flat: flat::Flat,
    terminates: terminates::Terminates,
    gentle: gentle::Gentle,
    cuts: cuts::Cuts,
    keeps: keeps::Keeps,
    quarantine: quarantine::Quarantine,
    watchdogs: watchdog::Watchdogs,
    opens: opens::Opens,
    /// For so many looks in a row more was drawn than counted: inrush is over by the second.
    uncounted: u32,
    /// Per group until when its own device may hide what it draws.
    hidden_until: Vec<Mono>,
    /// What the newest record counts as drawn by all groups; nothing where no tick was.
    pub(super) counted: Option<Power>,
    hall_lost: Option<(Mono, Power)>,
    meters_lied: Mono,
    cap: Option<(Mono, Power)>,
    over_cap: Option<Mono>,
    costly: Option<Mono>,
    /// Per group and unit since when it is on, and its device obeys.
    on_since: Vec<Vec<Mono>>,
    hung: Option<(Mono, Vec<u64>)>,
    /// How old the hall's meter's value is when it is read.
    pub(super) hall_refresh: Duration,
    hall: VecDeque<(Mono, Power)>,
    house: VecDeque<(Mono, Power)>,
    too_much: Option<Mono>,
    /// Until when something may be wrong that has to do with what is drawn or seen.
    wrong_until: Mono,
}

impl Promises {
    pub(super) fn new(site: &Site) -> Self {
        Self {
            feeders: feeder::Feeders::new(site),
            flat: flat::Flat::default(),
            terminates: terminates::Terminates::default(),
            gentle: gentle::Gentle::default(),
            cuts: cuts::Cuts::new(site),
            keeps: keeps::Keeps::new(site),
            quarantine: quarantine::Quarantine::new(site),
            watchdogs: watchdog::Watchdogs::new(site),
            opens: opens::Opens::new(site),
            uncounted: 0,
            hidden_until: vec![Mono::START; site.groups.len()],
            counted: None,
            hall_lost: None,
            meters_lied: Mono::START,
            cap: None,
            over_cap: None,
            costly: None,
            on_since: site.groups.iter().map(|group| vec![Mono::START; group.units as usize]).collect(),
            hung: None,
            hall_refresh: Duration::ZERO,
            hall: VecDeque::new(),
            house: VecDeque::new(),
            too_much: None,
            wrong_until: Mono::START,
        }
    }

    /// The units of a group that are in quarantine, as the record has it.
    pub(super) fn quarantined(&self, group: usize) -> u64 {
        self.quarantine.of(group)
    }

    /// What is broken at this moment.
    pub(super) fn look(&mut self, sight: &Sight<'_, '_>) -> Vec<(Promise, String)> {
        let found = [
            self.counts(sight),
            self.unseen(sight),
            self.caps(sight),
            self.prices(sight),
            self.lapses(sight),
            self.ahead(sight),
            self.flat.look(sight),
            self.terminates.look(sight),
            self.gentle.look(sight),
            self.cuts.look(sight),
            self.keeps.look(sight),
            self.quarantine.look(sight),
            self.watchdogs.look(sight),
            self.opens.look(sight),
            sight.world.tail_lost.then(|| (Promise::Tail, "a torn line was not cut as it should".to_owned())),
        ];
        found.into_iter().flatten().chain(self.feeders.look(sight)).collect()
    }

    /// What the record counts is no less than what is drawn: until watts prove otherwise, a group draws. Devices whose watts or
    /// outlets cannot be believed are left out with all they have.
    fn counts(&mut self, sight: &Sight<'_, '_>) -> Found {
        use Class as C;
        for fault in &sight.world.active {
            if matches!(fault.class, C::OutletOwnWill | C::OutletWelded | C::PduFrozen | C::PduLate)
                && let Some(until) = self.hidden_until.get_mut(fault.target)
            {
                *until = sight.now.after(AFTERMATH);
            }
        }
        self.hide_wakers(sight);
        let counted = self.counted.take()?;
        let hidden = sight.standing.groups.iter().zip(&self.hidden_until).filter(|(_, until)| sight.now <= **until);
        let hidden: Power = hidden.map(|(fixed, _)| fixed.power_of(fixed.all_on)).sum();
        let draws = sight.world.flows().miners;
        self.uncounted = if draws > counted + hidden + sight.tolerance { self.uncounted + 1 } else { 0 };
        (self.uncounted > 1).then(|| (Promise::Counts, format!("miners draw {draws}, and the record counts {counted}")))
    }

    /// A miner that comes up unasked, by itself or from the dark, is seen at the next look at its PDU; while that hides it, by the POI's
    /// meter alone.
    fn hide_wakers(&mut self, sight: &Sight<'_, '_>) {
        let wakes = |fault: &&Fault| matches!(fault.class, Class::MinerWakes | Class::MinerReboots);
        for fault in sight.world.struck().filter(wakes) {
            let until = self.hidden_until.iter_mut().skip(fault.target).take(1);
            until.for_each(|until| *until = sight.now.after(AFTERMATH));
        }
        for (ix, until) in self.hidden_until.iter_mut().enumerate() {
            let sleeps = sight.standing.groups.get(ix).is_some_and(|fixed| fixed.sleep.is_some());
            if sleeps && sight.world.on(Class::PduDark, ix).is_some() {
                *until = sight.now.after(AFTERMATH);
            }
            if sleeps && sight.now <= *until && !sight.trouble.switches(ix, sight.now) {
                *until = sight.now.after(AFTERMATH);
            }
        }
    }

    /// A hall whose meter says nothing may rise as fast as it declares, up to its nameplate: room is made for that.
    fn unseen(&mut self, sight: &Sight<'_, '_>) -> Found {
        let at_hall =
            |what: &dyn Fn(&Fault) -> bool| sight.world.active.iter().any(|fault| fault.target == 1 && what(fault));
        if at_hall(&Fault::lies) {
            self.meters_lied = sight.now.after(AFTERMATH);
        }
        if !at_hall(&Fault::says_nothing) {
            self.hall_lost = None;
            return None;
        }
        // What was read last may be a moment old, and off.
        let told = Power::from_watts(sight.world.flows().hall.watts() / 10 * 9);
        let told = if sight.now <= self.meters_lied { Power::ZERO } else { told };
        let (lost, at_least) = *self.hall_lost.get_or_insert((sight.now, told));
        let site = sight.site();
        let since = sight.controls()?.max(lost);
        let rises = site.hall.slew.over(sight.now.since(since).checked_sub(sight.bound)?);
        let assumed = (at_least + rises).min(site.hall.nameplate);
        let most = (site.poi.import_limit - assumed).or_zero() + sight.tolerance;
        let on = sight.obedient(|ix| sight.world.closed(ix));
        (on > most + sight.standing.smallest_unit)
            .then(|| (Promise::Unseen, format!("{on} that obeys is on where an unseen hall leaves {most}")))
    }

    /// An operator's cap is reached on the site's ramp, and held.
    fn caps(&mut self, sight: &Sight<'_, '_>) -> Found {
        let site = sight.site();
        let Some(cap) = sight.world.heard().cap else {
            (self.cap, self.over_cap) = (None, None);
            return None;
        };
        if self.cap.is_none_or(|(_, was)| was != cap) {
            (self.cap, self.over_cap) = (Some((sight.now, cap)), None);
        }
        let since = sight.controls()?.max(self.cap.map_or(sight.now, |(since, _)| since));
        let slides = site.poi.ramp.time_for((site.poi.import_limit - cap).or_zero());
        let over = sight.world.flows().poi() - cap;
        if sight.now.since(since) <= slides || over <= sight.tolerance || sight.now <= sight.trouble.blind_until {
            self.over_cap = None;
            return None;
        }
        let lasts = sight.now.since(*self.over_cap.get_or_insert(sight.now));
        let on = sight.obedient(|ix| sight.world.closed(ix));
        (lasts > sight.bound && on > sight.standing.smallest_unit)
            .then(|| (Promise::Cap, format!("{over} over the cap of {cap}, and {on} that obeys is still on")))
    }

    /// At a price above every break-even, all that was on for its shortest time goes down on the site's ramp.
    fn prices(&mut self, sight: &Sight<'_, '_>) -> Found {
        use Class as C;
        for (ix, units) in self.on_since.iter_mut().enumerate() {
            let (closed, obeys) = (sight.world.closed(ix), sight.obeys(ix));
            for (unit, since) in units.iter_mut().enumerate() {
                if closed >> (unit & 63) & 1 == 0 || !obeys {
                    *since = sight.now;
                }
            }
        }
        let costly = sight.world.is(C::PriceSpikes)
            && !sight.is_any(&[C::PriceLost, C::PriceFrozen, C::PriceNegative, C::PriceGarbage]);
        if !costly {
            self.costly = None;
            return None;
        }
        let costly = *self.costly.get_or_insert(sight.now);
        let from = costly.max(sight.controls()?);
        let fleet: Power = sight.standing.behind.iter().copied().sum();
        // Down the ramp goes what can by its firmware, and some of that answers one command before it hears the next.
        let sleeps =
            sight.standing.groups.iter().filter_map(|fixed| Some(fixed.sleep?.proof)).max().unwrap_or_default();
        let down = sight.site().poi.ramp.time_for(fleet) + sight.bound + sleeps;
        if sight.now.since(from) <= down {
            return None;
        }
        let Control::On(started) = sight.control else { return None };
        let rested = |ix: usize| {
            let dwell = sight.site().groups.get(ix).map_or(Duration::MAX, |group| group.dwell_on).saturating_add(down);
            let long = |since: &Mono| sight.now.since((*since).max(started)) > dwell;
            let units = self.on_since.get(ix).into_iter().flatten().enumerate();
            units.filter(|(_, since)| long(since)).fold(0, |set, (unit, _)| set | 1 << (unit & 63))
        };
        let on = sight.obedient(|ix| sight.world.closed(ix) & rested(ix));
        (on > sight.standing.smallest_unit)
            .then(|| (Promise::Price, format!("{on} runs at a loss, {:?} after the price rose", sight.now.since(from))))
    }

    /// From a loop that stands still nothing goes down faster than on the site's ramp.
    fn lapses(&mut self, sight: &Sight<'_, '_>) -> Found {
        let Control::Hangs(since) = sight.control else {
            self.hung = None;
            return None;
        };
        if sight.now.since(since) < SLACK {
            return None;
        }
        let closed = || (0..sight.standing.groups.len()).map(|ix| sight.world.closed(ix)).collect();
        let (_, first) = self.hung.get_or_insert_with(|| (since, closed()));
        let first: Power = sight.obedient(|ix| first.get(ix).copied().unwrap_or(0));
        let on = sight.obedient(|ix| sight.world.closed(ix));
        let (ramp, lapse) = (sight.site().poi.ramp, sight.site().tick.lapse);
        let gone = ramp.over((sight.now.since(since) + SLACK).saturating_sub(lapse)) + sight.largest_group() * 2;
        (on < first - gone).then(|| {
            let after = sight.now.since(since);
            (Promise::Lapse, format!("{on} of {first} that obeys is on, {after:?} after the last renewal"))
        })
    }

    /// Where nothing is wrong with what draws and what is seen, whatever is on can be gone before the rise that is declared needs its room: for each response, what
    /// is so slow or slower fits beside what the firm load can have become by then, one decision later.
    fn ahead(&mut self, sight: &Sight<'_, '_>) -> Found {
        let (site, flows) = (sight.site(), sight.world.flows());
        // What the newest reading of each can have been, at the least.
        let hall = lowest(&mut self.hall, sight.now, flows.hall, SLACK);
        let house = lowest(&mut self.house, sight.now, flows.house, SLACK * 4);
        let begun = sight.world.begun.iter().filter(|fault| fault.class == Class::MinerReboots);
        for fault in sight.world.active.iter().filter(|fault| !ELSEWHERE.contains(&fault.class)).chain(begun) {
            self.wrong_until = self.wrong_until.max(sight.now.after(fault.aftermath(site)));
        }
        if sight.now <= self.wrong_until || sight.controls().is_none() {
            self.too_much = None;
            return None;
        }
        let becomes = |load: &FirmLoad, seen: Power, time: Duration| {
            (seen + load.step + load.slew.over(time)).min(load.nameplate.max(seen))
        };
        let over = sight.standing.classes.iter().enumerate().map(|(class, response)| {
            let groups = sight.standing.groups.iter().enumerate().filter(|(_, fixed)| fixed.class >= class);
            let on: Power = groups.map(|(ix, fixed)| fixed.power_of(sight.world.closed(ix))).sum();
            let time = site.tick.period.saturating_add(*response);
            let firm = becomes(&site.hall, hall, time + self.hall_refresh) + becomes(&site.house, house, time);
            (on + firm - site.poi.import_limit, *response)
        });
        // Meters err.
        let err = Power::from_watts(sight.tolerance.watts() / 2);
        let Some((over, response)) = over.max().filter(|(over, _)| *over > err) else {
            self.too_much = None;
            return None;
        };
        let since = *self.too_much.get_or_insert(sight.now);
        (sight.now.since(since) > SLACK).then(|| {
            (Promise::Ahead, format!("{over} too much is on for a rise as declared, of what needs {response:?}"))
        })
    }
}

/// The lowest of the last while.
fn lowest(kept: &mut VecDeque<(Mono, Power)>, now: Mono, power: Power, span: Duration) -> Power {
    kept.push_back((now, power));
    while kept.front().is_some_and(|(at, _)| now.since(*at) > span) {
        kept.pop_front();
    }
    kept.iter().map(|(_, power)| *power).min().unwrap_or(power)
}
