//! Secrets, from where the site file says they are. They are read once, at the start, and stand in no file of ours.

use crate::site::SecretRef;

/// Reads a secret: without the line's end.
///
/// # Errors
/// Why it is not to be had, and what to do.
pub(super) fn read(from: &SecretRef) -> Result<String, String> {
    let text = match from {
        SecretRef::Env(name) => std::env::var(name).map_err(|_| format!("the variable {name} is not set; set it"))?,
        SecretRef::File(path) => file(path)?,
        SecretRef::Credential(name) => file(&credential(name)?)?,
    };
    let secret = text.lines().next().unwrap_or_default().to_owned();
    if secret.is_empty() { Err("the secret is empty".into()) } else { Ok(secret) }
}

/// Reads a PEM file whole.
///
/// # Errors
/// Its name, and why it cannot be read.
pub(super) fn pem(from: &SecretRef) -> Result<Vec<u8>, String> {
    let path = match from {
        SecretRef::Env(name) => return Err(format!("{name}: a variable holds no PEM file")),
        SecretRef::File(path) => path.clone(),
        SecretRef::Credential(name) => credential(name)?,
    };
    let size = std::fs::metadata(&path).map_err(|error| format!("{path}: {error}"))?.len();
    if size > MOST_PEM {
        return Err(format!("{path}: has {size} bytes, more than the {MOST_PEM} that are read"));
    }
    std::fs::read(&path).map_err(|error| format!("{path}: {error}"))
}

/// Longest PEM file: a hundred authorities and more.
const MOST_PEM: u64 = 1 << 20;

/// Whether systemd handed over anything.
pub(super) fn has_credentials() -> bool {
    std::env::var_os(CREDENTIALS).is_some()
}

/// Where systemd says that it handed things over.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

fn credential(name: &str) -> Result<String, String> {
    let folder = std::env::var(CREDENTIALS)
        .map_err(|_| format!("there is no credential {name}: systemd did not start this; write file: instead"))?;
    Ok(format!("{folder}/{name}"))
}

fn file(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}; it is to hold the password"))
}
