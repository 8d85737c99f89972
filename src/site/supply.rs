//! How power is paid for: the tariff file of a site, and what the controller must be told beside it.

use crate::time::Date;
use crate::units::{Power, Price, Share};

/// The tariff of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supply {
    /// Its file, beside the site file.
    pub file: String,
    /// What an index will come to on average in the months to come: what a new peak is worth is reckoned by it.
    pub expected: Option<Price>,
    /// A file that moves the median price of its day by more than this part waits until a person accepts it.
    pub hold_above: Share,
    /// Power factor of the site, for demand that is billed by the kVA.
    pub power_factor: Share,
    /// Demand of months that this controller did not see.
    pub drawn: Vec<Drawn>,
}

/// The highest demand of a month, by a line of the tariff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The line, as in the tariff file.
    pub line: String,
    /// The first day of the month.
    pub month: Date,
    /// How much.
    pub power: Power,
}
