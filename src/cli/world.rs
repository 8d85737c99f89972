//! From what was typed to a site, its register maps and what plays in its plant. Problems are told here, on standard error.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{COULD_NOT, PROBLEMS, World, colour};
use crate::devices::Profile;
use crate::feeds::recorded;
use crate::plant::{AtEnd, HallLoad, PriceLoad, PriceMix};
use crate::site::{self, Site};

/// A site with the register map of each of its devices, in the order of [`Site::devices`].
pub(super) struct Known {
    pub(super) site: Site,
    pub(super) profiles: Vec<Arc<Profile>>,
    /// The files as they were read: role, name, text.
    pub(super) files: Vec<(&'static str, String, String)>,
}

/// The file that `ballast demo` runs without being given one.
const DEMO: &str = include_str!("../../sites/demo.toml");

/// Reads a site file and the register maps it names; the exit code where that fails.
pub(super) fn known(path: Option<&Path>) -> Result<Known, u8> {
    let (name, text) = match path {
        None => ("sites/demo.toml".to_owned(), DEMO.to_owned()),
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => (path.display().to_string(), text),
            Err(error) => {
                return Err(refuse(format!(
                    "{}: cannot be read: {error}; give the path of a site file",
                    path.display()
                )));
            }
        },
    };
    let site = site::file::load(&name, &text).map_err(|problems| {
        eprint!("{}", problems.render(colour()));
        PROBLEMS
    })?;
    let mut known = Known { site, profiles: vec![], files: vec![("site", name.clone(), text)] };
    read_profiles(&mut known, path.and_then(Path::parent))?;
    promise(&known, &name)?;
    Ok(known)
}

/// A site that cannot hold its own promise is not run.
fn promise(known: &Known, name: &str) -> Result<(), u8> {
    let profiles: Vec<&str> = known.profiles.iter().map(|profile| profile.name.as_str()).collect();
    let report = site::check::check(&known.site, &profiles, None);
    for error in &report.errors {
        eprintln!("{name}: {}: {}; {}", error.at, error.message, error.help);
    }
    if report.errors.is_empty() { Ok(()) } else { Err(PROBLEMS) }
}

fn refuse(message: String) -> u8 {
    eprintln!("{message}");
    COULD_NOT
}

/// The register map of each device: from `devices/` beside the site file where there is one, else as shipped.
fn read_profiles(known: &mut Known, beside: Option<&Path>) -> Result<(), u8> {
    let mut read: Vec<Arc<Profile>> = Vec::new();
    for device in &known.site.devices {
        if let Some(profile) = read.iter().find(|profile| profile.name == device.profile) {
            known.profiles.push(Arc::clone(profile));
            continue;
        }
        let (file, text) = profile_text(&device.profile, beside).ok_or_else(|| {
            refuse(format!(
                "device `{}`: there is no register map `{}`; write it as devices/{}.toml beside the site file",
                device.name, device.profile, device.profile
            ))
        })?;
        let profile = Profile::parse(&file, &text).map_err(|problems| {
            eprint!("{}", problems.render(colour()));
            PROBLEMS
        })?;
        known.files.push(("device", file, text));
        read.push(Arc::new(profile));
        known.profiles.extend(read.last().cloned());
    }
    Ok(())
}

fn profile_text(name: &str, beside: Option<&Path>) -> Option<(String, String)> {
    let file = beside?.join("devices").join(format!("{name}.toml"));
    match std::fs::read_to_string(&file) {
        Ok(text) => Some((file.display().to_string(), text)),
        Err(_) => Profile::builtin(name).map(|text| (format!("sites/devices/{name}.toml"), text.to_owned())),
    }
}

/// How long a training run starts up in a show; the measured one took five minutes.
const START_UP: Duration = Duration::from_secs(20);
/// How much faster than life a serving day plays in a show.
const DAY_SPEED: u32 = 240;

/// What plays in the hall, and for how long where it is a recording. A show starts a training run sooner.
pub(super) fn hall(site: &Site, world: &World, end: AtEnd, show: bool) -> Result<(HallLoad, Option<Duration>), u8> {
    let generated = |load| Ok((load, None));
    match world.hall.as_str() {
        "inference" => generated(HallLoad::inference(&site.hall, world.seed)),
        "training" => {
            let start_up = if show { START_UP } else { Duration::from_secs(300) };
            generated(HallLoad::training(&site.hall, world.seed, start_up))
        }
        "day" => generated(HallLoad::serving_day(&site.hall, world.seed, if show { DAY_SPEED } else { 1 })),
        file => match recorded::hall(Path::new(file), end) {
            Ok(series) => {
                let span = series.span();
                Ok((HallLoad::recorded(&site.hall, series), Some(span)))
            }
            Err(error) => Err(refuse(format!("{error}\n(or give `inference`, `training` or `day`)"))),
        },
    }
}

/// What plays as price: recorded, or generated with the mix given.
pub(super) fn prices(world: &World, mix: PriceMix, speed: u32) -> Result<PriceLoad, u8> {
    let speed = world.price_speed.unwrap_or(speed);
    match &world.prices {
        None => Ok(PriceLoad::generated(world.seed, mix, speed)),
        Some(path) => match recorded::prices(path, world.prices_from) {
            Ok(points) => Ok(PriceLoad::recorded(points, speed)),
            Err(error) => Err(refuse(error.to_string())),
        },
    }
}

/// How old a value can be when it is read, by device.
pub(super) fn refresh(profiles: &[Arc<Profile>]) -> Vec<Duration> {
    profiles.iter().map(|profile| profile.power.as_ref().map_or(Duration::ZERO, |point| point.refresh)).collect()
}
