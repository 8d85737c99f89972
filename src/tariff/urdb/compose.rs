//! A rate as the lines of a tariff.

use std::collections::{BTreeMap, BTreeSet};

use super::Convention;
use super::limits::{differ, met};
use super::read::{DemandUnit, Per, Rate};
use super::structure::{Schedule, Tier};
use crate::tariff::calendar::{Calendar, Days, Holidays, Hours, MAX_PERIODS, Months, Period, Window};
use crate::tariff::exact::{ONE, mul_div};
use crate::tariff::{
    self, Amount, Applies, Charge, Dated, Demand, DemandTier, Energy, Fixed, Line, MW_PER_KW, Minimum, Note, Priced,
    Ratchet, Source, Tariff, Top, When,
};
use crate::time::Zone;

/// The tariff of a rate of which nothing is refused.
///
/// # Errors
/// The field because of which it cannot be billed.
pub(super) fn tariff(rate: &Rate, step: u16, convention: Convention) -> Result<Tariff, &'static str> {
    let composer = Composer { rate, step, periods: periods(rate)?, convention };
    let mut lines = composer.energy()?;
    if convention == Convention::Sheet {
        lines.extend(composer.fuel());
    }
    lines.extend(composer.flat());
    lines.extend(composer.time_of_use());
    let demand =
        lines.iter().position(|line| matches!(&line.charge, Charge::Demand(demand) if demand.ratchet.is_some()));
    for line in &mut lines {
        if let Charge::Energy(energy) = &mut line.charge {
            energy.demand = demand;
        }
    }
    lines.extend(composer.fixed());
    lines.extend(composer.minimum());
    Ok(Tariff {
        name: rate.name.clone(),
        currency: "USD".into(),
        zone: Zone::UTC,
        interval: step,
        round: Amount::ZERO,
        calendar: composer.calendar(),
        lines,
        invoices: Vec::new(),
        cases: Vec::new(),
    })
}

/// The energy and demand period of an hour.
type Both = (usize, usize);

struct Composer<'a> {
    rate: &'a Rate,
    step: u16,
    /// Periods of the calendar: pairs of those of energy and of demand that meet.
    periods: Vec<Both>,
    convention: Convention,
}

fn periods(rate: &Rate) -> Result<Vec<Both>, &'static str> {
    let met: BTreeSet<Both> = rate
        .energy_at
        .iter()
        .flatten()
        .flatten()
        .copied()
        .zip(rate.demand_at.iter().flatten().flatten().copied())
        .collect();
    if met.len() > MAX_PERIODS { Err("energyweekdayschedule") } else { Ok(met.into_iter().collect()) }
}

fn line(name: String, charge: Charge) -> Line {
    Line { name, charge, note: Note::default() }
}

/// The months in which a schedule knows a period.
fn months_of(schedules: &[Schedule; 2], period: usize) -> Months {
    Months::of(|month| {
        schedules.iter().any(|schedule| schedule.get(month).is_some_and(|hours| hours.contains(&period)))
    })
}

impl Composer<'_> {
    /// The places in the calendar for which this holds.
    fn when(&self, is: impl Fn(&Both) -> bool) -> When {
        When::of(self.periods.iter().enumerate().filter(|(_, both)| is(both)).map(|(at, _)| at))
    }

    fn calendar(&self) -> Calendar {
        let each = self.periods.iter().map(|both| {
            let name = match (self.rate.energy.len() > 1, self.rate.demand.len() > 1) {
                (true, true) => format!("energy_{}_demand_{}", both.0, both.1),
                (false, true) => format!("demand_{}", both.1),
                (_, false) => format!("energy_{}", both.0),
            };
            Period { name, windows: self.windows(*both), otherwise: false }
        });
        let periods: Vec<Period> = each.collect();
        let periods = if periods.len() > 1 { periods } else { Vec::new() };
        Calendar { periods, holidays: Holidays::default() }
    }

    /// Months with the same hours together.
    fn windows(&self, both: Both) -> Vec<Window> {
        let mut by_hours: BTreeMap<(usize, Hours), Vec<usize>> = BTreeMap::new();
        for (kind, (energy, demand)) in self.rate.energy_at.iter().zip(&self.rate.demand_at).enumerate() {
            for (month, (energy, demand)) in energy.iter().zip(demand).enumerate() {
                let has: Vec<bool> = energy.iter().zip(demand).map(|(e, d)| (*e, *d) == both).collect();
                let hours = ranges(&has);
                if !hours.is_empty() {
                    by_hours.entry((kind, Hours(hours))).or_default().push(month);
                }
            }
        }
        let window = |((kind, hours), months): ((usize, Hours), Vec<usize>)| Window {
            months: Months::of(|month| months.contains(&month)),
            days: if kind == 0 { Days::of(|day| day < 5) } else { Days::of(|day| day >= 5) },
            hours,
        };
        by_hours.into_iter().map(window).collect()
    }

    /// Lines of energy: periods that meet in a month share their steps.
    fn energy(&self) -> Result<Vec<Line>, &'static str> {
        let rate = self.rate;
        if differ(&rate.energy, &rate.energy_at, |tier| tier.top.map(|top| (top, tier.unit))) {
            return Err("energyratestructure.max");
        }
        let groups = together(&met(&rate.energy_at));
        let many = groups.len() > 1;
        let energy = |(at, group): (usize, &BTreeSet<usize>)| {
            let name = if many { format!("energy.season_{at}") } else { "energy.base".into() };
            line(name, Charge::Energy(self.energy_line(group)))
        };
        Ok(groups.iter().filter(|_| !rate.energy.is_empty()).enumerate().map(energy).collect())
    }

    fn energy_line(&self, group: &BTreeSet<usize>) -> Energy {
        let of = |period: usize, tier: usize| self.rate.energy.get(period).and_then(|tiers| tiers.get(tier));
        let first =
            group.first().and_then(|period| self.rate.energy.get(*period)).map(Vec::as_slice).unwrap_or_default();
        let price = |tier: usize| {
            let each = |(energy, _): &Both| of(*energy, tier).filter(|_| group.contains(energy)).map(|tier| tier.price);
            let each: Vec<Option<tariff::Rate>> = self.periods.iter().map(each).collect();
            match each.as_slice() {
                [Some(one)] => Priced::One(*one),
                _ => Priced::Each(each),
            }
        };
        let top =
            |tier: &Tier| tier.top.map(|steps| Top { steps, per_kw: tier.unit.per_kw, per_day: tier.unit.per_day });
        let tiers = first.iter().enumerate();
        Energy {
            when: self.when(|(energy, _)| group.contains(energy)),
            months: Months::ALL,
            price: Source::Tiers(
                tiers.map(|(at, tier)| tariff::Tier { up_to: top(tier), price: Dated::always(price(at)) }).collect(),
            ),
            losses: 0,
            applies: Applies::Delivered,
            demand: None,
        }
    }

    /// Prices of fuel by month: a line for each price.
    fn fuel(&self) -> Vec<Line> {
        let prices: BTreeSet<tariff::Rate> = self.rate.fuel.iter().copied().filter(|price| price.0 != 0).collect();
        let adder = |(at, price): (usize, &tariff::Rate)| {
            let months = Months::of(|month| self.rate.fuel.get(month) == Some(price));
            let tiers = vec![tariff::Tier { up_to: None, price: Dated::always(Priced::One(*price)) }];
            let price = Source::Tiers(tiers);
            let energy =
                Energy { when: When::ALWAYS, months, price, losses: 0, applies: Applies::Delivered, demand: None };
            line(format!("adder.fuel_{at}"), Charge::Energy(energy))
        };
        prices.iter().enumerate().map(adder).collect()
    }

    fn flat(&self) -> Vec<Line> {
        let many = self.rate.flat_months.iter().collect::<BTreeSet<_>>().len() > 1;
        let each = self.rate.flat.iter().enumerate().filter_map(|(period, tiers)| {
            let months = Months::of(|month| self.rate.flat_months.get(month) == Some(&period));
            let name = if many { format!("demand.flat_{period}") } else { "demand.flat".into() };
            (!months.is_none())
                .then(|| line(name, Charge::Demand(self.demand(tiers, When::ALWAYS, months, self.rate.flat_unit))))
        });
        each.collect()
    }

    /// With a ratchet, the referee bills each period of a month by the demand of the whole month.
    fn time_of_use(&self) -> Vec<Line> {
        let each = self.rate.demand.iter().enumerate().filter_map(|(period, tiers)| {
            let own = self.when(|(_, demand)| *demand == period);
            let (when, months) = match self.rate.ratchet {
                Some(_) => (When::ALWAYS, months_of(&self.rate.demand_at, period)),
                None => (own, Months::ALL),
            };
            let demand = line(
                format!("demand.period_{period}"),
                Charge::Demand(self.demand(tiers, when, months, self.rate.demand_unit)),
            );
            (own.0 != 0).then_some(demand)
        });
        each.collect()
    }

    fn demand(&self, tiers: &[Tier], when: When, months: Months, unit: DemandUnit) -> Demand {
        let unit = if self.convention == Convention::Sheet { unit } else { DemandUnit::Kw };
        let top =
            |top: i128| mul_div(top, MW_PER_KW.into(), ONE).and_then(|top| i64::try_from(top).ok()).unwrap_or(i64::MAX);
        let tier = |tier: &Tier| DemandTier { up_to: tier.top.map(top), price: Dated::always(tier.price) };
        let ratchet = self.rate.ratchet.as_ref().map(|ratchet| Ratchet {
            share: ratchet.share,
            months: ratchet.months,
            of_months: Months::of(|month| ratchet.of.get(month) == Some(&true)),
        });
        Demand {
            window: self.step,
            apparent: unit == DemandUnit::Kva,
            rolling: false,
            when,
            months,
            tiers: tiers.iter().map(tier).collect(),
            daily: unit == DemandUnit::KwDaily,
            ratchet,
            floor: 0,
        }
    }

    /// What is charged a month for these amounts, where one by the day counts as a twelfth of a year.
    fn monthly(&self, Per { month, day, year }: Per) -> tariff::Rate {
        let twelfth = |rate: tariff::Rate, times: i128| tariff::Rate(mul_div(rate.0, times, 12).unwrap_or(0));
        month + twelfth(year, 1) + twelfth(day, 365)
    }

    fn fixed(&self) -> Option<Line> {
        let per = self.rate.fixed;
        let amount = match self.convention {
            Convention::Sheet if per.day.0 != 0 => Fixed::Day(per.day),
            _ => Fixed::Month(self.monthly(per)),
        };
        (per != Per::default()).then(|| line("fixed.service".into(), Charge::Fixed(Dated::always(amount))))
    }

    fn minimum(&self) -> Vec<Line> {
        let least = self.rate.minimum;
        let month = self.monthly(Per { year: tariff::Rate::default(), ..least });
        let month = (month.0 > 0).then(|| line("minimum.month".into(), Charge::Minimum(Minimum::Month(month))));
        let year = (least.year.0 > 0).then(|| line("minimum.year".into(), Charge::Minimum(Minimum::Year(least.year))));
        month.into_iter().chain(year).collect()
    }
}

/// Stretches of hours in minutes.
fn ranges(has: &[bool]) -> Vec<(u16, u16)> {
    let mut found: Vec<(u16, u16)> = Vec::new();
    for (hour, _) in has.iter().enumerate().filter(|(_, has)| **has) {
        let from = u16::try_from(hour * 60).unwrap_or(0);
        match found.last_mut() {
            Some((_, to)) if *to == from => *to = from + 60,
            _ => found.push((from, from + 60)),
        }
    }
    found
}

/// Sets of periods, joined where a month knows members of both.
fn together(months: &[BTreeSet<usize>]) -> Vec<BTreeSet<usize>> {
    let mut groups: Vec<BTreeSet<usize>> = Vec::new();
    for met in months {
        let (joined, mut apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| !group.is_disjoint(met));
        apart.push(joined.into_iter().flatten().chain(met.iter().copied()).collect());
        groups = apart;
    }
    groups.sort();
    groups
}
