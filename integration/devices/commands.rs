//! Outlets of honest devices: switched, read back, proved; the newest command first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ballast::devices::wire::OnFresh;
use ballast::devices::{Profile, Station, Wire};
use ballast::site::Device;
use ballast::snapshot::Link;
use ballast::time::{Clock, Mono};
use ballast::units::Power;
use tokio::runtime::Handle;
use tokio_modbus::{ExceptionCode, Request};

use super::peer::{Honest, UNIT};
use super::{NEVER, QUIET, device, profile, until, wire, wire_on};

#[tokio::test]
async fn every_shipped_meter_is_read() {
    for name in ["acuvim-ii", "schneider-pm5xxx", "sunspec-203"] {
        let profile = profile(name);
        let (_device, address) = Honest::start(&profile, 0b1111, 8).await;
        let wire = wire(&profile, address, 0);
        let seen = until(&wire, name, |seen| seen.power.known().is_some()).await;
        assert_eq!(seen.power.known().unwrap().0, Power::from_kilowatts(14), "{name}");
        assert_eq!((seen.link, seen.on, seen.written), (Link::Up, None, None));
    }
}

#[tokio::test]
async fn outlets_are_switched_read_back_and_proved_by_a_read_that_began_after_the_answer() {
    for name in ["netio-powerpdu", "gude-expert-pdu"] {
        let profile = profile(name);
        let (device, address) = Honest::start(&profile, 0b1111_0000, 8).await;
        let wire = wire(&profile, address, 8);
        wire.command(0b1010_0101, NEVER);
        let seen = until(&wire, name, |seen| {
            let proved = |at, written| at > written;
            let (on, written) = (seen.on, seen.written);
            on.zip(written).is_some_and(|((on, at), (_, written))| on == 0b1010_0101 && proved(at, written))
                && seen.power.known().is_some_and(|(power, _)| power == UNIT * 4)
        })
        .await;
        assert_eq!(device.on(), 0b1010_0101);
        assert_eq!(seen.written.unwrap().0, 0b1010_0101);
        let times = seen.write.unwrap();
        assert_eq!(times.on, 0b1010_0101);
        assert!(times.wanted <= times.sent && times.sent <= times.answered.unwrap());
        assert_eq!(times.answered, seen.written.map(|(_, at)| at));
    }
}

#[tokio::test]
async fn outlets_behind_registers_are_switched_by_their_words_for_on_and_off() {
    let examples = super::examples();
    let one = format!("{}{}", examples[0].replace("\"meter\"", "\"pdu\""), examples[3]);
    let all = one.replace("at_once = \"one\"", "at_once = \"all\"");
    let single = |at, word| Request::WriteSingleRegister(at, word);
    let cases = [
        (one, vec![single(101, 2), single(100, 1)]),
        (all, vec![Request::WriteMultipleRegisters(100, vec![1, 2].into())]),
    ];
    for (text, writes) in cases {
        let profile = Arc::new(Profile::parse("example.toml", &text).unwrap_or_else(|problems| panic!("{problems}")));
        let (device, address) = Honest::start(&profile, 0b10, 2).await;
        let wire = wire(&profile, address, 2);
        until(&wire, "the first read", |seen| seen.on.is_some()).await;
        wire.command(0b01, NEVER);
        until(&wire, "the new state", |seen| seen.on.is_some_and(|(on, _)| on == 0b01)).await;
        assert_eq!(device.writes(), writes);
    }
}

#[tokio::test]
async fn a_pdu_that_wants_all_outlets_gets_all_in_one_write() {
    let profile = profile("netio-powerpdu");
    let (device, address) = Honest::start(&profile, 0, 4).await;
    let wire = wire(&profile, address, 4);
    wire.command(u64::MAX, NEVER);
    until(&wire, "all on", |seen| seen.on.is_some_and(|(on, _)| on == 0b1111)).await;
    assert_eq!(device.writes(), [Request::WriteMultipleCoils(101, vec![true; 4].into())]);
}

#[tokio::test]
async fn single_writes_switch_off_before_on_and_leave_the_rest_alone() {
    let profile = profile("gude-expert-pdu");
    let (device, address) = Honest::start(&profile, 0b0110, 4).await;
    let wire = wire(&profile, address, 4);
    until(&wire, "the first read", |seen| seen.on.is_some()).await;
    wire.command(0b0011, NEVER);
    until(&wire, "the new state", |seen| seen.on.is_some_and(|(on, _)| on == 0b0011)).await;
    assert_eq!(device.writes(), [Request::WriteSingleCoil(2, false), Request::WriteSingleCoil(0, true)]);
}

#[tokio::test]
async fn nothing_is_written_before_the_first_command() {
    let profile = profile("netio-powerpdu");
    let (device, address) = Honest::start(&profile, 0b1001, 8).await;
    let wire = wire(&profile, address, 8);
    let seen = until(&wire, "ten polls", |seen| seen.counts.requests >= 20).await;
    assert_eq!(seen.on.unwrap().0, 0b1001);
    assert_eq!((device.writes().len(), seen.written), (0, None));
}

#[tokio::test]
async fn a_write_goes_before_the_reads_that_wait() {
    let profile = profile("netio-powerpdu");
    let (device, address) = Honest::start(&profile, 0, 8).await;
    device.permits.forget_permits(usize::MAX >> 4);
    let wire = wire(&profile, address, 8);
    let asked = |count: usize| {
        let log = Arc::clone(&device.log);
        move |_: &_| log.lock().unwrap().len() >= count
    };
    // The poll's first read is under way, its second waits.
    until(&wire, "the first read", asked(1)).await;
    wire.command(0b11, NEVER);
    device.permits.add_permits(1_000_000);
    until(&wire, "the requests after it", asked(3)).await;
    let log = device.log.lock().unwrap();
    assert_eq!(log[0], Request::ReadCoils(101, 8));
    assert!(matches!(log[1], Request::WriteMultipleCoils(101, _)), "{log:?}");
    assert_eq!(log[2], Request::ReadInputRegisters(200, 1));
}

#[tokio::test]
async fn a_write_is_read_back_when_that_can_prove_it() {
    let mut profile = Profile::clone(&profile("netio-powerpdu"));
    profile.power.as_mut().unwrap().refresh = Duration::from_millis(50);
    let profile = Arc::new(profile);
    let (_device, address) = Honest::start(&profile, 0b1111, 8).await;
    // Polled once an hour: after the first poll only the read-back is left.
    let seldom = Device { poll: Duration::from_secs(3_600), ..device(&profile, address) };
    let wire = Wire::spawn(
        &Handle::current(),
        Station {
            profile: Arc::clone(&profile),
            device: &seldom,
            silent_after: seldom.poll + QUIET,
            outlets: 8,
            on_fresh: None,
            credentials: None,
            tls: None,
        },
        Clock::start(),
    );
    until(&wire, "the first poll", |seen| seen.power.known().is_some()).await;
    wire.command(0b11, NEVER);
    let seen = until(&wire, "a reading from after the write", |seen| {
        seen.power.known().zip(seen.written).is_some_and(|((_, at), (_, written))| at >= written)
    })
    .await;
    assert_eq!(seen.power.known().unwrap().0, UNIT * 2);
    assert_eq!(seen.on.unwrap().0, 0b11);
}

#[tokio::test]
async fn the_newest_command_wins_and_those_between_are_never_sent() {
    let profile = profile("netio-powerpdu");
    let (device, address) = Honest::start(&profile, 0, 8).await;
    let wire = wire(&profile, address, 8);
    until(&wire, "the first poll", |seen| seen.power.known().is_some()).await;
    device.permits.forget_permits(usize::MAX >> 4);
    wire.command(0b1, NEVER);
    // At most one read is still held; one permit more lets the write come, and no further.
    device.permits.add_permits(1);
    until(&wire, "the first write on the wire", |_| device.writes().len() == 1).await;
    for on in [0b11, 0b111, 0b1111] {
        wire.command(on, NEVER);
    }
    device.permits.add_permits(1_000_000);
    until(&wire, "the last command", |seen| seen.on.is_some_and(|(on, _)| on == 0b1111)).await;
    let all = |on| Request::WriteMultipleCoils(101, states(on).into());
    let writes = device.writes();
    // Where no read was held, the one permit let the first write through and the task went on from there.
    assert_eq!((&writes[0], writes.last().unwrap()), (&all(0b1), &all(0b1111)));
    assert_eq!(writes.len(), 2, "{writes:?}");
}

fn states(on: u8) -> Vec<bool> {
    (0..8).map(|unit| on >> unit & 1 == 1).collect()
}

#[tokio::test]
async fn the_same_command_again_is_not_written_again() {
    let profile = profile("netio-powerpdu");
    let (device, address) = Honest::start(&profile, 0, 8).await;
    let wire = wire(&profile, address, 8);
    wire.command(0b1, NEVER);
    let start = until(&wire, "the write", |seen| seen.written.is_some()).await.counts.requests;
    until(&wire, "ten polls", |seen| {
        wire.command(0b1, NEVER);
        seen.counts.requests >= start + 20
    })
    .await;
    assert_eq!(device.writes().len(), 1);
}

#[tokio::test]
async fn outlets_switched_by_another_hand_are_switched_back() {
    let profile = profile("gude-expert-pdu");
    let (device, address) = Honest::start(&profile, 0, 8).await;
    let wire = wire(&profile, address, 8);
    wire.command(0b1, NEVER);
    until(&wire, "the write", |seen| seen.on.is_some_and(|(on, _)| on == 0b1)).await;
    device.shown.lock().unwrap().on = 0b1000_0001;
    until(&wire, "the other hand", |seen| seen.on.is_some_and(|(on, _)| on == 0b1000_0001)).await;
    until(&wire, "our own", |seen| seen.on.is_some_and(|(on, _)| on == 0b1)).await;
    assert_eq!(device.on(), 0b1);
}

#[tokio::test]
async fn a_refused_write_is_not_claimed_and_is_tried_again_at_the_next_poll() {
    let profile = profile("netio-powerpdu");
    // Even where it shows what is wanted already: a device that refuses has not answered for the command.
    let (device, address) = Honest::start(&profile, 0b11, 8).await;
    *device.refuses.lock().unwrap() = Some(ExceptionCode::ServerDeviceBusy);
    let wire = wire(&profile, address, 8);
    wire.command(0b11, NEVER);
    let seen = until(&wire, "three refusals", |seen| seen.counts.refused >= 3).await;
    assert_eq!((seen.written, seen.counts.reconnects), (None, 0));
    assert_eq!(seen.write.unwrap().answered, None);
    *device.refuses.lock().unwrap() = None;
    until(&wire, "the write", |seen| seen.written.is_some_and(|(on, _)| on == 0b11)).await;
}

#[tokio::test]
async fn a_newer_command_cuts_in_between_two_single_writes() {
    let profile = profile("gude-expert-pdu");
    let (device, address) = Honest::start(&profile, 0, 4).await;
    let wire = wire(&profile, address, 4);
    until(&wire, "the first poll", |seen| seen.power.known().is_some()).await;
    device.permits.forget_permits(usize::MAX >> 4);
    wire.command(0b1111, NEVER);
    // At most one read is still held.
    device.permits.add_permits(1);
    until(&wire, "the first write on the wire", |_| !device.writes().is_empty()).await;
    wire.command(0b0000, NEVER);
    device.permits.add_permits(1_000_000);
    until(&wire, "off", |seen| seen.written.is_some_and(|(on, _)| on == 0)).await;
    let on = device.writes().iter().filter(|write| matches!(write, Request::WriteSingleCoil(_, true))).count();
    assert!(on <= 2, "the rest of the older command was still sent: {:?}", device.writes());
}

#[tokio::test]
async fn a_reading_is_as_old_as_its_request_and_the_meter_together() {
    let profile = profile("acuvim-ii");
    let (_device, address) = Honest::start(&profile, 0b1, 8).await;
    let clock = Clock::start();
    let wire = wire_on(clock, &profile, address, 0);
    let refresh = profile.power.as_ref().unwrap().refresh;
    let seen = until(&wire, "a reading from after the start", |seen| {
        seen.power.known().is_some_and(|(_, at)| {
            assert!(at == Mono::START || clock.mono().since(at) >= refresh, "younger than the meter can know");
            at > Mono::from_millis(20)
        })
    });
    seen.await;
}

#[tokio::test]
async fn the_loop_is_told_of_every_new_reading() {
    let profile = profile("acuvim-ii");
    let (_device, address) = Honest::start(&profile, 0b1, 8).await;
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let on_fresh: OnFresh = Arc::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let runtime = tokio::runtime::Handle::current();
    let device = device(&profile, address);
    let wire = Wire::spawn(
        &runtime,
        Station {
            profile: Arc::clone(&profile),
            device: &device,
            silent_after: QUIET,
            outlets: 0,
            on_fresh: Some(on_fresh),
            credentials: None,
            tls: None,
        },
        Clock::start(),
    );
    until(&wire, "three readings", |seen| seen.counts.requests >= 3 && told.load(Ordering::Relaxed) >= 3).await;
}
