//! `ballast probe SITE`: asks every device of a site, and every miner with a firmware path, who it is and what it shows, compares that
//! with what the files say, and commands nothing. With a file to write to, what is known to be wrong is corrected there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::keys::day;
use super::world::{self, Known};
use super::{COULD_NOT, FINE, PROBLEMS, session};
use crate::devices::probe::fit::Answering;
use crate::devices::probe::{Asked, Range, Suspicion, Told, judge};
use crate::devices::wire::tls::Client;
use crate::devices::wire::{Fault, inquire};
use crate::devices::{Credentials, Profile, Station};
use crate::site::file::load_placed;
use crate::site::{Device, DeviceIx, FeederIx, GroupIx, Site};
use crate::time::Clock;
use crate::units::{Power, Share};

mod correct;
mod keep;
mod mend;
mod miners;
pub mod scan;
mod second;
mod text;

/// The meters of a site may be this far apart, of its import limit: classes add up, and they are read one after the other.
const APART: Share = Share::from_ppm(20_000);
/// Least that they may be apart.
const APART_LEAST: Power = Power::from_kilowatts(1);

/// What a device is to the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Poi,
    Hall,
    House,
    Group(GroupIx),
    /// The meter of a feeder that has a contactor.
    Feeder(FeederIx),
    /// The contactor of a feeder: it measures nothing.
    Contactor(FeederIx),
    /// The under-frequency relay.
    Relay,
    /// A meter that the site does not use.
    Other,
}

/// A device that was asked.
struct Probed {
    device: Device,
    profile: Arc<Profile>,
    role: Role,
    told: Result<Told, Fault>,
    suspicion: Option<Suspicion>,
}

impl Probed {
    /// Whether all is as its files say.
    fn is_fine(&self) -> bool {
        let told = self.told.as_ref().ok();
        let answered = told.is_some_and(|told| {
            let is_it = !matches!(told.is_it, Some(Ok(false) | Err(_)));
            let shows = self.profile.power.is_none() || told.power().is_ok();
            is_it && shows && !matches!(told.on, Some(Err(_)))
        });
        let watches = self.flags().is_none_or(|flags| flags == (false, true));
        answered && watches && self.suspicion.is_none()
    }
}

/// Runs `ballast probe`. Exit code: 0 where everything is as the files say, 1 where something is not, 2 where the site's file cannot
/// be used.
pub fn run(site: &Path, write: Option<&Path>, as_json: bool) -> u8 {
    probe(site, write, as_json).unwrap_or_else(|code| code)
}

fn probe(path: &Path, write: Option<&Path>, as_json: bool) -> Result<u8, u8> {
    write.map_or(Ok(()), keep::may_write).map_err(refuse)?;
    let known = world::known(Some(path))?;
    let credentials = world::credentials(&known.site)?;
    let clients = world::clients(&known)?;
    let of_miners = world::miner_credentials(&known.site)?;
    let runtime = session::runtime()?;
    let site = &known.site;
    // The miners first: they take seconds, and what the PDUs show is to be of the moment they were done.
    let asked = miners::ask(&runtime, site, of_miners);
    let told = ask_all(&runtime, site, &known.profiles, credentials.into_iter().zip(clients));
    let all = site.devices.iter().zip(&known.profiles).zip(told).enumerate();
    let mut all: Vec<Probed> = all
        .map(|(ix, ((device, profile), told))| Probed {
            device: device.clone(),
            profile: Arc::clone(profile),
            role: role(site, ix),
            told,
            suspicion: None,
        })
        .collect();
    suspect(site, &mut all);
    let rated = miners::rate(site, &asked, &all);
    let agreeing: Vec<GroupIx> =
        asked.iter().zip(&rated).filter(|(_, rated)| rated.agrees()).map(|(asked, _)| asked.group).collect();
    acquit(&agreeing, &mut all);
    let fine = all.iter().all(Probed::is_fine) && rated.iter().all(miners::Rated::is_fine);
    if as_json {
        println!("{:#}", text::json(site, &all, &rated));
    } else {
        print!("{}{}{}", text::table(site, &all), miners::table(&rated), text::verdict(&all, &rated));
    }
    if let Some(file) = write {
        let second = second::look(&runtime, site, &all);
        let said = propose(&known, file, (&all, &rated), &second).map_err(refuse)?;
        if as_json { eprint!("{said}") } else { print!("{said}") }
    }
    Ok(if fine { FINE } else { PROBLEMS })
}

fn refuse(message: String) -> u8 {
    eprintln!("{message}");
    COULD_NOT
}

/// Writes the site file with what is known to be wrong corrected; what was changed.
fn propose(
    known: &Known,
    file: &Path,
    (all, rated): (&[Probed], &[miners::Rated<'_>]),
    second: &BTreeMap<SocketAddr, Vec<Answering>>,
) -> Result<String, String> {
    let (_, name, text) = known.files.first().ok_or("there is no site file")?;
    let (_, places) = load_placed(name, text).map_err(|problems| problems.to_string())?;
    let (values, notes) = correct::Found { site: &known.site, places: &places, all, rated, second }.corrections();
    keep::write_mended(file, &mend::mend(text, values, notes))
}

/// A PDU that shows the very watts its miners say of themselves is not read wrongly, whatever the site file expects of it.
fn acquit(agreeing: &[GroupIx], all: &mut [Probed]) {
    let agrees = |it: &&mut Probed| matches!(it.role, Role::Group(ix) if agreeing.contains(&ix));
    all.iter_mut().filter(agrees).for_each(|it| it.suspicion = None);
}

/// A device to ask.
struct Question {
    ix: DeviceIx,
    device: Device,
    profile: Arc<Profile>,
    outlets: u32,
    credentials: Option<Credentials>,
    tls: Option<Client>,
}

/// All at once, but those at one address one after the other: most devices take one connection.
fn ask_all(
    runtime: &Runtime,
    site: &Site,
    profiles: &[Arc<Profile>],
    ways: impl Iterator<Item = (Option<Credentials>, Option<Client>)>,
) -> Vec<Result<Told, Fault>> {
    let mut addresses: BTreeMap<SocketAddr, Vec<Question>> = BTreeMap::new();
    for (ix, ((device, profile), (credentials, tls))) in site.devices.iter().zip(profiles).zip(ways).enumerate() {
        let outlets = site.outlets_of(ix);
        let (device, profile) = (device.clone(), Arc::clone(profile));
        let asked = Question { ix, device, profile, outlets, credentials, tls };
        addresses.entry(asked.device.address).or_default().push(asked);
    }
    let clock = Clock::start();
    let mut told: Vec<Result<Told, Fault>> = vec![Err(Fault::NoConnection); site.devices.len()];
    let answers = runtime.block_on(async {
        let mut lines = JoinSet::new();
        for devices in addresses.into_values() {
            lines.spawn_on(
                async move {
                    let mut answers = Vec::new();
                    for Question { ix, device, profile, outlets, credentials, tls } in devices {
                        let silent_after = Duration::ZERO;
                        let station = Station {
                            profile,
                            device: &device,
                            silent_after,
                            outlets,
                            on_fresh: None,
                            credentials,
                            tls,
                        };
                        answers.push((ix, inquire(station, clock).await));
                    }
                    answers
                },
                runtime.handle(),
            );
        }
        lines.join_all().await
    });
    for (ix, answer) in answers.into_iter().flatten() {
        if let Some(told) = told.get_mut(ix) {
            *told = answer;
        }
    }
    told
}

fn role(site: &Site, device: DeviceIx) -> Role {
    match device {
        poi if poi == site.poi.meter => Role::Poi,
        hall if site.hall.meter == Some(hall) => Role::Hall,
        house if site.house.meter == Some(house) => Role::House,
        relay if site.relay == Some(relay) => Role::Relay,
        _ if site.contactor_of(device).is_some() => site.contactor_of(device).map_or(Role::Other, Role::Contactor),
        _ if site.feeder_measured_by(device).is_some() => {
            site.feeder_measured_by(device).map_or(Role::Other, Role::Feeder)
        }
        _ => site.group_of(device).or_else(|| site.measured_by(device)).map_or(Role::Other, Role::Group),
    }
}

/// What a device can show at the least and at the most.
fn range(site: &Site, role: Role) -> Range {
    let more = |power: Power| power + power.part(Share::from_ppm(200_000));
    let firm = site.hall.nameplate + site.house.nameplate;
    let fleet: Power = site.groups.iter().map(crate::site::Group::nameplate).sum();
    let most = match role {
        Role::Poi | Role::Relay | Role::Contactor(_) | Role::Other => firm + fleet,
        Role::Feeder(ix) => {
            let behind = site.groups.iter().filter(|group| group.feeder == Some(ix));
            behind.map(crate::site::Group::nameplate).sum()
        }
        Role::Hall => site.hall.nameplate,
        Role::House => site.house.nameplate,
        Role::Group(ix) => site.groups.get(ix).map_or(fleet, crate::site::Group::nameplate),
    };
    Range { least: -most.part(Share::from_ppm(20_000)), most: more(most) }
}

/// What a group should draw with the outlets on that it says are: anything from nothing, while its miners boot, to its plates.
fn wanted(site: &Site, probed: &Probed) -> Option<(Power, Power)> {
    let Role::Group(ix) = probed.role else { return None };
    let on = probed.told.as_ref().ok()?.on?.ok()?;
    let all = site.groups.get(ix)?.unit * i64::from(on.count_ones());
    let half = Power::from_watts(all.watts() / 2);
    Some((half, half + all.part(Share::from_ppm(150_000)).max(APART_LEAST)))
}

fn suspect(site: &Site, all: &mut [Probed]) {
    let mut read = Vec::new();
    let mut whole = true;
    // What a feeder's meter shows its groups show as well.
    let mut apart_from_busbar = Vec::new();
    let measures = |role| !matches!(role, Role::Relay | Role::Contactor(_) | Role::Other);
    for (ix, probed) in all.iter().enumerate().filter(|(_, probed)| measures(probed.role)) {
        let told = probed.told.as_ref().ok();
        let point = told.and_then(|told| told.point.as_ref());
        match (point, told.and_then(|told| told.window.as_ref()?.as_ref().ok())) {
            (Some(point), Some(window)) => {
                let range = range(site, probed.role);
                let is_poi = probed.role == Role::Poi;
                let wanted = wanted(site, probed);
                let place = if matches!(probed.role, Role::Feeder(_)) { &mut apart_from_busbar } else { &mut read };
                place.push((ix, Asked { point, window, range, is_poi, wanted }));
            }
            _ if matches!(probed.role, Role::Feeder(_)) => {}
            _ => whole = false,
        }
    }
    let apart = site.poi.import_limit.part(APART).max(APART_LEAST);
    let house = if site.house.meter.is_none() { site.house.nameplate } else { Power::ZERO };
    // Where one did not answer nothing adds up: each is judged for itself.
    let whole = whole && site.hall.meter.is_some();
    let off = apart + Power::from_watts(house.watts() / 2);
    let asked: Vec<Asked<'_>> = read.iter().map(|(_, asked)| *asked).collect();
    let suspicions = if whole {
        judge(&asked, house, off)
    } else {
        asked.iter().flat_map(|asked| judge(std::slice::from_ref(asked), house, off)).collect()
    };
    let mut found: Vec<(usize, Option<Suspicion>)> = read.iter().map(|(ix, _)| *ix).zip(suspicions).collect();
    let alone =
        |(ix, asked): &(usize, Asked<'_>)| (*ix, judge(std::slice::from_ref(asked), house, off).pop().flatten());
    found.extend(apart_from_busbar.iter().map(alone));
    drop((read, apart_from_busbar));
    for (ix, suspicion) in found {
        if let Some(probed) = all.get_mut(ix) {
            probed.suspicion = suspicion;
        }
    }
}
