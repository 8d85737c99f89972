//! What the loop shows: the view for page and terminal, made from one tick.

use std::collections::VecDeque;
use std::time::Duration;

use super::rates::Rates;
use super::stages::{Measured, Missed, Stage};
use super::told::told;
use crate::decide::{Memory, Standing};
use crate::journal::Health;
use crate::plan::{Cause, Condition, Event, Plan, Retreat};
use crate::plant::Score;
use crate::site::Site;
use crate::snapshot::{GroupSeen, Link, Peak, Reading, Snapshot};
use crate::time::{Now, Wall};
use crate::units::{Power, Price, Share};
use crate::web::words;
use crate::web::{
    EventView, Faults, FeederView, GroupView, JournalView, MAX_EVENTS, OrdersView, PeakView, ScoreView, Severity,
    StageView, TariffView, View,
};

/// A missed budget of one stage is told at most this often; the histogram counts them all.
const MISSED_REST_US: u64 = 1_000_000;
/// Sheds or restores no further apart than this are one line that grows: a ramp takes a step every tick.
const ONE_RAMP: Duration = Duration::from_secs(2);

/// What one view is made of.
pub(super) struct Seen<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) plan: &'a Plan,
    pub(super) memory: &'a Memory,
    pub(super) stages: Vec<Measured>,
    pub(super) score: Option<(Score, Option<Score>)>,
    pub(super) faults: Faults,
    pub(super) health: Health,
    pub(super) rates: Option<&'a Rates>,
}

/// What is shown beside the tick itself: remarks and the last events.
pub(super) struct Panel {
    note: String,
    demo: bool,
    /// A reading of the house older than this is not shown.
    house_lasts: Duration,
    fleet: Power,
    events: VecDeque<EventView>,
    missed_at: Vec<(Stage, u64)>,
    /// What the fail-safe pressed e-stop for, and nobody has released it since.
    terminated: Option<Condition>,
    /// The ramp that the newest event tells of, while it goes on.
    ramp: Option<Ramp>,
}

/// Power that goes down for a rule, or comes back, step by step.
#[derive(Clone, Copy)]
struct Ramp {
    shed: Option<Cause>,
    power: Power,
    since: Wall,
    last: Wall,
}

impl Ramp {
    fn of(event: &Event, wall: Wall) -> Option<Self> {
        let step = |shed, power| Some(Self { shed, power, since: wall, last: wall });
        match *event {
            Event::Shed { cause, power_w, .. } => step(Some(cause), power_w),
            Event::Restore { power_w, .. } => step(None, power_w),
            _ => None,
        }
    }

    fn goes_on_with(&self, step: Ramp) -> bool {
        self.shed == step.shed && step.last.since(self.last) <= ONE_RAMP
    }

    fn text(&self) -> String {
        let seconds = self.last.since(self.since).as_secs();
        let over = if seconds > 0 { format!(" in {seconds} s") } else { String::new() };
        match self.shed {
            Some(by) => format!("shed {}{over}: {}", self.power, words::name(by)),
            None => format!("restored {}{over}", self.power),
        }
    }
}

impl Panel {
    pub(super) fn new(site: &Site, house_lasts: Duration, note: String, demo: bool) -> Self {
        let fleet = site.groups.iter().map(crate::site::Group::nameplate).sum();
        Self {
            note,
            demo,
            house_lasts,
            fleet,
            events: VecDeque::new(),
            missed_at: vec![],
            terminated: None,
            ramp: None,
        }
    }

    /// Takes in what the plan tells.
    pub(super) fn events(&mut self, plan: &Plan, site: &Site, wall: Wall) {
        let stands = self.terminated.filter(|_| plan.stand.retreat == Retreat::Terminate);
        self.terminated = plan.stand.presses_e_stop().or(stands);
        for event in &plan.events {
            match (Ramp::of(event, wall), told(event, site)) {
                (Some(step), _) => self.step(step),
                (None, Some((severity, text))) => self.push(wall, severity, text),
                (None, None) => {}
            }
        }
    }

    /// One step of a ramp: the newest line grows where it tells of the same one.
    fn step(&mut self, step: Ramp) {
        let ramp = match self.ramp.filter(|ramp| ramp.goes_on_with(step)) {
            Some(ramp) => {
                self.events.pop_back();
                Ramp { since: ramp.since, power: ramp.power + step.power, ..step }
            }
            None => step,
        };
        self.push(ramp.last, Severity::Info, ramp.text());
        self.ramp = Some(ramp);
    }

    /// Takes in a missed budget; whether it is worth a record of its own.
    pub(super) fn missed(&mut self, missed: Missed, now: Now) -> bool {
        let micros = now.mono.micros();
        match self.missed_at.iter_mut().find(|(stage, _)| *stage == missed.stage) {
            Some((_, at)) if micros.saturating_sub(*at) < MISSED_REST_US => return false,
            Some((_, at)) => *at = micros,
            None => self.missed_at.push((missed.stage, micros)),
        }
        let (took, budget) = (missed.took_us as f64 / 1_000.0, missed.budget_us as f64 / 1_000.0);
        let text = format!("stage {} took {took:.0} ms, its budget is {budget:.0} ms", missed.stage.name());
        self.push(now.wall, Severity::Warn, text);
        true
    }

    /// Takes in something that no plan tells.
    pub(super) fn tell(&mut self, wall: Wall, severity: Severity, text: String) {
        self.push(wall, severity, text);
    }

    fn push(&mut self, wall: Wall, severity: Severity, text: String) {
        self.ramp = None;
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(EventView { unix_ms: wall.micros() / 1_000, severity, text });
    }

    pub(super) fn view(&self, standing: &Standing, seen: Seen<'_>) -> View {
        let (site, snapshot, plan) = (&standing.site, seen.snapshot, seen.plan);
        let measured = |reading: Reading| reading.known().map(|(power, _)| power.watts());
        // What a lost meter showed last is not shown as if it were now.
        let young = |reading: Reading, age: Duration| {
            reading.known().filter(|(_, at)| snapshot.now.mono.since(*at) <= age).map(|(power, _)| power.watts())
        };
        let (poi, hall) = (young(snapshot.poi, site.ages.meter), young(snapshot.hall, site.ages.meter));
        let house_seen = young(snapshot.house, self.house_lasts);
        let house = house_seen.map_or(site.house.nameplate, Power::from_watts);
        let limit = site.poi.import_limit;
        let orders = &snapshot.orders;
        View {
            unix_ms: snapshot.now.wall.micros() / 1_000,
            site: site.name.clone(),
            import_limit_w: limit.watts(),
            poi_w: poi,
            hall_w: hall,
            hall_worst_w: (plan.firm - house).or_zero().watts(),
            house_w: house_seen,
            miners_w: snapshot.groups.iter().filter_map(|group| measured(group.power)).sum(),
            counted_w: plan.counted.watts(),
            ceiling_w: plan.ceiling.watts(),
            price_micro_usd_mwh: snapshot.price.map(|seen| seen.price.micro_usd_per_mwh()),
            tariff: seen.rates.map(|rates| tariff(rates, &seen)),
            cause: plan.cause,
            terminated: self.terminated.filter(|_| orders.e_stop),
            static_w: (limit - site.hall.nameplate - house).or_zero().min(self.fleet).watts(),
            available_w: hall.map(|hall| (limit - Power::from_watts(hall) - house).or_zero().watts()),
            fleet_w: self.fleet.watts(),
            groups: groups(standing, &seen),
            feeders: feeders(standing, &seen),
            orders: OrdersView {
                e_stop: orders.e_stop,
                cap_w: orders.cap.map(Power::watts),
                drain: orders.drain,
                locked: orders.locked.iter().cloned().collect(),
            },
            stages: seen.stages.iter().map(stage).collect(),
            events: self.events.iter().cloned().collect(),
            score: seen.score.as_ref().map(score).unwrap_or_default(),
            journal: JournalView {
                records: seen.health.records,
                durable_lag: snapshot.tick.saturating_sub(snapshot.durable),
                root_prefix: String::new(),
            },
            faults: seen.faults,
            note: if seen.health.degraded {
                format!("the journal's disk refuses: {}", seen.health.trouble)
            } else {
                self.note.clone()
            },
            demo: self.demo,
        }
    }
}

/// What the tariff says now.
fn tariff(rates: &Rates, seen: &Seen<'_>) -> TariffView {
    let (account, terms) = (rates.account(), seen.snapshot.terms.as_ref());
    let import = seen.snapshot.poi.known().map_or(Power::ZERO, |(power, _)| power);
    let lines = &account.tariff().lines;
    let name = |line: u32| usize::try_from(line).ok().and_then(|at| lines.get(at)).map_or("?", |line| &line.name);
    let peak = |peak: &Peak| PeakView {
        line: name(peak.line).to_owned(),
        most_w: peak.at_most.watts(),
        now_w: seen.memory.billing.bound.map(Power::watts),
        until_ms: peak.until.micros() / 1_000,
    };
    let (_, text) = rates.in_force();
    TariffView {
        name: account.tariff().name.clone(),
        sha256: text.sha256.get(..12).unwrap_or_default().to_owned(),
        marginal_micro_usd_mwh: terms.and_then(|terms| terms.at(import)).map(Price::micro_usd_per_mwh),
        peaks: terms.map(|terms| terms.peaks.iter().map(peak).collect()).unwrap_or_default(),
        waits: rates.waits().map(|(sha256, moved)| (sha256.to_owned(), moved.map(Share::ppm))),
        refused: rates.refused().map(str::to_owned),
    }
}

fn groups(standing: &Standing, seen: &Seen<'_>) -> Vec<GroupView> {
    let all = standing.site.groups.iter().zip(&seen.snapshot.groups).zip(&seen.memory.groups);
    let on = |now: &GroupSeen, told: u64| {
        now.on.map_or(told, |(on, _)| on & now.miners.map_or(u64::MAX, |miners| miners.mining))
    };
    all.map(|((group, now), memory)| GroupView {
        name: group.name.clone(),
        units: group.units,
        on: on(now, memory.told.unwrap_or(0)),
        low: (on(now, memory.told.unwrap_or(0)) & memory.told.unwrap_or(0) & memory.level.low).count_ones(),
        power_w: now.power.known().filter(|_| now.link == Link::Up).map(|(power, _)| power.watts()),
        link: now.link,
        following: !memory.not_following,
        locked: memory.locked,
        severed: !memory.severed.is_no(),
        cause: seen.plan.cause,
    })
    .collect()
}

/// The feeders that can be opened.
fn feeders(standing: &Standing, seen: &Seen<'_>) -> Vec<FeederView> {
    let all = standing.contactors.iter().zip(&seen.memory.contactors).zip(&seen.snapshot.contactors);
    all.filter_map(|((fixed, kept), now)| {
        Some(FeederView {
            name: standing.site.feeders.get(fixed.feeder)?.name.clone(),
            open: kept.open.is_some(),
            dark: kept.dark,
            waits: kept.released.is_some(),
            following: !kept.not_following,
            behind_w: fixed.behind.watts(),
            power_w: now.power.known().map(|(power, _)| power.watts()),
            link: now.link,
        })
    })
    .collect()
}

fn stage(measured: &Measured) -> StageView {
    StageView {
        name: measured.stage.name().to_owned(),
        p50_us: measured.p50_us,
        p99_us: measured.p99_us,
        max_us: measured.max_us,
        budget_us: measured.budget_us,
        missed: measured.missed,
    }
}

/// After the start-up where that is over, else since the start.
fn score((whole, after): &(Score, Option<Score>)) -> ScoreView {
    let shares = after.as_ref().unwrap_or(whole);
    ScoreView {
        absorbed_share_ppm: shares.of_spare().map(Share::ppm),
        static_share_ppm: shares.reserved.share_of(shares.spare).map(Share::ppm),
        worst_excess_w: whole.worst_excess.watts(),
        excess_ws: whole.excess.joules(),
        time_above_ms: u64::try_from(whole.above.as_millis()).unwrap_or(u64::MAX),
        switches_mean_milli: whole.mean_switches_milli(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::file::load;

    #[test]
    fn a_ramp_is_one_line_that_grows_until_something_else_happens() {
        let site =
            load("demo.toml", include_str!("../../sites/demo.toml")).unwrap_or_else(|problems| panic!("{problems}"));
        let mut panel = Panel::new(&site, Duration::ZERO, String::new(), false);
        let shed = |cause| Event::Shed { cause, power_w: Power::from_kilowatts(10), groups: 1 };
        let mut at = |ms: i64, event| {
            let plan = Plan { events: vec![event], ..Plan::default() };
            panel.events(&plan, &site, Wall::from_micros(ms * 1_000));
        };
        (0..40).for_each(|tick| at(tick * 100, shed(Cause::Price)));
        at(4_000, Event::MeterStale { age_ms: 501 });
        at(4_100, shed(Cause::Price));
        at(9_000, shed(Cause::Price));
        at(9_100, shed(Cause::ImportLimit));
        let told: Vec<&str> = panel.events.iter().map(|event| event.text.as_str()).collect();
        let stale = "the POI meter is silent: nothing is restored";
        let wanted = [
            "shed 400 kW in 3 s: Price",
            stale,
            "shed 10.0 kW: Price",
            "shed 10.0 kW: Price",
            "shed 10.0 kW: Import limit",
        ];
        assert_eq!(told, wanted);
    }
}
