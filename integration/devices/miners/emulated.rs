//! Emulated miners: what they draw is the plant's, and what they say can be made a lie.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballast::devices::Profile;
use ballast::devices::profile::SHIPPED;
use ballast::emulate::{Emulator, Lie};
use ballast::plant::{Curves, HallLoad, Plant, Series};
use ballast::site::{Firmware, LowPower};
use ballast::time::Clock;
use ballast::units::{Efficiency, Power, Share};
use tokio::runtime::Handle;

use super::{NEVER, fleet, fleet_on, found, path, seen};
use crate::plant::site;

/// The identities that there are, each with a network for each test.
const ALL: &[(Firmware, u8)] =
    &[(Firmware::Luxos, 0), (Firmware::Braiins, 1), (Firmware::Whatsminer, 2), (Firmware::Antminer, 3)];
const UNITS: u8 = 4;
const EVERY: u64 = 0b1111;

/// Does the same with each, all at once.
async fn with_each(test: impl AsyncFn(Firmware, u8)) {
    futures_util::future::join_all(ALL.iter().map(|(firmware, network)| test(*firmware, *network))).await;
}

struct Hall {
    emulator: Emulator,
    plant: Arc<Mutex<Plant>>,
    path: ballast::site::FirmwarePath,
}

impl Hall {
    /// Four miners with power, at full power at once.
    fn new(firmware: Firmware, network: u8) -> Self {
        Self::of(path(firmware, network, UNITS))
    }

    fn of(path: ballast::site::FirmwarePath) -> Self {
        let mut site = site(["acuvim-ii"; 3], &["netio-powerpdu"]);
        site.groups[0].firmware = Some(path.clone());
        (site.groups[0].units, site.groups[0].miners) = (u32::from(UNITS), u32::from(UNITS));
        let hall = HallLoad::recorded(&site.hall, Series::steady(Share::from_ppm(500_000)));
        let curves = Curves { boot: Duration::ZERO, ramp: Duration::ZERO, ..Curves::brisk() };
        let mut plant = Plant::with(&site, 1, hall, curves);
        plant.switch(0, EVERY);
        let plant = Arc::new(Mutex::new(plant));
        let read = |(name, text): &(&str, &str)| ((*name).to_string(), Profile::parse(name, text).unwrap());
        let profiles: BTreeMap<String, Profile> = SHIPPED.iter().map(read).collect();
        let emulator =
            Emulator::start(&site, (&profiles, &[]), Arc::clone(&plant), Clock::start(), &Handle::current()).unwrap();
        Self { emulator, plant, path }
    }

    /// Which were told to sleep, as the plant knows it.
    fn asleep(&self) -> u64 {
        let plant = self.plant.lock().unwrap();
        (0..usize::from(UNITS))
            .filter(|unit| plant.miner(0, *unit).unwrap().asleep)
            .fold(0, |set, unit| set | 1 << unit)
    }

    fn tell(&self, sleep: u64) {
        let mut plant = self.plant.lock().unwrap();
        (0..usize::from(UNITS)).for_each(|unit| plant.sleep(0, unit, sleep >> unit & 1 == 1));
    }

    fn lie(&self, unit: usize, lie: Lie) {
        self.emulator.lie(0, unit, Some(lie));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn miners_are_met_and_say_who_they_are_and_nothing_is_written_before_a_command() {
    with_each(async |firmware, network| {
        let hall = Hall::new(firmware, network + 10);
        let fleet = fleet(&hall.path);
        seen(&fleet, "all mine", |seen| seen.mining == EVERY).await;
        found(&fleet, "many polls", |found| found.counts.requests > 10).await;
        let first = &fleet.found()[0];
        let identity = first.identity.clone().unwrap();
        assert!(
            !identity.make.is_empty() && !identity.model.is_empty() && identity.firmware.contains(char::is_numeric)
        );
        assert!(first.watts.unwrap().watts() > 1_000 && first.gigahashes.unwrap() > 10_000, "{first:?}");
        assert_eq!((hall.asleep(), fleet.seen().written), (0, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn miners_sleep_and_wake_as_they_are_told() {
    with_each(async |firmware, network| {
        let hall = Hall::new(firmware, network + 20);
        let fleet = fleet(&hall.path);
        seen(&fleet, "all mine", |seen| seen.mining == EVERY).await;
        fleet.command(0b0101, 0, NEVER);
        seen(&fleet, "it is written", |seen| seen.written.is_some_and(|(on, _)| on == 0b0101)).await;
        seen(&fleet, "two sleep", |seen| seen.mining == 0b0101).await;
        assert_eq!(hall.asleep(), 0b1010);
        fleet.command(0b0111, 0, NEVER);
        seen(&fleet, "it is written", |seen| seen.written.is_some_and(|(on, _)| on == 0b0111)).await;
        assert_eq!(hall.asleep(), 0b1000);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn miners_take_the_power_target_of_their_level_and_the_full_one_again() {
    with_each(async |firmware, network| {
        if !firmware.takes_a_power_target() {
            return;
        }
        let full = site(["acuvim-ii"; 3], &["netio-powerpdu"]).groups[0].unit;
        let power = Power::from_watts(full.watts() * 7 / 10);
        let efficiency = Efficiency::from_millijoules_per_th(15_000);
        let low = LowPower { power, efficiency, full, proof: Duration::from_secs(60) };
        let hall = Hall::of(ballast::site::FirmwarePath { low: Some(low), ..path(firmware, network + 130, UNITS) });
        let limits = || {
            let plant = hall.plant.lock().unwrap();
            [0, 1, 2, 3].map(|unit| plant.miner(0, unit).unwrap().limit)
        };
        let until_limits = async |what: &str, holds: &dyn Fn(Power, usize) -> bool| {
            let hold = || limits().into_iter().zip(0..).all(|(limit, unit)| holds(limit, unit));
            super::until(what, hold, || format!("{firmware:?} {:?}", limits())).await;
        };
        let before = limits();
        let fleet = fleet(&hall.path);
        seen(&fleet, "all mine", |seen| seen.mining == EVERY).await;
        fleet.command(EVERY, 0b0011, NEVER);
        // LuxOS takes the profile below it; profiles are steps.
        let is_low = |limit: Power| limit <= power && limit.watts() * 10 >= power.watts() * 8;
        until_limits("two at low power", &|limit, unit| if unit < 2 { is_low(limit) } else { limit == before[unit] })
            .await;
        assert_eq!(hall.asleep(), 0);
        fleet.command(0b1110, 0b0010, NEVER);
        seen(&fleet, "the first sleeps", |seen| seen.mining == 0b1110).await;
        fleet.command(EVERY, 0b1000, NEVER);
        seen(&fleet, "it wakes", |seen| seen.mining == EVERY).await;
        until_limits("the last alone at low power", &|limit, unit| {
            if unit == 3 { is_low(limit) } else { limit == before[unit] }
        })
        .await;
        let requests = || fleet.found()[0].counts.requests;
        let polled = requests() + 5;
        super::until("more polls", || requests() > polled, String::new).await;
        assert_eq!(fleet.found()[0].counts.refused, 0, "{:?}", fleet.trouble());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_fleet_puts_all_its_miners_to_sleep_when_its_command_lapses() {
    with_each(async |firmware, network| {
        let hall = Hall::new(firmware, network + 30);
        let clock = Clock::start();
        let fleet = fleet_on(&hall.path, clock);
        seen(&fleet, "all mine", |seen| seen.mining == EVERY).await;
        fleet.command(EVERY, 0, clock.mono().after(Duration::from_millis(500)));
        assert_eq!(hall.asleep(), 0);
        drop(fleet);
        super::until("all sleep", || hall.asleep() == EVERY, || format!("{:b}", hall.asleep())).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_adopted_is_left_as_it_is_until_a_miner_changes() {
    with_each(async |firmware, network| {
        let hall = Hall::new(firmware, network + 40);
        hall.tell(0b1100);
        let fleet = fleet(&hall.path);
        seen(&fleet, "two mine", |seen| seen.mining == 0b0011 && seen.reached == EVERY).await;
        fleet.adopt(0b0011, NEVER);
        let before = fleet.found()[0].counts.requests;
        found(&fleet, "more polls", |found| found.counts.requests > before + 5).await;
        assert_eq!((hall.asleep(), fleet.seen().written), (0b1100, None));
        hall.tell(0);
        super::until("two are put back to sleep", || hall.asleep() == 0b1100, || format!("{:b}", hall.asleep())).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_miner_that_lies_is_told_again_and_its_lie_is_no_proof() {
    with_each(async |firmware, network| {
        let hall = Hall::new(firmware, network + 50);
        let fleet = fleet(&hall.path);
        seen(&fleet, "all mine", |seen| seen.mining == EVERY).await;
        hall.lie(0, Lie::SilentSuccess);
        fleet.command(0, 0, NEVER);
        found(&fleet, "it was told again", |found| found.counts.resent >= 1).await;
        seen(&fleet, "the others sleep", |seen| seen.mining == 0b0001).await;
        hall.emulator.lie(0, 0, None);
        seen(&fleet, "all sleep", |seen| seen.mining == 0).await;
        assert_eq!(hall.asleep(), EVERY);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_miner_that_wakes_by_itself_or_starts_anew_asleep_is_told_again() {
    with_each(async |firmware, network| {
        let hall = Hall::new(firmware, network + 60);
        let fleet = fleet(&hall.path);
        seen(&fleet, "all mine", |seen| seen.mining == EVERY).await;
        fleet.command(0b1110, 0, NEVER);
        seen(&fleet, "one sleeps", |seen| seen.mining == 0b1110).await;
        hall.tell(0);
        super::until("it is put back to sleep", || hall.asleep() == 0b0001, || format!("{:b}", hall.asleep())).await;
        hall.lie(3, Lie::RebootsAsleep);
        super::until("it is woken", || hall.asleep() == 0b0001, || format!("{:b}", hall.asleep())).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_another_holds_is_said_and_tried_again() {
    let hall = Hall::new(Firmware::Luxos, 70);
    hall.lie(0, Lie::Busy);
    let fleet = fleet(&hall.path);
    seen(&fleet, "all mine", |seen| seen.mining == EVERY).await;
    fleet.command(0, 0, NEVER);
    seen(&fleet, "the others sleep", |seen| seen.mining == 0b0001).await;
    let trouble = fleet.trouble().unwrap();
    assert!(trouble.starts_with("`hall` miner 1 at 127.72.70.1: another manager holds the miner's only session; "));
    assert_eq!(fleet.seen().written, None, "one has not answered for it");
    hall.emulator.lie(0, 0, None);
    seen(&fleet, "all sleep", |seen| seen.mining == 0 && seen.written.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dumb_gone_and_garbled_miners_are_silent_and_obey_when_they_are_back() {
    with_each(async |firmware, network| {
        let hall = Hall::new(firmware, network + 80);
        let fleet = fleet(&hall.path);
        seen(&fleet, "all mine", |seen| seen.mining == EVERY).await;
        hall.lie(0, Lie::Dumb);
        hall.lie(1, Lie::Truncated);
        hall.lie(2, Lie::Gone(Duration::from_secs(3_600)));
        seen(&fleet, "three are silent", |seen| seen.reached == 0b1000).await;
        assert_eq!(fleet.seen().mining, EVERY, "as they said last");
        fleet.command(0, 0, NEVER);
        seen(&fleet, "who answers has answered", |seen| seen.written.is_some_and(|(on, _)| on == 0)).await;
        (0..3).for_each(|unit| hall.emulator.lie(0, unit, None));
        seen(&fleet, "all sleep", |seen| seen.mining == 0 && seen.reached == EVERY).await;
        assert!(fleet.found()[0].counts.timeouts > 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_miner_that_is_not_what_its_file_says_is_named_and_left_alone() {
    with_each(async |firmware, network| {
        let hall = Hall::new(firmware, network + 90);
        let honest = fleet(&hall.path);
        seen(&honest, "all answer", |seen| seen.reached == EVERY).await;
        for (declared, _) in ALL.iter().filter(|(declared, _)| *declared != firmware) {
            let fleet = fleet(&path(*declared, network + 90, 1));
            fleet.command(0, 0, NEVER);
            found(&fleet, "its trouble", |found| found.trouble.is_some()).await;
            let words = format!(
                "the site file says its firmware is {}, and it runs {}; correct `firmware` or `address` in the site file",
                declared.name(),
                firmware.name()
            );
            assert!(fleet.trouble().unwrap().ends_with(&words), "{:?}", fleet.trouble());
            assert_eq!((fleet.seen().reached, fleet.seen().written), (0, None));
        }
        assert_eq!(hall.asleep(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_miner_that_takes_its_time_is_told_once_and_seen_asleep_before_it_answers() {
    let hall = Hall::new(Firmware::Antminer, 100);
    (0..usize::from(UNITS)).for_each(|unit| hall.lie(unit, Lie::Late(Duration::from_secs(6))));
    let fleet = fleet(&hall.path);
    seen(&fleet, "all mine", |seen| seen.mining == EVERY).await;
    fleet.command(0, 0, NEVER);
    seen(&fleet, "all sleep", |seen| seen.mining == 0).await;
    let resent = |found: &ballast::devices::miners::Found| found.counts.resent;
    assert!(fleet.found().iter().all(|found| resent(found) == 0), "{:?}", fleet.found());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_says_so() {
    for (firmware, network) in [(Firmware::Braiins, 101), (Firmware::Antminer, 102)] {
        let hall = Hall::new(firmware, network);
        let right = fleet(&hall.path);
        seen(&right, "all mine", |seen| seen.mining == EVERY).await;
        (0..usize::from(UNITS)).for_each(|unit| hall.lie(unit, Lie::Refuses));
        right.command(0, 0, NEVER);
        let words = "it does not let us in; check `login` in the site file";
        seen(&right, "it is told", |_| right.trouble().is_some_and(|trouble| trouble.contains(words))).await;
        assert_eq!((right.seen().written, hall.asleep()), (None, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whatsminer_that_refuses_has_not_answered_whatever_the_library_says() {
    let hall = Hall::new(Firmware::Whatsminer, 103);
    let fleet = fleet(&hall.path);
    seen(&fleet, "all mine", |seen| seen.mining == EVERY).await;
    (0..usize::from(UNITS)).for_each(|unit| hall.lie(unit, Lie::Refuses));
    fleet.command(0, 0, NEVER);
    seen(&fleet, "all were told again", |_| fleet.found().iter().all(|found| found.counts.resent > 0)).await;
    assert_eq!((fleet.seen().written, fleet.seen().mining, hall.asleep()), (None, EVERY, 0));
    (0..usize::from(UNITS)).for_each(|unit| hall.emulator.lie(0, unit, None));
    seen(&fleet, "all sleep", |seen| seen.mining == 0 && seen.written.is_some()).await;
}
