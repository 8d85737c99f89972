//! Peers that answer late, in pieces, wrongly, or not at all. A reading is right or it is no reading.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballast::devices::{Station, Wire};
use ballast::snapshot::{Link, NoData, Reading};
use ballast::time::Clock;
use ballast::units::Power;
use tokio::runtime::Handle;

use super::peer::{Act, Asked, Peer};
use super::{device, hasty, profile, until, wire};

const SHORT: Duration = Duration::from_millis(100);

const KW: Power = Power::from_watts(1_000);

/// The right answer of an Acuvim II that shows this many kilowatts.
fn shows(asked: &Asked, kilowatts: u16) -> Vec<u8> {
    let bits = (f32::from(kilowatts) * 1_000.0).to_bits();
    asked.registers(|address| match address {
        12322 => (bits >> 16) as u16,
        12323 => bits as u16,
        _ => 0,
    })
}

fn is_known(power: Reading, kilowatts: i64) -> bool {
    power.known().is_some_and(|(power, _)| power == KW * kilowatts)
}

#[tokio::test]
async fn a_late_answer_is_never_taken_for_the_next_one() {
    let peer = Peer::start(|asked| match asked.number {
        0 => vec![Act::Send(shows(asked, 1))],
        // Longer than the timeout; then the answer comes after all.
        1 => vec![Act::Wait(SHORT * 2), Act::Send(shows(asked, 999))],
        _ => vec![Act::Send(shows(asked, 2))],
    })
    .await;
    let wire = wire(&hasty("acuvim-ii", SHORT), peer.address, 0);
    let seen = until(&wire, "readings long after the late one", |seen| {
        assert!(!is_known(seen.power, 999), "the late answer was believed");
        is_known(seen.power, 2) && seen.counts.requests > 20
    })
    .await;
    assert!(seen.counts.timeouts >= 1 && seen.counts.reconnects >= 1);
    let asked = peer.asked();
    let owing = asked[1].connection;
    assert!(
        asked[2..].iter().all(|asked| asked.connection != owing),
        "a connection that owes an answer is asked again"
    );
}

#[tokio::test]
async fn an_answer_in_pieces_is_one_answer() {
    let peer = Peer::start(|asked| {
        let pieces = shows(asked, 3).chunks(5).map(<[u8]>::to_vec).collect::<Vec<_>>();
        pieces.into_iter().flat_map(|piece| [Act::Send(piece), Act::Wait(Duration::from_millis(1))]).collect()
    })
    .await;
    let wire = wire(&profile("acuvim-ii"), peer.address, 0);
    let seen = until(&wire, "three readings", |seen| seen.counts.requests >= 3 && is_known(seen.power, 3)).await;
    assert_eq!((seen.counts.reconnects, seen.counts.not_understood), (0, 0));
}

#[tokio::test]
async fn an_exception_is_a_refusal_and_the_connection_stays() {
    let peer = Peer::start(|asked| vec![Act::Send(asked.answer(&[0x83, 2]))]).await;
    let wire = wire(&profile("acuvim-ii"), peer.address, 0);
    let seen = until(&wire, "three refusals", |seen| seen.counts.refused >= 3).await;
    assert_eq!(seen.power, Reading::NoData(NoData::Refused));
    assert_eq!(seen.link, Link::New, "it has never answered");
    assert!(peer.asked().iter().all(|asked| asked.connection == 0));
    let told = wire.trouble().unwrap();
    assert!(told.starts_with("`north-01`: refused with exception 2 on wire address 12288; check"), "{told}");
}

#[tokio::test]
async fn a_busy_device_keeps_its_last_reading() {
    let peer = Peer::start(|asked| match asked.number {
        0 => vec![Act::Send(shows(asked, 4))],
        _ => vec![Act::Send(asked.answer(&[0x83, 6]))],
    })
    .await;
    let wire = wire(&profile("acuvim-ii"), peer.address, 0);
    let seen = until(&wire, "three refusals", |seen| seen.counts.refused >= 3).await;
    assert!(is_known(seen.power, 4), "{:?}", seen.power);
}

type Wrong = (&'static str, fn(&Asked) -> Vec<u8>);

/// What a peer can get wrong about a right answer.
fn wrong_answers() -> Vec<Wrong> {
    fn with(asked: &Asked, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut frame = shows(asked, 999);
        change(&mut frame);
        frame
    }
    vec![
        ("transaction id", |asked| with(asked, |frame| frame[1] ^= 1)),
        ("protocol id", |asked| with(asked, |frame| frame[3] = 9)),
        ("unit id", |asked| with(asked, |frame| frame[6] ^= 1)),
        ("function", |asked| with(asked, |frame| frame[7] = 4)),
        ("byte count too small", |asked| with(asked, |frame| frame[8] -= 2)),
        ("byte count too large", |asked| with(asked, |frame| frame[8] += 2)),
        ("odd byte count", |asked| with(asked, |frame| frame[8] -= 1)),
        ("fewer registers than asked", |asked| asked.answer(&[&[3, 116][..], &[0x49; 116]].concat())),
        ("more registers than asked", |asked| asked.answer(&[&[3, 120][..], &[0x49; 120]].concat())),
        ("nothing but a header", |asked| asked.answer(&[])),
        ("exception to another function", |asked| asked.answer(&[0x84, 2])),
    ]
}

#[tokio::test]
async fn an_answer_to_something_else_drops_the_connection_and_is_never_believed() {
    for (what, wrong) in wrong_answers() {
        let peer = Peer::start(move |asked| match asked.connection {
            0 => vec![Act::Send(wrong(asked))],
            _ => vec![Act::Send(shows(asked, 5))],
        })
        .await;
        let wire = wire(&profile("acuvim-ii"), peer.address, 0);
        let seen = until(&wire, what, |seen| {
            assert!(seen.power.known().is_none() || is_known(seen.power, 5), "{what} was believed: {:?}", seen.power);
            is_known(seen.power, 5)
        })
        .await;
        assert_eq!((seen.counts.not_understood, seen.counts.reconnects), (1, 1), "{what}: {seen:?}");
        assert_eq!(peer.asked().iter().filter(|asked| asked.connection == 0).count(), 1, "{what}");
    }
}

#[tokio::test]
async fn a_second_answer_to_one_request_is_not_the_answer_to_the_next() {
    let peer = Peer::start(|asked| match asked.number {
        0 => vec![Act::Send([shows(asked, 1), shows(asked, 999)].concat())],
        _ => vec![Act::Send(shows(asked, 2))],
    })
    .await;
    let wire = wire(&profile("acuvim-ii"), peer.address, 0);
    until(&wire, "the next reading", |seen| {
        assert!(!is_known(seen.power, 999));
        is_known(seen.power, 2)
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_closes_is_connected_again() {
    let peer = Peer::start(|asked| match asked.number % 2 {
        0 => vec![Act::Send(shows(asked, 6))],
        _ => vec![Act::Close],
    })
    .await;
    let wire = wire(&profile("acuvim-ii"), peer.address, 0);
    let seen = until(&wire, "two reconnects", |seen| seen.counts.reconnects >= 2).await;
    assert!(is_known(seen.power, 6), "a lost connection leaves the last reading to age");
    assert_eq!(seen.counts.timeouts, 0);
}

#[tokio::test]
async fn a_peer_that_stops_answering_is_silent_and_its_last_reading_ages() {
    let peer = Peer::start(|asked| match asked.number {
        0 => vec![Act::Send(shows(asked, 8))],
        _ => vec![],
    })
    .await;
    let wire = wire(&hasty("acuvim-ii", SHORT), peer.address, 0);
    until(&wire, "its reading", |seen| is_known(seen.power, 8)).await;
    let seen = until(&wire, "silence", |seen| seen.link == Link::Silent).await;
    assert!(is_known(seen.power, 8));
    assert!(seen.counts.timeouts >= 1);
}

#[tokio::test]
async fn how_long_a_device_may_be_quiet_is_for_the_site_to_say() {
    let peer = Peer::start(|asked| match asked.number {
        0 => vec![Act::Send(shows(asked, 8))],
        _ => vec![],
    })
    .await;
    let (profile, hour) = (hasty("acuvim-ii", SHORT / 4), Duration::from_secs(3_600));
    let device = device(&profile, peer.address);
    let wire = Wire::spawn(
        &Handle::current(),
        Station {
            profile,
            device: &device,
            silent_after: hour,
            outlets: 0,
            on_fresh: None,
            credentials: None,
            tls: None,
        },
        Clock::start(),
    );
    let seen = until(&wire, "many timeouts", |seen| seen.counts.timeouts >= 4).await;
    assert_eq!(seen.link, Link::Up);
}

#[tokio::test]
async fn a_device_that_is_gone_for_a_second_is_silent_and_comes_back_by_itself() {
    let gone = Arc::new(AtomicBool::new(false));
    let unplugged = Arc::clone(&gone);
    let peer = Peer::start(move |asked| match unplugged.load(Ordering::Relaxed) {
        false => vec![Act::Send(shows(asked, 8))],
        true => vec![Act::Close],
    })
    .await;
    let wire = wire(&profile("acuvim-ii"), peer.address, 0);
    until(&wire, "its reading", |seen| seen.link == Link::Up).await;
    gone.store(true, Ordering::Relaxed);
    let seen = until(&wire, "silence", |seen| seen.link == Link::Silent).await;
    assert!(is_known(seen.power, 8) && seen.counts.timeouts == 0);
    gone.store(false, Ordering::Relaxed);
    until(&wire, "its return", |seen| seen.link == Link::Up).await;
}

#[tokio::test]
async fn a_peer_that_never_answers_is_no_data() {
    let peer = Peer::start(|_| vec![]).await;
    let wire = wire(&hasty("acuvim-ii", SHORT), peer.address, 0);
    let seen = until(&wire, "two timeouts", |seen| seen.counts.timeouts >= 2).await;
    assert_eq!((seen.link, seen.power), (Link::New, Reading::NoData(NoData::NoAnswer)));
}

#[tokio::test]
async fn a_meter_that_shows_no_number_is_no_data_and_not_zero() {
    let peer = Peer::start(|asked| match asked.number {
        0 => vec![Act::Send(shows(asked, 9))],
        _ => vec![Act::Send(asked.registers(|_| 0x7FC0))],
    })
    .await;
    let wire = wire(&profile("acuvim-ii"), peer.address, 0);
    until(&wire, "no data", |seen| seen.power == Reading::NoData(NoData::NotUnderstood)).await;
    assert_eq!(wire.seen().link, Link::Up);
}

#[tokio::test]
async fn a_device_that_is_not_what_its_file_says_is_not_read() {
    let other = Peer::start(|asked| vec![Act::Send(asked.registers(|_| 203))]).await;
    let wire = wire(&profile("sunspec-203"), other.address, 0);
    let seen = until(&wire, "two refusals of the device", |seen| seen.counts.not_understood >= 2).await;
    assert_eq!(seen.power.known(), None);
    let marker_only = |asked: &super::peer::Asked| asked.frame[8..10] == 40000_u16.to_be_bytes();
    assert!(other.asked().iter().all(marker_only), "nothing is asked of a device that failed the first question");
}
