//! The words of each firmware, by the library asic-rs: everything it does stands behind a deadline of our own, and what it says is
//! checked.
//!
//! A miner is met by the firmware its file declares, without a scan and without a race; one that runs something else is a fault that
//! names both. What the library is not used for, and why: `docs/decisions/miners.md`. Nothing here decides, and nothing is tried
//! twice.

use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use asic_rs::core::data::collector::{DataCollector, DataField};
use asic_rs::core::data::command::MinerCommand;
use asic_rs::core::data::hashrate::HashRateUnit;
use asic_rs::core::data::miner::TuningTarget;
use asic_rs::core::errors::ModelSelectionError;
use asic_rs::core::traits::entry::FirmwareEntry;
use asic_rs::core::traits::identification::FirmwareIdentification;
use asic_rs::core::traits::miner::{Miner, MinerAuth};
use asic_rs::core::util::{connect_tcp_stream, send_rpc_command};
use asic_rs::{antminer, braiins, luxminer, whatsminer};
use futures_util::FutureExt;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::luxos::Session;
use super::step::{Came, Fault, Identity, Report, Step};
use crate::devices::profile::Credentials;
use crate::site::{Firmware, FirmwarePath};
use crate::time::Mono;
use crate::units::Power;

/// For one question, with its connection.
pub(super) const ANSWER: Duration = Duration::from_secs(1);
/// For two questions one after the other, such as a login and what it is for.
const TWO_ANSWERS: Duration = Duration::from_secs(2);
/// A stock Antminer answers a change of its mode only when it has restarted, after about a minute.
const RESTARTED: Duration = Duration::from_secs(75);
/// Meeting a stock Antminer: four requests, each sent twice because of its digest login.
const MET: Duration = Duration::from_secs(5);
/// So many miners are met at once, of those that are there. The library makes a client with all that TLS needs for each question of a meeting, on the threads that
/// serve the PDUs too.
static INTRODUCTIONS: Semaphore = Semaphore::const_new(8);
/// The port of the CGMiner API.
const RPC: u16 = 4028;
const HTTP: u16 = 80;
/// WhatsMiner firmware from this date on speaks version 3.
const WHATSMINER_V3: u64 = 20_241_101;
/// No miner draws or hashes more than this, in watts and in gigahashes a second.
const MOST: f64 = 1e9;

/// One miner.
pub(super) struct Port {
    firmware: Firmware,
    address: IpAddr,
    credentials: Option<Arc<Credentials>>,
    /// Nothing before it was met.
    met: Mutex<Option<Arc<Met>>>,
    session: Session,
    /// It has two power targets, and is asked which of them it has.
    has_levels: bool,
}

/// A miner that was met: kept, so that a command need not begin with an introduction.
struct Met {
    miner: Box<dyn Miner>,
    /// A WhatsMiner before version 3: the library answers each refusal, also of a question, by opening the miner's write interface.
    /// So questions go past that, and what it says of a verb is not known.
    is_old_whatsminer: bool,
}

impl Port {
    pub(super) fn new(firmware: Firmware, address: IpAddr, credentials: Option<Arc<Credentials>>) -> Self {
        let has_levels = false;
        Self { firmware, address, credentials, met: Mutex::new(None), session: Session::default(), has_levels }
    }

    /// The same of one with two power targets, or without.
    pub(super) fn of(path: &FirmwarePath, address: IpAddr, credentials: Option<Arc<Credentials>>) -> Self {
        Self { has_levels: path.low.is_some(), ..Self::new(path.firmware, address, credentials) }
    }

    /// Does one step, which began `now`.
    pub(super) async fn does(&self, step: Step, now: Mono) -> Result<Came, Fault> {
        let does = async {
            match step {
                Step::Identify => self.meet().await,
                Step::Observe => self.observe().await,
                Step::Sleep => self.tell(false, now).await,
                Step::Wake => self.tell(true, now).await,
                Step::Target(power) => self.target(power, now).await,
                Step::Rest(_) | Step::Over => Err(Fault::Broke),
            }
        };
        // The library is made not to panic. Where it does, this miner's task goes on.
        AssertUnwindSafe(does).catch_unwind().await.unwrap_or(Err(Fault::Broke))
    }

    fn met(&self) -> Result<Arc<Met>, Fault> {
        let met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.clone().ok_or(Fault::Broke)
    }

    async fn meet(&self) -> Result<Came, Fault> {
        let said = within(ANSWER, async { Ok(send_rpc_command(&self.address, "version").await) }).await;
        let said = said.unwrap_or_default();
        self.is_as_declared(said.as_ref()).await?;
        let _place = INTRODUCTIONS.acquire().await;
        let entry = entry(self.firmware);
        let auth = self.credentials.as_ref().map(|who| MinerAuth::new(who.user.clone(), who.password.clone()));
        let built = entry.build_miner(self.address, auth.as_ref());
        let built = within(self.meets_within(), async { Ok(built.await) }).await?;
        let miner = match built {
            Ok(miner) => miner,
            Err(ModelSelectionError::NoModelResponse) => return Err(self.why_silent().await),
            Err(ModelSelectionError::UnexpectedModelResponse) => return Err(Fault::NotUnderstood),
        };
        if !miner.supports_pause() || !miner.supports_resume() {
            return Err(Fault::NoSleep);
        }
        let version = self.version(&*miner, said.as_ref()).await;
        let is_old_whatsminer = self.firmware == Firmware::Whatsminer && is_before_v3(version.as_deref());
        let info = miner.get_device_info();
        let firmware = version.map_or_else(|| info.firmware.clone(), |version| format!("{} {version}", info.firmware));
        let identity = Identity { make: info.make.into(), model: info.model.into(), firmware: firmware.into() };
        let met = Arc::new(Met { miner, is_old_whatsminer });
        *self.met.lock().unwrap_or_else(PoisonError::into_inner) = Some(met);
        Ok(Came::Identified(identity))
    }

    /// The library builds what it is told to build: a stock miner answers to LuxOS's questions too.
    async fn is_as_declared(&self, said: Option<&Value>) -> Result<(), Fault> {
        let runs = said.and_then(runs);
        let (declared, has_rpc) = (self.firmware, matches!(self.firmware, Firmware::Luxos));
        match (said, runs) {
            (_, Some(runs)) if runs != declared => Err(Fault::OtherFirmware { declared, runs: Some(runs) }),
            (Some(_), None) if has_rpc => Err(Fault::OtherFirmware { declared, runs: None }),
            (None, _) if has_rpc => Err(self.why_silent().await),
            // Nobody waits in the queue of those who are met for one that is not there.
            (None, _) => self.is_there().await.then_some(()).ok_or(Fault::NoConnection),
            _ => Ok(()),
        }
    }

    /// The library does not say why it has no answer.
    async fn why_silent(&self) -> Fault {
        if self.is_there().await { Fault::NoAnswer } else { Fault::NoConnection }
    }

    /// Whether the port that it is commanded on takes connections.
    async fn is_there(&self) -> bool {
        let port = if matches!(self.firmware, Firmware::Antminer | Firmware::Braiins) { HTTP } else { RPC };
        connect_tcp_stream((self.address, port), ANSWER).await.is_ok()
    }

    fn meets_within(&self) -> Duration {
        match self.firmware {
            Firmware::Antminer => MET,
            Firmware::Luxos | Firmware::Braiins => TWO_ANSWERS,
            Firmware::Whatsminer => TWO_ANSWERS + ANSWER,
        }
    }

    /// The version in the miner's own words; nothing where it does not say.
    async fn version(&self, miner: &dyn Miner, said: Option<&Value>) -> Option<String> {
        let text = |value: &Value, at: &str| Some(value.pointer(at)?.as_str()?.to_owned());
        match self.firmware {
            Firmware::Luxos => text(said?, "/VERSION/0/LUXminer"),
            Firmware::Whatsminer => {
                let said = async { Ok(send_rpc_command(&self.address, "get_version").await) };
                text(&within(ANSWER, said).await.ok()??, "/Msg/fw_ver")
            }
            Firmware::Antminer | Firmware::Braiins => {
                within(ANSWER, async { Ok(miner.get_firmware_version().await) }).await.ok()?
            }
        }
    }

    async fn observe(&self) -> Result<Came, Fault> {
        let met = self.met()?;
        let report = if met.is_old_whatsminer {
            within(ANSWER, async { Ok(send_rpc_command(&self.address, "summary").await) })
                .await?
                .map(|said| summary(&said))
        } else {
            Some(within(self.answers_within(), async { Ok(report(&*met.miner, self.has_levels).await) }).await?)
        };
        match report.filter(|report| report.watts.is_some() || report.gigahashes.is_some()) {
            Some(report) => Ok(Came::Reported(report)),
            None if met.is_old_whatsminer => Err(self.why_silent().await),
            None => Err(self.why_empty(&*met.miner).await),
        }
    }

    /// Braiins OS may want a new login first.
    fn answers_within(&self) -> Duration {
        if self.firmware == Firmware::Braiins { TWO_ANSWERS } else { ANSWER }
    }

    /// The library's reports leave out what failed, and why. The first question of the report, asked alone, says that.
    async fn why_empty(&self, miner: &dyn Miner) -> Fault {
        let Some((question, _)) = miner.get_locations(DataField::Wattage).into_iter().next() else {
            return Fault::NotUnderstood;
        };
        ask(miner, &question).await.err().unwrap_or(Fault::NotUnderstood)
    }

    async fn target(&self, power: Power, now: Mono) -> Result<Came, Fault> {
        let met = self.met()?;
        if self.firmware == Firmware::Luxos {
            return self.session.profile(&*met.miner, power, now).await;
        }
        if !met.miner.supports_set_power_limit() {
            return Err(Fault::refused("it takes no power target"));
        }
        let TuningTarget::Power(watts) = TuningTarget::from_watts(power.watts() as f64) else {
            return Err(Fault::Broke);
        };
        let told = within(TWO_ANSWERS, async {
            met.miner.set_power_limit(watts).await.map_err(|error| fault_of(&error.to_string()))
        });
        if told.await? { Ok(Came::Answered) } else { Err(Fault::refused("it did not take the power target")) }
    }

    async fn tell(&self, mine: bool, now: Mono) -> Result<Came, Fault> {
        let met = self.met()?;
        if self.firmware == Firmware::Luxos {
            return self.session.curtail(&*met.miner, if mine { "wakeup" } else { "sleep" }, now).await;
        }
        let deadline = if self.firmware == Firmware::Antminer { RESTARTED } else { TWO_ANSWERS };
        let told = within(deadline, async {
            let told = if mine { met.miner.resume(None).await } else { met.miner.pause(None).await };
            told.map_err(|error| fault_of(&error.to_string()))
        });
        match told.await? {
            // It says yes whatever happened.
            true if met.is_old_whatsminer && !mine => Ok(Came::Sent),
            true => Ok(Came::Answered),
            false => Err(Fault::refused("it did not take the command, and the library keeps its reason to itself")),
        }
    }
}

/// What was declared, as the library's entry.
pub(super) fn entry(firmware: Firmware) -> Box<dyn FirmwareEntry> {
    match firmware {
        Firmware::Antminer => Box::new(antminer::firmware::AntMinerStockFirmware::default()),
        Firmware::Luxos => Box::new(luxminer::firmware::LuxMinerFirmware::default()),
        Firmware::Braiins => Box::new(braiins::firmware::BraiinsFirmware::default()),
        Firmware::Whatsminer => Box::new(whatsminer::firmware::WhatsMinerFirmware::default()),
    }
}

/// What runs on a miner that says this of its version. Other makers' firmware names the Antminer it runs on too, so it is looked for
/// first.
pub(super) fn runs(said: &Value) -> Option<Firmware> {
    let said = said.to_string().to_uppercase();
    let order = [Firmware::Luxos, Firmware::Braiins, Firmware::Whatsminer, Firmware::Antminer];
    order.into_iter().find(|firmware| FirmwareIdentification::identify_rpc(&*entry(*firmware), &said))
}

/// Nothing said counts as before: then no word of its own is believed.
fn is_before_v3(version: Option<&str>) -> bool {
    let date = version.and_then(|version| version.split('.').next()?.parse::<u64>().ok());
    date.is_none_or(|date| date < WHATSMINER_V3)
}

/// What an old WhatsMiner's summary says.
fn summary(said: &Value) -> Report {
    let number = |at: &str| said.pointer(at).and_then(Value::as_f64);
    Report {
        watts: number("/SUMMARY/0/Power").and_then(whole).map(Power::from_watts),
        target: number("/SUMMARY/0/Power Limit").and_then(whole).map(Power::from_watts),
        gigahashes: number("/SUMMARY/0/HS RT").and_then(|mega| u64::try_from(whole(mega / 1_000.0)?).ok()),
    }
}

/// Watts and hashrate by as few questions as the firmware allows. What failed is left out.
async fn report(miner: &dyn Miner, with_target: bool) -> Report {
    let mut collector = DataCollector::new(miner);
    let mut fields = vec![DataField::Wattage, DataField::Hashrate];
    fields.extend(with_target.then_some(DataField::TuningTarget));
    let said = collector.collect(&fields).await;
    let rate = miner.parse_hashrate(&said).map(|rate| rate.as_unit(HashRateUnit::GigaHash).value);
    Report {
        watts: miner.parse_wattage(&said).and_then(|watts| whole(watts.as_watts())).map(Power::from_watts),
        gigahashes: rate.and_then(|rate| u64::try_from(whole(rate)?).ok()),
        target: match miner.parse_tuning_target(&said) {
            Some(TuningTarget::Power(watts)) => whole(watts.as_watts()).map(Power::from_watts),
            _ => None,
        },
    }
}

/// A number of a miner as a whole one, where it can be true.
fn whole(number: f64) -> Option<i64> {
    // Rounded up: what hashes a little hashes.
    (0.0..=MOST).contains(&number).then(|| number.ceil() as i64)
}

/// One question through the library's raw channel.
pub(super) async fn ask(miner: &dyn Miner, question: &MinerCommand) -> Result<Value, Fault> {
    within(ANSWER, async { miner.get_api_result(question).await.map_err(|error| fault_of(&error.to_string())) }).await
}

/// Whether a miner under LuxOS has a session open.
pub(super) async fn session_is_held(address: IpAddr) -> bool {
    let said = within(ANSWER, async { Ok(send_rpc_command(&address, "session").await) }).await.ok().flatten();
    let id = said.as_ref().and_then(|said| said.pointer("/SESSION/0/SessionID")?.as_str());
    id.is_some_and(|id| !id.is_empty())
}

pub(super) async fn within<T>(span: Duration, does: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(span, does).await.unwrap_or(Err(Fault::NoAnswer))
}

/// What the library's words mean. It has an error of its own for each firmware, and most arrive as text.
fn fault_of(words: &str) -> Fault {
    let has = |any: &[&str]| any.iter().any(|part| words.contains(part));
    if let Some((_, refusal)) = words.split_once("returned with error status: ") {
        return match refusal {
            refusal if refusal.to_lowercase().contains("session is active") => Fault::SessionHeld,
            "Invalid JSON response" | "Unknown status" => Fault::NotUnderstood,
            refusal if refusal.starts_with("Failed to parse status") => Fault::NotUnderstood,
            refusal => Fault::refused(refusal),
        };
    }
    if has(&["Authentication failed", "Unauthorized", "status code 401"]) {
        Fault::NotLetIn
    } else if has(&["timed out", "timeout"]) {
        Fault::NoAnswer
    } else if has(&["Failed to connect", "error sending request", "Connection reset", "Broken pipe", "Network error"]) {
        Fault::NoConnection
    } else if has(&["HTTP error: ", "failed with status code"]) {
        Fault::refused(words)
    } else {
        Fault::NotUnderstood
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_librarys_words_are_faults_that_say_what_to_do() {
        for (words, fault) in [
            ("Command returned with error status: Another session is active", Fault::SessionHeld),
            ("Command returned with error status: Invalid session id", Fault::refused("Invalid session id")),
            ("Command returned with error status: Invalid JSON response", Fault::NotUnderstood),
            ("Failed to connect to RPC API", Fault::NoConnection),
            ("RPC read timed out", Fault::NoAnswer),
            ("Connection reset by miner", Fault::NoConnection),
            ("Failed to authenticate: Authentication failed", Fault::NotLetIn),
            ("HTTP request failed with status code 401 Unauthorized", Fault::NotLetIn),
            ("Failed to authenticate: Network error: error sending request for url", Fault::NoConnection),
            ("error sending request for url (http://127.0.0.1/)", Fault::NoConnection),
            ("HTTP error: 500: busy", Fault::refused("HTTP error: 500: busy")),
            ("expected value at line 1 column 1", Fault::NotUnderstood),
        ] {
            assert_eq!(fault_of(words), fault, "{words}");
        }
    }

    #[test]
    fn a_miner_says_by_its_version_what_runs_on_it() {
        for (said, firmware) in [
            (json!({"VERSION":[{"BMMiner":"1.0.0","Type":"Antminer S21"}]}), Some(Firmware::Antminer)),
            (json!({"VERSION":[{"LUXminer":"2025.10.1","Type":"Antminer S21"}]}), Some(Firmware::Luxos)),
            (json!({"VERSION":[{"BOSer":"boser-openwrt 0.1.0","CGMiner":""}]}), Some(Firmware::Braiins)),
            (json!({"VERSION":[{"BTMiner":"1","API":"3.7"}]}), Some(Firmware::Whatsminer)),
            (json!({"VERSION":[{"CGMiner":"4.11.1","API":"3.7"}]}), None),
        ] {
            assert_eq!(runs(&said), firmware, "{said}");
        }
    }

    #[test]
    fn an_old_whatsminer_is_told_by_the_date_in_its_version_and_so_is_one_that_says_none() {
        assert!(is_before_v3(Some("20240624.18.REL")) && is_before_v3(None) && is_before_v3(Some("x")));
        assert!(!is_before_v3(Some("20241101.1.REL")));
        let said = summary(&json!({"SUMMARY":[{"Power":3440,"HS RT":172_000_000.0}]}));
        assert_eq!(said, Report { watts: Some(Power::from_watts(3_440)), gigahashes: Some(172_000), target: None });
    }

    #[test]
    fn a_number_that_cannot_be_is_none() {
        assert_eq!([whole(-1.0), whole(f64::NAN), whole(f64::INFINITY), whole(1e12)], [None; 4]);
        assert_eq!([whole(0.0), whole(0.2), whole(3_440.0)], [Some(0), Some(1), Some(3_440)]);
    }
}
