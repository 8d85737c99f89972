//! Recorded loads and prices: what was accepted rises, lies in its bounds, and is found again.

use ballast::feeds::recorded::{Refused, hall_from, prices_from};
use ballast::plant::AtEnd;
use ballast::time::Wall;
use ballast::units::Share;

use super::{Seeds, seed};

/// 2026-11-22T05:00:00Z.
const FROM: Wall = Wall::from_micros(1_795_323_600_000_000);

/// First byte: a load that repeats or holds, or prices from the start or from a moment. The rest: the file.
pub(super) fn recording(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    match first % 4 {
        0 => hall(text, AtEnd::Repeat),
        1 => hall(text, AtEnd::Hold),
        2 => prices(text, None),
        _ => prices(text, Some(FROM)),
    }
}

fn hall(text: &[u8], end: AtEnd) {
    match hall_from("hall.csv", text, end) {
        Ok(series) => {
            let points = series.points();
            assert!(!points.is_empty());
            assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0), "time rises");
            let bounds = Share::from_ppm(0)..=Share::from_ppm(1_000_000);
            assert!(points.iter().all(|(_, share)| bounds.contains(share)), "a load is a part of the nameplate");
        }
        Err(refused) => can_be_told(&refused),
    }
}

fn prices(text: &[u8], from: Option<Wall>) {
    match prices_from("prices.csv", text, from) {
        Ok(points) => {
            assert!(!points.is_empty());
            assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0), "time rises");
            if let Some(from) = from {
                assert!(points[0].0 <= from, "the interval that holds the moment is there");
            }
        }
        Err(refused) => can_be_told(&refused),
    }
}

fn can_be_told(refused: &Refused) {
    assert!(!refused.to_string().is_empty());
}

pub(super) fn seeds() -> Seeds {
    let at = |first: u8, text: &str| [&[first], text.as_bytes()].concat();
    vec![
        seed("hall", at(0, "time_s,pu\n0,0.25\n0.2,0.5\n1,1\n")),
        seed("hall-hold", at(1, "time_s,pu\r\n 5 ,0.000001\r\n\"6\",0\r\n")),
        seed("prices", at(2, "ts_utc,usd_mwh\n2026-11-22T04:00:00Z,-31.7\n2026-11-22T05:00:00Z,9160.85\n")),
        seed("prices-from", at(3, "ts_utc,usd_mwh\n2026-11-22T04:55:00Z,20\n2026-11-22T05:05:00+00:00,21.123456\n")),
        seed("broken", at(2, "ts_utc,usd_mwh\n2026-11-22T04:00:00Z\nx,\"y\n\n1,2,3\n")),
    ]
}
