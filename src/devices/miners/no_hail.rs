//! In a build without the feature `miners`: no miner tells anything.

use std::net::IpAddr;

use crate::site::Firmware;

/// Nobody asks.
pub(super) async fn runs_at(_: IpAddr) -> Option<Option<Firmware>> {
    None
}

/// Nobody asks.
pub(super) async fn clock_of(_: IpAddr) -> Option<i64> {
    None
}
