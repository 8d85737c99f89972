//! What `demo` and `run` share: the loop, the page, the screen, Ctrl-C, and the summary at the end.

use std::io::{IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::world::Known;
use super::{COULD_NOT, FINE, PROBLEMS, Watch, screen, summary};
use crate::decide::Standing;
use crate::run::{self, Begun, Emulated, Ended, Prices, Setup};
use crate::site::Site;
use crate::snapshot::Link;
use crate::units::{Power, span};
use crate::web::{self, GroupView, Hub, Page, Severity, View};

/// Threads of the async runtime: connections and the page. The loop has its own.
const WORKERS: usize = 2;
/// How often a headless run says that it lives.
const PROGRESS: Duration = Duration::from_secs(10);
/// At most so many groups are named in one line.
const NAMED: usize = 8;

/// A broken loop's outlets are waited for at most this long.
const MOST_LAPSE: Duration = Duration::from_secs(600);
/// From a lapse to its last write, with a reconnect on the way.
const LAST_WRITE: Duration = Duration::from_secs(3);

/// What makes one session different from another.
pub(super) struct Session {
    pub(super) known: Known,
    pub(super) prices: Prices,
    pub(super) emulated: Option<Box<dyn Emulated>>,
    pub(super) note: String,
    pub(super) shadow: bool,
}

/// The async runtime of a session; the exit code where there is none. What the loop wakes, which is commands, comes from outside
/// the runtime and is looked at before every other task: reads that are answered meanwhile can wait.
pub(super) fn runtime() -> Result<Runtime, u8> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(WORKERS).global_queue_interval(1).enable_all();
    builder.build().map_err(|error| refuse(&error.to_string()))
}

/// Opens the journal where it was asked for, or in a new folder of the system's place for such.
pub(super) fn begin(known: &Known, verb: &str, folder: Option<PathBuf>, readmit: bool) -> Result<Begun, u8> {
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join(format!("ballast-{verb}-{}", std::process::id())));
    let files: Vec<_> = known.files.iter().map(|(role, name, text)| (*role, name.as_str(), text.as_str())).collect();
    let asked = run::Asked { readmit, tariff: known.tariff.as_deref() };
    let begun = run::begin(&known.site, &files, &folder, asked).map_err(|error| refuse(&error))?;
    begun.remarks.iter().chain(&super::limits::files_remark(&known.site)).for_each(|remark| say(remark));
    Ok(begun)
}

/// Runs a session to its end and tells how it went.
pub(super) fn run(runtime: &Runtime, session: Session, begun: Begun, watch: &Watch) -> Result<u8, u8> {
    let (hub, actions) = Hub::new();
    let stop = Arc::new(AtomicBool::new(false));
    let page = page(runtime, &hub, watch.port)?;
    heed_interrupts(runtime, Arc::clone(&stop));
    let (site, folder, shadow) = (session.known.site.clone(), begun.folder.clone(), session.shadow);
    let credentials = super::world::credentials(&session.known.site)?;
    let miner_credentials = super::world::miner_credentials(&session.known.site)?;
    let clients = super::world::clients(&session.known)?;
    let handle = run::start(Setup {
        credentials,
        miner_credentials,
        clients,
        site: session.known.site,
        profiles: session.known.profiles,
        runtime: runtime.handle().clone(),
        begun,
        prices: session.prices,
        hub: hub.clone(),
        actions,
        emulated: session.emulated,
        note: session.note,
        shadow: session.shadow,
        ends: watch.span,
        stop,
    })
    .map_err(|error| refuse(&error.to_string()))?;
    say(&format!("page http://{}/   journal {}", page.address(), folder.display()));
    let ended = Arc::new(AtomicBool::new(false));
    let joined = join(handle, Arc::clone(&ended)).map_err(|error| refuse(&error.to_string()))?;
    if watch.headless || !std::io::stdout().is_terminal() {
        progress(&hub, &ended);
    } else if let Err(error) = screen::watch(&hub, &format!("http://{}", page.address()), &ended) {
        say(&format!("no screen: {error}; the page shows the same"));
        progress(&hub, &ended);
    }
    let ended = joined.join().ok().flatten().ok_or_else(|| broken(&site))?;
    tell(&site, &ended, watch.json);
    // In shadow nothing was commanded, so there is nothing to be proved off.
    if shadow || ended.left == Power::ZERO {
        return Ok(FINE);
    }
    say(&unproved(&hub.view(), ended.left));
    Ok(PROBLEMS)
}

fn refuse(message: &str) -> u8 {
    say(message);
    COULD_NOT
}

/// A line for the person who started it. Nobody listening any more (a closed terminal, a pipe whose reader went) must not
/// end a controller, as `eprintln!` would.
fn say(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// The loop is gone, and its connections let every command lapse: staggered, so that the outlets go off as a ramp. They do so
/// only while this process lives.
fn broken(site: &Site) -> u8 {
    let last = Standing::new(site.clone()).groups.iter().map(|fixed| fixed.lapse).max().unwrap_or_default();
    let until = last.min(MOST_LAPSE).saturating_add(LAST_WRITE);
    say(&format!("the loop broke: the outlets go off one by one within {}, then this ends", span(until)));
    std::thread::sleep(until);
    refuse("the loop broke; its journal tells how far it came")
}

/// The page on the port asked for, or on any other where that one is taken: it says which.
fn page(runtime: &Runtime, hub: &Hub, port: u16) -> Result<Page, u8> {
    let serve = |port| web::serve(hub.clone(), SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    runtime
        .block_on(async {
            match serve(port).await {
                Ok(page) => Ok(page),
                Err(error) => {
                    say(&format!("{error}; taking any other"));
                    serve(0).await
                }
            }
        })
        .map_err(|error| refuse(&error.to_string()))
}

/// The first Ctrl-C (or SIGTERM) sheds on the ramp and says so; the second ends at once and leaves every outlet as it is.
/// A terminal that is gone sheds on the ramp too, however often it says so.
fn heed_interrupts(runtime: &Runtime, stop: Arc<AtomicBool>) {
    let hung_up = Arc::clone(&stop);
    runtime.spawn(async move {
        while hangup().await {
            hung_up.store(true, Ordering::Relaxed);
        }
    });
    runtime.spawn(async move {
        let mut asked = false;
        while interrupted().await {
            if asked {
                say("ended at once: outlets are left as they are, until a device's own watchdog acts");
                std::process::exit(130);
            }
            asked = true;
            stop.store(true, Ordering::Relaxed);
            say("shedding on the ramp, then ending; once more ends at once and leaves the outlets as they are");
        }
    });
}

#[cfg(unix)]
async fn hangup() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::hangup()) {
        Ok(mut hangup) => hangup.recv().await.is_some(),
        Err(_) => false,
    }
}

#[cfg(not(unix))]
async fn hangup() -> bool {
    false
}

#[cfg(unix)]
pub(super) async fn interrupted() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else { return tokio::signal::ctrl_c().await.is_ok() };
    tokio::select! {
        ended = tokio::signal::ctrl_c() => ended.is_ok(),
        ended = term.recv() => ended.is_some(),
    }
}

#[cfg(not(unix))]
pub(super) async fn interrupted() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}

type Joined = std::thread::JoinHandle<Option<Ended>>;

/// Waits for the loop beside the screen.
fn join(handle: std::thread::JoinHandle<Ended>, ended: Arc<AtomicBool>) -> std::io::Result<Joined> {
    std::thread::Builder::new().name("join".into()).spawn(move || {
        let outcome = handle.join().ok();
        ended.store(true, Ordering::Relaxed);
        outcome
    })
}

/// A line now and then and every warning at once, so that a headless run is not a silent one.
fn progress(hub: &Hub, ended: &AtomicBool) {
    let (mut left, mut told) = (PROGRESS, 0);
    while !ended.load(Ordering::Relaxed) {
        let step = Duration::from_millis(100);
        std::thread::sleep(step);
        told = warn(&hub.view(), told);
        left = left.saturating_sub(step);
        if left.is_zero() {
            left = PROGRESS;
            let view = hub.view();
            let watts = |watts: Option<i64>| {
                watts.map_or_else(|| "no data".into(), |watts| Power::from_watts(watts).to_string())
            };
            let miners = Power::from_watts(view.miners_w);
            let (import, hall) = (watts(view.poi_w), watts(view.hall_w));
            say(&format!("import {import}  hall {hall}  miners {miners}  {}", view.cause.name()));
        }
    }
}

/// Says every warning and alarm newer than this moment; gives back the newest moment there is.
fn warn(view: &View, told: i64) -> i64 {
    let newer = view.events.iter().filter(|event| event.unix_ms > told);
    newer.clone().filter(|event| event.severity != Severity::Info).for_each(|event| say(&event.text));
    newer.map(|event| event.unix_ms).max().unwrap_or(told)
}

/// Which groups may still be drawing, and what is known of them.
fn unproved(view: &View, left: Power) -> String {
    let named = |what: &str, of: &dyn Fn(&GroupView) -> bool| {
        let names: Vec<&str> = view.groups.iter().filter(|group| of(group)).map(|group| group.name.as_str()).collect();
        let more = names.len().saturating_sub(NAMED);
        let shown = names.get(..NAMED).unwrap_or(&names).join(", ");
        match (names.is_empty(), more) {
            (true, _) => String::new(),
            (false, 0) => format!("\n  {what}: {shown}"),
            (false, more) => format!("\n  {what}: {shown} and {more} more"),
        }
    };
    let new = named("never reached", &|group| group.link == Link::New);
    let silent = named("silent", &|group| group.link == Link::Silent);
    let on = named("not proved by its watts", &|group| group.link == Link::Up && (group.on != 0 || !group.following));
    format!("\n{left} of miners could not be proved off; look at these PDUs{new}{silent}{on}")
}

fn tell(site: &Site, ended: &Ended, json: bool) {
    let text = if json { format!("{}\n", summary::run_json(site, ended)) } else { summary::run_text(site, ended) };
    let _ = std::io::stdout().write_all(text.as_bytes());
}
