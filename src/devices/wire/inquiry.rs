//! Asking a device without commanding it: who it is, what it shows, and the words that lie about what it shows. For commissioning.

use std::time::Duration;

use tokio_modbus::{Request, Response};

use super::Station;
use super::dialect::{Dialect, reads, words};
use super::line::{Fault, Line};
use super::login::login;
use super::scan::scan;
use super::step::{Answer, Ask};
use super::tls::{Client, Met};
use crate::devices::probe::Told;
use crate::devices::profile::{Block, Credentials, Login, Window};
use crate::site;
use crate::time::Clock;

/// How many words before and behind the power are looked at: as far as a miscounted register is off.
const AROUND: u16 = 2;

/// A device that is asked.
struct Inquiry<'a> {
    dialect: Dialect,
    device: &'a site::Device,
    login: Option<(Login, Credentials)>,
    tls: Option<Client>,
    met: Option<Met>,
    line: Option<Line>,
    took: Vec<Duration>,
    clock: Clock,
}

/// Asks one device all there is to ask, and switches nothing.
///
/// # Errors
/// Where it cannot be reached, or lets nobody in.
pub async fn inquire(station: Station<'_>, clock: Clock) -> Result<Told, Fault> {
    let Station { profile, device, outlets, credentials, tls, .. } = station;
    let tls = Client::of(device, tls).map_err(Fault::NoTls)?;
    let login = profile.login.zip(credentials);
    let outlets = if profile.outlets.is_some() { outlets } else { 0 };
    let dialect = Dialect::new(profile, outlets);
    let mut inquiry = Inquiry { dialect, device, login, tls, met: None, line: None, took: Vec::new(), clock };
    inquiry.connect().await?;
    let is_it = inquiry.is_it().await;
    let window = inquiry.window().await;
    let shows = inquiry.dialect.profile.outlets.is_some() || inquiry.dialect.profile.flags.is_some();
    let on = match shows {
        true => Some(inquiry.ask(Ask::Outlets).await.and_then(|answer| match answer {
            Answer::Outlets(Some(on)) => Ok(on),
            _ => Err(Fault::NotUnderstood),
        })),
        false => None,
    };
    inquiry.took.sort_unstable();
    let latency = inquiry.took.get(inquiry.took.len() / 2).copied();
    let point = inquiry.dialect.power().cloned();
    Ok(Told { is_it, point, window, on, latency, tls: inquiry.met })
}

impl Inquiry<'_> {
    async fn connect(&mut self) -> Result<(), Fault> {
        let connection = &self.dialect.profile.connection;
        let times = (connection.timeout, connection.gap);
        let (mut line, met) = Line::connect(self.device.address, self.tls.as_ref(), times, self.clock).await?;
        self.met = met;
        if let Some((how, who)) = &self.login {
            login(&mut line, *how, who, self.clock).await?;
        }
        if let Some(sunspec) = self.dialect.profile.sunspec.clone() {
            let model = scan(&mut line, self.device.unit_id, &sunspec, self.clock).await?;
            self.dialect.found(Some(model));
        }
        self.line = Some(line);
        Ok(())
    }

    /// Whether the words its file expects are there; nothing where it expects none.
    async fn is_it(&mut self) -> Option<Result<bool, Fault>> {
        let mut all = None;
        for number in 0..self.dialect.profile.expect.len() {
            match self.ask(Ask::Expected(number)).await {
                Ok(answer) => all = Some(Ok(answer == Answer::Expected(true) && all != Some(Ok(false)))),
                Err(fault) => return Some(Err(fault)),
            }
        }
        all
    }

    /// The words about the power: a little more than it takes, or what it takes, or as much from a register or two beside it.
    async fn window(&mut self) -> Option<Result<Window, Fault>> {
        let block = self.dialect.power()?.block;
        let first = block.address.saturating_sub(AROUND);
        let count = (block.address - first).saturating_add(block.count).saturating_add(AROUND);
        let count = count.min(u16::MAX - first).min(self.dialect.profile.connection.max_registers.max(block.count));
        // Whoever is strict about blocks refuses more than one, and one that begins a register too soon or too late.
        let mut blocks = vec![Block { address: first, count, ..block }, block];
        for by in [1, -1, 2, -2] {
            blocks.extend(block.address.checked_add_signed(by).map(|address| Block { address, ..block }));
        }
        let mut as_the_file_says = None;
        for wanted in blocks {
            let read = self.read(wanted).await.map(|words| Window { block: wanted, words });
            match read {
                Ok(_) => return Some(read),
                // Some say nothing at all to a read that is too wide: what the file asks for is asked all the same.
                Err(Fault::Refused(_)) => {}
                Err(_) if wanted != block => {}
                Err(_) => return Some(read),
            }
            if wanted == block {
                as_the_file_says = Some(read);
            }
        }
        as_the_file_says
    }

    async fn read(&mut self, block: Block) -> Result<Vec<u16>, Fault> {
        let response = self.request(&reads(block)).await?;
        Ok(words(response, block.count))
    }

    async fn ask(&mut self, ask: Ask) -> Result<Answer, Fault> {
        let request = self.dialect.request(ask).ok_or(Fault::NotUnderstood)?;
        let response = self.request(&request).await?;
        Ok(self.dialect.answer(ask, response))
    }

    async fn request(&mut self, request: &Request<'static>) -> Result<Response, Fault> {
        if !self.line.as_ref().is_some_and(Line::is_whole) {
            self.connect().await?;
        }
        let line = self.line.as_mut().ok_or(Fault::NoConnection)?;
        line.ready().await;
        let started = self.clock.mono();
        let response = line.ask(self.device.unit_id, request, started).await;
        self.took.push(self.clock.mono().since(started));
        response
    }
}
