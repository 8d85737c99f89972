//! A TOML document read with every problem collected, so that an engineer repairs a file in one go.
//!
//! [`Document::parse`] keeps the tree with its places in the text; a [`Form`] asks one table for its keys, and each answer
//! that is missing, of the wrong kind, without unit or unknown becomes a [`Problem`] with the line, the reason and the
//! repair. It serves site, device, tariff and programme files alike and knows nothing of any of them. It opens no file.
//!
//! ```
//! use ballast::document::Document;
//! use ballast::units::Power;
//!
//! let document = Document::parse("feeder.toml", "name = 'north'\nrating = 720\nratng = 1");
//! let root = document.root();
//! let name: Option<String> = root.required("name");
//! let rating: Option<Power> = root.required("rating");
//! drop(root); // every key not asked for is now a problem
//! let problems = document.finish(name.zip(rating)).unwrap_err();
//! assert_eq!(problems.all().len(), 2);
//! ```

use std::cell::RefCell;

use toml::de::DeTable;

mod form;
mod near;
mod problem;
mod raw;
#[cfg(test)]
mod tests;
mod value;

pub use form::Form;
pub use near::nearest;
pub use problem::{Code, Problem, Problems, Span};
pub use raw::{Raw, Shape};
pub use value::{Decimal, Field, Several, Value};

/// The largest file that is read. A site of 10,000 miners is some tens of kilobytes.
pub const MAX_BYTES: usize = 1 << 20;

/// The longest line that is read, in bytes. A longer one was not written by a person and could not be shown.
pub const MAX_LINE: usize = 8 << 10;

/// A TOML text with what was found wrong in it so far.
#[derive(Debug)]
pub struct Document<'t> {
    file: String,
    text: &'t str,
    root: DeTable<'t>,
    problems: RefCell<Vec<Problem>>,
    kind: Kind,
}

/// What a file is about, as far as it changes how its problems are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A site or one of its devices.
    #[default]
    Site,
    /// A tariff.
    Tariff,
}

impl Kind {
    /// Stands before the codes of its problems.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Site => "",
            Self::Tariff => "tariff::",
        }
    }

    /// Why a key that nobody asks for matters.
    fn unknown(self) -> &'static str {
        match self {
            Self::Site => "",
            Self::Tariff => "not understood, and a charge that is not understood would not be billed",
        }
    }
}

impl<'t> Document<'t> {
    /// Reads the text. Errors of TOML itself are kept as problems beside what could be read.
    pub fn parse(file: &str, text: &'t str) -> Self {
        if let Err(problem) = fits(text) {
            let problems = RefCell::new(vec![problem]);
            return Self { file: file.into(), text: "", root: DeTable::new(), problems, kind: Kind::default() };
        }
        let (root, errors) = DeTable::parse_recoverable(text);
        let problems = errors.iter().map(|error| problem::of_toml(text, error)).collect();
        let (root, problems) = (root.into_inner(), RefCell::new(problems));
        Self { file: file.into(), text, root, problems, kind: Kind::default() }
    }

    /// The same, as a file of this kind.
    #[must_use]
    pub fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The table of the file itself. Ask it for its keys, then drop it.
    pub fn root(&self) -> Form<'_> {
        Form::of_root(self, &self.root)
    }

    /// Adds a problem.
    pub fn add(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// The line of a place, from 1.
    pub fn line(&self, span: &Span) -> usize {
        problem::line(self.text, span.start)
    }

    /// The text as given.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// What was read, if there was nothing wrong with it. All forms must have been dropped by now.
    ///
    /// # Errors
    /// Every problem found, in the order of the file.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, Problems> {
        let problems = Problems::new(&self.file, self.text, self.problems.into_inner()).of(self.kind);
        match read {
            Some(read) if problems.all().is_empty() => Ok(read),
            Some(_) => Err(problems),
            None => Err(problems.or_else_one("nothing could be read from this file")),
        }
    }
}

fn fits(text: &str) -> Result<(), Problem> {
    let too_large = |message: String| Err(Problem::new(Code::Size, 0..0, message));
    if text.len() > MAX_BYTES {
        return too_large(format!("the file has {} bytes, more than the {MAX_BYTES} that are read", text.len()));
    }
    match text.lines().enumerate().find(|(_, line)| line.len() > MAX_LINE) {
        Some((at, line)) => {
            too_large(format!("line {} has {} bytes, more than the {MAX_LINE} that are read", at + 1, line.len()))
        }
        None => Ok(()),
    }
}
