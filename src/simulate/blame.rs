//! What import over the limit is booked to: the kind of device that was at fault when it began, so that the worst of each kind
//! is known as a number. It only books; it holds nothing against anyone.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::fault::{Class, Fault, Part, has_firmware};
use crate::plant::Above;
use crate::site::Site;
use crate::time::Mono;
use crate::units::{Energy, Power, span};

/// What was at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blame {
    /// Nothing: the hall rose as declared.
    Nothing,
    /// The POI's meter.
    PoiMeter,
    /// The hall's meter.
    HallMeter,
    /// The house's meter.
    HouseMeter,
    /// A PDU or a miner of a group with this response.
    Pdu(Duration),
    /// The hall rose beyond its declaration, or dipped.
    Hall,
    /// The hall drew more than its nameplate.
    Beyond,
    /// A miner that its firmware did not put to sleep, or that said what is not so.
    Miner,
    /// The controller or its host was dead, or hung.
    Controller,
    /// The disk, the price, the clock on the wall, or the operator. Beside another kind it is not counted as a second.
    Elsewhere,
    /// Several of these at once.
    Several,
}

impl Blame {
    /// The kinds that can fail alone on this site.
    pub(super) fn alone(site: &Site) -> Vec<Self> {
        let mut responses: Vec<Duration> = site.groups.iter().map(crate::site::Group::response).collect();
        responses.sort_unstable();
        responses.dedup();
        let meters = [Self::PoiMeter, Self::HallMeter, Self::HouseMeter];
        let rest = [Self::Hall, Self::Beyond, Self::Controller];
        let miner = has_firmware(site).then_some(Self::Miner);
        meters.into_iter().chain(responses.into_iter().map(Self::Pdu)).chain(rest).chain(miner).collect()
    }

    /// Whose fault a fault of this class is.
    pub(super) fn of(class: Class, target: usize, site: &Site) -> Self {
        match (class.strikes(), target) {
            (Part::Meter, 0) => Self::PoiMeter,
            (Part::Meter, 1) => Self::HallMeter,
            (Part::Meter, _) => Self::HouseMeter,
            (Part::Pdu, _) => Self::Pdu(site.groups.get(target).map_or(Duration::MAX, |group| group.response())),
            (Part::Miner, _) => Self::Miner,
            (Part::Hall, _) => Self::Hall,
            (Part::Beyond, _) => Self::Beyond,
            (Part::Controller, _) => Self::Controller,
            // It takes power away, or fails to: what made it needed is at fault.
            (Part::Elsewhere | Part::Feeder, _) => Self::Elsewhere,
        }
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Nothing => "nothing: declared ramps",
            Self::PoiMeter => "POI meter",
            Self::HallMeter => "hall meter",
            Self::HouseMeter => "house meter",
            Self::Pdu(response) => return f.pad(&format!("PDU or miner, {}", span(*response))),
            Self::Hall => "hall: undeclared steps, dips",
            Self::Beyond => "hall beyond its nameplate",
            Self::Miner => "miner that lies or wakes",
            Self::Controller => "controller or host",
            Self::Elsewhere => "disk, price, clock, operator",
            Self::Several => "several at once",
        };
        f.pad(text)
    }
}

/// What was over the limit because of one kind, in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Booked {
    /// How often.
    pub excursions: u64,
    /// All energy.
    pub energy: Energy,
    /// The most energy of one excursion.
    pub worst: Energy,
    /// The highest.
    pub highest: Power,
    /// The longest.
    pub longest: Duration,
}

/// An excursion that lasts.
#[derive(Clone, Copy)]
struct Excursion {
    blame: Blame,
    above: Above,
}

/// The book of one run.
#[derive(Default)]
pub(super) struct Book {
    /// Until when each kind may be the reason.
    until: BTreeMap<Blame, Mono>,
    open: Option<Excursion>,
    booked: BTreeMap<Blame, Booked>,
}

impl Book {
    /// Books what was above the limit since the last look. One that goes on while another kind fails too is cut in two, and its
    /// rest is booked to several.
    pub(super) fn look<'a>(&mut self, struck: impl Iterator<Item = &'a Fault>, site: &Site, above: Above, now: Mono) {
        for fault in struck {
            let (blame, after) = (Blame::of(fault.class, fault.target, site), now.after(fault.aftermath(site)));
            self.until.entry(blame).and_modify(|until| *until = after.max(*until)).or_insert(after);
        }
        if above.time.is_zero() {
            return self.close();
        }
        let blame = self.blame(now);
        match &mut self.open {
            Some(open) if !grows(open.blame, blame) => {
                open.above.energy += above.energy;
                open.above.peak = open.above.peak.max(above.peak);
                open.above.time += above.time;
            }
            _ => {
                self.close();
                self.open = Some(Excursion { blame, above });
            }
        }
    }

    fn blame(&self, now: Mono) -> Blame {
        let recent = || self.until.iter().filter(|(_, until)| now <= **until).map(|(blame, _)| *blame);
        let mut moving = recent().filter(|blame| *blame != Blame::Elsewhere);
        match (moving.next(), moving.next()) {
            (Some(_), Some(_)) => Blame::Several,
            (Some(one), None) => one,
            (None, _) => recent().next().unwrap_or(Blame::Nothing),
        }
    }

    fn close(&mut self) {
        let Some(Excursion { blame, above }) = self.open.take() else { return };
        let booked = self.booked.entry(blame).or_default();
        booked.excursions += 1;
        booked.energy += above.energy;
        booked.worst = booked.worst.max(above.energy);
        booked.highest = booked.highest.max(above.peak);
        booked.longest = booked.longest.max(above.time);
    }

    /// The book at the end.
    pub(super) fn closed(mut self) -> BTreeMap<Blame, Booked> {
        self.close();
        self.booked
    }
}

/// Whether more is at fault now than when it began. That a fault is over for long takes nothing from what it began.
fn grows(began: Blame, now: Blame) -> bool {
    let weight = |blame| match blame {
        Blame::Nothing => 0,
        Blame::Elsewhere => 1,
        Blame::Several => 3,
        _ => 2,
    };
    weight(now) > weight(began) || (weight(now) == 2 && now != began && weight(began) == 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::file::load;

    fn site() -> Site {
        load("demo.toml", include_str!("../../sites/demo.toml")).unwrap()
    }

    fn fault(class: Class, target: usize) -> Fault {
        Fault { class, from: Mono::START, to: Mono::START, target, degree: 0 }
    }

    fn above(kilowatts: i64) -> Above {
        let (peak, time) = (Power::from_kilowatts(kilowatts), Duration::from_millis(100));
        Above { energy: Energy::of(peak, time), peak, time }
    }

    #[test]
    fn an_excursion_is_booked_to_what_was_at_fault_a_moment_ago() {
        let (site, mut book) = (site(), Book::default());
        let at = Mono::from_millis;
        book.look([fault(Class::MeterDips, 1), fault(Class::PriceLost, 0)].iter(), &site, Above::default(), at(0));
        book.look([].iter(), &site, above(20), at(9_900));
        book.look([].iter(), &site, above(30), at(10_100));
        book.look([].iter(), &site, Above::default(), at(10_200));
        book.look([].iter(), &site, above(40), at(10_300));
        let booked = book.closed();
        let hall = booked[&Blame::HallMeter];
        assert_eq!((hall.excursions, hall.highest), (1, Power::from_kilowatts(30)));
        assert_eq!((hall.energy.joules(), hall.longest), (5_000, Duration::from_millis(200)));
        assert_eq!(booked[&Blame::Nothing].highest, Power::from_kilowatts(40));
        assert_eq!(booked.len(), 2);
    }

    #[test]
    fn what_goes_on_when_another_kind_fails_is_booked_apart() {
        let (site, mut book) = (site(), Book::default());
        let at = Mono::from_millis;
        book.look([fault(Class::Killed, 0)].iter(), &site, above(10), at(0));
        book.look([fault(Class::PduLost, 60)].iter(), &site, above(90), at(100));
        let booked = book.closed();
        assert_eq!(booked[&Blame::Controller].highest, Power::from_kilowatts(10));
        assert_eq!(booked[&Blame::Several].highest, Power::from_kilowatts(90));
        assert_eq!(Blame::of(Class::PduLost, 60, &site), Blame::Pdu(Duration::from_secs(1)));
    }
}
