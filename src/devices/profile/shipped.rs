//! The register-map files that ship with Ballast, by name.

/// Name and text of each.
pub const SHIPPED: &[(&str, &str)] = &[
    ("abb-b23", include_str!("../../../sites/devices/abb-b23.toml")),
    ("abb-m1m20", include_str!("../../../sites/devices/abb-m1m20.toml")),
    ("abb-m4m20", include_str!("../../../sites/devices/abb-m4m20.toml")),
    ("abb-reu615", include_str!("../../../sites/devices/abb-reu615.toml")),
    ("acuvim-ii", include_str!("../../../sites/devices/acuvim-ii.toml")),
    ("eastron-sdm630", include_str!("../../../sites/devices/eastron-sdm630.toml")),
    ("gude-expert-pdu", include_str!("../../../sites/devices/gude-expert-pdu.toml")),
    ("janitza-umg", include_str!("../../../sites/devices/janitza-umg.toml")),
    ("microbt-meter", include_str!("../../../sites/devices/microbt-meter.toml")),
    ("microbt-pdu", include_str!("../../../sites/devices/microbt-pdu.toml")),
    ("netio-powerpdu", include_str!("../../../sites/devices/netio-powerpdu.toml")),
    ("relay-board", include_str!("../../../sites/devices/relay-board.toml")),
    ("relay-contacts", include_str!("../../../sites/devices/relay-contacts.toml")),
    ("satec-pm180", include_str!("../../../sites/devices/satec-pm180.toml")),
    ("schneider-p3u30", include_str!("../../../sites/devices/schneider-p3u30.toml")),
    ("schneider-pm5xxx", include_str!("../../../sites/devices/schneider-pm5xxx.toml")),
    ("siemens-pac3200", include_str!("../../../sites/devices/siemens-pac3200.toml")),
    ("sunspec-203", include_str!("../../../sites/devices/sunspec-203.toml")),
    ("sunspec-meter", include_str!("../../../sites/devices/sunspec-meter.toml")),
    ("xerus-inlet", include_str!("../../../sites/devices/xerus-inlet.toml")),
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
