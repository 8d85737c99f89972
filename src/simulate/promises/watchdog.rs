//! PDUs that switch off by themselves: when nobody speaks to one, it is at its floor in time; when nobody speaks to any, they fall
//! on the site's ramp. One heartbeat either way, because each was heard when it was polled.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Control, Found, Promise, Sight};
use crate::simulate::fault::Class;
use crate::simulate::trouble::AFTERMATH;
use crate::simulate::world::watchdog;
use crate::site::Site;
use crate::time::Mono;
use crate::units::Power;

/// On top of the watchdog's time and the response.
const GRACE: Duration = Duration::from_secs(1);
/// A heartbeat is no longer than this apart, and no shorter than a poll.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// So long what fell is looked at together.
const WINDOW: Duration = Duration::from_secs(5);
/// What an outlet that is off draws at the most.
const NOTHING: Power = Power::from_watts(10);

pub(super) struct Watchdogs {
    /// Per group since when its PDU hears nothing.
    deaf: Vec<Option<Mono>>,
    after: Vec<Option<Duration>>,
    commanded: Vec<u64>,
    fell: VecDeque<(Mono, Power)>,
    heartbeat: Duration,
    /// Per group until when an outlet may stick, or open late.
    stuck_until: Vec<Mono>,
    /// Per group until when its PDU may have heard the controller later or earlier than the others: it was gone, or is.
    apart_until: Vec<Mono>,
}

impl Watchdogs {
    pub(super) fn new(site: &Site) -> Self {
        let after: Vec<Option<Duration>> = site.groups.iter().map(watchdog).collect();
        let polls = site.groups.iter().filter_map(|group| site.devices.get(group.paths.first()?.device));
        let heartbeat = polls.map(|device| device.poll).max().unwrap_or(HEARTBEAT).max(HEARTBEAT);
        let groups = site.groups.len();
        Self {
            deaf: vec![None; groups],
            after,
            commanded: vec![0; groups],
            fell: VecDeque::new(),
            heartbeat,
            stuck_until: vec![Mono::START; groups],
            apart_until: vec![Mono::START; groups],
        }
    }

    pub(super) fn look(&mut self, sight: &Sight<'_, '_>) -> Found {
        if self.after.iter().all(Option::is_none) {
            return None;
        }
        let nobody = matches!(sight.control, Control::Off(_));
        let mut late = None;
        for (ix, (deaf, after)) in self.deaf.iter_mut().zip(&self.after).enumerate() {
            let is_deaf = nobody || sight.world.is_gone(ix);
            *deaf = is_deaf.then(|| deaf.unwrap_or(sight.now));
            let (Some(since), Some(after), Some(group)) = (*deaf, *after, sight.site().groups.get(ix)) else {
                continue;
            };
            let sticks = |class| sight.world.on(class, ix).is_some();
            if let Some(until) = self.stuck_until.get_mut(ix)
                && (sticks(Class::OutletWelded) || sticks(Class::OutletOwnWill))
            {
                *until = sight.now.after(AFTERMATH);
            }
            let stuck = self.stuck_until.get(ix).is_some_and(|until| sight.now <= *until);
            let draws = sight.world.plant.group_power(ix);
            if !stuck && draws > NOTHING && sight.now.since(since) > after + group.response() + GRACE {
                late = Some(format!(
                    "`{}` draws {draws}, {:?} after it heard anything",
                    group.name,
                    sight.now.since(since)
                ));
            }
        }
        let fast = self.fast(sight, nobody);
        late.or(fast).map(|what| (Promise::Watchdog, what))
    }

    /// What falls together while nobody controls. A PDU that was gone when the others heard their last counts from another moment.
    fn fast(&mut self, sight: &Sight<'_, '_>, nobody: bool) -> Option<String> {
        let mut gone = Power::ZERO;
        let groups = self.commanded.iter_mut().zip(&mut self.apart_until).zip(&sight.standing.groups);
        for (ix, ((was, apart_until), fixed)) in groups.enumerate() {
            let is = sight.world.commanded(ix);
            let apart = sight.now <= *apart_until;
            if sight.world.is_gone(ix) || (nobody && apart) {
                *apart_until = sight.now.after(AFTERMATH);
            }
            if nobody && !apart && sight.obeys(ix) {
                gone += fixed.power_of(*was & !is);
            }
            *was = is;
        }
        let Control::Off(since) = sight.control else {
            self.fell.clear();
            return None;
        };
        // What was written in its last moment is no watchdog's doing.
        if gone > Power::ZERO && sight.now.since(since) > GRACE {
            self.fell.push_back((sight.now, gone));
        }
        while self.fell.front().is_some_and(|(at, _)| sight.now.since(*at) > WINDOW) {
            self.fell.pop_front();
        }
        let first = self.fell.front()?.0;
        let sum: Power = self.fell.iter().map(|(_, power)| *power).sum();
        let most = sight.site().poi.ramp.over(sight.now.since(first) + self.heartbeat) + sight.largest_group();
        (sum > most).then(|| format!("{sum} fell within {:?} while nobody controls", sight.now.since(first)))
    }
}
