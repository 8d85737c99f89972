//! A file that people edit while it is in force: looked at by size, time and content. Editors write anew and rename, and shares of a network
//! tell nobody: so it is asked, and not listened for.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// A file that is looked at again and again.
#[derive(Debug)]
pub struct Watched {
    path: PathBuf,
    /// What was there when it was last read, and what its bytes hash to; or why it could not be read.
    seen: Option<(Option<fs::Metadata>, Result<String, String>)>,
}

/// Whether a file cannot have changed: its size and time are as they were.
fn is_same(before: &fs::Metadata, now: &fs::Metadata) -> bool {
    before.len() == now.len() && before.modified().is_ok_and(|at| now.modified().is_ok_and(|now| now == at))
}

/// The text of a file, and the SHA-256 of its bytes in hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// In hex.
    pub sha256: String,
    /// As it stands there.
    pub text: String,
}

impl Watched {
    /// A file that was not read yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: None }
    }

    /// The same, of which this content is known already.
    pub fn since(path: &Path, sha256: &str) -> Self {
        Self { path: path.to_owned(), seen: Some((None, Ok(sha256.to_owned()))) }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is there, where that is not what was there before: its text, or why it cannot be read.
    pub fn look(&mut self) -> Option<Result<Text, String>> {
        let stamp = fs::metadata(&self.path).ok();
        let before = self.seen.as_ref().and_then(|(before, _)| before.as_ref());
        if before.zip(stamp.as_ref()).is_some_and(|(before, now)| is_same(before, now)) {
            return None;
        }
        let read = read(&self.path);
        let now = read.as_ref().map(|text| text.sha256.clone()).map_err(Clone::clone);
        let is_new = self.seen.as_ref().is_none_or(|(_, before)| *before != now);
        self.seen = Some((stamp, now));
        is_new.then_some(read)
    }
}

/// Reads a file of text.
///
/// # Errors
/// In words, where it cannot be read, is too large, or is no text.
pub fn read(path: &Path) -> Result<Text, String> {
    let name = path.display();
    let file = fs::File::open(path).map_err(|error| format!("{name}: {error}"))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("{name}: has more than the {MAX_BYTES} bytes that are read"));
    }
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Text { sha256, text }),
        Err(error) => Err(format!("{name}: is not text in UTF-8 from byte {} on", error.utf8_error().valid_up_to())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_when_its_content_changed_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tariff.toml");
        let mut watched = Watched::new(&path);
        assert!(matches!(watched.look(), Some(Err(_))), "there is none yet");
        assert_eq!(watched.look(), None, "and that is told once");
        fs::write(&path, "one").unwrap();
        assert_eq!(watched.look().unwrap().unwrap().text, "one");
        assert_eq!(watched.look(), None);
        // As editors do: written beside, then renamed, with the same size.
        let beside = folder.path().join("new");
        fs::write(&beside, "two").unwrap();
        let long_ago = fs::metadata("/etc/hostname").or_else(|_| fs::metadata("/etc")).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&beside).unwrap().set_modified(long_ago).unwrap();
        fs::rename(&beside, &path).unwrap();
        let two = watched.look().unwrap().unwrap();
        assert_eq!(two.text, "two");
        // Touched, and not changed.
        let earlier = fs::metadata(folder.path().parent().unwrap()).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(earlier).unwrap();
        assert_eq!(watched.look(), None);
        assert_eq!(Watched::since(&path, &two.sha256).look(), None, "known before");
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(watched.look().unwrap().unwrap_err().ends_with("is not text in UTF-8 from byte 0 on"));
    }
}
