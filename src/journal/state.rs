//! What a reader of the journal knows after a record: the last snapshot, the last plan, and how times move.
//!
//! `diff` and `apply` are each other's inverse. Both sides foresee the same things, so what comes as foreseen is not
//! written: tick numbers that count up, lapses that are renewed, units read together with their power. Foreseeing wrongly
//! costs a few bytes and never exactness: all differences wrap, so that every value comes back as it was.

use std::iter::Peekable;
use std::slice::Iter;

use super::line::{Body, LimitRow, Meter, MinersRow, PowerRow, Row, UnitsRow};
use super::pace::{Pace, between, later};
use crate::plan::{Bound, Command, Plan, Scope};
use crate::sabotage::{self, Sabotage};
use crate::snapshot::{GroupSeen, MinersSeen, PriceSeen, Reading, RelaySeen, Snapshot};
use crate::time::{Mono, Now, Wall};
use crate::units::Price;

/// The most groups, limits or commands a record may speak of, so that a forged line cannot ask for all memory: ten times the
/// groups that a site file can describe.
const MOST: usize = 100_000;

/// The state after a record.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) snapshot: Snapshot,
    /// The last plan, without its events: they have lines of their own.
    pub(super) plan: Plan,
    offset: i64,
    on_paces: Vec<Pace>,
    lapse_paces: Vec<Pace>,
}

/// Why a body cannot be folded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Misfit {
    #[error("a row is out of order or names an entry that does not exist")]
    Row,
    #[error("more than {MOST} entries")]
    TooMany,
}

/// How far the time of a group's power moved, where it has one before and after.
fn moved(before: Reading, after: Reading) -> i64 {
    match (before.known(), after.known()) {
        (Some((_, before)), Some((_, after))) => between(before, after),
        _ => 0,
    }
}

pub(super) fn offset(now: Now) -> i64 {
    now.wall.micros().wrapping_sub(now.mono.micros().cast_signed())
}

impl State {
    /// What changed from this state to the next tick.
    pub(super) fn diff(&self, snapshot: &Snapshot, plan: &Plan) -> Body {
        let mut body = Body::default();
        self.diff_site(snapshot, &mut body);
        self.diff_groups(snapshot, &mut body);
        self.diff_plan(plan, &mut body);
        self.diff_commands(snapshot.now.mono, plan, &mut body);
        body
    }

    fn diff_site(&self, snapshot: &Snapshot, body: &mut Body) {
        let (last, mono) = (&self.snapshot, snapshot.now.mono);
        let meter = |before: Reading, after: Reading| (before != after).then(|| shown(after, mono));
        body.n = (snapshot.tick != last.tick.wrapping_add(1)).then_some(snapshot.tick);
        let offset = offset(snapshot.now);
        body.offset_us = (offset != self.offset).then_some(offset);
        body.poi = meter(last.poi, snapshot.poi);
        body.hall = meter(last.hall, snapshot.hall);
        body.house = meter(last.house, snapshot.house);
        body.price = (last.price != snapshot.price).then(|| {
            snapshot.price.map_or(Vec::new(), |seen| vec![seen.price.micro_usd_per_mwh(), between(seen.at, mono)])
        });
        body.terms = (last.terms != snapshot.terms).then(|| snapshot.terms.iter().cloned().collect());
        body.orders = (last.orders != snapshot.orders).then(|| snapshot.orders.clone());
        body.relay = (last.relay != snapshot.relay).then(|| {
            let row = |seen: RelaySeen| vec![seen.tripped.into(), seen.armed.into(), between(seen.at, mono)];
            snapshot.relay.map_or(Vec::new(), row)
        });
        body.lag = (lag(snapshot) != lag(last)).then(|| lag(snapshot));
        body.groups = (last.groups.len() != snapshot.groups.len()).then_some(snapshot.groups.len());
        let contactors = snapshot.contactors.len();
        body.contactors = (last.contactors.len() != contactors).then_some(contactors);
    }

    fn diff_groups(&self, snapshot: &Snapshot, body: &mut Body) {
        let mono = snapshot.now.mono;
        let last = |index: usize| match index.checked_sub(snapshot.groups.len()) {
            None => self.snapshot.groups.get(index).copied().unwrap_or_default(),
            Some(contactor) => self.snapshot.contactors.get(contactor).copied().unwrap_or_default(),
        };
        for (index, now) in snapshot.groups.iter().chain(&snapshot.contactors).enumerate() {
            let last = last(index);
            if last.link != now.link && !sabotage::is(Sabotage::JournalForgets) {
                body.link.push((index, now.link));
            }
            if last.power != now.power {
                body.w.push(match shown(now.power, mono) {
                    Meter::Known(power, age) => PowerRow::Known(index, power, age),
                    Meter::NoData(why) => PowerRow::NoData(index, why),
                });
            }
            let pace = self.on_paces.get(index).copied().unwrap_or_default();
            let moved = moved(last.power, now.power);
            let foreseen = last.on.map(|(units, at)| (units, pace.foresee(at, moved)));
            body.on.extend(units_row(index, foreseen, now.on, mono));
            body.written.extend(units_row(index, last.written, now.written, mono));
            body.miners.extend((last.miners != now.miners).then(|| miners_row(index, now.miners, mono)));
        }
    }

    fn diff_plan(&self, plan: &Plan, body: &mut Body) {
        let last = &self.plan;
        body.ceiling_w = (last.ceiling != plan.ceiling).then_some(plan.ceiling);
        body.floor_w = (last.floor != plan.floor).then_some(plan.floor);
        body.cause = (last.cause != plan.cause).then_some(plan.cause);
        body.stand = (last.stand != plan.stand).then_some(plan.stand);
        body.counted_w = (last.counted != plan.counted).then_some(plan.counted);
        body.feeders = (last.contactors != plan.contactors).then(|| plan.contactors.clone());
        body.firm_w = (last.firm != plan.firm).then_some(plan.firm);
        if last.intends != plan.intends {
            body.intends = Some(plan.intends.len());
            body.raise.clone_from(&plan.intends);
        }
        body.limits = (last.limits.len() != plan.limits.len()).then_some(plan.limits.len());
        for (index, now) in plan.limits.iter().enumerate() {
            let last = last.limits.get(index).copied().unwrap_or(NO_BOUND);
            if (last.scope, last.cause) != (now.scope, now.cause) {
                body.lim.push(LimitRow::Full(index, now.at_most, now.scope, now.cause));
            } else if last.at_most != now.at_most {
                body.lim.push(LimitRow::Moved(index, now.at_most));
            }
        }
    }

    fn diff_commands(&self, mono: Mono, plan: &Plan, body: &mut Body) {
        let moved = between(self.snapshot.now.mono, mono);
        body.commands = (self.plan.commands.len() != plan.commands.len()).then_some(plan.commands.len());
        for (index, now) in plan.commands.iter().enumerate() {
            let last = self.plan.commands.get(index).copied().unwrap_or_default();
            let pace = self.lapse_paces.get(index).copied().unwrap_or_default();
            let foreseen = (last.on, pace.foresee(last.lapses, moved));
            body.cmd.extend(units_row(index, Some(foreseen), Some((now.on, now.lapses)), mono));
            body.cut.extend((last.cut != now.cut).then_some((index, now.cut)));
            body.low.extend((last.low != now.low).then_some((index, now.low)));
        }
    }

    /// Goes to the state that [`State::diff`] was told of.
    pub(super) fn apply(&mut self, wall: Wall, body: &Body) -> Result<(), Misfit> {
        if [body.groups, body.contactors, body.limits, body.commands].into_iter().flatten().any(|count| count > MOST) {
            return Err(Misfit::TooMany);
        }
        self.offset = body.offset_us.unwrap_or(self.offset);
        let mono = Mono::from_micros(wall.micros().wrapping_sub(self.offset).cast_unsigned());
        let passed = between(self.snapshot.now.mono, mono);
        self.apply_site(Now { mono, wall }, body);
        self.apply_groups(mono, body)?;
        self.apply_plan(body)?;
        self.apply_commands(mono, passed, body)
    }

    fn apply_site(&mut self, now: Now, body: &Body) {
        let lag = body.lag.unwrap_or(lag(&self.snapshot));
        let snapshot = &mut self.snapshot;
        snapshot.now = now;
        snapshot.tick = body.n.unwrap_or(snapshot.tick.wrapping_add(1));
        snapshot.durable = snapshot.tick.wrapping_sub(lag.cast_unsigned());
        for (slot, seen) in
            [(&mut snapshot.poi, &body.poi), (&mut snapshot.hall, &body.hall), (&mut snapshot.house, &body.house)]
        {
            if let Some(seen) = seen {
                *slot = reading(seen, now.mono);
            }
        }
        if let Some(price) = &body.price {
            snapshot.price = match price.as_slice() {
                [price, age] => {
                    let at = later(now.mono, age.wrapping_neg());
                    Some(PriceSeen { price: Price::from_micro_usd_per_mwh(*price), at })
                }
                _ => None,
            };
        }
        if let Some(terms) = &body.terms {
            snapshot.terms = terms.first().cloned();
        }
        if let Some(orders) = &body.orders {
            snapshot.orders.clone_from(orders);
        }
        if let Some(relay) = &body.relay {
            snapshot.relay = match relay.as_slice() {
                [tripped, armed, age] => {
                    let at = later(now.mono, age.wrapping_neg());
                    Some(RelaySeen { tripped: *tripped != 0, armed: *armed != 0, at })
                }
                _ => None,
            };
        }
    }

    fn apply_groups(&mut self, mono: Mono, body: &Body) -> Result<(), Misfit> {
        let count = body.groups.unwrap_or(self.snapshot.groups.len());
        self.snapshot.groups.resize(count, GroupSeen::default());
        let contactors = body.contactors.unwrap_or(self.snapshot.contactors.len());
        self.snapshot.contactors.resize(contactors, GroupSeen::default());
        self.on_paces.resize(count.saturating_add(contactors), Pace::default());
        let (mut links, mut powers) = (Rows::of(&body.link), Rows::of(&body.w));
        let (mut ons, mut writtens) = (Rows::of(&body.on), Rows::of(&body.written));
        let mut miners = Rows::of(&body.miners);
        let all = self.snapshot.groups.iter_mut().chain(&mut self.snapshot.contactors);
        for (index, (group, pace)) in all.zip(&mut self.on_paces).enumerate() {
            let last = *group;
            if let Some((_, link)) = links.take(index) {
                group.link = *link;
            }
            match powers.take(index) {
                Some(PowerRow::Known(_, power, age)) => group.power = reading(&Meter::Known(*power, *age), mono),
                Some(PowerRow::NoData(_, why)) => group.power = Reading::NoData(*why),
                None => {}
            }
            let moved = moved(last.power, group.power);
            let foreseen = last.on.map(|(units, at)| (units, pace.foresee(at, moved)));
            group.on = units(ons.take(index), foreseen, mono);
            if let (Some((_, before)), Some((_, after))) = (last.on, group.on) {
                pace.learn(before, after, moved);
            }
            group.written = units(writtens.take(index), last.written, mono);
            group.miners = miners.take(index).map_or(last.miners, |row| miners_seen(row, mono));
        }
        links.end()?;
        powers.end()?;
        ons.end()?;
        miners.end()?;
        writtens.end()
    }

    fn apply_plan(&mut self, body: &Body) -> Result<(), Misfit> {
        let plan = &mut self.plan;
        plan.ceiling = body.ceiling_w.unwrap_or(plan.ceiling);
        plan.floor = body.floor_w.unwrap_or(plan.floor);
        plan.cause = body.cause.unwrap_or(plan.cause);
        plan.stand = body.stand.unwrap_or(plan.stand);
        plan.counted = body.counted_w.unwrap_or(plan.counted);
        if let Some(contactors) = &body.feeders {
            plan.contactors.clone_from(contactors);
        }
        plan.firm = body.firm_w.unwrap_or(plan.firm);
        if let Some(announced) = body.intends {
            plan.intends.clone_from(&body.raise);
            if announced != plan.intends.len() {
                return Err(Misfit::Row);
            }
        }
        plan.limits.resize(body.limits.unwrap_or(plan.limits.len()), NO_BOUND);
        let mut rows = Rows::of(&body.lim);
        for (index, limit) in plan.limits.iter_mut().enumerate() {
            match rows.take(index) {
                Some(LimitRow::Full(_, at_most, scope, cause)) => {
                    *limit = Bound { scope: *scope, at_most: *at_most, cause: *cause };
                }
                Some(LimitRow::Moved(_, at_most)) => limit.at_most = *at_most,
                None => {}
            }
        }
        rows.end()
    }

    fn apply_commands(&mut self, mono: Mono, passed: i64, body: &Body) -> Result<(), Misfit> {
        let count = body.commands.unwrap_or(self.plan.commands.len());
        self.plan.commands.resize(count, Command::default());
        self.lapse_paces.resize(count, Pace::default());
        let (mut rows, mut cuts, mut lows) = (Rows::of(&body.cmd), Rows::of(&body.cut), Rows::of(&body.low));
        for (index, (command, pace)) in self.plan.commands.iter_mut().zip(&mut self.lapse_paces).enumerate() {
            let last = *command;
            let foreseen = (last.on, pace.foresee(last.lapses, passed));
            if let Some((on, lapses)) = units(rows.take(index), Some(foreseen), mono) {
                (command.on, command.lapses) = (on, lapses);
                pace.learn(last.lapses, lapses, passed);
            }
            command.cut = cuts.take(index).map_or(last.cut, |(_, cut)| *cut);
            command.low = lows.take(index).map_or(last.low, |(_, low)| *low);
        }
        cuts.end()?;
        lows.end()?;
        rows.end()
    }
}

/// What a limit that did not exist before is compared with.
const NO_BOUND: Bound =
    Bound { scope: Scope::Site, at_most: crate::units::Power::ZERO, cause: crate::plan::Cause::Nameplate };

fn lag(snapshot: &Snapshot) -> i64 {
    snapshot.tick.wrapping_sub(snapshot.durable).cast_signed()
}

fn shown(reading: Reading, mono: Mono) -> Meter {
    match reading {
        Reading::Known(power, at) => Meter::Known(power, between(at, mono)),
        Reading::NoData(why) => Meter::NoData(why),
    }
}

fn reading(shown: &Meter, mono: Mono) -> Reading {
    match shown {
        Meter::Known(power, age) => Reading::Known(*power, later(mono, age.wrapping_neg())),
        Meter::NoData(why) => Reading::NoData(*why),
    }
}

type Units = Option<(u64, Mono)>;

fn units_row(index: usize, foreseen: Units, now: Units, mono: Mono) -> Option<UnitsRow> {
    match (foreseen, now) {
        (before, after) if before == after => None,
        (_, None) => Some(UnitsRow::Nothing(index)),
        (Some((_, foreseen)), Some((bits, at))) if at == foreseen => Some(UnitsRow::Bits(index, bits)),
        (_, Some((bits, at))) => Some(UnitsRow::Full(index, bits, between(at, mono))),
    }
}

fn units(row: Option<&UnitsRow>, foreseen: Units, mono: Mono) -> Units {
    match row {
        None => foreseen,
        Some(UnitsRow::Nothing(_)) => None,
        Some(UnitsRow::Bits(_, bits)) => foreseen.map(|(_, at)| (*bits, at)),
        Some(UnitsRow::Full(_, bits, age)) => Some((*bits, later(mono, age.wrapping_neg()))),
    }
}

fn miners_row(index: usize, seen: Option<MinersSeen>, mono: Mono) -> MinersRow {
    let Some(MinersSeen { asked, reached, mining, written }) = seen else { return MinersRow::Nothing(index) };
    match written {
        Some((bits, at)) => MinersRow::Answered(index, asked, reached, mining, bits, between(at, mono)),
        None => MinersRow::Seen(index, asked, reached, mining),
    }
}

fn miners_seen(row: &MinersRow, mono: Mono) -> Option<MinersSeen> {
    match *row {
        MinersRow::Answered(_, asked, reached, mining, bits, age) => {
            Some(MinersSeen { asked, reached, mining, written: Some((bits, later(mono, age.wrapping_neg()))) })
        }
        MinersRow::Seen(_, asked, reached, mining) => Some(MinersSeen { asked, reached, mining, written: None }),
        MinersRow::Nothing(_) => None,
    }
}

/// Rows in the order of their index, taken one entry after the other.
struct Rows<'a, R>(Peekable<Iter<'a, R>>);

impl<'a, R: Row> Rows<'a, R> {
    fn of(rows: &'a [R]) -> Self {
        Self(rows.iter().peekable())
    }

    fn take(&mut self, index: usize) -> Option<&'a R> {
        self.0.next_if(|row| row.index() == index)
    }

    /// A row that fitted nowhere was not written by us.
    fn end(mut self) -> Result<(), Misfit> {
        if self.0.peek().is_some() { Err(Misfit::Row) } else { Ok(()) }
    }
}
