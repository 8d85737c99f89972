//! The devices: one thread, one epoll, function 3 alone. As quick as can be, so that it is the client that is measured.
//! It never sleeps: whoever writes first to a sleeping server pays for waking it, and a real device is not on this machine.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ballast::time::{Clock, Mono};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

/// Mark of the listening socket among the events.
const LISTENER: u64 = u64::MAX;
const REQUEST: usize = 12;

/// The running server.
pub(super) struct Server {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: JoinHandle<f64>,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        // The standard library asks for room for 128 that wait; here a thousand come at once.
        rustix::net::listen(&listener, 4_096).expect("a listening socket can be given more room");
        listener.set_nonblocking(true).expect("a socket can be set so");
        let address = listener.local_addr().expect("it is bound");
        let ends = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ends);
        let thread = std::thread::spawn(move || serve(&listener, &seen));
        Self { address, ends, thread }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it; the part of its time in which it answered, and did not look in vain.
    pub(super) fn stop(self) -> f64 {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().expect("the server ends")
    }
}

fn serve(listener: &TcpListener, ends: &AtomicBool) -> f64 {
    super::pin(0);
    let clock = Clock::start();
    let epoll = epoll::create(CreateFlags::CLOEXEC).expect("there is epoll");
    epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN).expect("a listener can be watched");
    let mut open: Vec<Option<Peer>> = Vec::new();
    let mut events = Vec::with_capacity(1024);
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut answering = Duration::ZERO;
    while !ends.load(Ordering::Relaxed) {
        if epoll::wait(&epoll, spare_capacity(&mut events), Some(&at_once)).is_err() || events.is_empty() {
            continue;
        }
        let began = clock.mono();
        for event in events.drain(..) {
            let at = event.data.u64();
            if at == LISTENER {
                accept(listener, &epoll, &mut open);
            } else if let Some(peer) = open.get_mut(at as usize)
                && !peer.as_mut().is_some_and(Peer::answer)
            {
                *peer = None;
            }
        }
        answering += clock.mono().since(began);
    }
    answering.as_secs_f64() / clock.mono().since(Mono::START).max(Duration::from_millis(1)).as_secs_f64()
}

fn accept(listener: &TcpListener, epoll: &rustix::fd::OwnedFd, open: &mut Vec<Option<Peer>>) {
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).expect("a socket can be set so");
        let free = open.iter().position(Option::is_none).unwrap_or(open.len());
        epoll::add(epoll, &stream, EventData::new_u64(free as u64), EventFlags::IN).expect("a socket can be watched");
        if free == open.len() {
            open.push(None);
        }
        open[free] = Some(Peer { stream, got: Vec::new() });
    }
}

struct Peer {
    stream: TcpStream,
    /// What came of requests that are not whole yet.
    got: Vec<u8>,
}

impl Peer {
    /// Answers what has come; whether the connection lives on.
    fn answer(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(read) => self.got.extend_from_slice(&buffer[..read]),
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
        let mut answers = Vec::with_capacity(512);
        while self.got.len() >= REQUEST {
            let request: Vec<u8> = self.got.drain(..REQUEST).collect();
            let words = u16::from_be_bytes([request[10], request[11]]);
            let first = u16::from_be_bytes([request[8], request[9]]);
            answers.extend_from_slice(&[request[0], request[1], 0, 0]);
            answers.extend_from_slice(&(3 + 2 * words).to_be_bytes());
            answers.extend_from_slice(&[request[6], 3, (2 * words) as u8]);
            answers.extend((first..first + words).flat_map(|address| word(address).to_be_bytes()));
        }
        self.stream.write_all(&answers).is_ok()
    }
}

/// 2.8 MW at 12322, as the meter would show it; zero elsewhere.
fn word(address: u16) -> u16 {
    let bits = 2_800_000_f32.to_bits();
    match address {
        12_322 => (bits >> 16) as u16,
        12_323 => bits as u16,
        _ => 0,
    }
}
