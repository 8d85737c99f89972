//! Putting back what was found, and sealing what was measured.

use std::collections::BTreeMap;
use std::time::Duration;

use super::stage::{Broken, Found};
use super::trial::{Left, Way};
use super::{Drill, Ends, Evidence, Sealed};
use crate::run::Keeping;
use crate::site::{GroupIx, Site};

/// How long a group may take to show that it is as it was; its miners too.
const BACK_WITHIN: Duration = Duration::from_secs(30);

impl Drill {
    /// Puts these groups back as they were found. What does not fit any more stays off: that is safe.
    pub(super) fn put_back(&mut self, party: &[GroupIx], broken: Option<&Broken>) {
        self.stage.ending = true;
        self.hear_again(party);
        if let Some(Broken::NoRoom(_)) = broken {
            self.make_room(party);
        }
        let touched: Vec<(GroupIx, Found)> = party
            .iter()
            .filter_map(|ix| {
                let subject = self.stage.subjects.get(ix)?;
                Some((*ix, subject.found.filter(|_| subject.told.is_some() && !subject.silent)?))
            })
            .collect();
        if !touched.is_empty() {
            let ours: Vec<GroupIx> = touched.iter().map(|(ix, _)| *ix).collect();
            self.step("put_back", &ours, None);
        }
        let mut wanted = BTreeMap::new();
        for (ix, found) in &touched {
            let told = self.stage.subjects.get(ix).and_then(|subject| subject.told);
            let (outlets, units) = told.unwrap_or_default();
            self.stage.tell(*ix, outlets & found.outlets, units & found.units);
            wanted.insert(*ix, found.units | (found.outlets & !outlets));
        }
        let short = self.raise(&wanted).err().map(|broken| broken.to_string());
        for (ix, found) in &touched {
            let told = self.stage.subjects.get(ix).and_then(|subject| subject.told);
            let (outlets, _) = told.unwrap_or_default();
            // What could not be put on again stays dark.
            self.stage.tell(*ix, outlets & found.outlets, found.units);
        }
        let _ = self
            .stage
            .until(BACK_WITHIN, |stage, _| touched.iter().all(|(ix, found)| is_back(stage, *ix, *found)).then_some(()));
        self.tell_left(party, broken.map(ToString::to_string), short);
        self.stage.ending = false;
    }

    /// Somebody else needs the power: what the drill has on goes off at once, and comes back only where it fits.
    fn make_room(&mut self, party: &[GroupIx]) {
        self.step("make_room", party, Some(Way::Outlets));
        for ix in party.iter().copied() {
            if self.stage.subjects.get(&ix).is_some_and(|subject| subject.told.is_some() && !subject.silent) {
                self.stage.lower(ix, Way::Outlets);
            }
        }
    }

    /// A silence that was broken off ends here: whoever was hung up on is called again, and taken on as it is.
    fn hear_again(&mut self, party: &[GroupIx]) {
        let silent = |ix: &GroupIx| self.stage.subjects.get(ix).is_some_and(|subject| subject.silent);
        let silent: Vec<GroupIx> = party.iter().copied().filter(silent).collect();
        if silent.is_empty() {
            return;
        }
        let seen = |stage: &super::Stage, ix: GroupIx| {
            let device = stage.subjects.get(&ix)?.device;
            stage.links.seen(device)?.on.map(|(on, _)| on)
        };
        if silent.iter().all(|ix| {
            self.stage.subjects.get(ix).is_some_and(|subject| self.stage.links.seen(subject.device).is_none())
        }) {
            let _ = self.stage.links.call_again(party);
        }
        let _ =
            self.stage.until(BACK_WITHIN, |stage, _| silent.iter().all(|ix| seen(stage, *ix).is_some()).then_some(()));
        for ix in silent {
            let on = seen(&self.stage, ix);
            self.come_back(ix, on);
        }
    }

    fn tell_left(&mut self, party: &[GroupIx], broken: Option<String>, short: Option<String>) {
        for ix in party.iter().copied() {
            let Some(subject) = self.stage.subjects.get(&ix) else { continue };
            let seen = self.stage.links.seen(subject.device).and_then(|seen| seen.on).map(|(on, _)| on);
            let (found, told) = (subject.found, subject.told);
            let untouched = told.is_none();
            let back = found.is_some_and(|found| is_back(&self.stage, ix, found));
            let not_back = (!untouched && !back).then(|| match seen {
                None => "it does not answer, and nobody knows what it has on".to_owned(),
                Some(_) => short.clone().unwrap_or_else(|| "it does not show what it was told".to_owned()),
            });
            let why = match (broken.clone(), not_back) {
                (Some(broken), Some(not_back)) if broken != not_back => Some(format!("{broken}; {not_back}")),
                (broken, not_back) => broken.or(not_back),
            };
            let as_found = untouched || back;
            let group = self.stage.name(ix);
            let how = if as_found { "as it was found".to_owned() } else { "NOT as it was found".to_owned() };
            (self.say)(&format!("{group}: left {how}{}", why.as_ref().map_or(String::new(), |why| format!(": {why}"))));
            let all = self.stage.group(ix).map_or(u64::MAX, |(_, fixed)| fixed.all_on);
            let outlets = seen.map(|on| on & all);
            self.left.push(Left { group, found: found.map(|found| found.units), outlets, as_found, why });
        }
    }

    /// The last records, what is remembered, and the end of the journal.
    pub(super) fn seal(mut self, mut evidence: Evidence, mut keeping: Keeping, site: &Site) -> Evidence {
        let now = self.clock.now();
        let ends = Ends {
            drill: evidence.drill,
            groups: &evidence.groups,
            trials: evidence.trials.len(),
            problems: evidence.problems().count(),
            broken_off: evidence.broken_off.as_deref(),
        };
        let _ = self.journal.note(now.wall, "drill.end", None, &ends);
        for (ix, subject) in self.stage.subjects.iter().filter(|(_, subject)| subject.told.is_some()) {
            // Whatever it was, it switched a moment ago: dwell begins here.
            if let Some(kept) = self.memory.groups.get_mut(*ix) {
                kept.changed.fill(now.mono);
                kept.touched = now.mono;
            }
            debug_assert!(subject.found.is_some(), "nothing is told that was not found");
        }
        keeping.keep(site, &self.memory, now);
        keeping.learn(&self.learnt);
        keeping.close();
        let summary = self.journal.close(now.wall);
        let Sealed { folder, first, .. } = std::mem::take(&mut evidence.journal);
        let (records, root, lost) = (summary.records, summary.root, summary.lost);
        evidence.journal = Sealed { folder, first, records, root, lost };
        evidence
    }
}

/// Whether it shows what it was found with: its outlets, and that its miners were told.
fn is_back(stage: &super::Stage, ix: GroupIx, found: Found) -> bool {
    let Some(subject) = stage.subjects.get(&ix) else { return false };
    let Some((_, fixed)) = stage.group(ix) else { return false };
    let on = stage.links.seen(subject.device).and_then(|seen| seen.on).map(|(on, _)| on & fixed.all_on);
    let miners = || stage.links.miners(ix).and_then(|miners| miners.written).is_some_and(|(on, _)| on == found.units);
    on == Some(found.outlets) && !subject.silent && (fixed.sleep.is_none() || subject.told.is_none() || miners())
}
