//! What is wrong with a file, where, and what to write instead; shown as a compiler shows it, or as JSON.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::json;

use super::Kind;

/// Bytes of the text.
pub type Span = Range<usize>;

/// The most problems that are shown; the rest is counted.
const MAX_SHOWN: usize = 100;

/// The kind of a problem, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The file is too large.
    Size,
    /// Not TOML.
    Syntax,
    /// A key or table that must be there is not.
    Missing,
    /// A key that nobody asks for.
    UnknownKey,
    /// Another kind of value is wanted.
    Type,
    /// The number, unit or range of a quantity.
    Unit,
    /// None of the words that would do.
    Choice,
    /// A value that cannot be.
    Range,
    /// A name or address given twice.
    Duplicate,
    /// A name that nothing has.
    Reference,
    /// Two values that do not go together.
    Conflict,
    /// Each value may be, and together they cannot hold what the file promises.
    Promise,
    /// A number without its unit.
    BareNumber,
    /// What stands before the unit is no number.
    Number,
    /// It can be read, and surely means something else.
    Suspicious,
    /// Not a time zone.
    Timezone,
    /// Intervals that belong to no period, or to two.
    Calendar,
    /// What the file says must come out, does not.
    Mismatch,
    /// Too old, or not yet sure.
    Stale,
}

impl Code {
    /// As written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Syntax => "syntax",
            Self::Missing => "missing",
            Self::UnknownKey => "unknown_key",
            Self::Type => "type",
            Self::Unit => "unit",
            Self::Choice => "choice",
            Self::Range => "range",
            Self::Duplicate => "duplicate",
            Self::Reference => "reference",
            Self::Conflict => "conflict",
            Self::Promise => "promise",
            Self::BareNumber => "bare_number",
            Self::Number => "number",
            Self::Suspicious => "suspicious",
            Self::Timezone => "timezone",
            Self::Calendar => "calendar",
            Self::Mismatch => "mismatch",
            Self::Stale => "stale",
        }
    }

    /// May be nothing but the shadow of a syntax error that swallowed what it misses.
    fn may_follow_from_syntax(self) -> bool {
        matches!(self, Self::Missing | Self::Reference)
    }
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub code: Code,
    /// Where.
    pub span: Span,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Written beside the marks under the line; may be empty.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at a place.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, span, message: message.into(), label: String::new(), help: None }
    }

    /// With words beside the marks under the line.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Every problem of one file, in its order, with the text to show the lines of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    file: String,
    text: String,
    all: Vec<Problem>,
    kind: Kind,
    warnings: bool,
}

impl Problems {
    /// Sorted by place; what a syntax error may have caused is left out.
    pub fn new(file: &str, text: &str, mut all: Vec<Problem>) -> Self {
        for problem in &mut all {
            problem.span = inside(text, &problem.span);
        }
        drop_shadows(text, &mut all);
        all.sort_by_key(|p| (p.span.start, p.span.end, p.code));
        all.dedup_by(|next, kept| next == kept || next.code == Code::Duplicate && is_same_place(next, kept));
        Self { file: file.into(), text: text.into(), all, kind: Kind::default(), warnings: false }
    }

    /// The same, of a file of this kind.
    #[must_use]
    pub fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The same, as what a file can be used with all the same.
    #[must_use]
    pub fn as_warnings(self) -> Self {
        Self { warnings: true, ..self }
    }

    /// Never empty-handed: where nothing was read and nothing is known to be wrong, at least this.
    pub(super) fn or_else_one(mut self, message: &str) -> Self {
        if self.all.is_empty() {
            self.all.push(Problem::new(Code::Missing, 0..0, message));
        }
        self
    }

    /// Problems of a file that could not even be looked into.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        let all = vec![Problem::new(Code::Size, 0..0, message)];
        Self { file: file.into(), text: String::new(), all, kind: Kind::default(), warnings: false }
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// All of them, in the order of the file.
    pub fn all(&self) -> &[Problem] {
        &self.all
    }

    /// The line of a problem, from 1.
    pub fn line(&self, problem: &Problem) -> usize {
        line(&self.text, problem.span.start)
    }

    /// The column of a problem in characters, from 1.
    pub fn column(&self, problem: &Problem) -> usize {
        let before = self.text.get(..problem.span.start).unwrap_or("");
        before.rsplit('\n').next().unwrap_or("").chars().count() + 1
    }

    /// As a compiler shows it: every line with its marks, the reason and the repair.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let shown: Vec<String> = self.all.iter().take(MAX_SHOWN).map(|p| self.render_one(&renderer, p)).collect();
        let mut text = shown.join("\n\n");
        if let more @ 1.. = self.all.len().saturating_sub(MAX_SHOWN) {
            text.push_str(&format!("\n\nand {more} more in {}", self.file));
        }
        text
    }

    fn render_one(&self, renderer: &Renderer, problem: &Problem) -> String {
        let mark = AnnotationKind::Primary.span(problem.span.clone());
        let mark = if problem.label.is_empty() { mark } else { mark.label(problem.label.as_str()) };
        let level = if self.warnings { Level::WARNING } else { Level::ERROR };
        let title = level.primary_title(problem.message.as_str());
        let code = format!("{}{}", self.kind.prefix(), problem.code.as_str());
        let mut group = Group::with_title(if self.kind == Kind::Site { title } else { title.id(code) });
        if self.text.is_empty() {
            group = group.element(annotate_snippets::Origin::path(self.file.as_str()));
        } else {
            group = group.element(Snippet::source(self.text.as_str()).path(self.file.as_str()).annotation(mark));
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }

    /// As JSON: a list with one object for each.
    pub fn json(&self) -> serde_json::Value {
        let one = |p: &Problem| {
            json!({
                "file": self.file, "line": self.line(p), "column": self.column(p),
                "code": format!("{}{}", self.kind.prefix(), p.code.as_str()), "message": p.message, "label": p.label, "help": p.help,
            })
        };
        self.all.iter().map(one).collect()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// Takes out what may only be there because a syntax error swallowed a line, and what stands in such a line itself.
fn drop_shadows(text: &str, all: &mut Vec<Problem>) {
    let root = |p: &Problem| matches!(p.code, Code::Syntax | Code::Size);
    if !all.iter().any(root) {
        return;
    }
    let breaks: Vec<usize> = text.match_indices('\n').map(|(place, _)| place).collect();
    let line = |p: &Problem| breaks.partition_point(|place| *place < p.span.start);
    let broken: BTreeSet<usize> = all.iter().filter(|p| root(p)).map(line).collect();
    all.retain(|p| root(p) || !(p.code.may_follow_from_syntax() || broken.contains(&line(p))));
}

/// What the TOML reader objects to, in our words where its own leave the engineer alone.
pub(super) fn of_toml(text: &str, error: &toml::de::Error) -> Problem {
    let span = inside(text, &error.span().unwrap_or(0..0));
    let marked = text.get(span.clone()).unwrap_or("");
    if error.message() == "duplicate key" {
        return Problem::new(Code::Duplicate, span.clone(), format!("`{marked}` is given twice"))
            .help("keep one of them");
    }
    match unquoted(text, span.start) {
        Some((key, value)) => Problem::new(Code::Syntax, span, format!("{key}: `{value}` is not in quotes"))
            .help(format!("a quantity is text: write {key} = \"{value}\"")),
        None => Problem::new(Code::Syntax, span, error.message()),
    }
}

/// Key and value of a line `key = 4 MW  # why`, where a quantity was written without its quotes.
fn unquoted(text: &str, place: usize) -> Option<(&str, &str)> {
    let start = text.get(..place)?.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(start..)?.lines().next()?;
    let (key, rest) = line.split_once('=')?;
    let value = rest.split('#').next()?.trim();
    let quantity = value.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && value.ends_with(|c: char| c.is_ascii_alphabetic() || c == '%')
        && !value.contains(['"', '\'', '[', '{']);
    quantity.then_some((key.trim(), value))
}

/// One row of tables can clash with another in every name it makes: that is one mistake, told once.
fn is_same_place(next: &Problem, kept: &Problem) -> bool {
    next.code == kept.code && next.span == kept.span
}

/// The line of a place, from 1.
pub(super) fn line(text: &str, place: usize) -> usize {
    text.as_bytes().iter().take(place).filter(|byte| **byte == b'\n').count() + 1
}

/// The same place, but surely within the text and on borders of characters.
fn inside(text: &str, span: &Span) -> Span {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}
