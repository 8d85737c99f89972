//! Our connections, polling as fast as they can on one thread.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballast::devices::{Profile, Wire};
use ballast::site::Device;
use ballast::time::Clock;
use tokio::runtime::{Builder, Handle};

use super::{DEVICES, Run, SPAN, Tally};

/// Readings as they come in.
struct Count {
    tally: Option<Tally>,
    sweeps: Vec<usize>,
    sweep: usize,
    left: usize,
}

impl Count {
    fn new() -> Self {
        Self { tally: None, sweeps: vec![0; DEVICES], sweep: 1, left: DEVICES }
    }

    fn fresh(&mut self, at: usize) {
        if let Some(tally) = &mut self.tally {
            tally.trips += 1;
        }
        if self.sweeps[at] < self.sweep {
            self.sweeps[at] = self.sweep;
            self.left -= 1;
        }
        if self.left == 0 {
            if let Some(tally) = &mut self.tally {
                tally.swept();
            }
            (self.sweep, self.left) = (self.sweep + 1, DEVICES);
        }
    }
}

/// All devices are polled at once and without pause; a sweep is over when each was read once more.
pub(super) fn sweep(address: SocketAddr) -> Run {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let clock = Clock::start();
        let count = Arc::new(Mutex::new(Count::new()));
        let wires: Vec<Wire> = (0..DEVICES).map(|at| wire(at, address, clock, &count)).collect();
        while count.lock().expect("nobody panics").sweep < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let before = failed(&wires);
        count.lock().expect("nobody panics").tally = Some(Tally::start(clock));
        tokio::time::sleep(SPAN).await;
        let run = count.lock().expect("nobody panics").tally.take().expect("it was started").end();
        let [timeouts, wrong, lost] = failed(&wires);
        let failed = [timeouts - before[0], wrong - before[1], lost - before[2]];
        if failed != [0; 3] {
            println!(
                "     of our reads in this span {} timed out, {} were wrong, {} lost their connection",
                failed[0], failed[1], failed[2]
            );
        }
        run
    })
}

/// Reads without an answer in time, with a wrong one, and connections lost, so far.
fn failed(wires: &[Wire]) -> [u64; 3] {
    wires.iter().map(|wire| wire.seen().counts).fold([0; 3], |[timeouts, wrong, lost], counts| {
        [timeouts + counts.timeouts, wrong + counts.not_understood, lost + counts.no_connection]
    })
}

fn wire(at: usize, address: SocketAddr, clock: Clock, count: &Arc<Mutex<Count>>) -> Wire {
    let count = Arc::clone(count);
    let device = Device {
        name: format!("meter-{at}"),
        profile: "acuvim-ii".to_owned(),
        address,
        unit_id: 1,
        // The shortest there is: every connection is always due.
        poll: Duration::from_millis(1),
    };
    let fresh = move || count.lock().expect("nobody panics").fresh(at);
    Wire::spawn(&Handle::current(), profile(), &device, Duration::from_secs(1), 0, clock, Some(Arc::new(fresh)))
}

fn profile() -> Arc<Profile> {
    let text = Profile::builtin("acuvim-ii").expect("it is shipped");
    Arc::new(Profile::parse("acuvim-ii.toml", text).expect("its golden words come out"))
}
