//! The journal of a scene, folded: every tick with its snapshot and plan, every note, and what can be asked of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use ballast::journal::{Fold, Folded};
use ballast::plan::{Event, Plan};
use ballast::site::Site;
use ballast::snapshot::Snapshot;
use ballast::time::Wall;
use ballast::units::{Power, Slew};
use serde_json::Value;

/// One tick.
pub(super) struct Tick {
    pub(super) wall: Wall,
    /// Which start of the controller it belongs to, from 1.
    pub(super) boot: u32,
    pub(super) snapshot: Snapshot,
    pub(super) plan: Plan,
}

impl Tick {
    /// What the commands of this tick allow, at nameplate.
    pub(super) fn told(&self, site: &Site) -> Power {
        site.groups.iter().zip(&self.plan.commands).map(|(group, command)| group.power_of(command.on)).sum()
    }

    /// How many outlets are commanded on.
    pub(super) fn lit(&self) -> u32 {
        self.plan.commands.iter().map(|command| command.on.count_ones()).sum()
    }
}

/// A journal, read.
#[derive(Default)]
pub(super) struct Story {
    pub(super) ticks: Vec<Tick>,
    /// Records that are neither ticks nor keyframes nor events of a plan: time and line.
    pub(super) notes: Vec<(Wall, Value)>,
    /// Whole lines.
    pub(super) records: u64,
}

impl Story {
    /// Reads a journal, also one that is being written: a line without its end is not there yet.
    pub(super) fn read(folder: &Path) -> Self {
        let (mut story, mut fold, mut boots) = (Self::default(), Fold::default(), 0);
        for segment in segments(folder) {
            let text = fs::read(&segment).unwrap();
            for line in text.split_inclusive(|byte| *byte == b'\n') {
                let Some(line) = line.strip_suffix(b"\n") else { continue };
                story.records += 1;
                let folded =
                    fold.line(line).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line)));
                boots += u32::from(folded == Folded::Boot);
                story.take(&fold, folded, line, boots);
            }
        }
        story
    }

    fn take(&mut self, fold: &Fold, folded: Folded, line: &[u8], boot: u32) {
        match folded {
            Folded::Tick => {
                let snapshot = fold.snapshot().clone();
                self.ticks.push(Tick { wall: snapshot.now.wall, boot, snapshot, plan: fold.plan() });
            }
            Folded::Event(event) => self.ticks.last_mut().unwrap().plan.events.push(event),
            Folded::Part | Folded::Keyframe => {}
            Folded::Boot | Folded::File(_) | Folded::Gap | Folded::Note(_) => {
                let line: Value = serde_json::from_slice(line).unwrap();
                let wall = Wall::parse(line["t"].as_str().unwrap()).unwrap();
                self.notes.push((wall, line));
            }
        }
    }

    /// The events of all plans, with the tick that told them.
    pub(super) fn events(&self) -> impl Iterator<Item = (&Tick, &Event)> {
        self.ticks.iter().flat_map(|tick| tick.plan.events.iter().map(move |event| (tick, event)))
    }

    /// The first such event at or after a moment, and when.
    pub(super) fn first(&self, after: Wall, is: impl Fn(&Event) -> bool) -> Option<(Wall, Event)> {
        self.events().find(|(tick, event)| tick.wall >= after && is(event)).map(|(tick, event)| (tick.wall, *event))
    }

    /// The ticks between two moments.
    pub(super) fn between(&self, from: Wall, to: Wall) -> Vec<&Tick> {
        self.ticks.iter().filter(|tick| tick.wall >= from && tick.wall <= to).collect()
    }

    /// The notes of this kind.
    pub(super) fn notes(&self, kind: &str) -> Vec<&Value> {
        self.notes.iter().map(|(_, line)| line).filter(|line| line["kind"] == kind).collect()
    }
}

/// The segments of a journal in order.
fn segments(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all: Vec<_> = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    all.sort();
    all
}

/// No unit that was off in one tick is on in the next.
#[track_caller]
pub(super) fn nothing_is_raised(ticks: &[&Tick]) {
    for pair in ticks.windows(2) {
        for (group, (before, after)) in pair[0].plan.commands.iter().zip(&pair[1].plan.commands).enumerate() {
            let raised = after.on & !before.on;
            assert_eq!(raised, 0, "group {group} was raised by {raised:#x} at {}", pair[1].wall);
        }
    }
}

/// Over any span this power falls by no more than the ramp gives, one unit or a moment of the ramp, and `besides`.
#[track_caller]
pub(super) fn falls_on_the_ramp(ticks: &[&Tick], site: &Site, power: impl Fn(&Tick) -> Power, besides: Power) {
    moves_on_the_ramp(ticks, site, site.poi.ramp, besides, |tick| -power(tick));
}

/// What is told rises by no more than the restore ramp gives, and one unit or a moment of it.
#[track_caller]
pub(super) fn rises_on_the_ramp(ticks: &[&Tick], site: &Site) {
    moves_on_the_ramp(ticks, site, site.restore.ramp, Power::ZERO, |tick| tick.told(site));
}

#[track_caller]
fn moves_on_the_ramp(ticks: &[&Tick], site: &Site, ramp: Slew, besides: Power, power: impl Fn(&Tick) -> Power) {
    let lead = ramp.over(std::time::Duration::from_millis(200));
    let at_once = site.groups.iter().map(|group| group.unit).max().unwrap().max(lead) + besides;
    let moments: Vec<_> = ticks.iter().map(|tick| (tick.snapshot.now.mono, power(tick))).collect();
    for (ix, (at, before)) in moments.iter().enumerate() {
        for (later, after) in &moments[ix..] {
            let (moved, most) = (*after - *before, at_once + ramp.over(later.since(*at)));
            assert!(moved <= most, "{moved} within {:?}, and the ramp allows {most}", later.since(*at));
        }
    }
}

/// `ballast replay` and `ballast audit verify` agree with every line; what verify says, as JSON.
#[track_caller]
pub(super) fn replays_and_verifies(folder: &Path) -> Value {
    let folder = folder.display().to_string();
    let ask = |arguments: &[&str]| {
        let answer = Command::new(env!("CARGO_BIN_EXE_ballast")).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(answer.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&answer.stderr));
        serde_json::from_str::<Value>(said.trim()).unwrap()
    };
    let verified = ask(&["audit", "verify", &folder, "--json"]);
    assert_eq!(verified["whole"], true, "{verified}");
    let replayed = ask(&["replay", &folder, "--json"]);
    assert_eq!(replayed["equal"], true, "{replayed}");
    let ticks = &replayed["replay"]["ticks"];
    assert_eq!(ticks, &replayed["replay"]["equal"], "{replayed}");
    assert_eq!(ticks, &verified["report"]["ticks"], "both see every tick: {replayed} {verified}");
    assert!(ticks.as_u64().unwrap() > 0, "{replayed}");
    verified
}
