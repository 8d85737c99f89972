//! Reaction time: from the oldest reading that is still believed to the power being gone, against the limit's own time. And
//! the same for a device that lies: it answers and does not act, which only its watts show, and others must act for it.

use std::time::Duration;

use super::{Finding, Findings, responses, spoken};
use crate::site::file::Places;
use crate::site::{Group, Guard, Site};
use crate::units::span;

/// How fast the groups of one response answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactionLine {
    /// How many groups have this response.
    pub groups: usize,
    /// The oldest reading that is still believed.
    pub age: Duration,
    /// Longest time between two decisions.
    pub period: Duration,
    /// From the decision to the power being gone.
    pub response: Duration,
    /// The sum of the three.
    pub total: Duration,
    /// The time the limit leaves.
    pub within: Duration,
    /// By when a device of theirs that answers and does not act is found out.
    pub proof: Duration,
    /// The response of what then acts for it: the outlets of those that were told to sleep; else the next slower class, and their own
    /// where there is none.
    pub next: Duration,
    /// Reading, tick, proof and that response together.
    pub lying: Duration,
}

impl ReactionLine {
    /// Whether it is fast enough.
    pub fn holds(&self) -> bool {
        self.total <= self.within
    }

    /// Whether it is fast enough also where a device answers and does not act.
    pub fn holds_a_lie(&self) -> bool {
        self.lying <= self.within
    }
}

pub(super) fn reaction(site: &Site, found: &mut Findings) -> Vec<ReactionLine> {
    let (age, period, within) = (site.ages.meter, site.tick.period, site.poi.within);
    let mut lines = Vec::new();
    let all = responses(site);
    for (at, response) in all.iter().copied().enumerate() {
        let groups = of(site, response);
        let decided = age.saturating_add(period);
        let total = decided.saturating_add(response);
        let others = all.get(at + 1).copied().unwrap_or(response);
        let next = groups.iter().map(|group| outlets_behind(group).unwrap_or(others)).max().unwrap_or(others);
        let proof = groups.iter().filter_map(|group| group.first_times()).map(|(_, proof)| proof).max();
        let proof = proof.unwrap_or_default();
        let lying = decided.saturating_add(proof).saturating_add(next);
        let line = ReactionLine { groups: groups.len(), age, period, response, total, within, proof, next, lying };
        if !line.holds() {
            found.errors.push(too_slow(&line, &groups));
        }
        lines.push(line);
    }
    found.warnings.extend(lied_to(site, &lines));
    for group in &site.groups {
        proofs(group, found);
    }
    lines
}

/// The groups with this response.
fn of(site: &Site, response: Duration) -> Vec<&Group> {
    site.groups.iter().filter(|group| group.response() == response).collect()
}

/// The response of the outlets that cut what was told to sleep and draws on.
fn outlets_behind(group: &Group) -> Option<Duration> {
    group.firmware.as_ref().filter(|path| path.first)?;
    group.paths.first().map(|path| path.response)
}

/// Where the path of a group stands that a limit uses first.
fn first_path(group: &Group) -> String {
    match &group.firmware {
        Some(path) if path.first => Places::firmware(&group.name),
        _ => Places::device(&group.name),
    }
}

/// No error: a device that lies is a fault, and a guard is there for faults. Whoever signs the file should know it.
fn lied_to(site: &Site, lines: &[ReactionLine]) -> Option<Finding> {
    let worst = lines.iter().filter(|line| !line.holds_a_lie()).max_by_key(|line| line.lying)?;
    let as_bad = lines.iter().filter(|line| line.lying == worst.lying).flat_map(|line| of(site, line.response));
    let as_bad: Vec<&Group> = as_bad.collect();
    let names: Vec<&str> = as_bad.iter().map(|group| group.name.as_str()).collect();
    let (lying, within) = (span(worst.lying), span(worst.within));
    let lies = if names.len() > 1 { "lie" } else { "lies" };
    let cut = as_bad.iter().all(|group| outlets_behind(group).is_some());
    let act = if cut { "outlets are cut" } else { "others act" };
    let message = format!("if {} {lies}, {act} within {lying}, and the limit allows {within}", spoken(&names));
    let ReactionLine { age, period, proof, next, .. } = *worst;
    let then = if cut { "response of the outlets" } else { "response of the next" };
    let sum = [(age, "old reading"), (period, "tick"), (proof, "proof"), (next, then)];
    let sum = sum.map(|(time, of)| format!("{} {of}", span(time))).join(" + ");
    let repair = match worst.within.saturating_sub(age).saturating_sub(period).saturating_sub(next) {
        Duration::ZERO => "no proof is short enough: a younger reading (ages.meter) or faster paths".to_owned(),
        left => format!("a proof within {} would do, from PDUs that are read and measure that fast", span(left)),
    };
    let holds = match site.poi.guard {
        Guard::Relay { .. } => "the relay at the POI is what holds",
        Guard::Tolerance => "nothing holds but the limit's own tolerance",
    };
    let at = as_bad.first().map(|group| format!("{}.proof", first_path(group)));
    Some(Finding::new(at.unwrap_or_default(), message, format!("{sum}: {repair}; until then {holds}")))
}

fn too_slow(line: &ReactionLine, groups: &[&Group]) -> Finding {
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    let (total, within) = (span(line.total), span(line.within));
    let message = format!("{} react within {total}, and the import limit allows {within}", spoken(&names));
    let sum = format!("{} old reading + {} tick + {} response", span(line.age), span(line.period), span(line.response));
    let left = line.within.saturating_sub(line.age).saturating_sub(line.period);
    let help = match left {
        Duration::ZERO => format!("{sum}: no path can be fast enough, lower ages.meter or tick.period"),
        left => format!("{sum}: a response within {} would do, or a younger reading (ages.meter)", span(left)),
    };
    let at = groups.first().map(|group| format!("{}.response", first_path(group)));
    Finding::new(at.unwrap_or_default(), message, help)
}

fn proofs(group: &Group, found: &mut Findings) {
    for path in group.paths.iter().filter(|path| path.proof < path.response) {
        let (proof, response) = (span(path.proof), span(path.response));
        let message =
            format!("`{}` must prove itself within {proof}, before its response of {response} is over", group.name);
        let at = format!("{}.proof", Places::device(&group.name));
        found.errors.push(Finding::new(at, message, "every shed would be taken for a failure: raise proof"));
    }
}
