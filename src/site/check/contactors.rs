//! The contactors of feeders: the last step, when what is behind a feeder can be lowered by nothing else. Whether opening one can be
//! proved, what else it takes the power of, and whether it comes in the limit's own time.

use std::time::Duration;

use super::devices::{age, says};
use super::{Finding, Findings, KnownProfile};
use crate::site::file::Places;
use crate::site::{Contactor, Feeder, FeederIx, Site};
use crate::units::span;

/// How soon the contactor of a feeder ends what outlets could not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactorLine {
    /// The feeder.
    pub feeder: String,
    /// The oldest reading that is still believed.
    pub age: Duration,
    /// So long a limit stands overdrawn with nothing else left to lower.
    pub opens_after: Duration,
    /// From the decision to the power being gone.
    pub response: Duration,
    /// Those and a tick together.
    pub total: Duration,
    /// The time the limit leaves.
    pub within: Duration,
}

pub(super) fn contactors(site: &Site, known: &[KnownProfile<'_>], found: &mut Findings) -> Vec<ContactorLine> {
    let with = site.contactors().filter_map(|(ix, contactor)| Some((ix, site.feeders.get(ix)?, contactor)));
    with.map(|(ix, feeder, contactor)| {
        takes_miners_alone(site, ix, feeder, found);
        can_be_switched(site, contactor, known, found);
        measures_it_alone(site, feeder, contactor, found);
        can_be_proved(site, feeder, contactor, known, found);
        in_time(site, feeder, contactor, found)
    })
    .collect()
}

/// The hall is never asked, and fans run on when miners do not.
fn takes_miners_alone(site: &Site, ix: FeederIx, feeder: &Feeder, found: &mut Findings) {
    let at = Places::contactor(&feeder.name);
    for (load, whose) in [(&site.hall, "the hall"), (&site.house, "the house")] {
        if load.feeder == Some(ix) {
            let message = format!("the contactor of feeder `{}` would take the power of {whose} as well", feeder.name);
            let help = format!("remove it, or hang {whose} on another feeder: it opens for miners alone");
            found.errors.push(Finding::new(at.as_str(), message, help));
        }
    }
    if !site.groups.iter().any(|group| group.feeder == Some(ix)) {
        let message = format!("no miners hang on feeder `{}`, and it has a contactor", feeder.name);
        found.errors.push(Finding::new(at, message, "remove it, or hang its groups on the feeder"));
    }
}

fn can_be_switched(site: &Site, contactor: &Contactor, known: &[KnownProfile<'_>], found: &mut Findings) {
    let Some(device) = site.devices.get(contactor.device) else { return };
    if says(device, known).is_some_and(|says| !says.switches) {
        let (name, profile) = (&device.name, &device.profile);
        let message = format!("`{name}` cannot be opened: device file `{profile}` has no outlets");
        let at = format!("{}.profile", Places::device(name));
        found.errors.push(Finding::new(at, message, "take the file of what switches it, for example \"relay-board\""));
    }
}

fn measures_it_alone(site: &Site, feeder: &Feeder, contactor: &Contactor, found: &mut Findings) {
    let taken = [(Some(site.poi.meter), "[poi]"), (site.hall.meter, "[hall]"), (site.house.meter, "[house]")];
    let Some((_, whose)) = taken.iter().find(|(taken, _)| *taken == Some(contactor.meter)) else { return };
    let message = format!("the meter of feeder `{}` is that of {whose}: it shows something else", feeder.name);
    let help = "give the feeder a [[meter]] of its own, behind its contactor";
    found.errors.push(Finding::new(format!("{}.measured_by", Places::contactor(&feeder.name)), message, help));
}

/// A proof needs a reading that began after the power was gone.
fn can_be_proved(
    site: &Site,
    feeder: &Feeder,
    contactor: &Contactor,
    known: &[KnownProfile<'_>],
    found: &mut Findings,
) {
    let (proof, response) = (contactor.proof, contactor.response);
    let read = age(Some(contactor.meter), site, known);
    let least = response.saturating_add(read);
    if proof < least {
        let message = format!(
            "the contactor of `{}` must prove itself within {}, and its meter shows that after {} at the latest",
            feeder.name,
            span(proof),
            span(least)
        );
        let help = format!("{} response + {} poll and refresh: raise proof", span(response), span(read));
        found.errors.push(Finding::new(format!("{}.proof", Places::contactor(&feeder.name)), message, help));
    }
}

/// No error: whatever it is late for, it ends it. Whoever signs the file should know what holds until then.
fn in_time(site: &Site, feeder: &Feeder, contactor: &Contactor, found: &mut Findings) -> ContactorLine {
    let (age, period, within) = (site.ages.meter, site.tick.period, site.poi.within);
    let (opens_after, response) = (contactor.opens_after, contactor.response);
    let total = age.saturating_add(period).saturating_add(opens_after).saturating_add(response);
    let line = ContactorLine { feeder: feeder.name.clone(), age, opens_after, response, total, within };
    if total > within {
        let message = format!(
            "the contactor of `{}` ends an excess within {}, and the limit allows {}",
            feeder.name,
            span(total),
            span(within)
        );
        let sum = [(age, "old reading"), (period, "tick"), (opens_after, "opens_after"), (response, "response")];
        let sum = sum.map(|(time, of)| format!("{} {of}", span(time))).join(" + ");
        let help = format!("{sum}; lower opens_after, or let what holds the limit while no controller lives hold it");
        found.warnings.push(Finding::new(format!("{}.opens_after", Places::contactor(&feeder.name)), message, help));
    }
    line
}
