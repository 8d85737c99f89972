//! The pages of a miner: one request, who asks by which name and password, one answer.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use md5::{Digest, Md5};
use serde_json::Value;

use super::machine::Machine;
use super::{Lie, antminer, braiins, luxos, whatsminer};
use crate::site::Firmware;

/// Largest body, in bytes.
const BODY: usize = 64 * 1_024;

/// A request as far as a miner looks at it.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) authorization: String,
    pub(super) body: Value,
    /// The body as it came.
    pub(super) text: String,
}

/// What answers on the pages' port; `power` where it is the port of the stock firmware that tells its power.
pub(super) fn router(machine: &Arc<Machine>, power: bool) -> Router {
    Router::new().fallback(page).with_state((Arc::clone(machine), power))
}

async fn page(State((machine, power)): State<(Arc<Machine>, bool)>, request: Request) -> Response {
    if machine.lies() == Some(Lie::Dumb) {
        return std::future::pending().await;
    }
    let (head, body) = request.into_parts();
    let bytes = to_bytes(body, BODY).await.unwrap_or_default();
    let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let page = Page {
        method: head.method,
        path: head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        authorization: authorization.to_owned(),
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        text: String::from_utf8_lossy(&bytes).into_owned(),
    };
    let response = match machine.firmware {
        _ if power => antminer::power(&machine, &page),
        Firmware::Luxos => luxos::page(),
        Firmware::Whatsminer => whatsminer::page(&machine),
        Firmware::Braiins => braiins::page(&machine, &page).await,
        Firmware::Antminer => antminer::page(&machine, &page).await,
    };
    if machine.lies() == Some(Lie::Truncated) { half(response).await } else { response }
}

async fn half(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let mut bytes = to_bytes(body, BODY).await.unwrap_or_default();
    bytes.truncate(bytes.len() / 2);
    head.headers.remove("content-length");
    Response::from_parts(head, Body::from(bytes))
}

/// JSON as an answer.
pub(super) fn told(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// No such page.
pub(super) fn nowhere() -> Response {
    (StatusCode::NOT_FOUND, "404 - Not Found").into_response()
}

/// Digest access authentication (RFC 7616 with MD5 and `qop="auth"`), as lighttpd on an Antminer has it.
pub(super) struct Door {
    pub(super) realm: &'static str,
    pub(super) user: &'static str,
    pub(super) password: &'static str,
}

impl Door {
    /// Asks who is there, with a nonce that was never given before.
    pub(super) fn asks(&self, machine: &Machine) -> Response {
        let count = machine.session(|session| {
            session.count += 1;
            session.count
        });
        let ask = format!("Digest realm=\"{}\", nonce=\"{}\", qop=\"auth\"", self.realm, nonce(machine, count));
        (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, ask)], "401 - Unauthorized").into_response()
    }

    /// Whether the answer to a nonce of this machine is right.
    pub(super) fn is_open(&self, machine: &Machine, page: &Page) -> bool {
        let Some(fields) = page.authorization.strip_prefix("Digest ") else { return false };
        let field = |name: &str| {
            let found = fields.split(',').filter_map(|field| field.trim().split_once('='));
            found.filter(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"')).next().unwrap_or_default()
        };
        let given = field("nonce");
        let count = given.split('x').next().and_then(|count| count.parse().ok()).unwrap_or(0);
        let was_given = count <= machine.session(|session| session.count) && given == nonce(machine, count);
        let secret = hex(&format!("{}:{}:{}", self.user, self.realm, self.password));
        let what = hex(&format!("{}:{}", page.method, field("uri")));
        let (nc, cnonce, qop) = (field("nc"), field("cnonce"), field("qop"));
        let right = hex(&format!("{secret}:{given}:{nc}:{cnonce}:{qop}:{what}"));
        was_given && page.path == field("uri") && field("username") == self.user && field("response") == right
    }
}

fn nonce(machine: &Machine, count: u64) -> String {
    format!("{count}x{}", hex(&format!("{}{count}", machine.mac())))
}

/// MD5 as lower-case hex.
pub(super) fn hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
