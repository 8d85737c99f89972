use std::time::Duration;

use super::*;
use crate::site::Supply;
use crate::time::Mono;

const MINUTE: i64 = 60_000_000;

fn text(price: &str) -> Text {
    let text = format!(
        "format = 1\nname = \"test\"\ncurrency = \"USD\"\ntimezone = \"UTC\"\ninterval = \"15 min\"\n\
         billing = {{ cycle = \"calendar month\", round = \"0.01 USD per line\" }}\n[energy.all]\nprice = \"{price} USD/MWh\"\n"
    );
    Text { sha256: crate::journal::sha256(text.as_bytes()), text }
}

fn at(minute: i64) -> Wall {
    Wall::from_micros(1_795_323_600_000_000 + minute * MINUTE)
}

/// A controller that goes by 40 USD/MWh, whose file says what `lies` there.
fn rates(lies: &str, last_good: Option<Text>) -> Result<Rates, String> {
    let site = crate::site::file::load("demo.toml", include_str!("../../../sites/demo.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tariff.toml");
    std::fs::write(&path, lies).unwrap();
    let supply = Supply {
        file: "tariff.toml".into(),
        expected: None,
        hold_above: Share::from_ppm(200_000),
        power_factor: Share::from_ppm(1_000_000),
        drawn: vec![],
    };
    let last_good = last_good.map(|text| text.text);
    Rates::begin(&site, &supply, Found { path: &path, last_good, drawn: crate::market::Drawn::default() }, at(1))
}

fn good(text: &Text) -> Word {
    Word::Good(Arc::new(proof::proved("tariff.toml", &text.text).unwrap()), text.clone())
}

/// One turn: what was told, and the price that is in force after it.
fn turn(rates: &mut Rates, minute: i64, word: Option<Word>) -> (Vec<&'static str>, i64) {
    rates.slot.lock().unwrap().extend(word);
    let now = Now { mono: Mono::from_millis(u64::try_from(minute).unwrap() * 60_000), wall: at(minute) };
    let snapshot = Snapshot { now, ..Snapshot::default() };
    let (told, _) = rates.turn(&snapshot, std::iter::empty(), None);
    let terms = rates.terms(now, None).unwrap();
    (told.iter().map(|told| told.kind).collect(), terms.steps[0].1.micro_usd_per_mwh() / 1_000_000)
}

#[test]
fn a_good_file_takes_effect_at_the_next_boundary_and_the_newest_one_counts() {
    let mut rates = rates(&text("40").text, None).unwrap();
    assert_eq!(turn(&mut rates, 2, None), (vec![], 40));
    assert_eq!(turn(&mut rates, 3, Some(good(&text("44")))), (vec!["tariff.next"], 40));
    assert_eq!(turn(&mut rates, 5, Some(good(&text("45")))), (vec!["tariff.next"], 40));
    assert_eq!(turn(&mut rates, 14, None), (vec![], 40));
    assert_eq!(turn(&mut rates, 15, None), (vec!["tariff.in_force"], 45));
    assert_eq!(rates.in_force().1.sha256, text("45").sha256);
    // What was on its way is not, once the file is again as it was.
    assert_eq!(turn(&mut rates, 16, Some(good(&text("44")))), (vec!["tariff.next"], 45));
    assert_eq!(turn(&mut rates, 17, Some(good(&text("45")))), (vec!["tariff.same"], 45));
    assert_eq!(turn(&mut rates, 31, None), (vec![], 45));
}

#[test]
fn a_bad_file_changes_nothing_but_what_was_on_its_way() {
    let mut rates = rates(&text("40").text, None).unwrap();
    turn(&mut rates, 3, Some(good(&text("44"))));
    let bad = || Word::Bad { sha256: None, problems: 2, why: "tariff.toml:7: no".into() };
    assert_eq!(turn(&mut rates, 4, Some(bad())), (vec!["tariff.refused"], 40));
    assert_eq!(turn(&mut rates, 20, None), (vec![], 40), "nobody knows whether it was meant: it lies there no more");
    assert_eq!(rates.refused(), Some("tariff.toml:7: no"));
    assert_eq!(turn(&mut rates, 21, Some(good(&text("41")))), (vec!["tariff.next"], 40));
    assert_eq!(rates.refused(), None);
    assert_eq!(turn(&mut rates, 30, None), (vec!["tariff.in_force"], 41));
    // One that no controller can go by is bad as well.
    let euro = Text { text: text("40").text.replace("USD", "EUR"), sha256: "e".repeat(64) };
    assert_eq!(turn(&mut rates, 32, Some(good(&euro))), (vec!["tariff.refused"], 41));
}

#[test]
fn a_file_that_moves_the_price_far_waits_for_its_own_hash() {
    let mut rates = rates(&text("40").text, None).unwrap();
    let dear = text("400");
    assert_eq!(turn(&mut rates, 3, Some(good(&dear))), (vec!["tariff.waits"], 40));
    assert_eq!(rates.waits(), Some((dear.sha256.as_str(), Some(Share::from_ppm(9_000_000)))));
    for other in [&dear.sha256[..7], "0123456789"] {
        assert_eq!(turn(&mut rates, 4, Some(Word::Accept(other.into()))), (vec!["tariff.accepted"], 40));
        assert!(rates.waits().is_some(), "{other}");
    }
    let accept = Word::Accept(dear.sha256[..12].to_ascii_uppercase());
    assert_eq!(turn(&mut rates, 16, Some(accept)), (vec!["tariff.accepted", "tariff.next"], 40));
    assert_eq!(turn(&mut rates, 30, None), (vec!["tariff.in_force"], 400));
    // Accepted before it comes.
    let dearer = text("4000");
    turn(&mut rates, 31, Some(Word::Accept(dearer.sha256.clone())));
    assert_eq!(turn(&mut rates, 32, Some(good(&dearer))), (vec!["tariff.next"], 400));
}

#[test]
fn a_start_goes_by_the_file_or_by_what_was_in_force_before() {
    let before = Some(text("40"));
    let begun = |lies: &str, before: &Option<Text>| rates(lies, before.clone());
    let mut small = begun(&text("42").text, &before).unwrap();
    assert_eq!(
        turn(&mut small, 2, None),
        (vec!["tariff.next", "tariff.in_force"], 42),
        "nothing is in force yet: at once"
    );
    let mut far = begun(&text("400").text, &before).unwrap();
    assert_eq!(turn(&mut far, 2, None), (vec!["tariff.waits"], 40));
    let mut bad = begun("format = 1\n", &before).unwrap();
    assert_eq!(turn(&mut bad, 2, None), (vec!["tariff.refused"], 40));
    assert_eq!(bad.remarks().count(), 0, "told once");
    assert!(begun("format = 1\n", &before).unwrap().remarks().any(|told| told.contains("tariff.toml:1: ")));
    assert!(begun("format = 1\n", &None).is_err_and(|why| why.contains("error[")));
    assert!(begun("format = 1\n", &Some(Text { text: "nothing".into(), sha256: String::new() })).is_err());
}

#[test]
fn the_thread_ends_with_the_controller_and_tells_what_it_finds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tariff.toml");
    let accepted = folder.path().join(ACCEPTED);
    std::fs::write(&path, text("44").text).unwrap();
    std::fs::write(&accepted, "0123456789\n").unwrap();
    let slot: Arc<Slot> = Arc::default();
    let weak = Arc::downgrade(&slot);
    let thread = {
        let accepted = accepted.clone();
        std::thread::spawn(move || look::look(Watched::new(&path), &accepted, &weak))
    };
    let words = loop {
        let words = std::mem::take(&mut *slot.lock().unwrap());
        if !words.is_empty() {
            break words;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(matches!(words.as_slice(), [Word::Accept(_), Word::Good(_, found)] if *found == text("44")));
    assert!(!accepted.exists());
    drop(slot);
    thread.join().unwrap();
}
