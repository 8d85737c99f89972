//! The peak worth paying: for each demand line, the highest import that earns more over the rest of the month than it costs.
//!
//! Up to where the firm load goes by itself, by its habit, a peak comes anyway and costs nothing more. Above, one more MW earns what the machine that it lets run earns above the price of energy, in each hour left in which the firm load and
//! the better machines leave it that place. It costs the demand price, and through a ratchet that part of it in later months in
//! which the site would not draw as much by itself. Import is cut into steps; for each the lines are chosen whose hours together pay for their
//! prices, and no line is chosen above a step at which it was not: the best such choice over all steps is found exactly.

use crate::tariff::exact::{ONE, mul_div};
use crate::tariff::marginal::{Known, Steps, per_kw, ratchet_from, without_demand};
use crate::tariff::table::{Day, Month};
use crate::tariff::{Charge, Demand, MW_PER_KW, Rate, Table, Tariff};
use crate::time::Date;
use crate::units::{Power, Price, Share};

use super::Stairs;

/// Import up to its limit is cut into so many steps.
const STEPS: usize = 64;
/// So many demand lines are weighed against each other; more are taken to be worth paying only together with all of these.
const MOST_LINES: usize = 6;
/// Of a later month, the hours of these days stand for all.
const SAMPLED: std::ops::Range<u32> = 4..11;

/// What the choice rests on.
pub struct Ask<'a> {
    /// The tariff.
    pub tariff: &'a Tariff,
    /// Laid out from the month that runs to the end of its longest ratchet.
    pub table: &'a Table,
    /// The interval that runs.
    pub slot: usize,
    /// What is known, with prices as they are expected on average.
    pub known: &'a Known,
    /// Demand that is paid already, by line.
    pub paid: &'a [Paid],
    /// The miners.
    pub stairs: &'a Stairs,
    /// How the firm load is spread.
    pub firm: &'a [(Power, u64)],
    /// Most the site may draw.
    pub limit: Power,
}

/// Demand of a line that is paid already.
#[derive(Clone, Copy, Debug)]
pub struct Paid {
    /// The line of the tariff, by its place.
    pub line: usize,
    /// So much import, in milliwatts.
    pub import: i64,
    /// The power factor by which import is billed; the whole for demand in kW.
    pub factor: Share,
}

/// A demand line that is weighed.
struct Weighed<'a> {
    charge: &'a Demand,
    paid: Paid,
}

impl Weighed<'_> {
    /// What a MW of import above a level costs in the month of a day, with its taxes.
    fn per_mw(&self, ask: &Ask<'_>, date: Date, level: i64) -> i128 {
        let factor = i128::from(self.paid.factor.ppm().max(1));
        let billed = i64::try_from(i128::from(level) * 1_000_000 / factor).unwrap_or(i64::MAX);
        let rate = per_kw(self.charge, date, billed);
        let taxes = ask.tariff.lines.iter().filter_map(|line| match &line.charge {
            Charge::Tax(tax) if tax.apply_to.contains(&self.paid.line) => tax.rate.at(date).copied(),
            _ => None,
        });
        per_mw(rate + rate.part(taxes.sum())) * 1_000_000 / factor
    }
}

/// Hours with the same price in which the same lines look at demand.
struct Hours {
    /// The lines, as a bit set over those asked for.
    lines: usize,
    price: Steps,
    /// A thousandth of an hour each.
    milli: i128,
}

/// The highest import worth paying for, by line in the order of [`Ask::paid`], in milliwatts; never below what is paid.
pub fn targets(ask: &Ask<'_>) -> Vec<(usize, i64)> {
    let line = |paid: &Paid| match &ask.tariff.lines.get(paid.line)?.charge {
        Charge::Demand(charge) => Some(Weighed { charge, paid: *paid }),
        _ => None,
    };
    let lines: Vec<Weighed<'_>> = ask.paid.iter().filter_map(line).collect();
    let weighed = lines.get(..lines.len().min(MOST_LINES)).unwrap_or_default();
    let rest = this_month(ask, weighed);
    let later = later_months(ask, weighed);
    let levels: Vec<i64> = (1..=STEPS).map(|step| level(ask.limit, step)).collect();
    let gains: Vec<Vec<i128>> = levels.iter().map(|level| gains(ask, weighed, &rest, &later, *level)).collect();
    let chosen = chain(&gains, weighed.len());
    let target = |nth: usize| {
        let steps = chosen.iter().rposition(|set| set >> nth & 1 == 1).map_or(0, |last| last + 1);
        steps.checked_sub(1).and_then(|step| levels.get(step)).copied().unwrap_or(0)
    };
    let weighed_all = (1_usize << weighed.len()) - 1;
    let together = chosen.iter().rposition(|set| *set == weighed_all);
    lines
        .iter()
        .enumerate()
        .map(|(nth, line)| {
            let target = if nth < weighed.len() {
                target(nth)
            } else {
                together.and_then(|step| levels.get(step)).copied().unwrap_or(0)
            };
            (line.paid.line, target.max(line.paid.import))
        })
        .collect()
}

fn level(limit: Power, step: usize) -> i64 {
    let step = i128::try_from(step).unwrap_or(0);
    i64::try_from(i128::from(limit.watts()) * 1_000 * step / STEPS as i128).unwrap_or(i64::MAX)
}

/// The hours of the month that are left.
fn this_month(ask: &Ask<'_>, lines: &[Weighed<'_>]) -> Vec<Hours> {
    let month = ask.table.month_of(ask.slot).and_then(|at| ask.table.months().get(at));
    let each = usize::from(60 / ask.table.step().clamp(1, 60));
    let mut all = Vec::new();
    for slot in month.map(|month| ask.slot..month.slots.end).unwrap_or_default().step_by(each) {
        add(ask, lines, slot, 1_000, &mut all);
    }
    all
}

/// The hours of the months that a ratchet reaches to.
fn later_months(ask: &Ask<'_>, lines: &[Weighed<'_>]) -> Vec<(Date, Vec<Hours>)> {
    let reach = lines.iter().filter_map(|line| line.charge.ratchet.as_ref()).map(|ratchet| ratchet.months).max();
    let Some(now) = ask.table.month_of(ask.slot) else { return Vec::new() };
    let months = ask.table.months().iter().skip(now + 1).take(reach.map_or(0, usize::from));
    months.map(|month| (month.first, sampled(ask, lines, month))).collect()
}

fn sampled(ask: &Ask<'_>, lines: &[Weighed<'_>], month: &Month) -> Vec<Hours> {
    let each = usize::from(60 / ask.table.step().clamp(1, 60));
    let milli = i128::from(month.days) * 1_000 / i128::from(SAMPLED.end - SAMPLED.start);
    let mut all = Vec::new();
    let is_sampled = |day: &&Day| SAMPLED.contains(&day.date.day()) && month.slots.contains(&day.slot);
    for day in ask.table.days().iter().filter(is_sampled) {
        for slot in (day.slot..day.slot + 24 * each).step_by(each) {
            add(ask, lines, slot, milli, &mut all);
        }
    }
    all
}

fn add(ask: &Ask<'_>, lines: &[Weighed<'_>], slot: usize, milli: i128, all: &mut Vec<Hours>) {
    let period = ask.table.period(slot);
    let looks = |(nth, line): (usize, &Weighed<'_>)| usize::from(line.charge.when.has(period)) << nth;
    let set = lines.iter().enumerate().map(looks).fold(0, |set, line| set | line);
    let Some(price) = without_demand(ask.tariff, ask.table, slot, ask.known).map(|curve| curve.total) else { return };
    match all.iter_mut().find(|hours| hours.lines == set && hours.price == price) {
        Some(same) => same.milli += milli,
        None => all.push(Hours { lines: set, price, milli }),
    }
}

/// What one more MW at a level earns in some hours, in micro-dollars.
fn worth(ask: &Ask<'_>, hours: &Hours, level: i64) -> i128 {
    let price = i128::from(per_mwh(hours.price.at(level.saturating_sub(1))).micro_usd_per_mwh());
    let (mut sum, mut all) = (0_i128, 0_i128);
    for (firm, weight) in ask.firm {
        let place = Power::from_watts(level / 1_000) - *firm;
        let earns = ask.stairs.at(place).map_or(0, |earns| i128::from(earns.micro_usd_per_mwh()) - price);
        sum += earns.max(0) * i128::from(*weight);
        all += i128::from(*weight);
    }
    sum * hours.milli / 1_000 / all.max(1)
}

/// A price of a kWh as one of a MWh, rounded up.
pub(super) fn per_mwh(rate: Rate) -> Price {
    let micro = rate.0.div_euclid(1_000_000) + i128::from(rate.0.rem_euclid(1_000_000) != 0);
    Price::from_micro_usd_per_mwh(i64::try_from(micro).unwrap_or(if micro < 0 { i64::MIN } else { i64::MAX }))
}

/// A price of a kW as micro-dollars for a MW.
fn per_mw(rate: Rate) -> i128 {
    rate.0 / 1_000_000
}

/// What one more MW at a level brings, for every set of lines: what it earns in the hours that no other line looks at, less what they cost.
fn gains(ask: &Ask<'_>, lines: &[Weighed<'_>], rest: &[Hours], later: &[(Date, Vec<Hours>)], level: i64) -> Vec<i128> {
    let earned: Vec<(usize, i128)> = rest.iter().map(|hours| (hours.lines, worth(ask, hours, level))).collect();
    let cost: Vec<i128> = (0..lines.len()).map(|nth| cost(ask, lines, later, nth, level)).collect();
    let of = |set: usize| {
        let earned: i128 = earned.iter().filter(|(lines, _)| lines & !set == 0).map(|(_, worth)| worth).sum();
        let costs: i128 = cost.iter().enumerate().filter(|(nth, _)| set >> nth & 1 == 1).map(|(_, cost)| cost).sum();
        earned - costs
    };
    (0..1_usize << lines.len()).map(of).collect()
}

/// Where the firm load will be for a whole window in the hours that are left, if it goes on as it does.
fn anyway(ask: &Ask<'_>, charge: &Demand) -> i64 {
    let end =
        ask.table.month_of(ask.slot).and_then(|at| ask.table.months().get(at)).map_or(ask.slot, |of| of.slots.end);
    let left = u128::try_from(end.saturating_sub(ask.slot)).unwrap_or(0) * u128::from(ask.table.step());
    let all: u128 = ask.firm.iter().map(|(_, weight)| u128::from(*weight)).sum();
    let mut above = 0_u128;
    for (firm, weight) in ask.firm.iter().rev() {
        above += u128::from(*weight);
        if above * left >= u128::from(charge.window) * all {
            return firm.watts().saturating_mul(1_000);
        }
    }
    0
}

/// What a MW more costs at a level: nothing up to what is paid, then this month's price, and of later months that part of theirs that the
/// site would not pay by itself.
fn cost(ask: &Ask<'_>, lines: &[Weighed<'_>], later: &[(Date, Vec<Hours>)], nth: usize, level: i64) -> i128 {
    let Some(line) = lines.get(nth) else { return 0 };
    let charge = line.charge;
    if level <= line.paid.import.max(anyway(ask, charge)) {
        return 0;
    }
    let Some(day) = ask.table.day_of(ask.slot) else { return 0 };
    let own = line.per_mw(ask, day.date, level);
    if charge.daily {
        let left = ask.table.month_of(ask.slot).and_then(|at| ask.table.months().get(at));
        return own * left.map_or(1, |month| i128::from(month.days + 1 - day.date.day().min(month.days)));
    }
    let Some(ratchet) = ratchet_from(charge, day.date) else { return own };
    let reached = later.iter().take(usize::from(ratchet.months));
    let more = reached.map(|(month, hours)| {
        let price = line.per_mw(ask, *month, level);
        let looked_at = hours.iter().filter(|hours| hours.lines >> nth & 1 == 1);
        let beside = looked_at.clone().fold(0, |set, hours| set | hours.lines) & !(1 << nth);
        let others = lines.iter().enumerate().filter(|(other, _)| beside >> other & 1 == 1);
        let others: i128 = others.map(|(_, other)| other.per_mw(ask, *month, level)).sum();
        let earns: i128 = looked_at.map(|hours| worth(ask, hours, level)).sum();
        let by_itself = (earns - others).max(0);
        mul_div((price - by_itself).max(0), ratchet.share, ONE).unwrap_or(0)
    });
    own + more.sum::<i128>()
}

/// For each step the set of lines, each a part of the one before, with the highest sum of gains; of equal ones, the lower.
fn chain(gains: &[Vec<i128>], lines: usize) -> Vec<usize> {
    let sets = 1_usize << lines;
    let mut sums = vec![0_i128; sets];
    let mut ways: Vec<Vec<usize>> = Vec::new();
    for step in gains {
        // The best of all sets before it that hold this one.
        let from = |set: usize| {
            let above = (0..sets).filter(|above| above & set == set);
            above.max_by_key(|above| (sums.get(*above).copied(), std::cmp::Reverse(above.count_ones()))).unwrap_or(set)
        };
        let way: Vec<usize> = if ways.is_empty() { (0..sets).collect() } else { (0..sets).map(from).collect() };
        let sum = |(set, from): (usize, &usize)| {
            let before = if ways.is_empty() { 0 } else { sums.get(*from).copied().unwrap_or(0) };
            before + step.get(set).copied().unwrap_or(0)
        };
        sums = way.iter().enumerate().map(sum).collect();
        ways.push(way);
    }
    let mut set =
        (0..sets).max_by_key(|set| (sums.get(*set).copied(), std::cmp::Reverse(set.count_ones()))).unwrap_or_default();
    let mut chosen = Vec::new();
    for way in ways.iter().rev() {
        chosen.push(set);
        set = way.get(set).copied().unwrap_or(set);
    }
    chosen.reverse();
    chosen
}

/// Milliwatts as watts, rounded down.
pub(super) fn watts(milli: i64) -> Power {
    Power::from_watts(milli.div_euclid(MW_PER_KW / 1_000))
}
