//! A price puts miners to sleep and never takes their outlets. What a limit lowers may lose them; so here it is looked at only while no limit
//! can ask for anything: what is told to run and what draws on fit beside the nameplates of all firm load, no order is in force, and
//! nobody stood still.

use std::time::Duration;

use super::{AFTERMATH, Found, Promise, Sight};
use crate::site::Site;
use crate::time::Mono;
use crate::units::Power;

/// What a limit asked for before that may still be proved, or not.
const LATE: Duration = Duration::from_secs(60);
/// What was told together goes off together.
const AT_ONCE: Duration = Duration::from_secs(1);

pub(super) struct Keeps {
    /// Per group what its outlets were.
    was: Vec<u64>,
    /// Per group and unit since when it is told to sleep.
    told: Vec<Vec<Option<Mono>>>,
    /// Since when no limit can ask for anything.
    free: Option<Mono>,
    any: bool,
}

impl Keeps {
    pub(super) fn new(site: &Site) -> Self {
        Self {
            was: vec![0; site.groups.len()],
            told: site.groups.iter().map(|group| vec![None; group.units as usize]).collect(),
            free: None,
            any: site.groups.iter().any(|group| group.firmware.is_some()),
        }
    }

    pub(super) fn look(&mut self, sight: &Sight<'_, '_>) -> Found {
        if !self.any {
            return None;
        }
        let mut found = None;
        let free = self.is_free(sight);
        self.free = free.then(|| self.free.unwrap_or(sight.now));
        for (ix, fixed) in sight.standing.groups.iter().enumerate() {
            let is = sight.world.commanded(ix);
            let was = self.was.get_mut(ix).map_or(is, |was| std::mem::replace(was, is));
            let told = sight.world.recorded.told.get(ix).copied().flatten();
            let units = self.told.get_mut(ix).into_iter().flatten().enumerate();
            for (unit, since) in units {
                let bit = 1_u64 << (unit & 63);
                let sleeps = told.is_some_and(|told| told & bit == 0);
                *since = sleeps.then(|| since.unwrap_or(sight.now));
                let gone = fixed.sleep.is_some() && was & !is & bit != 0 && sight.trouble.switches(ix, sight.now);
                let quiet = self.free.map(|free| sight.now.since(free)).filter(|_| gone);
                let wrong = quiet.is_some_and(|quiet| {
                    let since = since.map_or(Duration::ZERO, |since| sight.now.since(since));
                    if since <= AT_ONCE { quiet > AT_ONCE } else { quiet > LATE.max(fixed.proof * 3) }
                });
                if wrong && found.is_none() {
                    let name = sight.site().groups.get(ix).map_or("", |group| &group.name);
                    found = Some((
                        Promise::Keeps,
                        format!("miner {} of `{name}` lost its outlet, and no limit asked for it", unit + 1),
                    ));
                }
            }
        }
        found
    }

    fn is_free(&self, sight: &Sight<'_, '_>) -> bool {
        let (site, trouble) = (sight.site(), sight.trouble);
        let ordered = sight.world.heard().cap.is_some()
            || sight.world.in_force.cap.is_some()
            || sight.world.in_force.e_stop
            || trouble.stopped.is_some();
        let unsure = trouble.is_lied_to(sight.now) || sight.now <= trouble.beyond_until || sight.controls().is_none();
        if ordered || unsure || sight.now.since(sight.controls().unwrap_or(sight.now)) < AFTERMATH {
            return false;
        }
        let firm = site.hall.nameplate + site.house.nameplate;
        let fits = |feeder: Option<usize>, bound: Power, firm: Power| {
            let groups =
                sight.standing.groups.iter().enumerate().filter(|(_, of)| feeder.is_none_or(|ix| of.feeder == ix));
            let draws: Power = groups.map(|(ix, _)| may_draw(sight, ix)).sum();
            draws + firm + sight.tolerance <= bound
        };
        fits(None, site.poi.import_limit, firm)
            && site.feeders.iter().enumerate().all(|(ix, feeder)| fits(Some(ix), feeder.rating, Power::ZERO))
    }
}

/// What a group can be taken to draw: all of it, where its PDU may hide it.
fn may_draw(sight: &Sight<'_, '_>, ix: usize) -> Power {
    let Some(fixed) = sight.standing.groups.get(ix) else { return Power::ZERO };
    let told = sight.world.recorded.told.get(ix).copied().flatten().filter(|_| sight.trouble.switches(ix, sight.now));
    let Some(told) = told else { return fixed.power_of(fixed.all_on) };
    let idle = fixed.asleep(told, 0);
    fixed.power_of(told).max(sight.world.plant.group_power(ix)) + idle + fixed.unit
}
