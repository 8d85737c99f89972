//! The small site that targets decide for, and what a plan must keep whatever it was decided from.

use std::sync::OnceLock;
use std::time::Duration;

use ballast::decide::{Memory, Standing, decide};
use ballast::plan::Plan;
use ballast::site::Site;
use ballast::site::file::load;
use ballast::snapshot::{GroupSeen, Link, Orders, Peak, PriceSeen, Reading, Snapshot, Terms};
use ballast::time::{Mono, Now, Wall};
use ballast::units::{Power, Price};

/// Its text.
pub(super) const TEXT: &str = include_str!("small.toml");

/// 2026-11-22T05:00:00Z.
const START: i64 = 1_795_323_600_000_000;

/// It with everything that follows.
pub(super) fn small() -> &'static Standing {
    static SMALL: OnceLock<Standing> = OnceLock::new();
    SMALL.get_or_init(|| Standing::new(load("small.toml", TEXT).expect("the small site is whole")))
}

/// Everything is fresh, and every group does what it was told.
pub(super) fn fresh(site: &Site, tick: u64, told: &[u64], orders: Orders) -> Snapshot {
    let mono = Mono::from_millis(3_600_000 + tick * 100);
    let wall = Wall::from_micros(START).after(Duration::from_millis(tick * 100));
    let at = mono.before(Duration::from_millis(20));
    let group = |ix: usize| {
        let on = told.get(ix).copied().unwrap_or(0);
        let power = site.groups[ix].unit * i64::from(on.count_ones());
        GroupSeen {
            link: Link::Up,
            power: Reading::Known(power, at),
            on: Some((on, at)),
            written: Some((on, at)),
            miners: None,
        }
    };
    let groups: Vec<GroupSeen> = (0..site.groups.len()).map(group).collect();
    let miners: Power = groups.iter().filter_map(|group| group.power.known()).map(|(power, _)| power).sum();
    let (hall, house) = (Power::from_watts(site.hall.nameplate.watts() / 2), site.house.nameplate);
    Snapshot {
        tick,
        now: Now { mono, wall },
        poi: Reading::Known(hall + house + miners, at),
        hall: Reading::Known(hall, at),
        house: Reading::Known(house, at),
        price: Some(PriceSeen { price: Price::from_micro_usd_per_mwh(31_000_000), at }),
        terms: Some(terms(hall + house, wall)),
        orders,
        durable: tick.saturating_sub(1),
        groups,
        relay: None,
        contactors: vec![GroupSeen { on: Some((1, at)), ..GroupSeen::default() }; site.contactors().count()],
    }
}

/// A tariff that is dearer from some import on, and a quarter hour that has a peak to keep.
fn terms(firm: Power, wall: Wall) -> Terms {
    let price = |dollars: i64| Price::from_micro_usd_per_mwh(dollars * 1_000_000);
    let quarter = 900_000_000;
    let from = wall.micros() - wall.micros().rem_euclid(quarter);
    let (from, until) = (Wall::from_micros(from), Wall::from_micros(from + quarter));
    let peak = Peak { line: 0, at_most: firm * 2, from, until, earlier: 1 };
    Terms { indexed: true, steps: vec![(Power::ZERO, price(25)), (firm, price(31))], peaks: vec![peak] }
}

/// Decides some ticks of fresh readings, and holds every plan against what it must keep.
pub(super) fn run(
    standing: &Standing,
    mut memory: Memory,
    ticks: u64,
    orders: Orders,
) -> Vec<(Snapshot, Plan, Memory)> {
    let mut told = vec![0; standing.groups.len()];
    let mut all = Vec::new();
    for tick in 1..=ticks {
        let snapshot = fresh(&standing.site, tick, &told, orders.clone());
        let (plan, kept) = decide(standing, memory, &snapshot);
        keeps_its_promise(standing, &snapshot, &plan, &told);
        told = plan.commands.iter().map(|command| command.on).collect();
        memory = kept.clone();
        all.push((snapshot, plan, kept));
    }
    all
}

fn keeps_its_promise(standing: &Standing, snapshot: &Snapshot, plan: &Plan, before: &[u64]) {
    assert_eq!(plan.commands.len(), standing.groups.len(), "a command for every group");
    let mut all = Power::ZERO;
    let mut behind = vec![Power::ZERO; standing.behind.len()];
    let mut raised = false;
    for ((command, fixed), before) in plan.commands.iter().zip(&standing.groups).zip(before) {
        assert_eq!(command.on & !fixed.all_on, 0, "units that there are not");
        assert!(command.lapses > snapshot.now.mono, "a permit ends after it begins");
        all += fixed.power_of(command.on);
        behind[fixed.feeder] += fixed.power_of(command.on);
        raised |= command.on & !before != 0;
    }
    if snapshot.orders.e_stop {
        assert_eq!(all, Power::ZERO, "e-stop is off");
    }
    if raised {
        let hall = snapshot.hall.known().map_or(standing.site.hall.nameplate, |(power, _)| power);
        assert!(all + hall <= standing.site.poi.import_limit, "{all} raised beside {hall}");
        for (feeder, behind) in standing.site.feeders.iter().zip(behind) {
            assert!(behind <= feeder.rating, "{behind} raised behind {}", feeder.rating);
        }
    }
}
