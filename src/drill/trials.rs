//! The trials themselves: what is told, how long it is watched, and what is made of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Drill;
use super::judge::{self, ms};
use super::measure;
use super::stage::{Broken, Stage};
use super::trial::{Kind, Measured, Problem, Trial, Way};
use crate::site::{CommsLoss, GroupIx};
use crate::snapshot::Link;
use crate::time::Mono;
use crate::units::{Power, span};

/// A shed is waited for at least this long, and three of its proofs.
const LEAST_WAIT: Duration = Duration::from_secs(10);
/// After it is down, or up, it is looked on for so long: what bounces is not down.
const SETTLE: Duration = Duration::from_secs(2);
/// At rest: it moves by no more than a 33rd of its plates in this time.
const AT_REST: i64 = 10_000;
/// How long a device may take to answer for a write, or to come back.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);
/// A watchdog is given a tenth of its time on top, and no less than this.
const MARGIN: Duration = Duration::from_secs(2);

impl Drill {
    /// Every path of these groups, so many times.
    pub(super) fn try_all(&mut self, party: &[GroupIx]) -> Result<(), Broken> {
        if party.is_empty() {
            return Ok(());
        }
        let ways: &[Way] = match self.order.kind {
            Kind::CommsLoss => &[Way::Outlets],
            _ => &[Way::Outlets, Way::Firmware],
        };
        for way in ways.iter().copied() {
            let has = |ix: &GroupIx| {
                way == Way::Outlets || self.stage.group(*ix).is_some_and(|(_, fixed)| fixed.sleep.is_some())
            };
            let able: Vec<GroupIx> = party.iter().copied().filter(has).collect();
            for nth in (1..=self.order.times).take(if able.is_empty() { 0 } else { usize::MAX }) {
                let named = self.names(&able).join(", ");
                (self.say)(&format!(
                    "{named}: {} by {}, {nth} of {}",
                    self.order.kind.name(),
                    way.name(),
                    self.order.times
                ));
                self.mining(&able)?;
                match self.order.kind {
                    Kind::Shed => self.shed(&able, way, nth)?,
                    Kind::Restore => self.restore(&able, way, nth)?,
                    Kind::CommsLoss => self.silence(&able, nth)?,
                }
            }
        }
        Ok(())
    }

    /// The units a group has in its trials: those it was found with, or all where none ran.
    fn aims(&self, party: &[GroupIx]) -> BTreeMap<GroupIx, u64> {
        let aim = |ix: &GroupIx| {
            let (_, fixed) = self.stage.group(*ix)?;
            let barred = self.memory.groups.get(*ix).map_or(0, |kept| kept.asleep.barred);
            let found = self.stage.subjects.get(ix)?.found?.units;
            let all = fixed.all_on & !barred;
            Some((*ix, if found == 0 || self.order.kind == Kind::Restore { all } else { found }))
        };
        party.iter().filter_map(aim).collect()
    }

    /// Brings them to where a drill begins: mining, and at rest.
    fn mining(&mut self, party: &[GroupIx]) -> Result<(), Broken> {
        let from = self.clock.mono();
        let aims = self.aims(party);
        self.raise(&aims)?;
        let full = self.stage.until(self.order.wait, |stage, _| {
            aims.iter().all(|(ix, aim)| is_full(stage, *ix, *aim, from)).then_some(())
        })?;
        if full.is_none() {
            let wait = span(self.order.wait);
            return Err(Broken::Device(format!(
                "it did not come to full draw within {wait}: look at its miners, or wait longer (--wait)"
            )));
        }
        // What is drawn before a command is a part of every curve.
        self.stage.pass(SETTLE)
    }

    fn shed(&mut self, party: &[GroupIx], way: Way, nth: u32) -> Result<(), Broken> {
        let wall = self.clock.now().wall.to_string();
        self.step("lower", party, Some(way));
        let (at_full, from) = self.lower(party, way)?;
        self.stage.pass(SETTLE)?;
        for ix in party.iter().copied() {
            let fall =
                measure::fall(&self.stage, party, (ix, way), from, at_full.get(&ix).copied().unwrap_or_default());
            let declared = self.stage.group(ix).map(|(group, _)| judge::declared(group, way)).unwrap_or_default();
            let problems = self.stage.group(ix).map(|(group, _)| judge::fall(group, way, &declared, &fall));
            self.record(ix, (way, nth, wall.clone()), (Measured::Fall(fall), problems.unwrap_or_default()), from);
        }
        Ok(())
    }

    /// Lowers them and waits until each is proved, or for long enough. What each drew before, and when it was told.
    fn lower(&mut self, party: &[GroupIx], way: Way) -> Result<(BTreeMap<GroupIx, measure::Before>, Mono), Broken> {
        let before = party.iter().map(|ix| (*ix, measure::before(&self.stage, *ix))).collect::<BTreeMap<_, _>>();
        let from = self.clock.mono();
        party.iter().for_each(|ix| self.stage.lower(*ix, way));
        let proof = |ix: &GroupIx| {
            let (group, fixed) = self.stage.group(*ix)?;
            Some(fixed.sleep.filter(|_| way == Way::Firmware).map_or(group.paths.first()?.proof, |sleep| sleep.proof))
        };
        let longest = party.iter().filter_map(proof).max().unwrap_or_default();
        self.stage.until(LEAST_WAIT.max(longest * 3), |stage, _| {
            let proved = |ix: &GroupIx| {
                measure::proof(stage, (*ix, way), from, before.get(ix).copied().unwrap_or_default()).is_some()
            };
            party.iter().all(proved).then_some(())
        })?;
        Ok((before, from))
    }

    fn restore(&mut self, party: &[GroupIx], way: Way, nth: u32) -> Result<(), Broken> {
        self.step("lower", party, Some(way));
        self.lower(party, way)?;
        if let Some(ix) = party.iter().copied().find(|ix| !is_down(&self.stage, *ix)) {
            let why = format!("`{}` does not go down by its {}: drill shed", self.stage.name(ix), way.name());
            return Err(Broken::Device(why));
        }
        self.rest(party)?;
        self.stage.pass(SETTLE)?;
        let (from, wall) = (self.clock.mono(), self.clock.now().wall.to_string());
        let aims = self.aims(party);
        self.raise(&aims)?;
        let told_ms = ms(self.clock.mono().since(from));
        self.stage.until(self.order.wait, |stage, _| {
            aims.iter().all(|(ix, aim)| is_full(stage, *ix, *aim, from)).then_some(())
        })?;
        self.stage.pass(SETTLE)?;
        for (ix, aim) in aims {
            let rise = measure::rise(&self.stage, (ix, way), (aim, is_full(&self.stage, ix, aim, from)), from, told_ms);
            let site = self.stage.site();
            let problems = site.groups.get(ix).map(|group| judge::rise(site, group, way, &rise));
            self.record(ix, (way, nth, wall.clone()), (Measured::Rise(rise), problems.unwrap_or_default()), from);
        }
        Ok(())
    }

    fn silence(&mut self, party: &[GroupIx], nth: u32) -> Result<(), Broken> {
        self.armed(party)?;
        let before: BTreeMap<GroupIx, measure::Before> =
            party.iter().map(|ix| (*ix, measure::before(&self.stage, *ix))).collect();
        let (from, wall) = (self.clock.mono(), self.clock.now().wall.to_string());
        self.step("hang_up", party, None);
        self.each(party, |subject| subject.silent = true);
        self.stage.links.hang_up(party);
        let time = party.iter().map(|ix| self.silent_for(*ix)).max().unwrap_or_default();
        (self.say)(&format!("{}: nobody talks to it for {}", self.names(party).join(", "), span(time)));
        self.stage.pass(time)?;
        let silent = self.clock.mono().since(from);
        self.step("call_again", party, None);
        self.stage.links.call_again(party).map_err(|error| Broken::Device(error.to_string()))?;
        self.stage.until(ANSWERS_WITHIN, |stage, _| party.iter().all(|ix| has_answered(stage, *ix)).then_some(()))?;
        for ix in party.iter().copied() {
            let seen =
                measure::silence(&self.stage, party, ix, (from, silent), before.get(&ix).copied().unwrap_or_default());
            self.come_back(ix, seen.on_after);
            let declared =
                self.stage.group(ix).map(|(group, _)| judge::declared(group, Way::Outlets)).unwrap_or_default();
            let problems = self.stage.group(ix).map(|(group, _)| judge::silence(group, &declared, &seen));
            self.record(
                ix,
                (Way::Outlets, nth, wall.clone()),
                (Measured::Silence(seen), problems.unwrap_or_default()),
                from,
            );
        }
        Ok(())
    }

    /// A watchdog may be armed by a write alone: what is on is written once more.
    fn armed(&mut self, party: &[GroupIx]) -> Result<(), Broken> {
        let from = self.clock.mono();
        for ix in party.iter().copied() {
            let Some(subject) = self.stage.subjects.get(&ix) else { continue };
            let now = subject.told.or(subject.found.map(|found| (found.outlets, found.units))).unwrap_or_default();
            let was = subject.told;
            self.stage.tell(ix, now.0, now.1);
            if was.is_none() {
                let outlets = now.0;
                let answered =
                    self.stage.until(ANSWERS_WITHIN, |stage, _| measure::written(stage, ix, outlets, from))?;
                answered.ok_or_else(|| Broken::Device(format!("`{}` answers for no write", self.stage.name(ix))))?;
            }
        }
        Ok(())
    }

    /// How long nobody talks to this group: its watchdog's time and a margin.
    fn silent_for(&self, ix: GroupIx) -> Duration {
        let path = self.stage.group(ix).and_then(|(group, _)| group.paths.first());
        match path.map(|path| path.comms_loss) {
            Some(CommsLoss::Reverts(after) | CommsLoss::SafeValue(after)) => after + MARGIN.max(after / 10),
            _ => self.order.watch,
        }
    }

    fn each(&mut self, party: &[GroupIx], does: impl Fn(&mut super::stage::Subject)) {
        for ix in party {
            self.stage.subjects.get_mut(ix).into_iter().for_each(&does);
        }
    }

    /// Takes a group on as it is after a silence: what its watchdog switched off comes back as anything else does. One that does not
    /// answer is told nothing.
    pub(super) fn come_back(&mut self, ix: GroupIx, on: Option<u64>) {
        let now = self.clock.mono();
        let Some(on) = on else { return };
        if let Some(subject) = self.stage.subjects.get_mut(&ix) {
            subject.silent = false;
            let (outlets, units) = subject.told.unwrap_or_default();
            if outlets & !on != 0 {
                subject.lowered = Some(now);
            }
            subject.told = Some((outlets & on, units));
        }
    }

    fn record(
        &mut self,
        ix: GroupIx,
        (path, nth, began): (Way, u32, String),
        (measured, problems): (Measured, Vec<Problem>),
        from: Mono,
    ) {
        let trial = Trial {
            group: self.stage.name(ix),
            path,
            nth,
            began,
            declared: self.stage.group(ix).map(|(group, _)| judge::declared(group, path)).unwrap_or_default(),
            measured,
            problems,
            pdu: self.stage.curve(ix, from).thinned(),
            poi: self.stage.poi_curve(from).thinned(),
        };
        let _ = self.journal.note(self.clock.now().wall, "drill.result", None, &trial);
        self.learnt.take(self.order.kind, &trial);
        self.trials.push(trial);
    }
}

fn half(stage: &Stage, ix: GroupIx, aim: u64) -> Power {
    stage.group(ix).map_or(Power::MAX, |(_, fixed)| Power::from_watts(fixed.power_of(aim).watts() / 2))
}

/// At its plates, or at rest above half of them.
fn is_full(stage: &Stage, ix: GroupIx, aim: u64, from: Mono) -> bool {
    let Some((plate, measured)) = stage.group(ix).map(|(_, fixed)| fixed.power_of(aim)).zip(stage.measured(ix)) else {
        return false;
    };
    let rests = || stage.curve(ix, from).is_steady(plate.watts() / 33, AT_REST);
    measured + stage.errs(ix) >= plate || (measured >= half(stage, ix, aim) && rests())
}

fn is_down(stage: &Stage, ix: GroupIx) -> bool {
    stage.measured(ix).is_some_and(|measured| measured <= stage.idle(ix) + stage.errs(ix))
}

fn has_answered(stage: &Stage, ix: GroupIx) -> bool {
    let seen = stage.subjects.get(&ix).and_then(|subject| stage.links.seen(subject.device));
    seen.is_some_and(|seen| seen.link == Link::Up && seen.on.is_some() && seen.power.known().is_some())
}
