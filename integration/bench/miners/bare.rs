//! asic-rs alone, as anybody would write it: a handle for each miner, kept, and all told at once. No session of ours, no deadline, no
//! second question, and its word is taken.

use std::net::IpAddr;

use asic_rs::core::traits::entry::FirmwareEntry;
use asic_rs::core::traits::miner::Miner;
use asic_rs::{antminer, braiins, luxminer, whatsminer};
use ballast::site::Firmware;
use ballast::time::{Clock, Mono};
use futures_util::future::join_all;

/// One miner, before it was met and after.
pub(super) struct Bare {
    firmware: Firmware,
    address: IpAddr,
    miner: Option<Box<dyn Miner>>,
}

/// When a miner was told, by the library; whether it said yes.
pub(super) type Told = (Firmware, Mono, bool);

impl Bare {
    pub(super) fn new(firmware: Firmware, address: IpAddr) -> Self {
        Self { firmware, address, miner: None }
    }

    async fn pause(&mut self, clock: Clock) -> Told {
        if self.miner.is_none() {
            self.miner = entry(self.firmware).build_miner(self.address, None).await.ok();
        }
        let said = match &self.miner {
            Some(miner) => miner.pause(None).await.unwrap_or(false),
            None => false,
        };
        (self.firmware, clock.mono(), said)
    }
}

/// Puts all of them to sleep at once, and meets those it never met.
pub(super) async fn pause(all: &mut [Bare], clock: Clock) -> Vec<Told> {
    join_all(all.iter_mut().map(|bare| bare.pause(clock))).await
}

fn entry(firmware: Firmware) -> Box<dyn FirmwareEntry> {
    match firmware {
        Firmware::Antminer => Box::new(antminer::firmware::AntMinerStockFirmware::default()),
        Firmware::Luxos => Box::new(luxminer::firmware::LuxMinerFirmware::default()),
        Firmware::Braiins => Box::new(braiins::firmware::BraiinsFirmware::default()),
        Firmware::Whatsminer => Box::new(whatsminer::firmware::WhatsMinerFirmware::default()),
    }
}
