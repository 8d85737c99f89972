//! The decision as a replay needs it: the site from its file by hash, the memory from its keyframe, the same `decide`.

use crate::decide::{Memory, Standing, decide};
use crate::journal::{Decider, FileSeen};
use crate::plan::Plan;
use crate::site::file::load;
use crate::snapshot::Snapshot;

/// Decides again what a journal recorded.
#[derive(Default)]
pub struct Again {
    standing: Option<Standing>,
    memory: Memory,
}

impl Decider for Again {
    fn boot(&mut self) {
        *self = Self::default();
    }

    fn file(&mut self, file: &FileSeen, bytes: &[u8]) -> Result<(), String> {
        if file.role == "site" {
            let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
            self.standing = Some(Standing::new(load(&file.name, text).map_err(|problems| problems.to_string())?));
        }
        Ok(())
    }

    fn restore(&mut self, memory: &str) -> Result<(), String> {
        self.memory = serde_json::from_str(memory).map_err(|error| error.to_string())?;
        let standing = self.standing.as_ref().ok_or("a keyframe without a site file before it")?;
        if self.memory.fits(&standing.site) { Ok(()) } else { Err("the memory is of another site".into()) }
    }

    fn decide(&mut self, snapshot: &Snapshot) -> Plan {
        let Some(standing) = &self.standing else { return Plan::default() };
        let (plan, memory) = decide(standing, std::mem::take(&mut self.memory), snapshot);
        self.memory = memory;
        plan
    }

    fn memory_json(&self) -> String {
        serde_json::to_string(&self.memory).unwrap_or_default()
    }
}
