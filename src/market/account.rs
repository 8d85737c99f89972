//! The account of a site with its supplier: the tariff in force, laid out; what was drawn so far; the peaks worth paying; and out of
//! these, for each tick, the [`Terms`] that the decision rests on. Pure: whoever holds it says what time it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::drawn::Drawn;
use super::target::{Ask, Paid, per_mwh, targets, watts};
use super::{Stairs, is_a_price};
use crate::site::{Site, Supply};
use crate::snapshot::{MAX_STEPS, Peak, Terms};
use crate::tariff::marginal::{Known, Running, running, without_demand};
use crate::tariff::{Charge, Rate, Table, Tariff, proof};
use crate::time::{Date, Wall};
use crate::units::{Power, Price, Share};

/// A tariff that a controller cannot go by, though it is right in itself.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unusable {
    /// Miners' revenue is in dollars.
    #[error("its prices are in {0}; what miners earn is in USD, and no rate between them is known")]
    Currency(String),
    /// One price reaches the controller.
    #[error("it buys at {}; the controller has one price", .0.join(" and "))]
    Feeds(Vec<String>),
    /// The site file names a line that the tariff has not.
    #[error("tariff.drawn: the tariff has no demand line `{line}`; its demand lines: {}", .known.join(", "))]
    NoLine {
        /// As in the site file.
        line: String,
        /// What there is.
        known: Vec<String>,
    },
    /// What a peak is worth cannot be reckoned.
    #[error(
        "it charges demand and buys energy at `{0}`; add tariff.expected_price to the site file: what that will come to on average"
    )]
    Expected(String),
    /// The calendar has gaps.
    #[error("its calendar has gaps or overlaps")]
    Calendar,
}

/// A peak that was drawn, above all before it in its month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPeak {
    /// The line of the tariff.
    pub line: String,
    /// When the window began.
    pub from: Wall,
    /// Its mean.
    pub power: Power,
    /// What was the highest before it; nothing where it is the first.
    pub before: Option<Power>,
}

/// A tariff with what was drawn under it.
#[derive(Clone, Debug)]
pub struct Account {
    tariff: Arc<Tariff>,
    table: Arc<Table>,
    supply: Supply,
    stairs: Stairs,
    limit: Power,
    firm: Power,
    drawn: Drawn,
    /// Peaks worth paying, by line, in milliwatts of import; and the day and the interval they were reckoned in.
    targets: BTreeMap<usize, i64>,
    reckoned: Option<(Date, usize)>,
    /// The windows that were taken in, by line: when each began. None from before the account was opened.
    closed: BTreeMap<u32, Wall>,
    since: Wall,
    made: Option<(usize, Option<Price>, Terms)>,
}

impl Account {
    /// Opens an account under a tariff, with what was drawn before.
    ///
    /// # Errors
    /// Where a controller cannot go by it.
    pub fn open(tariff: Arc<Tariff>, supply: &Supply, site: &Site, drawn: Drawn, now: Wall) -> Result<Self, Unusable> {
        usable(&tariff, supply)?;
        let table = lay_out(&tariff, now)?;
        let mut account = Self {
            tariff,
            table,
            supply: supply.clone(),
            stairs: Stairs::of(site),
            limit: site.poi.import_limit,
            firm: site.hall.nameplate + site.house.nameplate,
            drawn,
            targets: BTreeMap::new(),
            reckoned: None,
            closed: BTreeMap::new(),
            since: now,
            made: None,
        };
        account.told();
        Ok(account)
    }

    /// The tariff.
    pub fn tariff(&self) -> &Arc<Tariff> {
        &self.tariff
    }

    /// The same account under another tariff.
    ///
    /// # Errors
    /// As [`Account::open`].
    pub fn reopen(&self, tariff: Arc<Tariff>, now: Wall) -> Result<Self, Unusable> {
        usable(&tariff, &self.supply)?;
        let table = lay_out(&tariff, now)?;
        let fresh = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { tariff, table, targets: fresh.0, closed: fresh.1, reckoned: None, made: None, ..self.clone() })
    }

    /// A tariff that moves the price of its day further waits for a person.
    pub fn hold_above(&self) -> Share {
        self.supply.hold_above
    }

    /// Goes on from what was drawn under another tariff, from a moment on.
    #[must_use]
    pub fn after(mut self, other: &Account, now: Wall) -> Self {
        (self.drawn, self.since, self.made) = (other.drawn.clone(), now, None);
        self.told();
        self
    }

    /// What the site file says of months that nobody saw.
    fn told(&mut self) {
        for told in &self.supply.drawn {
            self.drawn.raise(&told.line, told.month, told.power);
        }
    }

    /// What was drawn so far.
    pub fn drawn(&self) -> &Drawn {
        &self.drawn
    }

    /// The peaks worth paying, by line.
    pub fn targets(&self) -> impl Iterator<Item = (&str, Power)> {
        self.targets.iter().filter_map(|(at, milli)| Some((self.tariff.lines.get(*at)?.name.as_str(), watts(*milli))))
    }

    /// When the settlement interval that holds a moment ends.
    pub fn boundary(&self, now: Wall) -> Option<Wall> {
        self.table.slot_at(now).map(|slot| self.table.start_of(slot + 1))
    }

    /// Import and firm load since the last time, as far as they were measured.
    pub fn see(&mut self, now: Wall, passed: Duration, import: Option<Power>, firm: Option<Power>) {
        let month = self.tariff.zone.local(now).date.month_start();
        self.drawn.see(month, passed, import, (firm, self.firm));
    }

    /// Takes in windows that ended: the line's place, when each began, its mean; which of them are new peaks. One that was taken in is
    /// not again.
    pub fn take(&mut self, closed: impl IntoIterator<Item = (u32, Wall, Power)>) -> Vec<NewPeak> {
        let mut new = Vec::new();
        for (place, from, power) in closed {
            if from < self.since || self.closed.insert(place, from) == Some(from) {
                continue;
            }
            let line = usize::try_from(place).ok().and_then(|at| self.tariff.lines.get(at));
            let Some(line) = line else { continue };
            let first = self.cycle(&line.charge, from);
            let before = self.drawn.peak(&line.name, first);
            if self.drawn.raise(&line.name, first, power) {
                self.made = None;
                new.push(NewPeak { line: line.name.clone(), from, power, before });
            }
        }
        new
    }

    /// The first day of the month, or the day, that demand at a moment counts in.
    fn cycle(&self, charge: &Charge, at: Wall) -> Date {
        let date = self.tariff.zone.local(at).date;
        if matches!(charge, Charge::Demand(demand) if demand.daily) { date } else { date.month_start() }
    }

    /// What the tariff says now; nothing where the clock is out of all range.
    pub fn terms(&mut self, now: Wall, price: Option<Price>) -> Option<Terms> {
        let slot = match self.table.slot_at(now).filter(|slot| self.table.month_of(*slot) == Some(0)) {
            Some(slot) => slot,
            None => {
                // Another month: it is laid out from its first day.
                self.table = lay_out(&self.tariff, now).ok()?;
                self.made = None;
                self.table.slot_at(now)?
            }
        };
        let price = price.filter(|price| is_a_price(*price));
        if let Some((at, with, terms)) = &self.made
            && (*at, *with) == (slot, price)
        {
            return Some(terms.clone());
        }
        let today = self.tariff.zone.local(now).date;
        let known = self.known(now, price);
        // Once a day; in each interval as long as the habit of the firm load is not known for a day.
        if self.reckoned.is_none_or(|(day, at)| day != today || at != slot && self.drawn.is_young()) {
            self.reckon(slot, now, today);
        }
        let terms = self.make(slot, price, &known)?;
        self.made = Some((slot, price, terms.clone()));
        Some(terms)
    }

    fn known(&self, now: Wall, price: Option<Price>) -> Known {
        let mut known = Known::default();
        if let (Some(feed), Some(price)) = (proof::feeds(&self.tariff).first(), price) {
            known.prices.insert(feed.clone(), Rate(i128::from(price.micro_usd_per_mwh()) * 1_000_000));
        }
        let milli = |power: Power, charge: &Charge| self.as_billed(power, charge);
        for (at, line) in self.tariff.lines.iter().enumerate() {
            let Charge::Demand(demand) = &line.charge else { continue };
            let cycle = self.cycle(&line.charge, now);
            let so_far = self.drawn.peak(&line.name, cycle).unwrap_or(Power::ZERO);
            known.peaks.insert(at, milli(so_far, &line.charge));
            let mut month = cycle.month_start();
            for _ in 0..demand.ratchet.as_ref().map_or(0, |ratchet| ratchet.months) {
                month = month.last_month();
                if let Some(power) = self.drawn.peak(&line.name, month) {
                    known.before.insert((at, month), milli(power, &line.charge));
                }
            }
        }
        let slots = self.table.months().first().map_or(0, |month| month.slots.len());
        let mean = self.drawn.mean().unwrap_or(self.firm);
        known.month = i128::from(mean.watts()) * 1_000 * i128::try_from(slots).unwrap_or(0);
        known
    }

    /// Import as demand is billed, in milliwatts or thousandths of a VA.
    fn as_billed(&self, power: Power, charge: &Charge) -> i64 {
        let milli = power.watts().saturating_mul(1_000);
        if !matches!(charge, Charge::Demand(demand) if demand.apparent) {
            return milli;
        }
        let factor = i128::from(self.supply.power_factor.ppm().max(1));
        i64::try_from(i128::from(milli) * 1_000_000 / factor).unwrap_or(i64::MAX)
    }

    /// The inverse of [`Account::as_billed`], in milliwatts, rounded down.
    fn as_import(&self, milli: i64, line: usize) -> i64 {
        let apparent = self
            .tariff
            .lines
            .get(line)
            .is_some_and(|line| matches!(&line.charge, Charge::Demand(demand) if demand.apparent));
        let part = i128::from(milli) * i128::from(self.supply.power_factor.ppm()) / 1_000_000;
        if apparent { i64::try_from(part).unwrap_or(milli) } else { milli }
    }

    /// The peaks worth paying for the rest of the month, by what energy is expected to cost.
    fn reckon(&mut self, slot: usize, now: Wall, today: Date) {
        let spread = self.drawn.firm(self.firm);
        if spread.is_empty() {
            return;
        }
        self.reckoned = Some((today, slot));
        let known = self.known(now, self.supply.expected);
        let demands = self.tariff.lines.iter().enumerate().filter_map(|(at, line)| match &line.charge {
            Charge::Demand(charge) => Some((at, charge)),
            _ => None,
        });
        let whole = Share::from_ppm(1_000_000);
        let paid = demands.map(|(line, charge)| Paid {
            line,
            import: self.as_import(self.paid(slot, line, &known), line),
            factor: if charge.apparent { self.supply.power_factor } else { whole },
        });
        let paid: Vec<Paid> = paid.collect();
        let ask = Ask {
            tariff: &self.tariff,
            table: &self.table,
            slot,
            known: &known,
            paid: &paid,
            stairs: &self.stairs,
            firm: &spread,
            limit: self.limit,
        };
        self.targets = targets(&ask).into_iter().collect();
    }

    /// What is paid already of a line in this month: its peak so far, its ratchet, its floor.
    fn paid(&self, slot: usize, line: usize, known: &Known) -> i64 {
        let slots = self.table.months().first().map(|month| slot..month.slots.end).unwrap_or_default();
        // Any interval at which the line looks will do.
        let guard = |slot: usize| {
            running(&self.tariff, &self.table, slot, known).into_iter().find(|running| running.guard.line == line)
        };
        let each = usize::from(60 / self.table.step().clamp(1, 60));
        slots.step_by(each).take(24 * 7).find_map(guard).map_or(0, |running| running.guard.paid)
    }

    fn make(&self, slot: usize, price: Option<Price>, known: &Known) -> Option<Terms> {
        let curve = without_demand(&self.tariff, &self.table, slot, known)?;
        let feeds = !proof::feeds(&self.tariff).is_empty();
        let step = |(milli, rate): &(i64, Rate)| (watts(*milli), per_mwh(*rate));
        let steps = curve.total.all().iter().take(MAX_STEPS).map(step);
        let peak = |running: Running| {
            let line = running.guard.line;
            let target = watts(self.targets.get(&line).copied().unwrap_or(0));
            Peak {
                line: u32::try_from(line).unwrap_or(u32::MAX),
                at_most: watts(self.as_import(running.guard.paid, line)).max(target).min(self.limit),
                from: self.table.start_of(running.slots.start),
                until: self.table.start_of(running.slots.end),
                earlier: u8::try_from(running.earlier).unwrap_or(u8::MAX),
            }
        };
        let peaks = running(&self.tariff, &self.table, slot, known).into_iter().take(MAX_STEPS).map(peak);
        // Without the price of its feed a curve is not what power costs.
        let steps = if feeds && price.is_none() { Vec::new() } else { steps.collect() };
        Some(Terms { indexed: feeds, steps, peaks: peaks.collect() })
    }

    /// The median price of a day at half the import limit, with an index at what is expected of it; nothing where that is not known.
    pub fn median(&self, day: Date) -> Option<Price> {
        let table = Table::of(&self.tariff, day, day.plus(1)).ok()?;
        let known = self.known(table.start_of(0), self.supply.expected);
        let half = self.limit.watts().saturating_mul(500);
        let price = |slot| Some(per_mwh(without_demand(&self.tariff, &table, slot, &known)?.total.at(half)));
        let mut prices: Vec<Price> = (0..table.len()).filter_map(price).collect();
        prices.sort_unstable();
        prices.get(prices.len() / 2).copied()
    }

    /// By which part a new tariff moves the median price of a day.
    pub fn moved(&self, to: &Account, day: Date) -> Option<Share> {
        let (old, new) = (self.median(day)?.micro_usd_per_mwh(), to.median(day)?.micro_usd_per_mwh());
        let moved = i128::from(new.abs_diff(old)) * 1_000_000;
        // A price near nothing moves by all of itself at once: a dollar is the least that is compared with.
        let part = moved / i128::from(old.unsigned_abs().max(1_000_000));
        Some(Share::from_ppm(i64::try_from(part).unwrap_or(i64::MAX)))
    }
}

fn usable(tariff: &Tariff, supply: &Supply) -> Result<(), Unusable> {
    if tariff.currency != "USD" {
        return Err(Unusable::Currency(tariff.currency.clone()));
    }
    let feeds = proof::feeds(tariff);
    if feeds.len() > 1 {
        return Err(Unusable::Feeds(feeds));
    }
    let demands = tariff.lines.iter().filter(|line| matches!(line.charge, Charge::Demand(_)));
    let known: Vec<String> = demands.map(|line| line.name.clone()).collect();
    if let Some(told) = supply.drawn.iter().find(|told| !known.contains(&told.line)) {
        return Err(Unusable::NoLine { line: told.line.clone(), known });
    }
    match feeds.first() {
        Some(feed) if !known.is_empty() && supply.expected.is_none() => Err(Unusable::Expected(feed.clone())),
        _ => Ok(()),
    }
}

/// From the first day of the month that runs to the end of the longest ratchet.
fn lay_out(tariff: &Tariff, now: Wall) -> Result<Arc<Table>, Unusable> {
    let first = tariff.zone.local(now).date.month_start();
    let ratchets = tariff.lines.iter().filter_map(|line| match &line.charge {
        Charge::Demand(demand) => demand.ratchet.as_ref().map(|ratchet| ratchet.months),
        _ => None,
    });
    let months = 1 + ratchets.max().unwrap_or(0);
    let until = (0..months).fold(first, |month, _| month.next_month());
    Table::of(tariff, first, until).map(Arc::new).map_err(|_| Unusable::Calendar)
}
