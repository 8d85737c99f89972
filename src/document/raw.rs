//! A value as it stands in the file, for readers who know more about it than its kind.

use toml::Spanned;
use toml::de::DeValue;

use super::problem::Span;

/// A value with its place.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'d>(pub(super) &'d Spanned<DeValue<'d>>);

/// What kind of value it is.
#[derive(Clone, Debug)]
pub enum Shape<'d> {
    /// Text.
    Text(&'d str),
    /// A whole or broken number, as written.
    Number(&'d str),
    /// A date or a date with a time, as written.
    Date(String),
    /// True or false.
    Truth(bool),
    /// A list.
    List(Vec<Raw<'d>>),
    /// A table: its keys with their places and values, in the order of the file.
    Table(Vec<(&'d str, Span, Raw<'d>)>),
}

impl<'d> Raw<'d> {
    /// Where it stands.
    pub fn span(self) -> Span {
        self.0.span()
    }

    /// Where a text stands, without its quotes; the whole place of anything else.
    pub fn inner(self) -> Span {
        let span = self.span();
        match self.0.get_ref() {
            DeValue::String(_) if span.len() >= 2 => span.start + 1..span.end - 1,
            _ => span,
        }
    }

    /// What it is.
    pub fn shape(self) -> Shape<'d> {
        match self.0.get_ref() {
            DeValue::String(text) => Shape::Text(text),
            DeValue::Integer(number) => Shape::Number(number.as_str()),
            DeValue::Float(number) => Shape::Number(number.as_str()),
            DeValue::Boolean(is) => Shape::Truth(*is),
            DeValue::Datetime(date) => Shape::Date(date.to_string()),
            DeValue::Array(list) => Shape::List(list.iter().map(Raw).collect()),
            DeValue::Table(table) => {
                let mut keys: Vec<_> =
                    table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), Raw(value))).collect();
                keys.sort_by_key(|(_, span, _)| span.start);
                Shape::Table(keys)
            }
        }
    }

    /// Its text, where it is one.
    pub fn text(self) -> Option<&'d str> {
        match self.0.get_ref() {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// What kind of value it is, for messages.
    pub fn kind(self) -> &'static str {
        kind(self.0.get_ref())
    }
}

/// What kind of value it is, for messages.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
