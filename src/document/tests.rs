//! What is told about a broken text, word for word; and that no text makes the reader panic.

use std::net::SocketAddr;
use std::time::Duration;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::units::Power;

#[derive(Clone, Debug, PartialEq)]
struct Pump {
    name: String,
    rating: Power,
    lag: Duration,
    count: u32,
    kind: bool,
    address: SocketAddr,
    words: Vec<u16>,
    scale: Decimal,
}

fn read(text: &str) -> Result<Vec<Pump>, Problems> {
    let document = Document::parse("pumps.toml", text);
    let root = document.root();
    let forms = root.tables("pump");
    let pumps: Vec<_> = forms.iter().map(pump).collect();
    drop((forms, root));
    document.finish(pumps.into_iter().collect())
}

fn pump(form: &Form<'_>) -> Option<Pump> {
    let name = form.required("name");
    let rating = form.positive("rating");
    let lag = form.or("lag", Duration::ZERO);
    let count = form.within("count", form.or("count", 1), 1..=64);
    let kind = form.choice("kind", &[("wet", true), ("dry", false)]);
    let (address, words) = (form.required("address"), form.required("words"));
    let scale = form.required("scale");
    Some(Pump {
        name: name?,
        rating: rating?,
        lag: lag?,
        count: count?,
        kind: kind?,
        address: address?,
        words: words?,
        scale: scale?,
    })
}

const GOOD: &str = r#"[[pump]]
name = "a"
rating = "3.5 kW"
kind = "wet"
address = "127.0.0.1:502"
words = [1, 0xFFFF]
scale = 0.001
"#;

/// Reads the good text with one line changed, and compares what is shown.
fn broken(from: &str, to: &str, shown: Expect) {
    assert!(GOOD.contains(from));
    shown.assert_eq(&format!("{}\n", read(&GOOD.replace(from, to)).unwrap_err()));
}

#[test]
fn a_good_text_is_read() {
    let wanted = Pump {
        name: "a".into(),
        rating: Power::from_watts(3_500),
        lag: Duration::ZERO,
        count: 1,
        kind: true,
        address: "127.0.0.1:502".parse().unwrap(),
        words: vec![1, 0xFFFF],
        scale: Decimal { mantissa: 1, places: 3 },
    };
    assert_eq!(read(GOOD), Ok(vec![wanted]));
}

#[test]
fn a_bare_number_is_shown_with_its_repair() {
    broken(
        "\"3.5 kW\"",
        "40",
        expect![[r#"
        error: rating: `40` has no unit
         --> pumps.toml:3:10
          |
        3 | rating = 40
          |          ^^
          |
          = help: write "40 kW" or "40 MW"
    "#]],
    );
}

#[test]
fn a_missing_key_points_at_the_header_of_its_table() {
    broken(
        "kind = \"wet\"\n",
        "",
        expect![[r#"
        error: [[pump]] has no `kind`
         --> pumps.toml:1:1
          |
        1 | [[pump]]
          | ^^^^^^^^
          |
          = help: add kind = "wet" or "dry"
    "#]],
    );
}

#[test]
fn a_misspelt_key_is_one_problem_not_two() {
    broken(
        "rating",
        "ratng",
        expect![[r#"
        error: unknown key `ratng` in [[pump]]
         --> pumps.toml:3:1
          |
        3 | ratng = "3.5 kW"
          | ^^^^^
          |
          = help: did you mean `rating`? keys that would do here: rating, lag, count
    "#]],
    );
}

#[test]
fn a_quantity_without_quotes_is_shown_with_its_quotes() {
    broken(
        "\"3.5 kW\"",
        "3.5 kW # why",
        expect![[r#"
            error: rating: `3.5 kW` is not in quotes
             --> pumps.toml:3:10
              |
            3 | rating = 3.5 kW # why
              |          ^^^^^^
              |
              = help: a quantity is text: write rating = "3.5 kW"
        "#]],
    );
}

#[test]
fn a_key_given_twice_is_named() {
    broken(
        "kind = \"wet\"\n",
        "kind = \"wet\"\nkind = \"dry\"\n",
        expect![[r#"
        error: `kind` is given twice
         --> pumps.toml:5:1
          |
        5 | kind = "dry"
          | ^^^^
          |
          = help: keep one of them
    "#]],
    );
}

#[test]
fn a_wrong_word_names_the_words_that_would_do() {
    broken(
        "\"wet\"",
        "\"wett\"",
        expect![[r#"
        error: kind: `wett` is none of the words that would do
         --> pumps.toml:4:8
          |
        4 | kind = "wett"
          |        ^^^^^^
          |
          = help: did you mean `wet`? write one of "wet", "dry"
    "#]],
    );
}

#[test]
fn every_problem_is_told_at_once_in_the_order_of_the_file() {
    let text = "[[pump]]\nname = ''\nrating = '-3 kW'\nlag = '-1 s'\ncount = 99\nkind = 7\naddress = '127.0.0.1'\n\
                words = [1, 'x', 70_000]\nscale = 1e3\ncolour = 'red'\n[pumpe]\n";
    let problems = read(text).unwrap_err();
    let lines: Vec<usize> = problems.all().iter().map(|p| problems.line(p)).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11]);
    let words: Vec<&str> = problems.all().iter().map(|p| p.message.as_str()).collect();
    expect![[r#"
        name: this text is empty
        rating: must be more than zero
        lag: `-1 s` is a negative time
        count: 99 is not within 1 to 64
        kind: a word is wanted here
        address: `127.0.0.1` is not an IP address with a port
        words: this is text, and a whole number is wanted
        words: `70000` is not within 0 to 65535
        scale: this is not a plain decimal of at most 12 places
        unknown key `colour` in [[pump]]
        unknown key `pumpe` in the file"#]]
    .assert_eq(&words.join("\n"));
}

#[test]
fn nothing_is_told_missing_that_a_syntax_error_may_have_swallowed() {
    let problems = read("[[pump]\nname = \"a\"\n").unwrap_err();
    assert!(problems.all().iter().all(|p| p.code != Code::Missing), "{problems}");
    assert!(!problems.all().is_empty());
}

#[test]
fn json_names_file_line_column_and_repair() {
    let problems = read(&GOOD.replace("\"3.5 kW\"", "40")).unwrap_err();
    expect![[r#"[{"code":"unit","column":10,"file":"pumps.toml","help":"write \"40 kW\" or \"40 MW\"","label":"","line":3,"message":"rating: `40` has no unit"}]"#]].assert_eq(&problems.json().to_string());
}

#[test]
fn more_problems_than_fit_are_counted() {
    let text = (0..140).map(|n| format!("key_{n} = {n}\n")).collect::<String>();
    let shown = read(&text).unwrap_err().to_string();
    assert!(shown.ends_with("and 41 more in pumps.toml"), "{shown}");
}

#[test]
fn a_file_too_large_is_refused_unread() {
    let problems = read(&"#\n".repeat(MAX_BYTES)).unwrap_err();
    assert_eq!(problems.all()[0].code, Code::Size);
    expect![[r#"
        error: the file has 2097152 bytes, more than the 1048576 that are read
        --> pumps.toml"#]]
    .assert_eq(&problems.to_string());
}

#[test]
fn a_line_too_long_to_be_shown_is_refused() {
    let problems = read(&format!("a = 1\nb = \"{}\"", "x".repeat(MAX_LINE))).unwrap_err();
    expect!["line 2 has 8198 bytes, more than the 8192 that are read"].assert_eq(&problems.all()[0].message);
}

proptest! {
    #[test]
    fn no_text_whatever_makes_the_reader_panic(text in any::<String>()) {
        let _ = read(&text).map_err(|problems| (problems.render(true), problems.json()));
    }

    #[test]
    fn no_damage_to_a_good_text_makes_the_reader_panic(at in 0..GOOD.len(), cut in 0..40_usize, put in "[\\[\\]{}='\"\\\\\n.#a-z0-9é\t\r]{0,6}") {
        let end = (at + cut).min(GOOD.len());
        let text = format!("{}{put}{}", &GOOD[..at], &GOOD[end..]);
        let _ = read(&text).map_err(|problems| (problems.to_string(), problems.json()));
    }
}
