//! The firm load: what it is, and what it can have become by the time each response class is gone.

use std::time::Duration;

use super::failsafe::acted_on;
use super::memory::Memory;
use super::standing::Standing;
use crate::plan::Condition;
use crate::sabotage::{self, Sabotage};
use crate::site::FirmLoad;
use crate::snapshot::Snapshot;
use crate::time::Mono;
use crate::units::Power;

/// All firm load of the site as the tick sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Firm {
    /// Per response class: the worst case by the time that class is gone.
    pub(super) worst: Vec<Power>,
    /// The same for the hall alone.
    pub(super) hall: Vec<Power>,
    /// The same for the house alone.
    pub(super) house: Vec<Power>,
    /// What it is now: the higher of what the load meters say and what the POI leaves when the miners are taken off.
    pub(super) now: Power,
    /// The nameplates together.
    pub(super) nameplate: Power,
    /// What only the POI sees: its remainder beyond what the load meters say, where both are fresh.
    pub(super) unmetered: Option<Power>,
    /// The hall's meter has shown no value for long, or never: what the hall draws is guessed.
    pub(super) hall_unknown: bool,
    /// The POI has not been seen for so long that it is acted on: the firm load counts as rising on the site's ramp.
    pub(super) poi_unknown: bool,
    /// Age of the hall's reading, where there is one.
    pub(super) hall_age: Option<Duration>,
}

impl Firm {
    /// Reads the firm load out of the snapshot. With a meter of its own and the POI's remainder, the higher counts. A POI
    /// that is lost or stale takes nothing back: what only it had seen, for a second and not for the moment by which two meters
    /// are apart, stays counted, and nothing more is made of it.
    pub(super) fn read(standing: &Standing, memory: &Memory, snapshot: &Snapshot) -> Self {
        let site = &standing.site;
        let now = snapshot.now.mono;
        let (hall, house) = (aged(memory.metered.hall, now), aged(memory.metered.house, now));
        let fresh = |seen: Option<(Power, Duration)>| seen.filter(|(_, age)| *age <= site.ages.meter);
        let remainder = fresh(remainder(memory, now));
        let value = |load: &FirmLoad, seen: Option<(Power, Duration)>| {
            seen.map_or(load.nameplate, |(value, _)| value.or_zero())
        };
        let metered = value(&site.hall, hall) + value(&site.house, house);
        let unmetered = remainder.zip(fresh(hall)).map(|((power, poi_age), (_, hall_age))| {
            // The hall may have risen since its own reading, which its worst case has already.
            let since = (site.hall.slew + site.house.slew).over(hall_age.saturating_sub(poi_age));
            (power - metered - since).or_zero()
        });
        let lasting = memory.unmetered.iter().map(|(_, power)| *power).min().unwrap_or(Power::ZERO);
        let hidden = unmetered.map_or(lasting, |now| now.min(lasting));
        let unseen = acted_on(&memory.conditions, Condition::PoiUnseen, now);
        let rises = unseen.map_or(Power::ZERO, |time| site.poi.ramp.over(time));
        let mut firm = Self {
            now: remainder.map_or(Power::ZERO, |(power, _)| power).max(metered + hidden),
            nameplate: site.hall.nameplate + site.house.nameplate,
            unmetered,
            hall_unknown: fresh(hall).is_none(),
            poi_unknown: unseen.is_some(),
            hall_age: hall.map(|(_, age)| age),
            ..Self::default()
        };
        let both = FirmLoad {
            nameplate: firm.nameplate,
            slew: site.hall.slew + site.house.slew,
            step: site.hall.step + site.house.step,
            meter: None,
            feeder: None,
        };
        for response in &standing.classes {
            let by_hall = site.hall.worst_case(hall, site.tick.period, *response);
            let by_house = site.house.worst_case(house, site.tick.period, *response);
            let by_poi = remainder.map_or(Power::ZERO, |seen| both.worst_case(Some(seen), site.tick.period, *response));
            let by_meters = by_hall + by_house + hidden;
            let lower = sabotage::is(Sabotage::LowerOfTwo);
            let worst = if lower { by_meters.min(by_poi) } else { by_meters.max(by_poi) };
            firm.worst.push((worst + rises).min(worst.max(firm.nameplate)));
            firm.hall.push(by_hall);
            firm.house.push(by_house);
        }
        firm
    }

    /// How much more than now the firm load can become by the time this class is gone.
    pub(super) fn reserve(&self, class: usize) -> Power {
        (self.worst.get(class).copied().unwrap_or(self.nameplate) - self.now).or_zero()
    }
}

/// What a meter showed last, with its age; no value where it never had one.
pub(super) fn aged(metered: Option<(Power, Mono)>, now: Mono) -> Option<(Power, Duration)> {
    metered.map(|(value, at)| (value, now.since(at)))
}

/// What the POI leaves for firm load when the most that the miners can have drawn in the last second is taken off: guards
/// against load that no other meter sees, and never claims more than there must be.
fn remainder(memory: &Memory, now: Mono) -> Option<(Power, Duration)> {
    let (import, age) = aged(memory.metered.poi, now).filter(|_| !sabotage::is(Sabotage::RemainderIsZero))?;
    let miners = memory.counted.iter().map(|(_, power)| *power).max()?;
    Some(((import - miners).or_zero(), age))
}
