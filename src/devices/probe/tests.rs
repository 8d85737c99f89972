//! A site of a POI meter, a hall and a group, each mistake made in the file of one of them.

use super::*;
use crate::devices::profile::codec::Codec;
use crate::devices::profile::{Block, Table};

fn kw(kw: i64) -> Power {
    Power::from_kilowatts(kw)
}

/// A float in watts, high word first, at 100.
fn truth() -> Point {
    let codec = Codec {
        kind: Type::F32,
        order: WordOrder::Big,
        bytes_swapped: false,
        factor: Factor { watts: 1, steps: 1, from: 0, is: 0 },
        import_negative: false,
        absent: Vec::new(),
        off_scale: Vec::new(),
    };
    let block = Block { table: Table::Holding, address: 100, count: 2 };
    Point { block, addresses: vec![100], codec, scale: None, refresh: Duration::from_millis(100) }
}

/// Words about a point that truly shows this, with other numbers beside it: the volts and amperes of a real block.
fn window(point: &Point, power: Power) -> Window {
    let block = Block { table: Table::Holding, address: 96, count: 10 };
    let mut words: Vec<u16> = [230.4_f32, 231.9, 0.0, 49.98, 0.98]
        .iter()
        .flat_map(|value| [(value.to_bits() >> 16) as u16, value.to_bits() as u16])
        .collect();
    for (at, word) in point.encode(Ok(power)).unwrap() {
        words[usize::from(at - 96)] = word;
    }
    Window { block, words }
}

/// What is said of POI, hall and group where the file of one is this instead of the truth.
fn judged(wrong: usize, file: &Point) -> Vec<Option<Suspicion>> {
    let powers = [kw(2_800), kw(1_100), kw(1_700)];
    let windows = powers.map(|power| window(&truth(), power));
    let most = [kw(6_000), kw(3_000), kw(2_000)];
    let mut points = [truth(), truth(), truth()];
    points[wrong] = file.clone();
    let asked = |ix: usize| Asked {
        point: &points[ix],
        window: &windows[ix],
        range: Range { least: -kw(20), most: most[ix] },
        is_poi: ix == 0,
        wanted: (ix == 2).then(|| (kw(1_750), kw(500))),
    };
    judge(&[asked(0), asked(1), asked(2)], Power::ZERO, kw(60))
}

#[test]
fn files_that_are_right_are_not_suspect() {
    assert_eq!(judged(0, &truth()), [None, None, None]);
}

#[test]
fn each_mistake_in_each_file_is_named() {
    type Mistake = fn(&mut Point);
    let mistakes: [(Mistake, Slip); 6] = [
        (|point| point.codec.order = WordOrder::Little, Slip::WordOrder),
        (|point| point.codec.bytes_swapped = true, Slip::ByteOrder),
        (|point| point.codec.factor.watts = 1_000, Slip::Scale(1, 1_000)),
        (|point| point.codec.factor.steps = 1_000, Slip::Scale(1_000, 1)),
        (|point| point.codec.import_negative = true, Slip::Sign),
        (|point| point.addresses = vec![101], Slip::Address(-1)),
    ];
    for (mistake, slip) in mistakes {
        for wrong in 0..3 {
            let mut file = truth();
            mistake(&mut file);
            let all = judged(wrong, &file);
            let said = all[wrong].as_ref().unwrap_or_else(|| panic!("{slip:?} in {wrong} is not seen"));
            // The half of a number that counts may come from the right register with other words too: the likeliest is first.
            let first = said.explained.first().map(|explained| explained.slip);
            assert_eq!(first, Some(slip), "in {wrong}: {said:?}");
            assert!(said.explained.len() <= 2, "{said:?}");
        }
    }
}

#[test]
fn where_nothing_explains_it_that_is_said() {
    let (point, range) = (truth(), Range { least: -kw(20), most: kw(3_000) });
    let window = Window { block: Block { table: Table::Holding, address: 98, count: 6 }, words: vec![0xFFFF; 6] };
    let asked = Asked { point: &point, window: &window, range, is_poi: false, wanted: None };
    let said = judge(&[asked], Power::ZERO, kw(60)).remove(0).unwrap();
    assert_eq!((said.why, said.explained), (Why::Impossible, Vec::new()));
}

#[test]
fn a_poi_of_which_no_other_meter_could_be_read_is_judged_for_itself() {
    let (point, range) = (truth(), Range { least: Power::ZERO, most: kw(5_000) });
    let window = window(&point, kw(47));
    let poi = Asked { point: &point, window: &window, range, is_poi: true, wanted: None };
    assert_eq!(judge(&[poi], Power::ZERO, kw(2)), [None]);
}
