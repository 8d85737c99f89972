//! SunSpec devices: their models are found wherever they stand, and where there are none nothing is read.

use std::collections::BTreeMap;

use ballast::devices::wire::Fault;
use ballast::snapshot::Link;
use ballast::units::Power;

use super::peer::{Act, Asked, Peer};
use super::{profile, until, wire};

/// A device with these registers, and no others.
async fn holding(registers: BTreeMap<u16, u16>) -> Peer {
    let answer = move |asked: &Asked| {
        let (at, count) = (u16::from_be_bytes([asked.frame[8], asked.frame[9]]), u16::from(asked.frame[11]));
        let known = (at..at.saturating_add(count)).all(|address| registers.contains_key(&address));
        let exception = asked.answer(&[asked.function() | 0x80, 2]);
        vec![Act::Send(if known { asked.registers(|address| registers[&address]) } else { exception })]
    };
    Peer::start(answer).await
}

/// A chain of models from here on: number and length of each, then the end.
fn chain(start: u16, models: &[(u16, u16)]) -> BTreeMap<u16, u16> {
    let mut words = vec![0x5375, 0x6E53];
    for (number, length) in models {
        words.extend([*number, *length]);
        words.extend(vec![0; usize::from(*length)]);
    }
    words.extend([0xFFFF, 0]);
    (start..).zip(words).collect()
}

#[tokio::test]
async fn a_meter_is_found_from_model_to_model_wherever_its_chain_begins() {
    for start in [40_000, 50_000, 0] {
        // The common model as long as some devices have it, an inverter's before the meter's.
        let mut registers = chain(start, &[(1, 65), (103, 50), (204, 105)]);
        let meter = start + 2 + 67 + 52;
        assert_eq!(registers[&meter], 204);
        registers.extend([(meter + 18, 4_012), (meter + 22, 1)]);
        let peer = holding(registers).await;
        let wire = wire(&profile("sunspec-meter"), peer.address, 0);
        let seen = until(&wire, "its watts", |seen| seen.power.known().is_some()).await;
        assert_eq!(seen.power.known().map(|(power, _)| power), Some(Power::from_watts(40_120)));
    }
}

#[tokio::test]
async fn a_chain_without_a_meter_is_another_device_and_so_is_none() {
    let past_the_end = BTreeMap::from([(40_000, 0x5375), (40_001, 0x6E53), (40_002, 1), (40_003, 0xFFF0)]);
    for registers in [chain(40_000, &[(1, 66), (103, 50)]), BTreeMap::from([(0, 1), (1, 2)]), past_the_end] {
        let peer = holding(registers).await;
        let wire = wire(&profile("sunspec-meter"), peer.address, 0);
        let seen = until(&wire, "that it is not understood", |seen| seen.trouble.is_some()).await;
        assert_eq!(seen.trouble.map(|trouble| trouble.fault), Some(Fault::NotUnderstood));
        assert_eq!((seen.link, seen.power.known()), (Link::New, None));
    }
}
