//! One table for many: `repeat = "1..24"` and the placeholders `{n}`, `{n:02}`, `{n+8}` in names, addresses and unit ids; in the addresses of
//! miners `{unit}` as well.

use std::ops::RangeInclusive;

/// The most groups one table can stand for.
const MAX_REPEAT: u32 = 1_000;

/// Reads `1..24`; both ends count.
pub(super) fn range(text: &str) -> Result<RangeInclusive<u32>, String> {
    let ends = text.split_once("..").and_then(|(first, last)| {
        Some((first.trim().parse::<u32>().ok()?, last.trim_start_matches('=').trim().parse::<u32>().ok()?))
    });
    match ends {
        None => Err(format!("`{text}` is not a range")),
        Some((first, last)) if last < first => Err(format!("`{text}` runs backwards")),
        Some((first, last)) if last - first >= MAX_REPEAT => {
            Err(format!("`{text}` is more than {MAX_REPEAT} groups in one table"))
        }
        Some((first, last)) => Ok(first..=last),
    }
}

/// A text with places for a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Number { of: Counter, plus: u32, width: usize },
}

/// What a placeholder counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counter {
    /// The groups of a row.
    Group,
    /// The units of a group.
    Unit,
}

impl Template {
    /// Splits a text at its placeholders.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inner, behind) = after.split_once('}').ok_or_else(|| format!("`{{{after}` has no closing brace"))?;
            parts.push(Part::Text(before.into()));
            parts.push(number(inner).ok_or_else(|| format!("`{{{inner}}}` is not a placeholder"))?);
            rest = behind;
        }
        if rest.contains('}') {
            return Err(format!("`{rest}` has no opening brace"));
        }
        parts.push(Part::Text(rest.into()));
        Ok(Self { parts })
    }

    /// Whether it is the same for every number.
    pub(super) fn is_fixed(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// Whether each unit of a group has a text of its own.
    pub(super) fn is_by_unit(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Number { of: Counter::Unit, .. }))
    }

    /// The text for this number.
    pub(super) fn fill(&self, n: u32) -> String {
        self.fill_unit(n, 1)
    }

    /// The text for this number and this unit, both counted from 1.
    pub(super) fn fill_unit(&self, n: u32, unit: u32) -> String {
        let one = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Number { of: Counter::Group, plus, width } => format!("{:0width$}", n.saturating_add(*plus)),
            Part::Number { of: Counter::Unit, plus, width } => format!("{:0width$}", unit.saturating_add(*plus)),
        };
        self.parts.iter().map(one).collect()
    }
}

/// Reads the inside of `{n}`, `{n:02}`, `{n+8}`, `{n+8:02}`, `{unit}`, `{unit+100}`.
fn number(inner: &str) -> Option<Part> {
    let (sum, width) = inner.split_once(':').unwrap_or((inner, "0"));
    let of = if sum.trim().starts_with("unit") { Counter::Unit } else { Counter::Group };
    let rest = sum.trim().strip_prefix(if of == Counter::Unit { "unit" } else { "n" })?.trim();
    let plus = if rest.is_empty() { 0 } else { rest.strip_prefix('+')?.trim().parse().ok()? };
    let width = width.trim().parse().ok().filter(|width| *width <= 9)?;
    Some(Part::Number { of, plus, width })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_range_count() {
        assert_eq!(range("1..24"), Ok(1..=24));
        assert_eq!(range("7 ..= 7"), Ok(7..=7));
        assert_eq!(range("9..1"), Err("`9..1` runs backwards".into()));
        assert_eq!(range("0..1000"), Err("`0..1000` is more than 1000 groups in one table".into()));
        assert_eq!(range("24"), Err("`24` is not a range".into()));
    }

    #[test]
    fn placeholders_are_filled_with_the_number() {
        let fill = |text: &str, n| Template::parse(text).map(|template| template.fill(n));
        assert_eq!(fill("north-{n:02}", 3).as_deref(), Ok("north-03"));
        assert_eq!(fill("10.0.{n}.5:502", 12).as_deref(), Ok("10.0.12.5:502"));
        assert_eq!(fill("{n+8}", 1).as_deref(), Ok("9"));
        let miner = Template::parse("10.0.{n}.{unit+100}").unwrap();
        assert_eq!((miner.fill_unit(3, 8), miner.is_by_unit()), ("10.0.3.108".into(), true));
        assert_eq!(fill("{n", 1), Err("`{n` has no closing brace".into()));
        assert_eq!(fill("{m}", 1), Err("`{m}` is not a placeholder".into()));
        assert_eq!(fill("n}", 1), Err("`n}` has no opening brace".into()));
    }
}
