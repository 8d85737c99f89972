//! Down the ramp, never off the cliff: what no limit, no feeder and no e-stop asks for goes down no faster than the site may. For
//! price, cap, a lost price that curtails, a start after a crash, and lost meters alike.
//!
//! Everything on now must be no less than what was on a while ago, less the ramp; except for what the limits could have
//! asked for in that time, if every load had been about to rise as declared for as long as the slowest miners need.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Control, Found, Promise, SLACK, Sight};
use crate::simulate::trouble::{AFTERMATH, HALL, HOUSE};
use crate::site::{FeederIx, FirmLoad};
use crate::time::Mono;
use crate::units::Power;

/// Over so long what falls is looked at.
const SPANS: [Duration; 4] =
    [Duration::from_millis(300), Duration::from_secs(1), Duration::from_millis(2_500), Duration::from_secs(5)];
/// A ramp may run ahead by this much: units are whole, time comes in ticks.
const LEAD: Duration = Duration::from_millis(300);

/// One moment.
struct Moment {
    at: Mono,
    /// The outlets that each PDU was told.
    on: Vec<u64>,
    /// What the limits leave for miners at the least: of the site, and of each feeder.
    site: Power,
    feeders: Vec<Power>,
}

#[derive(Default)]
pub(super) struct Gentle {
    moments: VecDeque<Moment>,
    /// When anything was told off last, of all that the moments hold.
    told_off: Option<Mono>,
    /// Until when a feeder may have been opened.
    opened_until: Mono,
    /// The operator's cap, and the import that is allowed on the way to it.
    cap: Option<(Power, Power)>,
}

impl Gentle {
    pub(super) fn look(&mut self, sight: &Sight<'_, '_>) -> Found {
        // A cap slides whatever the meters show.
        self.slide(sight);
        let trouble = sight.trouble;
        // A pulse beyond the nameplate may be over between two looks; caps that change each second begin at what each tick saw.
        // Who opens a feeder takes its power at once, and where its contactor sticks others make the room.
        if !sight.world.in_force.open.is_empty() {
            self.opened_until = sight.now.after(AFTERMATH);
        }
        let unsure = [trouble.beyond_until, trouble.flaps_until, self.opened_until];
        let unsure = unsure.into_iter().any(|until| sight.now <= until);
        if trouble.stopped.is_some() || trouble.is_lied_to(sight.now) || unsure {
            self.moments.clear();
            return None;
        }
        let moment = self.moment(sight);
        let slowest = sight.standing.classes.last().copied().unwrap_or_default();
        while self.moments.front().is_some_and(|first| moment.at.since(first.at) > SPANS[3] + slowest + LEAD) {
            self.moments.pop_front();
        }
        let fewer = |last: &Moment| last.on.iter().zip(&moment.on).any(|(was, is)| was & !is != 0);
        if self.moments.back().is_some_and(fewer) {
            self.told_off = Some(moment.at);
        }
        self.moments.push_back(moment);
        // What was told off before a controller died may still be on its way down when the next one looks.
        // So may what lapsed while a loop stood still: until it is proved off others make its room.
        let Control::On(since) = sight.control else { return None };
        let proof = sight.standing.groups.iter().map(|fixed| fixed.proof).max().unwrap_or_default();
        if sight.now.since(since) <= proof + SLACK {
            return None;
        }
        SPANS.iter().find_map(|span| self.fell(sight, *span, since))
    }

    /// The cap as far as it can have slid.
    fn slide(&mut self, sight: &Sight<'_, '_>) {
        let Some(cap) = sight.world.heard().cap else { return self.cap = None };
        let on: Power = (0..sight.standing.groups.len()).map(|ix| power(sight, ix, sight.world.commanded(ix))).sum();
        let limit = sight.site().poi.import_limit;
        let (_, level) = self.cap.unwrap_or((cap, limit.min(firm(sight, None) + on)));
        let slid = level - sight.site().poi.ramp.over(sight.site().tick.period);
        self.cap = Some((cap, slid.max(cap)));
    }

    fn moment(&self, sight: &Sight<'_, '_>) -> Moment {
        let site = sight.site();
        let odd = |feeder: Option<FeederIx>| -> Power {
            let groups = sight.standing.groups.iter().enumerate();
            let odd = groups.filter(|(ix, fixed)| !sight.obeys(*ix) && feeder.is_none_or(|of| of == fixed.feeder));
            odd.map(|(_, fixed)| fixed.power_of(fixed.all_on)).sum()
        };
        let bound = self.cap.map_or(site.poi.import_limit, |(_, level)| level.min(site.poi.import_limit));
        let left =
            |(ix, feeder): (FeederIx, &crate::site::Feeder)| feeder.rating - firm(sight, Some(ix)) - odd(Some(ix));
        Moment {
            at: sight.now,
            on: (0..sight.standing.groups.len()).map(|ix| sight.world.commanded(ix)).collect(),
            site: bound - firm(sight, None) - odd(None) - sight.tolerance,
            feeders: site.feeders.iter().enumerate().map(left).collect(),
        }
    }

    /// What fell within this time and should not have.
    fn fell(&self, sight: &Sight<'_, '_>, span: Duration, since: Mono) -> Found {
        let first = self.moments.iter().rev().find(|moment| sight.now.since(moment.at) >= span)?;
        // Nothing was told off since then: nothing fell.
        if first.at < since || self.told_off.is_none_or(|at| at <= first.at) {
            return None;
        }
        let last = self.moments.back()?;
        let (mut before, mut after) = (vec![Power::ZERO; sight.standing.behind.len()], Power::ZERO);
        for (ix, fixed) in sight.standing.groups.iter().enumerate().filter(|(ix, _)| sight.obeys(*ix)) {
            let (was, is) = (first.on.get(ix).copied().unwrap_or(0), last.on.get(ix).copied().unwrap_or(0));
            before.iter_mut().skip(fixed.feeder).take(1).for_each(|sum| *sum += fixed.power_of(was));
            after += fixed.power_of(is);
        }
        let within = || self.moments.iter().filter(|moment| moment.at >= first.at.before(LEAD));
        let behind = before.iter().enumerate().map(|(ix, on)| {
            let least = within().map(|moment| moment.feeders.get(ix).copied().unwrap_or(Power::MAX)).min();
            (*on).min(least.unwrap_or(Power::MAX).or_zero())
        });
        let site = within().map(|moment| moment.site).min().unwrap_or_default().or_zero();
        let must = behind.sum::<Power>().min(site);
        let lead = sight.site().poi.ramp.over(sight.now.since(first.at) + LEAD) + sight.standing.largest_unit * 2;
        let was: Power = before.iter().copied().sum();
        if after >= must - lead {
            return None;
        }
        let left = must - self.late(sight, first) - sight.site().poi.ramp.over(span);
        (after < left - lead).then(|| {
            (Promise::Gentle, format!("{was} that obeys fell to {after} within {span:?}, where limits left {left}"))
        })
    }

    /// What had been told off before that moment and need not be gone yet: until it is, faster miners make its room.
    fn late(&self, sight: &Sight<'_, '_>, first: &Moment) -> Power {
        let of = |(ix, fixed): (usize, &crate::decide::Fixed)| {
            let from = first.at.before(fixed.response + LEAD);
            let lately = self.moments.iter().filter(|moment| moment.at >= from && moment.at <= first.at);
            let on = |moment: &Moment| moment.on.get(ix).copied().unwrap_or(0);
            fixed.power_of(lately.fold(0, |all, moment| all | on(moment)) & !on(first))
        };
        sight.standing.groups.iter().enumerate().map(of).sum()
    }
}

fn power(sight: &Sight<'_, '_>, ix: usize, on: u64) -> Power {
    sight.standing.groups.get(ix).map_or(Power::ZERO, |fixed| fixed.power_of(on))
}

/// What hall and house, or those of them on this feeder, can be taken to become: the nameplate where nobody sees them.
pub(super) fn firm(sight: &Sight<'_, '_>, feeder: Option<FeederIx>) -> Power {
    let (site, flows) = (sight.site(), sight.world.flows());
    let slowest = sight.standing.classes.last().copied().unwrap_or_default();
    let time = site.ages.meter + site.tick.period + slowest + SLACK;
    let becomes = |load: &FirmLoad, now: Power, meter: usize, age: Duration| {
        let nameplate = load.nameplate.max(now);
        let seen = load.meter.is_some() && !sight.trouble.is_lost(meter, sight.now);
        let worst = now + load.step * 2 + load.slew.over(time + age);
        let counts = feeder.is_none() || load.feeder == feeder;
        if !counts {
            Power::ZERO
        } else if seen {
            worst.min(nameplate)
        } else {
            nameplate
        }
    };
    becomes(&site.hall, flows.hall, HALL, Duration::ZERO) + becomes(&site.house, flows.house, HOUSE, SLACK * 4)
}
