//! What the controller must remember between restarts and can rebuild from the journal: dwell timers, learnt margins, the
//! last good site file. A small sled database behind a guard; never the truth, and never touched on the control thread.
//!
//! sled 0.34's `flush` is not an fsync, a leftover `snap.*.generating` makes it refuse, and a damaged file makes it panic
//! (`docs/decisions`: sled). So: `flush` is followed by our own `sync_data`, leftovers are removed, and a bad database is
//! set aside and begun again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::disk;

/// Key of the dwell timers.
pub const DWELL: &str = "dwell";
/// Key of the learnt margins.
pub const MARGINS: &str = "margins";
/// Key of the last good site file.
pub const LAST_GOOD_SITE: &str = "site.last_good";

/// Bytes sled may cache. Not a bound on its memory, which grows with the number of keys: keep it small.
const CACHE: u64 = 32 << 20;
/// Bytes of one row: sled moves larger ones into files of their own, whose folder it does not sync.
const ROW: usize = 3_072;
/// Bytes of one value: a site file of 1 MiB as a JSON text fits.
const MOST: usize = 8 << 20;
/// Bytes of a key.
const MOST_KEY: usize = 200;

/// How the store was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Whole, or new.
    Whole,
    /// It could not be opened: it was put there, and an empty one was begun.
    SetAside {
        /// Where the bad one is now.
        to: PathBuf,
        /// What sled said.
        why: String,
    },
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// sled or the disk refuses.
    #[error("store `{path}`: {why}; end the controller and move this folder away to begin an empty one")]
    Refused {
        /// The store.
        path: PathBuf,
        /// What sled or the system said.
        why: String,
    },
    /// The key or value is too large.
    #[error("`{key}` has {bytes} bytes; a key has at most {MOST_KEY}, a value {MOST}")]
    TooLarge {
        /// The key.
        key: String,
        /// Its or its value's length.
        bytes: usize,
    },
    /// The value is no JSON, or not of this type.
    #[error("`{key}` is not what it should be: {why}")]
    NotUnderstood {
        /// The key.
        key: String,
        /// What serde said.
        why: String,
    },
}

/// Keys and JSON values that last.
pub struct Store {
    path: PathBuf,
    db: sled::Db,
    /// Put or removed and not committed yet.
    pending: BTreeMap<String, Option<Vec<u8>>>,
}

impl Store {
    /// Opens the store in this folder, or begins one. A bad one is set aside.
    ///
    /// # Errors
    /// Where not even an empty one can be begun.
    pub fn open(path: &Path) -> Result<(Self, Opened), StoreError> {
        let (db, opened) = match try_open(path) {
            Ok(db) => (db, Opened::Whole),
            Err(why) => {
                let to = disk::unused(path, "bad");
                fs::rename(path, &to).map_err(|error| refused(path, format!("{why}, and then {error}")))?;
                let db = try_open(path).map_err(|why| refused(path, why))?;
                (db, Opened::SetAside { to, why })
            }
        };
        sync_folders(path).map_err(|error| refused(path, error.to_string()))?;
        Ok((Self { path: path.to_owned(), db, pending: BTreeMap::new() }, opened))
    }

    /// The value of a key, with what is not committed yet; nothing where there is none.
    ///
    /// # Errors
    /// [`StoreError`] where sled refuses or the value is of another type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let stored = match self.pending.get(key) {
            Some(pending) => pending.clone(),
            None => self.rows(key)?,
        };
        stored.map(|json| serde_json::from_slice(&json).map_err(|error| not_understood(key, &error))).transpose()
    }

    /// Puts a value, to last from the next [`Store::commit`].
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be written as JSON or is too large.
    pub fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), StoreError> {
        let json = serde_json::to_vec(value).map_err(|error| not_understood(key, &error))?;
        for (bytes, most) in [(key.len(), MOST_KEY), (json.len(), MOST)] {
            if bytes > most {
                return Err(StoreError::TooLarge { key: key.to_owned(), bytes });
            }
        }
        self.pending.insert(key.to_owned(), Some(json));
        Ok(())
    }

    /// Removes a key, for good from the next [`Store::commit`].
    pub fn remove(&mut self, key: &str) {
        self.pending.insert(key.to_owned(), None);
    }

    /// Makes everything put and removed durable, all of it or nothing.
    ///
    /// # Errors
    /// [`StoreError`] where sled or the disk refuses; what was put waits for the next call.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, json) in &self.pending {
            let rows = json.as_deref().map_or(0, |json| json.chunks(ROW).count());
            for (index, row) in json.iter().flat_map(|json| json.chunks(ROW)).enumerate() {
                batch.insert(row_key(key, index), row);
            }
            for index in rows..self.count(key)?.max(rows) {
                batch.remove(row_key(key, index));
            }
        }
        self.guarded(|db| db.apply_batch(batch).and_then(|()| db.flush()).map(drop))?;
        // A descriptor of its own each time: one whose sync failed once must not be asked again.
        let synced = File::open(self.path.join("db")).and_then(|file| file.sync_data());
        synced.map_err(|error| refused(&self.path, error.to_string()))?;
        self.pending.clear();
        Ok(())
    }

    fn rows(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.guarded(|db| {
            let mut whole = None;
            for row in db.scan_prefix(row_prefix(key)) {
                whole.get_or_insert_with(Vec::new).extend_from_slice(&row?.1);
            }
            Ok(whole)
        })
    }

    fn count(&self, key: &str) -> Result<usize, StoreError> {
        self.guarded(|db| db.scan_prefix(row_prefix(key)).try_fold(0, |count, row| row.map(|_| count + 1)))
    }

    /// sled answers a damaged page with a panic.
    fn guarded<T>(&self, work: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, StoreError> {
        match catch_unwind(AssertUnwindSafe(|| work(&self.db))) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(refused(&self.path, error.to_string())),
            Err(_) => Err(refused(&self.path, "sled panicked over a damaged page".to_owned())),
        }
    }
}

fn try_open(path: &Path) -> Result<sled::Db, String> {
    remove_leftovers(path).map_err(|error| error.to_string())?;
    let open = || sled::Config::new().path(path).cache_capacity(CACHE).flush_every_ms(Some(500)).open();
    match catch_unwind(open) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("sled panicked over a damaged file".to_owned()),
    }
}

/// A snapshot that sled was writing when it was killed stops every later open (spacejam/sled#1527).
fn remove_leftovers(path: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn sync_folders(path: &Path) -> io::Result<()> {
    disk::sync_folder(path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    disk::sync_folder(parent.unwrap_or(Path::new(".")))
}

fn row_prefix(key: &str) -> Vec<u8> {
    [key.as_bytes(), &[0]].concat()
}

fn row_key(key: &str, index: usize) -> Vec<u8> {
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    [key.as_bytes(), &[0], &index.to_be_bytes()].concat()
}

fn refused(path: &Path, why: String) -> StoreError {
    StoreError::Refused { path: path.to_owned(), why }
}

fn not_understood(key: &str, error: &serde_json::Error) -> StoreError {
    StoreError::NotUnderstood { key: key.to_owned(), why: error.to_string() }
}
