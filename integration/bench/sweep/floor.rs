//! The floor: what this machine can do at all. One thread, level-triggered epoll, ready-made bytes, no checks but the length.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use ballast::time::Clock;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;

use super::{BLOCK, DEVICES, Run, Tally};

/// Header of seven bytes, function, length, and two bytes a register.
const ANSWER: usize = 9 + 2 * BLOCK.1 as usize;

struct Floor {
    epoll: OwnedFd,
    streams: Vec<TcpStream>,
    request: [u8; 12],
}

/// Every connection asks once; the next sweep starts when the last answer is in.
pub(super) fn sweep(address: SocketAddr) -> Run {
    let mut floor = Floor::connect(address);
    floor.round(|_| {});
    let mut tally = Tally::start(Clock::start());
    while !tally.is_over() {
        floor.round(|_| {});
        tally.trips += DEVICES as u64;
        tally.swept();
    }
    tally.end()
}

/// Every connection asks again as soon as it is answered; a sweep is over when each was answered once more.
pub(super) fn closed(address: SocketAddr) -> Run {
    let mut floor = Floor::connect(address);
    floor.round(|_| {});
    let mut tally = Tally::start(Clock::start());
    let mut sweeps = vec![0_usize; DEVICES];
    let (mut sweep, mut left) = (1, DEVICES);
    for at in 0..DEVICES {
        floor.ask(at);
    }
    let mut asked = DEVICES;
    while asked > 0 {
        let over = tally.is_over();
        for at in floor.answered() {
            tally.trips += 1;
            if sweeps[at] < sweep {
                sweeps[at] = sweep;
                left -= 1;
            }
            if left == 0 {
                tally.swept();
                (sweep, left) = (sweep + 1, DEVICES);
            }
            if over { asked -= 1 } else { floor.ask(at) }
        }
    }
    tally.end()
}

impl Floor {
    fn connect(address: SocketAddr) -> Self {
        let epoll = epoll::create(CreateFlags::CLOEXEC).expect("there is epoll");
        let streams: Vec<TcpStream> =
            (0..DEVICES).map(|_| TcpStream::connect(address).expect("the server listens")).collect();
        for (at, stream) in streams.iter().enumerate() {
            stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true)).expect("a socket can be set so");
            epoll::add(&epoll, stream, EventData::new_u64(at as u64), EventFlags::IN).expect("a socket can be watched");
        }
        let [a, b] = BLOCK.0.to_be_bytes();
        Self { epoll, streams, request: [0, 1, 0, 0, 0, 6, 1, 3, a, b, 0, BLOCK.1 as u8] }
    }

    fn round(&mut self, mut answered: impl FnMut(usize)) {
        for at in 0..DEVICES {
            self.ask(at);
        }
        let mut left = DEVICES;
        while left > 0 {
            for at in self.answered() {
                left -= 1;
                answered(at);
            }
        }
    }

    fn ask(&self, at: usize) {
        let written = (&self.streams[at]).write(&self.request).expect("the server is there");
        assert_eq!(written, self.request.len(), "a socket buffer is larger than a request");
    }

    /// Waits for answers; the connections that have one.
    fn answered(&self) -> Vec<usize> {
        let mut events = Vec::with_capacity(1024);
        epoll::wait(&self.epoll, spare_capacity(&mut events), None).expect("epoll waits");
        let mut buffer = [0; 512];
        let mut answered = Vec::with_capacity(events.len());
        for event in events {
            let at = event.data.u64() as usize;
            let read = (&self.streams[at]).read(&mut buffer).expect("the server is there");
            assert!(read == ANSWER && buffer[7] == 3, "an answer of {read} bytes");
            answered.push(at);
        }
        answered
    }
}
