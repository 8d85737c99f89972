//! Data that comes in from outside: recordings of hall load and prices, files that people edit while they are in force.
//!
//! A feed reads and converts; it never decides, and it refuses what it does not understand instead of guessing.

pub mod recorded;
pub mod watched;
