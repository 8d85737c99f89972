//! What a person or the state store hands in as JSON: actions of the page, and what was remembered before a restart.

use std::sync::OnceLock;
use std::time::Duration;

use ballast::decide::{Margin, Memory, Remembered, decide};
use ballast::snapshot::{Orders, Snapshot};
use ballast::time::Mono;
use ballast::units::Power;
use ballast::web::{Action, MAX_CAP, View, is_loopback_name, senseless};

use super::{Seeds, seed, site};

/// First line: the host that a browser names. The rest: the body it posts.
pub(super) fn action(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let host = String::from_utf8_lossy(lines.next().unwrap_or_default());
    if is_loopback_name(&host) {
        let name = host.trim_end_matches(|c: char| c.is_ascii_digit() || c == '+').trim_end_matches(':').to_lowercase();
        let whole = host.to_lowercase();
        let ours = ["127.0.0.1", "localhost", "[::1]"];
        assert!(ours.contains(&name.as_str()) || ours.contains(&whole.as_str()), "{host} is not this machine");
    }
    let Ok(action) = serde_json::from_slice::<Action>(lines.next().unwrap_or_default()) else { return };
    static VIEWS: OnceLock<[View; 2]> = OnceLock::new();
    for view in VIEWS.get_or_init(|| [false, true].map(|demo| View { demo, ..View::default() })) {
        if senseless(&action, view).is_none() {
            assert!(view.demo || !action.is_for_demo(), "{action:?} on a site that is not emulated");
            assert!(!matches!(action, Action::Cap(Some(cap)) if cap < Power::ZERO || cap > MAX_CAP), "{action:?}");
        }
    }
}

pub(super) fn action_seeds() -> Seeds {
    let bodies = [
        Action::HallJump,
        Action::Cap(Some(Power::from_kilowatts(300))),
        Action::Cap(None),
        Action::EStop(true),
        Action::UnplugMeter(false),
        Action::Quit,
    ];
    let hosts = ["127.0.0.1:8444", "localhost", "LOCALHOST:1", "[::1]:8444", "[::1]", "evil.example"];
    (0..)
        .zip(bodies.iter().zip(hosts))
        .map(|(at, (body, host)): (u32, _)| {
            seed(&format!("action-{at}"), format!("{host}\n{}", serde_json::to_string(body).unwrap()))
        })
        .collect()
}

/// Parts between bytes 0xFF: orders, margin, dwell, memory, snapshot, each as JSON. What is not understood is as new.
pub(super) fn remembered(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 0xFF);
    let mut part = || parts.next().unwrap_or_default();
    let orders: Orders = serde_json::from_slice(part()).unwrap_or_default();
    let margin: Margin = serde_json::from_slice(part()).unwrap_or_default();
    let dwell_ms = serde_json::from_slice(part()).unwrap_or_default();
    let standing = site::small();
    let kept = Remembered { margin, dwell_ms, strikes: Vec::new(), low: Vec::new() };
    let (recalled, start) = Memory::recall(&standing.site, &kept, Mono::START, Duration::from_secs(5));
    assert!(recalled.groups.iter().flat_map(|group| &group.changed).all(|changed| *changed <= start));
    site::run(standing, recalled, 2, orders.clone());
    let Ok(memory) = serde_json::from_slice::<Memory>(part()) else { return };
    if !memory.fits(&standing.site) {
        return;
    }
    let snapshot = serde_json::from_slice::<Snapshot>(part());
    let snapshot = snapshot.unwrap_or_else(|_| site::fresh(&standing.site, 1, &[], orders.clone()));
    let (plan, memory) = decide(standing, memory, &snapshot);
    let (again, _) = decide(standing, memory, &snapshot);
    assert_eq!(plan.commands.len(), standing.groups.len());
    assert!(!orders.e_stop || snapshot.orders != orders || again.commands.iter().all(|command| command.on == 0));
}

pub(super) fn remembered_seeds() -> Seeds {
    let standing = site::small();
    let ran = site::run(standing, Memory::new(&standing.site), 6, Orders::default());
    let (snapshot, _, memory) = ran.last().expect("six ticks");
    let kept = memory.remember(&standing.site, snapshot.now.mono);
    let json = |orders: Orders| {
        let parts = [
            serde_json::to_string(&orders),
            serde_json::to_string(&kept.margin),
            serde_json::to_string(&kept.dwell_ms),
            serde_json::to_string(memory),
            serde_json::to_string(snapshot),
        ];
        parts.map(|part| part.unwrap().into_bytes()).join(&0xFF)
    };
    let capped = Orders { cap: Some(Power::from_kilowatts(200)), drain: true, ..Orders::default() };
    vec![
        seed("plain", json(Orders::default())),
        seed("stopped", json(Orders { e_stop: true, ..Orders::default() })),
        seed("capped", json(capped)),
    ]
}

pub(super) fn words() -> Vec<String> {
    let text = String::from_utf8_lossy(&remembered_seeds()[0].1).into_owned();
    let mut all: Vec<String> = text
        .split('"')
        .filter(|word| word.bytes().all(|b| b == b'_' || b.is_ascii_alphabetic()))
        .map(|word| format!("\"{word}\""))
        .collect();
    all.extend(["18446744073709551615", "-9223372036854775808", "9223372036854775807"].map(str::to_owned));
    all.extend(["cap", "e_stop", "hall_jump", "unplug_pdu", "quit", "null", "true"].map(|word| format!("\"{word}\"")));
    all.retain(|word| word.len() > 3);
    all.sort();
    all.dedup();
    all
}
