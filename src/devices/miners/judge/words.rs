//! What was found of miners, as sentences: what is the matter, and what to look at. They decide nothing.

use std::fmt;

use super::{Fault, Finding, Likely, Remark, Together, is_thousandfold};
use crate::units::Power;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dark => f.write_str("not reached, and the PDU shows its outlet off: switch it on, and probe again"),
            Self::NotInTime => f.write_str("not met in time; probe again, or check its network"),
            Self::Trouble(fault @ (Fault::NoConnection | Fault::NoAnswer)) => {
                write!(f, "not reached: {fault}; {}", fault.next_step())
            }
            Self::Trouble(fault) => write!(f, "{fault}; {}", fault.next_step()),
            Self::Elsewhere => f.write_str(
                "it answers, and the PDU shows its outlet off: it hangs on another outlet; check the order of its row's addresses \
                 against the outlets",
            ),
            Self::NoWatts => f.write_str("it does not say what it draws; only the PDU shows whether it sleeps"),
            Self::Over { says, file } if is_thousandfold(*says, *file) => {
                write!(f, "it says {says}, and `watts` is {file}: units look 1,000 times off; check `watts` in the site file")
            }
            Self::Over { says, file } => {
                write!(f, "it says {says}, and `watts` is {file}; correct `watts` in the site file, or limit the miner")
            }
            Self::Restless { says, file } => {
                write!(f, "asleep it says {says}, and `asleep` is {file}; correct `asleep` in the site file")
            }
            Self::Model { is, most } => write!(
                f,
                "it is {is}, and most of its row are {most}; check its address, or give it a group with its own `watts`"
            ),
            Self::Clock { ahead, token: true } => write!(
                f,
                "its clock is {} this machine's, and the tokens of its commands are made of the time: it may refuse to sleep; give both \
                 one time server",
                off(*ahead)
            ),
            Self::Clock { ahead, token: false } => write!(
                f,
                "its clock is {} this machine's: its log will not fit the journal; give both one time server",
                off(*ahead)
            ),
        }
    }
}

impl fmt::Display for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apart { said, pdu, likely } => apart(f, *said, *pdu, *likely),
            Self::Clocks(ahead) => write!(
                f,
                "the clocks of its miners agree, {} this machine's: look at this machine's clock first, then give all one time server",
                off(*ahead)
            ),
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Mixed(versions) = self;
        let each: Vec<String> = versions.iter().map(|(version, count)| format!("{count} {version}")).collect();
        write!(f, "its miners run {} versions ({}); each is spoken to as it is", versions.len(), each.join(", "))
    }
}

/// How far off a clock is, no finer than it matters.
fn off(ahead: i64) -> String {
    let (seconds, way) = (ahead.unsigned_abs(), if ahead < 0 { "behind" } else { "ahead of" });
    let (count, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit} {way}")
}

fn apart(f: &mut fmt::Formatter<'_>, said: Power, pdu: Power, likely: Likely) -> fmt::Result {
    write!(f, "its miners say {said} together, and the PDU shows {pdu}: ")?;
    match likely {
        Likely::PduUnits => f.write_str("the PDU's units look 1,000 times off; check unit and scale in its device file"),
        Likely::MinerUnits => f.write_str("the miners' units look 1,000 times off; check their firmware"),
        Likely::DrawOn(1) => f.write_str("one that says that it sleeps draws on; look at its outlet"),
        Likely::DrawOn(count) => write!(f, "{count} that say that they sleep draw on; look at their outlets"),
        Likely::Miners => f.write_str(
            "by the file the PDU is right; look for a load on it that is no miner of this group, and at the miners' own watts",
        ),
        Likely::Pdu => f.write_str(
            "by the file the miners are right; check the PDU's device file, and whether all of them hang on this PDU",
        ),
    }
}
