//! A peer on port 4028 that says what a test wants, as LuxOS would write it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use ballast::site::Firmware;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{NEVER, address, fleet, found, path, seen, until};

/// What it says to a command with its parameter; nothing is silence.
type Says = dyn Fn(&Peer, &str, &str) -> Option<Value> + Send + Sync;

struct Peer {
    asked: Mutex<Vec<String>>,
    asleep: AtomicUsize,
    says: Box<Says>,
}

impl Peer {
    async fn at(
        address: IpAddr,
        says: impl Fn(&Peer, &str, &str) -> Option<Value> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let peer = Arc::new(Self { asked: Mutex::default(), asleep: AtomicUsize::new(0), says: Box::new(says) });
        let listener = TcpListener::bind((address, 4028)).await.unwrap();
        let serves = Arc::clone(&peer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let peer = Arc::clone(&serves);
                tokio::spawn(async move { peer.serve(stream).await });
            }
        });
        peer
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let (mut bytes, mut part) = (Vec::new(), [0; 1_024]);
        let request: Value = loop {
            let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
            bytes.extend_from_slice(&part[..count]);
            if let Ok(request) = serde_json::from_slice(&bytes) {
                break request;
            }
        };
        let text = |key: &str| request[key].as_str().unwrap_or_default().to_owned();
        let (command, parameter) = (text("command"), text("parameter"));
        self.asked.lock().unwrap().push(format!("{command} {parameter}").trim().to_owned());
        match (self.says)(self, &command, &parameter) {
            Some(answer) => stream.write_all(answer.to_string().as_bytes()).await.ok(),
            None => std::future::pending().await,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// What was asked that is not only a question.
    fn written(&self) -> Vec<String> {
        let questions = ["version", "power", "stats", "session"];
        self.asked().into_iter().filter(|asked| !questions.contains(&asked.as_str())).collect()
    }
}

fn yes(key: &str, value: Value) -> Option<Value> {
    Some(json!({"STATUS": [{"STATUS": "S", "Msg": "ok"}], key: [value], "id": 1}))
}

fn no(words: &str) -> Option<Value> {
    Some(json!({"STATUS": [{"STATUS": "E", "Msg": words}], "id": 1}))
}

/// An honest LuxOS that goes down at once.
fn luxos(peer: &Peer, command: &str, parameter: &str) -> Option<Value> {
    let asleep = peer.asleep.load(SeqCst) == 1;
    match command {
        "version" => yes("VERSION", json!({"LUXminer": "2025.10.1", "Type": "Antminer S21"})),
        "power" => yes("POWER", json!({"Watts": if asleep { 20 } else { 3_500 }})),
        "stats" => {
            Some(json!({"STATUS": [{"STATUS": "S"}], "STATS": [{}, {"GHS 5s": if asleep { 0 } else { 200_000 }}]}))
        }
        "logon" => yes("SESSION", json!({"SessionID": "s1"})),
        "session" => yes("SESSION", json!({"SessionID": "s1"})),
        "logoff" => yes("SESSION", json!({"SessionID": ""})),
        "curtail" => {
            let sleep = parameter == "s1,sleep";
            if sleep == asleep {
                return no(if sleep { "Miner is already in sleep mode" } else { "Miner is already active" });
            }
            peer.asleep.store(usize::from(sleep), SeqCst);
            yes("CURTAIL", json!({"Mode": parameter}))
        }
        _ => no("Invalid command"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn luxos_is_told_in_a_session_of_our_own_which_ends_with_the_verb() {
    let peer = Peer::at(address(200, 1), luxos).await;
    let fleet = fleet(&path(Firmware::Luxos, 200, 1));
    seen(&fleet, "it mines", |seen| seen.mining == 1).await;
    fleet.command(0, 0, NEVER);
    seen(&fleet, "it sleeps", |seen| seen.mining == 0).await;
    assert_eq!(peer.written(), ["logon", "curtail s1,sleep", "logoff s1"]);
    fleet.command(1, 0, NEVER);
    seen(&fleet, "it mines", |seen| seen.mining == 1).await;
    assert_eq!(peer.written()[3..], ["logon", "curtail s1,wakeup", "logoff s1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asleep_already_has_answered() {
    let peer = Peer::at(address(201, 1), luxos).await;
    peer.asleep.store(1, SeqCst);
    let fleet = fleet(&path(Firmware::Luxos, 201, 1));
    seen(&fleet, "it is heard", |seen| seen.reached == 1).await;
    fleet.command(0, 0, NEVER);
    seen(&fleet, "it has answered", |seen| seen.written.is_some()).await;
    assert_eq!(fleet.trouble(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_ours_whose_answer_was_lost_is_used_and_a_strangers_is_not() {
    let answers = |peer: &Peer, command: &str, parameter: &str| match command {
        // The first logon is heard, and its answer lost.
        "logon" if peer.asked().iter().filter(|asked| *asked == "logon").count() == 1 => None,
        "logon" => no("Another session is active"),
        _ => luxos(peer, command, parameter),
    };
    let peer = Peer::at(address(202, 1), answers).await;
    let stranger = Peer::at(address(202, 2), |peer, command, parameter| match command {
        "logon" => no("Another session is active"),
        _ => luxos(peer, command, parameter),
    });
    let stranger = stranger.await;
    let fleet = fleet(&path(Firmware::Luxos, 202, 2));
    seen(&fleet, "both mine", |seen| seen.mining == 0b11).await;
    fleet.command(0, 0, NEVER);
    seen(&fleet, "one sleeps", |seen| seen.mining == 0b10).await;
    until("the other was tried again", || stranger.written().len() > 1, || format!("{:?}", stranger.written())).await;
    assert!(stranger.written().iter().all(|asked| asked == "logon"), "{:?}", stranger.written());
    assert!(!stranger.asked().iter().any(|asked| asked == "session"));
    assert_eq!(peer.written(), ["logon", "logon", "curtail s1,sleep", "logoff s1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_firmware_is_named_and_never_told_anything() {
    let stock = Peer::at(address(203, 1), |_, command, _| match command {
        "version" => yes("VERSION", json!({"BMMiner": "1.0.0", "Miner": "49.0.1.3", "Type": "Antminer S21"})),
        _ => no("Invalid command"),
    });
    let stock = stock.await;
    let strange = Peer::at(address(203, 2), |_, _, _| yes("VERSION", json!({"CGMiner": "4.11.1"}))).await;
    let fleet = fleet(&path(Firmware::Luxos, 203, 2));
    fleet.command(0, 0, NEVER);
    found(&fleet, "its trouble", |found| found.trouble.is_some()).await;
    let words = fleet.found()[0].trouble.as_ref().unwrap().to_string();
    assert_eq!(words, "the site file says its firmware is luxos, and it runs antminer");
    until("the other's", || fleet.found()[1].trouble.is_some(), || format!("{:?}", fleet.found())).await;
    let words = fleet.found()[1].trouble.as_ref().unwrap().to_string();
    assert_eq!(words, "the site file says its firmware is luxos, and it runs none that is known here");
    assert_eq!((fleet.seen().asked, fleet.seen().reached), (0b11, 0));
    assert_eq!((stock.written(), strange.written()), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_no_connection_and_the_sentence_says_what_to_do() {
    let fleet = fleet(&path(Firmware::Luxos, 204, 1));
    seen(&fleet, "it was asked", |seen| seen.asked == 1).await;
    let trouble = fleet.trouble().unwrap();
    assert_eq!(
        trouble,
        "`hall` miner 1 at 127.72.204.1: no connection; check its power, its cable and its address in the site file"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_miners_are_told_at_once() {
    const UNITS: u8 = 64;
    // Nobody is answered before all have knocked.
    let (knocks, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    for n in 1..=UNITS {
        let (knocks, open) = (Arc::clone(&knocks), Arc::clone(&open));
        Peer::at(address(205, n), move |peer, command, parameter| {
            if command != "logon" || open.available_permits() > 0 {
                return luxos(peer, command, parameter);
            }
            if knocks.fetch_add(1, SeqCst) + 1 >= usize::from(UNITS) {
                open.add_permits(1);
            }
            None
        })
        .await;
    }
    let fleet = fleet(&path(Firmware::Luxos, 205, UNITS));
    seen(&fleet, "all mine", |seen| seen.mining == u64::MAX).await;
    fleet.command(0, 0, NEVER);
    until("all have knocked", || open.available_permits() > 0, || format!("{knocks:?}")).await;
    let again: u64 = fleet.found().iter().map(|found| found.counts.resent).sum();
    assert_eq!(again, 0, "all at once, before any deadline was over");
    seen(&fleet, "all sleep", |seen| seen.mining == 0 && seen.written.is_some()).await;
}
