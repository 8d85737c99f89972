//! The whole loop: 1,000 emulated PDUs in one process, the controller in another, both the built program.
//!
//! The hall plays a square wave, so that every two seconds very many groups must go off or may come back at once. What is
//! read is the controller's own account: its stages as it measured them, CPU time and memory as the system counted them.
//! Both processes share the machine, so on two cores the emulator takes its part of every figure.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::site;

const GROUPS: usize = 1_000;
/// How often each kind of hall is run, in turns.
const ROUNDS: usize = 3;
/// How long one run is.
const SPAN: Duration = Duration::from_secs(40);
/// What the devices may take to listen, and the controller longer than its span to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Kinds of hall: name, and the higher of the two parts of its nameplate in thousandths; the lower leaves room for all miners.
const HALLS: [(&str, u32); 3] = [("quiet", LOW), ("a tenth steps", 550), ("all step", 1_000)];
const LOW: u32 = 250;
/// The stages of the summary, in its order.
const STAGES: [&str; 5] = ["sense", "decide", "write", "acknowledge", "proof"];

/// Runs it and prints the table.
pub(crate) fn run() {
    crate::sweep::raise_file_limit(crate::sweep::FILES);
    let folder = tempfile::tempdir().expect("there is a place for files");
    fs::write(folder.path().join("site.toml"), site::file(GROUPS)).expect("a site file can be written");
    println!(
        "{GROUPS} PDUs of 8 outlets and {} miners, {ROUNDS} rounds of {} s, {} cores for emulator and controller together",
        site::MINERS * GROUPS,
        SPAN.as_secs(),
        std::thread::available_parallelism().map_or(1, usize::from),
    );
    println!(
        "{:<14} {:>6} {:>5} | {:>19} {:>19} {:>19} {:>19} {:>19} | {:>5} {:>5} | {:>6} {:>5}",
        "hall",
        "writes",
        "late",
        "sense p50/p99/max",
        "decide",
        "write",
        "acknowledge",
        "proof",
        "CPU %",
        "emul.",
        "RSS MB",
        "files"
    );
    for _ in 0..ROUNDS {
        for (name, high) in HALLS {
            fs::write(folder.path().join("hall.csv"), square(high)).expect("a recording can be written");
            println!("{name:<14} {}", one(folder.path()));
        }
    }
    println!(
        "times in ms; CPU in parts of a core, over the whole life of the process, of the controller and of the emulator"
    );
}

/// Two seconds low, two seconds high, a little more each time, so that steps fall on every moment between two samples.
fn square(high: u32) -> String {
    let pu = |thousandths: u32| format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    let (low, high) = (pu(LOW), pu(high));
    format!("time_s,pu\n0,{low}\n2.00,{low}\n2.01,{high}\n4.023,{high}\n4.033,{low}\n")
}

/// One run, as a line of the table.
fn one(folder: &Path) -> String {
    let journal = folder.join("journal");
    let _ = fs::remove_dir_all(&journal);
    let site = folder.join("site.toml");
    let mut emulator = Program::start(&["emulate", text(&site), "--hall", text(&folder.join("hall.csv"))]);
    emulator.wait_for("devices listen");
    let span = format!("{}s", SPAN.as_secs());
    let mut controller = Program::start(&[
        "run",
        text(&site),
        "--headless",
        "--for",
        &span,
        "--json",
        "--port",
        "0",
        "--journal",
        text(&journal),
    ]);
    let used = controller.watch();
    let emulated = emulator.used();
    let summary: Value = serde_json::from_str(&controller.rest()).expect("the summary is JSON");
    let stages: Vec<String> = STAGES.iter().map(|stage| stage_cell(&summary, stage)).collect();
    let writes = stage(&summary, "write").and_then(|stage| stage["count"].as_u64()).unwrap_or(0);
    format!(
        "{writes:>6} {:>5} | {} | {:>5.1} {:>5.1} | {:>6.1} {:>5}",
        summary["late_ticks"].as_u64().unwrap_or(0),
        stages.join(" "),
        used.cpu_percent(),
        emulated.cpu_percent(),
        used.memory_kb as f64 / 1_000.0,
        used.files
    )
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of letters")
}

fn stage<'a>(summary: &'a Value, name: &str) -> Option<&'a Value> {
    summary["stages"].as_array()?.iter().find(|stage| stage["stage"] == name)
}

fn stage_cell(summary: &Value, name: &str) -> String {
    let ms = |key: &str| stage(summary, name).and_then(|stage| stage[key].as_f64()).unwrap_or(f64::NAN) / 1_000.0;
    let figures = [ms("p50_us"), ms("p99_us"), ms("max_us")];
    let short = |ms: f64| if ms < 10.0 { format!("{ms:.2}") } else { format!("{ms:.0}") };
    format!("{:>19}", figures.map(short).join("/"))
}

/// What a process used so far, by `/proc`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    /// User and system time, in hundredths of a second.
    cpu: u64,
    /// Since its start, in hundredths of a second.
    life: u64,
    /// The most memory it ever held, in kB.
    pub(crate) memory_kb: u64,
    pub(crate) files: usize,
}

impl Used {
    pub(crate) fn cpu_percent(self) -> f64 {
        100.0 * self.cpu as f64 / self.life.max(1) as f64
    }

    pub(crate) fn of(pid: u32) -> Option<Self> {
        let folder = format!("/proc/{pid}");
        let stat = fs::read_to_string(format!("{folder}/stat")).ok()?;
        let fields: Vec<i64> =
            stat.rsplit_once(')')?.1.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
        let memory = fs::read_to_string(format!("{folder}/status")).ok()?;
        let memory = memory.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(Self {
            cpu: u64::try_from(fields.get(10)? + fields.get(11)?).ok()?,
            life: ((uptime * 100.0) as u64).saturating_sub(u64::try_from(*fields.get(18)?).ok()?),
            memory_kb: memory.split_whitespace().next()?.parse().ok()?,
            files: fs::read_dir(format!("{folder}/fd")).ok()?.count(),
        })
    }
}

/// The built program as a child; ended when dropped.
struct Program {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ballast"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program was built");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, out }
    }

    fn wait_for(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(self.out.read_line(&mut line).expect("a line") > 0, "it ended before `{words}`");
        }
    }

    fn used(&self) -> Used {
        Used::of(self.child.id()).unwrap_or_default()
    }

    /// What it used, as last seen before it ended.
    fn watch(&mut self) -> Used {
        let mut used = Used::default();
        let pause = Duration::from_millis(500);
        for _ in 0..(SPAN + PATIENCE).as_millis() / pause.as_millis() {
            std::thread::sleep(pause);
            if self.child.try_wait().expect("it is ours").is_some() {
                break;
            }
            used = Used::of(self.child.id()).filter(|used| used.memory_kb > 0).unwrap_or(used);
        }
        used
    }

    fn rest(&mut self) -> String {
        let mut text = String::new();
        self.out.read_to_string(&mut text).expect("it writes text");
        text
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
