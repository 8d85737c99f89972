//! Rules for single files: clocks, pure rooms, size, heads, exceptions, names, reach.

use std::collections::{BTreeMap, BTreeSet};

use super::code::{File, Token};
use super::layers;

const CLOCK: &str = "src/time.rs";
const PURE: &[&str] = &["decide", "market", "plant"];
const MOST_LINES: usize = 400;

/// Every exception from a lint there is: the lint, and the file (or folder) that may take it.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("clippy::disallowed_methods", CLOCK),
    ("clippy::unwrap_used", "integration/main.rs"),
    ("clippy::expect_used", "integration/main.rs"),
    ("clippy::panic", "integration/main.rs"),
    ("clippy::indexing_slicing", "integration/main.rs"),
    ("unreachable_pub", "integration/main.rs"),
    ("clippy::unwrap_used", "integration/bench/main.rs"),
    ("clippy::expect_used", "integration/bench/main.rs"),
    ("clippy::panic", "integration/bench/main.rs"),
    ("clippy::indexing_slicing", "integration/bench/main.rs"),
    ("clippy::disallowed_methods", "integration/bench/"),
    // Words of the wire become numbers here, and what does not fit is tested beside it.
    ("clippy::cast_possible_truncation", "src/devices/profile/codec.rs"),
    ("clippy::cast_possible_wrap", "src/devices/profile/codec.rs"),
    ("clippy::cast_precision_loss", "src/devices/profile/codec.rs"),
    ("clippy::cast_sign_loss", "src/devices/profile/codec.rs"),
    ("dead_code", "src/document/tests.rs"),
    // A build without the library that speaks to miners has the conversation with them, and nobody who answers.
    ("dead_code", "src/devices/miners/step.rs"),
];

/// Licences that forbid commercial use, and libraries of the system that the binary shall not need. As in deny.toml.
const BANNED: &[&str] = &["dnp3", "rodbus", "openssl-sys"];

fn words<'a>(file: &'a File, wanted: &'a [&'a [&'a str]]) -> impl Iterator<Item = (usize, String)> + 'a {
    let tokens = file.tokens();
    (0..tokens.len()).filter_map(move |at| {
        let found = wanted.iter().find(|run| {
            run.iter().enumerate().all(|(n, word)| tokens.get(at + n).is_some_and(|(_, token)| token == word))
        })?;
        Some((tokens[at].0, found.concat()))
    })
}

fn in_source<'a>(files: &'a [File], folder: &'a str) -> impl Iterator<Item = &'a File> {
    files.iter().filter(move |file| file.is_rust_in(folder))
}

/// The operating system's clock is read in one file.
pub(crate) fn clocks(files: &[File]) -> Vec<String> {
    let reads: &[&[&str]] = &[
        &["Instant", "::", "now"],
        &["SystemTime", "::", "now"],
        &["Utc", "::", "now"],
        &["Local", "::", "now"],
        &["UNIX_EPOCH", ".", "elapsed"],
    ];
    let below = in_source(files, "src/").filter(|file| file.path != CLOCK);
    below
        .flat_map(|file| {
            words(file, reads).map(move |(line, what)| format!("{}:{line}: {what} outside {CLOCK}", file.path))
        })
        .collect()
}

/// Pure rooms refuse floats by lint and name nothing that has an effect or depends on chance.
pub(crate) fn pure_rooms(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for room in PURE {
        let head = files.iter().find(|f| f.path == format!("src/{room}/mod.rs") || f.path == format!("src/{room}.rs"));
        let denies = head.is_some_and(|file| {
            words(file, &[&["#", "!", "[", "deny", "(", "clippy", "::", "float_arithmetic", ")"]]).next().is_some()
        });
        if !denies {
            faults.push(format!("src/{room}: its head must say #![deny(clippy::float_arithmetic)]"));
        }
    }
    for file in in_source(files, "src/").filter(|file| file.room().is_some_and(|room| PURE.contains(&room))) {
        let tokens = file.tokens();
        let std = (0..tokens.len()).filter(|at| tokens[*at].1 == "std").flat_map(|at| layers::tree(&tokens, at).0);
        let effects = std.filter(|path| {
            matches!(path.get(1).map(String::as_str), Some("fs" | "net" | "thread" | "env" | "io" | "process"))
        });
        faults.extend(
            effects.map(|path| format!("{}: {} has an effect, and the room is pure", file.path, path.join("::"))),
        );
        let chance: &[&[&str]] = &[&["rand", "::"], &["fastrand", "::"], &["getrandom", "::"]];
        faults.extend(words(file, chance).map(|(line, what)| format!("{}:{line}: {what} is chance", file.path)));
    }
    faults
}

/// A file fits in the head.
pub(crate) fn long_files(files: &[File]) -> Vec<String> {
    let rust = files.iter().filter(|file| file.path.ends_with(".rs"));
    rust.filter(|file| file.text.lines().count() > MOST_LINES)
        .map(|file| {
            format!("{}: {} lines; past {MOST_LINES} it wants a second room", file.path, file.text.lines().count())
        })
        .collect()
}

/// One title a page, outside of code blocks.
pub(crate) fn titles(files: &[File]) -> Vec<String> {
    let pages = files.iter().filter(|file| file.path.ends_with(".md"));
    pages
        .filter_map(|page| {
            let mut fenced = false;
            let titles = page.text.lines().filter(|line| {
                fenced ^= line.trim_start().starts_with("```");
                !fenced && line.starts_with("# ")
            });
            let count = titles.count();
            (count != 1).then(|| format!("{}: {count} titles", page.path))
        })
        .collect()
}

/// Every module says first what it is for. A module's tests need no head: what they test is said above them.
pub(crate) fn heads(files: &[File]) -> Vec<String> {
    let rust = files.iter().filter(|file| file.path.ends_with(".rs") && !file.path.ends_with("tests.rs"));
    rust.filter(|file| !file.text.starts_with("//! "))
        .map(|file| format!("{}: opens without `//!`: what is it for, and what does it never do?", file.path))
        .collect()
}

/// Nothing half done enters.
pub(crate) fn unfinished(files: &[File]) -> Vec<String> {
    let marks: &[&[&str]] = &[&["todo", "!"], &["unimplemented", "!"], &["dbg", "!"]];
    let rust = in_source(files, "");
    rust.flat_map(|f| words(f, marks).map(move |(line, what)| format!("{}:{line}: {what}", f.path))).collect()
}

/// Exceptions from lints are a short list, here.
pub(crate) fn exceptions(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let tokens = file.tokens();
        for at in 1..tokens.len().saturating_sub(1) {
            let opens = matches!(tokens[at].1, "allow" | "expect") && tokens[at + 1].1 == "(";
            if opens && matches!(tokens[at - 1].1, "[" | ",") {
                faults.extend(lints(&tokens, at + 2).into_iter().filter(|lint| !excepted(file, lint)).map(|lint| {
                    format!(
                        "{}:{}: {lint} is switched off; cure it, or add it to the list of exceptions",
                        file.path, tokens[at].0
                    )
                }));
            }
        }
    }
    faults
}

fn lints(tokens: &[Token<'_>], mut at: usize) -> Vec<String> {
    let mut found = Vec::new();
    while tokens.get(at).is_some_and(|(_, token)| *token != ")") {
        let (paths, next) = layers::tree(tokens, at);
        found.extend(paths.into_iter().map(|path| path.join("::")).filter(|lint| lint != "reason"));
        at = next.max(at + 1);
    }
    found
}

fn excepted(file: &File, lint: &str) -> bool {
    EXCEPTIONS.iter().any(|(allowed, place)| {
        *allowed == lint && (file.path == *place || place.ends_with('/') && file.path.starts_with(place))
    })
}

/// Nothing in the project speaks of one machine.
pub(crate) fn machine_paths(files: &[File]) -> Vec<String> {
    // Cut in two, so that this file does not name what it looks for.
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let mut faults = Vec::new();
    for file in files {
        for (at, line) in file.text.lines().enumerate() {
            if places.iter().any(|place| line.contains(place)) {
                faults.push(format!("{}:{}: names a path of one machine", file.path, at + 1));
            }
        }
    }
    faults
}

/// Every shipped site and device file is used by a test or explained by a page.
pub(crate) fn sites_named(files: &[File]) -> Vec<String> {
    let shipped = files.iter().filter(|file| file.path.starts_with("sites/"));
    shipped
        .filter(|file| {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let stem = name.split('.').next().unwrap_or_default();
            let names = |other: &&File| {
                !other.path.starts_with("sites/")
                    && (other.text.contains(name) || other.text.contains(&format!("`{stem}`")))
            };
            !files.iter().any(|other| names(&other))
        })
        .map(|file| format!("{}: no test and no page names it", file.path))
        .collect()
}

/// A Rust file that no `mod` reaches is never compiled.
pub(crate) fn unreached(files: &[File]) -> Vec<String> {
    let rust: BTreeMap<&str, &File> =
        files.iter().filter(|file| file.path.ends_with(".rs")).map(|file| (file.path.as_str(), file)).collect();
    let mut open = vec![
        "src/lib.rs",
        "src/main.rs",
        "integration/main.rs",
        "integration/bench/main.rs",
        "integration/fuzz/main.rs",
    ];
    let mut reached = BTreeSet::new();
    while let Some(path) = open.pop() {
        let Some(file) = rust.get(path).filter(|_| reached.insert(path)) else { continue };
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let below = match name {
            "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
            name => format!("{folder}/{}", name.trim_end_matches(".rs")),
        };
        let given = file.text.lines().filter_map(|line| line.trim().strip_prefix("#[path = \"")?.strip_suffix("\"]"));
        let given: Vec<String> = given.map(|name| format!("{folder}/{name}")).collect();
        open.extend(given.iter().filter_map(|path| rust.get_key_value(path.as_str()).map(|(path, _)| *path)));
        let tokens = file.tokens();
        for three in tokens.windows(3).filter(|three| three[0].1 == "mod" && three[2].1 == ";") {
            let candidates = [format!("{below}/{}.rs", three[1].1), format!("{below}/{}/mod.rs", three[1].1)];
            open.extend(candidates.iter().filter_map(|path| rust.get_key_value(path.as_str()).map(|(path, _)| *path)));
        }
    }
    rust.keys().filter(|path| !reached.contains(**path)).map(|path| format!("{path}: no module names it")).collect()
}

/// No crate in the lock file is one we may not ship.
pub(crate) fn banned(files: &[File]) -> Vec<String> {
    let locked = files.iter().filter(|file| file.path == "Cargo.lock").flat_map(|file| file.text.lines());
    locked
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .filter(|name| BANNED.contains(name))
        .map(|name| format!("Cargo.lock: {name} may not be shipped (deny.toml says why)"))
        .collect()
}

/// Every dependency has a page that says why.
pub(crate) fn undecided(files: &[File]) -> Vec<String> {
    let manifest = files.iter().find(|file| file.path == "Cargo.toml").expect("there is a Cargo.toml");
    let pages: Vec<&File> = files.iter().filter(|file| file.path.starts_with("docs/decisions/")).collect();
    let mut inside = false;
    let mut faults = Vec::new();
    for line in manifest.text.lines() {
        if line.starts_with('[') {
            inside = matches!(line.trim(), "[dependencies]" | "[dev-dependencies]" | "[build-dependencies]");
        }
        let Some((name, _)) = line.split_once('=').filter(|_| inside && !line.starts_with('#')) else { continue };
        let named = format!("`{}`", name.trim());
        if !pages.iter().any(|page| page.text.contains(&named)) {
            faults.push(format!("Cargo.toml: no page in docs/decisions names {named}"));
        }
    }
    faults
}

/// The fuzzer tries the very versions that are shipped.
pub(crate) fn fuzzed_otherwise(files: &[File]) -> Vec<String> {
    let locked = |path: &str| -> BTreeSet<String> {
        let text = files.iter().find(|file| file.path == path).map_or("", |file| file.text.as_str());
        let lines: Vec<&str> = text.lines().collect();
        let package = |two: &[&str]| {
            let (name, version) = (two[0].strip_prefix("name = ")?, two[1].strip_prefix("version = ")?);
            Some(format!("{name} {version}").replace('"', ""))
        };
        lines.windows(2).filter_map(package).collect()
    };
    let (shipped, fuzzed) = (locked("Cargo.lock"), locked("integration/fuzz/Cargo.lock"));
    let ours = ["ballast-fuzz", "libfuzzer-sys", "arbitrary", "jobserver"];
    let strange = fuzzed.iter().filter(|package| !shipped.contains(*package));
    strange
        .filter(|package| !ours.iter().any(|name| package.split(' ').next() == Some(*name)))
        .map(|package| format!("integration/fuzz/Cargo.lock: {package} is not what Cargo.lock ships"))
        .collect()
}
