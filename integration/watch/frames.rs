//! Golden frames of the terminal.
