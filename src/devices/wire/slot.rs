//! The board of a device where its handle and the task of its connection both reach it.
//!
//! One lock over a few hundred bytes that nobody holds while waiting, so the loop may look at a thousand devices in a
//! tick. Renewing a command does not wake the task.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Seen;
use super::board::Board;
use crate::time::{Clock, Mono};

/// Shared by handle and task.
pub(super) struct Slot {
    board: Mutex<Board>,
    /// Wakes the task; shared by all devices behind one connection.
    woken: Arc<Notify>,
    clock: Clock,
}

impl Slot {
    pub(super) fn new(clock: Clock, board: Board, woken: Arc<Notify>) -> Self {
        Self { board: Mutex::new(board), woken, clock }
    }

    /// The board. Not to be held while waiting.
    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // For the handle.

    pub(super) fn seen(&self, now: Mono) -> Seen {
        self.board().seen(now)
    }

    pub(super) fn command(&self, on: u64, lapses: Mono) {
        let mut board = self.board();
        if !board.renew(on, lapses) {
            board.command(on, lapses, self.clock.mono());
            drop(board);
            self.woken.notify_one();
        }
    }

    pub(super) fn adopt(&self, on: u64, lapses: Mono) {
        if self.board().adopt(on, lapses, self.clock.mono()) {
            self.woken.notify_one();
        }
    }

    pub(super) fn hold(&self, lapses: Mono) {
        self.board().hold(lapses);
    }

    pub(super) fn release(&self) {
        self.board().release();
    }

    pub(super) fn close(&self) {
        self.board().close();
        self.woken.notify_one();
    }
}
