//! The page on loopback: what is in `page/`, compiled in, the newest view as JSON and as a stream, and where its buttons
//! arrive.
//!
//! It refuses to listen on anything but loopback: there is no login yet, so being on this machine is the permission.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use futures_util::stream::unfold;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::guard::{Seats, guard};
use super::words::{meaning, name};
use super::{Action, Actor, Hub, MAX_CAP, MAX_LOCKED, Point, View};
use crate::plan::Cause;
use crate::units::Power;

/// The largest body of an action, in bytes.
const BODY: usize = 1_024;
/// How many pages may watch the stream at once.
const STREAMS: usize = 8;
/// The shortest time between two views on the stream.
const PACE: Duration = Duration::from_millis(200);
/// How long the stream may be silent before a comment keeps it alive.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Asked to listen where others could reach it.
    #[error("the page listens on loopback only, not on {0}; use 127.0.0.1 and forward the port to look from elsewhere")]
    NotLoopback(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {0}: {1}; choose another port")]
    NoListener(SocketAddr, #[source] std::io::Error),
}

/// A page that is being served. Dropping it ends the listener.
#[derive(Debug)]
pub struct Page {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Page {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves the page on a loopback address; port 0 takes any free one.
///
/// # Errors
/// [`Error::NotLoopback`] for any other address, [`Error::NoListener`] where it is taken.
pub async fn serve(hub: Hub, address: SocketAddr) -> Result<Page, Error> {
    if !address.ip().is_loopback() {
        return Err(Error::NotLoopback(address));
    }
    let listener = TcpListener::bind(address).await.map_err(|cause| Error::NoListener(address, cause))?;
    let address = listener.local_addr().map_err(|cause| Error::NoListener(address, cause))?;
    let accepting = tokio::spawn(async move {
        // Ends only when it is aborted: accepting survives every error of a single connection.
        let _ended = axum::serve(Seats::of(listener), router(hub)).await;
    });
    Ok(Page { address, accepting })
}

#[derive(Clone)]
struct Shared {
    hub: Hub,
    streams: Arc<Semaphore>,
}

fn router(hub: Hub) -> Router {
    const HTML: &str = "text/html; charset=utf-8";
    const CSS: &str = "text/css; charset=utf-8";
    const JS: &str = "text/javascript; charset=utf-8";
    Router::new()
        .route("/", asset(HTML, include_str!("page/index.html")))
        .route("/page.css", asset(CSS, include_str!("page/page.css")))
        .route("/page.js", asset(JS, include_str!("page/page.js")))
        .route("/chart.js", asset(JS, include_str!("page/chart.js")))
        .route("/tables.js", asset(JS, include_str!("page/tables.js")))
        .route("/orders.js", asset(JS, include_str!("page/orders.js")))
        .route("/units.js", asset(JS, include_str!("page/units.js")))
        .route("/mark.svg", asset("image/svg+xml", include_str!("page/mark.svg")))
        .route("/causes", get(async || Json(causes())))
        .route("/view", get(view))
        .route("/history", get(history))
        .route("/live", get(live))
        .route("/act", post(act))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn(guard))
        .with_state(Shared { hub, streams: Arc::new(Semaphore::new(STREAMS)) })
}

fn asset(kind: &'static str, text: &'static str) -> axum::routing::MethodRouter<Shared> {
    get(async move || ([(CONTENT_TYPE, kind)], text))
}

fn causes() -> Value {
    Cause::ALL
        .iter()
        .map(|cause| (cause.name().to_owned(), json!({"name": name(*cause), "meaning": meaning(*cause)})))
        .collect()
}

async fn view(State(shared): State<Shared>) -> Json<View> {
    Json(View::clone(&shared.hub.view()))
}

async fn history(State(shared): State<Shared>) -> Json<Vec<Point>> {
    Json(shared.hub.history().points().copied().collect())
}

async fn live(State(shared): State<Shared>) -> Response {
    let Ok(seat) = Arc::clone(&shared.streams).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages watch already; close one and reload").into_response();
    };
    let watcher = Watcher::new(&shared.hub, seat);
    let stream = unfold(watcher, async |mut watcher| Some((watcher.next().await?, watcher)));
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// One page that watches: gets the newest view, at most one every [`PACE`].
struct Watcher {
    newest: watch::Receiver<Arc<View>>,
    pace: Interval,
    _seat: OwnedSemaphorePermit,
}

impl Watcher {
    fn new(hub: &Hub, seat: OwnedSemaphorePermit) -> Self {
        let mut newest = hub.follow();
        if newest.borrow().unix_ms > 0 {
            newest.mark_changed();
        }
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { newest, pace, _seat: seat }
    }

    async fn next(&mut self) -> Option<Result<Event, Infallible>> {
        self.pace.tick().await;
        self.newest.changed().await.ok()?;
        let view = Arc::clone(&self.newest.borrow_and_update());
        Event::default().json_data(&*view).ok().map(Ok)
    }
}

async fn act(State(shared): State<Shared>, asked: Result<Json<Action>, JsonRejection>) -> Response {
    let Json(action) = match asked {
        Ok(action) => action,
        Err(refused) => return (wire_code(refused.status()), refused.body_text()).into_response(),
    };
    if let Some(reason) = senseless(&action, &shared.hub.view()) {
        return (StatusCode::BAD_REQUEST, reason).into_response();
    }
    match shared.hub.act(action, Actor::Page) {
        Ok(()) => (StatusCode::ACCEPTED, "taken").into_response(),
        Err(busy) => (StatusCode::SERVICE_UNAVAILABLE, busy.to_string()).into_response(),
    }
}

/// An action that is no action is simply a bad request; size and type keep their own codes.
fn wire_code(refused: StatusCode) -> StatusCode {
    if refused == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::BAD_REQUEST } else { refused }
}

/// Why an action makes no sense, where it makes none.
pub fn senseless(action: &Action, view: &View) -> Option<String> {
    let unknown_feeder = |names: &[String]| {
        let there = |name: &&String| view.feeders.iter().any(|feeder| feeder.name == **name);
        let unknown = names.iter().find(|name| !there(name));
        unknown.map(|name| format!("there is no feeder `{name}` with a contactor; names are those of the site file"))
    };
    let there = |name: &String| view.groups.iter().any(|group| group.name == *name);
    match action {
        Action::Cap(Some(cap)) if *cap < Power::ZERO || *cap > MAX_CAP => {
            Some("a cap lies between 0 and 10,000,000,000 W; give it in watts".into())
        }
        Action::Accept(hash) => {
            let waits = view.tariff.as_ref().and_then(|tariff| tariff.waits.as_ref());
            let is_it = waits.is_some_and(|(waiting, _)| waiting == hash);
            (!is_it).then(|| "no tariff waits with this hash; look again at which one does".into())
        }
        Action::Lock(names) | Action::Unlock(names) if names.is_empty() => {
            Some("name the groups, as in {\"act\":\"lock\",\"to\":[\"north-01\"]}".into())
        }
        Action::Open(names) | Action::Close(names) if names.is_empty() => {
            Some("name the feeders, as in {\"act\":\"close\",\"to\":[\"north\"]}".into())
        }
        Action::Open(names) | Action::Close(names) => unknown_feeder(names),
        Action::Lock(names) => {
            let unknown = names.iter().find(|name| !there(name));
            let all = names.iter().chain(&view.orders.locked);
            let is_much = all.map(String::len).sum::<usize>() > MAX_LOCKED;
            let unknown = unknown.map(|name| format!("there is no group `{name}`; names are those of the site file"));
            unknown.or_else(|| is_much.then(|| "too many groups are locked; unlock some first".into()))
        }
        _ if action.is_for_demo() && !view.demo => Some("only an emulated site can be made to fail by hand".into()),
        _ => None,
    }
}
