//! Whether a site can hold its own promise.
