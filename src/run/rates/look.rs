//! A thread of its own that looks at the tariff file, and at what a person accepts without the page. It reads and judges; what becomes of it the
//! loop decides.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::document::Problems;
use crate::feeds::watched::{Text, Watched, read};
use crate::market::Unusable;
use crate::tariff::{Tariff, proof};

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Words that wait to be heard.
const MOST_WORDS: usize = 8;

/// What is found while looking.
pub(super) enum Word {
    /// A file that is right.
    Good(Arc<Tariff>, Text),
    /// One that is not, or cannot be read: its hash, how many problems it has, the first of them.
    Bad { sha256: Option<String>, problems: usize, why: String },
    /// A person accepts the file with this hash.
    Accept(String),
}

/// Where words wait for the loop.
pub(super) type Slot = Mutex<Vec<Word>>;

/// Looks at the file, and at what is accepted, until nobody asks any more.
pub(super) fn look(mut file: Watched, accepted: &Path, slot: &Weak<Slot>) {
    while let Some(slot) = slot.upgrade() {
        let mut words = Vec::new();
        if let Ok(text) = read(accepted) {
            words
                .extend(text.text.lines().filter(|line| !line.trim().is_empty()).map(|line| Word::Accept(line.into())));
            // Gone before it is heard: who accepts it again is heard again.
            let _ = std::fs::remove_file(accepted);
        }
        words.extend(file.look().map(|found| judge(file.path(), found)));
        let mut waiting = slot.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(words);
        let over = waiting.len().saturating_sub(MOST_WORDS);
        waiting.drain(..over);
        drop(waiting);
        drop(slot);
        std::thread::sleep(LOOK_EVERY);
    }
}

fn judge(path: &Path, found: Result<Text, String>) -> Word {
    let text = match found {
        Ok(text) => text,
        Err(why) => return Word::Bad { sha256: None, problems: 1, why },
    };
    match proof::proved(&path.display().to_string(), &text.text) {
        Ok(tariff) => Word::Good(Arc::new(tariff), text),
        Err(problems) => Word::Bad { sha256: Some(text.sha256), problems: problems.all().len(), why: brief(&problems) },
    }
}

/// The first problem with its line, and how many more there are.
pub(super) fn brief(problems: &Problems) -> String {
    let Some(first) = problems.all().first() else { return String::new() };
    let more = match problems.all().len() - 1 {
        0 => String::new(),
        1 => ", and 1 more problem".to_owned(),
        many => format!(", and {many} more problems"),
    };
    format!("{}:{}: {}{more}", problems.file(), problems.line(first), first.message)
}

pub(super) fn unusable(why: &Unusable) -> String {
    format!("a controller cannot go by this tariff: {why}")
}
