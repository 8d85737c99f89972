//! What follows from the site file alone, computed once: response classes, merit order, break-evens, stagger of lapses.

use std::time::Duration;

use crate::market::break_even;
use crate::site::{GroupIx, Site};
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
}

/// What the tick needs of a group and the file already decides.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    /// The index of its feeder in everything that is kept per feeder; one past the last for none.
    pub feeder: usize,
    /// Its response class.
    pub class: ClassIx,
    /// Its response.
    pub response: Duration,
    /// By when a lower command must be proved.
    pub proof: Duration,
    /// The price above which it earns nothing.
    pub break_even: Price,
    /// How long after the tick its permit lapses: staggered, so that a dead loop never steps the site.
    pub lapse: Duration,
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
        let groups: Vec<Fixed> = site
            .groups
            .iter()
            .zip(lapses)
            .map(|(group, lapse)| Fixed {
                feeder: group.feeder.unwrap_or(site.feeders.len()),
                class: classes.binary_search(&group.response()).unwrap_or_else(|after| after),
                response: group.response(),
                proof: group.paths.first().map_or(group.response(), |path| path.proof.max(path.response)),
                break_even: break_even(&site.economics, group.efficiency),
                lapse,
            })
            .collect();
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
        Self { site, classes, groups, merit, shed_order, shed_behind, behind }
    }
}

/// Lapse plus a stagger of `P_group / ramp`, the worst efficiency first, so that permits that end unrenewed end as a ramp.
fn staggered_lapses(site: &Site, merit: &[GroupIx]) -> Vec<Duration> {
    let mut lapses = vec![site.tick.lapse; site.groups.len()];
    let mut after = Duration::ZERO;
    for ix in merit.iter().rev() {
        if let (Some(lapse), Some(group)) = (lapses.get_mut(*ix), site.groups.get(*ix)) {
            *lapse = site.tick.lapse.saturating_add(after);
            after = after.saturating_add(site.poi.ramp.time_for(group.nameplate()));
        }
    }
    lapses
}
