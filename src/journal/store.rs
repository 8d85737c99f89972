//! What the controller must remember between restarts and can rebuild from the journal: dwell timers, learnt margins, the
//! last good site file. A small sled database behind a guard; never the truth, and never touched on the control thread.
//!
//! sled 0.34's `flush` is not an fsync, a leftover `snap.*.generating` makes it refuse, and a damaged file makes it panic
//! (`docs/decisions`: sled). So: `flush` is followed by our own `sync_data`, leftovers are removed, and a bad database is
//! set aside and begun again.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::disk;

/// Key of the dwell timers.
pub const DWELL: &str = "dwell";
/// Key of how often units were found drawing when they were to sleep.
pub const STRIKES: &str = "strikes";
/// Key of the learnt margins.
pub const MARGINS: &str = "margins";
/// Key of whether the last controller ended in order.
pub const ENDED: &str = "ended";
/// Key of the operator's orders.
pub const ORDERS: &str = "orders";
/// Key of what drills taught.
pub const CURVES: &str = "curves";
/// Key of the tariff that was in force last.
pub const LAST_GOOD_TARIFF: &str = "tariff.last_good";
/// Key of what was drawn so far, as the bill depends on it.
pub const DRAWN: &str = "drawn";
/// Key of the last good site file.
pub const LAST_GOOD_SITE: &str = "site.last_good";

/// Bytes sled may cache. Not a bound on its memory, which grows with the number of keys: keep it small.
const CACHE: u64 = 32 << 20;
/// Bytes of one row: sled moves larger ones into files of their own, whose folder it does not sync.
const ROW: usize = 3_072;
/// Bytes of one value: a site file of 1 MiB as a JSON text fits.
const MOST: usize = 8 << 20;
/// Row that counts the commits. No key of a caller is empty before its first zero byte.
const COMMITS_ROW: &[u8] = &[0];
/// The same count beside the database: a damaged one may open as it was long ago, and say nothing.
const COMMITS_FILE: &str = "commits";
/// Bytes of a key.
const MOST_KEY: usize = 200;

/// How often, and how long apart, it is looked whether somebody else still holds the store. sled lets go of its lock a
/// moment after it was dropped.
const LOOKS: u32 = 200;
const LOOK_EVERY: Duration = Duration::from_millis(10);

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
    /// Another process works with it. It is left as it is.
    #[error("store `{0}` is used by another process; end that one or name another folder")]
    InUse(PathBuf),
    /// The key or value is too large.
    #[error("`{key}` has {bytes} bytes; a key has 1 to {MOST_KEY}, a value {MOST}")]
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
    /// How many commits there were.
    commits: u64,
}

impl Store {
    /// Opens the store in this folder, or begins one. A bad one is set aside.
    ///
    /// # Errors
    /// Where another process works with it, or not even an empty one can be begun.
    pub fn open(path: &Path) -> Result<(Self, Opened), StoreError> {
        if is_held(path) {
            return Err(StoreError::InUse(path.to_owned()));
        }
        let ((db, commits), opened) = match try_open(path) {
            Ok(found) => (found, Opened::Whole),
            Err(why) => {
                let to = disk::unused(path, "bad");
                fs::rename(path, &to).map_err(|error| refused(path, format!("{why}, and then {error}")))?;
                let found = try_open(path).map_err(|why| refused(path, why))?;
                (found, Opened::SetAside { to, why })
            }
        };
        sync_folders(path).map_err(|error| refused(path, error.to_string()))?;
        Ok((Self { path: path.to_owned(), db, pending: BTreeMap::new(), commits }, opened))
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
            if bytes > most || key.is_empty() {
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
        let commits = self.commits + 1;
        batch.insert(COMMITS_ROW, &commits.to_be_bytes());
        self.guarded(|db| db.apply_batch(batch).and_then(|()| db.flush()).map(drop))?;
        // A descriptor of its own each time: one whose sync failed once must not be asked again.
        let synced = File::open(self.path.join("db")).and_then(|file| file.sync_data());
        synced
            .and_then(|()| disk::replace(&self.path.join(COMMITS_FILE), commits.to_string().as_bytes()))
            .map_err(|error| refused(&self.path, error.to_string()))?;
        self.commits = commits;
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

/// Whether somebody else holds sled's lock, for longer than sled needs to end. A store in use is not a damaged one.
fn is_held(path: &Path) -> bool {
    let held = || {
        let db = File::open(path.join("db"));
        db.is_ok_and(|db| matches!(db.try_lock(), Err(TryLockError::WouldBlock)))
    };
    (0..LOOKS).all(|look| {
        if look > 0 {
            thread::sleep(LOOK_EVERY);
        }
        held()
    })
}

/// Opens the database and counts its commits.
fn try_open(path: &Path) -> Result<(sled::Db, u64), String> {
    remove_leftovers(path).map_err(|error| error.to_string())?;
    let open = || {
        let db = sled::Config::new().path(path).cache_capacity(CACHE).flush_every_ms(Some(500)).open()?;
        // It is small: read all of it now, rather than meet a damaged page later.
        db.iter().try_for_each(|row| row.map(drop))?;
        let commits = db.get(COMMITS_ROW)?.and_then(|row| Some(u64::from_be_bytes(row.as_ref().try_into().ok()?)));
        Ok((db, commits.unwrap_or(0)))
    };
    let (db, commits) = match catch_unwind(open) {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(sled::Error::to_string(&error)),
        Err(_) => return Err("sled panicked over a damaged file".to_owned()),
    };
    let due = match fs::read_to_string(path.join(COMMITS_FILE)) {
        Ok(text) => text.parse().map_err(|_| format!("`{COMMITS_FILE}` is no number"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error.to_string()),
    };
    if commits < due {
        Err(format!("it opens at commit {commits}, and {due} were acknowledged"))
    } else {
        Ok((db, commits))
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
