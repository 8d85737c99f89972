//! What a megawatt-hour earns.
