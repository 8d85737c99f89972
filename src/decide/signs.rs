//! What the fail-safe looks at, read out of a snapshot.

use std::time::Duration;

use super::drawn::Drawn;
use super::failsafe::{RelaySign, Signs};
use super::firm::aged;
use super::memory::Memory;
use super::standing::Standing;
use crate::site::FirmLoad;
use crate::snapshot::{Reading, Snapshot};
use crate::units::Power;

impl Signs {
    /// Reads them. `drawn` is what all groups were just counted to draw.
    pub(super) fn read(
        standing: &Standing,
        memory: &mut Memory,
        snapshot: &Snapshot,
        drawn: &Drawn,
        price_lost: bool,
    ) -> Self {
        let now = snapshot.now.mono;
        let (poi, hall) = (aged(memory.metered.poi, now), aged(memory.metered.hall, now));
        let import = poi.filter(|(_, age)| *age <= standing.site.ages.meter).map(|(power, _)| power);
        Self {
            now,
            e_stop: snapshot.orders.e_stop,
            drain: snapshot.orders.drain,
            poi_age: poi.map(|(_, age)| age),
            import,
            hall_age: hall.map(|(_, age)| age),
            record_behind: record_behind(memory, snapshot),
            price_lost,
            relay: relay(standing, memory, snapshot),
            residual: import.map_or(Power::ZERO, |import| residual(standing, memory, snapshot, drawn, import)),
        }
    }
}

/// As it was seen last: one that falls silent in the moment it trips has not come back.
fn relay(standing: &Standing, memory: &mut Memory, snapshot: &Snapshot) -> Option<RelaySign> {
    standing.site.relay?;
    memory.relay = snapshot.relay.or(memory.relay);
    let seen = memory.relay;
    Some(RelaySign {
        tripped: seen.is_some_and(|seen| seen.tripped),
        armed: seen.is_some_and(|seen| seen.armed),
        age: seen.map(|seen| snapshot.now.mono.since(seen.at)),
    })
}

/// For how long no record has become durable.
fn record_behind(memory: &mut Memory, snapshot: &Snapshot) -> Duration {
    let now = snapshot.now.mono;
    let (durable, _) = memory.durable;
    // The first tick has nothing behind it.
    if snapshot.durable != durable || snapshot.tick <= 1 {
        memory.durable = (snapshot.durable, now);
    }
    let (_, since) = memory.durable;
    now.since(since)
}

/// How far the POI is from what the other meters can account for: between what groups are seen to draw for sure, and the most
/// that all of them were counted to draw in the last second. A firm load without a reading leaves nothing to compare.
fn residual(standing: &Standing, memory: &Memory, snapshot: &Snapshot, drawn: &Drawn, import: Power) -> Power {
    let metered = |load: &FirmLoad, reading: Reading| match (load.meter, reading.known()) {
        (None, _) => Some((Power::ZERO, load.nameplate)),
        (Some(_), Some((power, _))) => Some((power, power)),
        (Some(_), None) => None,
    };
    let loads = metered(&standing.site.hall, snapshot.hall).zip(metered(&standing.site.house, snapshot.house));
    let Some(((hall_low, hall_high), (house_low, house_high))) = loads else { return Power::ZERO };
    let miners = memory.counted.iter().map(|(_, power)| *power).max().unwrap_or(drawn.all);
    let (low, high) = (hall_low + house_low + drawn.seen, hall_high + house_high + miners);
    import.max(high) - high - (low - import.min(low))
}
