//! A corrected text of a site file: the same lines, with the values changed that the probe can know, and a comment where it cannot.
//!
//! Pure: text and changes in, text and what was changed out. A change that would leave a file that does not load is made a
//! comment instead.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::document::Span;
use crate::site::file::load;

/// A value that is known to be wrong, and the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// Where it stands; its table's header, where the key is not there.
    pub(super) span: Span,
    /// The key, where it is not there and its table has it by default; then it is added behind the line of this other value.
    pub(super) absent: Option<(&'static str, Span)>,
    /// As it is written in the file.
    pub(super) right: String,
    /// What else is to be known of it; may be empty.
    pub(super) why: String,
    /// What is said instead where it cannot be changed.
    pub(super) note: Note,
    /// How many things of the site this one value speaks for: all of them must want it changed.
    pub(super) speaks_for: usize,
}

/// A finding that goes before a table as a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// The table.
    pub(super) table: Span,
    /// The finding, in a line.
    pub(super) text: String,
}

/// The corrected text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mended {
    pub(super) text: String,
    /// How many values were changed.
    pub(super) values: usize,
    /// How many comments were added.
    pub(super) notes: usize,
    /// What was changed, line by line, as a patch shows it.
    pub(super) list: String,
}

/// Most comments before one table.
const MOST_NOTES: usize = 8;
/// Stands before everything that was added.
const MARK: &str = "# probe: ";

/// The text with these changes.
pub(super) fn mend(text: &str, values: Vec<Value>, notes: Vec<Note>) -> Mended {
    let (mut kept, mut notes) = (Vec::new(), notes);
    for (value, agreed) in agreeing(values) {
        let tried = || compose(text, &[kept.as_slice(), std::slice::from_ref(&value)].concat(), &[]);
        if agreed && is_on_a_line(text, &value) && load("proposed", &tried().text).is_ok() {
            kept.push(value);
        } else {
            notes.push(value.note);
        }
    }
    compose(text, &kept, &few(notes))
}

/// Each value once, with whether all that it speaks for want the same.
fn agreeing(values: Vec<Value>) -> Vec<(Value, bool)> {
    let mut all: Vec<(Value, usize, bool)> = Vec::new();
    for value in values {
        let same = |it: &&mut (Value, usize, bool)| (&it.0.span, &it.0.absent) == (&value.span, &value.absent);
        match all.iter_mut().find(same) {
            Some((first, count, agree)) => (*count, *agree) = (*count + 1, *agree && first.right == value.right),
            None => all.push((value, 1, true)),
        }
    }
    all.into_iter().map(|(value, count, agree)| (value.clone(), agree && count == value.speaks_for)).collect()
}

/// Whether the value stands on one line, so that a comment behind it is one.
fn is_on_a_line(text: &str, value: &Value) -> bool {
    text.get(value.span.clone()).is_some_and(|was| !was.contains('\n'))
}

/// Each finding once, and no more than a table can be read with.
fn few(notes: Vec<Note>) -> Vec<Note> {
    let mut tables: BTreeMap<usize, Vec<Note>> = BTreeMap::new();
    for note in notes {
        let of_table = tables.entry(note.table.start).or_default();
        if !of_table.contains(&note) {
            of_table.push(note);
        }
    }
    let shorten = |mut all: Vec<Note>| {
        let more = all.len().saturating_sub(MOST_NOTES);
        let table = all.first().map_or(0..0, |note| note.table.clone());
        all.truncate(MOST_NOTES);
        let rest = (more > 0).then(|| Note { table, text: format!("and {more} more: `ballast probe` names them") });
        all.into_iter().chain(rest).collect::<Vec<_>>()
    };
    tables.into_values().flat_map(shorten).collect()
}

/// Line by line, as it was but for these changes.
fn compose(text: &str, values: &[Value], notes: &[Note]) -> Mended {
    let mut out = Mended { values: values.len(), notes: notes.len(), ..Mended::default() };
    let mut start = 0;
    for (number, line) in (1_usize..).zip(text.split_inclusive('\n')) {
        let end = start + line.len();
        let here = |span: &Span| (start..end).contains(&span.start);
        let added: Vec<String> = notes
            .iter()
            .filter(|note| here(&note.table))
            .map(|note| format!("{MARK}{}", in_a_line(&note.text)))
            .collect();
        let mut replaced: Vec<&Value> = values.iter().filter(|it| it.absent.is_none() && here(&it.span)).collect();
        replaced.sort_by_key(|value| std::cmp::Reverse(value.span.start));
        let bare = line.trim_end_matches(['\n', '\r']);
        let changed = (!replaced.is_empty()).then(|| replace(bare, start, &replaced));
        let absent = values.iter().filter_map(|value| value.absent.as_ref().map(|(key, behind)| (value, key, behind)));
        let behind: Vec<String> =
            absent.filter(|(.., behind)| here(behind)).map(|(value, key, _)| insert(value, key)).collect();
        out.tell(number, bare, &added, changed.as_deref(), &behind);
        let ending = line.get(bare.len()..).unwrap_or_default();
        let new_line = if ending.is_empty() { "\n" } else { ending };
        added.iter().for_each(|line| out.text.extend([line.as_str(), new_line]));
        out.text.push_str(changed.as_deref().unwrap_or(bare));
        out.text.push_str(if behind.is_empty() { ending } else { new_line });
        behind.iter().for_each(|line| out.text.extend([line.as_str(), new_line]));
        start = end;
    }
    out
}

/// Words of a device may be anything: a comment ends with its line.
fn in_a_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A line with its values replaced, the last one first, and what they were.
fn replace(line: &str, start: usize, values: &[&Value]) -> String {
    let (mut new, mut comments) = (line.to_owned(), Vec::new());
    for value in values {
        let (from, to) = (value.span.start - start, value.span.end.saturating_sub(start));
        let was = line.get(from..to).unwrap_or_default();
        if !was.is_empty() {
            new.replace_range(from..to, &value.right);
            comments.push(format!("was {was}{}", value.why));
        }
    }
    comments.reverse();
    format!("{}  {MARK}{}", new.trim_end(), comments.join("; "))
}

fn insert(value: &Value, key: &str) -> String {
    format!("{key} = {}  {MARK}was not here{}", value.right, value.why)
}

impl Mended {
    fn tell(&mut self, number: usize, was: &str, added: &[String], changed: Option<&str>, behind: &[String]) {
        if added.is_empty() && changed.is_none() && behind.is_empty() {
            return;
        }
        let plus = |lines: &[String]| lines.iter().map(|line| format!("+{line}\n")).collect::<String>();
        let at = changed.map_or_else(|| format!(" {was}\n"), |new| format!("-{was}\n+{new}\n"));
        let _ = write!(self.list, "@@ line {number} @@\n{}{at}{}", plus(added), plus(behind));
    }
}

#[cfg(test)]
mod tests;
