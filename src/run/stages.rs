//! How long each stage of the loop takes, against the site's budgets. A missed budget is an event, not a log line.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::site::Budgets;

/// A stage from the meter to the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Age of the newest meter sample when the tick takes it.
    Sense,
    /// The decision.
    Decide,
    /// Fresh sample to the last command on the wire.
    Write,
    /// Command on the wire to the device's answer.
    Acknowledge,
    /// Command on the wire to the lower power at the meter.
    Proof,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Stage; 5] = [Stage::Sense, Stage::Decide, Stage::Write, Stage::Acknowledge, Stage::Proof];

    /// As it is called in the journal and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sense => "sense",
            Self::Decide => "decide",
            Self::Write => "write",
            Self::Acknowledge => "acknowledge",
            Self::Proof => "proof",
        }
    }

    /// Its budget in this site.
    pub fn budget(self, budgets: &Budgets) -> Duration {
        match self {
            Self::Sense => budgets.sense,
            Self::Decide => budgets.decide,
            Self::Write => budgets.write,
            Self::Acknowledge => budgets.acknowledge,
            Self::Proof => budgets.proof,
        }
    }
}

/// One stage, measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// The stage.
    pub stage: Stage,
    /// How often it was measured.
    pub count: u64,
    /// Half took no longer, in microseconds.
    pub p50_us: u64,
    /// 99 of 100 took no longer.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
    /// The budget.
    pub budget_us: u64,
    /// How many missed it.
    pub missed: u64,
}

/// A budget that was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// The stage.
    pub stage: Stage,
    /// What it took.
    pub took_us: u64,
    /// What it had.
    pub budget_us: u64,
}

/// Histograms of every stage: one microsecond to a minute, three digits.
pub(super) struct Stages {
    budgets: Budgets,
    taken: Vec<(Stage, Histogram<u64>, u64)>,
}

const LONGEST_US: u64 = 60_000_000;

impl Stages {
    pub(super) fn new(budgets: Budgets) -> Self {
        let taken =
            Stage::ALL.iter().filter_map(|stage| Some((*stage, Histogram::new_with_bounds(1, LONGEST_US, 3).ok()?, 0)));
        Self { budgets, taken: taken.collect() }
    }

    /// Takes one measurement; the miss, where it is one.
    pub(super) fn take(&mut self, stage: Stage, took: Duration) -> Option<Missed> {
        let budget = stage.budget(&self.budgets);
        let (_, histogram, missed) = self.taken.iter_mut().find(|(of, _, _)| *of == stage)?;
        histogram.saturating_record(micros(took).max(1));
        let over = took > budget;
        *missed += u64::from(over);
        over.then(|| Missed { stage, took_us: micros(took), budget_us: micros(budget) })
    }

    /// What was measured so far.
    pub(super) fn measured(&self) -> Vec<Measured> {
        let one = |(stage, histogram, missed): &(Stage, Histogram<u64>, u64)| Measured {
            stage: *stage,
            count: histogram.len(),
            p50_us: histogram.value_at_quantile(0.5),
            p99_us: histogram.value_at_quantile(0.99),
            max_us: histogram.max(),
            budget_us: micros(stage.budget(&self.budgets)),
            missed: *missed,
        };
        self.taken.iter().map(one).collect()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
