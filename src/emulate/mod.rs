//! The plant on real sockets.
