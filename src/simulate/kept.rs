//! A schedule that broke a promise once, as a file that is replayed for ever: the site, the seed, how long, the faults, the promise.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::episode::{Episode, Setting};
use super::fault::{Class, Fault, Weather};
use super::shrink::Small;
use super::swarm::Swarm;
use crate::journal::sha256;
use crate::time::Mono;

/// Longest run of a file, in seconds: a day.
const LONGEST_S: u64 = 86_400;
/// Most faults of a file.
const MOST: usize = 100_000;

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Name of the site.
    pub site: String,
    /// SHA-256 of the text of its file when this was kept.
    pub site_sha256: String,
    /// The promise that was broken, by name.
    pub promise: String,
    /// What was seen.
    pub seen: String,
    /// The known bug that was planted, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sabotage: Option<String>,
    /// The seed of the world.
    pub seed: u64,
    /// How long it runs.
    pub span_s: u64,
    /// How long nothing must be wrong until everything usable is looked for.
    pub calm_s: u64,
    /// The faults, in the order in which they begin.
    pub faults: Vec<KeptFault>,
}

/// One fault in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptFault {
    class: String,
    from_us: u64,
    to_us: u64,
    target: usize,
    degree: i64,
}

impl Kept {
    /// What is kept of a broken promise.
    pub fn of(setting: &Setting<'_>, small: &Small, sabotage: Option<&str>) -> Self {
        let text = setting.files.first().map_or("", |(_, _, text)| text.as_str());
        let kept = |fault: &Fault| KeptFault {
            class: fault.class.name().to_owned(),
            from_us: fault.from.micros(),
            to_us: fault.to.micros(),
            target: fault.target,
            degree: fault.degree,
        };
        Self {
            site: setting.site.name.clone(),
            site_sha256: sha256(text.as_bytes()),
            promise: small.broken.promise.name().to_owned(),
            seen: small.broken.to_string(),
            sabotage: sabotage.map(str::to_owned),
            seed: small.seed,
            span_s: small.span.as_secs(),
            calm_s: setting.weather.calm.as_secs(),
            faults: small.faults.iter().map(kept).collect(),
        }
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// From the text of a file.
    ///
    /// # Errors
    /// What is wrong with it, in one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let kept: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        kept.schedule()?;
        match kept {
            Self { span_s, .. } if span_s > LONGEST_S => Err(format!("span_s is above {LONGEST_S}")),
            Self { calm_s, .. } if calm_s > LONGEST_S => Err(format!("calm_s is above {LONGEST_S}")),
            kept => Ok(kept),
        }
    }

    /// Its faults.
    fn schedule(&self) -> Result<Vec<Fault>, String> {
        if self.faults.len() > MOST {
            return Err(format!("more than {MOST} faults"));
        }
        let fault = |kept: &KeptFault| {
            let class = Class::named(&kept.class).ok_or_else(|| format!("no such fault: `{}`", kept.class))?;
            let (from, to) = (Mono::from_micros(kept.from_us), Mono::from_micros(kept.to_us));
            Ok(Fault { class, from, to, target: kept.target, degree: kept.degree })
        };
        let mut faults = self.faults.iter().map(fault).collect::<Result<Vec<_>, String>>()?;
        faults.sort_by_key(|fault| fault.from);
        Ok(faults)
    }

    /// Whether the site's file is still the one this was kept with.
    pub fn is_of(&self, setting: &Setting<'_>) -> bool {
        setting.files.first().is_some_and(|(_, _, text)| sha256(text.as_bytes()) == self.site_sha256)
    }

    /// Runs it with today's code, and decides its journal again.
    ///
    /// # Errors
    /// Where it names a class of faults that there is not.
    pub fn again(&self, setting: &Setting<'_>) -> Result<(Episode, Vec<Vec<u8>>), String> {
        let faults = self.schedule()?;
        let weather = Weather { calm: Duration::from_secs(self.calm_s), ..setting.weather.clone() };
        let swarm = Swarm(Setting { span: Duration::from_secs(self.span_s), weather: &weather, ..*setting });
        let (mut episode, lines) = swarm.recorded(self.seed, Some(faults));
        swarm.decide_again(&mut episode, &lines);
        Ok((episode, lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"site": "demo", "site_sha256": "00", "promise": "limit", "seen": "x", "seed": 3, "span_s": 60,
        "calm_s": 425, "faults": [{"class": "killed", "from_us": 1, "to_us": 2, "target": 0, "degree": 5}]}"#;

    #[test]
    fn a_kept_schedule_comes_back_as_it_was() {
        let kept = Kept::parse(TEXT).unwrap();
        assert_eq!((kept.seed, kept.faults.len()), (3, 1));
        assert_eq!(Kept::parse(&kept.text()).unwrap(), kept);
    }

    #[test]
    fn a_file_that_is_not_understood_is_refused() {
        let refused = |from: &str, to: &str| Kept::parse(&TEXT.replace(from, to)).unwrap_err();
        assert!(refused("killed", "kiled").contains("no such fault: `kiled`"));
        assert!(refused("\"span_s\": 60", "\"span_s\": 600000").contains("span_s is above"));
        assert!(refused("\"seed\": 3,", "").contains("seed"));
    }
}
