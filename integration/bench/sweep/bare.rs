//! tokio-modbus alone, as anybody would write it: one task a connection, a timeout around each connect and each read, a new
//! connection after any failure, and nothing of ours.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ballast::time::Clock;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_modbus::Slave;
use tokio_modbus::client::{Reader, tcp};

use super::count::{Count, runtime};
use super::{BLOCK, DEVICES, Run};

/// How long a connect may take, and a read.
const WITHIN: Duration = Duration::from_secs(1);

/// All devices are polled at once and without pause, as ours are.
pub(super) fn sweep(address: SocketAddr) -> Run {
    runtime().block_on(async {
        let count = Count::new();
        let failed = Arc::new(AtomicU64::new(0));
        for at in 0..DEVICES {
            tokio::spawn(poll(at, address, count.clone(), Arc::clone(&failed)));
        }
        count.is_warm().await;
        let before = failed.load(Ordering::Relaxed);
        let run = count.span(Clock::start()).await;
        let failed = failed.load(Ordering::Relaxed) - before;
        if failed > 0 {
            println!("     of bare reads in this span {failed} failed");
        }
        run
    })
}

async fn poll(at: usize, address: SocketAddr, count: Count, failed: Arc<AtomicU64>) {
    loop {
        let Ok(stream) = timeout(WITHIN, TcpStream::connect(address)).await else { continue };
        let stream = stream.expect("the server listens");
        stream.set_nodelay(true).expect("a socket can be set so");
        let mut client = tcp::attach_slave(stream, Slave(1));
        while let Ok(Ok(Ok(_))) = timeout(WITHIN, client.read_holding_registers(BLOCK.0, BLOCK.1)).await {
            count.fresh(at);
        }
        failed.fetch_add(1, Ordering::Relaxed);
    }
}
