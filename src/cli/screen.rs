//! The terminal: the same view as the page, drawn with letters, and keys that give orders.
//!
//! What a frame looks like is decided in [`draw()`], which knows no terminal; [`watch`] paints it and reads keys. It decides
//! nothing about the site, and a terminal that hangs holds nobody up.

mod draw;
mod keys;
mod line;
mod strip;
mod terminal;

pub use draw::{MIN_HEIGHT, MIN_WIDTH, draw};
pub use keys::Keys;
pub use line::{Ink, Line, Span};
pub use terminal::{Screen, watch};
