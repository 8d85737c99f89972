//! A miner at an address of which nobody said what it is: which firmware, which model, what it draws. For a scan.
//!
//! It asks and commands nothing. Who is met is met as by a [`Fleet`](super::Fleet), with the maker's own login where reading asks for one.

use std::net::IpAddr;

use super::hail::{clock_of, runs_at};
use super::port::Port;
use super::step::{Came, Fault, Identity, Step};
use crate::site::Firmware;
use crate::time::Clock;
use crate::units::Power;

/// A miner that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// Where it is.
    pub address: IpAddr,
    /// What runs on it; nothing where that is none that is known here.
    pub firmware: Option<Firmware>,
    /// Who it says it is.
    pub identity: Option<Identity>,
    /// What it says it draws.
    pub watts: Option<Power>,
    /// How many seconds its clock is ahead of ours.
    pub clock_ahead: Option<i64>,
    /// What went wrong.
    pub trouble: Option<Fault>,
}

/// Asks one address; nothing where no miner answers.
pub async fn meet(address: IpAddr, clock: Clock) -> Option<Met> {
    let firmware = runs_at(address).await?;
    let nobody = Met { address, firmware, identity: None, watts: None, clock_ahead: None, trouble: None };
    let Some(firmware) = firmware else { return Some(nobody) };
    let clock_ahead = clock_of(address).await.map(|when| when - clock.now().wall.micros() / 1_000_000);
    let port = Port::new(firmware, address, None);
    let met = Met { clock_ahead, ..nobody };
    let identity = match port.does(Step::Identify, clock.mono()).await {
        Ok(Came::Identified(identity)) => Some(identity),
        Ok(_) => None,
        Err(fault) => return Some(Met { trouble: Some(fault), ..met }),
    };
    Some(match port.does(Step::Observe, clock.mono()).await {
        Ok(Came::Reported(report)) => Met { identity, watts: report.watts, ..met },
        Ok(_) => Met { identity, ..met },
        Err(fault) => Met { identity, trouble: Some(fault), ..met },
    })
}
