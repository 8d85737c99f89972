//! Does the site hold its own promise? Judged from its numbers alone, before anything is switched.
//!
//! [`check`] is pure. Its errors refuse the site; its warnings are told; its tables are what an engineer compares with the
//! connection agreement. It judges what the file declares: whether a path really is as fast as it says, only a drill
//! can tell.

use std::time::Duration;

use super::Site;
use crate::units::{Power, span};

mod contactors;
mod dead;
mod devices;
#[cfg(test)]
mod devices_tests;
mod reaction;
#[cfg(test)]
mod reaction_tests;
mod reserve;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;

pub use contactors::ContactorLine;
pub use dead::{Dead, Ends, MISSED};
pub use reaction::ReactionLine;
pub use reserve::{Reserve, ReserveLine, Room};

/// What the site's numbers amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Name of the site.
    pub site: String,
    /// The powers everything is compared with.
    pub sums: Sums,
    /// What hangs on each feeder.
    pub feeders: Vec<FeederLine>,
    /// What miners may draw, by response.
    pub reserve: Reserve,
    /// How fast each path answers, by response.
    pub reaction: Vec<ReactionLine>,
    /// What is opened where outlets do not lower what is behind a feeder.
    pub contactors: Vec<ContactorLine>,
    /// What holds the limit while the controller is dead.
    pub dead: Dead,
    /// Why the site is refused; empty where it holds its promise.
    pub errors: Vec<Finding>,
    /// What an engineer should know before signing.
    pub warnings: Vec<Finding>,
}

/// The powers of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Most the site may draw.
    pub limit: Power,
    /// Nameplate of the AI hall.
    pub hall: Power,
    /// Nameplate of the house load.
    pub house: Power,
    /// All miners together.
    pub fleet: Power,
    /// How many groups they are switched in.
    pub groups: usize,
}

impl Sums {
    /// What would be left for miners without any control: the limit less both firm nameplates.
    pub fn static_room(&self) -> Power {
        (self.limit - self.hall - self.house).or_zero()
    }
}

/// What hangs on one feeder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeederLine {
    /// Its name.
    pub name: String,
    /// Most it may carry.
    pub rating: Power,
    /// Nameplates of the firm loads on it.
    pub firm: Power,
    /// Nameplates of the miners on it.
    pub miners: Power,
    /// How many groups they are.
    pub groups: usize,
}

/// Something to repair or to know, with the numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where in the file: a name that [`Places`](super::file::Places) knows.
    pub at: String,
    /// What is wrong, with the numbers.
    pub message: String,
    /// What would do.
    pub help: String,
}

impl Finding {
    fn new(at: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { at: at.into(), message: message.into(), help: help.into() }
    }
}

/// Errors and warnings as they are found.
#[derive(Debug, Default)]
struct Findings {
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
}

/// A device file there is, as far as a site is judged by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownProfile<'a> {
    /// Its name, without folder and ending.
    pub name: &'a str,
    /// What it says; nothing where it cannot be read. That is told where it is read.
    pub says: Option<KnownDevice>,
}

/// What a device file says that a site is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownDevice {
    /// How often it measures its power anew; nothing where it measures none.
    pub refresh: Option<Duration>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Whether it asks for a login.
    pub login: bool,
    /// The least time between an answer and the next request.
    pub gap: Duration,
    /// Whether its outlets are switched by one write, and not one by one.
    pub at_once: bool,
    /// Whether it has outlets to switch.
    pub switches: bool,
    /// How often it is told that its controller lives, where it wants that.
    pub keep_alive: Option<Duration>,
    /// Whether it is a relay that is only watched.
    pub relay: bool,
}

/// Works out what the numbers of a site amount to. `known` are the device files there are; `hall_at` is a power of the hall to show the reserve for, beside half its nameplate and its nameplate: what it
/// typically draws; three quarters where that is not known.
pub fn check(site: &Site, known: &[KnownProfile<'_>], hall_at: Option<Power>) -> Report {
    let mut found = Findings::default();
    let sums = sums(site);
    firm_fits(&sums, &mut found);
    let reaction = reaction::reaction(site, &mut found);
    let feeders = feeders(site, &mut found);
    devices::profiles(site, known, &mut found);
    devices::unmeasured(site, known, &mut found);
    devices::relays(site, known, &mut found);
    devices::shared_meters(site, &mut found);
    devices::logins(site, known, &mut found);
    devices::signs_of_life(site, known, &mut found);
    devices::secured(site, &mut found);
    devices::gateways(site, known, &mut found);
    devices::polls(site, known, &mut found);
    devices::silence(site, known, &mut found);
    devices::budgets(site, known, &mut found);
    let contactors = contactors::contactors(site, known, &mut found);
    let dead = dead::dead(site, &mut found);
    dead::stagger(site, &mut found);
    restore_fits(site, &mut found);
    failsafe_waits(site, &mut found);
    let reserve = reserve::reserve(site, devices::age(site.hall.meter, site, known), hall_at);
    let (errors, warnings) = (found.errors, found.warnings);
    Report { site: site.name.clone(), sums, feeders, reserve, reaction, contactors, dead, errors, warnings }
}

/// The fail-safe ends everything only where the limit's own time is long over.
fn failsafe_waits(site: &Site, found: &mut Findings) {
    let (over, within) = (site.failsafe.over_limit, site.poi.within);
    if over <= within {
        let message =
            format!("the fail-safe switches all off after {}, and the limit allows {}", span(over), span(within));
        let help = "every excursion would need a person: five times poi.within is usual";
        found.errors.push(Finding::new("failsafe.over_limit", message, help));
    }
}

fn sums(site: &Site) -> Sums {
    Sums {
        limit: site.poi.import_limit,
        hall: site.hall.nameplate,
        house: site.house.nameplate,
        fleet: site.groups.iter().map(super::Group::nameplate).sum(),
        groups: site.groups.len(),
    }
}

fn firm_fits(sums: &Sums, found: &mut Findings) {
    let over = sums.hall + sums.house - sums.limit;
    if over > Power::ZERO {
        let (hall, house, limit) = (sums.hall, sums.house, sums.limit);
        let message = format!("hall {hall} and house {house} together exceed the import limit of {limit} by {over}");
        found.errors.push(Finding::new("hall.nameplate", message, "with every miner off the limit is still broken"));
    }
}

fn restore_fits(site: &Site, found: &mut Findings) {
    if site.restore.ramp > site.poi.ramp {
        found.errors.push(Finding::new(
            "restore.ramp",
            format!("load comes back at {}, faster than the {} the grid may see", site.restore.ramp, site.poi.ramp),
            format!("write \"{}\" or less", site.poi.ramp),
        ));
    }
}

fn feeders(site: &Site, found: &mut Findings) -> Vec<FeederLine> {
    let line = |(ix, feeder): (usize, &super::Feeder)| {
        let on = |hung: Option<usize>| hung == Some(ix);
        let groups: Vec<_> = site.groups.iter().filter(|group| on(group.feeder)).collect();
        let firm = [&site.hall, &site.house].into_iter().filter(|load| on(load.feeder));
        FeederLine {
            name: feeder.name.clone(),
            rating: feeder.rating,
            firm: firm.map(|load| load.nameplate).sum(),
            miners: groups.iter().map(|group| group.nameplate()).sum(),
            groups: groups.len(),
        }
    };
    let lines: Vec<FeederLine> = site.feeders.iter().enumerate().map(line).collect();
    lines.iter().for_each(|line| feeder_fits(line, found));
    lines
}

fn feeder_fits(line: &FeederLine, found: &mut Findings) {
    let at = format!("{}.rating", super::file::Places::feeder(&line.name));
    let (name, rating, all) = (&line.name, line.rating, line.firm + line.miners);
    if line.firm > rating {
        let message = format!("feeder `{name}` is rated {rating}, and its firm load alone is {}", line.firm);
        found.errors.push(Finding::new(
            at,
            message,
            "miners cannot make room for it: correct the rating or the nameplate",
        ));
    } else if all > rating {
        let message = format!("feeder `{name}` is rated {rating}, and {all} hang on it");
        let help = format!("it is held at its rating, so {} of its miners never run at full load", all - rating);
        found.warnings.push(Finding::new(at, message, help));
    }
    if line.groups == 0 && line.firm == Power::ZERO {
        found.warnings.push(Finding::new(
            at_of(name),
            format!("nothing hangs on feeder `{name}`"),
            "remove it, or hang its groups on it",
        ));
    }
}

fn at_of(feeder: &str) -> String {
    format!("{}.name", super::file::Places::feeder(feeder))
}

/// The distinct responses of the groups, fastest first.
fn responses(site: &Site) -> Vec<Duration> {
    let mut all: Vec<Duration> = site.groups.iter().map(super::Group::response).collect();
    all.sort();
    all.dedup();
    all
}

/// `north-01` for one name, `north-01 to east-12 (60)` for many.
fn spoken(names: &[&str]) -> String {
    match names {
        [] => "nothing".into(),
        [one] => format!("`{one}`"),
        [first, .., last] => format!("`{first}` to `{last}` ({})", names.len()),
    }
}
