//! A thread that owns the [`Store`], so that sled is never touched by the loop. For each key only the newest value waits:
//! nothing queues, however slow the disk.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::store::{Store, StoreError};

/// How soon a commit that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What waits to be stored.
#[derive(Default)]
struct Waiting {
    /// The newest value of each key.
    values: BTreeMap<String, Value>,
    closing: bool,
    trouble: Option<String>,
}

type Slot = Arc<(Mutex<Waiting>, Condvar)>;

/// Stores values off the loop.
pub struct Keeper {
    slot: Slot,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
}

impl Keeper {
    /// Hands the store to a thread of its own.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start(store: Store) -> io::Result<Self> {
        let slot = Slot::default();
        let theirs = Arc::clone(&slot);
        let thread = thread::Builder::new().name("keeper".to_owned()).spawn(move || keep(store, &theirs))?;
        Ok(Self { slot, thread: Some(thread) })
    }

    /// Leaves a value to be stored; a newer one of the same key replaces it. Never waits for the disk.
    pub fn put<T: Serialize + ?Sized>(&self, key: &str, value: &T) {
        let Ok(value) = serde_json::to_value(value) else { return };
        lock(&self.slot).values.insert(key.to_owned(), value);
        self.slot.1.notify_one();
    }

    /// What the store last refused, where it did.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.slot).trouble.clone()
    }

    /// Stores what waits and ends the thread.
    ///
    /// # Errors
    /// [`StoreError`] where the last values could not be stored.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.end().unwrap_or(Ok(()))
    }

    fn end(&mut self) -> Option<Result<(), StoreError>> {
        let thread = self.thread.take()?;
        lock(&self.slot).closing = true;
        self.slot.1.notify_one();
        thread.join().ok()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock(slot: &Slot) -> MutexGuard<'_, Waiting> {
    slot.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep(mut store: Store, slot: &Slot) -> Result<(), StoreError> {
    let mut last = Ok(());
    loop {
        let mut waiting = lock(slot);
        while last.is_ok() && waiting.values.is_empty() && !waiting.closing {
            waiting = slot.1.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if last.is_err() && !waiting.closing {
            waiting = slot.1.wait_timeout(waiting, RETRY).unwrap_or_else(PoisonError::into_inner).0;
        }
        let (values, closing) = (std::mem::take(&mut waiting.values), waiting.closing);
        drop(waiting);
        // One value that cannot be put does not keep the others from lasting.
        let put: Vec<_> = values.iter().filter_map(|(key, value)| store.put(key, value).err()).collect();
        last = store.commit();
        lock(slot).trouble = put.first().or(last.as_ref().err()).map(ToString::to_string);
        if closing {
            return last;
        }
    }
}
