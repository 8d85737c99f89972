//! What a site owes its devices: a login where one is asked for, signs of life where they are wanted.

use super::tests::{PROFILES, demo, ms, of_pdus, only_warning};
use super::*;
use crate::site::CommsLoss;

#[test]
fn a_device_that_asks_for_a_login_is_given_one_and_others_are_not() {
    let asks = |says| KnownDevice { login: true, ..says };
    let report = of_pdus(asks, &demo());
    assert_eq!(report.errors.len(), 64);
    assert_eq!(report.errors[0].at, "device `north-01`.login");
    let mut site = demo();
    let login = crate::site::Login { user: "a".into(), password: crate::site::SecretRef::Env("B".into()) };
    site.devices[0].login = Some(login);
    let report = check(&site, PROFILES, None);
    assert!(only_warning(&report).contains("is given a login"), "{report:?}");
}

#[test]
fn a_device_that_wants_signs_of_life_outlasts_three_of_them_and_a_restart() {
    let after = |every: u64| {
        let wants = |says| KnownDevice { keep_alive: Some(ms(every)), ..says };
        let mut site = demo();
        site.groups[0].paths[0].comms_loss = CommsLoss::Reverts(ms(15_000));
        of_pdus(wants, &site).errors.into_iter().map(|error| error.message).collect::<Vec<_>>()
    };
    assert!(after(3_900).is_empty(), "{:?}", after(3_900));
    let message = "`north-01` acts after 15 s without a sign of life, and three and a restart may take 15 s";
    assert_eq!(after(4_000), [message]);
}

#[test]
fn a_relay_is_watched_and_switches_and_measures_nothing() {
    let is = |says| KnownDevice { relay: true, ..says };
    let mut site = demo();
    let report = of_pdus(is, &site);
    assert!(report.errors.iter().any(|error| error.message.contains("is that of a relay, which is only watched")));
    site.relay = Some(site.poi.meter);
    let message = &check(&site, PROFILES, None).errors[0].message;
    assert!(message.contains("is that of no relay: it says nothing of a trip"), "{message}");
}
