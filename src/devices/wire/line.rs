//! One TCP connection, one request at a time, every answer checked.
//!
//! The client underneath has no deadlines, does not compare echoes and counts, and after one late answer takes each
//! answer for the next request's. So the connection is taken out of the line for the length of a request and put back
//! only after a right answer or a clean exception: after anything else there is no connection left to misuse.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tokio_modbus::client::{Client, tcp};
use tokio_modbus::{Error, Request, Response, Slave};

use super::stream::{Secured, Stream};
use super::tls::{Client as Tls, Met, NoTls, inner};
use crate::time::{Clock, Mono};

/// How long a connection may take to come up.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// Why there is no answer, named for what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The device cannot be reached, or the connection broke.
    #[error("no connection")]
    NoConnection,
    /// The device answered with this Modbus exception.
    #[error("refused with exception {0}")]
    Refused(u8),
    /// The device did not let us in.
    #[error("the login was not accepted")]
    NotLetIn,
    /// No answer in time. A write without an answer may have happened or not.
    #[error("no answer in time")]
    NoAnswer,
    /// What came was not the answer to the request, or not this device.
    #[error("the answer was not understood")]
    NotUnderstood,
    /// There is no TLS with a device that is spoken to by nothing else.
    #[error("no TLS: {0}")]
    NoTls(NoTls),
}

impl Fault {
    /// What the operator can look at.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::NoConnection => "check its power, address and port, and whether another client holds its connection",
            Self::Refused(1..=3) => "check its register-map file against the manual, and its firmware",
            Self::Refused(10 | 11) => "check the bus behind the gateway and the unit id",
            Self::Refused(_) => "look at the device itself: it says that it is busy or failed",
            Self::NotLetIn => {
                "check user and password of its login in the site file, and whether it takes another session"
            }
            Self::NoAnswer => "check the network, the unit id, and the timeout in its register-map file",
            Self::NotUnderstood => "check that the device at this address is what its register-map file says",
            Self::NoTls(why) => why.next_step(),
        }
    }
}

/// A connection that is whole, or none.
pub(super) struct Line {
    client: Option<Box<dyn Client>>,
    timeout: Duration,
    deadline: Deadline,
    gap: Duration,
    last: Option<Mono>,
    /// TLS that has not brought an answer yet; whether we have shown who we are.
    unproved: Option<bool>,
    clock: Clock,
}

impl Line {
    /// Connects: by TLS where that is given, and then never otherwise. What the handshake met.
    pub(super) async fn connect(
        address: SocketAddr,
        tls: Option<&Tls>,
        times: (Duration, Duration),
        clock: Clock,
    ) -> Result<(Self, Option<Met>), Fault> {
        let latest = clock.instant(clock.mono().after(CONNECT_WITHIN)).into();
        let stream = match timeout_at(latest, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(_)) => return Err(Fault::NoConnection),
            Err(_) => return Err(Fault::NoAnswer),
        };
        // A request is one small segment: held back by Nagle's algorithm it would wait for the last acknowledgement.
        stream.set_nodelay(true).map_err(|_| Fault::NoConnection)?;
        let Some(tls) = tls else { return Ok((Self::over(Stream(stream), times, clock), None)) };
        // Boxed, so that those who need none of it do not carry its size.
        let shaken = timeout_at(latest, Box::pin(tls.shake(stream))).await;
        let (stream, met) = shaken
            .map_err(|_| Fault::NoTls(NoTls::Late))?
            .map_err(|why| why.map_or(Fault::NoConnection, Fault::NoTls))?;
        let line = Self { unproved: Some(tls.is_known()), ..Self::over(Secured(stream), times, clock) };
        Ok((line, Some(met)))
    }

    /// Over a stream that is there.
    pub(super) fn over<S>(stream: S, (timeout, gap): (Duration, Duration), clock: Clock) -> Self
    where
        S: AsyncRead + AsyncWrite + fmt::Debug + Unpin + Send + 'static,
    {
        let client = Some(tcp::attach(stream).into());
        let deadline = Deadline::new(clock.instant(clock.mono()).into());
        Self { client, timeout, deadline, gap, last: None, unproved: None, clock }
    }

    /// Waits until the next request may go out.
    pub(super) async fn ready(&mut self) {
        if let Some(last) = self.last {
            sleep_until(self.clock.instant(last.after(self.gap)).into()).await;
        }
    }

    /// Whether it may be used any further.
    pub(super) fn is_whole(&self) -> bool {
        self.client.is_some()
    }

    /// One request to this unit, started now, and its answer. After any fault but [`Fault::Refused`] the connection is gone.
    pub(super) async fn ask(
        &mut self,
        unit_id: u8,
        request: &Request<'static>,
        started: Mono,
    ) -> Result<Response, Fault> {
        let mut client = self.client.take().ok_or(Fault::NoConnection)?;
        client.set_slave(Slave(unit_id));
        let latest = self.clock.instant(started.after(self.timeout)).into();
        let outcome = tokio::select! {
            biased;
            outcome = client.call(request.clone()) => Some(outcome),
            () = self.deadline.passed(latest) => None,
        };
        self.last = (!self.gap.is_zero()).then(|| self.clock.mono());
        let checked = match outcome {
            None => Err(Fault::NoAnswer),
            Some(Err(error)) => Err(fault_of(&error, self.unproved)),
            Some(Ok(Err(exception))) => Err(Fault::Refused(exception.into())),
            Some(Ok(Ok(response))) if answers(request, &response) => Ok(response),
            Some(Ok(Ok(_))) => Err(Fault::NotUnderstood),
        };
        if matches!(checked, Ok(_) | Err(Fault::Refused(_))) {
            self.client = Some(client);
            self.unproved = None;
        }
        checked
    }
}

/// One timer for all requests of a connection. Nearly every request is answered long before its deadline, so the timer is not
/// moved for each of them: it is left to go off at the deadline of an earlier one, and only then set to the one that counts.
struct Deadline(Pin<Box<Sleep>>);

impl Deadline {
    fn new(at: Instant) -> Self {
        Self(Box::pin(sleep_until(at)))
    }

    /// Returns at this moment, not before, and not later for having been set to an earlier one.
    async fn passed(&mut self, at: Instant) {
        loop {
            self.0.as_mut().await;
            if self.0.deadline() >= at {
                return;
            }
            self.0.as_mut().reset(at);
        }
    }
}

/// Errors of the operating system carry its number; those of the codec do not. Since TLS 1.3 a device says only after the handshake
/// what it thinks of us, or says nothing and ends the connection: `unproved` is one that brought no answer yet.
fn fault_of(error: &Error, unproved: Option<bool>) -> Fault {
    match error {
        Error::Transport(error) if inner(error).is_some() => {
            inner(error).map_or(Fault::NotUnderstood, |error| Fault::NoTls(NoTls::of(error, unproved.unwrap_or(true))))
        }
        Error::Transport(error) if unproved.is_some() && is_end(error) => Fault::NoTls(NoTls::BrokenOff),
        Error::Transport(error) if is_end(error) => Fault::NoConnection,
        Error::Transport(_) | Error::Protocol(_) => Fault::NotUnderstood,
    }
}

/// Whether the connection ended.
fn is_end(error: &io::Error) -> bool {
    error.raw_os_error().is_some() || error.kind() == io::ErrorKind::NotConnected
}

/// Whether this is the answer to this request: function, echo, and as much as was asked for.
fn answers(request: &Request<'_>, response: &Response) -> bool {
    match (request, response) {
        (Request::ReadCoils(_, count), Response::ReadCoils(bits))
        | (Request::ReadDiscreteInputs(_, count), Response::ReadDiscreteInputs(bits)) => {
            bits.len() == usize::from(*count).div_ceil(8) * 8
        }
        (Request::ReadHoldingRegisters(_, count), Response::ReadHoldingRegisters(words))
        | (Request::ReadInputRegisters(_, count), Response::ReadInputRegisters(words)) => {
            words.len() == usize::from(*count)
        }
        (Request::WriteSingleCoil(at, on), Response::WriteSingleCoil(echo_at, echo)) => at == echo_at && on == echo,
        (Request::WriteSingleRegister(at, word), Response::WriteSingleRegister(echo_at, echo)) => {
            at == echo_at && word == echo
        }
        (Request::WriteMultipleCoils(at, coils), Response::WriteMultipleCoils(echo_at, count)) => {
            at == echo_at && coils.len() == usize::from(*count)
        }
        (Request::WriteMultipleRegisters(at, words), Response::WriteMultipleRegisters(echo_at, count)) => {
            at == echo_at && words.len() == usize::from(*count)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_echo_is_an_answer_to_a_write() {
        let coil = Request::WriteSingleCoil(4, true);
        assert!(answers(&coil, &Response::WriteSingleCoil(4, true)));
        assert!(!answers(&coil, &Response::WriteSingleCoil(5, true)));
        assert!(!answers(&coil, &Response::WriteSingleCoil(4, false)));
        assert!(!answers(&coil, &Response::WriteSingleRegister(4, 1)));
        let word = Request::WriteSingleRegister(9, 2);
        assert!(answers(&word, &Response::WriteSingleRegister(9, 2)));
        assert!(!answers(&word, &Response::WriteSingleRegister(9, 3)));
        let coils = Request::WriteMultipleCoils(101, vec![true; 8].into());
        assert!(answers(&coils, &Response::WriteMultipleCoils(101, 8)));
        assert!(!answers(&coils, &Response::WriteMultipleCoils(101, 7)));
        assert!(!answers(&coils, &Response::WriteMultipleCoils(100, 8)));
        let words = Request::WriteMultipleRegisters(101, vec![0; 8].into());
        assert!(answers(&words, &Response::WriteMultipleRegisters(101, 8)));
        assert!(!answers(&words, &Response::WriteMultipleRegisters(101, 9)));
    }

    #[test]
    fn only_as_much_as_was_asked_for_is_an_answer_to_a_read() {
        let words = Request::ReadHoldingRegisters(0, 2);
        assert!(answers(&words, &Response::ReadHoldingRegisters(vec![0; 2])));
        assert!(!answers(&words, &Response::ReadHoldingRegisters(vec![0; 1])));
        assert!(!answers(&words, &Response::ReadHoldingRegisters(vec![0; 3])));
        assert!(!answers(&words, &Response::ReadInputRegisters(vec![0; 2])));
        let bits = Request::ReadCoils(0, 9);
        assert!(answers(&bits, &Response::ReadCoils(vec![false; 16])));
        assert!(!answers(&bits, &Response::ReadCoils(vec![false; 8])));
        assert!(!answers(&bits, &Response::ReadCoils(vec![false; 24])));
    }
    #[tokio::test]
    async fn a_line_that_was_in_doubt_once_is_never_used_again() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 12];
            while stream.read_exact(&mut request).await.is_ok() {
                // Two registers where one was asked for, with everything else right.
                let answer = [request[0], request[1], 0, 0, 0, 7, request[6], 3, 4, 0, 1, 0, 1];
                stream.write_all(&answer).await.unwrap();
            }
        });
        let times = (Duration::from_secs(20), Duration::ZERO);
        let (mut line, _) = Line::connect(address, None, times, Clock::start()).await.unwrap();
        let request = Request::ReadHoldingRegisters(0, 1);
        let now = Mono::START;
        assert_eq!(line.ask(1, &request, now).await, Err(Fault::NotUnderstood));
        assert_eq!(line.ask(1, &request, now).await, Err(Fault::NoConnection));
    }
    #[tokio::test]
    async fn a_deadline_is_its_own_though_the_timer_goes_off_for_an_earlier_one() {
        let clock = Clock::start();
        let later = clock.mono().after(Duration::from_millis(20));
        let mut deadline = Deadline::new(clock.instant(clock.mono()).into());
        deadline.passed(clock.instant(later).into()).await;
        assert!(clock.mono() >= later);
    }
}
