//! `ballast tariff fmt FILE...`: the same file, laid out as all of them are. Comments, order and meaning stay: nothing but blanks changes,
//! which is proved before anything is written.
//!
//! One blank line before each table and at most one anywhere; no blanks at the ends of lines; the equals signs of lines that
//! follow each other stand under each other; one blank inside the braces of what stands on one line.

use std::io::Write;
use std::path::{Path, PathBuf};

use toml_edit::{Decor, DocumentMut, Item, Key, Table, Value};

use super::files::{Refused, Told, tell, text};
use crate::document::Code;
use crate::tariff::file;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The files.
    pub files: Vec<PathBuf>,
    /// Write nothing, and say which would change.
    pub check: bool,
}

/// Lays out each file; the exit code is 1 where one has no TOML in it, or would change and is only looked at.
pub fn run(asked: &Asked, out: &mut dyn Write) -> u8 {
    let each = asked.files.iter().map(|path| tell(one(path, asked.check), out));
    each.max().unwrap_or(crate::cli::FINE)
}

fn one(path: &Path, check: bool) -> Result<Told, Refused> {
    let name = path.display().to_string();
    let before = text(path)?;
    let after = laid_out(&before).map_err(|why| refused(&name, &before, &why))?;
    if after == before {
        return Ok(format!("{name}: as it should be\n").into());
    }
    if check {
        return Ok(Told { errors: vec![format!("{name}: would be laid out otherwise")], ..Told::default() });
    }
    let failed = |error: std::io::Error| Refused::could_not(format!("{name}: {error}"));
    let beside = path.with_extension("toml.new");
    std::fs::write(&beside, &after).and_then(|()| std::fs::rename(&beside, path)).map_err(failed)?;
    Ok(format!("{name}: laid out\n").into())
}

/// What is no TOML is told as `check` tells it.
fn refused(name: &str, text: &str, why: &str) -> Refused {
    let syntax = file::load(name, text).err().filter(|all| all.all().iter().any(|one| one.code == Code::Syntax));
    Refused::problem(syntax.map_or_else(|| format!("{name}: {why}"), |problems| problems.render(false)))
}

/// The text of a TOML file, laid out.
///
/// # Errors
/// In words, where it is no TOML, or where more than blanks would change.
pub fn laid_out(text: &str) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let trailing = lines(document.trailing().as_str().unwrap_or_default(), false);
    document.set_trailing(trailing.trim_end().to_owned());
    table(document.as_table_mut());
    let after = document.to_string();
    let after = format!("{}\n", after.trim_matches(['\n', ' ', '\t']));
    let parse = |text: &str| text.parse::<toml::Table>().map_err(|error| error.to_string());
    let inked = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
    if inked(text) != inked(&after) || parse(text)? != parse(&after)? {
        return Err("it cannot be laid out without changing what it says".into());
    }
    Ok(after)
}

fn table(table: &mut Table) {
    keys(table);
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(inner) => {
                if !inner.is_implicit() && !inner.is_dotted() {
                    header(inner.decor_mut());
                }
                self::table(inner);
            }
            Item::ArrayOfTables(all) => {
                for inner in all.iter_mut() {
                    header(inner.decor_mut());
                    self::table(inner);
                }
            }
            Item::Value(_) | Item::None => {}
        }
    }
}

fn header(decor: &mut Decor) {
    let before = lines(raw(decor.prefix()), true);
    let after = comment(raw(decor.suffix()));
    decor.set_prefix(before);
    decor.set_suffix(after);
}

/// The keys of a table, in runs that no blank line and no comment parts.
fn keys(table: &mut Table) {
    let mut runs: Vec<Vec<String>> = Vec::new();
    for (key, item) in table.iter() {
        let is_dotted = item.as_table().is_some_and(Table::is_dotted);
        if !item.is_value() || is_dotted {
            runs.push(Vec::new());
            continue;
        }
        let begins = table.key(key).is_none_or(|key| raw(key.leaf_decor().prefix()).contains(['\n', '#']));
        match runs.last_mut() {
            Some(run) if !begins => run.push(key.to_owned()),
            _ => runs.push(vec![key.to_owned()]),
        }
    }
    for run in runs {
        let wide = run.iter().filter_map(|key| table.key(key)).map(width).max().unwrap_or(0);
        for key in run {
            if let Some(mut key) = table.key_mut(&key) {
                let blanks = " ".repeat(wide.saturating_sub(key.display_repr().chars().count()) + 1);
                let before = lines(raw(key.leaf_decor().prefix()), false);
                key.leaf_decor_mut().set_prefix(before);
                key.leaf_decor_mut().set_suffix(blanks);
            }
            if let Some(Item::Value(value)) = table.get_mut(&key) {
                self::value(value);
            }
        }
    }
}

fn width(key: &Key) -> usize {
    key.display_repr().chars().count()
}

/// A value that stands on one line is laid out inside; what goes over several is left to its author.
fn value(value: &mut Value) {
    let suffix = comment(raw(value.decor().suffix()));
    let mut bare = value.clone();
    bare.decor_mut().clear();
    let before = bare.to_string();
    if !before.contains('\n') {
        let mut after = bare.clone();
        inside(&mut after);
        let inked = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
        if inked(&after.to_string()) == inked(&before) {
            bare = after;
        }
    }
    *value = bare;
    value.decor_mut().set_prefix(" ");
    value.decor_mut().set_suffix(suffix);
}

fn inside(value: &mut Value) {
    match value {
        Value::Array(array) => {
            array.iter_mut().for_each(inside);
            array.fmt();
        }
        Value::InlineTable(table) => {
            table.iter_mut().for_each(|(_, value)| inside(value));
            table.fmt();
        }
        _ => {}
    }
}

fn raw(text: Option<&toml_edit::RawString>) -> &str {
    text.and_then(toml_edit::RawString::as_str).unwrap_or_default()
}

/// A comment behind something, as far from it as it was, but for blanks at its end.
fn comment(text: &str) -> String {
    let text = text.trim_end();
    if text.is_empty() || text.starts_with([' ', '\t']) { text.to_owned() } else { format!(" {text}") }
}

/// Whole lines before something: comments without blanks around them, and no more than one blank line in a row. `parted`: at least one.
fn lines(text: &str, parted: bool) -> String {
    let mut all: Vec<&str> = text.split('\n').map(str::trim).collect();
    // What stands behind the last line's end is where the thing itself begins.
    all.pop();
    let mut kept: Vec<&str> = if parted { vec![""] } else { Vec::new() };
    for line in all {
        if !line.is_empty() || kept.last().is_none_or(|last| !last.is_empty()) {
            kept.push(line);
        }
    }
    kept.iter().map(|line| format!("{line}\n")).collect()
}
