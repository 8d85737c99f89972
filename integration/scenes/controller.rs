//! The real binary as a process: started as people do, looked at and ordered about over its page, ended or killed.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ballast::web::View;
use rustix::process::{Pid, Signal, kill_process};

use super::until;

/// A started `ballast`. Killed when it is dropped.
pub(super) struct Controller {
    child: Child,
    said: PathBuf,
    told: PathBuf,
    page: Option<SocketAddr>,
}

/// How a process ended.
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    /// On standard output.
    pub(super) said: String,
    /// On standard error.
    pub(super) told: String,
}

impl Controller {
    /// Starts the binary. What it says goes into files of this folder, so that nobody waits for a full pipe.
    pub(super) fn start(folder: &Path, arguments: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let (said, told) = (folder.join(format!("said-{number}")), folder.join(format!("told-{number}")));
        let child = Command::new(env!("CARGO_BIN_EXE_ballast"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(File::create(&said).unwrap())
            .stderr(File::create(&told).unwrap())
            .spawn()
            .unwrap();
        Self { child, said, told, page: None }
    }

    /// `ballast VERB SITE` without a terminal, with a page on any port and this journal.
    pub(super) fn watched(folder: &Path, verb: &str, site: &Path, journal: &Path, more: &[&str]) -> Self {
        let (site, journal) = (site.display().to_string(), journal.display().to_string());
        let start = [verb, &site, "--headless", "--json", "--port", "0", "--journal", &journal];
        Self::start(folder, &[&start, more].concat())
    }

    /// Everything on standard error so far.
    pub(super) fn told(&self) -> String {
        fs::read_to_string(&self.told).unwrap()
    }

    /// Where its page is, once it says so.
    pub(super) fn page(&mut self) -> SocketAddr {
        if let Some(page) = self.page {
            return page;
        }
        let page = until("it says where its page is", || {
            let told = self.told();
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended before it had a page: {told}");
            let (_, rest) = told.split_once("page http://")?;
            rest.split_once('/')?.0.parse().ok()
        });
        self.page = Some(page);
        page
    }

    /// What it shows now; nothing before its first tick.
    pub(super) fn view(&mut self) -> Option<View> {
        let page = self.page();
        let view: View = serde_json::from_str(&ask(page, "GET", "/view", "")?.1).ok()?;
        (view.unix_ms > 0).then_some(view)
    }

    /// Waits until what it shows is like this.
    #[track_caller]
    pub(super) fn shows(&mut self, what: &str, is: impl Fn(&View) -> bool) -> View {
        self.page();
        until(what, || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended while it should show: {what}\n{}", self.told());
            self.view().filter(|view| is(view))
        })
    }

    /// Presses a button of the page.
    pub(super) fn act(&mut self, action: &str) {
        let page = self.page();
        let (code, body) = ask(page, "POST", "/act", action).expect("the page answers");
        assert_eq!(code, 202, "{action}: {body}");
    }

    /// Any path of the page: code and body.
    pub(super) fn get(&mut self, path: &str) -> (u16, String) {
        let page = self.page();
        ask(page, "GET", path, "").expect("the page answers")
    }

    pub(super) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// `kill -9`; it is gone when this returns.
    pub(super) fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.told()
    }

    /// Waits for its end.
    #[track_caller]
    pub(super) fn ends(mut self) -> Ended {
        let ended = until("it ends", || self.child.try_wait().unwrap());
        let said = fs::read_to_string(&self.said).unwrap();
        Ended { code: ended.code(), said, told: self.told() }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request; nothing where the page does not answer.
fn ask(page: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(page).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {page}\r\n{kind}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
