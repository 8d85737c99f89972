//! What the tariff says of the interval that runs, as data: what one more MWh costs at each import, and which demand is paid already.

use serde::{Deserialize, Serialize};

use crate::time::Wall;
use crate::units::{Power, Price};

/// The most steps and peaks that are told: all of them stand in one line of the journal.
pub const MAX_STEPS: usize = 64;

/// What the tariff says of the interval that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The steps rest on the price of a feed: they are worth no more than that is.
    #[serde(rename = "feed", default, skip_serializing_if = "std::ops::Not::not")]
    pub indexed: bool,
    /// What one more MWh costs, each from an import on, from the lowest. Without what a new peak costs.
    pub steps: Vec<(Power, Price)>,
    /// Demand that is not to be exceeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peaks: Vec<Peak>,
}

/// Demand that is paid already, or worth paying, and the time over which it is averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peak {
    /// The line of the tariff, by its place.
    pub line: u32,
    /// Most that import may be on average.
    #[serde(rename = "most_w")]
    pub at_most: Power,
    /// When the window began that runs; of rolling windows, its newest interval.
    #[serde(rename = "from_us")]
    pub from: Wall,
    /// When it ends.
    #[serde(rename = "until_us")]
    pub until: Wall,
    /// So many intervals of the same length before it belong to windows that it is in.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub earlier: u8,
}

fn is_zero(count: &u8) -> bool {
    *count == 0
}

impl Terms {
    /// What the last watt of so much import costs.
    pub fn at(&self, import: Power) -> Option<Price> {
        let after = self.steps.partition_point(|(from, _)| *from < import);
        self.steps.get(after.saturating_sub(1)).map(|(_, price)| *price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_watt_is_priced_by_the_step_that_it_is_in() {
        let price = |dollars: i64| Price::from_micro_usd_per_mwh(dollars * 1_000_000);
        let steps = vec![(Power::ZERO, price(20)), (Power::from_kilowatts(100), price(50))];
        let terms = Terms { steps, ..Terms::default() };
        let at = |watts| terms.at(Power::from_watts(watts));
        assert_eq!([at(0), at(1), at(100_000)], [Some(price(20)); 3]);
        assert_eq!([at(100_001), at(i64::MAX)], [Some(price(50)); 2]);
        assert_eq!(Terms::default().at(Power::ZERO), None);
    }
}
