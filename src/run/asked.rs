//! What people asked for, as it stands in the journal: always with where it came from.

use serde::Serialize;

use crate::snapshot::Orders;
use crate::web::{Action, Actor};

/// The orders in force from here on, and who changed them.
#[derive(Serialize)]
pub(super) struct Ordered<'a> {
    #[serde(flatten)]
    pub(super) orders: &'a Orders,
    pub(super) actor: Actor,
}

/// What a person did to an emulated site.
#[derive(Serialize)]
pub(super) struct Acted {
    #[serde(flatten)]
    pub(super) action: Action,
    pub(super) actor: Actor,
}
