//! The journal's disk is full: nothing is raised, lowering goes on, a person is told, and it recovers by itself.
//!
//! Needs a small file system of its own, which only root can mount; where that is refused the scene says so and is not played.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ballast::units::Power;

use super::controller::Controller;
use super::lost::filled;
use super::stage::{Numbers, Stage};
use super::story::{Story, nothing_is_raised, replays_and_verifies};
use super::world::World;
use super::{pass, until};

/// A file system in memory. Unmounted when it is dropped.
struct Small(PathBuf);

impl Small {
    fn mount(at: PathBuf) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
            .arg(&at)
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(at))
    }

    /// Fills what is left of it.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("somebody-elses-log");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[b'x'; 4_096]).is_ok() {}
        while file.write_all(b"x").is_ok() {}
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn on(disk: &Path, stage: &Stage) -> Controller {
    Controller::watched(stage.folder(), "run", &stage.file(), &disk.join("journal"), &[])
}

#[test]
fn a_full_disk_stops_raising_and_not_lowering_and_is_told() {
    let stage = Stage::new(&Numbers { restore: "10 kW/s", ..Numbers::default() });
    let Some(disk) = Small::mount(stage.path("disk")) else {
        println!("NOT PLAYED: only root can mount a small file system");
        return;
    };
    let world = World::new(&stage, 50);
    let mut controller = on(&disk.0, &stage);
    until("some miners are on, with more to come", || (world.now().lit() >= 30).then_some(()));
    let others = disk.fill();
    // The last page of the segment still takes a few records; after that nothing becomes durable.
    let told = controller.shows("the full disk is told", |view| view.journal.durable_lag > 15 && !view.note.is_empty());
    assert!(told.note.contains("the journal's disk refuses"), "{}", told.note);
    let refused = world.now();
    pass(Duration::from_secs(3));
    let still = world.now();
    assert!(still.lit() <= refused.lit(), "raised without a record: {} outlets, then {}", refused.lit(), still.lit());
    assert!(still.lit() >= 30, "a full disk is no reason to shed");
    world.jump(140);
    let less = stage.site.poi.import_limit - stage.site.hall.nameplate;
    assert!(refused.miners > less + Power::from_kilowatts(10), "there is something to lower: {}", refused.miners);
    until("lowering goes on", || (world.now().miners <= less).then_some(()));
    fs::remove_file(others).unwrap();
    controller.shows("the disk is well again", |view| !view.note.contains("disk refuses"));
    filled(&world);
    drop(controller);

    let journal = disk.0.join("journal");
    let story = Story::read(&journal);
    assert!(!story.notes("audit.degraded").is_empty(), "the journal says that it was in trouble");
    let between = story.between(refused.wall, still.wall);
    nothing_is_raised(&between);
    world.held_the_limit();
    replays_and_verifies(&journal);
}
