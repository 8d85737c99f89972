//! Who may import whom. The layers are read from the table in the head of `src/lib.rs`, so that what is written holds.

use std::collections::BTreeMap;

use super::code::{File, Token};

/// Modules of layer 4 stand alone: besides what lies below, each may use these paths of its own layer and no other.
const ALONE: &[(&str, &[&str])] =
    &[("feeds", &[]), ("devices", &[]), ("journal", &[]), ("web", &[]), ("emulate", &["devices::profile"])];

/// Crates that do I/O, and the lowest layer that may.
const IO_CRATES: &[&str] =
    &["tokio", "tokio_modbus", "tokio_rustls", "tokio_util", "reqwest", "sled", "axum", "crossterm"];
const IO_LAYER: u8 = 4;
/// The pure layer that no I/O may know: what is decided enters and leaves as data.
const DECISION: &str = "decide";

/// Layer by module, from the rows `| 0 | [`units`], [`time`] | ... |`.
pub(crate) fn table(lib: &File) -> BTreeMap<String, u8> {
    let mut layers = BTreeMap::from([("main".to_owned(), u8::MAX)]);
    for row in lib.text.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (Some(Ok(layer)), Some(modules)) = (cells.first().map(|cell| cell.parse::<u8>()), cells.get(1)) else {
            continue;
        };
        for module in modules.split(',') {
            layers.insert(module.trim().trim_matches(['[', ']', '`']).to_owned(), layer);
        }
    }
    layers
}

/// Every import that the table forbids, and every module that it does not name.
pub(crate) fn faults(files: &[File]) -> Vec<String> {
    let lib = files.iter().find(|file| file.path == "src/lib.rs").expect("there is a src/lib.rs");
    let layers = table(lib);
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.is_rust_in("src/") && file.path != lib.path) {
        let room = file.room().unwrap_or_default();
        match layers.get(room) {
            None => faults.push(format!("{}: the table in src/lib.rs gives `{room}` no layer", file.path)),
            Some(layer) => faults.extend(imports(file).into_iter().filter_map(|(line, path)| {
                let why = refused(&layers, room, *layer, &path)?;
                Some(format!("{}:{line}: `{room}` imports `{}`: {why}", file.path, path.join("::")))
            })),
        }
    }
    faults
}

fn refused(layers: &BTreeMap<String, u8>, room: &str, layer: u8, path: &[String]) -> Option<String> {
    let to = path.first()?;
    if to == room {
        return None;
    }
    if to == "*" {
        return Some("name what is imported".to_owned());
    }
    let other = *layers.get(to)?;
    if other > layer {
        return Some(format!("layer {layer} imports only from layers 0 to {layer}, `{to}` is in layer {other}"));
    }
    let (_, friends) = ALONE.iter().find(|(alone, _)| *alone == room)?;
    let full = path.join("::");
    let stranger = ALONE.iter().any(|(alone, _)| alone == to) && !friends.iter().any(|friend| full.starts_with(friend));
    (stranger || to == DECISION).then(|| "it stands alone in its layer and knows no decision".to_owned())
}

/// The path of every item of this crate that the file names: `crate::a::b`, `ballast::a` in `main.rs`, and `super` chains that
/// leave the file's top module. Groups are opened.
fn imports(file: &File) -> Vec<(usize, Vec<String>)> {
    let tokens = file.tokens();
    let mut inline: Vec<usize> = Vec::new();
    let mut braces = 0_usize;
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((line, token)) = tokens.get(at) {
        match *token {
            "{" => {
                braces += 1;
                if at >= 2 && tokens[at - 2].1 == "mod" {
                    inline.push(braces);
                }
            }
            "}" => {
                if inline.last() == Some(&braces) {
                    inline.pop();
                }
                braces = braces.saturating_sub(1);
            }
            "crate" if is(&tokens, at + 1, "::") => {
                found.extend(tree(&tokens, at + 2).0.into_iter().map(|p| (*line, p)))
            }
            "ballast" if file.path == "src/main.rs" && is(&tokens, at + 1, "::") => {
                found.extend(tree(&tokens, at + 2).0.into_iter().map(|p| (*line, p)));
            }
            "super" if is(&tokens, at + 1, "::") => {
                let mut up = 1;
                while is(&tokens, at + 2, "super") && is(&tokens, at + 3, "::") {
                    up += 1;
                    at += 2;
                }
                if up >= file.depth() + inline.len() {
                    found.extend(tree(&tokens, at + 2).0.into_iter().map(|p| (*line, p)));
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn is(tokens: &[Token<'_>], at: usize, wanted: &str) -> bool {
    tokens.get(at).is_some_and(|(_, token)| *token == wanted)
}

/// Every path of the use tree that starts here, and where it ends.
pub(crate) fn tree(tokens: &[Token<'_>], at: usize) -> (Vec<Vec<String>>, usize) {
    match tokens.get(at).map(|(_, token)| *token) {
        Some("{") => {
            let (mut all, mut at) = (Vec::new(), at + 1);
            while at < tokens.len() && !is(tokens, at, "}") {
                let (paths, next) = tree(tokens, at);
                all.extend(paths);
                at = if is(tokens, next, "as") { next + 2 } else { next.max(at + 1) };
            }
            (all, at + 1)
        }
        Some("*") => (vec![vec!["*".to_owned()]], at + 1),
        Some(word) if word.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
            let (paths, next) = if is(tokens, at + 1, "::") { tree(tokens, at + 2) } else { (Vec::new(), at + 1) };
            let ends = if paths.is_empty() { vec![Vec::new()] } else { paths };
            (ends.into_iter().map(|end| [vec![word.to_owned()], end].concat()).collect(), next)
        }
        _ => (Vec::new(), at),
    }
}

/// I/O crates named below the layer that may do I/O.
pub(crate) fn io_faults(files: &[File]) -> Vec<String> {
    let lib = files.iter().find(|file| file.path == "src/lib.rs").expect("there is a src/lib.rs");
    let layers = table(lib);
    let below = |file: &&File| file.room().and_then(|room| layers.get(room)).is_some_and(|layer| *layer < IO_LAYER);
    let named = |tokens: &[Token<'_>], at: usize| {
        IO_CRATES.contains(&tokens[at].1) && (is(tokens, at + 1, "::") || at > 0 && is(tokens, at - 1, "use"))
    };
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.is_rust_in("src/")).filter(below) {
        let tokens = file.tokens();
        for at in (0..tokens.len()).filter(|at| named(&tokens, *at)) {
            let (line, name) = tokens[at];
            faults.push(format!("{}:{line}: `{name}` appears only in layer {IO_LAYER} and above", file.path));
        }
    }
    faults
}
