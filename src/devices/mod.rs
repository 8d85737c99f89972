//! Meters and PDUs over Modbus TCP, each described by a register-map file, and miners by their own firmware.
//!
//! A device is a file ([`profile`]); a connection is one task ([`wire`]); the miners of a group are a [`Fleet`] ([`miners`]). The loop reads what these have seen and hands
//! it commands that lapse; nothing here decides anything, waits for the loop, or believes an answer it did not check.

pub mod miners;
pub mod probe;
pub mod profile;
pub mod wire;

pub use miners::Fleet;
pub use profile::{Credentials, Profile};
pub use wire::{Seen, Station, Wire};
