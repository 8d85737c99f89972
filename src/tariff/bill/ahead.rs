//! Energy that was bought ahead: what is above it is bought at an index, what is below it is sold back or lost.

use std::collections::BTreeMap;

use super::{Basis, Entry, Metered, per_hour};
use crate::tariff::table::{Day, Month, Table};
use crate::tariff::{Amount, Block, Charge, Rate};

/// Which intervals a block covers.
fn is_on(table: &Table, block: &Block, day: Day, slot: usize) -> bool {
    (block.from..block.until).contains(&day.date) && table.is_in(&block.shape, day, slot)
}

/// What a block costs in a month: all of it, used or not.
pub(super) fn entry(metered: Metered<'_>, month: &Month, block: &Block) -> Entry {
    let table = metered.table;
    let on = month.slots.clone().filter(|slot| table.day_of(*slot).is_some_and(|day| is_on(table, block, day, *slot)));
    let energy = i128::try_from(on.count()).unwrap_or(0) * i128::from(block.size);
    Entry { amount: per_hour(table, Amount::of(block.price, energy)), basis: Basis::Energy(energy) }
}

/// What is bought at an index, interval by interval.
#[derive(Clone, Debug, Default)]
pub(super) struct Bought {
    /// The blocks of each energy line, by their place, with the intervals that each covers.
    blocks: BTreeMap<usize, Vec<(usize, Vec<bool>)>>,
}

impl Bought {
    pub(super) fn of(metered: Metered<'_>) -> Self {
        let table = metered.table;
        let mut blocks: BTreeMap<usize, Vec<(usize, Vec<bool>)>> = BTreeMap::new();
        for (at, line) in metered.tariff.lines.iter().enumerate() {
            let Charge::Block(block) = &line.charge else { continue };
            let covered =
                (0..table.len()).map(|slot| table.day_of(slot).is_some_and(|day| is_on(table, block, day, slot)));
            blocks.entry(block.energy).or_default().push((at, covered.collect()));
        }
        Self { blocks }
    }

    /// What is bought above all blocks in an interval, in milliwatts.
    pub(super) fn above(&self, metered: Metered<'_>, slot: usize, load: i64) -> i64 {
        let all = self.blocks.keys().map(|energy| self.ahead(metered, *energy, slot)).sum::<i64>();
        (load - all).max(0)
    }

    /// What was bought ahead for a line in an interval, in milliwatts.
    pub(super) fn ahead(&self, metered: Metered<'_>, energy: usize, slot: usize) -> i64 {
        self.on(metered, energy, slot).map(|block| block.size).sum()
    }

    /// The blocks of a line that cover an interval, in the order of the file: the order in which they are used.
    pub(super) fn on<'a>(
        &'a self,
        metered: Metered<'a>,
        energy: usize,
        slot: usize,
    ) -> impl Iterator<Item = &'a Block> + 'a {
        let blocks = self.blocks.get(&energy).into_iter().flatten();
        blocks.filter(move |(_, covered)| covered.get(slot) == Some(&true)).filter_map(move |(at, _)| {
            match &metered.tariff.lines.get(*at)?.charge {
                Charge::Block(block) => Some(block),
                _ => None,
            }
        })
    }

    /// What selling back brings in an interval, and how much is sold; `price` is that of the line with its losses.
    pub(super) fn sold(
        &self,
        metered: Metered<'_>,
        energy: usize,
        slot: usize,
        load: i64,
        price: Rate,
    ) -> (Amount, i64) {
        let (mut left, mut amount, mut sold) = (load, Amount::ZERO, 0);
        for block in self.on(metered, energy, slot) {
            let unused = (block.size - left).max(0);
            left = (left - block.size).max(0);
            if let Some(terms) = block.unused {
                amount += Amount::of((price - terms.less).part(terms.worth), unused.into());
                sold += unused;
            }
        }
        (amount, sold)
    }
}
