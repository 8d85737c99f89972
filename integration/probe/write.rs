//! `ballast probe SITE --write FILE`: what it corrects before devices on real sockets, what it only notes, and that it writes over nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::peers::process::{Process, ballast};
use crate::peers::site::Small;

/// A site on the wire, and the folder of the file that is to be corrected.
struct Bench {
    folder: TempDir,
    small: Small,
    right: String,
    _emulator: Process,
}

impl Bench {
    /// POI and hall stand behind one address, the house has a meter that says what it is, and one PDU has four outlets.
    fn new(test: u32) -> Self {
        let (folder, small) = (tempfile::tempdir().unwrap(), Small::new(test));
        let file = small.write(folder.path());
        let text = std::fs::read_to_string(&file).unwrap();
        let (poi, hall) = (small.address("poi"), small.address("hall"));
        let right = text
            .replace(
                &format!("address = \"{poi}\"\n"),
                &format!("address = \"{poi}\"\nunit_id = 5   # as its display says\n"),
            )
            .replace(&format!("address = \"{hall}\"\n"), &format!("address = \"{poi}\"\nunit_id = 6\n"))
            .replace("schneider-pm5xxx", "sunspec-meter");
        let (before, gude) = right.split_once("name = \"gude\"\nminers = 8\noutlets = 8").unwrap();
        let right = format!("{before}name = \"gude\"\nminers = 8\noutlets = 4{gude}");
        std::fs::write(&file, &right).unwrap();
        let mut emulator = ballast(&["emulate", &file, "--seed", "7"]).start();
        emulator.listens_on(&small.address("gude"));
        Self { folder, small, right, _emulator: emulator }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What is said of a file with these mistakes, and what was proposed.
    fn mended(&self, mistakes: &[(&str, &str)]) -> (Output, String, String) {
        let wrong = mistakes.iter().fold(self.right.clone(), |text, (right, wrong)| {
            assert!(text.contains(right), "{right}");
            text.replace(right, wrong)
        });
        std::fs::write(self.path("wrong.toml"), &wrong).unwrap();
        let output = probe(&self.path("wrong.toml"), &self.path("mended.toml"));
        let mended = std::fs::read_to_string(self.path("mended.toml")).unwrap_or_default();
        (output, wrong, mended)
    }
}

fn probe(site: &Path, write: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ballast")).arg("probe").arg(site).arg("--write").arg(write).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

/// The lines of one text that the other does not have.
fn only<'a>(these: &'a str, those: &str) -> Vec<&'a str> {
    these.lines().filter(|line| !those.lines().any(|other| other == *line)).collect()
}

#[test]
fn what_a_device_says_of_itself_is_corrected_and_the_rest_stays_as_it_was() {
    let bench = Bench::new(20);
    let (output, wrong, mended) = bench.mended(&[
        ("unit_id = 6", "unit_id = 7"),
        ("sunspec-meter", "schneider-pm5xxx"),
        ("miners = 8\noutlets = 4", "miners = 8\noutlets = 8 # twice four"),
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let mut added = only(&mended, &wrong);
    added.sort_unstable();
    assert_eq!(
        added,
        [
            "outlets = 4 # twice four  # probe: was 8; it refuses more; look at `miners` and `watts` too",
            "profile = \"sunspec-meter\"  # probe: was \"schneider-pm5xxx\"; it says so itself, and is no schneider-pm5xxx",
            "unit_id = 6  # probe: was 7; nobody answers to 7",
        ],
        "{}",
        said(&output)
    );
    assert_eq!(wrong.lines().count(), mended.lines().count());
    assert!(said(&output).contains("-unit_id = 7\n+unit_id = 6  # probe: was 7"), "{}", said(&output));
    assert!(said(&output).contains("3 values changed and 0 findings as comments; it loads"), "{}", said(&output));
    let again = probe(&bench.path("mended.toml"), &bench.path("again.toml"));
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    assert!(said(&again).contains("not written: there is nothing to correct") && !bench.path("again.toml").exists());
}

#[test]
fn what_nobody_can_know_is_a_comment_and_no_value() {
    let bench = Bench::new(21);
    let (output, wrong, mended) = bench.mended(&[
        ("name = \"poi-meter\"\nprofile = \"acuvim-ii\"", "name = \"poi-meter\"\nprofile = \"janitza-umg\""),
        (&bench.small.address("netio"), &bench.small.address("sun")),
    ]);
    assert_eq!(only(&wrong, &mended), [""; 0], "{}", said(&output));
    let added = only(&mended, &wrong);
    assert!(added.iter().all(|line| line.starts_with("# probe: ")), "{added:?}");
    let has = |words: &str| assert!(added.iter().any(|line| line.contains(words)), "{words}: {added:?}");
    has("poi-meter: what answers there goes with acuvim-ii, and does not say what it is");
    has("netio: no connection; check its power, address and port");
    assert!(said(&output).contains("0 values changed"), "{}", said(&output));
}

#[test]
fn nothing_is_written_over_and_a_folder_that_is_not_there_is_named() {
    let bench = Bench::new(22);
    std::fs::write(bench.path("mended.toml"), "mine\n").unwrap();
    let (output, _, mended) = bench.mended(&[("unit_id = 6", "unit_id = 7")]);
    assert_eq!((output.status.code(), mended.as_str()), (Some(2), "mine\n"));
    assert!(
        said(&output).contains("is there already, and nothing is written over it; give another name"),
        "{}",
        said(&output)
    );
    let nowhere = probe(&bench.path("wrong.toml"), &bench.path("no/mended.toml"));
    assert!(nowhere.status.code() == Some(2) && said(&nowhere).contains("make it first"), "{}", said(&nowhere));
    let left: Vec<_> = std::fs::read_dir(bench.folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "nothing is left lying: {left:?}");
}
