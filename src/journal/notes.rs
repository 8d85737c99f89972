//! The records of one sort, picked out of a journal without deciding anything again.

use std::ops::ControlFlow;
use std::path::Path;

use serde_json::Value;

use super::segments::{self, Shelf};

/// Every record of a journal whose kind is one of these, from the oldest. Only whole lines that no later start superseded.
///
/// # Errors
/// In words, where there is no journal in the folder, or it cannot be read.
pub fn notes(dir: &Path, kinds: &[&str]) -> Result<Vec<Value>, String> {
    let heads: Vec<String> = kinds.iter().map(|kind| format!("\"kind\":\"{kind}\"")).collect();
    let all = dir.list().map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut found = Vec::new();
    for (at, segment) in all.iter().enumerate() {
        let next = all.get(at + 1).map(|next| next.first);
        let walked = segments::walk_segment(dir, segment, next, &mut |line| {
            // The kind stands near the beginning of a line: most lines are passed over without being parsed.
            let head = line.bytes.get(..line.bytes.len().min(128)).unwrap_or_default();
            let is_asked = |kind: &String| head.windows(kind.len()).any(|part| part == kind.as_bytes());
            if line.ended && !line.superseded && heads.iter().any(is_asked) {
                found.extend(serde_json::from_slice::<Value>(line.bytes));
            }
            ControlFlow::Continue(())
        });
        let _ = walked.map_err(|error| format!("{}: {error}", segment.path.display()))?;
    }
    Ok(found)
}
