//! The physics of a site in virtual time: a busbar on which every watt adds up.
//!
//! ```text
//!  hall  (generator or recording) ──┐
//!  house (compressors)            ──┼── POI = hall + house + miners, losses nothing ──> meters (late, rounded, 0.1 % off)
//!  miners (relay, boot, firmware)  ──┘                                               ──> score  (from the truth)
//! ```
//!
//! Everything follows from the site, one seed and the commands given: no clock, no float, no chance but the seed's. The plant
//! lives on a grid of 10 ms, so it comes out the same however a span is cut into calls of [`Plant::advance`]. It never decides
//! anything and never refuses a command.
#![deny(clippy::float_arithmetic)]

mod bank;
mod busbar;
mod chance;
mod feeders;
mod hall;
mod house;
mod meter;
mod miner;
mod price;
mod ramp;
mod score;
mod series;

#[cfg(test)]
mod miner_tests;
#[cfg(test)]
mod tests;

pub use bank::Curves;
pub use busbar::Plant;
pub use chance::Chance;
pub use hall::{HallLoad, JUMP_LASTS};
pub use miner::{Miner, MinerPhase};
pub use price::{PriceLoad, PriceMix, PricePoint};
pub use ramp::STEP;
pub use score::{Above, Flows, Score};
pub use series::{AtEnd, NotASeries, Series};
