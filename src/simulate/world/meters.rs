//! What the meters say: the truth, or what the fault in force makes of it.

use crate::plant::Plant;
use crate::simulate::fault::{Class, Fault};
use crate::simulate::link::{Said, metered};
use crate::site::{DeviceIx, Site};
use crate::snapshot::{NoData, Reading};
use crate::time::Mono;
use crate::units::{Power, Share};

/// A meter of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Poi,
    Hall,
    House,
}

impl Role {
    const ALL: [Self; 3] = [Self::Poi, Self::Hall, Self::House];

    /// What this device measures, where it is a meter.
    pub(super) fn of(site: &Site, device: DeviceIx) -> Option<Self> {
        let named = [Some(site.poi.meter), site.hall.meter, site.house.meter];
        Self::ALL.into_iter().zip(named).find(|(_, named)| *named == Some(device)).map(|(role, _)| role)
    }
}

/// The meters.
#[derive(Default)]
pub(super) struct Meters {
    /// What each last said, for one that is frozen.
    said: [Power; 3],
}

impl Meters {
    /// What a meter says when it is read; `at` is now on the controller's clock.
    pub(super) fn read(
        &mut self,
        role: Role,
        plant: &Plant,
        device: DeviceIx,
        at: Mono,
        faults: &[Fault],
    ) -> Option<Said> {
        let target = role as usize;
        let on = |class| faults.iter().find(|fault| fault.class == class && fault.target == target);
        if on(Class::MeterSilent).is_some() {
            return None;
        }
        let no = |why| Some(Said { power: Reading::NoData(why), on: None });
        if on(Class::MeterNotANumber).is_some() {
            return no(NoData::NotAvailable);
        }
        let shown = plant.shown(device);
        let part = |ppm: i64| shown.part(Share::from_ppm(ppm));
        let said = if let Some(fault) = on(Class::MeterGarbled) {
            if fault.says_nothing() {
                return no(NoData::NotUnderstood);
            }
            swapped(shown)
        } else if on(Class::MeterFrozen).is_some() {
            self.said.get(target).copied().unwrap_or(shown)
        } else if let Some(fault) = on(Class::MeterDrifts) {
            let ms = i64::try_from(plant.at().since(fault.from).as_millis()).unwrap_or(0);
            shown + part(((fault.degree - 500_000) / 50_000 * ms).clamp(-200_000, 200_000))
        } else if let Some(fault) = on(Class::MeterSpikes) {
            shown + part(fault.degree)
        } else if let Some(fault) = on(Class::MeterDips) {
            part(fault.degree / 2)
        } else {
            shown
        };
        self.said.iter_mut().skip(target).take(1).for_each(|last| *last = said);
        Some(metered(said, at))
    }
}

/// A register of 100 W steps whose bytes come in the wrong order: a number as good as any other.
fn swapped(power: Power) -> Power {
    let steps = u16::try_from((power.watts() / 100).clamp(0, i64::from(u16::MAX))).unwrap_or(u16::MAX);
    Power::from_watts(i64::from(steps.swap_bytes()) * 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_bytes_are_a_plausible_wrong_number() {
        // 8760 is 0x2238, and 0x3822 is 14370.
        assert_eq!(swapped(Power::from_kilowatts(876)), Power::from_kilowatts(1_437));
        assert_eq!(swapped(swapped(Power::from_kilowatts(876))), Power::from_kilowatts(876));
    }
}
