//! The conversation with one miner as a state machine, without a socket, a clock or a lock.
//!
//! Whoever drives it asks for the next [`Step`], does it, and tells what came of it: a task on the network, the simulation in virtual
//! time. A command goes before every question. No answer is believed: a command counts as followed when a report that began after it
//! says so, and until then it is told again. A miner that sleeps and shall not, or the other way round, is told again whenever it
//! says so. It wakes nobody who may not mine, writes nothing before the first command, and decides nothing.

use std::time::Duration;

use super::step::{Came, Fault, Report, Step};
use crate::devices::wire::backoff::Backoff;
use crate::time::Mono;
use crate::units::Power;

mod facts;
mod level;
mod manners;
mod said;

pub use facts::Counts;
pub(crate) use facts::Facts;
use level::Level;
pub(crate) use manners::Manners;
use said::{Question, Reported, Tried, Wish};

/// A miner that shall sleep is told so again after this long, and a silent one knocked at this often.
pub(crate) const AGAIN: Duration = Duration::from_secs(2);
/// After a verb, and while a miner does not sleep that shall, it is asked this often.
const CHECK: Duration = Duration::from_millis(500);
/// Who was not let in, or met something else than its file says, tries again after this long: devices lock out whoever goes on
/// guessing.
const LOCKED_OUT: Duration = Duration::from_secs(15);
/// The waits for a silent miner double from the first to the last.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// So many steps in a row without an answer, and a miner does not answer any more. One may be lost on the way.
const MISSES: u32 = 2;
/// The first question of each miner is spread over this, or over the poll where that is shorter.
const FIRST: Duration = Duration::from_secs(1);

/// The conversation with one miner.
pub(crate) struct Talk {
    manners: Manners,
    backoff: Backoff,
    /// It was met, and nothing since made that doubtful.
    known: bool,
    question: Option<Question>,
    /// The verb under way: whether it says to mine.
    verb: Option<bool>,
    /// The last verb that ended, well or not.
    tried: Option<Tried>,
    level: Level,
    wish: Option<Wish>,
    report: Option<Reported>,
    /// No question before.
    ask_at: Mono,
    /// When it was last asked who it is.
    knocked: Option<Mono>,
    /// No verb before, and nobody asked who it is.
    locked_until: Mono,
    /// Steps in a row without an answer.
    misses: u32,
    /// It is told nothing, whatever it does.
    held: bool,
    /// It reported since the last wait.
    fruitful: bool,
    turn: u32,
    facts: Facts,
}

impl Talk {
    /// Before the first question. The miner's name spreads its moments apart from those of others.
    pub(crate) fn new(name: &str, manners: Manners, now: Mono) -> Self {
        let backoff = Backoff::new(name).within(WAITS);
        let ask_at = now.after(backoff.part_of(FIRST.min(manners.poll), 0));
        Self {
            manners,
            backoff,
            known: false,
            question: None,
            verb: None,
            tried: None,
            level: Level::default(),
            wish: None,
            report: None,
            ask_at,
            knocked: None,
            locked_until: Mono::START,
            misses: 0,
            held: false,
            fruitful: false,
            turn: 0,
            facts: Facts::default(),
        }
    }

    /// What is known of it.
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// It may mine, or shall sleep, from now on. The same again changes nothing.
    pub(crate) fn shall(&mut self, mine: bool, adopted: bool, now: Mono) {
        if self.wish.is_none_or(|wish| wish.mine != mine) {
            self.wish = Some(Wish { mine, since: now, adopted, done: None });
            // Whether there is anything to say is seen from what it does.
            self.ask_at = if self.known { now } else { self.ask_at };
        }
    }

    /// Its command was not renewed.
    pub(crate) fn lapsed(&mut self, now: Mono) {
        self.facts.counts.lapses += 1;
        self.shall(false, false, now);
    }

    /// It is told nothing from now on, or again what it shall do.
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// It runs at low power while it mines, or in full. The same again changes nothing.
    pub(crate) fn shall_run(&mut self, low: bool) {
        self.level.shall(low);
    }

    /// When it answered for what it shall do, or reported that it does so.
    pub(crate) fn done(&self) -> Option<Mono> {
        self.wish?.done
    }

    /// Whether nothing is left to say: it reports what it shall do, and nothing is under way.
    pub(crate) fn is_settled(&self) -> bool {
        !self.is_telling() && self.wish.is_none_or(|wish| self.agrees(&wish))
    }

    /// Whether a verb is under way.
    pub(crate) fn is_telling(&self) -> bool {
        self.verb.is_some() || self.level.is_telling()
    }

    /// Whether it shall sleep and did not say that it does: it goes before all that only asks.
    pub(crate) fn is_pressing(&self) -> bool {
        let waits = |wish: &Wish| wish.adopted && self.reported(wish).is_none();
        !self.held && self.wish.is_some_and(|wish| !wish.mine && !self.agrees(&wish) && !waits(&wish))
    }

    /// What to do now.
    pub(crate) fn next(&mut self, now: Mono) -> Step {
        let far = now.after(self.manners.poll);
        if self.question == Some(Question::Who) {
            return Step::Rest(far);
        }
        if !self.known {
            return self.meet(now, far);
        }
        let verb = self.verb_due(now);
        if let Some((mine, _)) = verb.filter(|(_, at)| *at <= now) {
            return self.tell(mine, now);
        }
        let target = self.target_due(now);
        if let Some((power, _)) = target.filter(|(_, at)| *at <= now) {
            self.level.tells();
            return self.counted(Step::Target(power));
        }
        if self.question.is_none() && self.ask_at <= now {
            self.question = Some(Question::What);
            return self.counted(Step::Observe);
        }
        let ask_at = if self.question.is_some() { far } else { self.ask_at };
        let due = [verb.map(|(_, at)| at), target.map(|(_, at)| at)];
        Step::Rest(due.into_iter().flatten().fold(ask_at, Mono::min))
    }

    /// Nobody is told anything before it is known who it is.
    fn meet(&mut self, now: Mono, far: Mono) -> Step {
        if self.is_telling() || self.question.is_some() {
            return Step::Rest(far);
        }
        let knock = self.knocked.map_or(now, |last| last.after(AGAIN));
        let at = if self.is_pressing() { self.ask_at.min(knock) } else { self.ask_at };
        let at = at.max(self.locked_until);
        if at > now {
            return Step::Rest(at);
        }
        (self.question, self.knocked) = (Some(Question::Who), Some(now));
        self.counted(Step::Identify)
    }

    fn tell(&mut self, mine: bool, now: Mono) -> Step {
        self.verb = Some(mine);
        self.ask_at = self.ask_at.max(now.after(CHECK));
        if self.tried_so().is_some() {
            self.facts.counts.resent += 1;
        }
        self.counted(Step::to(mine))
    }

    fn counted(&mut self, step: Step) -> Step {
        self.facts.counts.requests += 1;
        step
    }

    /// The verb that is to be said, and when.
    fn verb_due(&self, now: Mono) -> Option<(bool, Mono)> {
        let wish = self.wish.filter(|_| !self.held && !self.is_telling())?;
        let at = if wish.mine { self.wake_due(&wish, now) } else { self.sleep_due(&wish, now) };
        at.map(|at| (wish.mine, at.max(self.locked_until)))
    }

    /// The power target that is to be said, and when: only to one that mines and may, and has nothing else to do.
    fn target_due(&self, now: Mono) -> Option<(Power, Mono)> {
        let wish = self.wish.filter(|wish| wish.mine && !self.held && !self.is_telling() && self.agrees(wish))?;
        self.reported(&wish)?;
        let (power, at) = self.level.due(self.manners.targets?, self.facts.report.target, now)?;
        Some((power, at.max(self.locked_until)))
    }

    /// At once; again every two seconds until it says that it sleeps.
    fn sleep_due(&self, wish: &Wish, now: Mono) -> Option<Mono> {
        if self.agrees(wish) {
            return None;
        }
        match self.tried_so() {
            Some(tried) => Some(tried.ended.max(tried.started.after(AGAIN))),
            None if wish.adopted && self.reported(wish).is_none() => None,
            None => Some(now),
        }
    }

    /// Where it was put to sleep by us, at once. Otherwise once it says that it sleeps: whoever mines is not told to.
    fn wake_due(&self, wish: &Wish, now: Mono) -> Option<Mono> {
        let Some(tried) = self.tried else {
            return self.reported(wish).filter(|report| !report.mines).map(|_| now);
        };
        if !tried.mine {
            return Some(now);
        }
        let wait = if tried.answered { self.manners.wake_again } else { AGAIN };
        self.reported(wish).filter(|report| !report.mines).map(|_| tried.ended.after(wait))
    }

    /// The last verb, where it was said for the wish in force.
    fn tried_so(&self) -> Option<Tried> {
        let wish = self.wish?;
        self.tried.filter(|tried| tried.mine == wish.mine && tried.started >= wish.since)
    }

    /// Its newest report, where that began after the wish and after the last verb.
    fn reported(&self, wish: &Wish) -> Option<Reported> {
        let after = |report: &Reported| {
            report.started >= wish.since && self.tried.is_none_or(|tried| report.started >= tried.started)
        };
        self.report.filter(after)
    }

    /// Whether it reports what it shall do. What was said last must have been the same: it may not have come to it yet.
    fn agrees(&self, wish: &Wish) -> bool {
        self.tried.is_none_or(|tried| tried.mine == wish.mine)
            && self.reported(wish).is_some_and(|report| report.mines == wish.mine)
    }

    /// What became of a step that began at `started`.
    pub(crate) fn told(&mut self, step: Step, started: Mono, came: Result<Came, Fault>, now: Mono) {
        let verb = match step {
            Step::Identify | Step::Observe => {
                self.question = None;
                None
            }
            Step::Sleep | Step::Wake => self.verb.take(),
            Step::Target(_) => return self.told_target(came, started, now),
            Step::Rest(_) | Step::Over => return,
        };
        let came = self.sensible(came);
        self.facts.asked = true;
        self.heard(&came);
        self.ask_at = self.next_question(&came, verb, started, now);
        if let Some(mine) = verb {
            let answered = matches!(came, Ok(Came::Answered));
            self.tried = Some(Tried { mine, started, ended: now, answered });
        }
        match came {
            Ok(came) => self.came(came, started, now),
            Err(fault) => self.failed(fault, started, now),
        }
    }

    /// Whether a target was taken is seen by its next report, and by the watts.
    fn told_target(&mut self, came: Result<Came, Fault>, started: Mono, now: Mono) {
        self.facts.asked = true;
        self.heard(&came);
        self.level.told(came.is_ok(), now);
        self.ask_at = self.ask_at.min(now.after(CHECK)).max(now);
        if let Err(fault) = came {
            self.failed(fault, started, now);
        }
    }

    /// A report without anything in it is no answer.
    fn sensible(&self, came: Result<Came, Fault>) -> Result<Came, Fault> {
        match came {
            Ok(Came::Reported(report)) if report.mines(self.manners.asleep).is_none() => Err(Fault::NotUnderstood),
            other => other,
        }
    }

    /// Whether it answers.
    fn heard(&mut self, came: &Result<Came, Fault>) {
        match came {
            Ok(Came::Sent) => {}
            Err(fault) if !fault.is_an_answer() => {
                self.misses += 1;
                self.facts.reached &= self.misses < MISSES && !matches!(fault, Fault::OtherFirmware { .. });
            }
            _ => (self.misses, self.facts.reached) = (0, true),
        }
    }

    fn next_question(&mut self, came: &Result<Came, Fault>, verb: Option<bool>, started: Mono, now: Mono) -> Mono {
        if verb.is_some() {
            // A silent one is not asked more often for being told.
            let soon = if self.misses < MISSES { now.after(CHECK) } else { self.ask_at };
            return self.ask_at.min(soon).max(now);
        }
        match came {
            Ok(Came::Identified(_)) => now,
            Err(Fault::NotLetIn) => now.after(LOCKED_OUT),
            Err(_) => now.after(self.backoff.next(std::mem::take(&mut self.fruitful))),
            Ok(_) => {
                self.fruitful = true;
                self.turn = self.turn.wrapping_add(1);
                let poll = self.manners.poll;
                let spread = poll - poll / 8 + self.backoff.part_of(poll / 4, self.turn);
                started.after(spread).max(now)
            }
        }
    }

    fn came(&mut self, came: Came, started: Mono, now: Mono) {
        match came {
            Came::Identified(identity) => (self.known, self.facts.identity) = (true, Some(identity)),
            Came::Reported(report) => self.reports(report, started, now),
            Came::Answered => self.is_done(now),
            Came::Sent => {}
        }
    }

    fn reports(&mut self, report: Report, started: Mono, now: Mono) {
        self.facts.report = report;
        self.facts.mines = report.mines(self.manners.asleep);
        let Some(mines) = self.facts.mines else { return };
        self.report = Some(Reported { mines, started });
        let Some(wish) = self.wish else { return };
        if self.agrees(&wish) {
            self.is_done(now);
        } else if !wish.mine {
            self.ask_at = self.ask_at.min(started.after(CHECK).max(now));
        }
    }

    /// It answered for the wish in force, unless what it answered for was another.
    fn is_done(&mut self, now: Mono) {
        let (tried, agrees) = (self.tried_so().is_some(), self.wish.is_some_and(|wish| self.agrees(&wish)));
        if let Some(wish) = self.wish.as_mut().filter(|_| tried || agrees) {
            wish.done.get_or_insert(now);
        }
    }

    fn failed(&mut self, fault: Fault, started: Mono, now: Mono) {
        match fault {
            Fault::NoAnswer => self.facts.counts.timeouts += 1,
            Fault::Refused(_) | Fault::NotLetIn | Fault::SessionHeld => self.facts.counts.refused += 1,
            _ => {}
        }
        match fault {
            Fault::NoConnection | Fault::NoAnswer | Fault::SessionHeld => {}
            // Who says no, or nothing that makes sense, may be another by now.
            Fault::Refused(_) | Fault::NotUnderstood | Fault::Broke => self.known = false,
            Fault::NotLetIn => self.locked_until = now.after(LOCKED_OUT),
            Fault::OtherFirmware { .. } | Fault::NoSleep | Fault::NotBuilt => {
                self.known = false;
                self.locked_until = now.after(LOCKED_OUT);
            }
        }
        self.facts.trouble = Some((fault, started));
    }
}

#[cfg(test)]
mod tests;
