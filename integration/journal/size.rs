//! What a day costs.

use std::io::Write;

use ballast::journal::{Boot, Decider, Recorder};

use super::{Filler, Story, moment};

/// The figures of `docs/audit.md`. Run with `--nocapture` to see them.
#[test]
fn a_quiet_tick_takes_150_bytes_and_a_day_of_the_demo_site_less_than_250_megabytes() {
    let (mut recorder, mut story) = (Recorder::new(5_000_000), Story::new(1));
    let mut filler = Filler { limit: 4_000_000, ..Filler::default() };
    let boot = Boot { boot: "run".into(), version: "0.1.0".into(), reason: "test".into() };
    recorder.boot(moment(0), &boot, &Story::names());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut pack = |lines: Vec<Vec<u8>>| {
        for line in &lines {
            packed.write_all(line).unwrap();
            packed.write_all(b"\n").unwrap();
        }
        lines.iter().map(|line| line.len() + 1).sum::<usize>()
    };
    let (mut all, mut quiet, mut quiet_ticks) = (0, 0, 0);
    let ticks = 6_000;
    for tick in 0..ticks {
        let before = story.snapshot.groups.clone();
        let mut snapshot = story.tick();
        snapshot.orders.cap = None;
        let is_quiet = tick % 2 == 1;
        if is_quiet {
            snapshot.groups = before;
            story.snapshot = snapshot.clone();
        }
        let plan = filler.plan(&snapshot);
        let lines = recorder.tick(&snapshot, &plan);
        if is_quiet {
            let bytes = lines.iter().map(|line| line.len() + 1).sum::<usize>();
            (quiet, quiet_ticks) = (quiet + bytes, quiet_ticks + 1);
        } else {
            all += pack(lines);
        }
        if tick % 600 == 599 {
            all += pack(recorder.keyframe(&filler.memory_json()));
        }
    }
    let busy = all / (ticks - quiet_ticks);
    let per_day = 864_000 * busy / 1_000_000;
    let packed_per_day = per_day * packed.finish().unwrap().len() / all;
    println!("quiet tick {} bytes, busy tick {busy} bytes, {per_day} MB a day", quiet / quiet_ticks);
    println!("{packed_per_day} MB a day with gzip");
    assert!(quiet / quiet_ticks <= 150, "{} bytes", quiet / quiet_ticks);
    assert!(per_day < 250, "{per_day} MB a day");
}
