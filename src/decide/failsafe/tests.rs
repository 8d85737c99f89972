//! The table stepped through time, 10 ms at a time.

use super::*;
use crate::site::file::load;

const STEP: Duration = Duration::from_millis(10);

/// The table with all that it remembers, and a clock.
struct Stepped {
    site: Site,
    held: [Held; CONDITIONS],
    now: Mono,
    changes: Vec<(u64, Change)>,
}

fn calm() -> Signs {
    let young = Some(Duration::from_millis(120));
    Signs { poi_age: young, hall_age: young, import: Some(Power::from_kilowatts(3_000)), ..Signs::default() }
}

impl Stepped {
    fn new() -> Self {
        let site = load("demo.toml", include_str!("../../../sites/demo.toml")).unwrap_or_else(|why| panic!("{why}"));
        Self { site, held: Default::default(), now: Mono::START, changes: Vec::new() }
    }

    /// These signs for so long; how far the table steps back at the end.
    fn for_ms(&mut self, ms: u64, signs: Signs) -> Stand {
        let end = self.now.after(Duration::from_millis(ms));
        let mut last = Stand::default();
        while self.now < end {
            self.now = self.now.after(STEP);
            let (stand, changes) = stand(&self.site, &Signs { now: self.now, ..signs }, &mut self.held);
            let at = self.now.micros() / 1_000;
            self.changes.extend(changes.into_iter().map(|change| (at, change)));
            last = stand;
        }
        last
    }
}

fn is(retreat: Retreat, condition: Condition) -> Stand {
    Stand { retreat, condition: Some(condition) }
}

#[test]
fn the_table_has_one_row_for_each_condition_in_their_order() {
    assert!(TABLE.iter().map(|row| row.condition).eq(Condition::ALL));
}

#[test]
fn every_row_is_in_the_page_of_what_is_promised() {
    let page = include_str!("../../../docs/reliability.md");
    for condition in Condition::ALL {
        assert!(page.contains(&format!("| `{}` |", condition.name())), "{}: no row", condition.name());
    }
}

#[test]
fn a_calm_site_steps_back_from_nothing() {
    let mut stepped = Stepped::new();
    assert_eq!(stepped.for_ms(120_000, calm()), Stand::default());
    assert_eq!(stepped.changes, []);
}

#[test]
fn a_lost_poi_meter_holds_then_descends_and_is_cleared_when_it_was_back_for_ten_seconds() {
    let mut stepped = Stepped::new();
    let lost = Signs { poi_age: None, import: None, ..calm() };
    assert_eq!(stepped.for_ms(60_000, lost), is(Retreat::Hold, Condition::PoiUnseen));
    assert_eq!(stepped.for_ms(10, lost), is(Retreat::Descend, Condition::PoiUnseen));
    assert_eq!(stepped.for_ms(9_990, calm()), is(Retreat::Descend, Condition::PoiUnseen));
    assert_eq!(stepped.for_ms(10, calm()), Stand::default());
    let unseen = Condition::PoiUnseen;
    let told = [
        (10, Change::Begins(unseen)),
        (60_010, Change::Acts(unseen, Retreat::Descend)),
        (70_010, Change::Clears(unseen)),
    ];
    assert_eq!(stepped.changes, told);
}

#[test]
fn a_meter_that_comes_and_goes_holds_all_the_while() {
    let mut stepped = Stepped::new();
    let old = Some(Duration::from_millis(501));
    for _ in 0..20 {
        assert_eq!(stepped.for_ms(300, Signs { hall_age: old, ..calm() }), is(Retreat::Hold, Condition::HallUnseen));
        assert_eq!(
            stepped.for_ms(990, calm()),
            is(Retreat::Hold, Condition::HallUnseen),
            "back for less than a second"
        );
    }
    assert_eq!(stepped.for_ms(10, calm()), Stand::default());
    assert_eq!(stepped.changes.len(), 2, "told once, cleared once");
}

#[test]
fn what_stays_over_the_limit_is_terminated_and_final_until_a_person_clears_it() {
    let mut stepped = Stepped::new();
    let over = Signs { import: Some(Power::from_kilowatts(4_001)), ..calm() };
    assert_eq!(stepped.for_ms(10_000, over), Stand::default(), "the limits shed; nothing else is done yet");
    assert_eq!(stepped.for_ms(10, over), is(Retreat::Terminate, Condition::OutOfControl));
    assert_eq!(stepped.for_ms(3_600_000, calm()), is(Retreat::Terminate, Condition::OutOfControl), "by itself never");
    let pressed = Signs { e_stop: true, ..calm() };
    assert_eq!(stepped.for_ms(10, pressed), is(Retreat::Terminate, Condition::EStop));
    assert_eq!(stepped.for_ms(10, calm()), Stand::default(), "released");
}

#[test]
fn a_moment_over_the_limit_terminates_nothing() {
    let mut stepped = Stepped::new();
    let over = Signs { import: Some(Power::from_kilowatts(9_000)), ..calm() };
    for _ in 0..50 {
        assert_eq!(stepped.for_ms(9_990, over), Stand::default());
        assert_eq!(stepped.for_ms(10, calm()), Stand::default());
    }
    assert_eq!(stepped.changes, [], "nothing was done, so nothing is told");
}

#[test]
fn the_furthest_retreat_wins_and_the_others_go_on_beneath_it() {
    let mut stepped = Stepped::new();
    let all = Signs {
        e_stop: true,
        drain: true,
        poi_age: None,
        hall_age: None,
        record_behind: Duration::from_secs(9),
        price_lost: true,
        ..calm()
    };
    assert_eq!(stepped.for_ms(10, all), is(Retreat::Terminate, Condition::EStop));
    assert_eq!(stepped.for_ms(10, Signs { e_stop: false, ..all }), is(Retreat::Descend, Condition::Draining));
    let some = Signs { e_stop: false, drain: false, ..all };
    assert_eq!(stepped.for_ms(10, some), is(Retreat::Hold, Condition::PoiUnseen));
    let price = Signs { price_lost: true, ..calm() };
    assert_eq!(stepped.for_ms(1_010, price), is(Retreat::Tell, Condition::PriceLost));
}

#[test]
fn a_lost_price_does_what_the_site_file_declares() {
    let mut stepped = Stepped::new();
    let lost = Signs { price_lost: true, ..calm() };
    assert_eq!(stepped.for_ms(10, lost), is(Retreat::Tell, Condition::PriceLost));
    stepped.site.economics.price_lost = PriceLost::Curtail;
    assert_eq!(stepped.for_ms(10, lost), is(Retreat::Descend, Condition::PriceLost));
}

#[test]
fn a_hall_without_a_meter_is_never_waited_for() {
    let mut stepped = Stepped::new();
    stepped.site.hall.meter = None;
    assert_eq!(stepped.for_ms(5_000, Signs { hall_age: None, ..calm() }), Stand::default());
}

#[test]
fn meters_that_differ_for_a_moment_are_not_told_of_and_ones_that_go_on_to_are() {
    let mut stepped = Stepped::new();
    let apart = |kw| Signs { residual: Power::from_kilowatts(kw), ..calm() };
    assert_eq!(stepped.for_ms(60_000, apart(80)), Stand::default(), "within 2 % of the limit");
    assert_eq!(stepped.for_ms(3_000, apart(-81)), Stand::default());
    assert_eq!(stepped.for_ms(10, apart(-81)), is(Retreat::Tell, Condition::MetersDisagree));
    assert_eq!(stepped.for_ms(1_000, calm()), Stand::default());
    let disagree = Condition::MetersDisagree;
    assert_eq!(stepped.changes, [(63_010, Change::Acts(disagree, Retreat::Tell)), (64_010, Change::Clears(disagree))]);
}

#[test]
fn a_relay_that_trips_ends_everything_at_once_and_one_that_is_not_seen_holds() {
    let relay = |tripped, armed, age_ms| RelaySign { tripped, armed, age: Some(Duration::from_millis(age_ms)) };
    let shows = |relay| Signs { relay: Some(relay), ..calm() };
    let mut stepped = Stepped::new();
    assert_eq!(stepped.for_ms(10, shows(relay(false, true, 100))), Stand::default());
    assert_eq!(stepped.for_ms(10, shows(relay(true, true, 100))), is(Retreat::Terminate, Condition::RelayTripped));
    let silent = stepped.for_ms(600_000, shows(relay(true, true, 600_000)));
    assert_eq!(silent, is(Retreat::Terminate, Condition::RelayTripped), "as it was seen last");
    let reset = shows(relay(false, true, 100));
    assert_eq!(stepped.for_ms(990, reset), is(Retreat::Terminate, Condition::RelayTripped), "for less than a second");
    assert_eq!(stepped.for_ms(10, reset), Stand::default());
    assert_eq!(stepped.for_ms(10, shows(relay(false, true, 3_001))), is(Retreat::Hold, Condition::RelayUnseen));
    stepped.for_ms(1_000, reset);
    assert_eq!(stepped.for_ms(10, shows(relay(false, false, 100))), is(Retreat::Tell, Condition::RelayDisarmed));
    stepped.for_ms(1_000, reset);
    let never = RelaySign { tripped: false, armed: false, age: None };
    assert_eq!(stepped.for_ms(10, shows(never)), is(Retreat::Hold, Condition::RelayUnseen), "before it is first read");
}
