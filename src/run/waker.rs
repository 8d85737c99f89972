//! Wakes the loop: on a fresh meter sample, or at its period. A plain condition variable on a thread of its own, because a
//! timer of the async runtime adds a millisecond and shares its thread with strangers.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::time::{Clock, Mono};

/// Shared between the meter's task and the loop.
#[derive(Debug, Default)]
pub(super) struct Waker {
    fresh: Mutex<Option<Mono>>,
    bell: Condvar,
}

impl Waker {
    /// A fresh sample came at this moment.
    pub(super) fn wake(&self, at: Mono) {
        *self.fresh.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
        self.bell.notify_one();
    }

    /// Waits for a fresh sample until `due`, and says when it came. Never earlier than `not_before`: a meter that is read
    /// faster than the loop should run does not make it spin.
    pub(super) fn wait(&self, clock: &Clock, not_before: Mono, due: Mono) -> Option<Mono> {
        let wait = not_before.since(clock.mono());
        if wait > Duration::ZERO {
            std::thread::sleep(wait);
        }
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        while fresh.is_none() {
            let left = due.since(clock.mono());
            if left == Duration::ZERO {
                return None;
            }
            fresh = self.bell.wait_timeout(fresh, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        fresh.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_sample_wakes_and_is_taken_once() {
        let (waker, clock) = (Waker::default(), Clock::start());
        waker.wake(Mono::from_millis(3));
        let minute = clock.mono().after(Duration::from_secs(60));
        assert_eq!(waker.wait(&clock, Mono::START, minute), Some(Mono::from_millis(3)));
        assert_eq!(waker.wait(&clock, Mono::START, clock.mono()), None, "the period ends the wait");
    }
}
