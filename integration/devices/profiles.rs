//! Register-map files: golden words, and words nobody has thought of.

use ballast::devices::Profile;
use ballast::devices::profile::SHIPPED;
use ballast::devices::profile::codec::{BOUND, Codec, Factor, Type, WordOrder};
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
    assert_eq!(profile.power.unwrap().address, 3059);
    let told = parse(&Profile::builtin("schneider-pm5xxx").unwrap().replace("3060", "0")).unwrap_err();
    assert!(told.contains("there is no register 0"), "{told}");
}

#[test]
fn the_examples_of_the_guide_are_read() {
    let examples = super::examples();
    let meter = parse(examples[0]).unwrap();
    let point = meter.power.unwrap();
    assert_eq!((point.address, point.codec.order), (52, WordOrder::Little));
    assert_eq!(point.decode(&[0x3039, 0]), Ok(Power::from_watts(123_450)));
    assert_eq!(point.decode(&[0, 0x8000]), Err(NoData::NotAvailable));
    let told = parse(&[examples[0], examples[1]].concat()).unwrap_err();
    assert!(told.contains("scale_word"), "with a scale register, the checks must say its word: {told}");
    let text = format!("{}{}", examples[0], examples[2]).replace("base = 1", "base = 0");
    assert_eq!(parse(&text).unwrap().expect[0].words, [0x5375, 0x6E53]);
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
    )
        .prop_map(|(kind, big, scale, unit, import_negative)| Codec {
            kind,
            order: if big { WordOrder::Big } else { WordOrder::Little },
            factor: Factor::new(scale, unit).unwrap(),
            import_negative,
            absent: vec![0x8000, 0x7FC0_0000],
        })
}

proptest! {
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
        let codec = Codec { kind: Type::F32, ..codec };
        let bits = 0x7F80_0000 | payload | (u32::from(negative) << 31);
        let (high, low) = ((bits >> 16) as u16, bits as u16);
        let words = if codec.order == WordOrder::Big { [high, low] } else { [low, high] };
        prop_assert!(codec.decode(&words, None).is_err(), "{bits:#010x}");
    }

    #[test]
    fn a_mark_for_no_value_is_never_known(codec in any_codec(), mark in any::<u64>()) {
        let width = 16 * u32::from(codec.kind.words());
        let codec = Codec { absent: vec![mark & (u64::MAX >> (64 - width))], ..codec };
        let words = codec.encode_absent().unwrap();
        prop_assert_eq!(codec.decode(&words, Some(0)), Err(NoData::NotAvailable));
    }

    #[test]
    fn no_words_make_a_shipped_file_panic(
        words in prop::collection::vec(any::<u16>(), 0..130),
        states in prop::collection::vec(0_u16..3, 0..70),
    ) {
        for (_, text) in SHIPPED {
            let profile = parse(text).unwrap();
            let point = profile.power.unwrap();
            for count in [words.len(), usize::from(point.block.count).min(words.len())] {
                let _ = point.decode(&words[..count]);
            }
            if let Some(outlets) = profile.outlets {
                let known = outlets.read.decode(&states);
                prop_assert_eq!(known.is_ok(), states.len() <= 64 && !states.contains(&2));
            }
        }
    }

    #[test]
    fn what_a_shipped_file_shows_it_reads_back(watts in 0_i64..60_000) {
        for (name, text) in SHIPPED {
            let point = parse(text).unwrap().power.unwrap();
            let Some(registers) = point.encode(Ok(Power::from_watts(watts))) else {
                // The mark for "no sensor" cannot be shown as a power.
                prop_assert!(*name == "gude-expert-pdu" && watts == 0x8000, "{}: {}", name, watts);
                continue;
            };
            let word = |at: u16| registers.iter().find(|(a, _)| *a == at).map_or(0, |(_, word)| *word);
            let block: Vec<u16> = (0..point.block.count).map(|n| word(point.block.address + n)).collect();
            let back = point.decode(&block).unwrap().watts();
            // SunSpec keeps four digits above 32 kW.
            let step = if point.scale.is_some() && watts > 32_767 { 5 } else { 0 };
            prop_assert!((back - watts).abs() <= step, "{}: {} {}", name, watts, back);
        }
    }
}
