//! The group where its handle and the tasks of its miners all reach it.
//!
//! One lock over the conversations of at most 64 miners that nobody holds while waiting, so the loop may look at any number of
//! groups in a tick. Renewing a command wakes nobody.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::group::Group;
use crate::time::Clock;

/// Shared by handle and tasks.
pub(super) struct Shared {
    group: Mutex<Group>,
    /// Wakes the tasks; a task that is not waiting just then sees it afterwards.
    woken: watch::Sender<()>,
    pub(super) clock: Clock,
}

impl Shared {
    pub(super) fn new(group: Group, clock: Clock) -> Self {
        Self { group: Mutex::new(group), woken: watch::Sender::new(()), clock }
    }

    /// The group. Not to be held while waiting.
    pub(super) fn group(&self) -> MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn woken_if(&self, changed: bool) {
        if changed {
            self.woken.send_replace(());
        }
    }

    /// What a task waits on.
    pub(super) fn waker(&self) -> watch::Receiver<()> {
        self.woken.subscribe()
    }
}
