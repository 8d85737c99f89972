//! One test binary: one link, one run. The house rules are in [`tidy`], other people's programs in [`peers`].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

mod devices;
mod emulate;
mod faults;
mod fuzz;
mod journal;
mod miners;
mod peers;
mod plant;
mod probe;
mod scenes;
mod simulate;
mod sites;
mod stories;
mod tariffs;
mod tidy;
mod watch;
