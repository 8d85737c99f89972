//! Being let in by a device that asks: once on each connection, before anything else is said on it.

use tokio_modbus::{Request, Response};

use super::line::{Fault, Line};
use crate::devices::profile::{Credentials, Login};
use crate::time::Clock;

/// Logs in on a connection that was just made.
pub(super) async fn login(line: &mut Line, how: Login, who: &Credentials, clock: Clock) -> Result<(), Fault> {
    let block = how.challenge;
    let ask = Request::ReadHoldingRegisters(block.address, block.count);
    let challenge = line.ask(how.unit_id, &ask, clock.mono()).await.map_err(not_let_in)?;
    let Response::ReadHoldingRegisters(challenge) = challenge else { return Err(Fault::NotUnderstood) };
    line.ready().await;
    let answer = Request::WriteMultipleRegisters(how.answer, who.answer(&challenge).into());
    line.ask(how.unit_id, &answer, clock.mono()).await.map(drop).map_err(not_let_in)
}

/// Whatever the device says instead of yes is a no.
fn not_let_in(fault: Fault) -> Fault {
    if matches!(fault, Fault::Refused(_)) { Fault::NotLetIn } else { fault }
}
