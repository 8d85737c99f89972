//! Folding the lines gives back exactly what was recorded, whatever it was.

use ballast::journal::{Boot, Fold, Folded, MAX_LINE, Recorder};
use ballast::plan::{Bound, Cause, Command, Condition, Event, Opened, Plan, Retreat, Scope, Stand};
use ballast::snapshot::{
    GroupSeen, Link, MinersSeen, NoData, Orders, Peak, PriceSeen, Reading, RelaySeen, Snapshot, Terms,
};
use ballast::time::{Mono, Now, Wall};
use ballast::units::{Power, Price};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::moment;

fn power() -> impl Strategy<Value = Power> {
    prop_oneof![
        Just(Power::MAX),
        (0..5_000_000_i64).prop_map(Power::from_watts),
        any::<i64>().prop_map(Power::from_watts)
    ]
}

/// Mostly times near the tick's, some from anywhere.
fn mono() -> impl Strategy<Value = Mono> {
    prop_oneof![
        (0..4_u64).prop_map(|step| Mono::from_millis(step * 100)),
        (0..10_000_000_u64).prop_map(Mono::from_micros),
        any::<u64>().prop_map(Mono::from_micros)
    ]
}

fn reading() -> impl Strategy<Value = Reading> {
    let no_data = prop_oneof![
        Just(NoData::NeverRead),
        Just(NoData::NoMeter),
        Just(NoData::NoAnswer),
        Just(NoData::Refused),
        Just(NoData::NotUnderstood),
        Just(NoData::NotAvailable)
    ];
    prop_oneof![(power(), mono()).prop_map(|(power, at)| Reading::Known(power, at)), no_data.prop_map(Reading::NoData)]
}

fn units() -> impl Strategy<Value = Option<(u64, Mono)>> {
    option::of((prop_oneof![Just(255_u64), any::<u64>()], mono()))
}

fn group() -> impl Strategy<Value = GroupSeen> {
    let link = prop_oneof![Just(Link::New), Just(Link::Up), Just(Link::Silent)];
    (link, reading(), units(), units(), option::of(miners())).prop_map(|(link, power, on, written, miners)| GroupSeen {
        link,
        power,
        on,
        written,
        miners,
    })
}

fn miners() -> impl Strategy<Value = MinersSeen> {
    (any::<u64>(), any::<u64>(), any::<u64>(), units()).prop_map(|(asked, reached, mining, written)| MinersSeen {
        asked,
        reached,
        mining,
        written,
    })
}

/// Any moment of the years that RFC 3339 can write.
fn now() -> impl Strategy<Value = Now> {
    let wall = -62_135_596_800_000_000_i64..253_402_300_799_000_000;
    prop_oneof![
        (0..10_000_000_u64).prop_map(moment),
        (mono(), wall).prop_map(|(mono, wall)| Now { mono, wall: Wall::from_micros(wall) })
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    let step = (power(), any::<i64>()).prop_map(|(power, price)| (power, Price::from_micro_usd_per_mwh(price)));
    let peak = (any::<u32>(), power(), any::<i64>(), any::<i64>(), any::<u8>());
    let wall = Wall::from_micros;
    let peak = peak.prop_map(move |(line, at_most, from, until, earlier)| Peak {
        line,
        at_most,
        from: wall(from),
        until: wall(until),
        earlier,
    });
    (any::<bool>(), vec(step, 0..4), vec(peak, 0..3)).prop_map(|(indexed, steps, peaks)| Terms {
        indexed,
        steps,
        peaks,
    })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let locked = proptest::collection::btree_set("[a-z]{1,3}", 0..3);
    let open = proptest::collection::btree_set("[a-z]{1,3}", 0..2);
    let orders = (any::<bool>(), any::<bool>(), option::of(power()), locked, open);
    let price = option::of((any::<i64>(), mono()));
    let tick = prop_oneof![0..20_u64, any::<u64>()];
    let head = (tick, now(), orders, price, prop_oneof![0..20_u64, any::<u64>()]);
    let relay = option::of((any::<bool>(), any::<bool>(), mono()));
    let meters = [reading(), reading(), reading()];
    let switched = (vec(group(), 0..4), vec(group(), 0..3));
    (head, meters, switched, relay, option::of(terms())).prop_map(
        |(head, meters, (groups, contactors), relay, terms)| {
            let [poi, hall, house] = meters;
            let (tick, now, (e_stop, drain, cap, locked, open), price, durable) = head;
            let orders = Orders { e_stop, drain, cap, locked, open };
            let price = price.map(|(price, at)| PriceSeen { price: Price::from_micro_usd_per_mwh(price), at });
            let relay = relay.map(|(tripped, armed, at)| RelaySeen { tripped, armed, at });
            Snapshot { tick, now, poi, hall, house, price, terms, orders, durable, groups, relay, contactors }
        },
    )
}

fn cause() -> impl Strategy<Value = Cause> {
    prop_oneof![Just(Cause::EStop), Just(Cause::ImportLimit), Just(Cause::Price), Just(Cause::Nameplate)]
}

fn stand() -> impl Strategy<Value = Stand> {
    let retreat = prop_oneof![Just(Retreat::None), Just(Retreat::Hold), Just(Retreat::Terminate)];
    let condition = option::of(prop_oneof![Just(Condition::PoiUnseen), Just(Condition::OutOfControl)]);
    (retreat, condition).prop_map(|(retreat, condition)| Stand { retreat, condition })
}

fn bound() -> impl Strategy<Value = Bound> {
    let scope =
        prop_oneof![Just(Scope::Site), (0..3_usize).prop_map(Scope::Feeder), (0..3_usize).prop_map(Scope::Group)];
    (scope, power(), cause()).prop_map(|(scope, at_most, cause)| Bound { scope, at_most, cause })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (cause(), cause(), power()).prop_map(|(from, to, ceiling_w)| Event::ModeChange { from, to, ceiling_w }),
        (power(), power()).prop_map(|(poi_w, limit_w)| Event::Excursion { poi_w, limit_w }),
        (power(), any::<u64>()).prop_map(|(peak_w, dur_ms)| Event::Cleared { peak_w, dur_ms }),
        Just(Event::MeterFresh {}),
        power().prop_map(|residual_w| Event::MetersDisagree { residual_w }),
        stand().prop_map(|stand| Event::Failsafe {
            condition: stand.condition.unwrap_or(Condition::EStop),
            retreat: stand.retreat,
        }),
        (0..4_usize, power()).prop_map(|(group, assumed_w)| Event::DeviceLost { group, assumed_w }),
        // A group beyond the named ones keeps its number.
        (0..9_usize).prop_map(|group| Event::DeviceBack { group }),
        (0..3_usize, power()).prop_map(|(feeder, undue_w)| Event::FeederOpens { feeder, why: Opened::Found, undue_w }),
        (cause(), power(), any::<u32>()).prop_map(|(cause, power_w, groups)| Event::Shed { cause, power_w, groups }),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let few = || prop_oneof![Just(0_u64), any::<u64>()];
    let command = (prop_oneof![Just(255_u64), any::<u64>()], few(), few(), mono())
        .prop_map(|(on, cut, low, lapses)| Command { on, cut, low, lapses });
    let intends = (vec((0..4_usize, any::<u64>()), 0..3), vec(option::of(any::<bool>()), 0..3));
    let powers = (power(), power(), power(), power());
    (powers, (cause(), stand()), vec(bound(), 0..4), vec(command, 0..4), vec(event(), 0..3), intends).prop_map(
        |((ceiling, floor, counted, firm), (cause, stand), limits, commands, events, (intends, contactors))| Plan {
            ceiling,
            floor,
            cause,
            stand,
            limits,
            commands,
            events,
            counted,
            firm,
            intends,
            contactors,
        },
    )
}

fn names() -> Vec<String> {
    ["north-01", "a \"quoted\" one", "ost-ü", "east-02"].map(str::to_owned).to_vec()
}

fn boot() -> Boot {
    Boot { boot: "run-1".into(), version: "0.1.0".into(), reason: "test".into() }
}

/// Folds lines and returns what each complete one was.
fn folded(fold: &mut Fold, lines: &[Vec<u8>]) -> Vec<Folded> {
    for line in lines {
        assert!(line.len() <= MAX_LINE && !line.contains(&b'\n') && !line.contains(&b'\r'));
    }
    let all = lines.iter().map(|line| fold.line(line).unwrap());
    all.filter(|folded| !matches!(folded, Folded::Part)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_snapshot_and_plan_folds_back_exactly(
        ticks in vec((snapshot(), plan(), any::<bool>()), 1..12),
        memory in ".{0,40}",
    ) {
        let (mut recorder, mut fold) = (Recorder::new(7), Fold::default());
        folded(&mut fold, &recorder.boot(moment(0), &boot(), &names()));
        folded(&mut fold, &recorder.keyframe(&memory));
        for (snapshot, plan, keyframe) in ticks {
            folded(&mut fold, &recorder.tick(&snapshot, &plan));
            prop_assert_eq!(fold.snapshot(), &snapshot);
            prop_assert_eq!(&fold.plan(), &plan);
            if keyframe {
                let lines = recorder.keyframe(&memory);
                // Whoever begins to read here knows the same.
                let mut late = Fold::default();
                folded(&mut late, &lines);
                prop_assert_eq!(late.snapshot(), &snapshot);
                prop_assert_eq!(late.memory(), memory.as_str());
                folded(&mut fold, &lines);
                prop_assert_eq!(fold.snapshot(), &snapshot);
            }
        }
    }

    #[test]
    fn a_forged_line_is_an_error_and_never_a_panic(snapshot in snapshot(), plan in plan(), flips in vec(any::<(u16, u8)>(), 1..4)) {
        let (mut recorder, mut fold) = (Recorder::new(0), Fold::default());
        folded(&mut fold, &recorder.boot(moment(0), &boot(), &names()));
        folded(&mut fold, &recorder.keyframe("{}"));
        for mut line in recorder.tick(&snapshot, &plan) {
            for (at, byte) in &flips {
                let at = usize::from(*at) % line.len();
                line[at] = *byte;
            }
            let _ = fold.line(&line);
        }
    }
}

#[test]
fn a_thousand_groups_that_change_at_once_are_split_into_lines_that_fit() {
    let (mut recorder, mut fold) = (Recorder::new(0), Fold::default());
    let names: Vec<String> = (0..2_000).map(|number| format!("container-{number:04}")).collect();
    folded(&mut fold, &recorder.boot(moment(0), &boot(), &names));
    let memory = format!("{{\"text\":\"{}\"}}", "\\\"ü\\u0001 ".repeat(20_000));
    folded(&mut fold, &recorder.keyframe(&memory));
    assert_eq!(fold.memory(), memory);
    let at = Mono::from_micros(u64::MAX / 2);
    let far = Some((u64::MAX, at));
    let group = GroupSeen {
        link: Link::Silent,
        power: Reading::Known(Power::MAX, at),
        on: far,
        written: far,
        miners: Some(MinersSeen { asked: u64::MAX, reached: u64::MAX, mining: u64::MAX, written: far }),
    };
    let bound = Bound { scope: Scope::Group(1_999), at_most: Power::MAX, cause: Cause::AiHallUnknown };
    let snapshot = Snapshot { tick: 1, now: moment(5), groups: vec![group; 2_000], ..Snapshot::default() };
    let plan = Plan {
        limits: vec![bound; 2_000],
        commands: vec![Command { on: u64::MAX, cut: u64::MAX, low: 0, lapses: at }; 2_000],
        events: vec![Event::DeviceBack { group: 1_999 }],
        ..Plan::default()
    };
    let lines = recorder.tick(&snapshot, &plan);
    assert!(lines.len() > 5, "{} lines", lines.len());
    folded(&mut fold, &lines);
    assert_eq!((fold.snapshot(), &fold.plan()), (&snapshot, &plan));
    folded(&mut fold, &recorder.keyframe(&memory));
    assert_eq!((fold.snapshot(), fold.memory()), (&snapshot, memory.as_str()));
}

#[test]
fn an_event_names_the_group_the_tick_that_led_to_it_and_whole_watts() {
    let mut recorder = Recorder::new(41);
    recorder.boot(moment(0), &boot(), &names());
    recorder.keyframe("{}");
    let events = vec![
        Event::DeviceLost { group: 3, assumed_w: Power::from_kilowatts(28) },
        Event::ModeChange { from: Cause::Nameplate, to: Cause::Price, ceiling_w: Power::ZERO },
    ];
    let snapshot = Snapshot { tick: 1, now: moment(100), ..Snapshot::default() };
    let lines = recorder.tick(&snapshot, &Plan { events, ..Plan::default() });
    let text: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
    assert_eq!(
        text,
        [
            r#"{"seq":43,"t":"2026-11-22T05:00:00.000100Z","kind":"tick","lag":1,"ev":2}"#,
            r#"{"seq":44,"t":"2026-11-22T05:00:00.000100Z","kind":"dev.lost","from":43,"assumed_w":28000,"group":"east-02"}"#,
            r#"{"seq":45,"t":"2026-11-22T05:00:00.000100Z","kind":"mode.change","from":43,"ceiling_w":0,"to":"price","was":"nameplate"}"#,
        ]
    );
}

#[test]
fn a_note_says_what_the_loop_says_and_cannot_pose_as_another_record() {
    let mut recorder = Recorder::new(0);
    let wall = moment(0).wall;
    let line = recorder.note(wall, "budget.missed", Some(9), &serde_json::json!({"stage": "decide", "took_us": 6000}));
    let text = r#"{"seq":0,"t":"2026-11-22T05:00:00.000000Z","kind":"budget.missed","from":9,"stage":"decide","took_us":6000}"#;
    assert_eq!(String::from_utf8_lossy(&line[0]), text);
    let line = recorder.note(wall, "orders", None, &serde_json::json!({"seq": 5}));
    assert!(line[0].ends_with(br#""kind":"orders","payload":{"seq":5}}"#));
    let line = recorder.note(wall, "orders", None, &"x".repeat(MAX_LINE));
    assert!(line[0].ends_with(br#""left_out_bytes":65549}"#), "{}", String::from_utf8_lossy(&line[0]));
}
