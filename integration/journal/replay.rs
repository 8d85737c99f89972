//! Deciding again gives the same bytes, or the first line that differs.

use std::fs;

use ballast::journal::{replay, verify};

use super::{Filler, Run, segments};

#[test]
fn every_tick_decides_again_to_the_byte_over_restarts_and_keyframes() {
    let dir = tempfile::tempdir().unwrap();
    for seed in 1..=2 {
        let mut run = Run::start(dir.path(), seed);
        run.ticks(1_500);
        let summary = run.close();
        assert_eq!((summary.lost, summary.trouble), (0, None));
    }
    let replayed = replay(dir.path(), &mut Filler::default()).unwrap();
    assert!(replayed.is_equal(), "{replayed}");
    assert_eq!((replayed.ticks, replayed.equal, replayed.keyframes, replayed.segments), (3_000, 3_000, 4, 1));
    let report = verify(dir.path()).unwrap();
    assert!(report.is_whole(), "{report}");
    assert_eq!((report.boots, report.ticks, report.notes.len()), (2, 3_000, 0));
}

#[test]
fn the_first_line_that_is_decided_otherwise_is_shown_with_both() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::start(dir.path(), 1);
    run.ticks(100);
    run.close();
    let replayed = replay(dir.path(), &mut Filler { wrong_after: Some(40), ..Filler::default() }).unwrap();
    let difference = replayed.difference.clone().unwrap();
    assert_eq!((replayed.ticks, replayed.equal), (41, 40));
    assert_eq!(difference.segment, "000000000000.jsonl");
    assert!(difference.replayed.contains("ceiling_w") && !difference.recorded.contains("ceiling_w"), "{replayed}");
}

#[test]
fn a_changed_input_is_decided_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::start(dir.path(), 1);
    run.ticks(100);
    run.close();
    let path = &segments(dir.path())[0];
    let text = fs::read_to_string(path).unwrap();
    // The tick at which the hall's highest value is seen: one more digit there must change the plan.
    let at = text.find(r#""hall":[21"#).unwrap();
    fs::write(path, text[..at].to_owned() + r#""hall":[29"# + &text[at + 10..]).unwrap();
    assert!(!replay(dir.path(), &mut Filler::default()).unwrap().is_equal());
}
