//! Certificates as a reader of the manual makes them: its own commands, run by `sh` and openssl; and those that are to be refused.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with what the manual's commands make.
pub(crate) struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    /// For a device at this address.
    pub(crate) fn of(address: &str) -> Self {
        let manual = include_str!("../../docs/devices.md");
        let commands = manual.split("```sh\n").map(|rest| rest.split("```").next().unwrap());
        let commands =
            commands.into_iter().find(|block| block.contains("openssl req -x509")).expect("the manual has it");
        assert!(
            commands.contains("IP:192.0.2.21"),
            "the address that the manual has, to be replaced by that of the test"
        );
        let made = Self { folder: tempfile::tempdir().unwrap() };
        made.sh(&commands.replace("IP:192.0.2.21", &format!("IP:{address}")));
        made
    }

    /// More, from commands in the same folder, with the manual's `ask` and `sign` at hand.
    pub(crate) fn sh(&self, commands: &str) {
        let manual = include_str!("../../docs/devices.md");
        let words = manual.lines().filter(|line| line.starts_with("ask() {") || line.starts_with("sign() {"));
        let script = [words.collect::<Vec<_>>().join("\n"), commands.to_owned()].join("\n");
        let output = Command::new("sh").args(["-e", "-c", &script]).current_dir(self.folder.path()).output();
        let output = output.expect("there is a shell");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "openssl, which integration/test brings: {said}\n{script}");
    }

    /// One whose time was over before it was looked at, for the request `server`.
    pub(crate) fn expired(&self) {
        let settings = "[ca]\ndefault_ca=it\n[it]\ndatabase=index.txt\nnew_certs_dir=.\nserial=ca.srl\ndefault_md=sha256\n\
            policy=any\ncertificate=ca.pem\nprivate_key=ca.key\nunique_subject=no\n[any]\ncommonName=supplied\n";
        std::fs::write(self.path("ca.cnf"), settings).unwrap();
        self.sh(
            "touch index.txt; openssl ca -batch -notext -config ca.cnf -in server.csr -extfile server.ext -out expired.pem \
             -startdate 20200101000000Z -enddate 20210101000000Z",
        );
    }

    /// Another authority in the folder `other`, with a certificate of its own for that somebody.
    pub(crate) fn stranger(&self) {
        self.guest();
        self.sh("mkdir other; cp guest.key guest.csr guest.ext server.csr server.ext other; cd other\n\
             openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj '/CN=other' -keyout ca.key -out ca.pem\n\
             sign guest; sign server");
    }

    /// Somebody of our CA without a role.
    pub(crate) fn guest(&self) {
        self.sh("ask guest; printf 'extendedKeyUsage=clientAuth\\n' >guest.ext; sign guest");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}
