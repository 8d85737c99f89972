//! Our connections, polling as fast as they can on one thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballast::devices::{Profile, Station, Wire};
use ballast::site::Device;
use ballast::time::Clock;
use tokio::runtime::Handle;

use super::count::{Count, runtime};
use super::{DEVICES, Run};

/// All devices are polled at once and without pause.
pub(super) fn sweep(address: SocketAddr) -> Run {
    runtime().block_on(async {
        let clock = Clock::start();
        let count = Count::new();
        let wires: Vec<Wire> = (0..DEVICES).map(|at| wire(at, address, clock, count.clone())).collect();
        count.is_warm().await;
        let before = failed(&wires);
        let run = count.span(clock).await;
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

fn wire(at: usize, address: SocketAddr, clock: Clock, count: Count) -> Wire {
    let device = Device {
        name: format!("meter-{at}"),
        profile: "acuvim-ii".to_owned(),
        address,
        unit_id: 1,
        login: None,
        tls: None,
        // The shortest there is: every connection is always due.
        poll: Duration::from_millis(1),
    };
    let fresh = move || count.fresh(at);
    Wire::spawn(
        &Handle::current(),
        Station {
            profile: profile(),
            device: &device,
            silent_after: Duration::from_secs(1),
            outlets: 0,
            on_fresh: Some(Arc::new(fresh)),
            credentials: None,
            tls: None,
        },
        clock,
    )
}

fn profile() -> Arc<Profile> {
    let text = Profile::builtin("acuvim-ii").expect("it is shipped");
    Arc::new(Profile::parse("acuvim-ii.toml", text).expect("its golden words come out"))
}
