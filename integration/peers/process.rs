//! A real process beside the test: started with its output kept, ended when the test lets go of it.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use ballast::time::{Clock, Mono};

/// Longest wait for a process to listen.
const STARTS: Duration = Duration::from_secs(30);

/// What will be started.
pub(crate) struct Call(Command);

/// The binary under test.
pub(crate) fn ballast(arguments: &[&str]) -> Call {
    call(env!("CARGO_BIN_EXE_ballast"), arguments)
}

/// One of the scripts beside this file, by the interpreter that has pymodbus.
pub(crate) fn python(script: &str, argument: &str) -> Call {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/peers").join(script);
    call(&peer("BALLAST_PYTHON"), &[&script.display().to_string(), argument])
}

/// The interpreter itself.
pub(crate) fn interpreter() -> String {
    peer("BALLAST_PYTHON")
}

pub(crate) fn mbpoll(arguments: &[&str]) -> Call {
    call(&peer("BALLAST_MBPOLL"), arguments)
}

/// Debian's openssl, as a server or a client of TLS.
pub(crate) fn openssl(arguments: &[&str]) -> Call {
    call("openssl", arguments)
}

fn peer(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run integration/test, which brings this peer"))
}

fn call(program: &str, arguments: &[&str]) -> Call {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    Call(command)
}

impl Call {
    pub(crate) fn start(mut self) -> Process {
        let mut child =
            self.0.spawn().unwrap_or_else(|error| panic!("{:?} does not start: {error}", self.0.get_program()));
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        Process { child, output, called: format!("{:?}", self.0) }
    }
}

/// A running process; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
    called: String,
}

impl Process {
    /// Waits until it takes connections here.
    pub(crate) fn listens_on(&mut self, address: &str) {
        let clock = Clock::start();
        while TcpStream::connect(address).is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended before it listened on {address}: {ended:?}", self.called);
            assert!(clock.mono().since(Mono::START) < STARTS, "{} does not listen on {address}", self.called);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its next line.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Waits for its end and gives what it said; anything but success is a failure of the test.
    pub(crate) fn ends_well(mut self) -> String {
        let mut said = String::new();
        self.output.read_to_string(&mut said).unwrap();
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{} ended with {ended}\n{said}", self.called);
        said
    }

    pub(crate) fn stops_when_its_input_ends(mut self) -> String {
        drop(self.child.stdin.take());
        self.ends_well()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
