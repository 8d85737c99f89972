//! The signs of life that some devices want written now and then.

use std::time::Duration;

use crate::time::Mono;

/// When the next is due, of a device that wants any.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Life {
    next: Mono,
    given: u16,
}

impl Life {
    /// A new connection: at once. Their numbers go on, so that none looks like the last of the connection before.
    pub(super) fn connected(&mut self, now: Mono) {
        self.next = now;
    }

    /// The number of the one that is due by now, where they are wanted so often.
    pub(super) fn due(&mut self, every: Option<Duration>, now: Mono) -> Option<u16> {
        let every = every.filter(|_| now >= self.next)?;
        (self.next, self.given) = (now.after(every), self.given.wrapping_add(1));
        Some(self.given)
    }

    /// When the next is due.
    pub(super) fn next(&self, every: Option<Duration>) -> Option<Mono> {
        every.map(|_| self.next)
    }
}
