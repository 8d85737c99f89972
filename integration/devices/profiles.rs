//! Register-map files: golden words, and words nobody has thought of.

use std::time::Duration;

use ballast::devices::Profile;
use ballast::devices::profile::codec::{BOUND, Codec, Factor, Type, WordOrder};
use ballast::devices::profile::flags::{ARMED, TRIPPED};
use ballast::devices::profile::{SHIPPED, States, Table};
use ballast::document::Decimal;
use ballast::snapshot::NoData;
use ballast::units::Power;
use proptest::prelude::*;

fn parse(text: &str) -> Result<Profile, String> {
    Profile::parse("meter.toml", text).map_err(|problems| problems.to_string())
}

#[test]
fn a_file_whose_golden_words_do_not_come_out_is_refused() {
    for (name, text) in SHIPPED {
        assert!(parse(text).is_ok(), "{name}");
        // Each mistake people make with a register map, one at a time.
        let mistakes = [
            ("unit = \"W\"", "unit = \"kW\""),
            ("unit = \"kW\"", "unit = \"W\""),
            ("order = \"big\"", "order = \"little\""),
            ("import = \"positive\"", "import = \"negative\""),
            ("type = \"f32\"", "type = \"i32\""),
            ("type = \"i32\"", "type = \"f32\""),
        ];
        for (right, wrong) in mistakes.iter().filter(|(right, _)| text.contains(right)) {
            let told = parse(&text.replace(right, wrong)).unwrap_err();
            assert!(told.contains("the words are"), "{name} with {wrong}: {told}");
        }
    }
}

#[test]
fn every_golden_check_of_a_shipped_file_can_fail() {
    for (name, text) in SHIPPED {
        for (at, _) in text.match_indices("\nwords = [").filter(|(at, _)| text[..*at].contains("[[check]]")) {
            let line = text[at + 1..].lines().next().unwrap();
            let off = text.replacen(line, "words = [0x0001, 0x0002, 0x0003]", usize::MAX);
            assert!(parse(&off).is_err(), "{name}: {line}");
        }
    }
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    let text = Profile::builtin("sunspec-203").unwrap();
    let broken = text
        .replace("kind = \"meter\"", "kind = \"metre\"")
        .replace("timeout = \"500 ms\"", "timeout = \"500\"")
        .replace("address = 40088", "address = 65536")
        .replace("type = \"i16\"", "type = \"s16\"")
        .replace("unit = \"W\"", "unit = \"Watt\"")
        .replace("refresh = \"1 s\"", "");
    let told = parse(&broken).unwrap_err();
    for part in ["metre", "500", "65536", "s16", "Watt", "refresh"] {
        assert!(told.contains(part), "{part} is not told:\n{told}");
    }
}

#[test]
fn a_file_that_counts_from_one_is_converted_once() {
    let profile = parse(Profile::builtin("schneider-pm5xxx").unwrap()).unwrap();
    assert_eq!(profile.power.unwrap().addresses, [3059]);
    let told = parse(&Profile::builtin("schneider-pm5xxx").unwrap().replace("3060", "0")).unwrap_err();
    assert!(told.contains("there is no register 0"), "{told}");
}

#[test]
fn the_examples_of_the_guide_are_read() {
    let examples = super::examples();
    let meter = parse(examples[0]).unwrap();
    let point = meter.power.unwrap();
    assert_eq!((point.addresses[0], point.codec.order), (52, WordOrder::Little));
    assert_eq!(point.decode(&[0x3039, 0]), Ok(Power::from_watts(123_450)));
    assert_eq!(point.decode(&[0, 0x8000]), Err(NoData::NotAvailable));
    let told = parse(&[examples[0], examples[1]].concat()).unwrap_err();
    assert!(told.contains("scale_word"), "with a scale register, the checks must say its word: {told}");
    let text = format!("{}{}", examples[0], examples[2]).replace("base = 1", "base = 0");
    assert_eq!(parse(&text).unwrap().expect[0].words, [0x5375, 0x6E53]);
}

#[test]
fn the_signs_of_life_of_the_guide_are_read_and_those_that_come_too_seldom_are_told() {
    let examples = super::examples();
    let pdu = format!("{}{}", examples[0].replace("\"meter\"", "\"pdu\""), examples[3]);
    let text = format!("{pdu}{}", examples[4]);
    let kept = parse(&text).unwrap().keep_alive.unwrap();
    assert_eq!((kept.address, kept.every, kept.word(7)), (299, Duration::from_secs(1), 1));
    let counts = parse(&text.replace("value = 1 ", "# ")).unwrap().keep_alive.unwrap();
    assert_eq!([1, 2, u16::MAX].map(|number| counts.word(number)), [1, 2, u16::MAX]);
    let acts = |after: &str| text.replace("\"unknown\"", &format!("\"reverts\"\nafter = \"{after}\""));
    assert!(parse(&acts("4 s")).is_ok());
    let told = parse(&acts("3 s")).unwrap_err();
    assert!(told.contains("the device acts after 3 s, and three of these take 3 s"), "{told}");
    let told = parse(&text.replace("address = 300", "address = 101")).unwrap_err();
    assert!(told.contains("an outlet stands at this address"), "{told}");
}

/// What a file of a relay begins with.
const HEAD: &str = "kind = \"relay\"\ntitle = \"R\"\nsource = \"a manual\"\nunproved = []\nbase = 0\n\
    [connection]\ntimeout = \"1 s\"\ncomms_loss = \"holds\"\n";

#[test]
fn the_relay_of_the_guide_is_read_with_one_request() {
    let flags = parse(&format!("{HEAD}{}", super::examples()[5])).unwrap().flags.unwrap();
    assert_eq!((flags.block.address, flags.block.count), (40, 2));
    assert_eq!([[8, 1], [0, 0]].map(|words| flags.decode(&words)), [Some(TRIPPED | ARMED), Some(0)]);
}

#[test]
fn a_block_that_brings_no_point_is_told() {
    let text = Profile::builtin("acuvim-ii").unwrap();
    let told = parse(&text.replace("address = 12288\ncount = 59", "address = 12289\ncount = 34")).unwrap_err();
    assert!(told.contains("brings no point"), "{told}");
}

fn any_codec() -> impl Strategy<Value = Codec> {
    let kinds: Vec<Type> = Type::NAMES.iter().map(|(_, kind)| *kind).collect();
    let scale = (1_i64..1_000_000, 0_u32..6).prop_map(|(mantissa, places)| Decimal { mantissa, places });
    (
        prop::sample::select(kinds),
        any::<bool>(),
        scale,
        prop::sample::select(vec![1_i64, 1_000, 1_000_000]),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(kind, big, scale, unit, import_negative, bytes_swapped)| Codec {
            kind,
            order: if big { WordOrder::Big } else { WordOrder::Little },
            factor: Factor::new(scale, unit).unwrap(),
            import_negative,
            bytes_swapped,
            absent: vec![0x8000, 0x7FC0_0000],
            off_scale: Vec::new(),
        })
}

/// A meter whose power is the sum of three phases, low byte and low word first.
const PHASES: &str = r#"
kind = "meter"
title = "phases"
source = "this test"
unproved = []
base = 1
connection = { timeout = "500 ms", comms_loss = "unknown" }
power = { table = "input", address = [13, 17, 15], type = "i32", order = "little", bytes = "little", unit = "W", import = "positive", refresh = "1 s" }
[[check]]
point = "power"
words = [0x1027, 0x0000, 0xE803, 0x0000, 0x18FC, 0xFFFF]
value = "10 kW"
"#;

#[test]
fn a_power_may_be_the_sum_of_several_registers_in_one_read() {
    // 10,000 W, 1,000 W and -1,000 W, in the order in which the file names them.
    let point = parse(PHASES).unwrap().power.unwrap();
    assert_eq!((point.block.address, point.block.count), (12, 6));
    assert_eq!(point.decode(&[0x1027, 0, 0x18FC, 0xFFFF, 0xE803, 0]), Ok(Power::from_watts(10_000)));
    let registers = point.encode(Ok(Power::from_watts(10_001))).unwrap();
    let word = |at: u16| registers.iter().find(|(a, _)| *a == at).unwrap().1;
    let block: Vec<u16> = (12..18).map(word).collect();
    assert_eq!(point.decode(&block), Ok(Power::from_watts(10_001)));
    let told = parse(&PHASES.replace("[13, 17, 15]", "[]").replace("\"10 kW\"", "\"9 kW\"")).unwrap_err();
    assert!(told.contains("this list is empty"), "{told}");
}

#[test]
fn a_range_stands_for_scale_and_unit_and_not_beside_them() {
    let text = Profile::builtin("satec-pm180").unwrap();
    let told = parse(&text.replace("refresh =", "unit = \"W\"\nrefresh =")).unwrap_err();
    assert!(told.contains("with a range there is no unit"), "{told}");
    let told = parse(&text.replace("raw = [0, 9999]", "raw = [9999, 0]")).unwrap_err();
    assert!(told.contains("both must rise"), "{told}");
    let told = parse(&text.replace("raw = [0, 9999]", "raw = [0]")).unwrap_err();
    assert!(told.contains("two raw numbers and their two powers"), "{told}");
}

/// A PDU with eight outlets that are read and written like this.
fn pdu(read: &str, write: &str) -> String {
    let connection = "connection = { timeout = \"500 ms\", comms_loss = \"holds\" }";
    let head = format!("kind = \"pdu\"\ntitle = \"t\"\nsource = \"s\"\nunproved = []\nbase = 0\n{connection}\n");
    let check = "[[check]]\npoint = \"outlets\"\nwords = [0b1000_0101]\non = [1, 3, 8]\n";
    format!("{head}[outlets]\ncount = 8\n[outlets.read]\n{read}\n[outlets.write]\n{write}\n{check}")
}

#[test]
fn outlets_may_count_downwards_or_be_bits_of_a_register() {
    let down = "table = \"holding\"\naddress = 307\nstep = -1\non = 1\noff = 2";
    let packed = "table = \"holding\"\naddress = 16\npacked = true";
    let profile = parse(&pdu(packed, &format!("{down}\nat_once = \"one\""))).unwrap();
    let outlets = profile.outlets.unwrap();
    assert_eq!(outlets.read.decode(&[0b1000_0101], 8), Ok(0b1000_0101));
    assert_eq!((outlets.write.address_of(0), outlets.write.address_of(7)), (307, 300));
    assert_eq!(outlets.write.block(8).address, 300);
    assert_eq!(outlets.write.encode(0b1, 8), [2, 2, 2, 2, 2, 2, 2, 1]);
    for (write, why) in [
        (format!("{packed}\nat_once = \"one\""), "written with all of them"),
        (down.replace("307", "6") + "\nat_once = \"one\"", "before the first address"),
        (down.replace("-1", "0") + "\nat_once = \"one\"", "an address of its own"),
        (down.replace("-1", "2") + "\nat_once = \"all\"", "cannot be written at once"),
    ] {
        let told = parse(&pdu(packed, &write)).unwrap_err();
        assert!(told.contains(why), "{why}: {told}");
    }
}

fn any_states() -> impl Strategy<Value = States> {
    let step = prop_oneof![-3_i16..=-1, 1_i16..=3];
    (step, any::<bool>(), 200_u16..60_000).prop_map(|(step, packed, address)| {
        let (on, off) = if packed { (1, 0) } else { (1, 2) };
        States { table: Table::Holding, address, step: if packed { 1 } else { step }, packed, on, off }
    })
}

proptest! {
    #[test]
    fn outlets_come_back_as_they_were_written_however_they_lie(
        states in any_states(),
        on in any::<u64>(),
        outlets in 1_u32..=64,
    ) {
        let on = on & (u64::MAX >> (64 - outlets));
        let words = states.encode(on, outlets);
        let block = states.block(outlets);
        prop_assert_eq!(words.len(), usize::from(block.count));
        prop_assert_eq!(states.decode(&words, outlets), Ok(on));
        for unit in (0..outlets).filter(|_| !states.packed) {
            let at = usize::from(states.address_of(unit) - block.address);
            prop_assert_eq!(words[at], states.state(on >> unit & 1 == 1));
        }
    }

    #[test]
    fn no_words_make_a_codec_panic_or_leave_its_bounds(
        codec in any_codec(),
        words in prop::collection::vec(any::<u16>(), 0..6),
        scale in prop::option::of(any::<i16>()),
    ) {
        if let Ok(power) = codec.decode(&words, scale) {
            prop_assert!(power <= BOUND && power >= -BOUND);
            prop_assert_eq!(words.len(), usize::from(codec.kind.words()));
        }
    }

    #[test]
    fn a_float_that_is_not_a_number_is_never_known(
        codec in any_codec(),
        payload in 0_u32..=0x007F_FFFF,
        negative in any::<bool>(),
    ) {
        let codec = Codec { kind: Type::F32, bytes_swapped: false, ..codec };
        let bits = 0x7F80_0000 | payload | (u32::from(negative) << 31);
        let (high, low) = ((bits >> 16) as u16, bits as u16);
        let words = if codec.order == WordOrder::Big { [high, low] } else { [low, high] };
        prop_assert!(codec.decode(&words, None).is_err(), "{bits:#010x}");
    }

    #[test]
    fn a_mark_for_no_value_is_never_known(codec in any_codec(), mark in any::<u64>()) {
        let width = 16 * u32::from(codec.kind.words());
        let codec = Codec { absent: vec![mark & (u64::MAX >> (64 - width))], ..codec };
        let words = codec.encode_no_data(NoData::NotAvailable).unwrap();
        prop_assert_eq!(codec.decode(&words, Some(0)), Err(NoData::NotAvailable));
    }

    #[test]
    fn no_words_make_a_shipped_file_panic(
        words in prop::collection::vec(any::<u16>(), 0..130),
        states in prop::collection::vec(0_u16..3, 0..70),
    ) {
        for (_, text) in SHIPPED {
            let profile = parse(text).unwrap();
            for point in profile.power.iter() {
              for count in [words.len(), usize::from(point.block.count).min(words.len())] {
                let _ = point.decode(&words[..count]);
              }
            }
            if let Some(outlets) = profile.outlets {
                let count = u32::try_from(states.len()).unwrap();
                let known = outlets.read.decode(&states, count);
                prop_assert_eq!(known.is_ok(), (1..=64).contains(&count) && !states.contains(&2));
            }
        }
    }

    #[test]
    fn what_a_shipped_file_shows_it_reads_back(watts in 0_i64..60_000) {
        for (name, text) in SHIPPED {
            // A relay board shows none.
            let Some(point) = parse(text).unwrap().power else { continue };
            let Some(registers) = point.encode(Ok(Power::from_watts(watts))) else {
                // The mark for "no sensor" cannot be shown as a power.
                prop_assert!(*name == "gude-expert-pdu" && watts == 0x8000, "{}: {}", name, watts);
                continue;
            };
            let word = |at: u16| registers.iter().find(|(a, _)| *a == at).map_or(0, |(_, word)| *word);
            let block: Vec<u16> = (0..point.block.count).map(|n| word(point.block.address + n)).collect();
            let back = point.decode(&block).unwrap().watts();
            // SunSpec keeps four digits above 32 kW; others show whole kilowatts, or steps of a range.
            let digits = if point.scale.is_some() && watts > 32_767 { 5 } else { 0 };
            let step = point.codec.factor.watts / point.codec.factor.steps / 2;
            let float = if point.codec.kind.is_float() { 0 } else { step };
            prop_assert!((back - watts).abs() <= digits.max(float), "{}: {} {}", name, watts, back);
        }
    }
}
