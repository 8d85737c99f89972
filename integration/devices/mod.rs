//! The driver against real sockets: hand-written peers that misbehave, and the library's own server.

mod commands;
mod container;
mod gateway;
mod lapses;
#[cfg(feature = "miners")]
mod miners;
mod misbehaving;
#[cfg(not(feature = "miners"))]
mod no_miners;
mod peer;
mod profiles;
mod sunspec;
mod unanswered;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballast::devices::{Profile, Seen, Station, Wire};
use ballast::site::Device;
use ballast::time::{Clock, Mono};
use tokio::runtime::Handle;

/// Long enough for a machine under load; no test is as long as this unless it fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// A shipped file, with a timeout that no honest answer misses even on a machine under load.
fn profile(name: &str) -> Arc<Profile> {
    hasty(name, DEADLINE)
}

/// A shipped file with this timeout, for peers that let it pass.
fn hasty(name: &str, timeout: Duration) -> Arc<Profile> {
    let mut profile = Profile::parse(&format!("{name}.toml"), Profile::builtin(name).unwrap()).unwrap();
    profile.connection.timeout = timeout;
    Arc::new(profile)
}

/// The examples of `docs/devices.md`, in its order.
fn examples() -> Vec<&'static str> {
    include_str!("../../docs/devices.md")
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

/// Without an answer for this long a device is silent.
const QUIET: Duration = Duration::from_secs(1);

fn device(profile: &Profile, address: SocketAddr) -> Device {
    let poll = Duration::from_millis(20);
    Device { name: "north-01".into(), profile: profile.name.clone(), address, unit_id: 7, poll, login: None, tls: None }
}

fn wire(profile: &Arc<Profile>, address: SocketAddr, outlets: u32) -> Wire {
    wire_on(Clock::start(), profile, address, outlets)
}

fn wire_on(clock: Clock, profile: &Arc<Profile>, address: SocketAddr, outlets: u32) -> Wire {
    let device = device(profile, address);
    Wire::spawn(
        &Handle::current(),
        Station {
            profile: Arc::clone(profile),
            device: &device,
            silent_after: device.poll + QUIET,
            outlets,
            on_fresh: None,
            credentials: None,
            tls: None,
        },
        clock,
    )
}

/// A lapse that no test lives to see.
const NEVER: Mono = Mono::from_millis(3_600_000);

/// Waits until the device was seen like this, and gives what was seen then.
async fn until(wire: &Wire, what: &str, is: impl Fn(&Seen) -> bool) -> Seen {
    let clock = Clock::start();
    loop {
        let seen = wire.seen();
        if is(&seen) {
            return seen;
        }
        assert!(clock.mono().since(Mono::START) < DEADLINE, "never came: {what}; last seen: {seen:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
