//! Whether what a drill puts on fits under every limit, by the decision's own sums: the worst the firm load can have become by
//! the time each class is gone, and all miners of one class or slower under the limit less that. Pure.
//!
//! Whoever is not in the drill is commanded by nobody meanwhile, so it counts against every class. It is a second opinion
//! before each raise, and no controller: it lowers nothing by itself.

use std::time::Duration;

use crate::decide::{ClassIx, Rooms, Standing, Taken};
use crate::site::{FirmLoad, GroupIx};
use crate::units::Power;

/// A power and its age; nothing where no meter ever showed one.
pub type Aged = Option<(Power, Duration)>;

/// What the meters of the site show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meters {
    /// Import at the POI.
    pub poi: Aged,
    /// The AI hall.
    pub hall: Aged,
    /// The house.
    pub house: Aged,
}

/// Why something may not be put on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Short {
    /// Nothing fresh from this meter.
    Stale(&'static str),
    /// There is not so much room.
    NoRoom {
        /// The group that does not fit.
        group: GroupIx,
        /// What it needs.
        needs: Power,
        /// What is left for it.
        left: Power,
    },
}

/// What the sums rest on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The site.
    pub standing: &'a Standing,
    /// Its meters.
    pub meters: Meters,
    /// What a person capped import at.
    pub cap: Option<Power>,
    /// What each group that is not in the drill counts as; nothing of those that are.
    pub others: &'a [Power],
    /// What all miners draw by now, those of the drill included: what the POI shows beyond it is firm.
    pub drawn: Power,
}

impl Facts<'_> {
    /// Whether meters are fresh enough for anything to be raised.
    ///
    /// # Errors
    /// The first that is not.
    pub fn are_fresh(&self) -> Result<(), Short> {
        let site = &self.standing.site;
        let fresh = |seen: Aged| seen.is_some_and(|(_, age)| age <= site.ages.meter);
        match (fresh(self.meters.poi), site.hall.meter.is_none() || fresh(self.meters.hall)) {
            (false, _) => Err(Short::Stale("POI")),
            (_, false) => Err(Short::Stale("hall")),
            _ => Ok(()),
        }
    }

    /// Whether these powers of the drill's groups fit beside all others.
    ///
    /// # Errors
    /// The first group that does not.
    pub fn fit(&self, mine: &[(GroupIx, Power)]) -> Result<(), Short> {
        let mut rooms = self.rooms();
        for (group, needs) in mine.iter().copied() {
            let Some(fixed) = self.standing.groups.get(group) else { continue };
            let left = rooms.left(fixed.feeder, fixed.class);
            if needs > left {
                return Err(Short::NoRoom { group, needs, left });
            }
            rooms.give(fixed.feeder, fixed.class, needs);
        }
        Ok(())
    }

    fn rooms(&self) -> Rooms {
        let site = &self.standing.site;
        let mut taken = Taken::new(site.feeders.len(), self.standing.classes.len());
        for (power, fixed) in self.others.iter().zip(&self.standing.groups) {
            taken.add(fixed.feeder, ClassIx::MAX, *power);
        }
        let limit = self.cap.map_or(site.poi.import_limit, |cap| cap.min(site.poi.import_limit));
        let horizon = |class: ClassIx| self.standing.classes.get(class).copied().unwrap_or(Duration::MAX);
        let share = |load: &FirmLoad, seen: Aged, feeder, class| match load.feeder == Some(feeder) {
            true => load.worst_case(seen, site.tick.period, horizon(class)),
            false => Power::ZERO,
        };
        taken.under(
            |class| limit - self.firm(horizon(class)),
            |feeder, class| {
                let rating = site.feeders.get(feeder).map_or(Power::ZERO, |feeder| feeder.rating);
                let hall = share(&site.hall, self.meters.hall, feeder, class);
                rating - hall - share(&site.house, self.meters.house, feeder, class)
            },
        )
    }

    /// What the firm load can have become by then: the higher of what its own meters allow and what the POI leaves.
    fn firm(&self, horizon: Duration) -> Power {
        let site = &self.standing.site;
        let Meters { poi, hall, house } = self.meters;
        let by_hall = site.hall.worst_case(hall, site.tick.period, horizon);
        let by_meters = by_hall + site.house.worst_case(house, site.tick.period, horizon);
        let both = FirmLoad {
            nameplate: site.hall.nameplate + site.house.nameplate,
            slew: site.hall.slew + site.house.slew,
            step: site.hall.step + site.house.step,
            meter: None,
            feeder: None,
        };
        let remainder = poi.map(|(import, age)| ((import - self.drawn).or_zero(), age));
        let by_poi = remainder.map_or(Power::ZERO, |seen| both.worst_case(Some(seen), site.tick.period, horizon));
        by_meters.max(by_poi)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::file::load;

    fn standing() -> Standing {
        Standing::new(load("demo.toml", include_str!("../../sites/demo.toml")).unwrap())
    }

    fn kw(kw: i64) -> Power {
        Power::from_kilowatts(kw)
    }

    fn meters(poi: i64, hall: i64) -> Meters {
        let aged = |power: i64| Some((kw(power), Duration::from_millis(100)));
        Meters { poi: aged(poi), hall: aged(hall), house: aged(30) }
    }

    #[test]
    fn a_group_fits_beside_a_low_hall_and_not_beside_one_at_its_plate_with_all_others_on() {
        let standing = standing();
        let others: Vec<Power> = standing.site.groups.iter().skip(1).map(|group| group.nameplate()).collect();
        let others: Vec<Power> = std::iter::once(Power::ZERO).chain(others).collect();
        let drawn = others.iter().copied().sum();
        let facts = |meters| Facts { standing: &standing, meters, cap: None, others: &others, drawn };
        assert_eq!(facts(meters(2_700, 1_000)).fit(&[(0, kw(28))]), Ok(()));
        let full = facts(meters(3_990, 2_790)).fit(&[(0, kw(28))]);
        assert!(matches!(full, Err(Short::NoRoom { group: 0, .. })), "{full:?}");
        let capped = Facts { cap: Some(kw(2_000)), ..facts(meters(2_700, 1_000)) };
        assert!(capped.fit(&[(0, kw(28))]).is_err(), "the operator's cap holds in a drill too");
    }

    #[test]
    fn a_hall_that_nobody_sees_counts_as_its_plate_and_nothing_is_raised() {
        let standing = standing();
        let unseen = Meters { hall: None, ..meters(1_000, 500) };
        let facts = Facts { standing: &standing, meters: unseen, cap: None, others: &[], drawn: Power::ZERO };
        assert_eq!(facts.are_fresh(), Err(Short::Stale("hall")));
        assert_eq!(facts.fit(&[(0, kw(28))]), Ok(()), "4 MW less both plates leave 1.16 MW");
        assert!(facts.fit(&[(0, kw(700)), (30, kw(700))]).is_err());
        let old = Meters { poi: Some((kw(500), Duration::from_secs(9))), ..meters(1_000, 500) };
        assert_eq!(Facts { meters: old, ..facts }.are_fresh(), Err(Short::Stale("POI")));
    }

    #[test]
    fn load_that_only_the_poi_sees_takes_room_too() {
        let standing = standing();
        let facts =
            Facts { standing: &standing, meters: meters(3_980, 500), cap: None, others: &[], drawn: Power::ZERO };
        assert!(
            facts.fit(&[(0, kw(28))]).is_err(),
            "something draws 3.4 MW that no other meter sees, and 20 kW are left"
        );
    }
}
