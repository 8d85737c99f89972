//! All targets in one binary for libFuzzer: `FUZZ_TARGET` names the one that is driven. Nobody's build compiles this but
//! `integration/fuzz/run`; what the targets promise stands in `targets/`.
#![no_main]

use std::sync::OnceLock;

use targets::{Target, named};

mod targets;

static TARGET: OnceLock<&Target> = OnceLock::new();

fn chosen() -> &'static Target {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let target = named(&name).unwrap_or_else(|| panic!("FUZZ_TARGET names no target: `{name}`"));
    let Target { name, longest, seeds, words, .. } = target;
    eprintln!("{name}: {} seeds, {} words, inputs of at most {longest} bytes", seeds().len(), words().len());
    target
}

libfuzzer_sys::fuzz_target!(init: { TARGET.get_or_init(chosen); }, |data: &[u8]| {
    if let Some(target) = TARGET.get() {
        (target.entry)(data.get(..target.longest).unwrap_or(data));
    }
});
