//! What a device wants written now and then, or takes its controller for dead.

use std::time::Duration;

use super::file::Base;
use super::{Connection, Table};
use crate::document::{Code, Form};
use crate::site::CommsLoss;
use crate::site::check::MISSED;
use crate::units::span;

/// No closer together than this: they stand in the way of readings.
const LEAST: Duration = Duration::from_millis(100);

/// A sign of life. It is written while a command is in force, and with it ends: a device whose controller renews nothing is to act by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Coils or holding registers.
    pub table: Table,
    /// Wire address.
    pub address: u16,
    /// How often.
    pub every: Duration,
    /// What is written; nothing where it counts up from one to the next, and a coil changes each time.
    pub value: Option<u16>,
}

impl KeepAlive {
    pub(super) fn read(base: Base, form: &Form<'_>, connection: Option<&Connection>) -> Option<Self> {
        let table = form.choice("table", &[("coils", Table::Coils), ("holding", Table::Holding)]);
        let address = base.wire(form, "address", 1);
        let most = if table == Some(Table::Coils) { 1 } else { u16::MAX };
        let value = match form.has("value") {
            true => Some(form.within("value", form.required("value"), 0..=most)?),
            false => None,
        };
        let every: Duration = form.required("every")?;
        let longest = Duration::from_secs(60);
        if !(LEAST..=longest).contains(&every) {
            let message = format!("must be within {} to {}", span(LEAST), span(longest));
            form.problem("every", Code::Range, message, None);
            return None;
        }
        if let Some(CommsLoss::Reverts(after) | CommsLoss::SafeValue(after)) = connection.map(|of| of.comms_loss)
            && every * MISSED >= after
        {
            let message =
                format!("the device acts after {}, and three of these take {}", span(after), span(every * MISSED));
            form.problem("every", Code::Conflict, message, Some("one that is lost must not switch it off".into()));
            return None;
        }
        Some(Self { table: table?, address: address?, every, value })
    }

    /// The word of this one, counted from the first.
    pub fn word(&self, number: u16) -> u16 {
        match (self.value, self.table) {
            (Some(value), _) => value,
            (None, Table::Coils) => number & 1,
            (None, _) => number,
        }
    }
}
