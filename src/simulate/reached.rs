//! What a run came by beside faults: rules that bound, events, states of connections, starts. A run that is long enough and never
//! saw one of them shows nothing about it, and fails.

use std::collections::BTreeSet;
use std::time::Duration;

use super::fault::{Class, has_contactors, has_firmware};
use crate::plan::{Cause, Condition, Event, Plan, Retreat, Stand};
use crate::site::Site;
use crate::snapshot::{Link, Snapshot};
use crate::units::{Power, Share};

/// From so much site time on every class and every state must have been reached.
pub const STATES_FROM: Duration = Duration::from_secs(20 * 3_600);
/// From so much on every pair of classes too.
pub const PAIRS_FROM: Duration = Duration::from_secs(1_000 * 3_600);

/// What is never asked for, and why.
const NOT_ASKED: [(State, &str); 6] = [
    (State("rule", "billing_peak"), "tariffs are not simulated: the stories hold it"),
    (State("rule", "drain"), "a run that ends in order: its own tests hold it"),
    (State("condition", "draining"), "the same"),
    (State("condition", "relay_tripped"), "no site that ships has an under-frequency relay: its own tests hold it"),
    (State("condition", "relay_unseen"), "the same"),
    (State("condition", "relay_disarmed"), "the same"),
];

/// What is asked for only where miners are told by their own firmware.
const OF_FIRMWARE: [State; 3] = [State("event", "act.cut"), State("event", "act.quarantine"), LIFTED];
/// What is asked for only where feeders have contactors.
const OF_FEEDERS: [State; 4] = [
    State("event", "feeder.open"),
    State("event", "feeder.unverified"),
    State("event", "feeder.dark"),
    State("event", "feeder.close"),
];
/// A record of a start, and no event of a tick.
const LIFTED: State = State("event", "quarantine.lifted");

/// Something that can be reached: what sort of thing, and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct State(pub &'static str, pub &'static str);

/// Lists the events once: variant and name. One that is new does not compile until it is listed here, and so asked for.
macro_rules! events {
    ($($variant:ident, $name:literal;)*) => {
        const EVENTS: &[&str] = &[$($name,)*];

        fn event(event: &Event) -> &'static str {
            match event {
                $(Event::$variant { .. } => $name,)*
            }
        }
    };
}

events! {
    ModeChange, "mode.change";
    Excursion, "limit.excursion";
    Cleared, "limit.cleared";
    MeterStale, "meter.stale";
    MeterFresh, "meter.fresh";
    AiStale, "ai.stale";
    AiFresh, "ai.fresh";
    PriceStale, "price.stale";
    PriceFresh, "price.fresh";
    RecordLate, "record.late";
    RecordDurable, "record.durable";
    MetersDisagree, "meter.suspect";
    MetersAgree, "meter.agree";
    Failsafe, "failsafe.acts";
    FailsafeClear, "failsafe.clear";
    ClockSet, "time.step";
    DeviceLost, "dev.lost";
    DeviceBack, "dev.back";
    Shed, "shed";
    Restore, "restore";
    NotFollowing, "act.unverified";
    Following, "act.verified";
    Cut, "act.cut";
    Quarantine, "act.quarantine";
    FeederOpens, "feeder.open";
    FeederNotFollowing, "feeder.unverified";
    FeederDark, "feeder.dark";
    FeederCloses, "feeder.close";
}

/// Why the controller starts, or goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    First,
    AfterKill,
    AfterHang,
    AfterPowerLoss,
    AfterTornLine,
    AfterLostStore,
}

impl Start {
    const ALL: [Self; 6] = [
        Self::First,
        Self::AfterKill,
        Self::AfterHang,
        Self::AfterPowerLoss,
        Self::AfterTornLine,
        Self::AfterLostStore,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::First => "for the first time",
            Self::AfterKill => "after a kill",
            Self::AfterHang => "after a hang",
            Self::AfterPowerLoss => "after a loss of power",
            Self::AfterTornLine => "after a loss of power in the middle of a write",
            Self::AfterLostStore => "after the loss of the state store",
        }
    }
}

fn link(link: Link) -> &'static str {
    match link {
        Link::New => "new",
        Link::Up => "up",
        Link::Silent => "silent",
    }
}

/// What was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    states: BTreeSet<State>,
    /// What was noted last, so that most ticks note nothing.
    cause: Option<Cause>,
    stand: Stand,
    links: [bool; 3],
}

impl Reached {
    /// Notes one turn of the loop.
    pub(super) fn note(&mut self, snapshot: &Snapshot, plan: &Plan) {
        if self.cause != Some(plan.cause) {
            self.cause = Some(plan.cause);
            self.states.insert(State("rule", plan.cause.name()));
        }
        if let Some(condition) = plan.stand.condition.filter(|_| self.stand != plan.stand) {
            self.stand = plan.stand;
            self.states.insert(State("condition", condition.name()));
            self.states.insert(State("retreat", plan.stand.retreat.name()));
        }
        self.states.extend(plan.events.iter().map(|it| State("event", event(it))));
        if self.links != [true; 3] {
            snapshot.groups.iter().for_each(|group| self.link(group.link));
        }
    }

    fn link(&mut self, state: Link) {
        if let Some(seen) = self.links.get_mut(state as usize)
            && !std::mem::replace(seen, true)
        {
            self.states.insert(State("connection", link(state)));
        }
    }

    /// Notes a start.
    pub(super) fn start(&mut self, start: Start) {
        self.states.insert(State("start", start.name()));
    }

    /// Notes that a person let units back.
    pub(super) fn lifted(&mut self) {
        self.states.insert(LIFTED);
    }

    /// Adds what another run reached.
    pub(super) fn add(&mut self, other: &Self) {
        self.states.extend(&other.states);
    }

    /// What was never reached of what these sites and faults can reach in so much site time. That a person lets a miner back which was
    /// in quarantine just then takes as many hours as all pairs.
    pub fn never(&self, sites: &[&Site], span: Duration) -> Vec<State> {
        let not_asked = |state: &State| NOT_ASKED.iter().any(|(not, _)| not == state);
        let rated = sites.iter().any(|site| has_tight_feeder(site));
        let roomy = sites.iter().any(|site| has_room_for_all(site));
        let firmware = sites.iter().any(|site| has_firmware(site));
        let contactors = sites.iter().any(|site| has_contactors(site));
        let cannot = |state: &State| match state {
            State("rule", "feeder_rating") => !rated,
            State("rule", "nameplate") => !roomy,
            state if *state == LIFTED => !firmware || span < PAIRS_FROM,
            state if OF_FIRMWARE.contains(state) => !firmware,
            state if OF_FEEDERS.contains(state) => !contactors,
            _ => false,
        };
        all().into_iter().filter(|state| !self.states.contains(state) && !not_asked(state) && !cannot(state)).collect()
    }
}

fn all() -> Vec<State> {
    let causes = Cause::ALL.iter().map(|cause| State("rule", cause.name()));
    let events = EVENTS.iter().map(|name| State("event", name));
    let conditions = Condition::ALL.iter().map(|condition| State("condition", condition.name()));
    let retreats = Retreat::ALL.iter().filter(|retreat| **retreat != Retreat::None);
    let retreats = retreats.map(|retreat| State("retreat", retreat.name()));
    let links = [Link::New, Link::Up, Link::Silent].map(|state| State("connection", link(state)));
    let starts = Start::ALL.map(|start| State("start", start.name()));
    causes.chain(conditions).chain(retreats).chain(events).chain([LIFTED]).chain(links).chain(starts).collect()
}

/// Whether a feeder carries less than what hangs on it.
fn has_tight_feeder(site: &Site) -> bool {
    site.feeders.iter().enumerate().any(|(ix, feeder)| {
        let behind: Power =
            site.groups.iter().filter(|group| group.feeder == Some(ix)).map(|group| group.nameplate()).sum();
        behind > feeder.rating
    })
}

/// Whether all miners can run beside half a hall: on others something always binds before the nameplates do.
fn has_room_for_all(site: &Site) -> bool {
    let fleet: Power = site.groups.iter().map(|group| group.nameplate()).sum();
    let left = site.poi.import_limit - site.hall.nameplate.part(Share::from_ppm(500_000)) - site.house.nameplate;
    fleet <= left && !has_tight_feeder(site)
}

/// The pairs of classes that can meet on one of these sites.
pub fn pairs(sites: &[&Site]) -> Vec<(Class, Class)> {
    let classes = Class::on_any(sites);
    let all = classes.iter().flat_map(|one| classes.iter().map(move |two| (*one, *two)));
    all.filter(|(one, two)| one < two && one.meets(*two, sites)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::file::load;

    #[test]
    fn what_was_not_reached_is_named_and_what_was_is_not() {
        let demo = load("demo.toml", include_str!("../../sites/demo.toml")).unwrap();
        let mut reached = Reached::default();
        let before = reached.never(&[&demo], STATES_FROM);
        assert!(before.contains(&State("rule", "e_stop")) && before.contains(&State("connection", "silent")));
        assert!(!before.contains(&State("rule", "drain")), "a state that is not asked for");
        assert!(!before.contains(&State("rule", "feeder_rating")), "the feeders of the demo site carry all");
        assert!(before.contains(&State("rule", "nameplate")), "and all its miners can run at once");
        let wide = load("wide.toml", include_str!("../../sites/wide.toml")).unwrap();
        assert!(
            !reached.never(&[&wide], STATES_FROM).contains(&State("rule", "nameplate")),
            "there more than there is room for"
        );
        let firmware = load("firmware.toml", include_str!("../../sites/firmware.toml")).unwrap();
        assert!(OF_FIRMWARE.iter().all(|state| !before.contains(state)), "nobody is told by firmware there");
        assert!(OF_FIRMWARE.iter().all(|state| reached.never(&[&demo, &firmware], PAIRS_FROM).contains(state)));
        assert!(!reached.never(&[&firmware], STATES_FROM).contains(&LIFTED));
        let plan = Plan { cause: Cause::EStop, events: vec![Event::MeterFresh {}], ..Plan::default() };
        reached.note(&Snapshot::default(), &plan);
        reached.start(Start::AfterHang);
        let after = reached.never(&[&demo], STATES_FROM);
        assert_eq!(before.len() - after.len(), 3);
        assert!(!after.contains(&State("event", "meter.fresh")));
    }

    #[test]
    fn pairs_are_those_that_can_meet_on_a_site() {
        let site = |text| load("site.toml", text).unwrap();
        let firmware = site(include_str!("../../sites/firmware.toml"));
        let container = site(include_str!("../../sites/container.toml"));
        let of = |count: usize| count * (count - 1) / 2;
        assert_eq!(pairs(&[&firmware]).len(), of(Class::on_any(&[&firmware]).len()));
        let (both, never) = (pairs(&[&firmware, &container]), (Class::MinerSilent, Class::ContactorSticks));
        assert!(both.contains(&(Class::Killed, Class::Cap)) && !both.contains(&never));
        let apart = Class::ALL.iter().filter(|class| class.is_of_firmware()).count() * 2;
        assert_eq!(both.len(), of(Class::ALL.len()) - apart);
    }
}
