//! Site files and device files: any text gives a site, or problems that can be shown; and what was accepted can be lived with.
//! Showing problems takes a hundred times as long as finding them, so it has a target of its own, with short texts.

use std::sync::OnceLock;

use ballast::decide::{Memory, Standing};
use ballast::devices::Profile;
use ballast::devices::profile::SHIPPED;
use ballast::devices::profile::serve::Shown;
use ballast::document::Problems;
use ballast::site::check::{KnownProfile, check};
use ballast::site::file::load_placed;
use ballast::snapshot::{NoData, Orders};
use ballast::units::Power;
use tokio_modbus::Request;

use super::registers::shipped;
use super::{Seeds, seed, site};

/// More groups than this are not decided for: the text is what is tried here, and fast.
const MOST_GROUPS: usize = 64;

/// A site file.
pub(super) fn site(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (site, places) = match load_placed("site.toml", text) {
        Ok(read) => read,
        Err(problems) => return are_told(&problems, text),
    };
    let report = check(&site, known(), Some(Power::ZERO));
    for finding in report.errors.iter().chain(&report.warnings) {
        let span = places.of(&finding.at);
        assert!(text.get(span).is_some(), "{} stands nowhere in the file", finding.at);
    }
    if report.errors.is_empty() && site.groups.len() <= MOST_GROUPS {
        let standing = Standing::new(site);
        let memory = Memory::new(&standing.site);
        site::run(&standing, memory, 4, Orders::default());
    }
}

/// A device file.
pub(super) fn device(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let profile = match Profile::parse("device.toml", text) {
        Ok(profile) => profile,
        Err(problems) => return are_told(&problems, text),
    };
    let requests = [Request::ReadHoldingRegisters(0, 1), Request::ReadInputRegisters(u16::MAX, 125)];
    for (request, power) in requests.into_iter().zip([Ok(Power::from_watts(-1)), Err(NoData::NotAvailable)]) {
        drop(profile.answer(&request, &Shown { power, on: 1, outlets: 8 }));
    }
    if let Some(point) = &profile.power {
        let _ = point.decode(&vec![0; usize::from(point.block.count)]);
        drop(point.encode(Ok(Power::MAX)));
    }
}

/// First byte: a site file or a device file, with or without colour. The rest: its text. What is wrong with it is shown.
pub(super) fn problem(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let problems = match first & 1 {
        0 => load_placed("site.toml", text).err(),
        _ => Profile::parse("device.toml", text).err(),
    };
    if let Some(problems) = problems {
        can_be_shown(&problems, first & 2 != 0);
    }
}

pub(super) fn are_told(problems: &Problems, text: &str) {
    assert!(!problems.all().is_empty(), "refused without a reason");
    // Long texts are shown now and then, and always the same ones.
    if text.bytes().fold(0_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 512 == 0 {
        can_be_shown(problems, false);
    }
}

fn can_be_shown(problems: &Problems, color: bool) {
    assert!(!problems.render(color).is_empty());
    assert_eq!(problems.json().as_array().map(Vec::len), Some(problems.all().len()));
}

fn known() -> &'static [KnownProfile<'static>] {
    static KNOWN: OnceLock<Vec<KnownProfile<'static>>> = OnceLock::new();
    KNOWN.get_or_init(|| shipped().iter().map(Profile::known).collect())
}

/// Without its comments: half of a file, and nothing is learnt from their letters.
pub(super) fn bare(text: &str) -> String {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or("").trim_end());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

pub(super) fn site_seeds() -> Seeds {
    let bare = bare(site::TEXT);
    vec![
        seed("small", bare.as_str()),
        seed("broken", bare.replace("4 s", "4").replace("north", "süd").as_str()),
        seed("half", bare.get(..bare.len() / 2).unwrap_or("")),
        seed("dotted", "poi.import_limit = \"4 MW\"\npoi.guard = { kind = \"relay\", trips_within = \"1 s\" }\n"),
    ]
}

pub(super) fn device_seeds() -> Seeds {
    SHIPPED.iter().map(|(name, text)| seed(name, bare(text).as_str())).collect()
}

pub(super) fn problem_seeds() -> Seeds {
    let texts = [
        "",
        "[poi]\nimport_limit = 4 MW\nwithin = \"4 h\"\n",
        "[[group]]\r\nname = \"süd\"\r\nfeeder = \"🦀\"\r\n\tname = \"x\"\n",
        "[[meter]]\nname = \"a\"\nprofil = \"b\"\naddress = \"127.0.0.1\"\npoll = \"\"\"\n5\nms\"\"\"\n",
        "name = \"x\"\n[power]\ntable = \"holding\"\naddress = 70000\ntype = \"f33\"\n",
        "[outlets]\nread = { table = \"coil\", address = -1, count = \"8\" }\n",
    ];
    let at = |(at, text): (u8, &str)| seed(&format!("text-{at}"), [&[at / 4 + (at & 1) * 2], text.as_bytes()].concat());
    (0..).zip(texts).map(at).collect()
}

/// Every word of the shipped files that stands before a `=` or in quotes.
pub(super) fn words() -> Vec<String> {
    words_of(SHIPPED.iter().map(|(_, text)| *text).chain([site::TEXT]))
}

/// The same of these texts.
pub(super) fn words_of<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in texts.flat_map(str::lines).filter(|line| !line.starts_with('#')) {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        all.extend([key.trim().to_owned(), value.trim().to_owned()]);
    }
    all.retain(|word| (2..40).contains(&word.len()));
    all.sort();
    all.dedup();
    all
}
