//! Commands that nobody renews: the permit is void, and void means off.

use std::time::Duration;

use ballast::snapshot::Link;
use ballast::time::{Clock, Mono};
use tokio_modbus::Request;

use super::peer::Honest;
use super::{NEVER, profile, until, wire};

#[tokio::test]
async fn a_command_that_is_not_renewed_switches_off_by_itself() {
    for name in ["netio-powerpdu", "gude-expert-pdu"] {
        let profile = profile(name);
        let (device, address) = Honest::start(&profile, 0, 8).await;
        let wire = wire(&profile, address, 8);
        wire.command(0xFF, NEVER);
        until(&wire, "on", |seen| seen.on.is_some_and(|(on, _)| on == 0xFF)).await;
        wire.command(0xFF, Mono::from_millis(1));
        let seen = until(&wire, "off", |seen| seen.on.is_some_and(|(on, _)| on == 0)).await;
        assert_eq!((seen.counts.lapses, device.on(), seen.written.unwrap().0), (1, 0, 0));
        // The same command again is a new permit.
        wire.command(0xFF, NEVER);
        until(&wire, "on again", |seen| seen.on.is_some_and(|(on, _)| on == 0xFF)).await;
    }
}

#[tokio::test]
async fn a_lapse_needs_no_poll_and_no_command_to_be_noticed() {
    let profile = profile("netio-powerpdu");
    let (_device, address) = Honest::start(&profile, 0, 8).await;
    let device = ballast::site::Device { poll: Duration::from_secs(3_600), ..super::device(&profile, address) };
    let clock = Clock::start();
    let runtime = tokio::runtime::Handle::current();
    let wire = ballast::devices::Wire::spawn(
        &runtime,
        ballast::devices::Station {
            profile,
            device: &device,
            silent_after: device.poll + super::QUIET,
            outlets: 8,
            on_fresh: None,
            credentials: None,
            tls: None,
        },
        clock,
    );
    wire.command(0xFF, clock.mono().after(Duration::from_millis(200)));
    let seen = until(&wire, "off by the lapse alone", |seen| {
        seen.counts.lapses == 1 && seen.written.is_some_and(|(on, _)| on == 0)
    })
    .await;
    assert_eq!(seen.counts.reconnects, 0);
}

#[tokio::test]
async fn a_renewed_command_stays() {
    let profile = profile("netio-powerpdu");
    let (device, address) = Honest::start(&profile, 0, 8).await;
    let wire = wire(&profile, address, 8);
    let clock = Clock::start();
    wire.command(0xFF, clock.mono().after(Duration::from_millis(500)));
    wire.command(0xFF, NEVER);
    until(&wire, "the first lapse to be past", |_| clock.mono() > Mono::from_millis(600)).await;
    let start = wire.seen().counts.requests;
    let seen = until(&wire, "four more polls", |seen| seen.counts.requests >= start + 8).await;
    assert_eq!((seen.counts.lapses, device.writes().len(), device.on()), (0, 1, 0xFF));
}

#[tokio::test]
async fn a_command_that_is_void_when_it_comes_switches_nothing_on() {
    let profile = profile("netio-powerpdu");
    let (device, address) = Honest::start(&profile, 0b1, 8).await;
    let wire = wire(&profile, address, 8);
    wire.command(0xFF, Mono::START);
    until(&wire, "off", |seen| seen.written.is_some_and(|(on, _)| on == 0)).await;
    assert_eq!(device.writes(), [Request::WriteMultipleCoils(101, vec![false; 8].into())]);
}

#[tokio::test]
async fn a_dropped_wire_is_a_command_that_is_not_renewed() {
    let profile = profile("netio-powerpdu");
    let (device, address) = Honest::start(&profile, 0, 8).await;
    let first = wire(&profile, address, 8);
    first.command(0xFF, Mono::from_millis(300));
    until(&first, "on", |seen| seen.link == Link::Up && seen.written.is_some()).await;
    drop(first);
    let watching = wire(&profile, address, 8);
    until(&watching, "off", |_| device.on() == 0).await;
}

#[tokio::test]
async fn what_is_adopted_is_not_written_until_it_lapses() {
    let profile = profile("netio-powerpdu");
    let (device, address) = Honest::start(&profile, 0b101, 8).await;
    let wire = wire(&profile, address, 8);
    wire.adopt(0b101, NEVER);
    let seen = until(&wire, "ten polls", |seen| seen.counts.requests >= 20).await;
    assert_eq!((device.writes().len(), seen.on.unwrap().0), (0, 0b101));
    wire.command(0b101, Mono::START);
    until(&wire, "off", |seen| seen.on.is_some_and(|(on, _)| on == 0)).await;
    assert_eq!(wire.seen().counts.lapses, 1);
}

#[tokio::test]
async fn what_is_adopted_but_not_so_is_made_so() {
    let profile = profile("netio-powerpdu");
    let (_device, address) = Honest::start(&profile, 0b111, 8).await;
    let wire = wire(&profile, address, 8);
    wire.adopt(0b101, NEVER);
    until(&wire, "as adopted", |seen| seen.on.is_some_and(|(on, _)| on == 0b101)).await;
}
