//! What a device shows against what its file and the site say: the common mistakes of a register map, tried one at a time on the
//! words that were read, until one makes sense of them.
//!
//! Pure: the words were read by whoever asks. A mistake is named where it brings what was shown into what can be there, and best
//! where the meters of the site then add up.

use std::fmt;
use std::time::Duration;

pub mod fit;

use super::profile::codec::{Factor, Type, WordOrder};
use super::profile::{Point, Window};
use super::wire::Fault;
use super::wire::tls::Met;
use crate::snapshot::NoData;
use crate::units::Power;

/// What a device told who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether the words its file expects were there; nothing where the file expects none.
    pub is_it: Option<Result<bool, Fault>>,
    /// Its power, where it stands on this very device; nothing where it measures none.
    pub point: Option<Point>,
    /// The words about its power; nothing where it measures none.
    pub window: Option<Result<Window, Fault>>,
    /// Which outlets it says are on; nothing where it has none.
    pub on: Option<Result<u64, Fault>>,
    /// How long an answer took, in the middle.
    pub latency: Option<Duration>,
    /// What its TLS is; nothing where it is spoken to without.
    pub tls: Option<Met>,
}

impl Told {
    /// The power, as its file understands it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn power(&self) -> Result<Power, NoData> {
        let point = self.point.as_ref().ok_or(NoData::NoMeter)?;
        match &self.window {
            Some(Ok(window)) => Slip::None.read(point, window),
            Some(Err(Fault::Refused(_))) => Err(NoData::Refused),
            _ => Err(NoData::NoAnswer),
        }
    }
}

/// A mistake that people make with a register map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// None.
    None,
    /// The words of a number come the other way round.
    WordOrder,
    /// So do the bytes of a word.
    ByteOrder,
    /// One step is this many times as much: numerator and denominator.
    Scale(i64, i64),
    /// Import is the other sign.
    Sign,
    /// The number stands so many registers further, or before.
    Address(i16),
    /// It is a number of another type.
    Type(Type),
}

impl Slip {
    /// All that are tried, the likeliest first.
    const ALL: [Self; 15] = [
        Self::WordOrder,
        Self::Scale(1_000, 1),
        Self::Scale(1, 1_000),
        Self::Sign,
        Self::Address(-1),
        Self::Address(1),
        Self::ByteOrder,
        Self::Scale(10, 1),
        Self::Scale(1, 10),
        Self::Scale(100, 1),
        Self::Scale(1, 100),
        Self::Address(-2),
        Self::Address(2),
        Self::Type(Type::F32),
        Self::Type(Type::I32),
    ];

    /// What the words are where this mistake is mended.
    fn read(self, point: &Point, window: &Window) -> Result<Power, NoData> {
        let mut point = Point { block: window.block, ..point.clone() };
        let codec = &mut point.codec;
        match self {
            Self::None => {}
            Self::WordOrder if codec.order == WordOrder::Big => codec.order = WordOrder::Little,
            Self::WordOrder => codec.order = WordOrder::Big,
            Self::ByteOrder => codec.bytes_swapped = !codec.bytes_swapped,
            Self::Scale(times, by) => {
                let Factor { watts, steps, .. } = codec.factor;
                (codec.factor.watts, codec.factor.steps) = (watts.saturating_mul(times), steps.saturating_mul(by));
            }
            Self::Sign => codec.import_negative = !codec.import_negative,
            Self::Address(by) => {
                point.addresses.iter_mut().for_each(|address| *address = address.saturating_add_signed(by));
            }
            Self::Type(kind) => codec.kind = kind,
        }
        point.decode(&window.words)
    }

    /// Whether it can be made with this point at all.
    fn applies(self, point: &Point) -> bool {
        match self {
            Self::WordOrder => point.codec.kind.words() > 1,
            Self::Type(kind) => point.codec.kind != kind && point.codec.kind.words() == kind.words(),
            Self::Address(_) => point.scale.is_none(),
            _ => true,
        }
    }
}

impl fmt::Display for Slip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("as the file says"),
            Self::WordOrder => f.write_str("with the words the other way round (order)"),
            Self::ByteOrder => f.write_str("with the bytes the other way round (bytes)"),
            Self::Scale(1_000, 1) => f.write_str("in kilowatts where the file says watts (unit or scale)"),
            Self::Scale(1, 1_000) => f.write_str("in watts where the file says kilowatts (unit or scale)"),
            Self::Scale(times, 1) => write!(f, "with steps {times} times as large (scale)"),
            Self::Scale(_, by) => write!(f, "with steps {by} times as small (scale)"),
            Self::Sign => f.write_str("with import as the other sign (import)"),
            Self::Address(by) => {
                let (count, way) = (by.unsigned_abs(), if *by < 0 { "before" } else { "after" });
                let words = if count == 1 { "one register" } else { "two registers" };
                write!(f, "{words} {way} the address of the file (address or base)")
            }
            Self::Type(Type::F32) => f.write_str("as a float (type)"),
            Self::Type(_) => f.write_str("as a whole number with a sign (type)"),
        }
    }
}

/// What a device can show: from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The least.
    pub least: Power,
    /// The most.
    pub most: Power,
}

impl Range {
    /// Whether this power can be.
    pub fn holds(&self, power: Power) -> bool {
        (self.least..=self.most).contains(&power)
    }
}

/// What would explain what a device shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The mistake in its file.
    pub slip: Slip,
    /// What it would show without.
    pub power: Power,
}

/// The mistakes that would bring what was read to what is wanted: at most `off` away from it, or where nothing is known of that,
/// into the range of what can be there and more than a hundredth of it.
pub fn explain(point: &Point, window: &Window, range: Range, wanted: Option<Power>, off: Power) -> Vec<Explained> {
    let fits = |power: Power| match wanted {
        Some(wanted) => (power - wanted).max(wanted - power) <= off,
        None => range.holds(power) && power.watts() > range.most.watts() / 100,
    };
    let tried = Slip::ALL.into_iter().filter(|slip| slip.applies(point));
    let explained = tried.filter_map(|slip| Some(Explained { slip, power: slip.read(point, window).ok()? }));
    let mut explained: Vec<Explained> =
        explained.filter(|explained| range.holds(explained.power) && fits(explained.power)).collect();
    // Whoever refuses the registers of the file has them somewhere else; and of two that fit, what fits clearly better.
    let elsewhere = !window.block.covers(point.block.table, point.block.address, point.block.count);
    let far = |power: Power| wanted.map_or(Power::ZERO, |wanted| (power - wanted).max(wanted - power));
    let nearest = explained.iter().map(|explained| far(explained.power)).min().unwrap_or_default();
    let clearly = Power::from_watts(off.watts() / 10);
    explained.sort_by_key(|Explained { slip, power }| {
        let misplaced = elsewhere && !matches!(slip, Slip::Address(_));
        (misplaced, far(*power) > nearest + clearly)
    });
    explained
}

/// One device of a site that was asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its power, and where it lies.
    pub point: &'a Point,
    /// The words about it.
    pub window: &'a Window,
    /// What it can show.
    pub range: Range,
    /// Whether it is the meter that sees all others.
    pub is_poi: bool,
    /// What it should show by itself, and how far it may be off, where that is known.
    pub wanted: Option<(Power, Power)>,
}

/// What makes no sense about a device, and what would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Why.
    pub why: Why,
    /// What would explain it.
    pub explained: Vec<Explained>,
}

/// Why a device is suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its words are no power, or one that cannot be there.
    Impossible,
    /// It is far from what it should show.
    Unlike(Power),
    /// The meters do not add up, and with this one read otherwise they would.
    Unbalanced(Power),
}

/// What is suspect about each of these devices. Where all that make up the site's balance are known it is used: loads within
/// `unmetered` of what the POI sees, `off` aside.
pub fn judge(all: &[Asked<'_>], unmetered: Power, off: Power) -> Vec<Option<Suspicion>> {
    let shown: Vec<Option<Power>> = all.iter().map(Asked::shown).collect();
    let judged = all.iter().enumerate().map(|(ix, asked)| asked.judge(share_of(ix, all, &shown, unmetered), off));
    let mut judged: Vec<Option<Suspicion>> = judged.collect();
    // One mistake is likelier than two: what one device explains best is not held against the others.
    let likeliest = judged.iter().flatten().map(Suspicion::rank).min();
    judged.iter_mut().for_each(|suspicion| {
        suspicion.take_if(|it| matches!(it.why, Why::Unbalanced(_)) && Some(it.rank()) > likeliest);
    });
    judged
}

impl Suspicion {
    /// How likely its likeliest explanation is: what is wrong by itself comes before what does not add up, and a mistake that is often
    /// made before one that is not.
    fn rank(&self) -> usize {
        let first = self.explained.first().and_then(|first| Slip::ALL.iter().position(|slip| *slip == first.slip));
        let rank = first.map_or(usize::MAX, |rank| rank + 1);
        if matches!(self.why, Why::Unbalanced(_)) { rank } else { 0 }
    }
}

impl Asked<'_> {
    /// What it shows, where that can be.
    fn shown(&self) -> Option<Power> {
        Slip::None.read(self.point, self.window).ok().filter(|power| self.range.holds(*power))
    }

    fn judge(&self, share: Option<Power>, off: Power) -> Option<Suspicion> {
        let suspect = |why, wanted: Option<(Power, Power)>| {
            let (wanted, off) = wanted.map_or((None, off), |(wanted, off)| (Some(wanted), off));
            let explained = explain(self.point, self.window, self.range, wanted, off);
            Suspicion { why, explained }
        };
        let by_others = share.map(|share| (share, off));
        let Some(shown) = self.shown() else {
            let known = suspect(Why::Impossible, self.wanted.or(by_others));
            return Some(if known.explained.is_empty() { suspect(Why::Impossible, None) } else { known });
        };
        let far = |(wanted, off): &(Power, Power)| (shown - *wanted).max(*wanted - shown) > *off;
        if let Some((wanted, off)) = self.wanted.filter(far) {
            return Some(suspect(Why::Unlike(wanted), Some((wanted, off))));
        }
        let share = by_others.filter(far)?;
        Some(suspect(Why::Unbalanced(share.0), Some(share))).filter(|suspicion| !suspicion.explained.is_empty())
    }
}

/// What all others leave for this one: nothing where one of them is not known, or there is none. Half of what has no meter is taken to flow.
fn share_of(ix: usize, all: &[Asked<'_>], shown: &[Option<Power>], unmetered: Power) -> Option<Power> {
    let others = || all.iter().zip(shown).enumerate().filter(|(other, _)| *other != ix).map(|(_, pair)| pair);
    others().next()?;
    let loads: Option<Power> = others().filter(|(asked, _)| !asked.is_poi).map(|(_, shown)| *shown).sum();
    let loads = loads? + Power::from_watts(unmetered.watts() / 2);
    if all.get(ix)?.is_poi {
        return Some(loads);
    }
    let (_, poi) = others().find(|(asked, _)| asked.is_poi)?;
    Some((*poi)? - loads)
}

#[cfg(test)]
mod tests;
