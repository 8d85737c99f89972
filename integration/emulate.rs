//! The emulated site over real sockets: read and switched byte by byte, and by a client nobody here wrote.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballast::devices::Profile;
use ballast::devices::profile::SHIPPED;
use ballast::emulate::{CannotStart, Emulator};
use ballast::plant::{Curves, HallLoad, Plant, Series};
use ballast::site::Site;
use ballast::time::{Clock, Mono};
use ballast::units::{Power, Share};
use tokio::runtime::Handle;
use tokio_modbus::ExceptionCode;
use tokio_modbus::client::{Reader, Writer, tcp};

use crate::plant::site;

/// The longest any of these waits for something to become true.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn profiles() -> BTreeMap<String, Profile> {
    let read = |(name, text): &(&str, &str)| ((*name).to_string(), Profile::parse(name, text).unwrap());
    SHIPPED.iter().map(read).collect()
}

/// A plant with a hall at exactly 50 % and miners that are at full power 20 ms after their relay.
fn plant(site: &Site) -> Arc<Mutex<Plant>> {
    let hall = HallLoad::recorded(&site.hall, Series::steady(Share::from_ppm(500_000)));
    let curves = Curves { boot: Duration::ZERO, ramp: Duration::ZERO, ..Curves::brisk() };
    Arc::new(Mutex::new(Plant::with(site, 1, hall, curves)))
}

fn start(site: &Site) -> (Emulator, Arc<Mutex<Plant>>) {
    let plant = plant(site);
    let emulator = Emulator::start(site, (&profiles(), &[]), Arc::clone(&plant), Clock::start(), &Handle::current());
    (emulator.unwrap(), plant)
}

/// Sends one request as bytes and returns the function code and payload of the answer.
fn ask(stream: &mut TcpStream, pdu: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = u8::try_from(pdu.len() + 1).unwrap();
    let frame: Vec<u8> = [&[0x12, 0x34, 0, 0, 0, length, 1], pdu].concat();
    stream.write_all(&frame)?;
    let mut head = [0; 7];
    stream.read_exact(&mut head)?;
    assert_eq!(head[..5], [0x12, 0x34, 0, 0, 0], "transaction and protocol come back");
    let mut answer = vec![0; usize::from(head[5]) - 1];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// Tries again until this gives something; a wait that ends in [`PATIENCE`].
async fn until<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let tried = async {
        loop {
            if let Some(found) = attempt().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, tried).await.expect("it did not become true in time")
}

const METERS: [&str; 3] = ["acuvim-ii", "sunspec-203", "schneider-pm5xxx"];

fn to(emulator: &Emulator, device: usize) -> SocketAddr {
    emulator.address(device).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meter_is_read_byte_by_byte() {
    let site = site(METERS, &["netio-powerpdu"]);
    let (emulator, plant) = start(&site);
    let mut poi = TcpStream::connect(to(&emulator, 0)).unwrap();
    // Read holding registers, from 12322, two of them.
    let answer = ask(&mut poi, &[3, 0x30, 0x22, 0, 2]).unwrap();
    assert_eq!(answer[..2], [3, 4]);
    let watts = f32::from_be_bytes([answer[2], answer[3], answer[4], answer[5]]);
    let truth = plant.lock().unwrap().poi().watts() as f32;
    assert!((watts - truth).abs() < truth * 0.002 && truth > 1.4e6, "{watts} for {truth}");
    // The whole block of 59; the frequency at its start is not in the register map and reads as zero.
    let block = ask(&mut poi, &[3, 0x30, 0, 0, 59]).unwrap();
    assert_eq!((block.len(), block[2], block[3]), (2 + 118, 0, 0));
    assert_eq!(block[2 + 68..2 + 72], answer[2..6]);
    // One register beyond the block, then a function the meter does not have, then a coil it does not have.
    assert_eq!(ask(&mut poi, &[3, 0x30, 0x3b, 0, 1]).unwrap(), [0x83, 2]);
    assert_eq!(ask(&mut poi, &[0x16, 0, 0, 0, 0, 0, 0]).unwrap(), [0x96, 1]);
    assert_eq!(ask(&mut poi, &[5, 0, 0, 0xff, 0]).unwrap(), [0x85, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn outlets_are_switched_byte_by_byte_and_the_power_follows() {
    let site = site(METERS, &["netio-powerpdu", "gude-expert-pdu"]);
    let (emulator, plant) = start(&site);
    let mut netio = TcpStream::connect(to(&emulator, 3)).unwrap();
    // NETIO: code 15 must write all outlets; three of eight are refused, eight are taken.
    assert_eq!(ask(&mut netio, &[15, 0, 101, 0, 3, 1, 0b111]).unwrap(), [0x8f, 3]);
    assert_eq!(ask(&mut netio, &[15, 0, 101, 0, 8, 1, 0b1010_0101]).unwrap(), [15, 0, 101, 0, 8]);
    assert_eq!(ask(&mut netio, &[1, 0, 101, 0, 8]).unwrap(), [1, 1, 0b1010_0101]);
    assert_eq!(plant.lock().unwrap().outlets(0), 0b1010_0101);
    let watts = until(async || {
        let answer = ask(&mut netio, &[4, 0, 200, 0, 1]).unwrap();
        let watts = u16::from_be_bytes([answer[2], answer[3]]);
        (watts > 13_000).then_some(watts)
    })
    .await;
    assert!((13_800..=14_000).contains(&watts), "four units of 3.5 kW: {watts}");
    // GUDE: one coil at a time.
    let mut gude = TcpStream::connect(to(&emulator, 4)).unwrap();
    assert_eq!(ask(&mut gude, &[5, 0, 7, 0xff, 0]).unwrap(), [5, 0, 7, 0xff, 0]);
    assert_eq!(ask(&mut gude, &[5, 0, 8, 0xff, 0]).unwrap(), [0x85, 2], "there is no ninth outlet");
    assert_eq!(ask(&mut gude, &[1, 0, 0, 0, 8]).unwrap(), [1, 1, 0b1000_0000]);
    let plant = plant.lock().unwrap();
    assert_eq!((plant.outlets(0), plant.outlets(1)), (0b1010_0101, 0b1000_0000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_measures_nothing_switches_what_the_meter_of_its_group_shows() {
    let mut site = site([METERS[0], METERS[1], METERS[2]], &["relay-board"]);
    let meter = ballast::site::Device {
        name: "group-0-meter".into(),
        profile: "eastron-sdm630".into(),
        address: "127.0.0.1:0".parse().unwrap(),
        ..site.devices[3].clone()
    };
    site.devices.push(meter);
    site.groups[0].paths[0].meter = Some(4);
    let (emulator, _) = start(&site);
    let mut board = tcp::connect(to(&emulator, 3)).await.unwrap();
    let mut meter = tcp::connect(to(&emulator, 4)).await.unwrap();
    let power = profiles()["eastron-sdm630"].power.clone().unwrap();
    let mut shows = async || {
        let words = meter.read_input_registers(power.block.address, power.block.count).await.unwrap().unwrap();
        power.decode(&words).unwrap()
    };
    assert_eq!(shows().await, Power::ZERO);
    board.write_multiple_coils(0, &[true, true, true, false]).await.unwrap().unwrap();
    assert_eq!(board.read_coils(0, 4).await.unwrap().unwrap(), [true, true, true, false]);
    let shown = until(async || Some(shows().await).filter(|shown| *shown > Power::from_watts(10_000))).await;
    assert!(shown < Power::from_watts(10_700), "three units of 3.5 kW: {shown}");
    assert_eq!(
        board.read_input_registers(0, 2).await.unwrap(),
        Err(ExceptionCode::IllegalDataAddress),
        "the board itself measures nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_common_client_reads_and_switches() {
    let site = site(METERS, &["gude-expert-pdu"]);
    let (emulator, plant) = start(&site);
    let profiles = profiles();
    for (device, truth) in [(0, 1_400), (1, 1_400), (2, 0)] {
        let mut client = tcp::connect(to(&emulator, device)).await.unwrap();
        let profile = &profiles[METERS[device]];
        for expect in &profile.expect {
            let words = client.read_holding_registers(expect.block.address, expect.block.count).await.unwrap().unwrap();
            assert_eq!(words, expect.words);
        }
        let power = profile.power.as_ref().unwrap();
        let words = client.read_holding_registers(power.block.address, power.block.count).await.unwrap().unwrap();
        let shown = power.decode(&words).unwrap();
        assert!((shown - Power::from_kilowatts(truth)).watts().abs() < 40_000, "meter {device} shows {shown}");
    }
    let mut pdu = tcp::connect(to(&emulator, 3)).await.unwrap();
    pdu.write_multiple_coils(0, &[true, false, true]).await.unwrap().unwrap();
    assert_eq!(pdu.read_coils(0, 8).await.unwrap().unwrap()[..4], [true, false, true, false]);
    assert_eq!(pdu.read_holding_registers(0, 1).await.unwrap(), Err(ExceptionCode::IllegalDataAddress));
    until(async || (plant.lock().unwrap().group_power(0) > Power::from_kilowatts(6)).then_some(())).await;
    pdu.write_single_coil(0, false).await.unwrap().unwrap();
    pdu.write_single_coil(2, false).await.unwrap().unwrap();
    until(async || (plant.lock().unwrap().miners() == Power::ZERO).then_some(())).await;
    let poi = plant.lock().unwrap().poi();
    assert!(poi < Power::from_kilowatts(1_440), "{poi}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unplugged_device_ends_its_connections_and_comes_back() {
    let site = site(METERS, &["gude-expert-pdu"; 2]);
    let (emulator, plant) = start(&site);
    let (address, coil_one_on, read) = (to(&emulator, 3), [5, 0, 0, 0xff, 0], [1, 0, 0, 0, 8]);
    let mut pdu = TcpStream::connect(address).unwrap();
    ask(&mut pdu, &coil_one_on).unwrap();
    emulator.unplug(3, true);
    until(async || ask(&mut pdu, &read).is_err().then_some(())).await;
    until(async || {
        let refused = TcpStream::connect(address).err()?.kind();
        (refused == ErrorKind::ConnectionRefused).then_some(())
    })
    .await;
    assert_eq!(plant.lock().unwrap().outlets(0), 1, "the outlets stay as they were");
    assert!(ask(&mut TcpStream::connect(to(&emulator, 4)).unwrap(), &read).is_ok(), "the others answer");
    emulator.unplug(3, false);
    let answer = until(async || ask(&mut TcpStream::connect(address).ok()?, &read).ok()).await;
    assert_eq!(answer, [1, 1, 1]);
    emulator.stop();
    until(async || TcpStream::connect(address).is_err().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pdu_takes_only_as_many_connections_as_it_has() {
    let site = site(METERS, &["netio-powerpdu"]);
    let (emulator, _plant) = start(&site);
    let read = [1, 0, 101, 0, 8];
    let mut first = TcpStream::connect(to(&emulator, 3)).unwrap();
    ask(&mut first, &read).unwrap();
    let mut second = TcpStream::connect(to(&emulator, 3)).unwrap();
    assert!(ask(&mut second, &read).is_err(), "the second connection is closed at once");
    ask(&mut first, &read).unwrap();
    drop(first);
    until(async || ask(&mut TcpStream::connect(to(&emulator, 3)).ok()?, &read).ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_named_with_the_next_step() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut site = site(METERS, &["netio-powerpdu"]);
    site.devices[3].address = taken.local_addr().unwrap();
    let refused = |site: &Site| {
        Emulator::start(site, (&profiles(), &[]), plant(site), Clock::start(), &Handle::current()).unwrap_err()
    };
    let message = refused(&site).to_string();
    assert!(
        message.starts_with(&format!("device `pdu-0`: cannot listen on {}", taken.local_addr().unwrap())),
        "{message}"
    );
    assert!(
        message.ends_with("is another emulator running? end it, or change the address in the site file"),
        "{message}"
    );
    site.devices[3].profile = "no-such-pdu".into();
    let refused = refused(&site);
    assert!(matches!(&refused, CannotStart::NoProfile { profile, .. } if profile == "no-such-pdu"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_while_the_plant_is_held_does_not_end_the_site() {
    let site = site(METERS, &["gude-expert-pdu"]);
    let (emulator, plant) = start(&site);
    let held = Arc::clone(&plant);
    let panicked = std::thread::spawn(move || {
        let _held = held.lock().unwrap();
        panic!("on purpose: the lock is poisoned now");
    });
    assert!(panicked.join().is_err() && plant.is_poisoned());
    let mut pdu = TcpStream::connect(to(&emulator, 3)).unwrap();
    ask(&mut pdu, &[5, 0, 1, 0xff, 0]).unwrap();
    assert_eq!(plant.lock().unwrap_or_else(PoisonError::into_inner).outlets(0), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_of_sixty_pdus_needs_few_open_files() {
    let site = site(METERS, &["netio-powerpdu"; 60]);
    let (emulator, plant) = start(&site);
    let mut all: Vec<TcpStream> = (0..63).map(|device| TcpStream::connect(to(&emulator, device)).unwrap()).collect();
    for (group, pdu) in all.iter_mut().skip(3).enumerate() {
        let on = u8::try_from(group).unwrap();
        ask(pdu, &[15, 0, 101, 0, 8, 1, on]).unwrap();
        assert_eq!(plant.lock().unwrap().outlets(group), u64::from(on));
    }
    // A listener, its connection and the client's end for each device; tests of the same process have theirs.
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let open = open.count();
        assert!(open < 700, "{open} open files");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_started_long_ago_does_not_age_the_plant() {
    let site = site(METERS, &["gude-expert-pdu"]);
    let plant = plant(&site);
    let a_year_ago = Clock::start_at(Mono::START.after(Duration::from_secs(366 * 86_400)));
    let emulator =
        Emulator::start(&site, (&profiles(), &[]), Arc::clone(&plant), a_year_ago, &Handle::current()).unwrap();
    let mut pdu = TcpStream::connect(to(&emulator, 3)).unwrap();
    ask(&mut pdu, &[1, 0, 0, 0, 8]).unwrap();
    until(async || (plant.lock().unwrap().at() > Mono::from_millis(50)).then_some(())).await;
    assert!(plant.lock().unwrap().at() < Mono::from_millis(60_000));
}
