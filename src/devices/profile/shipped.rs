//! The register-map files that ship with Ballast, by name.

/// Name and text of each.
pub const SHIPPED: &[(&str, &str)] = &[
    ("acuvim-ii", include_str!("../../../sites/devices/acuvim-ii.toml")),
    ("gude-expert-pdu", include_str!("../../../sites/devices/gude-expert-pdu.toml")),
    ("netio-powerpdu", include_str!("../../../sites/devices/netio-powerpdu.toml")),
    ("schneider-pm5xxx", include_str!("../../../sites/devices/schneider-pm5xxx.toml")),
    ("sunspec-203", include_str!("../../../sites/devices/sunspec-203.toml")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::Profile;

    #[test]
    fn every_shipped_file_is_read_and_its_golden_words_come_out() {
        for (name, text) in SHIPPED {
            let profile = Profile::parse(&format!("sites/devices/{name}.toml"), text).unwrap_or_else(|p| panic!("{p}"));
            assert_eq!(profile.name, *name);
            assert_eq!(Profile::builtin(name), Some(*text));
        }
        assert_eq!(Profile::builtin("no-such-meter"), None);
    }
}
