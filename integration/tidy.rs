//! House rules as tests: a rule that is not a test is a wish. Each rule is also shown a small bad example, so that it can fail.
//!
//! Reads the project's files; builds and changes nothing.

mod code;
mod house;
mod layers;

use code::{File, project};

#[track_caller]
fn holds(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
}

/// The rule finds this many faults in the bad example, and the first names what is wrong.
#[track_caller]
fn catches(faults: Vec<String>, count: usize, sentence: &str) {
    assert_eq!(faults.len(), count, "\n  {}\n", faults.join("\n  "));
    assert!(faults[0].contains(sentence), "\n  {}\n", faults[0]);
}

fn small(path: &str, text: &str) -> Vec<File> {
    let table = "//! | 0 | [`units`], [`time`] | a |\n//! | 3 | [`decide`] | b |\n//! | 4 | [`devices`], [`emulate`], [`web`] | c |\n";
    vec![File::new("src/lib.rs", table), File::new(path, text)]
}

#[test]
fn a_module_imports_only_from_its_own_layer_or_below() {
    holds(layers::faults(&project()));
}

#[test]
fn an_import_from_above_is_found_in_every_form() {
    let upward = "use crate::decide::Memory;";
    catches(layers::faults(&small("src/units.rs", upward)), 1, "src/units.rs:1: `units` imports `decide::Memory`");
    let nested = "use crate::{time::Now, web::{View, Action as A}};";
    catches(layers::faults(&small("src/units.rs", nested)), 2, "`web::View`");
    catches(layers::faults(&small("src/units.rs", "fn f() { crate::web::show() }")), 1, "`web::show`");
    catches(layers::faults(&small("src/units.rs", "use super::decide;")), 1, "`decide`");
    catches(layers::faults(&small("src/units/text.rs", "use super::super::decide;")), 1, "`decide`");
    let inline = "mod tests { use super::super::decide; }";
    catches(layers::faults(&small("src/units.rs", inline)), 1, "`decide`");
    catches(layers::faults(&small("src/units.rs", "use crate::*;")), 1, "name what is imported");
    catches(layers::faults(&small("src/rooms.rs", "")), 1, "no layer");
}

#[test]
fn what_lies_inside_a_module_or_below_it_may_be_imported() {
    holds(layers::faults(&small(
        "src/units.rs",
        "mod tests { use super::decide; }\n// use crate::decide;\nlet a = \"crate::decide\";",
    )));
    holds(layers::faults(&small("src/units/text.rs", "use super::decide;")));
    holds(layers::faults(&small("src/decide/mod.rs", "use crate::{units::Power, decide::fill};")));
    holds(layers::faults(&small("src/main.rs", "use ballast::decide;")));
}

#[test]
fn what_does_io_stands_alone_and_knows_no_decision() {
    catches(layers::faults(&small("src/web/mod.rs", "use crate::decide;")), 1, "stands alone");
    catches(layers::faults(&small("src/web/mod.rs", "use crate::devices::Wire;")), 1, "stands alone");
    catches(
        layers::faults(&small("src/emulate/mod.rs", "use crate::devices::{profile::Profile, Wire};")),
        1,
        "`devices::Wire`",
    );
    catches(layers::faults(&small("src/emulate/mod.rs", "use crate::web::View;")), 1, "stands alone");
    holds(layers::faults(&small("src/emulate/mod.rs", "use crate::devices::profile::{self, Profile};")));
}

#[test]
fn crates_that_do_io_appear_only_where_io_is_done() {
    holds(layers::io_faults(&project()));
    catches(layers::io_faults(&small("src/decide/mod.rs", "use tokio::net::TcpStream;")), 1, "`tokio`");
    catches(layers::io_faults(&small("src/time.rs", "fn f() -> sled::Db { g() }")), 1, "`sled`");
    holds(layers::io_faults(&small("src/web/mod.rs", "use axum::Router;")));
}

#[test]
fn the_clock_of_the_system_is_read_in_one_file() {
    holds(house::clocks(&project()));
    catches(house::clocks(&small("src/run.rs", "let a = std::time::Instant::now();")), 1, "src/run.rs:1: Instant::now");
    holds(house::clocks(&small("src/time.rs", "let a = std::time::SystemTime::now();")));
}

#[test]
fn pure_rooms_have_no_floats_no_effects_and_no_chance() {
    holds(house::pure_rooms(&project()));
    let pure = |text: &str| {
        let deny = "//! x\n#![deny(clippy::float_arithmetic)]\n";
        ["decide", "market", "plant"].map(|room| {
            File::new(&format!("src/{room}/mod.rs"), &format!("{deny}{}", if room == "plant" { text } else { "" }))
        })
    };
    holds(house::pure_rooms(&pure("use std::collections::BTreeMap;")));
    catches(house::pure_rooms(&pure("use std::{fmt, net::TcpStream};")), 1, "std::net::TcpStream");
    catches(house::pure_rooms(&pure("fn f() { std::thread::yield_now() }")), 1, "std::thread");
    catches(house::pure_rooms(&pure("let x = rand::random();")), 1, "chance");
    catches(house::pure_rooms(&small("src/decide/mod.rs", "//! x")), 3, "float_arithmetic");
}

#[test]
fn a_file_fits_in_the_head() {
    holds(house::long_files(&project()));
    catches(house::long_files(&small("src/web/mod.rs", &"\n".repeat(401))), 1, "401 lines");
}

#[test]
fn a_page_has_one_title() {
    holds(house::titles(&project()));
    catches(house::titles(&[File::new("docs/a.md", "# One\n```\n# comment\n```\n# Two\n")]), 1, "2 titles");
    catches(house::titles(&[File::new("docs/a.md", "text\n")]), 1, "0 titles");
}

#[test]
fn a_module_says_first_what_it_is_for() {
    holds(house::heads(&project()));
    catches(house::heads(&[File::new("src/web/mod.rs", "use std::fmt;\n")]), 1, "opens without");
}

#[test]
fn nothing_half_done_enters() {
    holds(house::unfinished(&project()));
    let halves = concat!("fn f() { to", "do!() }\nfn g() { d", "bg!(1); }");
    catches(house::unfinished(&[File::new("src/run.rs", halves)]), 2, "src/run.rs:1: todo!");
}

#[test]
fn exceptions_from_lints_are_a_short_list() {
    holds(house::exceptions(&project()));
    let outer = [File::new("src/run.rs", "#[allow(clippy::disallowed_methods)]\nfn f() { x.expect(1) }")];
    catches(house::exceptions(&outer), 1, "src/run.rs:1: clippy::disallowed_methods");
    let within = [File::new("src/run.rs", "#![cfg_attr(test, allow(dead_code, unused))]")];
    catches(house::exceptions(&within), 2, "dead_code");
    let reasoned = [File::new("src/run.rs", "#[expect(clippy::panic, reason = \"x\")]")];
    catches(house::exceptions(&reasoned), 1, "clippy::panic");
}

#[test]
fn nothing_speaks_of_one_machine() {
    holds(house::machine_paths(&project()));
    let bad = concat!("see /ho", "me/ada/site.toml");
    catches(house::machine_paths(&[File::new("docs/a.md", bad)]), 1, "docs/a.md:1");
}

#[test]
fn every_shipped_site_and_device_is_tested_or_explained() {
    holds(house::sites_named(&project()));
    let files = |page: &str| [File::new("sites/devices/acme-9.toml", ""), File::new("docs/devices.md", page)];
    catches(house::sites_named(&files("# Devices\nnone")), 1, "acme-9.toml");
    holds(house::sites_named(&files("# Devices\n`acme-9` is a meter")));
}

#[test]
fn every_rust_file_is_compiled() {
    holds(house::unreached(&project()));
    let files = [
        File::new("src/lib.rs", "pub mod site;"),
        File::new("src/site/mod.rs", "mod file;\n// mod check;\n#[path = \"file_tests.rs\"]\nmod tests;"),
        File::new("src/site/file_tests.rs", ""),
        File::new("src/site/file.rs", "mod lines;"),
        File::new("src/site/file/lines.rs", ""),
        File::new("src/site/check.rs", ""),
    ];
    catches(house::unreached(&files), 1, "src/site/check.rs");
}

#[test]
fn nothing_is_linked_that_may_not_be_shipped() {
    holds(house::banned(&project()));
    catches(house::banned(&[File::new("Cargo.lock", "[[package]]\nname = \"rodbus\"\n")]), 1, "rodbus");
}

#[test]
fn every_dependency_has_a_page_that_says_why() {
    holds(house::undecided(&project()));
    let files = |page: &str| {
        [File::new("Cargo.toml", "[dependencies]\nsled = \"1\"\n"), File::new("docs/decisions/a.md", page)]
    };
    catches(house::undecided(&files("# A\nsled")), 1, "`sled`");
    holds(house::undecided(&files("# A\n`sled`")));
}

#[test]
fn the_fuzzer_tries_the_versions_that_are_shipped() {
    holds(house::fuzzed_otherwise(&project()));
    let lock = |version: &str| format!("[[package]]\nname = \"toml\"\nversion = \"{version}\"\n");
    let files = [File::new("Cargo.lock", &lock("1.2.1")), File::new("integration/fuzz/Cargo.lock", &lock("1.1.0"))];
    catches(house::fuzzed_otherwise(&files), 1, "toml 1.1.0");
}
