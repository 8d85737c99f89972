//! What the writer asks of a disk. Behind a trait, so that a test can be the disk that fails.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::segments::{CHECKPOINT, FILES};

/// A folder that can be written to.
pub(super) trait Disk: Send {
    /// A new segment; an error where there is one of that name.
    fn create(&mut self, name: &str) -> io::Result<Box<dyn Sink>>;
    /// A segment that is there already, to be continued.
    fn resume(&mut self, name: &str) -> io::Result<Box<dyn Sink>>;
    /// Renames a segment that failed before anything in it was acknowledged.
    fn set_aside(&mut self, name: &str) -> io::Result<()>;
    /// Replaces the checkpoint at once and for good.
    fn checkpoint(&mut self, text: &str) -> io::Result<()>;
    /// Keeps a file under its hash.
    fn keep(&mut self, sha256: &str, bytes: &[u8]) -> io::Result<()>;
}

/// An open segment.
pub(super) trait Sink: Send {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// After an error it is never called again.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts to this length.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Sink for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// A folder of the operating system.
pub(super) struct Folder(pub(super) PathBuf);

impl Disk for Folder {
    fn create(&mut self, name: &str) -> io::Result<Box<dyn Sink>> {
        let file = OpenOptions::new().append(true).create_new(true).open(self.0.join(name))?;
        sync_folder(&self.0)?;
        Ok(Box::new(file))
    }

    fn resume(&mut self, name: &str) -> io::Result<Box<dyn Sink>> {
        Ok(Box::new(OpenOptions::new().append(true).open(self.0.join(name))?))
    }

    fn set_aside(&mut self, name: &str) -> io::Result<()> {
        let aside = unused(&self.0.join(name), "failed");
        fs::rename(self.0.join(name), aside)?;
        sync_folder(&self.0)
    }

    fn checkpoint(&mut self, text: &str) -> io::Result<()> {
        replace(&self.0.join(CHECKPOINT), text.as_bytes())
    }

    fn keep(&mut self, sha256: &str, bytes: &[u8]) -> io::Result<()> {
        let folder = self.0.join(FILES);
        if folder.join(sha256).exists() {
            return Ok(());
        }
        fs::create_dir_all(&folder)?;
        sync_folder(&self.0)?;
        replace(&folder.join(sha256), bytes)
    }
}

/// Writes a file so that after a power cut there is the old one or the new one, never half of one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&fresh, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// `path.why-1`, or the first such name that is free.
pub(super) fn unused(path: &Path, why: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let numbered = |number: u32| path.with_file_name(format!("{name}.{why}-{number}"));
    (1..u32::MAX).map(numbered).find(|free| !free.exists()).unwrap_or_else(|| numbered(u32::MAX))
}
