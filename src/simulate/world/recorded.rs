//! What the newest records say of miners that are told by their own firmware: what is told, what is cut, who is in quarantine. The promises
//! hold it against the truth; it is what the controller put out, and nothing of how it came to it.

use crate::plan::{Cause, Event};
use crate::site::{GroupIx, Site};

/// What the newest records say.
#[derive(Default)]
pub(in crate::simulate) struct Recorded {
    /// Per group which units may run; nothing before its device was heard.
    pub(in crate::simulate) told: Vec<Option<u64>>,
    /// Per group which of those that shall sleep a limit asked for, or a person, and neither a price nor an end.
    pub(in crate::simulate) urgent: Vec<u64>,
    /// The units that were cut because they drew on, since the last look.
    pub(in crate::simulate) cut: Vec<(GroupIx, u64)>,
    /// Those that came into quarantine, since the last look.
    pub(in crate::simulate) barred: Vec<(GroupIx, u64)>,
    /// A person let back all that were in quarantine, since the last look.
    pub(in crate::simulate) lifted: bool,
}

impl Recorded {
    pub(super) fn new(site: &Site) -> Self {
        let groups = site.groups.len();
        Self { told: vec![None; groups], urgent: vec![0; groups], ..Self::default() }
    }

    /// Takes in what was recorded; `lapsed` where permits were over before this tick.
    pub(in crate::simulate) fn note(
        &mut self,
        told: impl Iterator<Item = Option<u64>>,
        events: &[Event],
        lapsed: bool,
    ) {
        let causes = || events.iter().filter_map(shed_for);
        let urgent =
            !lapsed && causes().next().is_some() && causes().all(|cause| !matches!(cause, Cause::Price | Cause::Drain));
        for ((was, asked), told) in self.told.iter_mut().zip(&mut self.urgent).zip(told) {
            let off = was.unwrap_or(0) & !told.unwrap_or(0);
            *asked = (*asked | if urgent { off } else { 0 }) & told.map_or(0, |told| !told);
            *was = told;
        }
        for event in events {
            match *event {
                Event::Cut { group, units, .. } => self.cut.push((group, units)),
                Event::Quarantine { group, units, .. } => self.barred.push((group, units)),
                _ => {}
            }
        }
    }

    /// It was looked at.
    pub(in crate::simulate) fn looked(&mut self) {
        self.cut.clear();
        self.barred.clear();
        self.lifted = false;
    }

    /// The controller is dead: nothing is told.
    pub(in crate::simulate) fn died(&mut self) {
        self.told.fill(None);
        self.urgent.fill(0);
    }
}

fn shed_for(event: &Event) -> Option<Cause> {
    match *event {
        Event::Shed { cause, .. } => Some(cause),
        _ => None,
    }
}
