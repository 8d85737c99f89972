//! In place of the library that speaks to miners, in a build without the feature `miners`: says so, and nothing else.

use std::net::IpAddr;
use std::sync::Arc;

use super::step::{Came, Fault, Step};
use crate::devices::profile::Credentials;
use crate::site::{Firmware, FirmwarePath};
use crate::time::Mono;

/// One miner, that nobody here can speak to.
pub(super) struct Port;

impl Port {
    pub(super) fn new(_: Firmware, _: IpAddr, _: Option<Arc<Credentials>>) -> Self {
        Self
    }

    pub(super) fn of(_: &FirmwarePath, _: IpAddr, _: Option<Arc<Credentials>>) -> Self {
        Self
    }

    /// Says that this build cannot.
    pub(super) async fn does(&self, _: Step, _: Mono) -> Result<Came, Fault> {
        Err(Fault::NotBuilt)
    }
}

/// Nobody asks.
pub(super) async fn session_is_held(_: IpAddr) -> bool {
    false
}
