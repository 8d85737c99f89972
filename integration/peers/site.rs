//! The small site of these tests, on loopback addresses of its own: three meters, a NETIO and a GUDE PDU of eight outlets each.

use std::path::Path;

/// Import limit of the POI.
pub(crate) const LIMIT_W: f64 = 100_000.0;
const OUTLET_W: f64 = 3_500.0;
/// Outlets of one PDU.
pub(crate) const OUTLETS: u32 = 8;
const HALL_W: f64 = 60_000.0;
const HALL_BEFORE_W: f64 = 20_000.0;
const HALL_AFTER_W: f64 = 55_000.0;
const HOUSE_W: f64 = 5_000.0;
/// Those of the site file; a second house meter, and a gateway, that only a pymodbus server has.
const DEVICES: [&str; 7] = ["poi", "hall", "house", "netio", "gude", "sun", "gateway"];

/// One such site.
pub(crate) struct Small {
    /// The first three bytes of its addresses.
    net: String,
}

impl Small {
    /// A site that no other test of this run and no other run has: the process and the number of the test choose its addresses.
    pub(crate) fn new(test: u32) -> Self {
        let process = std::process::id();
        Self { net: format!("127.{}.{}", 100 + process % 100, (process / 100 * 11 + test) % 250) }
    }

    pub(crate) fn address(&self, device: &str) -> String {
        let (host, port) = self.host_and_port(device);
        format!("{host}:{port}")
    }

    pub(crate) fn host_and_port(&self, device: &str) -> (String, String) {
        let n = DEVICES.iter().position(|name| *name == device).expect("a device of the site");
        (format!("{}.{}", self.net, n + 1), "5020".to_owned())
    }

    /// Outlets that fit under the limit once the hall has risen.
    pub(crate) fn outlets_beside_the_risen_hall(&self) -> u64 {
        ((LIMIT_W - HALL_AFTER_W - HOUSE_W) / OUTLET_W) as u64
    }

    fn addresses(&self) -> serde_json::Map<String, serde_json::Value> {
        DEVICES.iter().map(|name| ((*name).to_owned(), self.address(name).into())).collect()
    }

    /// The argument of `client.py`.
    pub(crate) fn client_view(&self, noise: f64) -> String {
        let mut view = self.addresses();
        view.extend([
            ("hall_w".to_owned(), HALL_W.into()),
            ("house_w".to_owned(), (1.2 * HOUSE_W).into()),
            ("outlet_w".to_owned(), OUTLET_W.into()),
            ("noise".to_owned(), noise.into()),
        ]);
        serde_json::Value::Object(view).to_string()
    }

    /// The argument of `server.py`.
    pub(crate) fn server_view(&self, rise_at_s: f64) -> String {
        let mut view = self.addresses();
        view.extend([
            ("hall_w".to_owned(), vec![HALL_BEFORE_W, HALL_AFTER_W].into()),
            ("hall_step_w".to_owned(), 10_000.0.into()),
            ("hall_slew_w_s".to_owned(), 20_000.0.into()),
            ("house_w".to_owned(), HOUSE_W.into()),
            ("outlet_w".to_owned(), OUTLET_W.into()),
            ("rise_at_s".to_owned(), rise_at_s.into()),
        ]);
        serde_json::Value::Object(view).to_string()
    }

    /// Writes the site file into this folder; its path.
    pub(crate) fn write(&self, folder: &Path) -> String {
        let file = folder.join("peers.toml");
        std::fs::write(&file, self.file()).unwrap();
        file.display().to_string()
    }

    /// Writes a site file whose miners hang on two PDUs of a container, behind the gateway's address; its path.
    pub(crate) fn write_container(&self, folder: &Path) -> String {
        let file = folder.join("container.toml");
        let container = format!(
            "[[group]]\nrepeat = \"1..2\"\nname = \"pdu-{{n}}\"\nminers = 8\noutlets = 8\nwatts = \"3.5 kW\"\n\
             efficiency = \"17.5 J/TH\"\nfeeder = \"row\"\n[[group.path]]\nkind = \"outlets\"\n\
             profile = \"microbt-pdu\"\naddress = \"{}\"\nunit_id = \"{{n+8}}\"\n\
             login = {{ user = \"admin\", password = \"file:{}\" }}\n\
             poll = \"500 ms\"\nresponse = \"250 ms\"\nproof = \"3 s\"\ncomms_loss = \"holds\"\n",
            self.address("gateway"),
            folder.join("password").display(),
        );
        std::fs::write(folder.join("password"), "secret\n").unwrap();
        std::fs::write(&file, [REST.to_owned(), self.meters(), container].join("\n")).unwrap();
        file.display().to_string()
    }

    fn meters(&self) -> String {
        let meter = |name: &str, profile: &str, poll: &str| {
            let address = self.address(name);
            format!(
                "[[meter]]\nname = \"{name}-meter\"\nprofile = \"{profile}\"\naddress = \"{address}\"\npoll = \"{poll}\"\n"
            )
        };
        [
            meter("poi", "acuvim-ii", "50 ms"),
            meter("hall", "acuvim-ii", "50 ms"),
            meter("house", "schneider-pm5xxx", "200 ms"),
        ]
        .join("\n")
    }

    fn file(&self) -> String {
        let group = |name: &str, profile: &str| {
            let address = self.address(name);
            format!(
                "[[group]]\nname = \"{name}\"\nminers = 8\noutlets = 8\nwatts = \"3.5 kW\"\nefficiency = \"17.5 J/TH\"\n\
                 feeder = \"row\"\ndwell_on = \"1 s\"\ndwell_off = \"1 s\"\n[[group.path]]\nkind = \"outlets\"\n\
                 profile = \"{profile}\"\naddress = \"{address}\"\npoll = \"500 ms\"\nresponse = \"250 ms\"\nproof = \"2 s\"\n\
                 comms_loss = \"holds\"\n"
            )
        };
        [REST.to_owned(), self.meters(), group("netio", "netio-powerpdu"), group("gude", "gude-expert-pdu")].join("\n")
    }
}

const REST: &str = r#"[site]
name = "peers"

[poi]
import_limit = "100 kW"
within = "2 s"
ramp = "50 kW/s"
meter = "poi-meter"

[poi.guard]
kind = "relay"
trips_within = "500 ms"

[hall]
nameplate = "60 kW"
slew = "20 kW/s"
step = "10 kW"
meter = "hall-meter"

[house]
nameplate = "6 kW"
slew = "1 kW/s"
step = "500 W"
meter = "house-meter"

[[feeder]]
name = "row"
rating = "60 kW"

[restore]
ramp = "20 kW/s"
batch = "14 kW"
stagger = "100 ms"
settle = "1 s"

[economics]
hashprice = "45 USD/PH/day"
pool_fee = "2 %"
price_lost = "run"
"#;
