//! The page over real sockets.
