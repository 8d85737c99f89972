//! What outlives a run: the journal, and in the store the learnt margin, the dwell of every unit and the last good site
//! file, the operator's orders. Opened before the loop starts, written off it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::asked::Ordered;
use super::past::{self, Past, stricter};
use super::rates::{self, Keep, Rates};
use crate::decide::{GroupMemory, Margin, Memory, Remembered};
use crate::drill::Learnt;
use crate::drill::learnt::NEXT;
use crate::journal::{Beginning, Boot, Journal, Keeper, Opened, Store, last_orders, store};
use crate::site::{Group, Site};
use crate::snapshot::Orders;
use crate::time::{Clock, Mono, Wall};
use crate::web::Actor;

/// Everything that stands when the loop starts.
pub struct Begun {
    /// The journal, with its first records written.
    pub journal: Journal,
    /// Its folder.
    pub folder: PathBuf,
    /// The memory from which the first tick is decided.
    pub memory: Memory,
    /// What the operator ordered and did not take back.
    pub orders: Orders,
    /// The clock whose past the memory speaks of.
    pub clock: Clock,
    /// Where what must be remembered goes.
    pub keeping: Keeping,
    /// The tariff, where the site has one.
    pub rates: Option<Rates>,
    /// What a person should know of how it was found.
    pub remarks: Vec<String>,
}

/// What a start was asked for beside its site.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// Let units back that drew on when they were to sleep.
    pub readmit: bool,
    /// The file of the site's tariff.
    pub tariff: Option<&'a Path>,
}

/// How long ago each unit changed, as of a moment on the wall clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Dwell {
    wall_us: i64,
    units: Vec<(String, Vec<u64>)>,
    /// The units told to run at low power.
    #[serde(default)]
    low: Vec<(String, u64)>,
}

/// How the run before this one ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// There was none.
    None,
    /// In order: all it did is known.
    Ended,
    /// Without a word: what it did in its last moments is not known.
    Crashed,
}

impl Before {
    /// `is_new`: neither a bad store nor a journal says that there was one.
    fn of(store: Option<&Store>, is_new: bool) -> Self {
        match store.map(|store| store.get::<bool>(store::ENDED)) {
            Some(Ok(Some(true))) => Self::Ended,
            Some(Ok(None)) if is_new => Self::None,
            _ => Self::Crashed,
        }
    }

    /// As it stands in the journal as the reason of the start.
    fn name(self) -> &'static str {
        match self {
            Self::None => "first_start",
            Self::Ended => "start",
            Self::Crashed => "start_after_crash",
        }
    }
}

/// Stores what must be remembered, where it changed.
pub struct Keeping {
    keeper: Option<Keeper>,
    changed: Vec<Vec<Mono>>,
    margin: Margin,
    struck: usize,
    learnt: Learnt,
}

/// Opens journal and store in this folder and recalls what was remembered.
///
/// # Errors
/// In words for the person who started it, where the journal cannot be written, or the tariff is refused and none was in force before.
pub fn begin(site: &Site, files: &[(&str, &str, &str)], folder: &Path, asked: Asked<'_>) -> Result<Begun, String> {
    let mut remarks = Vec::new();
    let store = open_store(&folder.join("state"), &mut remarks);
    let rates = rates(site, store.as_ref(), asked.tariff)?;
    // Before the journal is opened, which may set it aside.
    let journaled = last_orders(folder);
    let before = Before::of(store.as_ref(), remarks.is_empty() && journaled == Ok(None));
    let (mut memory, start) = past(store.as_ref()).memory(site, before == Before::Crashed);
    let lifted = quarantine(site, &mut memory, asked.readmit, &mut remarks);
    let orders = standing_orders(store.as_ref(), journaled, &mut remarks);
    let clock = Clock::start_at(start);
    let mut journal =
        Journal::open(folder, &format!("{}.ballast/journal", site.name), clock).map_err(|error| error.to_string())?;
    let now = clock.now();
    let boot = Boot {
        boot: format!("{:x}-{:x}", now.wall.micros(), std::process::id()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        reason: before.name().to_owned(),
    };
    let tariff = rates.as_ref().map(Rates::in_force);
    let tariff = tariff.as_ref().map(|(name, text)| ("tariff", name.as_str(), text.text.as_bytes()));
    let bytes = files.iter().map(|(role, name, text)| (*role, *name, text.as_bytes()));
    let bytes: Vec<_> = bytes.chain(tariff).collect();
    let groups: Vec<String> = site.groups.iter().map(|group| group.name.clone()).collect();
    let json = serde_json::to_string(&memory).map_err(|error| format!("memory cannot be written: {error}"))?;
    let _ = journal.begin(now, &Beginning { boot: &boot, files: &bytes, groups: &groups, memory: &json });
    if let Some(groups) = lifted {
        let _ = journal.note(now.wall, "quarantine.lifted", None, &Lifted { groups });
    }
    if orders != Orders::default() {
        let _ = journal.note(now.wall, "orders", None, &Ordered { orders: &orders, actor: Actor::Restart });
    }
    let learnt: Learnt = store.as_ref().and_then(|store| store.get(store::CURVES).ok()?).unwrap_or_default();
    remarks.extend(learnt.remarks(site).into_iter().map(|remark| format!("{remark}; {NEXT}")));
    let keeping = Keeping::start(store, files, learnt, &mut remarks);
    keeping.ordered(&orders);
    if let Some(rates) = &rates {
        keeping.tariff(rates);
        remarks.extend(rates.remarks().map(str::to_owned));
    }
    Ok(Begun { journal, folder: folder.to_owned(), memory, orders, clock, keeping, rates, remarks })
}

/// The tariff of a site, where it has one: its file, or else the one that was in force last.
fn rates(site: &Site, store: Option<&Store>, file: Option<&Path>) -> Result<Option<Rates>, String> {
    let (Some(supply), Some(path)) = (&site.supply, file) else { return Ok(None) };
    let last_good = store.and_then(|store| store.get(store::LAST_GOOD_TARIFF).ok()?);
    let drawn = store.and_then(|store| store.get(store::DRAWN).ok()?).unwrap_or_default();
    Rates::begin(site, supply, rates::Found { path, last_good, drawn }, Clock::start().now().wall).map(Some)
}

/// The last good site file of a journal's folder, where there is one.
pub fn last_good_site(folder: &Path) -> Option<String> {
    Store::open(&folder.join("state")).ok()?.0.get(store::LAST_GOOD_SITE).ok()?
}

/// What drills taught of a site, from the folder of its journal.
///
/// # Errors
/// In words, where there is no such folder or its store cannot be read.
pub fn learnt(folder: &Path) -> Result<Learnt, String> {
    let path = folder.join("state");
    if !path.is_dir() {
        return Err(format!("{} is no journal's folder: it has no store", folder.display()));
    }
    let (store, _) = Store::open(&path).map_err(|error| error.to_string())?;
    Ok(store.get(store::CURVES).map_err(|error| error.to_string())?.unwrap_or_default())
}

fn open_store(path: &Path, remarks: &mut Vec<String>) -> Option<Store> {
    match Store::open(path) {
        Ok((store, Opened::Whole)) => Some(store),
        Ok((store, Opened::SetAside { to, why })) => {
            remarks.push(format!(
                "state store was bad ({why}) and lies in {} now; orders come from the journal, dwell and margins anew",
                to.display()
            ));
            Some(store)
        }
        Err(error) => {
            remarks.push(format!("state store {}: {error}; nothing is remembered over this run", path.display()));
            None
        }
    }
}

/// What the operator ordered lasts until it is taken back, whoever ended in between, and whatever became of the store: the
/// journal knows it too. Where both do the stricter counts, as a release that is not on the disk is not in force. Orders that
/// cannot be read are not known to be none: they count as e-stop.
fn standing_orders(
    store: Option<&Store>,
    journaled: Result<Option<Orders>, String>,
    remarks: &mut Vec<String>,
) -> Orders {
    let stored = store.map_or(Ok(None), |store| store.get::<Orders>(store::ORDERS)).map_err(|error| error.to_string());
    let known = match (stored, journaled) {
        (Ok(stored), Ok(journaled)) => Ok(stricter(stored.unwrap_or_default(), journaled.unwrap_or_default())),
        (Ok(Some(orders)), Err(_)) | (Err(_), Ok(Some(orders))) => Ok(Orders { drain: false, ..orders }),
        (Err(why), _) | (Ok(None), Err(why)) => Err(why),
    };
    let orders = known.unwrap_or_else(|why| {
        remarks.push(format!("the operator's orders cannot be read: {why}; e-stop holds until it is released"));
        Orders { e_stop: true, ..Orders::default() }
    });
    if orders.e_stop {
        remarks.push("e-stop is still pressed from the run before: release it on the page or with Shift+E".into());
    }
    if !orders.locked.is_empty() {
        let names: Vec<&str> = orders.locked.iter().map(String::as_str).collect();
        remarks.push(format!("locked before, and locked until you unlock them: {}", names.join(", ")));
    }
    if !orders.open.is_empty() {
        let names: Vec<&str> = orders.open.iter().map(String::as_str).collect();
        remarks.push(format!("feeders open before, and open until you close them on the page: {}", names.join(", ")));
    }
    if let Some(cap) = orders.cap {
        remarks
            .push(format!("import is still capped at {cap} from the run before: lift it on the page or with Shift+C"));
    }
    orders
}

/// Units let back by a person, as it stands in the journal: group and units.
#[derive(Serialize)]
struct Lifted {
    groups: Vec<(String, u64)>,
}

/// What is in quarantine from the run before: told, or let back.
fn quarantine(
    site: &Site,
    memory: &mut Memory,
    readmit: bool,
    remarks: &mut Vec<String>,
) -> Option<Vec<(String, u64)>> {
    if readmit {
        return Some(past::readmit(site, memory)).filter(|groups| !groups.is_empty());
    }
    let kept = site.groups.iter().zip(&memory.groups).filter(|(_, kept)| kept.asleep.barred != 0);
    let groups: Vec<(&Group, u32)> = kept.map(|(group, kept)| (group, kept.asleep.barred.count_ones())).collect();
    if groups.is_empty() {
        return None;
    }
    let named = groups.iter().take(8).map(|(group, units)| format!("{} ({units})", group.name));
    let named: Vec<String> = named.collect();
    remarks.push(format!(
        "miners stay off that drew on when they were to sleep, in {}; look at them, then start with --readmit",
        named.join(", ")
    ));
    None
}

/// What is known of the run before. Without a store that can be read, nothing is.
fn past(store: Option<&Store>) -> Past {
    let Some(store) = store else { return Past::Unknown };
    let margin = store.get(store::MARGINS).ok().flatten().unwrap_or_default();
    match store.get::<Dwell>(store::DWELL) {
        Ok(Some(dwell)) => {
            let down = Clock::start().now().wall.since(Wall::from_micros(dwell.wall_us));
            let strikes = store.get(store::STRIKES).ok().flatten().unwrap_or_default();
            Past::Known(Remembered { margin, dwell_ms: dwell.units, strikes, low: dwell.low }, down)
        }
        Ok(None) => Past::None(margin),
        Err(_) => Past::Unknown,
    }
}

impl Keeping {
    fn start(store: Option<Store>, files: &[(&str, &str, &str)], learnt: Learnt, remarks: &mut Vec<String>) -> Self {
        let keeper = store.and_then(|store| {
            Keeper::start(store).map_err(|error| remarks.push(format!("state store: no thread for it: {error}"))).ok()
        });
        if let (Some(keeper), Some((_, _, text))) = (&keeper, files.iter().find(|(role, _, _)| *role == "site")) {
            keeper.put(store::LAST_GOOD_SITE, text);
        }
        if let Some(keeper) = &keeper {
            keeper.put(store::ENDED, &false);
        }
        Self { keeper, changed: vec![], margin: Margin::default(), struck: usize::MAX, learnt }
    }

    /// What drills taught before this run.
    pub(crate) fn learnt(&self) -> &Learnt {
        &self.learnt
    }

    /// Leaves what drills taught to be stored.
    pub(crate) fn learn(&self, learnt: &Learnt) {
        if let Some(keeper) = &self.keeper {
            keeper.put(store::CURVES, learnt);
        }
    }

    /// Leaves what changed since the last time to be stored.
    pub(crate) fn keep(&mut self, site: &Site, memory: &Memory, now: crate::time::Now) {
        let Some(keeper) = &self.keeper else { return };
        if self.changed.len() != memory.groups.len()
            || self.changed.iter().zip(&memory.groups).any(|(kept, group)| *kept != group.changed)
        {
            self.changed = memory.groups.iter().map(|group| group.changed.clone()).collect();
            let Remembered { dwell_ms: units, low, .. } = memory.remember(site, now.mono);
            keeper.put(store::DWELL, &Dwell { wall_us: now.wall.micros(), units, low });
        }
        let strikes =
            |group: &GroupMemory| group.asleep.strikes.iter().map(|strikes| usize::from(*strikes)).sum::<usize>();
        let struck = memory.groups.iter().map(strikes).sum();
        if std::mem::replace(&mut self.struck, struck) != struck {
            keeper.put(store::STRIKES, &memory.remember(site, now.mono).strikes);
        }
        if self.margin.covers_otherwise(&memory.margin) {
            self.margin = memory.margin.clone();
            keeper.put(store::MARGINS, &self.margin);
        }
    }

    /// Leaves the tariff in force to be stored, and what was drawn under it.
    fn tariff(&self, rates: &Rates) {
        self.rates(rates, Keep { text: true, drawn: true });
    }

    /// Leaves of a tariff what is to be stored.
    pub(super) fn rates(&self, rates: &Rates, what: Keep) {
        let Some(keeper) = &self.keeper else { return };
        if what.text {
            keeper.put(store::LAST_GOOD_TARIFF, &rates.in_force().1.text);
        }
        if what.drawn {
            keeper.put(store::DRAWN, rates.account().drawn());
        }
    }

    /// Leaves what the operator ordered to be stored, at once.
    pub(super) fn ordered(&self, orders: &Orders) {
        if let Some(keeper) = &self.keeper {
            keeper.put(store::ORDERS, &Orders { drain: false, ..orders.clone() });
        }
    }

    /// Stores what waits.
    pub(crate) fn close(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.put(store::ENDED, &true);
            drop(keeper.close());
        }
    }
}
