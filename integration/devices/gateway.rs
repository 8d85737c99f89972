//! Several devices behind one address: they share a connection, take turns, and are told apart by their unit ids.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballast::devices::{Profile, Station, Wire};
use ballast::snapshot::Link;
use ballast::time::Clock;
use ballast::units::Power;
use tokio::runtime::Handle;

use super::peer::{Act, Asked, Peer};
use super::{NEVER, QUIET, device, hasty, profile, until};

const POLL: Duration = Duration::from_millis(50);

/// The unit that a request is for.
fn unit_of(asked: &Asked) -> u8 {
    asked.frame[6]
}

/// A GUDE PDU as its unit shows it: eight outlets off, as many watts as its unit id.
fn gude(asked: &Asked) -> Vec<u8> {
    match asked.function() {
        1 => asked.answer(&[1, 1, 0]),
        4 => asked.registers(|address| if address == 0x403 { u16::from(unit_of(asked)) } else { 0 }),
        _ => asked.frame.clone(),
    }
}

/// One wire for each of these units at an address.
fn behind(profile: &Arc<Profile>, address: SocketAddr, units: impl Iterator<Item = u8>, outlets: u32) -> Vec<Wire> {
    let named = |unit: u8| {
        let device = device(profile, address);
        ballast::site::Device { name: format!("unit-{unit}"), unit_id: unit, poll: POLL, ..device }
    };
    let devices: Vec<_> = units.map(named).collect();
    let station = |device| Station {
        profile: Arc::clone(profile),
        device,
        silent_after: POLL + QUIET,
        outlets,
        on_fresh: None,
        credentials: None,
        tls: None,
    };
    Wire::spawn_all(&Handle::current(), devices.iter().map(station), Clock::start())
}

#[tokio::test]
async fn devices_at_one_address_share_a_connection_and_are_told_apart_by_their_units() {
    let peer = Peer::start(|asked| vec![Act::Send(gude(asked))]).await;
    let wires = behind(&profile("gude-expert-pdu"), peer.address, 9..=20, 8);
    for (wire, unit) in wires.iter().zip(9..) {
        until(wire, "its own watts", |seen| {
            seen.power.known().is_some_and(|(power, _)| power == Power::from_watts(unit))
        })
        .await;
    }
    let asked = peer.asked();
    assert!(asked.iter().all(|asked| asked.connection == 0), "one connection for all");
    for unit in 9..=20 {
        assert!(asked.iter().any(|asked| unit_of(asked) == unit), "unit {unit} was never asked");
    }
}

#[tokio::test]
async fn a_command_to_one_goes_before_all_that_is_only_read() {
    // Twelve devices that are read without a pause, and a gateway that takes its time.
    let peer = Peer::start(|asked| vec![Act::Wait(Duration::from_millis(5)), Act::Send(gude(asked))]).await;
    let wires = behind(&profile("gude-expert-pdu"), peer.address, 9..=20, 8);
    for wire in &wires {
        until(wire, "the first reading", |seen| seen.power.known().is_some() && seen.on.is_some()).await;
    }
    let before = peer.asked().len();
    wires[11].command(0b1, NEVER);
    until(&wires[11], "the write", |seen| seen.written.is_some()).await;
    let asked = peer.asked();
    let written = asked.iter().position(|asked| asked.function() == 5).unwrap();
    assert_eq!(unit_of(&asked[written]), 20);
    // One request may be under way, and one more before the task looks again.
    assert!(written <= before + 2, "{written} is long after {before}");
}

#[tokio::test]
async fn one_that_answers_nothing_costs_the_others_a_connection_and_no_reading() {
    let peer = Peer::start(|asked| if unit_of(asked) == 10 { vec![] } else { vec![Act::Send(gude(asked))] }).await;
    let wires = behind(&hasty("gude-expert-pdu", Duration::from_millis(60)), peer.address, 9..=11, 8);
    until(&wires[1], "two timeouts", |seen| seen.counts.timeouts >= 2).await;
    for (wire, unit) in [(&wires[0], 9), (&wires[2], 11)] {
        let requests = wire.seen().counts.requests;
        let seen = until(wire, "more readings", |seen| seen.counts.requests > requests + 4).await;
        assert_eq!((seen.link, seen.counts.timeouts), (Link::Up, 0), "unit {unit}");
        assert_eq!(seen.power.known().map(|(power, _)| power), Some(Power::from_watts(unit)));
    }
}

#[tokio::test]
async fn one_that_is_another_device_is_neither_read_nor_switched_and_the_others_keep_their_connection() {
    // Model 203 stands where the file says, but for unit 2.
    let peer = Peer::start(|asked| {
        let other = unit_of(asked) == 2;
        vec![Act::Send(asked.registers(move |address| match address {
            40000 => 0x5375,
            40001 => 0x6E53,
            40070 if other => 101,
            40070 => 203,
            _ => 1,
        }))]
    })
    .await;
    let wires = behind(&profile("sunspec-203"), peer.address, 1..=2, 0);
    until(&wires[0], "many readings", |seen| seen.counts.requests > 20).await;
    let other = wires[1].seen();
    assert!(other.power.known().is_none() && other.counts.not_understood >= 1);
    assert!(peer.asked().iter().all(|asked| asked.connection == 0), "nobody was made to connect again");
}

#[tokio::test]
async fn handles_that_are_gone_leave_the_others_on_the_line() {
    let peer = Peer::start(|asked| vec![Act::Send(gude(asked))]).await;
    let mut wires = behind(&profile("gude-expert-pdu"), peer.address, 9..=10, 8);
    let stays = wires.remove(0);
    drop(wires);
    let requests = stays.seen().counts.requests;
    until(&stays, "more readings", |seen| seen.counts.requests > requests + 10).await;
    let asked = peer.asked();
    assert!(asked[asked.len() - 4..].iter().all(|asked| unit_of(asked) == 9), "the one that is gone is still read");
}
