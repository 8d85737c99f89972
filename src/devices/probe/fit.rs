//! Which register maps go with a device of which nobody said what it is: what each map read there, and which of them are likely.
//!
//! Pure: the words were read by whoever scans. Few devices say who they are, so most maps are judged by what they can read, and
//! where several go equally well all are named: the first of them is no better than the others.

use std::sync::Arc;

use crate::devices::Profile;
use crate::snapshot::NoData;
use crate::units::Power;

/// A power from here to there is one that a meter or PDU of such a site may show.
const LIKELY: std::ops::RangeInclusive<i64> = 1..=200_000_000;

/// A device that answers at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answering {
    /// The unit id that it answers to.
    pub unit_id: u8,
    /// It answers to any other as well: a device of its own, and no gateway.
    pub to_any: bool,
    /// The maps that can be read there, the likeliest first.
    pub fits: Vec<Fit>,
}

/// A map that can be read at a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The map.
    pub profile: Arc<Profile>,
    /// Whether the device said by itself that it is one: expected words, or a chain of models.
    pub says_so: bool,
    /// What the map makes of its power; nothing where it has none.
    pub power: Option<Result<Power, NoData>>,
    /// The outlets that can be read, and which are on; nothing where the map has none.
    pub outlets: Option<(u32, u64)>,
}

/// How well a map goes with a device, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// It can be read, and what it shows is nothing or cannot be.
    Readable,
    /// Its outlets are all off and it shows nothing, as a PDU does that is off, or one that answers anything with zeros.
    Off,
    /// What it shows may be.
    Likely,
    /// That, and its outlets are each on or off.
    Switches,
    /// The device says so by itself.
    Said,
}

impl Fit {
    /// How well it goes.
    pub fn grade(&self) -> Grade {
        match (self.says_so, self.is_likely(), self.outlets) {
            (true, ..) => Grade::Said,
            (false, true, Some(_)) => Grade::Switches,
            (false, true, None) => Grade::Likely,
            (false, false, Some((_, 0))) if self.power == Some(Ok(Power::ZERO)) => Grade::Off,
            _ => Grade::Readable,
        }
    }

    /// Whether its power is one that can be.
    pub fn is_likely(&self) -> bool {
        matches!(self.power, Some(Ok(power)) if LIKELY.contains(&power.watts().saturating_abs()))
    }

    /// Whether it looks for its place by itself: what stands at a fixed one is then no other answer.
    fn is_general(&self) -> bool {
        self.profile.sunspec.is_some()
    }
}

impl Answering {
    /// What answers to this unit, with its maps in order.
    pub fn new(unit_id: u8, to_any: bool, mut fits: Vec<Fit>) -> Self {
        fits.sort_by_key(|fit| (std::cmp::Reverse(fit.grade()), !fit.is_general()));
        Self { unit_id, to_any, fits }
    }

    /// The maps that go best, of which nobody can say from here which it is; one, where that is clear.
    pub fn best(&self) -> &[Fit] {
        let Some(first) = self.fits.first() else { return &[] };
        if first.says_so && first.is_general() {
            return self.fits.get(..1).unwrap_or_default();
        }
        let count = self.fits.iter().take_while(|fit| fit.grade() == first.grade()).count();
        self.fits.get(..count).unwrap_or_default()
    }

    /// The one map that it is, where that is clear.
    pub fn only(&self) -> Option<&Fit> {
        let [only] = self.best() else { return None };
        (only.grade() > Grade::Readable).then_some(only)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(name: &str, says_so: bool, watts: i64, outlets: Option<(u32, u64)>) -> Fit {
        let text = Profile::builtin(name).unwrap();
        let profile = Arc::new(Profile::parse(&format!("{name}.toml"), text).unwrap());
        Fit { profile, says_so, power: Some(Ok(Power::from_watts(watts))), outlets }
    }

    fn names(fits: &[Fit]) -> Vec<&str> {
        fits.iter().map(|fit| fit.profile.name.as_str()).collect()
    }

    #[test]
    fn what_a_device_says_of_itself_goes_before_what_can_be_read() {
        let fits = vec![fit("acuvim-ii", false, 40_000, None), fit("sunspec-203", true, 0, None)];
        let device = Answering::new(1, true, fits);
        assert_eq!(names(&device.fits), ["sunspec-203", "acuvim-ii"]);
        assert_eq!(device.only().unwrap().profile.name, "sunspec-203");
        let general =
            Answering::new(1, true, vec![fit("sunspec-203", true, 9, None), fit("sunspec-meter", true, 9, None)]);
        assert_eq!(names(general.best()), ["sunspec-meter"], "it finds what the other expects at one place");
    }

    #[test]
    fn maps_that_go_equally_well_are_all_named_and_none_is_chosen() {
        let fits = vec![
            fit("abb-m1m20", false, 5_000, None),
            fit("acuvim-ii", false, 0, None),
            fit("abb-m4m20", false, -5_000, None),
        ];
        let device = Answering::new(1, false, fits);
        assert_eq!(names(device.best()), ["abb-m1m20", "abb-m4m20"]);
        assert_eq!(device.only(), None);
    }

    #[test]
    fn what_shows_nothing_is_never_clear_but_a_pdu_that_is_off_is_one() {
        assert_eq!(Answering::new(1, true, vec![fit("acuvim-ii", false, 0, None)]).only(), None);
        assert_eq!(Answering::new(1, true, vec![fit("acuvim-ii", false, 300_000_000, None)]).only(), None);
        let off = Answering::new(1, true, vec![fit("netio-powerpdu", false, 0, Some((8, 0)))]);
        assert!(off.only().is_some());
        let zeros = vec![fit("netio-powerpdu", false, 0, Some((8, 0))), fit("acuvim-ii", false, 9_000, None)];
        assert_eq!(
            names(Answering::new(1, true, zeros).best()),
            ["acuvim-ii"],
            "it answers zeros where it has nothing"
        );
        assert_eq!(Answering::new(1, true, vec![]).only(), None);
    }
}
