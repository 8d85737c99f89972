//! A line of text with inks, exactly as wide as the screen. What comes from outside cannot move the cursor: control
//! characters become `?`.

use std::fmt;

/// What a piece of text is about; the terminal chooses a colour, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ink {
    /// Ordinary text.
    #[default]
    Plain,
    /// What matters most.
    Strong,
    /// What may be overlooked.
    Quiet,
    /// The AI hall, with the house.
    Hall,
    /// Miners.
    Miners,
    /// The hall in the lower part of a letter, miners in the upper.
    HallUnderMiners,
    /// The price.
    Price,
    /// To be looked at.
    Warn,
    /// To be acted on.
    Alarm,
}

/// A piece of text in one ink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The text, one column a character.
    pub text: String,
    /// Its ink.
    pub ink: Ink,
}

/// A line, as wide as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    spans: Vec<Span>,
    left: usize,
}

impl Line {
    /// An empty line of this width.
    pub(super) fn of(width: usize) -> Self {
        Self { spans: Vec::new(), left: width }
    }

    /// Appends as much as still fits.
    #[must_use]
    pub(super) fn put(mut self, ink: Ink, text: impl AsRef<str>) -> Self {
        let clean = |letter: char| if letter.is_control() { '?' } else { letter };
        let fits: String = text.as_ref().chars().take(self.left).map(clean).collect();
        self.left -= fits.chars().count();
        match self.spans.last_mut() {
            Some(last) if last.ink == ink => last.text.push_str(&fits),
            _ => self.spans.push(Span { text: fits, ink }),
        }
        self
    }

    /// Appends this at the right edge, where it fits.
    #[must_use]
    pub(super) fn put_right(self, ink: Ink, text: &str) -> Self {
        let wide = text.chars().count();
        if wide > self.left {
            return self;
        }
        let gap = " ".repeat(self.left - wide);
        self.put(Ink::Plain, gap).put(ink, text)
    }

    /// Fills the rest with blanks.
    #[must_use]
    pub(super) fn end(self) -> Self {
        let rest = " ".repeat(self.left);
        self.put(Ink::Plain, rest)
    }

    /// The pieces, left to right.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spans.iter().try_for_each(|span| f.write_str(&span.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_wide_as_it_was_made() {
        assert_eq!(Line::of(8).put(Ink::Plain, "0123456789").end().to_string(), "01234567");
        assert_eq!(Line::of(8).put(Ink::Plain, "0123").put_right(Ink::Quiet, "x").end().to_string(), "0123   x");
        assert_eq!(Line::of(4).put(Ink::Plain, "0123").put_right(Ink::Quiet, "x").end().to_string(), "0123");
    }

    #[test]
    fn a_text_from_outside_cannot_move_the_cursor() {
        assert_eq!(Line::of(9).put(Ink::Plain, "a\u{1b}[2Jb\r\n").end().to_string(), "a?[2Jb?? ");
    }
}
