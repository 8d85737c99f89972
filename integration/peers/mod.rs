//! Real third-party clients and servers on the other end of the wire.
