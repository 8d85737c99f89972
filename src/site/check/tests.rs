//! The demo site with one number changed, and what is said about it. The sums are worked out by hand.

use std::time::Duration;

use super::*;
use crate::site::file::load;
use crate::site::{CommsLoss, Guard};
use crate::units::Slew;

const fn measures(name: &str, every_ms: u64, timeout_ms: u64) -> KnownProfile<'_> {
    let refresh = Some(Duration::from_millis(every_ms));
    let (timeout, gap) = (Duration::from_millis(timeout_ms), Duration::ZERO);
    let says = KnownDevice {
        refresh,
        timeout,
        login: false,
        gap,
        at_once: true,
        switches: true,
        keep_alive: None,
        relay: false,
    };
    KnownProfile { name, says: Some(says) }
}

pub(super) const PROFILES: &[KnownProfile<'_>] = &[
    measures("acuvim-ii", 100, 200),
    measures("gude-expert-pdu", 500, 500),
    measures("netio-powerpdu", 500, 500),
    measures("schneider-pm5xxx", 1_000, 500),
];

pub(super) fn demo() -> Site {
    load("demo.toml", include_str!("../../../sites/demo.toml")).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The demo with one thing changed, and what is said about it.
pub(super) fn changed(change: impl FnOnce(&mut Site)) -> Report {
    let mut site = demo();
    change(&mut site);
    check(&site, PROFILES, None)
}

pub(super) fn only_error(report: &Report) -> &str {
    assert_eq!(report.errors.len(), 1, "{:#?}", report.errors);
    &report.errors[0].message
}

/// Besides what is said of devices that lie: the demo's proofs are longer than its limit allows.
fn warnings(report: &Report) -> Vec<&Finding> {
    report.warnings.iter().filter(|warning| !warning.message.contains(" lie")).collect()
}

pub(super) fn only_warning(report: &Report) -> &str {
    let warnings = warnings(report);
    assert_eq!((report.errors.len(), warnings.len()), (0, 1), "{:#?}", report);
    &warnings[0].message
}

pub(super) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn kw(kilowatts: i64) -> Power {
    Power::from_kilowatts(kilowatts)
}

#[test]
fn the_demo_holds_its_promise_and_is_warned_of_devices_that_lie_alone() {
    let report = changed(|_| {});
    assert_eq!((report.errors.len(), warnings(&report), report.warnings.len()), (0, vec![], 1));
    assert_eq!(report.sums.static_room(), kw(1_160));
}

#[test]
fn the_reserve_is_the_formula_of_the_worst_case() {
    let report = check(&demo(), PROFILES, Some(kw(2_000)));
    assert_eq!(report.reserve.hall_at, [kw(1_400), kw(2_000), kw(2_800)]);
    let slow = &report.reserve.lines[2];
    assert_eq!((slow.response, slow.groups, slow.fleet), (Duration::from_secs(1), 12, Power::from_watts(294_720)));
    // 2000 kW + 10 kW step + 420 kW/s x (100 ms refresh + 50 ms poll + 100 ms tick + 1 s) + 40 kW house
    assert_eq!(slow.rooms[1].firm, kw(2_000 + 10 + 525 + 40));
    let fast = &report.reserve.lines[0];
    assert_eq!(fast.rooms[1].firm, kw(2_000 + 10 + 147 + 40));
    assert_eq!((fast.rooms[0].miners, fast.rooms[2].miners), (fast.fleet, kw(1_160)));
    assert_eq!(report.reserve.all[2], kw(1_160));
}

#[test]
fn a_slow_class_is_bounded_by_what_the_hall_can_take_back_in_its_time() {
    let report = changed(|site| site.hall.slew = Slew::from_watts_per_second(2_000_000));
    // At half load: 1400 + 10 + 2000 x 0.35 + 40 kW leaves room for all; a second later the hall is at its nameplate.
    assert_eq!(report.reserve.lines[2].rooms[0].firm, kw(2_840));
    // The bound of the slow class is its own: the fast ones fill beside it, up to theirs.
    assert_eq!(report.reserve.all[0], report.sums.fleet);
    let slow_fleet = changed(|site| {
        site.hall.slew = Slew::from_watts_per_second(2_000_000);
        site.groups.iter_mut().for_each(|group| group.paths[0].response = Duration::from_secs(1));
    });
    assert_eq!(slow_fleet.reserve.all[0], kw(1_160));
}

#[test]
fn a_hall_without_a_meter_counts_as_its_nameplate() {
    let report = changed(|site| site.hall.meter = None);
    assert_eq!(report.reserve.all, [kw(1_160); 3]);
    assert_eq!(only_warning(&report), "the hall has no meter, so it always counts as its nameplate of 2.80 MW");
}

#[test]
fn a_path_slower_than_the_limit_allows_is_refused_with_the_numbers() {
    let report = changed(|site| {
        for group in &mut site.groups[52..] {
            group.paths[0].response = Duration::from_millis(1_500);
        }
    });
    let wanted = "`east-01` to `east-12` (12) react within 2.1 s, and the import limit allows 2 s";
    assert_eq!(only_error(&report), wanted);
    let wanted = "500 ms old reading + 100 ms tick + 1.5 s response: \
                  a response within 1.4 s would do, or a younger reading (ages.meter)";
    assert_eq!(report.errors[0].help, wanted);
}

#[test]
fn the_reaction_may_take_exactly_the_time_there_is() {
    let report = changed(|site| site.poi.within = Duration::from_millis(1_600));
    assert_eq!(report.errors, []);
    let report = changed(|site| site.poi.within = Duration::from_millis(1_599));
    assert!(only_error(&report).contains("within 1.6 s, and"), "{}", only_error(&report));
}

#[test]
fn a_device_that_lies_is_made_up_for_by_the_next_class_and_the_worst_is_told() {
    let report = changed(|_| {});
    // 500 ms reading + 100 ms tick + 2.5 s proof, and the response of the next: 250 ms, 1 s, and 1 s of others like it.
    let lying: Vec<Duration> = report.reaction.iter().map(|line| line.lying).collect();
    assert_eq!(lying, [3_350, 4_100, 4_100].map(ms));
    let [warning] = &report.warnings[..] else { panic!("{:#?}", report.warnings) };
    assert_eq!(warning.at, "device `south-01`.proof");
    let wanted = "if `south-01` to `east-12` (38) lie, others act within 4.1 s, and the limit allows 2 s";
    assert_eq!(warning.message, wanted);
    let wanted = "500 ms old reading + 100 ms tick + 2.5 s proof + 1 s response of the next: a proof within 400 ms would do, \
                  from PDUs that are read and measure that fast; until then the relay at the POI is what holds";
    assert_eq!(warning.help, wanted);
    assert_eq!(report.errors, [], "a lie is a fault of a device, not of the site");
}

#[test]
fn proofs_that_end_in_time_are_not_warned_of() {
    let with_east = |proof: Duration| {
        changed(|site| {
            site.poi.within = ms(3_600);
            site.groups.iter_mut().for_each(|group| group.paths[0].proof = ms(2_000));
            site.groups[60].paths[0].proof = proof;
        })
    };
    assert_eq!(with_east(ms(2_000)).warnings, []);
    let report = with_east(ms(2_001));
    assert!(report.warnings[0].message.starts_with("if `east-01` to `east-12` (12) lie, "), "{:?}", report.warnings);
}

#[test]
fn firm_loads_that_break_the_limit_alone_are_refused() {
    let report = changed(|site| site.poi.import_limit = kw(2_839));
    let wanted = "hall 2.80 MW and house 40.0 kW together exceed the import limit of 2.84 MW by 1.0 kW";
    assert_eq!(only_error(&report), wanted);
}

#[test]
fn a_feeder_may_be_oversubscribed_by_miners_and_never_by_firm_load() {
    let report = changed(|site| site.feeders[0].rating = kw(600));
    assert_eq!(only_warning(&report), "feeder `north` is rated 600 kW, and 728 kW hang on it");
    let report = changed(|site| site.hall.feeder = Some(2));
    assert_eq!(only_error(&report), "feeder `east` is rated 330 kW, and its firm load alone is 2.80 MW");
}

#[test]
fn a_device_file_that_does_not_exist_is_told_once_for_all_its_devices() {
    let report = check(
        &demo(),
        &["acuvim-ii", "gude-expert-pdu", "schneider-pm5xxx", "netio-powerpd"].map(|name| measures(name, 0, 0)),
        None,
    );
    assert_eq!(only_error(&report), "there is no device file `netio-powerpdu` for `north-01` to `east-12` (38)");
    assert!(report.errors[0].help.starts_with("did you mean `netio-powerpd`?"));
}

#[test]
fn a_device_is_not_silent_before_it_could_answer() {
    let report = changed(|site| site.devices[9].poll = ms(1_500));
    let wanted = "`north-07` is read every 1.5 s and may take 500 ms to answer, and is silent after 2 s";
    assert_eq!(only_error(&report), wanted);
    assert_eq!(report.errors[0].at, "device `north-07`.poll");
    assert_eq!(report.errors[0].help, "a slow answer makes it silent: raise ages.device to 2.5 s, or lower poll");
    let report = changed(|site| site.ages.device = ms(1_600));
    let wanted =
        "`north-01` to `east-12` (64) are read every 1 s and may take 500 ms to answer, and are silent after 1.6 s";
    assert_eq!(only_warning(&report), wanted);
    assert!(changed(|site| site.ages.device = ms(1_500)).errors.len() == 1);
}

#[test]
fn a_group_whose_pdu_measures_no_power_is_refused() {
    let blind = |file: KnownProfile<'static>| match file.name {
        "netio-powerpdu" => KnownProfile { says: file.says.map(|says| KnownDevice { refresh: None, ..says }), ..file },
        _ => file,
    };
    let known: Vec<_> = PROFILES.iter().copied().map(blind).collect();
    let report = check(&demo(), &known, None);
    let wanted = "`north-01` to `east-12` (38) can never be proved off: device file `netio-powerpdu` measures no power";
    assert_eq!(only_error(&report), wanted);
    assert_eq!(report.errors[0].at, "device `north-01`.profile");
    assert_eq!(
        report.errors[0].help,
        "say `measured_by` = the name of a [[meter]] of its own, or add [power] to devices/netio-powerpdu.toml"
    );
    // Of a file that cannot be read nothing is known, and that is told where it is read.
    let broken: Vec<_> = PROFILES.iter().map(|file| KnownProfile { says: None, ..*file }).collect();
    assert_eq!(check(&demo(), &broken, None).errors, []);
}

/// The demo where the device files of its PDUs say this.
pub(super) fn of_pdus(change: impl Fn(KnownDevice) -> KnownDevice, site: &Site) -> Report {
    let changed = |file: &KnownProfile<'static>| KnownProfile {
        says: file.says.map(|says| if file.name.ends_with("pdu") { change(says) } else { says }),
        ..*file
    };
    check(site, &PROFILES.iter().map(changed).collect::<Vec<_>>(), None)
}

#[test]
fn outlets_that_are_written_one_after_the_other_behind_one_address_take_their_time_together() {
    let mut site = demo();
    let shared = site.devices[3].address;
    site.groups[..12].iter().for_each(|group| site.devices[group.paths[0].device].address = shared);
    // Twelve PDUs of eight outlets; 10 ms between them, and 10 ms a request.
    let one_by_one = |gap_ms: u64| move |says| KnownDevice { at_once: false, gap: ms(gap_ms), ..says };
    let report = of_pdus(one_by_one(0), &site);
    let warned = |text: &str| report.warnings.iter().any(|warning| warning.message.contains(text));
    assert!(report.errors.is_empty() && warned("96 writes one after the other take about 960 ms"), "{report:?}");
    let report = of_pdus(one_by_one(10), &site);
    assert!(only_error(&report).contains("take about 1.92 s, and `north-01` is to be gone within"), "{report:?}");
    assert!(of_pdus(|says| says, &site).errors.is_empty(), "one write for each");
}

#[test]
fn a_relay_bounds_the_excess_by_what_can_rise_before_it_trips() {
    let dead = changed(|_| {}).dead;
    // 10 + 2 kW steps, (420 + 5) kW/s x 0.5 s
    assert_eq!((dead.excess, dead.ends), (Power::from_watts(224_500), Ends::Within(Duration::from_millis(500))));
    let dead = changed(|site| site.poi.guard = Guard::Relay { trips_within: Duration::from_secs(2) }).dead;
    // No more than hall, house and all miners at their nameplates: 2800 + 40 + 1738.24 - 4000 kW
    assert_eq!(dead.excess, Power::from_watts(578_240));
    let slow = changed(|site| site.poi.guard = Guard::Relay { trips_within: Duration::from_secs(3) });
    assert_eq!(only_error(&slow), "the guard trips within 3 s, and the limit allows 2 s");
}

#[test]
fn miners_that_hold_their_state_and_no_relay_are_refused() {
    let report = changed(|site| site.poi.guard = Guard::Tolerance);
    let wanted = "nothing ends an excess of 578 kW while the controller is dead: 1.74 MW of miners keep their state";
    assert_eq!(only_error(&report), wanted);
}

#[test]
fn watchdogs_end_an_excess_when_enough_has_fallen_taking_those_on_that_fall_last() {
    let report = changed(|site| {
        site.poi.guard = Guard::Tolerance;
        for (nth, group) in site.groups.iter_mut().enumerate() {
            group.paths[0].comms_loss = CommsLoss::Reverts(Duration::from_secs(15 + nth as u64));
        }
    });
    // 578.24 kW must go; the twenty-first of the 28 kW groups is one of the first to fall: 15 + 20 s, and its response.
    assert_eq!(report.dead.ends, Ends::Within(Duration::from_millis(35_100)));
    assert_eq!(report.dead.held, Power::ZERO);
    assert!(only_warning(&report).contains("exceeded by 578 kW for 35.1 s"), "{:?}", report.warnings);
}

#[test]
fn a_site_that_fits_under_its_limit_has_no_excess() {
    let report = changed(|site| {
        site.poi.import_limit = kw(5_000);
        site.poi.guard = Guard::Tolerance;
    });
    assert_eq!((report.errors, report.dead.ends), (vec![], Ends::NoExcess));
}

#[test]
fn groups_that_fall_together_are_refused_with_the_time_they_need() {
    let together = |apart: u64| {
        changed(|site| {
            for (nth, group) in site.groups.iter_mut().enumerate() {
                group.paths[0].response = Duration::from_millis(100);
                group.paths[0].comms_loss = CommsLoss::Reverts(Duration::from_millis(15_000 + apart * nth as u64));
            }
        })
    };
    assert_eq!(
        only_error(&together(100)),
        "without a controller `north-01` and `north-02` fall 100 ms apart, a step steeper than poi.ramp"
    );
    assert_eq!(together(100).errors[0].help, "28.0 kW at 200 kW/s need 140 ms: set comms_loss_stagger");
    assert_eq!(together(140).errors, []);
}

#[test]
fn a_watchdog_outlasts_three_heartbeats_and_a_restart() {
    let after = |seconds: u64, poll: u64| {
        changed(|site| {
            site.groups[0].paths[0].comms_loss = CommsLoss::Reverts(Duration::from_millis(seconds));
            let device = site.groups[0].paths[0].device;
            (site.devices[device].poll, site.ages.device) = (ms(poll), ms(5_000));
        })
    };
    // 3 x 1 s, or 3 x the poll where that is longer, and 3 s for the restart.
    assert_eq!(
        only_error(&after(6_000, 1_000)),
        "without a controller `north-01` fall after 6 s, and a restart may take 6 s"
    );
    assert_eq!(after(6_001, 500).errors, []);
    assert_eq!(
        only_error(&after(9_000, 2_000)),
        "without a controller `north-01` fall after 9 s, and a restart may take 9 s"
    );
    let slow = changed(|site| {
        site.tick.lapse = ms(20_000);
        site.groups[0].paths[0].comms_loss = CommsLoss::Reverts(ms(15_000));
    });
    assert!(only_error(&slow).ends_with("a restart may take 20 s"), "a command lapses first");
}

#[test]
fn the_last_miner_falls_in_the_time_the_connection_asks_for() {
    let within = |seconds: u64| {
        changed(|site| {
            site.poi.falls_within = Some(Duration::from_secs(seconds));
            for (nth, group) in site.groups.iter_mut().enumerate() {
                group.paths[0].response = ms(100);
                group.paths[0].comms_loss = CommsLoss::Reverts(ms(15_000 + 140 * nth as u64));
            }
        })
    };
    // 15 s + 63 x 140 ms + 100 ms.
    assert_eq!(
        only_error(&within(23)),
        "without a controller the last miners fall after 23.92 s, and all must within 23 s"
    );
    assert_eq!(within(24).errors, []);
    let held = changed(|site| site.poi.falls_within = Some(Duration::from_secs(60)));
    assert_eq!(only_error(&held), "without a controller 1.74 MW of miners never fall, and all must within 60 s");
}

#[test]
fn load_never_comes_back_faster_than_the_grid_may_see() {
    let report = changed(|site| site.restore.ramp = Slew::from_watts_per_second(300_000));
    assert_eq!(only_error(&report), "load comes back at 300 kW/s, faster than the 200 kW/s the grid may see");
}

#[test]
fn readings_and_budgets_that_contradict_each_other_are_told() {
    let report = changed(|site| site.devices[1].poll = Duration::from_millis(600));
    assert_eq!(
        only_error(&report),
        "`hall-meter` is read every 600 ms and measures every 100 ms, and a reading is stale after 500 ms"
    );
    let report = changed(|site| {
        site.devices[1].poll = Duration::from_millis(300);
        site.budgets.sense = Duration::from_millis(400);
    });
    let wanted = "`hall-meter` is read every 300 ms and measures every 100 ms, and a reading is stale after 500 ms";
    assert_eq!(only_warning(&report), wanted);
    let report = changed(|site| site.devices[1].profile = "schneider-pm5xxx".into());
    let wanted = "`hall-meter` is read every 50 ms and measures every 1 s, and a reading is stale after 500 ms";
    assert_eq!(only_error(&report), wanted);
    let report = changed(|site| site.budgets.sense = Duration::from_millis(149));
    let wanted = "the sense budget of 149 ms is below the age of a healthy reading, 150 ms";
    assert_eq!(only_warning(&report), wanted);
    let report = changed(|site| site.budgets.proof = Duration::from_millis(900));
    assert_eq!(only_warning(&report), "the proof budget of 900 ms is below the slowest response of 1 s");
    let report = changed(|site| site.budgets.sense = Duration::from_millis(900));
    assert_eq!(only_warning(&report), "the sense budget of 900 ms is above the age of a stale reading, 500 ms");
    let report = changed(|site| site.budgets.write = Duration::from_millis(99));
    assert_eq!(only_warning(&report), "the budgets decide and write are 104 ms, more than a tick of 100 ms");
    let report = changed(|site| site.groups[0].paths[0].proof = Duration::from_millis(99));
    assert_eq!(only_error(&report), "`north-01` must prove itself within 99 ms, before its response of 100 ms is over");
}

#[test]
fn a_fail_safe_that_ends_everything_before_the_limits_own_time_is_refused() {
    let report = changed(|site| site.failsafe.over_limit = Duration::from_secs(2));
    assert_eq!(only_error(&report), "the fail-safe switches all off after 2 s, and the limit allows 2 s");
    assert_eq!(changed(|site| site.failsafe.over_limit = Duration::from_millis(2_001)).errors, []);
}
