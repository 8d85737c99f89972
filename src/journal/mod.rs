//! The audit log, and what is remembered between restarts.
//!
//! ```text
//!  snapshot, plan ─> Recorder ─> lines ─> Journal ─> writer (its own thread) ─> segments, checkpoint
//!                                                                                   │
//!                         replay <─ Fold <──────────────────────────────────────────┴─> verify
//! ```
//!
//! One line is one leaf of an RFC 6962 tree, byte for byte; `docs/audit.md` says what stands in it. It never decides: a
//! replay is handed the decision. It never makes the loop wait, and it never calls durable what was not synced.

mod append;
mod disk;
pub mod fold;
#[doc(hidden)]
pub mod held;
mod keeper;
mod lay;
mod line;
mod notes;
mod open;
mod orders;
mod pace;
pub mod record;
mod replay;
mod segments;
mod state;
pub mod store;
pub mod tree;
mod verify;
mod writer;

pub use append::{Beginning, Fate, Health, Journal};
pub use fold::{Fold, Folded, Unfolded};
pub use keeper::Keeper;
pub use lay::{lay, sha256, tree_over};
pub use line::{Lines, MAX_LINE};
pub use notes::notes;
pub use open::{OpenError, is_in_use};
pub use orders::last_orders;
pub use record::{Boot, FileSeen, Recorder};
pub use replay::{Decider, Difference, Replayed, replay};
pub use segments::Checkpoint;
pub use store::{Opened, Store, StoreError};
pub use verify::{Finding, Report, verify};
pub use writer::Summary;

#[cfg(test)]
mod tests;
