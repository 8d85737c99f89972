//! Tariffs: bills that a referee reckoned as well, and files with mistakes.

mod account;
mod files;
mod manual;
mod marginal;
mod peers;
mod ratchets;
mod referee;
mod verbs;
mod written;
mod years;

use std::path::{Path, PathBuf};

/// Real rates and loads beside the project. They are not part of it: where they are not, that is said, and passed over.
fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tariffs").join(path);
    if !path.exists() {
        eprintln!("skipped: {} is not there; real rates are not part of the repository", path.display());
        return None;
    }
    Some(path)
}
