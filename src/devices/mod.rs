//! Meters and PDUs over Modbus TCP, each described by a register-map file.
//!
//! A device is a file ([`profile`]); a connection is one task ([`wire`]). The loop reads what a [`Wire`] has seen and hands
//! it commands that lapse; nothing here decides anything, waits for the loop, or believes an answer it did not check.

pub mod probe;
pub mod profile;
pub mod wire;

pub use profile::{Credentials, Profile};
pub use wire::{Seen, Station, Wire};
