//! No feeder carries more than its rating, for longer than everything needs that was not declared.

use super::{Promise, SLACK, Sight};
use crate::simulate::trouble::{AFTERMATH, HALL, HOUSE};
use crate::site::{FeederIx, FirmLoad, Site};
use crate::time::Mono;
use crate::units::Power;

/// What a rating is held to, in parts of it: meters err, miners start with an inrush.
const TOLERANCE: i64 = 100;

/// Per feeder since when it carries too much.
pub(super) struct Feeders {
    over: Vec<Option<Mono>>,
}

impl Feeders {
    pub(super) fn new(site: &Site) -> Self {
        Self { over: vec![None; site.feeders.len()] }
    }

    pub(super) fn look(&mut self, sight: &Sight<'_, '_>) -> Vec<(Promise, String)> {
        let judged = sight.controls().is_some();
        let mut found = Vec::new();
        for (ix, since) in self.over.iter_mut().enumerate() {
            let over = if judged { over(sight, ix) } else { Power::ZERO };
            if over <= Power::ZERO {
                *since = None;
                continue;
            }
            let lasts = sight.now.since(*since.get_or_insert(sight.now));
            let on = obedient(sight, ix);
            let calm = sight.now > sight.trouble.troubled_until && lasts > SLACK;
            if calm || (lasts > sight.bound && on > sight.standing.smallest_unit) {
                let name = sight.site().feeders.get(ix).map_or("", |feeder| &feeder.name);
                let what = format!("`{name}` carries {over} too much for {lasts:?}, and {on} that obeys is still on");
                found.push((Promise::Feeder, what));
            }
        }
        found
    }
}

/// How far a feeder is above its rating, in truth. What a lying meter hides nobody can hold.
fn over(sight: &Sight<'_, '_>, feeder: FeederIx) -> Power {
    let (site, flows) = (sight.site(), sight.world.flows());
    let share = |load: &FirmLoad, power: Power, meter: usize| {
        let hidden = sight.trouble.lies_until.get(meter).is_some_and(|until| sight.now <= *until);
        let on = load.feeder == Some(feeder);
        (if on { power } else { Power::ZERO }, on && hidden)
    };
    let (hall, hall_hidden) = share(&site.hall, flows.hall, HALL);
    let (house, house_hidden) = share(&site.house, flows.house, HOUSE);
    let rating = site.feeders.get(feeder).map_or(Power::MAX, |feeder| feeder.rating);
    if hall_hidden || house_hidden {
        return Power::ZERO;
    }
    let behind = sight.standing.groups.iter().enumerate().filter(|(_, fixed)| fixed.feeder == feeder);
    let miners: Power = behind.map(|(ix, _)| sight.world.plant.group_power(ix)).sum();
    hall + house + miners - rating - Power::from_watts(rating.watts() / TOLERANCE)
}

/// What obeys behind a feeder and is on; what lately did not may not have been read since.
fn obedient(sight: &Sight<'_, '_>, feeder: FeederIx) -> Power {
    let behind = sight.standing.groups.iter().enumerate().filter(|(_, fixed)| fixed.feeder == feeder);
    let obeys = behind.filter(|(ix, _)| {
        sight
            .trouble
            .odd_until
            .get(*ix)
            .is_some_and(|until| sight.now > until.after(sight.bound.saturating_sub(AFTERMATH)))
    });
    obeys.map(|(ix, fixed)| fixed.power_of(sight.world.closed(ix))).sum()
}
