//! A lively site on the page, for looking at: not a test, so it is never run unless asked for.
//! `WATCH_SECONDS=600 cargo test --test integration -- --ignored --nocapture lively`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballast::time::Clock;
use ballast::web::{Action, Hub, serve};

use ballast::cli::screen;

use super::views::{START, Scene, view};

/// Serves the page for `WATCH_SECONDS` on `WATCH_PORT`, in the scene `WATCH_SCENE`, and prints what is pressed; with
/// `WATCH_SCREEN` set, shows the terminal too.
#[test]
#[ignore = "serves a page to be looked at, and proves nothing by itself"]
fn a_lively_site_to_look_at() {
    let number =
        |name: &str, otherwise| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let scene = match std::env::var("WATCH_SCENE").unwrap_or_default().as_str() {
        "e-stop" => Scene::EStop,
        "meter" => Scene::MeterLost,
        "hall" => Scene::HallLost,
        "silent" => Scene::Silent,
        _ => Scene::Calm,
    };
    let (seconds, port) = (number("WATCH_SECONDS", 60), number("WATCH_PORT", 8444));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(show(scene, seconds, u16::try_from(port).unwrap()));
}

async fn show(mut scene: Scene, seconds: i64, port: u16) {
    let (hub, actions) = Hub::new();
    let page = serve(hub.clone(), ([127, 0, 0, 1], port).into()).await.unwrap();
    println!("http://{}", page.address());
    let ended = Arc::new(AtomicBool::new(false));
    let (seen, stop) = (hub.clone(), Arc::clone(&ended));
    let screen = std::env::var_os("WATCH_SCREEN").map(|_| std::thread::spawn(move || screen::watch(&seen, "", &stop)));
    let clock = Clock::start();
    let begun = clock.now().wall.micros() / 1_000;
    let shown = |ms: i64, scene| {
        let mut view = view(ms, scene);
        let later = begun - START - 300_000;
        view.unix_ms += later;
        view.events.iter_mut().for_each(|event| event.unix_ms += later);
        view
    };
    for second in 0..260 {
        hub.publish(shown(second * 1_000, Scene::Calm));
    }
    for second in 260..300 {
        hub.publish(shown(second * 1_000, scene));
    }
    let mut gait = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..seconds * 10 {
        gait.tick().await;
        for (action, _) in actions.try_iter() {
            if screen.is_none() {
                println!("{action:?}");
            }
            ended.fetch_or(action == Action::Quit, Ordering::Relaxed);
            scene = after(&action, scene);
        }
        if ended.load(Ordering::Relaxed) {
            break;
        }
        hub.publish(shown(300_000 + clock.now().wall.micros() / 1_000 - begun, scene));
    }
    ended.store(true, Ordering::Relaxed);
    if let Some(screen) = screen {
        screen.join().unwrap().unwrap();
    }
}

fn after(action: &Action, scene: Scene) -> Scene {
    match action {
        Action::EStop(true) => Scene::EStop,
        Action::UnplugMeter(true) => Scene::MeterLost,
        Action::UnplugPdu(true) => Scene::Silent,
        Action::EStop(false) | Action::UnplugMeter(false) | Action::UnplugPdu(false) => Scene::Calm,
        Action::HallJump
        | Action::Cap(_)
        | Action::Lock(_)
        | Action::Unlock(_)
        | Action::Open(_)
        | Action::Close(_)
        | Action::Accept(_)
        | Action::Quit => scene,
    }
}
