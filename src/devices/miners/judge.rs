//! What the miners of a group said of themselves, against what the site file says of them and what their PDU shows.
//!
//! Pure: whoever asked brings the answers. No miner is believed over its PDU, nor the PDU over all miners: where they differ, what
//! fits the file better is said to be likely, and a person looks.

use std::collections::BTreeMap;

use super::{Fault, Found, Identity, State};
use crate::site::{Firmware, Group};
use crate::units::{Power, Share};

mod words;

/// A miner that mines may draw this much more than its file says.
const OVER: Share = Share::from_ppm(300_000);
/// The miners together and their PDU may be this far apart, of the larger, or half a miner where that is more.
const APART: Share = Share::from_ppm(100_000);
/// What is between these many times as much is taken for kilowatts read as watts: a miner's few watts are rounded up.
const THOUSAND: std::ops::RangeInclusive<i64> = 700..=1_400;
/// A miner's clock may be this far off ours, in seconds: it says whole ones, and the answer takes its time.
const CLOCK_OFF: i64 = 5;
/// With so many steps begun and no report, a miner is not waited for any longer: two have ended, and one may be lost on the way.
const TRIES: u64 = 3;

/// A group whose miners were asked.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// What the file says of it.
    pub group: &'a Group,
    /// What its miners said, by unit.
    pub found: &'a [Found],
    /// Units whose only session another program holds.
    pub held: u64,
    /// Which outlets are on, as the PDU says; nothing where it does not.
    pub outlets: Option<u64>,
    /// What the PDU shows; nothing where it does not.
    pub pdu: Option<Power>,
    /// By unit, how many seconds its clock is ahead of ours; less than zero where it is behind, nothing where it does not say.
    pub clocks: &'a BTreeMap<u32, i64>,
}

/// What is not as the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Of each miner, by unit.
    pub miners: Vec<Vec<Finding>>,
    /// Of all together.
    pub together: Vec<Together>,
    /// What is as the file says, and good to know.
    pub remarks: Vec<Remark>,
}

impl Judged {
    /// Whether all is as the file says.
    pub fn is_fine(&self) -> bool {
        self.together.is_empty() && self.miners.iter().all(Vec::is_empty)
    }
}

/// What is not as the file says of one miner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It does not answer, and the PDU shows its outlet off.
    Dark,
    /// It did not come to report within the time there was.
    NotInTime,
    /// What went wrong: it is not reached, is something else, lets nobody in.
    Trouble(Fault),
    /// It answers, and the PDU shows its outlet off.
    Elsewhere,
    /// It does not say what it draws.
    NoWatts,
    /// It mines, and says that it draws far more than the file says.
    Over {
        /// What it says.
        says: Power,
        /// What the file says.
        file: Power,
    },
    /// It sleeps, and says that it draws more than the file says.
    Restless {
        /// What it says.
        says: Power,
        /// What the file says.
        file: Power,
    },
    /// It is another model than most of its row.
    Model {
        /// What it is.
        is: Box<str>,
        /// What most are.
        most: Box<str>,
    },
    /// Its clock is far off ours.
    Clock {
        /// So many seconds ahead; less than zero where it is behind.
        ahead: i64,
        /// Its commands carry a token that is made of the time.
        token: bool,
    },
}

/// What is not as it should be of the miners of a group together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Together {
    /// What they say they draw is not what their PDU shows.
    Apart {
        /// What they say.
        said: Power,
        /// What the PDU shows.
        pdu: Power,
        /// What is likely.
        likely: Likely,
    },
    /// Every clock among them is off by the same: so many seconds ahead of ours.
    Clocks(i64),
}

/// What is no fault of anybody, and good to know before it is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// They run different versions, each with the number of its miners. All of them are spoken to as they are.
    Mixed(Vec<(Box<str>, usize)>),
}

/// What is likely where miners and PDU differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likely {
    /// The PDU's power is a thousand times off.
    PduUnits,
    /// The miners' watts are.
    MinerUnits,
    /// So many that say that they sleep draw on.
    DrawOn(i64),
    /// The PDU shows what the file lets expect, the miners do not say it.
    Miners,
    /// The miners say what the file lets expect, the PDU does not show it.
    Pdu,
}

impl Found {
    /// Whether nothing more is to be learnt by waiting.
    pub fn is_settled(&self) -> bool {
        let is_told = self.reached && self.state != State::Unknown;
        let is_final = |fault: &Fault| !matches!(fault, Fault::NoConnection | Fault::NoAnswer | Fault::NotUnderstood);
        is_told || self.trouble.as_ref().is_some_and(|fault| is_final(fault) || self.counts.requests >= TRIES)
    }

    /// What it says it draws. Whoever answers draws something, so nothing at all is no answer.
    fn says(&self) -> Option<Power> {
        self.watts.filter(|watts| self.reached && self.state != State::Unknown && *watts > Power::ZERO)
    }
}

impl Row<'_> {
    /// How many answer.
    pub fn reached(&self) -> usize {
        self.found.iter().filter(|found| found.reached).count()
    }

    /// What those that say it draw together; nothing where nobody says it.
    pub fn said(&self) -> Option<Power> {
        let mut said = self.found.iter().filter_map(Found::says).peekable();
        said.peek()?;
        Some(said.sum())
    }

    /// Whether everybody says what it draws, and the PDU shows the same.
    pub fn agrees(&self) -> bool {
        let all = self.found.iter().all(|found| found.says().is_some());
        all && self.pdu.is_some() && self.said().is_some() && self.apart().is_none()
    }

    /// The makes and models there are, each with the number of its miners, most first.
    pub fn models(&self) -> Vec<(Box<str>, usize)> {
        self.counted(|identity| format!("{} {}", identity.make, identity.model).trim().into())
    }

    /// The versions there are, each with the number of its miners, most first.
    pub fn versions(&self) -> Vec<(Box<str>, usize)> {
        self.counted(|identity| identity.firmware.clone())
    }

    fn counted(&self, word: impl Fn(&Identity) -> Box<str>) -> Vec<(Box<str>, usize)> {
        let mut counted: BTreeMap<Box<str>, usize> = BTreeMap::new();
        for identity in self.found.iter().filter_map(|found| found.identity.as_ref()) {
            *counted.entry(word(identity)).or_default() += 1;
        }
        let mut counted: Vec<_> = counted.into_iter().collect();
        counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counted
    }

    /// What is not as the file says.
    pub fn judge(&self) -> Judged {
        let most = self.models().into_iter().next().map(|(most, _)| most);
        let miners = self.found.iter().map(|found| self.of_miner(found, most.as_deref())).collect();
        let versions = self.versions();
        let mixed = (versions.len() > 1).then_some(Remark::Mixed(versions));
        let together = self.apart().into_iter().chain(self.clocks_off().map(Together::Clocks)).collect();
        Judged { miners, together, remarks: mixed.into_iter().collect() }
    }

    /// The clock that is furthest off ours, in seconds ahead; nothing where no miner says its time.
    pub fn clock(&self) -> Option<i64> {
        self.clocks.values().copied().max_by_key(|ahead| ahead.unsigned_abs())
    }

    /// Where all miners say the same time and it is not ours, it is ours that is likely wrong.
    fn clocks_off(&self) -> Option<i64> {
        let (least, most) = (self.clocks.values().min()?, self.clocks.values().max()?);
        let same = self.clocks.len() > 1 && most - least <= CLOCK_OFF;
        (same && self.clocks.values().all(is_off)).then_some(*least)
    }

    fn of_clock(&self, unit: u32) -> Option<Finding> {
        let ahead = *self.clocks.get(&unit)?;
        let token = self.group.firmware.as_ref().is_some_and(|path| path.firmware == Firmware::Whatsminer);
        (is_off(&ahead) && self.clocks_off().is_none()).then_some(Finding::Clock { ahead, token })
    }

    fn of_miner(&self, found: &Found, most: Option<&str>) -> Vec<Finding> {
        let is_off = self.is_off(found.unit);
        let silent = matches!(found.trouble, None | Some(Fault::NoConnection | Fault::NoAnswer));
        if !found.reached && silent && is_off {
            return vec![Finding::Dark];
        }
        if !found.reached || found.state == State::Unknown {
            return vec![found.trouble.clone().map_or(Finding::NotInTime, Finding::Trouble)];
        }
        let held = self.held >> found.unit & 1 == 1;
        let locked = held.then_some(Fault::SessionHeld);
        let locked = locked.or_else(|| found.trouble.clone().filter(|fault| matches!(fault, Fault::NotLetIn)));
        let of_power = self.of_power(found);
        let elsewhere = is_off.then_some(Finding::Elsewhere);
        let model = most.and_then(|most| other_model(found, most));
        let of_clock = self.of_clock(found.unit);
        locked.map(Finding::Trouble).into_iter().chain(elsewhere).chain(of_power).chain(model).chain(of_clock).collect()
    }

    fn of_power(&self, found: &Found) -> Option<Finding> {
        let Some(says) = found.says() else { return Some(Finding::NoWatts) };
        let (unit, asleep) = (self.group.unit, self.asleep());
        match found.state {
            State::Mining if says > unit + unit.part(OVER) => Some(Finding::Over { says, file: unit }),
            State::Asleep if says > asleep => Some(Finding::Restless { says, file: asleep }),
            _ => None,
        }
    }

    fn apart(&self) -> Option<Together> {
        let (pdu, said) = (self.pdu?, self.said()?);
        // Who says nothing may draw anything up to its plate.
        let mute = self.found.iter().filter(|found| found.says().is_none() && !self.is_off(found.unit)).count();
        let most = said + self.group.unit * i64::try_from(mute).unwrap_or(0);
        let nearest = pdu.clamp(said, most);
        let half = Power::from_watts(self.group.unit.watts() / 2);
        let is_far = distance(pdu, nearest) > pdu.max(nearest).part(APART).max(half);
        is_far.then(|| Together::Apart { said, pdu, likely: self.likely(said, nearest, pdu) })
    }

    fn likely(&self, said: Power, nearest: Power, pdu: Power) -> Likely {
        let is_much = |power: Power| power > self.group.nameplate() * 2;
        if is_thousandfold(pdu, said) {
            return if is_much(pdu) { Likely::PduUnits } else { Likely::MinerUnits };
        }
        if is_thousandfold(said, pdu) {
            return if is_much(said) { Likely::MinerUnits } else { Likely::PduUnits };
        }
        let (unit, asleep) = (self.group.unit.watts().max(1), self.those(State::Asleep));
        let draw_on = ((pdu - nearest).watts() + unit / 2) / unit;
        if (1..=asleep).contains(&draw_on) {
            return Likely::DrawOn(draw_on);
        }
        let expected = self.group.unit * self.those(State::Mining) + self.asleep() * asleep;
        if distance(pdu, expected) < distance(nearest, expected) { Likely::Miners } else { Likely::Pdu }
    }

    fn those(&self, state: State) -> i64 {
        i64::try_from(self.found.iter().filter(|found| found.state == state && found.says().is_some()).count())
            .unwrap_or(0)
    }

    /// Most a miner draws asleep, as the file says.
    fn asleep(&self) -> Power {
        self.group.firmware.as_ref().map_or(Power::ZERO, |path| path.asleep)
    }

    /// Whether the PDU shows its outlet off.
    fn is_off(&self, unit: u32) -> bool {
        self.outlets.is_some_and(|on| on >> unit & 1 == 0)
    }
}

fn is_off(ahead: &i64) -> bool {
    ahead.unsigned_abs() > CLOCK_OFF.unsigned_abs()
}

fn other_model(found: &Found, most: &str) -> Option<Finding> {
    let identity = found.identity.as_ref()?;
    let is = format!("{} {}", identity.make, identity.model);
    (is.trim() != most).then(|| Finding::Model { is: is.trim().into(), most: most.into() })
}

fn distance(a: Power, b: Power) -> Power {
    (a - b).max(b - a)
}

fn is_thousandfold(large: Power, small: Power) -> bool {
    let times = large.watts().checked_div(small.watts());
    small > Power::ZERO && times.is_some_and(|times| THOUSAND.contains(&times))
}

#[cfg(test)]
mod tests;
