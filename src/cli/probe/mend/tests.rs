use super::*;

const SITE: &str = include_str!("../../../../sites/firmware.toml");

fn span_of(text: &str, what: &str, nth: usize) -> Span {
    let (at, found) = text.match_indices(what).nth(nth).unwrap();
    at..at + found.len()
}

fn value(span: Span, right: &str) -> Value {
    let note = Note { table: span_of(SITE, "[[meter]]", 0), text: "poi-meter: is another".into() };
    Value { span, absent: None, right: right.into(), why: String::new(), note, speaks_for: 1 }
}

/// The lines that are there and were not, and those that were and are not.
fn changed(mended: &Mended) -> (Vec<&str>, Vec<&str>) {
    let (old, new): (Vec<&str>, Vec<&str>) = (SITE.lines().collect(), mended.text.lines().collect());
    let only = |these: &[&'static str], those: &[&str]| -> Vec<&'static str> {
        these.iter().copied().filter(|line| !those.contains(line)).collect()
    };
    let added = new.iter().copied().filter(|line| !old.contains(line)).collect();
    (added, only(&old, &new))
}

#[test]
fn only_the_line_of_a_value_changes_and_says_what_it_was() {
    let mended = mend(SITE, vec![value(span_of(SITE, "\"acuvim-ii\"", 0), "\"sunspec-meter\"")], vec![]);
    let (added, gone) = changed(&mended);
    let new = "profile = \"sunspec-meter\"           # sites/devices/acuvim-ii.toml: its registers  # probe: was \"acuvim-ii\"";
    assert_eq!(added, [new]);
    assert_eq!(gone, ["profile = \"acuvim-ii\"           # sites/devices/acuvim-ii.toml: its registers"]);
    assert_eq!((mended.values, mended.notes), (1, 0));
    assert!(mended.list.contains(&format!("-{}\n+{new}\n", gone[0])), "{}", mended.list);
}

#[test]
fn a_key_that_was_not_there_is_added_behind_another() {
    let header = span_of(SITE, "[[meter]]", 0);
    let behind = span_of(SITE, "\"acuvim-ii\"", 0);
    let absent = Value { absent: Some(("unit_id", behind)), ..value(header, "9") };
    let mended = mend(SITE, vec![absent], vec![]);
    assert_eq!(changed(&mended), (vec!["unit_id = 9  # probe: was not here"], vec![]));
    assert_eq!(load("mended", &mended.text).unwrap().devices[0].unit_id, 9);
}

#[test]
fn a_finding_is_a_comment_before_its_table_and_each_stands_there_once() {
    let note = |text: &str| Note { table: span_of(SITE, "[[meter]]", 1), text: text.into() };
    let mended = mend(SITE, vec![], vec![note("hall-meter: odd"), note("hall-meter: odd")]);
    assert_eq!(changed(&mended), (vec!["# probe: hall-meter: odd"], vec![]));
    assert!(mended.text.contains("# probe: hall-meter: odd\n[[meter]]\nname = \"hall-meter\""));
    let mended = mend(SITE, vec![], vec![note("odd\n[poi]\r\n")]);
    assert_eq!(changed(&mended).0, ["# probe: odd [poi]  "], "the words of a device end no line");
    let many = (0..20).map(|n| note(&n.to_string())).collect();
    let mended = mend(SITE, vec![], many);
    assert_eq!(mended.notes, MOST_NOTES + 1);
    assert!(mended.text.contains("# probe: and 12 more"), "{}", mended.list);
}

#[test]
fn a_change_that_would_not_load_or_that_not_all_want_becomes_a_comment() {
    let of_group = |right: &str, speaks_for| Value { speaks_for, ..value(span_of(SITE, "outlets = 8", 0), right) };
    let of_units = Value {
        span: {
            let all = span_of(SITE, "outlets = 8", 0);
            all.end - 1..all.end
        },
        ..of_group("4", 1)
    };
    let refused = mend(SITE, vec![of_units.clone()], vec![]);
    assert_eq!(
        changed(&refused),
        (vec!["# probe: poi-meter: is another"], vec![]),
        "firmware needs one outlet a miner"
    );
    let profile = value(span_of(SITE, "\"acuvim-ii\"", 0), "\"sunspec-meter\"");
    let of_two = Value { speaks_for: 2, ..profile.clone() };
    assert_eq!(mend(SITE, vec![of_two.clone()], vec![]).values, 0, "the other one is as the file says");
    assert_eq!(mend(SITE, vec![of_two.clone(), of_two.clone()], vec![]).values, 1);
    let other = Value { right: "\"abb-b23\"".into(), ..of_two.clone() };
    assert_eq!(mend(SITE, vec![of_two, other], vec![]).values, 0, "they want different ones");
}

#[test]
fn without_a_change_the_text_is_the_same_to_the_byte() {
    let endings = SITE.replace('\n', "\r\n");
    for text in [SITE, "", "[site]", endings.as_str()] {
        assert_eq!(mend(text, vec![], vec![]).text, text);
    }
    let note = Note { table: 0..6, text: "odd".into() };
    assert_eq!(mend(&endings, vec![], vec![note]).text.lines().count(), SITE.lines().count() + 1);
}
