//! Words of a device, as every shipped device file and any other codec understands them.

use std::sync::OnceLock;

use ballast::devices::Profile;
use ballast::devices::profile::codec::{BOUND, Codec, Factor, Type, WordOrder};
use ballast::devices::profile::{Point, SHIPPED};
use ballast::snapshot::NoData;
use ballast::units::Power;

use super::{Seeds, seed};

/// Every device file that ships.
pub(super) fn shipped() -> &'static [Profile] {
    static ALL: OnceLock<Vec<Profile>> = OnceLock::new();
    ALL.get_or_init(|| SHIPPED.iter().map(|(name, text)| Profile::parse(name, text).expect("it ships")).collect())
}

/// First byte: which device; with its high bit the words stand where the power does. The others: words.
pub(super) fn registers(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let words: Vec<u16> = rest.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    if *first == 0x7F {
        return any_codec(rest);
    }
    let all = shipped();
    let profile = &all[usize::from(*first & 0x7F) % all.len()];
    if let Some(point) = &profile.power {
        power(point, &if first & 0x80 == 0 { words.clone() } else { placed(point, &words) });
    }
    for expect in &profile.expect {
        assert!(expect.block.covers(expect.block.table, expect.block.address, 1));
    }
    if let Some(outlets) = &profile.outlets
        && let count = u32::try_from(words.len()).unwrap()
        && let Ok(on) = outlets.read.decode(&words, count)
    {
        assert_eq!(outlets.read.encode(on, count), words, "outlets come back as they were read");
    }
}

/// A whole block with these words from the point on, and zero elsewhere.
fn placed(point: &Point, words: &[u16]) -> Vec<u16> {
    let mut block = vec![0; usize::from(point.block.count)];
    let each = usize::from(point.codec.kind.words());
    for (address, words) in point.addresses.iter().zip(words.chunks(each)) {
        let at = usize::from(address - point.block.address);
        block.iter_mut().skip(at).zip(words).for_each(|(to, from)| *to = *from);
    }
    if let (Some(scale), Some(last)) = (point.scale, words.get(each * point.addresses.len())) {
        block[usize::from(scale.address - point.block.address)] = *last;
    }
    block
}

fn power(point: &Point, block: &[u16]) {
    let Ok(power) = point.decode(block) else { return };
    is_in_bounds(power);
    let Some(registers) = point.encode(Ok(power)) else { return };
    let mut image = vec![0; usize::from(point.block.count)];
    for (at, word) in registers {
        image[usize::from(at - point.block.address)] = word;
    }
    comes_back(power, point.decode(&image).expect("what was encoded is a value"));
}

fn is_in_bounds(power: Power) {
    assert!(power.watts().unsigned_abs() <= BOUND.watts().unsigned_abs(), "{power} is in no bounds");
}

/// Within a watt and a thousandth: a scale register or a float may round.
fn comes_back(power: Power, back: Power) {
    let off = (power - back).watts().unsigned_abs();
    assert!(off <= 1 + power.watts().unsigned_abs() / 1_000, "{power} comes back as {back}");
}

/// A codec that no shipped file has, from the first bytes; the words from the rest.
fn any_codec(data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<8>() else { return };
    let kind = Type::NAMES[usize::from(head[0]) % Type::NAMES.len()].1;
    let watts = i64::from(u32::from_be_bytes([head[2], head[3], head[4], head[5]])) + 1;
    let (steps, from, is) = (10_i64.pow(u32::from(head[6]) % 13), i64::from(head[5]), i64::from(head[4]) * 1_000);
    let absent = rest.first_chunk().map(|mark| u64::from_be_bytes(*mark)).into_iter().collect();
    let codec = Codec {
        kind,
        order: if head[1] & 1 == 0 { WordOrder::Big } else { WordOrder::Little },
        bytes_swapped: head[1] & 4 != 0,
        factor: Factor { watts, steps, from, is },
        import_negative: head[1] & 2 == 0,
        absent,
        off_scale: vec![u64::from(u16::MAX)],
    };
    let words: Vec<u16> = rest.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let scale = (head[7] & 0x80 != 0).then_some(i16::from(head[7].cast_signed()));
    if let Ok(power) = codec.decode(&words, scale) {
        is_in_bounds(power);
        if let Some(back) = codec.encode(power, scale.unwrap_or(0)) {
            assert_eq!(back.len(), usize::from(kind.words()));
            let _ = codec.decode(&back, scale);
        }
    }
    drop(codec.encode_no_data(NoData::NotAvailable).or(codec.encode_no_data(NoData::OffScale)));
}

pub(super) fn seeds() -> Seeds {
    let words = |first: u8, words: &[u16]| {
        [first].into_iter().chain(words.iter().flat_map(|word| word.to_be_bytes())).collect::<Vec<u8>>()
    };
    let mut all = Vec::new();
    for (at, profile) in (0_u8..).zip(shipped()) {
        all.push(seed(&format!("{}-zero", profile.name), words(at | 0x80, &[0, 0, 0])));
        all.push(seed(&format!("{}-value", profile.name), words(at | 0x80, &[0x4A2A, 0xE600, 2])));
        all.push(seed(&format!("{}-nan", profile.name), words(at | 0x80, &[0x7FC0, 0, 0x8000])));
        all.push(seed(&format!("{}-outlets", profile.name), words(at, &[1, 0, 1, 0])));
    }
    all.push(seed("codec-f64", words(0x7F, &[0x0700, 0, 1_000, 0, 0x40C8, 0x1C80, 0, 0])));
    all.push(seed("codec-i64", words(0x7F, &[0x0501, 0, 1, 0x0383, 0, 0, 0x0001, 0x0002])));
    all
}
