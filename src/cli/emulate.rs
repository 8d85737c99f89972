//! `ballast emulate SITE`: only the emulated devices of a site, for other people's controllers too.

use std::path::Path;
use std::time::Duration;

use super::demo::{emulator, plant};
use super::summary::score_json;
use super::{COULD_NOT, FINE, World, session, world};
use crate::emulate::Lie;
use crate::site::{GroupIx, Site};

/// Runs `ballast emulate` until it is interrupted or its time is over; then prints the truth as JSON.
pub fn run(site: &Path, world: World, span: Option<Duration>, lies: &[String], tls_dir: Option<&Path>) -> u8 {
    emulate(site, &world, span, lies, tls_dir).unwrap_or_else(|code| code)
}

fn emulate(
    site: &Path,
    world: &World,
    span: Option<Duration>,
    lies: &[String],
    tls_dir: Option<&Path>,
) -> Result<u8, u8> {
    let known = world::known(Some(site))?;
    let lies = lies.iter().map(|text| lie(&known.site, text)).collect::<Result<Vec<_>, u8>>()?;
    let runtime = session::runtime()?;
    let (plant, clock) = plant(&known, world, false)?;
    let emulator = emulator(&known, (&plant, clock), tls_dir, runtime.handle())?;
    for (group, unit, lie) in lies {
        emulator.lie(group, unit, Some(lie));
    }
    for (device, profile) in known.site.devices.iter().zip(&known.profiles) {
        println!("{:<20} {:<22} {}", device.address, profile.name, device.name);
    }
    for (address, firmware, name) in emulator.miners() {
        println!("{address:<20} {:<22} {name}", firmware.name());
    }
    let miners = emulator.miners().count();
    println!("{} devices listen{}; Ctrl-C ends", known.site.devices.len(), with_miners(miners));
    runtime.block_on(async {
        match span {
            Some(span) => tokio::select! { () = tokio::time::sleep(span) => {}, _ = session::interrupted() => {} },
            None => drop(session::interrupted().await),
        }
    });
    emulator.stop();
    let score = plant.lock().unwrap_or_else(std::sync::PoisonError::into_inner).score();
    println!("{}", score_json(&score));
    Ok(FINE)
}

/// Which miner lies how, from `GROUP.UNIT=LIE`; units count from 1.
fn lie(site: &Site, text: &str) -> Result<(GroupIx, usize, Lie), u8> {
    let (miner, written) = text.split_once('=').unwrap_or((text, ""));
    let named = miner.rsplit_once('.').and_then(|(group, unit)| {
        let ix = site.groups.iter().position(|known| known.name == group && known.firmware.is_some())?;
        let unit = unit
            .parse::<u32>()
            .ok()
            .filter(|unit| (1..=site.groups.get(ix).map_or(0, |group| group.units)).contains(unit))?;
        Some((ix, usize::try_from(unit).ok()? - 1))
    });
    match (named, Lie::parse(written)) {
        (Some((group, unit)), Some(lie)) => Ok((group, unit, lie)),
        (None, _) => Err(refuse(&format!(
            "`{miner}` is no miner of this site; write group.number, as `ballast emulate` lists them"
        ))),
        (_, None) => Err(refuse(&format!("`{written}` is no way to lie; write one of: {}", Lie::WRITTEN))),
    }
}

fn refuse(message: &str) -> u8 {
    eprintln!("{message}");
    COULD_NOT
}

fn with_miners(count: usize) -> String {
    if count == 0 { String::new() } else { format!(", and {count} miners while their outlets are on") }
}
