//! How a device wants to be talked to: from its register-map file and the site.

use std::time::Duration;

use crate::devices::Profile;

/// How a device is to be talked to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    /// How often it is read.
    pub(crate) poll: Duration,
    /// How often its meter measures anew; nothing where it has none.
    pub(crate) refresh: Option<Duration>,
    /// How many of its outlets are switched.
    pub(crate) outlets: u32,
    /// Whether it takes all outlets in one write, or only one by one.
    pub(crate) at_once: bool,
    /// By how many expectations its file tells it from other devices.
    pub(crate) expects: usize,
    /// How often it wants a sign of life, where it does.
    pub(crate) keep_alive: Option<Duration>,
}

impl Manners {
    /// As its register-map file says.
    pub(crate) fn of(profile: &Profile, poll: Duration, outlets: u32) -> Self {
        Self {
            poll: poll.max(Duration::from_millis(1)),
            refresh: profile.power.as_ref().map(|power| power.refresh),
            outlets,
            at_once: profile.outlets.as_ref().is_some_and(|outlets| outlets.all_at_once),
            expects: profile.expect.len(),
            keep_alive: profile.keep_alive.map(|kept| kept.every),
        }
    }
}
