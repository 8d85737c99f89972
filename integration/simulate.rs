//! The seeded world with faults: the same seed is the same run, and good seeds stay good.

use std::time::Duration;

use ballast::simulate::episode::{Episode, Setting};
use ballast::simulate::fault::{Class, Weather};
use ballast::simulate::swarm::Swarm;
use ballast::site::file::load;

const DEMO: &str = include_str!("../sites/demo.toml");

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One seed for so long, with its own faults.
fn one(seed: u64, span: Duration) -> Episode {
    let site = load("demo.toml", DEMO).unwrap();
    let refresh = vec![Duration::from_millis(100); site.devices.len()];
    let weather = Weather {
        storm: seconds(480),
        calm: site.fill.window + seconds(125),
        every: Duration::from_millis(2_500),
        classes: Class::ALL.to_vec(),
    };
    Swarm(Setting { site: &site, refresh: &refresh, profiles: &[], files: &[], weather: &weather, span })
        .one(seed, None)
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
