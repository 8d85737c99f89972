//! One seed: a world in its weather, the controller's lives in it, and the oracle beside them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::blame::{Blame, Book, Booked};
use super::disk::Disk;
use super::fault::{Class, Fault, Weather};
use super::host::Host;
use super::oracle::{Broken, Control, Oracle};
use super::reached::{Reached, Start};
use super::world::World;
use crate::devices::Profile;
use crate::journal::{tree, tree_over};
use crate::plant::Score;
use crate::site::Site;
use crate::time::Mono;
use crate::units::Power;

/// The meters are read so long before the loop decides.
const SENSED: Duration = Duration::from_millis(10);

/// What came of one seed.
#[derive(Clone, Debug, Default)]
pub struct Episode {
    /// The seed.
    pub seed: u64,
    /// How long it ran, in virtual time.
    pub span: Duration,
    /// Ticks decided.
    pub ticks: u64,
    /// How often the controller was started.
    pub starts: u64,
    /// Faults that struck, by class.
    pub faults: BTreeMap<Class, u64>,
    /// Pairs of classes that were in force at once.
    pub pairs: std::collections::BTreeSet<(Class, Class)>,
    /// The truth.
    pub score: Score,
    /// What was over the limit, by what was at fault.
    pub blamed: BTreeMap<Blame, Booked>,
    /// Rules, events, connections and starts that were there.
    pub reached: Reached,
    /// The longest time over the limit while the controller was in control.
    pub longest_over: Duration,
    /// Calms at whose end everything usable was looked for.
    pub calms: u64,
    /// Broken promises.
    pub broken: Vec<Broken>,
    /// Records that survived, and the root of the tree over them, in base64.
    pub records: u64,
    /// The root.
    pub root: String,
}

/// What every seed is run on.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The site.
    pub site: &'a Site,
    /// How old a meter's value can be when it is read, by device.
    pub refresh: &'a [Duration],
    /// The register-map files of its devices, by device; of a device without one the refresh time is known, and no more.
    pub profiles: &'a [Arc<Profile>],
    /// The files that decisions rest on, the site's first: role, name, text.
    pub files: &'a [(&'static str, String, String)],
    /// What may go wrong.
    pub weather: &'a Weather,
    /// How long each seed runs, in virtual time.
    pub span: Duration,
}

/// Runs one seed with these faults. What survives of its journal comes with it.
pub fn run(setting: &Setting<'_>, seed: u64, faults: Vec<Fault>) -> (Episode, Vec<Vec<u8>>) {
    until(setting, seed, faults, &|_| false)
}

/// The same, until `stop` has seen enough of what is broken.
pub fn until(
    setting: &Setting<'_>,
    seed: u64,
    faults: Vec<Fault>,
    stop: &dyn Fn(&[Broken]) -> bool,
) -> (Episode, Vec<Vec<u8>>) {
    let Setting { site, refresh, weather, span, .. } = *setting;
    let mut disk = Disk::default();
    let mut world = World::new(site, seed, refresh, faults);
    let mut oracle = Oracle::new(site);
    oracle.promises.hall_refresh = site.hall.meter.and_then(|meter| refresh.get(meter).copied()).unwrap_or_default();
    let mut episode = Episode { seed, span, ..Episode::default() };
    let (mut lives, mut book) = (Lives::default(), Book::default());
    let (mut now, end) = (Mono::START, Mono::START.after(span));
    let mut calm = Calm { since: Mono::START, seen: false };
    while now < end {
        now = now.after(site.tick.period);
        if let Some((host, _)) = &mut lives.host {
            let sensed = now.before(SENSED);
            world.advance(sensed);
            host.talk(&mut world, sensed);
        }
        world.advance(now);
        count(&mut episode, &world);
        let control = lives.live(setting, &mut world, &mut disk, now, &mut episode);
        oracle.promises.counted = lives.counted.take();
        oracle.look(&world, control, now);
        world.recorded.looked();
        let above = world.plant.take_above();
        book.look(world.struck(), site, above, now);
        if stop(&oracle.broken) {
            break;
        }
        if calm.is_over(&world, weather, now) {
            episode.calms += 1;
            oracle.after_calm(&world, now);
        }
        world.begun.clear();
    }
    episode.score = world.plant.score();
    episode.broken = oracle.broken;
    episode.longest_over = oracle.longest_over;
    (episode.blamed, episode.reached) = (book.closed(), std::mem::take(&mut disk.reached));
    let tree = tree_over(&disk.lines);
    (episode.records, episode.root) = (tree.size(), tree::base64(&tree.root()));
    (episode, disk.lines)
}

/// Two are at once where one turn of the loop meets both.
fn count(episode: &mut Episode, world: &World<'_>) {
    for fault in &world.begun {
        *episode.faults.entry(fault.class).or_default() += 1;
        for other in world.struck().filter(|other| other.class != fault.class) {
            let (one, two) = (fault.class.min(other.class), fault.class.max(other.class));
            episode.pairs.insert((one, two));
        }
    }
}

/// Since when no fault is in force.
struct Calm {
    since: Mono,
    seen: bool,
}

impl Calm {
    /// Whether the calm has lasted for as long as it does; said once.
    fn is_over(&mut self, world: &World<'_>, weather: &Weather, now: Mono) -> bool {
        if world.struck().next().is_some() {
            *self = Self { since: now, seen: false };
        }
        let lasted = now.since(self.since) + Duration::from_secs(5) >= weather.calm;
        let first = lasted && !self.seen && self.since > Mono::START;
        self.seen |= first;
        first
    }
}

/// The lives of the controller: it is killed, it hangs, it comes back.
#[derive(Default)]
struct Lives {
    host: Option<(Host, Mono)>,
    hangs: Option<Mono>,
    died: Option<Mono>,
    /// What it died of, each once.
    reasons: Vec<Start>,
    /// What the tick counted as drawn.
    counted: Option<Power>,
    /// A person starts it, and lets back who is in quarantine.
    readmits: bool,
}

impl Lives {
    fn live(
        &mut self,
        setting: &Setting<'_>,
        world: &mut World<'_>,
        disk: &mut Disk,
        now: Mono,
        episode: &mut Episode,
    ) -> Control {
        let works = !(world.is(Class::DiskFull) || world.is(Class::SyncFails));
        let dark = world.is(Class::HostDark) || world.is(Class::TornTail);
        let readmits = world.is(Class::Readmitted);
        if dark || readmits || world.is(Class::Killed) || world.is(Class::StoreBad) {
            self.readmits |= readmits;
            let lived = self.host.is_some();
            let by =
                world.struck().find(|fault| matches!(fault.class, Class::Killed | Class::HostDark | Class::TornTail));
            let degree = by.map_or(0, |fault| fault.degree);
            if let Some((host, _)) = self.host.take().filter(|_| self.hangs.is_none()) {
                host.die(world, disk, now, works, degree);
            }
            if lived || dark {
                self.die(world, disk);
            }
            self.note(world, lived);
            return Control::Off(*self.died.get_or_insert(now));
        }
        if world.is(Class::LoopHangs) {
            let since = *self.hangs.get_or_insert(now.before(setting.site.tick.period));
            return self.host.as_ref().map_or(Control::Off(now), |_| Control::Hangs(since));
        }
        let hung = self.hangs.take().is_some();
        self.died = None;
        if self.host.is_none() {
            let reasons = std::mem::take(&mut self.reasons);
            let first = (episode.starts == 0).then_some(Start::First);
            reasons.into_iter().chain(first).for_each(|start| disk.reached.start(start));
            episode.starts += 1;
        }
        let readmits = std::mem::take(&mut self.readmits);
        let (host, since) = self.host.get_or_insert_with(|| (Host::start(setting, disk, world, now, readmits), now));
        if hung {
            *since = now;
            disk.reached.start(Start::AfterHang);
        }
        self.counted = Some(host.tick(world, disk, now, works));
        episode.ticks += 1;
        Control::On(*since)
    }

    /// Notes what it is dead of. A kill counts where something lived.
    fn note(&mut self, world: &World<'_>, lived: bool) {
        let reasons = [
            (world.is(Class::Killed) && lived, Start::AfterKill),
            (world.is(Class::HostDark), Start::AfterPowerLoss),
            (world.is(Class::TornTail), Start::AfterTornLine),
            (world.is(Class::StoreBad) && lived, Start::AfterLostStore),
        ];
        for (_, reason) in reasons.into_iter().filter(|(holds, _)| *holds) {
            if !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
    }

    fn die(&mut self, world: &mut World<'_>, disk: &mut Disk) {
        self.hangs = None;
        world.recorded.died();
        if world.is(Class::HostDark) || world.is(Class::TornTail) {
            disk.lose_power(world.is(Class::TornTail));
        }
        if world.is(Class::StoreBad) {
            disk.lose_store();
        }
    }
}
