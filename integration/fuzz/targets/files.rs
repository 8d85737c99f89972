//! Site files and device files: any text gives a site, or problems that can be shown; and what was accepted can be lived with.

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
        Err(problems) => return can_be_shown(&problems, text),
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
        Err(problems) => return can_be_shown(&problems, text),
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

fn can_be_shown(problems: &Problems, text: &str) {
    assert!(!problems.all().is_empty(), "refused without a reason");
    // Drawing them takes a hundred times as long as finding them: one input in 32 is drawn, and always the same ones.
    if text.bytes().fold(0, u8::wrapping_add) % 32 == 0 {
        assert!(!problems.render(false).is_empty());
        assert_eq!(problems.json().as_array().map(Vec::len), Some(problems.all().len()));
    }
}

fn known() -> &'static [KnownProfile<'static>] {
    static KNOWN: OnceLock<Vec<KnownProfile<'static>>> = OnceLock::new();
    KNOWN.get_or_init(|| shipped().iter().map(Profile::known).collect())
}

pub(super) fn site_seeds() -> Seeds {
    let bare: Vec<&str> = site::TEXT.lines().map(|line| line.split('#').next().unwrap_or("").trim_end()).collect();
    let bare = bare.join("\n");
    vec![
        seed("small", bare.as_str()),
        seed("broken", bare.replace("4 s", "4").replace("north", "süd").as_str()),
        seed("half", bare.get(..bare.len() / 2).unwrap_or("")),
        seed("dotted", "poi.import_limit = \"4 MW\"\npoi.guard = { kind = \"relay\", trips_within = \"1 s\" }\n"),
    ]
}

pub(super) fn device_seeds() -> Seeds {
    SHIPPED.iter().map(|(name, text)| seed(name, *text)).collect()
}

/// Every word of the shipped files that stands before a `=` or in quotes.
pub(super) fn words() -> Vec<String> {
    let texts = SHIPPED.iter().map(|(_, text)| *text).chain([site::TEXT]);
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
