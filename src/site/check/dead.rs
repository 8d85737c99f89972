//! While the controller is dead: what holds the limit, how far it can be exceeded, and when that ends.

use std::time::Duration;

use super::reserve::fill;
use super::{Finding, Findings, spoken};
use crate::site::file::Places;
use crate::site::{CommsLoss, Group, Guard, Site};
use crate::units::{Power, span};

/// No heartbeat is closer to the next than this; one that is polled less often is heard less often.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// So many heartbeats may be missed before a watchdog acts.
pub const MISSED: u32 = 3;
/// How long a restart of the controller takes until it speaks to every device again.
pub(super) const TAKEOVER: Duration = Duration::from_secs(3);

/// The worst that remains when the controller dies at the worst moment: miners full, the hall idle and about to rise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// What holds the limit.
    pub guard: Guard,
    /// The worst excess over the import limit.
    pub excess: Power,
    /// When the excess is over, at the latest.
    pub ends: Ends,
    /// Miners that keep their state, or worse, when they hear nothing.
    pub held: Power,
    /// Miners that fall by their own watchdogs.
    pub falling: Power,
    /// When the last of those has fallen, counted from the last command.
    pub fallen_after: Duration,
    /// By when it has to have, where the file says.
    pub falls_within: Option<Duration>,
}

/// When an excess is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// There is none.
    NoExcess,
    /// This long after the limit is first exceeded, at the most.
    Within(Duration),
    /// Only when a person acts.
    Never,
}

/// When a group has fallen by its own watchdog, counted from the last command; nothing where it does not.
fn falls(group: &Group) -> Option<Duration> {
    match group.paths.first()?.comms_loss {
        CommsLoss::Reverts(after) | CommsLoss::SafeValue(after) => Some(after.saturating_add(group.response())),
        CommsLoss::Holds | CommsLoss::UnsafeOn | CommsLoss::Unknown => None,
    }
}

pub(super) fn dead(site: &Site, found: &mut Findings) -> Dead {
    let held = sum(site, |group| falls(group).is_none());
    let left = (sum(site, |_| true) - held).or_zero();
    let fallen_after = site.groups.iter().filter_map(falls).max().unwrap_or(Duration::ZERO);
    let standing = excess_with(site, fill(site, Power::ZERO, Duration::ZERO).max(unsafe_on(site)));
    let (excess, ends) = match &site.poi.guard {
        _ if standing == Power::ZERO => (Power::ZERO, Ends::NoExcess),
        Guard::Relay { trips_within } => (standing.min(risen(site, *trips_within)), Ends::Within(*trips_within)),
        Guard::Tolerance => (standing, self_ending(site)),
    };
    let falls_within = site.poi.falls_within;
    let dead = Dead { guard: site.poi.guard.clone(), excess, ends, held, falling: left, fallen_after, falls_within };
    judge(site, &dead, found);
    in_time(&dead, found);
    dead
}

/// Hall and house at their nameplates and these miners, less the limit.
fn excess_with(site: &Site, miners: Power) -> Power {
    (site.hall.nameplate + site.house.nameplate + miners - site.poi.import_limit).or_zero()
}

/// Groups that switch on when they hear nothing are on, whatever the last plan was.
fn unsafe_on(site: &Site) -> Power {
    sum(site, |group| group.paths.iter().any(|path| path.comms_loss == CommsLoss::UnsafeOn))
}

/// How far hall and house rise above the limit before the relay has acted.
fn risen(site: &Site, trips_within: Duration) -> Power {
    let (hall, house) = (&site.hall, &site.house);
    hall.step + house.step + hall.slew.over(trips_within) + house.slew.over(trips_within)
}

/// The first watchdog time after which the miners still on can no longer break the limit, taking those on that fall last.
fn self_ending(site: &Site) -> Ends {
    let full = fill(site, Power::ZERO, Duration::ZERO);
    let mut times: Vec<Duration> = site.groups.iter().filter_map(falls).collect();
    times.sort();
    let over = |time: &Duration| {
        let on = sum(site, |group| falls(group).is_none_or(|falls| falls > *time));
        excess_with(site, on.min(full).max(unsafe_on(site))) == Power::ZERO
    };
    times.into_iter().find(over).map_or(Ends::Never, Ends::Within)
}

fn sum(site: &Site, of: impl Fn(&Group) -> bool) -> Power {
    site.groups.iter().filter(|group| of(group)).map(Group::nameplate).sum()
}

fn judge(site: &Site, dead: &Dead, found: &mut Findings) {
    let within = site.poi.within;
    match (&dead.guard, dead.ends) {
        (Guard::Relay { trips_within }, _) if *trips_within > within => {
            let message =
                format!("the guard trips within {}, and the limit allows {}", span(*trips_within), span(within));
            found.errors.push(Finding::new(
                "poi.guard.trips_within",
                message,
                "a guard slower than the limit guards nothing",
            ));
        }
        (Guard::Tolerance, Ends::Never) => {
            let message = format!(
                "nothing ends an excess of {} while the controller is dead: {} of miners keep their state",
                dead.excess, dead.held
            );
            let help = "put a relay on the POI, or PDUs that fall back to off by themselves (comms_loss = \"reverts\")";
            found.errors.push(Finding::new("poi.guard.kind", message, help));
        }
        (Guard::Tolerance, Ends::Within(time)) if time > within => {
            let message = format!(
                "while the controller is dead the limit can be exceeded by {} for {}, and it allows {}",
                dead.excess,
                span(time),
                span(within)
            );
            let help = "be sure that the connection tolerates this, or put a relay on the POI";
            found.warnings.push(Finding::new("poi.guard.kind", message, help));
        }
        _ => {}
    }
}

/// All that falls has fallen in the time that the connection asks for.
fn in_time(dead: &Dead, found: &mut Findings) {
    let Some(within) = dead.falls_within else { return };
    let (allows, after) = (span(within), span(dead.fallen_after));
    let (message, help) = if dead.held > Power::ZERO {
        let message = format!("without a controller {} of miners never fall, and all must within {allows}", dead.held);
        (message, "give them PDUs that fall back to off by themselves (comms_loss = \"reverts\")")
    } else if dead.fallen_after > within {
        let message = format!("without a controller the last miners fall after {after}, and all must within {allows}");
        (message, "less comms_loss_after or comms_loss_stagger, as far as poi.ramp allows, or fewer and larger groups")
    } else {
        return;
    };
    found.errors.push(Finding::new("poi.guard.falls_within", message, help));
}

/// The shortest time after which a group's watchdog may act: heartbeats may be lost, a controller may be started again, and no
/// command lapses later.
fn earliest(site: &Site, group: &Group) -> Duration {
    let device = group.paths.first().and_then(|path| site.devices.get(path.device));
    let heartbeat = device.map_or(HEARTBEAT, |device| device.poll.max(HEARTBEAT));
    (heartbeat * MISSED).saturating_add(TAKEOVER).max(site.tick.lapse)
}

/// Groups that fall by their own watchdogs fall one after the other: what falls together must not be a step the grid
/// may not see, and no watchdog may act while commands are merely late.
pub(super) fn stagger(site: &Site, found: &mut Findings) {
    let mut falling: Vec<(Duration, &Group)> = site.groups.iter().filter_map(|g| Some((falls(g)?, g))).collect();
    falling.sort_by_key(|(time, _)| *time);
    let early: Vec<_> = falling.iter().filter(|(_, group)| own_watchdog(group) <= earliest(site, group)).collect();
    if let Some((_, group)) = early.first() {
        let names: Vec<&str> = early.iter().map(|(_, group)| group.name.as_str()).collect();
        let message = format!(
            "without a controller {} fall after {}, and a restart may take {}",
            spoken(&names),
            span(own_watchdog(group)),
            span(earliest(site, group))
        );
        let at = format!("{}.comms_loss_after", Places::device(&group.name));
        found.errors.push(Finding::new(
            at,
            message,
            "three heartbeats (a poll, at least 1 s) and 3 s of restart: every hiccup would drop them, 15 s outlasts it",
        ));
    }
    for ((time, group), (next_time, next)) in falling.iter().zip(falling.iter().skip(1)) {
        let apart = next_time.saturating_sub(*time);
        if site.poi.ramp.over(apart) < group.nameplate() {
            let message = format!(
                "without a controller `{}` and `{}` fall {} apart, a step steeper than poi.ramp",
                group.name,
                next.name,
                span(apart)
            );
            let needed = span(site.poi.ramp.time_for(group.nameplate()));
            let help = format!("{} at {} need {needed}: set comms_loss_stagger", group.nameplate(), site.poi.ramp);
            found.errors.push(Finding::new(format!("{}.comms_loss_after", Places::device(&next.name)), message, help));
            return;
        }
    }
}

fn own_watchdog(group: &Group) -> Duration {
    match group.paths.first().map(|path| path.comms_loss) {
        Some(CommsLoss::Reverts(after) | CommsLoss::SafeValue(after)) => after,
        _ => Duration::MAX,
    }
}
