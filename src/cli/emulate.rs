//! `ballast emulate SITE`: only the emulated devices of a site, for other people's controllers too.

use std::path::Path;
use std::time::Duration;

use super::demo::{emulator, plant};
use super::summary::score_json;
use super::{FINE, World, session, world};

/// Runs `ballast emulate` until it is interrupted or its time is over; then prints the truth as JSON.
pub fn run(site: &Path, world: World, span: Option<Duration>) -> u8 {
    emulate(site, &world, span).unwrap_or_else(|code| code)
}

fn emulate(site: &Path, world: &World, span: Option<Duration>) -> Result<u8, u8> {
    let known = world::known(Some(site))?;
    let runtime = session::runtime()?;
    let (plant, clock) = plant(&known, world, false)?;
    let emulator = emulator(&known, &plant, clock, runtime.handle())?;
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

fn with_miners(count: usize) -> String {
    if count == 0 { String::new() } else { format!(", and {count} miners while their outlets are on") }
}
