//! Benches: they measure, tests never time. `cargo bench -- sweep` reads 1,000 devices; anything else is divan's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod sweep;

fn main() {
    if std::env::args().any(|argument| argument == "sweep") {
        return sweep::run();
    }
    divan::main();
}
