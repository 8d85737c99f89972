//! What the operator ordered holds over a restart, whatever became of the store.

use std::fs;
use std::path::Path;

use ballast::journal::{Journal, Store, last_orders, store};
use ballast::plan::Plan;
use ballast::run::{Asked, Begun, begin};
use ballast::site::Site;
use ballast::site::file::load;
use ballast::snapshot::{Orders, Snapshot};
use ballast::units::Power;
use serde_json::json;

use super::{Run, moment, segments};

const TEXT: &str = include_str!("../../sites/demo.toml");

fn stopped() -> Orders {
    let locked = ["north-01".to_owned(), "north-02".to_owned()].into();
    Orders {
        e_stop: true,
        drain: false,
        cap: Some(Power::from_kilowatts(2_000)),
        locked,
        open: ["north".to_owned()].into(),
    }
}

#[test]
fn the_orders_of_the_last_tick_are_found_and_a_start_changes_none() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(last_orders(&dir.path().join("nothing")), Ok(None));
    assert_eq!(last_orders(dir.path()), Ok(None));
    let mut run = Run::start(dir.path(), 1);
    run.ticks(650);
    run.close();
    let capped = Orders { cap: Some(Power::from_kilowatts(3_000)), ..Orders::default() };
    assert_eq!(last_orders(dir.path()), Ok(Some(capped.clone())));
    Run::start(dir.path(), 2).close();
    assert_eq!(last_orders(dir.path()), Ok(Some(capped)), "a run without a tick");
    let mut run = Run::start(dir.path(), 3);
    run.ticks(10);
    run.close();
    assert_eq!(last_orders(dir.path()), Ok(Some(Orders::default())));
}

#[test]
fn an_order_that_no_tick_has_seen_yet_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::start(dir.path(), 1);
    run.ticks(10);
    let order = json!({ "e_stop": true, "drain": false, "cap": 2_000_000, "locked": ["north-01", "north-02"], "open": ["north"], "actor": { "type": "page" } });
    let _ = run.journal.note(run.story.snapshot.now.wall, "orders", None, &order);
    run.close();
    assert_eq!(last_orders(dir.path()), Ok(Some(stopped())));
}

#[test]
fn an_end_that_is_not_understood_is_not_taken_for_no_orders() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::start(dir.path(), 1);
    run.ticks(645);
    run.close();
    let path = &segments(dir.path())[0];
    let text = fs::read_to_string(path).unwrap();
    // The tick with the cap, in which one byte is wrong; those after it say nothing of orders.
    let at = text.find(r#""cap":3000000"#).unwrap();
    fs::write(path, text[..at].to_owned() + "]" + &text[at + 1..]).unwrap();
    let doubt = last_orders(dir.path()).unwrap_err();
    assert!(doubt.starts_with("000000000000.jsonl line "), "{doubt}");
    // A torn end was never acknowledged, and what stands before it is known.
    fs::write(path, &text[..text.len() - 3]).unwrap();
    assert_eq!(last_orders(dir.path()).map(|orders| orders.unwrap().cap.is_some()), Ok(true));
}

fn site() -> Site {
    load("demo.toml", TEXT).unwrap_or_else(|problems| panic!("{problems}"))
}

fn start(folder: &Path) -> Begun {
    begin(&site(), &[("site", "demo.toml", TEXT)], folder, Asked::default()).unwrap()
}

/// A controller that is gone without a word, and the orders its last ticks saw: the store was never told of them.
fn controlled_under(orders: Orders, folder: &Path) {
    let mut begun = start(folder);
    for tick in 1..=3 {
        let snapshot = Snapshot { tick, now: moment(1_000_000 * tick), orders: orders.clone(), ..Snapshot::default() };
        let _ = begun.journal.tick(&snapshot, &Plan::default(), String::new);
    }
    assert!(Journal::flush(&begun.journal));
}

#[test]
fn an_e_stop_and_a_cap_outlive_a_store_that_is_gone_bad_or_behind() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 4] = [
        ("nothing", |_| {}),
        ("gone", |state| fs::remove_dir_all(state).unwrap()),
        ("bad", |state| fs::write(state.join("db"), [0x5A; 4_096]).unwrap()),
        ("no folder can be made of it", |state| {
            fs::remove_dir_all(state).unwrap();
            fs::write(state, "").unwrap();
        }),
    ];
    for (what, harm) in harms {
        let dir = tempfile::tempdir().unwrap();
        controlled_under(stopped(), dir.path());
        harm(&dir.path().join("state"));
        let begun = start(dir.path());
        assert_eq!(begun.orders, stopped(), "{what}: {:?}", begun.remarks);
        assert!(begun.remarks.iter().any(|remark| remark.starts_with("e-stop is still pressed")), "{what}");
        assert!(begun.memory.groups.iter().all(|group| group.unwatched), "{what}: its last moment is not known");
        drop(begun);
        // And once more, though nobody ordered anything since.
        assert_eq!(start(dir.path()).orders, stopped(), "{what}");
    }
}

#[test]
fn a_release_that_store_and_journal_know_holds_as_well() {
    let dir = tempfile::tempdir().unwrap();
    controlled_under(stopped(), dir.path());
    let mut begun = start(dir.path());
    let released = Snapshot { tick: 1, now: moment(9_000_000), ..Snapshot::default() };
    let _ = begun.journal.tick(&released, &Plan::default(), String::new);
    assert!(begun.journal.flush());
    drop(begun);
    let (mut store, _) = Store::open(&dir.path().join("state")).unwrap();
    store.put(store::ORDERS, &Orders::default()).unwrap();
    store.commit().unwrap();
    drop(store);
    assert_eq!(start(dir.path()).orders, Orders::default());
}

#[test]
fn where_neither_store_nor_journal_can_be_read_e_stop_holds() {
    let dir = tempfile::tempdir().unwrap();
    controlled_under(Orders::default(), dir.path());
    fs::remove_dir_all(dir.path().join("state")).unwrap();
    let path = &segments(dir.path())[0];
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, text.replace("\"kind\":\"tick\"", "\"kind\":\"tock")).unwrap();
    let begun = start(dir.path());
    assert!(begun.orders.e_stop);
    assert!(
        begun.remarks.iter().any(|remark| remark.contains("e-stop holds until it is released")),
        "{:?}",
        begun.remarks
    );
}

#[test]
fn what_is_in_quarantine_stays_there_until_a_person_starts_with_readmit() {
    let dir = tempfile::tempdir().unwrap();
    drop(start(dir.path()));
    let (mut store, _) = Store::open(&dir.path().join("state")).unwrap();
    store.put(store::STRIKES, &[("south-02", vec![0_u8, 3, 1])]).unwrap();
    store.put(store::DWELL, &serde_json::json!({ "wall_us": 0, "units": [] })).unwrap();
    store.commit().unwrap();
    drop(store);
    let begun = start(dir.path());
    let south = site().groups.iter().position(|group| group.name == "south-02").unwrap();
    assert_eq!(begun.memory.groups[south].asleep.barred, 0b10);
    let told = "miners stay off that drew on when they were to sleep, in south-02 (1); look at them, then start with --readmit";
    assert!(begun.remarks.iter().any(|remark| remark == told), "{:?}", begun.remarks);
    drop(begun);
    let begun = begin(&site(), &[("site", "demo.toml", TEXT)], dir.path(), Asked { readmit: true, ..Asked::default() })
        .unwrap();
    assert_eq!(begun.memory.groups[south].asleep, ballast::decide::Asleep::default());
    drop(begun);
    let all: String = segments(dir.path()).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert!(all.contains("\"kind\":\"quarantine.lifted\"") && all.contains("[\"south-02\",2]"), "{all}");
}
