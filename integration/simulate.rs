//! The seeded world with faults: the same seed is the same run, and good seeds stay good.

use std::time::Duration;

use ballast::devices::Profile;
use ballast::simulate::episode::{Episode, Setting};
use ballast::simulate::fault::{Class, Weather};
use ballast::simulate::kept::Kept;
use ballast::simulate::swarm::{self, Swarm};
use ballast::simulate::together::Together;
use ballast::site::file::load;

const DEMO: &str = include_str!("../sites/demo.toml");
const CONTAINER: &str = include_str!("../sites/container.toml");

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How old a value can be when it is read: as the shipped register map says.
fn refresh(profile: &str) -> Duration {
    let profile = Profile::parse(profile, Profile::builtin(profile).unwrap()).unwrap();
    profile.power.map_or(Duration::ZERO, |point| point.refresh)
}

/// The site of this text for so long, as `then` uses it.
fn with<T>(text: &str, classes: &[Class], span: Duration, then: impl FnOnce(Swarm<'_>) -> T) -> T {
    let site = load("site.toml", text).unwrap();
    let refresh: Vec<Duration> = site.devices.iter().map(|device| refresh(&device.profile)).collect();
    let weather = Weather {
        storm: seconds(480),
        calm: site.fill.window + seconds(125),
        every: Duration::from_millis(2_500),
        classes: classes.to_vec(),
    };
    let files = [("site", "site.toml".to_owned(), text.to_owned())];
    then(Swarm(Setting { site: &site, refresh: &refresh, profiles: &[], files: &files, weather: &weather, span }))
}

/// One seed for so long, with its own faults.
fn one(seed: u64, span: Duration) -> Episode {
    on(DEMO, &Class::ALL, seed, span)
}

/// The same on this site, with faults of these classes.
fn on(text: &str, classes: &[Class], seed: u64, span: Duration) -> Episode {
    with(text, classes, span, |swarm| swarm.one(seed, None))
}

#[test]
fn the_same_seed_is_the_same_run() {
    let [first, second, third] = [(); 3].map(|()| one(7, seconds(240)));
    assert!(first.records > 1_000);
    assert_eq!((&first.root, first.records), (&second.root, second.records));
    assert_eq!(first.root, third.root);
}

#[test]
fn seeds_that_were_good_stay_good() {
    for seed in [1, 2, 3] {
        let episode = one(seed, seconds(1_020));
        assert_eq!(episode.calms, 1);
        assert!(episode.broken.is_empty(), "seed {seed}: {:?}", episode.broken);
    }
}

/// A seed on two sites.
fn few(threads: usize) -> Together {
    let wide = include_str!("../sites/wide.toml");
    let span = seconds(130);
    with(DEMO, &Class::ALL, span, |demo| {
        with(wide, &Class::ALL, span, |wide| swarm::run(&[demo, wide], 1..2, threads, |_| {}))
    })
}

#[test]
fn the_same_command_has_the_same_root_on_however_many_cores() {
    let [one, two, again] = [1, 2, 2].map(few);
    assert_eq!((one.seeds, one.injected()), (2, two.injected()));
    assert_eq!(one.root(), two.root());
    assert_eq!(two.root(), again.root());
}

#[test]
fn what_broke_once_breaks_nothing_today() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/regressions");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let kept = Kept::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let site = format!("{}/sites/{}.toml", env!("CARGO_MANIFEST_DIR"), kept.site);
        let site = std::fs::read_to_string(site).unwrap();
        let (episode, _) = with(&site, &[], seconds(1), |swarm| kept.again(&swarm.0)).unwrap();
        assert!(episode.ticks > 0 && episode.broken.is_empty(), "{}: {:?}", file.display(), episode.broken);
    }
}

#[test]
fn feeders_watchdogs_and_a_lost_price_hold_what_they_promise() {
    for seed in [1, 2] {
        let episode = on(CONTAINER, &Class::ALL, seed, seconds(1_500));
        assert!(episode.calms >= 1);
        assert!(episode.broken.is_empty(), "seed {seed}: {:?}", episode.broken);
    }
}

/// The demo site with relay boards in its last row, which measure nothing, and a meter for each of them.
pub(crate) fn boards() -> String {
    let (rest, row) = DEMO.split_at(DEMO.find("name = \"east-").unwrap());
    let row = row.replacen(
        "profile = \"netio-powerpdu\"",
        "profile = \"relay-board\"\nmeasured_by = \"east-{n:02}-meter\"",
        1,
    );
    let meter = |n: u32| {
        let name = format!("name = \"east-{n:02}-meter\"\nprofile = \"eastron-sdm630\"");
        format!("\n[[meter]]\n{name}\naddress = \"127.66.4.{n}:5020\"\npoll = \"500 ms\"\n")
    };
    let meters: String = (1..=12).map(meter).collect();
    format!("{rest}{row}{meters}")
}

#[test]
fn groups_that_a_meter_of_their_own_measures_hold_what_they_promise() {
    for seed in [1, 2] {
        let episode = on(&boards(), &Class::ALL, seed, seconds(1_200));
        assert!(episode.calms >= 1);
        assert!(episode.broken.is_empty(), "seed {seed}: {:?}", episode.broken);
    }
}

#[test]
fn a_controller_that_dies_anywhere_in_its_tick_comes_back_gently() {
    for (dies, least) in [(Class::Killed, 20), (Class::HostDark, 2), (Class::TornTail, 2)] {
        let episode = on(CONTAINER, &[dies], 3, seconds(600));
        assert!(episode.starts >= least, "{} starts after {}", episode.starts, dies.name());
        assert!(episode.broken.is_empty(), "{:?}", episode.broken);
    }
}

#[test]
fn an_operator_who_repeats_himself_or_falls_silent_changes_nothing() {
    let classes = [Class::Cap, Class::EStop, Class::OrdersAgain, Class::OperatorLost, Class::Killed];
    for text in [DEMO, CONTAINER] {
        let episode = on(text, &classes, 5, seconds(600));
        assert!(episode.broken.is_empty(), "{:?}", episode.broken);
    }
}

#[test]
fn absurd_prices_and_clocks_break_no_promise() {
    let classes = [Class::PriceGarbage, Class::PriceLost, Class::WallLeaps, Class::WallDst, Class::HallDips];
    for text in [DEMO, CONTAINER] {
        let episode = on(text, &classes, 6, seconds(600));
        assert!(episode.broken.is_empty(), "{:?}", episode.broken);
    }
}
