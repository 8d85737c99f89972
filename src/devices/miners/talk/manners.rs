//! How a miner is to be talked to: by its site file, and by its firmware.

use std::time::Duration;

use crate::site::{Firmware, FirmwarePath};
use crate::units::Power;

/// How a miner is to be talked to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    /// How often it is asked what it does.
    pub(super) poll: Duration,
    /// Most it draws asleep.
    pub(super) asleep: Power,
    /// A miner that took a wake-up and still sleeps is told again after this long. It takes minutes to come up, and some firmware
    /// begins anew when it is told twice.
    pub(super) wake_again: Duration,
    /// Its two power targets, low and full, where it has them.
    pub(super) targets: Option<(Power, Power)>,
}

impl Manners {
    /// As the site file says, and as the firmware is.
    pub(crate) fn of(path: &FirmwarePath) -> Self {
        let wake_again = match path.firmware {
            Firmware::Antminer | Firmware::Whatsminer => Duration::from_secs(300),
            Firmware::Luxos | Firmware::Braiins => Duration::from_secs(30),
        };
        Self {
            poll: path.poll.max(Duration::from_millis(1)),
            asleep: path.asleep,
            wake_again,
            targets: path.low.map(|low| (low.power, low.full)),
        }
    }
}
