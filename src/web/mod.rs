//! The page to watch it.
