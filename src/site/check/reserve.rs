//! The reserve by response class: a miner that is gone in 0.1 s can fill headroom that one that needs 1 s cannot.

use std::time::Duration;

use super::responses;
use crate::site::{Group, Site};
use crate::units::Power;

/// The reserve table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// The readings of the hall it is made for.
    pub hall_at: Vec<Power>,
    /// How old the hall's reading is taken to be: as old as a healthy one gets before the next is read.
    pub age: Duration,
    /// Longest time between two decisions.
    pub period: Duration,
    /// One line for each distinct response, fastest first.
    pub lines: Vec<ReserveLine>,
    /// What all miners together may draw, for each of `hall_at`.
    pub all: Vec<Power>,
}

/// All groups with at least this response, together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReserveLine {
    /// From the decision to the power being gone.
    pub response: Duration,
    /// How many groups are this slow or slower.
    pub groups: usize,
    /// Their nameplate.
    pub fleet: Power,
    /// Their room, for each of [`Reserve::hall_at`].
    pub rooms: Vec<Room>,
}

/// What is kept free for the firm load, and what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What hall and house can have become by the time these groups are gone.
    pub firm: Power,
    /// What these groups may draw: the limit less that, at most their nameplate.
    pub miners: Power,
}

/// Hall and house when the hall reads this, by the time a path of this response has acted. The house counts as its
/// nameplate: it is small, and nobody watches it.
fn firm(site: &Site, hall: Power, age: Duration, response: Duration) -> Power {
    let reading = site.hall.meter.map(|_| (hall, age));
    site.hall.worst_case(reading, site.tick.period, response) + site.house.nameplate
}

pub(super) fn reserve(site: &Site, age: Duration, hall_at: Option<Power>) -> Reserve {
    let nameplate = site.hall.nameplate;
    let part = |quarters: i64| Power::from_watts(nameplate.watts() / 4 * quarters);
    let mut columns = vec![part(2), hall_at.unwrap_or(part(3)).or_zero().min(nameplate), nameplate];
    columns.sort();
    columns.dedup();
    let line = |response| {
        let slow: Vec<&Group> = site.groups.iter().filter(|group| group.response() >= response).collect();
        let fleet: Power = slow.iter().map(|group| group.nameplate()).sum();
        let room = |hall: &Power| {
            let firm = firm(site, *hall, age, response);
            Room { firm, miners: (site.poi.import_limit - firm).or_zero().min(fleet) }
        };
        ReserveLine { response, groups: slow.len(), fleet, rooms: columns.iter().map(room).collect() }
    };
    let all = columns.iter().map(|hall| fill(site, *hall, age)).collect();
    let lines = responses(site).into_iter().map(line).collect();
    Reserve { age, period: site.tick.period, lines, all, hall_at: columns }
}

/// The most all miners together may draw when the hall reads this, at this age: the slowest class first, each up to its own bound.
pub(super) fn fill(site: &Site, hall: Power, age: Duration) -> Power {
    let add = |filled: Power, response: Duration| {
        let class = site.groups.iter().filter(|group| group.response() == response);
        let class: Power = class.map(Group::nameplate).sum();
        (filled + class).min((site.poi.import_limit - firm(site, hall, age, response)).or_zero())
    };
    responses(site).into_iter().rev().fold(Power::ZERO, add)
}
