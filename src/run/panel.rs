//! What the loop shows: the view for page and terminal, made from one tick.

use std::collections::VecDeque;

use super::stages::{Measured, Missed, Stage};
use crate::decide::{Memory, Standing};
use crate::journal::Health;
use crate::plan::{Cause, Event, Plan};
use crate::plant::Score;
use crate::site::Site;
use crate::snapshot::{Link, Reading, Snapshot};
use crate::time::{Now, Wall};
use crate::units::{Power, Share};
use crate::web::words;
use crate::web::{
    EventView, Faults, GroupView, JournalView, MAX_EVENTS, OrdersView, ScoreView, Severity, StageView, View,
};

/// A missed budget of one stage is told at most this often; the histogram counts them all.
const MISSED_REST_US: u64 = 1_000_000;

/// What one view is made of.
pub(super) struct Seen<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) plan: &'a Plan,
    pub(super) memory: &'a Memory,
    pub(super) stages: Vec<Measured>,
    pub(super) score: Option<(Score, Option<Score>)>,
    pub(super) faults: Faults,
    pub(super) health: Health,
}

/// What is shown beside the tick itself: remarks and the last events.
pub(super) struct Panel {
    note: String,
    demo: bool,
    fleet: Power,
    events: VecDeque<EventView>,
    missed_at: Vec<(Stage, u64)>,
}

impl Panel {
    pub(super) fn new(site: &Site, note: String, demo: bool) -> Self {
        let fleet = site.groups.iter().map(crate::site::Group::nameplate).sum();
        Self { note, demo, fleet, events: VecDeque::new(), missed_at: vec![] }
    }

    /// Takes in what the plan tells.
    pub(super) fn events(&mut self, plan: &Plan, site: &Site, wall: Wall) {
        for event in &plan.events {
            let (severity, text) = told(event, site);
            self.push(wall, severity, text);
        }
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

    fn push(&mut self, wall: Wall, severity: Severity, text: String) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(EventView { unix_ms: wall.micros() / 1_000, severity, text });
    }

    pub(super) fn view(&self, standing: &Standing, seen: Seen<'_>) -> View {
        let (site, snapshot, plan) = (&standing.site, seen.snapshot, seen.plan);
        let measured = |reading: Reading| reading.known().map(|(power, _)| power.watts());
        let house = measured(snapshot.house).map_or(site.house.nameplate, Power::from_watts);
        let hall = measured(snapshot.hall);
        let limit = site.poi.import_limit;
        let orders = snapshot.orders;
        View {
            unix_ms: snapshot.now.wall.micros() / 1_000,
            site: site.name.clone(),
            import_limit_w: limit.watts(),
            poi_w: measured(snapshot.poi),
            hall_w: hall,
            hall_worst_w: (plan.firm - house).or_zero().watts(),
            house_w: measured(snapshot.house),
            miners_w: snapshot.groups.iter().filter_map(|group| measured(group.power)).sum(),
            counted_w: plan.counted.watts(),
            ceiling_w: plan.ceiling.watts(),
            price_micro_usd_mwh: snapshot.price.map(|seen| seen.price.micro_usd_per_mwh()),
            cause: plan.cause,
            static_w: (limit - site.hall.nameplate - house).or_zero().min(self.fleet).watts(),
            available_w: hall.map(|hall| (limit - Power::from_watts(hall) - house).or_zero().watts()),
            fleet_w: self.fleet.watts(),
            groups: groups(standing, &seen),
            orders: OrdersView { e_stop: orders.e_stop, cap_w: orders.cap.map(Power::watts), drain: orders.drain },
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

fn groups(standing: &Standing, seen: &Seen<'_>) -> Vec<GroupView> {
    let all = standing.site.groups.iter().zip(&seen.snapshot.groups).zip(&seen.memory.groups);
    all.map(|((group, now), memory)| GroupView {
        name: group.name.clone(),
        units: group.units,
        on: now.on.map_or(memory.told.unwrap_or(0), |(on, _)| on),
        power_w: now.power.known().filter(|_| now.link == Link::Up).map(|(power, _)| power.watts()),
        link: now.link,
        following: !memory.not_following,
        cause: seen.plan.cause,
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

/// An event in plain words, and how much it matters.
fn told(event: &Event, site: &Site) -> (Severity, String) {
    let name = |ix: usize| site.groups.get(ix).map_or("?", |group| group.name.as_str());
    let cause = |cause: Cause| words::name(cause);
    match *event {
        Event::ModeChange { to, ceiling_w, .. } => {
            (Severity::Info, format!("{} binds: miners may draw {ceiling_w}", cause(to)))
        }
        Event::Excursion { poi_w, limit_w } => {
            (Severity::Alarm, format!("import {poi_w} is above the limit of {limit_w}"))
        }
        Event::Cleared { peak_w, dur_ms } => {
            (Severity::Warn, format!("import is back under the limit after {dur_ms} ms, at most {peak_w}"))
        }
        Event::MeterStale { .. } => (Severity::Alarm, "the POI meter is silent: nothing is restored".into()),
        Event::MeterFresh {} => (Severity::Info, "the POI meter is back".into()),
        Event::AiStale { assumed_w, .. } => {
            (Severity::Alarm, format!("the hall's meter is silent: it counts as {assumed_w} and rising"))
        }
        Event::AiFresh {} => (Severity::Info, "the hall's meter is back".into()),
        Event::PriceStale {} => (Severity::Warn, "the price is lost: the file's fall-back holds".into()),
        Event::PriceFresh {} => (Severity::Info, "the price is back".into()),
        Event::DeviceLost { group, assumed_w } => {
            (Severity::Alarm, format!("{} is silent: it counts as drawing {assumed_w}", name(group)))
        }
        Event::DeviceBack { group } => (Severity::Info, format!("{} answers again", name(group))),
        Event::Shed { cause: by, power_w, groups } => {
            (Severity::Info, format!("shed {power_w} in {groups} groups: {}", cause(by)))
        }
        Event::Restore { power_w, groups } => (Severity::Info, format!("restored {power_w} in {groups} groups")),
        Event::NotFollowing { group, expect_w, counted_w } => {
            (Severity::Alarm, format!("{} does not follow: told {expect_w}, counts as {counted_w}", name(group)))
        }
        Event::Following { group } => (Severity::Info, format!("{} follows again, by its watts", name(group))),
    }
}
