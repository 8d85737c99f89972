//! A journal as it may lie on a disk: anything is read to its end or refused with a reason, and a recorded line that was
//! changed is found.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ballast::decide::{Memory, decide};
use ballast::journal::held::Held;
use ballast::journal::tree::{Tree, base64, leaf};
use ballast::journal::{Boot, Decider, FileSeen, Recorder};
use ballast::plan::Plan;
use ballast::snapshot::{Orders, Snapshot};
use ballast::units::Power;

use super::{Seeds, seed, site};

const ORIGIN: &str = "small.ballast/journal";
/// The hash of the small site's file: made once, since only its name stands in a line.
const HASH: &str = include_str!("small.sha256");

/// Decides for the small site whatever the file says; otherwise as a replay does, memory included.
#[derive(Default)]
struct Small(Memory);

impl Decider for Small {
    fn boot(&mut self) {
        self.0 = Memory::default();
    }

    fn file(&mut self, _: &FileSeen, _: &[u8]) -> Result<(), String> {
        Ok(())
    }

    fn restore(&mut self, memory: &str) -> Result<(), String> {
        self.0 = serde_json::from_str(memory).map_err(|error| error.to_string())?;
        if self.0.fits(&site::small().site) { Ok(()) } else { Err("of another site".into()) }
    }

    fn decide(&mut self, snapshot: &Snapshot) -> Plan {
        let (plan, memory) = decide(site::small(), std::mem::take(&mut self.0), snapshot);
        self.0 = memory;
        plan
    }

    fn memory_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

/// Parts between bytes 0xFF: the checkpoint (`=` stands for one that fits), then segments. A segment may begin with `@` and the
/// number of its first record in a line of its own; without it, it goes on where the one before ended.
pub(super) fn recovery(data: &[u8]) {
    let mut held = placed(data);
    let mut report = held.verify().expect("memory can be read");
    drop(held.last_orders());
    let before = held.clone();
    if let Ok(records) = held.recover() {
        if held != before {
            let repaired = held.clone();
            assert_eq!(held.recover(), Ok(records), "what was repaired is whole");
            assert!(held == repaired, "a repair is done once");
            report = held.verify().expect("memory can be read");
        }
        assert_eq!(report.records, records, "verify and the writer count alike");
        assert!(!report.notes.iter().any(|note| note.what.contains("torn")), "a torn line was cut");
    }
    let replayed = held.replay(&mut Small::default()).expect("memory can be read");
    assert!(replayed.equal <= replayed.ticks, "{replayed}");
    assert!(!replayed.to_string().is_empty());
}

fn placed(data: &[u8]) -> Held {
    let mut parts = data.split(|byte| *byte == 0xFF);
    let checkpoint = parts.next().unwrap_or_default();
    let (mut tree, mut lines, mut segments) = (Tree::default(), 0, BTreeMap::new());
    for part in parts {
        let named = part.strip_prefix(b"@").and_then(|part| {
            let end = part.iter().position(|byte| *byte == b'\n')?;
            Some((std::str::from_utf8(&part[..end]).ok()?.parse().ok()?, &part[end + 1..]))
        });
        let (first, text) = named.unwrap_or((lines, part));
        for line in text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n")) {
            lines += 1;
            if checkpoint == b"=" {
                tree.push(leaf(line));
            }
        }
        segments.insert(first, text.to_vec());
    }
    let checkpoint = match checkpoint {
        b"" => None,
        b"=" => Some(checkpoint_of(&tree).into_bytes()),
        other => Some(other.to_vec()),
    };
    Held { checkpoint, segments, files: files() }
}

fn checkpoint_of(tree: &Tree) -> String {
    format!("{ORIGIN}\n{}\n{}\n", tree.size(), base64(&tree.root()))
}

fn files() -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([(HASH.trim().to_owned(), site::TEXT.as_bytes().to_vec())])
}

/// How many ticks the recorded journal has: each is hashed and read in every run.
const TICKS: u64 = 2;

/// A journal of a few ticks, in two segments, the last lines of it after the checkpoint.
struct Recorded {
    held: Held,
    /// What the checkpoint covers.
    covered: Vec<u8>,
    second: u64,
}

fn recorded() -> &'static Recorded {
    static RECORDED: OnceLock<Recorded> = OnceLock::new();
    RECORDED.get_or_init(|| {
        let standing = site::small();
        let names: Vec<String> = standing.site.groups.iter().map(|group| group.name.clone()).collect();
        let memory = Memory::new(&standing.site);
        let first = site::fresh(&standing.site, 0, &[], Orders::default());
        let boot = Boot { boot: "1".into(), version: "0".into(), reason: "first_start".into() };
        let site_file = FileSeen { role: "site".into(), name: "small.toml".into(), sha256: HASH.trim().into() };
        let json = |memory: &Memory| serde_json::to_string(memory).expect("memory is JSON");
        let mut recorder = Recorder::new(0);
        let mut lines = recorder.boot(first.now, &boot, &names);
        lines.extend(recorder.file(first.now.wall, &site_file));
        lines.extend(recorder.keyframe(&json(&memory)));
        let orders = Orders { cap: Some(Power::from_kilowatts(250)), ..Orders::default() };
        let mut second = 0;
        for (at, (snapshot, plan, kept)) in site::run(standing, memory, TICKS, orders).into_iter().enumerate() {
            lines.extend(recorder.tick(&snapshot, &plan));
            if at + 1 == TICKS as usize / 2 {
                second = lines.len();
                lines.extend(recorder.keyframe(&json(&kept)));
            }
        }
        let covered_lines = lines.len() - 2;
        let text =
            |lines: &[Vec<u8>]| lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect::<Vec<u8>>();
        let mut tree = Tree::default();
        lines[..covered_lines].iter().for_each(|line| tree.push(leaf(line)));
        let segments = BTreeMap::from([(0, text(&lines[..second])), (second as u64, text(&lines[second..]))]);
        let checkpoint = Some(checkpoint_of(&tree).into_bytes());
        let covered = text(&lines[..covered_lines]);
        let held = Held { checkpoint, segments, files: files() };
        assert!(held.verify().expect("memory can be read").is_whole(), "the journal that is tampered with is whole");
        Recorded { held, covered, second: second as u64 }
    })
}

/// Edits of four bytes: what, where (two), with which byte. The journal is whole afterwards only where no recorded line changed.
pub(super) fn tamper(data: &[u8]) {
    let recorded = recorded();
    let mut held = recorded.held.clone();
    for edit in data.chunks_exact(4).take(16) {
        edit_once(&mut held, edit, recorded.second);
    }
    // The same lines in the same order are the same journal, into whatever segments they are cut.
    let kept = begins_with(&held, &recorded.covered);
    let report = held.verify().expect("memory can be read");
    assert!(kept || !report.is_whole(), "a recorded line was changed, and the journal is told whole");
    assert!(held != recorded.held || report.is_whole(), "nothing was changed: {report}");
}

/// Whether the segments, one after the other, begin with these bytes.
fn begins_with(held: &Held, mut bytes: &[u8]) -> bool {
    for text in held.segments.values() {
        let both = text.len().min(bytes.len());
        if text[..both] != bytes[..both] {
            return false;
        }
        bytes = &bytes[both..];
    }
    bytes.is_empty()
}

fn edit_once(held: &mut Held, edit: &[u8], second: u64) {
    let (what, at, with) = (edit[0], usize::from(u16::from_be_bytes([edit[1], edit[2]])), edit[3]);
    let Some(text) = held.segments.get_mut(&if what & 1 == 0 { 0 } else { second }) else { return };
    let at = at % text.len().max(1);
    let line = |text: &[u8]| {
        let end = text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| at + end + 1);
        text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |start| start + 1)..end
    };
    match what >> 1 {
        _ if text.is_empty() => text.push(with),
        0 => text[at] = with,
        1 => text.insert(at, with),
        2 => drop(text.remove(at)),
        3 => text.truncate(at),
        4 => text[at] ^= 1 << (with % 8),
        5 => drop(text.drain(line(text))),
        6 => {
            let copy = text[line(text)].to_vec();
            let rest = text.split_off(at);
            text.extend_from_slice(&copy);
            text.extend_from_slice(&rest);
        }
        7 => text.rotate_left(at),
        8 => text.push(with),
        9 => {
            let rest = text.split_off(line(text).start);
            held.segments.insert(u64::from(with), rest);
        }
        _ => {}
    }
}

pub(super) fn recovery_seeds() -> Seeds {
    let held = &recorded().held;
    let segments: Vec<&[u8]> = held.segments.values().map(Vec::as_slice).collect();
    let checkpoint = held.checkpoint.as_deref().unwrap_or_default();
    let parts = |parts: &[&[u8]]| parts.join(&0xFF);
    let torn = segments[1].get(..segments[1].len() - 20).unwrap_or_default();
    let named = |first: &str, text: &[u8]| [b"@", first.as_bytes(), b"\n", text].concat();
    vec![
        seed("whole", parts(&[checkpoint, segments[0], segments[1]])),
        seed("fits", parts(&[b"=", segments[0]])),
        seed("torn", parts(&[b"", segments[0], torn])),
        seed("from-the-middle", parts(&[b"", segments[1]])),
        seed("again", parts(&[b"=", segments[0], &named("3", segments[0])])),
        seed("far", parts(&[b"", &named("18446744073709551615", segments[0])])),
    ]
}

pub(super) fn tamper_seeds() -> Seeds {
    let edit = |what: u8| vec![what << 1, 0, 40, b'7', (what << 1) | 1, 1, 200, b'9'];
    (0..10).map(|what| seed(&format!("edit-{what}"), edit(what))).collect()
}

/// Every key and word of a record.
pub(super) fn words() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for text in recorded().held.segments.values() {
        let text = String::from_utf8_lossy(text);
        let words = text.split('"').filter(|word| word.bytes().all(|b| b"_.".contains(&b) || b.is_ascii_lowercase()));
        all.extend(words.map(|word| format!("\"{word}\"")));
    }
    let kinds = ["audit.gap", "orders", "end", "part", "of", "lag", "groups", "commands", "limits", "intends", "from"];
    all.extend(kinds.map(|word| format!("\"{word}\"")));
    all.extend(["18446744073709551615", "-9223372036854775808", "9223372036854775807", "100000"].map(str::to_owned));
    all.retain(|word| word.len() > 3);
    all.sort();
    all.dedup();
    all
}
