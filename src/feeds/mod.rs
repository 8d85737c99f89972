//! Data that comes in from outside.
