//! Scenes: the real binary on real sockets, with something going wrong, and the truth beside it.
//!
//! Each test is a promise about the whole program. It generates a small site on loopback addresses of its own, plays the plant in
//! this process or in another, starts the controller as people do, and breaks something. It waits for conditions, never for
//! times; what it then asserts stands in the journal or in the plant's own truth. Several may run at once.

mod calm;
mod contactors;
mod controller;
mod demo;
mod disk;
mod drill;
mod emulator;
mod ending;
mod files;
mod killed;
mod locks;
mod lost;
mod orders;
mod recorded;
mod sleeping;

mod stage;
mod story;
mod tariff;
mod world;

use std::time::Duration;

use ballast::time::{Clock, Mono};

/// The longest any of these waits for something to become true: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until this gives something; `what` says what was waited for.
#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let clock = Clock::start();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(clock.mono().since(Mono::START) < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Lets this much time pass: for showing that something does *not* happen.
fn pass(time: Duration) {
    std::thread::sleep(time);
}
