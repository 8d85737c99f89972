//! What drills taught of each path, kept over restarts: how long a shed really took. Pure; the store is elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::curve::Between;
use super::trial::{Kind, Measured, Trial, Way};
use crate::site::Site;
use crate::units::span;

/// Trials that are remembered of each path, the newest.
const REMEMBERED: usize = 32;
/// What to do where a file promises more than was measured.
pub const NEXT: &str = "correct the site file, or repair it and drill again";
/// At most so many groups are named in one remark.
const NAMED: usize = 4;

/// Of every group by name, and each of its paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Learnt(BTreeMap<String, BTreeMap<Way, Path>>);

/// Of one path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// How many trials there were.
    pub count: u64,
    /// When the newest was, in UTC.
    pub at: String,
    /// The newest responses, oldest first.
    pub response: Vec<Between>,
    /// The newest proofs.
    pub proof_ms: Vec<u64>,
    /// When it was last told off it drew on.
    #[serde(default)]
    pub drew_on: bool,
    /// Whether its watchdog did what the file says, when that was last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watchdog: Option<bool>,
}

/// Half and longest of some times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Half took no longer.
    pub p50_ms: u64,
    /// The longest.
    pub max_ms: u64,
}

impl Spread {
    /// Of these times; nothing of none.
    pub fn of(times: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut times: Vec<u64> = times.into_iter().collect();
        times.sort_unstable();
        let p50_ms = times.get(times.len().checked_sub(1)? / 2).copied()?;
        Some(Self { p50_ms, max_ms: times.last().copied()? })
    }
}

impl Learnt {
    /// Takes in a trial.
    pub fn take(&mut self, kind: Kind, trial: &Trial) {
        let path = self.0.entry(trial.group.clone()).or_default().entry(trial.path).or_default();
        match &trial.measured {
            Measured::Fall(fall) if kind == Kind::Shed => {
                path.response.extend(fall.gone);
                path.drew_on = fall.gone.is_none();
                path.proof_ms.extend(fall.proof_ms);
            }
            Measured::Silence(_) => path.watchdog = Some(trial.problems.is_empty()),
            _ => return,
        }
        path.count = path.count.saturating_add(1);
        trial.began.clone_into(&mut path.at);
        let over = path.response.len().saturating_sub(REMEMBERED);
        path.response.drain(..over);
        let over = path.proof_ms.len().saturating_sub(REMEMBERED);
        path.proof_ms.drain(..over);
    }

    /// What is known of a path.
    pub fn of(&self, group: &str, way: Way) -> Option<&Path> {
        self.0.get(group)?.get(&way)
    }

    /// Where the site file promises more than was measured: a sentence for each path and kind of promise. [`NEXT`] is what to do.
    pub fn remarks(&self, site: &Site) -> Vec<String> {
        let mut remarks = Vec::new();
        for way in [Way::Outlets, Way::Firmware] {
            let slower = site.groups.iter().filter_map(|group| {
                let (response, proof) = match way {
                    Way::Outlets => group.paths.first().map(|path| (path.response, path.proof)),
                    Way::Firmware => group.firmware.as_ref().map(|path| (path.response, path.proof)),
                }?;
                Some((group.name.as_str(), response, proof, self.of(&group.name, way)?))
            });
            let (mut gone, mut proved, mut dogs, mut on) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for (name, response, proof, path) in slower {
                let least = path.response.iter().map(|time| time.least_ms).max().map(Duration::from_millis);
                let latest = path.proof_ms.iter().max().copied().map(Duration::from_millis);
                let longer = |declared: Duration| move |took: &Duration| *took > declared;
                let says = |took: Duration, declared| format!("{name} ({} for {})", span(took), span(declared));
                gone.extend(least.filter(longer(response)).map(|took| says(took, response)));
                proved.extend(latest.filter(longer(proof)).map(|took| says(took, proof)));
                on.extend(path.drew_on.then(|| name.to_owned()));
                dogs.extend((path.watchdog == Some(false)).then(|| name.to_owned()));
            }
            let by = way.name();
            remarks.extend(remark(&gone, &format!("drills by {by} took longer than `response` says")));
            remarks.extend(remark(&proved, &format!("drills by {by} were proved later than `proof` says")));
            remarks.extend(remark(&on, &format!("in a drill groups drew on that were told off by {by}")));
            remarks.extend(remark(&dogs, "a drill found PDUs that do not do what `comms_loss` says"));
        }
        remarks
    }
}

fn remark(groups: &[String], what: &str) -> Option<String> {
    let named = groups.get(..NAMED).unwrap_or(groups).join(", ");
    let more = groups.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!groups.is_empty()).then(|| format!("{what}: {named}{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::curve::Curve;
    use crate::drill::trial::{Declared, Fall};

    fn trial(least_ms: u64, most_ms: u64, proof_ms: u64) -> Trial {
        let gone = Some(Between { least_ms, most_ms });
        Trial {
            group: "north-01".into(),
            path: Way::Outlets,
            nth: 1,
            began: "2026-11-23T00:00:00Z".into(),
            declared: Declared::default(),
            measured: Measured::Fall(Fall { gone, proof_ms: Some(proof_ms), ..Fall::default() }),
            problems: Vec::new(),
            pdu: Curve::default(),
            poi: Curve::default(),
        }
    }

    fn demo() -> Site {
        crate::site::file::load("demo.toml", include_str!("../../sites/demo.toml")).unwrap()
    }

    #[test]
    fn a_file_that_promises_less_than_was_measured_is_told_with_both_numbers() {
        let mut learnt = Learnt::default();
        learnt.take(Kind::Shed, &trial(0, 480, 900));
        assert_eq!(learnt.remarks(&demo()), Vec::<String>::new(), "it may have taken no time at all");
        learnt.take(Kind::Shed, &trial(300, 1_200, 2_900));
        let told = learnt.remarks(&demo());
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("`response` says: north-01 (300 ms for 100 ms)"), "{}", told[0]);
        assert!(told[1].contains("`proof` says: north-01 (2.9 s for 2.5 s)"), "{}", told[1]);
    }

    #[test]
    fn a_group_that_drew_on_is_told_until_a_drill_shows_that_it_obeys() {
        let mut learnt = Learnt::default();
        let drew_on = Measured::Fall(Fall::default());
        learnt.take(Kind::Shed, &Trial { measured: drew_on, ..trial(0, 0, 0) });
        assert_eq!(learnt.remarks(&demo()), ["in a drill groups drew on that were told off by outlets: north-01"]);
        learnt.take(Kind::Shed, &trial(0, 480, 900));
        assert_eq!(learnt.remarks(&demo()), Vec::<String>::new());
    }

    #[test]
    fn a_restore_teaches_nothing_of_a_shed_and_old_trials_are_forgotten() {
        let mut learnt = Learnt::default();
        for ms in 0..40 {
            learnt.take(Kind::Shed, &trial(ms, ms, ms));
            learnt.take(Kind::Restore, &trial(9_000, 9_000, 9_000));
        }
        let path = learnt.of("north-01", Way::Outlets).unwrap();
        assert_eq!((path.count, path.proof_ms.len(), path.proof_ms.first()), (40, REMEMBERED, Some(&8)));
        assert_eq!(Spread::of(path.proof_ms.clone()), Some(Spread { p50_ms: 23, max_ms: 39 }));
        assert_eq!(Spread::of([]), None);
    }
}
