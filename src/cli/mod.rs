//! What people type: one file per verb.

pub mod audit;
pub mod replay;
