//! Between the loop and those who look: the newest view out, actions in.
//!
//! Publishing never waits: it swaps a pointer, and leaves a point out of the history where a reader is copying it just
//! then. Whoever looks slowly misses views, and never holds the loop up.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::{Action, Actor, History, Point, View};

/// How many actions may wait for the loop; more are refused.
const WAITING_ACTIONS: usize = 32;

/// The loop takes no actions now: too many wait, or it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the loop takes no more actions now; wait a moment and try again")]
pub struct Busy;

/// The newest view, the last ten minutes, and the way to the loop. Clones share one.
#[derive(Clone, Debug)]
pub struct Hub {
    view: watch::Sender<Arc<View>>,
    history: Arc<Mutex<History>>,
    actions: SyncSender<(Action, Actor)>,
}

impl Hub {
    /// A hub, and where the loop takes its actions from.
    pub fn new() -> (Self, Receiver<(Action, Actor)>) {
        let (actions, taken) = sync_channel(WAITING_ACTIONS);
        let (view, _) = watch::channel(Arc::new(View::default()));
        (Self { view, history: Arc::default(), actions }, taken)
    }

    /// Shows this from now on.
    pub fn publish(&self, view: View) {
        if let Ok(mut history) = self.history.try_lock() {
            history.push(Point::of(&view));
        }
        self.view.send_replace(Arc::new(view));
    }

    /// The newest view; the default one before the first.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// The last ten minutes.
    pub fn history(&self) -> History {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hands a person's wish to the loop, and where it came from.
    ///
    /// # Errors
    /// [`Busy`] where the loop takes no more.
    pub fn act(&self, action: Action, by: Actor) -> Result<(), Busy> {
        self.actions.try_send((action, by)).map_err(|_| Busy)
    }

    /// Tells of every new view; who is late gets the newest alone.
    pub(super) fn follow(&self) -> watch::Receiver<Arc<View>> {
        self.view.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_view_is_shown_and_remembered() {
        let (hub, _taken) = Hub::new();
        for second in 1..=3 {
            hub.publish(View { unix_ms: second * 1_000, ..View::default() });
        }
        assert_eq!(hub.view().unix_ms, 3_000);
        assert_eq!(hub.history().points().count(), 3);
    }

    #[test]
    fn a_loop_that_takes_nothing_is_not_flooded() {
        let (hub, taken) = Hub::new();
        let accepted = (0..100).filter(|_| hub.act(Action::HallJump, Actor::Page).is_ok()).count();
        assert_eq!(accepted, WAITING_ACTIONS);
        drop(taken);
        assert_eq!(hub.act(Action::Quit, Actor::Terminal), Err(Busy));
    }
}
