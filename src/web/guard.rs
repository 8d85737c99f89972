//! What protects the page: who may ask (a browser on this machine, from this page alone), what a browser may do with the
//! answer, and how many may be connected.
//!
//! The page listens on loopback, yet a browser on this machine also shows pages of strangers. A name that a stranger
//! points at 127.0.0.1 (DNS rebinding) fails on `Host`; a form or script on a foreign page fails on `Origin` and on the
//! content type.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many connections may be open; more wait in the listener's backlog.
const CONNECTIONS: usize = 64;

const HEADERS: [(HeaderName, &str); 6] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

/// Refuses whoever is not a browser page of ours, and adds the security headers to every answer.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let mut answer = match refusal(request.headers()) {
        None => next.run(request).await,
        Some(reason) => (StatusCode::FORBIDDEN, reason).into_response(),
    };
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    let Some(host) = only(headers, &HOST).filter(|host| is_loopback_name(host)) else {
        return Some("host is not a loopback name; open the page as http://127.0.0.1 or http://localhost");
    };
    if !headers.contains_key(ORIGIN) {
        return None;
    }
    let same =
        only(headers, &ORIGIN).and_then(|origin| origin.strip_prefix("http://")).is_some_and(|from| from == host);
    (!same).then_some("origin is not this page; reload the page and press again")
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}

/// Whether a `Host` names this machine. The port may differ from ours: it does behind a forwarded port.
pub fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        Some(_) if !host.ends_with(']') => return false,
        _ => host,
    };
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

/// A listener with so many seats and no more.
pub(super) struct Seats {
    listener: TcpListener,
    free: Arc<Semaphore>,
}

impl Seats {
    pub(super) fn of(listener: TcpListener) -> Self {
        Self { listener, free: Arc::new(Semaphore::new(CONNECTIONS)) }
    }
}

impl Listener for Seats {
    type Io = Seated;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let seat = Arc::clone(&self.free).acquire_owned().await.ok();
        let (stream, from) = Listener::accept(&mut self.listener).await;
        (Seated { stream, _seat: seat }, from)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that gives its seat back when it ends.
pub(super) struct Seated {
    stream: TcpStream,
    _seat: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Seated {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Seated {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        refusal(&headers).is_none()
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for ours in ["127.0.0.1:8444", "localhost", "LOCALHOST:1", "[::1]:8444", "[::1]"] {
            assert!(asked(ours, None), "{ours}");
        }
        for foreign in ["evil.example", "127.0.0.1.evil.example", "localhost:evil", "10.0.0.1:8444", "", ":80", "[::2]"]
        {
            assert!(!asked(foreign, None), "{foreign}");
        }
    }

    #[test]
    fn only_this_very_page_may_act() {
        assert!(asked("127.0.0.1:8444", Some("http://127.0.0.1:8444")));
        for foreign in
            ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8444", "https://127.0.0.1:8444"]
        {
            assert!(!asked("127.0.0.1:8444", Some(foreign)), "{foreign}");
        }
    }

    #[test]
    fn a_second_host_or_origin_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append(HOST, "localhost".parse().unwrap());
        headers.append(HOST, "localhost".parse().unwrap());
        assert!(refusal(&headers).is_some());
    }
}
