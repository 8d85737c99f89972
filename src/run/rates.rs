//! The tariff of a running controller: its file is looked at while it is in force. A good one takes effect at the next settlement
//! boundary, a bad one changes nothing and is told, and one that moves the price further than the site file lets waits for a person.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use look::{Slot, Word};

use crate::feeds::watched::{Text, Watched, read};
use crate::market::Account;
use crate::snapshot::{PriceSeen, Reading, Snapshot, Terms};
use crate::tariff::proof;
use crate::time::{Now, Wall};
use crate::units::{Power, Share};
use crate::web::{Actor, Severity};

mod look;
#[cfg(test)]
mod tests;

/// What was drawn is stored this often, beside every new peak.
const KEEP_EVERY: Duration = Duration::from_secs(60);
/// In the journal's folder: what a person accepts without the page, by `ballast tariff accept`.
pub const ACCEPTED: &str = "tariff.accept";
/// So many letters of a hash are enough to name a file.
pub const SHORTEST_HASH: usize = 8;

/// A file that is right, and moves the price further than it may by itself.
struct Waiting {
    account: Box<Account>,
    text: Text,
    moved: Option<Share>,
}

/// Something for the journal: its kind and its fields; and for the screen.
pub(super) struct Told {
    pub(super) kind: &'static str,
    pub(super) fields: Value,
    pub(super) severity: Severity,
    pub(super) text: String,
}

/// What is stored because of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Keep {
    /// The text in force.
    pub(super) text: bool,
    /// What was drawn.
    pub(super) drawn: bool,
}

/// The tariff of a running controller.
pub struct Rates {
    account: Account,
    path: PathBuf,
    text: Text,
    next: Option<(Wall, Box<Account>, Text)>,
    waiting: Option<Waiting>,
    refused: Option<String>,
    accepted: Option<String>,
    slot: Arc<Slot>,
    before: Option<Now>,
    kept: Option<Wall>,
    /// The peaks worth paying, as they were told last.
    targets: Vec<(String, Power)>,
    /// What is to be told at the next turn.
    untold: Vec<Told>,
}

/// What a start finds: the file as it lies there, and what was in force before.
pub struct Found<'a> {
    /// The file.
    pub path: &'a Path,
    /// The text that was in force last.
    pub last_good: Option<String>,
    /// What was drawn before.
    pub drawn: crate::market::Drawn,
}

impl Rates {
    /// Takes the file where it is right; else the one that was in force last, and says why.
    ///
    /// # Errors
    /// Every problem of the file, as text, where there is none that was in force before.
    pub fn begin(
        site: &crate::site::Site,
        supply: &crate::site::Supply,
        found: Found<'_>,
        now: Wall,
    ) -> Result<Self, String> {
        let name = found.path.display().to_string();
        let open = |text: &Text| {
            let tariff = proof::proved(&name, &text.text).map_err(|all| (look::brief(&all), all.render(false)))?;
            let open = Account::open(Arc::new(tariff), supply, site, found.drawn.clone(), now);
            open.map_err(|why| twice(look::unusable(&why)))
        };
        let there = read(found.path).map_err(twice).and_then(|text| open(&text).map(|account| (account, text)));
        let before = found.last_good.map(|text| Text { sha256: crate::journal::sha256(text.as_bytes()), text });
        let before = before.and_then(|text| Some((open(&text).ok()?, text)));
        let rates = |account, text| Self {
            account,
            path: found.path.to_owned(),
            text,
            next: None,
            waiting: None,
            refused: None,
            accepted: None,
            slot: Arc::default(),
            before: None,
            kept: None,
            targets: Vec::new(),
            untold: Vec::new(),
        };
        match (there, before) {
            (Ok((account, text)), None) => Ok(rates(account, text)),
            (Ok((account, text)), Some((_, was))) if text.sha256 == was.sha256 => Ok(rates(account, text)),
            (Ok((account, text)), Some((old, was))) => {
                let mut begun = rates(old, was);
                // Nothing is in force yet: what may be at all may be at once.
                begun.offer(account, text, now, true);
                Ok(begun)
            }
            (Err((why, _)), Some((account, text))) => {
                let mut begun = rates(account, text);
                begun.refuse(None, 0, why);
                Ok(begun)
            }
            (Err((_, why)), None) => Err(why),
        }
    }

    /// The file's name, and the text in force.
    pub fn in_force(&self) -> (String, &Text) {
        (self.path.display().to_string(), &self.text)
    }

    /// What the start should say.
    pub fn remarks(&self) -> impl Iterator<Item = &str> {
        self.untold.iter().filter(|told| told.severity != Severity::Info).map(|told| told.text.as_str())
    }

    /// What is known of the bill.
    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// The file that waits for a person: its hash, and by which part it moves the price.
    pub(super) fn waits(&self) -> Option<(&str, Option<Share>)> {
        self.waiting.as_ref().map(|waiting| (waiting.text.sha256.as_str(), waiting.moved))
    }

    /// Why the file as it lies there is not in force.
    pub(super) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Starts looking at the file, and at what is accepted in the journal's folder.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(super) fn watch(&self, folder: &Path) -> std::io::Result<()> {
        let slot = Arc::downgrade(&self.slot);
        let known = match (&self.waiting, &self.refused) {
            (Some(waiting), _) => Watched::since(&self.path, &waiting.text.sha256),
            (None, None) => Watched::since(&self.path, &self.text.sha256),
            (None, Some(_)) => Watched::new(&self.path),
        };
        let accepted = folder.join(ACCEPTED);
        std::thread::Builder::new().name("tariff".into()).spawn(move || look::look(known, &accepted, &slot))?;
        Ok(())
    }

    /// What the tariff says now, for the snapshot of a tick.
    pub(super) fn terms(&mut self, now: Now, price: Option<PriceSeen>) -> Option<Terms> {
        self.account.terms(now.wall, price.map(|seen| seen.price))
    }

    /// After a tick: takes in what was drawn, and hears what was found.
    pub(super) fn turn(
        &mut self,
        snapshot: &Snapshot,
        closed: impl Iterator<Item = (u32, Wall, Power)>,
        firm: Option<Power>,
    ) -> (Vec<Told>, Keep) {
        let now = snapshot.now;
        let passed = self.before.map_or(Duration::ZERO, |before| now.mono.since(before.mono));
        self.before = Some(now);
        let import = match snapshot.poi {
            Reading::Known(import, _) => Some(import),
            Reading::NoData(_) => None,
        };
        self.account.see(now.wall, passed, import, firm);
        let mut keep = Keep::default();
        for peak in self.account.take(closed) {
            keep.drawn = true;
            let was = peak.before.map_or_else(|| "the month's first".to_owned(), |was| format!("before it {was}"));
            let fields = json!({ "line": peak.line, "from": peak.from.to_string(), "power_w": peak.power, "was_w": peak.before });
            let text = format!("{}: a new peak of {}, {was}", peak.line, peak.power);
            self.untold.push(Told { kind: "tariff.peak", fields, severity: Severity::Info, text });
        }
        self.tell_targets();
        let words = std::mem::take(&mut *self.slot.lock().unwrap_or_else(PoisonError::into_inner));
        for word in words {
            self.hear(word, now.wall);
        }
        keep.text = self.swap(now.wall);
        if self.kept.is_none_or(|kept| now.wall.since(kept) >= KEEP_EVERY || now.wall < kept) {
            self.kept = Some(now.wall);
            keep.drawn = true;
        }
        (std::mem::take(&mut self.untold), keep)
    }

    fn tell_targets(&mut self) {
        let targets: Vec<(String, Power)> =
            self.account.targets().map(|(line, power)| (line.to_owned(), power)).collect();
        if targets == self.targets {
            return;
        }
        let each: Vec<Value> = targets.iter().map(|(line, power)| json!({ "line": line, "most_w": power })).collect();
        let words: Vec<String> = targets.iter().map(|(line, power)| format!("{line} {power}")).collect();
        let text = format!("peaks worth paying: {}", words.join(", "));
        self.targets = targets;
        self.tell("tariff.targets", json!({ "targets": each }), Severity::Info, text);
    }

    fn hear(&mut self, word: Word, now: Wall) {
        match word {
            Word::Bad { sha256, problems, why } => self.refuse(sha256, problems, why),
            Word::Accept(hash) => self.accept(&hash, Actor::Command, now),
            Word::Good(_, text) if text.sha256 == self.text.sha256 => {
                let had = self.refused.take().is_some() | self.waiting.take().is_some() | self.next.take().is_some();
                if had {
                    let text = "the tariff file is again the one that is in force".to_owned();
                    self.tell("tariff.same", json!({ "sha256": self.text.sha256 }), Severity::Info, text);
                }
            }
            Word::Good(tariff, text) => match self.account.reopen(tariff, now) {
                Ok(account) => self.offer(account, text, now, false),
                Err(why) => self.refuse(Some(text.sha256), 1, look::unusable(&why)),
            },
        }
    }

    /// A file that is right: takes effect at the next settlement boundary, or waits.
    fn offer(&mut self, account: Account, text: Text, now: Wall, at_once: bool) {
        (self.refused, self.waiting, self.next) = (None, None, None);
        let today = account.tariff().zone.local(now).date;
        let moved = self.account.moved(&account, today);
        let hold = self.account.hold_above();
        let accepted = self.accepted.as_ref().is_some_and(|hash| text.sha256.starts_with(hash.as_str()));
        if moved.is_some_and(|moved| moved <= hold) || accepted {
            let boundary = if at_once { None } else { self.account.boundary(now) };
            self.plan(account, text, boundary.unwrap_or(now));
            return;
        }
        let by = moved.map_or_else(|| "by an unknown part".to_owned(), |moved| format!("by {moved}"));
        let short = text.sha256.get(..12).unwrap_or_default();
        let words = format!("tariff {short} waits until you accept it: it moves today's median price {by}");
        let fields = json!({ "sha256": text.sha256, "moved_ppm": moved.map(Share::ppm), "hold_above_ppm": hold.ppm() });
        self.tell("tariff.waits", fields, Severity::Warn, words);
        self.waiting = Some(Waiting { account: Box::new(account), text, moved });
    }

    fn plan(&mut self, account: Account, text: Text, at: Wall) {
        let words = format!("the new tariff takes effect at {at}");
        self.tell("tariff.next", json!({ "sha256": text.sha256, "at": at.to_string() }), Severity::Info, words);
        self.next = Some((at, Box::new(account), text));
    }

    /// A person accepts a file that waits, by its hash or the first letters of it; one that is not there yet, once it comes.
    pub(super) fn accept(&mut self, hash: &str, actor: Actor, now: Wall) {
        let hash = hash.trim().to_ascii_lowercase();
        let fits = |sha256: &str| hash.len() >= SHORTEST_HASH && sha256.starts_with(&hash);
        let waits = self.waiting.take_if(|waiting| fits(&waiting.text.sha256));
        let words = match &waits {
            Some(_) => "the tariff that waited is accepted".to_owned(),
            None => format!("a tariff was accepted that does not wait: {}", hash.get(..12).unwrap_or(&hash)),
        };
        let fields = json!({ "sha256": waits.as_ref().map_or(hash.as_str(), |waiting| &waiting.text.sha256), "waited": waits.is_some(), "actor": actor });
        self.tell("tariff.accepted", fields, Severity::Info, words);
        match waits {
            Some(waiting) => {
                let at = self.account.boundary(now).unwrap_or(now);
                self.plan(*waiting.account, waiting.text, at);
            }
            None if hash.len() >= SHORTEST_HASH => self.accepted = Some(hash),
            None => {}
        }
    }

    /// Puts in force what is due; whether there was any.
    fn swap(&mut self, now: Wall) -> bool {
        let Some((_, account, text)) = self.next.take_if(|(at, ..)| *at <= now) else { return false };
        self.account = account.after(&self.account, now);
        self.text = text;
        let name = self.account.tariff().name.clone();
        let words = format!("in force from now on: the tariff `{name}`");
        self.tell("tariff.in_force", json!({ "sha256": self.text.sha256, "name": name }), Severity::Info, words);
        true
    }

    fn refuse(&mut self, sha256: Option<String>, problems: usize, why: String) {
        (self.waiting, self.next) = (None, None);
        let words = format!("the tariff file is refused, the last good one stays in force: {why}");
        let fields = json!({ "sha256": sha256, "problems": problems, "why": why });
        self.tell("tariff.refused", fields, Severity::Alarm, words);
        self.refused = Some(why);
    }

    fn tell(&mut self, kind: &'static str, fields: Value, severity: Severity, text: String) {
        self.untold.push(Told { kind, fields, severity, text });
    }
}

/// In brief and in full.
fn twice(why: String) -> (String, String) {
    (why.clone(), why)
}
