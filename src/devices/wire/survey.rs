//! Asking an address of which nobody knows what stands there: which units answer, and which register maps can be read at each. For a scan.
//!
//! It reads and never writes, not even a login. One connection at a time, a pause between two requests, and who stays silent too often
//! is left alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_modbus::Request;

use super::dialect::{reads, words};
use super::line::{Fault, Line};
use super::scan::scan;
use crate::devices::Profile;
use crate::devices::probe::fit::{Answering, Fit};
use crate::devices::profile::{Block, Outlets, Point, Table};
use crate::site::MAX_UNITS;
use crate::time::Clock;

/// How long a connection may take to come up: a scan meets mostly addresses with nobody there.
const CONNECT: Duration = Duration::from_millis(500);
/// How long an answer may take, and the least time from an answer to the next request.
const TIMES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(10));
/// So many requests without a right answer, and a unit is left alone.
const SILENCES: u32 = 4;

/// One address that is asked.
struct Survey {
    address: SocketAddr,
    clock: Clock,
    line: Option<Line>,
    silences: u32,
    /// What the unit at hand answered: many maps ask for the same words.
    heard: BTreeMap<(Table, u16, u16), Option<Vec<u16>>>,
}

/// Who answers at an address to one of these units, and which of these maps can be read there.
///
/// # Errors
/// Where nobody takes a connection, or whoever takes it does not speak Modbus.
pub async fn survey(
    address: SocketAddr,
    units: &[u8],
    maps: &[Arc<Profile>],
    clock: Clock,
) -> Result<Vec<Answering>, Fault> {
    let mut survey = Survey { address, clock, line: None, silences: 0, heard: BTreeMap::new() };
    survey.connect().await?;
    let stranger = (1..=247).rev().find(|unit| !units.contains(unit)).unwrap_or(0);
    let to_any = survey.is_there(stranger).await?;
    let mut answering = Vec::new();
    for unit in units {
        if to_any || survey.is_there(*unit).await? {
            answering.push(Answering::new(*unit, to_any, survey.fits(*unit, maps).await));
        }
        // Who answers to any is one device, whatever it is called by.
        if to_any {
            break;
        }
    }
    if answering.is_empty() { Err(Fault::NoAnswer) } else { Ok(answering) }
}

impl Survey {
    async fn connect(&mut self) -> Result<(), Fault> {
        let connected = timeout(CONNECT, Line::connect(self.address, None, TIMES, self.clock)).await;
        let (line, _) = connected.unwrap_or(Err(Fault::NoConnection))?;
        self.line = Some(line);
        Ok(())
    }

    /// A line that is whole: after any doubt a new one.
    async fn whole(&mut self) -> Result<&mut Line, Fault> {
        if !self.line.as_ref().is_some_and(Line::is_whole) {
            self.line = None;
            self.connect().await?;
        }
        let line = self.line.as_mut().ok_or(Fault::NoConnection)?;
        line.ready().await;
        Ok(line)
    }

    /// Whether somebody answers to this unit, be it with a refusal. A gateway refuses for those who are not behind it.
    async fn is_there(&mut self, unit: u8) -> Result<bool, Fault> {
        let (clock, request) = (self.clock, Request::ReadHoldingRegisters(0, 1));
        match self.whole().await?.ask(unit, &request, clock.mono()).await {
            Ok(_) => Ok(true),
            Err(Fault::Refused(code)) => Ok(!matches!(code, 10 | 11)),
            Err(Fault::NoAnswer) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    async fn fits(&mut self, unit: u8, maps: &[Arc<Profile>]) -> Vec<Fit> {
        (self.silences, self.heard) = (0, BTreeMap::new());
        let mut fits = Vec::new();
        for map in maps {
            fits.extend(self.fit(unit, map).await);
        }
        fits
    }

    /// Nothing where the map cannot be read there.
    async fn fit(&mut self, unit: u8, map: &Arc<Profile>) -> Option<Fit> {
        let mut says_so = false;
        for expect in &map.expect {
            says_so = self.read(unit, expect.block).await? == expect.words;
            if !says_so {
                return None;
            }
        }
        let point = match &map.sunspec {
            None => map.power.clone(),
            Some(sunspec) => {
                let clock = self.clock;
                let model = scan(self.whole().await.ok()?, unit, sunspec, clock).await.ok()?;
                says_so = true;
                Some(map.power.as_ref()?.placed(model)?)
            }
        };
        let power = match &point {
            Some(Point { block, .. }) => Some(self.read(unit, *block).await?),
            None => None,
        };
        let power = point.zip(power).map(|(point, words)| point.decode(&words));
        let outlets = match &map.outlets {
            Some(outlets) => Some(self.outlets(unit, outlets).await?),
            None => None,
        };
        Some(Fit { profile: Arc::clone(map), says_so, power, outlets })
    }

    /// As many outlets as the map says, or, where that is refused, as many as are not.
    async fn outlets(&mut self, unit: u8, outlets: &Outlets) -> Option<(u32, u64)> {
        let most = outlets.count.clamp(1, MAX_UNITS);
        if let Some(words) = self.read(unit, outlets.read.block(most)).await {
            return Some((most, outlets.read.decode(&words, most).ok()?));
        }
        let (mut given, mut refused) = (None, most);
        let mut next = 1;
        while next < refused {
            match self.read(unit, outlets.read.block(next)).await {
                Some(words) => given = Some((next, outlets.read.decode(&words, next).ok()?)),
                None if given.is_none() => return None,
                None => refused = next,
            }
            let (least, _) = given?;
            next = least + (refused - least).div_ceil(2);
            if refused - least <= 1 {
                break;
            }
        }
        given
    }

    /// The words of a block; nothing where they are not to be had.
    async fn read(&mut self, unit: u8, block: Block) -> Option<Vec<u16>> {
        let key = (block.table, block.address, block.count);
        if let Some(heard) = self.heard.get(&key) {
            return heard.clone();
        }
        if self.silences >= SILENCES {
            return None;
        }
        let (clock, request) = (self.clock, reads(block));
        let said = match self.whole().await {
            Ok(line) => line.ask(unit, &request, clock.mono()).await,
            Err(fault) => Err(fault),
        };
        if !matches!(said, Ok(_) | Err(Fault::Refused(_))) {
            self.silences += 1;
        }
        let said = said.ok().map(|response| words(response, block.count));
        self.heard.insert(key, said.clone());
        said
    }
}
