//! One table of a document, asked key by key.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Document;
use super::near::nearest;
use super::problem::{Code, Problem, Span};
use super::raw::Raw;
use super::value::{Field, Value};
use crate::units::Quantity;

/// One table of a document. Ask it for every key it may have, then combine the answers: whatever was not asked for when
/// the form is dropped is an unknown key. So never leave early with `?` between two questions.
#[derive(Debug)]
pub struct Form<'d> {
    document: &'d Document<'d>,
    table: &'d DeTable<'d>,
    span: Span,
    title: String,
    path: String,
    asked: RefCell<Vec<String>>,
    missing: RefCell<Vec<(String, Problem)>>,
    open: Cell<bool>,
}

impl<'d> Form<'d> {
    pub(super) fn of_root(document: &'d Document<'d>, table: &'d DeTable<'d>) -> Self {
        Self::new(document, table, 0..0, "the file".into(), String::new())
    }

    fn new(document: &'d Document<'d>, table: &'d DeTable<'d>, span: Span, title: String, path: String) -> Self {
        Self {
            document,
            table,
            span,
            title,
            path,
            asked: RefCell::default(),
            missing: RefCell::default(),
            open: Cell::new(false),
        }
    }

    /// The table as written in messages: `[poi]`, `[[feeder]]`.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Where the table begins: its header.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Where the value of a key stands; the header where it does not.
    pub fn span_of(&self, key: &str) -> Span {
        self.value(key).map_or_else(|| self.span(), Spanned::span)
    }

    /// Whether the key is there. Counts as having asked for it.
    pub fn has(&self, key: &str) -> bool {
        self.ask(key).is_some()
    }

    /// Adds a problem at the value of a key; the message begins with the key.
    pub fn problem(&self, key: &str, code: Code, message: impl fmt::Display, help: Option<String>) {
        let mut problem = Problem::new(code, self.span_of(key), format!("{key}: {message}"));
        problem.help = help;
        self.document.add(problem);
    }

    /// The value of a key as it stands in the file, where it is there.
    pub fn raw(&self, key: &str) -> Option<Raw<'d>> {
        self.ask(key).map(Raw)
    }

    /// The same of a key that must be there; `example` is how its value could be written.
    pub fn required_raw(&self, key: &str, example: &str) -> Option<Raw<'d>> {
        let raw = self.raw(key);
        if raw.is_none() {
            self.miss(key, &format!("add {key} = {example}"));
        }
        raw
    }

    /// The value of a key that must be there.
    pub fn required<T: Value>(&self, key: &str) -> Option<T> {
        if self.ask(key).is_none() {
            self.miss(key, &format!("add {key} = {}", T::example()));
        }
        self.read(key)
    }

    /// The value of a key that may be left out.
    pub fn optional<T: Value>(&self, key: &str) -> Option<T> {
        self.ask(key)?;
        self.read(key)
    }

    /// The value of a key, or this where it is left out.
    pub fn or<T: Value>(&self, key: &str, default: T) -> Option<T> {
        if self.ask(key).is_none() { Some(default) } else { self.read(key) }
    }

    /// A quantity that must be there and be more than nothing.
    pub fn positive<Q: Quantity + PartialOrd>(&self, key: &str) -> Option<Q> {
        self.more_than_nothing(key, self.required(key))
    }

    /// A quantity that is more than nothing, or this where it is left out.
    pub fn positive_or<Q: Quantity + PartialOrd>(&self, key: &str, default: Q) -> Option<Q> {
        self.more_than_nothing(key, self.or(key, default))
    }

    fn more_than_nothing<Q: Quantity + PartialOrd>(&self, key: &str, read: Option<Q>) -> Option<Q> {
        let read = read?;
        if read > Q::from_steps(0) {
            return Some(read);
        }
        self.problem(key, Code::Range, "must be more than zero", None);
        None
    }

    /// Keeps a value that lies within a range, and adds a problem for one that does not.
    pub fn within<T: PartialOrd + fmt::Display>(
        &self,
        key: &str,
        read: Option<T>,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        let read = read?;
        if range.contains(&read) {
            return Some(read);
        }
        self.problem(key, Code::Range, format!("{read} is not within {} to {}", range.start(), range.end()), None);
        None
    }

    /// A word that must be there and be one of these; what stands beside it.
    pub fn choice<T: Clone>(&self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        if self.ask(key).is_none() {
            self.miss(key, &format!("add {key} = {}", quoted(&names, " or ")));
            return None;
        }
        let Some(DeValue::String(word)) = self.value(key).map(Spanned::get_ref) else {
            let help = format!("write {key} = {}", quoted(&names, " or "));
            self.problem(key, Code::Type, "a word is wanted here", Some(help));
            return None;
        };
        let found = words.iter().find(|(name, _)| *name == word).map(|(_, is)| is.clone());
        if found.is_none() {
            let help = did_you_mean(word, &names, || format!("write one of {}", quoted(&names, ", ")));
            self.problem(key, Code::Choice, format!("`{word}` is none of the words that would do"), Some(help));
        }
        found
    }

    /// The place among `names` of the name behind this key. `kind` is what it names: `feeder`.
    pub fn reference(&self, key: &str, kind: &str, names: &[String]) -> Option<usize> {
        let name: String = self.required(key)?;
        let found = names.iter().position(|known| *known == name);
        if found.is_none() {
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            let help = did_you_mean(&name, &known, || match known.len() {
                0 => format!("there is no {kind} in this file: add one"),
                1..=20 => format!("each {kind} of this file: {}", known.join(", ")),
                many => format!("this file has {many} of them, none with this name"),
            });
            self.problem(key, Code::Reference, format!("there is no {kind} `{name}`"), Some(help));
        }
        found
    }

    /// A table that must be there.
    pub fn table(&self, key: &str) -> Option<Form<'d>> {
        if self.ask(key).is_none() {
            self.miss_table(key, &format!("[{}]", self.path_of(key)));
        }
        self.optional_table(key)
    }

    /// A table that may be left out.
    pub fn optional_table(&self, key: &str) -> Option<Form<'d>> {
        let value = self.ask(key)?;
        let title = format!("[{}]", self.path_of(key));
        self.form(key, value, title)
    }

    /// The tables of a list of tables that must have at least one.
    pub fn tables(&self, key: &str) -> Vec<Form<'d>> {
        if self.ask(key).is_none() {
            self.miss_table(key, &format!("[[{}]]", self.path_of(key)));
        }
        self.optional_tables(key)
    }

    /// The tables of a list of tables that may be left out.
    pub fn optional_tables(&self, key: &str) -> Vec<Form<'d>> {
        let Some(value) = self.ask(key) else { return Vec::new() };
        let title = format!("[[{}]]", self.path_of(key));
        let DeValue::Array(list) = value.get_ref() else {
            self.problem(key, Code::Type, format!("a list of tables is wanted: write {title}"), None);
            return Vec::new();
        };
        list.iter().filter_map(|value| self.form(key, value, title.clone())).collect()
    }

    /// Every key with a table behind it, for tables whose keys are names chosen by their author. In order of their place.
    pub fn named_tables(&self) -> Vec<(String, Form<'d>)> {
        self.open.set(true);
        let mut keys: Vec<_> = self.table.iter().map(|(key, value)| (key.span().start, key.get_ref(), value)).collect();
        keys.sort_by_key(|(place, _, _)| *place);
        let form = |(_, key, value): (usize, &'d std::borrow::Cow<'d, str>, &'d Spanned<DeValue<'d>>)| {
            Some((key.to_string(), self.form(key, value, format!("[{}]", self.path_of(key)))?))
        };
        keys.into_iter().filter_map(form).collect()
    }

    fn form(&self, key: &str, value: &'d Spanned<DeValue<'d>>, title: String) -> Option<Form<'d>> {
        let DeValue::Table(table) = value.get_ref() else {
            let message = format!("{key}: a table is wanted here: write {title}");
            self.document.add(Problem::new(Code::Type, value.span(), message));
            return None;
        };
        Some(Form::new(self.document, table, value.span(), title, self.path_of(key)))
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    fn value(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.table.get(key)
    }

    fn ask(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|known| known == key) {
            asked.push(key.into());
        }
        self.value(key)
    }

    fn read<T: Value>(&self, key: &str) -> Option<T> {
        let value = self.value(key)?;
        T::read(&Field { key, value }, &mut self.document.problems.borrow_mut())
    }

    fn miss(&self, key: &str, help: &str) {
        let problem = Problem::new(Code::Missing, self.span(), format!("{} has no `{key}`", self.title)).help(help);
        self.missing.borrow_mut().push((key.into(), problem));
    }

    fn miss_table(&self, key: &str, header: &str) {
        let problem = Problem::new(Code::Missing, self.span(), format!("{} has no {header}", self.title));
        self.missing.borrow_mut().push((key.into(), problem.help(format!("add a table {header}"))));
    }

    /// One slip of the pen is one problem: where an unknown key is near to a missing one, the missing one is not told.
    fn tell_unknown(&self) {
        let (asked, mut missing) = (self.asked.take(), self.missing.take());
        let free: Vec<&str> = asked.iter().map(String::as_str).filter(|key| self.value(key).is_none()).collect();
        let unknown = |key: &str| !self.open.get() && !asked.iter().any(|known| known == key);
        for key in self.table.keys().filter(|key| unknown(key.get_ref())) {
            let name = key.get_ref();
            let near = nearest(name, free.iter().copied());
            missing.retain(|(missed, _)| Some(missed.as_str()) != near);
            let message = format!("unknown key `{name}` in {}", self.title);
            let problem = Problem::new(Code::UnknownKey, key.span(), message).label(self.document.kind.unknown());
            self.document.add(problem.help(did_you_mean(name, &free, || match free.as_slice() {
                [] => "every key there is, is already given here: remove it".into(),
                free => format!("keys that would do here: {}", free.join(", ")),
            })));
        }
        for (_, problem) in missing {
            self.document.add(problem);
        }
    }
}

impl Drop for Form<'_> {
    fn drop(&mut self) {
        self.tell_unknown();
    }
}

fn did_you_mean(wrong: &str, names: &[&str], otherwise: impl Fn() -> String) -> String {
    match nearest(wrong, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {}", otherwise()),
        None => otherwise(),
    }
}

fn quoted(words: &[&str], between: &str) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(between)
}
