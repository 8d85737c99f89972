//! Writes without a right answer: unknown, until the outlets were read back on a new connection.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use ballast::devices::{Station, Wire};
use ballast::snapshot::Link;
use ballast::time::Clock;

use super::peer::{Act, Asked, Peer};
use super::{NEVER, device, hasty, profile, until, wire};

const SHORT: Duration = Duration::from_millis(200);

/// What becomes of the first write.
#[derive(Clone, Copy, Debug)]
enum First {
    /// Done, and never answered.
    Done,
    /// Not done, and never answered.
    Lost,
    /// Done, and the connection closed.
    Closed,
    /// Answered with the echo of another address.
    OtherAddress,
    /// Answered with another count.
    OtherCount,
}

/// A NETIO with eight outlets whose first write goes wrong.
async fn netio(first: First) -> Peer {
    let state = AtomicU8::new(0);
    Peer::start(move |asked| match asked.function() {
        1 => vec![Act::Send(asked.answer(&[1, 1, state.load(Ordering::Relaxed)]))],
        4 => vec![Act::Send(asked.registers(|_| 0))],
        _ => {
            let is_first = asked.connection == 0;
            if !is_first || !matches!(first, First::Lost) {
                state.store(asked.frame[13], Ordering::Relaxed);
            }
            match first {
                _ if !is_first => vec![Act::Send(asked.answer(&asked.frame[7..12]))],
                First::Done | First::Lost => vec![],
                First::Closed => vec![Act::Close],
                First::OtherAddress => vec![Act::Send(asked.answer(&[15, 0, 102, 0, 8]))],
                First::OtherCount => vec![Act::Send(asked.answer(&[15, 0, 101, 0, 7]))],
            }
        }
    })
    .await
}

fn on_second(peer: &Peer) -> Vec<u8> {
    peer.asked().iter().filter(|asked| asked.connection == 1).map(Asked::function).collect()
}

#[tokio::test]
async fn an_unanswered_write_is_read_back_before_anything_is_claimed() {
    for first in [First::Done, First::Closed, First::OtherAddress, First::OtherCount] {
        let peer = netio(first).await;
        let wire = wire(&hasty("netio-powerpdu", SHORT), peer.address, 8);
        wire.command(0b11, NEVER);
        let seen = until(&wire, "the claim", |seen| seen.written.is_some()).await;
        assert_eq!(seen.written.unwrap().0, 0b11);
        let (on, started) = seen.on.unwrap();
        assert_eq!(on, 0b11, "{first:?}");
        assert!(started <= seen.written.unwrap().1, "{first:?}: the read-back is the answer");
        until(&wire, "two more polls", |seen| seen.counts.requests >= 8).await;
        let functions = on_second(&peer);
        assert_eq!(functions[0], 1, "{first:?}: the outlets are read first");
        assert!(!functions.contains(&15), "{first:?}: it had happened, and is not written twice");
        assert_eq!(peer.asked().iter().filter(|asked| asked.connection == 0 && asked.function() == 15).count(), 1);
    }
}

#[tokio::test]
async fn a_write_that_did_not_happen_is_written_again_after_the_read_back() {
    let peer = netio(First::Lost).await;
    let wire = wire(&hasty("netio-powerpdu", SHORT), peer.address, 8);
    wire.command(0b11, NEVER);
    let seen = until(&wire, "the claim", |seen| {
        assert!(seen.written.is_none() || seen.counts.reconnects >= 1);
        seen.written.is_some() && seen.on.is_some_and(|(on, _)| on == 0b11)
    })
    .await;
    assert_eq!(seen.counts.timeouts, 1);
    assert_eq!(on_second(&peer)[..2], [1, 15], "read, then written");
}

#[tokio::test]
async fn a_single_write_echoed_with_another_state_or_address_is_no_answer() {
    for (what, echo) in [("state", [5, 0, 0, 0, 0]), ("address", [5, 0, 1, 0xFF, 0])] {
        let peer = Peer::start(move |asked| match asked.function() {
            1 => vec![Act::Send(asked.answer(&[1, 1, 0]))],
            4 => vec![Act::Send(asked.registers(|_| 0))],
            _ => vec![Act::Send(asked.answer(&echo))],
        })
        .await;
        let wire = wire(&profile("gude-expert-pdu"), peer.address, 1);
        wire.command(0b1, NEVER);
        let seen = until(&wire, what, |seen| seen.counts.not_understood >= 2).await;
        assert_eq!(seen.written, None, "{what}");
    }
}

#[tokio::test]
async fn a_newer_command_is_written_at_once_on_the_new_connection() {
    let peer = netio(First::Done).await;
    let wire = wire(&hasty("netio-powerpdu", SHORT), peer.address, 8);
    wire.command(0b11, NEVER);
    until(&wire, "the write", |seen| seen.write.is_some()).await;
    wire.command(0b10, NEVER);
    until(&wire, "the newer one", |seen| seen.written.is_some_and(|(on, _)| on == 0b10)).await;
    assert_eq!(on_second(&peer)[0], 15);
}

/// A NETIO that takes a write, falls silent for some connections, and comes back with every outlet off.
async fn without_power_for_a_while(silent: std::ops::Range<usize>) -> Peer {
    let state = AtomicU8::new(0);
    Peer::start(move |asked| match asked.function() {
        _ if silent.contains(&asked.connection) => vec![],
        _ if asked.connection == silent.end && asked.function() == 1 => {
            state.store(0, Ordering::Relaxed);
            vec![Act::Send(asked.answer(&[1, 1, 0]))]
        }
        1 => vec![Act::Send(asked.answer(&[1, 1, state.load(Ordering::Relaxed)]))],
        4 if asked.connection < silent.start => vec![Act::Close],
        4 => vec![Act::Send(asked.registers(|_| 0))],
        _ => {
            state.store(asked.frame[13], Ordering::Relaxed);
            vec![Act::Send(asked.answer(&asked.frame[7..12]))]
        }
    })
    .await
}

#[tokio::test]
async fn a_command_from_a_silence_switches_nothing_on_that_went_off_in_it() {
    let peer = without_power_for_a_while(1..3).await;
    let profile = hasty("netio-powerpdu", SHORT);
    // Long between two polls, so that whoever decides has all the time it needs to speak.
    let device = ballast::site::Device { poll: Duration::from_secs(2), ..device(&profile, peer.address) };
    let runtime = tokio::runtime::Handle::current();
    let wire = Wire::spawn(
        &runtime,
        Station {
            profile: std::sync::Arc::clone(&profile),
            device: &device,
            silent_after: device.poll + SHORT,
            outlets: 8,
            on_fresh: None,
            credentials: None,
            tls: None,
        },
        Clock::start(),
    );
    wire.command(0b1111, NEVER);
    until(&wire, "the silence", |seen| seen.link == Link::Silent).await;
    wire.command(0b0111, NEVER);
    until(&wire, "its return", |seen| seen.link == Link::Up && seen.on.is_some_and(|(on, _)| on == 0)).await;
    wire.command(0b0001, NEVER);
    until(&wire, "the new command", |seen| seen.written.is_some_and(|(on, _)| on == 0b0001)).await;
    let written = peer.asked().into_iter().filter(|asked| asked.connection >= 3 && asked.function() == 15);
    assert_eq!(written.map(|asked| asked.frame[13]).collect::<Vec<_>>(), [0b0001]);
}
