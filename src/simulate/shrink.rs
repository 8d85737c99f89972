//! The smallest part of what went wrong that still breaks a promise: the last of it alone, by leaving out ever smaller parts
//! (Zeller's delta debugging), in a short run, each fault as short as it can be.

use std::time::Duration;

use super::episode::{self, Setting};
use super::fault::Fault;
use super::oracle::{Broken, Promise};
use super::swarm::Swarm;
use crate::time::Mono;

/// What comes before the last of a run is tried to be left out with so much kept, in seconds.
const LAST: [u64; 6] = [10, 40, 120, 300, 600, 1_200];
/// What is left begins so long after the start: all that can be on is on by then, where nothing hinders it.
const LEAD: Duration = Duration::from_secs(60);
/// A run ends so long after its promise is broken.
const END: Duration = Duration::from_secs(1);
/// No fault is made shorter than this.
const SHORTEST: Duration = Duration::from_millis(1);

/// Faults and a span that break a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Small {
    /// The seed of the world.
    pub seed: u64,
    /// How long it runs.
    pub span: Duration,
    /// The faults.
    pub faults: Vec<Fault>,
    /// The promise, when it is broken, and what was seen.
    pub broken: Broken,
}

/// Shrinks within a number of runs.
struct Shrinking<'a> {
    best: Small,
    tries: u32,
    breaks: &'a dyn Fn(&Small) -> Option<Broken>,
}

impl Swarm<'_> {
    /// The smallest that still breaks the same promise, of a seed's own faults. At most `tries` runs.
    pub fn shrink(&self, seed: u64, broken: &Broken, tries: u32) -> Small {
        self.shrink_by(seed, broken, tries, &|small| self.breaks(small))
    }

    /// The same where `breaks` says whether it still does.
    pub fn shrink_by(
        &self,
        seed: u64,
        broken: &Broken,
        tries: u32,
        breaks: &dyn Fn(&Small) -> Option<Broken>,
    ) -> Small {
        let best = Small { seed, span: self.0.span, faults: self.faults(seed), broken: broken.clone() };
        let mut shrinking = Shrinking { best, tries, breaks };
        shrinking.all();
        shrinking.best
    }

    /// Runs it until it breaks its promise.
    pub fn breaks(&self, small: &Small) -> Option<Broken> {
        let swarm = Swarm(Setting { span: small.span, ..self.0 });
        let is_it = |broken: &&Broken| broken.promise == small.broken.promise;
        let stop = |broken: &[Broken]| broken.iter().any(|broken| is_it(&broken));
        let (mut episode, lines) = episode::until(&swarm.0, small.seed, small.faults.clone(), &stop);
        if small.broken.promise == Promise::Replays {
            swarm.decide_again(&mut episode, &lines);
        }
        episode.broken.iter().find(is_it).cloned()
    }
}

impl Shrinking<'_> {
    fn all(&mut self) {
        self.cut_end();
        for last in LAST {
            if self.only_last(Duration::from_secs(last)) {
                break;
            }
        }
        self.fewer();
        self.earlier();
        self.shorter();
        self.fewer();
        self.cut_end();
    }

    /// Takes it on where it still breaks.
    fn takes(&mut self, mut small: Small) -> bool {
        if self.tries == 0 {
            return false;
        }
        self.tries -= 1;
        let broken = (self.breaks)(&small);
        if let Some(broken) = broken {
            small.broken = broken;
            self.best = small;
            return true;
        }
        false
    }

    /// What begins after the promise was broken cannot be its reason, and what comes after need not be run.
    fn cut_end(&mut self) {
        let mut small = self.best.clone();
        let at = small.broken.at;
        small.faults.retain(|fault| fault.from <= at);
        small.span = whole_seconds(at.since(Mono::START) + END).min(small.span);
        if small != self.best {
            self.takes(small);
        }
    }

    /// Leaves out all but the last, and moves it to the start.
    fn only_last(&mut self, last: Duration) -> bool {
        let mut small = self.best.clone();
        let from = small.broken.at.before(last);
        small.faults.retain(|fault| fault.from >= from);
        move_earlier(&mut small, from.since(Mono::START).saturating_sub(LEAD));
        small.span < self.best.span && self.takes(small)
    }

    fn fewer(&mut self) {
        let mut part = self.best.faults.len().div_ceil(2);
        while part > 0 && self.tries > 0 {
            let mut start = 0;
            while start < self.best.faults.len() && self.tries > 0 {
                let mut small = self.best.clone();
                let end = (start + part).min(small.faults.len());
                small.faults.drain(start..end);
                if !self.takes(small) {
                    start += part;
                }
            }
            part /= 2;
        }
    }

    /// Leaves out the quiet time before the first fault.
    fn earlier(&mut self) {
        let Some(first) = self.best.faults.iter().map(|fault| fault.from).min() else { return };
        for lead in [Duration::from_secs(5), LEAD / 2, LEAD, LEAD * 2, LEAD * 5] {
            let mut small = self.best.clone();
            move_earlier(&mut small, first.since(Mono::START).saturating_sub(lead));
            if small.span < self.best.span && self.takes(small) {
                self.cut_end();
                return;
            }
        }
    }

    fn shorter(&mut self) {
        for ix in 0..self.best.faults.len() {
            loop {
                let mut small = self.best.clone();
                let Some(fault) = small.faults.get_mut(ix) else { break };
                let half = fault.to.since(fault.from) / 2;
                fault.to = fault.from.after(half);
                if half < SHORTEST || !self.takes(small) {
                    break;
                }
            }
        }
    }
}

fn move_earlier(small: &mut Small, by: Duration) {
    let by = Duration::from_secs(by.as_secs());
    for fault in &mut small.faults {
        (fault.from, fault.to) = (fault.from.before(by), fault.to.before(by));
    }
    small.broken.at = small.broken.at.before(by);
    small.span = small.span.saturating_sub(by);
}

fn whole_seconds(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs() + u64::from(span.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::fault::Class;

    fn fault(class: Class, second: u64) -> Fault {
        let from = Mono::from_millis(second * 1_000);
        Fault { class, from, to: from.after(Duration::from_secs(8)), target: 0, degree: 0 }
    }

    fn broken(second: u64) -> Broken {
        Broken { promise: Promise::Limit, at: Mono::from_millis(second * 1_000), what: String::new() }
    }

    #[test]
    fn what_is_left_is_what_it_takes() {
        // It takes a cap that begins after a kill, the cap at least a second long.
        let breaks = |small: &Small| {
            let kill = small.faults.iter().position(|fault| fault.class == Class::Killed)?;
            let cap = small.faults.iter().skip(kill).find(|fault| fault.class == Class::Cap)?;
            let long = cap.to.since(cap.from) >= Duration::from_secs(1);
            let at = cap.from.after(Duration::from_secs(2));
            (long && at <= Mono::START.after(small.span)).then(|| Broken { at, ..broken(0) })
        };
        let mut faults: Vec<Fault> = (0..60).map(|second| fault(Class::PduLost, 900 + second)).collect();
        faults.push(fault(Class::Killed, 961));
        faults.extend((0..30).map(|second| fault(Class::PriceLost, 962 + second)));
        faults.push(fault(Class::Cap, 993));
        faults.push(fault(Class::EStop, 999));
        let best = Small { seed: 1, span: Duration::from_secs(3_600), faults, broken: broken(995) };
        let mut shrinking = Shrinking { best, tries: 200, breaks: &breaks };
        shrinking.all();
        let small = shrinking.best;
        assert_eq!(small.faults.iter().map(|fault| fault.class).collect::<Vec<_>>(), [Class::Killed, Class::Cap]);
        assert!(small.span <= Duration::from_secs(60), "{:?}", small.span);
        assert_eq!(small.faults[1].to.since(small.faults[1].from), Duration::from_secs(1));
    }

    #[test]
    fn no_more_runs_are_made_than_were_given() {
        let runs = std::cell::Cell::new(0);
        let breaks = |small: &Small| {
            runs.set(runs.get() + 1);
            (small.faults.len() > 90).then(|| small.broken.clone())
        };
        let faults = (0..100).map(|second| fault(Class::PduLost, second)).collect();
        let best = Small { seed: 1, span: Duration::from_secs(3_600), faults, broken: broken(200) };
        Shrinking { best, tries: 7, breaks: &breaks }.all();
        assert_eq!(runs.get(), 7);
    }
}
