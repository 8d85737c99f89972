//! Bytes on a wire, through the same codec and the same checks as in the program: what a device answers to our client, and
//! what any client asks an emulated device.

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ballast::devices::profile::serve::Shown;
use ballast::devices::wire::{Fault, ask_once};
use ballast::emulate::Sound;
use ballast::units::Power;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_modbus::server::{Service, tcp::Server};
use tokio_modbus::{ExceptionCode, Request, Response};

use super::registers::shipped;
use super::{Seeds, seed};

const UNIT: u8 = 1;
/// What Linux calls a connection that broke off.
const CONNECTION_RESET: i32 = 104;

fn asked(which: u8) -> Request<'static> {
    match which % 8 {
        0 => Request::ReadHoldingRegisters(12_288, 59),
        1 => Request::ReadInputRegisters(0, 2),
        2 => Request::ReadCoils(101, 8),
        3 => Request::ReadDiscreteInputs(0, 9),
        4 => Request::WriteSingleCoil(4, true),
        5 => Request::WriteSingleRegister(9, 2),
        6 => Request::WriteMultipleCoils(101, vec![true; 8].into()),
        _ => Request::WriteMultipleRegisters(101, vec![1; 8].into()),
    }
}

/// The right answer to it, without its header: function, then what follows.
fn right(request: &Request<'_>) -> Vec<u8> {
    let be = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let read = |code: u8, bytes: u16| [vec![code, u8::try_from(bytes).unwrap()], vec![0; usize::from(bytes)]].concat();
    match request {
        Request::ReadHoldingRegisters(_, count) => read(3, count * 2),
        Request::ReadInputRegisters(_, count) => read(4, count * 2),
        Request::ReadCoils(_, count) => read(1, count.div_ceil(8)),
        Request::ReadDiscreteInputs(_, count) => read(2, count.div_ceil(8)),
        Request::WriteSingleCoil(at, _) => [vec![5], be(&[*at, 0xFF00])].concat(),
        Request::WriteSingleRegister(at, word) => [vec![6], be(&[*at, *word])].concat(),
        Request::WriteMultipleCoils(at, coils) => [vec![15], be(&[*at, coils.len() as u16])].concat(),
        Request::WriteMultipleRegisters(at, words) => [vec![16], be(&[*at, words.len() as u16])].concat(),
        _ => Vec::new(),
    }
}

/// With a header that is right.
fn framed(transaction: u16, pdu: &[u8]) -> Vec<u8> {
    let length = u16::try_from(pdu.len() + 1).unwrap_or(u16::MAX);
    [&transaction.to_be_bytes()[..], &[0, 0], &length.to_be_bytes(), &[UNIT], pdu].concat()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A connection in memory to a device that says this, whatever it is asked, and is gone then.
#[derive(Debug)]
struct Told {
    bytes: Vec<u8>,
    at: usize,
    /// Every byte comes by itself.
    singly: bool,
    /// It breaks off instead of being closed.
    breaks: bool,
}

impl AsyncRead for Told {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let left = self.bytes.get(self.at..).unwrap_or_default();
        let more = left.len().min(to.remaining()).min(if self.singly { 1 } else { usize::MAX });
        if more == 0 && self.breaks {
            return Poll::Ready(Err(std::io::Error::from_raw_os_error(CONNECTION_RESET)));
        }
        to.put_slice(&left[..more]);
        self.at += more;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Told {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        assert!(is_whole(bytes), "half a request: {bytes:?}");
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// First byte: what was asked; with its high bit the rest stands behind a right header, with the next one it comes byte by
/// byte, and with the one after that the connection breaks at its end. The rest: what comes back.
pub(super) fn answer(data: &[u8]) {
    thread_local!(static RUNTIME: Runtime = runtime());
    let Some((first, rest)) = data.split_first() else { return };
    let request = asked(*first);
    let bytes = if first & 0x80 == 0 { rest.to_vec() } else { framed(0, rest) };
    let told = Told { bytes: bytes.clone(), at: 0, singly: first & 0x40 != 0, breaks: first & 0x20 != 0 };
    // So long that a slow machine does not make a right answer late; the device is gone in the end, so nobody waits for it.
    let ask = ask_once(told, UNIT, Duration::from_secs(60), &request);
    let heard = RUNTIME.with(|runtime| runtime.block_on(ask));
    let is_right = bytes.starts_with(&framed(0, &right(&request)));
    match heard {
        Ok(response) => {
            assert_eq!(bytes.get(..4), Some(&[0; 4][..]), "the answer to another request was taken");
            assert_eq!((bytes[6], bytes[7]), (UNIT, request.function_code().value()), "{response:?}");
        }
        Err(Fault::Refused(code)) => assert_eq!(bytes.get(8), Some(&code)),
        Err(fault) => {
            assert_ne!(fault, Fault::NoAnswer, "the connection is gone, and not late");
            assert!(!is_right, "a right answer is {fault}: {bytes:?}");
        }
    }
}

pub(super) fn answer_seeds() -> Seeds {
    let all = (0..8).map(|which: u8| {
        let right = right(&asked(which));
        seed(&format!("right-{which}"), [vec![which | 0x80], right].concat())
    });
    let whole = [vec![1], framed(0, &[4, 4, 0, 1, 0, 2])].concat();
    let refused = vec![0x80, 0x83, 2];
    let late = [vec![1], framed(7, &[4, 4, 0, 1, 0, 2])].concat();
    let (singly, broken) = ([vec![0xC2], right(&asked(2))].concat(), [&[0x21], &whole[1..9]].concat());
    let more = [("refused", refused), ("late", late), ("singly", singly), ("broken", broken), ("whole", whole)];
    all.chain(more.map(|(name, bytes)| seed(name, bytes))).chain([seed("nothing", vec![0])]).collect()
}

/// A connection in memory: the server reads what stands in it, then waits.
#[derive(Default)]
struct Pipe {
    input: Vec<u8>,
    at: usize,
    ended: bool,
    output: Vec<u8>,
    waiting: Option<Waker>,
    dropped: bool,
    panicked: bool,
    outlets: u64,
    profile: usize,
    calls: usize,
}

type Shared = Arc<Mutex<Pipe>>;

fn locked(pipe: &Shared) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

struct End(Shared);

impl Drop for End {
    fn drop(&mut self) {
        let mut pipe = locked(&self.0);
        (pipe.dropped, pipe.panicked) = (true, std::thread::panicking());
    }
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let mut pipe = locked(&self.0);
        let from = pipe.at;
        let more = pipe.input.len().saturating_sub(from).min(to.remaining());
        if more == 0 && !pipe.ended {
            pipe.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        to.put_slice(&pipe.input[from..from + more]);
        pipe.at += more;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        locked(&self.0).output.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// An emulated device without a plant behind it.
struct Emulated(Shared);

impl Service for Emulated {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        let mut pipe = locked(&self.0);
        pipe.calls += 1;
        let profile = &shipped()[pipe.profile % shipped().len()];
        let outlets = profile.outlets.as_ref().map_or(0, |outlets| outlets.count);
        let shown = Shown { power: Ok(Power::from_watts(12_345)), on: pipe.outlets, outlets };
        let answer = profile.answer(&request, &shown);
        if let Ok(Some(on)) = answer.as_ref().map(|answer| answer.on) {
            assert!(on.checked_shr(outlets).unwrap_or(0) == 0, "{on:#x} of {outlets} outlets after {request:?}");
            pipe.outlets = on;
        }
        ready(answer.map(|answer| answer.response))
    }
}

struct Server1 {
    runtime: Runtime,
    address: SocketAddr,
    pipe: Arc<Mutex<Shared>>,
}

impl Server1 {
    fn new() -> Self {
        let runtime = runtime();
        let pipe: Arc<Mutex<Shared>> = Arc::default();
        let theirs = Arc::clone(&pipe);
        let device = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = device.local_addr().expect("its address");
        runtime.spawn(async move {
            let connect = |_: TcpStream, _: SocketAddr| {
                let shared = Arc::clone(&theirs.lock().unwrap_or_else(PoisonError::into_inner));
                ready(Ok(Some((Emulated(Arc::clone(&shared)), Sound::new(End(shared))))))
            };
            Server::new(device).serve(&connect, |_| {}).await
        });
        Self { runtime, address, pipe }
    }

    /// Lets the server take these bytes as the first ones of a connection; what it wrote, and how often it was asked.
    fn take(&self, profile: usize, input: Vec<u8>) -> (Vec<u8>, usize) {
        let held = Arc::clone(&self.pipe.lock().unwrap_or_else(PoisonError::into_inner));
        self.runtime.block_on(async {
            // Only a connection with nothing left over from the input before may be used again.
            let shared = if locked(&held).waiting.is_some() { held } else { self.fresh().await };
            let leaves_nothing = is_whole(&input);
            {
                let mut pipe = locked(&shared);
                (pipe.input, pipe.at, pipe.profile, pipe.outlets) = (input, 0, profile, 0);
                (pipe.calls, pipe.ended) = (0, !leaves_nothing);
                pipe.output.clear();
                if let Some(waker) = pipe.waiting.take() {
                    waker.wake();
                }
            }
            loop {
                tokio::task::yield_now().await;
                let mut pipe = locked(&shared);
                // A task that panics takes nothing else with it, so it has to be asked.
                assert!(!pipe.panicked, "the connection panicked");
                if pipe.dropped || pipe.waiting.is_some() {
                    return (std::mem::take(&mut pipe.output), pipe.calls);
                }
            }
        })
    }

    async fn fresh(&self) -> Shared {
        let shared = Shared::default();
        *self.pipe.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&shared);
        let stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.set_zero_linger().ok();
        while locked(&shared).waiting.is_none() {
            tokio::task::yield_now().await;
        }
        shared
    }
}

/// Whether these bytes are frames to their end, by their headers alone.
fn is_whole(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Some(length) = bytes.get(4..6).map(|at| usize::from(u16::from_be_bytes([at[0], at[1]]))) else {
            return false;
        };
        if length == 0 || bytes.len() < 6 + length {
            return false;
        }
        bytes = &bytes[6 + length..];
    }
    true
}

/// First byte: which device; with its high bit the rest is one request behind a right header. The rest: what a client sends.
pub(super) fn request(data: &[u8]) {
    thread_local!(static SERVER: RefCell<Server1> = RefCell::new(Server1::new()));
    let Some((first, rest)) = data.split_first() else { return };
    let bytes = if first & 0x80 == 0 { rest.to_vec() } else { framed(0x1234, rest) };
    let (output, calls) = SERVER.with(|server| server.borrow().take(usize::from(first & 0x7F), bytes));
    assert!(is_whole(&output), "half an answer: {output:?}");
    let mut answers = 0;
    let mut left = output.as_slice();
    while left.len() >= 8 {
        let length = usize::from(u16::from_be_bytes([left[4], left[5]]));
        assert!(length <= 254, "an answer longer than the protocol has");
        left = &left[6 + length..];
        answers += 1;
    }
    assert!(answers <= calls, "{answers} answers to {calls} requests");
}

pub(super) fn request_seeds() -> Seeds {
    let pdus: [&[u8]; 9] = [
        &[3, 0x30, 0x00, 0, 59],
        &[4, 0, 0, 0, 2],
        &[1, 0, 101, 0, 8],
        &[2, 0, 0, 0, 8],
        &[5, 0, 101, 0xFF, 0],
        &[6, 0, 101, 0, 1],
        &[15, 0, 101, 0, 8, 1, 0xFF],
        &[16, 0, 101, 0, 8, 16, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
        &[0x2B, 0x0E, 1, 0],
    ];
    let one = pdus.iter().enumerate().map(|(at, pdu)| {
        let which = u8::try_from(at % shipped().len()).unwrap();
        seed(&format!("one-{at}"), [&[which | 0x80], *pdu].concat())
    });
    let two = [vec![1], framed(1, pdus[4]), framed(2, pdus[2])].concat();
    one.chain([seed("two", two), seed("half", [vec![0], framed(1, pdus[0])[..9].to_vec()].concat())]).collect()
}
