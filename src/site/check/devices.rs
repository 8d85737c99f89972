//! What the site asks of its devices: register maps that exist, readings young enough, budgets that can be met.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Finding, Findings, spoken};
use crate::document::nearest;
use crate::site::Site;
use crate::site::file::Places;
use crate::units::span;

pub(super) fn profiles(site: &Site, known: &[&str], found: &mut Findings) {
    let mut unknown: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for device in site.devices.iter().filter(|device| !known.contains(&device.profile.as_str())) {
        unknown.entry(&device.profile).or_default().push(&device.name);
    }
    for (profile, names) in unknown {
        let first = names.first().copied().unwrap_or_default();
        let help = match nearest(profile, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? device files: {}", known.join(", ")),
            None => format!("device files: {}", known.join(", ")),
        };
        let message = format!("there is no device file `{profile}` for {}", spoken(&names));
        found.errors.push(Finding::new(format!("{}.profile", Places::device(first)), message, help));
    }
}

/// A meter that is read too seldom is stale between two readings, and nothing would ever be restored.
pub(super) fn polls(site: &Site, found: &mut Findings) {
    if site.hall.meter.is_none() {
        let help = "give it one: what it does not use is what the miners live on";
        let message = format!("the hall has no meter, so it always counts as its nameplate of {}", site.hall.nameplate);
        found.warnings.push(Finding::new("hall", message, help));
    }
    let fast = [Some(site.poi.meter), site.hall.meter];
    for meter in fast.into_iter().flatten().filter_map(|ix| site.devices.get(ix)) {
        let age = site.ages.meter;
        let at = format!("{}.poll", Places::device(&meter.name));
        let message =
            format!("`{}` is read every {}, and a reading is stale after {}", meter.name, span(meter.poll), span(age));
        if meter.poll > age {
            found.errors.push(Finding::new(at, message, "it would be stale between any two readings: lower poll"));
        } else if meter.poll * 2 > age {
            found.warnings.push(Finding::new(at, message, "one lost answer makes it stale: half of it would do"));
        }
    }
    let silent = site.ages.device;
    if let Some(slow) = site.devices.iter().find(|device| device.poll > silent) {
        let message =
            format!("`{}` is read every {}, and is silent after {}", slow.name, span(slow.poll), span(silent));
        let at = format!("{}.poll", Places::device(&slow.name));
        found.errors.push(Finding::new(at, message, "it would be silent between any two readings: lower poll"));
    }
}

/// A budget that is missed by design is an alarm nobody heeds.
pub(super) fn budgets(site: &Site, found: &mut Findings) {
    let budgets = &site.budgets;
    let slowest = site.groups.iter().map(crate::site::Group::response).max().unwrap_or(Duration::ZERO);
    let mut told = |at: &str, message: String, help: &str| found.warnings.push(Finding::new(at, message, help));
    if budgets.proof < slowest {
        let message =
            format!("the proof budget of {} is below the slowest response of {}", span(budgets.proof), span(slowest));
        told("budgets.proof", message, "every shed of that group would miss it");
    }
    if budgets.sense > site.ages.meter {
        let message = format!(
            "the sense budget of {} is above the age of a stale reading, {}",
            span(budgets.sense),
            span(site.ages.meter)
        );
        told("budgets.sense", message, "it could never be missed by a reading that is believed");
    }
    if budgets.decide + budgets.write > site.tick.period {
        let both = span(budgets.decide + budgets.write);
        let message =
            format!("the budgets decide and write are {both}, more than a tick of {}", span(site.tick.period));
        told("budgets.write", message, "a tick that just meets them is late for the next");
    }
}
