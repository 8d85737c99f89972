//! Lays records that were made in memory, as a simulation makes them, into a folder as the journal they are.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::append::hex;
use super::segments::{self, CHECKPOINT, Checkpoint, FILES};
use super::tree::{self, Tree};

/// The tree over these lines.
pub fn tree_over(lines: &[Vec<u8>]) -> Tree {
    let mut tree = Tree::default();
    lines.iter().for_each(|line| tree.push(tree::leaf(line)));
    tree
}

/// Writes these lines as the one segment of a new journal with its checkpoint, and beside it the files that its decisions rest
/// on: their bytes.
///
/// # Errors
/// Where the disk refuses, or there is a segment already.
pub fn lay(dir: &Path, origin: &str, lines: &[Vec<u8>], files: &[&[u8]]) -> io::Result<()> {
    fs::create_dir_all(dir.join(FILES))?;
    let segment = fs::OpenOptions::new().write(true).create_new(true).open(dir.join(segments::name(0)))?;
    let mut segment = io::BufWriter::new(segment);
    for line in lines {
        segment.write_all(line)?;
        segment.write_all(b"\n")?;
    }
    segment.flush()?;
    for bytes in files {
        fs::write(dir.join(FILES).join(hex(&Sha256::digest(bytes))), bytes)?;
    }
    let tree = tree_over(lines);
    fs::write(dir.join(CHECKPOINT), Checkpoint::new(origin, tree.size(), &tree.root()).text())
}

/// SHA-256 of a file, in hex, as its record names it.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
