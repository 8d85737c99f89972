//! From what was typed to a site, its register maps and what plays in its plant. Problems are told here, on standard error.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::check::{self, Judged};
use super::{COULD_NOT, PROBLEMS, World, colour, keys, secret};
use crate::devices::wire::tls::Client;
use crate::devices::{Credentials, Profile};
use crate::document::Problems;
use crate::feeds::recorded;
use crate::plant::{AtEnd, HallLoad, PriceLoad, PriceMix};
use crate::site::file::Places;
use crate::site::{Device, Group, Login, Site};

/// A site with the register map of each of its devices, in the order of [`Site::devices`].
pub(super) struct Known {
    pub(super) site: Site,
    pub(super) profiles: Vec<Arc<Profile>>,
    /// The files as they were read: role, name, text.
    pub(super) files: Vec<(&'static str, String, String)>,
    /// The file of the site's tariff, where it has one.
    pub(super) tariff: Option<PathBuf>,
    places: Places,
}

/// The file that `ballast demo` runs without being given one.
const DEMO: &str = include_str!("../../sites/demo.toml");

/// Reads a site file and the register maps it names; the exit code where that fails.
pub(super) fn known(path: Option<&Path>) -> Result<Known, u8> {
    let Some(path) = path else { return known_text("sites/demo.toml", DEMO.to_owned(), None) };
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => known_text(&name, text, path.parent()),
        Err(error) => Err(refuse(format!("{name}: cannot be read: {error}; give the path of a site file"))),
    }
}

/// The same from the text of a file; register maps are looked for `beside` it first. A site that cannot hold its own promise,
/// or whose device files are not understood, is not run.
pub(super) fn known_text(name: &str, text: String, beside: Option<&Path>) -> Result<Known, u8> {
    let refused = |problems: &[Problems]| {
        eprintln!("{}\n", check::render(problems, colour()));
        PROBLEMS
    };
    let Judged { site, places, maps, problems, .. } =
        check::judge(name, &text, beside, None).map_err(|problems| refused(&problems))?;
    let profiles = maps.profiles(&site).filter(|_| problems.is_empty()).ok_or_else(|| refused(&problems))?;
    let devices = maps.named.into_iter().map(|map| ("device", map.file, map.text));
    let files = std::iter::once(("site", name.to_owned(), text)).chain(devices).collect();
    let tariff = tariff_of(&site, beside);
    Ok(Known { site, profiles, files, tariff, places })
}

/// The same as it is simulated: by the price alone, which is said.
pub(super) fn without_tariff(mut known: Known) -> Known {
    if known.site.supply.take().is_some() {
        eprintln!("note: tariffs are not simulated: it goes by the price alone");
    }
    known
}

/// Where the tariff of a site lies: its path is told from the folder of the site file.
pub(super) fn tariff_of(site: &Site, beside: Option<&Path>) -> Option<PathBuf> {
    let file = &site.supply.as_ref()?.file;
    Some(beside.map_or_else(|| PathBuf::from(file), |folder| folder.join(file)))
}

/// Who logs in to each device that asks; the exit code where a secret is not to be had.
pub(super) fn credentials(site: &Site) -> Result<Vec<Option<Credentials>>, u8> {
    let of = |device: &Device| secret_of(device.login.as_ref(), || format!("device `{}`", device.name));
    site.devices.iter().map(of).collect()
}

/// Who logs in to the miners of each group; the exit code where a secret is not to be had.
pub(super) fn miner_credentials(site: &Site) -> Result<Vec<Option<Credentials>>, u8> {
    let login = |group: &Group| group.firmware.as_ref().and_then(|path| path.login.clone());
    let of = |group: &Group| secret_of(login(group).as_ref(), || format!("the miners of `{}`", group.name));
    site.groups.iter().map(of).collect()
}

/// What each device is shown and must prove by TLS; the exit code where the files for that cannot be used: all that is wrong is told.
pub(super) fn clients(known: &Known) -> Result<Vec<Option<Client>>, u8> {
    let keys = keys::read(&known.site);
    let errors = [keys.errors, keys.unseen].concat();
    let file = known.files.first();
    match file.and_then(|(_, name, text)| check::told(&errors, &known.places, name, text)) {
        None => Ok(keys.clients),
        Some(problems) => {
            eprintln!("{}\n", check::render(&[problems], colour()));
            Err(PROBLEMS)
        }
    }
}

fn secret_of(login: Option<&Login>, whose: impl Fn() -> String) -> Result<Option<Credentials>, u8> {
    let Some(login) = login else { return Ok(None) };
    match secret::read(&login.password) {
        Ok(password) => Ok(Some(Credentials { user: login.user.clone(), password })),
        Err(error) => Err(refuse(format!("login of {}: {error}", whose()))),
    }
}

fn refuse(message: String) -> u8 {
    eprintln!("{message}");
    COULD_NOT
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
