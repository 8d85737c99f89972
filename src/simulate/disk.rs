//! The disk of a simulated host: the lines of the journal with what of them is durable, and the state store. It outlives the controller, and
//! loses what a real one can lose; it decides nothing.

use super::fault::has_firmware;
use super::reached::Reached;
use crate::decide::Remembered;
use crate::journal::Lines;
use crate::journal::held::cut_torn;
use crate::run::past::Past;
use crate::site::Site;
use crate::snapshot::Orders;
use crate::time::Mono;

/// So many lines before a torn one are looked at again at a start.
const LOOKED_AT: usize = 16;

/// What outlives the controller: the disk with the journal and the state store.
#[derive(Default)]
pub(super) struct Disk {
    /// The lines that were written.
    pub(super) lines: Vec<Vec<u8>>,
    /// So many of them are durable.
    pub(super) durable_lines: usize,
    /// The newest tick that is durable, of the run that is on.
    pub(super) durable_tick: u64,
    /// Ticks whose lines are written: tick, and the number of lines with it.
    pub(super) written: Vec<(u64, usize)>,
    /// Orders in the journal: with which line.
    pub(super) ordered: Vec<(usize, Orders)>,
    /// The state store: what was remembered, and when.
    pub(super) kept: Option<(Remembered, Mono)>,
    pub(super) kept_orders: Orders,
    /// Orders in the journal were lost with the power; the store was lost.
    pub(super) lost: (bool, bool),
    pub(super) boots: u64,
    /// What was reached in all lives together.
    pub(super) reached: Reached,
    /// A torn line was not cut as it should.
    pub(super) torn: bool,
}

impl Disk {
    pub(super) fn write(&mut self, lines: Lines) {
        self.lines.extend(lines);
    }

    /// Everything written so far becomes durable.
    pub(super) fn sync(&mut self) {
        self.durable_lines = self.lines.len();
        if let Some((tick, _)) = self.written.last() {
            self.durable_tick = *tick;
        }
        self.written.clear();
    }

    /// Power is gone: so is what was not synced. In the middle of a write, a part of a line is there that nobody finished; the
    /// next start finds and cuts it.
    pub(super) fn lose_power(&mut self, torn: bool) {
        let half = self.lines.get(self.durable_lines).filter(|_| torn).map(|line| line.len() / 2);
        let half = half.and_then(|half| self.lines.get(self.durable_lines)?.get(..half).map(<[u8]>::to_vec));
        self.lines.truncate(self.durable_lines);
        if let Some(half) = half {
            self.recover(&half);
        }
        let (durable, before) = (self.durable_lines, self.ordered.len());
        self.ordered.retain(|(line, _)| *line < durable);
        self.lost.0 |= self.ordered.len() < before;
    }

    /// What opening a journal does, on its last lines and what is left of one that was being written.
    pub(super) fn recover(&mut self, half: &[u8]) {
        let first = self.lines.len().saturating_sub(LOOKED_AT);
        let whole = self.lines.iter().skip(first).flat_map(|line| line.iter().copied().chain(*b"\n"));
        let text: Vec<u8> = whole.chain(half.iter().copied()).collect();
        let (kept, first) = (text.len() - half.len(), u64::try_from(first).unwrap_or(u64::MAX));
        self.torn = match cut_torn(first, text) {
            Ok(text) if text.len() == kept => self.torn,
            Ok(_) | Err(_) => true,
        };
    }

    /// The state store is gone.
    pub(super) fn lose_store(&mut self) {
        self.kept = None;
        self.kept_orders = Orders::default();
        self.lost.1 = true;
    }

    /// What a start knows of the run before. Where nobody is told by firmware what was kept is known once, and a start that dies before
    /// it kept anything leaves nothing: harder than any disk, and what those sites' seeds have held since they were first run.
    pub(super) fn past(&mut self, site: &Site, first: bool, now: Mono) -> Past {
        let kept = if has_firmware(site) { self.kept.clone() } else { self.kept.take() };
        match kept {
            Some((kept, at)) => Past::Known(kept, now.since(at)),
            None if first => Past::None(crate::decide::Margin::default()),
            None => Past::Unknown,
        }
    }

    /// Whether both places where an order stands were lost since the operator last told his orders.
    pub(super) fn forgot(&self) -> bool {
        self.lost == (true, true)
    }
}
