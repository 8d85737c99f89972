//! Decimal numbers as written, in whole steps of 1e-15: exact for every amount on a tariff sheet, and never a float.

/// Steps in one.
pub const ONE: i128 = 1_000_000_000_000_000;

/// The most digits and the largest exponent that are read.
const MAX_DIGITS: usize = 60;

/// A decimal number such as `0.07018`, `-1.5e-3`, `.5`, in steps of 1e-15, rounded half away from zero where it is finer.
///
/// Nothing where the text is no number, or too large.
pub fn parse(text: &str) -> Option<i128> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && part.is_empty() || !whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = [whole, part].concat();
    let digits = digits.trim_start_matches('0');
    if digits.len() > MAX_DIGITS || usize::try_from(exponent.unsigned_abs()).ok()? > MAX_DIGITS {
        return None;
    }
    let shift = exponent - i32::try_from(part.len()).ok()? + 15;
    let value = if digits.is_empty() { 0 } else { shifted(digits, shift)? };
    Some(if negative { -value } else { value })
}

/// These digits times ten to the power of `shift`.
fn shifted(digits: &str, shift: i32) -> Option<i128> {
    if shift >= 0 {
        return digits.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(shift.unsigned_abs())?);
    }
    let keep = digits.len().checked_sub(usize::try_from(shift.unsigned_abs()).ok()?);
    let Some((kept, rest)) = keep.and_then(|keep| digits.split_at_checked(keep)) else { return Some(0) };
    let kept = if kept.is_empty() { 0 } else { kept.parse::<i128>().ok()? };
    Some(kept + i128::from(rest.as_bytes().first().is_some_and(|digit| *digit >= b'5')))
}

/// `a / c`, rounded half away from zero; nothing where `c` is nothing.
pub fn div(a: i128, c: i128) -> Option<i128> {
    let (quotient, rest) = (a.checked_div(c)?, a.checked_rem(c)?);
    let away = if (a < 0) == (c < 0) { 1 } else { -1 };
    let up = rest.unsigned_abs().checked_mul(2)? >= c.unsigned_abs();
    if up { quotient.checked_add(away) } else { Some(quotient) }
}

/// `a * b / c`, rounded half away from zero; nothing where that overflows or `c` is nothing.
pub fn mul_div(a: i128, b: i128, c: i128) -> Option<i128> {
    div(a.checked_mul(b)?, c)
}

/// A number of steps of ten to the minus `places`, as a plain decimal without needless zeros: `-12.5`.
pub fn show(steps: i128, places: u32) -> String {
    let text = show_to(steps, places, places);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The same with so many places behind the point, rounded half away from zero.
pub fn show_to(steps: i128, places: u32, digits: u32) -> String {
    let digits = digits.min(places);
    let steps = div(steps, 10_i128.pow(places - digits)).unwrap_or(0);
    let one = 10_u128.pow(digits);
    let (whole, rest) = (steps.unsigned_abs() / one, steps.unsigned_abs() % one);
    let sign = if steps < 0 { "-" } else { "" };
    if digits == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{rest:0width$}", width = digits as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_written_and_anything_else_is_none() {
        assert_eq!(parse("0.07018"), Some(70_180_000_000_000));
        assert_eq!(parse("-1.5e-3"), Some(-1_500_000_000_000));
        assert_eq!(parse("1e2"), Some(100 * ONE));
        assert_eq!(parse("0.0000000000000015"), Some(2));
        assert_eq!(parse("0.0000000000000000001"), Some(0));
        assert_eq!(parse("1."), Some(ONE));
        assert_eq!(parse(".5"), Some(ONE / 2));
        assert_eq!(parse("-0"), Some(0));
        for wrong in ["x", "", ".", "1,5", "1e", "1e999", "--1", "0x10", "NaN"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        assert_eq!((div(7, 2), div(-7, 2), div(7, -2), div(5, 3)), (Some(4), Some(-4), Some(-4), Some(2)));
        assert_eq!((div(1, 0), mul_div(i128::MAX, 2, 1), div(i128::MIN, -1)), (None, None, None));
    }

    #[test]
    fn a_number_is_shown_as_it_was_written() {
        assert_eq!(show(parse("12.50").unwrap(), 15), "12.5");
        assert_eq!(show(-3, 2), "-0.03");
        assert_eq!(show(300, 0), "300");
        assert_eq!(show_to(12_345, 3, 2), "12.35");
        assert_eq!(show_to(-12_345, 3, 0), "-12");
    }
}
