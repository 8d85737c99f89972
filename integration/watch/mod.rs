//! Watching: the page over real sockets, the frames of the terminal, and a lively site to look at both with.

mod feeder;
mod frames;
mod page;
mod views;
