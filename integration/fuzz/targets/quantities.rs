//! Quantities and times as people write them: exact or refused, and readable again as they are shown.

use std::time::Duration;

use ballast::document::Decimal;
use ballast::time::Wall;
use ballast::units::{Efficiency, Hashprice, Power, Price, Quantity, Share, Slew, span};

use super::{Seeds, seed};

/// A text.
pub(super) fn quantity(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(power) = read::<Power>(text) {
        assert_eq!(Power::parse(&format!("{} W", power.watts())), Ok(power));
        assert!(!power.to_string().is_empty());
    }
    if let Some(price) = read::<Price>(text) {
        assert!(price.to_string().ends_with("USD/MWh"));
    }
    if let Some(time) = read::<Duration>(text) {
        assert_eq!(Duration::parse(&format!("{} us", time.as_micros())), Ok(time));
        assert!(!span(time).is_empty());
    }
    if let Some(share) = read::<Share>(text) {
        assert!(share.to_string().ends_with('%'));
    }
    let _ = (read::<Slew>(text), read::<Hashprice>(text), read::<Efficiency>(text));
    let _ = Decimal::parse(text);
    if let Some(at) = Wall::parse(text) {
        assert_eq!(Wall::parse(&at.to_string()), Some(at), "a time is read again as it is written");
    }
}

fn read<Q: Quantity>(text: &str) -> Option<Q> {
    Q::parse(text)
        .inspect_err(|error| {
            assert!(!error.to_string().is_empty());
            assert_ne!(error.help(), Some(""));
        })
        .ok()
}

pub(super) fn seeds() -> Seeds {
    let all =
        ["3.5 kW", "-31.7 USD/MWh", "200 ms", "99.9 %", "17.5 J/TH", "45 USD/PH/day", "1_000 kW/s", "4 mw", "2 h"];
    let times = ["2026-11-22T05:00:00.000001Z", "2026-11-22T05:00:00+01:30", "+1 GW", "0.000000000001 W"];
    (0..).zip(all.iter().chain(&times)).map(|(at, text): (u32, _)| seed(&format!("text-{at:02}"), *text)).collect()
}

pub(super) fn words() -> Vec<String> {
    let units = ["kW", "MW", "W", "GW", "kW/s", "USD/MWh", "USD/PH/day", "J/TH", "%", "ms", "s", "us", "min", "h"];
    units.into_iter().map(|unit| format!(" {unit}")).collect()
}
