//! Two peers: one hand-written, frame by frame, that can misbehave; one on the library's own server that cannot.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballast::devices::Profile;
use ballast::devices::profile::serve::Shown;
use ballast::units::Power;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Request, Response};

/// One request as it came: on which connection, and its bytes.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) connection: usize,
    /// Number of the request over all connections, from 0.
    pub(super) number: usize,
    pub(super) frame: Vec<u8>,
}

impl Asked {
    pub(super) fn function(&self) -> u8 {
        self.frame[7]
    }

    /// An answer with the right header and this behind it.
    pub(super) fn answer(&self, pdu: &[u8]) -> Vec<u8> {
        let length = u8::try_from(pdu.len() + 1).unwrap();
        let mut frame = vec![self.frame[0], self.frame[1], 0, 0, 0, length, self.frame[6]];
        frame.extend_from_slice(pdu);
        frame
    }

    /// The right answer to a read of registers: as many as were asked for, made by address.
    pub(super) fn registers(&self, word: impl Fn(u16) -> u16) -> Vec<u8> {
        let (at, count) = (u16::from_be_bytes([self.frame[8], self.frame[9]]), self.frame[11]);
        let mut pdu = vec![self.function(), count * 2];
        pdu.extend((at..at + u16::from(count)).flat_map(|address| word(address).to_be_bytes()));
        self.answer(&pdu)
    }
}

/// What the peer does after a request.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Send(Vec<u8>),
    Wait(Duration),
    Close,
}

/// A peer that does what a script says.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Peer {
    pub(super) async fn start(script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, script) = (Arc::clone(&asked), Arc::new(script));
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(converse(stream, connection, Arc::clone(&log), Arc::clone(&script)));
            }
        });
        Self { address, asked }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn converse<S: Fn(&Asked) -> Vec<Act>>(
    mut stream: TcpStream,
    connection: usize,
    log: Arc<Mutex<Vec<Asked>>>,
    script: Arc<S>,
) -> Option<()> {
    loop {
        let mut frame = vec![0; 6];
        stream.read_exact(&mut frame).await.ok()?;
        let mut rest = vec![0; usize::from(u16::from_be_bytes([frame[4], frame[5]]))];
        stream.read_exact(&mut rest).await.ok()?;
        frame.extend(rest);
        let asked = {
            let mut log = log.lock().unwrap();
            let asked = Asked { connection, number: log.len(), frame };
            log.push(asked.clone());
            asked
        };
        for act in script(&asked) {
            match act {
                Act::Send(bytes) => stream.write_all(&bytes).await.ok()?,
                Act::Wait(time) => tokio::time::sleep(time).await,
                Act::Close => return None,
            }
        }
    }
}

/// A device on the library's own server: shows and switches what its profile says.
#[derive(Clone)]
pub(super) struct Honest {
    profile: Arc<Profile>,
    pub(super) shown: Arc<Mutex<Shown>>,
    pub(super) log: Arc<Mutex<Vec<Request<'static>>>>,
    /// A request takes one permit before it is answered; there are plenty unless a test takes them away.
    pub(super) permits: Arc<Semaphore>,
    /// Writes are answered by this exception instead.
    pub(super) refuses: Arc<Mutex<Option<ExceptionCode>>>,
}

/// What one unit of an honest PDU draws.
pub(super) const UNIT: Power = Power::from_watts(3_500);

impl Honest {
    pub(super) async fn start(profile: &Arc<Profile>, on: u64, outlets: u32) -> (Self, SocketAddr) {
        let shown = Shown { power: Ok(UNIT * i64::from(on.count_ones())), on, outlets };
        let device = Self {
            profile: Arc::clone(profile),
            shown: Arc::new(Mutex::new(shown)),
            log: Arc::default(),
            permits: Arc::new(Semaphore::new(1_000_000)),
            refuses: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = device.clone();
        tokio::spawn(async move {
            let on_connected = |stream, address| {
                let device = served.clone();
                async move { accept_tcp_connection(stream, address, move |_| Ok(Some(device.clone()))) }
            };
            Server::new(listener).serve(&on_connected, |_| {}).await
        });
        (device, address)
    }

    pub(super) fn on(&self) -> u64 {
        self.shown.lock().unwrap().on
    }

    /// The writes so far, as the sets of units they asked for; single ones as `None`.
    pub(super) fn writes(&self) -> Vec<Request<'static>> {
        let is_write = |request: &&Request<'static>| {
            matches!(
                request,
                Request::WriteSingleCoil(..)
                    | Request::WriteMultipleCoils(..)
                    | Request::WriteSingleRegister(..)
                    | Request::WriteMultipleRegisters(..)
            )
        };
        self.log.lock().unwrap().iter().filter(is_write).cloned().collect()
    }

    fn answer(&self, request: &Request<'static>) -> Result<Response, ExceptionCode> {
        let is_write = matches!(request, Request::WriteMultipleCoils(..) | Request::WriteSingleCoil(..));
        if let Some(code) = self.refuses.lock().unwrap().filter(|_| is_write) {
            return Err(code);
        }
        let mut shown = self.shown.lock().unwrap();
        let answer = self.profile.answer(request, &shown)?;
        if let Some(on) = answer.on {
            *shown = Shown { on, power: Ok(UNIT * i64::from(on.count_ones())), ..*shown };
        }
        Ok(answer.response)
    }
}

impl Service for Honest {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Pin<Box<dyn Future<Output = Result<Response, ExceptionCode>> + Send>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        let device = self.clone();
        Box::pin(async move {
            device.log.lock().unwrap().push(request.clone());
            device.permits.acquire().await.unwrap().forget();
            device.answer(&request)
        })
    }
}
