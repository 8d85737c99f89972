//! The register maps that a site names: from `devices/` beside its file where there is such a file, else as shipped. One way
//! for every verb. It reads files and keeps what is wrong with them; whether the site can live with them is not judged here.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check;
use crate::devices::Profile;
use crate::devices::profile::SHIPPED;
use crate::document::Problems;
use crate::site::Site;
use crate::site::check::KnownProfile;

/// A device file: as it was found, and what came of it.
pub(super) struct Map {
    name: String,
    pub(super) file: String,
    pub(super) text: String,
    read: Result<Arc<Profile>, Problems>,
}

impl Map {
    fn parse(name: &str, file: String, text: Result<String, String>) -> Self {
        let (text, read) = match text {
            Ok(text) => {
                let read = Profile::parse(&file, &text).map(Arc::new);
                (text, read)
            }
            Err(why) => (String::new(), Err(Problems::of_file(&file, why))),
        };
        Self { name: name.to_owned(), file, text, read }
    }

    /// The file of this name; nothing where nobody has one.
    fn find(name: &str, beside: Option<&Path>) -> Option<Self> {
        let path = beside.map(|folder| folder.join("devices").join(format!("{name}.toml")));
        // A file that is there and cannot be read is a problem, and never a reason to take another one of that name.
        if let Some(path) = path.filter(|path| !is_absent(path)) {
            return Some(Self::parse(name, path.display().to_string(), check::read(&path)));
        }
        let text = Profile::builtin(name)?;
        Some(Self::parse(name, format!("sites/devices/{name}.toml"), Ok(text.to_owned())))
    }
}

fn is_absent(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// The register maps of one site.
pub(super) struct Maps {
    /// Those it names, in the order of its devices, each once. A name that nobody has is not among them.
    pub(super) named: Vec<Map>,
    /// The names of all others there are.
    others: Vec<String>,
}

impl Maps {
    /// Of this site.
    pub(super) fn of(site: &Site, beside: Option<&Path>) -> Self {
        let mut named: Vec<Map> = Vec::new();
        for device in &site.devices {
            if named.iter().all(|map| map.name != device.profile) {
                named.extend(Map::find(&device.profile, beside));
            }
        }
        let mut others: Vec<String> = SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
        others.extend(lie_beside(beside).iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())));
        others.retain(|name| named.iter().all(|map| map.name != *name));
        others.sort();
        others.dedup();
        Self { named, others }
    }

    /// All that lie beside a site file that cannot be read itself: which of them it names, nobody knows.
    pub(super) fn beside(beside: Option<&Path>) -> Self {
        let map = |path: &PathBuf| {
            Some(Map::parse(path.file_stem()?.to_str()?, path.display().to_string(), check::read(path)))
        };
        Self { named: lie_beside(beside).iter().filter_map(map).collect(), others: vec![] }
    }

    /// What the site is judged by.
    pub(super) fn known(&self) -> Vec<KnownProfile<'_>> {
        let unsaid = |name| KnownProfile { name, says: None };
        let known = |map: &Map| map.read.as_ref().ok().map(|profile| profile.known().says);
        let named = self.named.iter().map(|map| KnownProfile { name: &map.name, says: known(map).flatten() });
        named.chain(self.others.iter().map(|name| unsaid(name.as_str()))).collect()
    }

    /// What is wrong with them, file by file.
    pub(super) fn problems(&self) -> Vec<Problems> {
        self.named.iter().filter_map(|map| map.read.as_ref().err().cloned()).collect()
    }

    /// The register map of each device, where all could be read.
    pub(super) fn profiles(&self, site: &Site) -> Option<Vec<Arc<Profile>>> {
        let of = |name: &str| self.named.iter().find(|map| map.name == name)?.read.as_ref().ok().cloned();
        site.devices.iter().map(|device| of(&device.profile)).collect()
    }
}

/// The device files in the folder `devices` beside a site file, by name.
fn lie_beside(beside: Option<&Path>) -> Vec<PathBuf> {
    let entries = beside.and_then(|folder| std::fs::read_dir(folder.join("devices")).ok()).into_iter().flatten();
    let paths = entries.flatten().map(|entry| entry.path());
    let mut maps: Vec<_> = paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
    maps.sort();
    maps
}
