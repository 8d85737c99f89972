//! Meters and PDUs on the wire.
