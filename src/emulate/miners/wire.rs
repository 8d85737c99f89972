//! The sockets of a miner: open while its control board runs, and every connection gone with it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::cgminer::Asked;
use super::machine::Machine;
use super::{Lie, antminer, braiins, framed, luxos, web, whatsminer};
use crate::site::Firmware;

/// How long to wait before listening again where that failed, for example for want of open files.
const AGAIN: Duration = Duration::from_millis(100);
/// Longest request, in bytes.
const LONGEST: usize = 64 * 1_024;
/// Longest wait for a request to be whole, and for the client to close after the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most connections to one port; more are closed at once, or wait where it is HTTP.
const CONNECTIONS: usize = 16;

/// How a port is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// A request, an answer, the end.
    Rpc,
    /// Messages behind their lengths, on a connection that stays.
    Framed,
    /// HTTP.
    Http,
    /// HTTP too: the stock firmware's port for its power.
    Power,
}

/// Keeps one port for as long as the miner answers.
pub(super) async fn keep(machine: Arc<Machine>, door: Door, address: SocketAddr, mut up: watch::Receiver<bool>) {
    while up.wait_for(|up| *up).await.is_ok() {
        if let Ok(listener) = TcpListener::bind(address).await {
            let cut = up.clone();
            tokio::select! {
                () = serve(&machine, door, listener, cut) => {}
                gone = up.wait_for(|up| !*up) => {
                    if gone.is_err() { return }
                    continue;
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn serve(machine: &Arc<Machine>, door: Door, listener: TcpListener, up: watch::Receiver<bool>) {
    match door {
        Door::Http | Door::Power => {
            let router = web::router(machine, door == Door::Power);
            // It survives every error of a single connection.
            let _ended =
                axum::serve(Powered { listener, up, free: Arc::new(Semaphore::new(CONNECTIONS)) }, router).await;
        }
        Door::Rpc | Door::Framed => each(machine, door, listener).await,
    }
}

/// One task a connection; all end when this is dropped.
async fn each(machine: &Arc<Machine>, door: Door, listener: TcpListener) {
    let mut open = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        while open.try_join_next().is_some() {}
        if open.len() < CONNECTIONS {
            let machine = Arc::clone(machine);
            open.spawn(async move {
                // A connection that ends in an error is the client's affair: it connects again.
                let _ended = match door {
                    Door::Framed => framed(&machine, stream).await,
                    _ => rpc(&machine, stream).await,
                };
            });
        }
    }
}

/// Takes one request and answers it.
async fn rpc(machine: &Machine, mut stream: TcpStream) -> io::Result<()> {
    let mut bytes = Vec::new();
    in_time(request(&mut stream, &mut bytes)).await?;
    let Some(asked) = Asked::parse(&bytes) else { return Ok(()) };
    if machine.lies() == Some(Lie::Dumb) {
        return until_closed(&mut stream).await;
    }
    let (answer, nul) = match machine.firmware {
        Firmware::Luxos => (luxos::answer(machine, &asked), false),
        Firmware::Whatsminer => (whatsminer::answer(machine, &asked), false),
        Firmware::Antminer => (antminer::answer(machine, &asked), true),
        Firmware::Braiins => (braiins::answer(machine, &asked), true),
    };
    if luxos::commands(&asked) || asked.whole.get("enc").is_some() {
        tokio::time::sleep(machine.answers_after(Duration::ZERO)).await;
    }
    stream.write_all(&ended(machine, answer.to_string().into_bytes(), nul)).await?;
    stream.shutdown().await?;
    // What it still sends must be read, or the answer may be lost with a reset.
    in_time(until_closed(&mut stream)).await
}

/// Reads on and answers nothing, until the client has enough.
async fn until_closed(stream: &mut TcpStream) -> io::Result<()> {
    tokio::io::copy(stream, &mut tokio::io::sink()).await.map(drop)
}

/// Takes messages behind their lengths, and answers each.
async fn framed(machine: &Machine, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let length = usize::try_from(stream.read_u32_le().await?).unwrap_or(usize::MAX);
        if length > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0; length];
        in_time(stream.read_exact(&mut bytes)).await?;
        if machine.lies() == Some(Lie::Dumb) {
            return until_closed(&mut stream).await;
        }
        let asked = serde_json::from_slice(&bytes)?;
        let answer = framed::answer(machine, &asked).to_string().into_bytes();
        if framed::commands(&asked) {
            tokio::time::sleep(machine.answers_after(Duration::ZERO)).await;
        }
        let length = u32::try_from(answer.len()).unwrap_or(u32::MAX);
        let answer = ended(machine, answer, false);
        stream.write_all(&[&length.to_le_bytes(), answer.as_slice()].concat()).await?;
        if machine.lies() == Some(Lie::Truncated) {
            return Ok(());
        }
    }
}

async fn in_time<T>(what: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(PATIENCE, what).await.map_err(|_late| io::ErrorKind::TimedOut)?
}

async fn request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut part = [0; 4_096];
    while !Asked::is_whole(bytes) && bytes.len() < LONGEST {
        match stream.read(&mut part).await? {
            0 => break,
            count => bytes.extend(part.iter().take(count)),
        }
    }
    Ok(())
}

/// An answer as its firmware ends it, unless it lies.
pub(super) fn ended(machine: &Machine, mut bytes: Vec<u8>, nul: bool) -> Vec<u8> {
    let lie = machine.lies();
    if lie == Some(Lie::Truncated) {
        bytes.truncate(bytes.len() / 2);
    }
    if nul != (lie == Some(Lie::Nul)) {
        bytes.push(0);
    }
    bytes
}

/// A listener whose connections end when the miner does not answer any more. More than [`CONNECTIONS`] wait.
struct Powered {
    listener: TcpListener,
    up: watch::Receiver<bool>,
    free: Arc<Semaphore>,
}

impl Listener for Powered {
    type Io = Wired;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let seat = Arc::clone(&self.free).acquire_owned().await.ok();
        let (stream, from) = Listener::accept(&mut self.listener).await;
        let mut up = self.up.clone();
        let gone = Box::pin(async move {
            // Gone too when nobody says any more whether it is up.
            let _ended = up.wait_for(|up| !*up).await;
        });
        (Wired { stream, gone, _seat: seat }, from)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection to a miner that may lose its power.
struct Wired {
    stream: TcpStream,
    gone: Pin<Box<dyn Future<Output = ()> + Send>>,
    _seat: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Wired {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.gone.as_mut().poll(cx).is_ready() {
            self.gone = Box::pin(std::future::ready(()));
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Wired {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
