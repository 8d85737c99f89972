//! The task of one miner: does on the network what the conversation says, and tells it what came of it.
//!
//! At most two steps are under way: one verb and one question. What is asked or said, and when, is not decided here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout_at;

use super::port::Port;
use super::shared::Shared;
use super::step::{Came, Fault, Step};
use crate::time::Mono;

/// Most questions that are under way at once, to all miners of all groups. A verb waits for no question.
static QUESTIONS: Semaphore = Semaphore::const_new(128);
/// Most miners that are asked at once who they are: apart, because many of those may be silent, and hold their place for seconds.
static MEETINGS: Semaphore = Semaphore::const_new(256);

/// A step that is under way.
struct Underway<'p> {
    step: Step,
    started: Mono,
    comes: Pin<Box<dyn Future<Output = Result<Came, Fault>> + Send + 'p>>,
}

/// Until the handle is gone and nothing is left to say.
pub(super) async fn run(shared: Arc<Shared>, unit: usize, port: Port) {
    let mut waker = shared.waker();
    let (mut verb, mut question) = (None, None);
    loop {
        let now = shared.clock.mono();
        let next = shared.group().next(unit, now);
        let until = match next {
            Step::Over => return,
            Step::Rest(until) => until,
            step => {
                let place =
                    if matches!(step, Step::Sleep | Step::Wake | Step::Target(_)) { &mut verb } else { &mut question };
                *place = Some(begin(&shared, unit, &port, (step, now)));
                continue;
            }
        };
        let rest = timeout_at(shared.clock.instant(until).into(), waker.changed());
        let ((step, started), came) = tokio::select! {
            ended = end_of(&mut verb) => ended,
            ended = end_of(&mut question) => ended,
            _ = rest => continue,
        };
        shared.group().told(unit, step, started, came, shared.clock.mono());
    }
}

fn begin<'p>(shared: &'p Shared, unit: usize, port: &'p Port, (step, started): (Step, Mono)) -> Underway<'p> {
    let comes = async move {
        let _place = match step {
            Step::Identify => place_for(shared, unit, &MEETINGS).await,
            Step::Observe => place_for(shared, unit, &QUESTIONS).await,
            _ => None,
        };
        port.does(step, started).await
    };
    Underway { step, started, comes: Box::pin(comes) }
}

/// Whoever shall sleep, and must be met first, does not wait for those who are only asked.
async fn place_for(shared: &Shared, unit: usize, places: &'static Semaphore) -> Option<SemaphorePermit<'static>> {
    let mut waker = shared.waker();
    while !shared.group().is_pressing(unit) {
        tokio::select! {
            place = places.acquire() => return place.ok(),
            _ = waker.changed() => {}
        }
    }
    None
}

/// Waits for the step's end, or for ever where none is under way.
async fn end_of(underway: &mut Option<Underway<'_>>) -> ((Step, Mono), Result<Came, Fault>) {
    let Some(step) = underway else { return std::future::pending().await };
    let came = step.comes.as_mut().await;
    let told = (step.step, step.started);
    *underway = None;
    (told, came)
}
