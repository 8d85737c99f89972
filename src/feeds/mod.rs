//! Data that comes in from outside: recordings of hall load and prices.
//!
//! A feed reads and converts; it never decides, and it refuses what it does not understand instead of guessing.

pub mod recorded;
