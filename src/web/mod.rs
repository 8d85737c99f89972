//! To watch the site and to give orders by hand: what is shown ([`View`]), what can be pressed ([`Action`]), the [`Hub`]
//! between the loop and those who look, and the page on loopback.
//!
//! The loop publishes a view and takes actions when it likes; it never waits for a browser. Nothing here decides
//! anything, and nothing here can raise a limit: an action is a wish, and the tick narrows it like any other input.

mod guard;
mod history;
mod hub;
mod page;
mod view;
pub mod words;

#[doc(hidden)]
pub use guard::is_loopback_name;
pub use history::{History, POINTS, Point};
pub use hub::{Busy, Hub};
#[doc(hidden)]
pub use page::senseless;
pub use page::{Error, Page, serve};
pub use view::{
    Action, Actor, EventView, Faults, FeederView, GroupView, JournalView, MAX_CAP, MAX_EVENTS, MAX_LOCKED, OrdersView,
    PeakView, ScoreView, Severity, StageView, TariffView, View,
};
