//! What stays over the limit is ended: where the POI shows for as long as the site file waits that nothing helps, e-stop is in force.

use super::{AFTERMATH, Found, Promise, SLACK, Sight};
use crate::simulate::fault::Part;
use crate::time::Mono;

#[derive(Default)]
pub(super) struct Terminates {
    /// Since when import is over the limit and the POI shows it.
    over: Option<Mono>,
    blind_until: Mono,
}

impl Terminates {
    pub(super) fn look(&mut self, sight: &Sight<'_, '_>) -> Found {
        // The POI's meter shows something else than flows.
        if sight.world.struck().any(|fault| fault.target == 0 && fault.class.strikes() == Part::Meter) {
            self.blind_until = sight.now.after(AFTERMATH);
        }
        // Who releases an e-stop is given the same time again.
        let over =
            sight.world.flows().poi() > sight.site().poi.import_limit + sight.tolerance && !sight.world.in_force.e_stop;
        let controls = sight.controls().filter(|_| over && sight.now > self.blind_until);
        let Some(controls) = controls else {
            self.over = None;
            return None;
        };
        let lasts = sight.now.since((*self.over.get_or_insert(sight.now)).max(controls));
        let waits = sight.site().failsafe.over_limit + SLACK;
        (lasts > waits)
            .then(|| (Promise::Terminates, format!("over the limit for {lasts:?}, and no e-stop is in force")))
    }
}
