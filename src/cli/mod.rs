//! What people type: one file per verb.

pub mod screen;
