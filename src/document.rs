//! A TOML document read with every problem collected.
