//! What must last, lasts; what is damaged is set aside.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ballast::journal::{Keeper, Opened, Store, StoreError, store};

fn open(path: &Path) -> (Store, Opened) {
    Store::open(path).unwrap()
}

#[test]
fn values_last_over_a_restart_small_and_large() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let dwell: BTreeMap<String, u64> = [("north-01".to_owned(), 7)].into();
    let site = "x = 1\n".repeat(170_000);
    let (mut first, opened) = open(&path);
    assert_eq!(opened, Opened::Whole);
    first.put(store::DWELL, &dwell).unwrap();
    first.put(store::LAST_GOOD_SITE, &site).unwrap();
    first.put("gone", &1).unwrap();
    first.commit().unwrap();
    first.put(store::LAST_GOOD_SITE, "short").unwrap();
    first.remove("gone");
    assert_eq!(first.get::<u64>("gone").unwrap(), None);
    drop(first);
    let (mut second, opened) = open(&path);
    assert_eq!(opened, Opened::Whole);
    assert_eq!(second.get(store::DWELL).unwrap(), Some(dwell));
    assert_eq!(second.get(store::LAST_GOOD_SITE).unwrap(), Some(site), "what was not committed is not there");
    second.put(store::LAST_GOOD_SITE, "short").unwrap();
    second.remove("gone");
    second.commit().unwrap();
    drop(second);
    let (third, _) = open(&path);
    assert_eq!(third.get::<String>(store::LAST_GOOD_SITE).unwrap().as_deref(), Some("short"));
    assert_eq!(third.get::<u64>("gone").unwrap(), None);
    assert!(third.get::<u64>(store::LAST_GOOD_SITE).is_err(), "a text is no number");
    assert_eq!(third.get::<u64>("site").unwrap(), None, "a key is not the beginning of another");
}

#[test]
fn too_large_a_value_is_refused_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = open(dir.path());
    let refused = store.put("margins", &"x".repeat(9 << 20)).unwrap_err().to_string();
    assert!(refused.starts_with("`margins` has 9437186 bytes"), "{refused}");
}

fn filled(path: &Path) {
    let (mut store, _) = open(path);
    for number in 0..500 {
        store.put(&format!("key-{number}"), &"v".repeat(2_000)).unwrap();
    }
    store.commit().unwrap();
}

#[test]
fn a_snapshot_that_was_never_finished_does_not_stop_it() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    fs::write(dir.path().join("snap.0000000000000ABC.generating"), "").unwrap();
    let (store, opened) = open(dir.path());
    assert_eq!(opened, Opened::Whole);
    assert_eq!(store.get::<String>("key-499").unwrap().map(|value| value.len()), Some(2_000));
}

#[test]
fn a_store_in_use_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _) = open(dir.path());
    first.put(store::MARGINS, &5).unwrap();
    first.commit().unwrap();
    assert!(matches!(Store::open(dir.path()), Err(StoreError::InUse(_))));
    drop(first);
    let (second, opened) = open(dir.path());
    assert_eq!((second.get(store::MARGINS).unwrap(), opened), (Some(5), Opened::Whole));
}

/// Damages the file at this part of its length and opens the store. Whether it was set aside.
fn is_set_aside_after(part: usize, length: usize) -> bool {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("store");
    filled(&path);
    let mut db = fs::read(path.join("db")).unwrap();
    let at = (db.len() - length) * part / 100;
    db[at..at + length].iter_mut().for_each(|byte| *byte ^= 0xA5);
    fs::write(path.join("db"), &db).unwrap();
    let (mut store, opened) = open(&path);
    let aside = match opened {
        Opened::Whole => {
            let there = |number: &usize| store.get::<String>(&format!("key-{number}")).unwrap().is_some();
            assert_eq!((0..500).filter(there).count(), 500, "damage at {part} % went unseen");
            false
        }
        Opened::SetAside { to, why } => {
            assert_eq!(to, parent.path().join("store.bad-1"));
            assert!(to.join("db").exists() && !why.is_empty());
            assert_eq!(store.get::<String>("key-1").unwrap(), None);
            true
        }
    };
    store.put("margins", &1).unwrap();
    store.commit().unwrap();
    drop(store);
    assert_eq!(open(&path).0.get("margins").unwrap(), Some(1));
    aside
}

#[test]
fn damage_is_set_aside_wherever_it_is_or_touched_no_value() {
    let damages = [(0, 64), (20, 64), (20, 200_000), (50, 4_096), (80, 64), (100, 64)];
    let aside = damages.into_iter().filter(|(part, length)| is_set_aside_after(*part, *length)).count();
    assert!(aside >= 3, "only {aside} of {} were seen", damages.len());
}

#[test]
fn the_keeper_stores_the_newest_value_of_each_key_off_the_loop() {
    let dir = tempfile::tempdir().unwrap();
    let keeper = Keeper::start(open(dir.path()).0).unwrap();
    for value in 0..1_000 {
        keeper.put(store::MARGINS, &value);
        keeper.put(store::DWELL, &(value * 2));
    }
    keeper.close().unwrap();
    let (store, _) = open(dir.path());
    assert_eq!(store.get(store::MARGINS).unwrap(), Some(999));
    assert_eq!(store.get(store::DWELL).unwrap(), Some(1_998));
}
