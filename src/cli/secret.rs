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
        SecretRef::Credential(name) => {
            let folder = std::env::var("CREDENTIALS_DIRECTORY").map_err(|_| {
                format!("there is no credential {name}: systemd did not start this; write env: or file: instead")
            })?;
            file(&format!("{folder}/{name}"))?
        }
    };
    let secret = text.lines().next().unwrap_or_default().to_owned();
    if secret.is_empty() { Err("the secret is empty".into()) } else { Ok(secret) }
}

fn file(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}; it is to hold the password"))
}
