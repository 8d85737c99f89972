//! Writing a proposed file: never over one that is there, whole or not at all, and only after the reader has seen it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::super::check::{self, Judged};
use super::mend::Mended;
use super::scan::MARK;
use crate::document::Problems;

/// Whether nothing stands in the way of writing this file: asked before the network is, which takes its time.
pub(super) fn may_write(path: &Path) -> Result<(), String> {
    let file = path.display();
    match fs::symlink_metadata(path) {
        Ok(_) => {
            Err(format!("{file}: is there already, and nothing is written over it; give another name, or move it away"))
        }
        Err(error) if error.kind() != ErrorKind::NotFound => Err(format!("{file}: {error}; give another name")),
        Err(_) => match folder_of(path) {
            folder if folder.is_dir() => Ok(()),
            folder => Err(format!("{file}: there is no folder {}; make it first", folder.display())),
        },
    }
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or_else(|| ".".into(), Path::to_path_buf)
}

/// Writes it beside its place, makes it durable, and gives it its name only where nobody has it.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let told = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => {
            format!("{}: is there now, and nothing is written over it; give another name", path.display())
        }
        _ => format!("{}: cannot be written: {error}", path.display()),
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let fresh = folder_of(path).join(format!(".{name}.{}", std::process::id()));
    let written = put(&fresh, text).and_then(|()| match fs::hard_link(&fresh, path) {
        // Some disks know one name a file; there it is written under its own at once.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => put(path, text),
        linked => linked,
    });
    // Left lying it would be in nobody's way.
    let _gone = fs::remove_file(&fresh);
    written.map_err(told)
}

fn put(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Everything that is wrong with a site of this text, file by file.
fn problems(file: &str, text: &str, beside: Option<&Path>) -> Vec<Problems> {
    match check::judge(file, text, beside, None) {
        Ok(Judged { problems, .. }) | Err(problems) => problems,
    }
}

/// Writes a first site file; what is left to do with it.
pub(super) fn write_draft(path: &Path, text: &str) -> Result<String, String> {
    let blanks = text.lines().filter(|line| !line.starts_with('#') && line.contains(MARK)).count();
    let file = path.display().to_string();
    let others: Vec<String> = strange(text, &problems(&file, text, path.parent()));
    write(path, text)?;
    let beside = match others.as_slice() {
        [] => String::new(),
        others => format!(" and, beside that, {}", others.join("; ")),
    };
    Ok(format!(
        "\n{file}: written, with {blanks} lines TO BE FILLED IN{beside}. Fill them in, `ballast check {file}`, then `ballast probe {file}`.\n"
    ))
}

/// Problems that do not stand in a line to be filled in.
fn strange(text: &str, problems: &[Problems]) -> Vec<String> {
    let is_marked = |at: usize| {
        let line = text.get(..at).map_or(0, |before| before.matches('\n').count());
        text.lines().nth(line).is_some_and(|line| line.contains(MARK))
    };
    let all = problems.iter().flat_map(Problems::all).filter(|problem| !is_marked(problem.span.start));
    all.map(|problem| problem.message.clone()).collect()
}

/// Writes a mended site file; what was changed, and what is still wrong with it.
pub(super) fn write_mended(path: &Path, mended: &Mended) -> Result<String, String> {
    let file = path.display();
    if mended.list.is_empty() {
        return Ok(format!("\n{file}: not written: there is nothing to correct\n"));
    }
    let left = problems(&path.display().to_string(), &mended.text, path.parent());
    write(path, &mended.text)?;
    let Mended { values, notes, list, .. } = mended;
    let loads = if left.is_empty() {
        "it loads".to_owned()
    } else {
        format!("it would still be refused:\n\n{}", check::render(&left, false))
    };
    Ok(format!("\n{list}{file}: written, with {values} values changed and {notes} findings as comments; {loads}\n"))
}
