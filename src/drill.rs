//! A drill: proves response times and watchdogs of a real site, on request, with evidence.
//!
//! It commands real power, and nobody else does meanwhile: it holds the journal as a run does. One group after the other (or all
//! at once) is lowered, raised, or not talked to for a while, under permits that lapse as in a run; what its PDU and the POI show
//! is sampled, compared with the site file ([`judge`]), recorded, and remembered ([`learnt`]). It raises only what fits beside the
//! hall's worst case ([`room`]), and in the end every group is as it was found, or off where only that is safe, and the record
//! says which. It decides nothing about the site, and never touches a group that it was not asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Serialize;

use crate::decide::{Memory, Standing};
use crate::journal::Journal;
use crate::run::{Begun, Keeping};
use crate::site::{GroupIx, Site};
use crate::snapshot::Orders;
use crate::time::{Clock, Wall};

pub mod curve;
mod end;
pub mod judge;
pub mod learnt;
mod links;
mod measure;
pub mod room;
mod stage;
mod switch;
pub mod trial;
mod trials;

pub use learnt::Learnt;
pub use links::Access;
pub use trial::{Kind, Left, Measured, Problem, Trial, Way};

use links::Links;
use stage::{Broken, Found, Stage};

/// How long a start waits for the meters.
const METERS_WITHIN: Duration = Duration::from_secs(10);
/// How long a group may take to say what it has on; its miners too, where they are asked.
const FOUND_WITHIN: Duration = Duration::from_secs(20);

/// What a person asked for.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is measured.
    pub kind: Kind,
    /// On which groups.
    pub groups: Vec<GroupIx>,
    /// How often each of their paths.
    pub times: u32,
    /// All groups together, not one after the other.
    pub all_at_once: bool,
    /// How long miners may take to full draw.
    pub wait: Duration,
    /// How long a device is left alone that has no watchdog.
    pub watch: Duration,
}

/// All that a drill needs.
pub struct Setup {
    /// The site.
    pub site: Site,
    /// SHA-256 of its file.
    pub site_sha256: String,
    /// How its devices are spoken to.
    pub access: Access,
    /// Journal, memory and clock, as for a run.
    pub begun: Begun,
    /// What was asked for.
    pub order: Order,
    /// Who asked, as far as the system knows.
    pub actor: String,
    /// Set from outside to break it off.
    pub stop: Arc<AtomicBool>,
    /// For a line to the person who waits.
    pub say: Box<dyn Fn(&str)>,
}

/// Everything that a drill found: what stands in the evidence file.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    /// What was measured.
    pub drill: Kind,
    /// Name of the site.
    pub site: String,
    /// SHA-256 of its file, in hex.
    pub site_sha256: String,
    /// Version of the program.
    pub version: &'static str,
    /// Who asked.
    pub actor: String,
    /// From when to when, in UTC.
    pub began: String,
    /// The end of it.
    pub ended: String,
    /// Whether all groups were taken at once.
    pub all_at_once: bool,
    /// Every trial.
    pub trials: Vec<Trial>,
    /// How each group was found and left.
    pub groups: Vec<Left>,
    /// Why it did not go to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken_off: Option<String>,
    /// In a word: `holds`, `problems`, `nothing_measured`.
    pub verdict: &'static str,
    /// Where the same stands in the journal.
    pub journal: Sealed,
}

/// The records of a drill in its journal.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sealed {
    /// The folder.
    pub folder: PathBuf,
    /// Number of `drill.begin`.
    pub first: u64,
    /// How many records the journal has in all.
    pub records: u64,
    /// Root of the tree over them, in base64.
    pub root: String,
    /// Records that could not be written.
    pub lost: u64,
}

impl Evidence {
    /// Every problem of every trial.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.trials.iter().flat_map(|trial| &trial.problems)
    }

    fn judged(mut self) -> Self {
        let whole = self.broken_off.is_none() && self.groups.iter().all(|left| left.as_found && left.why.is_none());
        self.verdict = match (self.trials.is_empty(), whole && self.problems().next().is_none()) {
            (true, _) => "nothing_measured",
            (_, true) => "holds",
            _ => "problems",
        };
        self
    }
}

/// `drill.begin`, as it stands in the journal.
#[derive(Serialize)]
struct Begins<'a> {
    drill: Kind,
    site_sha256: &'a str,
    groups: Vec<String>,
    times: u32,
    all_at_once: bool,
    actor: &'a str,
}

/// `drill.end`.
#[derive(Serialize)]
struct Ends<'a> {
    drill: Kind,
    groups: &'a [Left],
    trials: usize,
    problems: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_off: Option<&'a str>,
}

/// `drill.step`.
#[derive(Serialize)]
struct Steps<'a> {
    step: &'a str,
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Way>,
}

/// A drill under way.
struct Drill {
    stage: Stage,
    order: Order,
    journal: Journal,
    memory: Memory,
    clock: Clock,
    say: Box<dyn Fn(&str)>,
    trials: Vec<Trial>,
    left: Vec<Left>,
    learnt: Learnt,
}

/// Conducts a drill to its end, and leaves the site as it was found.
///
/// # Errors
/// In words for the person who started it, where nothing was tried at all. The journal is closed in order all the same.
pub fn conduct(setup: Setup) -> Result<Evidence, String> {
    let Setup { site, site_sha256, access, begun, order, actor, stop, say } = setup;
    let Begun { journal, folder, memory, orders, clock, mut keeping, .. } = begun;
    let began = clock.now().wall;
    let stage = refused(&orders, &order.groups, &site)
        .map_or(Ok(()), Err)
        .and_then(|()| Links::open(&site, access, &order.groups, clock).map_err(|error| error.to_string()));
    let stage = stage.and_then(|links| {
        let ours = (stop, orders.cap);
        let mut stage = Stage::new(Standing::new(site.clone()), links, clock, &order.groups, ours);
        stage.meters_are_in(METERS_WITHIN).map(|()| stage)
    });
    let stage = match stage {
        Ok(stage) => stage,
        Err(why) => {
            end_in_order(&mut keeping, journal, clock.now().wall);
            return Err(why);
        }
    };
    let first = if journal.flush() { journal.health().records } else { 0 };
    let learnt = keeping.learnt().clone();
    let mut drill = Drill { stage, order, journal, memory, clock, say, trials: vec![], left: vec![], learnt };
    drill.begins(&site_sha256, &actor);
    let broken_off = drill.run().err().map(|broken| broken.to_string());
    drill.stage.links.leave();
    let sealed = Sealed { folder, first, ..Sealed::default() };
    let evidence = Evidence {
        drill: drill.order.kind,
        site: site.name.clone(),
        site_sha256,
        version: env!("CARGO_PKG_VERSION"),
        actor,
        began: began.to_string(),
        ended: clock.now().wall.to_string(),
        all_at_once: drill.order.all_at_once,
        trials: std::mem::take(&mut drill.trials),
        groups: std::mem::take(&mut drill.left),
        broken_off,
        verdict: "",
        journal: sealed,
    };
    Ok(drill.seal(evidence.judged(), keeping, &site))
}

/// What a person ordered and did not take back holds in a drill too.
fn refused(orders: &Orders, groups: &[GroupIx], site: &Site) -> Option<String> {
    if orders.e_stop {
        let how = "release it in `ballast run` (on its page, or Shift+E), then drill";
        return Some(format!("e-stop is pressed from the run before: {how}"));
    }
    let all = || groups.iter().filter_map(|ix| site.groups.get(*ix));
    let feeders = all().filter_map(|group| site.feeders.get(group.feeder?));
    if let Some(open) = feeders.map(|feeder| &feeder.name).find(|name| orders.open.contains(*name)) {
        return Some(format!("feeder `{open}` is open: close it on the page of `ballast run`, then drill"));
    }
    let locked = all().map(|group| group.name.as_str()).find(|name| orders.locks(name))?;
    Some(format!("group `{locked}` is locked: unlock it on the page of `ballast run`, then drill"))
}

fn end_in_order(keeping: &mut Keeping, journal: Journal, wall: Wall) -> crate::journal::Summary {
    keeping.close();
    journal.close(wall)
}

impl Drill {
    fn begins(&mut self, site_sha256: &str, actor: &str) {
        let Order { kind, times, all_at_once, .. } = self.order;
        let groups = self.names(&self.order.groups);
        let begins = Begins { drill: kind, site_sha256, groups, times, all_at_once, actor };
        let _ = self.journal.note(self.clock.now().wall, "drill.begin", None, &begins);
    }

    /// Party after party: one group each, or all of them.
    fn run(&mut self) -> Result<(), Broken> {
        let all = self.order.groups.clone();
        let parties: Vec<Vec<GroupIx>> =
            if self.order.all_at_once { vec![all] } else { all.into_iter().map(|ix| vec![ix]).collect() };
        for party in parties {
            let (party, tried) = match self.found(&party) {
                Ok(found) => {
                    let tried = self.try_all(&found);
                    (found, tried)
                }
                Err(broken) => (party, Err(broken)),
            };
            if let Err(broken) = &tried {
                (self.say)(&format!("{}: broken off: {broken}", self.names(&party).join(", ")));
                self.step("broken_off", &party, None);
            }
            self.put_back(&party, tried.as_ref().err());
            match tried {
                // One device that cannot be drilled does not keep the others from it.
                Ok(()) | Err(Broken::Device(_)) => {}
                Err(broken) => return Err(broken),
            }
        }
        Ok(())
    }

    /// What these groups have on; those that do not say are left alone.
    fn found(&mut self, party: &[GroupIx]) -> Result<Vec<GroupIx>, Broken> {
        if self.order.kind == Kind::CommsLoss {
            let beside = self.stage.links.beside(party);
            if !beside.is_empty() {
                let beside = self.names(&beside).join(", ");
                return Err(Broken::Device(format!(
                    "it shares its connection with {beside}: name them all with --group, and --all-at-once"
                )));
            }
            self.stage.links.set_apart(party).map_err(|error| Broken::Device(error.to_string()))?;
        }
        self.stage.until(FOUND_WITHIN, |stage, _| {
            let all = party.iter().all(|ix| look(stage, *ix).is_some());
            all.then_some(())
        })?;
        let mut found = Vec::new();
        for ix in party.iter().copied() {
            let seen = look(&self.stage, ix);
            if let Some(subject) = self.stage.subjects.get_mut(&ix) {
                subject.found = seen;
            }
            if seen.is_some() {
                found.push(ix);
            } else {
                let device = self.stage.subjects.get(&ix).map_or(usize::MAX, |subject| subject.device);
                let trouble = self.stage.links.trouble(device);
                self.leave_alone(ix, trouble.unwrap_or_else(|| "it does not say what it has on".into()));
            }
        }
        Ok(found)
    }

    fn leave_alone(&mut self, ix: GroupIx, why: String) {
        (self.say)(&format!("{}: left alone: {why}", self.stage.name(ix)));
        let group = self.stage.name(ix);
        self.left.push(Left { group, found: None, outlets: None, as_found: true, why: Some(why) });
    }

    fn names(&self, groups: &[GroupIx]) -> Vec<String> {
        groups.iter().map(|ix| self.stage.name(*ix)).collect()
    }

    fn step(&mut self, step: &str, party: &[GroupIx], path: Option<Way>) {
        let steps = Steps { step, groups: self.names(party), path };
        let _ = self.journal.note(self.clock.now().wall, "drill.step", None, &steps);
    }

    /// Raises to these units what is not there: with a record that is durable before each batch.
    fn raise(&mut self, wanted: &BTreeMap<GroupIx, u64>) -> Result<(), Broken> {
        let missing: Vec<GroupIx> =
            wanted.iter().filter(|(ix, units)| *units & !self.stage.running(**ix) != 0).map(|(ix, _)| *ix).collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.rest(&missing)?;
        self.step("raise", &missing, None);
        let journal = &self.journal;
        self.stage.raise(wanted, ROOM_WITHIN, &mut || journal.flush())
    }

    /// Units that were put off stay off for as long as the site file says.
    fn rest(&mut self, party: &[GroupIx]) -> Result<(), Broken> {
        let until = party.iter().filter_map(|ix| {
            let (group, _) = self.stage.group(*ix)?;
            Some(self.stage.subjects.get(ix)?.lowered?.after(group.dwell_off))
        });
        let until = until.max().unwrap_or_default();
        self.stage.pass(until.since(self.clock.mono()))
    }
}

/// How long room for a raise is waited for.
const ROOM_WITHIN: Duration = Duration::from_secs(30);

/// What a group has on, where it says so, and its miners too where they are asked.
fn look(stage: &Stage, ix: GroupIx) -> Option<Found> {
    let subject = stage.subjects.get(&ix)?;
    let seen = stage.links.seen(subject.device)?;
    let (group, fixed) = stage.group(ix)?;
    let outlets = seen.on?.0 & fixed.all_on;
    seen.power.known()?;
    if group.firmware.is_none() {
        return Some(Found { outlets, units: outlets });
    }
    let miners = stage.links.miners(ix).filter(|miners| fixed.all_on & !miners.asked == 0)?;
    Some(Found { outlets, units: outlets & miners.mining & miners.reached })
}

#[cfg(test)]
mod tests;
