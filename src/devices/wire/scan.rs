//! Finding where a device's models stand: the marker, then from model to model.

use tokio_modbus::{Request, Response};

use super::line::{Fault, Line};
use crate::devices::profile::sunspec::{END, MARKER, SunSpec};
use crate::time::Clock;

/// So many models are followed: a chain that goes on longer is none.
const MOST: usize = 64;

/// The address of the first model that this file looks for, on a connection that was just made.
///
/// # Errors
/// [`Fault::NotUnderstood`] where there is no chain, or no such model in it; else what went wrong.
pub(super) async fn scan(line: &mut Line, unit_id: u8, sunspec: &SunSpec, clock: Clock) -> Result<u16, Fault> {
    for marker in &sunspec.at {
        if two(line, unit_id, *marker, clock).await? != Some(MARKER) {
            continue;
        }
        let mut at = marker.checked_add(2).ok_or(Fault::NotUnderstood)?;
        for _ in 0..MOST {
            match two(line, unit_id, at, clock).await?.ok_or(Fault::NotUnderstood)? {
                [number, _] if sunspec.models.contains(&number) => return Ok(at),
                [END, _] => return Err(Fault::NotUnderstood),
                [_, length] => {
                    let next = length.checked_add(2).and_then(|past| at.checked_add(past));
                    at = next.ok_or(Fault::NotUnderstood)?;
                }
            }
        }
    }
    Err(Fault::NotUnderstood)
}

/// Two holding registers; nothing where the device has none there.
async fn two(line: &mut Line, unit_id: u8, address: u16, clock: Clock) -> Result<Option<[u16; 2]>, Fault> {
    line.ready().await;
    let read = line.ask(unit_id, &Request::ReadHoldingRegisters(address, 2), clock.mono()).await;
    match read {
        Ok(Response::ReadHoldingRegisters(words)) => Ok(<[u16; 2]>::try_from(words).ok()),
        Ok(_) => Err(Fault::NotUnderstood),
        Err(Fault::Refused(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}
