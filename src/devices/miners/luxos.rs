//! LuxOS is told to sleep and to wake up in a session of our own, which ends with the verb.
//!
//! A miner has one session at a time, and it ends by itself after a minute. The library would borrow whatever session it finds, also
//! another program's, and end none. Here a session that is held by another is a fault, with one exception: one that appeared
//! when our own logon went without an answer is ours.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use asic_rs::core::data::command::MinerCommand;
use asic_rs::core::traits::miner::Miner;
use serde_json::{Value, json};

use super::port::ask;
use super::step::{Came, Fault};
use crate::time::Mono;
use crate::units::Power;

/// A session ends by itself after this long.
const ENDS: Duration = Duration::from_secs(60);

/// What is known of our session with one miner.
#[derive(Default)]
pub(super) struct Session(Mutex<Held>);

#[derive(Clone, Default)]
enum Held {
    #[default]
    None,
    /// We logged on then, and the answer never came.
    Perhaps(Mono),
    /// It was not ended yet.
    Id(String),
}

impl Session {
    /// Says one verb. What was done already counts as answered.
    pub(super) async fn curtail(&self, miner: &dyn Miner, verb: &str, now: Mono) -> Result<Came, Fault> {
        self.says(miner, &[("curtail", verb)], now).await
    }

    /// Takes the profile that draws the most within `target`. The tuner that would leave it again is switched off first.
    pub(super) async fn profile(&self, miner: &dyn Miner, target: Power, now: Mono) -> Result<Came, Fault> {
        let listed = ask(miner, &bare("profiles")).await?;
        let name = profile_within(&listed, target).ok_or_else(|| Fault::refused("no profile draws so little"))?;
        self.says(miner, &[("atmset", "enabled=false"), ("profileset", &name)], now).await
    }

    async fn says(&self, miner: &dyn Miner, words: &[(&'static str, &str)], now: Mono) -> Result<Came, Fault> {
        let (id, is_left_over) = self.open(miner, now).await?;
        let mut told = say_all(miner, &id, words).await;
        if is_left_over && matches!(told, Err(Fault::Refused(_))) {
            // The session was from before, and is over.
            self.hold(Held::None);
            let (id, _) = self.open(miner, now).await?;
            told = say_all(miner, &id, words).await;
        }
        self.end(miner).await;
        match told {
            Ok(_) => Ok(Came::Answered),
            Err(Fault::Refused(words)) if words.to_lowercase().contains("already") => Ok(Came::Answered),
            Err(fault) => Err(fault),
        }
    }

    /// A session of ours, and whether it is one from before.
    async fn open(&self, miner: &dyn Miner, now: Mono) -> Result<(String, bool), Fault> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Held::Id(id) = held {
            return Ok((id, true));
        }
        let opened = match (ask(miner, &bare("logon")).await, held) {
            (Err(Fault::SessionHeld), Held::Perhaps(then)) if now.since(then) < ENDS => {
                ask(miner, &bare("session")).await
            }
            (opened, _) => opened,
        };
        if let Err(Fault::NoAnswer) = opened {
            self.hold(Held::Perhaps(now));
        }
        let id = opened?.pointer("/SESSION/0/SessionID").and_then(Value::as_str).unwrap_or_default().to_owned();
        if id.is_empty() {
            self.hold(Held::None);
            return Err(Fault::NotUnderstood);
        }
        self.hold(Held::Id(id.clone()));
        Ok((id, false))
    }

    /// Ends it. One that could not be ended is used again, or ends by itself.
    async fn end(&self, miner: &dyn Miner) {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Held::Id(id) = held else { return };
        if matches!(say(miner, "logoff", &id).await, Ok(_) | Err(Fault::Refused(_))) {
            self.hold(Held::None);
        }
    }

    fn hold(&self, held: Held) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = held;
    }
}

/// One after the other, as long as none is refused.
async fn say_all(miner: &dyn Miner, id: &str, words: &[(&'static str, &str)]) -> Result<(), Fault> {
    for (command, word) in words {
        match say(miner, command, &format!("{id},{word}")).await {
            Err(Fault::Refused(words)) if words.to_lowercase().contains("already") => {}
            said => drop(said?),
        }
    }
    Ok(())
}

/// The name of the profile that draws the most within so much.
fn profile_within(listed: &Value, most: Power) -> Option<String> {
    let all = listed.pointer("/PROFILES")?.as_array()?.iter();
    let within =
        all.filter_map(|profile| Some((profile.get("Watts")?.as_f64()?, profile.get("Profile Name")?.as_str()?)));
    let within = within.filter(|(watts, _)| *watts > 0.0 && *watts <= most.watts() as f64);
    within.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, name)| name.to_owned())
}

fn bare(command: &'static str) -> MinerCommand {
    MinerCommand::RPC { command, parameters: None }
}

async fn say(miner: &dyn Miner, command: &'static str, parameter: &str) -> Result<Value, Fault> {
    ask(miner, &MinerCommand::RPC { command, parameters: Some(json!(parameter)) }).await
}
