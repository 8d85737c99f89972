//! Benches: they measure, tests never time. `cargo bench -- decide|tariffs|sweep|loop|miners`; without a part, all of them one
//! after the other. What came out, and against what, stands in `docs/latency.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod decide;
mod miners;
mod site;
mod sweep;
mod tariffs;
mod whole;

/// Counts allocations of the decision. The other parts pay a few nanoseconds an allocation for it.
#[global_allocator]
static COUNTED: divan::AllocProfiler = divan::AllocProfiler::system();

/// The parts; `decide::quiet` names one bench of the first, `miners::fan` one of the last.
const PARTS: [&str; 5] = ["decide", "tariffs", "sweep", "loop", "miners"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let named = |part: &str| arguments.iter().any(|argument| argument.starts_with(part));
    let all = named("--bench") && !PARTS.into_iter().any(named);
    if all || !PARTS[2..].iter().any(|part| named(part)) {
        divan::main();
    }
    if all || named("sweep") {
        sweep::run();
    }
    if all || named("loop") {
        whole::run();
    }
    if all || named("miners") {
        miners::run(&arguments);
    }
}
