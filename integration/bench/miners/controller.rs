//! The built program as a controller in a process of its own, ordered about over its page.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::whole::Used;

/// How often it is asked whether it has a page by now, and how many times.
const LOOK: (Duration, u32) = (Duration::from_millis(100), 300);

/// Ended when dropped.
pub(super) struct Controller {
    child: Child,
    page: SocketAddr,
}

impl Controller {
    /// On the site file of this folder.
    pub(super) fn start(folder: &Path) -> Self {
        let told = folder.join("told");
        let text = |name: &str| folder.join(name).display().to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_ballast"))
            .args(["run", &text("site.toml"), "--headless", "--json", "--port", "0", "--journal", &text("journal")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&told).expect("a file can be made"))
            .spawn()
            .expect("the program was built");
        for _ in 0..LOOK.1 {
            std::thread::sleep(LOOK.0);
            let told = fs::read_to_string(&told).unwrap_or_default();
            assert!(child.try_wait().expect("it is ours").is_none(), "it ended: {told}");
            let page = told.split_once("page http://").and_then(|(_, rest)| rest.split_once('/')?.0.parse().ok());
            if let Some(page) = page {
                return Self { child, page };
            }
        }
        panic!("it never said where its page is");
    }

    /// Import may be at most this; nothing lifts the cap.
    pub(super) fn cap(&self, watts: Option<i64>) {
        let to = watts.map_or("null".to_owned(), |watts| watts.to_string());
        let (page, body) = (self.page, format!(r#"{{"act":"cap","to":{to}}}"#));
        let mut stream = TcpStream::connect(page).expect("the page listens");
        let length = body.len();
        write!(
            stream,
            "POST /act HTTP/1.1\r\nHost: {page}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        )
        .expect("the page reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the page answers");
        assert!(answer.contains(" 202 "), "{body}: {answer}");
    }

    pub(super) fn used(&self) -> Used {
        Used::of(self.child.id()).unwrap_or_default()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
