//! The nearest name to a misspelt one.

/// The nearest of `names` that is near enough to have been meant.
pub fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let wrong = wrong.to_lowercase();
    let reach = (wrong.chars().count() / 3).clamp(1, 3);
    let measured = names.into_iter().map(|name| (distance(&wrong, &name.to_lowercase(), reach), name));
    measured.filter(|(distance, _)| *distance <= reach).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour (optimal string alignment).
/// More than `reach` is not counted out.
fn distance(from: &str, to: &str, reach: usize) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    if from.len().abs_diff(to.len()) > reach {
        return reach + 1;
    }
    let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in to.iter().enumerate() {
            let swap = i > 0 && j > 0 && from.get(i - 1) == Some(other) && to.get(j - 1) == Some(letter);
            let swapped = if swap { at(&before, j - 1) + 1 } else { usize::MAX / 2 };
            let changed = at(&last, j) + usize::from(letter != other);
            row.push(changed.min(at(&last, j + 1) + 1).min(at(&row, j) + 1).min(swapped));
        }
        before = std::mem::replace(&mut last, row);
    }
    at(&last, to.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_a_foreign_word_is_not() {
        assert_eq!(nearest("ratng", ["rating", "name"]), Some("rating"));
        assert_eq!(nearest("slwe", ["slew", "step"]), Some("slew"));
        assert_eq!(nearest("Import_Limit", ["import_limit"]), Some("import_limit"));
        assert_eq!(nearest("colour", ["rating", "name"]), None);
        assert_eq!(distance("ca", "abc", 9), 3);
        assert_eq!(distance("", "abc", 9), 3);
    }
}
