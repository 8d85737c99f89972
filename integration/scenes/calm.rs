//! Whether the machine let a scene run. A scene is real time: its meters are stale after half a second, and where the whole
//! machine stands still for that long, what fails is the machine. Such a failure is told again, at most twice (`retries` in
//! .config/nextest.toml). One on a calm machine leaves a mark, and fails every further try at once: nothing that fails by itself
//! is ever tried until it passes.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ballast::time::{Clock, Mono};

/// Shorter than the youngest age that a scene calls stale, by what a tick and a poll add.
const STOOD_STILL: Duration = Duration::from_millis(300);
/// How often it is looked whether anything runs.
const EVERY: Duration = Duration::from_millis(20);
/// How often it is looked whether the disk takes anything.
const DISK_EVERY: Duration = Duration::from_millis(250);

/// The longest that nothing ran, or nothing was taken by the disk, in microseconds.
static LONGEST: AtomicU64 = AtomicU64::new(0);

/// Watches from here on, once in a process: under cargo-nextest each test is one.
pub(super) fn watch() {
    static ONCE: Once = Once::new();
    let Some(mark) = mark() else { return };
    ONCE.call_once(|| {
        assert!(!mark.exists(), "it failed while the machine was calm: it is not tried again");
        std::thread::spawn(|| gaps(EVERY, || {}));
        if let Ok(mut file) = tempfile::tempfile() {
            std::thread::spawn(move || gaps(DISK_EVERY, || touch(&mut file)));
        }
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            before(panic);
            judge(&mark);
        }));
    });
}

/// Only the thread of the test itself fails it.
fn judge(mark: &Path) {
    if !std::thread::current().name().is_some_and(|name| name.contains("scenes::")) {
        return;
    }
    let longest = Duration::from_micros(LONGEST.load(Ordering::Relaxed));
    if longest < STOOD_STILL {
        let _ = fs::write(mark, b"");
    }
    let word = if longest < STOOD_STILL { "calm" } else { "standing still: it may be tried again" };
    eprintln!("the machine was {word} (longest gap {longest:?})");
}

fn gaps(every: Duration, work: impl FnMut()) {
    let (clock, mut work, mut last) = (Clock::start(), work, Mono::START);
    loop {
        std::thread::sleep(every);
        work();
        let now = clock.mono();
        let gap = now.since(last).saturating_sub(every);
        LONGEST.fetch_max(u64::try_from(gap.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        last = now;
    }
}

fn touch(file: &mut File) {
    let _ = file.write_all(b".").and_then(|()| file.sync_data());
}

/// Of this test in this run; nothing where nobody tries again.
fn mark() -> Option<PathBuf> {
    let run = std::env::var("NEXTEST_RUN_ID").ok()?;
    let test = std::thread::current().name()?.replace("::", "-");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("failed-calm");
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join(format!("{run}-{test}")))
}
