//! The sites that stories are told of.

use std::time::Duration;

use ballast::site::{
    Ages, Budgets, CommsLoss, Economics, Feeder, Fill, FirmLoad, Firmware, FirmwarePath, Group, Guard, LowPower, Path,
    Poi, PriceLost, Restore, Site, Tick,
};
use ballast::units::{Efficiency, Hashprice, Power, Share, Slew};

pub const fn kw(kw: i64) -> Power {
    Power::from_kilowatts(kw)
}

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// 40 MW, a hall of 30 MW that slews 4 MW/s, miners of 8 and 6 MW that are gone in 500 ms.
pub fn site() -> Site {
    let firm = |nameplate, slew| FirmLoad {
        nameplate,
        slew: Slew::from_watts_per_second(slew),
        step: Power::ZERO,
        meter: Some(0),
        feeder: None,
    };
    Site {
        name: "story".into(),
        poi: Poi {
            import_limit: kw(40_000),
            within: ms(2_000),
            ramp: Slew::from_watts_per_second(1_000_000),
            meter: 0,
            guard: Guard::Relay { trips_within: ms(500) },
            falls_within: None,
        },
        hall: firm(kw(30_000), 4_000_000),
        house: firm(Power::ZERO, 0),
        feeders: vec![
            Feeder { name: "north".into(), rating: kw(9_000), contactor: None },
            Feeder { name: "south".into(), rating: kw(7_000), contactor: None },
        ],
        groups: vec![group("north", 0, 64, kw(125), 17_500, 500), group("south", 1, 60, kw(100), 20_000, 500)],
        devices: vec![],
        relay: None,
        tick: Tick { period: ms(100), lapse: ms(2_000) },
        fill: Fill { window: ms(300_000), confidence: Share::from_ppm(999_000) },
        restore: Restore {
            ramp: Slew::from_watts_per_second(2_000_000),
            stagger: ms(200),
            batch: kw(500),
            settle: ms(2_000),
        },
        supply: None,
        economics: Economics {
            hashprice: Hashprice::from_micro_usd_per_ph_day(39_000_000),
            pool_fee: Share::ZERO,
            price_lost: PriceLost::Run,
        },
        ages: Ages { meter: ms(500), device: ms(3_000), price: ms(1_800_000) },
        failsafe: ballast::site::Failsafe::usual(std::time::Duration::from_secs(2)),
        budgets: Budgets { sense: ms(200), decide: ms(5), write: ms(50), acknowledge: ms(250), proof: ms(2_000) },
    }
}

pub fn group(name: &str, feeder: usize, units: u32, unit: Power, mj_per_th: i64, response_ms: u64) -> Group {
    Group {
        name: name.into(),
        feeder: Some(feeder),
        miners: units,
        units,
        unit,
        efficiency: Efficiency::from_millijoules_per_th(mj_per_th),
        firmware: None,
        paths: vec![Path {
            device: 0,
            response: ms(response_ms),
            proof: ms(response_ms + 2_000),
            comms_loss: CommsLoss::Holds,
            meter: None,
        }],
        dwell_on: ms(10_000),
        dwell_off: ms(10_000),
    }
}

/// The same with miners that are told to sleep: gone 1.5 s later, 40 W each asleep, proved within 6 s.
pub fn sleeper(name: &str, feeder: usize, units: u32, unit: Power, first: bool) -> Group {
    let mut group = group(name, feeder, units, unit, 17_500, 100);
    group.firmware = Some(FirmwarePath {
        firmware: Firmware::Luxos,
        addresses: vec![],
        poll: ms(2_000),
        login: None,
        response: ms(1_500),
        proof: ms(6_000),
        asleep: Power::from_watts(40),
        first,
        low: None,
    });
    group
}

/// The same with a level between: two thirds of the power at 14 J/TH, measured within a minute.
pub fn two_levels(name: &str, feeder: usize, units: u32, unit: Power) -> Group {
    let mut group = sleeper(name, feeder, units, unit, true);
    let power = Power::from_watts(unit.watts() * 2 / 3);
    let low =
        LowPower { power, efficiency: Efficiency::from_millijoules_per_th(14_000), full: unit, proof: ms(60_000) };
    group.firmware.as_mut().unwrap().low = Some(low);
    group
}
