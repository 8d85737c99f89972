//! What was told to sleep for a limit and draws on loses its outlet, and so does what was told for a price, while import is over the limit:
//! by the proof of the path that a limit uses first, and the response of the outlets. That is what `ballast check` publishes for a site whose miners lie.

use std::time::Duration;

use super::{Found, Promise, SLACK, Sight};
use crate::simulate::fault::Class;
use crate::site::{Group, Site};
use crate::time::Mono;
use crate::units::Power;

/// By then whoever has power has come up.
const BOOTS: Duration = Duration::from_secs(310);

pub(super) struct Cuts {
    /// Since when import is over the limit.
    over: Option<Mono>,
    /// Per group and unit since when it draws on though it was told to sleep.
    draws: Vec<Vec<Option<Mono>>>,
    /// Per group what it may run, and when that last became less, or something of it was cut: only watts tell of one that says that it
    /// sleeps, and those of others that are on their way down hide it.
    told: Vec<(u64, Mono)>,
    /// Per group those that were told to sleep while it drew more than it might already: what draws on behind that is not told from it.
    masked: Vec<u64>,
    /// Per group those that slept since they were told to: what wakes later counts as drawing, and is cut when a limit is at stake.
    slept: Vec<u64>,
    /// Per group until when some of its miners may not be reached.
    gone_until: Vec<Mono>,
    /// Per group by when its outlets are to be gone; nothing where its miners are not told by their own firmware.
    within: Vec<Option<Duration>>,
}

impl Cuts {
    pub(super) fn new(site: &Site) -> Self {
        let within = |group: &Group| {
            group.firmware.as_ref()?;
            let decided = site.ages.meter + site.tick.period;
            let (_, proof) = group.first_times()?;
            // Twice: to the plant's look at it and to the answer on the wire.
            Some(decided + proof + group.paths.first()?.response + SLACK * 2)
        };
        Self {
            over: None,
            slept: vec![0; site.groups.len()],
            gone_until: vec![Mono::START; site.groups.len()],
            told: vec![(0, Mono::START); site.groups.len()],
            masked: vec![0; site.groups.len()],
            draws: site.groups.iter().map(|group| vec![None; group.units as usize]).collect(),
            within: site.groups.iter().map(within).collect(),
        }
    }

    pub(super) fn look(&mut self, sight: &Sight<'_, '_>) -> Found {
        if self.within.iter().all(Option::is_none) {
            return None;
        }
        let flows = sight.world.flows();
        let over = (flows.poi() - sight.site().poi.import_limit).min(flows.miners);
        let is_over = over > sight.tolerance && !sight.trouble.is_lied_to(sight.now);
        self.over = is_over.then(|| self.over.unwrap_or(sight.now));
        self.note(sight);
        let controls = sight.controls()?;
        let late = |(ix, (units, within)): (usize, (&Vec<Option<Mono>>, &Option<Duration>))| {
            let within = (*within)?;
            // Of a miner that nobody reached since the start it is not known whether it comes up.
            let gone =
                self.gone_until.get(ix).is_some_and(|until| sight.now <= *until) && sight.now.since(controls) < BOOTS;
            let of = |sets: &[u64]| sets.get(ix).copied().unwrap_or(0);
            let asked = of(&sight.world.recorded.urgent) & !of(&self.masked) & !of(&self.slept);
            let urgent = if gone { 0 } else { asked };
            let lasts = units.iter().enumerate().filter_map(|(unit, since)| {
                let asked = if urgent >> (unit & 63) & 1 == 1 { Some(controls) } else { self.over };
                Some((sight.now.since((*since)?.max(asked?).max(controls)), unit))
            });
            let (lasts, unit) = lasts.max()?;
            let name = sight.site().groups.get(ix).map_or("", |group| &group.name);
            let what = || format!("miner {} of `{name}` was told to sleep and draws on for {lasts:?}", unit + 1);
            (lasts > within).then(what)
        };
        let what = self.draws.iter().zip(&self.within).enumerate().find_map(late)?;
        Some((Promise::Cuts, what))
    }

    fn note(&mut self, sight: &Sight<'_, '_>) {
        for fault in sight.world.struck().filter(|fault| fault.class == Class::MinerGone) {
            let until = sight.now.after(fault.aftermath(sight.site()));
            self.gone_until.iter_mut().skip(fault.target).take(1).for_each(|at| *at = until.max(*at));
        }
        for (ix, units) in self.draws.iter_mut().enumerate().filter(|(ix, _)| self.within.get(*ix) != Some(&None)) {
            let told = sight.world.recorded.told.get(ix).copied().flatten();
            let cut = sight.world.recorded.cut.iter().any(|(group, _)| *group == ix);
            let Some((was, fewer)) = self.told.get_mut(ix) else { continue };
            let is = told.unwrap_or(0);
            *fewer = if cut || *was & !is != 0 { sight.now } else { *fewer };
            let masked = if draws_more(sight, ix, *was) { *was & !is } else { 0 };
            self.masked.iter_mut().skip(ix).take(1).for_each(|all| *all = (*all | masked) & !is);
            *was = is;
            let awake = told.filter(|_| sight.trouble.switches(ix, sight.now)).map_or(0, |told| !told);
            // A group that draws no more than it may hides one that draws on behind one that does not.
            let more = told.is_some_and(|told| draws_more(sight, ix, told));
            let awake = if more { awake & sight.world.commanded(ix) } else { 0 };
            let least = sight.site().groups.get(ix).map_or(i64::MAX, |group| group.unit.watts() / 4);
            for (unit, since) in units.iter_mut().enumerate() {
                let draws = awake >> (unit & 63) & 1 == 1 && sight.world.drawn(ix, unit).watts() > least;
                let hidden = if sight.world.claims_sleep(ix, unit) { *fewer } else { Mono::START };
                let bit = 1_u64 << (unit & 63);
                // Behind one that does not draw what it may it was shown to sleep, though it did not.
                let slept = told.is_some() && (!more || sight.world.drawn(ix, unit).watts() <= least);
                let set = |all: &mut u64| {
                    *all = if is & bit != 0 {
                        *all & !bit
                    } else if slept {
                        *all | bit
                    } else {
                        *all
                    }
                };
                self.slept.iter_mut().skip(ix).take(1).for_each(set);
                *since = draws.then(|| since.unwrap_or(sight.now).max(hidden));
            }
        }
    }
}

/// Whether a group draws more than it may, by what tells one miner from none.
fn draws_more(sight: &Sight<'_, '_>, ix: usize, told: u64) -> bool {
    let Some(fixed) = sight.standing.groups.get(ix) else { return false };
    let may = fixed.power_of(told) + fixed.asleep(told, 0) + Power::from_watts(fixed.unit.watts() / 4);
    sight.world.plant.group_power(ix) > may
}
