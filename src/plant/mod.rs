//! The physics of a site, in virtual time.
