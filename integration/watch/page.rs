//! The page over real sockets, asked in raw HTTP: a browser would never send what an attacker does.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use ballast::plan::Cause;
use ballast::units::Power;
use ballast::web::{Action, Actor, Error, Hub, Page, View, serve};
use tokio::runtime::Runtime;

use super::views::{START, Scene, view};

const PATIENCE: Duration = Duration::from_secs(20);

struct Site {
    hub: Hub,
    actions: Receiver<(Action, Actor)>,
    page: Page,
    _runtime: Runtime,
}

impl Site {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let (hub, actions) = Hub::new();
        hub.publish(view(0, Scene::Calm));
        let page = runtime.block_on(serve(hub.clone(), ([127, 0, 0, 1], 0).into())).unwrap();
        Self { hub, actions, page, _runtime: runtime }
    }

    fn at(&self) -> SocketAddr {
        self.page.address()
    }

    fn ask(&self, request: &str) -> Answer {
        let mut stream = connect(self.at());
        // A server that refuses a body may close before all of it is sent.
        let _sent = stream.write_all(request.as_bytes());
        Answer::read(&mut BufReader::new(stream))
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.at()))
    }

    /// Posts an action with these header lines instead of the usual ones.
    fn post(&self, headers: &str, body: &str) -> Answer {
        let length = body.len();
        self.ask(&format!("POST /act HTTP/1.1\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"))
    }

    fn press(&self, body: &str) -> Answer {
        let at = self.at();
        self.post(&format!("Host: {at}\r\nOrigin: http://{at}\r\nContent-Type: application/json\r\n"), body)
    }
}

fn connect(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

struct Answer {
    code: u16,
    head: String,
    body: String,
}

impl Answer {
    fn read(from: &mut impl BufRead) -> Self {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(from.read_line(&mut head).unwrap() > 0, "the connection ended within the head: {head}");
        }
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        let head = head.to_lowercase();
        let mut body = Vec::new();
        if let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
            body.resize(length.parse().unwrap(), 0);
            from.read_exact(&mut body).unwrap();
        }
        Self { code, head, body: String::from_utf8(body).unwrap() }
    }
}

#[test]
fn everything_is_served_with_the_security_headers() {
    let site = Site::new();
    for path in [
        "/",
        "/page.css",
        "/page.js",
        "/chart.js",
        "/tables.js",
        "/orders.js",
        "/units.js",
        "/mark.svg",
        "/view",
        "/history",
        "/causes",
        "/nowhere",
    ] {
        let answer = site.get(path);
        assert_eq!(answer.code, if path == "/nowhere" { 404 } else { 200 }, "{path}");
        for header in
            ["content-security-policy: default-src 'self'", "frame-ancestors 'none'", "x-content-type-options: nosniff"]
        {
            assert!(answer.head.contains(header), "{path}: no {header} in {}", answer.head);
        }
    }
}

#[test]
fn the_page_holds_nothing_inline_and_nothing_of_strangers() {
    let html = Site::new().get("/").body;
    let lower = html.to_lowercase();
    for inline in [
        " onclick",
        " onload",
        " onerror",
        " onsubmit",
        " style=",
        "<style",
        "javascript:",
        "http://",
        "https://",
        "//cdn",
    ] {
        assert!(!lower.contains(inline), "{inline}");
    }
    for script in lower.split("<script").skip(1) {
        assert!(script.contains(" src=") && script.contains("></script>"), "a script without a file: {script}");
    }
}

#[test]
fn every_element_the_scripts_look_for_is_on_the_page() {
    let site = Site::new();
    let html = site.get("/").body;
    let mut found = 0;
    for script in ["/page.js", "/tables.js", "/orders.js"] {
        let text = site.get(script).body;
        for id in text.split("one(\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(html.contains(&format!("id=\"{id}\"")), "{script} looks for {id}");
            found += 1;
        }
    }
    assert!(found > 30, "{found}");
}

#[test]
fn the_view_arrives_as_it_was_published() {
    let site = Site::new();
    let shown: View = serde_json::from_str(&site.get("/view").body).unwrap();
    assert_eq!(shown, view(0, Scene::Calm));
}

#[test]
fn a_reload_finds_the_last_minutes_again() {
    let site = Site::new();
    for second in 1..=30 {
        site.hub.publish(view(second * 1_000, Scene::Calm));
    }
    let points: serde_json::Value = serde_json::from_str(&site.get("/history").body).unwrap();
    assert_eq!(points.as_array().unwrap().len(), 31);
    assert_eq!(points[30]["unix_ms"], START + 30_000);
}

#[test]
fn every_cause_is_explained() {
    let causes: serde_json::Value = serde_json::from_str(&Site::new().get("/causes").body).unwrap();
    assert!(causes[Cause::ImportLimit.name()]["meaning"].as_str().unwrap().contains("limit"));
}

#[test]
fn the_stream_delivers_the_newest_view_and_the_next() {
    let site = Site::new();
    let mut stream = connect(site.at());
    write!(stream, "GET /live HTTP/1.1\r\nHost: {}\r\n\r\n", site.at()).unwrap();
    let mut lines = BufReader::new(stream);
    assert!(Answer::read(&mut lines).head.contains("text/event-stream"));
    assert_eq!(next_view(&mut lines), view(0, Scene::Calm));
    site.hub.publish(view(700, Scene::EStop));
    assert_eq!(next_view(&mut lines), view(700, Scene::EStop));
}

fn next_view(lines: &mut impl BufRead) -> View {
    let mut line = String::new();
    // A stream with nothing to say sends comments for ever.
    for _ in 0..8 {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the stream ended");
        if let Some(json) = line.strip_prefix("data: ") {
            return serde_json::from_str(json).unwrap();
        }
    }
    panic!("no view came: {line}");
}

#[test]
fn the_ninth_watcher_is_told_so_and_a_leaver_makes_room() {
    let site = Site::new();
    let watch = || {
        let mut stream = connect(site.at());
        write!(stream, "GET /live HTTP/1.1\r\nHost: {}\r\n\r\n", site.at()).unwrap();
        let mut lines = BufReader::new(stream);
        (Answer::read(&mut lines), lines)
    };
    let mut watchers: Vec<_> = (0..8).map(|_| watch()).collect();
    assert!(watchers.iter().all(|(answer, _)| answer.code == 200));
    assert_eq!(watch().0.code, 503);
    watchers.pop();
    // The leaver is noticed when something is next written to it.
    let again = (1..200).find(|ms| {
        site.hub.publish(view(*ms, Scene::Calm));
        let (answer, lines) = watch();
        drop(lines);
        answer.code == 200
    });
    assert!(again.is_some(), "no room was made");
}

#[test]
fn buttons_reach_the_loop() {
    let site = Site::new();
    for (body, action) in [
        (r#"{"act":"hall_jump"}"#, Action::HallJump),
        (r#"{"act":"cap","to":3400000}"#, Action::Cap(Some(Power::from_kilowatts(3_400)))),
        (r#"{"act":"cap","to":null}"#, Action::Cap(None)),
        (r#"{"act":"e_stop","to":true}"#, Action::EStop(true)),
        (r#"{"act":"e_stop","to":false}"#, Action::EStop(false)),
        (r#"{"act":"unplug_meter","to":true}"#, Action::UnplugMeter(true)),
        (r#"{"act":"unplug_pdu","to":false}"#, Action::UnplugPdu(false)),
        (r#"{"act":"quit"}"#, Action::Quit),
    ] {
        assert_eq!(site.press(body).code, 202, "{body}");
        assert_eq!(site.actions.try_recv(), Ok((action, Actor::Page)), "{body}");
    }
}

#[test]
fn what_is_no_action_is_refused_with_a_reason() {
    let site = Site::new();
    for (body, reason) in [
        (r#"{"act":"launch"}"#, "unknown variant `launch`"),
        (r#"{"act":"cap"}"#, "missing field `to`"),
        (r#"{"act":"cap","to":-1}"#, "a cap lies between"),
        (r#"{"act":"cap","to":10000000001}"#, "a cap lies between"),
        (r#"{"act":"cap","to":"3.4 MW"}"#, "invalid type"),
        (r#"{"act":"e_stop","to":true,"by":"me"}"#, "by"),
        ("", "EOF"),
        ("[]", ""),
    ] {
        let answer = site.press(body);
        assert!(answer.code == 400 && answer.body.contains(reason), "{body}: {} {}", answer.code, answer.body);
    }
    assert!(site.actions.try_recv().is_err());
}

#[test]
fn a_foreign_page_cannot_press_a_button() {
    let site = Site::new();
    let at = site.at();
    let stop = r#"{"act":"quit"}"#;
    for headers in [
        format!("Host: {at}\r\nOrigin: http://evil.example\r\nContent-Type: application/json\r\n"),
        format!("Host: {at}\r\nOrigin: null\r\nContent-Type: application/json\r\n"),
        format!("Host: {at}\r\nOrigin: http://127.0.0.1:1\r\nContent-Type: application/json\r\n"),
        format!("Host: evil.example:{}\r\nContent-Type: application/json\r\n", at.port()),
        "Host: evil.example\r\nOrigin: http://evil.example\r\nContent-Type: application/json\r\n".to_owned(),
    ] {
        assert_eq!(site.post(&headers, stop).code, 403, "{headers}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let answer = site.post(&format!("Host: {at}\r\nContent-Type: {kind}\r\n"), stop);
        assert_eq!(answer.code, 415, "{kind}");
    }
    assert_eq!(site.post(&format!("Host: {at}\r\n"), stop).code, 415, "no type at all");
    assert!(site.actions.try_recv().is_err());
}

#[test]
fn a_foreign_name_for_this_machine_reads_nothing() {
    let site = Site::new();
    for path in ["/", "/view", "/live", "/history"] {
        let answer = site.ask(&format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"));
        assert_eq!(answer.code, 403, "{path}");
    }
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let site = Site::new();
    let long = format!(r#"{{"act":"quit"}}{}"#, " ".repeat(2_000));
    assert_eq!(site.press(&long).code, 413);
    assert!(site.actions.try_recv().is_err());
}

#[test]
fn a_form_cannot_be_got() {
    assert_eq!(Site::new().get("/act").code, 405);
}

#[test]
fn a_loop_that_does_not_listen_is_said_to_be_busy() {
    let site = Site::new();
    let codes: Vec<u16> = (0..40).map(|_| site.press(r#"{"act":"hall_jump"}"#).code).collect();
    assert!(codes.starts_with(&[202; 32]) && codes.ends_with(&[503; 8]), "{codes:?}");
}

#[test]
fn a_real_site_is_not_made_to_fail_by_a_button() {
    let site = Site::new();
    site.hub.publish(View { demo: false, ..view(1_000, Scene::Calm) });
    for body in [r#"{"act":"hall_jump"}"#, r#"{"act":"unplug_meter","to":true}"#, r#"{"act":"unplug_pdu","to":true}"#] {
        assert_eq!(site.press(body).code, 400, "{body}");
    }
    assert_eq!(site.press(r#"{"act":"e_stop","to":true}"#).code, 202);
}

#[test]
fn it_listens_on_loopback_and_nowhere_else() {
    let runtime = Runtime::new().unwrap();
    for open in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        let refused = runtime.block_on(serve(Hub::new().0, open.parse().unwrap())).unwrap_err();
        assert!(matches!(refused, Error::NotLoopback(_)), "{open}: {refused}");
    }
}

#[test]
fn a_taken_port_is_named() {
    let site = Site::new();
    let refused = Runtime::new().unwrap().block_on(serve(Hub::new().0, site.at())).unwrap_err();
    assert!(refused.to_string().starts_with(&format!("cannot listen on {}", site.at())), "{refused}");
}
