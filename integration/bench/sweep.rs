//! Reading 1,000 devices: our connections against what the machine can do at all, in one run.
//!
//! One server thread answers 1,000 connections on loopback. The clients take turns, five pairs in all, each on one thread with a
//! core of its own: the floor, which sends ready-made bytes and looks at nothing but the length of the answer; the bare
//! library, with nothing around it but a timeout; and our connections, which poll as fast as they can, check every answer,
//! turn it into a power and put it into its slot. From the floor to bare is the library's, from bare to ours is ours.
//! All read the fast block of an Acuvim II, 59 registers. A single pair proves nothing: look at the medians and the spread.

mod bare;
mod count;
mod floor;
mod ours;
mod server;

use std::time::Duration;

use ballast::time::{Clock, Mono};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// What every client asks: the fast block of an Acuvim II.
const BLOCK: (u16, u16) = (12_288, 59);
const DEVICES: usize = 1_000;
const PAIRS: usize = 5;
/// How long one client runs, besides connecting and its first sweep.
const SPAN: Duration = Duration::from_secs(1);

/// Runs it and prints the table.
pub(crate) fn run() {
    raise_file_limit(FILES);
    let server = server::Server::start();
    println!(
        "{DEVICES} devices, one connection each, {} registers a read, {PAIRS} pairs of {} s",
        BLOCK.1,
        SPAN.as_secs()
    );
    println!("floor:  one thread, epoll, ready-made requests, all asked before any answer is awaited");
    println!("closed: the floor, but each asks again at once");
    println!("bare:   tokio-modbus alone; ours: our connections on it");
    println!("b/f, o/f, o/b: bare against floor, ours against floor, ours against bare");
    println!();
    println!(
        "{:>4} | {:^31} | {:^17} | {:^17} | {:^17} | sweep p50/p99 ms",
        "", "reads a second", "their ratios", "CPU us a read", "their ratios"
    );
    println!(
        "{:>4} | {:>7} {:>7} {:>7} {:>7} | {:>5} {:>5} {:>5} | {:>5} {:>5} {:>5} | {:>5} {:>5} {:>5} | {:>11} {:>11} {:>11}",
        "pair",
        "floor",
        "closed",
        "bare",
        "ours",
        "b/f",
        "o/f",
        "o/b",
        "floor",
        "bare",
        "ours",
        "b/f",
        "o/f",
        "o/b",
        "floor",
        "bare",
        "ours"
    );
    let address = server.address();
    let mut pairs = Vec::new();
    for number in 1..=PAIRS {
        let pair = Pair {
            floor: on_a_core(move || floor::sweep(address)),
            closed: on_a_core(move || floor::closed(address)),
            bare: on_a_core(move || bare::sweep(address)),
            ours: on_a_core(move || ours::sweep(address)),
        };
        pair.print(number);
        pairs.push(pair);
    }
    conclude(&pairs);
    println!("server: answering {:.0} % of its time", server.stop() * 100.0);
}

/// What one client did in its span.
struct Run {
    trips: u64,
    wall: Duration,
    /// CPU time of the client's thread, user and system.
    cpu: Duration,
    /// From the start of a sweep until every device was read once more.
    sweeps: Vec<Duration>,
}

impl Run {
    fn rate(&self) -> f64 {
        self.trips as f64 / self.wall.as_secs_f64()
    }

    fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.trips.max(1) as f64
    }

    /// The sweep that this part of all sweeps does not exceed, in milliseconds.
    fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.sweeps.clone();
        sorted.sort();
        let at = (sorted.len().saturating_sub(1) as f64 * part).round() as usize;
        sorted.get(at).map_or(f64::NAN, |sweep| sweep.as_secs_f64() * 1e3)
    }
}

/// One turn of every client.
struct Pair {
    floor: Run,
    closed: Run,
    bare: Run,
    ours: Run,
}

impl Pair {
    fn print(&self, number: usize) {
        let Self { floor, closed, bare, ours } = self;
        let ratios = |figure: fn(&Run) -> f64| {
            let [floor, bare, ours] = [floor, bare, ours].map(figure);
            format!("{:>5.2} {:>5.2} {:>5.2}", bare / floor, ours / floor, ours / bare)
        };
        let sweep = |run: &Run| format!("{:.1}/{:.1}", run.quantile(0.5), run.quantile(0.99));
        println!(
            "{number:>4} | {:>7.0} {:>7.0} {:>7.0} {:>7.0} | {} | {:>5.1} {:>5.1} {:>5.1} | {} | {:>11} {:>11} {:>11}",
            floor.rate(),
            closed.rate(),
            bare.rate(),
            ours.rate(),
            ratios(Run::rate),
            floor.cpu_us(),
            bare.cpu_us(),
            ours.cpu_us(),
            ratios(Run::cpu_us),
            sweep(floor),
            sweep(bare),
            sweep(ours),
        );
    }
}

fn conclude(pairs: &[Pair]) {
    let of = |name: &str, unit: &str, figure: &dyn Fn(&Pair) -> f64| {
        let mut all: Vec<f64> = pairs.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        println!(
            "{name:<36} median {:>8.2} {unit:<2} ({:.2} to {:.2})",
            all[all.len() / 2],
            all[0],
            all[all.len() - 1]
        );
    };
    println!();
    of("rate: bare against the floor", "", &|pair| pair.bare.rate() / pair.floor.rate());
    of("rate: ours against the floor", "", &|pair| pair.ours.rate() / pair.floor.rate());
    of("rate: ours against the closed floor", "", &|pair| pair.ours.rate() / pair.closed.rate());
    of("rate: ours against bare", "", &|pair| pair.ours.rate() / pair.bare.rate());
    of("CPU: bare against the floor", "", &|pair| pair.bare.cpu_us() / pair.floor.cpu_us());
    of("CPU: ours against the floor", "", &|pair| pair.ours.cpu_us() / pair.floor.cpu_us());
    of("CPU: ours against bare", "", &|pair| pair.ours.cpu_us() / pair.bare.cpu_us());
    of("CPU of a read: floor", "us", &|pair| pair.floor.cpu_us());
    of("CPU of a read: bare", "us", &|pair| pair.bare.cpu_us());
    of("CPU of a read: ours", "us", &|pair| pair.ours.cpu_us());
    of("  the library's: bare less floor", "us", &|pair| pair.bare.cpu_us() - pair.floor.cpu_us());
    of("  our own: ours less bare", "us", &|pair| pair.ours.cpu_us() - pair.bare.cpu_us());
    for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
        of(&format!("sweep {name}: floor"), "ms", &|pair| pair.floor.quantile(part));
        of(&format!("sweep {name}: bare"), "ms", &|pair| pair.bare.quantile(part));
        of(&format!("sweep {name}: ours"), "ms", &|pair| pair.ours.quantile(part));
    }
}

/// A thread on the last core; the server has the first.
fn on_a_core<T: Send + 'static>(client: impl FnOnce() -> T + Send + 'static) -> T {
    let run = move || {
        pin(cores() - 1);
        client()
    };
    std::thread::spawn(run).join().expect("a client ends")
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Keeps this thread on one core, where the system allows it.
fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    if let Err(error) = sched_setaffinity(None, &set) {
        println!("core {core} is not to be had: {error}");
    }
}

/// Both ends of every connection are in this process.
pub(crate) const FILES: u64 = 4 * DEVICES as u64;

/// To so many, or as many as may be had.
pub(crate) fn raise_file_limit(wanted: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(maximum.map_or(wanted, |maximum| maximum.min(wanted))), maximum };
        setrlimit(Resource::Nofile, raised).expect("the file limit can be raised to its hard limit");
    }
}

/// CPU time of this thread so far.
fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(spent.tv_sec).unwrap_or(0), u32::try_from(spent.tv_nsec).unwrap_or(0))
}

/// Counts trips, and the sweeps they make up.
struct Tally {
    clock: Clock,
    cpu: Duration,
    started: Mono,
    sweep_started: Mono,
    trips: u64,
    sweeps: Vec<Duration>,
}

impl Tally {
    fn start(clock: Clock) -> Self {
        let now = clock.mono();
        Self { clock, cpu: cpu(), started: now, sweep_started: now, trips: 0, sweeps: Vec::new() }
    }

    fn is_over(&self) -> bool {
        self.clock.mono().since(self.started) >= SPAN
    }

    /// Every device was read once more.
    fn swept(&mut self) {
        let now = self.clock.mono();
        self.sweeps.push(now.since(self.sweep_started));
        self.sweep_started = now;
    }

    fn end(self) -> Run {
        let wall = self.clock.mono().since(self.started);
        Run { trips: self.trips, wall, cpu: cpu().saturating_sub(self.cpu), sweeps: self.sweeps }
    }
}
