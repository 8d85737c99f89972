//! What the site asks of its devices: register maps that exist, readings young enough, budgets that can be met.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::dead::{MISSED, TAKEOVER};
use super::{Finding, Findings, KnownDevice, KnownProfile, spoken};
use crate::document::nearest;
use crate::site::file::Places;
use crate::site::{CommsLoss, Device, DeviceIx, Group, Site};
use crate::units::span;

/// How old a healthy reading of this device gets before the next one is read: the value was measured up to a refresh before
/// the request, and the next request comes a poll later. Without a device file its poll alone.
pub(super) fn age(device: Option<DeviceIx>, site: &Site, known: &[KnownProfile<'_>]) -> Duration {
    let Some(device) = device.and_then(|ix| site.devices.get(ix)) else { return Duration::ZERO };
    let refresh = says(device, known).and_then(|says| says.refresh);
    device.poll.saturating_add(refresh.unwrap_or(Duration::ZERO))
}

/// What the file of this device says, where it is known.
pub(super) fn says(device: &Device, known: &[KnownProfile<'_>]) -> Option<KnownDevice> {
    known.iter().find(|file| file.name == device.profile)?.says
}

pub(super) fn profiles(site: &Site, known: &[KnownProfile<'_>], found: &mut Findings) {
    let known: Vec<&str> = known.iter().map(|file| file.name).collect();
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

/// What is switched off is proved off by its watts alone: a PDU that measures none could be told to, and never be believed.
pub(super) fn unmeasured(site: &Site, known: &[KnownProfile<'_>], found: &mut Findings) {
    let devices = site.groups.iter().flat_map(|group| &group.paths);
    let devices = devices.map(|path| path.meter.unwrap_or(path.device));
    let devices = devices.chain(site.contactors().map(|(_, contactor)| contactor.meter));
    let devices = devices.filter_map(|ix| site.devices.get(ix));
    let mut blind: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for device in devices.filter(|device| says(device, known).is_some_and(|says| says.refresh.is_none())) {
        blind.entry(&device.profile).or_default().push(&device.name);
    }
    for (profile, names) in blind {
        let first = names.first().copied().unwrap_or_default();
        let message = format!("{} can never be proved off: device file `{profile}` measures no power", spoken(&names));
        let help =
            format!("say `measured_by` = the name of a [[meter]] of its own, or add [power] to devices/{profile}.toml");
        found.errors.push(Finding::new(format!("{}.profile", Places::device(first)), message, help));
    }
}

/// A relay is a relay, and nothing else is.
pub(super) fn relays(site: &Site, known: &[KnownProfile<'_>], found: &mut Findings) {
    for (ix, device) in site.devices.iter().enumerate() {
        let Some(is) = says(device, known).map(|says| says.relay) else { continue };
        let (name, profile) = (&device.name, &device.profile);
        let message = match (site.relay == Some(ix), is) {
            (true, false) => {
                format!("device file `{profile}` of `{name}` is that of no relay: it says nothing of a trip")
            }
            (false, true) => format!("device file `{profile}` of `{name}` is that of a relay, which is only watched"),
            _ => continue,
        };
        let help = "a relay stands in [under_frequency], and its device file has kind = \"relay\"";
        found.errors.push(Finding::new(format!("{}.profile", Places::device(name)), message, help));
    }
}

/// A group is proved by what it alone draws.
pub(super) fn shared_meters(site: &Site, found: &mut Findings) {
    let taken = [(Some(site.poi.meter), "[poi]"), (site.hall.meter, "[hall]"), (site.house.meter, "[house]")];
    for group in &site.groups {
        for path in group.paths.iter().filter(|path| path.meter.is_some()) {
            let Some((_, whose)) = taken.iter().find(|(taken, _)| *taken == path.meter) else { continue };
            let message =
                format!("the meter that measures `{}` is that of {whose}: it shows more than this group", group.name);
            let help = "give the group a [[meter]] of its own, or a PDU that measures";
            found.errors.push(Finding::new(format!("{}.profile", Places::device(&group.name)), message, help));
        }
    }
}

/// A device that asks for a login is never read without one; one that does not ask gets none.
pub(super) fn logins(site: &Site, known: &[KnownProfile<'_>], found: &mut Findings) {
    for device in &site.devices {
        let Some(asks) = says(device, known).map(|says| says.login) else { continue };
        let at = format!("{}.login", Places::device(&device.name));
        let (name, profile) = (&device.name, &device.profile);
        if asks && device.login.is_none() {
            let message = format!("`{name}` lets nobody in without a login: device file `{profile}` says so");
            let help = "add login = { user = \"…\", password = \"env:NAME\" } to it";
            found.errors.push(Finding::new(at, message, help));
        } else if !asks && device.login.is_some() {
            let message = format!("`{name}` is given a login, and device file `{profile}` knows of none");
            found.warnings.push(Finding::new(at, message, "remove it, or add [login] to the device file"));
        }
    }
}

/// A device that acts by itself when it gets no sign of life gets several before that, and a controller that starts again is in time.
pub(super) fn signs_of_life(site: &Site, known: &[KnownProfile<'_>], found: &mut Findings) {
    for path in site.groups.iter().flat_map(|group| &group.paths) {
        let Some(device) = site.devices.get(path.device) else { continue };
        let (CommsLoss::Reverts(after) | CommsLoss::SafeValue(after)) = path.comms_loss else { continue };
        let Some(every) = says(device, known).and_then(|says| says.keep_alive) else { continue };
        let least = (every * MISSED).saturating_add(TAKEOVER);
        if after <= least {
            let (name, after, least) = (&device.name, span(after), span(least));
            let message =
                format!("`{name}` acts after {after} without a sign of life, and three and a restart may take {least}");
            let help =
                "raise comms_loss_after, here and in the device, or write `every` of its [keep_alive] more often";
            found.errors.push(Finding::new(format!("{}.comms_loss_after", Places::device(name)), message, help));
        }
    }
}

/// Devices at one address share its connection, so they share its TLS. Port 502 is plain Modbus's.
pub(super) fn secured(site: &Site, found: &mut Findings) {
    let mut lines: BTreeMap<SocketAddr, &Device> = BTreeMap::new();
    for device in &site.devices {
        let at = format!("{}.tls", Places::device(&device.name));
        let first = lines.entry(device.address).or_insert(device);
        if first.tls != device.tls {
            let message = format!(
                "`{}` and `{}` share the connection to {}, and not their tls",
                first.name, device.name, device.address
            );
            found.errors.push(Finding::new(at, message, "give both the same tls"));
        } else if device.tls.is_some() && device.address.port() == 502 && first.name == device.name {
            let message = format!("`{}` is spoken to by TLS at port 502, which is that of plain Modbus", device.name);
            found.warnings.push(Finding::new(at, message, "802 is usual for TLS: look at the device's own settings"));
        }
    }
}

/// A request and its answer on a quiet network, with what the device needs itself: an assumption, as no manual says it.
const TURN: Duration = Duration::from_millis(10);

/// Outlets that are written one after the other, over one connection for all behind an address, take their time together: it is
/// part of the response of each.
pub(super) fn gateways(site: &Site, known: &[KnownProfile<'_>], found: &mut Findings) {
    let mut lines: BTreeMap<SocketAddr, (u32, Duration, Vec<&Group>)> = BTreeMap::new();
    for group in &site.groups {
        let Some(device) = group.paths.first().and_then(|path| site.devices.get(path.device)) else { continue };
        let Some(says) = says(device, known) else { continue };
        let (writes, gap, groups) = lines.entry(device.address).or_default();
        *writes = writes.saturating_add(if says.at_once { 1 } else { group.units });
        *gap = says.gap.max(*gap);
        groups.push(group);
    }
    for (address, (writes, gap, groups)) in lines {
        let takes = (gap + TURN).saturating_mul(writes);
        let response = |group: &Group| group.paths.first().map_or(Duration::MAX, |path| path.response);
        let late = groups.iter().filter(|group| response(group) < takes);
        let Some(fastest) = late.min_by_key(|group| response(group)) else { continue };
        let message = format!(
            "behind {address} {writes} writes one after the other take about {}, and `{}` is to be gone within {}",
            span(takes),
            fastest.name,
            span(response(fastest))
        );
        let help = "raise its response, or hang fewer outlets on one address: they share one connection";
        let finding = Finding::new(format!("{}.response", Places::device(&fastest.name)), message, help);
        // What the gap alone forbids cannot be; the rest is an estimate.
        if gap.saturating_mul(writes) > response(fastest) {
            found.errors.push(finding);
        } else {
            found.warnings.push(finding);
        }
    }
}

/// A meter that is read or measures too seldom is stale between two readings, and nothing would ever be restored.
pub(super) fn polls(site: &Site, known: &[KnownProfile<'_>], found: &mut Findings) {
    if site.hall.meter.is_none() {
        let help = "give it one: what it does not use is what the miners live on";
        let message = format!("the hall has no meter, so it always counts as its nameplate of {}", site.hall.nameplate);
        found.warnings.push(Finding::new("hall", message, help));
    }
    let fast = [Some(site.poi.meter), site.hall.meter];
    for (ix, meter) in fast.into_iter().flatten().filter_map(|ix| Some((ix, site.devices.get(ix)?))) {
        let (age, limit) = (age(Some(ix), site, known), site.ages.meter);
        let refresh = age.saturating_sub(meter.poll);
        let at = format!("{}.poll", Places::device(&meter.name));
        let (name, poll) = (&meter.name, span(meter.poll));
        let message = format!(
            "`{name}` is read every {poll} and measures every {}, and a reading is stale after {}",
            span(refresh),
            span(limit)
        );
        if age > limit {
            let help =
                "it would be stale between any two readings: lower poll, raise ages.meter, or take a faster meter";
            found.errors.push(Finding::new(at, message, help));
        } else if age.saturating_add(meter.poll) > limit {
            found.warnings.push(Finding::new(at, message, "one lost answer makes it stale: lower poll"));
        }
    }
}

/// A device that answers is never silent: not before a slow answer has come, and better not at one that was lost.
pub(super) fn silence(site: &Site, known: &[KnownProfile<'_>], found: &mut Findings) {
    let limit = site.ages.device;
    let mut quick: BTreeMap<(bool, Duration, Duration), Vec<&str>> = BTreeMap::new();
    for device in &site.devices {
        let timeout = says(device, known).map_or(Duration::ZERO, |says| says.timeout);
        let answered = device.poll.saturating_add(timeout);
        if limit < answered.saturating_add(timeout) || limit <= answered {
            quick.entry((limit > answered, device.poll, timeout)).or_default().push(&device.name);
        }
    }
    for ((warns, poll, timeout), names) in quick {
        let at = format!("{}.poll", Places::device(names.first().copied().unwrap_or_default()));
        let is = if names.len() > 1 { "are" } else { "is" };
        let message = format!(
            "{} {is} read every {} and may take {} to answer, and {is} silent after {}",
            spoken(&names),
            span(poll),
            span(timeout),
            span(limit)
        );
        let needed = span(poll.saturating_add(timeout).saturating_add(timeout));
        let repair = format!("raise ages.device to {needed}, or lower poll");
        if warns {
            found.warnings.push(Finding::new(at, message, format!("one lost answer makes it silent: {repair}")));
        } else {
            found.errors.push(Finding::new(at, message, format!("a slow answer makes it silent: {repair}")));
        }
    }
}

/// A budget that is missed by design is an alarm nobody heeds.
pub(super) fn budgets(site: &Site, known: &[KnownProfile<'_>], found: &mut Findings) {
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
    let fresh = age(site.hall.meter.or(Some(site.poi.meter)), site, known);
    if budgets.sense < fresh {
        let message = format!(
            "the sense budget of {} is below the age of a healthy reading, {}",
            span(budgets.sense),
            span(fresh)
        );
        told("budgets.sense", message, "its meter would miss it between any two readings");
    }
    if budgets.decide + budgets.write > site.tick.period {
        let both = span(budgets.decide + budgets.write);
        let message =
            format!("the budgets decide and write are {both}, more than a tick of {}", span(site.tick.period));
        told("budgets.write", message, "a tick that just meets them is late for the next");
    }
}
