//! Demand while a whole grid had its highest, billed in the year after.

use super::{Basis, Entry, Lack, Metered, for_power};
use crate::tariff::Coincident;
use crate::tariff::table::Month;
use crate::time::{Date, Wall};

/// What a month pays for the peaks of the year before: by the demand that the grid's operator billed, or by the mean at the peaks that
/// are known.
pub(super) fn entry(
    metered: Metered<'_>,
    month: &Month,
    charge: &Coincident,
    line: usize,
    lacks: &mut Vec<Lack>,
) -> Entry {
    // The rule of the peaks' own year, not the one in force when they are paid: the newest that sends its peaks to this month.
    let rules = charge.rules.steps().iter().rev();
    let found = rules.filter_map(|(_, rule)| {
        let year = rule.bill_in.peaks_of(month.first);
        let own = Date::new(year, 12, 31).and_then(|end| charge.rules.at(end))?;
        (own == rule).then_some((year, rule))
    });
    let Some((year, rule)) = found.into_iter().next() else {
        return Entry { basis: Basis::Coincident(0), ..Entry::default() };
    };
    let told = charge.billed.iter().find(|(billed, _)| *billed == year + 1).map(|(_, milliwatts)| *milliwatts);
    let billed = told.or_else(|| {
        let zone = metered.tariff.zone;
        let of_year = |at: &&Wall| zone.local(**at).date.year() == year;
        let each: Option<Vec<i64>> =
            charge.known.iter().filter(of_year).map(|at| drawn(metered, *at, rule.peaks.window)).collect();
        let each = each?;
        let count = i64::try_from(rule.peaks.per_year()).ok().filter(|count| *count > 0)?;
        (i64::try_from(each.len()).ok()? >= count)
            .then(|| each.iter().sum::<i64>() / i64::try_from(each.len()).unwrap_or(1))
    });
    match billed {
        Some(billed) => Entry { amount: for_power(rule.price, billed), basis: Basis::Coincident(billed) },
        None => {
            lacks.push(Lack::Peaks { line, year });
            Entry { basis: Basis::Coincident(0), ..Entry::default() }
        }
    }
}

/// The mean over a window that begins at a moment.
fn drawn(metered: Metered<'_>, at: Wall, window: u16) -> Option<i64> {
    let slot = metered.table.slot_at(at)?;
    let wide = usize::from((window / metered.table.step()).max(1));
    let rows = metered.load.get(slot..slot + wide)?;
    Some(rows.iter().sum::<i64>() / i64::try_from(wide).unwrap_or(1))
}
