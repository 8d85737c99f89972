//! Ballast: a grid-aware demand-response controller.
//!
//! A site has one grid connection. Behind it stand an AI hall (firm, jagged, never asked) and Bitcoin miners (flexible).
//! Ballast lets the miners soak up what the hall does not use, and gets them out of the way in time.
//!
//! ```text
//!  meters ──┐                                             ┌─> PDU outlets   (Modbus TCP)
//!  AI hall ─┼─> snapshot ──> decide ──> plan ──> actuate ─┘
//!  prices ──┤    frozen       pure      data      lapses
//!  devices ─┘      ^            │         │
//!                  └─ verify = the next snapshot ───────── every tick ──> journal ──> replay · screen
//! ```
//!
//! Modules stand in layers; each imports only from its own layer or below (`integration/tidy.rs` checks it):
//!
//! | layer | modules | may |
//! |---|---|---|
//! | 0 | [`units`], [`time`], [`document`], [`sabotage`] | nothing but compute; `time` alone reads the system's clock; with its feature `sabotage` plants a known bug |
//! | 1 | [`site`], [`tariff`] | read files that were handed to them as text |
//! | 2 | [`snapshot`], [`plan`] | be data |
//! | 3 | [`decide`], [`market`], [`plant`] | be pure and total: no clock, I/O, chance, float, panic |
//! | 4 | [`feeds`], [`devices`], [`journal`], [`emulate`], [`web`] | do I/O, each for itself |
//! | 5 | [`run`], [`simulate`], [`drill`], [`cli`] | bring pure and I/O together |

pub mod cli;
pub mod decide;
pub mod devices;
pub mod document;
pub mod drill;
pub mod emulate;
pub mod feeds;
pub mod journal;
pub mod market;
pub mod plan;
pub mod plant;
pub mod run;
pub mod sabotage;
pub mod simulate;
pub mod site;
pub mod snapshot;
pub mod tariff;
pub mod time;
pub mod units;
pub mod web;
