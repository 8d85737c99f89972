//! The PEM files of a site's TLS: read once, before anything connects, and judged together with the site that names them.
//!
//! What is wrong with them is told at the line of the site file, all at once. Their content is shown to nobody.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::secret;
use crate::devices::wire::tls::{Client, Trust, Unfit, Why};
use crate::emulate;
use crate::site::check::Finding;
use crate::site::file::Places;
use crate::site::{Device, SecretRef, Site, Tls};
use crate::time::{Clock, Wall};

/// So long before our certificate runs out it is told.
const SOON: Duration = Duration::from_secs(30 * 24 * 3_600);
/// A file with these is open to everybody on the machine.
const OTHERS: u32 = 0o007;

/// What the devices of a site are shown and must prove, and what is wrong with the files.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// By device; nothing where it is spoken to without TLS.
    pub(super) clients: Vec<Option<Client>>,
    /// With any of these nothing connects.
    pub(super) errors: Vec<Finding>,
    /// What systemd hands over to `ballast run` alone: nothing is known of it here.
    pub(super) unseen: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
}

/// Reads the files of a site, each set of them once for all devices that share it.
pub(super) fn read(site: &Site) -> Keys {
    let mut keys = Keys::default();
    let mut sets: Vec<(&Tls, Option<Trust>)> = Vec::new();
    for device in &site.devices {
        let Some(tls) = &device.tls else {
            keys.clients.push(None);
            continue;
        };
        let known = sets.iter().position(|(known, _)| (&known.ca, &known.identity) == (&tls.ca, &tls.identity));
        let at = known.unwrap_or(sets.len());
        if known.is_none() {
            sets.push((tls, keys.trust(device, tls)));
        }
        let trust = sets.get(at).and_then(|(_, trust)| trust.as_ref());
        let client = trust.and_then(|trust| keys.client(device, tls, trust));
        keys.clients.push(client);
    }
    keys
}

impl Keys {
    fn trust(&mut self, device: &Device, tls: &Tls) -> Option<Trust> {
        let ca = self.file(device, "ca", &tls.ca);
        let pair = tls
            .identity
            .as_ref()
            .map(|own| (self.file(device, "certificate", &own.certificate), self.file(device, "key", &own.key)));
        if let Some(own) = &tls.identity {
            self.is_open(device, &own.key);
        }
        let (ca, pair) = match (ca, pair) {
            (Some(ca), None) => (ca, None),
            (Some(ca), Some((Some(certificate), Some(key)))) => (ca, Some((certificate, key))),
            _ => return None,
        };
        let own = pair.as_ref().map(|(certificate, key)| (certificate.as_slice(), key.as_slice()));
        match Trust::read(&ca, own) {
            Ok(trust) => {
                self.runs_out(device, tls, trust.until());
                Some(trust)
            }
            Err(unfit) => {
                self.errors.extend(unfit.iter().map(|unfit| finding(device, words(tls, unfit), help(unfit))));
                None
            }
        }
    }

    fn client(&mut self, device: &Device, tls: &Tls, trust: &Trust) -> Option<Client> {
        let name = tls.server_name.as_deref();
        let client = trust.client(device.address.ip(), name);
        if client.is_none() {
            let message = format!("server_name `{}` is no name and no IP address", name.unwrap_or_default());
            self.errors.push(finding(device, message, "write a name that stands in the device's certificate"));
        }
        client
    }

    fn file(&mut self, device: &Device, key: &str, from: &SecretRef) -> Option<Vec<u8>> {
        match secret::pem(from) {
            Ok(bytes) => Some(bytes),
            Err(why) => {
                let found =
                    finding(device, format!("{key} {why}"), "give the path of a PEM file that this user can read");
                let absent = matches!(from, SecretRef::Credential(_)) && !secret::has_credentials();
                if absent { &mut self.unseen } else { &mut self.errors }.push(found);
                None
            }
        }
    }

    /// A key that everybody on the machine can read is nobody's.
    fn is_open(&mut self, device: &Device, key: &SecretRef) {
        let SecretRef::File(path) = key else { return };
        let mode = std::fs::metadata(path).map_or(0, |file| file.permissions().mode());
        if mode & OTHERS != 0 {
            let message = format!("key {path} is open to everybody on this machine (mode {:03o})", mode & 0o777);
            self.warnings.push(finding(device, message, format!("chmod 600 {path}, or 640 and a group of its own")));
        }
    }

    fn runs_out(&mut self, device: &Device, tls: &Tls, until: Option<Wall>) {
        let (Some(until), Some(own)) = (until, &tls.identity) else { return };
        let now = Clock::start().now().wall;
        if until > now.after(SOON) {
            return;
        }
        let is = if until <= now { "ran out on" } else { "holds only until" };
        let message = format!("certificate {} {is} {}", path(&own.certificate), day(until));
        self.warnings.push(finding(device, message, "renew it: devices will not take it after that day"));
    }
}

/// What the emulated devices show, from a folder with `ca.pem`, `server.pem` and `server.key`.
pub(super) fn of_emulator(folder: &Path) -> Result<emulate::tls::Keys, String> {
    let file = |name: &str| secret::pem(&SecretRef::File(folder.join(name).display().to_string()));
    let help = "docs/devices.md says how to make it";
    let read = |name: &str| file(name).map_err(|why| format!("{why}; {help}"));
    let (ca, certificate, key) = (read("ca.pem")?, read("server.pem")?, read("server.key")?);
    emulate::tls::Keys::read(&ca, &certificate, &key).map_err(|why| format!("{}: {why}; {help}", folder.display()))
}

/// The day of a moment, for people.
pub(super) fn day(at: Wall) -> String {
    at.to_string().split('T').next().unwrap_or_default().to_owned()
}

fn finding(device: &Device, message: impl Into<String>, help: impl Into<String>) -> Finding {
    let at = format!("{}.tls", Places::device(&device.name));
    Finding { at, message: format!("tls of `{}`: {}", device.name, message.into()), help: help.into() }
}

/// A secret's place, as it is written after the colon.
fn path(of: &SecretRef) -> &str {
    let (SecretRef::Env(name) | SecretRef::File(name) | SecretRef::Credential(name)) = of;
    name
}

fn words(tls: &Tls, unfit: &Unfit) -> String {
    let own = |part: fn(&crate::site::Identity) -> &SecretRef| tls.identity.as_ref().map_or("", |own| path(part(own)));
    match unfit {
        Unfit::Ca(_) => format!("ca {}: {unfit}", path(&tls.ca)),
        Unfit::Certificate(_) => format!("certificate {}: {unfit}", own(|own| &own.certificate)),
        Unfit::Key(_) => format!("key {}: {unfit}", own(|own| &own.key)),
        Unfit::NotAPair => {
            format!("key {} does not go with certificate {}", own(|own| &own.key), own(|own| &own.certificate))
        }
    }
}

fn help(unfit: &Unfit) -> &'static str {
    match unfit {
        Unfit::NotAPair => "give both from the same request for a certificate",
        Unfit::Key(Why::Absent(_)) => {
            "a key begins with -----BEGIN PRIVATE KEY-----; one with a password: openssl pkey -in OLD -out NEW"
        }
        Unfit::Ca(Why::Absent(_)) | Unfit::Certificate(Why::Absent(_)) => {
            "a certificate begins with -----BEGIN CERTIFICATE-----; from DER: openssl x509 -inform der -in OLD -out NEW"
        }
        _ => "make it anew, or take it again from where it was made",
    }
}
