//! A controller that is killed loses nothing that was called durable.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use ballast::journal::{replay, verify};

use super::{Filler, Run, whole_text};

/// Names the folder for the process that is to be killed.
const FOLDER: &str = "BALLAST_TEST_JOURNAL";

#[test]
#[ignore = "the process that `a_kill_loses_no_acknowledged_tick` starts and kills"]
fn writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(FOLDER) else { return };
    let mut run = Run::start(Path::new(&dir), 9);
    for round in 1.. {
        run.ticks(round % 7 + 1);
        assert!(run.journal.flush());
        println!("\ndurable {}", run.journal.durable());
        std::io::stdout().flush().unwrap();
    }
}

/// Starts the writer, waits for so many acknowledgements, kills it, and returns the last one that was seen.
fn killed_after(dir: &Path, acknowledgements: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "journal::kill::writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let durable = said.filter_map(|line| line.strip_prefix("durable ")?.parse::<u64>().ok());
    // SIGKILL while the next ticks are being written; what it still said before that counts too.
    let mut durable = durable.inspect({
        let mut seen = 0;
        let id = &mut child;
        move |_| {
            seen += 1;
            if seen == acknowledgements {
                id.kill().unwrap();
            }
        }
    });
    let last = durable.by_ref().last().unwrap();
    drop(durable);
    child.wait().unwrap();
    last
}

#[test]
fn a_kill_loses_no_acknowledged_tick() {
    let dir = tempfile::tempdir().unwrap();
    for round in 1..=12 {
        let acknowledged = killed_after(dir.path(), 1 + round * 3);
        let text = String::from_utf8_lossy(&whole_text(dir.path())).into_owned();
        let last_run = text.rsplit_once(r#""kind":"boot""#).unwrap().1;
        let ticks = last_run.lines().filter(|line| line.contains(r#""kind":"tick""#) && line.ends_with('}')).count();
        assert!(ticks as u64 >= acknowledged, "round {round}: {ticks} ticks on the disk, {acknowledged} acknowledged");
        let report = verify(dir.path()).unwrap();
        assert!(report.is_whole(), "round {round}: {report}");
        assert_eq!(report.boots, round as u64);
    }
    let replayed = replay(dir.path(), &mut Filler::default()).unwrap();
    assert!(replayed.is_equal(), "{replayed}");
    // Whoever comes after the last kill goes on in the same journal.
    Run::start(dir.path(), 1).close();
    assert!(verify(dir.path()).unwrap().is_whole());
}
