//! What does not go off at an e-stop behind a feeder's contactor loses its power in time, and no contactor is closed while the orders name
//! its feeder.

use std::time::Duration;

use super::{Found, Promise, SLACK, Sight};
use crate::simulate::fault::Class;
use crate::site::Site;
use crate::time::Mono;

/// Per contactor, in the order of the site's.
pub(super) struct Opens {
    /// Since when something draws on behind it though all is to be off, and it could be opened.
    draws: Vec<Option<Mono>>,
    /// It was open at the last look, and the orders in force named its feeder.
    open: Vec<bool>,
}

impl Opens {
    pub(super) fn new(site: &Site) -> Self {
        let count = site.contactors().count();
        Self { draws: vec![None; count], open: vec![false; count] }
    }

    pub(super) fn look(&mut self, sight: &Sight<'_, '_>) -> Found {
        (0..self.open.len()).find_map(|ix| self.closes(sight, ix).or_else(|| self.draws_on(sight, ix)))
    }

    fn closes(&mut self, sight: &Sight<'_, '_>, ix: usize) -> Found {
        let (feeder, _) = sight.site().contactors().nth(ix)?;
        let name = sight.site().feeders.get(feeder).map(|feeder| feeder.name.as_str())?;
        let is_open = sight.world.plant.is_open(feeder);
        let stays = is_open && sight.world.in_force.open.contains(name);
        let was = std::mem::replace(self.open.get_mut(ix)?, stays);
        // The orders that let it be closed are in force at the same look.
        let closed = was && !is_open && sight.world.in_force.open.contains(name);
        closed.then(|| (Promise::Opens, format!("`{name}` was closed, and nobody had said so")))
    }

    fn draws_on(&mut self, sight: &Sight<'_, '_>, ix: usize) -> Found {
        let fixed = sight.standing.contactors.get(ix)?;
        let since = self.draws.get_mut(ix)?;
        let draws = sight.world.plant.feeder_power(fixed.feeder);
        let could = sight.world.on(Class::ContactorSticks, ix).is_none();
        let stopped = sight.trouble.stopped.zip(sight.controls()).filter(|_| could && draws >= fixed.unit);
        let Some((stopped, controls)) = stopped else {
            *since = None;
            return None;
        };
        let lasts = sight.now.since((*since.get_or_insert(sight.now)).max(stopped).max(controls));
        let groups = fixed.groups.iter().filter_map(|group| sight.standing.groups.get(*group));
        let proof = groups.map(|fixed| fixed.outlets.1).max().unwrap_or_default();
        let proof = proof.max(sight.site().ages.device);
        let most = [proof, fixed.opens_after, fixed.proof, SLACK, SLACK].into_iter().sum::<Duration>();
        (lasts > most).then(|| (Promise::Opens, format!("{draws} is drawn behind a feeder {lasts:?} after an e-stop")))
    }
}
