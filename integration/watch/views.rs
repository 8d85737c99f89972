//! A site that looks alive: made from the time alone, so that every frame and picture can be made again.

use ballast::plan::Cause;
use ballast::snapshot::Link;
use ballast::web::{
    EventView, Faults, GroupView, History, JournalView, OrdersView, Point, ScoreView, Severity, StageView, View,
};

/// 2026-11-22 05:00:00 UTC.
pub(crate) const START: i64 = 1_795_323_600_000;
const LIMIT: i64 = 4_000_000;
const HOUSE: i64 = 31_000;

/// What is wrong with the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    Calm,
    EStop,
    MeterLost,
    HallLost,
    Silent,
}

/// The site `ms` after the start.
pub(crate) fn view(ms: i64, scene: Scene) -> View {
    let hall = hall_at(ms);
    let price = price_at(ms);
    let hall_seen = (scene != Scene::HallLost).then_some(hall);
    let worst = if hall_seen.is_some() { (hall + 157_000).min(2_800_000) } else { 2_800_000 };
    let fleet = fleet();
    let room = (LIMIT - worst - HOUSE).clamp(0, 1_674_000);
    let cause = match scene {
        Scene::EStop => Cause::EStop,
        Scene::HallLost => Cause::AiHallUnknown,
        _ if price > 95_000_000 => Cause::Price,
        _ if room < 1_674_000 => Cause::ImportLimit,
        _ => Cause::FeederRating,
    };
    let miners = match cause {
        Cause::EStop => 0,
        Cause::Price => room.min(1_344_000),
        _ => room - room % 3_440,
    };
    View {
        unix_ms: START + ms,
        site: "demo".into(),
        import_limit_w: LIMIT,
        poi_w: (scene != Scene::MeterLost).then_some(hall + HOUSE + miners),
        hall_w: hall_seen,
        hall_worst_w: worst,
        house_w: Some(HOUSE),
        miners_w: miners,
        counted_w: miners,
        ceiling_w: if cause == Cause::EStop { 0 } else { room },
        price_micro_usd_mwh: Some(price),
        tariff: None,
        cause,
        terminated: None,
        static_w: LIMIT - 2_800_000 - 40_000,
        available_w: hall_seen.map(|hall| LIMIT - hall - HOUSE),
        fleet_w: fleet,
        groups: groups(miners, scene, cause),
        feeders: vec![],
        orders: OrdersView { e_stop: scene == Scene::EStop, ..OrdersView::default() },
        faults: faults(scene),
        stages: stages(),
        events: events(ms, scene),
        score: ScoreView {
            absorbed_share_ppm: Some(931_400),
            static_share_ppm: Some(574_200),
            worst_excess_w: 0,
            excess_ws: 0,
            time_above_ms: 0,
            switches_mean_milli: 2_300,
        },
        journal: JournalView {
            records: 12_345 + u64::try_from(ms / 100).unwrap(),
            durable_lag: 2,
            root_prefix: "9f3ac41e".into(),
        },
        note: "prices replayed at 60x".into(),
        demo: true,
    }
}

/// Every point of the time until `ms`.
pub(crate) fn history(ms: i64, scene: Scene) -> History {
    let mut history = History::default();
    for second in (ms - 300_000) / 1_000..=ms / 1_000 {
        let at = second * 1_000;
        history.push(Point::of(&view(at, if ms - at < 40_000 { scene } else { Scene::Calm })));
    }
    history
}

/// Steps and wiggles of a hall that serves chats: whole seconds of noise on a slow day, a few jumps.
fn hall_at(ms: i64) -> i64 {
    let second = ms.div_euclid(1_000);
    let noise = |seed: i64| {
        let mixed = (second.wrapping_mul(2_654_435_761) ^ seed).wrapping_mul(40_503) >> 7;
        mixed.rem_euclid(1_000) - 500
    };
    let slow = [1_950, 1_990, 2_060, 2_140, 2_230, 2_290, 2_340, 2_260, 2_200, 2_240, 2_330, 2_450];
    let at = usize::try_from(second.rem_euclid(360) / 30).unwrap();
    let part = second.rem_euclid(30);
    let base = slow[at] * (30 - part) / 30 + slow[(at + 1) % slow.len()] * part / 30;
    let jump = if (100..112).contains(&second.rem_euclid(180)) { 330 } else { 0 };
    (base + jump) * 1_000 + noise(7) * 60
}

/// Prices of 5 minutes, replayed at 60x: one every 5 s.
fn price_at(ms: i64) -> i64 {
    let steps = [
        31, 30, 28, 27, 33, 38, 41, 46, 52, 49, 44, 47, 58, 71, 88, 104, 112, 97, 76, 55, 41, 30, 18, 6, -4, -9, 3, 17,
        26, 29,
    ];
    let at = usize::try_from(ms.div_euclid(5_000).rem_euclid(30)).unwrap();
    steps[at] * 1_000_000 + 420_000
}

fn units() -> Vec<(String, i64)> {
    let row = |name: &'static str, count: usize, unit: i64| (1..=count).map(move |n| (format!("{name}-{n:02}"), unit));
    row("north", 24, 3_500).chain(row("south", 24, 3_440)).chain(row("east", 12, 3_070)).collect()
}

fn fleet() -> i64 {
    units().iter().map(|(_, unit)| unit * 8).sum()
}

fn groups(mut watts: i64, scene: Scene, cause: Cause) -> Vec<GroupView> {
    let one = |(ix, (name, unit)): (usize, (String, i64))| {
        let on = (watts / unit).clamp(0, 8);
        watts -= on * unit;
        let silent = scene == Scene::Silent && ix == 6;
        GroupView {
            low: 0,
            name,
            units: 8,
            on: (1_u64 << on) - 1,
            power_w: (!silent).then_some(on * unit),
            link: if silent { Link::Silent } else { Link::Up },
            following: !(scene == Scene::Silent && ix == 29),
            locked: false,
            severed: false,
            cause,
        }
    };
    units().into_iter().enumerate().map(one).collect()
}

fn faults(scene: Scene) -> Faults {
    Faults {
        meter_unplugged: scene == Scene::MeterLost,
        pdu_unplugged: (scene == Scene::Silent).then(|| "north-07".into()),
        hall_jump: false,
    }
}

fn stages() -> Vec<StageView> {
    let stage = |name: &str, p50_us, p99_us, max_us, budget_us, missed| StageView {
        name: name.into(),
        p50_us,
        p99_us,
        max_us,
        budget_us,
        missed,
    };
    vec![
        stage("sense", 24_100, 61_300, 74_000, 200_000, 0),
        stage("decide", 21, 48, 190, 5_000, 0),
        stage("write", 640, 3_900, 8_200, 50_000, 0),
        stage("acknowledge", 1_900, 9_400, 31_000, 250_000, 0),
        stage("proof", 412_000, 1_460_000, 2_210_000, 2_000_000, 3),
    ]
}

fn events(ms: i64, scene: Scene) -> Vec<EventView> {
    let event = |ago: i64, severity, text: &str| EventView {
        unix_ms: START + ms - ms % 1_000 - ago * 1_000,
        severity,
        text: text.into(),
    };
    let mut list = vec![
        event(290, Severity::Info, "started: 60 groups, 1,612 kW of miners, limit 4.00 MW"),
        event(262, Severity::Info, "restored 28 groups, 784 kW"),
        event(201, Severity::Info, "the hall jumped by 330 kW; shed 96 outlets for the import limit"),
        event(200, Severity::Warn, "proof took 2.21 s; its budget is 2 s"),
        event(181, Severity::Info, "restored 12 groups, 330 kW"),
        event(96, Severity::Info, "price 104.42 USD/MWh: east waits"),
        event(41, Severity::Info, "price 76.42 USD/MWh: everything may run again"),
    ];
    match scene {
        Scene::Calm => {}
        Scene::EStop => list.push(event(38, Severity::Alarm, "e-stop pressed: 471 outlets off")),
        Scene::MeterLost => list.push(event(38, Severity::Warn, "poi-meter: no answer; nothing is restored")),
        Scene::HallLost => list.push(event(38, Severity::Warn, "hall-meter: no answer; the hall counts as 2.80 MW")),
        Scene::Silent => {
            list.push(event(38, Severity::Warn, "north-07: no answer; counts as 28.0 kW"));
            list.push(event(12, Severity::Alarm, "south-06: told 0 kW, still draws 27.5 kW"));
        }
    }
    list
}
