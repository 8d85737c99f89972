//! How times move from one record to the next: what comes as foreseen is not written.

use crate::time::Mono;

/// Whether a time moves with another one or stays where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    follows: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { follows: true }
    }
}

impl Pace {
    pub(super) fn foresee(self, last: Mono, moved: i64) -> Mono {
        if self.follows { later(last, moved) } else { last }
    }

    pub(super) fn learn(&mut self, last: Mono, new: Mono, moved: i64) {
        if moved != 0 && new == last {
            self.follows = false;
        } else if moved != 0 && new == later(last, moved) {
            self.follows = true;
        }
    }
}

pub(super) fn later(at: Mono, by: i64) -> Mono {
    Mono::from_micros(at.micros().wrapping_add(by.cast_unsigned()))
}

/// How much later `to` is than `from`; the inverse of [`later`].
pub(super) fn between(from: Mono, to: Mono) -> i64 {
    to.micros().wrapping_sub(from.micros()).cast_signed()
}
