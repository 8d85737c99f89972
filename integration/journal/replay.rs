//! Deciding again gives the same bytes, or the first line that differs.

use std::fs;

use ballast::journal::{Decider, Fate, replay, verify};

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

#[test]
fn what_a_full_queue_lost_is_declared_and_replay_goes_on_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::start(dir.path(), 1);
    let (mut lost, mut after) = (0, 0);
    // Faster than any disk: the queue fills sooner or later, and then it is emptied.
    while after < 20 {
        let snapshot = run.story.tick();
        let plan = run.filler.plan(&snapshot);
        let fate = run.journal.tick(&snapshot, &plan, || run.filler.memory_json());
        if fate == Fate::Lost {
            lost += 1;
        }
        if lost > 30 {
            assert!(run.journal.flush());
            after += u64::from(fate == Fate::Taken);
        }
    }
    let ticks = run.story.snapshot.tick;
    assert!(run.journal.health().lost >= lost);
    let summary = run.close();
    assert!(summary.lost >= lost);
    let report = verify(dir.path()).unwrap();
    assert!(report.is_whole() && report.gaps > 0, "{report}");
    assert!(report.ticks + lost >= ticks && report.ticks < ticks, "{report} of {ticks}, {lost} lost");
    let replayed = replay(dir.path(), &mut Filler::default()).unwrap();
    assert!(replayed.is_equal(), "{replayed}");
    assert_eq!(replayed.equal, report.ticks);
}

#[test]
fn a_segment_is_closed_at_its_size_and_the_next_one_opens_with_a_keyframe() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::start(dir.path(), 1);
    let big = "x".repeat(60_000);
    for _ in 0..300 {
        let wall = run.story.snapshot.now.wall;
        assert_eq!(run.journal.note(wall, "filler", None, &big), Fate::Taken);
        run.ticks(1);
        assert!(run.journal.flush());
    }
    run.close();
    let all = segments(dir.path());
    assert_eq!(all.len(), 2);
    let second = fs::read_to_string(&all[1]).unwrap();
    let first_line = second.lines().next().unwrap();
    let seq: u64 = all[1].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    assert!(first_line.starts_with(&format!("{{\"seq\":{seq},")) && first_line.contains(r#""kind":"keyframe""#));
    assert!(verify(dir.path()).unwrap().is_whole());
    let replayed = replay(dir.path(), &mut Filler::default()).unwrap();
    assert!(replayed.is_equal() && replayed.keyframes == 1, "{replayed}");
}
