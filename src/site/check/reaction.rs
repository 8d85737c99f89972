//! Reaction time: from the oldest reading that is still believed to the power being gone, against the limit's own time.

use std::time::Duration;

use super::{Finding, Findings, responses, spoken};
use crate::site::file::Places;
use crate::site::{Group, Site};
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
}

impl ReactionLine {
    /// Whether it is fast enough.
    pub fn holds(&self) -> bool {
        self.total <= self.within
    }
}

pub(super) fn reaction(site: &Site, found: &mut Findings) -> Vec<ReactionLine> {
    let (age, period, within) = (site.ages.meter, site.tick.period, site.poi.within);
    let mut lines = Vec::new();
    for response in responses(site) {
        let groups: Vec<&Group> = site.groups.iter().filter(|group| group.response() == response).collect();
        let total = age.saturating_add(period).saturating_add(response);
        let line = ReactionLine { groups: groups.len(), age, period, response, total, within };
        if !line.holds() {
            found.errors.push(too_slow(&line, &groups));
        }
        lines.push(line);
    }
    for group in &site.groups {
        proofs(group, found);
    }
    lines
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
    let at = names.first().map(|name| format!("{}.response", Places::device(name)));
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
