//! The project's files as tidy reads them: text, and for Rust the bare code, cut into tokens. Knows no rule.

use std::path::Path;
use std::process::Command;

/// One text file of the project.
pub(crate) struct File {
    /// Its path from the root of the project.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// The bare code of a Rust file: comments and literals are blanks, lines stay where they are.
    code: String,
}

/// A word, `::`, or one mark, and the line it stands on.
pub(crate) type Token<'a> = (usize, &'a str);

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { bare(text) } else { String::new() };
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    /// The tokens of its code; none where it is not Rust.
    pub(crate) fn tokens(&self) -> Vec<Token<'_>> {
        self.code.lines().enumerate().flat_map(|(at, line)| cut(line).into_iter().map(move |t| (at + 1, t))).collect()
    }

    pub(crate) fn is_rust_in(&self, folder: &str) -> bool {
        self.path.ends_with(".rs") && self.path.starts_with(folder)
    }

    /// The top module it belongs to: `site` for `src/site/check.rs`, `run` for `src/run.rs`.
    pub(crate) fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?.strip_suffix(".rs")?;
        Some(inside.split_once('/').map_or(inside, |(room, _)| room))
    }

    /// How many modules it stands below the root of the crate.
    pub(crate) fn depth(&self) -> usize {
        match self.path.as_str() {
            "src/lib.rs" | "src/main.rs" => 0,
            path => path.strip_suffix("/mod.rs").unwrap_or(path).matches('/').count(),
        }
    }
}

/// Every file git knows or would add; where there is no git, every file outside `target`. Binary files are left out.
pub(crate) fn project() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|listed| listed.status.success())
        .map(|listed| String::from_utf8(listed.stdout).expect("git lists paths in UTF-8"));
    let paths: Vec<String> = match listed {
        Some(listed) => listed.split_terminator('\0').map(str::to_owned).collect(),
        None => walk(root, root),
    };
    let files: Vec<File> = paths
        .iter()
        .filter_map(|path| std::fs::read_to_string(root.join(path)).ok().map(|text| File::new(path, &text)))
        .collect();
    assert!(files.iter().any(|file| file.path == "src/lib.rs"), "found no project in {}", root.display());
    files
}

fn walk(root: &Path, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the project can be read") {
        let path = entry.expect("its entries too").path();
        let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        if name == "target" || name.starts_with(".git") {
            continue;
        }
        if path.is_dir() { found.extend(walk(root, &path)) } else { found.push(name) }
    }
    found
}

fn cut(line: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let length = if word > 0 {
            word
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

/// Blanks comments and the insides of literals.
fn bare(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let skipped = skipped(rest, after_word);
        let (part, after) = rest.split_at(skipped.unwrap_or(first.len_utf8()));
        match skipped {
            Some(_) => code.extend(part.chars().map(|c| if c == '\n' { '\n' } else { ' ' })),
            None => code.push_str(part),
        }
        rest = after;
    }
    code
}

/// The length of the comment or literal that starts here.
fn skipped(rest: &str, after_word: bool) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if rest.starts_with('"') {
        return Some(quoted(rest, '"'));
    }
    if let Some(raw) = rest.strip_prefix('r').filter(|_| !after_word || rest.starts_with("r#\"")) {
        let marks = raw.len() - raw.trim_start_matches('#').len();
        if raw[marks..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(marks));
            let start = 1 + marks + 1;
            return Some(rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len()));
        }
    }
    character(rest)
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted(rest: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if !escaped && c == mark {
            return at + 1;
        }
        escaped = !escaped && c == '\\';
    }
    rest.len()
}

/// A character literal; not a lifetime, which has no closing mark one character on.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let mut following = inside.chars();
    let first = following.next()?;
    (first == '\\' || following.next() == Some('\'')).then(|| quoted(rest, '\''))
}

#[test]
fn comments_and_literals_are_not_code() {
    let text = "a /* b /* c */ d */ \"e \\\" f\" 'g' r#\"h \" i\"# 'j // k\n'\\'' b\"l\" r\"m\" n::{o}";
    let file = File::new("src/x.rs", text);
    let seen: Vec<&str> = file.tokens().into_iter().map(|(_, token)| token).collect();
    assert_eq!(seen, ["a", "'", "j", "b", "n", "::", "{", "o", "}"]);
    assert_eq!(file.tokens().last().map(|(line, _)| *line), Some(2), "lines stay where they are");
}
