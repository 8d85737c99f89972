//! What the two clients with a runtime have in common: the runtime, and the count of readings as they come in.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ballast::time::Clock;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use super::{DEVICES, Run, SPAN, Tally};

/// One thread, as the floor has it.
pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime starts")
}

/// Readings of all devices; a sweep is over when each was read once more.
#[derive(Clone)]
pub(super) struct Count(Arc<Mutex<Readings>>);

struct Readings {
    tally: Option<Tally>,
    sweeps: Vec<usize>,
    sweep: usize,
    left: usize,
}

impl Count {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Readings { tally: None, sweeps: vec![0; DEVICES], sweep: 1, left: DEVICES })))
    }

    /// This device was read.
    pub(super) fn fresh(&self, at: usize) {
        self.readings().fresh(at);
    }

    /// Returns when every device is connected and was read twice.
    pub(super) async fn is_warm(&self) {
        while self.readings().sweep < 3 {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// What is read in one span from now on.
    pub(super) async fn span(&self, clock: Clock) -> Run {
        self.readings().tally = Some(Tally::start(clock));
        sleep(SPAN).await;
        self.readings().tally.take().expect("it was started").end()
    }

    fn readings(&self) -> MutexGuard<'_, Readings> {
        self.0.lock().expect("nobody panics")
    }
}

impl Readings {
    fn fresh(&mut self, at: usize) {
        if let Some(tally) = &mut self.tally {
            tally.trips += 1;
        }
        if self.sweeps[at] < self.sweep {
            self.sweeps[at] = self.sweep;
            self.left -= 1;
        }
        if self.left == 0 {
            if let Some(tally) = &mut self.tally {
                tally.swept();
            }
            (self.sweep, self.left) = (self.sweep + 1, DEVICES);
        }
    }
}
