//! What the operator had ordered when the journal ended. The journal is the truth: where the store is gone, or says less, an
//! order is found here. Reads only, and no more segments than it needs: each begins with a keyframe.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::fold::{Fold, Folded};
use super::segments::{self, Line, Segment, Shelf};
use crate::snapshot::Orders;

/// The orders in force at the end of the journal in this folder; nothing where it has no tick and no order.
///
/// # Errors
/// In words, where the end cannot be read or is not understood: then nobody knows what was ordered last.
pub fn last_orders(dir: &Path) -> Result<Option<Orders>, String> {
    last_orders_on(dir)
}

pub(super) fn last_orders_on<S: Shelf + ?Sized>(shelf: &S) -> Result<Option<Orders>, String> {
    let all = match shelf.list() {
        Ok(all) => all,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut next = None;
    for segment in all.iter().rev() {
        let end = End::of(shelf, segment, next)?;
        if end.orders.is_some() {
            return Ok(end.orders);
        }
        next = Some(segment.first);
    }
    Ok(None)
}

/// What is known at the end of a segment.
#[derive(Default)]
struct End {
    fold: Fold,
    orders: Option<Orders>,
    /// The state is whole: since the last keyframe every line was understood.
    whole: bool,
    /// What was not understood, and no later line made good.
    doubt: Option<String>,
}

impl End {
    fn of<S: Shelf + ?Sized>(shelf: &S, segment: &Segment, next: Option<u64>) -> Result<Self, String> {
        let mut end = Self::default();
        let walked = segments::walk_segment(shelf, segment, next, &mut |line| {
            if line.ended && !line.superseded {
                end.take(line);
            }
            ControlFlow::Continue(())
        });
        match (walked, end.doubt.take()) {
            (Err(error), _) => Err(format!("{}: {error}", segment.path.display())),
            (Ok(_), Some(doubt)) => Err(doubt),
            (Ok(_), None) => Ok(end),
        }
    }

    fn take(&mut self, line: &Line<'_>) {
        match self.fold.line(line.bytes) {
            Ok(Folded::Keyframe) => {
                self.whole = true;
                // The one at a start was written before anything was ordered: what held before it holds.
                if self.fold.snapshot().tick > 0 {
                    self.know(self.fold.snapshot().orders.clone());
                }
            }
            Ok(Folded::Tick) if self.whole => self.know(self.fold.snapshot().orders.clone()),
            Ok(Folded::Note(kind)) if kind == "orders" => match serde_json::from_slice(line.bytes) {
                Ok(orders) => self.know(orders),
                Err(error) => self.doubt(line, &error.to_string()),
            },
            Ok(Folded::Gap) => self.doubt(line, "records were lost"),
            Ok(_) => {}
            Err(error) => self.doubt(line, &error.to_string()),
        }
    }

    fn know(&mut self, orders: Orders) {
        (self.orders, self.doubt) = (Some(orders), None);
    }

    fn doubt(&mut self, line: &Line<'_>, why: &str) {
        self.whole = false;
        self.doubt = Some(format!("{} line {}: {why}", line.segment.name, line.number));
    }
}
